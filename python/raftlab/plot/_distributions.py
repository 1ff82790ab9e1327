"""Distributions over runs: how many are over after how long."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, PercentFormatter

from raftlab._arguments import flag, number
from raftlab.statistics import Sample
from raftlab.sweeps import Sweep

from ._palette import INK
from ._sweeps import Group, axis_name, finish_sweep, groups_of, legend, open_axes, sample

__all__ = ["ecdf", "survival"]

MOST_CORNERS = 4000


def ecdf(
    result: Sweep,
    metric: str,
    *,
    by: str | Sequence[str] | None = None,
    nines: bool = False,
    ci: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The share of the runs that a metric does not exceed: the empirical distribution.

    Parameters
    ----------
    result : Sweep
        What to look at.
    metric : str
        A column of numbers.
    by : str or list of str, optional
        A curve for each value of these parameters; for each point of the grid if not given.
    nines : bool, default False
        Stretch the tail: the axis goes from 0 to 0.9, 0.99, 0.999 in equal steps, as 1 - log10(1 - y).
    ci : float, default 0.95
        The confidence of the band around each curve, at each time for itself.
    title : str, optional
        The title.
    ax : matplotlib.axes.Axes, optional
        Where to draw. If not given: on the current axes if nothing is drawn there, else on new ones.

    Returns
    -------
    matplotlib.axes.Axes
        A dot on each curve is its mean. Durations that were not over when the run ended are right-censored
        (Kaplan-Meier): a curve then stops below 1. Runs that had no such event are left out.

    Examples
    --------
    >>> import raftlab as rl
    >>> result = rl.sweep(rl.Scenario(5, stop=rl.leader_elected), seeds=200)
    >>> rl.plot.ecdf(result, "time_to_leader_ms").get_xlabel()
    'time to leader (ms)'
    """
    ci = number(ci, "ci", "between 0 and 1", 0, 1)
    flag(nines, "nines")
    parts = [(group, sample(result, metric, group.rows)) for group in groups_of(result, by)]
    ax = open_axes(ax, 3.6)
    highest = 0.0
    for group, of in parts:
        if len(of.values):
            highest = max(highest, _curve(ax, group, of, ci, ends_at=None if nines else 1.0))
    if nines:
        nines_axis(ax, highest)
    else:
        ax.set_ylim(0, 1.02)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_ylabel("share of runs")
    ax.set_xlabel(axis_name(result, metric))
    ax.grid(axis="y", color="#e8ebee", lw=0.8)
    finish_sweep(ax, result, title, f", band {ci:.0%}")
    legend(ax, len(parts))
    return ax


def _curve(ax: Axes, group: Group, of: Sample, ci: float, ends_at: float | None) -> float:
    """One curve with its band and its mean; the highest share that it shows."""
    import warnings

    curve = of.survival().cdf
    with warnings.catch_warnings():  # where nothing or everything is over, the band has no width
        warnings.simplefilter("ignore", RuntimeWarning)
        band = curve.confidence_interval(ci, method="log-log")
    x, y = np.asarray(curve.quantiles), np.asarray(curve.probabilities)
    low, high = (np.asarray(side.probabilities) for side in (band.low, band.high))
    kept = thinned(len(x))
    x, y, low, high = x[kept], y[kept], np.nan_to_num(low[kept], nan=0.0), np.nan_to_num(high[kept], nan=1.0)
    if ends_at is None:  # the last step to 1 is infinitely far away
        inside = y < 1.0
        x, y, low, high = x[inside], y[inside], low[inside], np.minimum(high[inside], np.nextafter(1.0, 0.0))
    ax.step(x, y, where="post", color=group.colour, ls=group.dashes, lw=1.6, label=group.label, gid="curve")
    ax.fill_between(x, low, high, step="post", color=group.colour, alpha=0.18, lw=0, gid="band")
    mean = of.mean().value
    at = np.searchsorted(x, mean, side="right") - 1
    if 0 <= at < len(y):
        ax.plot(mean, y[at], "o", color=group.colour, mec="white", mew=0.8, ms=5.5, zorder=4, gid="mean")
    return float(y[-1]) if len(y) else 0.0


def thinned(count: int) -> np.ndarray:
    """Which corners of a curve of so many are drawn: all, or evenly chosen ones and the whole tail."""
    if count <= MOST_CORNERS:
        return np.arange(count)
    tail = np.arange(count - MOST_CORNERS // 2, count)
    return np.unique(np.r_[np.linspace(0, count - 1, MOST_CORNERS // 2).astype(int), tail])


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


def survival(
    result: Sweep,
    metric: str,
    *,
    by: str | Sequence[str] | None = None,
    ci: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The share of the runs in which something is not over yet (Kaplan-Meier).

    Parameters
    ----------
    result : Sweep
        What to look at.
    metric : str
        A duration, such as `"time_to_leader_ms"` or `"downtime_ms"`.
    by : str or list of str, optional
        A curve for each value of these parameters; for each point of the grid if not given.
    ci : float, default 0.95
        The confidence of the band around each curve, at each time for itself.
    title, ax
        As in `ecdf`.

    Returns
    -------
    matplotlib.axes.Axes
        Ticks on a curve are runs that ended before it was over.

    Examples
    --------
    >>> import raftlab as rl
    >>> result = rl.sweep(rl.Scenario(5, stop=rl.leader_elected, horizon="200ms"), seeds=200)
    >>> rl.plot.survival(result, "time_to_leader_ms").get_ylabel()
    'share of runs not over yet'
    """
    import warnings

    ci = number(ci, "ci", "between 0 and 1", 0, 1)
    parts = [(group, sample(result, metric, group.rows)) for group in groups_of(result, by)]
    ax = open_axes(ax, 3.6)
    for group, of in parts:
        if not len(of.values):
            continue
        curve = of.survival().sf
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            band = curve.confidence_interval(ci, method="log-log")
        x, y = np.r_[0.0, curve.quantiles], np.r_[1.0, curve.probabilities]
        low = np.r_[1.0, np.nan_to_num(band.low.probabilities, nan=0.0)]
        high = np.r_[1.0, np.nan_to_num(band.high.probabilities, nan=1.0)]
        kept = thinned(len(x))
        ax.step(
            x[kept], y[kept], where="post", color=group.colour, ls=group.dashes, lw=1.6, label=group.label
        )
        ax.fill_between(x[kept], low[kept], high[kept], step="post", color=group.colour, alpha=0.18, lw=0)
        if len(of.censored):
            times = np.unique(of.censored)
            heights = y[np.searchsorted(x, times, side="right") - 1]
            ax.plot(times, heights, "|", color=group.colour, ms=8, mew=1.4, zorder=4, gid="censored")
    ax.set_ylim(0, 1.02)
    ax.set_xlim(left=0)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_ylabel("share of runs not over yet")
    ax.set_xlabel(axis_name(result, metric))
    ax.grid(axis="y", color="#e8ebee", lw=0.8)
    ax.tick_params(colors=INK)
    finish_sweep(ax, result, title, f", band {ci:.0%}")
    legend(ax, len(parts))
    return ax
