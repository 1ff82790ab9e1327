"""Statistics of runs, by scipy: numbers with intervals, and durations that were not over when a run ended.

`Estimate` is a number with its interval. `Sample` is what many runs say of one metric: values, times that
were waited in vain (right-censored), and how many runs had nothing to say.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ._arguments import integer, number
from .discovery import CENSORED_BY
from .errors import InvalidError, shown

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]

__all__ = ["Estimate", "Sample", "upper_bound"]


def upper_bound(events: int, runs: int, confidence: float = 0.95) -> float:
    """The highest probability of an event that is compatible with so few of them in so many runs.

    The one-sided Clopper-Pearson limit; with no event at all it is 1 - (1 - confidence)^(1 / runs), about
    3 / runs at 95 %.

    >>> round(upper_bound(0, 10_000), 6)
    0.0003
    """
    events, runs = integer(events, "events"), integer(runs, "runs")
    if not 0 <= events <= runs or runs < 1:
        raise InvalidError(f"events must be between 0 and runs, and runs at least 1, not {events} of {runs}")
    confidence = number(confidence, "confidence", "between 0 and 1", 0, 1)
    if events == runs:
        return 1.0
    if events == 0:
        return float(1.0 - (1.0 - confidence) ** (1.0 / runs))
    from scipy.stats import beta

    return float(beta.ppf(confidence, events + 1, runs - events))


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes
    ----------
    value, low, high : float
        The number and the limits; NaN where the runs do not tell.
    note : str
        What has to be said about it.
    """

    value: float
    low: float
    high: float
    note: str = ""

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2


NOTHING = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Sample:
    """What many runs say of one metric.

    Attributes
    ----------
    name : str
        The metric.
    values : array of float, shape (n,)
        What was observed.
    censored : array of float, shape (m,)
        Right-censored durations: how long was waited in vain, in the runs that ended before.
    without : int
        How many runs had nothing to observe: no loss of a leader, a failed run.
    """

    name: str
    values: Array
    censored: Array
    without: int = 0

    @classmethod
    def of(cls, name: str, columns: Mapping[str, Array]) -> Sample:
        """From a metric's column, and the one that says how long was waited where it says nothing."""
        import numpy as np

        values = as_numbers(name, columns[name])
        observed = ~np.isnan(values)
        waited = np.array([])
        by = CENSORED_BY.get(name)
        if by is not None and by in columns:
            waited = as_numbers(by, columns[by])[~observed]
            waited = waited[~np.isnan(waited)]
        return cls(name, values[observed], waited, int(len(values) - observed.sum() - len(waited)))

    @property
    def n(self) -> int:
        """How many runs tell something."""
        return len(self.values) + len(self.censored)

    def mean(self, confidence: float = 0.95) -> Estimate:
        """The mean with its t interval; of censored durations the mean restricted to the longest one seen.

        That is the area below the Kaplan-Meier curve up to there, with Greenwood's variance; the note says
        the horizon.
        """
        import numpy as np
        from scipy import stats

        if len(self.censored):
            return self._restricted_mean(confidence)
        if len(self.values) < 2:
            only = float(self.values[0]) if len(self.values) else math.nan
            return Estimate(only, math.nan, math.nan)
        mean, error = float(np.mean(self.values)), float(stats.sem(self.values))
        width = float(stats.t.ppf((1 + confidence) / 2, len(self.values) - 1)) * error
        return Estimate(mean, mean - width, mean + width)

    def _restricted_mean(self, confidence: float) -> Estimate:
        import numpy as np
        from scipy import stats

        if not len(self.values):
            return Estimate(math.nan, math.nan, math.nan, "never observed")
        horizon = float(max(self.values.max(), self.censored.max()))
        survival = self.survival().sf
        times = np.append(survival.quantiles, horizon)
        alive = np.asarray(survival.probabilities)
        areas = alive * np.diff(times)
        mean = float(times[0] + areas.sum())
        at_risk, ended = np.asarray(survival._n), np.asarray(survival._d)
        left = np.cumsum(areas[::-1])[::-1]  # the area beyond each time
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(at_risk > ended, left**2 * ended / (at_risk * (at_risk - ended)), 0.0)
        width = float(stats.norm.ppf((1 + confidence) / 2)) * math.sqrt(float(terms.sum()))
        return Estimate(mean, mean - width, mean + width, f"mean up to {horizon:,.0f} ms")

    def quantile(self, share: float, confidence: float = 0.95) -> Estimate:
        """A quantile with the interval of its order statistics; of censored durations by Kaplan-Meier.

        Then the interval is where the log-log band of the curve crosses the share. A quantile beyond what
        was observed is NaN, and the note says so.
        """
        import numpy as np
        from scipy import stats

        if not self.n:
            return NOTHING
        if len(self.censored):
            return self._censored_quantile(share, confidence)
        ranked, n = np.sort(self.values), len(self.values)
        tails = [(1 - confidence) / 2, (1 + confidence) / 2]
        low, high = np.asarray(stats.binom.ppf(tails, n, share)).astype(int).tolist()
        value = float(np.quantile(ranked, share, method="inverted_cdf"))
        # The interval is open where the sample is too small to bound the quantile on that side.
        below = float(ranked[low - 1]) if low >= 1 else math.nan
        above = float(ranked[high]) if high < n else math.nan
        return Estimate(value, below, above)

    def _censored_quantile(self, share: float, confidence: float) -> Estimate:
        import numpy as np

        if not len(self.values):
            return Estimate(math.nan, math.nan, math.nan, "never observed")
        curve = self.survival().cdf
        with warnings.catch_warnings():  # where nothing or everything is over, the band has no width
            warnings.simplefilter("ignore", RuntimeWarning)
            band = curve.confidence_interval(confidence, method="log-log")
        times = np.asarray(curve.quantiles)

        def crossing(probabilities: Array) -> float:
            reached = np.flatnonzero(np.asarray(probabilities) >= share - 1e-12)
            return float(times[reached[0]]) if len(reached) else math.nan

        value = crossing(curve.probabilities)
        note = "" if not math.isnan(value) else f"not reached by {share:.4g} of the runs"
        return Estimate(value, crossing(band.high.probabilities), crossing(band.low.probabilities), note)

    def survival(self) -> Any:
        """The empirical distribution, by Kaplan-Meier: what `scipy.stats.ecdf` returns."""
        from scipy import stats

        return stats.ecdf(stats.CensoredData(self.values, right=self.censored))


def share(events: int, runs: int, confidence: float = 0.95) -> Estimate:
    """A share with its Wilson interval. No event at all gives an upper bound, not zero: see the note."""
    if runs == 0:
        return NOTHING
    from scipy.stats import binomtest

    if events in (0, runs):
        bound = upper_bound(0, runs, confidence)
        low, high = (0.0, bound) if events == 0 else (1 - bound, 1.0)
        return Estimate(events / runs, low, high, f"{'none' if events == 0 else 'all'} of {runs:,} runs")
    interval = binomtest(events, runs).proportion_ci(confidence_level=confidence, method="wilson")
    return Estimate(events / runs, float(interval.low), float(interval.high))


def as_numbers(name: str, column: Array) -> Array:
    """A column as numbers; flags count as 0 and 1."""
    import numpy as np

    if column.dtype == object:
        try:
            return np.array([math.nan if cell is None else float(cell) for cell in column])
        except (TypeError, ValueError):
            raise InvalidError(f"metric '{name}' holds texts, not numbers: {shown(column[0])}") from None
    return column.astype(float)
