"""Plots of a `Cluster`, a `Run` or a `Sweep`, with matplotlib.

Each plot takes its data first and everything else by name, draws on one Axes and returns it. `ax=` gives the
Axes; by default the current ones are used if they are empty, or new ones are made. No style and no rcParams
are changed. Times on an axis are in milliseconds, even if its labels are in seconds, so that
`ax.axvline(1500)` always means 1500 ms.

Text and background are those of the axes, so style sheets work, also dark ones; other colours have a light
and a dark shade. Every plot is readable in a figure of 3.4 inches, a column of a paper; a figure without a
layout and with default margins gets `layout="constrained"`. `save` keeps text as text in PDF and SVG;
`ax.figure.savefig` follows the rcParams.

>>> import raftlab as rl
>>> c = rl.Cluster(5, seed=7)
>>> _ = c.run("1s")
>>> rl.plot.timeline(c, title="a leader is elected").get_title(loc="left")
'a leader is elected'
"""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("matplotlib") is None:
    raise ImportError('raftlab.plot needs matplotlib: pip install "raftlab[plot]"')

from .._boundary import guard
from ._bands import bands
from ._distributions import ecdf, survival
from ._fate import fate
from ._faults import faults_table
from ._heatmap import heatmap
from ._log_timeline import log_timeline
from ._logs import logs, logs_table
from ._messages import messages
from ._pairs import pairs
from ._roles import roles, roles_table
from ._save import save
from ._share import commit_latency, share
from ._terms import terms
from ._timeline import timeline

__all__ = [
    "bands",
    "commit_latency",
    "ecdf",
    "fate",
    "faults_table",
    "heatmap",
    "log_timeline",
    "logs",
    "logs_table",
    "messages",
    "pairs",
    "roles",
    "roles_table",
    "save",
    "share",
    "survival",
    "terms",
    "timeline",
]

guard(__name__)
