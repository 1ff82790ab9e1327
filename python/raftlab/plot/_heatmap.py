"""Two parameters at once: a number a cell."""

from __future__ import annotations

import math

import numpy as np
from matplotlib import colormaps, colors
from matplotlib.axes import Axes

from raftlab._arguments import number
from raftlab.errors import InvalidError, shown
from raftlab.statistics import Estimate, as_numbers, share
from raftlab.sweeps import Sweep
from raftlab.sweeps.summary import VIOLATION, groups, quantile_of

from ._axes import SMALL, new_axes, points
from ._palette import INK, ink_on
from ._sweeps import axis_name, finish_sweep, sample, shown_value, statistic_name

__all__ = ["heatmap"]

DECADES = 30.0
"""A range of values so many times as wide as its least is coloured by the logarithm."""
EMPTY = "#eef0f2"


def heatmap(
    result: Sweep,
    x: str,
    y: str,
    metric: str,
    *,
    statistic: str = "p50",
    ci: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A metric over two parameters of the grid, with the interval of each cell.

    Parameters
    ----------
    result : Sweep
        What to look at. Runs that differ in other parameters are taken together.
    x, y : str
        Two parameters of the grid.
    metric : str
        A column of numbers, or `"violation"`: the share of runs that violated a rule.
    statistic : str, default "p50"
        `"mean"`, or a quantile such as `"p50"` and `"p99"`. Of violations always the share.
    ci : float, default 0.95
        The confidence of the intervals.
    title, ax
        As in `ecdf`.

    Returns
    -------
    matplotlib.axes.Axes
        Each cell says its value and below it the interval. Where no run met the event the cell says the
        bound that follows; where a quantile was not reached, from where on it lies.

    Examples
    --------
    >>> import raftlab as rl
    >>> def cluster(timeout, loss):
    ...     network = rl.Network(latency=5, loss=loss)
    ...     return rl.Scenario(5, election_timeout=(timeout, 2 * timeout), network=network,
    ...                        stop=rl.leader_elected)
    >>> result = rl.sweep(cluster, {"timeout": [50, 150], "loss": [0, 0.1]}, seeds=50)
    >>> rl.plot.heatmap(result, "timeout", "loss", "time_to_leader_ms").get_xlabel()
    'timeout'
    """
    ci = number(ci, "ci", "between 0 and 1", 0, 1)
    if x == y:
        raise InvalidError(f"x and y must be two parameters of the grid, not both {shown(x)}")
    quantile = quantile_of(statistic)
    cells: dict[tuple[object, object], Estimate] = {}
    for point, rows in groups(result, [x, y]):
        if metric == VIOLATION:
            counts = as_numbers("violations", result["violations"])[rows]
            estimate = share(int((counts > 0).sum()), len(counts), ci)
        else:
            of = sample(result, metric, rows)
            estimate = of.mean(ci) if quantile is None else of.quantile(quantile, ci)
        cells[point[x], point[y]] = estimate
    across, up = (list(dict.fromkeys(key[at] for key in cells)) for at in (0, 1))
    values = np.array([[value_of(cells.get((a, b))) for a in across] for b in up])
    ax = new_axes(ax, max(4.2, 1.35 * len(across) + 1.6), max(2.6, 0.75 * len(up) + 1.4))
    norm = norm_of(values)
    image = ax.imshow(
        np.ma.masked_invalid(values),
        origin="lower",
        aspect="auto",
        norm=norm,
        cmap=colormaps["cividis"].with_extremes(bad=EMPTY),
    )
    for i, a in enumerate(across):
        for j, b in enumerate(up):
            _say(
                ax,
                i,
                j,
                cells.get((a, b)),
                image.to_rgba(values[j, i]) if not math.isnan(values[j, i]) else EMPTY,
            )
    for name, axis, labels in ((x, ax.xaxis, across), (y, ax.yaxis, up)):
        axis.set_ticks(range(len(labels)), [shown_value(label) for label in labels])
        axis.set_label_text(name)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, colors=INK)
    what = (
        axis_name(result, metric)
        if metric == VIOLATION
        else f"{axis_name(result, metric)}, {statistic_name(statistic)}"
    )
    if title is None:
        title = what
    finish_sweep(ax, result, title, f", intervals {ci:.0%}")
    return ax


def value_of(estimate: Estimate | None) -> float:
    """What colours a cell."""
    return math.nan if estimate is None else estimate.value


def norm_of(values: np.ndarray) -> colors.Normalize:
    """Colours by value, or by its logarithm if the values span decades."""
    known = values[np.isfinite(values)]
    if len(known) and known.min() > 0 and known.max() / known.min() > DECADES:
        return colors.LogNorm(known.min(), known.max())
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    return colors.Normalize(low, high if high > low else low + 1.0)


def _say(ax: Axes, i: int, j: int, estimate: Estimate | None, fill: object) -> None:
    if estimate is None:
        return
    ink = ink_on(colors.to_hex(fill))  # type: ignore[arg-type]
    value, interval = texts(estimate)
    ax.text(
        i, j + (0.12 if interval else 0), value, ha="center", va="center", color=ink, fontsize=points(ax, 10)
    )
    if interval:
        ax.text(i, j - 0.22, interval, ha="center", va="center", color=ink, fontsize=points(ax, SMALL))


def texts(estimate: Estimate) -> tuple[str, str]:
    """What a cell says: the value, and its interval."""
    if estimate.note.startswith("none of"):
        return f"< {brief(estimate.high)}", estimate.note
    if math.isnan(estimate.value):
        return (f"> {brief(estimate.low)}", "not reached") if not math.isnan(estimate.low) else ("–", "")
    high = "" if math.isnan(estimate.high) else brief(estimate.high)
    low = "" if math.isnan(estimate.low) else brief(estimate.low)
    return brief(estimate.value), f"{low} … {high}" if low or high else ""


def brief(value: float) -> str:
    """Three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
