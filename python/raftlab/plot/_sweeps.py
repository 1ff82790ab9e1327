"""Helpers of pictures of sweeps: groups of runs, their colours and labels, names of axes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from matplotlib import colormaps, colors
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from raftlab._arguments import instance
from raftlab.errors import InvalidError
from raftlab.statistics import Sample, runs_in_words
from raftlab.sweeps import Sweep
from raftlab.sweeps.observed import VIOLATION, Observed, groups, metrics_of

from ._axes import (
    NARROW,
    SMALL,
    bare,
    caption,
    new_axes,
    points,
    root,
    settle,
    shifted,
    shown_value,
    size_points,
    text_points,
)
from ._header import columns_width
from ._palette import LIGHT, Theme, node_dashes

__all__ = ["Group", "axis_name", "finish_sweep", "groups_of", "open_axes", "statistic_name"]

Dashes: TypeAlias = "tuple[float, tuple[float, ...]]"
"""The offset of dashes, and the lengths of dashes and gaps, as in matplotlib."""
SEQUENCE = "viridis"
"""Perceptually uniform colours for ordered values, also in grey and for colour-blind readers."""


@dataclass(frozen=True)
class Group:
    """Runs that are drawn together, distinguished from others by the parameters that vary."""

    label: str
    colour: str
    dashes: str | Dashes
    point: dict[str, Any]
    told: dict[str, Any]
    rows: np.ndarray


def groups_of(result: Sweep, by: str | Sequence[str] | None, ax: Axes | None) -> list[Group]:
    """The runs by values of some parameters; by default a group for each point."""
    theme = Theme.of(ax if isinstance(ax, Axes) else None)
    instance(result, Sweep, "result")
    found = groups(result, by)
    values = [next(iter(point.values())) for point, _ in found if len(point) == 1]
    ordered = len(values) == len(found) > 3 and all(isinstance(value, (int, float)) for value in values)
    shades = np.linspace(*theme.shades, len(found))
    names = [name for name in found[0][0] if len({shown_value(point[name]) for point, _ in found}) > 1]
    return [
        Group(
            label=", ".join(f"{name} = {shown_value(point[name])}" for name in names or point),
            colour=colors.to_hex(colormaps[SEQUENCE](shades[at])) if ordered else theme.node(at),
            dashes="solid" if ordered else node_dashes(at % (3 * len(LIGHT.nodes))),
            point=point,
            told={name: point[name] for name in names or point},
            rows=rows,
        )
        for at, (point, rows) in enumerate(found)
    ]


def samples_by(
    result: Sweep, metric: str, by: str | Sequence[str] | None, ax: Axes | None
) -> list[tuple[Group, Sample]]:
    """The sample of a metric for each group."""
    metrics_of(instance(result, Sweep, "result"), instance(metric, str, "metric"))
    observed = Observed.of(result, metric)
    return [(group, observed.sample(group.rows)) for group in groups_of(result, by, ax)]


def curves_of(
    result: Sweep, metric: str, by: str | Sequence[str] | None, ax: Axes | None
) -> list[tuple[Group, Sample]]:
    """The samples to draw as curves; refuses flags, metrics without values, and too many curves.

    Equal curves would hide each other, so each is dashed and shows in the gaps of the others.
    """
    parts = samples_by(result, metric, by, ax)
    no_flags(metric, parts)
    few_enough(len(parts))
    something_to_draw(result, metric, [of for _, of in parts])
    alike: dict[bytes, list[int]] = {}
    for at, (_, of) in enumerate(parts):
        alike.setdefault(b"|".join(np.sort(side).tobytes() for side in (of.values, of.censored)), []).append(
            at
        )
    for places in alike.values():
        for position, at in enumerate(places if len(places) > 1 else ()):
            group, of = parts[at]
            parts[at] = replace(group, dashes=interleaved(position, len(places))), of
    return parts


def something_to_draw(result: Sweep, metric: str, samples: Sequence[Sample]) -> None:
    """Refuses a metric without a value in any run."""
    if not any(of.n for of in samples):
        why = samples[0].why or f"none of {runs_in_words(len(result))} has a value"
        raise InvalidError(f"metric '{metric}' has nothing to draw: {why}")


def key_of(parts: Sequence[tuple[Group, Sample]]) -> list[Line2D]:
    """The lines in the key of curves, without the dashes that distinguish equal curves."""
    return [
        Line2D(
            [], [], color=group.colour, lw=1.6, label=group.label,
            ls=group.dashes if isinstance(group.dashes, str) else "solid",
        )
        for group, of in parts
        if of.n
    ]  # fmt: skip


def few_enough(count: int) -> None:
    """Refuses more curves than can be distinguished."""
    if count > MOST_CURVES:
        raise InvalidError(
            f"by: {count:,} curves are too many, at most {MOST_CURVES} can be distinguished: name fewer "
            "parameters in by=, or choose points with result.where()"
        )


MOST_CURVES = 12


def interleaved(position: int, count: int) -> Dashes:
    """Dashes that leave room for those of as many other curves."""
    return (DASH * (count - position), (DASH, DASH * (count - 1)))


DASH = 4.0
"""How long such a dash is, in widths of the line."""


def no_flags(metric: str, parts: Sequence[tuple[Group, Sample]]) -> None:
    """Refuses flags, which have no distribution."""
    if any(of.flags for _, of in parts):
        raise InvalidError(
            f"metric '{metric}' is yes/no and has no distribution; plot.share and plot.heatmap show shares"
        )


def axis_name(result: Sweep, metric: str) -> str:
    """The name of an axis for a metric, with its unit in parentheses."""
    if metric == VIOLATION:
        return "share of runs with a violation"
    column, asks, value = metric.partition("=")
    if asks:
        verb = "violate" if column == "properties" else "end at the" if value == "horizon" else "end by"
        return f"share of runs that {verb} {value.replace('_', ' ')}"
    unit = next((unit for name, _, unit, _ in result.runs.columns if name == metric), "")
    name = metric.removesuffix(f"_{unit}") if unit else metric
    return f"{name.replace('_', ' ')} ({unit})" if unit else name.replace("_", " ")


def statistic_name(statistic: str) -> str:
    """A statistic in words."""
    if statistic.startswith("p"):
        return "median" if statistic == "p50" else f"{statistic[1:]} % quantile"
    return statistic


def open_axes(ax: Axes | None, height: float, width: float = 6.4) -> Axes:
    """Axes without lines that carry no information."""
    ax = new_axes(ax, width, height)
    bare(ax, lanes=False)
    return ax


def finish_sweep(
    ax: Axes, result: Sweep, title: str | None, more: str = "", samples: Iterable[Sample] = ()
) -> None:
    """Writes the title, the number of runs, and the number of those that failed.

    The metadata of a saved picture also contain the runs.
    """
    each = runs_in_words(result._plan.seeds) + (" a point" if len(result.points) > 1 else "")
    if not result.complete:
        each = f"{runs_in_words(len(result))}, interrupted"
    if failed := sum(of.failed for of in samples):
        each += f", {failed:,} failed"
    caption(ax, title, f"{each}{more}")
    vars(ax)["raftlab_replay"] = "\n".join(replay_lines(result))


def replay_lines(result: Sweep) -> list[str]:
    """The code that plays the runs again, with a line per point."""
    plan, lines = result._plan, []
    for at, script in enumerate(plan.scenarios[:MOST_LINES]):
        scenario, first = f"raftlab.Scenario.from_json({script!r})", plan.first_seeds[at]
        seeds = f"range({first}, {first + plan.seeds})" if plan.listed is None else list(plan.listed)
        line = f"raftlab.sweep({scenario}, seeds={seeds}, "
        line += f"on_violation={plan.on_violation!r}, checks={plan.checks})"
        if plan.drawn is not None:
            line = f"{scenario}.run(seed={plan.seed(at, 0)})  # the first of those that build(seed=...) drew"
        if plan.moments is not None:
            seed, at_ms, _ = plan.moments[at]
            line = f"{scenario}.run(seed={seed})  # its futures from {at_ms} ms on"
        lines.append(line)
    more = len(plan.scenarios) - MOST_LINES
    return [*lines, f"# and {more:,} more points"] if more > 0 else lines


MOST_LINES = 50


def legend(ax: Axes, count: int, *, below: bool = True, **where: Any) -> None:
    """Draws a key if there are several entries, beside the data, or below them in narrow axes.

    `below=False` means that the room below is taken.
    """
    if count < 2:
        return
    look: dict[str, Any] = {"frameon": False, "fontsize": points(ax, SMALL), "handlelength": 1.6}
    if below and "loc" not in where and size_points(ax)[0] < NARROW:
        base = float(ax.xaxis.label.get_fontsize())
        lines = 1 + len(ax.get_xlabel().splitlines())
        under = shifted(ax, ax.transAxes, 0.0, -(0.8 + 1.2 * lines) * base)
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0.0, 0.0), "bbox_transform": under}
        place |= {"ncols": _columns(ax, where), "columnspacing": 1.2, "borderaxespad": 0.0}
    else:
        place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    for text in ax.legend(**(look | place | where)).get_texts():
        text.set_text(narrow(text.get_text()))
    settle(ax)


def _columns(ax: Axes, where: dict[str, Any]) -> int:
    """In how many columns a key below the data fits: two, or one."""
    size = points(ax, SMALL)
    handles = where.get("handles") or ax.get_legend_handles_labels()[0]
    labels = [narrow(str(handle.get_label())) for handle in handles]
    needs = [max(text_points(line, size) for line in label.split("\n")) + 3.6 * size for label in labels]
    room = (root(ax).bbox.x1 - ax.get_window_extent().x0) * 72.0 / root(ax).dpi
    return 2 if len(needs) > 1 and columns_width(needs, 2) < room else 1


def narrow(label: str) -> str:
    """A label, broken into lines if it is long, to leave room for the picture."""
    if len(label) <= WIDEST:
        return label
    parts = label.replace(", ", ",\n").split("\n")
    return "\n".join(textwrap.fill(part, WIDEST, subsequent_indent="  ") for part in parts)


WIDEST = 30
"""The letters of a line of a key."""
