"""Shares of runs along a parameter, and the distribution of commit latencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from raftlab._arguments import confidence as confidence_of
from raftlab._arguments import flag, instance
from raftlab.errors import InvalidError, shown
from raftlab.statistics import Estimate, percent
from raftlab.sweeps import Sweep
from raftlab.sweeps.observed import is_question, refuse_condition
from raftlab.sweeps.pooled import pooled_by

from ._axes import shown_value
from ._bands import DASHES, MARKERS
from ._distributions import share_axis, thinned
from ._docstrings import documented
from ._palette import Theme
from ._sweeps import Group, axis_name, few_enough, finish_sweep, groups_of, legend, open_axes, samples_by

__all__ = ["commit_latency", "share"]


@documented
def share(
    result: Sweep,
    x: str,
    question: str = "violation",
    *,
    by: str | None = None,
    confidence: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws the share of the runs that answer yes to a question, along a parameter, with intervals.

    Parameters
    ----------
    {result}
    x : str
        A parameter of the grid with numbers. Runs that differ in parameters not named are pooled.
    question : str, default "violation"
        A column of flags, `"violation"`, or a question such as `"ending=horizon"` or
        `"properties=election_safety"`.
    by : str, optional
        Another parameter, with a line for each of its values.
    confidence : float, default 0.95
        The confidence of each interval.
    {title}
    {ax}

    Returns
    -------
    matplotlib.axes.Axes
        A dot is the share, its bar and the band are the interval. An open dot means that no run or all runs
        answered yes, so that only the interval is informative. `Sweep.share` has the numbers.

    Raises
    ------
    InvalidError
        If `x` has no numbers, or the question has no yes/no answer.

    See Also
    --------
    raftlab.Sweep.share : The same as a table.
    bands : Quantiles of a metric along a parameter.

    Examples
    --------
    >>> import raftlab as rl
    >>> def cluster(loss):
    ...     return rl.Scenario(5, network=rl.Network(latency=5, loss=loss), stop=rl.leader_elected,
    ...                        horizon="300ms")
    >>> result = rl.sweep(cluster, {"loss": [0, 0.2, 0.4]}, seeds=100)
    >>> " ".join(rl.plot.share(result, "loss", "ending=horizon").get_ylabel().split())
    'share of runs that end at the horizon'
    """
    confidence = confidence_of(confidence, "confidence")
    _refuse_question_as_x(instance(result, Sweep, "result"), x)
    refuse_condition(question)
    lines = _lines(result, x, question, by, confidence, ax)
    ax = open_axes(ax, 3.2)
    for at, (label, found) in enumerate(lines.items()):
        _line(ax, at, label if by else None, sorted(found, key=lambda part: part[0]))
    highest = ax.get_ylim()[1]
    ax.set_ylim(-0.02 * highest, 1.02 if highest > 0.95 else highest)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    ax.set_xlabel(x.replace("_", " "))
    ax.set_ylabel(axis_name(result, question))
    ax.grid(axis="y", color=Theme.of(ax).grid, lw=0.8)
    finish_sweep(ax, result, title, f", intervals {percent(confidence)}")
    legend(ax, len(lines))
    return ax


def _refuse_question_as_x(result: Sweep, x: object) -> None:
    """Refuses a question in the place of the parameter, with the right order."""
    refuse_condition(x, "x must be a parameter of the grid, and question")
    if isinstance(x, str) and x not in result.parameters and (x == "violation" or is_question(x)):
        points = result.points
        known = [name for name in result.parameters if isinstance(points[0][name], (int, float))]
        order = f"; write raftlab.plot.share(result, {known[0]!r}, {x!r})" if known else ""
        raise InvalidError(f"x must be a parameter of the grid, not the question {shown(x)}{order}")


def _lines(
    result: Sweep, x: str, question: str, by: str | None, confidence: float, ax: Axes | None
) -> dict[str, list[tuple[float, Estimate]]]:
    """The samples by line, and along each line by place."""
    found: dict[str, list[tuple[float, Estimate]]] = {}
    for group, sample in samples_by(result, question, [x] if by is None else [x, by], ax):
        if not sample.flags:
            raise InvalidError(
                f"question: '{question}' is not a yes/no metric; give a column of flags, 'violation', or a "
                "question such as 'ending=horizon'. plot.bands draws numbers along a parameter"
            )
        place = group.point[x]
        if not isinstance(place, (int, float)):
            raise InvalidError(f"x must be a parameter with numbers, and '{x}' has {shown(place)}")
        label = "" if by is None else f"{by} = {shown_value(group.point[by])}"
        found.setdefault(label, []).append((float(place), sample.share(confidence)))
    few_enough(len(found))
    return found


def _line(ax: Axes, at: int, label: str | None, found: Sequence[tuple[float, Estimate]]) -> None:
    """Draws a line of shares with its band, with open dots for 0 and 1."""
    theme = Theme.of(ax)
    colour, marker = theme.node(at), MARKERS[at % len(MARKERS)]
    x = np.array([place for place, _ in found])
    value, low, high = (
        np.array([getattr(estimate, part) for _, estimate in found]) for part in ("value", "low", "high")
    )
    ax.fill_between(x, low, high, color=colour, alpha=0.15, lw=0, gid="band")
    ax.vlines(x, low, high, color=colour, lw=1.2, gid="interval")
    ax.plot(x, value, color=colour, lw=1.6, ls=DASHES[at % len(DASHES)], zorder=3, gid="share")
    certain = (value <= 0.0) | (value >= 1.0)
    for chosen, fill, name in ((~certain, colour, label), (certain, theme.background, None)):
        style: dict[str, Any] = {
            "ls": "none",
            "marker": marker,
            "ms": 4.5,
            "color": colour,
            "mfc": fill,
            "mew": 1.2,
        }
        ax.plot(x[chosen], value[chosen], zorder=4, gid="open" if name is None else "dot", **style)
    ax.plot([], [], color=colour, lw=1.6, ls=DASHES[at % len(DASHES)], marker=marker, ms=4.5, label=label)


@documented
def commit_latency(
    result: Sweep,
    *,
    by: str | Sequence[str] | None = None,
    nines: bool = False,
    confidence: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws the distribution of the commit latency over all entries of all runs.

    `ecdf` counts each run once; here each entry counts, and the histograms of the runs are added up.

    Parameters
    ----------
    result : Sweep
        A sweep with `metrics="commit_latency_histogram"`.
    {curves}
    nines : bool, default False
        Whether to stretch the tail: the axis goes from 0 to 0.9, 0.99, 0.999 in equal steps, -log10(1 - y).
    confidence : float, default 0.95
        The confidence of the pointwise band around each curve, with seeds as clusters.
    {title}
    {ax}

    Returns
    -------
    matplotlib.axes.Axes
        The latency in milliseconds, from the proposal to the leader's commit. A single seed gives no band.

    Raises
    ------
    InvalidError
        If the sweep has no histograms, no entry was committed, or there are more than 12 curves.

    See Also
    --------
    raftlab.Sweep.commit_latency_ecdf : The same as a table.

    Examples
    --------
    >>> import raftlab as rl
    >>> busy = rl.Scenario(5, network=rl.uniform(1, 5), workload=rl.OpenLoop("10ms"), horizon="2s")
    >>> result = rl.sweep(busy, seeds=20, metrics="commit_latency_histogram")
    >>> rl.plot.commit_latency(result).get_xlabel()
    'commit latency (ms)'
    """
    confidence = confidence_of(confidence, "confidence")
    flag(nines, "nines")
    parts = list(zip(groups_of(result, by, ax), pooled_by(result, by), strict=True))
    few_enough(len(parts))
    curves = [(group, pooled.ecdf(confidence)) for group, (_, pooled) in parts if len(pooled.ends_ms)]
    if not curves:
        raise InvalidError("result has nothing to draw: no entry was committed")
    ax = open_axes(ax, 3.6)
    highest = max(_curve(ax, group, steps, nines) for group, steps in curves)
    share_axis(ax, highest if nines else None)
    ax.set_xlim(left=0)
    ax.set_xlabel("commit latency (ms)")
    ax.set_ylabel("share of entries")
    entries = sum(int(steps[1].sum()) for _, steps in curves)
    finish_sweep(ax, result, title, f", {entries:,} entries, band {percent(confidence)}")
    legend(ax, len(curves))
    return ax


def _curve(ax: Axes, group: Group, steps: Sequence[np.ndarray], nines: bool) -> float:
    """Draws a curve with its band, and returns its highest share."""
    time, _, shares, low, high = (np.asarray(side) for side in steps)
    kept = thinned(len(time))
    x, y, low, high = (side[kept] for side in (time, shares, low, high))
    if nines:  # the last step to 1 is infinitely far away
        y, low, high = (np.minimum(side, np.nextafter(1.0, 0.0)) for side in (y, low, high))
        y[-1] = y[-2] if len(y) > 1 else y[-1]
    style: dict[str, Any] = {"color": group.colour, "ls": group.dashes, "lw": 1.6, "label": group.label}
    ax.step(np.r_[x[0], x], np.r_[0.0, y], where="post", gid="curve", **style)
    ax.fill_between(x, low, high, step="post", color=group.colour, alpha=0.18, lw=0, gid="band")
    return float(y[-1])
