"""A number with its interval, and its formats."""

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
        The number, and the limits that contain it; NaN if the runs cannot determine them.
    note : str
        A remark, such as the reason for a missing limit.
    unseen : bool
        True if no run had the event that is counted. `high` is then an upper bound, and a `value` of 0 does
        not mean that it never happens.
    others : float
        If all runs have the same value, the upper bound of the share of runs that may have another: equal
        values are no proof. NaN if they differ.
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
    """A confidence as text: 95 %, 99.9 %."""
    return f"{100 * confidence:.6g} %"


def digits(value: float) -> str:
    """A number with three digits, without powers of ten."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def runs_in_words(count: int) -> str:
    """A number of runs as text: 1 run, 1,000 runs."""
    return f"{count:,} run" + ("" if count == 1 else "s")


def as_columns(name: str, estimate: Estimate) -> dict[str, float]:
    """An estimate as columns of a table. An event in no run has a bound, but no value."""
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
