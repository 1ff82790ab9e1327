"""Comparison of two points of a grid, run by run with the same seed."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._arguments import confidence as confidence_of
from .._arguments import instance
from .._boundary import shows_how
from .._time import Duration, to_ms
from .._values import Guarded, call, code
from ..errors import InvalidError, shown
from ..statistics import NOT_ARMED, STOPPED, none_of, percent, varies
from ..tables import _need
from .grid import same
from .observed import metrics_of
from .overview import leading
from .pairs import UNKNOWN, Pairs, correlation, of_means, of_medians, of_shares
from .result import Sweep

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison(metaclass=Guarded):
    """A comparison of two points, run by run with the same seed.

    Attributes
    ----------
    metric : str
        The metric.
    pairs : int
        The number of seeds with a value at both points.
    excluded : int
        The number of seeds without: a run failed, or had no such event. They are not part of the results.
    censored : int
        The number of pairs in which a duration was censored. They count: see `compare`.
    horizon : float
        With censored pairs, the time up to which durations are compared, in milliseconds; otherwise
        infinity.
    mean_a, mean_b : float
        The means of the pairs.
    difference, low, high : float
        The mean of b - a, and its interval.
    effect : float
        The difference in standard deviations of the differences (Cohen's d_z).
    b_is_greater : float
        The share of the pairs in which b is greater. Ties count half; censored pairs count if they can be
        ordered.
    correlation : float
        The correlation of a and b, achieved by common random numbers. It falls to 0 as histories diverge.
    unpaired_low, unpaired_high, unpaired_p_value : float
        The result if the runs are treated as independent.
    p_value : float
        The p-value of no difference.
    test : str
        The test that gives the p-value.
    confidence : float
        The confidence of the intervals.
    note : str
        A remark, such as the reason for limits that are NaN.
    what : str
        The subtraction: `"pre_vote True − False"` if only that parameter differs.
    name_a, name_b : str
        The points in words: `"pre_vote False"` and `"pre_vote True"`; `"a"` and `"b"` if they do not differ.
    median_difference, median_low, median_high : float
        The median of b minus that of a, and in small tables its interval by the bootstrap: see `compare`.
    """

    metric: str
    pairs: int
    excluded: int
    censored: int
    horizon: float
    mean_a: float
    mean_b: float
    difference: float
    low: float
    high: float
    effect: float
    b_is_greater: float
    correlation: float
    unpaired_low: float
    unpaired_high: float
    unpaired_p_value: float
    p_value: float
    test: str
    confidence: float
    note: str = ""
    what: str = "b − a"
    name_a: str = "a"
    name_b: str = "b"
    median_difference: float = math.nan
    median_low: float = math.nan
    median_high: float = math.nan

    @property
    def gain(self) -> float:
        """The factor by which pairing reduces the number of runs needed: the ratio of the variances."""
        paired, unpaired = self.high - self.low, self.unpaired_high - self.unpaired_low
        return (unpaired / paired) ** 2 if paired else math.nan

    def __repr__(self) -> str:
        interval = f"{span(self.low, self.high)}, {percent(self.confidence)}"
        text = (
            f"<comparison: {self.metric}{self._limit}: {self.what} = {self.difference:.4g} "
            f"({interval}; unpaired {span(self.unpaired_low, self.unpaired_high)}), {self.pairs:,} pairs, "
            f"effect {self.effect:.2g}, correlation {self.correlation:.2g}, p {p_in_words(self.p_value, 2)}"
        )
        text += f", {self.censored:,} pairs censored" if self.censored else ""
        text += f", {self.excluded:,} pairs excluded" if self.excluded else ""
        return text + (f"; {self.note}>" if self.note else ">")

    @property
    def _limit(self) -> str:
        return "" if math.isinf(self.horizon) else f" up to {self.horizon:,.6g} ms"

    def _repr_html_(self) -> str:
        unpaired = p_in_words(self.unpaired_p_value, 3)
        medians = f"{self.median_difference:.4g} ({span(self.median_low, self.median_high)})"
        rows = {
            f"mean, {self.name_a}": f"{self.mean_a:.4g}",
            f"mean, {self.name_b}": f"{self.mean_b:.4g}",
            self.what: f"{self.difference:.4g} ({span(self.low, self.high)})",
            f"medians, {self.what}": medians,
            "unpaired": f"{span(self.unpaired_low, self.unpaired_high)}; p {unpaired}",
            f"{self.name_b} is greater": f"{100 * self.b_is_greater:.1f} %",
            "effect (d_z)": f"{self.effect:.3g}",
            "correlation": f"{self.correlation:.3g}, worth {self.gain:.3g} times the runs",
            "p": f"{p_in_words(self.p_value, 3).removeprefix('= ')} ({self.test})",
            "pairs": f"{self.pairs:,}; {self.censored:,} censored; {self.excluded:,} more excluded",
        }
        if self.note:
            rows["note"] = self.note
        cells = "".join(
            f"<tr><td>{html.escape(k)}</td><td>{html.escape(v)}</td></tr>" for k, v in rows.items()
        )
        head = html.escape(f"{self.metric}{self._limit}")
        return f"<table><tr><th colspan=2>{head}</th></tr>{cells}</table>"


@shows_how(lambda *args, **named: right_call(*args, **named))
def compare(
    a: Sweep, b: Sweep, metric: str, *, confidence: float = 0.95, horizon: Duration | None = None
) -> Comparison:
    """Compares two sweeps of one point each, run by run with the same seed.

    With common random numbers, paired runs differ only by what was changed, so the difference is known more
    precisely than that of two independent means. `correlation` and `gain` show how much.

    Parameters
    ----------
    a, b : Sweep
        Sweeps of one point each, such as `result.where(timeout=50)`.
    metric : str
        A column of numbers or flags, `"violation"`, or a question such as `"ending=stop"`.
    confidence : float, default 0.95
        The confidence of the intervals.
    horizon : time, optional
        The time up to which durations count; the difference is then one of restricted means. By default, if
        some are censored, the time up to which at least ten runs of either side were observed.

    Returns
    -------
    Comparison

    Raises
    ------
    InvalidError
        If the metric is unknown or infinite in a run, a sweep has several points, or no seed is in both.

    Notes
    -----
    For numbers, the interval is that of the mean difference, as in `Sweep.summary`, and the p-value is that
    of Wilcoxon's signed-rank test; unpaired, both are Welch's. The interval covers the mean difference, while
    the p-value tests whether differences are symmetric about 0. If few differences are large and many are
    small, the two can disagree, and both are right.

    If all pairs differ by the same amount, there is no spread to compute an interval from: the limits are
    NaN, and `note` bounds the share of pairs that may differ otherwise. A p-value is at least 2^(1 - n), the
    least that signs alone can give. If all durations are censored on both sides, all results are NaN.

    The interval of the difference of medians has no formula. In tables of 10 to 1,000 pairs without censored
    ones it is a percentile bootstrap: the pairs are resampled 1,999 times, always with the same random draws
    (BCa needs a smooth statistic). It is NaN if it has no width, as with ties of counts, and for larger
    tables, where it would take long: use the intervals of the medians in `Sweep.summary` there.

    If some runs stopped at the violation of another property, so that this one is unknown, there is no
    interval and no p-value.

    For yes/no metrics, the interval is that of Agresti and Min (2005), which has a width even if no pair
    differs, with McNemar's exact test; unpaired, that of Agresti and Caffo (2000), with Fisher's exact test.

    Leaving out censored durations would leave out the longest ones. Instead, each run counts with its
    pseudo-value of the restricted mean (`statistics.Sample.pseudo_values`), paired by seed; interval and
    p-value are those of the mean of these. As with Kaplan and Meier, the reason for which a run ended must
    not depend on how long the duration would have been.

    Examples
    --------
    >>> import raftlab as rl
    >>> def failover(timeout):
    ...     return rl.Scenario(5, election_timeout=(timeout, 2 * timeout),
    ...                        faults=[rl.Crash("leader", at="1s")], stop=rl.leader_elected)
    >>> result = rl.sweep(failover, {"timeout": [100, 150]}, seeds=500)
    >>> both = rl.compare(result.where(timeout=100), result.where(timeout=150), "downtime_ms")
    >>> both.low < both.difference < both.high, both.b_is_greater > 0.6
    (True, True)
    """
    _need("scipy", "compare")
    confidence = confidence_of(confidence, "confidence")
    end = math.inf if horizon is None else to_ms(horizon, "horizon")
    advice = right_call(instance(a, Sweep, "a"), b, metric)
    if advice and not isinstance(b, Sweep):
        raise InvalidError(f"b must be of type Sweep, not {shown(b)}{advice}")
    pairs = Pairs.of(a, instance(b, Sweep, "b"), metric, advice)
    if len(pairs.x) < 2:
        why = pairs.why or INSTEAD.get(metric, "")
        said = f"metric '{metric}': fewer than two seeds have a value at both a and b"
        raise InvalidError(f"{said} ({why})" if why else said)
    if math.inf in (abs(pairs.x).max(), abs(pairs.y).max()):
        raise InvalidError(f"metric '{metric}' is infinite in some runs, so it has no mean to compare")
    if horizon is not None and (pairs.flags or not metric.endswith("_ms")):
        raise InvalidError(f"horizon is for durations, and '{metric}' is not one")
    x, y = pairs.x, pairs.y
    if pairs.censored:
        sides = [pairs.sample(0), pairs.sample(1)]
        longest = min(side.horizon for side in sides)
        if math.inf > end > longest:
            raise InvalidError(
                f"horizon must be at most {longest:,.6g} ms, the time that both were observed, "
                f"not {shown(horizon)}"
            )
        end = min(end, longest if horizon is not None else min(side.watched for side in sides))
    if not pairs.flags:
        x, y = pairs.contributions(0, end), pairs.contributions(1, end)
    d, n = y - x, len(x)
    if pairs.nothing_over:
        paired, unpaired, mean, spread = UNKNOWN, UNKNOWN, math.nan, 0.0
        note = f"no duration was over before {end:,.6g} ms on either side"
    elif pairs.unknown:
        paired, unpaired, mean, spread = UNKNOWN, UNKNOWN, float(d.mean()), 0.0
        why = NOT_ARMED if metric == "ending=stop" else STOPPED
        note = f"no interval: {pairs.unknown:,} more pairs are unknown, {why}"
    else:
        paired, unpaired = (of_shares if pairs.flags else of_means)(x, y, confidence, bool(pairs.censored))
        mean, spread = float(d.mean()), float(d.std(ddof=1)) if varies(d, x) else 0.0
        alike = math.isnan(paired.low)
        note = (
            f"all pairs differ by {mean:.4g}; P(other) < {none_of(n, confidence):.2g} ({percent(confidence)})"
            if alike
            else ""
        )
    medians = of_medians(pairs, confidence)
    return Comparison(
        metric=metric,
        pairs=n,
        excluded=pairs.excluded,
        censored=pairs.censored,
        horizon=end,
        mean_a=math.nan if pairs.nothing_over else float(x.mean()),
        mean_b=math.nan if pairs.nothing_over else float(y.mean()),
        difference=mean,
        low=paired.low,
        high=paired.high,
        effect=mean / spread if spread else math.nan,
        b_is_greater=pairs.greater,
        correlation=correlation(x, y),
        unpaired_low=unpaired.low,
        unpaired_high=unpaired.high,
        unpaired_p_value=unpaired.p_value,
        p_value=paired.p_value,
        test=paired.test,
        confidence=confidence,
        note=note,
        median_difference=medians.value,
        median_low=medians.low,
        median_high=medians.high,
        **in_words(a.points[0], b.points[0]),
    )


def in_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """The subtraction and its sides in words, with the values of the parameters that differ."""
    differ = [name for name in before if name in after and not same(before[name], after[name])]
    if before.keys() != after.keys() or not differ:
        return {}
    first, second = (", ".join(f"{name} {point[name]}" for name in differ) for point in (before, after))
    what = f"{second} − {before[differ[0]]}" if len(differ) == 1 else f"({second}) − ({first})"
    return {"what": what, "name_a": first, "name_b": second}


def right_call(a: object = None, b: object = None, metric: object = None, **_: object) -> str:
    """The advice for a call that gives one sweep of a grid: the call that compares two of its points."""
    if not isinstance(a, Sweep) or not a.parameters:
        return ""
    name = b if isinstance(b, str) and b in a.parameters else a.parameters[0]
    first = a.points[0]
    second = next((point for point in a.points if not same(point[name], first[name])), None)
    if second is None:
        return ""
    asked = (word for word in (metric, b, "unavailable_ms") if word != name and _is_metric(a, word))
    metric = next(asked, None) or leading(a)
    if metric is None:
        return ""
    sides = ", ".join(_where(first | {name: point[name]}) for point in (first, second))
    return f"; write raftlab.compare({sides}, {metric!r})"


def _is_metric(result: Sweep, word: object) -> bool:
    try:
        return isinstance(word, str) and bool(metrics_of(result, word))
    except InvalidError:
        return False


def _where(point: Mapping[str, Any]) -> str:
    """The call that takes one point of a grid."""
    if all(map(str.isidentifier, point)):
        return call("result.where", (), point)
    return f"result.where(**{code(dict(point))})"


INSTEAD = {
    "downtime_ms": "no leader with a quorum was lost there; 'unavailable_ms' is the time without one in "
    "every run",
    "downtime_open_ms": "'downtime_ms' includes it as censored",
    "last_elected_ms": "no leader was elected there; 'time_to_leader_ms' includes that as censored",
}
"""The reason for which a metric may have no value in a run, and the metric to use instead."""


SMALLEST_P = 1e-300
"""The least p-value that is shown as a number; below it numbers lose their digits, and then become 0."""


def p_in_words(value: float, digits: int) -> str:
    """A p-value with its relation: "= 0.012", or "< 1e-300", for no p-value is 0."""
    return f"< {SMALLEST_P:g}" if value < SMALLEST_P else f"= {value:.{digits}g}"


def span(low: float, high: float, digits: int = 4) -> str:
    """An interval in words."""
    if math.isnan(low) and math.isnan(high):
        return "no interval"
    return f"{low:.{digits}g} to {high:.{digits}g}"
