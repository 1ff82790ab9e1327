"""What pictures of sweeps have in common: groups of runs, their colours and labels, the names of axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps, colors
from matplotlib.axes import Axes

from raftlab._arguments import instance
from raftlab.statistics import Sample
from raftlab.sweeps import Sweep
from raftlab.sweeps.summary import VIOLATION, groups, metrics_of, sample_of

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


def sample(result: Sweep, metric: str, rows: np.ndarray) -> Sample:
    """What some runs say of a metric."""
    metrics_of(result, metric)
    return sample_of(result, metric, rows)


def axis_name(result: Sweep, metric: str) -> str:
    """A metric as an axis is named: without its unit, which stands behind it."""
    if metric == VIOLATION:
        return "share of runs with a violation"
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


def finish_sweep(ax: Axes, result: Sweep, title: str | None, more: str = "") -> None:
    """The title, and how many runs this is."""
    if title:
        ax.set_title(title, loc="left", color=INK)
    each = f"{result._plan.seeds:,} runs" + (" a point" if len(result.points) > 1 else "")
    if not result.complete:
        each = f"{len(result):,} runs, interrupted"
    ax.set_title(f"{each}{more}", loc="right", fontsize=points(ax, SMALL), color=MUTED)


def legend(ax: Axes, count: int, **where: Any) -> None:
    """A key, if there is more than one thing to tell apart: beside the data, never on them."""
    if count < 2:
        return
    outside = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    ax.legend(**({"frameon": False, "fontsize": points(ax, SMALL), "handlelength": 1.6} | outside | where))
    figure: Figure | None = ax.get_figure(root=True)
    if figure is not None and figure.get_layout_engine() is None and len(figure.axes) == 1:
        figure.set_layout_engine("constrained")
