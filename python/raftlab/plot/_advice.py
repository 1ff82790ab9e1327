"""What an election timeout costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from ._axes import SMALL, points
from ._palette import INK, MUTED, node_colour
from ._published import log_axis
from ._sweeps import legend, open_axes

if TYPE_CHECKING:
    from raftlab.advice import Advice

__all__ = ["advice"]


def advice(found: Advice, ax: Axes | None) -> Axes:
    """Expected downtime a year over the timeout: of failures, of false elections, and of both."""
    ax = open_axes(ax, 3.8)
    time = np.array([choice.timeout_ms for choice in found.choices])
    total = np.array([choice.downtime_s_a_year.value for choice in found.choices])
    low = np.array([choice.downtime_s_a_year.low for choice in found.choices])
    high = np.array([choice.downtime_s_a_year.high for choice in found.choices])
    failures = found.failures_a_year * np.array([choice.failover_ms.value for choice in found.choices]) / 1e3
    seen = np.array([choice.false_a_day.value > 0 for choice in found.choices])
    ax.fill_between(
        time, np.maximum(low, 1e-9), high, where=seen, color=node_colour(0), alpha=0.2, lw=0, gid="band"
    )
    ax.plot(time, total, color=node_colour(0), lw=2, marker="o", ms=4, label="all", gid="all")
    ax.plot(time, failures, color=MUTED, lw=1.2, ls="--", label="of failures", gid="failures")
    false = total - failures
    shown = false > 0
    ax.plot(
        time[shown],
        false[shown],
        color=node_colour(3),
        lw=1.2,
        ls=":",
        marker=".",
        label="of false elections",
    )
    if not seen.all():
        ax.plot(time[~seen], high[~seen], "_", color=MUTED, ms=9, label="not ruled out yet", gid="bound")
    best = found.best
    ax.axvline(best.timeout_ms, color=INK, lw=0.9, zorder=0)
    ax.annotate(
        f"{best.timeout_ms:g} ms", (best.timeout_ms, 1.0), xycoords=("data", "axes fraction"), xytext=(4, -4),
        textcoords="offset points", va="top", color=INK, fontsize=points(ax, SMALL),
    )  # fmt: skip
    ax.set_yscale("log")
    ax.set_ylim(bottom=max(min(failures.min(), total.min()) / 3, 1e-6))
    log_axis(ax)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,g}"))
    ax.set_xlabel("least election timeout (ms)")
    ax.set_ylabel("time without a leader (s a year)")
    ax.set_title(
        f"{found.failures_a_year:g} failures a year, band 95%",
        loc="right",
        fontsize=points(ax, SMALL),
        color=MUTED,
    )
    legend(ax, 4)
    return ax
