"""Log lengths and commitIndex over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from raftlab._time import Duration

from ._axes import height_axis, steps, strand
from ._docstrings import documented
from ._frame import Frame
from ._palette import Theme
from ._states import Columns, node_states, pick, read, stretches
from ._terms import node_key, node_style

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from raftlab._world import World

__all__ = ["log_timeline"]


@documented
def log_timeline(
    world: World,
    *,
    start: Duration | None = None,
    end: Duration | None = None,
    nodes: str | Sequence[str] | None = None,
    axis: str = "auto",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws the last index of each node's log, and its commitIndex, over time.

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
    Triangles mark where entries left a log: truncated, or lost in a crash. Lines are broken while their
    node is down; commitIndex is volatile, so its line continues when a leader has sent it again.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(5, seed=7)
    >>> _ = c.run("1s")
    >>> rl.plot.log_timeline(c).get_ylabel()
    'log index'
    """
    frame = Frame.of(world, start, end, nodes, axis)
    world = frame.world
    states = node_states(world, frame.names, "last_index", "commit_index", "up")
    lost = _losses(world)
    ax = frame.open(ax, title, 4.0, lanes=False)
    theme = Theme.of(ax)
    key: list[Artist] = [
        *node_key(theme, frame.names),
        Line2D([], [], color=theme.hatch, lw=COMMIT_WIDTH, label="commitIndex"),
        Line2D([], [], color=theme.hatch, lw=LAST_WIDTH, dashes=DASHES, label="last index"),
    ]
    shown = [name for name in frame.names if _within(frame, lost, name).any()]
    if shown:
        key.append(
            Line2D(
                [],
                [],
                color=theme.hatch,
                ls="none",
                markerfacecolor=theme.background,
                **MARK,
                label="entries lost",
            )
        )
    indices = [state["last_index"][stretches(state["time_ms"], frame.window)[0]] for state in states.values()]
    indices += [lost["index"][_within(frame, lost, name)] for name in shown]
    highest = max((int(some.max()) for some in indices if len(some)), default=0)
    height_axis(ax, highest, frame.header(ax, key), "log index")
    for position, (name, state) in enumerate(states.items()):
        style = node_style(theme, position, len(states)) | {"transform": strand(ax, position, len(states))}
        _draw_node(ax, frame, state, style)
        if name in shown:
            gone = pick(lost, _within(frame, lost, name))
            style |= {"linestyle": "none", "markerfacecolor": theme.background}
            ax.plot(gone["time"], gone["index"], **MARK, gid="truncation", zorder=4, **style, **STILL)
    return ax


COMMIT_WIDTH, LAST_WIDTH = 1.8, 0.9
DASHES = (3, 2)
MARK: dict[str, Any] = {"marker": "v", "markersize": 6, "markeredgewidth": 1.3}
STILL: dict[str, Any] = {"scalex": False, "scaley": False}


def _draw_node(ax: Axes, frame: Frame, state: Columns, style: dict[str, Any]) -> None:
    """The two lines of a node."""
    which, start, end = stretches(state["time_ms"], frame.window)
    if len(which) == 0:
        return
    up, last, commit = (state[name][which] for name in ("up", "last_index", "commit_index"))
    told = (commit > 0) | (np.maximum.accumulate(state["commit_index"])[which] == 0)
    dashed = style | {"linestyle": (0, DASHES)}
    ax.plot(*steps(start, end, last, up).T, lw=LAST_WIDTH, gid="last", **dashed, **STILL)
    ax.plot(*steps(start, end, commit, up & told).T, lw=COMMIT_WIDTH, gid="commit", **style, **STILL)


def _losses(world: World) -> Columns:
    """Where entries left a log: when, whose, and the first index. One row a moment, however many left."""
    entries = read(world, "entries", "node", "truncated_ms", "index")
    lost = pick(entries, np.flatnonzero(~np.isnan(entries["truncated_ms"].astype(float))))
    first: dict[tuple[str, float], int] = {}
    for node, time, index in zip(lost["node"], lost["truncated_ms"], lost["index"], strict=True):
        moment = str(node), float(time)
        first[moment] = min(int(index), first.get(moment, int(index)))
    return {
        "node": np.array([node for node, _ in first], dtype=object),
        "time": np.array([time for _, time in first]),
        "index": np.array(list(first.values())),
    }


def _within(frame: Frame, lost: Columns, node: str) -> np.ndarray:
    inside: np.ndarray = frame.window.touches(lost["time"], lost["time"]) & (lost["node"] == node)
    return inside
