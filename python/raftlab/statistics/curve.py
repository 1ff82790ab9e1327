"""The Kaplan-Meier curve."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .share import limits_of_share

if TYPE_CHECKING:
    from .estimate import Array


@dataclass(frozen=True)
class Curve:
    """The Kaplan-Meier curve. All arrays have the same length, with a cell per step.

    Attributes
    ----------
    time : array of float
        The times at which durations ended or were censored.
    at_risk, events, censored : array of int
        The numbers of durations not over before each time, that ended at it, and that were censored at it.
    survival, low, high : array of float
        The share that lasts longer than each time, and the limits of its pointwise interval.
    """

    time: Array
    at_risk: Array
    events: Array
    censored: Array
    survival: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, values: Array, censored: Array) -> Curve:
        """The curve without a band: its limits are NaN."""
        import numpy as np
        from scipy import stats

        both = np.concatenate([values, censored])
        found = stats.ecdf(stats.CensoredData(values, right=censored)).sf
        time, survival = np.asarray(found.quantiles), np.clip(np.asarray(found.probabilities), 0.0, 1.0)
        at_risk = len(both) - np.searchsorted(np.sort(both), time, side="left")
        events, gone = (
            np.diff(np.searchsorted(np.sort(part), time, side="right"), prepend=0)
            for part in (values, censored)
        )
        unknown = np.full(len(time), math.nan)
        return cls(time, at_risk, events, gone, survival, unknown, unknown)

    def banded(self, effect: float, confidence: float) -> Curve:
        """The curve with Clopper and Pearson's limits, for the effective number of runs.

        That is the n for which S (1 - S) / n is Greenwood's variance (Dorey and Korn, Statistics in Medicine
        6, 1987); without censoring it is the number of runs. Dependence divides it by the design `effect`.
        Before the first end, and after the last one if no run is left, it is the number at risk.
        """
        import numpy as np

        survival, left = self.survival, self.at_risk - self.events
        between = (survival > 0.0) & (survival < 1.0)
        steps = np.divide(self.events, self.at_risk * left, out=np.zeros(len(left)), where=left > 0)
        greenwood = np.cumsum(steps)
        worth = np.divide(
            1.0 - survival,
            survival * greenwood,
            out=self.at_risk.astype(float),
            where=between & (greenwood > 0),
        )
        kept = corners(len(survival))
        exact = limits_of_share(survival[kept], np.maximum(worth[kept] / effect, 1.0), confidence)
        low, high = (np.interp(np.arange(len(survival)), kept, side) for side in exact)
        over = survival <= 0.0
        last = high[~over][-1] if (~over).any() else 1.0
        return replace(self, low=low, high=np.where(over, last * high, high))


MOST_CORNERS = 4000
"""The maximum number of steps with computed limits; others are interpolated, with errors below 1e-6."""


def corners(steps: int) -> Array:
    """The steps with computed limits: all; or the first, the last, and evenly spaced ones between."""
    import numpy as np

    if steps <= MOST_CORNERS:
        return np.arange(steps)
    ends = MOST_CORNERS // 4
    between = np.linspace(ends, steps - ends, MOST_CORNERS // 2).astype(int)
    return np.unique(np.concatenate([np.arange(ends), between, np.arange(steps - ends, steps)]))
