"""Values that print as the code that makes them, and are equal if a scenario's JSON has them alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, ClassVar, NoReturn, Self, SupportsIndex, TypeVar, overload

from .errors import CallError, InvalidError, OutOfRangeError, shown

T = TypeVar("T")

__all__ = ["Guarded", "Many", "Node", "Value", "call", "code", "items_of", "laid_out", "listed"]


class Guarded(type):
    """The class of public classes, to which `guard` adds errors with hints for their unknown attributes."""


class Value(metaclass=Guarded):
    """The base of values that are dataclasses: their repr, equality and hash.

    `"1s"` and 1000 are the same time: two values are equal if a scenario's JSON has them alike.
    """

    def __post_init__(self) -> None:
        self._settle(list)
        self._check()  # errors show lists as they were given
        self._settle(tuple)

    def _settle(self, kept: type[list[Any] | tuple[Any, ...]]) -> None:
        for part in fields(self):  # type: ignore[arg-type]  # all of them are dataclasses
            try:
                object.__setattr__(self, part.name, settled(getattr(self, part.name), kept))
            except RecursionError as error:
                raise InvalidError(f"{part.name} cannot be written down: {error}") from None

    def _check(self) -> None:
        """Raises errors here, not where the value is used, if they can be found without a scenario."""
        self._written()

    def _shown(self) -> tuple[list[Any], dict[str, Any]]:
        """The arguments that make it, by position and by name, without those that are their defaults."""
        placed: list[Any] = []
        named: dict[str, Any] = {}
        for part in fields(self):  # type: ignore[arg-type]  # all of them are dataclasses
            value = getattr(self, part.name)
            if part.default is MISSING and not part.kw_only:
                placed.append(value)
            elif value is not part.default and value != part.default:
                named[part.name] = value
        return placed, named

    @staticmethod
    def _instead_of_setting(_name: str) -> str:
        return "a value does not change; make another"

    def _written(self) -> Any:
        return self.to_dict()  # type: ignore[attr-defined]  # values without this method override _written

    def _key(self) -> Any:
        return frozen(self._written())

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return bool(self._key() == other._key())

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._key()))

    def __repr__(self) -> str:
        placed, named = self._shown()
        return call(type(self).__name__, placed, named)


class Node(metaclass=Guarded):
    """The base of nodes of a cluster. A value keeps only the name, since a node follows its cluster."""

    __slots__ = ("name",)

    name: str


class Many(tuple[T, ...], metaclass=Guarded):
    """The base of tuples of a cluster's parts: an index out of range is an error that names their number.

    A slice is of the same class.
    """

    __slots__ = ()

    _one: ClassVar[str] = "item"
    _several: ClassVar[str] = "items"
    """The name of an item, and of several."""

    @overload
    def __getitem__(self, key: SupportsIndex) -> T: ...
    @overload
    def __getitem__(self, key: slice) -> Self: ...
    def __getitem__(self, key: SupportsIndex | slice) -> T | Self:
        try:
            if isinstance(key, slice):
                return self._like(super().__getitem__(key))
            return super().__getitem__(key)
        except IndexError:
            raise OutOfRangeError(self._range(key)) from None
        except TypeError:
            said = f"{self._several} have places from 0, not {shown(key)}{self._by_name(key)}"
            raise CallError(said) from None

    def _by_name(self, _key: object) -> str:
        """What to write instead of a name in brackets."""
        return ""

    def _like(self, items: Iterable[T]) -> Self:
        """Some of them as the same class."""
        return type(self)(items)

    def _range(self, key: object) -> str:
        if not self:
            return f"no {self._several}"
        if len(self) == 1:
            return f"no {self._one} at place {shown(key)}: there is one, at 0"
        return f"no {self._one} at place {shown(key)}: there are {len(self):,}, 0 to {len(self) - 1}"


class Frozen(dict[Any, Any]):
    """A mapping inside of a value, which cannot be changed either."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a mapping inside of a value cannot be changed; take dict(...) of it")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[Frozen], tuple[dict[Any, Any]]]:
        return Frozen, (dict(self),)


def settled(value: Any, kept: type[list[Any] | tuple[Any, ...]] = tuple) -> Any:
    """A copy of a value that shares nothing with it; iterables become tuples, and lists become `kept`.

    >>> settled(name for name in "AB"), settled({"B", "A"}), settled("AB")
    (('A', 'B'), ('A', 'B'), 'AB')
    """
    if isinstance(value, Node):
        return value.name
    if hasattr(type(value), "tolist"):  # numpy's arrays and numbers do not compare as values do
        value = value.tolist()
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return value
    if isinstance(value, Mapping):
        return Frozen((settled(name), settled(part, kept)) for name, part in value.items())
    parts = (settled(part, kept) for part in listed(value))
    return kept(parts) if isinstance(value, list) else tuple(parts)


def listed(values: Iterable[Any]) -> list[Any]:
    """The items of an iterable. Those of a set are sorted: its own order differs between processes."""
    if not isinstance(values, (set, frozenset)):
        return list(values)
    try:
        return sorted(values)
    except TypeError:  # such as faults, or names and numbers
        return sorted(values, key=repr)


def frozen(written: Any) -> Any:
    """A part of a scenario's JSON as a key."""
    if isinstance(written, Mapping):
        return tuple(sorted((name, frozen(part)) for name, part in written.items()))
    if isinstance(written, (list, tuple)):
        return tuple(map(frozen, written))
    return written


def call(name: str, placed: Iterable[Any], named: Mapping[str, Any]) -> str:
    """A call as it is written in Python."""
    arguments = [code(value) for value in placed]
    arguments += [f"{argument}={code(value)}" for argument, value in named.items()]
    return f"{name}({', '.join(arguments)})"


def code(value: Any) -> str:
    """A value as it is written in Python: its repr, but 1000.0 as 1000."""
    if hasattr(type(value), "tolist"):  # a number of numpy's
        value = value.tolist()
    if type(value) is float and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dt.timedelta):
        return code(value / dt.timedelta(milliseconds=1))
    if type(value) is list:
        return f"[{', '.join(map(code, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(code, value))}{',' if len(value) == 1 else ''})"
    if type(value) in (dict, Frozen):
        return "{" + ", ".join(f"{code(key)}: {code(part)}" for key, part in value.items()) + "}"
    return repr(value)


WIDTH = 100


def laid_out(name: str, placed: Iterable[Any], named: Mapping[str, Any]) -> str:
    """A call in one line if it is short; otherwise with a line per argument, and per item of a long list."""
    short = call(name, placed, named)
    if len(short) <= WIDTH:
        return short
    lines = [f"{name}("]
    for argument, value in _arguments(placed, named):
        text = f"    {argument}{code(value)},"
        if len(text) <= WIDTH or not isinstance(value, (list, tuple)):
            lines.append(text)
            continue
        opening, closing = "[]" if isinstance(value, list) else "()"
        lines.append(f"    {argument}{opening}")
        lines += [f"        {text}," for text in items_of(value)]
        lines.append(f"    {closing},")
    return "\n".join([*lines, ")"])


def items_of(value: Sequence[Any]) -> list[str]:
    """The items of a list as code; those in the middle of a long one are replaced by their number."""
    if len(value) <= MOST_ITEMS:
        return [code(item) for item in value]
    left_out = len(value) - 2 * ENDS
    return [*map(code, value[:ENDS]), f"... <{left_out:,} more>", *map(code, value[-ENDS:])]


MOST_ITEMS, ENDS = 100, 40


def _arguments(placed: Iterable[Any], named: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from (("", value) for value in placed)
    yield from ((f"{argument}=", value) for argument, value in named.items())
