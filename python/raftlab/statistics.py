"""Statistics of runs, by scipy: numbers with intervals, and durations that were not over when a run ended.

`Estimate` is a number with its interval. `Sample` is what many runs say of one metric: values, times that
were waited in vain (right-censored), and how many runs had nothing to say. `Curve` is its distribution.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ._arguments import integer, number
from .errors import InvalidError, shown

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]

__all__ = ["Curve", "Estimate", "Sample", "upper_bound"]


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


FEWEST_AT_RISK = 10
"""The tail of a Kaplan-Meier curve that rests on fewer runs is no ground to compare means on."""

NOTHING = Estimate(math.nan, math.nan, math.nan)


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
    absent : int
        How many runs had nothing to observe: no loss of a leader, no commit.
    failed : int
        How many runs failed, and say nothing.
    flags : bool
        Whether it is a yes (1) or no (0): its mean is a share.
    counts : bool
        Whether it counts something: whole numbers from 0 on.
    why : str
        Why it tells nothing, if there is a reason that holds for all runs: it was not checked.
    seeds : array of int, shape (n + m,), optional
        The seeds of the values, then of the censored ones. Runs of one seed are not independent: where a seed
        comes more than once, because several points were taken together, the seed is what is counted.
    """

    name: str
    values: Array
    censored: Array
    absent: int = 0
    failed: int = 0
    flags: bool = False
    seeds: Array | None = None
    counts: bool = False
    why: str = ""

    @property
    def n(self) -> int:
        """How many runs tell something."""
        return len(self.values) + len(self.censored)

    @property
    def events(self) -> int:
        """How many runs had it: those with a value; of flags those that say yes."""
        return int(self.values.sum()) if self.flags else len(self.values)

    def estimate(self, quantile: float | None = None, confidence: float = 0.95) -> Estimate:
        """A quantile; or the mean, which of flags is a share."""
        if quantile is not None and not self.flags:
            return self.quantile(quantile, confidence)
        return self.share(confidence) if self.flags else self.mean(confidence)

    def mean(self, confidence: float = 0.95) -> Estimate:
        """The mean with its t interval; of censored durations the mean restricted to the longest one seen.

        That is the area below the Kaplan-Meier curve up to there, with Greenwood's variance; the note says
        the horizon. Runs that all say the same have no interval, but a bound: see `Estimate.others`.
        """
        import numpy as np
        from scipy import stats

        if not len(self.values):
            return self._nothing(confidence)
        parts = self.pseudo_values()
        if not np.isfinite(parts).all():
            endless = runs_in_words(int(np.isinf(parts).sum()))
            return Estimate(math.nan, math.nan, math.nan, f"infinite in {endless}")
        if len(parts) < 2:
            return Estimate(float(parts[0]), math.nan, math.nan, "one run")
        if not varies(parts):
            return self._constant(float(parts[0]), confidence)
        mean = float(np.mean(parts))
        sums = self._by_seed(parts - mean)
        error = math.sqrt(len(sums) / max(len(sums) - 1, 1) * float(np.sum(sums**2))) / len(parts)
        width = float(stats.t.ppf((1 + confidence) / 2, len(sums) - 1)) * error
        note = f"mean up to {self.horizon:,.6g} ms" if len(self.censored) else ""
        return Estimate(mean, mean - width, mean + width, note)

    def _nothing(self, confidence: float) -> Estimate:
        """What can be said where nothing was observed: how rare it must be, if it was waited for."""
        import numpy as np

        if not self.n:
            return Estimate(math.nan, math.nan, math.nan, self.why)
        time = float(np.quantile(self.censored, 0.5, method="inverted_cdf"))
        bound = none_of(int((self.censored >= time).sum()) / self._repeats, confidence)
        note = f"never observed: P(within {time:,.6g} ms) < {bound:.2g} ({percent(confidence)})"
        return Estimate(math.nan, math.nan, math.nan, note)

    def _constant(self, value: float, confidence: float) -> Estimate:
        """The mean of runs that all say the same: the t interval would be empty, as if it were certain."""
        others = none_of(self.n / self._repeats, confidence)
        unseen = self.counts and value == 0.0
        note = f"all of {runs_in_words(self.n)} say {value:.6g}"
        return Estimate(value, 0.0 if unseen else math.nan, math.nan, note, unseen, others)

    @property
    def _repeats(self) -> float:
        """How many runs there are to a seed."""
        import numpy as np

        return 1.0 if self.seeds is None or not self.n else self.n / len(np.unique(self.seeds))

    @property
    def horizon(self) -> float:
        """Up to where the mean tells: the longest time seen if any is censored, else infinity."""
        if not len(self.censored):
            return math.inf
        return float(max(self.values.max(initial=0.0), self.censored.max()))

    @property
    def watched(self) -> float:
        """Up to where enough runs were still watched for a comparison of means; infinity if all were."""
        import numpy as np

        if not len(self.censored):
            return math.inf
        ranked = np.sort(np.concatenate([self.values, self.censored]))
        return (
            float(ranked[max(len(ranked) - FEWEST_AT_RISK, 0)]) if self.n > FEWEST_AT_RISK else self.horizon
        )

    def pseudo_values(self, horizon: float = math.inf) -> Array:
        """What each run contributes to the mean up to a horizon: values first, then the censored ones.

        Of what was observed that is the value itself, cut at the horizon. Where others are censored it is the
        (infinitesimal) jackknife's pseudo-value of the restricted mean, which needs no guess of what was not
        seen (Andersen, Hansen, Klein, Lifetime Data Analysis 10, 2004): their mean is the area below the
        Kaplan-Meier curve, and their variance is Greenwood's.
        """
        import numpy as np

        if not len(self.censored):
            return np.minimum(self.values, horizon)
        curve, end = self.curve(), min(horizon, self.horizon)
        times = np.minimum(np.append(curve.time, end), end)
        areas = curve.survival * np.diff(times)
        mean = float(times[0] + areas.sum())
        beyond = np.cumsum(areas[::-1])[::-1]
        return mean + self._influence(curve, beyond)

    def _influence(self, curve: Curve, beyond: Array) -> Array:
        """How much each run moves what hangs by `beyond` on the steps of the curve."""
        import numpy as np

        left = curve.at_risk - curve.events
        scale = np.divide(self.n * beyond, left, out=np.zeros(len(left)), where=left > 0)
        lived = np.cumsum(scale * curve.events / curve.at_risk)
        ends = np.searchsorted(curve.time, np.concatenate([self.values, self.censored]))
        own = np.where(np.arange(self.n) < len(self.values), scale[ends], 0.0)
        moved: Array = lived[ends] - own
        return moved

    def _by_seed(self, parts: Array) -> Array:
        """The sums of what runs contribute, seed by seed."""
        import numpy as np

        if self.seeds is None:
            return parts
        _, place = np.unique(self.seeds, return_inverse=True)
        return np.bincount(place, weights=parts)

    def _dependence(self, parts: Array) -> float:
        """By how much runs of equal seeds widen a variance: the design effect, of at least 1."""
        import numpy as np

        sums, spread = self._by_seed(parts), float(np.sum(parts**2))
        if len(sums) == len(parts) or len(sums) < 2 or spread == 0.0:
            return len(parts) / len(sums)
        n = len(parts)
        apart = n / (n - 1) * spread
        return max(1.0, len(sums) / (len(sums) - 1) * float(np.sum(sums**2)) / apart)

    def share(self, confidence: float = 0.95) -> Estimate:
        """The share of flags that are up, with its Wilson interval."""
        if not self.n:
            return self._nothing(confidence)
        return share(self.events, self.n, confidence, self._dependence(self.values - self.values.mean()))

    def quantile(self, share: float, confidence: float = 0.95) -> Estimate:
        """A quantile with the interval of its order statistics; of censored durations by Kaplan-Meier.

        Then the interval is where the log-log band of the curve crosses the share. A quantile beyond what
        was observed is NaN, and the note says so; `low` then says how long it takes at least.
        """
        import numpy as np
        from scipy import stats

        if not self.n:
            return self._nothing(confidence)
        if len(self.censored):
            return self._censored_quantile(share, confidence)
        ranked, n = np.sort(self.values), len(self.values)
        value = float(np.quantile(ranked, share, method="inverted_cdf"))
        fewer = max(1, round(n / self._dependence((self.values <= value) - np.mean(self.values <= value))))
        tails = [(1 - confidence) / 2, (1 + confidence) / 2]
        # As scipy's quantile_test has it; of dependent runs, as of so many fewer that are not.
        ranks = np.asarray(stats.binom.ppf(tails, fewer, share)) * (n / fewer)
        low, high = math.floor(ranks[0]), math.ceil(ranks[1])
        # The interval is open where the sample is too small to bound the quantile on that side.
        below = float(ranked[low - 1]) if low >= 1 else math.nan
        above = float(ranked[high]) if high < n else math.nan
        if n > 1 and ranked[0] == ranked[-1]:
            same = self._constant(value, confidence)
            return Estimate(value, below, above, same.note, others=same.others)
        return Estimate(value, below, above)

    def _censored_quantile(self, share: float, confidence: float) -> Estimate:
        import numpy as np

        plain = self.curve(confidence)

        def crossing(survival: Array) -> float:
            reached = np.flatnonzero(1.0 - survival >= share - 1e-12)
            return float(plain.time[reached[0]]) if len(reached) else math.nan

        value = crossing(plain.survival)
        note = "" if not math.isnan(value) else f"not reached by {share:.4g} of the runs"
        curve = plain if math.isnan(value) else self.curve(confidence, at=value)
        note = note if len(self.values) else self._nothing(confidence).note
        return Estimate(value, self._at_least(curve, share, confidence), crossing(curve.high), note)

    def _at_least(self, curve: Curve, share: float, confidence: float) -> float:
        """The lower limit of a quantile: where the band of the curve first allows for it.

        If it does so at once, before anything is over, there is no such limit, as with order statistics.
        If it does not at all, it takes longer than any run was watched.
        """
        import numpy as np

        if (1.0 - share) ** (self.n / self._repeats) >= (1.0 - confidence) / 2:
            return math.nan
        reached = np.flatnonzero(1.0 - curve.low >= share - 1e-12)
        if not len(reached):
            return float(curve.time[-1])
        first = int(reached[0])
        if curve.survival[first] < 1.0:
            return float(curve.time[first])
        return float(curve.time[first - 1]) if first else math.nan

    def curve(self, confidence: float = 0.95, at: float | None = None) -> Curve:
        """The share of runs in which it is not over yet, by Kaplan-Meier, with a pointwise log-log band.

        Where that band is not defined, the rule of three is: before the first end, and after the last one if
        nothing is left. Dependence between runs of equal seeds is allowed for as it is at one time (the
        median of what was observed, if none is named).
        """
        import numpy as np
        from scipy import stats

        both = np.concatenate([self.values, self.censored])
        found = stats.ecdf(stats.CensoredData(self.values, right=self.censored)).sf
        with warnings.catch_warnings():  # the band is not defined everywhere
            warnings.simplefilter("ignore", RuntimeWarning)
            band: Any = found.confidence_interval(confidence, method="log-log")
        time, survival = np.asarray(found.quantiles), np.asarray(found.probabilities)
        survival = np.clip(survival, 0.0, 1.0)
        low, high = (np.array(side.probabilities, float) for side in (band.low, band.high))
        at_risk = len(both) - np.searchsorted(np.sort(both), time, side="left")
        events = np.diff(np.searchsorted(np.sort(self.values), time, side="right"), prepend=0)
        gone = np.diff(np.searchsorted(np.sort(self.censored), time, side="right"), prepend=0)
        curve = Curve(time, at_risk, events, gone, survival, low, high)
        effect = 1.0
        if self.seeds is not None and len(np.unique(self.seeds)) < self.n:
            when = float(np.median(self.values)) if at is None and len(self.values) else at or 0.0
            place = max(0, int(np.searchsorted(time, when, side="right")) - 1)
            reach = np.where(time <= when, survival[place], 0.0)
            effect = self._dependence(self._influence(curve, reach))
            low, high = (stretched(side, survival, math.sqrt(effect)) for side in (low, high))
        before, after = survival >= 1.0, survival <= 0.0
        fewer = np.maximum(at_risk / effect, 1.0)
        none = none_of(fewer, confidence)
        low[before], high[before] = 1.0 - none[before], 1.0
        last = high[~after][-1] if (~after).any() else 1.0
        low[after], high[after] = 0.0, last * none[after]
        return Curve(time, at_risk, events, gone, survival, low, high)


def stretched(side: Array, survival: Array, by: float) -> Array:
    """A limit of a log-log band, so many times as far from the curve on that scale."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        place, middle = (np.log(-np.log(part)) for part in (side, survival))
        wide: Array = np.exp(-np.exp(middle + by * (place - middle)))
    return wide


def share(events: int, runs: int, confidence: float = 0.95, dependence: float = 1.0) -> Estimate:
    """A share with its Wilson interval. No event at all gives an upper bound, not zero: see the note.

    Dependent runs count as so many times fewer that are not; that may be a fraction.
    """
    if runs == 0:
        return NOTHING
    from scipy.stats import norm

    fewer, part = max(1.0, runs / dependence), events / runs
    if events in (0, runs):
        bound = none_of(fewer, confidence)
        low, high = (0.0, bound) if events == 0 else (1 - bound, 1.0)
        note = f"{'none' if events == 0 else 'all'} of {runs_in_words(runs)}"
        return Estimate(part, low, high, note, unseen=events == 0, others=bound)
    z = float(norm.ppf(0.5 + 0.5 * confidence))
    scale = 2 * (fewer + z**2)
    middle = (2 * events / runs * fewer + z**2) / scale
    width = z / scale * math.sqrt(4 * fewer * part * (1 - part) + z**2)
    return Estimate(part, middle - width, middle + width)


def none_of(runs: Any, confidence: float) -> Any:
    """The bound of a share of which there was none in so many runs, which may be a fraction; for arrays too.

    It is `upper_bound(0, runs)`, about 3 / runs at 95 %: the rule of three.
    """
    return 1.0 - (1.0 - confidence) ** (1.0 / runs)


def varies(values: Array, of: Array | None = None) -> bool:
    """Whether values differ by more than the rounding of what they are made of."""
    import numpy as np

    parts = values if of is None else of
    return bool(np.ptp(values) > 1e-9 * np.max(np.abs(parts), initial=0.0))


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
