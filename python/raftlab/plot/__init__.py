"""Plots of a `Cluster`, a `Run` or a `Sweep`, with matplotlib.

Each takes the world first and the rest by name, draws on one Axes and returns it. `ax=` says which; without
it, the current axes are taken if nothing is drawn on them, else new ones are made. matplotlib's global
settings are not changed. Times on an axis are in milliseconds, whatever unit its labels have, so that
`ax.axvline(1500)` means what it says everywhere.

Text and background are those of the axes, so that style sheets work, `"dark_background"` too; other
colours come in a shade for light and one for dark. A figure of 3.4 inches, a column of a paper, has room
for each; one without a layout whose margins nobody has set gets `layout="constrained"`. `save` writes PDF
and SVG with their text as text; `ax.figure.savefig` does what the rcParams say.

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
