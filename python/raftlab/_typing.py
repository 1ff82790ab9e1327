"""Types of arguments: the words that they take, durations, targets, and settings by name.

`Bug | str` accepts any text, since these words often come from data; editors still offer the words. The core
checks the words. They are repeated for type checkers and editors, those of tables in the generated module
`_words.py` and the others here, and a test compares them. `words` returns those of a Literal for checks in
Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, get_args

from ._words import Bug, ElectionRule, LieName, MessageType, Role

if TYPE_CHECKING:
    from ._conditions import Condition
    from ._time import Duration
    from .distributions import Time
    from .views import NodeView

__all__ = [
    "Bug",
    "Bugs",
    "Detected",
    "DiskPart",
    "ElectionRule",
    "LieName",
    "MessageType",
    "NodeName",
    "OnError",
    "OnViolation",
    "Protocol",
    "Role",
    "RunOptions",
    "Schedule",
    "Shape",
    "Target",
    "TraceLevel",
    "Unsynced",
    "Via",
    "WhenFull",
    "words",
]


def words(of: Any) -> tuple[str, ...]:
    """The words of a Literal.

    >>> words(Via)
    ('log', 'read_index', 'lease', 'local')
    """
    return get_args(of)


TraceLevel: TypeAlias = Literal["full", "states", "off"]
"""The level of detail of a trace."""

OnViolation: TypeAlias = Literal["record", "stop", "raise"]
"""The effect of a violation."""

Via: TypeAlias = Literal["log", "read_index", "lease", "local"]
"""The ways in which reads are served."""

Shape: TypeAlias = Literal["halves", "random", "bridge", "majorities_ring"]
"""Shapes of a partition."""

Unsynced: TypeAlias = Literal["lose", "tear", "keep"]
"""The fate of writes that no fsync has confirmed."""

WhenFull: TypeAlias = Literal["wait", "halt"]
"""What a node does whose disk is full."""

OnError: TypeAlias = Literal["halt", "ignore"]
"""What a node does when an fsync fails."""

DiskPart: TypeAlias = Literal["entry", "vote", "snapshot"]
"""A part of what a node's disk holds."""

Detected: TypeAlias = bool | Literal["truncate"]
"""How a node finds damage on its disk."""

Protocol: TypeAlias = Literal["raft", "tikv"]
"""What the nodes run: raftlab's Raft, or TiKV's."""

NodeName: TypeAlias = "str | NodeView"
"""A node: its name, or what a cluster returns, such as `c.leader`."""

Target: TypeAlias = "Role | NodeName | Sequence[NodeName]"
"""The nodes that a fault hits: a role, a name, or names."""


Bugs: TypeAlias = "Bug | str | Iterable[Bug | str] | Mapping[str, Bug | str | Iterable[Bug | str]]"
"""The rules that are taken away, from all nodes or by node."""


class Schedule(TypedDict, total=False):
    """The arguments that all faults take: the times and durations of strikes."""

    at: Time | Condition | None
    after: Time | None
    duration: Time | None
    every: Time | None
    uptime: Time | None
    times: int | None
    patience: Duration


class RunOptions(TypedDict, total=False):
    """The arguments of `Scenario.run` besides the seed."""

    trace: TraceLevel
    checks: bool
    on_violation: OnViolation
    trace_rows: int | None
