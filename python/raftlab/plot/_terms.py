"""Terms over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from raftlab._time import Duration

from ._axes import SMALL, height_axis, points, size_points, steps, strand, text_points
from ._docstrings import documented
from ._frame import Frame
from ._members import Configurations
from ._notes import Notes
from ._palette import Theme, node_dashes
from ._states import Spans, role_spans

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from raftlab._world import World

__all__ = ["terms"]

LEADER_WIDTH, PALE = 3.4, 0.4


@documented
def terms(
    world: World,
    *,
    start: Duration | None = None,
    end: Duration | None = None,
    nodes: str | Sequence[str] | None = None,
    axis: str = "auto",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws each node's term over time, with thick lines for leaders.

    Parameters
    ----------
    {world}
    {window}
    {nodes}
    {axis}
    {title}
    {ax}

    Returns
    -------
    {axes_over_time}

    Notes
    -----
    The lines of nodes in the same term are drawn side by side, in the order of the key; their data are equal.
    A line is broken while its node is down, and pale while the node is no member of the cluster.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(5, seed=7)
    >>> _ = c.run("1s")
    >>> rl.plot.terms(c).get_ylabel()
    'term'
    """
    frame = Frame.of(world, start, end, nodes, axis)
    world = frame.world
    found = role_spans(world, frame.names, frame.window)
    ax = frame.open(ax, title, 3.6, lanes=False)
    theme = Theme.of(ax)
    leads = Line2D([], [], color=theme.hatch, lw=LEADER_WIDTH, label="leads")
    key: list[Artist] = [*node_key(theme, frame.names), leads]
    members = Configurations.of(world, frame.window)
    outside = {name: members.outside(name) for name in frame.names}
    if any(outside.values()):
        key.append(Line2D([], [], color=theme.hatch, lw=1.2, alpha=PALE, label="no member"))
    highest = max((int(spans.term.max()) for spans in found.values() if len(spans)), default=0)
    height_axis(ax, highest, frame.header(ax, key), "term")
    per_term = size_points(ax)[1] / float(np.diff(ax.get_ylim())[0])
    per_ms = size_points(ax)[0] / frame.window.span
    notes = Notes(ax)
    for position, (name, spans) in enumerate(found.items()):
        _draw_node(ax, position, len(found), spans, outside[name])
        if per_term > 2.2 * points(ax, SMALL):
            _name_leader(notes, name, spans, per_ms)
    return ax


def node_key(theme: Theme, names: Sequence[str]) -> list[Artist]:
    """Draws a line per node, or one for all if there are very many."""
    if len(names) > MOST_NAMED:
        return [Line2D([], [], color=theme.muted, label=f"{len(names)} nodes")]
    return [
        Line2D([], [], lw=2, label=name, **node_style(theme, i, len(names))) for i, name in enumerate(names)
    ]


def node_style(theme: Theme, position: int, count: int) -> dict[str, Any]:
    """The style of a node's line."""
    if count > MOST_NAMED:
        return {"color": theme.muted, "alpha": 0.6}
    return {"color": theme.node(position), "linestyle": node_dashes(position)}


MOST_NAMED = 27


def _draw_node(ax: Axes, position: int, count: int, spans: Spans, outside: list[tuple[float, float]]) -> None:
    style = node_style(Theme.of(ax), position, count)
    place = strand(ax, position, count)
    cut = spans.cut([time for stretch in outside for time in stretch])
    out = np.array([any(start <= at < end for start, end in outside) for at in cut.start], dtype=bool)
    still: dict[str, Any] = {"transform": place, "scalex": False, "scaley": False}
    ax.plot(*steps(cut.start, cut.end, cut.term, cut.up & ~out).T, lw=1.2, gid="term", **still, **style)
    if out.any():
        corners = steps(cut.start, cut.end, cut.term, cut.up & out)
        ax.plot(*corners.T, lw=1.2, gid="no-member", **still, **style | {"alpha": PALE})
    leads = spans.up & (spans.role == "leader")
    ends = np.stack([spans.start, spans.end], -1)[leads]
    heights = np.repeat(spans.term[leads].astype(float), 2).reshape(-1, 2)
    stays = LineCollection(
        list(np.stack([ends, heights], -1)),
        colors=[str(style["color"])],
        linewidths=LEADER_WIDTH,
        capstyle="butt",
        zorder=3,
    )
    stays.set_transform(place)
    stays.set_gid("leads")
    ax.add_collection(stays, autolim=False)


def _name_leader(notes: Notes, name: str, spans: Spans, per_ms: float) -> None:
    """Names a leader above its line, beside another that leads from the same moment."""
    size, colour = points(notes.ax, SMALL), Theme.of(notes.ax).ink
    for i in np.flatnonzero(spans.up & (spans.role == "leader")):
        start, end, term = float(spans.start[i]), float(spans.end[i]), int(spans.term[i])
        width = text_points(name, size, "bold")
        if (end - start) * per_ms > width:
            beside = width + 0.3 * size
            style: dict[str, Any] = {"fontweight": "bold", "gid": "leader-name", "ha": "left"}
            for right in (0.0, beside, -beside):
                above = right, 6.0 + 0.6 * size
                if notes.write(start, term, name, size, above, color=colour, **style):
                    break
