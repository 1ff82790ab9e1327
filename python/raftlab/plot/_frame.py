"""The frame of every picture over time: its window, its axes, its header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raftlab._time import Duration

from ._axes import bare, chosen_nodes, finish, new_axes, note, settle
from ._header import header
from ._order import by_order
from ._window import Window, time_axis

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from raftlab._world import World

__all__ = ["Frame"]


@dataclass(frozen=True)
class Frame:
    """What a picture is of: a world, some of its nodes, a stretch of time or of order.

    On an axis of order the world has ordinals as times, so plots need no special case.
    """

    world: World
    window: Window
    names: list[str]
    said: str = ""

    @classmethod
    def of(
        cls,
        world: World,
        start: Duration | None,
        end: Duration | None,
        nodes: str | Sequence[str] | None,
        axis: str = "time",
    ) -> Frame:
        """From the arguments that all pictures take."""
        window, names = Window.of(world, start, end), chosen_nodes(world, nodes)
        found: tuple[Any, Window] | None = by_order(world, window, axis)
        if found is None:
            return cls(world, window, names)
        played, window = found
        return cls(played, window, names, played.said())

    def open(self, ax: Axes | None, title: str | None, height: float, *, lanes: bool) -> Axes:
        """The axes, with title, time axis, and room measured out. `height` in inches, for new axes."""
        ax = new_axes(ax, 9.0, height)
        bare(ax, lanes=lanes)
        time_axis(ax, self.window)
        finish(ax, self.world, title)
        if lanes:
            ax.set_yticks(range(len(self.names)), self.names, parse_math=False)
        else:
            ax.set_ylabel(" ")
        if self.said:
            note(ax, self.said)
        settle(ax)
        return ax

    def header(self, ax: Axes, key: Sequence[Artist]) -> float:
        """The key and the faults; says which share of the height they take."""
        return header(ax, self.world, self.window, key)
