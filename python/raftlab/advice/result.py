"""What advice is: timeouts, what each costs, and the one that is recommended."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .._time import DAY_MS, HOUR_MS, format_ms
from ..statistics import Estimate, as_columns, digits, percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..sweeps import Sweep

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
                row |= as_columns(name, getattr(choice, name))
            rows.append(row | {"note": self.note(choice)})
        return pandas.DataFrame(rows).set_index("timeout_ms")

    def note(self, choice: Choice) -> str:
        """What has to be said about a choice."""
        said = ["recommended" if choice is self.best else "", choice.whose, choice.downtime_s_a_year.note]
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
        return f"<p>{html.escape(repr(self)[1:-1])}. Intervals {percent(self.ci)}.</p>{table}"

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


def best_of(choices: Iterable[Choice]) -> Choice | None:
    """The choice whose downtime has the smallest upper limit; none if none elects."""
    able = [choice for choice in choices if choice.elects]
    return min(
        able, key=lambda choice: (choice.downtime_s_a_year.high, choice.downtime_s_a_year.value), default=None
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
