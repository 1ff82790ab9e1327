"""The repr of a sweep: what was played, and a row per point of the grid."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..statistics import Sample, runs_in_words

if TYPE_CHECKING:
    from .result import Sweep

__all__ = ["headline", "overview"]

MOST_POINTS = 20
"""The maximum number of points shown; `summary()` has them all."""
MOST_SEEDS = 3
"""The maximum number of violating seeds shown per point; others are only counted."""
BY_DEFAULT = ("downtime_ms", "time_to_leader_ms")
"""The default metrics that most sweeps are about."""


def headline(result: Sweep) -> str:
    """What was played and what happened, in a line. Of rows on disk that were not read, only their number."""
    plan = result._plan
    size = runs_in_words(len(result))
    if len(plan.points) > 1:
        size += f", {len(plan.points):,} points x {plan.seeds:,} seeds"
    if not result.complete:
        size += f", interrupted ({plan.runs:,} were requested)"
    if len(result) and not result.runs._is_read:
        return f"{size}, on disk and not read yet: summary() reads them"
    failed = int(result._failed.sum())
    size += f", {failed:,} failed" if failed else ""
    broken = len(result.errors) - failed
    size += f", {broken:,} with a metric that failed" if broken else ""
    bad = len(result._violating)
    if len(result) == 0:
        return size
    if not plan.checks:
        return f"{size}, not checked for violations"
    if failed == len(result):
        return f"{size}, no run to judge"
    if bad == 0:
        bound = f"P(violation) < {result.upper_bound:.2g} (95 %)"
        if result._of_one_seed:
            bound = "no bound: all share one seed (common_random_numbers=False gives each point its own)"
        return f"{size}, no violation; {bound}"
    which = ", ".join(f"{name} {count:,}" for name, count in result.violations_by_property.items())
    stopped = "; each stopped at its first" if plan.on_violation == "stop" else ""
    return f"{size}, {bad:,} with violations ({which}{stopped})"


@dataclass(frozen=True)
class Overview:
    """A table with a row per point of the grid, and a line that replays one of the runs."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int
    replay: str

    def lines(self) -> Iterator[str]:
        """The table as text, in columns."""
        if not self.rows:
            return
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        for row in (self.head, *self.rows):
            cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
            yield "  " + "   ".join(cells).rstrip()
        if self.more:
            yield f"  and {self.more:,} more points: summary()"
        yield f"one of the runs again: {self.replay}"

    def html(self) -> str:
        """The table for notebooks."""
        if not self.rows:
            return ""
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.head)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows
        )
        more = f"<p>and {self.more:,} more points: <code>summary()</code></p>" if self.more else ""
        again = f"<p>one of the runs again: <code>{html.escape(self.replay)}</code></p>"
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}{again}"


def overview(result: Sweep) -> Overview:
    """The table of a sweep; empty if it has no rows, if they were not read, or without numpy and scipy."""
    nothing = Overview((), (), 0, "")
    if len(result) == 0 or not result.runs._is_read:
        return nothing
    try:
        from .observed import Observed, groups

        points, metric = groups(result, None), leading(result)
        observed = Observed.of(result, metric) if metric else None
        failed = result._failed
    except ImportError:
        return nothing
    violations, seeds = (result.runs._core.column_list(name) for name in ("violations", "seed"))
    rows = []
    for point, places in points[:MOST_POINTS]:
        cells = [in_words(value) for value in point.values()]
        if observed:
            sample = observed.sample(places)
            cells.append(worded(sample, len(places)))
        broken = [seeds[row] for row in places if violations[row]]
        judged = not failed[places].all()
        rows.append((*cells, violations_in_words(broken, result._plan.checks, judged=judged)))
    measure = [f"{metric}: {'share' if observed.flags else 'median'} (95 %)"] if observed else []
    return Overview(
        (*result.parameters, *measure, "violating seeds"),
        tuple(rows),
        max(len(points) - MOST_POINTS, 0),
        f"result.replay({next((row for row, count in enumerate(violations) if count), 0)})",
    )


def leading(result: Sweep) -> str | None:
    """The metric to show: the first custom one, or a default one that has values."""
    kinds = {name: kind for name, kind, *_ in result.runs.columns}
    own = [name for name, _ in result._plan.own_metrics]
    asked = [name for name in result._plan.metrics if name in kinds]
    usual = [name for name in BY_DEFAULT if name in kinds]
    for name in (*own, *(usual if len(asked) > 1 else asked), *usual, *asked):
        if kinds.get(name) in ("string", "utf8", "null") or "list" in kinds.get(name, "list"):
            continue
        values = result.runs._core.column_list(name)
        if any(isinstance(value, (bool, int, float)) and value == value for value in values):
            return name
    return None


def in_words(value: Any) -> str:
    """The value of a parameter as text."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def worded(sample: Sample, runs: int) -> str:
    """The share or the median of a sample with its interval, and the numbers of runs that qualify it.

    `70.2 (67.9 to 72)`; `125 (121 to 128), 67 of 300 runs` if the others have no value; or `125 (121 to 128),
    20 censored` if durations were not over in 20 of the runs.
    """
    estimate, some = sample.estimate(None if sample.flags else 0.5), ""
    if sample.n < runs:
        some = f", {sample.n:,} of {runs_in_words(runs)}"
    if len(sample.censored):
        some += f", {len(sample.censored):,} censored"
    if math.isnan(estimate.value):
        return f"–{some}" if len(sample.censored) else "–"
    known = not (math.isnan(estimate.low) and math.isnan(estimate.high))
    interval = f" ({estimate.low:.4g} to {estimate.high:.4g})" if known else ""
    return f"{estimate.value:.4g}{interval}{some}"


def violations_in_words(seeds: Sequence[int], checked: bool, *, judged: bool) -> str:
    """The number of violating seeds, and the first of them; or why there are none."""
    if not checked:
        return "not checked"
    if not judged:
        return "no runs"
    if not seeds:
        return "none"
    named = ", ".join(map(str, seeds[:MOST_SEEDS]))
    return f"{len(seeds):,}: {named}{', …' if len(seeds) > MOST_SEEDS else ''}"
