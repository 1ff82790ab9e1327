"""The header of every picture: its key, and a strip that names the faults; behind the data a band each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from ._axes import SMALL, Window, points, rectangles, shifted, size_points, text_points
from ._faults import Breach, Strike, breaches, strikes
from ._palette import FAULT, FAULT_BAR, FAULT_EDGE, INK, WRONG

if TYPE_CHECKING:
    from matplotlib.artist import Artist

    from raftlab.cluster import World

__all__ = ["draw_key", "header"]

MOST_ROWS = 5
"""With more rows of faults than this, there is one row a kind instead."""

MOST_SHARE = 0.55
"""How much of the height the header may take at most."""

MOST_EDGES = 120
"""With more beginnings and ends than this, bands have no lines."""

BAND_ALPHA = 0.09


def header(ax: Axes, world: World, window: Window, key: Sequence[Artist]) -> float:
    """Draws the key and the strip of faults at the top of the axes, and the bands behind the data.

    Returns
    -------
    float
        Which share of the axes' height is taken: the data have to stay below.
    """
    width, height = size_points(ax)
    size = points(ax, SMALL)
    found, wrong = strikes(world, window), breaches(world, window)
    rows = _pack(found, window, size, width)
    if len(rows) > MOST_ROWS:
        rows = _by_kind(found, window, size, width)
    if wrong:
        rows.insert(0, _breach_row(wrong, window, size, width))
    key_height, row = draw_key(ax, key, width), 1.45 * size
    strip = (len(rows) + 0.5) * row if rows else 0.0
    scale = min(1.0, MOST_SHARE * height / max(key_height + strip, 1e-9)) / height
    top = 1.0 - key_height * scale
    _draw_bands(ax, found, window, top)
    space = ax.get_xaxis_transform()
    ax.vlines([b.time_ms for b in wrong], 0, top, transform=space, colors=WRONG, linewidth=1.2, zorder=4.5)
    for i, each in enumerate(rows):
        high = top - (i + 0.1) * row * scale
        _draw_row(ax, each, window, high - 0.8 * row * scale, high, size)
    return 1.0 - top + strip * scale


def draw_key(ax: Axes, key: Sequence[Artist], width: float) -> float:
    """The legend in as few lines as there is width for. Says how high it is, in points."""
    if not key:
        return 0.0
    size = points(ax, SMALL)
    handle, gap, between = 1.8, 0.5, 1.5  # in sizes of the font, as legends are measured
    needs = [text_points(str(artist.get_label()), size) + (handle + gap + between) * size for artist in key]
    columns = len(key) if sum(needs) < 0.97 * width else max(1, int(0.97 * width / max(needs)))
    legend = ax.legend(
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
    for text in legend.get_texts():
        text.set_parse_math(False)
    lines = -(-len(key) // columns)
    return (lines * 1.5 + 1.0) * size


def _draw_bands(ax: Axes, found: Sequence[Strike], window: Window, top: float) -> None:
    """Behind everything: overlapping faults are darker, and each has a line where it begins."""
    if not found:
        return
    lasting = [strike for strike in found if not strike.instant and not strike.waited]
    space = ax.get_xaxis_transform()
    bands = rectangles(
        ax,
        *_ends(lasting, window),
        0.0,
        top,
        transform=space,
        facecolors=FAULT,
        alpha=BAND_ALPHA,
        zorder=0.2,
    )
    bands.set_gid("faults")
    edges = [strike.start_ms for strike in found] + [strike.end_ms for strike in lasting if not strike.open]
    shown = [edge for edge in set(edges) if window.start < edge < window.end]
    if len(shown) <= MOST_EDGES:
        alpha = 0.55 if len(shown) < 0.4 * MOST_EDGES else 0.2
        ax.vlines(shown, 0, top, transform=space, colors=FAULT, linewidth=0.7, alpha=alpha, zorder=0.3)


def _ends(found: Sequence[Strike], window: Window) -> tuple[list[float], list[float]]:
    """From when to when these show."""
    return (
        [max(strike.start_ms, window.start) for strike in found],
        [min(strike.end_ms, window.end) for strike in found],
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


def _pack(found: Sequence[Strike], window: Window, size: float, width: float) -> list[_Row]:
    """Which fault goes into which line, so that no text meets another, or another's bar."""
    per_ms = width / window.span
    rows: list[_Row] = []
    free: list[float] = []  # from where on each row is, in points
    for strike in found:
        (start,), (end,) = _ends([strike], window)
        left, right = (start - window.start) * per_ms, (end - window.start) * per_ms
        needs = text_points(strike.label, size) + 0.8 * size
        before = max(right, left + needs) > width and right - left < needs <= left
        first, last = (left - needs, right) if before else (left, max(right, left + needs))
        row = next((i for i, end in enumerate(free) if end + 0.6 * size <= first), len(rows))
        if row == len(rows):
            rows.append(_Row([], []))
            free.append(0.0)
        rows[row].strikes.append(strike)
        rows[row].texts.append(_Text(start, strike.label, before))
        free[row] = last + (0.6 * size if strike.instant else 0.0)
    return rows


def _by_kind(found: Sequence[Strike], window: Window, size: float, width: float) -> list[_Row]:
    """So many faults that only their kinds can be named: a row each, with how often it struck."""
    rows = []
    for kind in dict.fromkeys(strike.kind for strike in found):
        those = [strike for strike in found if strike.kind == kind]
        struck = sum(not strike.waited for strike in those)
        text = f"{kind.replace('_', ' ')} × {struck}"
        room = (text_points(text, size) + 1.5 * size) * window.span / width
        starts, ends = _ends(those, window)
        free = zip([window.start, *ends], [*starts, window.end], strict=True)
        gap = next((begin for begin, end in free if end - begin > room), window.start)
        rows.append(_Row(those, [_Text(gap, text)]))
    return rows


def _breach_row(wrong: Sequence[Breach], window: Window, size: float, width: float) -> _Row:
    """The rules that broke; those that broke too close to each other share a text."""
    per_ms = width / window.span
    texts: list[_Text] = []
    rules: list[str] = []
    for breach in wrong:
        if texts and (breach.time_ms - texts[-1].time) * per_ms < text_points(texts[-1].text, size, "bold"):
            rules.append(breach.rule)
            at_once = (breach.time_ms - texts[-1].time) * per_ms < 2.0 * size
            time = breach.time_ms if at_once else texts[-1].time
            texts[-1] = _Text(time, _named(rules), wrong=True)
        else:
            rules = [breach.rule]
            texts.append(_Text(breach.time_ms, _named(rules), wrong=True))
    last = texts[-1]
    room = (window.end - last.time) * per_ms
    if text_points(last.text, size, "bold") + size > room:
        texts[-1] = _Text(last.time, last.text, before=len(texts) == 1, wrong=True)
    return _Row([], texts, tuple(wrong))


def _named(rules: Sequence[str]) -> str:
    """One rule by its name; of several, the first."""
    first = rules[0].replace("_", " ")
    return f"✗ {first}" if len(rules) == 1 else f"✗ {first} and {len(rules) - 1} more"


def _draw_row(ax: Axes, row: _Row, window: Window, low: float, high: float, size: float) -> None:
    space = ax.get_xaxis_transform()
    for waited in (False, True):
        chosen = [s for s in row.strikes if not s.instant and s.waited == waited]
        if chosen:
            bars = rectangles(
                ax,
                *_ends(chosen, window),
                low,
                high,
                transform=space,
                facecolors="none" if waited else FAULT_BAR,
                edgecolors=FAULT if waited else FAULT_EDGE,
                linestyles="dashed" if waited else "solid",
                linewidths=0.7 if len(chosen) < MOST_EDGES else 0.0,
                zorder=5,
            )
            bars.set_gid("fault-bar")
    at_once = [s.start_ms for s in row.strikes if s.instant and window.start <= s.start_ms <= window.end]
    broke = [breach.time_ms for breach in row.breaches]
    for times, colour, gid in ((at_once, FAULT, "fault-bar"), (broke, WRONG, "violation")):
        if times:
            ax.vlines(times, low, high, transform=space, colors=colour, linewidth=2.0, zorder=5, gid=gid)
    for text in row.texts:
        _write(ax, text, (low + high) / 2, size, over_bars=len(row.texts) == 1 < len(row.strikes))


def _write(ax: Axes, text: _Text, height: float, size: float, *, over_bars: bool) -> None:
    style: dict[str, Any] = {"fontweight": "bold", "color": WRONG} if text.wrong else {"color": INK}
    if over_bars or text.wrong:
        style["bbox"] = {"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 0.6}
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
