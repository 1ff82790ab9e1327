"""Distributions over runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, PercentFormatter

from raftlab._arguments import confidence as confidence_of
from raftlab._arguments import flag
from raftlab.statistics import Sample, percent
from raftlab.sweeps import Sweep

from ._axes import SMALL, points, settle, shifted, shown_value, size_points, text_points
from ._docstrings import documented
from ._palette import Theme
from ._sweeps import (
    Group,
    axis_name,
    curves_of,
    finish_sweep,
    key_of,
    legend,
    open_axes,
)

__all__ = ["ecdf", "survival"]

MOST_CORNERS = 4000


@documented
def ecdf(
    result: Sweep,
    metric: str,
    *,
    by: str | Sequence[str] | None = None,
    nines: bool = False,
    confidence: float = 0.95,
    mean: bool = True,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws the empirical distribution of a metric over runs.

    Parameters
    ----------
    {result}
    {metric}
    {curves}
    nines : bool, default False
        Whether to stretch the tail: the axis goes from 0 to 0.9, 0.99, 0.999 in equal steps, -log10(1 - y).
    confidence : float, default 0.95
        The confidence of the pointwise band around each curve.
    mean : bool, default True
        Whether a dot on each curve marks its mean, which is unknown if runs are censored.
    {title}
    {ax}

    Returns
    -------
    matplotlib.axes.Axes
        Durations that were not over when the run ended are right-censored (Kaplan-Meier): a curve then stops
        below 1, and is flat at 0 if none was over. Runs without such an event are left out. Equal curves are
        dashed, each in the gaps of the others.

    Raises
    ------
    InvalidError
        If an argument is invalid, no run has a value of the metric, or there are more than 12 curves.

    Examples
    --------
    >>> import raftlab as rl
    >>> result = rl.sweep(rl.Scenario(5, stop=rl.leader_elected), seeds=200)
    >>> rl.plot.ecdf(result, "time_to_leader_ms").get_xlabel()
    'time to leader (ms)'
    """
    confidence = confidence_of(confidence, "confidence")
    flag(nines, "nines")
    flag(mean, "mean")
    parts = curves_of(result, metric, by, ax)
    ax = open_axes(ax, 3.6)
    highest, first = 0.0, min((float(of.values.min()) for _, of in parts if len(of.values)), default=0.0)
    for group, of in parts:
        if of.n:
            highest = max(highest, _curve(ax, group, of, confidence, nines, first))
        if mean and len(of.values) and not len(of.censored) and np.isfinite(of.values).all():
            _mean(ax, group, of)
    share_axis(ax, highest if nines else None)
    ax.set_ylabel("share of runs")
    ax.set_xlabel(axis_name(result, metric))
    finish_sweep(ax, result, title, f", band {percent(confidence)}", [of for _, of in parts])
    legend(ax, len(parts), handles=key_of(parts))
    return ax


def _curve(ax: Axes, group: Group, of: Sample, confidence: float, nines: bool, first: float) -> float:
    """Draws a curve with its band, flat if nothing was over, and returns its highest share."""
    curve = of.curve(confidence)
    kept = thinned(len(curve.time))
    x, y = curve.time[kept], 1.0 - curve.survival[kept]
    low, high = 1.0 - curve.high[kept], 1.0 - curve.low[kept]
    if nines and len(y) > 1 and y[-1] >= 1.0:  # the last step to 1 is infinitely far away
        y[-1], low[-1], high[-1] = y[-2], low[-2], high[-2]
    if nines:
        y, high = (np.minimum(side, np.nextafter(1.0, 0.0)) for side in (y, high))
    begin, bound = (float(x[0]), 0.0) if len(of.values) else (min(first, float(x[0])), float(high[0]))
    x, y, low, high = (np.r_[at, side] for at, side in ((begin, x), (0.0, y), (0.0, low), (bound, high)))
    ax.step(x, y, where="post", color=group.colour, ls=group.dashes, lw=1.6, label=group.label, gid="curve")
    ax.fill_between(x, low, high, step="post", color=group.colour, alpha=0.18, lw=0, gid="band")
    return float(y[-1])


def _mean(ax: Axes, group: Group, of: Sample) -> None:
    """A dot where the mean is, at the share of the runs that do not exceed it."""
    mean = float(of.values.mean())
    share = float(np.mean(of.values <= mean))
    ax.plot(
        mean,
        share,
        "o",
        color=group.colour,
        mec=Theme.of(ax).background,
        mew=0.8,
        ms=5.5,
        zorder=4,
        gid="mean",
    )


def thinned(count: int) -> np.ndarray:
    """The corners of a curve to draw: all, or evenly spaced ones and the whole tail."""
    if count <= MOST_CORNERS:
        return np.arange(count)
    tail = np.arange(count - MOST_CORNERS // 2, count)
    return np.unique(np.r_[np.linspace(0, count - 1, MOST_CORNERS // 2).astype(int), tail])


def share_axis(ax: Axes, nines_up_to: float | None = None) -> None:
    """A y axis of shares: from 0 to 100 %, with guides; or of nines, up to the highest share that shows."""
    if nines_up_to is not None:
        nines_axis(ax, nines_up_to)
    else:
        ax.set_ylim(0, 1.02)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.grid(axis="y", color=Theme.of(ax).grid, lw=0.8)


def nines_axis(ax: Axes, highest: float) -> None:
    """A y axis on which each further nine takes as much room as the one before."""

    def forward(y: np.ndarray) -> np.ndarray:
        return -np.log10(np.maximum(1.0 - np.asarray(y, float), 1e-12))

    def back(nines: np.ndarray) -> np.ndarray:
        return 1.0 - 10.0 ** -np.asarray(nines, float)

    ax.set_yscale("function", functions=(forward, back))
    most = max(1, int(np.ceil(forward(np.array(highest)) - 0.02)))
    ax.set_ylim(0.0, float(back(np.array(most + 0.08))))
    ticks = [0.0, *(1.0 - 10.0**-k for k in range(1, most + 1))]
    ax.yaxis.set_major_locator(FixedLocator([*ticks, 0.5]))
    ax.yaxis.set_major_formatter(FuncFormatter(share_text))


def share_text(y: float, position: int | None = None) -> str:  # noqa: ARG001 - matplotlib's signature
    """A share with as many nines as it has."""
    return f"{y:.{max(1, round(-np.log10(1.0 - y)))}f}" if 0 < y < 1 else f"{y:.0f}"


@documented
def survival(
    result: Sweep,
    metric: str,
    *,
    by: str | Sequence[str] | None = None,
    confidence: float = 0.95,
    at_risk: bool = False,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws the share of the runs in which a duration is not over yet (Kaplan-Meier).

    Parameters
    ----------
    {result}
    metric : str
        A duration, such as `"time_to_leader_ms"` or `"downtime_ms"`. For other numbers the curve is the share
        of the runs with a greater value.
    {curves}
    confidence : float, default 0.95
        The confidence of the pointwise band around each curve.
    at_risk : bool, default False
        Whether to show the number of runs at risk below the axis.
    {title}
    {ax}

    Returns
    -------
    matplotlib.axes.Axes
        Ticks on a curve are censored runs. Equal curves are dashed, as in `ecdf`.

    Raises
    ------
    InvalidError
        As in `ecdf`.

    Examples
    --------
    >>> import raftlab as rl
    >>> result = rl.sweep(rl.Scenario(5, stop=rl.leader_elected, horizon="200ms"), seeds=200)
    >>> rl.plot.survival(result, "time_to_leader_ms").get_ylabel()
    'share of runs not over yet'
    """
    confidence = confidence_of(confidence, "confidence")
    flag(at_risk, "at_risk")
    parts = curves_of(result, metric, by, ax)
    ax = open_axes(ax, 3.6)
    for group, of in parts:
        if of.n:
            _survivors(ax, group, of, confidence)
    share_axis(ax)
    ax.set_xlim(left=0)
    lasting = axis_name(result, metric).endswith("(ms)")
    ax.set_ylabel("share of runs not over yet" if lasting else "share of runs with more")
    ax.set_xlabel(axis_name(result, metric))
    finish_sweep(ax, result, title, f", band {percent(confidence)}", [of for _, of in parts])
    legend(ax, len(parts), below=not at_risk, handles=key_of(parts))
    if at_risk:
        _numbers_at_risk(ax, parts, lasting)
    return ax


def _survivors(ax: Axes, group: Group, of: Sample, confidence: float) -> None:
    """Draws a curve from 1 down, with its band and a tick for each censored run."""
    curve = of.curve(confidence)
    x, y = np.r_[0.0, curve.time], np.r_[1.0, curve.survival]
    low, high = np.r_[1.0, curve.low], np.r_[1.0, curve.high]
    kept = thinned(len(x))
    ax.step(
        x[kept], y[kept], where="post", color=group.colour, ls=group.dashes, lw=1.6, label=group.label,
        gid="curve",
    )  # fmt: skip
    ax.fill_between(
        x[kept], low[kept], high[kept], step="post", color=group.colour, alpha=0.18, lw=0, gid="band"
    )
    given_up = curve.censored > 0
    if given_up.any():
        ax.plot(
            curve.time[given_up], curve.survival[given_up], "|", color=group.colour, ms=6,
            mew=1.0 if given_up.sum() < 60 else 0.5, zorder=4, gid="censored",
        )  # fmt: skip


def _numbers_at_risk(ax: Axes, parts: Sequence[tuple[Group, Sample]], lasting: bool) -> None:
    """Writes the runs at risk below each tick of the axis, in a row per curve."""
    theme = Theme.of(ax)
    settle(ax)
    size = points(ax, SMALL)
    low, high = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    widest = text_points(f"{max(of.n for _, of in parts):,}  ", size)
    ticks = ticks[:: max(1, math.ceil(widest * len(ticks) / size_points(ax)[0]))]
    below = shifted(ax, ax.get_xaxis_transform(), 0.0, -(2.9 * points(ax, 10.0) + 1.2 * size))
    style: dict[str, Any] = {"fontsize": size, "va": "top", "clip_on": False, "parse_math": False}
    left = shifted(ax, below, -2.6 * size, 0.0)
    if len(parts) > 1:
        names = ",\n".join(parts[0][0].told)
        above = shifted(ax, left, 0.0, 1.2 * size * (len(parts[0][0].told) - 1))
        ax.text(low, 0, names, color=theme.muted, ha="right", transform=above, gid="at-risk-name", **style)
    head = "runs with at least as many"
    if lasting:
        head = "runs at risk: not over yet, and not ended"
    ax.text(low, 0, head, color=theme.muted, transform=shifted(ax, below, -0.6 * size, 0.0), **style)
    for row, (group, of) in enumerate(parts, start=1):
        drop = -1.5 * size * row
        times = np.concatenate([of.values, of.censored])
        for tick in ticks:
            count = f"{int((times >= tick).sum()):,}"
            place = shifted(ax, below, 0.0, drop)
            ax.text(tick, 0, count, color=theme.ink, ha="center", transform=place, gid="at-risk", **style)
        if len(parts) > 1:
            values = ", ".join(shown_value(value) for value in group.told.values())
            place = shifted(ax, left, 0.0, drop)
            style_of = style | {"color": group.colour, "fontweight": "bold", "ha": "right"}
            ax.text(low, 0, values, transform=place, gid="at-risk-name", **style_of)
