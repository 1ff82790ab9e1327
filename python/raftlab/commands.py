"""Commands of clients to the replicated key-value store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._arguments import text_of
from ._values import Guarded, call
from .errors import InvalidError, escaped, shown

__all__ = ["Command", "append", "cas", "get", "put"]


@dataclass(frozen=True)
class Command(metaclass=Guarded):
    """A command. Made by `put`, `get`, `cas` and `append`; `"x=1"` is short for `put("x", 1)`.

    >>> put("x", 1)
    put('x', '1')
    """

    op: str
    key: str
    value: str | None = None
    expected: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the scenario's JSON has it."""
        parts = {"op": self.op, "key": self.key, "expected": self.expected, "value": self.value}
        return {name: part for name, part in parts.items() if part is not None}

    def __repr__(self) -> str:
        parts = (self.key, self.expected, self.value)
        return call(self.op, [part for part in parts if part is not None], {})

    def __str__(self) -> str:
        match self.op:
            case "put":
                text = f"{self.key}={self.value}"
            case "cas":
                text = f"{self.key}:{self.expected}→{self.value}"
            case "append":
                text = f"{self.key}+={self.value}"
            case _:
                text = f"get {self.key}"
        return escaped(text)


def put(key: str, value: object) -> Command:
    """Sets a key to one value.

    >>> str(put("x", 1))
    'x=1'
    """
    return Command("put", _key(key), text_of(value, "a value"))


def get(key: str) -> Command:
    """Reads a key through the log: linearizable, at the cost of a write.

    >>> str(get("x"))
    'get x'
    """
    return Command("get", _key(key))


def cas(key: str, expected: object, value: object) -> Command:
    """Sets a key to `value` if it has exactly the value `expected` (compare and set).

    >>> str(cas("x", 1, 2))
    'x:1→2'
    """
    return Command("cas", _key(key), text_of(value, "a value"), text_of(expected, "expected"))


def append(key: str, value: object) -> Command:
    """Adds an item to the list at a key; the list reads as its items joined by commas.

    >>> str(append("x", 3))
    'x+=3'
    """
    return Command("append", _key(key), text_of(value, "a value"))


def command_to_dict(command: Command | str) -> dict[str, Any]:
    """A command, or its short form `"key=value"`, as the scenario's JSON has it."""
    if isinstance(command, Command):
        return command.to_dict()
    if isinstance(command, str):
        key, equals, value = command.partition("=")
        if key and equals:
            return put(key, value).to_dict()
    raise InvalidError(
        f"a command must be written 'key=value' or made by put, get, cas or append, not {shown(command)}"
    )


def command_from_dict(written: Mapping[str, Any]) -> Command:
    """A command from the scenario's JSON."""
    return Command(**written)


def shortest(command: Command | str) -> Command | str:
    """A command in its short form, if it has one."""
    if isinstance(command, str) or command.op != "put" or "=" in command.key:
        return command
    return f"{command.key}={command.value}"


def _key(key: object) -> str:
    if not isinstance(key, str) or not key:
        raise InvalidError(f"a key must be a text of at least one letter, not {shown(key)}")
    return key
