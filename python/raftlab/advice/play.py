"""How advice is asked for: what is tried, and the recommendation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._arguments import integer, items, number, probability
from .._round_trips import network_from_csv
from .._time import DAY_MS, HOUR_MS, Duration, format_ms, to_ms
from ..distributions import Distribution
from ..errors import InvalidError, shown
from ..scenario import Scenario
from ..settings import Disk, Network
from ..tables import _need
from .result import Advice, best_of
from .setup import STEADY_MS, WATCHED, Setup

if TYPE_CHECKING:
    from ..cluster import Run

__all__ = ["advise"]

MULTIPLES = (3, 4, 6, 8, 12, 16, 24, 40, 60)
"""Timeouts that are tried, in round trips of the slowest link's 99 % quantile."""
LOSSES = (0.0, 0.01, 0.05)
"""Losses that are tried besides the network's own, which a file of round trips does not tell."""
ELSEWHERE = 4
"""What it would cost with other losses is told by a quarter of the runs."""
FEWEST_NODES = 3
"""Of two nodes none may fail."""


def advise(
    network: Network | Distribution | Duration | str | Path,
    *,
    nodes: int = 5,
    preset: Mapping[str, Any] | None = None,
    disk: Disk | Distribution | Duration | None = None,
    failures_a_year: float = 12,
    timeouts: Sequence[Duration] | None = None,
    losses: Sequence[float] | None = None,
    seeds: int = 1000,
    steady_days: float = 0.25,
    ci: float = 0.95,
    threads: int | None = None,
    progress: bool | Callable[[int], object] = True,
) -> Advice:
    """Which election timeout a cluster should have, and what to expect of it.

    A short timeout finds a dead leader soon, and takes a live one for dead when messages are late or lost.
    Both are simulated: a leader's crash, at a random moment between heartbeats, and a healthy cluster for
    days. Recommended is the timeout whose expected time without a leader has the smallest upper limit.

    Parameters
    ----------
    network : Network, distribution, time, or path
        One-way latencies and losses; or a CSV file of round trips, see `network_from_csv`.
    nodes : int, default 5
        How many nodes, at least three. With a matrix its size.
    preset : mapping, optional
        Settings to start from, such as `raftlab.presets.etcd`. Its own timeouts are always tried.
    disk : Disk, distribution or time, optional
        The disks; a time is the latency of an fsync.
    failures_a_year : float, default 12
        How often a leader crashes.
    timeouts : list of time, optional
        The least election timeouts to try; round trips times 3 to 60 if not given. Timeouts are drawn up to
        twice as long, heartbeats come three times in each; with a preset both in its own proportions.
    losses : list of float, optional
        Which shares of the messages may be lost, besides the network's own, for `Advice.heatmap`; 0, 1 % and
        5 % if not given. Each is played with a quarter of the runs.
    seeds : int, default 1000
        How many crashes are simulated for each timeout.
    steady_days : float, default 0.25
        How long the healthy cluster is simulated for each timeout, at least.
    ci : float, default 0.95
        The confidence of the intervals.
    threads, progress
        As in `sweep`.

    Returns
    -------
    Advice

    Raises
    ------
    InvalidError
        If an argument makes no sense, or with none of the timeouts a new leader was elected.
    KeyboardInterrupt
        Upon Ctrl-C: half of the runs are no advice.

    Notes
    -----
    After a failure: the mean time from the crash to a new leader, with its t interval. Without a failure: the
    time without a leader, once there was one, as a share of the time simulated since. A run that never had
    one counts as without a leader throughout. That share and the rates have intervals of Fay and Feuer
    (Statistics in Medicine 16, 1997), for sums of few events of unequal weight. If no loss of a leader was
    seen there is a bound instead: of as many as may have been missed, each as long as those on average that
    were seen with the nearest timeout (longer in proportion if that is shorter), or as after a failure if no
    timeout saw five.

    The limits of the sum lie as far from it as those of its parts do, each side for itself (MOVER: Zou and
    Donner, Statistics in Medicine 27, 2008): what was not seen raises the upper limit only. That is why the
    recommendation looks at upper limits. By the expected value alone the shortest timeout would win whenever
    too little was simulated to see what it costs. Raise `steady_days` to bring upper limits down.

    If a crash was not followed by a new leader within 200 timeouts, the upper limit is infinite; if none was,
    so is the downtime.

    Examples
    --------
    >>> import raftlab as rl
    >>> advice = rl.advise(rl.uniform(2, 8), timeouts=[50, 150, 500], losses=[], seeds=100, steady_days=0.01)
    >>> advice.best.timeout_ms, advice.timeout_ms.note
    (50.0, 'it is the shortest that was tried')
    """
    _need("scipy", "advise")
    links = network_of(network)
    count = len(links.regions) if links.regions is not None else nodes
    setup = Setup.of(integer(count, "nodes", FEWEST_NODES, 255), links, preset, disk)
    failures = number(failures_a_year, "failures_a_year", "a number of at least 0", 0, 1e9)
    days = number(steady_days, "steady_days", "a number of days above 0", 1e-6, 1e6)
    ci = number(ci, "ci", "above 0 and below 1", math.ulp(0.0), math.nextafter(1.0, 0.0))
    crashes = integer(seeds, "seeds", 2)
    quiet = max(2, math.ceil(days * DAY_MS / STEADY_MS))
    elsewhere = losses_of(links, losses)
    tried = timeouts_of(setup, timeouts)
    options = {"threads": threads, "progress": progress}
    here, failovers, steady = setup.choices(tried, links.loss, crashes, quiet, failures, ci, options)
    best = best_of(here)
    if best is None or steady is None:
        listed = ", ".join(format_ms(time) for time in tried)
        raise InvalidError(
            f"timeouts: with none of {listed} was a new leader elected within {WATCHED} timeouts of the "
            "leader's crash: round trips are too long for them, or too many messages are lost"
        )
    rows = {links.loss: here}
    for loss in elsewhere:
        few, short = (max(2, runs // ELSEWHERE) for runs in (crashes, quiet))
        rows[loss], *_ = setup.choices(tried, loss, few, short, failures, ci, options)
    own = next((choice for choice in here if choice.whose), None)
    under_loss = tuple(choice for loss in sorted(rows) for choice in rows[loss])
    return Advice(here, best, own, failures, ci, under_loss, failovers, steady)


def network_of(network: Any) -> Network:
    """A network, however it was given."""
    if isinstance(network, Network):
        return network
    if isinstance(network, Path) or (isinstance(network, str) and network.lower().endswith(".csv")):
        return network_from_csv(network)
    return Network(network)


def losses_of(links: Network, losses: Sequence[float] | None) -> list[float]:
    """The losses to try besides the network's own."""
    given = items(LOSSES if losses is None else losses, "losses")
    return sorted(
        {probability(loss, "losses") for loss in given} - {probability(links.loss, "network: loss")}
    )


def timeouts_of(setup: Setup, timeouts: Sequence[Duration] | None) -> list[float]:
    """The timeouts to try, and the preset's own."""
    if timeouts is None:
        trip = 2 * slowest_ms(setup)
        tried = [float(f"{multiple * trip:.2g}") for multiple in MULTIPLES]
    else:
        tried = [to_ms(timeout, "timeouts") for timeout in items(timeouts, "timeouts")]
        if not tried or min(tried) <= 0 or max(tried) > HOUR_MS or len(set(tried)) < len(tried):
            raise InvalidError(
                "timeouts must be at least one time above 0 and up to an hour, none twice, "
                f"not {shown(timeouts)}"
            )
    return sorted({*tried} if setup.own_ms is None else {*tried, setup.own_ms})


def slowest_ms(setup: Setup) -> float:
    """The latency that 99 % of the messages of the slowest link do not exceed, as the simulator draws it."""
    run = Scenario(setup.nodes, network=setup.network, horizon="2s").run(seed=0, checks=False)
    return max(trip_quantile(run), 0.1)


def trip_quantile(run: Run) -> float:
    """The 99 % quantile of the latency of the slowest link."""
    import numpy as np

    rows = run.trace.messages.to_dict()
    links: dict[tuple[str, str], list[float]] = {}
    for sender, receiver, sent, arrived in zip(
        rows["from"], rows["to"], rows["sent_ms"], rows["due_ms"], strict=True
    ):
        if arrived is not None:  # also of what was lost on its way
            links.setdefault((sender, receiver), []).append(arrived - sent)
    return max(float(np.quantile(times, 0.99)) for times in links.values())
