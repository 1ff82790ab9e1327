"""The frame of every picture over time: its window, its axes, its header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raftlab._time import Duration

from ._axes import Window, bare, chosen_nodes, finish, new_axes, settle, time_axis
from ._header import header

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from raftlab.cluster import World

__all__ = ["Frame"]


@dataclass(frozen=True)
class Frame:
    """What a picture is of: a world, some of its nodes, a stretch of time."""

    world: World
    window: Window
    names: list[str]

    @classmethod
    def of(
        cls, world: World, start: Duration | None, end: Duration | None, nodes: str | Sequence[str] | None
    ) -> Frame:
        """From the arguments that all pictures take."""
        return cls(world, Window.of(world, start, end), chosen_nodes(world, nodes))

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
        settle(ax)
        return ax

    def header(self, ax: Axes, key: Sequence[Artist]) -> float:
        """The key and the faults; says which share of the height they take."""
        return header(ax, self.world, self.window, key)
