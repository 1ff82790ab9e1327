"""What all pictures share: axes, the time axis, measures in points, and shapes drawn by the thousand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from matplotlib.ticker import Formatter, MaxNLocator
from matplotlib.transforms import ScaledTranslation

from raftlab._time import Duration, format_ms, to_ms
from raftlab.errors import InvalidError

from ._palette import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.transforms import Transform
    from numpy.typing import ArrayLike

    from raftlab.cluster import World

__all__ = ["Window", "new_axes", "time_axis"]

SMALL, TINY = 7.5, 6.5
"""Points of text inside a picture, when matplotlib's own text has 10; they grow and shrink with it."""

LONGEST_IN_MS = 2000.0
"""Up to here a time axis counts in milliseconds, above it in seconds."""


def new_axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes to draw on.

    Those given; else the current ones if nothing is drawn on them; else new ones of this size in inches. A
    picture never lands on top of another.
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
    known = [node.name for node in world.nodes]
    if nodes is None:
        return known
    names = [nodes] if isinstance(nodes, str) and nodes in known else list(nodes)
    for name in names:
        if name not in known:
            raise InvalidError(f"nodes: unknown node {name!r}; this cluster has {', '.join(known)}")
    if not names or len(set(names)) < len(names):
        raise InvalidError(f"nodes must name at least one node, and none twice, not {nodes!r}")
    return names


@dataclass(frozen=True)
class Window:
    """The stretch of time that a picture shows, in milliseconds."""

    start: float
    end: float
    now: float

    @classmethod
    def of(cls, world: World, start: Duration | None, end: Duration | None) -> Window:
        """From the beginning to now, where nothing else is asked for."""
        now = world.now_ms
        first = 0.0 if start is None else to_ms(start, "start")
        last = max(now, first + 1.0) if end is None else to_ms(end, "end")
        if first >= last:
            raise InvalidError(f"start ({format_ms(first)}) must be before end ({format_ms(last)})")
        return cls(first, last, now)

    @property
    def span(self) -> float:
        """How long it is."""
        return self.end - self.start

    def touches(self, start: Any, end: Any) -> Any:
        """Which of these stretches show."""
        return (start <= self.end) & (end >= self.start)

    def bins(self, most: int) -> np.ndarray:
        """The edges of at most so many parts of a round length; the last one may be shorter."""
        least = self.span / most
        power = 10.0 ** np.floor(np.log10(least))
        length = power * next(step for step in (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10) if step * power >= least)
        edges: np.ndarray = np.r_[np.arange(self.start, self.end - 1e-9 * length, length), self.end]
        return edges


class TimeFormatter(Formatter):
    """Milliseconds, written in the unit of the axis."""

    def __init__(self, per_unit: float) -> None:
        self.per_unit = per_unit

    def __call__(self, x: float, pos: int | None = None) -> str:  # noqa: ARG002 - matplotlib's signature
        return f"{x / self.per_unit:.6g}"


class LocatorBelow(MaxNLocator):
    """Whole numbers, and none above the data: there is the header."""

    def __init__(self, highest: float) -> None:
        super().__init__(nbins=8, steps=[1, 2, 5, 10], integer=True)
        self.highest = highest

    def __call__(self) -> Any:
        return [tick for tick in super().__call__() if 0 <= tick <= self.highest]


def time_axis(ax: Axes, window: Window) -> None:
    """A time axis. Its data are milliseconds; it is labelled in ms or s, whichever reads better."""
    in_ms = window.span <= LONGEST_IN_MS
    ax.set_xlim(window.start, window.end)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=10, steps=[1, 2, 2.5, 5, 10]))
    ax.xaxis.set_major_formatter(TimeFormatter(1.0 if in_ms else 1000.0))
    ax.set_xlabel("time (ms)" if in_ms else "time (s)")


def height_axis(ax: Axes, highest: float, taken: float, name: str) -> None:
    """A y axis of whole numbers from 0 up, below a header that takes a share of the height."""
    low, high = -0.06 * highest - 0.02, highest * 1.05 + 0.15
    ax.set_ylim(low, low + (high - low) / (1.0 - taken))
    ax.yaxis.set_major_locator(LocatorBelow(highest + 0.01))
    ax.set_ylabel(name, y=(1.0 - taken) / 2.0)
    ax.spines["left"].set_bounds(low, highest * 1.02 + 0.1)


def note(ax: Axes, text: str) -> None:
    """Says in the picture what was summed up, if anything was, under the name of its x axis."""
    size, width = ax.xaxis.label.get_fontsize(), size_points(ax)[0]
    lines = [ax.get_xlabel(), ""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_points(longer, float(size)) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    ax.set_xlabel("\n".join(line for line in lines if line))


def columns(ax: Axes, window: Window) -> np.ndarray:
    """The edges of the columns in which is counted what is too dense to be drawn."""
    return window.bins(max(20, int(size_points(ax)[0] / 3.0)))


def note_columns(ax: Axes, window: Window, *what: str) -> None:
    """Says what the columns of the picture count, if it has any."""
    if any(what):
        edges = columns(ax, window)
        length = format_ms(float(edges[1] - edges[0]))
        note(ax, f"a column is {length}: {', '.join(text for text in what if text)}")


def finish(ax: Axes, world: World, title: str | None, more: str = "") -> None:
    """The title, and which run this is: also for whoever finds the saved picture."""
    if title:
        ax.set_title(title, loc="left", color=INK)
    ax.set_title(f"seed {world.seed}{more}", loc="right", fontsize=points(ax, SMALL), color=MUTED)
    script = world.scenario.to_json()
    vars(ax)["raftlab_replay"] = f"raftlab.Scenario.from_json({script!r}).run(seed={world.seed})"


def bare(ax: Axes, *, lanes: bool) -> None:
    """Takes away the lines that carry nothing."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    if lanes:
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)


def shifted(ax: Axes, transform: Transform, right: float, up: float) -> Transform:
    """The same transform, moved by some points."""
    return transform + ScaledTranslation(right / 72.0, up / 72.0, root(ax).dpi_scale_trans)


def root(ax: Axes) -> Figure:
    """The figure that the axes are part of, through all subfigures."""
    figure = ax.figure
    if isinstance(figure, SubFigure):
        figure = figure.figure
    assert isinstance(figure, Figure), "axes that are drawn on belong to a figure"
    return figure


# ---- Measures -----------------------------------------------------------------------------------------


def settle(ax: Axes) -> None:
    """Lets the figure's layout, if it has one, place the axes: what comes next is measured on them."""
    engine = root(ax).get_layout_engine()
    if engine is not None:
        engine.execute(root(ax))


def size_points(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes in points."""
    box, dpi = ax.get_window_extent(), root(ax).dpi
    return max(box.width, 1.0) * 72.0 / dpi, max(box.height, 1.0) * 72.0 / dpi


def points(ax: Axes, size: float) -> float:
    """A size of text, relative to the tick labels of these axes."""
    base = FontProperties(size=ax.xaxis.label.get_fontsize()).get_size_in_points()
    return size * base / 10.0


@lru_cache(maxsize=8192)
def text_points(text: str, size: float, weight: str = "normal") -> float:
    """How wide a text is, in points."""
    font = FontProperties(size=size, weight=weight)
    width, _, _ = TextToPath().get_text_width_height_descent(text, font, False)
    return float(width)


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
    unless they could not be told apart then.
    """
    per_unit = size_points(ax)[1] / float(np.diff(ax.get_ylim())[0])
    gap = float(np.clip(0.7 * per_unit / count, 0.45, 1.9 * min(1.0, 5 / count)))
    return shifted(ax, ax.transData, 0.0, ((count - 1) / 2 - position) * gap)


def steps(start: np.ndarray, end: np.ndarray, height: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The corners of a line that keeps a height from each start to its end; gaps where it is not shown."""
    heights = np.where(shown, height, np.nan).astype(float)
    return np.stack([np.stack([start, end], -1).ravel(), np.repeat(heights, 2)], -1)
