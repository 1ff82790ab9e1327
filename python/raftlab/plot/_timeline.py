"""The timeline: faults, roles, leaders, commits and clients on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from raftlab._time import Duration

from ._axes import (
    SMALL,
    TINY,
    points,
    rectangles,
    settle,
    shifted,
    size_points,
    text_points,
)
from ._docstrings import documented
from ._frame import Frame
from ._lanes import FOOT, SHARES, draw_lanes, foot_line, is_dense, name_rows, place, role_key
from ._members import Configurations
from ._operations import Operations
from ._palette import Theme
from ._states import Spans, node_states, read, role_spans
from ._window import Window, columns, note_columns

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from raftlab._world import World

__all__ = ["timeline"]

LEADER, TERMS, COMMITS, SPACE = 0.32, 0.3, 0.5, 0.22
"""The heights of the rows below the lanes, and of the space above each, in lanes."""

Stay = tuple[float, float, int, str]
"""From when to when a node led, in which term, and which."""


@documented
def timeline(
    world: World,
    *,
    start: Duration | None = None,
    end: Duration | None = None,
    nodes: str | Sequence[str] | None = None,
    axis: str = "auto",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws faults, roles and terms, leaders, commits and clients on one time axis.

    Parameters
    ----------
    {world}
    {window}
    {nodes}
        Leaders, commits and clients are always those of the whole cluster.
    {axis}
    {title}
    {ax}

    Returns
    -------
    {axes_over_time}

    Notes
    -----
    From top to bottom: the faults, as bands through the whole picture; a lane per node, with its role as a
    bar (see `roles`), its terms as numbers, and a tick below whenever its commitIndex advances; the nodes
    that consider themselves leader, one above the other if there are two at once; a tick for each index when
    the first node knows that it is committed; the operations of clients, from request to answer. If the
    membership changes, a row shows the configuration of the leader of the highest term, or of the last leader
    (joint ones are hatched), and the lanes of learners are dotted, those of nodes that are no members faded.
    Events that are too dense are counted in columns, and a note in the picture says so.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(5, seed=7)
    >>> _ = c.run_until(rl.leader_elected)
    >>> _ = c.propose("x=1")
    >>> _ = c.run("1s")
    >>> ax = rl.plot.timeline(c)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['A', 'B', 'C', 'D', 'E', 'leader', 'commits', 'clients']
    """
    frame = Frame.of(world, start, end, nodes, axis)
    world = frame.world
    window, names = frame.window, frame.names
    everybody = [node.name for node in world.nodes]
    lanes = role_spans(world, everybody, window)
    shown = {name: lanes[name] for name in names}
    ax = frame.open(ax, title, min(3.2 + 0.44 * len(names), 9.5), lanes=True)
    ax.set_yticks(range(len(names)), ["commits", *names[1:]], parse_math=False)  # the widest label
    settle(ax)
    ops = Operations.of(world, window, size_points(ax)[0], points(ax, TINY))
    dense, made = is_dense(ax, shown), Commits.of(ax, world, window)
    note_columns(ax, window, SHARES if dense else "", made.said(), ops.said(ax, window))
    members, stays = Configurations.of(world, window), _stays(lanes)
    leaders = len(names) - 0.5 + SPACE
    terms = leaders + _leaders_height(stays) + SPACE
    changes = terms + (TERMS + SPACE if dense else 0.0)
    commits = changes + (members.height + SPACE if members.height else 0.0)
    clients = commits + COMMITS + SPACE
    theme = Theme.of(ax)
    key = [*role_key(ax, shown), *members.key(theme, names), _commit_handle(theme), *ops.key(theme)]
    below = clients + ops.height - (len(names) - 0.5) + 0.1
    lane_points = place(ax, len(names), frame.header(ax, key), below)
    rows = {"leader": leaders + _leaders_height(stays) / 2, "commits": commits + COMMITS / 2}
    if members.height:
        rows["members"] = changes + members.height / 2
    if ops.height:
        rows["clients"] = clients + ops.height / 2
    if dense:
        rows["term"] = terms + TERMS / 2
    name_rows(ax, names, lane_points, rows)
    foot_line(ax, len(names))
    draw_lanes(ax, shown, window, lane_points)
    members.mark_lanes(ax, names)
    if dense:
        _write_terms(ax, lanes, window, rows["term"])
    else:
        _draw_node_commits(ax, frame)
    _draw_leaders(ax, stays, window, leaders, lane_points)
    members.draw(ax, changes, lane_points)
    made.draw(ax, window, commits, lane_points)
    ops.draw(ax, window, clients, lane_points)
    later = [(terms, dense), (changes, members.height), (clients, ops.height)]
    _rule(ax, [leaders, commits, *(top for top, shown in later if shown)])
    return ax


def _commit_handle(theme: Theme) -> Artist:
    return Line2D([], [], ls="none", marker="|", color=theme.commit, markersize=6, mew=1.4, label="commit")


def _rule(ax: Axes, heights: Sequence[float]) -> None:
    """Thin lines between the rows."""
    space = ax.get_yaxis_transform()
    ax.hlines(
        [h - SPACE / 2 for h in heights], 0, 1, transform=space, colors=Theme.of(ax).grid, lw=0.7, zorder=0.6
    )


def _draw_node_commits(ax: Axes, frame: Frame) -> None:
    """A tick below a lane whenever the node's commitIndex moves forward."""
    for lane, state in enumerate(node_states(frame.world, frame.names, "commit_index").values()):
        commit, time = state["commit_index"], state["time_ms"]
        moved = np.flatnonzero(np.r_[False, commit[1:] > commit[:-1]])
        shown = moved[frame.window.touches(time[moved], time[moved])]
        if 2 * len(shown) < size_points(ax)[0]:
            ends = lane + FOOT + 0.02, lane + FOOT + 0.13
            ax.vlines(
                time[shown], *ends, colors=Theme.of(ax).commit, linewidth=1.1, zorder=2, gid="node-commit"
            )


def _stays(lanes: dict[str, Spans]) -> list[Stay]:
    return sorted(
        (float(spans.start[i]), float(spans.end[i]), int(spans.term[i]), name)
        for name, spans in lanes.items()
        for i in np.flatnonzero(spans.up & (spans.role == "leader"))
    )


def _rows(stays: Sequence[Stay]) -> list[int]:
    """The row of the strip for each leader, without overlaps and with higher terms below."""
    rows: list[list[Stay]] = []
    found = [0] * len(stays)
    for i in sorted(range(len(stays)), key=lambda i: (-stays[i][2], stays[i])):
        start, end, *_ = stays[i]
        free = (row for row, there in enumerate(rows) if all(s[0] >= end or s[1] <= start for s in there))
        row = next(free, min(len(rows), MOST_LEADERS - 1))
        if row == len(rows):
            rows.append([])
        rows[row].append(stays[i])
        found[i] = row
    return found


MOST_LEADERS = 4
"""More leaders at once than this share a row."""


def _leaders_height(stays: Sequence[Stay]) -> float:
    return LEADER * (max(_rows(stays), default=0) + 1)


def _draw_leaders(ax: Axes, stays: Sequence[Stay], window: Window, top: float, lane_points: float) -> None:
    """Draws the leaders: the one of the highest term below, others above."""
    if not stays:
        return
    theme = Theme.of(ax)
    colour = theme.roles["leader"].colour
    width = size_points(ax)[0]
    begin, end = (np.array([stay[i] for stay in stays]) for i in (0, 1))
    head = top + _leaders_height(stays) - LEADER * (np.array(_rows(stays)) + 1)
    rectangles(
        ax,
        begin,
        np.maximum(end, begin + window.span / width),
        head,
        head + 0.9 * LEADER,
        facecolors=colour,
        edgecolors=theme.background,
        linewidths=0.5 if len(stays) * 8 < width else 0.0,
        zorder=2,
    ).set_gid("leaders")
    size = points(ax, TINY)
    if LEADER * lane_points < size:
        return
    for (first, last, _, name), at in zip(stays, head, strict=True):
        if (last - first) * width / window.span > text_points(name, size, "bold") + 0.8 * size:
            ax.text(
                first,
                at + 0.45 * LEADER,
                name,
                va="center_baseline",
                fontsize=size,
                fontweight="bold",
                color=theme.ink_on(colour),
                transform=shifted(ax, ax.transData, 0.4 * size, 0.0),
                clip_on=True,
                zorder=3,
                parse_math=False,
                gid="leader",
            )


def _write_terms(ax: Axes, lanes: dict[str, Spans], window: Window, height: float) -> None:
    """Writes the highest term at each tick of the time axis, if lanes are too dense for terms."""
    for time in ax.get_xticks():
        if window.start <= time <= window.end:
            terms = [spans.term[(spans.start <= time) & (spans.end >= time)] for spans in lanes.values()]
            highest = max((int(some.max()) for some in terms if len(some)), default=None)
            share = (time - window.start) / window.span
            ax.text(
                time,
                height,
                "" if highest is None else f"{highest}",
                ha="left" if share < 0.01 else "right" if share > 0.99 else "center",
                va="center",
                fontsize=points(ax, SMALL),
                color=Theme.of(ax).ink,
                gid="term-at",
            )


@dataclass(frozen=True)
class Commits:
    """When the first node knew each index committed; counted in columns if there are too many to draw."""

    index: np.ndarray
    moment: np.ndarray
    counts: np.ndarray | None

    @classmethod
    def of(cls, ax: Axes, world: World, window: Window) -> Commits:
        """Those that show."""
        entries = read(world, "entries", "index", "committed_ms")
        time = entries["committed_ms"].astype(float)
        known = np.flatnonzero(~np.isnan(time))
        order = known[np.argsort(time[known], kind="stable")]
        index, first = np.unique(entries["index"][order], return_index=True)
        moment = time[order][first]
        inside = window.touches(moment, moment)
        index, moment = index[inside], moment[inside]
        dense = 2 * len(np.unique(moment)) > size_points(ax)[0]
        return cls(index, moment, np.histogram(moment, columns(ax, window))[0] if dense else None)

    def said(self) -> str:
        """A note on how they are counted; empty if they are not."""
        return "" if self.counts is None else f"commits (at most {max(int(self.counts.max()), 1):,})"

    def draw(self, ax: Axes, window: Window, top: float, lane_points: float) -> None:
        """A tick for each, with its number where there is room."""
        theme, foot = Theme.of(ax), top + COMMITS
        if self.counts is not None:
            heads = foot - np.r_[self.counts, self.counts[-1]] * COMMITS / max(int(self.counts.max()), 1)
            edges = columns(ax, window)
            ax.fill_between(edges, foot, heads, step="post", color=theme.commit, lw=0, zorder=2)
            return
        ax.vlines(self.moment, top, foot, colors=theme.commit, linewidth=1.2, zorder=2, gid="commit")
        if COMMITS * lane_points >= points(ax, SMALL):
            _number(ax, self.index, self.moment, window, top, foot)


def _number(ax: Axes, index: np.ndarray, moment: np.ndarray, window: Window, top: float, foot: float) -> None:
    size = points(ax, SMALL)
    per_ms = size_points(ax)[0] / window.span
    times = np.unique(moment)
    for i, time in enumerate(times):
        those = index[moment == time]
        text = f"{those.min()}" if len(those) == 1 else f"{those.min()}–{those.max()}"
        end = times[i + 1] if i + 1 < len(times) else window.end
        if (end - time) * per_ms > text_points(text, size) + 0.7 * size:
            ax.text(
                time,
                (top + foot) / 2,
                text,
                va="center_baseline",
                fontsize=size,
                color=Theme.of(ax).ink,
                transform=shifted(ax, ax.transData, 0.35 * size, 0.0),
                clip_on=True,
                gid="commit-number",
            )
