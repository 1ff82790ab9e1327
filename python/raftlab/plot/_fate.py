"""The probability of a violation, given the state of a run, along its time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from raftlab._arguments import confidence as confidence_of
from raftlab._arguments import instance
from raftlab._time import format_ms
from raftlab.errors import InvalidError
from raftlab.statistics import percent, share
from raftlab.sweeps import Sweep
from raftlab.sweeps.observed import VIOLATION, Observed, groups, metrics_of

from ._axes import SMALL, points
from ._docstrings import documented
from ._palette import Theme
from ._sweeps import finish_sweep, open_axes
from ._window import TimeFormatter, name_time, unit_of

__all__ = ["fate"]


@documented
def fate(
    futures: Sweep,
    event: str = VIOLATION,
    *,
    confidence: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws P(event | state at t) along a run; where it rises to 1 is the point of no return.

    Parameters
    ----------
    futures : Sweep
        Futures of a run from several moments: `run.futures(200, at=[...])`.
    event : str, default "violation"
        The event: a violation, or a metric, which counts as the event if it is above 0.
    confidence : float, default 0.95
        The confidence of the intervals.
    {title}
    {ax}
        To combine it with `rl.plot.timeline`, give axes below it that share its time axis.

    Returns
    -------
    matplotlib.axes.Axes
        Times are in milliseconds. Thin lines are the faults that struck in the run itself.

    Examples
    --------
    >>> import raftlab as rl
    >>> crash = rl.Crash("leader", at="1s")
    >>> scenario = rl.Scenario(3, bugs=["quorum_off_by_one"], faults=[crash], horizon="2s")
    >>> run = scenario.run(seed=1)
    >>> rl.plot.fate(run.futures(20, at=[0, 500, 1500])).get_ylabel()
    'P(violation | state)'
    """
    confidence = confidence_of(confidence, "confidence")
    if "at_ms" not in instance(futures, Sweep, "futures").parameters:
        raise InvalidError("futures must be of several moments: run.futures(count, at=[...])")
    metrics_of(futures, event)
    observed = Observed.of(futures, event)
    if observed.why:
        raise InvalidError(f"event: the futures have no values of '{event}': {observed.why}")
    found = []
    for point, rows in groups(futures, "at_ms"):
        told = observed.value[rows]
        told = told[~np.isnan(told)]
        estimate = share(int((told > 0).sum()), len(told), confidence)
        found.append((float(point["at_ms"]), estimate.value, estimate.low, estimate.high))
    time, value, low, high = np.array(sorted(found)).T
    ax = open_axes(ax, 2.4)
    theme = Theme.of(ax)
    ax.fill_between(time, low, high, color=theme.wrong, alpha=0.18, lw=0, gid="band")
    ax.plot(
        time, value, color=theme.wrong, lw=1.8, marker="o", ms=3.5, mec=theme.background, mew=0.5, gid="fate"
    )
    for strike in strikes_of(futures):
        ax.axvline(strike, color=theme.fault, lw=0.9, alpha=0.6, zorder=0, gid="strike")
    ax.set_ylim(-0.02, 1.04)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.set_ylabel(f"P({event.replace('_', ' ')} | state)")
    _time_axis(ax, time)
    ax.grid(axis="y", color=theme.grid, lw=0.8)
    decided = turning_point(time, value)
    if decided is not None:
        at, chance = decided
        right = at > (time[0] + time[-1]) / 2
        ax.annotate(
            f"decided at {format_ms(at)}", (at, chance), xytext=(-8 if right else 8, -9),
            textcoords="offset points", ha="right" if right else "left", va="center",
            fontsize=points(ax, SMALL), color=theme.muted, gid="decided",
            bbox={"facecolor": theme.background, "linewidth": 0, "pad": 0.6},  # covers the lines of faults
        )  # fmt: skip
    finish_sweep(ax, futures, title, f", band {percent(confidence)}", [observed.sample()])
    return ax


def _time_axis(ax: Axes, time: np.ndarray) -> None:
    """Names the axis; an axis that is shared with another picture keeps its unit."""
    siblings = [each for each in ax.get_shared_x_axes().get_siblings(ax) if "raftlab_time" in vars(each)]
    if any(vars(each)["raftlab_time"] == "event" for each in siblings):
        raise InvalidError("ax shares an axis of order: draw the other picture with axis='time'")
    if not siblings:
        ax.xaxis.set_major_formatter(TimeFormatter(unit_of(float(time[-1] - min(time[0], 0.0)))))
    name_time(ax, "time from which the futures differ")


def turning_point(time: np.ndarray, value: np.ndarray) -> tuple[float, float] | None:
    """The point of no return: the first moment after which almost every future has the event."""
    safe = np.flatnonzero(value < 0.95)
    if value[-1] < 0.95 or len(safe) == 0:
        return None
    at = safe[-1] + 1
    return float(time[at]), float(value[at])


def strikes_of(futures: Sweep) -> list[float]:
    """The times at which faults struck in the run of the futures."""
    moments = futures._plan.moments
    assert moments is not None, "futures have moments"
    run = futures._plan.scenario(0).run(moments[0][0], trace="states", checks=False)
    return [float(time) for time in run.trace.faults.to_dict()["start_ms"] if time is not None]
