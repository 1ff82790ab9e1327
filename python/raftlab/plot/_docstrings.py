"""Parts of docstrings that many plots share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

__all__ = ["documented", "filled"]

F = TypeVar("F", bound=Callable[..., object])

PARTS = {
    "world": """\
world : Cluster or Run
    The cluster or run. Needs a trace of level `"states"` or `"full"`.""",
    "world_full": """\
world : Cluster or Run
    The cluster or run. Needs a trace of level `"full"`.""",
    "window": """\
start, end : time, optional
    The part of the run to show; all of it by default.""",
    "nodes": """\
nodes : str or list of str, optional
    The nodes to show, in this order; `"ABC"` names single-letter nodes. All by default.""",
    "axis": """\
axis : {"auto", "time", "order"}, default "auto"
    An axis of time, or of order, on which events and actions are equally spaced. `"auto"` chooses order if
    many events were moved by hand at one moment.""",
    "result": """\
result : Sweep
    The sweep.""",
    "metric": """\
metric : str
    A column of numbers.""",
    "curves": """\
by : str or list of str, optional
    The parameters by whose values curves are drawn; by default one for each point of the grid.""",
    "title": """\
title : str, optional
    The title.""",
    "ax": """\
ax : matplotlib.axes.Axes, optional
    The axes to draw on. By default the current axes if they are empty, or new ones.""",
    "axes_over_time": """\
matplotlib.axes.Axes
    The axes. Their times are in milliseconds, even if labels are in seconds; on an axis of order positions
    are ordinals. The axis line ends at the end of the run; its final state is drawn slightly beyond it.""",
}


def documented(function: F) -> F:
    r"""Inserts the shared parts for lines of a docstring that consist of `{name}`.

    >>> @documented
    ... def plot():
    ...     '''{title}'''
    >>> plot.__doc__
    'title : str, optional\n    The title.'
    """
    if function.__doc__:  # none with python -OO
        function.__doc__ = filled(function.__doc__)
    return function


def filled(docstring: str) -> str:
    """A docstring with the shared parts inserted."""
    return re.sub(r"^( *)\{(\w+)\}$", _part, docstring, flags=re.MULTILINE)


def _part(found: re.Match[str]) -> str:
    indent, name = found.groups()
    return "\n".join(indent + line for line in PARTS[name].split("\n"))
