"""The roles of nodes over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from raftlab._time import Duration

from ._docstrings import documented
from ._frame import Frame
from ._lanes import SHARES, draw_lanes, foot_line, is_dense, name_lanes, place, role_key
from ._members import Configurations
from ._palette import Theme
from ._states import role_spans
from ._window import note_columns

if TYPE_CHECKING:
    from raftlab._world import World

__all__ = ["roles", "roles_table"]


@documented
def roles(
    world: World,
    *,
    start: Duration | None = None,
    end: Duration | None = None,
    nodes: str | Sequence[str] | None = None,
    axis: str = "auto",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws each node's role (follower, candidate or leader) and term in a lane.

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
    Leaders have the highest and darkest bars, followers the lowest. Intervals too short to see are drawn one
    point wide. If a lane has more changes than fit, columns show the share of time in each role, and a note
    in the picture says so. If the membership changes, the lanes of learners are dotted, and those of nodes
    that are no members faded.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(5, seed=7)
    >>> _ = c.run("1s")
    >>> rl.plot.roles(c).get_xlabel()
    'time (ms)'
    """
    frame = Frame.of(world, start, end, nodes, axis)
    world = frame.world
    lanes = role_spans(world, frame.names, frame.window)
    ax = frame.open(ax, title, min(1.5 + 0.42 * len(lanes), 9.0), lanes=True)
    note_columns(ax, frame.window, SHARES if is_dense(ax, lanes) else "")
    members = Configurations.of(world, frame.window)
    key = [*role_key(ax, lanes), *members.key(Theme.of(ax), frame.names, strip=False)]
    lane_points = place(ax, len(lanes), frame.header(ax, key))
    name_lanes(ax, frame.names, lane_points)
    foot_line(ax, len(lanes))
    draw_lanes(ax, lanes, frame.window, lane_points)
    members.mark_lanes(ax, frame.names)
    return ax


def roles_table(
    world: World,
    *,
    start: Duration | None = None,
    end: Duration | None = None,
    nodes: str | Sequence[str] | None = None,
) -> dict[str, list[Any]]:
    """The data of `roles` as columns, with a row per interval of unchanged role and term.

    Parameters
    ----------
    world, start, end, nodes
        As in `roles`.

    Returns
    -------
    dict of str to list
        `node`, `start_ms`, `end_ms`, `role`, `term`, `up`, `paused`.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, seed=1)
    >>> _ = c.run("1s")
    >>> [role for role in rl.plot.roles_table(c)["role"] if role == "leader"]
    ['leader']
    """
    frame = Frame.of(world, start, end, nodes)
    found = role_spans(world, frame.names, frame.window.exact)
    table: dict[str, list[Any]] = {"node": [name for name, spans in found.items() for _ in range(len(spans))]}
    fields = {"start_ms": "start", "end_ms": "end"} | {
        name: name for name in ("role", "term", "up", "paused")
    }
    for column, field in fields.items():
        table[column] = [cell for spans in found.values() for cell in getattr(spans, field).tolist()]
    return table
