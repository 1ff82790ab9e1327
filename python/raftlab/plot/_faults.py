"""Faults on a picture: a band behind everything while a fault acts, and a strip on top that names it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from raftlab._time import Duration, format_ms

from ._axes import SMALL, TINY, Window, points, rectangles, shifted, size_points, text_points
from ._palette import FAULT, INK, MUTED
from ._states import read

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from raftlab.cluster import World

__all__ = ["Strike", "faults_table", "header", "strikes"]

MOST_ROWS = 5
"""With more rows than this in the strip, there is one row a kind instead."""

MOST_SHARE = 0.55
"""How much of the height the header may take at most."""

MOST_EDGES = 120
"""With more beginnings and ends than this, bands have no lines."""

BAND_ALPHA = 0.09


@dataclass(frozen=True)
class Strike:
    """One strike of a fault, as it is drawn. `end_ms` is where it ends in the picture."""

    start_ms: float
    end_ms: float
    open: bool
    kind: str
    label: str
    waited: bool

    @property
    def instant(self) -> bool:
        """Whether it has no length: a restart, a jump of a clock."""
        return self.end_ms <= self.start_ms


def faults_table(
    world: World, *, start: Duration | None = None, end: Duration | None = None
) -> dict[str, list[Any]]:
    """What the strip of faults shows, as plain columns.

    Parameters
    ----------
    world : Cluster or Run
        What to look at.
    start, end : time, optional
        From the beginning of the run; all of it if not given.

    Returns
    -------
    dict of str to list
        `start_ms`, `end_ms` (that of the picture if the fault still acts), `open` (whether it does),
        `kind`, `label`, `waited` (it found nobody to strike).

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(5, seed=7)
    >>> _ = c.partition("AB", "CDE", at="1s", duration="500ms")
    >>> _ = c.run("2s")
    >>> rl.plot.faults_table(c)["label"]
    ['partition AB | CDE']
    """
    found = strikes(world, Window.of(world, start, end))
    return {name: [getattr(strike, name) for strike in found] for name in Strike.__annotations__}


def strikes(world: World, window: Window) -> list[Strike]:
    """The strikes that show, in order."""
    cells = read(world, "faults", "start_ms", "end_ms", "kind", "detail", "nodes", "outcome")
    found = []
    for start, end, kind, detail, nodes, outcome in zip(*cells.values(), strict=True):
        still = bool(np.isnan(end))
        until = max(window.now, start) if still else float(end)
        if window.touches(start, until):
            waited = outcome != "struck"
            label = _label(kind, json.loads(detail or "{}"), nodes or "") + (" waits" if waited else "")
            found.append(Strike(float(start), until, still, str(kind), label, waited))
    return sorted(found, key=lambda strike: strike.start_ms)


def _label(kind: str, detail: dict[str, Any], nodes: str) -> str:
    """A fault in a few letters: what, how much, whom."""
    what = kind.replace("_", " ")
    hit = _names(nodes.split(",")) if nodes else _names(detail.get("node", ""))
    match kind:
        case "partition":
            return f"{what} {_groups(detail)}"
        case "loss" | "duplicate":
            return f"{what} {100 * detail.get('probability', 0):.3g} %{_link(detail)}"
        case "delay":
            return f"{what} {_time(detail.get('by', 0))}{_link(detail)}"
        case "cut" | "hold":
            return f"{what}{_link(detail)}"
        case "clock_rate":
            return f"clock ×{detail.get('rate', 1):.6g} {hit}"
        case "clock_jump":
            by = float(detail.get("by", 0))
            return f"clock {'−' if by < 0 else '+'}{format_ms(abs(by))} {hit}"
        case "lie":
            return f"{hit}: {str(detail.get('lie', {}).get('lie', 'lie')).replace('_', ' ')}"
        case _:
            return f"{what} {hit}"


def _groups(detail: dict[str, Any]) -> str:
    if shape := detail.get("shape"):
        return str(shape).replace("_", " ")
    groups = [_names(group) for group in detail.get("groups", [])]
    return " | ".join(groups if len(groups) > 1 else [*groups, "rest"])


def _names(names: str | Sequence[str]) -> str:
    if isinstance(names, str):
        return names
    if all(len(name) == 1 for name in names) and len(names) <= 7:
        return "".join(names)
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} nodes"


def _link(detail: dict[str, Any]) -> str:
    types = ", ".join(detail.get("types", []))
    if "from" in detail or "to" in detail:
        arrow = "↔" if detail.get("both_ways") else "→"
        types = f"{_names(detail.get('from', '∗'))}{arrow}{_names(detail.get('to', '∗'))} {types}"
    return f" {types}".rstrip()


def _time(by: Any) -> str:
    if isinstance(by, dict):
        return f"~ {by.get('distribution', '')}"
    return format_ms(float(by))


# ---- The header: the key to the picture, then the strip ------------------------------------------------


def header(ax: Axes, world: World, window: Window, key: Sequence[Artist]) -> float:
    """Draws the key and the strip of faults at the top of the axes, and the bands behind the data.

    Returns
    -------
    float
        Which share of the axes' height is taken: the data have to stay below.
    """
    width, height = size_points(ax)
    found = strikes(world, window)
    plan = _Plan.of(found, window, points(ax, SMALL), width)
    key_height = draw_key(ax, key, width)
    row = points(ax, SMALL) * 1.45
    strip = len(plan.rows) * row + (0.5 * row if plan.rows else 0.0)
    scale = min(1.0, MOST_SHARE * height / max(key_height + strip, 1e-9))
    top = 1.0 - key_height * scale / height
    if found:
        _draw_bands(ax, found, window, top)
        plan.draw(ax, window, top, row * scale / height)
    return 1.0 - top + strip * scale / height


def draw_key(ax: Axes, key: Sequence[Artist], width: float) -> float:
    """The legend in as few lines as there is width for. Says how high it is."""
    if not key:
        return 0.0
    size = points(ax, SMALL)
    handle, gap, between = 1.8, 0.5, 1.5  # in sizes of the font, as legends are measured
    widest = max(text_points(str(artist.get_label()), size) for artist in key)
    every = [text_points(str(artist.get_label()), size) + (handle + gap + between) * size for artist in key]
    columns = len(key)
    if sum(every) > 0.97 * width:
        columns = max(1, int(0.97 * width / (widest + (handle + gap + between) * size)))
    ax.legend(
        handles=list(key),
        loc="upper left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        fontsize=size,
        labelcolor=INK,
        frameon=False,
        handlelength=handle,
        handletextpad=gap,
        columnspacing=between,
        borderpad=0.0,
        borderaxespad=0.5,
        labelspacing=0.3,
    )
    lines = -(-len(key) // columns)
    return (lines * 1.5 + 1.0) * size


def _draw_bands(ax: Axes, found: Sequence[Strike], window: Window, top: float) -> None:
    """Behind everything: overlapping faults are darker, and each has a line where it begins."""
    lasting = [strike for strike in found if not strike.instant and not strike.waited]
    space = ax.get_xaxis_transform()
    rectangles(
        ax,
        [max(strike.start_ms, window.start) for strike in lasting],
        [min(strike.end_ms, window.end) for strike in lasting],
        0.0,
        top,
        transform=space,
        facecolors=FAULT,
        alpha=BAND_ALPHA,
        zorder=0.2,
    ).set_gid("faults")
    edges = [strike.start_ms for strike in found] + [strike.end_ms for strike in lasting if not strike.open]
    shown = [edge for edge in set(edges) if window.start < edge < window.end]
    if len(shown) > MOST_EDGES:
        return
    alpha = 0.55 if len(shown) < 0.4 * MOST_EDGES else 0.2
    ax.vlines(shown, 0, top, transform=space, colors=FAULT, linewidth=0.7, alpha=alpha, zorder=0.3)


@dataclass(frozen=True)
class _Row:
    """A line of the strip: its strikes, and what is written where (ms, text, side)."""

    strikes: list[Strike]
    texts: list[tuple[float, str, str]]
    caption: str = ""


@dataclass(frozen=True)
class _Plan:
    """Which fault goes into which line of the strip, so that no text meets another."""

    rows: list[_Row]
    size: float

    @classmethod
    def of(cls, found: Sequence[Strike], window: Window, size: float, width: float) -> _Plan:
        per_ms = width / window.span
        rows: list[_Row] = []
        taken: list[float] = []  # where each row is free again, in points
        for strike in found:
            left = (max(strike.start_ms, window.start) - window.start) * per_ms
            right = (min(strike.end_ms, window.end) - window.start) * per_ms
            needs = text_points(strike.label, size) + 0.8 * size
            side, first, last = "right", left, max(right, left + needs)
            if last > width:  # there is no room behind it: write before it ends, or before it begins
                side = "inside" if right - left >= needs else "left"
                last = right
                first = left if side == "inside" else left - needs
            if strike.instant:
                last += 0.6 * size
            if first < 0:
                first, last = 0.0, max(last, needs)
            at = next((i for i, free in enumerate(taken) if free + 0.6 * size <= first), len(rows))
            if at == len(rows):
                rows.append(_Row([], []))
                taken.append(0.0)
            rows[at].strikes.append(strike)
            rows[at].texts.append((max(strike.start_ms, window.start), strike.label, side))
            taken[at] = last
        return cls(rows if len(rows) <= MOST_ROWS else _by_kind(found), size)

    def draw(self, ax: Axes, window: Window, top: float, row_height: float) -> None:
        """The strip, hanging from `top`."""
        space = ax.get_xaxis_transform()
        for i, row in enumerate(self.rows):
            high = top - i * row_height - 0.1 * row_height
            low = high - 0.8 * row_height
            _draw_bars(ax, row, window, low, high)
            for at, text, side in row.texts:
                shift = -0.4 if side == "left" else 0.4
                ax.text(
                    at,
                    (low + high) / 2,
                    text,
                    ha="right" if side == "left" else "left",
                    va="center_baseline",
                    fontsize=self.size,
                    color=INK,
                    transform=shifted(ax, space, shift * self.size, 0),
                    clip_on=True,
                    zorder=6,
                    parse_math=False,
                    gid="fault-label",
                )
            if row.caption:
                self._draw_caption(ax, row.caption, (low + high) / 2)

    def _draw_caption(self, ax: Axes, caption: str, at: float) -> None:
        ax.text(
            0.0,
            at,
            caption,
            va="center_baseline",
            fontsize=self.size,
            color=INK,
            transform=shifted(ax, ax.transAxes, 0.4 * self.size, 0),
            bbox={"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 0.6},
            zorder=6,
            gid="fault-label",
        )


def _by_kind(found: Sequence[Strike]) -> list[_Row]:
    """So many faults that only their kinds can be named: a row each, with how often it struck."""
    count = Counter(strike.kind for strike in found if not strike.waited)
    kinds = dict.fromkeys(strike.kind for strike in found)
    return [
        _Row(
            [strike for strike in found if strike.kind == kind],
            [],
            f"{kind.replace('_', ' ')} × {count[kind]}",
        )
        for kind in kinds
    ]


def _draw_bars(ax: Axes, row: _Row, window: Window, low: float, high: float) -> None:
    space = ax.get_xaxis_transform()
    lasting = [strike for strike in row.strikes if not strike.instant]
    for waited in (False, True):
        chosen = [strike for strike in lasting if strike.waited == waited]
        if chosen:
            rectangles(
                ax,
                [max(strike.start_ms, window.start) for strike in chosen],
                [min(strike.end_ms, window.end) for strike in chosen],
                low,
                high,
                transform=space,
                facecolors="none" if waited else "#f0b9a5",
                edgecolors=FAULT if waited else "#e39c83",
                linestyles="dashed" if waited else "solid",
                linewidths=0.7 if len(chosen) < MOST_EDGES else 0.0,
                zorder=5,
            ).set_gid("fault-bar")
    at_once = [s.start_ms for s in row.strikes if s.instant and window.start <= s.start_ms <= window.end]
    if at_once:
        middle = (low + high) / 2
        ax.plot(
            at_once,
            [middle] * len(at_once),
            linestyle="none",
            marker="|",
            markersize=(high - low) * size_points(ax)[1],
            markeredgewidth=1.6,
            color=FAULT,
            transform=space,
            scalex=False,
            scaley=False,
            zorder=5,
            gid="fault-bar",
        )


def caption(ax: Axes, text: str, at: float) -> None:
    """Names a row of the picture, left of the axes."""
    ax.text(
        0.0,
        at,
        text,
        ha="right",
        va="center",
        fontsize=points(ax, TINY),
        color=MUTED,
        transform=shifted(ax, ax.transAxes, -4, 0),
    )
