"""Shares of runs, with Clopper and Pearson's limits for independent runs and for clusters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .._arguments import confidence as confidence_of
from .._arguments import integer
from ..errors import InvalidError
from .estimate import NOTHING, Estimate, runs_in_words

if TYPE_CHECKING:
    from .estimate import Array


def upper_bound(events: int, runs: int, confidence: float = 0.95) -> float:
    """The upper confidence bound of the probability of an event that occurred in some of the runs.

    It is the one-sided Clopper-Pearson limit; without any event it is 1 - (1 - confidence)^(1 / runs), about
    3 / runs at 95 %.

    >>> round(upper_bound(0, 10_000), 6)
    0.0003
    """
    events, runs = integer(events, "events"), integer(runs, "runs")
    if not 0 <= events <= runs or runs < 1:
        raise InvalidError(f"events must be between 0 and runs, and runs at least 1, not {events} of {runs}")
    confidence = confidence_of(confidence, "confidence")
    if events == runs:
        return 1.0
    if events == 0:
        return float(1.0 - (1.0 - confidence) ** (1.0 / runs))
    from scipy.stats import beta

    return float(beta.ppf(confidence, events + 1, runs - events))


def share(events: int, runs: int, confidence: float = 0.95, worth: float | None = None) -> Estimate:
    """A share with its Clopper-Pearson interval, whose coverage is at least the confidence.

    Without any event there is an upper bound instead of zero, the one-sided `upper_bound`: see the note.
    `worth` is the effective number of dependent runs, which may be a fraction (Korn and Graubard 1998).
    """
    if runs == 0:
        return NOTHING
    worth, part = float(runs) if worth is None else worth, events / runs
    if events in (0, runs):
        bound = none_of(worth, confidence)
        low, high = (0.0, bound) if events == 0 else (1 - bound, 1.0)
        note = f"{'none' if events == 0 else 'all'} of {runs_in_words(runs)}"
        return Estimate(part, low, high, note, unseen=events == 0, others=bound)
    low, high = limits_of_share(part, worth, confidence)
    return Estimate(part, float(low), float(high))


def limits_of_share(part: Any, worth: Any, confidence: float) -> tuple[Array, Array]:
    """The two-sided limits of shares of `worth` independent runs, which may be a fraction; also for arrays.

    They are NaN where `worth` is.
    """
    import numpy as np
    from scipy.special import betaincinv

    tail, part, worth = (1 - confidence) / 2, np.asarray(part, float), np.asarray(worth, float)
    ups, downs = part * worth, (1 - part) * worth
    low = np.where(part > 0, betaincinv(np.where(part > 0, ups, 1.0), downs + 1, tail), 0 * worth)
    high = np.where(part < 1, betaincinv(ups + 1, np.where(part < 1, downs, 1.0), 1 - tail), 1 + 0 * worth)
    return np.minimum(low, part), np.maximum(high, part)


def limits_of_quantile(q: float, worth: float, confidence: float) -> tuple[float, float]:
    """The shares of a sample between which a quantile lies (Woodruff 1952); NaN if it is too small."""
    tail = (1 - confidence) / 2
    low, high = limits_of_share(q, worth, confidence)
    return (
        float(low) if (1 - q) ** worth < tail else math.nan,
        float(high) if q**worth < tail else math.nan,
    )


def worth_of(runs: float, dependence: float, clusters: int, confidence: float) -> float:
    """The effective number of independent runs, if runs of a cluster depend on each other.

    It is the number of runs divided by the design effect, and by the squared ratio of Student's quantile and
    the normal one, since few clusters estimate the effect poorly (Korn and Graubard 1998).
    """
    if clusters >= runs:
        return float(runs)
    from scipy import stats

    rank = (1 + confidence) / 2
    tighter = float(stats.norm.ppf(rank) / stats.t.ppf(rank, clusters - 1)) ** 2 if rank > 0.5 else 1.0
    return max(1.0, runs / dependence * tighter)


def none_of(runs: Any, confidence: float) -> Any:
    """The upper bound of a share that was 0 in `runs` runs, which may be a fraction; also for arrays.

    It is `upper_bound(0, runs)`, about 3 / runs at 95 %: the rule of three.
    """
    return 1.0 - (1.0 - confidence) ** (1.0 / runs)
