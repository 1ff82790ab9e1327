"""Smooth curves over timeouts: what runs with one timeout say of those with another.

A curve is the logarithm of a quantity over the logarithm of the timeout. Beforehand its slope is near a usual
one, and changes little by little (an integrated random walk: the smoothing spline of Wahba, Journal of the
Royal Statistical Society B 40, 1978). Means pull it to themselves as far as they are precise; so do Poisson
counts, of which none is information, too. What comes out is not one curve but many, as likely as the runs
make them: they say how sure anything is that follows from a curve.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]

__all__ = ["Prior", "of_counts", "of_means"]

BURN_IN = 300
THIN = 3
"""Every third state of a chain is kept; neighbours are much alike."""
STEPS = 100
"""Newton's method is done long before."""


@dataclass(frozen=True)
class Prior:
    """What is known of a curve before any run.

    Attributes
    ----------
    level, level_sd : float
        The logarithm of the quantity at the shortest timeout, and how far off that may be.
    slope, slope_sd : float
        The exponent there: the quantity changes as that power of the timeout.
    bend : float
        By how much the exponent changes while the timeout grows to e times as long.
    """

    level: float
    level_sd: float
    slope: float
    slope_sd: float
    bend: float

    def precision(self, x: Array) -> tuple[Array, Array]:
        """The mean of the curve at x (increasing), and the inverse of its covariance."""
        import numpy as np

        n, gaps = len(x), np.diff(x)
        rows = np.zeros((n, n))
        rows[0, 0] = 1 / self.level_sd
        slopes = np.zeros((n - 1, n))
        at = np.arange(n - 1)
        slopes[at, at], slopes[at, at + 1] = -1 / gaps, 1 / gaps
        if n > 1:
            rows[1] = slopes[0] / self.slope_sd
            widths = np.sqrt((gaps[1:] + gaps[:-1]) / 2)[:, None]
            rows[2:] = (slopes[1:] - slopes[:-1]) / (self.bend * widths)
        mean = self.level + self.slope * (x - x[0])
        return mean, rows.T @ rows


def of_means(x: Array, means: Array, errors: Array, prior: Prior, draws: int, rng: Any) -> Array:
    """Curves through logarithms of means that have such standard errors; infinite where nothing is known.

    Returns
    -------
    array of float, shape (draws, len(x))
    """
    import numpy as np

    mean, precision = prior.precision(x)
    weight = 1 / errors**2
    known = np.where(weight > 0, means, 0.0)
    whole = precision + np.diag(weight)
    centre = np.linalg.solve(whole, precision @ mean + weight * known)
    return scattered(centre, whole, draws, rng)


def of_counts(
    x: Array, events: Array, exposure: Array, prior: Prior, draws: int, rng: Any, *, falling: bool
) -> Array:
    """Curves of the logarithm of a rate, by events and exposure at each x; on request they never grow with x.

    Elliptical slice sampling (Murray, Adams, MacKay 2010) around the most likely curve, so that curves that
    grow somewhere are left out exactly.

    Returns
    -------
    array of float, shape (draws, len(x))
    """
    import numpy as np

    mean, precision = prior.precision(x)

    def log_density(curve: Array) -> float:
        if falling and np.any(np.diff(curve) > 0):
            return -math.inf
        off = curve - mean
        return float(events @ curve - exposure @ np.exp(curve) - off @ precision @ off / 2)

    centre, whole = most_likely(mean, precision, events, exposure)
    steps = scattered(np.zeros(len(x)), whole, BURN_IN + THIN * draws, rng)

    def beyond_normal(off: Array) -> float:
        return log_density(centre + off) + float(off @ whole @ off) / 2

    state = np.zeros(len(x))
    if falling:
        state = np.minimum.accumulate(centre - 1e-9 * np.arange(len(x))) - centre
    kept, now = [], beyond_normal(state)
    for step in steps:
        state, now = sliced(state, now, step, beyond_normal, rng)
        kept.append(centre + state)
    return np.array(kept[BURN_IN::THIN])


def most_likely(mean: Array, precision: Array, events: Array, exposure: Array) -> tuple[Array, Array]:
    """The most likely curve of a rate, by Newton's method, and the curvature there."""
    import numpy as np

    curve = mean.copy()
    for _ in range(STEPS):
        expected = exposure * np.exp(curve)
        uphill = events - expected - precision @ (curve - mean)
        move = np.linalg.solve(precision + np.diag(expected), uphill)
        curve = curve + move * min(1.0, 1.0 / max(float(np.max(np.abs(move))), 1e-300))
        if float(np.max(np.abs(move))) < 1e-9:
            break
    return curve, precision + np.diag(exposure * np.exp(curve))


def sliced(state: Array, now: float, step: Array, density: Any, rng: Any) -> tuple[Array, float]:
    """The next state of the chain: a point on the ellipse through it and a step, above a random level."""
    level = now + math.log(rng.uniform())
    angle = rng.uniform(0.0, 2 * math.pi)
    low, high = angle - 2 * math.pi, angle
    while True:
        tried = state * math.cos(angle) + step * math.sin(angle)
        found = density(tried)
        if found > level or high - low < 1e-12:
            return (tried, found) if found > level else (state, now)
        low, high = (angle, high) if angle < 0 else (low, angle)
        angle = rng.uniform(low, high)


def scattered(centre: Array, precision: Array, draws: int, rng: Any) -> Array:
    """Normal draws around a centre, by the inverse of their covariance."""
    import numpy as np

    root = np.linalg.cholesky(precision)
    return centre + np.linalg.solve(root.T, rng.standard_normal((len(centre), draws))).T
