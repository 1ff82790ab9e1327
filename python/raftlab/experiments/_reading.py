"""Readings of a run that several experiments share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .._world import World
from ..tables import Table


def columns(table: Table) -> dict[str, list[Any]]:
    """A table of a trace as lists. A missing time is NaN, which compares as neither before nor after."""
    return {
        name: [math.nan if cell is None else cell for cell in cells] if name.endswith("_ms") else cells
        for name, cells in table.to_dict().items()
    }


def rules_broken(c: World) -> str:
    """The violated properties, in words."""
    return f"checks: {', '.join(c.violations.properties) or 'no violations'}"


@dataclass(frozen=True)
class Stay:
    """A stretch of time in which a node keeps its role and its term."""

    node: str
    role: str
    term: int
    start: float
    end: float


def stays(c: World) -> list[Stay]:
    """The roles and terms of all running nodes, from the trace.

    Examples
    --------
    >>> from raftlab import Cluster
    >>> c = Cluster(3, seed=1)
    >>> c.campaign("A")
    >>> [(stay.role, stay.term) for stay in stays(c.run(100)) if stay.node == "A"]
    [('follower', 0), ('candidate', 1), ('leader', 1)]
    """
    rows = columns(c.trace.nodes)
    found: list[Stay] = []
    open_: dict[str, tuple[str, int, float]] = {}

    def close(node: str, now: float) -> None:
        if node in open_:
            role, term, start = open_.pop(node)
            found.append(Stay(node, role, term, start, now))

    for time, node, role, term, up in zip(
        *(rows[name] for name in ("time_ms", "node", "role", "term", "up")), strict=True
    ):
        if node in open_ and up and open_[node][:2] == (role, term):
            continue
        close(node, time)
        if up:
            open_[node] = (role, term, time)
    for node in list(open_):
        close(node, c.now_ms)
    return sorted(found, key=lambda stay: stay.start)
