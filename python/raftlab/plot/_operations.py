"""Operations of clients, as a strip of bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Patch

from ._axes import TINY, points, rectangles, shifted, size_points, text_points
from ._palette import Theme
from ._states import read
from ._window import Window, columns

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from raftlab._world import World

__all__ = ["Operations"]

MOST_ROWS = 6
"""The maximum number of concurrent operations that are drawn; more are counted."""

MOST_LABELS = 200
"""The maximum number of operations with labels."""

THINNEST = 1.5
"""The least width of a bar in points."""

ROW, GAP = 0.34, 0.06
"""The height of a row, and what it leaves free, in lanes."""

COUNTED = 0.9
"""The height of the columns when operations are counted."""


@dataclass(frozen=True)
class Operations:
    """The operations in the window and their rows in the strip; without rows if they are only counted."""

    start: np.ndarray
    end: np.ndarray
    status: np.ndarray
    label: np.ndarray
    row: np.ndarray
    labelled: bool

    @classmethod
    def of(cls, world: World, window: Window, width: float, size: float) -> Operations:
        """Lays them out for a picture of some width in points, with labels of `size` if there is room."""
        cells = read(
            world, "ops", "invoked_ms", "ended_ms", "status", "kind", "key", "value", "result", "node"
        )
        start, end = cells["invoked_ms"].astype(float), cells["ended_ms"].astype(float)
        end = np.where(np.isnan(end), max(window.until, window.start), end)
        which = np.flatnonzero(window.touches(start, end))
        parts = zip(*(cells[name][which] for name in ("kind", "key", "value", "result", "node")), strict=True)
        label = np.array([_label(*part) for part in parts], dtype=object)
        start, end, status = start[which], end[which], cells["status"][which]
        per_ms = width / window.span
        left = (np.maximum(start, window.start) - window.start) * per_ms
        right = np.maximum((np.minimum(end, window.right) - window.start) * per_ms, left + THINNEST)
        rooms = [(False, right)]
        if len(label) <= MOST_LABELS:
            texts = np.array([text_points(text, size) + 0.9 * size for text in label])
            rooms.insert(0, (True, right + texts))
        for labelled, room in rooms:
            row = _pack(left, room + 1.0)
            if row.max(initial=0) < MOST_ROWS:
                return cls(start, end, status, label, row, labelled)
        return cls(start, end, status, label, np.zeros(0, np.int64), False)

    @property
    def counted(self) -> bool:
        """Whether there are too many to draw each."""
        return len(self.row) < len(self.start)

    @property
    def height(self) -> float:
        """How high the strip is, in lanes."""
        if self.counted:
            return COUNTED
        return ROW * (int(self.row.max()) + 1) if len(self.row) else 0.0

    def key(self, theme: Theme) -> list[Artist]:
        """The numbers of operations by status."""
        key: list[Artist] = []
        for status, look in theme.statuses.items():
            if count := int((self.status == status).sum()):
                hatch = look.hatch if not self.counted else None
                key.append(
                    Patch(
                        facecolor=look.colour,
                        edgecolor=look.edge,
                        hatch=hatch,
                        linewidth=0.6,
                        label=f"{status} × {count:,}",
                    )
                )
        return key

    def said(self, ax: Axes, window: Window) -> str:
        """A note on how they are counted; empty if they are not."""
        if not self.counted:
            return ""
        highest = int(np.histogram(self.start, columns(ax, window))[0].max())
        return f"operations asked for (at most {max(highest, 1):,})"

    def draw(self, ax: Axes, window: Window, top: float, lane_points: float) -> None:
        """Draws the strip below `top`."""
        if self.counted:
            self._draw_counts(ax, window, top)
            return
        thinnest = THINNEST * window.span / size_points(ax)[0]
        for status, look in Theme.of(ax).statuses.items():
            which = self.status == status
            if which.any():
                head = top + self.row[which] * ROW + GAP / 2
                rectangles(
                    ax,
                    self.start[which],
                    np.maximum(self.end[which], self.start[which] + thinnest),
                    head,
                    head + ROW - GAP,
                    facecolors=look.colour,
                    edgecolors=look.edge,
                    hatch=look.hatch,
                    linewidths=0.6,
                    zorder=2,
                ).set_gid(f"op-{status}")
        if self.labelled and ROW * lane_points >= points(ax, TINY):
            self._write_labels(ax, window, top)

    def _write_labels(self, ax: Axes, window: Window, top: float) -> None:
        size = points(ax, TINY)
        width = size_points(ax)[0]
        for start, end, row, text in zip(self.start, self.end, self.row, self.label, strict=True):
            right = (min(end, window.right) - window.start) * width / window.span
            if right + text_points(text, size) + 0.6 * size > width:
                continue
            ax.text(
                max(end, start),
                top + (row + 0.5) * ROW,
                text,
                va="center_baseline",
                fontsize=size,
                color=Theme.of(ax).ink,
                transform=shifted(ax, ax.transData, 0.45 * size, 0.0),
                clip_on=True,
                zorder=3,
                parse_math=False,
                gid="op-label",
            )

    def _draw_counts(self, ax: Axes, window: Window, top: float) -> None:
        theme, edges = Theme.of(ax), columns(ax, window)
        counts = {
            status: np.histogram(self.start[self.status == status], edges)[0] for status in theme.statuses
        }
        highest = max(int(np.sum(list(counts.values()), axis=0).max()), 1)
        foot = np.full(len(edges), top + COUNTED)
        for status, count in counts.items():
            if count.any():
                head = foot - np.r_[count, count[-1]] * (COUNTED - GAP) / highest
                colour = theme.statuses[status].colour if status != "pending" else theme.muted
                ax.fill_between(edges, foot, head, step="post", color=colour, lw=0, zorder=2)
                foot = head


def _label(kind: str, key: str | None, value: str | None, result: str | None, node: str | None) -> str:
    match kind:
        case "put":
            return f"{key}={value}"
        case "append":
            return f"{key}+={value}"
        case "cas":
            return f"{key}→{value}"
        case "get" | "read_log" | "read_index" | "lease" | "local":
            return f"{key}?" if result is None else f"{key}? {result}"
        case "noop":
            return "no-op"
        case "configure" | "transfer":
            return kind
        case _:
            return f"{kind.replace('_', ' ')} {node or ''}".strip()


def _pack(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """In which row each bar finds room, the first that is free. Gives up after too many rows."""
    free: list[float] = []
    rows = np.zeros(len(left), np.int64)
    for i in np.argsort(left, kind="stable"):
        row = next((row for row, end in enumerate(free) if end <= left[i]), len(free))
        if row == len(free):
            if row > MOST_ROWS:
                return np.full(len(left), MOST_ROWS)
            free.append(0.0)
        free[row] = float(right[i])
        rows[i] = row
    return rows
