"""The curve of Kaplan and Meier."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .share import none_of

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
    def of(cls, values: Array, censored: Array, confidence: float) -> Curve:
        """Of independent runs, with a log-log band, which is not defined before the first end."""
        import numpy as np
        from scipy import stats

        both = np.concatenate([values, censored])
        found = stats.ecdf(stats.CensoredData(values, right=censored)).sf
        with warnings.catch_warnings():  # the band is not defined everywhere
            warnings.simplefilter("ignore", RuntimeWarning)
            band: Any = found.confidence_interval(confidence, method="log-log")
        time, survival = np.asarray(found.quantiles), np.clip(np.asarray(found.probabilities), 0.0, 1.0)
        low, high = (np.array(side.probabilities, float) for side in (band.low, band.high))
        at_risk = len(both) - np.searchsorted(np.sort(both), time, side="left")
        events, gone = (
            np.diff(np.searchsorted(np.sort(part), time, side="right"), prepend=0)
            for part in (values, censored)
        )
        return cls(time, at_risk, events, gone, survival, low, high)

    def stretched(self, by: float) -> Curve:
        """The band so many times as far from the curve, on the scale on which it is even."""
        sides = (stretched(side, self.survival, by) for side in (self.low, self.high))
        return replace(self, **dict(zip(("low", "high"), sides, strict=True)))

    def closed(self, fewer: Array, confidence: float) -> Curve:
        """With the rule of three where the band is not defined, of so many fewer runs than are at risk.

        That is before the first end, and after the last one if nothing is left.
        """
        low, high = self.low.copy(), self.high.copy()
        before, after = self.survival >= 1.0, self.survival <= 0.0
        none = none_of(fewer, confidence)
        low[before], high[before] = 1.0 - none[before], 1.0
        last = high[~after][-1] if (~after).any() else 1.0
        low[after], high[after] = 0.0, last * none[after]
        return replace(self, low=low, high=high)


def stretched(side: Array, survival: Array, by: float) -> Array:
    """A limit of a log-log band, so many times as far from the curve on that scale."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        place, middle = (np.log(-np.log(part)) for part in (side, survival))
        wide: Array = np.exp(-np.exp(middle + by * (place - middle)))
    return wide
