"""How many seeds it takes for intervals that are narrow enough."""

from __future__ import annotations

import math
from collections.abc import Iterable

from .._arguments import U64, confidence, instance, is_number, number
from ..errors import InvalidError, shown
from ..statistics import Sample, runs_in_words, varies
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
    ci: float = 0.95,
    by: str | Iterable[str] | None = None,
) -> int:
    """How many seeds each point needs so that intervals are no wider than wanted.

    From a pilot: the half-width of an interval falls with the square root of the number of runs. If a share
    was 0 in the pilot, it is the number of runs of which none may meet the event for the bound to be as low.
    Runs that failed or had no such event cost seeds, too: as many of them as in the pilot are allowed for.
    Where ties leave the interval of a quantile no width, the pilot is as small as is known to do.

    Parameters
    ----------
    pilot : Sweep
        Some runs; of several points the one that needs most counts.
    metric : str
        A column of numbers or flags, `"violation"`, or a question such as `"ending=stop"`.
    precision : float or str
        The half-width wanted: in the unit of the metric, or a share of the estimate such as `"5%"`.
    statistic : str, default "mean"
        `"mean"`, or a quantile such as `"p50"` and `"p99.9"`. Of what is yes or no always the share.
    ci : float, default 0.95
        The confidence of the interval.
    by : str or list of str, optional
        Parameters of the grid, if points that differ in others will be taken together; all if not given.

    Returns
    -------
    int
        As `sweep(seeds=)` takes it.

    Raises
    ------
    InvalidError
        If an argument makes no sense; if the pilot does not tell: it was not checked, nothing was over, or
        all of its runs say the same; or if there are not as many seeds as it would take.

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
    ci = confidence(ci, "ci")
    quantile = quantile_of(statistic)
    metrics_of(pilot, instance(metric, str, "metric"))
    observed, needed = Observed.of(pilot, metric), 1
    for _, rows in groups(pilot, by):
        sample = observed.sample(rows)
        estimate = sample.estimate(quantile, ci)
        seeds = len(np.unique(observed.seed[rows]))
        if sample.flags and sample.events in (0, sample.n) and sample.n:
            width = wanted(precision, 1.0 if sample.events else 0.0)
            bound = math.log(1 - ci) / math.log1p(-min(width, 1 - 1e-12))
            needed = max(needed, math.ceil(bound * len(rows) / sample.n))
            continue
        if math.isnan(estimate.half_width) or not math.isnan(estimate.others):
            raise InvalidError(f"pilot: its {runs_in_words(len(rows))} {no_ground(sample, statistic)}")
        ratio = estimate.half_width / wanted(precision, estimate.value)
        needed = max(needed, seeds if ratio == 0.0 else math.ceil(seeds * ratio**2))
    if needed > U64:
        raise InvalidError(
            f"precision {shown(precision)} of '{metric}' would take {float(needed):.2g} seeds, and there are "
            "2^64; ask for less"
        )
    return needed


def wanted(precision: float | str, value: float) -> float:
    """The half-width that is wanted."""
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
    """Why a pilot does not tell how many seeds it takes."""
    if sample.why:
        return f"say nothing of '{sample.name}': {sample.why}"
    if len(sample.censored) and not len(sample.values):
        return f"all ended before '{sample.name}' was over; let them last longer"
    if math.inf in abs(sample.values):
        return f"say infinity of '{sample.name}' now and then, which has no mean"
    if sample.n > 1 and not len(sample.censored) and not varies(sample.values):
        return f"all say the same of '{sample.name}', and so nothing of its spread; make it larger"
    return f"do not bound {statistic} of '{sample.name}'; make it larger"
