"""Sweeps in numbers: summaries, comparisons, how many seeds are needed."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._arguments import U64, instance, items, number
from .._time import Duration, to_ms
from ..discovery import CENSORED_BY, properties
from ..discovery import metrics as catalogue
from ..errors import InvalidError, shown
from ..statistics import NOTHING, Estimate, Sample, as_numbers, none_of, percent, runs_in_words, varies
from ..tables import _need

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from .result import Sweep

__all__ = ["Comparison", "compare", "required_seeds"]

NOT_METRICS = ("seed", "ending", "end_ms", "rules", "error", "digest")
VIOLATION = "violation"
ASKED = ("ending", "rules")
"""Columns of which can be asked whether they say something: `"ending=stop"`, `"rules=election_safety"`."""
CHECKED = {
    *(VIOLATION, "violations", "lost_writes", "ending=violation"),
    *(row["metric"] for row in catalogue if row["group"] == "violations_by_rule"),
}
"""What only the checks can tell, besides the questions about rules: without them it is not 0, but unknown."""
NOT_CHECKED = "not checked"


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
            mask &= (column != column) if cell is math.nan else (column == cell)
        found[cells] = np.flatnonzero(mask)
    return [(dict(zip(names, cells, strict=True)), rows) for cells, rows in found.items()]


def cell_of(column: np.ndarray[Any, Any], value: Any) -> Any:
    """A value of the grid as it stands in its column."""
    if column.dtype == object:
        return str(value)
    cell = column.dtype.type(value).item()
    return cell if cell == cell else math.nan


def metrics_of(result: Sweep, metrics: str | Iterable[str] | None) -> list[str]:
    """Metrics by name, or all numbers that are there and all that violations and endings were."""
    numbers = [
        name
        for name, kind, _, _ in result.runs.columns
        if name not in (*NOT_METRICS, *result.parameters) and not kind.startswith(("utf8", "dict", "list"))
    ]
    if metrics is None:
        partners = set(CENSORED_BY.values())
        plain = [name for name in numbers if name not in partners and name != "violations"]
        endings = dict.fromkeys(cell for cell in result.runs.to_list("ending") if cell is not None)
        questions = [f"rules={rule}" for rule in result.rules] + [f"ending={ending}" for ending in endings]
        return [*plain, VIOLATION, *questions]
    listed = [metrics] if isinstance(metrics, str) else items(metrics, "metrics")
    for name in listed:
        if name not in (*numbers, VIOLATION, "end_ms") and not is_question(name):
            raise InvalidError(
                f"unknown metric {shown(name)}; this sweep has {', '.join(numbers)}, '{VIOLATION}', and "
                "questions such as 'ending=stop' and 'rules=election_safety'"
            )
    return listed


def is_question(name: Any) -> bool:
    """Whether it asks if a column says something. What it never says is refused: it would always be no."""
    column, asks, value = name.partition("=") if isinstance(name, str) else ("", "", "")
    if not asks or column not in ASKED:
        return False
    known = ENDINGS if column == "ending" else tuple(properties.names)
    if value not in known:
        raise InvalidError(f"metric {shown(name)}: '{column}' is one of {', '.join(known)}")
    return True


ENDINGS = ("stop", "horizon", "steps", "violation", "not_reached", "interceptor")


@dataclass(frozen=True)
class Observed:
    """What each row says of a metric. All arrays have a cell a row.

    Attributes
    ----------
    name : str
        The metric.
    flags, counts : bool
        Whether it is a yes or no; whether it counts something, from 0 on.
    why : str
        Why no row says anything, if that is so: the sweep was not checked.
    seed : array of int
        The seed.
    value, waited : array of float
        The value; and how long was waited in vain. NaN where there is none.
    failed : array of bool
        Whether the run, or this metric of one's own, failed and says nothing.
    """

    name: str
    flags: bool
    counts: bool
    why: str
    seed: np.ndarray[Any, Any]
    value: np.ndarray[Any, Any]
    waited: np.ndarray[Any, Any]
    failed: np.ndarray[Any, Any]

    @classmethod
    def of(cls, result: Sweep, metric: str) -> Observed:
        """Reads a metric off a sweep."""
        import numpy as np

        kinds = {name: kind for name, kind, *_ in result.runs.columns}
        flags = metric == VIOLATION or is_question(metric) or kinds[metric] == "boolean"
        counts = metric in catalogue.names and kinds[metric].startswith(("int", "uint"))
        waited, by = np.full(len(result), np.nan), CENSORED_BY.get(metric)
        if metric == VIOLATION:
            value = (as_numbers("violations", result["violations"]) > 0).astype(float)
        elif is_question(metric):
            column, _, wanted = metric.partition("=")
            said = result.runs.to_list(column)
            value = np.array([wanted in (cell or "").split(",") for cell in said], dtype=float)
        else:
            value = as_numbers(metric, result[metric])
        if by in kinds:
            waited = as_numbers(by, result[by])
        failed = result._failed
        if metric in dict(result._plan.own_metrics):  # it may fail where the run did not
            errors = result.runs.to_list("error")
            failed = failed | np.isnan(value) & np.array([error is not None for error in errors], dtype=bool)
        why = "" if result._plan.checks or not needs_checks(metric) else NOT_CHECKED
        silent = failed if not why else np.ones_like(failed)
        value, waited = np.where(silent, np.nan, value), np.where(silent, np.nan, waited)
        waited = np.where(np.isnan(value), waited, np.nan)
        return cls(metric, flags, counts, why, result["seed"], value, waited, failed)

    def sample(self, rows: np.ndarray[Any, Any] | None = None) -> Sample:
        """What some rows say, or all of them."""
        import numpy as np

        rows = np.arange(len(self.seed)) if rows is None else rows
        value, waited = self.value[rows], self.waited[rows]
        ended, vain = np.flatnonzero(~np.isnan(value)), np.flatnonzero(~np.isnan(waited))
        failed = int(self.failed[rows].sum())
        return Sample(
            self.name,
            value[ended],
            waited[vain],
            absent=len(rows) - len(ended) - len(vain) - failed,
            failed=failed,
            flags=self.flags,
            counts=self.counts,
            why=self.why,
            seeds=self.seed[rows][np.concatenate([ended, vain])],
        )


def needs_checks(metric: str) -> bool:
    """Whether only the checks can tell."""
    return metric in CHECKED or metric.startswith("rules=")


def sample_of(result: Sweep, metric: str, rows: np.ndarray[Any, Any] | None = None) -> Sample:
    """What some rows say of a metric, or all of them. Failed runs say nothing."""
    metrics_of(result, instance(metric, str, "metric"))
    return Observed.of(result, metric).sample(rows)


def samples_of(
    result: Sweep, metric: str, by: str | Iterable[str] | None
) -> list[tuple[dict[str, Any], Sample]]:
    """What the runs say of a metric, by values of some parameters."""
    metrics_of(result, instance(metric, str, "metric"))
    observed = Observed.of(result, metric)
    return [(point, observed.sample(rows)) for point, rows in groups(result, by)]


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
    by = by if by is None or isinstance(by, str) else items(by, "by")
    wanted = metrics_of(result, metrics)
    found = [
        [line(point, sample, ci, shares) for point, sample in samples_of(result, metric, by)]
        for metric in wanted
    ]
    frame = pandas.DataFrame([row for point in zip(*found, strict=True) for row in point])
    return frame.set_index([*groups(result, by)[0][0], "metric"])


def line(point: dict[str, Any], sample: Sample, ci: float, shares: Sequence[float]) -> dict[str, Any]:
    """A row of a summary."""
    mean = sample.estimate(None, ci)
    notes = [remark(mean, sample.flags, ci)]
    cells = point | {
        "metric": sample.name,
        "n": sample.n,
        "events": sample.events,
        "censored": len(sample.censored),
        "absent": sample.absent,
        "failed": sample.failed,
        **named("mean", mean),
    }
    for q in shares:
        estimate = NOTHING if sample.flags else sample.quantile(q, ci)
        cells |= named(f"p{100 * q:.6g}", estimate)
        notes.append(remark(estimate, sample.flags, ci))
    if sample.absent and not sample.why:
        notes.append(f"{runs_in_words(sample.absent)} {'has' if sample.absent == 1 else 'have'} none")
    if sample.failed:
        notes.append(f"{runs_in_words(sample.failed)} failed")
    return cells | {"note": "; ".join(dict.fromkeys(note for note in notes if note))}


def remark(estimate: Estimate, flags: bool, ci: float) -> str:
    """The note of an estimate, with the bound that holds where all runs say the same."""
    if flags and estimate.unseen:
        return f"{estimate.note}: below {estimate.high:.2g} ({percent(ci)})"
    if flags or math.isnan(estimate.others):
        return estimate.note
    return f"{estimate.note}; P(other) < {estimate.others:.2g} ({percent(ci)})"


def survival(result: Sweep, metric: str, by: str | Iterable[str] | None, ci: float) -> pd.DataFrame:
    """See `Sweep.survival`."""
    _need("pandas", "survival")
    _need("scipy", "survival")
    import pandas

    ci = number(ci, "ci", "between 0 and 1", 0, 1)
    parts = []
    for point, sample in samples_of(result, metric, by):
        if sample.flags:
            raise InvalidError(f"metric '{metric}' is a yes or no; survival needs numbers")
        if not sample.n:
            continue
        curve = sample.curve(ci)
        cells = {metric: curve.time} | {
            name: getattr(curve, name)
            for name in ("at_risk", "events", "censored", "survival", "low", "high")
        }
        parts.append(pandas.DataFrame(point | cells))
    if not parts:
        names = [*groups(result, by)[0][0], metric, "at_risk", "events", "censored"]
        return pandas.DataFrame(columns=[*names, "survival", "low", "high"])
    return pandas.concat(parts, ignore_index=True)


def named(name: str, estimate: Estimate) -> dict[str, float]:
    """An estimate as columns. What no run had has a bound, and no value."""
    return {
        name: math.nan if estimate.unseen else estimate.value,
        f"{name}_low": estimate.low,
        f"{name}_high": estimate.high,
    }


@dataclass(frozen=True)
class Comparison:
    """Two points compared, run by run of the same seed.

    Attributes
    ----------
    metric : str
        What is compared.
    pairs : int
        How many seeds tell something at both.
    excluded : int
        How many do not: a run failed, or had no such event. What is said holds for the pairs.
    censored : int
        In how many of the pairs a duration was not over when the run ended. They count: see `compare`.
    horizon : float
        If any was: up to where durations are compared, in milliseconds; else infinity.
    mean_a, mean_b : float
        The means of the pairs.
    difference, low, high : float
        The mean of b - a, and its interval.
    effect : float
        The difference in standard deviations of the differences (Cohen's d_z).
    b_is_greater : float
        The share of the pairs in which b is greater; ties count half, and of censored pairs those in which
        one can tell.
    correlation : float
        Between a and b: what common random numbers achieved. Once histories diverge it falls to 0.
    unpaired_low, unpaired_high, unpaired_p_value : float
        What as many runs with luck of their own would have said.
    p_value : float
        Of no difference.
    test : str
        Whose p-value it is.
    confidence : float
        The confidence of the intervals.
    note : str
        What has to be said about it: why limits are NaN.
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
    median_difference: float = math.nan
    median_low: float = math.nan
    median_high: float = math.nan

    @property
    def gain(self) -> float:
        """As many times fewer runs are needed as without pairing: the ratio of the variances, if known."""
        paired, unpaired = self.high - self.low, self.unpaired_high - self.unpaired_low
        return (unpaired / paired) ** 2 if paired else math.nan

    def __repr__(self) -> str:
        text = (
            f"<comparison: {self.metric}{self._limit}: b - a = {self.difference:.4g} "
            f"({span(self.low, self.high)}, {percent(self.confidence)}; "
            f"unpaired {span(self.unpaired_low, self.unpaired_high)}), {self.pairs:,} pairs, "
            f"effect {self.effect:.2g}, correlation {self.correlation:.2g}, p = {self.p_value:.2g}"
        )
        text += f", {self.censored:,} pairs censored" if self.censored else ""
        text += f", {self.excluded:,} pairs excluded" if self.excluded else ""
        return text + (f"; {self.note}>" if self.note else ">")

    @property
    def _limit(self) -> str:
        return "" if math.isinf(self.horizon) else f" up to {self.horizon:,.6g} ms"

    def _repr_html_(self) -> str:
        rows = {
            "a": f"{self.mean_a:.4g}",
            "b": f"{self.mean_b:.4g}",
            "b - a": f"{self.difference:.4g} ({span(self.low, self.high)})",
            "medians, b - a": f"{self.median_difference:.4g} ({span(self.median_low, self.median_high)})",
            "unpaired": f"{span(self.unpaired_low, self.unpaired_high)}; p {self.unpaired_p_value:.3g}",
            "b is greater": f"{100 * self.b_is_greater:.1f} %",
            "effect (d_z)": f"{self.effect:.3g}",
            "correlation": f"{self.correlation:.3g}, as good as {self.gain:.3g} times the runs",
            "p": f"{self.p_value:.3g} ({self.test})",
            "pairs": f"{self.pairs:,}; {self.censored:,} censored; {self.excluded:,} more excluded",
        }
        if self.note:
            rows["note"] = self.note
        cells = "".join(
            f"<tr><td>{html.escape(k)}</td><td>{html.escape(v)}</td></tr>" for k, v in rows.items()
        )
        head = html.escape(f"{self.metric}{self._limit}")
        return f"<table><tr><th colspan=2>{head}</th></tr>{cells}</table>"


def span(low: float, high: float, digits: int = 4) -> str:
    """An interval in words."""
    if math.isnan(low) and math.isnan(high):
        return "no interval"
    return f"{low:.{digits}g} to {high:.{digits}g}"


def compare(
    a: Sweep, b: Sweep, metric: str, *, ci: float = 0.95, horizon: Duration | None = None
) -> Comparison:
    """Compares two sweeps of one point each, run by run of the same seed.

    Common random numbers make pairs of runs alike but for what was changed: the difference is known more
    precisely than two means are. How much more, `correlation` and `gain` tell.

    Parameters
    ----------
    a, b : Sweep
        Of one point each: `result.at(timeout=50)`.
    metric : str
        A column of numbers or flags, `"violation"`, or a question such as `"ending=stop"`.
    ci : float, default 0.95
        The confidence of the intervals.
    horizon : time, optional
        Durations count up to here: the difference is then one of restricted means. If not given and some are
        censored: for as long as at least ten runs of either side were watched.

    Returns
    -------
    Comparison

    Raises
    ------
    InvalidError
        If there is no such metric or it is infinite somewhere, a sweep has several points, or no seed is in
        both.

    Notes
    -----
    Numbers: the paired t interval, and the p-value of Wilcoxon's signed ranks. Unpaired: Welch. The interval
    is of the mean difference, the p-value of whether differences are symmetric about 0: where few of them
    are large and many are small, one can say yes and the other no. Both are then true.

    Where all pairs differ by the same, there is no spread from which an interval could follow: its limits
    are NaN, and `note` bounds the share of the pairs that may differ otherwise. No p-value is less than the
    2^(1 - n) that signs alone allow for. Where nothing was over at either side, nothing is known: all is NaN.

    The difference of the medians has no interval in a formula. In tables of 10 to 1,000 pairs of which none
    is censored it is the bootstrap's: as many pairs are drawn from them 1,999 times, always with the same
    luck, and the interval holds the middle of what their medians differ by (percentiles; BCa needs a smooth
    statistic). It is NaN where that has no width, as with ties of counts, and for larger tables, where it
    would take long: use the intervals of the medians in `Sweep.summary` there. Means need no bootstrap: see
    there, too.

    What is yes or no: the interval of Agresti and Min (2005), which is not empty where no pair differs, and
    McNemar's exact test. Unpaired: the interval of Agresti and Caffo (2000), and Fisher's exact test.

    Durations of which some were not over when the run ended: to leave those pairs out would leave out the
    longest ones. Each run counts with its pseudo-value of the restricted mean instead
    (`statistics.Sample.pseudo_values`), paired by seed; interval and p-value are the paired t's of those. As
    with Kaplan and Meier, why a run ended must not depend on how long it would have taken.

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
    ci = number(ci, "ci", "between 0 and 1", 0, 1)
    end = math.inf if horizon is None else to_ms(horizon, "horizon")
    pairs = Pairs.of(a, b, metric)
    if len(pairs.x) < 2:
        why = f" ({pairs.why})" if pairs.why else ""
        raise InvalidError(f"metric '{metric}': fewer than two seeds have a value at both a and b{why}")
    if math.inf in (abs(pairs.x).max(), abs(pairs.y).max()):
        raise InvalidError(f"metric '{metric}' is infinite in some runs, and has no mean to compare")
    if horizon is not None and (pairs.flags or not metric.endswith("_ms")):
        raise InvalidError(f"horizon is for durations, and '{metric}' is none")
    x, y = pairs.x, pairs.y
    if pairs.censored:
        sides = [pairs.sample(0), pairs.sample(1)]
        longest = min(side.horizon for side in sides)
        if math.inf > end > longest:
            raise InvalidError(
                f"horizon must be at most {longest:,.6g} ms, as long as both were watched, "
                f"not {shown(horizon)}"
            )
        end = min(end, longest if horizon is not None else min(side.watched for side in sides))
    if not pairs.flags:
        x, y = pairs.contributions(0, end), pairs.contributions(1, end)
    d, n = y - x, len(x)
    if pairs.nothing_over:
        paired, unpaired, mean, spread = UNKNOWN, UNKNOWN, math.nan, 0.0
        note = f"no pair was over before {end:,.6g} ms on either side"
    else:
        paired, unpaired = (of_shares if pairs.flags else of_means)(x, y, ci, bool(pairs.censored))
        mean, spread = float(d.mean()), float(d.std(ddof=1)) if varies(d, x) else 0.0
        same = math.isnan(paired.low)
        note = (
            f"all pairs differ by {mean:.4g}; P(other) < {none_of(n, ci):.2g} ({percent(ci)})" if same else ""
        )
    medians = of_medians(pairs, ci)
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
        confidence=ci,
        note=note,
        median_difference=medians.value,
        median_low=medians.low,
        median_high=medians.high,
    )


@dataclass(frozen=True)
class Pairs:
    """Two points, seed by seed. Arrays have a cell a pair.

    Attributes
    ----------
    flags : bool
        Whether it is a yes or no.
    x, y : array of float
        At a and at b: the value, or how long was waited in vain.
    x_censored, y_censored : array of bool
        Where that is so.
    excluded : int
        How many seeds are in both, but tell nothing at one of them.
    why : str
        Why a side tells nothing at all, if there is a reason.
    """

    metric: str
    flags: bool
    x: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    x_censored: np.ndarray[Any, Any]
    y_censored: np.ndarray[Any, Any]
    excluded: int
    why: str = ""

    @classmethod
    def of(cls, a: Sweep, b: Sweep, metric: str) -> Pairs:
        """Pairs the runs of equal seeds."""
        import numpy as np

        from .result import Sweep

        sides = []
        for name, side in (("a", a), ("b", b)):
            instance(side, Sweep, name)
            if len(side.points) != 1:
                raise InvalidError(
                    f"{name} must be a sweep of one point, not of {len(side.points)}: use at()"
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
        return cls(metric, sides[0].flags, x, y, censored[0], censored[1], int((~both).sum()), why)

    @property
    def censored(self) -> int:
        """In how many pairs either is."""
        return int((self.x_censored | self.y_censored).sum())

    @property
    def nothing_over(self) -> bool:
        """Whether all durations of both sides are censored."""
        return bool(self.x_censored.all() and self.y_censored.all())

    def sample(self, side: int) -> Sample:
        """One of the sides."""
        time, gone = ((self.x, self.x_censored), (self.y, self.y_censored))[side]
        return Sample(self.metric, time[~gone], time[gone])

    def contributions(self, side: int, horizon: float) -> np.ndarray[Any, Any]:
        """What each run of a side contributes to its mean, pair by pair."""
        import numpy as np

        gone = (self.x_censored, self.y_censored)[side]
        cells = np.empty(len(gone))
        cells[np.concatenate([np.flatnonzero(~gone), np.flatnonzero(gone)])] = self.sample(
            side
        ).pseudo_values(horizon)
        return cells

    @property
    def greater(self) -> float:
        """The share of the pairs in which b is greater, among those that tell; ties count half."""
        above = (self.y > self.x) & ~self.x_censored | (self.y >= self.x) & self.y_censored & ~self.x_censored
        below = (self.x > self.y) & ~self.y_censored | (self.x >= self.y) & self.x_censored & ~self.y_censored
        ties = (self.x == self.y) & ~self.x_censored & ~self.y_censored
        known = above.sum() + below.sum() + ties.sum()
        return float((above.sum() + ties.sum() / 2) / known) if known else math.nan


@dataclass(frozen=True)
class Verdict:
    """An interval of a difference, and the p-value of none."""

    low: float
    high: float
    p_value: float
    test: str


UNKNOWN = Verdict(math.nan, math.nan, math.nan, "none")


def of_means(
    x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], ci: float, pseudo: bool
) -> tuple[Verdict, Verdict]:
    """Of the means of numbers: paired, and unpaired."""
    import numpy as np
    from scipy import stats

    d = y - x
    test = "paired t on pseudo-values" if pseudo else "Wilcoxon signed ranks"
    # Under no difference each sign is a coin: all of them alike is as rare as it gets.
    low, high, p = math.nan, math.nan, min(1.0, 2.0 ** (1 - np.count_nonzero(d)))
    if varies(d, x):
        paired = stats.ttest_rel(y, x)
        limits = paired.confidence_interval(ci)
        low, high = float(limits.low), float(limits.high)
        p = max(p, float(paired.pvalue if pseudo else stats.wilcoxon(d).pvalue))
    return Verdict(low, high, p, test), welch(x, y, ci)


def welch(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], ci: float) -> Verdict:
    """The difference of means of runs that are not paired. One side may be constant, which scipy warns of."""
    from scipy import stats

    parts = [float(side.var(ddof=1)) / len(side) if varies(side) else 0.0 for side in (x, y)]
    error = math.sqrt(sum(parts))
    if error == 0.0:
        return UNKNOWN
    freedom = sum(parts) ** 2 / sum(part**2 / (len(x) - 1) for part in parts)
    middle, width = float(y.mean() - x.mean()), float(stats.t.ppf((1 + ci) / 2, freedom)) * error
    p_value = float(2 * stats.t.sf(abs(middle) / error, freedom))
    return Verdict(middle - width, middle + width, p_value, "Welch")


FEWEST_TO_DRAW, MOST_TO_DRAW, DRAWS = 10, 1000, 1999
"""The tables whose pairs are drawn again and again, and how often."""


def of_medians(pairs: Pairs, ci: float) -> Estimate:
    """The difference of the medians, with a paired percentile bootstrap if the table is small."""
    import numpy as np
    from scipy import stats

    if pairs.flags:
        return NOTHING
    first, second = (pairs.sample(side).quantile(0.5).value for side in (0, 1))
    n = len(pairs.x)
    if pairs.censored or not FEWEST_TO_DRAW <= n <= MOST_TO_DRAW or not 0 < ci < 1:
        return Estimate(second - first, math.nan, math.nan)

    def apart(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], axis: int) -> Any:
        middle = (n - 1) // 2  # as quantiles everywhere here: a value that was observed
        return np.take(np.partition(y, middle, axis) - np.partition(x, middle, axis), middle, axis)

    drawn = stats.bootstrap(
        (pairs.x, pairs.y), apart, paired=True, n_resamples=DRAWS, method="percentile", confidence_level=ci,
        random_state=0,
    ).confidence_interval  # fmt: skip
    if drawn.low == drawn.high:
        return Estimate(second - first, math.nan, math.nan)
    return Estimate(second - first, float(drawn.low), float(drawn.high))


def of_shares(
    x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], ci: float, _: bool
) -> tuple[Verdict, Verdict]:
    """Of the shares of flags: paired, and unpaired."""
    import numpy as np
    from scipy import stats

    n, z = len(x), float(stats.norm.ppf((1 + ci) / 2))
    more, less = int((y > x).sum()), int((y < x).sum())
    p = float(stats.binomtest(more, more + less).pvalue) if more + less else 1.0
    b, c = more + 0.5, less + 0.5  # Agresti and Min: half a pair more in each of the four cells
    middle, width = (b - c) / (n + 2), z * math.sqrt(b + c - (b - c) ** 2 / (n + 2)) / (n + 2)
    paired = Verdict(max(middle - width, -1.0), min(middle + width, 1.0), p, "McNemar's exact test")
    ups = int(x.sum()), int(y.sum())
    p, q = ((up + 1) / (n + 2) for up in ups)  # Agresti and Caffo: a yes and a no more on each side
    width = z * math.sqrt((p * (1 - p) + q * (1 - q)) / (n + 2))
    table = np.array([[ups[0], n - ups[0]], [ups[1], n - ups[1]]])
    exact = float(stats.fisher_exact(table).pvalue)
    return paired, Verdict(max(q - p - width, -1.0), min(q - p + width, 1.0), exact, "Fisher's exact test")


def correlation(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> float:
    """Pearson's; NaN where one of them does not vary."""
    from scipy import stats

    return float(stats.pearsonr(x, y).statistic) if varies(x) and varies(y) else math.nan


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

    from .result import Sweep

    instance(pilot, Sweep, "pilot")
    ci = number(ci, "ci", "between 0 and 1", 0, 1)
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
        share = float(statistic[1:]) / 100
        if 0 < share < 1:
            return share
    if statistic != "mean":
        raise InvalidError(
            f"statistic must be 'mean' or a quantile such as 'p50' or 'p99.9', not {shown(statistic)}"
        )
    return None
