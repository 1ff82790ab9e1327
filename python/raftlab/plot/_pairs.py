"""Two points of a grid, run by run with the same seed."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from raftlab.errors import InvalidError
from raftlab.statistics import percent
from raftlab.sweeps import Sweep, compare
from raftlab.sweeps.comparison import span
from raftlab.sweeps.pairs import Pairs

from ._axes import SMALL, points, shown_value
from ._docstrings import documented
from ._palette import Theme
from ._sweeps import axis_name, finish_sweep, open_axes

__all__ = ["pairs"]

LONGEST = 40
"""A difference whose name has more letters is named b − a."""


@documented
def pairs(
    a: Sweep,
    b: Sweep,
    metric: str,
    *,
    confidence: float = 0.95,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws a metric at two points of a grid against each other, with a dot per seed.

    Parameters
    ----------
    a, b : Sweep
        Sweeps of one point each, such as `result.where(timeout=50)`.
    {metric}
    confidence : float, default 0.95
        The confidence of the interval of the difference.
    {title}
    {ax}

    Returns
    -------
    matplotlib.axes.Axes
        Above the line b is greater. The text is the result of `raftlab.compare`; the distributions are drawn
        along the axes. If most pairs coincide, as with counts, the size of a dot shows their number. An open
        dot is a pair with a censored duration: its true place is farther up or to the right. Axes whose
        values span decades are logarithmic.

    Examples
    --------
    >>> import raftlab as rl
    >>> def cluster(pre_vote):
    ...     return rl.Scenario(5, pre_vote=pre_vote, stop=rl.leader_elected)
    >>> result = rl.sweep(cluster, {"pre_vote": [False, True]}, seeds=100)
    >>> ax = rl.plot.pairs(result.where(pre_vote=False), result.where(pre_vote=True), "time_to_leader_ms")
    >>> ax.get_ylabel()
    'time to leader (ms), pre_vote = True'
    """
    found, seen = compare(a, b, metric, confidence=confidence), Pairs.of(a, b, metric)
    if seen.flags:
        raise InvalidError(f"metric '{metric}' is yes/no; raftlab.compare() gives the shares")
    ax = open_axes(ax, 4.6, width=4.8)
    theme = Theme.of(ax)
    low, high = _scales(ax, np.concatenate([seen.x, seen.y]))
    cut = seen.x_censored | seen.y_censored
    alpha = float(np.clip(40 / max(len(cut), 1) ** 0.5, 0.15, 0.7))
    size = _dots(ax, seen.x[~cut], seen.y[~cut], alpha)
    if cut.any():
        ax.plot(
            seen.x[cut], seen.y[cut], "o", ms=3.6, mfc="none", mew=0.7, color=theme.node(3),
            alpha=max(alpha, 0.4), gid="censored",
        )  # fmt: skip
    ax.axline((low, low), (high, high), color=theme.muted, lw=1.0, ls=(0, (4, 3)), zorder=1, gid="identity")
    _marginals(ax, seen.x, seen.y, low, high)
    named = [", ".join(f"{n} = {shown_value(v)}" for n, v in side.points[0].items()) for side in (a, b)]
    if named[0] == named[1]:
        named = ["a", "b"]
    ax.set_xlabel(f"{axis_name(a, metric)}, {named[0]}")
    ax.set_ylabel(f"{axis_name(b, metric)}, {named[1]}")
    limit = "" if np.isinf(found.horizon) else f" up to {found.horizon:,.4g} ms"
    what = found.what if len(found.what) <= LONGEST else "b − a"
    text = (
        f"{what}{limit}: {found.difference:.3g} ({span(found.low, found.high, 3)}, {percent(confidence)})\n"
        f"b is greater in {100 * found.b_is_greater:.0f} % of {found.pairs:,} pairs; "
        f"{correlation_text(found.correlation)}{size}"
    )
    if cut.any():
        text += f"\nopen: {int(cut.sum()):,} with a duration that was not over, and is longer"
    ax.text(
        0.0, 1.015, text, transform=ax.transAxes, va="bottom", color=theme.ink, fontsize=points(ax, SMALL),
        gid="text", linespacing=1.35,
    )  # fmt: skip
    finish_sweep(ax, a, None)
    ax.set_title("", loc="right")
    if title:
        ax.set_title(
            title, loc="left", color=theme.ink, pad=(2.2 + text.count("\n") * 1.35) * points(ax, SMALL)
        )
    return ax


def correlation_text(value: float) -> str:
    """A correlation in words: -0.00 is 0.00, and where one side does not vary there is none."""
    return "no correlation: a side does not vary" if np.isnan(value) else f"correlation {value:z.2f}"


def _dots(ax: Axes, x: np.ndarray, y: np.ndarray, alpha: float) -> str:
    """A dot for each pair; where most fall together, dot size shows the number of pairs."""
    theme = Theme.of(ax)
    places, counts = np.unique(np.stack([x, y], -1), axis=0, return_counts=True)
    if 2 * len(places) > len(x):
        ax.plot(x, y, "o", ms=3.2, mew=0, alpha=alpha, color=theme.node(0), gid="pair")
        return ""
    areas = np.maximum(LARGEST * counts / counts.max(), 3.0)
    ax.scatter(places[:, 0], places[:, 1], s=areas, color=theme.node(0), alpha=0.7, lw=0, gid="pair")
    return f"\nthe largest dot is {counts.max():,} pairs"


LARGEST = 220.0
"""The area of the dot of the most pairs, in square points."""


DECADES = 30.0
"""Axes are logarithmic if the longest duration is at least this many times the shortest."""


def _scales(ax: Axes, both: np.ndarray) -> tuple[float, float]:
    """Two axes that are the same, with room for the marginals at the lower ends."""
    low, high = float(both.min()), float(both.max())
    logarithmic = low > 0 and high / low > DECADES
    if logarithmic:
        ax.set(xscale="log", yscale="log")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.6g}"))
        room = (high / low) ** 0.12
        low, high = low / room, high * (high / low) ** 0.03
    else:
        span = high - low or 1.0
        low, high = low - 0.12 * span, high + 0.03 * span
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_aspect("equal", adjustable="box")
    return low, high


def _marginals(ax: Axes, x: np.ndarray, y: np.ndarray, low: float, high: float) -> None:
    """Each side for itself: a light histogram along its axis."""
    theme = Theme.of(ax)
    edges = np.geomspace(low, high, 61) if ax.get_xscale() == "log" else np.linspace(low, high, 61)
    for values, flat in ((x, True), (y, False)):
        counts = np.histogram(values, edges)[0]
        heights = MARGINAL * counts / max(counts.max(), 1)
        draw, space = (
            (ax.fill_between, ax.get_xaxis_transform())
            if flat
            else (ax.fill_betweenx, ax.get_yaxis_transform())
        )
        draw(
            edges, 0.0, np.append(heights, 0.0), step="post", transform=space, color=theme.muted, alpha=0.35,
            lw=0, zorder=0.5, gid="marginal",
        )  # fmt: skip


MARGINAL = 0.085
"""How much of the picture the histograms take."""
