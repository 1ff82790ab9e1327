"""Pictures of advice: the cost of election timeouts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import blended_transform_factory

from raftlab._time import format_ms
from raftlab.advice.result import best_of, seconds
from raftlab.statistics import percent

from ._axes import SMALL, caption, new_axes, points
from ._heatmap import frame, paint, write
from ._palette import Theme
from ._published import log_axis
from ._sweeps import legend, open_axes, replay_lines

if TYPE_CHECKING:
    from raftlab.advice import Advice, Choice
    from raftlab.advice.costs import Costs

__all__ = ["advice", "heatmap"]

DOWNTIMES = (1e-3, 1e-2, 0.1, 1, 10, 60, 600, 3600, 36_000, 864e2, 864e3, 864e4)
"""Where the axis of downtimes is labelled, in seconds: whole units of time, about a decade apart."""
HIDDEN = 30.0
"""Upper limits are drawn up to this many times the highest expected downtime."""


def advice(found: Advice, ax: Axes | None) -> Axes:
    """Draws the expected downtime a year by timeout, with its interval and the cost of failures alone."""
    ax = open_axes(ax, 4.2, width=7.2)
    theme = Theme.of(ax)
    able = [choice for choice in found.choices if choice.elects]
    time = np.array([choice.timeout_ms for choice in able])
    value, low, high = (
        np.array([getattr(choice.downtime_s_a_year, part) for choice in able])
        for part in ("value", "low", "high")
    )
    shown = shown_curves(found, time)
    failures = shown.after_failures.mean(axis=0)
    floor, top = limits(found, np.concatenate([value, low, failures]), value, high)
    ax.set_yscale("log")
    ax.set_ylim(floor, top)
    colour = theme.node(0)
    tail = (1 - found.confidence) / 2
    band = np.quantile(shown.seconds, [tail, 1 - tail], axis=0)
    ax.fill_between(
        shown.timeouts, np.maximum(band[0], floor / 2), np.minimum(band[1], 1e3 * top), color=colour,
        alpha=0.13, lw=0, gid="band",
    )  # fmt: skip
    ax.vlines(
        time, np.maximum(low, floor / 2), np.minimum(high, 1e3 * top), color=colour, alpha=0.4, lw=3,
        gid="interval", label=f"{percent(found.confidence)} interval",
    )  # fmt: skip
    ax.plot(
        shown.timeouts, failures, color=theme.muted, lw=5, alpha=0.45, marker="_", mew=5, gid="failures",
        label="of failures alone",
    )  # fmt: skip
    ax.plot(shown.timeouts, shown.expected, color=colour, lw=1.8, gid="all")
    seen = np.array([choice.losses_seen > 0 for choice in able])
    for chosen, fill, label in (
        (seen, colour, "expected"),
        (~seen, theme.background, "expected; no loss of a healthy\nleader was seen with it"),
    ):
        if chosen.any():
            ax.plot(
                time[chosen], value[chosen], "o", ms=5, color=colour, mfc=fill, mew=1.4, label=label,
                gid="expected",
            )  # fmt: skip
    _mark_unable(ax, [choice for choice in found.choices if not choice.elects])
    _mark_best(ax, found)
    _name_axes(ax, found)
    return ax


def shown_curves(found: Advice, time: np.ndarray) -> Costs:
    """The curves over the timeouts that were examined closely, and over all that may be the best."""
    first, last = min(time.min(), found.timeout_ms.low), max(time.max(), found.timeout_ms.high)
    known = found.costs.timeouts
    return found.costs.at(sorted({*time, *known[(known >= first) & (known <= last)]}))


def limits(found: Advice, drawn: np.ndarray, value: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    """From below all that is drawn to above all that is expected; upper limits may lie beyond."""
    floor = float(np.min(drawn[drawn > 0], initial=1e9)) / 2
    if not np.any(drawn > 0):
        floor = float(np.min(high)) / 1e3
    wanted = [HIDDEN * float(value.max()), float(np.max(high[np.isfinite(high)], initial=0.0))]
    best = found.best.downtime_s_a_year
    top = max(min(wanted) if wanted[0] > 0 else wanted[1], best.high if np.isfinite(best.high) else 0.0)
    return floor, 2 * max(top, 10 * floor)


def _mark_unable(ax: Axes, unable: Sequence[Choice]) -> None:
    """Draws timeouts with which no leader lasts at the upper edge."""
    theme = Theme.of(ax)
    if unable:
        ax.plot(
            [choice.timeout_ms for choice in unable], [0.97] * len(unable), "x", ms=7, mew=1.8,
            color=theme.ink, transform=blended_transform_factory(ax.transData, ax.transAxes),
            label="no leader lasts", gid="unable",
        )  # fmt: skip


def _mark_best(ax: Axes, found: Advice) -> None:
    """Marks the recommendation, the interval of the best timeout, and the preset's own."""
    theme = Theme.of(ax)
    best, like = found.best, found.timeout_ms
    at_foot = blended_transform_factory(ax.transData, ax.transAxes)
    ax.axvline(best.timeout_ms, color=theme.ink, lw=0.9, zorder=0, gid="best")
    if like.low < like.high:
        ax.plot(
            [like.low, like.high], [0.0, 0.0], color=theme.ink, lw=4, solid_capstyle="butt",
            transform=at_foot, clip_on=False, gid="alike", label="the best one may be here",
        )  # fmt: skip
    lines = {best.timeout_ms: f"recommended: {format_ms(best.timeout_ms)}"}
    if found.own is not None:
        own = f"{found.own.whose}: {format_ms(found.own.timeout_ms)}"
        same = found.own is best
        lines[found.own.timeout_ms] = f"recommended, and {own}" if same else own
        if not same:
            ax.axvline(found.own.timeout_ms, color=theme.ink, lw=0.9, ls=":", zorder=0, gid="own")
    for step, (time, text) in enumerate(lines.items()):
        ax.annotate(
            text, (time, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 3 + 11 * step),
            textcoords="offset points", va="bottom", ha="center", color=theme.ink,
            fontsize=points(ax, SMALL + 1), annotation_clip=False, gid="name",
        )  # fmt: skip


def _name_axes(ax: Axes, found: Advice) -> None:
    ax.yaxis.set_major_locator(FixedLocator(DOWNTIMES))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: seconds(y)))
    ax.grid(axis="y", color=Theme.of(ax).grid, lw=0.8)
    if len(found.choices) == 1:
        ax.set_xlim(found.best.timeout_ms / 2, found.best.timeout_ms * 2)
    log_axis(ax)
    ax.set_xlabel("least election timeout (ms)")
    ax.set_ylabel(f"downtime a year, {found.failures_a_year:g} failures")
    caption(ax, None, "")
    legend(ax, 2)
    vars(ax)["raftlab_replay"] = "\n".join(replay_lines(found.failovers) + replay_lines(found.steady))


def heatmap(found: Advice, ax: Axes | None) -> Axes:
    """Draws the expected downtime a year by timeout and loss."""
    across = list(dict.fromkeys(choice.loss for choice in found.under_loss))
    up = list(dict.fromkeys(choice.timeout_ms for choice in found.under_loss))
    cells = {(choice.loss, choice.timeout_ms): choice.downtime_s_a_year for choice in found.under_loss}
    ax = new_axes(ax, max(4.2, 1.7 * len(across) + 1.8), max(2.6, 0.44 * len(up) + 1.4))
    here, own = found.best.loss, found.own.timeout_ms if found.own is not None else None
    image = paint(
        ax,
        cells,
        across={loss: f"{100 * loss:.3g} %" + ("\nas given" if loss == here else "") for loss in across},
        up={
            time: (f"{found.own.whose}: " if found.own and time == own else "") + format_ms(time)
            for time in up
        },
    )
    ax.set_xlabel("messages lost")
    ax.set_ylabel("least election timeout")
    for loss in across:
        best = best_of(choice for choice in found.under_loss if choice.loss == loss)
        if best is not None:
            frame(ax, across.index(loss), up.index(best.timeout_ms))
    ax.tick_params(axis="y", labelsize=points(ax, SMALL + 1.5))
    caption(ax, "downtime a year", f"intervals {percent(found.confidence)}; framed: the best of its column")
    write(ax, cells, across, up, image, seconds)
    vars(ax)["raftlab_replay"] = "\n".join(replay_lines(found.failovers) + replay_lines(found.steady))
    return ax
