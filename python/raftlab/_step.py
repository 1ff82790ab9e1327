"""The base of steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ._arguments import node as name_of
from ._values import Value, call
from .errors import InvalidError

__all__ = ["Action", "Step", "names_of"]


@dataclass(frozen=True, eq=False, repr=False)
class Step(Value):
    """The base of all steps: values that print as the code that makes them, compare, hash and pickle.

    >>> import raftlab as rl
    >>> rl.steps.run("1s") == rl.steps.run(1000)
    True
    """

    short: ClassVar[bool] = False
    """Whether its class is also a name of `raftlab`."""

    def to_dict(self) -> dict[str, Any]:
        """The step as in the scenario's JSON."""
        raise InvalidError("Step is no step that can be taken; use one of raftlab.steps")

    def __repr__(self) -> str:
        placed, named = self._shown()
        return call(f"{'' if self.short else 'steps.'}{type(self).__name__}", placed, named)


@dataclass(frozen=True, eq=False, repr=False)
class Action(Step):
    """The base of steps that take no time: actions on a cluster, now or `at` a later time."""

    def to_dict(self) -> dict[str, Any]:
        """The step as in the scenario's JSON."""
        return {"do": self._action()}

    def _action(self) -> dict[str, Any]:
        """The action as in the scenario's JSON."""
        return {type(self).__name__: self._parameters()}

    def _parameters(self) -> dict[str, Any]:
        raise InvalidError("Action is not a step that can be taken; use one of raftlab.steps")


def names_of(step: Step, *parts: str) -> dict[str, str]:
    """Those of its parts that name a node and are given, as in the scenario's JSON."""
    given = {part: getattr(step, part) for part in parts}
    return {part: name_of(name, part) for part, name in given.items() if name is not None}
