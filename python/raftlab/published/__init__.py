"""Published results, played again: the numbers of papers side by side with those of raftlab.

Each function states the experiment of a source in full, plays it, and returns a `Result` with a row per
number: the published one and its basis, raftlab's with its interval, and whether they agree. A disagreement
is reported, not tuned away. `python -m raftlab published` prints all results. Ctrl-C stops an experiment at
once.

>>> from raftlab import published
>>> result = published.split_votes(seeds=400)
>>> result.rows[1].agrees
True
"""

from __future__ import annotations

from collections.abc import Callable

from .._boundary import guard
from .databases import failovers
from .dissertation import election_times, lan_elections, rejoining, split_votes, wan_elections
from .dynatune import adaptive_timeouts
from .figure_16_fit import figure_16_fit
from .heartbeats import lost_heartbeats
from .paper import figure_16
from .partitions import partial_partitions
from .raft_refloated import refloated, refloated_times
from .result import Result, Row, rendered

__all__ = [
    "ALL",
    "Result",
    "Row",
    "adaptive_timeouts",
    "election_times",
    "failovers",
    "figure_16",
    "figure_16_fit",
    "lan_elections",
    "lost_heartbeats",
    "partial_partitions",
    "refloated",
    "refloated_times",
    "rejoining",
    "rendered",
    "split_votes",
    "wan_elections",
]

ALL: dict[str, Callable[..., Result]] = {
    "figure_16": figure_16,
    "figure_16_fit": figure_16_fit,
    "wan_elections": wan_elections,
    "lan_elections": lan_elections,
    "split_votes": split_votes,
    "election_times": election_times,
    "lost_heartbeats": lost_heartbeats,
    "rejoining": rejoining,
    "refloated": refloated,
    "refloated_times": refloated_times,
    "partial_partitions": partial_partitions,
    "adaptive_timeouts": adaptive_timeouts,
    "failovers": failovers,
}
"""All published experiments, by name."""

guard(__name__)
