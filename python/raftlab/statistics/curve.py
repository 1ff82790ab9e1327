"""The curve of Kaplan and Meier."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .share import limits_of_share

if TYPE_CHECKING:
    from .estimate import Array


@dataclass(frozen=True)
class Curve:
    """How many are not over yet, by Kaplan-Meier. All arrays are of one length, a step each.

    Attributes
    ----------
    time : array of float
        When something ended, or was given up.
    at_risk, events, censored : array of int
        How many were not over until then; how many ended then; how many were given up then.
    survival, low, high : array of float
        The share that is not over after that time, and the limits of its pointwise interval.
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
        """Without a band: its limits are NaN."""
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
        """With Clopper and Pearson's limits, of as many runs as would be as certain if all were watched.

        So many that S (1 - S) / n is Greenwood's variance (Dorey and Korn, Statistics in Medicine 6, 1987);
        where nothing is censored that is their number. Dependence makes them fewer, by the design `effect`.
        Before the first end, and after the last one if nothing is left, they are those that were at risk.
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
"""Limits of so many steps are computed; those of more are interpolated, which moves none by 1e-6."""


def corners(steps: int) -> Array:
    """Which steps: all, or the first ones, the last ones, and evenly chosen ones between."""
    import numpy as np

    if steps <= MOST_CORNERS:
        return np.arange(steps)
    ends = MOST_CORNERS // 4
    between = np.linspace(ends, steps - ends, MOST_CORNERS // 2).astype(int)
    return np.unique(np.concatenate([np.arange(ends), between, np.arange(steps - ends, steps)]))
