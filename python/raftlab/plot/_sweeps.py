"""What pictures of sweeps have in common: groups of runs, their colours and labels, the names of axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps, colors
from matplotlib.axes import Axes

from raftlab._arguments import instance
from raftlab.errors import InvalidError
from raftlab.statistics import Sample, runs_in_words
from raftlab.sweeps import Sweep
from raftlab.sweeps.summary import VIOLATION, Observed, groups, metrics_of

from ._axes import SMALL, bare, new_axes, points
from ._palette import INK, MUTED, NODE_CYCLE, node_colour, node_dashes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Group", "axis_name", "finish_sweep", "groups_of", "open_axes", "statistic_name"]

SEQUENCE = "viridis"
"""For what is ordered: even to the eye, to colour-blind ones and in grey."""


@dataclass(frozen=True)
class Group:
    """Runs that are drawn as one."""

    label: str
    colour: str
    dashes: str
    point: dict[str, Any]
    rows: np.ndarray


def groups_of(result: Sweep, by: str | Sequence[str] | None) -> list[Group]:
    """The runs by values of some parameters; all points apart if none is named."""
    instance(result, Sweep, "result")
    found = groups(result, by)
    values = [next(iter(point.values())) for point, _ in found if len(point) == 1]
    ordered = len(values) == len(found) > 3 and all(isinstance(value, (int, float)) for value in values)
    shades = np.linspace(0.05, 0.82, len(found))
    return [
        Group(
            label=", ".join(f"{name} = {shown_value(value)}" for name, value in point.items()),
            colour=colors.to_hex(colormaps[SEQUENCE](shades[at])) if ordered else node_colour(at),
            dashes="solid" if ordered else node_dashes(at % (3 * len(NODE_CYCLE))),
            point=point,
            rows=rows,
        )
        for at, (point, rows) in enumerate(found)
    ]


def shown_value(value: Any) -> str:
    """A value of a parameter as it is read."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def samples_by(result: Sweep, metric: str, by: str | Sequence[str] | None) -> list[tuple[Group, Sample]]:
    """What the runs of each group say of a metric."""
    metrics_of(instance(result, Sweep, "result"), instance(metric, str, "metric"))
    observed = Observed.of(result, metric)
    return [(group, observed.sample(group.rows)) for group in groups_of(result, by)]


def no_flags(metric: str, parts: Sequence[tuple[Group, Sample]]) -> None:
    """Refuses what is yes or no, where a distribution is drawn."""
    if any(of.flags for _, of in parts):
        raise InvalidError(f"metric '{metric}' is a yes or no and has no distribution; heatmap shows shares")


def axis_name(result: Sweep, metric: str) -> str:
    """A metric as an axis is named: without its unit, which stands behind it."""
    if metric == VIOLATION:
        return "share of runs with a violation"
    column, asks, value = metric.partition("=")
    if asks:
        value = value.replace("_", " ")
        return f"share of runs that {'violate' if column == 'rules' else 'end by'} {value}"
    unit = next((unit for name, _, unit, _ in result.runs.columns if name == metric), "")
    name = metric.removesuffix(f"_{unit}") if unit else metric
    return f"{name.replace('_', ' ')} ({unit})" if unit else name.replace("_", " ")


def statistic_name(statistic: str) -> str:
    """A statistic in words."""
    if statistic.startswith("p"):
        return "median" if statistic == "p50" else f"{statistic[1:]} % quantile"
    return statistic


def open_axes(ax: Axes | None, height: float, width: float = 6.4) -> Axes:
    """Axes without what carries nothing."""
    ax = new_axes(ax, width, height)
    bare(ax, lanes=False)
    return ax


def finish_sweep(
    ax: Axes, result: Sweep, title: str | None, more: str = "", samples: Iterable[Sample] = ()
) -> None:
    """The title, how many runs this is and of how many the samples say that they failed.

    For whoever finds the saved picture it also holds which runs they are.
    """
    if title:
        ax.set_title(title, loc="left", color=INK)
    each = runs_in_words(result._plan.seeds) + (" a point" if len(result.points) > 1 else "")
    if not result.complete:
        each = f"{runs_in_words(len(result))}, interrupted"
    if failed := sum(of.failed for of in samples):
        each += f", {failed:,} failed"
    ax.set_title(f"{each}{more}", loc="right", fontsize=points(ax, SMALL), color=MUTED)
    vars(ax)["raftlab_replay"] = "\n".join(replay_lines(result))


def replay_lines(result: Sweep) -> list[str]:
    """What brings the rows back: a line a point."""
    plan, lines = result._plan, []
    for at, script in enumerate(plan.scenarios[:MOST_LINES]):
        scenario, first = f"raftlab.Scenario.from_json({script!r})", plan.first_seeds[at]
        line = f"raftlab.sweep({scenario}, seeds=range({first}, {first + plan.seeds}), "
        line += f"on_violation={plan.on_violation!r}, checks={plan.checks})"
        if plan.moments is not None:
            seed, at_ms, _ = plan.moments[at]
            line = f"{scenario}.run(seed={seed})  # its futures from {at_ms} ms on"
        lines.append(line)
    more = len(plan.scenarios) - MOST_LINES
    return [*lines, f"# and {more:,} more points"] if more > 0 else lines


MOST_LINES = 50


def legend(ax: Axes, count: int, **where: Any) -> None:
    """A key, if there is more than one thing to tell apart: beside the data, never on them."""
    if count < 2:
        return
    outside = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    ax.legend(**({"frameon": False, "fontsize": points(ax, SMALL), "handlelength": 1.6} | outside | where))
    figure: Figure | None = ax.get_figure(root=True)
    if figure is not None and figure.get_layout_engine() is None and len(figure.axes) == 1:
        figure.set_layout_engine("constrained")
