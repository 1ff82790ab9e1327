"""What a practitioner wants to know: which election timeout for this cluster, and what it costs."""

from __future__ import annotations

import html
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._arguments import integer, items, number, probability
from ._conditions import leader_elected
from ._faults import Crash
from ._round_trips import network_from_csv
from ._time import Duration, format_ms, to_ms
from .distributions import Distribution, uniform
from .errors import InvalidError, RaftlabError, shown
from .scenario import Scenario
from .settings import Disk, Network
from .statistics import NOTHING, Estimate, Sample
from .sweeps import Sweep, sweep
from .tables import _need

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

    from .cluster import Run

__all__ = ["Advice", "Choice", "advise", "network_from_csv"]

MULTIPLES = (3, 4, 6, 8, 12, 16, 24, 40, 60)
"""Timeouts that are tried, in round trips of the slowest link's 99 % quantile."""
LOSSES = (0.0, 0.01, 0.05)
"""Losses that are tried besides the network's own, which a file of round trips does not tell."""
ELSEWHERE = 4
"""What it would cost with other losses is told by a quarter of the runs."""
YEAR_MS, DAY_MS, HOUR_MS = 365 * 24 * 3600e3, 24 * 3600e3, 3600e3
STEADY_MS = 60_000.0
STEADY = ["false_elections", "leader_losses", "unavailable_ms", "time_to_leader_ms"]
SETTLED = 20
"""So many timeouts pass before a leader crashes, so that there is one."""
WATCHED = 200
"""So many timeouts at least are waited for a new leader. Who needs more than that does not elect."""
ENOUGH = 5
"""So many losses of a healthy leader tell how long they last."""
FEWEST_NODES = 3
"""Of two nodes none may fail."""


@dataclass(frozen=True)
class Choice:
    """One election timeout, and what it costs.

    Attributes
    ----------
    timeout_ms, longest_ms : float
        The least election timeout, and the longest: they are drawn between the two.
    heartbeat_ms : float
        Between heartbeats.
    loss : float
        The share of the messages that is lost.
    failover_ms : Estimate
        Mean time from the leader's crash to a new leader; infinite if none was elected.
    false_a_day : Estimate
        Elections a day that began though a leader with a quorum was in office.
    losses_a_day : Estimate
        How often a day the cluster lost its leader though no node failed: to such an election, or because the
        leader heard no quorum and stepped down.
    downtime_s_a_year : Estimate
        Expected seconds a year without a leader: of failures, and of leaders lost without one.
    whose : str
        Whose own timeouts these are, such as `"etcd's own"`, if a preset was given.
    """

    timeout_ms: float
    longest_ms: float
    heartbeat_ms: float
    loss: float
    failover_ms: Estimate
    false_a_day: Estimate
    losses_a_day: Estimate
    downtime_s_a_year: Estimate
    whose: str = ""

    @property
    def elects(self) -> bool:
        """Whether a new leader was elected at all."""
        return math.isfinite(self.downtime_s_a_year.value)


@dataclass(frozen=True)
class Advice:
    """What `advise` found.

    Attributes
    ----------
    choices : tuple of Choice
        All timeouts that were tried, the shortest first, in the network as it was given.
    best : Choice
        The one that is recommended: whose expected downtime has the smallest upper limit.
    own : Choice or None
        The preset's own timeouts, if it has any.
    failures_a_year, ci : float
        As they were given.
    under_loss : tuple of Choice
        The same timeouts with other losses, from fewer runs: by loss, then by timeout. The network's own loss
        is among them.
    failovers, steady : Sweep
        The runs behind `choices`: a leader's crash, and a healthy cluster (with the timeouts that elect).
    """

    choices: tuple[Choice, ...]
    best: Choice
    own: Choice | None
    failures_a_year: float
    ci: float
    under_loss: tuple[Choice, ...]
    failovers: Sweep
    steady: Sweep

    @property
    def timeout_ms(self) -> Estimate:
        """The recommended least timeout, and the timeouts tried that these runs do not tell apart from it.

        From the shortest to the longest one whose interval of the downtime meets that of the best. The note
        says if the best, or one of the limits, is the shortest or the longest that was tried: then what lies
        beyond may be as good or better.
        """
        high = self.best.downtime_s_a_year.high
        like = [
            choice.timeout_ms
            for choice in self.choices
            if choice is self.best or choice.downtime_s_a_year.low <= high
        ]
        low, high = min(like), max(like)
        ends = {"shortest": self.choices[0].timeout_ms, "longest": self.choices[-1].timeout_ms}
        where = [word for word, end in ends.items() if self.best.timeout_ms == end]
        reached = [word for word, end in ends.items() if end in (low, high)]
        note = ""
        if len(self.choices) == 1:
            note = "it is the only one that was tried"
        elif where:
            note = f"it is the {where[0]} that was tried"
        elif reached:
            note = f"among them is the {' and the '.join(reached)} that was tried"
        return Estimate(self.best.timeout_ms, low, high, note)

    def to_pandas(self) -> pd.DataFrame:
        """The choices as a pandas DataFrame, a row each.

        What was never seen is NaN with its upper limit, not 0; the column `note` says what has to be said.
        """
        import pandas

        rows = []
        for choice in self.choices:
            row: dict[str, Any] = {"timeout_ms": choice.timeout_ms, "heartbeat_ms": choice.heartbeat_ms}
            for name in ("failover_ms", "false_a_day", "losses_a_day", "downtime_s_a_year"):
                estimate: Estimate = getattr(choice, name)
                value = math.nan if estimate.unseen else estimate.value
                row |= {name: value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
            rows.append(row | {"note": self.note(choice)})
        return pandas.DataFrame(rows).set_index("timeout_ms")

    def note(self, choice: Choice) -> str:
        """What has to be said about a choice."""
        said = ["recommended" if choice is self.best else "", choice.whose, choice.downtime_s_a_year.note]
        return "; ".join(part for part in said if part)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Expected downtime a year over the timeout, with its interval and what failures alone cost."""
        from .plot._advice import advice

        return advice(self, ax)

    def heatmap(self, ax: Axes | None = None) -> Axes:
        """Expected downtime a year over the timeout and the share of messages lost, with the intervals.

        Of each loss the timeout is framed that would be recommended.
        """
        from .plot._advice import heatmap

        return heatmap(self, ax)

    def __repr__(self) -> str:
        best, like = self.best, self.timeout_ms
        alike = "" if len(self.choices) == 1 else "no other timeout that was tried is as good"
        if like.low < like.high:
            alike = f"not told apart from it: {format_ms(like.low)} to {format_ms(like.high)}"
        words = [
            f"election timeouts from {format_ms(best.timeout_ms)} to {format_ms(best.longest_ms)}, "
            f"heartbeats every {format_ms(best.heartbeat_ms)}",
            *(part for part in (alike, like.note) if part),
            f"downtime {told(best.downtime_s_a_year, seconds)} a year "
            f"with {self.failures_a_year:g} failures, {told(best.failover_ms, spelt)} after each",
            f"without a failure {told(best.losses_a_day, digits)} losses of the leader "
            f"and {told(best.false_a_day, digits)} false elections a day",
        ]
        if self.own is not None and self.own is not best:
            words.append(
                f"{self.own.whose}, from {format_ms(self.own.timeout_ms)}: "
                f"downtime {told(self.own.downtime_s_a_year, seconds)} a year"
            )
        return f"<advice: {'; '.join(words)}>"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in COLUMNS)
        body = "".join(f"<tr>{self._row(choice)}</tr>" for choice in self.choices)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"<p>{html.escape(repr(self)[1:-1])}. Intervals {100 * self.ci:.4g} %.</p>{table}"

    def _row(self, choice: Choice) -> str:
        """A row of the table; that of the best stands out."""
        tag = "th" if choice is self.best else "td"
        cells = (
            format_ms(choice.timeout_ms),
            format_ms(choice.heartbeat_ms),
            told(plain(choice.failover_ms), spelt),
            told(choice.losses_a_day, digits),
            told(choice.false_a_day, digits),
            told(plain(choice.downtime_s_a_year), seconds),
            self.note(choice),
        )
        return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)


COLUMNS = (
    "least timeout",
    "heartbeat",
    "after a failure",
    "leader lost, a day",
    "false elections, a day",
    "downtime, a year",
    "",
)


# ---- In words -----------------------------------------------------------------------------------------


def told(estimate: Estimate, spell: Callable[[float], str]) -> str:
    """An estimate in words."""
    if math.isnan(estimate.value):
        return "–"
    if math.isinf(estimate.value):
        return estimate.note or "endless"
    if estimate.unseen:
        return f"below {spell(estimate.high)}"
    to = f"to {spell(estimate.high)}" if math.isfinite(estimate.high) else "or more"
    note = f", {estimate.note}" if estimate.note else ""
    return f"{spell(estimate.value)} ({spell(estimate.low)} {to}{note})"


def plain(estimate: Estimate) -> Estimate:
    """The same without its note, which stands elsewhere."""
    return replace(estimate, note="")


def spelt(ms: float) -> str:
    """A time for people, from milliseconds to days, with three digits."""
    if not math.isfinite(ms):
        return "?"
    units = (("d", DAY_MS), ("h", HOUR_MS), ("min", 60e3), ("s", 1e3))
    unit, length = next(((unit, length) for unit, length in units if ms >= length), ("ms", 1.0))
    return f"{digits(ms / length)} {unit}"


def seconds(s: float) -> str:
    """Seconds, for people."""
    return spelt(1e3 * s)


def digits(value: float) -> str:
    """Three digits, and no powers of ten."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


# ---- How it is found ----------------------------------------------------------------------------------


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


def best_of(choices: Iterable[Choice]) -> Choice | None:
    """The choice whose downtime has the smallest upper limit; none if none elects."""
    able = [choice for choice in choices if choice.elects]
    return min(
        able, key=lambda choice: (choice.downtime_s_a_year.high, choice.downtime_s_a_year.value), default=None
    )


def played(
    build: Callable[..., Scenario],
    timeouts: list[float],
    seeds: int,
    metrics: list[str],
    options: dict[str, Any],
) -> Sweep:
    """A sweep over timeouts that is complete, or none."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "interrupted", UserWarning)  # said by what is raised instead
        found = sweep(build, {"timeout_ms": timeouts}, seeds=seeds, metrics=metrics, checks=False, **options)
    if not found.complete:
        raise KeyboardInterrupt
    if found.errors:
        raise RaftlabError(f"advise: a run failed: {found.errors[0][1]}")
    return found


@dataclass(frozen=True)
class Setup:
    """The cluster, but for its timeouts.

    Attributes
    ----------
    spread : float
        The longest election timeout, as a multiple of the least.
    beats : float
        How many heartbeats come in the least one.
    own_ms : float or None
        The preset's own least timeout.
    whose : str
        What that is called.
    """

    nodes: int
    network: Network
    preset: Mapping[str, Any] | None
    disk: Any
    spread: float
    beats: float
    own_ms: float | None
    whose: str

    @classmethod
    def of(cls, nodes: int, network: Network, preset: Mapping[str, Any] | None, disk: Any) -> Setup:
        """Looks at the proportions of a preset."""
        usual = Scenario(nodes, preset=preset, network=network, disk=disk)
        least, longest = usual.election_timeout
        heartbeat = usual._parts.get("heartbeat", least / 3)
        own = least if preset is not None and "election_timeout" in preset else None
        whose = f"{getattr(preset, 'name', 'the preset')}'s own"
        return cls(nodes, network, preset, disk, longest / least, least / heartbeat, own, whose)

    def failover(self, timeout_ms: float, loss: float) -> Scenario:
        """A leader crashes, at a random moment between its heartbeats, and another takes over."""
        settled, watched = SETTLED * timeout_ms, WATCHED * timeout_ms
        at = uniform(settled, settled + timeout_ms)
        return self._scenario(
            timeout_ms,
            loss,
            faults=[Crash("leader", at=at, patience=watched)],
            stop=leader_elected,
            horizon=settled + timeout_ms + 2 * watched,
        )

    def steady(self, timeout_ms: float, loss: float) -> Scenario:
        """Nothing fails."""
        return self._scenario(timeout_ms, loss, horizon=SETTLED * timeout_ms + STEADY_MS)

    def _scenario(self, timeout_ms: float, loss: float, **more: Any) -> Scenario:
        return Scenario(
            self.nodes,
            preset=self.preset,
            network=replace(self.network, loss=loss),
            disk=self.disk,
            election_timeout=(timeout_ms, self.spread * timeout_ms),
            heartbeat=timeout_ms / self.beats,
            **more,
        )

    def choices(
        self,
        tried: list[float],
        loss: float,
        crashes: int,
        quiet: int,
        failures: float,
        ci: float,
        options: dict[str, Any],
    ) -> tuple[tuple[Choice, ...], Sweep, Sweep | None]:
        """What each timeout costs, and the runs that say so. A healthy cluster is one that elects."""
        failovers = played(
            partial(self.failover, loss=loss), tried, crashes, ["since_last_fault_ms"], options
        )
        failover = {time: failover_of(failovers.at(timeout_ms=time), ci) for time in tried}
        able = [time for time in tried if math.isfinite(failover[time].value)]
        steady = played(partial(self.steady, loss=loss), able, quiet, STEADY, options) if able else None
        healthy = {time: Quiet.of(steady.at(timeout_ms=time)) for time in able} if steady else {}
        return (
            tuple(self._choice(time, loss, failover[time], healthy, failures, ci) for time in tried),
            failovers,
            steady,
        )

    def _choice(
        self,
        timeout_ms: float,
        loss: float,
        failover: Estimate,
        healthy: Mapping[float, Quiet],
        failures: float,
        ci: float,
    ) -> Choice:
        false_a_day = losses_a_day = NOTHING
        downtime = Estimate(math.inf, math.nan, math.inf, failover.note)
        if timeout_ms in healthy:
            quiet, usual = healthy[timeout_ms], usual_ms(timeout_ms, healthy)
            false_a_day, losses_a_day = quiet.a_day("false_elections", ci), quiet.a_day("leader_losses", ci)
            without = quiet.downtime_s_a_year(failover.value if usual is None else usual, ci)
            downtime = added(scaled(failover, failures / 1e3), without)
        return Choice(
            timeout_ms=timeout_ms,
            longest_ms=self.spread * timeout_ms,
            heartbeat_ms=timeout_ms / self.beats,
            loss=loss,
            failover_ms=failover,
            false_a_day=false_a_day,
            losses_a_day=losses_a_day,
            downtime_s_a_year=downtime,
            whose=self.whose if timeout_ms == self.own_ms else "",
        )


@dataclass(frozen=True)
class Quiet:
    """A healthy cluster with one timeout. Arrays have a cell a run.

    Attributes
    ----------
    watched_ms, lost_ms : array of float
        How long the run was watched, and how long of that it had no leader: from its first leader on; a run
        that never had one counts from its beginning.
    false_elections, leader_losses : array of float
        How often there were such.
    """

    watched_ms: np.ndarray[Any, Any]
    lost_ms: np.ndarray[Any, Any]
    false_elections: np.ndarray[Any, Any]
    leader_losses: np.ndarray[Any, Any]

    @classmethod
    def of(cls, runs: Sweep) -> Quiet:
        """Reads it off its runs."""
        import numpy as np

        before = np.nan_to_num(runs["time_to_leader_ms"])
        counts = (runs[name].astype(float) for name in ("false_elections", "leader_losses"))
        return cls(runs["end_ms"] - before, runs["unavailable_ms"] - before, *counts)

    @property
    def length_ms(self) -> float:
        """How long the leader was lost, on average."""
        return float(self.lost_ms.sum() / self.leader_losses.sum())

    def a_day(self, what: str, ci: float) -> Estimate:
        """How often a day something happened."""
        return scaled(total(getattr(self, what), 1.0, ci), DAY_MS / float(self.watched_ms.sum()))

    def downtime_s_a_year(self, one_more_ms: float, ci: float) -> Estimate:
        """The time without a leader, if one loss more may have lasted so long."""
        weight = max(one_more_ms, float(self.lost_ms.max()))
        share = scaled(total(self.lost_ms, weight, ci), 1 / float(self.watched_ms.sum()))
        return scaled(replace(share, high=min(share.high, 1.0)), YEAR_MS / 1e3)


def usual_ms(timeout_ms: float, quiet: Mapping[float, Quiet]) -> float | None:
    """How long a healthy leader's loss lasts, by the timeout nearest to this that saw enough; or nothing.

    It lasts as long as it takes to win an election, and for some a timeout more. So with a longer timeout it
    may last longer, in proportion at most; with a shorter one it is taken to last no less.
    """
    known = [time for time, seen in quiet.items() if seen.leader_losses.sum() >= ENOUGH]
    if not known:
        return None
    nearest = min(known, key=lambda time: abs(math.log(time / timeout_ms)))
    return quiet[nearest].length_ms * max(1.0, timeout_ms / nearest)


def failover_of(crashes: Sweep, ci: float) -> Estimate:
    """The mean time from a leader's crash to a new leader; infinite if none was ever elected."""
    since, end = crashes["since_last_fault_ms"], crashes["end_ms"]
    struck = since < end  # with no leader to crash it is the whole run
    over = struck & (crashes["ending"] == "stop")
    sample = Sample("failover_ms", since[over], since[struck & ~over], absent=int((~struck).sum()))
    if not struck.any():
        return Estimate(math.inf, math.nan, math.inf, "no leader was elected")
    if not over.any():
        return Estimate(math.inf, math.nan, math.inf, f"no new leader after any of {sample.n:,} crashes")
    mean = sample.mean(ci)
    # One value has no interval; a time that was not over has no upper limit.
    unbounded = math.isnan(mean.high) or len(sample.censored) > 0
    notes = [mean.note]
    if len(sample.censored):
        notes.append(f"no new leader after {len(sample.censored):,} of {sample.n:,} crashes")
    if sample.absent:
        notes.append(f"no leader to crash in {sample.absent:,} of {len(since):,} runs")
    low = 0.0 if math.isnan(mean.low) else max(mean.low, 0.0)
    return Estimate(
        mean.value, low, math.inf if unbounded else mean.high, "; ".join(note for note in notes if note)
    )


def total(parts: np.ndarray[Any, Any], weight: float, ci: float) -> Estimate:
    """The sum of what rare events contributed, run by run, with the gamma interval of Fay and Feuer.

    It takes the sum for one of Poisson events of unequal weight, of which one more may weigh up to `weight`.
    Of events of weight 1 that is the exact interval of a Poisson rate; where they come in clusters the
    variance between runs widens it. If there was none: the one-sided bound.
    """
    from scipy import stats

    found = float(parts.sum())
    if found == 0:
        return Estimate(0.0, 0.0, -math.log1p(-ci) * weight, unseen=True)
    spread, tail = len(parts) * float(parts.var(ddof=1)), (1 - ci) / 2

    def limit(share: float, mean: float, variance: float) -> float:
        if variance <= 1e-12 * mean**2:
            return mean
        return float(variance / (2 * mean) * stats.chi2.ppf(share, 2 * mean**2 / variance))

    high = math.inf if math.isinf(weight) else limit(1 - tail, found + weight, spread + weight**2)
    return Estimate(found, limit(tail, found, spread), high)


def scaled(estimate: Estimate, by: float) -> Estimate:
    """An estimate in another unit; 0 times what is infinite is 0."""
    value, low, high = (
        0.0 if by == 0 else by * part for part in (estimate.value, estimate.low, estimate.high)
    )
    return replace(estimate, value=value, low=low, high=high)


def added(failures: Estimate, without: Estimate) -> Estimate:
    """The sum of two estimates; each of its limits lies as far away as those of the parts together."""
    notes = [failures.note, "no loss of the leader seen without a failure" if without.unseen else ""]
    note = "; ".join(part for part in notes if part)
    value = failures.value + without.value
    low = value - math.hypot(failures.value - failures.low, without.value - without.low)
    high = value + math.hypot(failures.high - failures.value, without.high - without.value)
    return Estimate(value, max(low, 0.0), high, note, unseen=without.unseen and value == 0)


# ---- What was asked for ---------------------------------------------------------------------------------


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
        if arrived == arrived:  # also of what was lost on its way
            links.setdefault((sender, receiver), []).append(arrived - sent)
    return max(float(np.quantile(times, 0.99)) for times in links.values())
