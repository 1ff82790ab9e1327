"""Who is a member when: a strip of configurations, and marks on the lanes of learners and others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, groupby, repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Patch

from ._axes import TINY, points, rectangles, shifted, size_points, text_points
from ._lanes import FOOT, HEAD
from ._palette import Theme, rgba
from ._states import Columns, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from raftlab._world import World

    from ._window import Window

__all__ = ["Configurations"]

HEIGHT = 0.36
"""The height of the strip, in lanes."""

JOINT_HATCH, LEARNER_HATCH = "\\\\\\\\", "...."

FADED = 0.72
"""How much of the background covers the lane of a node that is no member."""


@dataclass(frozen=True)
class Configuration:
    """A configuration while it was that of the leader of the highest term, or of the last one."""

    start: float
    end: float
    voters: tuple[str, ...]
    outgoing: tuple[str, ...]
    learners: tuple[str, ...]

    def kind_of(self, name: str) -> str:
        """What a node is in it: voter, learner or none."""
        if name in self.voters or name in self.outgoing:
            return "voter"
        return "learner" if name in self.learners else "none"

    @property
    def texts(self) -> tuple[str, ...]:
        """In words, and in fewer words if it is joint."""
        return shortened(worded(self.voters, self.outgoing, self.learners))


def worded(voters: Sequence[str], outgoing: Sequence[str], learners: Sequence[str]) -> str:
    """A configuration in words.

    >>> worded("ABD", "ABC", "E")
    'ABC → ABD + E'
    """
    text = _listed(voters)
    if outgoing:
        text = f"{_listed(outgoing)} → {text}"
    return f"{text} + {_listed(learners)}" if learners else text


def shortened(text: str) -> tuple[str, ...]:
    """The words of a configuration, and those without the outgoing voters if it is joint.

    >>> shortened("ABC → ABD + E")
    ('ABC → ABD + E', '→ ABD + E')
    """
    _, arrow, new = text.partition(" → ")
    return (text, f"→ {new}") if arrow else (text,)


def _listed(names: Sequence[str]) -> str:
    return ("" if all(len(name) == 1 for name in names) else ",").join(names)


@dataclass(frozen=True)
class Configurations:
    """The configurations in a window, one after the other; none if there was never another one."""

    every: list[Configuration]
    window: Window
    started: dict[str, float]

    @classmethod
    def of(cls, world: World, window: Window) -> Configurations:
        """Those of a run, and when each of its nodes started."""
        cells = read(world, "members", "time_ms", "node", "index", "voters", "outgoing", "learners")
        if not np.any(cells["index"] > 0):
            return cls([], window, {})
        states = read(world, "nodes", "time_ms", "node", "role", "term", "up")
        texts = list(zip(*(cells[part].tolist() for part in ("voters", "outgoing", "learners")), strict=True))
        found = [(0.0, texts[0])]
        for time, row in _of_leaders(cells, states):
            if texts[row] != found[-1][1]:
                found.append((time, texts[row]))
        ends = [*(time for time, _ in found[1:]), max(window.until, found[-1][0])]
        every = [
            Configuration(start, end, *map(names_of, members))
            for (start, members), end in zip(found, ends, strict=True)
            if max(start, window.start) < min(end, window.right)
        ]
        nodes, firsts = np.unique(states["node"].astype(str), return_index=True)
        started = dict(zip(nodes.tolist(), states["time_ms"][firsts].tolist(), strict=True))
        return cls(every, window, started)

    @property
    def height(self) -> float:
        """How high the strip is, in lanes."""
        return HEIGHT if self.every else 0.0

    def key(self, theme: Theme, names: Sequence[str], *, strip: bool = True) -> list[Artist]:
        """What the marks on the lanes of these nodes, and the strip, mean."""
        key: list[Artist] = []
        kinds = {kind for name in names for kind, *_ in self._marks(name)}
        if "learner" in kinds:
            follower = theme.roles["follower"].colour
            key.append(
                Patch(facecolor=follower, edgecolor=theme.muted, hatch=LEARNER_HATCH, lw=0, label="learner")
            )
        if "none" in kinds:
            faded = theme.paler(theme.roles["follower"].colour, FADED)
            key.append(Patch(facecolor=faded, edgecolor=theme.hatch, lw=0.7, label="no member"))
        if strip and any(each.outgoing for each in self.every):
            key.append(
                Patch(
                    facecolor=theme.snapshot,
                    edgecolor=theme.hatch,
                    hatch=JOINT_HATCH,
                    lw=0.5,
                    label="joint configuration",
                )
            )
        return key

    def _marks(self, name: str) -> Iterator[tuple[str, float, float]]:
        """From when to when a node that had started was a learner or no member."""
        began = max(self.started.get(name, np.inf), self.window.start)
        for kind, those in groupby(self.every, lambda each: each.kind_of(name)):
            stretch = list(those)
            start, end = max(stretch[0].start, began), min(stretch[-1].end, self.window.right)
            if start < end and kind != "voter":
                yield kind, start, end

    def outside(self, name: str) -> list[tuple[float, float]]:
        """From when to when a node that had started was no member."""
        return [(start, end) for kind, start, end in self._marks(name) if kind == "none"]

    def mark_lanes(self, ax: Axes, names: Sequence[str]) -> None:
        """Dots on the lane of a learner; the lane of a node that is no member is faded."""
        theme = Theme.of(ax)
        looks: dict[str, dict[str, Any]] = {
            "learner": {"facecolors": "none", "edgecolors": theme.muted, "hatch": LEARNER_HATCH, "lw": 0.0},
            "none": {"facecolors": rgba([theme.background], FADED), "edgecolors": theme.hatch, "lw": 0.7},
        }
        marks = [(lane, *mark) for lane, name in enumerate(names) for mark in self._marks(name)]
        for kind, look in looks.items():
            found = [(lane, start, end) for lane, of, start, end in marks if of == kind]
            if found:
                lanes, starts, ends = np.array(found, dtype=float).T
                heads = lanes + FOOT - theme.roles["follower"].height * (FOOT - HEAD)
                bars = rectangles(ax, starts, ends, lanes + FOOT, heads, zorder=2.6, **look)
                bars.set_gid(f"member-{kind}")

    def draw(self, ax: Axes, top: float, lane_points: float) -> None:
        """Draws the strip below `top`: a bar a configuration, with its members where there is room."""
        if not self.every:
            return
        theme, size, width = Theme.of(ax), points(ax, TINY), size_points(ax)[0]
        for joint in (False, True):
            those = [each for each in self.every if bool(each.outgoing) is joint]
            if those:
                rectangles(
                    ax,
                    np.array([max(each.start, self.window.start) for each in those]),
                    np.array([min(each.end, self.window.right) for each in those]),
                    top,
                    top + HEIGHT,
                    facecolors=theme.snapshot,
                    edgecolors=theme.hatch,
                    hatch=JOINT_HATCH if joint else None,
                    linewidths=0.7,
                    zorder=2,
                ).set_gid("configuration")
        if HEIGHT * lane_points < 1.15 * size:
            return
        for each in self.every:
            start, end = max(each.start, self.window.start), min(each.end, self.window.right)
            room = (end - start) * width / self.window.span - 0.8 * size
            text = next((text for text in each.texts if text_points(text, size) < room), None)
            if text is not None:
                ax.text(
                    start,
                    top + HEIGHT / 2,
                    text,
                    va="center_baseline",
                    fontsize=size,
                    color=theme.ink,
                    bbox={"facecolor": theme.snapshot, "linewidth": 0, "pad": 0.6} if each.outgoing else None,
                    transform=shifted(ax, ax.transData, 0.4 * size, 0.0),
                    clip_on=True,
                    zorder=3,
                    parse_math=False,
                    gid="members",
                )


def _of_leaders(members: Columns, states: Columns) -> Iterator[tuple[float, int]]:
    """At each time, the row of the configuration of the leader of the highest term, if there is a leader."""
    leads = states["up"].astype(bool) & (states["role"] == "leader")
    terms = np.where(leads, states["term"], -1).tolist()
    changes = [
        *zip(states["time_ms"], repeat(0), states["node"], terms, strict=False),
        *zip(members["time_ms"], repeat(1), members["node"], count(), strict=False),
    ]
    leaders: dict[str, int] = {}
    rows: dict[str, int] = {}
    for time, now in groupby(sorted(changes, key=lambda change: change[:2]), lambda change: change[0]):
        for _, is_member, node, found in now:
            (rows if is_member else leaders)[node] = found
        leader = max(leaders, key=lambda node: leaders[node])
        if leaders[leader] >= 0 and leader in rows:
            yield float(time), rows[leader]


def names_of(cell: str | None) -> tuple[str, ...]:
    """The names in a cell of the table `members`."""
    return tuple(cell.split(",")) if isinstance(cell, str) else ()
