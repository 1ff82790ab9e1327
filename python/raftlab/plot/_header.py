"""The header of pictures: their key and a strip of faults; and bands of faults behind the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from ._axes import SMALL, elided, points, rectangles, shifted, size_points, text_points
from ._faults import Breach, Strike, at_once, breaches, strikes
from ._palette import Theme
from ._window import Window

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from raftlab._world import World

__all__ = ["columns_width", "draw_key", "header"]

FEWEST_ROWS, MOST_ROWS, STRIP_SHARE = 3, 10, 0.28
"""The share of the height for rows of faults; if they do not fit, there is one row per kind."""

MOST_SHARE = 0.6
"""The maximum share of the height for the header."""

MOST_EDGES = 60
"""The maximum number of beginnings and ends that are drawn as lines."""

DEEPEST = 3
"""If more bands overlap, each is fainter, so that together they are as dark as this many."""


def header(ax: Axes, world: World, window: Window, key: Sequence[Artist]) -> float:
    """Draws the key and the strip of faults at the top of the axes, and the bands behind the data.

    Returns
    -------
    float
        The share of the axes' height that is used; the data must be below. A dotted line marks the end of
        the run.
    """
    width, height = size_points(ax)
    size = points(ax, SMALL)
    row = 1.45 * size
    found, wrong = strikes(world, window), breaches(world, window)
    key_height = draw_key(ax, key, width)
    room = MOST_SHARE * height - key_height - (0.5 + bool(wrong)) * row
    rows = _pack(found, window, size, width)
    if len(rows) > np.clip(STRIP_SHARE * height / row, FEWEST_ROWS, MOST_ROWS):
        rows = _by_kind(found, window, size, width)
    if len(rows) * row > room:
        rows = [_summed_up(found, "fault", window, size, width)]
    if wrong:
        rows.insert(0, _breach_row(wrong, window, size, width))
    strip = (len(rows) + 0.5) * row if rows else 0.0
    scale = min(1.0, MOST_SHARE * height / max(key_height + strip, 1e-9)) / height
    top = 1.0 - key_height * scale
    _draw_bands(ax, found, window, top)
    space = ax.get_xaxis_transform()
    red = Theme.of(ax).wrong
    ax.vlines([b.time_ms for b in wrong], 0, top, transform=space, colors=red, linewidth=1.2, zorder=4.5)
    for i, each in enumerate(rows):
        high = top - (i + 0.1) * row * scale
        _draw_row(ax, each, window, high - 0.8 * row * scale, high, size)
    taken = 1.0 - top + strip * scale
    if window.tail and window.start < window.now <= window.end:
        style: dict[str, Any] = {"color": Theme.of(ax).muted, "lw": 0.7, "ls": (0, (1, 2)), "zorder": 4.2}
        ax.plot([window.now] * 2, [0.0, 1.0 - taken], transform=space, scalex=False, gid="end", **style)
    return taken


def draw_key(ax: Axes, key: Sequence[Artist], width: float) -> float:
    """The legend in as few lines as there is width for. Says how high it is, in points."""
    if not key:
        return 0.0
    size = points(ax, SMALL)
    handle, gap, between = 1.8, 0.5, 1.5  # in sizes of the font, as legends are measured
    needs = [text_points(str(artist.get_label()), size) + (handle + gap + between) * size for artist in key]
    columns = next((n for n in range(len(key), 1, -1) if columns_width(needs, n) < 0.97 * width), 1)
    even = -(-len(key) // -(-len(key) // columns))  # as many lines, evenly filled
    columns = even if columns_width(needs, even) < 0.97 * width else columns
    legend = ax.legend(
        handles=list(key),
        loc="upper left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        fontsize=size,
        labelcolor=Theme.of(ax).ink,
        frameon=False,
        handlelength=handle,
        handletextpad=gap,
        columnspacing=between,
        borderpad=0.0,
        borderaxespad=0.5,
        labelspacing=0.3,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    lines = -(-len(key) // columns)
    return (lines * 1.5 + 1.0) * size


def columns_width(needs: Sequence[float], columns: int) -> float:
    """The width of a key with some columns."""
    return float(sum(part.max() for part in np.array_split(np.array(needs), columns)))


def _draw_bands(ax: Axes, found: Sequence[Strike], window: Window, top: float) -> None:
    """Behind everything: overlapping faults are darker, and each has a line where it begins."""
    theme = Theme.of(ax)
    found = [strike for strike in found if strike.hurts]
    lasting = [strike for strike in found if not strike.instant and not strike.waited]
    if not found:
        return
    space = ax.get_xaxis_transform()
    most = max(at_once(lasting), DEEPEST)
    alpha = 1.0 - (1.0 - theme.fault_alpha) ** (DEEPEST / most)
    ends = _ends(lasting, window)
    bands = rectangles(
        ax, *ends, 0.0, top, transform=space, facecolors=theme.fault, alpha=alpha, zorder=0.2
    )  # fmt: skip
    bands.set_gid("faults")
    edges = [strike.start_ms for strike in found] + [strike.end_ms for strike in lasting if not strike.open]
    shown = [edge for edge in set(edges) if window.start < edge < window.end]
    if len(shown) <= MOST_EDGES:
        alpha = 0.55 if len(shown) <= 2 * DEEPEST else 0.25
        style: dict[str, Any] = {"colors": theme.fault, "linewidth": 0.7, "alpha": alpha, "zorder": 0.3}
        ax.vlines(shown, 0, top, transform=space, **style)


def _ends(found: Sequence[Strike], window: Window) -> tuple[list[float], list[float]]:
    """From when to when these show."""
    return (
        [max(strike.start_ms, window.start) for strike in found],
        [min(strike.end_ms, window.right) for strike in found],
    )


# ---- The strip ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Text:
    """What is written in a row: from where on (ms), or up to where."""

    time: float
    text: str
    before: bool = False
    wrong: bool = False


@dataclass(frozen=True)
class _Row:
    """A line of the strip: what struck, what broke, what is written."""

    strikes: list[Strike]
    texts: list[_Text]
    breaches: tuple[Breach, ...] = ()
    counted: int = 0
    """How many of the strikes overlap at most, if it is their number that is drawn."""


def _pack(found: Sequence[Strike], window: Window, size: float, width: float) -> list[_Row]:
    """Which fault goes into which line, so that no text meets another, or another's bar."""
    per_ms = width / window.span
    rows: list[_Row] = []
    free: list[float] = []  # from where on each row is, in points
    for strike in found:
        (start,), (end,) = _ends([strike], window)
        left, right = (start - window.start) * per_ms, (end - window.start) * per_ms
        place, text = _beside(strike.label, left, right, width, size)
        needs = text_points(text, size) + 0.8 * size
        first = left - needs if place == "before" else left
        last = right + needs if place == "after" else right
        row = next((i for i, end in enumerate(free) if end + 0.6 * size <= first), len(rows))
        if row == len(rows):
            rows.append(_Row([], []))
            free.append(0.0)
        rows[row].strikes.append(strike)
        rows[row].texts.append(_Text(end if place == "after" else start, text, place == "before"))
        free[row] = last + (0.6 * size if strike.instant else 0.0)
    return rows


def _beside(text: str, left: float, right: float, width: float, size: float) -> tuple[str, str]:
    """Whether a text stands in its bar, or after or before it where that is too short; what fits of it."""
    needs = text_points(text, size) + 0.8 * size
    rooms = {"in": right - left, "after": width - right, "before": left}
    widest = max(rooms, key=lambda place: rooms[place])
    place = next((place for place, room in rooms.items() if needs <= room), widest)
    return place, elided(text, size, rooms[place] - 0.8 * size)


def _by_kind(found: Sequence[Strike], window: Window, size: float, width: float) -> list[_Row]:
    """One row per kind of fault with its number of strikes, for many faults."""
    kinds = dict.fromkeys(strike.kind for strike in found)
    return [
        _summed_up([s for s in found if s.kind == kind], kind.replace("_", " "), window, size, width)
        for kind in kinds
    ]


def _summed_up(those: Sequence[Strike], what: str, window: Window, size: float, width: float) -> _Row:
    """Many strikes in one row: how many there were, and at once."""
    struck = [strike for strike in those if not strike.waited]
    most = at_once(struck)
    text = f"{what} × {len(struck)}" + (f", up to {most} at once" if most > 1 else "")
    text = elided(text, size, width - size)
    room = (text_points(text, size) + 1.5 * size) * window.span / width
    starts, ends = _ends(those, window)
    reached = np.maximum.accumulate([window.start, *ends]).tolist()
    free = zip(reached, [*starts, window.right], strict=True)
    gap = next((begin for begin, end in free if end - begin > room), window.start)
    return _Row(list(those), [_Text(gap, text)], counted=most if most > 1 else 0)


def _breach_row(wrong: Sequence[Breach], window: Window, size: float, width: float) -> _Row:
    """The properties that were violated; those that broke too close to each other share a text."""
    per_ms = width / window.span
    texts: list[_Text] = []
    names: list[str] = []
    for breach in wrong:
        if texts and (breach.time_ms - texts[-1].time) * per_ms < text_points(texts[-1].text, size, "bold"):
            names.append(breach.property)
            at_once = (breach.time_ms - texts[-1].time) * per_ms < 2.0 * size
            time = breach.time_ms if at_once else texts[-1].time
            texts[-1] = _Text(time, _named(names), wrong=True)
        else:
            names = [breach.property]
            texts.append(_Text(breach.time_ms, _named(names), wrong=True))
    last = texts[-1]
    after, before = (window.right - last.time) * per_ms - size, (last.time - window.start) * per_ms - size
    if text_points(last.text, size, "bold") > after and len(texts) == 1:
        text = elided(last.text, size, max(before, after), "bold")
        texts[-1] = _Text(last.time, text, before=before > after, wrong=True)
    return _Row([], texts, tuple(wrong))


def _named(names: Sequence[str]) -> str:
    """One property by its name; of several, the first."""
    first = names[0].replace("_", " ")
    return f"✗ {first}" if len(names) == 1 else f"✗ {first} and {len(names) - 1} more"


def _draw_row(ax: Axes, row: _Row, window: Window, low: float, high: float, size: float) -> None:
    theme, space = Theme.of(ax), ax.get_xaxis_transform()
    if row.counted:
        _draw_counts(ax, row, window, low, high)
    bars = (
        ([s for s in row.strikes if s.waited], "none", theme.fault, "dashed"),
        ([s for s in row.strikes if not s.waited and not s.hurts], theme.background, theme.muted, "solid"),
        (
            [s for s in row.strikes if not s.waited and s.hurts and not row.counted],
            theme.fault_bar,
            theme.fault_edge,
            "solid",
        ),
    )
    for found, fill, edge, dashes in bars:
        lasting = [strike for strike in found if not strike.instant]
        if lasting:
            style: dict[str, Any] = {"facecolors": fill, "edgecolors": edge, "linestyles": dashes}
            style["linewidths"] = 0.7 if len(lasting) < MOST_EDGES else 0.0
            drawn = rectangles(ax, *_ends(lasting, window), low, high, transform=space, zorder=5, **style)
            drawn.set_gid("fault-bar")
    instants = [s.start_ms for s in row.strikes if s.instant and window.start <= s.start_ms <= window.end]
    broke = [breach.time_ms for breach in row.breaches]
    for times, colour, gid in ((instants, theme.fault, "fault-bar"), (broke, theme.wrong, "violation")):
        if times:
            ax.vlines(times, low, high, transform=space, colors=colour, linewidth=2.0, zorder=5, gid=gid)
    for text in row.texts:
        _write(ax, text, (low + high) / 2, size, over_bars=len(row.texts) == 1 < len(row.strikes))


def _draw_counts(ax: Axes, row: _Row, window: Window, low: float, high: float) -> None:
    """How many strikes act at a time, as steps: bars would only cover each other."""
    theme = Theme.of(ax)
    starts, ends = (np.array(side) for side in _ends([s for s in row.strikes if not s.waited], window))
    times = np.unique(np.r_[starts, ends])
    acting = np.searchsorted(np.sort(starts), times, "right") - np.searchsorted(np.sort(ends), times, "right")
    heads = low + (high - low) * acting / row.counted
    steps = ax.fill_between(
        times, low, heads, step="post", transform=ax.get_xaxis_transform(), color=theme.fault_bar,
        edgecolor=theme.fault_edge, linewidth=0.5, zorder=5,
    )  # fmt: skip
    steps.set_gid("fault-bar")


def _write(ax: Axes, text: _Text, height: float, size: float, *, over_bars: bool) -> None:
    theme = Theme.of(ax)
    style: dict[str, Any] = (
        {"fontweight": "bold", "color": theme.wrong} if text.wrong else {"color": theme.ink}
    )
    if over_bars or text.wrong:
        style["bbox"] = {"facecolor": theme.background, "alpha": 0.85, "linewidth": 0, "pad": 0.6}
    ax.text(
        text.time,
        height,
        text.text,
        ha="right" if text.before else "left",
        va="center_baseline",
        fontsize=size,
        transform=shifted(ax, ax.get_xaxis_transform(), (-0.45 if text.before else 0.45) * size, 0.0),
        clip_on=True,
        zorder=6,
        parse_math=False,
        gid="violation-label" if text.wrong else "fault-label",
        **style,
    )
