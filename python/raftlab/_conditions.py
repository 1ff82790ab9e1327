"""Conditions, for `run_until`, `stop=` and the `at=` of faults. Evaluated in Rust, after every event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from . import _core
from ._arguments import U32, dumps, handle, instance, integer, reading
from ._arguments import node as name_of
from ._values import Guarded, call
from .errors import InvalidError, escaped

if TYPE_CHECKING:
    from ._typing import NodeName
    from .views import Operation

__all__ = [
    "Condition",
    "all_of",
    "answered",
    "any_of",
    "behind",
    "candidates",
    "caught_up",
    "committed",
    "down",
    "in_joint",
    "leader_elected",
    "leaders",
    "leads",
    "member",
    "no_leader",
    "term_reached",
    "violated",
]


@dataclass(frozen=True, repr=False)
class Condition(metaclass=Guarded):
    """A condition on a cluster, made by the names of this module and joined by `|` and `&`.

    Its `repr` is the code that makes it, and its `str` describes it in words.

    >>> leader_elected
    leader_elected
    >>> no_leader & down(2)
    no_leader & down(2)
    >>> str(no_leader & down(2))
    'no node leads and 2 nodes are down'
    """

    name: str
    parameters: tuple[tuple[str, Any], ...] = ()

    if not TYPE_CHECKING:  # so that type checkers reject calls

        def __call__(self, *_args: object, **_kwargs: object) -> NoReturn:
            """Raises an error: `leader_elected` and its like are conditions, not functions."""
            raise InvalidError(f"{self.name} is a condition and takes no arguments: leave out the brackets")

    def __or__(self, other: Condition) -> Condition:
        """At least one of the two holds."""
        return self._with(other, "any_of")

    def __and__(self, other: Condition) -> Condition:
        """Both hold at the same time."""
        return self._with(other, "all_of")

    def _with(self, other: Condition, name: str) -> Condition:
        if not isinstance(other, Condition):
            return NotImplemented
        return _joined(name, (self, other))

    def to_dict(self) -> dict[str, Any]:
        """The condition as in the scenario's JSON."""
        parameters = dict(self.parameters)
        if "of" in parameters:
            parameters["of"] = [part.to_dict() for part in parameters["of"]]
        return {"condition": self.name, **parameters}

    @classmethod
    def from_dict(cls, written: dict[str, Any]) -> Condition:
        """The condition from the scenario's JSON."""
        with reading("a condition", written):
            condition = cls._of(written)
            str(condition)  # the core validates it
        return condition

    @classmethod
    def _of(cls, written: dict[str, Any]) -> Condition:
        written = dict(written)
        if "of" in written:
            written["of"] = tuple(cls._of(part) for part in written["of"])
        rest = tuple((k, v) for k, v in written.items() if k != "condition" and v is not None)
        return cls(written["condition"], rest)

    def __str__(self) -> str:
        return escaped(_core.Engine.condition_text(dumps(self.to_dict())))

    def __repr__(self) -> str:
        return self._code(0)

    def _code(self, binding: int) -> str:
        parameters = dict(self.parameters)
        parts = parameters.pop("of", None)
        if parts is None:
            placed = [parameters.pop(name) for name in list(parameters)[:1]]
            return call(self.name, placed, parameters) if placed else self.name
        if len(parts) == 1:
            return call(self.name, parts, {})
        own, sign = (2, " & ") if self.name == "all_of" else (1, " | ")
        text = sign.join(part._code(own) for part in parts)
        return f"({text})" if own < binding else text


leader_elected = Condition("leader_elected")
"""A node becomes leader after the condition was armed."""

no_leader = Condition("no_leader")
"""No running node is leader."""

caught_up = Condition("caught_up")
"""All running nodes have the same log and have committed all of it."""

in_joint = Condition("in_joint")
"""The configuration of the leader of the highest term is joint."""

violated = Condition("violated")
"""A check has found a violation."""


def any_of(*conditions: Condition) -> Condition:
    """At least one of several conditions holds: `a | b`.

    >>> any_of(leader_elected, down(3)) == leader_elected | down(3)
    True
    """
    return _joined("any_of", conditions)


def all_of(*conditions: Condition) -> Condition:
    """Several conditions hold at the same time: `a & b`.

    >>> all_of(no_leader, down(2)) == no_leader & down(2)
    True
    """
    return _joined("all_of", conditions)


def _joined(name: str, conditions: Sequence[Condition]) -> Condition:
    if not conditions:
        raise InvalidError(f"{name} needs at least one condition")
    parts: list[Condition] = []
    for condition in conditions:
        instance(condition, Condition, name)
        parts += condition.parameters[0][1] if condition.name == name else (condition,)
    joined = Condition(name, (("of", tuple(parts)),))
    if _depth(joined) > MAX_DEPTH:
        raise InvalidError(f"{name}: conditions can be nested at most {MAX_DEPTH} deep")
    return joined


def _depth(condition: Condition) -> int:
    parts = dict(condition.parameters).get("of", ())
    return 1 + max(map(_depth, parts)) if parts else 0


MAX_DEPTH = 16
"""The same limit as in the core, which applies it to conditions in JSON."""


def leaders(count: int) -> Condition:
    """At least `count` nodes consider themselves leader at the same time.

    >>> print(leaders(2))
    2 nodes lead at once
    """
    return Condition("leaders", (("count", integer(count, "count", 0, U32)),))


def leads(node: NodeName) -> Condition:
    """A node considers itself leader; it may be a stale one.

    >>> print(leads("A"))
    A leads
    """
    return Condition("leads", (("node", name_of(node, "node")),))


def member(node: NodeName) -> Condition:
    """A node is a voter of the newest committed configuration.

    >>> print(member("D"))
    D is a voter
    """
    return Condition("member", (("node", name_of(node, "node")),))


def committed(index: int, nodes: int | None = None) -> Condition:
    """At least `nodes` nodes have committed an index; a majority of the cluster if not given.

    >>> print(committed(5))
    a majority has committed index 5
    """
    parameters: list[tuple[str, Any]] = [("index", integer(index, "index"))]
    if nodes is not None:
        parameters.append(("nodes", integer(nodes, "nodes", 0, U32)))
    return Condition("committed", tuple(parameters))


def down(count: int) -> Condition:
    """At least `count` nodes are down.

    >>> print(down(2))
    2 nodes are down
    """
    return Condition("down", (("count", integer(count, "count", 0, U32)),))


def candidates(count: int) -> Condition:
    """At least `count` nodes are candidates at the same time.

    >>> print(candidates(2))
    2 nodes are candidates
    """
    return Condition("candidates", (("count", integer(count, "count", 0, U32)),))


def behind(count: int) -> Condition:
    """The logs of at least `count` nodes, up or down, end before the highest commitIndex of any node.

    >>> print(behind(3))
    3 nodes lack committed entries
    """
    return Condition("behind", (("count", integer(count, "count", 0, U32)),))


def term_reached(term: int) -> Condition:
    """Some node has reached this term.

    >>> print(term_reached(3))
    term 3 is reached
    """
    return Condition("term_reached", (("term", integer(term, "term")),))


def answered(operation: Operation | int) -> Condition:
    """An operation (the handle that `propose` or `read` returned) has been answered.

    >>> print(answered(1))
    operation 1 is answered
    """
    return Condition("answered", (("op", handle(operation, "operation", "an operation")),))
