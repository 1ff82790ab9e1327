"""Sweeps as tables: summaries, shares and survival."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .._arguments import confidence as confidence_of
from .._arguments import items, number
from ..errors import InvalidError
from ..statistics import NOTHING, Estimate, Sample, as_columns, percent, runs_in_words
from ..tables import _need
from .observed import groups, metrics_of, refuse_condition, samples_of

if TYPE_CHECKING:
    import pandas as pd

    from .result import Sweep


def summary(
    result: Sweep,
    by: str | Iterable[str] | None,
    metrics: str | Iterable[str] | None,
    confidence: float,
    quantiles: Sequence[float],
) -> pd.DataFrame:
    """See `Sweep.summary`."""
    _need("pandas", "summary")
    _need("scipy", "summary")
    import pandas

    confidence = confidence_of(confidence, "confidence")
    shares = [number(q, "quantiles", "between 0 and 1", 0, 1) for q in items(quantiles, "quantiles")]
    by = by if by is None or isinstance(by, str) else items(by, "by")
    wanted = metrics_of(result, metrics)
    found = [
        [(point | {"metric": sample.name}, line(sample, confidence, shares)) for point, sample in samples]
        for samples in (samples_of(result, metric, by) for metric in wanted)
    ]
    points, lines = zip(*(row for point in zip(*found, strict=True) for row in point), strict=True)
    return pandas.DataFrame(lines, index=index_of(points))


def index_of(points: Sequence[dict[str, Any]]) -> pd.Index[Any]:
    """An index of the parameters that distinguish rows, regardless of the names of columns."""
    import pandas

    names = list(points[0])
    levels = [[point[name] for point in points] for name in names]
    return (
        pandas.Index(levels[0], name=names[0])
        if len(names) == 1
        else pandas.MultiIndex.from_arrays(levels, names=names)
    )


def share(result: Sweep, question: str, by: str | Iterable[str] | None, confidence: float) -> pd.DataFrame:
    """See `Sweep.share`."""
    _need("pandas", "share")
    _need("scipy", "share")
    import pandas

    confidence = confidence_of(confidence, "confidence")
    refuse_condition(question)
    rows = []
    for point, sample in samples_of(result, question, by):
        if not sample.flags:
            raise InvalidError(
                f"question: '{question}' is not a yes/no metric; give a column of flags, 'violation', or a "
                "question such as 'ending=horizon'"
            )
        refuse_taken(point, SHARE, "share")
        found = sample.share(confidence)
        cells = (
            sample.n,
            sample.events,
            found.value,
            found.low,
            found.high,
            "; ".join(notes(sample, found, confidence)),
        )
        rows.append(point | dict(zip(SHARE, cells, strict=True)))
    return pandas.DataFrame(rows)


SHARE = ("n", "k", "share", "low", "high", "note")
"""The columns of a table of shares."""


def refuse_taken(point: dict[str, Any], columns: Iterable[str], table: str) -> None:
    """Refuses parameters with the names of columns."""
    if taken := set(columns).intersection(point):
        raise InvalidError(f"by: '{min(taken)}' is the name of a column of {table}; rename the parameter")


def survival(result: Sweep, metric: str, by: str | Iterable[str] | None, confidence: float) -> pd.DataFrame:
    """See `Sweep.survival`."""
    _need("pandas", "survival")
    _need("scipy", "survival")
    import pandas

    confidence = confidence_of(confidence, "confidence")
    parts = []
    for point, sample in samples_of(result, metric, by):
        if sample.flags:
            raise InvalidError(f"metric '{metric}' is yes/no; survival needs numbers")
        if sample.why:
            raise InvalidError(f"metric '{metric}' has no values: {sample.why}")
        refuse_taken(point, (metric, *CURVE), "survival")
        if not sample.n:
            continue
        curve = sample.curve(confidence)
        parts.append(
            pandas.DataFrame(point | {metric: curve.time} | {name: getattr(curve, name) for name in CURVE})
        )
    if not parts:
        return pandas.DataFrame(columns=[*groups(result, by)[0][0], metric, *CURVE])
    return pandas.concat(parts, ignore_index=True)


CURVE = ("at_risk", "events", "censored", "survival", "low", "high")
"""The columns of a table of survival."""


def line(sample: Sample, confidence: float, shares: Sequence[float]) -> dict[str, Any]:
    """A row of a summary."""
    mean = sample.estimate(None, confidence)
    quantiles = {q: NOTHING if sample.flags else sample.quantile(q, confidence) for q in shares}
    cells = {
        "n": sample.n,
        "events": sample.events,
        "censored": len(sample.censored),
        "absent": sample.absent + sample.unknown,
        "failed": sample.failed,
        **as_columns("mean", mean),
    }
    for q, estimate in quantiles.items():
        cells |= as_columns(f"p{100 * q:.6g}", estimate)
    return cells | {"note": "; ".join(notes(sample, mean, confidence, *quantiles.values()))}


def notes(sample: Sample, main: Estimate, confidence: float, *others: Estimate) -> list[str]:
    """The remarks on a sample and its estimates, each once."""
    said = [remark(estimate, sample.flags, confidence) for estimate in (main, *others)]
    if sample.absent and not sample.why:
        said.append(f"{runs_in_words(sample.absent)} {'has' if sample.absent == 1 else 'have'} none")
    if sample.failed:
        said.append(f"{runs_in_words(sample.failed)} failed")
    return list(dict.fromkeys(note for note in said if note))


def remark(estimate: Estimate, flags: bool, confidence: float) -> str:
    """The note of an estimate, with the bound for other values if all runs agree."""
    if flags and estimate.unseen:
        return f"{estimate.note}: below {estimate.high:.2g} ({percent(confidence)})"
    if flags or math.isnan(estimate.others):
        return estimate.note
    return f"{estimate.note}; P(other) < {estimate.others:.2g} ({percent(confidence)})"
