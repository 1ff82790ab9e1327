"""A metric along a parameter, or along time: quantiles as bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from raftlab._arguments import confidence as confidence_of
from raftlab._arguments import items, number
from raftlab.errors import InvalidError, shown
from raftlab.statistics import Sample, percent
from raftlab.sweeps import Sweep
from raftlab.sweeps.observed import groups

from ._axes import shown_value
from ._docstrings import documented
from ._palette import Theme
from ._sweeps import (
    axis_name,
    few_enough,
    finish_sweep,
    legend,
    no_flags,
    open_axes,
    samples_by,
    something_to_draw,
)

__all__ = ["bands"]

SERIES = ("available", "elections", "committed", "acknowledged", "sent")


@documented
def bands(
    result: Sweep,
    x: str,
    metric: str,
    *,
    by: str | None = None,
    inside: Sequence[float] = (0.5, 0.9),
    confidence: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws a metric along a parameter: the median with its interval, and bands that contain most runs.

    With `x="time_ms"` it draws a column of the time series along time: the mean over the runs with its
    interval. Runs that have ended do not count; the title then has "while they last". Where all runs have the
    same value there is no interval.

    Parameters
    ----------
    {result}
    x : str
        A parameter of the grid with numbers, or `"time_ms"` of a sweep with `series=`.
    metric : str
        A column of numbers; for the time series `"available"`, `"elections"`, `"committed"`,
        `"acknowledged"` or `"sent"`.
    by : str, optional
        Another parameter, with a line for each of its values. Bands are then drawn for the widest share only.
    inside : sequence of float, default (0.5, 0.9)
        The shares of the runs that bands contain, with half of the rest on either side.
    confidence : float, default 0.95
        The confidence of the intervals of medians and means.
    {title}
    {ax}

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import raftlab as rl
    >>> def cluster(timeout):
    ...     return rl.Scenario(5, election_timeout=(timeout, 2 * timeout), stop=rl.leader_elected)
    >>> result = rl.sweep(cluster, {"timeout": [50, 100, 150]}, seeds=100)
    >>> rl.plot.bands(result, "timeout", "time_to_leader_ms").get_ylabel()
    'time to leader (ms)'
    """
    confidence = confidence_of(confidence, "confidence")
    shares = sorted(
        (number(s, "inside", "between 0 and 1", 0, 1) for s in items(inside, "inside")), reverse=True
    )
    if x == "time_ms":
        return _along_time(result, metric, by, confidence, title, ax)
    lines = _lines(result, x, metric, by, ax)
    something_to_draw(result, metric, [of for _, parts in lines for _, of in parts])
    ax = open_axes(ax, 3.6)
    open_ended = False
    for at, (label, parts) in enumerate(lines):
        look = Look(
            Theme.of(ax).node(at), DASHES[at % len(DASHES)], MARKERS[at % len(MARKERS)], len(lines) == 1
        )
        places = np.array([place for place, _ in parts])
        samples = [of for _, of in parts]
        for depth, held in enumerate(shares if look.alone else shares[:1]):
            open_ended |= _band(ax, places, samples, held, depth, look)
        _medians(ax, places, samples, confidence, look, label or f"median, {percent(confidence)} interval")
    ax.set_xlabel(x.replace("_", " "))
    ax.set_ylabel(axis_name(result, metric))
    ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    more = "" if len(lines) == 1 or not shares else f", {percent(shares[0])} of them in a band"
    more += ", open where runs were censored" if open_ended else ""
    finish_sweep(ax, result, title, more, [of for _, parts in lines for _, of in parts])
    legend(ax, 2)
    return ax


DASHES: tuple[Any, ...] = ("solid", (0, (5, 2)), (0, (2, 1.5)), (0, (7, 2, 2, 2)))
MARKERS = ("o", "s", "D", "^", "v", "P")
"""Different markers distinguish lines that coincide."""


@dataclass(frozen=True)
class Look:
    """How a line looks, and whether it is the only one."""

    colour: str
    dashes: Any
    marker: str
    alone: bool


def _band(
    ax: Axes, places: np.ndarray, samples: Sequence[Sample], held: float, depth: int, look: Look
) -> bool:
    """Draws the band of a share of the runs. Returns True if censoring leaves it open somewhere."""
    theme = Theme.of(ax)
    low, high = (np.array([of.quantile((1 + side * held) / 2).value for of in samples]) for side in (-1, 1))
    ax.fill_between(
        places, low, high, color=theme.paler(look.colour, 0.72 - 0.22 * depth) if look.alone else look.colour,
        lw=0, alpha=1.0 if look.alone else 0.13, zorder=1 + depth * 0.1, gid="band",
        label=f"{percent(held)} of the runs" if look.alone else None,
    )  # fmt: skip
    if not look.alone:
        for edge in (low, high):
            ax.plot(
                places, edge, color=look.colour, lw=0.8, ls=look.dashes, alpha=0.7, zorder=1.5, gid="edge"
            )
    return bool(np.isnan(high).any())


def _medians(
    ax: Axes, places: np.ndarray, samples: Sequence[Sample], confidence: float, look: Look, label: str
) -> None:
    """The medians, joined, each with its interval."""
    theme = Theme.of(ax)
    medians = [of.quantile(0.5, confidence) for of in samples]
    values = np.array([median.value for median in medians])
    below = np.nan_to_num(values - np.array([median.low for median in medians]))
    above = np.nan_to_num(np.array([median.high for median in medians]) - values)
    ax.errorbar(
        places, values, yerr=[np.maximum(below, 0), np.maximum(above, 0)], color=look.colour, lw=1.8,
        ls=look.dashes, marker=look.marker, ms=4.5, mec=theme.background, mew=0.6, elinewidth=1.2,
        capsize=2.5, zorder=3, label=label,
    )  # fmt: skip


def _lines(
    result: Sweep, x: str, metric: str, by: str | None, ax: Axes | None
) -> list[tuple[str, list[tuple[float, Sample]]]]:
    """The samples by line, and along each line by place."""
    names = [x] if by is None else [x, by]
    found: dict[str, list[tuple[float, Sample]]] = {}
    parts = samples_by(result, metric, names, ax)
    no_flags(metric, parts)
    few_enough(1 if by is None else len({shown_value(group.point[by]) for group, _ in parts}))
    for group, of in parts:
        place = group.point[x]
        if not isinstance(place, (int, float)):
            raise InvalidError(f"x must be a parameter with numbers, and '{x}' has {shown(place)}")
        label = "" if by is None else f"{by} = {shown_value(group.point[by])}"
        found.setdefault(label, []).append((float(place), of))
    return [(label, sorted(line, key=lambda part: part[0])) for label, line in found.items()]


def _along_time(
    result: Sweep, metric: str, by: str | None, confidence: float, title: str | None, ax: Axes | None
) -> Axes:
    if result.series is None:
        raise InvalidError("x='time_ms' needs a time series: sweep(..., series='100ms')")
    if metric not in SERIES:
        raise InvalidError(f"metric must be one of {', '.join(SERIES)} along time, not {shown(metric)}")
    time, values = result.series.to_numpy("time_ms"), result.series.to_numpy(metric).astype(float)
    seeds = result.series.to_numpy("seed")
    keys = [("", np.ones(len(time), dtype=bool))]
    if by is not None:
        groups(result, by)
        column = result.series.to_numpy(by)
        keys = [(f"{by} = {shown_value(value)}", column == value) for value in dict.fromkeys(column.tolist())]
    masks = [mask for _, mask in keys]
    ax = open_axes(ax, 3.2)
    for at, (label, mask) in enumerate(keys):
        style = {"color": Theme.of(ax).node(at), "label": label or None}
        _mean_line(ax, time[mask], values[mask], seeds[mask], confidence, style)
    ax.set_xlabel("time (ms)")
    ax.set_ylabel("available (share of the time)" if metric == "available" else f"{metric} per bin")
    if metric == "available":
        ax.set_ylim(0, 1.02)
    alike = {int(count) for mask in masks for count in np.unique(time[mask], return_counts=True)[1]}
    going = ", while they last" if len(alike) > 1 else ""
    finish_sweep(ax, result, title, f"{going}, interval {percent(confidence)}")
    legend(ax, len(keys))
    return ax


def _mean_line(
    ax: Axes,
    time: np.ndarray,
    values: np.ndarray,
    seeds: np.ndarray,
    confidence: float,
    style: dict[str, Any],
) -> None:
    """The mean of each bin over the runs, as steps from bin to bin, and its interval."""
    bins, place = np.unique(time, return_inverse=True)
    rows = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    means = [Sample("", values[at], np.array([]), seeds=seeds[at]).mean(confidence) for at in rows]
    value, low, high = (
        np.array([getattr(mean, side) for mean in means]) for side in ("value", "low", "high")
    )
    ax.step(bins, value, where="post", lw=1.7, **style)
    low, high = np.where(np.isnan(low), value, low), np.where(np.isnan(high), value, high)
    ax.fill_between(bins, low, high, step="post", color=style["color"], alpha=0.22, lw=0, gid="band")
