"""Messages as a space-time diagram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from raftlab._time import Duration
from raftlab.errors import InvalidError

from ._docstrings import documented
from ._flights import HELD, LOST, Flights
from ._frame import Frame
from ._lanes import name_lanes, place
from ._notes import Notes, Refusals, write_terms
from ._palette import Theme, rgba
from ._states import Spans, role_spans
from ._window import columns, note_columns

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from raftlab._world import World

__all__ = ["messages"]


@documented
def messages(
    world: World,
    *,
    start: Duration | None = None,
    end: Duration | None = None,
    nodes: str | Sequence[str] | None = None,
    types: str | Sequence[str] | None = None,
    heartbeats: bool = True,
    limit: int = 1000,
    axis: str = "auto",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws messages as a space-time diagram, with a lane per node and a slanted line per message.

    Parameters
    ----------
    {world_full}
    {window}
    nodes : str or list of str, optional
        The nodes to show, in this order; `"ABC"` names single-letter nodes. All by default. Messages to and
        from others are left out.
    types : str or list of str, optional
        The types of messages to show, such as `"RequestVote"`. All by default.
    heartbeats : bool, default True
        Whether to show AppendEntries without entries, and the answers to them.
    limit : int, default 1000
        The maximum number of messages that are drawn; more are counted in columns.
    {axis}
    {title}
    {ax}

    Returns
    -------
    {axes_over_time}

    Notes
    -----
    Requests are solid and replies dashed. A lost message ends with a cross at the time and place of its loss;
    one that a cut link did not accept is a stub towards its receiver. A held message is a stub with a square
    at its sender. Numbers are terms: of a node when it enters one, and of each message if there are few. A
    red ring marks a refusal: where a node refuses a message, with the reason if there are few, and where the
    sender learns of it. A lane is thick while its node leads or stands for election, and dotted while it is
    down.

    With more messages than `limit`, columns in each lane show how many its node sent, by type, and below the
    line how many of these were lost. A note in the picture explains the columns.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, seed=1)
    >>> _ = c.run_until(rl.leader_elected)
    >>> rl.plot.messages(c, types="RequestVote").get_xlabel()
    'time (ms)'
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise InvalidError(f"limit must be an integer of at least 0, not {limit!r}")
    frame = Frame.of(world, start, end, nodes, axis)
    world = frame.world
    flights = Flights.of(world, frame.window, frame.names, types, heartbeats=heartbeats)
    dense = len(flights) > limit
    ax = frame.open(ax, title, min(1.6 + 0.6 * len(frame.names), 9.0), lanes=True)
    refusals = Refusals.of(world, frame.window, frame.names, flights)
    counts = _counts(ax, flights, frame) if dense else np.zeros((1, 1, 1))
    note_columns(ax, frame.window, _said(counts, flights) if dense else "")
    taken = frame.header(ax, _key(Theme.of(ax), flights, refusals, dense=dense))
    name_lanes(ax, frame.names, place(ax, len(frame.names), taken))
    lanes = role_spans(world, frame.names, frame.window)
    for lane, spans in enumerate(lanes.values()):
        _draw_lane(ax, lane + (FOOT if dense else 0.0), spans)
    if dense:
        _draw_counts(ax, flights, frame, counts)
    else:
        _draw_each(ax, flights)
        notes = Notes(ax)
        if len(flights) <= DOTTED_UP_TO:
            refusals.draw(ax, notes)
        write_terms(ax, flights, lanes, notes)
    return ax


def _fates(theme: Theme) -> dict[str, str]:
    """The colours of crosses, by the fate of the message."""
    return {"lost": theme.ink, "cut": theme.fault, "receiver_down": theme.hatch, "removed": theme.removed}


DOTTED_UP_TO = 400
"""The maximum number of messages whose arrivals have a dot."""


def _key(theme: Theme, flights: Flights, refusals: Refusals, *, dense: bool) -> list[Artist]:
    kinds = _kinds(theme, flights)
    key: list[Artist] = []
    for kind in kinds:
        look = theme.stroke(kind)
        if dense:
            key.append(Patch(facecolor=_area_colour(theme, kind), label=kind))
        elif not (look.dashed and kind.removesuffix("Reply") in kinds):
            dashes = DASHES if look.dashed else "solid"
            key.append(Line2D([], [], color=look.colour, lw=look.width, ls=dashes, label=kind))
    if not dense and len(key) < len(kinds):
        key.append(Line2D([], [], color=theme.muted, lw=1.1, ls=DASHES, label="the reply"))
    for fate in LOST:
        if count := int((flights.fate == fate).sum()):
            label = f"{fate.replace('_', ' ')} × {count:,}"
            if not dense:
                key.append(_marker(theme, "x", _fates(theme)[fate], label, width=1.6))
    if dense and flights.is_lost.any():
        key.append(Patch(facecolor=theme.ink, label=f"lost × {int(flights.is_lost.sum()):,}"))
    if not dense and (flights.fate == "in_flight").any():
        key.append(_marker(theme, "o", theme.muted, "in flight"))
    if not dense and (flights.fate == HELD).any():
        key.append(_marker(theme, "s", theme.muted, "held"))
    if not dense and len(flights) <= DOTTED_UP_TO and (len(refusals) or flights.refused.any()):
        key.append(_marker(theme, "o", theme.wrong, "refused"))
    if not dense:
        key.append(Line2D([], [], ls="none", marker="$3$", color=theme.muted, markersize=5, label="term"))
    return key


DASHES = (0, (3, 1.5))


def _kinds(theme: Theme, flights: Flights) -> list[str]:
    """The kinds of messages, starting with those that this module knows."""
    kinds = [kind for kind in theme.strokes if (flights.kind == kind).any()]
    return kinds + sorted(set(flights.kind) - set(kinds))


def _marker(theme: Theme, shape: str, colour: str, label: str, width: float = 1.0) -> Line2D:
    return Line2D(
        [],
        [],
        ls="none",
        marker=shape,
        color=colour,
        mfc=theme.background,
        mew=width,
        markersize=5,
        label=label,
    )


def _draw_lane(ax: Axes, height: float, spans: Spans) -> None:
    """Draws the lane of a node, which shows its role."""
    widths = {"follower": 1.0, "precandidate": 3.0, "candidate": 3.0, "leader": 4.5}
    theme = Theme.of(ax)
    for role, look in theme.roles.items():
        which = spans.up & (spans.role == role)
        if which.any():
            colour = theme.lane if role == "follower" else look.colour
            ax.hlines(
                np.full(which.sum(), height),
                spans.start[which],
                spans.end[which],
                colors=colour,
                linewidth=widths[role],
                zorder=1.5 if role == "follower" else 1.8,
            )
    down = ~spans.up
    if down.any():
        ends = spans.start[down], spans.end[down]
        ax.hlines(
            np.full(down.sum(), height),
            *ends,
            colors=theme.muted,
            linewidth=1.0,
            linestyles="dotted",
            zorder=1,
        )


def _draw_each(ax: Axes, flights: Flights) -> None:
    theme = Theme.of(ax)
    for kind in dict.fromkeys(flights.kind):
        some, look = flights.where(flights.kind == kind), theme.stroke(kind)
        begin = np.stack([some.start, some.sender], -1)
        end = np.stack([some.end, some.height], -1)
        lines = LineCollection(
            list(np.stack([begin, end], 1)),
            colors=rgba([look.colour]),
            linewidths=look.width,
            linestyles=[DASHES if look.dashed else "solid"],
            zorder=2.4 if kind in FAINT else 2.7,
        )
        lines.set_gid(f"messages-{kind}")
        ax.add_collection(lines, autolim=False)
        arrived = some.fate == "delivered"
        if len(flights) <= DOTTED_UP_TO:
            for refused in (False, True):
                dots = some.where(arrived & (some.refused == refused))
                face, edge = (theme.background, theme.wrong) if refused else (look.colour, look.colour)
                _scatter(ax, dots, "o", 12 if refused else 7, face, edge, "arrival")
    for fate in LOST:
        _scatter(ax, flights.where(flights.fate == fate), "x", 26, _fates(theme)[fate], None, f"lost-{fate}")
    for fate, shape in (("in_flight", "o"), (HELD, "s")):
        _scatter(ax, flights.where(flights.fate == fate), shape, 14, theme.background, theme.muted, fate)


FAINT = ("heartbeat", "AppendEntriesReply")
"""Draws the most frequent kinds behind the others."""


def _scatter(
    ax: Axes, flights: Flights, shape: str, area: float, face: str, edge: str | None, gid: str
) -> None:
    if len(flights):
        ax.scatter(
            flights.end,
            flights.height,
            s=area,
            c=face,
            marker=shape,
            linewidths=1.5 if edge is None else 0.8,
            edgecolors=edge,
            zorder=3.5,
            clip_on=True,
            gid=gid,
        )


# ---- Too many to draw -----------------------------------------------------------------------------------

FOOT, HEAD, PIT = 0.22, -0.46, 0.44
"""In a lane: the line, how high the highest column is, and how deep those of lost messages go."""


def _area_colour(theme: Theme, kind: str) -> str:
    look = theme.stroke(kind)
    return theme.paler(look.colour, 0.45) if look.dashed else look.colour


def _counts(ax: Axes, flights: Flights, frame: Frame) -> np.ndarray:
    """How many messages of each kind each node sent in each column: lanes x kinds x columns."""
    edges, kinds = columns(ax, frame.window), _kinds(Theme.of(ax), flights)
    return np.array(
        [
            [_count(flights, (flights.sender == lane) & (flights.kind == kind), edges) for kind in kinds]
            for lane in range(len(frame.names))
        ]
    )


def _said(counts: np.ndarray, flights: Flights) -> str:
    """The note of a picture that counts messages."""
    highest = max(int(counts.sum(axis=1).max()), 1)
    return (
        f"messages that a node sent (at most {highest:,}), and below the line those that were lost; "
        f"0 of {len(flights):,} messages are drawn one by one"
    )


def _draw_counts(ax: Axes, flights: Flights, frame: Frame, counts: np.ndarray) -> None:
    """Draws columns instead of lines: the messages that each node sent, and those that were lost."""
    theme, edges = Theme.of(ax), columns(ax, frame.window)
    kinds = _kinds(theme, flights)
    highest = max(int(counts.sum(axis=1).max()), 1)
    for lane in range(len(frame.names)):
        foot = np.full(len(edges), lane + FOOT)
        for kind, count in zip(kinds, counts[lane], strict=True):
            top = foot - np.r_[count, count[-1]] * (FOOT - HEAD) / highest
            if count.any():
                area = ax.fill_between(
                    edges, foot, top, step="post", color=_area_colour(theme, kind), lw=0, zorder=2
                )
                area.set_gid(f"sent-{kind}")
            foot = top
        lost = _count(flights, (flights.sender == lane) & flights.is_lost, edges)
        if lost.any():
            depth = np.minimum(np.r_[lost, lost[-1]] * (FOOT - HEAD) / highest, PIT - FOOT)
            line = lane + FOOT + 0.02
            ax.fill_between(edges, line, line + depth, step="post", color=theme.ink, lw=0, zorder=2).set_gid(
                "lost"
            )
    ax.hlines(
        [lane + HEAD for lane in range(len(frame.names))],
        *(frame.window.start, frame.window.end),
        colors=theme.grid,
        linewidth=0.6,
        zorder=0.5,
    )


def _count(flights: Flights, which: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.histogram(flights.start[which], edges)[0]
