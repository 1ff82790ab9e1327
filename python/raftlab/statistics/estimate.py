"""A number with its interval, and how it is written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import InvalidError, shown

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes
    ----------
    value, low, high : float
        The number and the limits, between which it lies; NaN where the runs do not tell.
    note : str
        What has to be said about it.
    unseen : bool
        Whether no run had what is counted: the event whose share this is (`high` is then a bound), or any of
        it. `value` is then no zero.
    others : float
        Where all runs say the same, the highest share of runs that may yet say something else: such runs
        have no spread, which is no certainty. NaN where they differ.
    """

    value: float
    low: float
    high: float
    note: str = ""
    unseen: bool = False
    others: float = math.nan

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    @classmethod
    def bare(cls, value: float, note: str = "") -> Estimate:
        """A number without an interval."""
        return cls(value, math.nan, math.nan, note)


NOTHING = Estimate.bare(math.nan)


def percent(confidence: float) -> str:
    """A confidence as it is written everywhere: 95 %, 99.9 %."""
    return f"{100 * confidence:.6g} %"


def digits(value: float) -> str:
    """Three digits, and no powers of ten."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def runs_in_words(count: int) -> str:
    """So many runs: 1 run, 1,000 runs."""
    return f"{count:,} run" + ("" if count == 1 else "s")


def as_columns(name: str, estimate: Estimate) -> dict[str, float]:
    """An estimate as columns of a table. What no run had has a bound, and no value."""
    return {
        name: math.nan if estimate.unseen else estimate.value,
        f"{name}_low": estimate.low,
        f"{name}_high": estimate.high,
    }


def as_numbers(name: str, column: Array) -> Array:
    """A column as numbers; flags count as 0 and 1."""
    import numpy as np

    if column.dtype == object:
        try:
            return np.array([math.nan if cell is None else float(cell) for cell in column])
        except (TypeError, ValueError):
            raise InvalidError(f"metric '{name}' holds texts, not numbers: {shown(column[0])}") from None
    return column.astype(float)
