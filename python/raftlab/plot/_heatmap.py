"""A metric over two parameters of the grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps, colors
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from raftlab._arguments import confidence as confidence_of
from raftlab._arguments import instance
from raftlab.errors import InvalidError, shown
from raftlab.statistics import Estimate, digits, percent
from raftlab.sweeps import Sweep
from raftlab.sweeps.observed import NOT_CHECKED, quantile_of, samples_of

from ._axes import SMALL, new_axes, points, settle, shifted, shown_value, size_points, text_points
from ._docstrings import documented
from ._palette import Theme
from ._sweeps import axis_name, finish_sweep, statistic_name

if TYPE_CHECKING:
    from matplotlib.image import AxesImage

__all__ = ["heatmap"]

DECADES = 30.0
"""If the greatest value is more than this many times the least, colours are logarithmic."""


@documented
def heatmap(
    result: Sweep,
    x: str,
    y: str,
    metric: str,
    *,
    statistic: str = "p50",
    confidence: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws a metric over two parameters of the grid, with the interval of each cell.

    Parameters
    ----------
    result : Sweep
        The sweep. Runs that differ in other parameters are pooled.
    x, y : str
        Two parameters of the grid.
    metric : str
        A column of numbers or flags; `"violation"`, the share of runs that violated a property; or a question
        such as `"ending=stop"`.
    statistic : str, default "p50"
        `"mean"`, or a quantile such as `"p50"` or `"p99"`. Ignored for yes/no metrics, which have a share.
    confidence : float, default 0.95
        The confidence of the intervals.
    {title}
    {ax}

    Returns
    -------
    matplotlib.axes.Axes
        Each cell shows its value and, if there is room, the interval below it. If no run had the event, the
        cell has no colour and shows the upper bound; if a quantile was not reached, a lower limit; if all
        runs have the same value, the bound for others. Colours of values that span decades are logarithmic.

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
    confidence = confidence_of(confidence, "confidence")
    if x == y:
        raise InvalidError(f"x and y must be two parameters of the grid, not both {shown(x)}")
    quantile = quantile_of(statistic)
    parts = samples_of(instance(result, Sweep, "result"), metric, [x, y])
    flags = parts[0][1].flags
    cells = {(point[x], point[y]): of.estimate(quantile, confidence) for point, of in parts}
    across, up = (list(dict.fromkeys(key[at] for key in cells)) for at in (0, 1))
    ax = new_axes(ax, max(4.2, 1.35 * len(across) + 1.6), max(2.6, 0.75 * len(up) + 1.4))
    image = paint(ax, cells, *({at: shown_value(at) for at in side} for side in (across, up)))
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    what = axis_name(result, metric)
    if not flags:
        what += f", {statistic_name(statistic)}"
    scale = ", colours by logarithm" if isinstance(image.norm, colors.LogNorm) else ""
    if any(estimate.note.startswith("mean up to") for estimate in cells.values()):
        scale += ", means up to the longest time observed"
    samples = [of for _, of in parts]
    finish_sweep(
        ax, result, what if title is None else title, f", intervals {percent(confidence)}{scale}", samples
    )
    write(ax, cells, across, up, image)
    return ax


def paint(
    ax: Axes, cells: Mapping[tuple[Any, Any], Estimate], across: Mapping[Any, str], up: Mapping[Any, str]
) -> AxesImage:
    """The colours of the cells, and the names of columns and rows."""
    values = np.array([[value_of(cells.get((a, b))) for a in across] for b in up])
    image = ax.imshow(
        np.ma.masked_invalid(values),
        origin="lower",
        aspect="auto",
        norm=norm_of(values),
        cmap=colormaps["cividis"].with_extremes(bad=Theme.of(ax).snapshot),
    )
    for axis, labels in ((ax.xaxis, across), (ax.yaxis, up)):
        axis.set_ticks(range(len(labels)), list(labels.values()))
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return image


def value_of(estimate: Estimate | None) -> float:
    """The value that colours a cell; an event in no run has no colour."""
    return math.nan if estimate is None or estimate.unseen else estimate.value


def norm_of(values: np.ndarray) -> colors.Normalize:
    """Colours by value, or by its logarithm if the values span decades."""
    known = values[np.isfinite(values)]
    if len(known) and known.min() > 0 and known.max() / known.min() > DECADES:
        return colors.LogNorm(known.min(), known.max())
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    return colors.Normalize(low, high if high > low else low + 1.0)


def write(
    ax: Axes,
    cells: Mapping[tuple[Any, Any], Estimate],
    across: Sequence[Any],
    up: Sequence[Any],
    image: AxesImage,
    spell: Callable[[float], str] = digits,
) -> None:
    """Writes values and, if there is room for all of them, intervals below."""
    settle(ax)
    theme = Theme.of(ax)
    width, height = size_points(ax)
    width, height = width / len(across), height / len(up)
    said = {at: texts(estimate, spell) for at, estimate in cells.items()}
    large, small = points(ax, 10.0), points(ax, SMALL)
    widest = max(text_points(value, large) for value, _ in said.values())
    if widest > 0.92 * width:
        large *= max(0.6, 0.92 * width / widest)
    roomy = height > 1.25 * (large + small) and all(
        text_points(interval, small) < 0.96 * width for _, interval in said.values()
    )
    for (a, b), (value, interval) in said.items():
        i, j = across.index(a), up.index(b)
        number = value_of(cells[a, b])
        fill: Any = image.to_rgba(np.array(number)) if math.isfinite(number) else theme.snapshot
        ink = theme.ink_on(colors.to_hex(fill))
        both = roomy and interval
        style: dict[str, Any] = {"ha": "center", "color": ink, "parse_math": False}
        over, under = (
            shifted(ax, ax.transData, 0.0, up_by if both else 0.0) for up_by in (0.62 * small, -0.68 * large)
        )
        ax.text(i, j, value, va="center", fontsize=large, transform=over, gid="value", **style)
        if both:
            ax.text(i, j, interval, va="center", fontsize=small, transform=under, gid="interval", **style)


def texts(estimate: Estimate, spell: Callable[[float], str]) -> tuple[str, str]:
    """The text of a cell: the value and its interval."""
    if math.isinf(estimate.value):
        return "endless", ""
    if estimate.unseen and not math.isnan(estimate.high):
        return f"< {spell(estimate.high)}", estimate.note
    if not math.isnan(estimate.others) and (estimate.unseen or not estimate.low < estimate.high):
        bound = percent(float(f"{estimate.others:.2g}"))
        return (
            ("none", f"any in < {bound}")
            if estimate.unseen
            else (spell(estimate.value), f"other in < {bound}")
        )
    if math.isnan(estimate.value):
        silent = NOT_CHECKED if estimate.note == NOT_CHECKED else ""
        return (f"> {spell(estimate.low)}", "not reached") if not math.isnan(estimate.low) else ("–", silent)
    high = "" if math.isnan(estimate.high) else "∞" if math.isinf(estimate.high) else spell(estimate.high)
    low = "" if math.isnan(estimate.low) else spell(estimate.low)
    return spell(estimate.value), f"{low} … {high}" if low or high else ""


def frame(ax: Axes, i: int, j: int) -> None:
    """A frame around a cell, dark and light, so that it shows on any colour."""
    style: dict[str, Any] = {"fill": False, "zorder": 3}
    ax.add_patch(Rectangle((i - 0.47, j - 0.45), 0.94, 0.9, ec="white", lw=4, **style))
    ax.add_patch(
        Rectangle((i - 0.47, j - 0.45), 0.94, 0.9, ec=Theme.of(ax).node(3), lw=2, gid="best", **style)
    )
