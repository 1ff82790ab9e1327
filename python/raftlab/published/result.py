"""What stands in the tables: a published number beside ours, and a verdict that is computed."""

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
"""How much further than its 95 % interval a number must be off until it differs: 3.29 / 1.96 standard errors.

Of some three hundred numbers fifteen would differ by chance at 95 %, at one in a thousand none.
"""

NO_EVIDENCE = {"inferred": "are inferred", "fitted": "were fitted"}
"""What does not count as a number of the source, and how a score mentions it."""


@dataclass(frozen=True)
class Row:
    """A published number and ours.

    Attributes
    ----------
    case, quantity, unit : str
        What it is.
    published : float
        What the source says; of shares, 0 is never and 1 is always.
    ours, low, high : float
        What we measure, and its 95 % interval.
    basis : {"stated", "data", "formula", "inferred", "fitted"}
        What the published number is: written in the source's text; from the measurements that its authors
        published; from the source's closed form; not in the source, but what follows from it in our reading;
        or data that our setting was fitted to, whose agreement is no evidence.
    relation : {"=", "<", ">"}
        Whether the source gives the number, or a bound.
    tolerance : float
        How far, as a share, the published number may be off for reasons that the source names: what was not
        controlled, how it was rounded.
    trials, runs : int, optional
        How many trials the published number rests on, and how many runs ours: it has an error, too.
    depends : str
        What the number hangs on that the source does not state.
    others : tuple of (str, float)
        What we measure if that is otherwise.
    why : str
        What explains a difference, if there is one.
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
        """Whether ours is the published number, but for chance and the tolerance, whatever is left open."""
        return self.agrees_as_played and all(self._fits(ours) for _, ours in self.others)

    @property
    def agrees_as_played(self) -> bool:
        """Whether ours is the published number with what was chosen where the source leaves it open."""
        return self._measured_fits(self.tolerance)

    @property
    def left_open(self) -> bool:
        """Whether the published number is within what comes of what the source does not state."""
        if self.agrees or not self.others:
            return False
        found = [self.ours, *(ours for _, ours in self.others)]
        fits = self.agrees_as_played or any(self._fits(ours) for _, ours in self.others)
        return fits or min(found) <= self.published <= max(found)

    @property
    def unseen(self) -> bool:
        """Whether it is the share of what no run had: then there is a bound, and no number."""
        return self.unit == "%" and self.ours == 0.0 == self.low

    @property
    def verdict(self) -> str:
        """Whether it agrees, or by how much it does not, and why."""
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
        """The row as it is read."""
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
        # The published number has an error, too: that of so many trials is ours times sqrt(runs / trials).
        both = math.sqrt(1 + self.runs / self.trials) if self.runs and self.trials else 1.0
        reach = BEYOND_CHANCE * both
        low = self.ours - (self.ours - self.low) * reach
        high = self.ours + (self.high - self.ours) * reach
        return not math.isnan(self.ours) and self._fits_between(low, high, tolerance)

    def _fits(self, ours: float) -> bool:
        return self._fits_between(ours, ours, self.tolerance)

    def _fits_between(self, low: float, high: float, tolerance: float) -> bool:
        # A limit that is not known is none.
        reached = not low * (1 - tolerance) > self.published
        passed = not high * (1 + tolerance) < self.published
        return {"=": reached and passed, "<": reached, ">": passed}[self.relation]


@dataclass(frozen=True)
class Result:
    """A published experiment, played again.

    Attributes
    ----------
    name, title, source : str
        Which one, and where it is written.
    setup : str
        What is played, in full.
    rows : tuple of Row
        The numbers.
    samples : dict of str to array
        What we measured, by case: for pictures and tests.
    marks : dict of str to dict of float to float
        Published quantiles by case: the share, and the value.
    curves : dict of str to (array, array)
        Published closed forms by case: times, and the share that is over by then.
    panels : dict of str to list of str
        Which cases a picture shows together, by title; all in one if empty.
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
        """The rows as a pandas DataFrame. What no run had has a bound, `high`, and no number."""
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
        """Published and measured in one picture.

        Of times the distributions that we measured, the published quantiles as marks and the closed forms as
        dashed lines; of other numbers a line a row, the published one and ours with its interval.

        Parameters
        ----------
        cases : list of str, optional
            Which of `samples`; all if not given.
        ax : matplotlib.axes.Axes, optional
            Where to draw. Without it, and without cases, each of `panels` is drawn, one below the other.

        Returns
        -------
        matplotlib.axes.Axes
            The (first) axes.
        """
        from ..plot._published import picture

        return picture(self, cases, ax)

    @property
    def score(self) -> str:
        """How many numbers agree, depend on what the source does not state, are inferred and were fitted."""
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
    """All runs of a case: a part proves nothing, and whoever pressed Ctrl-C did not mean the next case."""
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


# ---- Numbers as they are read ------------------------------------------------------------------------


def published_number(row: Row) -> str:
    """What the source says. A source that says never, or always, gives no number."""
    if row.unit == "%" and row.published in (0.0, 1.0):
        return "always" if row.published else "never"
    return number(row.published, row.unit)


def measured(row: Row) -> str:
    """Ours with its interval; a bound where no run, or every run, had it."""
    if row.unseen:
        return f"< {100 * row.high:.2g} %"
    if row.unit == "%" and row.ours == 1.0 == row.high:
        return f"> {100 * row.low:.3g} %"
    return f"{number(row.ours, row.unit)} ({interval(row)})"


def interval(row: Row) -> str:
    """The interval of ours, its unit once."""
    low, high = number(row.low, row.unit), number(row.high, row.unit)
    return f"{low.removesuffix(row.unit).strip()} to {high}"


def number(value: float, unit: str) -> str:
    """A number as it is read."""
    if math.isnan(value):
        return "unknown"
    if unit == "%":
        return f"{value * 100:.3g} %"
    if abs(value) >= 1000:
        return f"{value:,.0f} {unit}".strip()
    return f"{value:.1f} {unit}".strip() if abs(value) >= 10 else f"{value:.3g} {unit}".strip()
