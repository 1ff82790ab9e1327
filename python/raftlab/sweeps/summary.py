"""Sweeps as tables: summaries and survival, a row a point."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .._arguments import items, number
from ..errors import InvalidError
from ..statistics import NOTHING, Estimate, Sample, as_columns, percent, runs_in_words
from ..tables import _need
from .observed import groups, metrics_of, samples_of

if TYPE_CHECKING:
    import pandas as pd

    from .result import Sweep


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
        [(point | {"metric": sample.name}, line(sample, ci, shares)) for point, sample in samples]
        for samples in (samples_of(result, metric, by) for metric in wanted)
    ]
    points, lines = zip(*(row for point in zip(*found, strict=True) for row in point), strict=True)
    return pandas.DataFrame(lines, index=index_of(points))


def index_of(points: Sequence[dict[str, Any]]) -> pd.Index[Any]:
    """An index of what tells rows apart, whatever the columns are called."""
    import pandas

    names = list(points[0])
    levels = [[point[name] for point in points] for name in names]
    return (
        pandas.Index(levels[0], name=names[0])
        if len(names) == 1
        else pandas.MultiIndex.from_arrays(levels, names=names)
    )


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
        if sample.why:
            raise InvalidError(f"metric '{metric}' says nothing: {sample.why}")
        if taken := {metric, *CURVE}.intersection(point):
            raise InvalidError(
                f"by: '{min(taken)}' is the name of a column of survival; rename the parameter"
            )
        if not sample.n:
            continue
        curve = sample.curve(ci)
        parts.append(
            pandas.DataFrame(point | {metric: curve.time} | {name: getattr(curve, name) for name in CURVE})
        )
    if not parts:
        return pandas.DataFrame(columns=[*groups(result, by)[0][0], metric, *CURVE])
    return pandas.concat(parts, ignore_index=True)


CURVE = ("at_risk", "events", "censored", "survival", "low", "high")
"""What a table of survival says of each time."""


def line(sample: Sample, ci: float, shares: Sequence[float]) -> dict[str, Any]:
    """A row of a summary."""
    mean = sample.estimate(None, ci)
    notes = [remark(mean, sample.flags, ci)]
    cells = {
        "n": sample.n,
        "events": sample.events,
        "censored": len(sample.censored),
        "absent": sample.absent,
        "failed": sample.failed,
        **as_columns("mean", mean),
    }
    for q in shares:
        estimate = NOTHING if sample.flags else sample.quantile(q, ci)
        cells |= as_columns(f"p{100 * q:.6g}", estimate)
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
