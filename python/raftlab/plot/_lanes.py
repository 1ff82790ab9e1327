"""Lanes: a row a node, with its role as a bar that is the higher the more the role matters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ._axes import SMALL, points, rectangles, shifted, size_points, text_points
from ._palette import DOWN_HATCH, PAUSED_HATCH, Theme, rgba
from ._states import Spans, shares
from ._window import Window, columns

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["draw_lanes", "role_key"]

FOOT, HEAD = 0.34, -0.40
"""The foot and the head of a lane's bars, below and above its middle."""

LEADING, LEAST = 1.25, 6.0
"""How much higher a lane is than the letters of its name; the size of the smallest letters."""

DENSE = 4.0
"""Points a span: with less room than this a lane shows shares of time."""

THINNEST = 1.0
"""Points: what is shorter is still drawn that wide, so that a short election does not vanish."""


def place(ax: Axes, lanes: int, taken: float, below: float = 0.0) -> float:
    """Sets the y axis for `lanes` lanes from the top down, with a share of the height taken by a header.

    Returns how high a lane is, in points. `below` is what comes after the lanes, in lanes.
    """
    rows = lanes + below
    ax.set_ylim(rows - 0.5, -0.5 - rows * taken / (1.0 - taken))
    return size_points(ax)[1] * (1.0 - taken) / rows


def name_lanes(ax: Axes, names: Sequence[str], lane_points: float) -> None:
    """Names the lanes in letters that fit, or every second or tenth of them where there is room for few."""
    size = float(np.clip(lane_points / LEADING, points(ax, LEAST), ax.xaxis.label.get_fontsize()))
    every = max(1, int(np.ceil(LEADING * size / max(lane_points, 0.1) - 1e-9)))
    ax.set_yticks(range(0, len(names), every), names[::every], fontsize=size, parse_math=False)


def name_rows(ax: Axes, names: Sequence[str], lane_points: float, rows: dict[str, float]) -> None:
    """Names the lanes, and in smaller letters the rows below them, by their heights."""
    name_lanes(ax, names, lane_points)
    lanes = [float(tick) for tick in ax.get_yticks()]
    shown = [label.get_text() for label in ax.get_yticklabels()]
    size = float(ax.get_yticklabels()[0].get_fontsize())
    small = min(size, points(ax, SMALL))
    free = lanes[-1] + 0.5 * (size - small) / lane_points
    kept: dict[str, float] = {}
    for name, height in sorted(rows.items(), key=lambda row: row[1]):
        if (height - free) * lane_points > 1.05 * small:
            kept[name] = free = height
    ax.set_yticks([*lanes, *kept.values()], [*shown, *kept], parse_math=False)
    for label in ax.get_yticklabels()[len(lanes) :]:
        label.set(fontsize=small, color=Theme.of(ax).muted)


SHARES = "each role's share of it"
"""What a column of a dense lane is."""


def draw_lanes(ax: Axes, lanes: dict[str, Spans], window: Window, lane_points: float) -> None:
    """Draws the bars of each node, from the first lane down; in columns of shares where they are dense."""
    width = size_points(ax)[0]
    edges = columns(ax, window)
    dense = is_dense(ax, lanes)
    for lane, spans in enumerate(lanes.values()):
        if dense:
            _draw_shares(ax, lane, spans, edges)
        else:
            _draw_bars(ax, lane, spans, window, width)
        _write_terms(ax, lane, spans, window, lane_points, leaders_only=dense)


def is_dense(ax: Axes, lanes: dict[str, Spans]) -> bool:
    """Whether a lane has more stretches than there is room for."""
    return max((len(spans) for spans in lanes.values()), default=0) * DENSE > size_points(ax)[0]


def role_key(ax: Axes, lanes: dict[str, Spans]) -> list[Artist]:
    """The key of roles: those that there are."""
    theme, every = Theme.of(ax), list(lanes.values())
    up = [spans.role[spans.up] for spans in every]
    there = set(np.concatenate(up)) if up else set()
    key: list[Artist] = [
        Patch(facecolor=look.colour, label=role)
        for role, look in reversed(theme.roles.items())
        if role in there
    ]
    if any(spans.paused.any() for spans in every):
        key.append(_hatched(theme, PAUSED_HATCH, theme.roles["follower"].colour, "paused"))
    if any((~spans.up).any() for spans in every):
        key.append(_hatched(theme, "" if is_dense(ax, lanes) else DOWN_HATCH, theme.background, "down"))
    if not is_dense(ax, lanes):
        key.append(
            Line2D([], [], linestyle="none", marker="$3$", color=theme.muted, markersize=5, label="term")
        )
    return key


def _hatched(theme: Theme, hatch: str, colour: str, label: str) -> Patch:
    edge = 0.0 if hatch else 0.5
    return Patch(facecolor=colour, edgecolor=theme.hatch, hatch=hatch * 2, linewidth=edge, label=label)


def _draw_bars(ax: Axes, lane: int, spans: Spans, window: Window, width: float) -> None:
    theme, foot = Theme.of(ax), lane + FOOT
    for role, look in theme.roles.items():
        which = spans.up & (spans.role == role)
        if which.any():
            colour = rgba([look.colour])
            start, end = spans.start[which], spans.end[which]
            if role != "follower":
                end = np.maximum(end, start + THINNEST * window.span / width)
            bars = rectangles(
                ax,
                start,
                end,
                foot,
                foot - look.height * (FOOT - HEAD),
                facecolors=colour,
                edgecolors=theme.background if role == "leader" else colour,
                linewidths=0.5 if role == "leader" and which.sum() * 12 < width else 0.0,
                zorder=2,
            )
            bars.set_gid(f"role-{role}")
    for which, hatch, low, high in (
        (~spans.up, DOWN_HATCH, FOOT, FOOT - 0.62 * (FOOT - HEAD)),
        (spans.up & spans.paused, PAUSED_HATCH, FOOT, HEAD),
    ):
        if which.any():
            rectangles(
                ax,
                spans.start[which],
                spans.end[which],
                lane + low,
                lane + high,
                facecolors=theme.background if hatch == DOWN_HATCH else "none",
                edgecolors=theme.hatch,
                hatch=hatch,
                zorder=2.5,
            ).set_gid("down" if hatch == DOWN_HATCH else "paused")


def _draw_shares(ax: Axes, lane: int, spans: Spans, edges: np.ndarray) -> None:
    """Columns of time shares, the leader's at the foot."""
    foot = np.full(len(edges), lane + FOOT)
    for role, look in reversed(Theme.of(ax).roles.items()):
        share = shares(spans, spans.up & (spans.role == role), edges)
        if share.any():
            top = foot - np.r_[share, share[-1]] * (FOOT - HEAD)
            area = ax.fill_between(edges, foot, top, step="post", color=look.colour, linewidth=0, zorder=2)
            area.set_gid(f"role-{role}")
            foot = top


def _write_terms(
    ax: Axes, lane: int, spans: Spans, window: Window, lane_points: float, *, leaders_only: bool
) -> None:
    """Numbers a node's terms where there is room: on the leader's bar, or above the others."""
    theme, size = Theme.of(ax), points(ax, SMALL)
    bar = (FOOT - HEAD) * lane_points
    per_ms = size_points(ax)[0] / window.span
    for start, end, role, term in _term_stretches(spans):
        look = theme.roles[role]
        on_bar = role == "leader"
        if leaders_only and not on_bar:
            continue
        if size > bar * (1.0 if on_bar else 1.0 - look.height) * 1.05:
            continue
        room = (end - start) * per_ms - 0.6 * size
        texts = (f"leader of term {term}", f"term {term}", f"{term}") if on_bar else (f"{term}",)
        fitting = (text for text in texts if text_points(text, size, "bold") < room)
        text = next(fitting, None)
        if text is None:
            continue
        foot = lane + FOOT - (0.5 if on_bar else look.height) * (FOOT - HEAD)
        ax.text(
            start,
            foot,
            text,
            ha="left",
            va="center_baseline" if on_bar else "bottom",
            fontsize=size,
            fontweight="bold" if on_bar else "normal",
            color=theme.ink_on(look.colour) if on_bar else theme.muted,
            transform=shifted(ax, ax.transData, 0.35 * size, 0),
            clip_on=True,
            zorder=4,
            gid="term",
        )


def _term_stretches(spans: Spans) -> Iterable[tuple[float, float, str, int]]:
    """For each stay of a node in a term where it led, or else where it was longest something else."""
    if len(spans) == 0:
        return
    bounds = np.flatnonzero(np.r_[True, spans.term[1:] != spans.term[:-1], True])
    for first, last in pairwise(bounds):
        part = spans.where(np.arange(first, last))
        best: tuple[float, int] | None = None
        for i in range(len(part)):
            if part.up[i]:
                rank = float(part.end[i] - part.start[i]) * (1e6 if part.role[i] == "leader" else 1.0)
                if best is None or rank > best[0]:
                    best = rank, i
        if best is not None:
            i = best[1]
            yield float(part.start[i]), float(part.end[i]), str(part.role[i]), int(part.term[i])


def foot_line(ax: Axes, lanes: int) -> None:
    """The line on which each lane stands."""
    heights = [lane + FOOT for lane in range(lanes)]
    ax.hlines(
        heights, 0, 1, transform=ax.get_yaxis_transform(), colors=Theme.of(ax).ink, linewidth=0.4, alpha=0.35,
        zorder=1,
    )  # fmt: skip
