"""The number of seeds needed for intervals that are narrow enough."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from .._arguments import U64, instance, is_number, number
from .._arguments import confidence as confidence_of
from ..errors import InvalidError, shown
from ..statistics import Estimate, Sample, runs_in_words, varies
from ..tables import _need
from .observed import Observed, groups, metrics_of, quantile_of
from .result import Sweep

__all__ = ["required_seeds"]


def required_seeds(
    pilot: Sweep,
    metric: str,
    precision: float | str,
    *,
    statistic: str = "mean",
    confidence: float = 0.95,
    by: str | Iterable[str] | None = None,
) -> int:
    """The number of seeds per point with which nine of ten sweeps have intervals as narrow as wanted.

    The half-width of an interval falls with the square root of the number of runs. Neither the half-width of
    the pilot nor that of the planned sweep is certain. How much they vary, and how much small samples
    underestimate them, is estimated from samples drawn from the pilot and taken into account, so that the
    sweep is precise enough with a probability of about 90 % (docs/statistics.md has the measured one). A
    larger pilot leads to fewer seeds: give it 100 runs or more. For a mean with a heavy tail a pilot of usual
    size is not enough, and such sweeps are precise enough less often.

    If a share was 0 in the pilot, the result is the number of runs without the event that makes its upper
    bound as low as wanted. The expected number of runs that fail or have no such event is added. If ties
    leave the interval of a quantile without width, the result is the size of the pilot.

    Parameters
    ----------
    pilot : Sweep
        Some runs; of several points, the one that needs the most seeds counts.
    metric : str
        A column of numbers or flags, `"violation"`, or a question such as `"ending=stop"`.
    precision : float or str
        The half-width wanted: in the unit of the metric, or a share of the estimate such as `"5%"`.
    statistic : str, default "mean"
        `"mean"`, or a quantile such as `"p50"` or `"p99.9"`. Ignored for yes/no metrics, which have a share.
    confidence : float, default 0.95
        The confidence of the interval.
    by : str or list of str, optional
        Parameters of the grid, if points that differ in others will be pooled; all by default.

    Returns
    -------
    int
        The number to give to `sweep(seeds=)`.

    Raises
    ------
    InvalidError
        If an argument is invalid; if the pilot is unsuitable (it was not checked, all durations are censored,
        or all values are equal); or if more seeds were needed than there are.

    Examples
    --------
    >>> import raftlab as rl
    >>> pilot = rl.sweep(rl.Scenario(5, stop=rl.leader_elected), seeds=400)
    >>> 100 < rl.required_seeds(pilot, "time_to_leader_ms", "1%") < 10_000
    True
    >>> rl.required_seeds(pilot, "violation", 0.001)
    2995
    """
    _need("scipy", "required_seeds")
    import numpy as np

    instance(pilot, Sweep, "pilot")
    confidence = confidence_of(confidence, "confidence")
    quantile = quantile_of(statistic)
    metrics_of(pilot, instance(metric, str, "metric"))
    observed, needed = Observed.of(pilot, metric), 1
    for _, rows in groups(pilot, by):
        sample = observed.sample(rows)
        seeds = len(np.unique(observed.seed[rows]))
        if sample.flags and sample.events in (0, sample.n) and sample.n and not sample.unknown:
            width = wanted(precision, 1.0 if sample.events else 0.0)
            bound = math.log(1 - confidence) / math.log1p(-min(width, 1 - 1e-12))
            needed = max(needed, math.ceil(bound * len(rows) / sample.n))
            continue
        found = Pilot(sample, quantile, confidence)
        if math.isnan(found.estimate.half_width) or not math.isnan(found.estimate.others):
            raise InvalidError(f"pilot: its {runs_in_words(len(rows))} {no_ground(sample, statistic)}")
        needed = max(needed, found.times(precision, seeds))
    if needed > U64:
        raise InvalidError(
            f"precision {shown(precision)} of '{metric}' would take {float(needed):.2g} seeds, and there are "
            "2^64; ask for less"
        )
    return needed


ASSURANCE = 0.9
"""The share of such sweeps that should be as precise as wanted."""
DRAWS, MOST_DRAWN = 200, 2000
"""The number of samples drawn from a pilot to estimate how half-widths vary, and their maximum size."""


@dataclass(frozen=True)
class Pilot:
    """The pilot's sample, and the statistic to be estimated."""

    sample: Sample
    quantile: float | None
    confidence: float

    @cached_property
    def estimate(self) -> Estimate:
        """The pilot's own estimate."""
        return self.sample.estimate(self.quantile, self.confidence)

    def times(self, precision: float | str, seeds: int) -> int:
        """The number of seeds needed, given that of the pilot."""
        ratio = self.estimate.half_width / wanted(precision, self.estimate.value)
        if ratio == 0.0:
            return seeds
        reserve = self.reserve(relative=isinstance(precision, str))

        def misses(fewer: float) -> float:
            """The logarithm of the ratio of half-widths, with that many times fewer seeds."""
            return math.log(ratio) + math.log(fewer) / 2 + reserve * math.sqrt(1 + fewer)

        low, high = -200.0, 200.0  # logarithms
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (low, middle) if misses(math.exp(middle)) > 0 else (middle, high)
        return math.ceil(seeds / math.exp(low) * (1 - 1e-12))

    def reserve(self, *, relative: bool) -> float:
        """The logarithm of the factor by which the true half-width may exceed the pilot's, at `ASSURANCE`.

        A small sample often misses the tail: its half-width is too small on average, and varies more than
        that of samples drawn from it. Samples drawn from those differ from them in the same way, so the
        mean and the spread are both corrected by the difference (the iterated bootstrap: Hall, The
        Bootstrap and Edgeworth Expansion, 1.4).
        """
        import numpy as np

        luck, clusters = np.random.default_rng(0), self.sample.clusters
        size = min(clusters, MOST_DRAWN)
        whole = self.log_width(self.sample, relative) + math.log(clusters / size) / 2
        first, second = [], []
        for _ in range(DRAWS):
            drawn = self.sample.drawn(luck, size)
            width = self.log_width(drawn, relative)
            first.append(width - whole)
            second.append(self.log_width(drawn.drawn(luck, size), relative) - width)
        bias, spread = moments(first)
        bias_again, spread_again = moments(second)
        spread = max(2 * spread - spread_again, spread) * math.sqrt(size / clusters)
        bias = (2 * bias - bias_again) * size / clusters
        return max(float(norm_quantile(ASSURANCE)) * spread - bias, 0.0)

    def log_width(self, sample: Sample, relative: bool) -> float:
        """The logarithm of a half-width; NaN if there is none, or if ties make it 0."""
        estimate = sample.estimate(self.quantile, self.confidence)
        width = estimate.half_width / (abs(estimate.value) if relative and estimate.value else 1.0)
        return math.log(width) if width > 0.0 else math.nan


def moments(values: list[float]) -> tuple[float, float]:
    """The mean and the standard deviation of the values that are not NaN; 0 if all are."""
    there = [value for value in values if not math.isnan(value)]
    if not there:
        return 0.0, 0.0
    mean = math.fsum(there) / len(there)
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in there) / len(there))


def norm_quantile(share: float) -> float:
    """A quantile of the normal distribution."""
    from scipy import stats

    return float(stats.norm.ppf(share))


def wanted(precision: float | str, value: float) -> float:
    """The wanted half-width."""
    accepted = "a number above 0, or a share such as '5%'"
    if isinstance(precision, str):
        if not precision.endswith("%") or not is_number(precision[:-1]):
            raise InvalidError(f"precision must be {accepted}, not {shown(precision)}")
        if value == 0:
            raise InvalidError("precision: a share of an estimate of 0 is 0; give a number")
        return wanted(float(precision[:-1]) / 100, value) * abs(value)
    found = number(precision, "precision", accepted, 0, math.inf)
    if found == 0:
        raise InvalidError(f"precision must be {accepted}, not {shown(precision)}")
    return found


def no_ground(sample: Sample, statistic: str) -> str:
    """The reason for which a pilot is unsuitable."""
    if sample.unknown:
        return f"do not all have a value of '{sample.name}': {sample.unknown:,} {sample.unknown_why}"
    if sample.why:
        return f"have no value of '{sample.name}': {sample.why}"
    if len(sample.censored) and not len(sample.values):
        return f"all ended before '{sample.name}' was over; let them last longer"
    if math.inf in abs(sample.values):
        return f"have infinite values of '{sample.name}', which have no mean"
    if sample.n > 1 and not len(sample.censored) and not varies(sample.values):
        return f"all have the same '{sample.name}', which gives no spread; make it larger"
    return f"do not bound {statistic} of '{sample.name}'; make it larger"
