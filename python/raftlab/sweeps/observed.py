"""The values of a metric in the runs of a sweep, point by point, as samples for statistics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._arguments import instance, is_number, items
from .._conditions import Condition
from ..discovery import CENSORED_BY, properties
from ..discovery import metrics as catalogue
from ..errors import InvalidError, shown
from ..statistics import NOT_ARMED, STOPPED, Sample, as_numbers
from .grid import known_parameter

if TYPE_CHECKING:
    import numpy as np

    from .result import Sweep

NOT_METRICS = ("seed", "ending", "end_ms", "properties", "error", "digest")
VIOLATION = "violation"
WAITS = ("downtime_so_far_ms", "downtime_open_ms")
"""Durations not over at the end of a run; they count as censored `downtime_ms`, not as metrics."""
ASKED = ("ending", "properties")
"""Columns for questions such as `"ending=stop"` and `"properties=election_safety"`."""
CHECKED = {
    *(VIOLATION, "violations", "lost_writes", "ending=violation"),
    *(row["metric"] for row in catalogue if row["group"] == "violations_by_property"),
}
"""Metrics from the checks, besides questions about properties; without checks they are unknown, not 0."""
NOT_CHECKED = "not checked"


def sample_of(result: Sweep, metric: str, rows: np.ndarray[Any, Any] | None = None) -> Sample:
    """The sample of a metric from some rows, or from all. Failed runs are left out."""
    metrics_of(result, instance(metric, str, "metric"))
    return Observed.of(result, metric).sample(rows)


def refuse_condition(question: object, what: str = "question") -> None:
    """Refuses a condition of a run where a question about how runs ended is expected."""
    if isinstance(question, Condition):
        raise InvalidError(
            f"{what} must be a text, such as 'ending=stop', 'ending=horizon' or 'violation', not the "
            f"condition {shown(question)}: with stop={shown(question)}, 'ending=stop' asks for it"
        )


def samples_of(
    result: Sweep, metric: str, by: str | Iterable[str] | None
) -> list[tuple[dict[str, Any], Sample]]:
    """The samples of a metric, by values of some parameters."""
    metrics_of(result, instance(metric, str, "metric"))
    observed = Observed.of(result, metric)
    return [(point, observed.sample(rows)) for point, rows in groups(result, by)]


def groups(
    result: Sweep, by: str | Iterable[str] | None
) -> list[tuple[dict[str, Any], np.ndarray[Any, Any]]]:
    """The rows of a sweep by values of some parameters, in order of first appearance."""
    import numpy as np

    names = list(result.parameters) if by is None else [by] if isinstance(by, str) else items(by, "by")
    places = [result.parameters.index(known_parameter(name, result.parameters, "by")) for name in names]
    columns = [result[name] for name in names]
    spans: dict[tuple[Any, ...], list[np.ndarray[Any, Any]]] = {}
    for point in result._plan.cells:
        spans.setdefault(with_one_nan(point[at] for at in places), [np.arange(0)])
    for first, last in spans_of(columns, len(result)):
        spans[with_one_nan(column[first] for column in columns)].append(np.arange(first, last))
    return [(dict(zip(names, cells, strict=True)), np.concatenate(rows)) for cells, rows in spans.items()]


def with_one_nan(cells: Iterable[Any]) -> tuple[Any, ...]:
    """The cells as the key of a dict. Every NaN becomes the same object, because NaN does not equal NaN."""
    return tuple(cell if cell == cell else math.nan for cell in cells)


def spans_of(columns: list[np.ndarray[Any, Any]], rows: int) -> Iterator[tuple[int, int]]:
    """The spans of rows with equal cells. As rows are in the order of the points, there are few."""
    import numpy as np

    new = np.zeros(rows, dtype=bool)
    new[:1] = True
    for column in columns:
        now, before = column[1:], column[:-1]
        new[1:] |= (now != before) & ((now == now) | (before == before))
    first = np.flatnonzero(new).tolist()
    return zip(first, [*first[1:], rows], strict=True)


@dataclass(frozen=True)
class Observed:
    """The values of a metric, row by row. All arrays have a cell per row.

    Attributes
    ----------
    name : str
        The metric.
    flags, counts : bool
        Whether the metric is a flag; whether it is a count from 0.
    why : str
        The reason for which no row has a value, if so: the sweep was not checked.
    seed : array of int
        The seed.
    value, waited : array of float
        The value, and the censored duration; NaN if there is none.
    failed : array of bool
        Whether the run, or this custom metric, failed.
    unknown : array of bool
        Whether the run stopped at the violation of another property, so that this one is unknown; for
        `ending=stop`, whether it ended before `stop` was armed.
    """

    name: str
    flags: bool
    counts: bool
    why: str
    seed: np.ndarray[Any, Any]
    value: np.ndarray[Any, Any]
    waited: np.ndarray[Any, Any]
    failed: np.ndarray[Any, Any]
    unknown: np.ndarray[Any, Any]

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
            if metric == "ending=stop":
                value[np.array([cell == "not_armed" for cell in said], dtype=bool)] = np.nan
            if column == "properties":
                stopped = [ending == VIOLATION for ending in result.runs.to_list("ending")]
                value[np.array(stopped, dtype=bool) & (value == 0)] = np.nan
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
        unknown = ~silent & np.isnan(value) & (needs_checks(metric) or metric == "ending=stop")
        return cls(metric, flags, counts, why, result["seed"], value, waited, failed, unknown)

    def sample(self, rows: np.ndarray[Any, Any] | None = None) -> Sample:
        """The sample of some rows, or of all."""
        import numpy as np

        rows = np.arange(len(self.seed)) if rows is None else rows
        value, waited = self.value[rows], self.waited[rows]
        ended, vain = np.flatnonzero(~np.isnan(value)), np.flatnonzero(~np.isnan(waited))
        failed, unknown = (int(of[rows].sum()) for of in (self.failed, self.unknown))
        return Sample(
            self.name,
            value[ended],
            waited[vain],
            absent=len(rows) - len(ended) - len(vain) - failed - unknown,
            unknown=unknown,
            unknown_why=NOT_ARMED if self.name == "ending=stop" else STOPPED,
            failed=failed,
            flags=self.flags,
            counts=self.counts,
            why=self.why,
            seeds=self.seed[rows][np.concatenate([ended, vain])],
        )


def needs_checks(metric: str) -> bool:
    """True if a metric comes from the checks."""
    return metric in CHECKED or metric.startswith("properties=")


def metrics_of(result: Sweep, metrics: str | Iterable[str] | None) -> list[str]:
    """Checks names of metrics; by default all numbers, and all violations and endings that occurred."""
    numbers = [
        name
        for name, kind, _, _ in result.runs.columns
        if name not in (*NOT_METRICS, *result.parameters) and not kind.startswith(("utf8", "dict", "list"))
    ]
    if metrics is None:
        plain = [name for name in numbers if name not in (*WAITS, "violations")]
        endings = dict.fromkeys(cell for cell in result.runs.to_list("ending") if cell is not None)
        questions = [f"properties={name}" for name in result.violations_by_property] + [
            f"ending={ending}" for ending in endings
        ]
        return [*plain, VIOLATION, *questions]
    listed = [metrics] if isinstance(metrics, str) else items(metrics, "metrics")
    for name in listed:
        if name not in (*numbers, VIOLATION, "end_ms") and not is_question(name):
            raise InvalidError(
                f"{strange(result, name)}; this sweep has {', '.join(numbers)}, '{VIOLATION}', "
                "and questions such as 'ending=stop', 'ending=horizon' and 'properties=election_safety'"
            )
    return listed


def strange(result: Sweep, name: Any) -> str:
    """The reason for which a name is not a metric of a sweep."""
    kinds = {column: kind for column, kind, *_ in result.runs.columns}
    if name in ASKED:
        return f"metric '{name}' holds texts, not numbers: ask for one of them, as in '{name}=...'"
    if isinstance(name, str) and name in result.parameters:
        return f"'{name}' is a parameter of the grid, not a metric"
    if isinstance(name, str) and name in kinds and kinds[name].startswith("list"):
        return f"metric '{name}' holds histograms, not numbers: see commit_latency()"
    if isinstance(name, str) and name in kinds:
        return f"metric '{name}' holds texts, not numbers"
    if isinstance(name, str) and name in catalogue.names:
        return f"metric '{name}' was not measured: play the sweep with metrics=[..., '{name}']"
    if name == "commit_latency":
        return f"a run has many values of '{name}', not one: raftlab.plot.{name} draws them"
    return f"unknown metric {shown(name)}"


def is_question(name: Any) -> bool:
    """True if a name is a question about a column. Values that the column never has are refused."""
    column, asks, value = name.partition("=") if isinstance(name, str) else ("", "", "")
    if not asks or column not in ASKED:
        return False
    known = ENDINGS if column == "ending" else tuple(properties.names)
    if value not in known:
        raise InvalidError(f"metric {shown(name)}: '{column}' is one of {', '.join(known)}")
    return True


ENDINGS = ("stop", "horizon", "steps", "violation", "not_reached", "interceptor", "not_armed")


def quantile_of(statistic: str) -> float | None:
    """The share of a quantile such as "p99.9"; None for the mean."""
    if isinstance(statistic, str) and statistic.startswith("p") and is_number(statistic[1:]):
        share = float(statistic[1:]) / 100
        if 0 < share < 1:
            return share
    if statistic != "mean":
        raise InvalidError(
            f"statistic must be 'mean' or a quantile such as 'p50' or 'p99.9', not {shown(statistic)}"
        )
    return None
