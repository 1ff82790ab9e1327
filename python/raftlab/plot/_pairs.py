"""Two points of a grid, run by run of the same seed."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from raftlab.sweeps import Sweep, compare
from raftlab.sweeps.summary import Pairs

from ._axes import SMALL, points
from ._palette import INK, MUTED, node_colour
from ._sweeps import axis_name, finish_sweep, open_axes, shown_value

__all__ = ["pairs"]


def pairs(
    a: Sweep, b: Sweep, metric: str, *, ci: float = 0.95, title: str | None = None, ax: Axes | None = None
) -> Axes:
    """A dot a seed: a metric at one point of a grid against the same at another.

    Parameters
    ----------
    a, b : Sweep
        Of one point each: `result.at(timeout=50)`.
    metric : str
        A column of numbers.
    ci : float, default 0.95
        The confidence of the interval of the difference.
    title, ax
        As in `ecdf`.

    Returns
    -------
    matplotlib.axes.Axes
        Above the line b is greater. The text is what `raftlab.compare` says.

    Examples
    --------
    >>> import raftlab as rl
    >>> def cluster(pre_vote):
    ...     return rl.Scenario(5, pre_vote=pre_vote, stop=rl.leader_elected)
    >>> result = rl.sweep(cluster, {"pre_vote": [False, True]}, seeds=100)
    >>> ax = rl.plot.pairs(result.at(pre_vote=False), result.at(pre_vote=True), "time_to_leader_ms")
    >>> ax.get_ylabel()
    'time to leader (ms), pre_vote = True'
    """
    found = compare(a, b, metric, ci=ci)
    seen = Pairs.of(a, b, metric)
    x, y = seen.x, seen.y
    ax = open_axes(ax, 4.4, width=4.8)
    ax.plot(
        x, y, "o", ms=3, mew=0, alpha=min(0.6, 60 / max(len(x), 1) ** 0.5), color=node_colour(0), gid="pair"
    )
    both = np.concatenate([x, y])
    low, high = float(np.nanmin(both)), float(np.nanmax(both))
    room = 0.04 * (high - low or 1.0)
    ax.plot(
        [low - room, high + room], [low - room, high + room], color=MUTED, lw=1.0, ls=(0, (4, 3)), zorder=1
    )
    ax.set_xlim(low - room, high + room)
    ax.set_ylim(low - room, high + room)
    ax.set_aspect("equal")
    named = [", ".join(f"{n} = {shown_value(v)}" for n, v in side.points[0].items()) for side in (a, b)]
    if named[0] == named[1]:
        named = ["a", "b"]
    ax.set_xlabel(f"{axis_name(a, metric)}, {named[0]}")
    ax.set_ylabel(f"{axis_name(b, metric)}, {named[1]}")
    text = (
        f"difference {found.difference:.3g} ({found.low:.3g} to {found.high:.3g})\n"
        f"greater above in {found.b_is_greater:.0%} of {found.pairs:,} pairs\n"
        f"correlation {found.correlation:.2f}"
    )
    ax.text(
        0.02, 0.98, text, transform=ax.transAxes, va="top", color=INK, fontsize=points(ax, SMALL),
        bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 2}, gid="text",
    )  # fmt: skip
    finish_sweep(ax, a, title)
    return ax
