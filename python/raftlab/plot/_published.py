"""Published and measured numbers in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from raftlab._arguments import choice, items

from ._axes import LEAST, SMALL, caption, points, root, settle, size_points, text_points, wrapped
from ._distributions import nines_axis, thinned
from ._palette import Theme, node_dashes
from ._sweeps import legend, open_axes

if TYPE_CHECKING:
    from raftlab.published import Result

__all__ = ["picture"]


def picture(result: Result, cases: Sequence[str] | None, ax: Axes | None) -> Axes:
    """Draws distributions if there are samples, by default in panels; otherwise a line per row."""
    if not result.samples:
        return rows_of(result, ax)
    if cases is not None or ax is not None or not result.panels:
        return distributions(result, cases, ax, result.title)
    rows = len(result.panels)
    panels = grid(rows, 4.2 * rows)
    for panel, (title, drawn) in zip(panels, result.panels.items(), strict=True):
        distributions(result, drawn, panel, title)
    return panels[0]


def grid(rows: int, height: float) -> list[Axes]:
    """Axes one below the other."""
    from matplotlib import pyplot

    _, panels = pyplot.subplots(rows, 1, figsize=(7.2, height), layout="constrained")
    return list(panels)


def distributions(result: Result, cases: Sequence[str] | None, ax: Axes | None, title: str) -> Axes:
    """Draws measured curves, published quantiles as marks, and closed forms as thin lines."""
    drawn = list(result.samples) if cases is None else items(cases, "cases")
    for case in drawn:
        choice(case, "cases", tuple(result.samples))
    ax = open_axes(ax, 4.0, width=7.2)
    for case in drawn:
        draw(result, case, ax)
    nines_axis(ax, max(1 - 1 / len(result.samples[case]) for case in drawn))
    log_axis(ax)
    ax.set_xlabel("time (ms)")
    ax.set_ylabel("share of trials that are over")
    finish(ax, title)
    key = [line for line in ax.get_lines() if line.get_gid() == "curve"]
    key += keys(ax, any(case in result.marks for case in drawn), any(case in result.curves for case in drawn))
    legend(ax, max(2, len(key)), handles=key)
    return ax


def keys(ax: Axes, marks: bool, curves: bool) -> list[Line2D]:
    """The published data, for the key."""
    theme = Theme.of(ax)
    found = []
    if marks:
        found.append(
            Line2D(
                [],
                [],
                marker="D",
                ls="",
                color=theme.background,
                mec=theme.ink,
                ms=4.5,
                label="published",
            )
        )
    if curves:
        found.append(Line2D([], [], color=theme.ink, lw=1.0, ls=FORM, label="closed form"))
    return found


FORM = (0, (4, 2))


def draw(result: Result, case: str, ax: Axes) -> None:
    """Draws a case: the measured curve, the published quantiles, the closed form.

    The colour goes by the case's place in the result, so it is the same in all panels and selections.
    """
    theme, at = Theme.of(ax), list(result.samples).index(case)
    x = np.sort(result.samples[case])
    y = np.arange(1, len(x) + 1) / len(x)
    kept = thinned(len(x))[:-1]
    colour, dashes = theme.node(at), node_dashes(at)
    ax.step(x[kept], y[kept], where="post", lw=1.5, label=case, gid="curve", color=colour, ls=dashes)
    marks = result.marks.get(case, {})
    ax.plot(
        list(marks.values()), list(marks), "D", color=colour, mec=theme.ink, mew=0.7, ms=4.5, zorder=4, ls="",
        gid="published",
    )  # fmt: skip
    if case in result.curves:
        times, over = result.curves[case]
        shown = (over > 0) & (over < 1 - 0.5 / len(x))
        ax.plot(times[shown], over[shown], color=colour, lw=1.0, ls=FORM, zorder=3, gid="form")


def log_axis(ax: Axes) -> None:
    """A logarithmic x axis with plain numbers, as many as there is room for."""
    ax.set_xscale("log")
    settle(ax)
    low, high = ax.get_xlim()
    widest = max(text_points(f"{end:,.3g} ", float(ax.xaxis.label.get_fontsize())) for end in (low, high))
    room = int(np.clip(size_points(ax)[0] / widest, 3, 12))
    dense = high / low < WIDE and 3 * np.log10(high / low) <= room
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if dense else (1.0,), numticks=room))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


WIDE = 200.0
MOST_LINES = 40
LABEL, LEADING = 9.5, 1.15
"""The font size of a line in points, and the ratio of its height to it."""


def finish(ax: Axes, title: str) -> None:
    """The title, the grid, and the names of the axes as there is room for them."""
    ax.grid(color=Theme.of(ax).grid, lw=0.8)
    caption(ax, title, "")


def rows_of(result: Result, ax: Axes | None) -> Axes:
    """Draws a line per row, or measured against published numbers if there is no room for the lines."""
    if len(result.rows) > MOST_LINES:
        return against(result, open_axes(ax, 5.0, width=5.4))
    ax = open_axes(ax, 0.28 * len(result.rows) + 1.2, width=7.8)
    ax.set_xlabel(quantity_of(result))
    finish(ax, result.title)
    room = size_points(ax)[1] - 2.0 * points(ax, SMALL)  # the key may come below
    width = 0.45 * root(ax).get_figwidth() * 72.0
    for size in np.arange(points(ax, LABEL), points(ax, LEAST) - 0.01, -0.25):
        names = ["\n".join(wrapped(name, size, width)) for name in labels(result)]
        if len(names) * max(name.count("\n") + 1 for name in names) * LEADING * size < room:
            return numbers(result, ax, names, size)
    return against(result, ax)


def against(result: Result, ax: Axes) -> Axes:
    """Draws measured numbers with intervals against published ones; the diagonal is agreement."""
    theme = Theme.of(ax)
    unit = 100 if result.rows[0].unit == "%" else 1
    published = np.array([row.published for row in result.rows]) * unit
    ours, errors = measured(result, unit)
    agree = np.array([row.agrees for row in result.rows])
    wide = published.min() > 0
    ends = [min(published.min(), ours[ours > 0].min() if wide else 0.0), max(published.max(), ours.max())]
    ax.plot(ends, ends, color=theme.ink, lw=1.0, ls=FORM, label="equal", gid="diagonal")
    for kept, colour, name in ((agree, theme.node(0), "agrees"), (~agree, theme.node(1), "differs")):
        if kept.any():
            ax.errorbar(
                published[kept], ours[kept], yerr=errors[:, kept], fmt="o", color=colour, ms=4, capsize=2,
                lw=1.0, label=f"{name}: {kept.sum()}", gid="ours",
            )  # fmt: skip
    if wide:
        log_axis(ax)
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,g}"))
    quantity = quantity_of(result)
    ax.set_xlabel(f"{quantity}, published")
    ax.set_ylabel(f"{quantity}, raftlab with 95 % interval")
    finish(ax, result.title)
    legend(ax, 2, loc="upper left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.5)
    return ax


def measured(result: Result, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """The measured number, and the lengths of its interval below and above."""
    ours = np.array([row.ours for row in result.rows]) * unit
    errors = np.array([[row.ours - row.low, row.high - row.ours] for row in result.rows]).T * unit
    return ours, errors


def numbers(result: Result, ax: Axes, names: Sequence[str], size: float) -> Axes:
    """Draws a line per row: the published number, and the measured one with its interval."""
    theme, rows = Theme.of(ax), result.rows
    places = np.arange(len(rows))[::-1]
    percent = rows[0].unit == "%"
    unit = 100 if percent else 1
    ours, errors = measured(result, unit)
    ax.errorbar(ours, places, xerr=errors, fmt="o", color=theme.node(0), ms=5, capsize=3, lw=1.4, gid="ours")
    published = [row.published * unit for row in rows]
    ax.plot(published, places, "D", mfc="none", mec=theme.ink, mew=1.2, ms=8, gid="published")
    ax.set_yticks(places, names, fontsize=size)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    if percent:
        ax.set_xlim(-3, 103)
    else:
        log_axis(ax)
    ax.tick_params(axis="y", length=0)
    finish(ax, result.title)
    ax.grid(visible=False, axis="y")
    key = [
        Line2D([], [], marker="o", ls="", color=theme.node(0), label="raftlab, 95 %"),
        Line2D([], [], marker="D", ls="", mfc="none", mec=theme.ink, ms=8, label="published"),
    ]
    legend(ax, 2, handles=key)
    return ax


def labels(result: Result) -> list[str]:
    """The label of a row: its case, and its quantity if that is not the same for all."""
    several = len({row.quantity for row in result.rows}) > 1
    bases = {(row.case, row.quantity) for row in result.rows}
    doubled = len(bases) < len(result.rows)
    return [
        row.case + (f": {row.quantity}" if several else "") + (f" ({row.basis})" if doubled else "")
        for row in result.rows
    ]


def quantity_of(result: Result) -> str:
    """What the numbers are, with their unit: the one quantity of all rows, or what several have in common."""
    unit, quantities = result.rows[0].unit, {row.quantity for row in result.rows}
    several = "probability" if unit == "%" else "time"
    return (quantities.pop() if len(quantities) == 1 else several) + (f" ({unit})" if unit else "")
