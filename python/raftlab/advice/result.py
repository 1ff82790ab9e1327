"""What advice is: timeouts, what each costs, and the one that is recommended."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .._arguments import number
from .._time import DAY_MS, HOUR_MS, format_ms
from ..statistics import Estimate, as_columns, digits, percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..sweeps import Sweep
    from .costs import Costs

__all__ = ["Advice", "Choice"]


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
        Elections a day that began though a leader with a quorum was in office, in the runs with this timeout;
        NaN where it was not looked at closely.
    losses_a_day : Estimate
        How often a day the cluster lost its leader though no node failed: to such an election, or because the
        leader heard no quorum and stepped down. Estimated from all runs, whatever their timeout.
    losses_seen : int
        How many such losses there were in the runs with this timeout in `Advice.steady`.
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
    losses_seen: int
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
        The timeouts that were looked at closely, the shortest first, in the network as it was given.
    best : Choice
        The one that is recommended: whose expected downtime is least.
    own : Choice or None
        The preset's own timeouts, if it has any.
    timeout_ms : Estimate
        The recommended least timeout, and between which timeouts the best one is, by these runs. With
        `timeouts=` the note says so, and whether another one would cost less.
    regret_s_a_year : Estimate
        What the recommended timeout is expected to cost more than the best one, in seconds a year, because
        runs do not tell which that is. `high` bounds it.
    neighbour_better : float
        The probability that the next shorter or the next longer timeout costs less.
    failures_a_year, confidence : float
        As they were given.
    under_loss : tuple of Choice
        Timeouts with other losses, from fewer runs: by loss, then by timeout. The network's own loss is among
        them. What was not played with just that timeout follows from the others.
    failovers, steady : Sweep
        The runs with `choices`: a leader's crash, and a healthy cluster (with the timeouts that elect).
    beginnings : Sweep
        The beginnings of the steady runs, which do not count: no loss before there was a leader.
    deposed : Sweep or None
        A healthy leader, and a follower whose timer was made to end: how long a loss lasts. Not where other
        rules than Raft's own keep the leader.
    costs : Costs
        The curves behind it, over all timeouts that were tried.
    runs : int
        How many runs were played in all, with other timeouts and losses, too.
    simulated_ms : float
        How long they lasted, in simulated time.
    not_modelled : tuple of str
        What the simulation leaves out, and may matter.
    """

    choices: tuple[Choice, ...]
    best: Choice
    own: Choice | None
    timeout_ms: Estimate
    regret_s_a_year: Estimate
    neighbour_better: float
    failures_a_year: float
    confidence: float
    under_loss: tuple[Choice, ...]
    failovers: Sweep
    steady: Sweep
    beginnings: Sweep
    deposed: Sweep | None
    costs: Costs
    runs: int
    simulated_ms: float
    not_modelled: tuple[str, ...]

    def within(self, share: float) -> tuple[float, float]:
        """From which to which timeout the expected downtime is at most this share above the best one's.

        In ms; of those that were tried, in one piece around the best one.

        >>> import raftlab as rl
        >>> low, high = rl.advise(rl.uniform(2, 8), losses=[], budget=400).within(1.0)
        >>> high > 2 * low
        True
        """
        share = number(share, "share", "a number of at least 0", 0, math.inf)
        fine = self.costs.expected <= (1 + share) * self.best.downtime_s_a_year.value
        low = high = self.costs.places([self.best.timeout_ms])[0]
        while low > 0 and fine[low - 1]:
            low -= 1
        while high + 1 < len(fine) and fine[high + 1]:
            high += 1
        return float(self.costs.timeouts[low]), float(self.costs.timeouts[high])

    def to_pandas(self) -> pd.DataFrame:
        """The choices as a pandas DataFrame, a row each.

        What was never seen is NaN with its upper limit, not 0; the column `note` says what has to be said.
        """
        import pandas

        rows = []
        for choice in self.choices:
            row: dict[str, Any] = {"timeout_ms": choice.timeout_ms, "heartbeat_ms": choice.heartbeat_ms}
            for name in ("failover_ms", "false_a_day", "losses_a_day", "downtime_s_a_year"):
                row |= as_columns(name, getattr(choice, name))
            rows.append(row | {"losses_seen": choice.losses_seen, "note": self.note(choice)})
        return pandas.DataFrame(rows).set_index("timeout_ms")

    def note(self, choice: Choice) -> str:
        """What has to be said about a choice."""
        unseen = "" if choice.losses_seen or not choice.elects else "no loss seen with it: by the others"
        said = [
            "recommended" if choice is self.best else "",
            choice.whose,
            choice.downtime_s_a_year.note,
            unseen,
        ]
        return "; ".join(part for part in said if part)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Expected downtime a year over the timeout, with its interval and what failures alone cost."""
        from ..plot._advice import advice

        return advice(self, ax)

    def heatmap(self, ax: Axes | None = None) -> Axes:
        """Expected downtime a year over the timeout and the share of messages lost, with the intervals.

        Of each loss the timeout is framed that would be recommended.
        """
        from ..plot._advice import heatmap

        return heatmap(self, ax)

    def __repr__(self) -> str:
        return f"<advice: {'; '.join((*self._said(), *map(str, self.not_modelled)))}>"

    def _said(self) -> Iterable[str]:
        """The recommendation, what it costs, and how sure it is."""
        best = self.best
        place = self.costs.places([best.timeout_ms])[0]
        lost = float(self.costs.without_failures[:, place].mean())
        yield (
            f"election timeouts from {format_ms(best.timeout_ms)} to {format_ms(best.longest_ms)}, "
            f"heartbeats every {format_ms(best.heartbeat_ms)}"
        )
        yield (
            f"without a leader {told(best.downtime_s_a_year, seconds)} a year: "
            f"{seconds(best.downtime_s_a_year.value - lost)} after {self.failures_a_year:g} failures, "
            f"{spelt(best.failover_ms.value)} each, and {seconds(lost)} as a healthy leader is lost "
            f"{often(best.losses_a_day)}"
        )
        yield from self._precision()
        if self.own is not None and self.own is not best:
            cost = told(self.own.downtime_s_a_year, seconds)
            yield f"{self.own.whose}, from {format_ms(self.own.timeout_ms)}: {cost} a year"
        yield f"{self.runs:,} runs, {spelt(self.simulated_ms)} simulated"

    def _precision(self) -> Iterable[str]:
        """How sure it is."""
        like, regret = self.timeout_ms, self.regret_s_a_year
        if like.note:
            yield like.note
        if len(self.choices) > 1:
            where = f"the best one is between {format_ms(like.low)} and {format_ms(like.high)}"
            better = f"P(a neighbour is better) = {self.neighbour_better:.2f}"
            saves = f"the best one saves {seconds(regret.value)} a year, {seconds(regret.high)} at most"
            yield from (where, better, saves) if like.low < like.high else ("no other is as good",)
        low, high = self.within(0.1)
        if low < high:
            yield f"at most 10 % more: {format_ms(low)} to {format_ms(high)}"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in COLUMNS)
        body = "".join(f"<tr>{self._row(choice)}</tr>" for choice in self.choices)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        said = html.escape("; ".join(self._said()))
        limits = "".join(f"<li>{html.escape(what)}</li>" for what in self.not_modelled)
        return f"<p>advice: {said}. Intervals {percent(self.confidence)}.</p>{table}<ul>{limits}</ul>"

    def _row(self, choice: Choice) -> str:
        """A row of the table; that of the best stands out."""
        tag = "th" if choice is self.best else "td"
        cells = (
            format_ms(choice.timeout_ms),
            format_ms(choice.heartbeat_ms),
            told(plain(choice.failover_ms), spelt),
            often(choice.losses_a_day) if choice.elects else "–",
            told(choice.false_a_day, digits),
            told(plain(choice.downtime_s_a_year), seconds),
            self.note(choice),
        )
        return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)


DAYS = 365

COLUMNS = (
    "least timeout",
    "heartbeat",
    "after a failure",
    "healthy leader lost",
    "false elections, a day",
    "downtime, a year",
    "",
)


def best_of(choices: Iterable[Choice]) -> Choice | None:
    """The choice whose expected downtime is least; none if none elects."""
    able = [choice for choice in choices if choice.elects]
    return min(able, key=lambda choice: choice.downtime_s_a_year.value, default=None)


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


def often(a_day: Estimate) -> str:
    """How often something happens: a day, a year, or hardly ever."""
    year = DAYS * a_day.high
    if year < 1:
        return "less than once a year"
    scale, unit = (1, "a day") if a_day.value >= 1 else (DAYS, "a year")
    low, high = (digits(scale * part) for part in (a_day.low, a_day.high))
    return f"{digits(scale * a_day.value)} ({low} to {high}) times {unit}"


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
