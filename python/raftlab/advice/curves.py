"""Smooth curves over timeouts, which combine runs with different timeouts.

A curve is the logarithm of a quantity over the logarithm of the timeout. Its prior has a typical slope that
changes gradually (an integrated random walk: the smoothing spline of Wahba, Journal of the Royal Statistical
Society B 40, 1978). The data are means with standard errors, or Poisson counts, where a count of 0 is
information, too. The result is a set of posterior draws of the curve, from which the uncertainty of derived
quantities follows.
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
"""Every third state of a chain is kept, because neighbours are correlated."""
STEPS = 100
"""The maximum number of Newton steps; far fewer are needed."""


@dataclass(frozen=True)
class Prior:
    """The prior of a curve.

    Attributes
    ----------
    level, level_sd : float
        The logarithm of the quantity at the shortest timeout, and its standard deviation.
    slope, slope_sd : float
        The exponent there, as a power of the timeout, and its standard deviation.
    bend : float
        The standard deviation of the exponent's change while the timeout grows by a factor of e.
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
    """Draws curves from the logarithms of means and their standard errors, infinite where unknown.

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
    """Draws curves of the logarithm of a rate from events and exposure; with `falling`, decreasing ones.

    It uses elliptical slice sampling (Murray, Adams, MacKay 2010) around the most likely curve, which
    excludes increasing curves exactly.

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
    """The next state of the chain: a point above a random level on the ellipse through state and step."""
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
