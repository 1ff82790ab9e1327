"""What was published beside what we measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from raftlab._arguments import choice, items

from ._axes import SMALL, points
from ._distributions import nines_axis, thinned
from ._palette import INK, MUTED, node_colour, node_dashes
from ._sweeps import legend, open_axes

if TYPE_CHECKING:
    from raftlab.published import Result

__all__ = ["distributions", "shares"]


def distributions(result: Result, cases: Sequence[str] | None, ax: Axes | None) -> Axes:
    """Our curves with the published quantiles on them; without samples the published shares against ours."""
    if not result.samples:
        return shares(result, ax)
    drawn = list(result.samples) if cases is None else items(cases, "cases")
    for case in drawn:
        choice(case, "cases", tuple(result.samples))
    ax = open_axes(ax, 4.0, width=7.2)
    for at, case in enumerate(drawn):
        x = np.sort(result.samples[case])
        y = np.arange(1, len(x) + 1) / len(x)
        kept = thinned(len(x))[:-1]
        colour, dashes = node_colour(at), node_dashes(at)
        ax.step(x[kept], y[kept], where="post", lw=1.5, label=case, gid="curve", color=colour, ls=dashes)
        marks = result.marks.get(case, {})
        ax.plot(
            list(marks.values()), list(marks), "D", color=node_colour(at), mec=INK, mew=0.7, ms=5, zorder=4,
            gid="published",
        )  # fmt: skip
    nines_axis(ax, max(1 - 1 / len(result.samples[case]) for case in drawn))
    log_axis(ax)
    ax.set_xlabel("time (ms)")
    ax.set_ylabel("share of trials")
    ax.grid(color="#e8ebee", lw=0.8)
    ax.set_title(result.title, loc="left", color=INK)
    ax.set_title("curves: raftlab; diamonds: published", loc="right", fontsize=points(ax, SMALL), color=MUTED)
    legend(ax, len(drawn))
    return ax


def log_axis(ax: Axes) -> None:
    """A logarithmic x axis with numbers as people write them, as many as there is room for."""
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < WIDE else (1.0,), numticks=12))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


WIDE = 200.0


def shares(result: Result, ax: Axes | None) -> Axes:
    """A line a row: the published share, and ours with its interval."""
    rows = result.rows[::-1]
    ax = open_axes(ax, 0.34 * len(rows) + 1.2, width=7.2)
    places = np.arange(len(rows))
    unit = 100 if rows[0].unit == "%" else 1
    ours = np.array([row.ours for row in rows]) * unit
    errors = np.array([[row.ours - row.low, row.high - row.ours] for row in rows]).T * unit
    ax.errorbar(ours, places, xerr=errors, fmt="o", color=node_colour(0), ms=5, capsize=3, lw=1.4, gid="ours")
    published = [row.published * unit for row in rows]
    ax.plot(published, places, "D", mfc="none", mec=INK, mew=1.2, ms=8, gid="published")
    ax.set_yticks(places, [row.case for row in rows])
    ax.set_ylim(-0.6, len(rows) - 0.4)
    if unit == 100:
        ax.set_xlim(-3, 103)
    else:
        log_axis(ax)
    ax.set_xlabel(f"{rows[0].quantity} (%)" if unit == 100 else rows[0].quantity)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="#e8ebee", lw=0.8)
    ax.set_title(result.title, loc="left", color=INK)
    key = [
        Line2D([], [], marker="o", ls="", color=node_colour(0), label="raftlab, 95 %"),
        Line2D([], [], marker="D", ls="", mfc="none", mec=INK, ms=8, label="published"),
    ]
    legend(ax, 2, handles=key, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    return ax
