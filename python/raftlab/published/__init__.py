"""Published results, played again: what papers measured beside what raftlab measures.

Each function states the experiment of a source in full, plays it, and returns a `Result`: a row a number,
the published one and what it rests on, ours with its interval, and whether they agree. A disagreement is
reported, not tuned away. `python -m raftlab published` prints all of them. Ctrl-C ends an experiment at once.

>>> from raftlab import published
>>> result = published.split_votes(seeds=400)
>>> result.rows[1].agrees
True
"""

from __future__ import annotations

from collections.abc import Callable

from .dissertation import election_times, lan_elections, rejoining, split_votes, wan_elections
from .dynatune import adaptive_timeouts
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
    "figure_16",
    "lan_elections",
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
    "wan_elections": wan_elections,
    "lan_elections": lan_elections,
    "split_votes": split_votes,
    "election_times": election_times,
    "rejoining": rejoining,
    "refloated": refloated,
    "refloated_times": refloated_times,
    "partial_partitions": partial_partitions,
    "adaptive_timeouts": adaptive_timeouts,
}
"""All published experiments, by name."""
