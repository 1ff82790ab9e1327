"""Statistics of runs."""

from __future__ import annotations

from ._arguments import integer, number
from .errors import InvalidError

__all__ = ["upper_bound"]


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
