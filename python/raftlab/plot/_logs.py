"""The logs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from raftlab._time import Duration, format_ms, to_ms
from raftlab.errors import InvalidError

from ._axes import (
    SMALL,
    TINY,
    bare,
    chosen_nodes,
    finish,
    new_axes,
    note,
    points,
    rectangles,
    settle,
    shifted,
    size_points,
    text_points,
)
from ._faults import draw_key
from ._lanes import name_lanes, place
from ._palette import FAULT, INK, MUTED, TERM_CYCLE, ink_on, paler, rgba, term_colour
from ._states import Columns, pick, read

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from raftlab.cluster import World

__all__ = ["logs", "logs_table"]

NARROWEST = 3.0
"""Points an entry: with less room, entries of one term in a row are drawn as one bar."""

MOST_TERMS = 10
"""With more terms than this the key does not name them."""


def logs(
    world: World,
    *,
    at: Duration | None = None,
    first: int | None = None,
    last: int | None = None,
    nodes: str | Sequence[str] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The logs of all nodes side by side, as in figures 6 to 8 of the Raft paper.

    Parameters
    ----------
    world : Cluster or Run
        What to look at.
    at : time, optional
        The logs as they were at this time; as they are now if not given.
    first, last : int, optional
        Which indices; all if not given.
    nodes : str or list of str, optional
        Which nodes, in this order; `"ABC"` names single-letter nodes. All if not given.
    title : str, optional
        The title.
    ax : matplotlib.axes.Axes, optional
        Where to draw. If not given: on the current axes if nothing is drawn there, else on new ones.

    Returns
    -------
    matplotlib.axes.Axes
        The axes. An entry stands at its index; nodes at 0, 1, 2 and so on from the top down.

    Notes
    -----
    An entry has the colour and the number of its term, and its value where that fits. The thick edge is the
    node's commitIndex. Below a log, struck through, is what once was in it at that index: truncated, or
    lost in a crash; several of them stand in the order in which they left. That is known from the trace.
    Where entries are too narrow to be told apart, those of one term in a row make one bar, and the picture
    says so.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, seed=1)
    >>> _ = c.run_until(rl.leader_elected)
    >>> _ = c.propose("x=1")
    >>> _ = c.run("200ms")
    >>> ax = rl.plot.logs(c)
    >>> [text.get_text() for text in ax.texts if "x=1" in text.get_text()]
    ['x=1', 'x=1', 'x=1']
    """
    when = None if at is None else to_ms(at, "at")
    grid = _Grid.of(world, when, first, last, chosen_nodes(world, nodes))
    ax = new_axes(ax, 9.0, min(1.5 + 0.5 * len(grid.names), 9.0))
    bare(ax, lanes=True)
    finish(ax, world, title)
    seed = ax.get_title(loc="right")
    ax.set_title(f"{seed}, at {format_ms(world.now_ms if when is None else when)}", loc="right")
    ax.set_xlim(grid.first - 0.5, grid.last + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=20, integer=True))
    ax.set_xlabel("log index")
    ax.set_yticks(range(len(grid.names)), grid.names)
    for lane, conditions in enumerate(grid.conditions):
        _name_condition(ax, lane, conditions)
    settle(ax)
    width, height = size_points(ax)
    taken = min(0.5, draw_key(ax, _key(grid), width) / height)
    lane_points = place(ax, len(grid.names), taken)
    name_lanes(ax, grid.names, lane_points)
    summed_up = [_draw_lane(ax, lane, grid, lane_points) for lane in range(len(grid.names))]
    note(ax, max(summed_up, key=len))
    if not grid.knows_losses:
        note(ax, f"what was truncated is not known: trace={world.trace.level!r}")
    return ax


def logs_table(
    world: World,
    *,
    at: Duration | None = None,
    first: int | None = None,
    last: int | None = None,
    nodes: str | Sequence[str] | None = None,
) -> dict[str, list[Any]]:
    """What `logs` shows, as plain columns: a row an entry that is, or once was, in a log.

    Parameters
    ----------
    world, at, first, last, nodes
        As in `logs`.

    Returns
    -------
    dict of str to list
        `node`, `index`, `term`, `value`, `committed`, `truncated_ms` (NaN for what is there).

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, seed=1)
    >>> _ = c.run("500ms")
    >>> rl.plot.logs_table(c)["value"]
    ['no-op', 'no-op', 'no-op']
    """
    when = None if at is None else to_ms(at, "at")
    grid = _Grid.of(world, when, first, last, chosen_nodes(world, nodes))
    table: dict[str, list[Any]] = {
        name: [] for name in ("node", "index", "term", "value", "committed", "truncated_ms")
    }
    for name, log, lost, commit in zip(grid.names, grid.logs, grid.lost, grid.commits, strict=True):
        for cells in (log, lost):
            table["node"] += [name] * len(cells["index"])
            table["index"] += cells["index"].tolist()
            table["term"] += cells["term"].tolist()
            table["value"] += cells["value"].tolist()
        there, gone = len(log["index"]), len(lost["index"])
        table["committed"] += (log["index"] <= commit).tolist() + [False] * gone
        table["truncated_ms"] += [float("nan")] * there + lost["time"].tolist()
    return table


# ---- What there is to draw ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Grid:
    """The logs within a range of indices: a lane a node."""

    names: list[str]
    first: int
    last: int
    logs: list[Columns]  # index, term, value
    lost: list[Columns]  # index, term, value, time
    commits: list[int]
    conditions: list[str]
    knows_losses: bool

    @classmethod
    def of(
        cls, world: World, when: float | None, first: int | None, last: int | None, names: list[str]
    ) -> _Grid:
        then = world if when is None else world.state(at=when)
        views = [then[name] for name in names]
        logs = [_log(view.log) for view in views]
        knows = world.trace.level != "off"
        lost = _lost(world, when, names) if knows else [_nothing() for _ in names]
        ends = [int(cells["index"].max()) for cells in (*logs, *lost) if len(cells["index"])]
        low = 1 if first is None else _index("first", first)
        high = max([*ends, low]) if last is None else _index("last", last)
        if low > high:
            raise InvalidError(f"first ({low}) must not be above last ({high})")
        return cls(
            names,
            low,
            high,
            [_between(cells, low, high) for cells in logs],
            [_between(cells, low, high) for cells in lost],
            [view.commit_index for view in views],
            [_condition(view.role, view.term, view.up, view.paused) for view in views],
            knows,
        )

    @property
    def terms(self) -> list[int]:
        """The terms of all entries."""
        every = np.concatenate([cells["term"] for cells in (*self.logs, *self.lost)])
        return [int(term) for term in np.unique(every)]


def _log(log: Sequence[Any]) -> Columns:
    return {
        "index": np.array([entry.index for entry in log], dtype=np.int64),
        "term": np.array([entry.term for entry in log], dtype=np.int64),
        "value": np.array([entry.value for entry in log], dtype=object),
    }


def _nothing() -> Columns:
    return {name: np.zeros(0, dtype=np.int64) for name in ("index", "term", "value", "time")}


def _lost(world: World, when: float | None, names: Sequence[str]) -> list[Columns]:
    """What left each log until then, in the order in which it left."""
    entries = read(world, "entries", "node", "index", "term", "op", "key", "value", "expected", "truncated_ms")
    time = entries["truncated_ms"].astype(float)
    gone = np.flatnonzero(~np.isnan(time) if when is None else time < when)
    gone = gone[np.argsort(time[gone], kind="stable")]
    rows = pick(entries, gone)
    parts = zip(rows["op"], rows["key"], rows["value"], rows["expected"], strict=True)
    cells = {
        "index": rows["index"].astype(np.int64),
        "term": rows["term"].astype(np.int64),
        "value": np.array([_command(*part) for part in parts], dtype=object),
        "time": time[gone],
    }
    return [pick(cells, np.flatnonzero(rows["node"] == name)) for name in names]


def _command(op: str, key: str | None, value: str | None, expected: str | None) -> str:
    """A command as `Entry.value` has it."""
    match op:
        case "noop":
            return "no-op"
        case "put":
            return f"{key}={value}"
        case "cas":
            return f"{key}:{expected}→{value}"
        case "append":
            return f"{key}+={value}"
        case _:
            return f"{op} {key}"


def _between(cells: Columns, first: int, last: int) -> Columns:
    return pick(cells, np.flatnonzero((cells["index"] >= first) & (cells["index"] <= last)))


def _condition(role: str, term: int, up: bool, paused: bool) -> str:
    if not up:
        return "down"
    return f"{role if role != 'follower' else ''} term {term}{', paused' if paused else ''}".strip()


def _index(name: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < 1:
        raise InvalidError(f"{name} must be an integer of at least 1, not {value!r}")
    return int(value)


# ---- How it is drawn ------------------------------------------------------------------------------------

HEAD, FOOT = -0.40, 0.20
"""An entry reaches from here to there in its lane; below is room for what was lost."""
LOST_HEAD, LOST_FOOT = 0.24, 0.43
GAP = 0.06


def _key(grid: _Grid) -> list[Artist]:
    key: list[Artist] = []
    if len(grid.terms) <= MOST_TERMS:
        key += [Patch(facecolor=term_colour(term), label=f"term {term}") for term in grid.terms]
    key.append(Line2D([], [], color=INK, lw=2.6, label="commitIndex"))
    if any(len(cells["index"]) for cells in grid.lost):
        key.append(Line2D([], [], color=FAULT, lw=1.2, label="no longer in the log"))
    return key


def _name_condition(ax: Axes, lane: int, condition: str) -> None:
    ax.text(
        1.0,
        lane,
        condition,
        va="center",
        fontsize=points(ax, TINY),
        fontweight="bold" if condition.startswith("leader") else "normal",
        color=MUTED,
        transform=shifted(ax, ax.get_yaxis_transform(), 5.0, 0.0),
    )


def _draw_lane(ax: Axes, lane: int, grid: _Grid, lane_points: float) -> str:
    """Draws a log, and says how it was summed up."""
    log, lost, commit = grid.logs[lane], grid.lost[lane], grid.commits[lane]
    per_entry = size_points(ax)[0] / (grid.last - grid.first + 1)
    cells = per_entry >= NARROWEST
    start, end, term, summed_up = _bars(log, cells, per_entry)
    gap = GAP if cells else 0.0
    bars = rectangles(
        ax,
        start - 0.5 + gap / 2,
        end + 0.5 - gap / 2,
        lane + HEAD,
        lane + FOOT,
        facecolors=rgba([term_colour(int(t)) for t in term]),
        zorder=2,
    )
    bars.set_gid("entries")
    values = log["value"] if cells else np.full(len(term), "", dtype=object)
    for i in range(len(term)):
        room = (end[i] - start[i] + 1) * per_entry - 3.0
        _write(ax, lane, float(start[i] + end[i]) / 2, int(term[i]), str(values[i]), room, lane_points)
    _draw_lost(ax, lane, lost, per_entry, lane_points)
    if grid.conditions[lane] != "down" and grid.first - 1 <= commit:
        edge = min(commit, grid.last) + 0.5
        ax.plot([grid.first - 0.5, edge], [lane + FOOT] * 2, color=INK, lw=1.0, zorder=3, clip_on=False)
        if commit <= grid.last:
            ax.vlines(edge, lane + HEAD - 0.05, lane + FOOT + 0.02, color=INK, lw=2.6, zorder=4, gid="commit")
    return summed_up


def _bars(log: Columns, cells: bool, per_entry: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """First index, last index and term of each bar, and what has to be said about them."""
    index, term = log["index"], log["term"]
    if cells or len(index) == 0:
        return index, index, term, ""
    summed_up = "a bar is all entries of one term in a row"
    if np.count_nonzero(np.diff(term)) > len(index) * per_entry:
        size = int(np.ceil(1.0 / per_entry))
        index, term = index[size - 1 :: size], term[size - 1 :: size]
        summed_up = f"a bar has the colour of every {size}th entry"
    ends = np.flatnonzero(np.r_[term[1:] != term[:-1], True])
    starts = np.r_[0, ends[:-1] + 1]
    if len(TERM_CYCLE) < len(np.unique(term)):
        summed_up += f"; colours repeat every {len(TERM_CYCLE)} terms"
    begin = np.r_[log["index"][:1], index[ends[:-1]] + 1]
    return begin, index[ends], term[starts], summed_up


def _write(
    ax: Axes, lane: int, middle: float, term: int, value: str, room: float, lane_points: float
) -> None:
    """Term and value of an entry; the term alone, or nothing, where there is no room."""
    size = points(ax, SMALL)
    high = (FOOT - HEAD) * lane_points
    fits = value != "" and text_points(value, size) <= room
    lines = []
    if fits and high >= 2.5 * size:
        lines = [(0.29, f"{term}", "bold"), (0.71, value, "normal")]
    elif fits and high >= 1.1 * size:
        lines = [(0.5, value, "normal")]
    elif text_points(f"{term}", size, "bold") <= room and high >= 1.1 * size:
        lines = [(0.5, f"{term}", "bold")]
    for share, text, weight in lines:
        ax.text(
            middle,
            lane + HEAD + share * (FOOT - HEAD),
            text,
            ha="center",
            va="center_baseline",
            fontsize=size,
            fontweight=weight,
            color=ink_on(term_colour(term)),
            clip_on=True,
            zorder=5,
            parse_math=False,
            gid="entry",
        )


def _draw_lost(ax: Axes, lane: int, lost: Columns, per_entry: float, lane_points: float) -> None:
    """What is no longer there, in slices of its index, struck through."""
    if len(lost["index"]) == 0:
        return
    _, which, count = np.unique(lost["index"], return_inverse=True, return_counts=True)
    order = np.argsort(which, kind="stable")
    before = np.zeros(len(which), dtype=np.int64)
    before[order] = np.arange(len(which)) - np.repeat(np.r_[0, np.cumsum(count)[:-1]], count)
    width = (1.0 - GAP) / count[which]
    left = lost["index"] - 0.5 + GAP / 2 + before * width
    right = np.maximum(left + width * 0.94, left + 1.0 / per_entry)
    colours = [term_colour(int(term)) for term in lost["term"]]
    rectangles(
        ax,
        left,
        right,
        lane + LOST_HEAD,
        lane + LOST_FOOT,
        facecolors=rgba([paler(colour, 0.35) for colour in colours]),
        zorder=2,
    ).set_gid("truncated")
    size = points(ax, TINY)
    if (LOST_FOOT - LOST_HEAD) * lane_points >= 0.95 * size:
        for at, wide, term, value in zip(left, right - left, lost["term"], lost["value"], strict=True):
            room = wide * per_entry - 2.0
            text = next((t for t in (f"{value}", f"{term}") if text_points(t, size) <= room), "")
            if text:
                ax.text(
                    at + wide / 2,
                    lane + (LOST_HEAD + LOST_FOOT) / 2,
                    text,
                    ha="center",
                    va="center_baseline",
                    fontsize=size,
                    color=ink_on(paler(term_colour(int(term)), 0.35)),
                    clip_on=True,
                    zorder=3,
                    parse_math=False,
                )
    middle = np.full(len(left), lane + (LOST_HEAD + LOST_FOOT) / 2)
    ax.hlines(middle, left, right, colors=FAULT, linewidth=1.2, zorder=4)
