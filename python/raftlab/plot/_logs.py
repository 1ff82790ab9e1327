"""Logs of nodes side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from raftlab._arguments import instance, integer
from raftlab._time import Duration, format_ms, to_ms
from raftlab._world import World
from raftlab.errors import InvalidError, shown

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
from ._docstrings import documented
from ._grid import Grid
from ._header import draw_key
from ._lanes import name_lanes, place
from ._members import shortened
from ._order import after_event
from ._palette import TERM_CYCLE, Theme, rgba, term_colour
from ._states import Columns

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from raftlab.cluster import Forkable

__all__ = ["logs", "logs_table"]

NARROWEST = 3.0
"""The least width of an entry in points; with less, consecutive entries of a term are one bar."""

FRAME, INSET = 1.5, 1.5
"""The width of the frame of a configuration, and how far it is inside its entry, in points."""

MOST_TERMS = 10
"""The maximum number of terms that the key names."""


@documented
def logs(
    world: Forkable,
    *,
    at: Duration | None = None,
    event: int | None = None,
    first: int | None = None,
    last: int | None = None,
    nodes: str | Sequence[str] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws the logs of all nodes side by side, as in figures 6 to 8 of the Raft paper.

    Parameters
    ----------
    world : Cluster or Run
        The cluster or run.
    at : time, optional
        The time of the logs; by default, without `event`, now.
    event : int, optional
        The event or action after which logs are shown, counted as on an axis of order; 0 is the beginning.
        It distinguishes the steps of a schedule moved by hand at one moment.
    first, last : int, optional
        The indices to show; all by default.
    {nodes}
    {title}
    {ax}

    Returns
    -------
    matplotlib.axes.Axes
        The axes. The x coordinate of an entry is its index; nodes are at 0, 1, 2 and so on from the top.

    Raises
    ------
    InvalidError
        If an argument is invalid, or `event` is given for a run that is too long or cannot be replayed.

    Notes
    -----
    An entry has the colour and the number of its term, and its value if there is room. An entry with a frame
    is a configuration. A pale bar is a snapshot. The thick edge is the node's commitIndex. Entries below a
    log, struck through, were in it at that index and were truncated or lost in a crash, in the order in which
    they were removed; this is known from the trace. If entries are too narrow, consecutive entries of one
    term make one bar, and a note in the picture says so.

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
    world, when, which = _moment(world, at, event)
    grid = Grid.of(world, when, first, last, chosen_nodes(world, nodes))
    ax = new_axes(ax, 9.0, min(1.5 + 0.56 * len(grid.names), 9.5))
    theme = Theme.of(ax)
    bare(ax, lanes=True)
    finish(ax, world, title, f", {which}")
    ax.set_xlim(grid.first - 0.5, grid.last + 0.5)
    label = 1.6 * text_points(f"{grid.last}", float(ax.xaxis.label.get_fontsize()))
    most = int(np.clip(size_points(ax)[0] / label, 2, 20))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=most, integer=True, min_n_ticks=1))
    ax.set_xlabel("log index")
    ax.set_yticks(range(len(grid.names)), grid.names, parse_math=False)
    for lane, conditions in enumerate(grid.conditions):
        _name_condition(ax, lane, conditions)
    settle(ax)
    width, height = size_points(ax)
    taken = min(0.5, draw_key(ax, _key(theme, grid), width) / height)
    look = _Look.of(theme, grid, width, place(ax, len(grid.names), taken))
    name_lanes(ax, grid.names, look.lane)
    for lane in range(len(grid.names)):
        _draw_log(ax, lane, grid, look)
        _draw_lost(ax, lane, grid, look)
        _frame_configurations(ax, lane, grid, look)
        _draw_commit(ax, lane, grid, look)
    note(ax, look.summed_up())
    if not grid.knows_losses:
        note(ax, f"truncated entries are not known: trace={world.trace.level!r}")
    return ax


def logs_table(
    world: Forkable,
    *,
    at: Duration | None = None,
    event: int | None = None,
    first: int | None = None,
    last: int | None = None,
    nodes: str | Sequence[str] | None = None,
) -> dict[str, list[Any]]:
    """The data of `logs` as columns, with a row per entry that is or was in a log.

    Parameters
    ----------
    world, at, event, first, last, nodes
        As in `logs`.

    Returns
    -------
    dict of str to list
        `node`, `index`, `term`, `value`, `committed`, `truncated_ms` (NaN for entries still in the log).

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, seed=1)
    >>> _ = c.run("500ms")
    >>> rl.plot.logs_table(c)["value"]
    ['no-op', 'no-op', 'no-op']
    """
    world, when, _ = _moment(world, at, event)
    grid = Grid.of(world, when, first, last, chosen_nodes(world, nodes))
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


def _moment(world: Forkable, at: Duration | None, event: int | None) -> tuple[Forkable, float | None, str]:
    """The world and the time of the logs, and the moment in words."""
    instance(world, World, "world")
    if event is None:
        when = None if at is None else to_ms(at, "at")
        return world, when, f"at {format_ms(world.now_ms if when is None else when)}"
    if at is not None:
        raise InvalidError(f"give at or event, not both (at={shown(at)}, event={shown(event)})")
    then = after_event(world, integer(event, "event", 0))
    return then, None, f"after event {event}, at {format_ms(then.now_ms)}"


# ---- Drawing --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Look:
    """The level of detail, decided once for the whole picture."""

    theme: Theme
    per_entry: float
    lane: float
    cells: bool
    shade: bool
    terms: tuple[int, int]
    head: float
    foot: float

    @classmethod
    def of(cls, theme: Theme, grid: Grid, width: float, lane: float) -> _Look:
        per_entry = width / (grid.last - grid.first + 1)
        cells = per_entry >= NARROWEST
        bars = max((np.count_nonzero(np.diff(log["term"])) + 1 for log in grid.logs), default=1)
        ends = (grid.terms[0], grid.terms[-1]) if grid.terms else (1, 1)
        shade = not cells and bars * NARROWEST > width
        return cls(theme, per_entry, lane, cells, shade, ends, -0.43, 0.17 if grid.has_losses else 0.38)

    def colour(self, term: int) -> str:
        """The colour of a term: the term's own, or among very many a shade."""
        if not self.shade:
            return term_colour(term)
        first, last = self.terms
        return self.theme.shade((term - first) / max(last - first, 1))

    def summed_up(self) -> str:
        """The notes of the picture."""
        if self.cells:
            return ""
        what = "a bar is all entries of one term in a row"
        if self.shade:
            return f"{what}; from term {self.terms[0]} (light) to {self.terms[1]} (dark)"
        return f"{what}; colours repeat every {len(TERM_CYCLE)} terms"


LOST_HEAD, LOST_FOOT = 0.21, 0.45
"""Below an entry, in its lane: room for what was lost there."""


def _key(theme: Theme, grid: Grid) -> list[Artist]:
    key: list[Artist] = []
    if len(grid.terms) <= MOST_TERMS:
        key += [Patch(facecolor=term_colour(term), label=f"term {term}") for term in grid.terms]
    key.append(Line2D([], [], color=theme.ink, lw=2.6, label="commitIndex"))
    if grid.has_configurations:
        key.append(Patch(facecolor="none", edgecolor=theme.ink, linewidth=FRAME, label="configuration"))
    if any(covered >= grid.first for covered in grid.covered):
        key.append(Patch(facecolor=theme.snapshot, edgecolor=theme.muted, label="in a snapshot"))
    if grid.has_losses:
        key.append(Line2D([], [], color=theme.fault, lw=1.2, label="no longer in the log"))
    return key


def _name_condition(ax: Axes, lane: int, condition: str) -> None:
    ax.text(
        1.0,
        lane,
        condition,
        va="center",
        fontsize=points(ax, TINY),
        fontweight="bold" if condition.startswith("leader") else "normal",
        color=Theme.of(ax).muted,
        transform=shifted(ax, ax.get_yaxis_transform(), 5.0, 0.0),
        gid="condition",
    )


def _draw_log(ax: Axes, lane: int, grid: Grid, look: _Look) -> None:
    _draw_snapshot(ax, lane, grid, look)
    log = grid.logs[lane]
    start, end, term = _bars(log, look)
    rectangles(
        ax,
        start - 0.5,
        end + 0.5,
        lane + look.head,
        lane + look.foot,
        facecolors=rgba([look.colour(int(t)) for t in term]),
        edgecolors=look.theme.background,
        linewidths=min(1.6, 0.15 * look.per_entry) if look.cells else 0.0,
        zorder=2,
    ).set_gid("entries")
    values = log["value"] if look.cells else np.full(len(term), "", dtype=object)
    framed = log["config"] if look.cells else np.zeros(len(term), dtype=bool)
    for first, last, number, value, config in zip(start, end, term, values, framed, strict=True):
        room = (last - first + 1) * look.per_entry - (2.0 * INSET + 3.0 if config else 3.0)
        if room > 4.0:
            texts = shortened(str(value)) if config else (str(value),)
            _write(ax, lane, (first + last) / 2, int(number), texts, room, look)


def _frame_configurations(ax: Axes, lane: int, grid: Grid, look: _Look) -> None:
    """Draws a frame inside the entries that are configurations; a line where entries are too narrow."""
    log = grid.logs[lane]
    index = log["index"][log["config"]]
    if not len(index):
        return
    if not look.cells:
        ax.vlines(index, lane + look.head, lane + look.foot, colors=look.theme.ink, lw=0.8, zorder=4)
        return
    within = min(INSET, 0.2 * look.per_entry)
    side, inset = 0.5 - within / look.per_entry, within / look.lane
    rectangles(
        ax,
        index - side,
        index + side,
        lane + look.head + inset,
        lane + look.foot - inset,
        facecolors="none",
        edgecolors=look.theme.ink,
        linewidths=min(FRAME, 0.2 * look.per_entry),
        zorder=4,
    ).set_gid("configurations")


def _draw_snapshot(ax: Axes, lane: int, grid: Grid, look: _Look) -> None:
    """Draws the entries covered by a snapshot."""
    covered = min(grid.covered[lane], grid.last)
    if covered < grid.first:
        return
    left, middle = grid.first - 0.5, lane + (look.head + look.foot) / 2
    bar = Rectangle(
        (left, lane + look.head),
        covered + 0.5 - left,
        look.foot - look.head,
        facecolor=look.theme.snapshot,
        edgecolor=look.theme.muted,
        linewidth=0.8,
        zorder=2,
        gid="snapshot",
    )
    ax.add_patch(bar)
    room, size = (covered + 0.5 - left) * look.per_entry - 4.0, points(ax, SMALL)
    texts = (
        text for text in (f"up to {covered} in a snapshot", f"..{covered}") if text_points(text, size) <= room
    )
    ax.text(
        (left + covered + 0.5) / 2,
        middle,
        next(texts, ""),
        ha="center",
        va="center_baseline",
        fontsize=size,
        color=look.theme.ink,
        clip_on=True,
        zorder=5,
    )


def _bars(log: Columns, look: _Look) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First index, last index and term of each bar."""
    index, term = log["index"], log["term"]
    if look.cells or len(index) == 0:
        return index, index, term
    ends = np.flatnonzero(np.r_[term[1:] != term[:-1], True])
    starts = np.r_[0, ends[:-1] + 1]
    return index[starts], index[ends], term[starts]


def _write(
    ax: Axes, lane: int, middle: float, term: int, values: Sequence[str], room: float, look: _Look
) -> None:
    """Term and value of an entry; the term alone, or nothing, where there is no room."""
    size = points(ax, SMALL)
    high = (look.foot - look.head) * look.lane
    value = next((text for text in values if text_points(text, size) <= room), "")
    fits = value != ""
    lines = []
    if fits and high >= 2.5 * size:
        lines = [(0.5 - 0.6 * size / high, f"{term}", "bold"), (0.5 + 0.6 * size / high, value, "normal")]
    elif fits and high >= 1.1 * size:
        lines = [(0.5, value, "normal")]
    elif text_points(f"{term}", size, "bold") <= room and high >= 1.1 * size:
        lines = [(0.5, f"{term}", "bold")]
    for share, text, weight in lines:
        ax.text(
            middle,
            lane + look.head + share * (look.foot - look.head),
            text,
            ha="center",
            va="center_baseline",
            fontsize=size,
            fontweight=weight,
            color=look.theme.ink_on(look.colour(term)),
            clip_on=True,
            zorder=5,
            parse_math=False,
            gid="entry",
        )


def _draw_commit(ax: Axes, lane: int, grid: Grid, look: _Look) -> None:
    commit = grid.commits[lane]
    if grid.conditions[lane] in ("down", "not started") or commit < grid.first - 1:
        return
    edge = min(commit, grid.last) + 0.5
    ax.hlines(lane + look.foot, grid.first - 0.5, edge, color=look.theme.ink, lw=1.0, zorder=3, clip_on=False)
    if commit <= grid.last:
        top, foot = lane + look.head - 0.04, lane + look.foot + 0.015
        ax.vlines(edge, top, foot, color=look.theme.ink, lw=2.8, zorder=4, clip_on=False, gid="commit")


def _draw_lost(ax: Axes, lane: int, grid: Grid, look: _Look) -> None:
    """Draws removed entries, struck through, in slices at their index."""
    lost = grid.lost[lane]
    if len(lost["index"]) == 0:
        return
    left, right = _slices(lost["index"])
    right = np.maximum(right, left + 1.0 / look.per_entry)
    colours = [look.theme.paler(look.colour(int(term)), 0.45) for term in lost["term"]]
    rectangles(
        ax,
        left,
        right,
        lane + LOST_HEAD,
        lane + LOST_FOOT,
        facecolors=rgba(colours),
        edgecolors=look.theme.background,
        linewidths=min(1.6, 0.15 * look.per_entry),
        zorder=2,
    ).set_gid("truncated")
    size, middle = points(ax, TINY), lane + (LOST_HEAD + LOST_FOOT) / 2
    ax.hlines(
        np.full(len(left), middle), left, right, colors=look.theme.fault, linewidth=0.9, zorder=3, alpha=0.9
    )
    if (LOST_FOOT - LOST_HEAD) * look.lane >= 0.95 * size and look.cells:
        parts = zip(left, right - left, lost["term"], lost["value"], colours, strict=True)
        for at, wide, term, value, colour in parts:
            room = wide * look.per_entry - 2.0
            texts = (text for text in (str(value), str(term)) if text_points(text, size) <= room)
            if text := next(texts, ""):
                _write_lost(ax, at + wide / 2, middle, text, size, colour, look)


def _write_lost(ax: Axes, at: float, middle: float, text: str, size: float, colour: str, look: _Look) -> None:
    """What was there, in a gap of the line that strikes it through: a line across it would hide it."""
    ax.text(
        at,
        middle,
        text,
        ha="center",
        va="center_baseline",
        fontsize=size,
        color=look.theme.ink_on(colour),
        bbox={"facecolor": colour, "linewidth": 0, "pad": 0.4},
        clip_on=True,
        zorder=4,
        parse_math=False,
        gid="lost",
    )


def _slices(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where entries stand that share an index: side by side, in the order given."""
    _, which, count = np.unique(index, return_inverse=True, return_counts=True)
    order = np.argsort(which, kind="stable")
    before = np.zeros(len(index))
    before[order] = np.arange(len(index)) - np.repeat(np.r_[0, np.cumsum(count)[:-1]], count)
    left = index - 0.5 + before / count[which]
    return left, left + 1.0 / count[which]
