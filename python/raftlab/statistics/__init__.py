"""Statistics of runs: numbers with intervals, and durations that were not over when a run ended.

`Estimate` is a number with its interval. `Sample` has the values of one metric in many runs, its
right-censored durations, and the numbers of runs without a value. `Curve` is its distribution. The intervals
and their measured coverage are described in docs/statistics.md.
"""

from .._boundary import guard
from .curve import Curve
from .estimate import NOTHING, Estimate, as_columns, as_numbers, digits, percent, runs_in_words
from .mean import limits_of_mean, varies
from .sample import NOT_ARMED, STOPPED, Sample
from .share import limits_of_quantile, limits_of_share, none_of, share, upper_bound

__all__ = [
    "NOTHING",
    "NOT_ARMED",
    "STOPPED",
    "Curve",
    "Estimate",
    "Sample",
    "as_columns",
    "as_numbers",
    "digits",
    "limits_of_mean",
    "limits_of_quantile",
    "limits_of_share",
    "none_of",
    "percent",
    "runs_in_words",
    "share",
    "upper_bound",
    "varies",
]

guard(__name__)
