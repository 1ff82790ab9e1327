"""The result of `advise`: timeouts, the cost of each, and the recommended one."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .._arguments import number
from .._time import DAY_MS, HOUR_MS, format_ms
from .._values import Guarded
from ..statistics import Estimate, as_columns, digits, percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..sweeps import Sweep
    from .costs import Costs

__all__ = ["Advice", "Choice"]


@dataclass(frozen=True)
class Choice:
    """An election timeout and its cost.

    Attributes
    ----------
    timeout_ms, longest_ms : float
        The least and the longest election timeout; timeouts are drawn between the two.
    heartbeat_ms : float
        The interval of heartbeats.
    loss : float
        The share of the messages that is lost.
    failover_ms : Estimate
        The mean time without a leader after the leader's crash, until all running nodes follow a new one:
        first leaders may be deposed. It is infinite if none lasted.
    false_a_day : Estimate
        Elections a day that began although a leader had a quorum, in the runs with this timeout; NaN if it
        was not examined closely.
    losses_a_day : Estimate
        Losses of the leader per day without a failure of a node: to a false election, or because the leader
        heard no quorum and stepped down. Estimated from all runs, with any timeout; its note is not empty if
        the rate can be calculated, but is that of this timeout's own runs, which contradict the calculation.
    losses_seen : int
        The number of such losses in the runs with this timeout in `Advice.steady`.
    downtime_s_a_year : Estimate
        Expected seconds a year without a leader, after failures and after losses without a failure.
    whose : str
        The owner of these timeouts, such as `"etcd's own"`, if a preset was given.
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
        """True if the cluster settles with a leader, nearly always."""
        return math.isfinite(self.downtime_s_a_year.value)


@dataclass(frozen=True)
class Advice(metaclass=Guarded):
    """The result of `advise`.

    Attributes
    ----------
    choices : tuple of Choice
        The timeouts that were examined closely, the shortest first, in the given network.
    best : Choice
        The recommended choice, with the least expected downtime.
    own : Choice or None
        The preset's own timeouts, if it has any.
    timeout_ms : Estimate
        The recommended least timeout, and the interval of the best one. With `timeouts=` the note mentions
        whether another timeout would cost less.
    regret_s_a_year : Estimate
        The expected extra cost of the recommended timeout over the best one, in seconds a year, since the
        best one is not known with certainty. `high` bounds it.
    neighbour_better : float
        The probability that the next shorter or the next longer timeout costs less.
    failures_a_year, confidence : float
        The arguments.
    under_loss : tuple of Choice
        Timeouts with other losses, from fewer runs, by loss, then by timeout. The network's own loss is
        included, and its timeouts in `choices` are the same objects. Combinations that were not played are
        interpolated. The interval of the best timeout of each loss allows for its selection.
    failovers, steady : Sweep
        The runs with `choices`: a leader's crash, and a healthy cluster (with the timeouts that elect).
    beginnings : Sweep
        The beginnings of both, until all nodes follow a leader. They do not count, since first elections are
        neither failovers nor losses. There may be more of them for each timeout than of the runs.
    deposed : Sweep or None
        Runs in which a follower's timer was forced to expire, which measure the length of losses. None if
        rules beyond plain Raft protect the leader.
    costs : Costs
        The underlying curves, over all timeouts that were tried.
    runs : int
        The total number of runs, with all timeouts and losses.
    simulated_ms : float
        Their total simulated time.
    not_modelled : tuple of str
        Omissions of the simulation that may matter.
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
        """The range of timeouts whose expected downtime is at most this share above that of the best one.

        The range is in ms, consists of timeouts that were tried, and contains the best one.

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
        """The choices as a pandas DataFrame, with a row each.

        The rate of an event that was never seen is NaN with an upper limit, not 0; `note` has remarks.
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
        """Remarks about a choice."""
        counted = choice.losses_a_day.note
        own = choice.losses_seen or counted or not choice.elects
        unseen = "" if own else "no loss seen: estimated from the others"
        said = [
            "recommended" if choice is self.best else "",
            choice.whose,
            choice.downtime_s_a_year.note,
            counted,
            unseen,
        ]
        return "; ".join(part for part in said if part)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draws the expected downtime a year by timeout, with its interval and the cost of failures alone."""
        from ..plot._advice import advice

        return advice(self, ax)

    def heatmap(self, ax: Axes | None = None) -> Axes:
        """Draws the expected downtime a year by timeout and share of messages lost, with intervals.

        For each loss the timeout that would be recommended is framed.
        """
        from ..plot._advice import heatmap

        return heatmap(self, ax)

    def __repr__(self) -> str:
        best = self.best
        cost = told(plain(best.downtime_s_a_year), seconds)
        where = self.timeout_ms.note or self._where()
        return (
            f"<advice: {self._recommended()}\n"
            f"  without a leader {cost} a year; a healthy leader lost {often(best.losses_a_day)}\n"
            f"  {where}; {self.runs:,} runs; print() shows all>"
        )

    def __str__(self) -> str:
        return f"<advice: {'; '.join((*self._said(), *map(str, self.not_modelled)))}>"

    def _recommended(self) -> str:
        best = self.best
        return (
            f"election timeouts from {format_ms(best.timeout_ms)} to {format_ms(best.longest_ms)}, "
            f"heartbeats every {format_ms(best.heartbeat_ms)}"
        )

    def _said(self) -> Iterable[str]:
        """The recommendation, its cost and its certainty, in words."""
        best = self.best
        place = self.costs.places([best.timeout_ms])[0]
        lost = float(self.costs.without_failures[:, place].mean())
        cost_of_losses = "" if DAYS * best.losses_a_day.high < 1 else f"{seconds(lost)} as "
        yield self._recommended()
        yield (
            f"without a leader {told(best.downtime_s_a_year, seconds)} a year: "
            f"{seconds(best.downtime_s_a_year.value - lost)} after {self.failures_a_year:g} failures, "
            f"{spelt(best.failover_ms.value)} each, and {cost_of_losses}a healthy leader is lost "
            f"{often(best.losses_a_day)}"
        )
        yield from self._precision()
        if self.own is not None and self.own is not best:
            cost = told(self.own.downtime_s_a_year, seconds)
            yield f"{self.own.whose}, from {format_ms(self.own.timeout_ms)}: {cost} a year"
        yield f"{self.runs:,} runs, {spelt(self.simulated_ms)} simulated"

    def _precision(self) -> Iterable[str]:
        """The certainty of the recommendation, in words."""
        like, regret = self.timeout_ms, self.regret_s_a_year
        if like.note:
            yield like.note
        if len(self.choices) > 1:
            yield self._where()
            if like.low < like.high:
                yield f"P(a neighbour is better) = {self.neighbour_better:.2f}"
                yield f"the best one saves {seconds(regret.value)} a year, {seconds(regret.high)} at most"
        low, high = self.within(0.1)
        if low < high:
            yield f"at most 10 % more: {format_ms(low)} to {format_ms(high)}"

    def _where(self) -> str:
        """The timeouts that may be the best, in words, or those whose costs have overlapping intervals."""
        like, limit = self.timeout_ms, self.best.downtime_s_a_year.high
        if like.low < like.high:
            return f"the best one is between {format_ms(like.low)} and {format_ms(like.high)}"
        others = [choice for choice in self.choices if choice.elects and choice is not self.best]
        alike = [choice.timeout_ms for choice in others if choice.downtime_s_a_year.low <= limit]
        if alike:
            return f"the intervals of the cost do not tell it from {', '.join(map(format_ms, alike))}"
        return "all others that were tried cost more"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in COLUMNS)
        body = "".join(f"<tr>{self._row(choice)}</tr>" for choice in self.choices)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        said = html.escape("; ".join(self._said()))
        limits = "".join(f"<li>{html.escape(what)}</li>" for what in self.not_modelled)
        return f"<p>advice: {said}. Intervals {percent(self.confidence)}.</p>{table}<ul>{limits}</ul>"

    def _row(self, choice: Choice) -> str:
        """A row of the table, in bold for the best choice."""
        tag = "th" if choice is self.best else "td"
        cells = (
            format_ms(choice.timeout_ms),
            format_ms(choice.heartbeat_ms),
            told(plain(choice.failover_ms), spelt),
            often(choice.losses_a_day) if choice.elects else "–",
            "none seen" if choice.false_a_day.unseen else told(choice.false_a_day, digits),
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
    """The choice with the least expected downtime; None if none elects a leader."""
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
    """A rate in words: per day, per year, or less than once a year."""
    year = DAYS * a_day.high
    if year < 1:
        return "less than once a year"
    scale, unit = (1, "a day") if a_day.value >= 1 else (DAYS, "a year")
    low, high = scale * a_day.low, digits(scale * a_day.high)
    between = f"up to {high}" if low < 0.01 else f"{digits(low)} to {high}"
    return f"{digits(scale * a_day.value)} ({between}) times {unit}"


def plain(estimate: Estimate) -> Estimate:
    """The estimate without its note, which is shown elsewhere."""
    return replace(estimate, note="")


def spelt(ms: float) -> str:
    """A time in a suitable unit, from milliseconds to days, with three digits."""
    if not math.isfinite(ms):
        return "?"
    units = (("d", DAY_MS), ("h", HOUR_MS), ("min", 60e3), ("s", 1e3))
    unit, length = next(((unit, length) for unit, length in units if ms >= length), ("ms", 1.0))
    return f"{digits(ms / length)} {unit}"


def seconds(s: float) -> str:
    """Seconds in a suitable unit."""
    return spelt(1e3 * s)
