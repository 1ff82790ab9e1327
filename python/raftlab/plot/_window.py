"""The part of a run that a picture shows, and its axis of time or of order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import Formatter, MaxNLocator

from raftlab._arguments import instance
from raftlab._time import Duration, format_ms, to_ms
from raftlab._world import World
from raftlab.errors import InvalidError

from ._axes import note, settle, size_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes


__all__ = ["Window", "columns", "name_time", "note_columns", "time_axis"]

LONGEST_IN_MS = 2000.0
"""The longest time axis labelled in milliseconds; longer ones are labelled in seconds."""

TAIL = 0.04
"""The final state of a run has no duration. It is drawn beyond the end, for this share of the axis."""


@dataclass(frozen=True)
class Window:
    """The limits of a picture, in milliseconds, or in events on an axis of order."""

    start: float
    end: float
    now: float
    tail: float = 0.0
    """The distance beyond the end of the run over which its final state is drawn."""
    order: bool = False

    @classmethod
    def of(cls, world: World, start: Duration | None, end: Duration | None) -> Window:
        """The window for `start` and `end`, by default from the beginning to now."""
        now = instance(world, World, "world").now_ms
        first = 0.0 if start is None else to_ms(start, "start")
        last = max(now, first + 1.0) if end is None else to_ms(end, "end")
        if first >= last:
            raise InvalidError(f"start ({format_ms(first)}) must be before end ({format_ms(last)})")
        if first > 0.0 and first >= now:
            raise InvalidError(
                f"start ({format_ms(first)}) must be before the end of the run ({format_ms(now)})"
            )
        return cls(first, last, now, TAIL * (last - first) if now <= last else 0.0)

    @property
    def exact(self) -> Window:
        """The window without the part beyond the end, for tables."""
        return replace(self, tail=0.0)

    @property
    def until(self) -> float:
        """The position up to which ongoing states are drawn."""
        return self.now + self.tail

    @property
    def right(self) -> float:
        """The right end of the axis."""
        return max(self.end, self.until if self.now <= self.end else self.end)

    @property
    def span(self) -> float:
        """The length of the axis."""
        return self.right - self.start

    def touches(self, start: Any, end: Any) -> Any:
        """Marks the intervals that overlap the window."""
        return (start <= self.end) & (end >= self.start)

    def bins(self, most: int) -> np.ndarray:
        """The edges of at most `most` bins of a round length; the last one may be shorter."""
        least = (self.end - self.start) / most
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


class LocatorWithin(MaxNLocator):
    """Places ticks at round values, but none beyond the end of the run."""

    def __init__(self, window: Window, most: int) -> None:
        steps = [1, 2, 5, 10] if window.order else [1, 2, 2.5, 5, 10]
        super().__init__(nbins=most, steps=steps, integer=window.order, min_n_ticks=1)
        self.window = window

    def __call__(self) -> Any:
        ticks, right = super().__call__(), self.window.right
        zoomed_out = self.axis is not None and max(self.axis.get_view_interval()) > right + 1e-6 * abs(right)
        return ticks if zoomed_out else [tick for tick in ticks if tick <= self.window.end]


def unit_of(span: float) -> float:
    """The number of milliseconds in the unit that labels a time axis of some length."""
    return 1.0 if span <= LONGEST_IN_MS else 1000.0


def time_axis(ax: Axes, window: Window) -> None:
    """Sets up the axis of a window. Its line ends at the end of the run."""
    per_unit = 1.0 if window.order else unit_of(window.end - window.start)
    ax.set_xlim(window.start, window.right)
    widest = 4.6 * float(ax.xaxis.label.get_fontsize())
    ax.xaxis.set_major_locator(LocatorWithin(window, int(np.clip(size_points(ax)[0] / widest, 3, 10))))
    ax.xaxis.set_major_formatter(TimeFormatter(per_unit))
    ax.spines["bottom"].set_bounds(window.start, window.end)
    name_time(ax, "event" if window.order else "time")


def name_time(ax: Axes, name: str) -> None:
    """Names a time axis, with the unit in which its ticks are labelled.

    Axes that share it are named anew: their ticks are now labelled in this unit, too.
    """
    vars(ax)["raftlab_time"] = name
    for each in ax.get_shared_x_axes().get_siblings(ax):
        if "raftlab_time" not in vars(each):
            continue
        formatter = each.xaxis.get_major_formatter()
        unit = {1.0: " (ms)", 1000.0: " (s)"}.get(getattr(formatter, "per_unit", 0.0), "")
        title = vars(each)["raftlab_time"]
        shown = each.xaxis.get_tick_params().get("labelbottom", True)
        named = f"{title}{unit}" if title != "event" else "event"
        each.set_xlabel(named if shown else "")


def columns(ax: Axes, window: Window) -> np.ndarray:
    """The edges of the columns in which events that are too dense to draw are counted."""
    return window.bins(max(20, int(size_points(ax)[0] / 3.0)))


def note_columns(ax: Axes, window: Window, *what: str) -> None:
    """Notes what the columns of the picture count, if it has any.

    The note takes room, so it must precede everything that depends on the height of the axes.
    """
    if any(what):
        edges = columns(ax, window)
        length = format_ms(float(edges[1] - edges[0]))
        note(ax, f"a column is {length}: {', '.join(text for text in what if text)}")
        settle(ax)
