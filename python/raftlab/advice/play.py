"""The entry point of advice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from .._arguments import confidence as confidence_of
from .._arguments import integer, items, number, probability
from .._machines import Machines
from .._round_trips import network_from_csv
from .._time import DAY_MS, HOUR_MS, Duration, to_ms
from ..distributions import Distribution
from ..errors import InvalidError, shown
from ..settings import Disk, Network
from ..tables import _need
from .result import Advice
from .search import Budget, Closely, Search, shifted
from .setup import Setup
from .verdict import Question, advice_of

__all__ = ["advise"]

LOSSES = (0.0, 0.01, 0.05)
"""Losses to try besides the network's own, which a file of round trips does not contain."""
ELSEWHERE = 4
"""Other losses get this many times fewer runs."""
NODES = 5
RUNS = 4000
"""The default budget."""
USUAL_CRASHES, USUAL_DAYS = 1000, 0.25
"""The defaults of `seeds` and `steady_days`, if only one of them is given."""
MOST_SEEDS = 2**31


def advise(
    network: Network | Distribution | Duration | str | Path,
    *,
    nodes: Machines = None,
    preset: Mapping[str, Any] | None = None,
    disk: Disk | Distribution | Duration | None = None,
    failures_a_year: float = 12,
    timeouts: Sequence[Duration] | None = None,
    losses: Sequence[float] | None = None,
    seed: int = 0,
    budget: int | Duration | None = None,
    seeds: int | None = None,
    steady_days: float | None = None,
    confidence: float = 0.95,
    threads: int | None = None,
    progress: bool | Callable[[int], object] = True,
) -> Advice:
    """Recommends an election timeout for a cluster, and estimates the resulting downtime.

    A short timeout detects a dead leader early, but also deposes a live one when messages are late or lost.
    Both are simulated: a leader's crash, at a random moment between heartbeats, and a healthy cluster. The
    recommended timeout is the one with the least expected time without a leader.

    Parameters
    ----------
    network : Network, distribution, time, or path
        One-way latencies and losses, or a CSV file of round trips (see `network_from_csv`).
    nodes : int, or dict of str to int, optional
        The number of nodes, at least two; five by default. With a file of regions, the number of machines in
        each, `{"fra": 2, "lon": 2, "nyc": 1}`; one each by default.
    preset : mapping, optional
        Settings to start from, such as `raftlab.presets.etcd`. Its own timeouts are always tried.
    disk : Disk, distribution or time, optional
        The disks; a time or distribution is the latency of an fsync.
    failures_a_year : float, default 12
        The number of leader crashes per year. It must be above 0 without `timeouts`, since otherwise the
        longest timeout would be best.
    timeouts : list of time, optional
        The least election timeouts to choose from. By default all from microseconds to an hour, twelve per
        decade (1, 1.2, 1.5, 1.8, 2.2, ...), with most runs around the best one. Timeouts are drawn up to
        twice as long, and there are three heartbeats per timeout; a preset has its own proportions.
    losses : list of float, optional
        Shares of messages lost, besides the network's own, for `Advice.heatmap`; by default 0, 1 % and 5 %.
        Each takes a quarter as many runs.
    seed : int, default 0
        The seed. If the advice depends on it, the budget is too small.
    budget : int or time, default 4000
        The approximate number of runs for the network's own loss; or the time that everything may take
        (`"30s"`), which allows more runs on a faster machine.
    seeds, steady_days : int and float, optional
        Instead of `budget`, for each timeout that is examined closely: the number of crashes (by default
        1,000 if only the other is given), and the least number of days of a healthy cluster (0.25).
    confidence : float, default 0.95
        The confidence of the intervals.
    threads, progress
        As in `sweep`.

    Returns
    -------
    Advice
        The recommendation and its certainty: see its attributes.

    Raises
    ------
    InvalidError
        If an argument is invalid, no timeout elects a lasting leader, or there is no best timeout because
        ever shorter or longer ones are better. The message gives the reason.
    KeyboardInterrupt
        On Ctrl-C, since a part of the runs gives no advice.

    Notes
    -----
    The yearly cost of a timeout is

        failures a year x time to a new leader + losses a year x length of a loss,

    where a loss is that of a leader that did not fail: to a false election, or because it heard no quorum and
    stepped down. The time to a new leader is that without one until all running nodes follow it, since first
    leaders may be deposed. That time, the rate and the length are smooth curves over timeouts, to which
    all runs contribute: near the best timeout losses are so rare that runs with a single timeout may have
    none. In units of the timeout, losses never become more frequent as timeouts grow. The curves are Bayesian
    (splines on logarithms), and intervals are central posterior intervals. docs/advise.md has the measured
    regret of this rule.

    Only time lost by elections counts: pauses of nodes, and disks that block a node, are not modelled;
    `Advice.not_modelled` lists what matters for a preset.

    Two machines cannot tolerate a failure: while one of them is down, there is no leader. The time after a
    failure then counts from its return to a new leader.

    Examples
    --------
    >>> import raftlab as rl
    >>> advice = rl.advise(rl.uniform(2, 8), timeouts=[50, 150, 500], losses=[], budget=400)
    >>> advice.best.timeout_ms, "would cost less" in advice.timeout_ms.note
    (50.0, True)
    """
    _need("scipy", "advise")
    links = network_of(network, nodes)
    setup = Setup.of(count_of(links, nodes), links, preset, disk)
    failures = number(failures_a_year, "failures_a_year", "a number of at least 0", 0, 1e9)
    elsewhere = losses_of(links, losses)
    confidence = confidence_of(confidence, "confidence")
    seed = integer(seed, "seed", 0, MOST_SEEDS - 1)
    afford = budget_of(budget, seeds, steady_days)
    given = timeouts_of(timeouts)
    if given is None and failures == 0:
        raise InvalidError(
            "failures_a_year must be above 0 if no timeouts are given: without failures longer is better"
        )
    searches: dict[float, Search] = {}

    def search(loss: float, share: float) -> Search:
        told = progress
        if callable(told):
            told = partial(shifted, told, sum(one.runs for one in searches.values()))
        searches[loss] = Search(setup, loss, failures, seed, afford.of(share), threads, told)
        return searches[loss]

    share = 1.0 if afford.seconds is None else ELSEWHERE / (ELSEWHERE + len(elsewhere))
    closely = look(search(links.loss, share), given, setup)
    for loss in elsewhere:
        search(loss, share / ELSEWHERE).briefly(None if given is None else closely.timeouts)
    return advice_of(Question(setup, failures, confidence, given), searches, closely)


def look(search: Search, given: list[float] | None, setup: Setup) -> Closely:
    """Finds the best timeout, or the best of those given, after a coarse search over all."""
    own = [] if setup.own_ms is None else [setup.own_ms]
    search.from_afar(bounded=given is None)
    return search.closely(own) if given is None else search.exactly({*given, *own})


def network_of(network: Any, nodes: Machines) -> Network:
    """The network for an argument."""
    if isinstance(network, Path) or (isinstance(network, str) and network.lower().endswith(".csv")):
        links = network_from_csv(network)
        return links if links.regions is None else network_from_csv(network, nodes=nodes)
    links = network if isinstance(network, Network) else Network(network)
    if isinstance(nodes, Mapping):
        raise InvalidError(
            f"nodes must be a number: only a file of regions can have machines by region, not {shown(nodes)}"
        )
    return links


def count_of(links: Network, nodes: Machines) -> int:
    """The number of nodes; with regions, the number of machines in them."""
    if links.regions is None:
        count = NODES if nodes is None else nodes
    else:
        count = len(links.regions)
        if nodes is not None and not isinstance(nodes, Mapping) and integer(nodes, "nodes") != count:
            raise InvalidError(f"nodes must be {count}, as many as the network's regions, not {nodes}")
    if count == 1:
        raise InvalidError("nodes must be at least 2: one node alone elects itself, whatever its timeout")
    return integer(count, "nodes", 2, 255)


def losses_of(links: Network, losses: Sequence[float] | None) -> list[float]:
    """The losses to try besides the network's own."""
    given = items(LOSSES if losses is None else losses, "losses")
    return sorted(
        {probability(loss, "losses") for loss in given} - {probability(links.loss, "network: loss")}
    )


def timeouts_of(timeouts: Sequence[Duration] | None) -> list[float] | None:
    """The timeouts to choose from."""
    if timeouts is None:
        return None
    tried = [to_ms(timeout, "timeouts") for timeout in items(timeouts, "timeouts")]
    if not tried or min(tried) <= 0 or max(tried) > HOUR_MS or len(set(tried)) < len(tried):
        raise InvalidError(
            f"timeouts must be at least one time above 0 and up to an hour, none twice, not {shown(timeouts)}"
        )
    return sorted(tried)


def budget_of(budget: int | Duration | None, seeds: int | None, steady_days: float | None) -> Budget:
    """The budget for the arguments."""
    if seeds is None and steady_days is None:
        if budget is None:
            return Budget(runs=RUNS)
        if hasattr(budget, "__index__") and not isinstance(budget, bool):
            return Budget(runs=integer(budget, "budget", 1, MOST_SEEDS))
        if isinstance(budget, float):
            raise InvalidError(
                f"budget must be a whole number of runs, or a time such as '30s', not {shown(budget)}"
            )
        seconds = to_ms(budget, "budget") / 1e3
        if seconds <= 0:
            raise InvalidError(f"budget must be a number of runs or a time above 0, not {shown(budget)}")
        return Budget(seconds=seconds)
    if budget is not None:
        raise InvalidError("give budget, or seeds and steady_days, not both")
    crashes = USUAL_CRASHES if seeds is None else integer(seeds, "seeds", 2, MOST_SEEDS)
    days = USUAL_DAYS if steady_days is None else steady_days
    days = number(days, "steady_days", "a number of days above 0", 1e-6, 1e6)
    return Budget(crashes=crashes, healthy_ms=days * DAY_MS)
