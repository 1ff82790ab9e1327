"""What many docstrings say, written once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

__all__ = ["documented", "filled"]

F = TypeVar("F", bound=Callable[..., object])

PARTS = {
    "world": """\
world : Cluster or Run
    What to look at. Needs a trace of level `"states"` or `"full"`.""",
    "world_full": """\
world : Cluster or Run
    What to look at. Needs a trace of level `"full"`.""",
    "window": """\
start, end : time, optional
    Which stretch of the run; all of it if not given.""",
    "nodes": """\
nodes : str or list of str, optional
    Which nodes, in this order; `"ABC"` names single-letter nodes. All if not given.""",
    "axis": """\
axis : {"auto", "time", "order"}, default "auto"
    An axis of time, or of order: one event or action after the other, however long each took. By itself it is
    of order where much of what happens was moved by hand, at one moment.""",
    "result": """\
result : Sweep
    What to look at.""",
    "metric": """\
metric : str
    A column of numbers.""",
    "curves": """\
by : str or list of str, optional
    A curve for each value of these parameters; for each point of the grid if not given.""",
    "title": """\
title : str, optional
    The title.""",
    "ax": """\
ax : matplotlib.axes.Axes, optional
    Where to draw. If not given: on the current axes if nothing is drawn there, else on new ones.""",
    "axes_over_time": """\
matplotlib.axes.Axes
    The axes. Times on them are in milliseconds, also where they are labelled in seconds; on an axis of order
    places are ordinals. The line of the axis ends where the run does: the state at its end is drawn a little
    beyond, up to the edge of the picture.""",
}


def documented(function: F) -> F:
    r"""Puts the shared parts in place: a line of a docstring that is `{name}` and nothing else.

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
    """A docstring with the shared parts in place."""
    return re.sub(r"^( *)\{(\w+)\}$", _part, docstring, flags=re.MULTILINE)


def _part(found: re.Match[str]) -> str:
    indent, name = found.groups()
    return "\n".join(indent + line for line in PARTS[name].split("\n"))
