"""Helpers of all pictures: axes, titles, measures in points, and collections of many shapes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure, FigureBase
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from raftlab._arguments import instance
from raftlab._arguments import nodes as named
from raftlab._world import World
from raftlab.errors import InvalidError

from ._palette import Theme

if TYPE_CHECKING:
    from matplotlib.transforms import Transform
    from numpy.typing import ArrayLike


__all__ = ["finish", "new_axes", "settle"]

SMALL, TINY = 7.5, 6.5
"""The size of text inside a picture in points, relative to matplotlib's default of 10."""

SMALLER = 0.75
"""The smallest size of a title, relative to its normal size."""

LEAST, NARROW = 6.0, 300.0
"""The smallest text in points, and the width of axes in points below which text gets smaller."""


def new_axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes to draw on.

    These are the given ones, or the current ones if they are empty, or new ones of this size in inches. A
    picture is never drawn on top of another.
    """
    if ax is not None:
        if not isinstance(ax, Axes):
            raise InvalidError(f"ax must be matplotlib Axes, not {type(ax).__name__}")
        return ax
    from matplotlib import pyplot as plt

    if plt.get_fignums():
        figure = plt.gcf()
        if not figure.axes:
            return figure.add_subplot()
        if not (current := figure.gca()).has_data() and not current.texts:
            return current
    _, made = plt.subplots(figsize=(width, height), layout="constrained")
    assert isinstance(made, Axes)
    return made


def chosen_nodes(world: World, nodes: str | Sequence[str] | None) -> list[str]:
    """The names of the nodes to draw; `"ABC"` is short for single-letter names."""
    known = [node.name for node in instance(world, World, "world").nodes]
    if nodes is None:
        return known
    names = named(nodes, "nodes", known)
    if not names or len(set(names)) < len(names):
        raise InvalidError(f"nodes must name at least one node, and none twice, not {nodes!r}")
    return names


class LocatorBelow(MaxNLocator):
    """Whole numbers, and none above the data: there is the header."""

    def __init__(self, highest: float) -> None:
        super().__init__(nbins=8, steps=[1, 2, 5, 10], integer=True)
        self.highest = highest

    def __call__(self) -> Any:
        return [tick for tick in super().__call__() if 0 <= tick <= self.highest]


def height_axis(ax: Axes, highest: float, taken: float, name: str) -> None:
    """A y axis of whole numbers from 0 up, below a header that takes a share of the height."""
    low, high = -0.06 * highest - 0.02, highest * 1.05 + 0.15
    ax.set_ylim(low, low + (high - low) / (1.0 - taken))
    ax.yaxis.set_major_locator(LocatorBelow(highest + 0.01))
    ax.set_ylabel(name, y=(1.0 - taken) / 2.0)
    ax.spines["left"].set_bounds(low, highest * 1.02 + 0.1)


def note(ax: Axes, text: str) -> None:
    """Writes a note in small letters below the name of the x axis, unless it is empty."""
    if not text:
        return
    size = points(ax, SMALL)
    lines = "\n".join(wrapped(text, size, size_points(ax)[0]))
    if said := [each for each in ax.texts if each.get_gid() == "note"]:
        said[0].set_text(f"{said[0].get_text()}\n{lines}")
        return
    ax.annotate(
        lines, (0.5, 0.0), xycoords=ax.xaxis.label, xytext=(0.0, -0.4 * size), textcoords="offset points",
        ha="center", va="top", fontsize=size, color=Theme.of(ax).muted, annotation_clip=False,
        parse_math=False, gid="note",
    )  # fmt: skip


def caption(ax: Axes, title: str | None, about: str) -> None:
    """Title and names of the axes, each in as many lines as the picture needs."""
    settle(ax)
    head(ax, title, about)
    settle(ax)
    before = ax.get_xlabel(), ax.get_ylabel()
    _wrap_names(ax)
    if before != (ax.get_xlabel(), ax.get_ylabel()):
        settle(ax)
        head(ax, title, about)


def _wrap_names(ax: Axes) -> None:
    """The names of the axes, in lines where the picture is too small for them in one."""
    (width, height), whole = size_points(ax), root(ax).bbox.width
    box, size = ax.get_window_extent(), float(ax.xaxis.label.get_fontsize())
    middle = (box.x0 + box.x1) / 2
    width *= 2 * min(middle, whole - middle) / max(box.width, 1.0)
    ax.set_xlabel("\n".join(wrapped(ax.get_xlabel(), size, width)))
    ax.set_ylabel("\n".join(wrapped(ax.get_ylabel(), float(ax.yaxis.label.get_fontsize()), height)))


def finish(ax: Axes, world: World, title: str | None, more: str = "") -> None:
    """Writes the title and the run, which also go into the metadata of a saved picture."""
    head(ax, title, f"{which_run(world)}{more}")
    script = world.scenario.to_json()
    vars(ax)["raftlab_replay"] = f"raftlab.Scenario.from_json({script!r}).run(seed={world.seed})"


def which_run(world: World) -> str:
    """The seed of a run, and the point of the grid that it is of."""
    point: dict[str, Any] = getattr(world, "point", {})
    return ", ".join(
        [*(f"{name} = {shown_value(value)}" for name, value in point.items()), f"seed {world.seed}"]
    )


def shown_value(value: Any) -> str:
    """A value of a parameter as text."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def head(ax: Axes, title: str | None, about: str) -> None:
    """The title on the left, and what the picture is of on the right; one above the other if need be.

    A title that is too long is written a little smaller before it is broken into lines.
    """
    theme, small, (width, height) = Theme.of(ax), points(ax, SMALL), size_points(ax)
    lines = _few(wrapped(about, small, width), 0.3 * height / (1.3 * small))
    ax.set_title("\n".join(lines), loc="right", fontsize=small, color=theme.muted)
    if not title:
        return
    size = float(ax.set_title(title, loc="left", color=theme.ink).get_fontsize())
    size *= float(np.clip(0.98 * width / text_points(title, size), SMALLER, 1.0))
    needs = text_points(title, size)
    if needs > width:
        title = "\n".join(_few(wrapped(title, size, width), 0.3 * height / (1.3 * size)))
    stacked = about and (len(lines) > 1 or needs + text_points(f"   {about}", small) > width)
    up = (0.4 + 1.25 * len(lines)) * small if stacked else 0.0
    drawn = ax.set_title(title, loc="left", color=theme.ink, fontsize=size)
    drawn.set_transform(shifted(ax, drawn.get_transform(), 0.0, up))  # its own, to which set_title resets it


def _few(lines: list[str], most: float) -> list[str]:
    """As many lines as there is room for."""
    kept = max(1, int(most))
    return lines if len(lines) <= kept else [*lines[: kept - 1], f"{lines[kept - 1]} …"]


def wrapped(text: str, size: float, width: float) -> list[str]:
    """A text in lines that are not wider, where it has words that can be parted."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_points(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def bare(ax: Axes, *, lanes: bool) -> None:
    """Removes the lines that carry no information."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    if lanes:
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)


def shifted(ax: Axes, transform: Transform, right: float, up: float) -> Transform:
    """The same transform, moved by some points."""
    return transform + ScaledTranslation(right / 72.0, up / 72.0, root(ax).dpi_scale_trans)


def root(part: Axes | FigureBase) -> Figure:
    """The figure that axes or subfigures are part of."""
    figure = part.get_figure(root=True)
    assert isinstance(figure, Figure), "what is drawn on belongs to a figure"
    return figure


# ---- Measures -----------------------------------------------------------------------------------------


def settle(ax: Axes) -> None:
    """Applies the figure's layout, so that the size of the axes can be measured.

    A figure without a layout and with default margins gets one; otherwise names of axes would be cut off in
    small figures.
    """
    figure = root(ax)
    if figure.get_layout_engine() is None and ax.get_subplotspec() is not None and _untouched(figure):
        figure.set_layout_engine("constrained")
        if not _fits(figure):
            figure.set_layout_engine("none")
    elif (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)


def _fits(figure: Figure) -> bool:
    """Lays a figure out, if it is large enough for that."""
    engine = figure.get_layout_engine()
    assert engine is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            engine.execute(figure)
        except UserWarning:
            return False
    return True


def _untouched(figure: Figure) -> bool:
    """True if the margins of a figure are those of the style."""
    prefix = "figure.subplot."
    style = {name.removeprefix(prefix): value for name, value in mpl.rcParams.items() if prefix in name}
    return all(getattr(figure.subplotpars, side) == value for side, value in style.items())


def size_points(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes in points."""
    box, dpi = ax.get_window_extent(), root(ax).dpi
    return max(box.width, 1.0) * 72.0 / dpi, max(box.height, 1.0) * 72.0 / dpi


def points(ax: Axes, size: float) -> float:
    """A size of text, relative to the labels of these axes; smaller in narrow ones, but legible."""
    base = float(FontProperties(size=ax.xaxis.label.get_fontsize()).get_size_in_points())
    narrow = float(np.clip(size_points(ax)[0] / NARROW, 0.8, 1.0))
    return max(size * base / 10.0 * narrow, min(LEAST, base))


@lru_cache(maxsize=8192)
def text_points(text: str, size: float, weight: str = "normal") -> float:
    """How wide a text is, in points."""
    font = FontProperties(size=size, weight=weight)
    width, _, _ = TextToPath().get_text_width_height_descent(text, font, False)
    return float(width)


def elided(text: str, size: float, room: float, weight: str = "normal") -> str:
    """A text, or as much of its beginning as there is room for."""
    if text_points(text, size, weight) <= room:
        return text
    parts = (f"{text[:length].rstrip()}…" for length in range(len(text) - 1, 0, -1))
    return next((part for part in parts if text_points(part, size, weight) <= room), "")


# ---- Shapes -------------------------------------------------------------------------------------------


def rectangles(
    ax: Axes,
    left: ArrayLike,
    right: ArrayLike,
    bottom: ArrayLike,
    top: ArrayLike,
    *,
    transform: Transform | None = None,
    **style: Any,
) -> PolyCollection:
    """Many rectangles as one artist."""
    x0, x1, y0, y1 = np.broadcast_arrays(*(np.asarray(side, float) for side in (left, right, bottom, top)))
    corners = np.stack([np.stack([x0, x1, x1, x0], -1), np.stack([y0, y0, y1, y1], -1)], -1)
    shapes = PolyCollection(list(corners.reshape(-1, 4, 2)), **({"linewidths": 0.0} | style))
    shapes.set_transform(transform if transform is not None else ax.transData)
    ax.add_collection(shapes, autolim=False)
    return shapes


def strand(ax: Axes, position: int, count: int) -> Transform:
    """Data, moved up or down a little: lines of equal height then run side by side.

    All of them together take less room than one unit, so that they do not look like different heights,
    unless they could not be distinguished then.
    """
    per_unit = size_points(ax)[1] / float(np.diff(ax.get_ylim())[0])
    gap = float(np.clip(0.7 * per_unit / count, 0.45, 1.9 * min(1.0, 5 / count)))
    return shifted(ax, ax.transData, 0.0, ((count - 1) / 2 - position) * gap)


def steps(start: np.ndarray, end: np.ndarray, height: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The corners of a line that keeps a height from each start to its end; gaps where it is not shown."""
    heights = np.where(shown, height, np.nan).astype(float)
    return np.stack([np.stack([start, end], -1).ravel(), np.repeat(heights, 2)], -1)
