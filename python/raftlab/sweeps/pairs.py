"""Pairs of runs with equal seeds, and the interval and p-value of their difference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._arguments import instance
from ..errors import InvalidError
from ..statistics import NOTHING, Estimate, Sample, limits_of_mean, varies
from .observed import Observed, metrics_of
from .result import Sweep

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Pairs:
    """Two points, seed by seed. Arrays have a cell per pair.

    Attributes
    ----------
    flags : bool
        Whether the metric is a flag.
    x, y : array of float
        The values at a and at b, or the censored durations.
    x_censored, y_censored : array of bool
        Which durations are censored.
    excluded : int
        The number of seeds that are in both, but have no value at one of them.
    why : str
        The reason for which a side has no values at all, if there is one.
    unknown : int
        The number of excluded seeds whose run ended for a reason that may be related to the metric.
    """

    metric: str
    flags: bool
    x: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    x_censored: np.ndarray[Any, Any]
    y_censored: np.ndarray[Any, Any]
    excluded: int
    why: str = ""
    unknown: int = 0

    @classmethod
    def of(cls, a: Sweep, b: Sweep, metric: str, advice: str = "") -> Pairs:
        """Pairs the runs of equal seeds. `advice` is added to the error about a sweep of several points."""
        import numpy as np

        sides = []
        for name, side in (("a", a), ("b", b)):
            instance(side, Sweep, name)
            if len(side.points) != 1:
                raise InvalidError(
                    f"{name} must be a sweep of one point, not of {len(side.points)}: use where(){advice}"
                )
            if not len(side):
                raise InvalidError(f"{name} has no runs: it was interrupted before the first was over")
            metrics_of(side, instance(metric, str, "metric"))
            sides.append(Observed.of(side, metric))
        seeds, first, second = np.intersect1d(sides[0].seed, sides[1].seed, return_indices=True)
        if not len(seeds):
            raise InvalidError("a and b have no seed in common; sweep them with common_random_numbers=True")
        values, waits = (
            [getattr(side, which)[at] for side, at in zip(sides, (first, second), strict=True)]
            for which in ("value", "waited")
        )
        told = [~np.isnan(value) | ~np.isnan(wait) for value, wait in zip(values, waits, strict=True)]
        both = told[0] & told[1]
        x, y = (
            np.where(np.isnan(value), wait, value)[both] for value, wait in zip(values, waits, strict=True)
        )
        censored = [np.isnan(value)[both] for value in values]
        why = sides[0].why or sides[1].why
        unknown = int((sides[0].unknown[first] | sides[1].unknown[second]).sum())
        return cls(metric, sides[0].flags, x, y, censored[0], censored[1], int((~both).sum()), why, unknown)

    @property
    def censored(self) -> int:
        """The number of pairs with a censored duration."""
        return int((self.x_censored | self.y_censored).sum())

    @property
    def nothing_over(self) -> bool:
        """True if all durations of both sides are censored."""
        return bool(self.x_censored.all() and self.y_censored.all())

    def sample(self, side: int) -> Sample:
        """One of the sides."""
        time, gone = ((self.x, self.x_censored), (self.y, self.y_censored))[side]
        return Sample(self.metric, time[~gone], time[gone])

    def contributions(self, side: int, horizon: float) -> np.ndarray[Any, Any]:
        """The contribution of each run of a side to its mean, pair by pair."""
        import numpy as np

        gone = (self.x_censored, self.y_censored)[side]
        cells = np.empty(len(gone))
        cells[np.concatenate([np.flatnonzero(~gone), np.flatnonzero(gone)])] = self.sample(
            side
        ).pseudo_values(horizon)
        return cells

    @property
    def greater(self) -> float:
        """The share of the pairs in which b is greater, among those that can be ordered; ties count half."""
        above = (self.y > self.x) & ~self.x_censored | (self.y >= self.x) & self.y_censored & ~self.x_censored
        below = (self.x > self.y) & ~self.y_censored | (self.x >= self.y) & self.x_censored & ~self.y_censored
        ties = (self.x == self.y) & ~self.x_censored & ~self.y_censored
        known = above.sum() + below.sum() + ties.sum()
        return float((above.sum() + ties.sum() / 2) / known) if known else math.nan


@dataclass(frozen=True)
class Verdict:
    """An interval of a difference, and the p-value of no difference."""

    low: float
    high: float
    p_value: float
    test: str


UNKNOWN = Verdict(math.nan, math.nan, math.nan, "none")


def of_means(
    x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], confidence: float, pseudo: bool
) -> tuple[Verdict, Verdict]:
    """The verdicts on a difference of means, paired and unpaired."""
    import numpy as np
    from scipy import stats

    d = y - x
    test = "paired t on pseudo-values" if pseudo else "Wilcoxon signed ranks"
    # Without a difference each sign is a coin toss: equal signs are the least likely outcome.
    low, high, p = math.nan, math.nan, min(1.0, 2.0 ** (1 - np.count_nonzero(d)))
    if varies(d, x):
        mean = float(d.mean())
        low, high = limits_of_mean(mean, d - mean, confidence)
        p = max(p, float(stats.ttest_rel(y, x).pvalue if pseudo else stats.wilcoxon(d).pvalue))
    return Verdict(low, high, p, test), welch(x, y, confidence)


def welch(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], confidence: float) -> Verdict:
    """Welch's test of unpaired runs. One side may be constant, for which scipy would warn."""
    from scipy import stats

    parts = [float(side.var(ddof=1)) / len(side) if varies(side) else 0.0 for side in (x, y)]
    error = math.sqrt(sum(parts))
    if error == 0.0:
        return UNKNOWN
    freedom = sum(parts) ** 2 / sum(part**2 / (len(x) - 1) for part in parts)
    middle, width = float(y.mean() - x.mean()), float(stats.t.ppf((1 + confidence) / 2, freedom)) * error
    p_value = float(2 * stats.t.sf(abs(middle) / error, freedom))
    return Verdict(middle - width, middle + width, p_value, "Welch")


def of_shares(
    x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], confidence: float, _: bool
) -> tuple[Verdict, Verdict]:
    """The verdicts on a difference of shares, paired and unpaired."""
    import numpy as np
    from scipy import stats

    n, z = len(x), float(stats.norm.ppf((1 + confidence) / 2))
    more, less = int((y > x).sum()), int((y < x).sum())
    p = float(stats.binomtest(more, more + less).pvalue) if more + less else 1.0
    b, c = more + 0.5, less + 0.5  # Agresti and Min: half a pair more in each of the four cells
    middle, width = (b - c) / (n + 2), z * math.sqrt(b + c - (b - c) ** 2 / (n + 2)) / (n + 2)
    paired = Verdict(max(middle - width, -1.0), min(middle + width, 1.0), p, "McNemar's exact test")
    ups = int(x.sum()), int(y.sum())
    p, q = ((up + 1) / (n + 2) for up in ups)  # Agresti and Caffo: one more yes and no on each side
    width = z * math.sqrt((p * (1 - p) + q * (1 - q)) / (n + 2))
    table = np.array([[ups[0], n - ups[0]], [ups[1], n - ups[1]]])
    exact = float(stats.fisher_exact(table).pvalue)
    return paired, Verdict(max(q - p - width, -1.0), min(q - p + width, 1.0), exact, "Fisher's exact test")


FEWEST_TO_DRAW, MOST_TO_DRAW, DRAWS = 10, 1000, 1999
"""The sizes of tables whose pairs are resampled, and the number of samples."""


def of_medians(pairs: Pairs, confidence: float) -> Estimate:
    """The difference of the medians, with a paired percentile bootstrap if the table is small."""
    import numpy as np
    from scipy import stats

    if pairs.flags:
        return NOTHING
    first, second = (pairs.sample(side).quantile(0.5).value for side in (0, 1))
    n = len(pairs.x)
    if pairs.censored or pairs.unknown or not FEWEST_TO_DRAW <= n <= MOST_TO_DRAW or not 0 < confidence < 1:
        return Estimate(second - first, math.nan, math.nan)

    def apart(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], axis: int) -> Any:
        middle = (n - 1) // 2  # like all quantiles here, an observed value
        return np.take(np.partition(y, middle, axis) - np.partition(x, middle, axis), middle, axis)

    drawn = stats.bootstrap(
        (pairs.x, pairs.y), apart, paired=True, n_resamples=DRAWS, method="percentile",
        confidence_level=confidence, random_state=0,
    ).confidence_interval  # fmt: skip
    if drawn.low == drawn.high:
        return Estimate(second - first, math.nan, math.nan)
    return Estimate(second - first, float(drawn.low), float(drawn.high))


def correlation(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> float:
    """Pearson's correlation; NaN if x or y does not vary."""
    from scipy import stats

    return float(stats.pearsonr(x, y).statistic) if varies(x) and varies(y) else math.nan
