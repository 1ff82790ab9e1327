"""Sweeps in numbers: summaries, comparisons, how many seeds are needed."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._arguments import choice, instance, items, number
from ..discovery import CENSORED_BY
from ..errors import InvalidError, shown
from ..statistics import Estimate, Sample, as_numbers, share
from ..tables import _need

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from .result import Sweep

__all__ = ["Comparison", "compare", "required_seeds"]

NOT_METRICS = ("seed", "ending", "end_ms", "rules", "error", "digest")
VIOLATION = "violation"


def groups(
    result: Sweep, by: str | Iterable[str] | None
) -> list[tuple[dict[str, Any], np.ndarray[Any, Any]]]:
    """The rows of a sweep by values of some parameters, in the order in which they first come."""
    import numpy as np

    names = list(result.parameters) if by is None else [by] if isinstance(by, str) else items(by, "by")
    for name in names:
        if name not in result.parameters:
            known = ", ".join(result.parameters) or "none: it is a sweep of one scenario"
            raise InvalidError(f"by: unknown parameter {shown(name)}; the grid has {known}")
    columns = [result[name] for name in names]
    found: dict[tuple[Any, ...], np.ndarray[Any, Any]] = {}
    for point in result.points:
        cells = tuple(cell_of(column, point[name]) for name, column in zip(names, columns, strict=True))
        if cells in found:
            continue
        mask = np.ones(len(result), dtype=bool)
        for column, cell in zip(columns, cells, strict=True):
            mask &= column == cell
        found[cells] = np.flatnonzero(mask)
    return [(dict(zip(names, cells, strict=True)), rows) for cells, rows in found.items()]


def cell_of(column: np.ndarray[Any, Any], value: Any) -> Any:
    """A value of the grid as it stands in its column."""
    if column.dtype == object:
        return str(value)
    return column.dtype.type(value).item()


def metrics_of(result: Sweep, metrics: str | Iterable[str] | None) -> list[str]:
    """Metrics by name, or all numbers that are there."""
    numbers = [
        name
        for name, kind, _, _ in result.runs.columns
        if name not in (*NOT_METRICS, *result.parameters) and not kind.startswith(("utf8", "dict"))
    ]
    if metrics is None:
        partners = set(CENSORED_BY.values())
        return [name for name in numbers if name not in partners and name != "violations"]
    listed = [metrics] if isinstance(metrics, str) else items(metrics, "metrics")
    for name in listed:
        if name not in (*numbers, VIOLATION, "end_ms"):
            raise InvalidError(f"unknown metric {shown(name)}; this sweep has {', '.join(numbers)}")
    return listed


def sample_of(result: Sweep, metric: str, rows: np.ndarray[Any, Any]) -> Sample:
    """What some rows say of a metric. Failed runs say nothing."""
    columns = {metric: as_numbers(metric, result[metric])[rows]}
    by = CENSORED_BY.get(metric)
    if by is not None and by in {name for name, *_ in result.runs.columns}:
        columns[by] = result[by][rows]
    return Sample.of(metric, columns)


def summary(
    result: Sweep,
    by: str | Iterable[str] | None,
    metrics: str | Iterable[str] | None,
    ci: float,
    quantiles: Sequence[float],
) -> pd.DataFrame:
    """See `Sweep.summary`."""
    _need("pandas", "summary")
    _need("scipy", "summary")
    import pandas

    ci = number(ci, "ci", "between 0 and 1", 0, 1)
    shares = [number(q, "quantiles", "between 0 and 1", 0, 1) for q in items(quantiles, "quantiles")]
    wanted = metrics_of(result, metrics)
    rows = []
    for point, at in groups(result, by):
        for metric in wanted:
            if metric != VIOLATION:
                rows.append(
                    point | {"metric": metric} | of_numbers(sample_of(result, metric, at), ci, shares)
                )
        if metrics is None or VIOLATION in wanted:
            rows.append(point | {"metric": VIOLATION} | of_violations(result, at, ci))
    frame = pandas.DataFrame(rows)
    return frame.set_index([*dict(groups(result, by)[0][0]), "metric"])


def of_numbers(sample: Sample, ci: float, shares: Sequence[float]) -> dict[str, Any]:
    """A metric in numbers."""
    mean = sample.mean(ci)
    found = {"n": sample.n, "censored": len(sample.censored), **named("mean", mean)}
    notes = [mean.note]
    for q in shares:
        estimate = sample.quantile(q, ci)
        found |= named(f"p{100 * q:.6g}", estimate)
        notes.append(estimate.note)
    if sample.without:
        notes.append(f"{sample.without:,} runs have none")
    return found | {"note": "; ".join(dict.fromkeys(note for note in notes if note))}


def of_violations(result: Sweep, rows: np.ndarray[Any, Any], ci: float) -> dict[str, Any]:
    """The share of the runs that violated a rule."""
    counts = as_numbers("violations", result["violations"])[rows]
    counts = counts[[error is None for error in result["error"][rows]]]
    estimate = share(int((counts > 0).sum()), len(counts), ci)
    failed = len(rows) - len(counts)
    notes = [estimate.note, f"{failed:,} runs failed" if failed else ""]
    found = {"n": len(counts), "censored": 0, **named("mean", estimate)}
    return found | {"note": "; ".join(note for note in notes if note)}


def named(name: str, estimate: Estimate) -> dict[str, float]:
    """An estimate as columns."""
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


@dataclass(frozen=True)
class Comparison:
    """Two points compared, run by run of the same seed.

    Attributes
    ----------
    metric : str
        What is compared.
    pairs : int
        How many seeds have a value at both.
    excluded : int
        How many have not: a run that failed, or a duration that was not over at one of them. What is said
        holds for the pairs.
    mean_a, mean_b : float
        The means of the pairs.
    difference, low, high : float
        The mean of b - a, and its interval (paired t).
    effect : float
        The difference in standard deviations of the differences (Cohen's d_z).
    b_is_greater : float
        The share of the pairs in which b is greater; ties count half.
    correlation : float
        Between a and b: what common random numbers achieved. Once histories diverge it falls to 0.
    unpaired_low, unpaired_high : float
        The interval that as many runs with luck of their own would have given (Welch).
    p_value : float
        Of no difference: Wilcoxon's signed ranks; for what is 0 or 1 the exact sign test (McNemar).
    """

    metric: str
    pairs: int
    excluded: int
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
    p_value: float
    confidence: float

    @property
    def gain(self) -> float:
        """As many times fewer runs are needed as without pairing: the ratio of the variances."""
        paired, unpaired = self.high - self.low, self.unpaired_high - self.unpaired_low
        return math.inf if paired == 0 else (unpaired / paired) ** 2

    def __repr__(self) -> str:
        text = (
            f"<comparison: {self.metric}: b - a = {self.difference:.4g} "
            f"({self.low:.4g} to {self.high:.4g}, {self.confidence:.0%}), {self.pairs:,} pairs, "
            f"effect {self.effect:.2g}, correlation {self.correlation:.2g}, p = {self.p_value:.2g}"
        )
        return text + (f", {self.excluded:,} pairs excluded>" if self.excluded else ">")

    def _repr_html_(self) -> str:
        rows = {
            "a": f"{self.mean_a:.4g}",
            "b": f"{self.mean_b:.4g}",
            "b - a": f"{self.difference:.4g} ({self.low:.4g} to {self.high:.4g})",
            "unpaired": f"({self.unpaired_low:.4g} to {self.unpaired_high:.4g})",
            "b is greater": f"{self.b_is_greater:.1%}",
            "effect (d_z)": f"{self.effect:.3g}",
            "correlation": f"{self.correlation:.3g}",
            "p": f"{self.p_value:.3g}",
            "pairs": f"{self.pairs:,}, {self.excluded:,} excluded",
        }
        cells = "".join(
            f"<tr><td>{html.escape(k)}</td><td>{html.escape(v)}</td></tr>" for k, v in rows.items()
        )
        return f"<table><tr><th colspan=2>{html.escape(self.metric)}</th></tr>{cells}</table>"


def compare(a: Sweep, b: Sweep, metric: str, *, ci: float = 0.95) -> Comparison:
    """Compares two sweeps of one point each, run by run of the same seed.

    Common random numbers make pairs of runs alike but for what was changed: the difference is known more
    precisely than two means are. How much more, `correlation` and `gain` tell.

    Parameters
    ----------
    a, b : Sweep
        Of one point each: `result.at(timeout=50)`.
    metric : str
        A column of numbers, or `"violation"`: whether a run violated a rule.
    ci : float, default 0.95
        The confidence of the intervals.

    Returns
    -------
    Comparison

    Raises
    ------
    InvalidError
        If there is no such metric, a sweep has several points, or no seed is in both.

    Examples
    --------
    >>> import raftlab as rl
    >>> def failover(timeout):
    ...     return rl.Scenario(5, election_timeout=(timeout, 2 * timeout),
    ...                        faults=[rl.Crash("leader", at="1s")], stop=rl.leader_elected)
    >>> result = rl.sweep(failover, {"timeout": [100, 150]}, seeds=500)
    >>> both = rl.compare(result.at(timeout=100), result.at(timeout=150), "downtime_ms")
    >>> both.low < both.difference < both.high, both.b_is_greater > 0.6
    (True, True)
    """
    _need("scipy", "compare")
    import numpy as np
    from scipy import stats

    from .result import Sweep

    ci = number(ci, "ci", "between 0 and 1", 0, 1)
    columns = []
    for name, side in (("a", a), ("b", b)):
        instance(side, Sweep, name)
        if len(side.points) != 1:
            raise InvalidError(f"{name} must be a sweep of one point, not of {len(side.points)}: use at()")
        columns.append(dict(zip(side["seed"].tolist(), column_of(side, metric), strict=True)))
    seeds = [seed for seed in columns[0] if seed in columns[1]]
    if not seeds:
        raise InvalidError("a and b have no seed in common; sweep them with common_random_numbers=True")
    x, y = (np.array([column[seed] for seed in seeds]) for column in columns)
    both = ~(np.isnan(x) | np.isnan(y))
    x, y = x[both], y[both]
    if len(x) < 2:
        raise InvalidError(f"metric '{metric}': fewer than two seeds have a value at both a and b")
    d = y - x
    mean, error = float(d.mean()), float(stats.sem(d))
    width = float(stats.t.ppf((1 + ci) / 2, len(d) - 1)) * error
    welch = stats.ttest_ind(y, x, equal_var=False).confidence_interval(ci) if x.std() + y.std() > 0 else None
    spread = float(d.std(ddof=1))
    return Comparison(
        metric=metric,
        pairs=len(d),
        excluded=int(len(seeds) - len(d)),
        mean_a=float(x.mean()),
        mean_b=float(y.mean()),
        difference=mean,
        low=mean - width,
        high=mean + width,
        effect=mean / spread if spread else math.copysign(math.inf, mean) if mean else 0.0,
        b_is_greater=float((d > 0).mean() + (d == 0).mean() / 2),
        correlation=float(np.corrcoef(x, y)[0, 1]) if x.std() and y.std() else math.nan,
        unpaired_low=float(welch.low) if welch else mean,
        unpaired_high=float(welch.high) if welch else mean,
        p_value=p_value(d),
        confidence=ci,
    )


def column_of(side: Sweep, metric: str) -> np.ndarray[Any, Any]:
    """A metric of each row; NaN where there is none."""
    import numpy as np

    if metric == VIOLATION:
        failed = np.array([error is not None for error in side["error"]])
        return np.where(failed, math.nan, as_numbers("violations", side["violations"]) > 0)
    metrics_of(side, instance(metric, str, "metric"))
    return as_numbers(metric, side[metric])


def p_value(d: np.ndarray[Any, Any]) -> float:
    """Of no difference."""
    import numpy as np
    from scipy import stats

    if not d.any():
        return 1.0
    if set(np.unique(d)) <= {-1.0, 0.0, 1.0}:
        return float(stats.binomtest(int((d > 0).sum()), int((d != 0).sum())).pvalue)
    return float(stats.wilcoxon(d).pvalue)


def required_seeds(
    pilot: Sweep, metric: str, precision: float | str, *, statistic: str = "mean", ci: float = 0.95
) -> int:
    """How many seeds each point needs so that intervals are no wider than wanted.

    From a pilot: the half-width of an interval falls with the square root of the number of runs. If a share
    was 0 in the pilot, it is the number of runs of which none may meet the event for the bound to be as low.

    Parameters
    ----------
    pilot : Sweep
        Some runs; of several points the one that needs most counts.
    metric : str
        A column of numbers, or `"violation"`.
    precision : float or str
        The half-width wanted: in the unit of the metric, or a share of the estimate such as `"5%"`.
    statistic : str, default "mean"
        `"mean"`, or a quantile such as `"p50"` and `"p99.9"`.
    ci : float, default 0.95
        The confidence of the interval.

    Returns
    -------
    int

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
    from .result import Sweep

    instance(pilot, Sweep, "pilot")
    ci = number(ci, "ci", "between 0 and 1", 0, 1)
    quantile = quantile_of(statistic)
    metrics_of(pilot, metric)
    needed = 1
    for _, rows in groups(pilot, None):
        if metric == VIOLATION:
            counts = as_numbers("violations", pilot["violations"])[rows]
            events, n = int((counts > 0).sum()), len(counts)
            if events in (0, n):
                width = wanted(precision, 1.0 if events else 0.0)
                needed = max(needed, math.ceil(math.log(1 - ci) / math.log1p(-min(width, 1 - 1e-12))))
                continue
            estimate = share(events, n, ci)
        else:
            sample = sample_of(pilot, metric, rows)
            n = sample.n
            estimate = sample.mean(ci) if quantile is None else sample.quantile(quantile, ci)
        if math.isnan(estimate.half_width):
            raise InvalidError(
                f"pilot: its {n:,} runs do not bound {statistic} of '{metric}'; make it larger"
            )
        ratio = estimate.half_width / wanted(precision, estimate.value)
        needed = max(needed, math.ceil(n * ratio**2))
    return needed


def wanted(precision: float | str, value: float) -> float:
    """The half-width that is wanted."""
    accepted = "a number above 0, or a share such as '5%'"
    if isinstance(precision, str):
        if not precision.endswith("%") or not _is_number(precision[:-1]):
            raise InvalidError(f"precision must be {accepted}, not {shown(precision)}")
        if value == 0:
            raise InvalidError("precision: a share of an estimate of 0 is 0; give a number")
        return wanted(float(precision[:-1]) / 100, value) * abs(value)
    found = number(precision, "precision", accepted, 0, math.inf)
    if found == 0:
        raise InvalidError(f"precision must be {accepted}, not {shown(precision)}")
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def quantile_of(statistic: str) -> float | None:
    """The share of a quantile such as "p99.9"; nothing for the mean."""
    if isinstance(statistic, str) and statistic.startswith("p") and _is_number(statistic[1:]):
        percent = float(statistic[1:])
        if 0 < percent < 100:
            return percent / 100
    choice(statistic, "statistic", ("mean", "p50", "p99"))
    return None if statistic == "mean" else float(statistic[1:]) / 100
