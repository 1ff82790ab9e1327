"""Rows of published results: a published number, raftlab's number, and a computed verdict."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..statistics import Estimate
from ..sweeps import Sweep
from ..sweeps.play import whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Result", "Row", "number", "played", "rendered", "triple"]

BEYOND_CHANCE = 1.68
"""The factor by which a 95 % interval is widened to 99.9 %: 3.29 / 1.96 standard errors.

Of some three hundred numbers fifteen would differ by chance at 95 %, but none at 99.9 %.
"""

NO_EVIDENCE = {"inferred": "are inferred", "fitted": "were fitted"}
"""The bases that do not count in a score, and the words with which it mentions them."""


@dataclass(frozen=True)
class Row:
    """A published number and raftlab's.

    Attributes
    ----------
    case, quantity, unit : str
        What was measured.
    published : float
        The source's number; for shares, 0 means never and 1 means always.
    ours, low, high : float
        raftlab's number and its 95 % interval.
    basis : {"stated", "data", "formula", "inferred", "fitted"}
        The origin of the published number: the source's text; measurements that its authors published; the
        source's closed form; an inference from the source that it does not state; or data that the setting
        was fitted to, whose agreement is no evidence.
    relation : {"=", "<", ">"}
        Whether the source gives the number itself or a bound.
    tolerance : float
        The relative error allowed to the published number for reasons that the source names: what was not
        controlled, how it was rounded.
    trials, runs : int, optional
        The trials of the published number, which has an error, too, and the runs of raftlab's.
    depends : str
        What the number depends on that the source does not state.
    others : tuple of (str, float)
        raftlab's numbers with alternatives to that.
    why : str
        The explanation of a difference, if there is one.
    """

    case: str
    quantity: str
    unit: str
    published: float
    ours: float
    low: float
    high: float
    basis: str = "stated"
    relation: str = "="
    tolerance: float = 0.0
    trials: int | None = None
    runs: int | None = None
    depends: str = ""
    others: tuple[tuple[str, float], ...] = ()
    why: str = ""

    @property
    def agrees(self) -> bool:
        """True if the numbers agree, up to chance and the tolerance, with every choice of what is open."""
        return self.agrees_as_played and all(self._fits(ours) for _, ours in self.others)

    @property
    def agrees_as_played(self) -> bool:
        """True if the numbers agree with the default choice for what the source leaves open."""
        return self._measured_fits(self.tolerance)

    @property
    def left_open(self) -> bool:
        """True if the number lies in the range obtained by varying what the source leaves open."""
        if self.agrees or not self.others:
            return False
        found = [self.ours, *(ours for _, ours in self.others)]
        fits = self.agrees_as_played or any(self._fits(ours) for _, ours in self.others)
        return fits or min(found) <= self.published <= max(found)

    @property
    def unseen(self) -> bool:
        """True for a share that no run contributes to: then there is a bound instead of a number."""
        return self.unit == "%" and self.ours == 0.0 == self.low

    @property
    def verdict(self) -> str:
        """Whether the numbers agree, or by how much they differ and why."""
        if self.agrees:
            exact = not self.tolerance or (self._measured_fits(0.0) and not self.others)
            return "agrees" if exact else f"agrees within {100 * self.tolerance:.2g} %"
        if self.left_open:
            found = [("as played", self.ours), *self.others]
            sensitivity = "; ".join(
                f"{self._off(ours) or number(ours, self.unit)} {at}" for at, ours in found
            )
            return f"depends on {self.depends}, which the source does not state: {sensitivity}"
        off = self._off(self.ours)
        return f"differs{off and ' by '}{off}: {self.why or 'not explained'}"

    def texts(self) -> dict[str, str]:
        """The row as texts, by column."""
        bound = "" if self.relation == "=" else f"{self.relation} "
        return {
            "case": self.case,
            "quantity": self.quantity,
            "published": bound + published_number(self),
            "basis": self.basis,
            "raftlab": measured(self),
            "verdict": self.verdict,
        }

    def _off(self, ours: float) -> str:
        never_or_always = self.published in (0.0, 1.0)
        known = self.relation == "=" and not never_or_always and math.isfinite(ours)
        return f"{ours / self.published - 1:+.0%}" if known else ""

    def _measured_fits(self, tolerance: float) -> bool:
        # The published number has an error, too: raftlab's error times sqrt(runs / trials).
        both = math.sqrt(1 + self.runs / self.trials) if self.runs and self.trials else 1.0
        reach = BEYOND_CHANCE * both
        low = self.ours - (self.ours - self.low) * reach
        high = self.ours + (self.high - self.ours) * reach
        return not math.isnan(self.ours) and self._fits_between(low, high, tolerance)

    def _fits(self, ours: float) -> bool:
        return self._fits_between(ours, ours, self.tolerance)

    def _fits_between(self, low: float, high: float, tolerance: float) -> bool:
        # An unknown limit (NaN) excludes nothing.
        reached = not low * (1 - tolerance) > self.published
        passed = not high * (1 + tolerance) < self.published
        return {"=": reached and passed, "<": reached, ">": passed}[self.relation]


@dataclass(frozen=True)
class Result:
    """A published experiment, played again.

    Attributes
    ----------
    name, title, source : str
        Its name, its title, and where it was published.
    setup : str
        The complete setup of the runs.
    rows : tuple of Row
        The numbers.
    samples : dict of str to array
        raftlab's measurements by case, for pictures and tests.
    marks : dict of str to dict of float to float
        Published quantiles by case: share and value.
    curves : dict of str to (array, array)
        Published closed forms by case: times, and the share of elections that are over by then.
    panels : dict of str to list of str
        The cases that a picture shows together, by title; all in one picture if empty.
    """

    name: str
    title: str
    source: str
    setup: str
    rows: tuple[Row, ...]
    samples: dict[str, Any] = field(default_factory=dict, repr=False)
    marks: dict[str, dict[float, float]] = field(default_factory=dict, repr=False)
    curves: dict[str, tuple[Any, Any]] = field(default_factory=dict, repr=False)
    panels: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def table(self) -> list[dict[str, str]]:
        """The rows as texts."""
        return [row.texts() for row in self.rows]

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a pandas DataFrame. A share of zero runs has only the bound `high`, and no number."""
        import pandas

        told = ("case", "quantity", "unit", "basis", "relation", "published", "ours", "low", "high")
        return pandas.DataFrame(
            [
                {name: getattr(row, name) for name in told}
                | ({"ours": math.nan} if row.unseen else {})
                | {"verdict": row.verdict}
                for row in self.rows
            ]
        )

    def markdown(self) -> str:
        """The rows as a table in Markdown."""
        table = self.table()
        lines = ["| " + " | ".join(table[0]) + " |", "|" + "---|" * len(table[0])]
        cells = ([cell.replace("|", "\\|") for cell in row.values()] for row in table)
        return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in cells)]) + "\n"

    def plot(self, *, cases: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
        """Draws published and measured numbers in one picture.

        For times it shows the measured distributions, the published quantiles as marks and the closed forms
        as dashed lines; for other numbers a line per row with both numbers and the interval.

        Parameters
        ----------
        cases : list of str, optional
            The keys of `samples` to draw; all by default.
        ax : matplotlib.axes.Axes, optional
            The axes to draw on. Without `ax` and `cases`, all `panels` are drawn, one below the other.

        Returns
        -------
        matplotlib.axes.Axes
            The (first) axes.
        """
        from ..plot._published import picture

        return picture(self, cases, ax)

    @property
    def score(self) -> str:
        """The counts of numbers that agree, that depend on what is not stated, are inferred, or fitted."""
        theirs = [row for row in self.rows if row.basis not in NO_EVIDENCE]
        said = f"{sum(row.agrees for row in theirs)} of {len(theirs)} numbers agree"
        if depend := [row for row in theirs if row.left_open]:
            fit = sum(row.agrees_as_played for row in depend)
            said += f", {len(depend)} depend on what the source does not state ({fit} agree as played)"
        for basis, what in NO_EVIDENCE.items():
            if count := sum(row.basis == basis for row in self.rows):
                said += f"; {count} more {what}"
        return said

    def __repr__(self) -> str:
        return f"<published: {self.title} ({self.source}): {self.score}>"

    def _repr_html_(self) -> str:
        table = self.table()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in table[0])
        cells = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row.values()) for row in table)
        rows = "".join(f"<tr>{row}</tr>" for row in cells)
        return f"<p>{html.escape(repr(self)[1:-1])}</p><table><tr>{head}</tr>{rows}</table>"


def played(scenario: Any, grid: Any = None, **options: Any) -> Sweep:
    """Plays all runs of a case. Ctrl-C raises, since a part of the runs cannot be judged."""
    return whole(scenario, grid, checks=False, **options)


def triple(estimate: Estimate) -> tuple[float, float, float]:
    """A number and its interval."""
    return estimate.value, estimate.low, estimate.high


def rendered(results: Sequence[Result]) -> str:
    """The tables of several results, for a terminal."""
    lines = []
    for result in results:
        lines += [f"{result.title} · {result.source}", ""]
        table = [list(result.table()[0]), *(list(row.values()) for row in result.table())]
        widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
        lines += [
            "  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in table
        ]
        lines.append("")
    return "\n".join(lines)


# ---- Numbers as texts ---------------------------------------------------------------------------------


def published_number(row: Row) -> str:
    """The source's number as text; shares of 0 and 1 are "never" and "always"."""
    if row.unit == "%" and row.published in (0.0, 1.0):
        return "always" if row.published else "never"
    return number(row.published, row.unit)


def measured(row: Row) -> str:
    """raftlab's number with its interval as text; a bound for a share of no run or all runs."""
    if row.unseen:
        return f"< {100 * row.high:.2g} %"
    if row.unit == "%" and row.ours == 1.0 == row.high:
        return f"> {100 * row.low:.3g} %"
    return f"{number(row.ours, row.unit)} ({interval(row)})"


def interval(row: Row) -> str:
    """The interval as text, with the unit given once."""
    low, high = number(row.low, row.unit), number(row.high, row.unit)
    return f"{low.removesuffix(row.unit).strip()} to {high}"


def number(value: float, unit: str) -> str:
    """A number as text."""
    if math.isnan(value):
        return "unknown"
    if unit == "%":
        return f"{value * 100:.3g} %"
    if abs(value) >= 1000:
        return f"{value:,.0f} {unit}".strip()
    return f"{value:.1f} {unit}".strip() if abs(value) >= 10 else f"{value:.3g} {unit}".strip()
