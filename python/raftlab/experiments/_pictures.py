"""Pictures of experiments whose evidence is many runs; `raftlab.plot` has those of single runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from ..plot._axes import (
    SMALL,
    caption,
    head,
    new_axes,
    note,
    points,
    root,
    settle,
    shifted,
    size_points,
    text_points,
    wrapped,
)
from ..plot._heatmap import frame
from ..plot._palette import Theme
from ..plot._sweeps import legend, open_axes
from ..statistics import Estimate

if TYPE_CHECKING:
    from .livelock import Cell

__all__ = ["progress", "tipping"]

LABEL = 9.0
"""The font size in a table, in points, relative to matplotlib's default of 10."""


# ---- P(leader) by round trip ----------------------------------------------------------------------------


def tipping(
    ax: Axes | None,
    title: str,
    curves: Mapping[str, Mapping[float, Estimate]],
    longest_ms: float,
    runs: int,
) -> Axes:
    """P(leader within 30 s) by the round trip, with intervals."""
    ax = open_axes(ax, 4.6, width=9.0)
    theme = Theme.of(ax)
    key: list[Artist] = []
    for (name, curve), at, look in zip(curves.items(), (0, 3), ("o-", "s--"), strict=True):
        chances = {trip / longest_ms: chance for trip, chance in curve.items()}
        key.append(_curve(ax, name, chances, theme.node(at), look))
    for place, name, dashes in ((1.0, "one round trip", "-"), (0.5, "two round trips", ":")):
        told = f"{name} = longest timeout"
        key.append(ax.axvline(place, color=theme.muted, lw=1.0, ls=dashes, zorder=0, label=told))
    ax.set_xlabel(f"mean round trip / longest election timeout ({longest_ms:.0f} ms)")
    ax.set_ylabel("P(leader within 30 s)")
    ax.set_ylim(-0.03, 1.05)
    ax.set_xlim(left=0.0)
    about = f"{runs:,} seeds per point, 95 % intervals"
    caption(ax, title, about)
    legend(ax, 4, handles=key)
    head(ax, title, about)  # once more: the key has taken some of the width
    return ax


def _curve(ax: Axes, name: str, chances: Mapping[float, Estimate], colour: str, look: str) -> Artist:
    """Draws one curve of probabilities with intervals."""
    places = sorted(chances)
    value, low, high = (
        np.array([getattr(chances[place], part) for place in places]) for part in ("value", "low", "high")
    )
    ax.errorbar(
        places, value, yerr=np.maximum(0.0, [value - low, high - value]), fmt=look, color=colour, ms=4.5,
        capsize=2.5, gid="curve",
    )  # fmt: skip
    return Line2D([], [], color=colour, marker=look[0], ls=look[1:], ms=4.5, label=name)


# ---- Who makes progress ---------------------------------------------------------------------------------


def progress(ax: Axes | None, rows: Mapping[str, Mapping[str, Cell]], storm: float) -> Axes:
    """Availability by scenario and variant of Raft; framed where there are over `storm` changes of leader."""
    ax = new_axes(ax, 10.5, 0.46 * len(rows) + 1.6)
    columns = list(next(iter(rows.values())))
    cells = {(x, y): row[name] for y, row in enumerate(rows.values()) for x, name in enumerate(columns)}
    image = _paint(ax, [[cell.availability for cell in row.values()] for row in rows.values()])
    _name_cells(ax, list(rows), columns)
    caption(ax, "Who makes progress", "half seconds with a commit, elections won, highest term")
    stormy = [place for place, cell in cells.items() if cell.leader_changes > storm]
    for place in stormy:
        frame(ax, *place)
    if stormy:
        note(ax, f"framed: more than {storm:g} changes of leader")
    settle(ax)
    _write(ax, cells, image, (len(columns), len(rows)))
    return ax


def _paint(ax: Axes, shares: Sequence[Sequence[float]]) -> AxesImage:
    """Colours the cells: the fault's colour where nothing is committed, pale where everything is."""
    theme = Theme.of(ax)
    ends = (theme.paler(theme.fault, 0.3), theme.paler(theme.fault, 0.75), theme.paler(theme.node(0), 0.85))
    shades = LinearSegmentedColormap.from_list("availability", ends)
    image = ax.imshow(shares, cmap=shades, vmin=0, vmax=1, aspect="auto")
    down, across = len(shares), len(shares[0])
    ax.hlines(np.arange(1, down) - 0.5, -0.5, across - 0.5, color=theme.background, lw=2.5)
    ax.vlines(np.arange(1, across) - 0.5, -0.5, down - 0.5, color=theme.background, lw=2.5)
    ax.spines[:].set_visible(False)
    return image


def _name_cells(ax: Axes, rows: Sequence[str], columns: Iterable[str]) -> None:
    """Labels rows with scenarios and columns with variants, vertically if the columns are narrow."""
    columns = [name.replace(" + ", " +\n") for name in columns]
    size = points(ax, LABEL)
    width = 0.42 * root(ax).get_figwidth() * 72.0
    rows = ["\n".join(wrapped(name, size, width)) for name in rows]
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.set_yticks(range(len(rows)), rows, fontsize=size)
    ax.set_xticks(range(len(columns)), columns, fontsize=size)
    settle(ax)
    widest = max(text_points(line, size) for name in columns for line in name.split("\n"))
    if widest > 0.95 * size_points(ax)[0] / len(columns):
        ax.tick_params(axis="x", labelrotation=90)
        settle(ax)


def _write(ax: Axes, cells: Mapping[tuple[int, int], Cell], image: AxesImage, shape: tuple[int, int]) -> None:
    """Writes each cell's values: only the share if there is no room for more."""
    theme = Theme.of(ax)
    width, height = (points / count for points, count in zip(size_points(ax), shape, strict=True))
    large, small = points(ax, LABEL), points(ax, SMALL)
    large *= min(1.0, 0.9 * width / text_points("100%", large))
    more = {at: f"{cell.leaders} · term {cell.highest_term:,.0f}" for at, cell in cells.items()}
    widest = max(text_points(text, small) for text in more.values())
    roomy = height > 1.3 * (large + small) and widest < 0.95 * width
    for (x, y), cell in cells.items():
        fill: Any = image.to_rgba(np.array(cell.availability))
        ink = theme.ink_on(to_hex(fill))
        texts = [(f"{cell.availability:.0%}", large, 0.6 * small if roomy else 0.0)]
        texts += [(more[x, y], small, -0.7 * large)] if roomy else []
        for text, size, up in texts:
            place = shifted(ax, ax.transData, 0.0, up)
            ax.text(x, y, text, ha="center", va="center", color=ink, fontsize=size, transform=place)
