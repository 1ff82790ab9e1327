"""How advice is asked for."""

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
"""Losses that are tried besides the network's own, which a file of round trips does not tell."""
ELSEWHERE = 4
"""What it would cost with other losses is told by a quarter of the runs."""
NODES = 5
RUNS = 4000
"""What is played if no budget is given."""
USUAL_CRASHES, USUAL_DAYS = 1000, 0.25
"""Of `seeds` and `steady_days`, if only one of them is given."""
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
    """Which election timeout a cluster should have, and what to expect of it.

    A short timeout finds a dead leader soon, and takes a live one for dead when messages are late or lost.
    Both are simulated: a leader's crash, at a random moment between heartbeats, and a healthy cluster.
    Recommended is the timeout with the least expected time without a leader.

    Parameters
    ----------
    network : Network, distribution, time, or path
        One-way latencies and losses; or a CSV file of round trips, see `network_from_csv`.
    nodes : int, or dict of str to int, optional
        How many nodes, at least two; five if not given. Of a file of regions: how many machines each of them
        has, `{"fra": 2, "lon": 2, "nyc": 1}`; one each if not given.
    preset : mapping, optional
        Settings to start from, such as `raftlab.presets.etcd`. Its own timeouts are always tried.
    disk : Disk, distribution or time, optional
        The disks; a time is the latency of an fsync.
    failures_a_year : float, default 12
        How often a leader crashes; above 0 if no `timeouts` are given, as else the longest one is best.
    timeouts : list of time, optional
        The least election timeouts to choose from. If not given, all from microseconds to an hour are: twelve
        to a decade (1, 1.2, 1.5, 1.8, 2.2, ...), around the best of which is looked closely. Timeouts are
        drawn up to twice as long, heartbeats come three times in each; with a preset both in its own
        proportions.
    losses : list of float, optional
        Which shares of the messages may be lost, besides the network's own, for `Advice.heatmap`; 0, 1 % and
        5 % if not given. Each takes a quarter of the runs.
    seed : int, default 0
        Another one plays other runs: advice that depends on it is not precise.
    budget : int or time, default 4000
        How much is played, a bit more or less: a number of runs, for the network's own loss; or how long all
        of it may take (`"30s"`), which plays more on a faster machine.
    seeds, steady_days : int and float, optional
        Instead of `budget`, with each timeout that is looked at closely: how many crashes (1,000 if only the
        other is given), and how many days of a healthy cluster at least (0.25).
    confidence : float, default 0.95
        The confidence of the intervals.
    threads, progress
        As in `sweep`.

    Returns
    -------
    Advice
        The recommendation, and how sure it is: see its attributes.

    Raises
    ------
    InvalidError
        If an argument makes no sense, with none of the timeouts a new leader was elected, or there is no best
        timeout: the shorter or the longer the better. It says why.
    KeyboardInterrupt
        Upon Ctrl-C: half of the runs are no advice.

    Notes
    -----
    What a timeout costs a year is

        failures a year x time to a new leader + losses a year x how long a loss lasts,

    where a loss is that of a leader that did not fail: to a false election, or because it heard no quorum and
    stepped down. Each of the three (time to a new leader, rate, length) is a smooth curve over timeouts, to
    which all runs contribute, whichever timeout they had: where the best timeouts are, losses are so rare
    that the runs with a single one may have none. Measured in timeouts, losses never become more frequent
    when timeouts grow. The curves are Bayesian (splines on logarithms): intervals hold the middle of what the
    runs leave possible, and so do the precision of the recommendation and its regret. docs/advice.md has
    what this rule costs more than the best timeout, measured.

    Time is looked at as it is lost by elections alone: nodes that pause, and disks that block a node, are not
    modelled; `Advice.not_modelled` names what matters for a preset.

    Of two machines none may fail: while one of them is down, there is no leader. What counts as a failure is
    then the time from its return to a new leader.

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
    """Finds the best timeout; or the best of those given, knowing what the others cost."""
    own = [] if setup.own_ms is None else [setup.own_ms]
    search.from_afar(bounded=given is None)
    return search.closely(own) if given is None else search.exactly({*given, *own})


def network_of(network: Any, nodes: Machines) -> Network:
    """A network, however it was given."""
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
    """How many nodes there are: as many as have regions."""
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
    """How much to play."""
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
