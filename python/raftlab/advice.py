"""What a practitioner wants to know: which election timeout for this cluster, and what it costs."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._arguments import integer, items, number
from ._conditions import leader_elected
from ._faults import Crash
from ._round_trips import network_from_csv
from ._time import Duration, format_ms, to_ms
from .distributions import Distribution, uniform
from .errors import InvalidError, shown
from .scenario import Scenario
from .settings import Disk, Network
from .statistics import Estimate, Sample
from .sweeps import Sweep, sweep
from .sweeps.summary import sample_of
from .tables import _need

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from .cluster import Run

__all__ = ["Advice", "advise", "network_from_csv"]

MULTIPLES = (3, 4, 6, 8, 12, 16, 24, 40, 60)
"""Timeouts that are tried, in round trips of the slowest link's 99 % quantile."""
YEAR_MS, DAY_MS = 365 * 24 * 3600e3, 24 * 3600e3
STEADY_MS = 60_000.0
FEW = 30
"""So many false elections are enough to know their rate to a third."""


@dataclass(frozen=True)
class Choice:
    """One election timeout, and what it costs.

    Attributes
    ----------
    timeout_ms : float
        The least election timeout; timeouts are drawn from it to twice as long.
    failover_ms : Estimate
        Mean downtime after the leader crashes.
    false_a_day : Estimate
        Elections a day that a healthy cluster did not need.
    downtime_s_a_year : Estimate
        Expected seconds a year without a leader: of failures and of false elections.
    """

    timeout_ms: float
    failover_ms: Estimate
    false_a_day: Estimate
    downtime_s_a_year: Estimate


@dataclass(frozen=True)
class Advice:
    """What `advise` found.

    Attributes
    ----------
    choices : tuple of Choice
        All timeouts that were tried, the shortest first.
    best : Choice
        The one with the least expected downtime. Where no false election was seen its interval reaches up to
        what they may yet cost: raise `steady_days` to know better.
    failovers, steady : Sweep
        The runs behind it: a leader's crash, and a healthy cluster.
    """

    choices: tuple[Choice, ...]
    best: Choice
    failures_a_year: float
    failovers: Sweep
    steady: Sweep

    def to_pandas(self) -> pd.DataFrame:
        """The choices as a pandas DataFrame, a row each."""
        import pandas

        rows = []
        for choice in self.choices:
            row: dict[str, Any] = {"timeout_ms": choice.timeout_ms}
            for name in ("failover_ms", "false_a_day", "downtime_s_a_year"):
                estimate: Estimate = getattr(choice, name)
                row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
            rows.append(row)
        return pandas.DataFrame(rows).set_index("timeout_ms")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Expected downtime a year over the timeout, with its interval and its two parts."""
        from .plot._advice import advice

        return advice(self, ax)

    def __repr__(self) -> str:
        best = self.best
        low, high = format_ms(best.timeout_ms), format_ms(2 * best.timeout_ms)
        return (
            f"<advice: election timeouts from {low} to {high}: "
            f"downtime {told(best.downtime_s_a_year, 's')} a year with {self.failures_a_year:g} failures, "
            f"{told(best.failover_ms, 'ms')} after each; "
            f"{told(best.false_a_day, '')} false elections a day>"
        )

    def _repr_html_(self) -> str:
        return (
            f"<p>{html.escape(repr(self)[1:-1])}</p>{self.to_pandas().to_html(float_format='{:.4g}'.format)}"
        )


def told(estimate: Estimate, unit: str) -> str:
    """An estimate in words."""
    unit = f" {unit}" if unit else ""
    if estimate.value == 0:
        return f"below {estimate.high:.2g}{unit}"
    return f"{estimate.value:.3g}{unit} ({estimate.low:.3g} to {estimate.high:.3g})"


def advise(
    network: Network | Distribution | Duration | str | Path,
    *,
    nodes: int = 5,
    preset: Mapping[str, Any] | None = None,
    disk: Disk | Distribution | Duration | None = None,
    failures_a_year: float = 12,
    timeouts: Sequence[Duration] | None = None,
    seeds: int = 1000,
    steady_days: float = 0.25,
    ci: float = 0.95,
    threads: int | None = None,
    progress: bool | Callable[[int], object] = True,
) -> Advice:
    """Which election timeout a cluster should have, and what to expect of it.

    A short timeout finds a dead leader soon, and takes a live one for dead when messages are late or lost.
    Both are simulated: a leader's crash, at a random moment between heartbeats, and a healthy cluster for
    days. The recommendation is the timeout with the least expected time without a leader.

    Parameters
    ----------
    network : Network, distribution, time, or path
        One-way latencies and losses; or a CSV file of round trips, see `network_from_csv`.
    nodes : int, default 5
        How many nodes. With a matrix its size.
    preset : mapping, optional
        Settings to start from, such as `raftlab.presets.etcd`.
    disk : Disk, distribution or time, optional
        The disks; a time is the latency of an fsync.
    failures_a_year : float, default 12
        How often a leader crashes.
    timeouts : list of time, optional
        The least election timeouts to try; round trips times 3 to 60 if not given. Timeouts are drawn up to
        twice as long, heartbeats come three times in each.
    seeds : int, default 1000
        How many crashes are simulated for each timeout.
    steady_days : float, default 0.25
        How long the healthy cluster is simulated for each timeout.
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
        If an argument makes no sense.

    Examples
    --------
    >>> import raftlab as rl
    >>> advice = rl.advise(rl.uniform(2, 8), timeouts=[50, 150, 500], seeds=100, steady_days=0.01)
    >>> advice.best.timeout_ms
    50.0
    """
    _need("scipy", "advise")
    links = network_of(network)
    count = len(links.regions) if links.regions is not None else integer(nodes, "nodes", 2, 255)
    failures = number(failures_a_year, "failures_a_year", "a number of at least 0", 0, 1e9)
    days = number(steady_days, "steady_days", "a number of days above 0", 1e-6, 1e6)
    tried = timeouts_of(links, timeouts)
    common: dict[str, Any] = {"preset": preset, "network": links, "disk": disk}

    def settings(timeout_ms: float) -> dict[str, Any]:
        return common | {"election_timeout": (timeout_ms, 2 * timeout_ms), "heartbeat": timeout_ms / 3}

    def failover(timeout_ms: float) -> Scenario:
        settled = 20 * timeout_ms
        crash = Crash("leader", at=uniform(settled, settled + timeout_ms))
        return Scenario(
            count,
            **settings(timeout_ms),
            faults=[crash],
            stop=leader_elected,
            horizon=settled + 400 * timeout_ms,
        )

    def steady(timeout_ms: float) -> Scenario:
        return Scenario(count, **settings(timeout_ms), horizon=20 * timeout_ms + STEADY_MS)

    grid = {"timeout_ms": tried}
    runs = max(2, math.ceil(days * DAY_MS / STEADY_MS))
    measured = ["downtime_ms", "downtime_open_ms"]
    options: dict[str, Any] = {"checks": False, "threads": threads, "progress": progress}
    crashes = sweep(failover, grid, seeds=integer(seeds, "seeds", 2), metrics=measured, **options)
    counted = ["false_elections", "unavailable_ms", "time_to_leader_ms"]
    healthy = sweep(steady, grid, seeds=runs, metrics=counted, **options)
    choices = tuple(choice(timeout, failures, crashes, healthy, ci) for timeout in tried)
    best = min(choices, key=lambda found: found.downtime_s_a_year.value)
    return Advice(choices, best, failures, crashes, healthy)


def choice(timeout: float, failures: float, crashes: Sweep, healthy: Sweep, ci: float) -> Choice:
    """What a timeout costs."""
    import numpy as np
    from scipy import stats

    found = crashes.at(timeout_ms=timeout)
    failover = sample_of(found, "downtime_ms").mean(ci)
    quiet = healthy.at(timeout_ms=timeout)
    events, days = int(quiet["false_elections"].sum()), len(quiet) * STEADY_MS / DAY_MS
    tail = (1 - ci) / 2
    low = stats.chi2.ppf(tail, 2 * events) / 2 if events else 0.0
    high = stats.chi2.ppf(1 - tail if events else ci, 2 * events + 2) / 2
    false_a_day = Estimate(events / days, float(low / days), float(high / days))
    # Time without a leader once there was one, as a share of the time.
    lost = quiet["unavailable_ms"] - np.nan_to_num(quiet["time_to_leader_ms"])
    share = Sample("", lost / STEADY_MS, np.array([])).mean(ci)
    if events == 0:
        share = Estimate(0.0, 0.0, false_a_day.high * failover.value / DAY_MS)
    a_year = failures * failover.value / 1e3 + share.value * YEAR_MS / 1e3
    spread = math.hypot(failures * failover.half_width, share.half_width * YEAR_MS) / 1e3
    above = math.hypot(failures * failover.half_width, (share.high - share.value) * YEAR_MS) / 1e3
    return Choice(timeout, failover, false_a_day, Estimate(a_year, max(0.0, a_year - spread), a_year + above))


def network_of(network: Any) -> Network:
    """A network, however it was given."""
    if isinstance(network, Network):
        return network
    if isinstance(network, Path) or (isinstance(network, str) and network.endswith(".csv")):
        return network_from_csv(network)
    return Network(network)


def timeouts_of(links: Network, timeouts: Sequence[Duration] | None) -> list[float]:
    """The timeouts to try."""
    if timeouts is not None:
        tried = [to_ms(timeout, "timeouts") for timeout in items(timeouts, "timeouts")]
        if not tried or min(tried) <= 0 or len(set(tried)) < len(tried):
            raise InvalidError(
                f"timeouts must be at least one time above 0, none twice, not {shown(timeouts)}"
            )
        return sorted(tried)
    trip = 2 * slowest_ms(links)
    return [float(f"{multiple * trip:.2g}") for multiple in MULTIPLES]


def slowest_ms(links: Network) -> float:
    """The latency that 99 % of the messages of the slowest link do not exceed, as the simulator draws it."""
    nodes = len(links.regions) if links.regions is not None else 3
    run = Scenario(nodes, network=links, horizon="2s").run(seed=0, checks=False)
    return max(trip_quantile(run), 0.1)


def trip_quantile(run: Run) -> float:
    """The 99 % quantile of the latency of the slowest link."""
    import numpy as np

    rows = run.trace.messages.to_dict()
    links: dict[tuple[str, str], list[float]] = {}
    for sender, receiver, sent, arrived in zip(
        rows["from"], rows["to"], rows["sent_ms"], rows["due_ms"], strict=True
    ):
        if arrived == arrived:
            links.setdefault((sender, receiver), []).append(arrived - sent)
    return max(float(np.quantile(times, 0.99)) for times in links.values())
