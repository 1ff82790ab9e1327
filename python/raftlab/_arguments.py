"""Checks of arguments, with errors that show their name, their value and what is accepted."""

from __future__ import annotations

import contextlib
import json
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, SupportsIndex, TypeVar

from ._suggest import meant_for, named, unknown_in
from ._values import Guarded, Node, listed
from .errors import InvalidError, shown

T = TypeVar("T")

U32, U64 = 2**32 - 1, 2**64 - 1


def integer(value: Any, what: str, least: int = 0, most: int = U64) -> int:
    """An integer of Python or numpy, or a handle, but not a bool or a text."""
    try:
        number = operator.index(value) if not isinstance(value, bool) else None
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        limit = f"of at least {least}" if most in (U32, U64) else f"between {least} and {most}"
        limit = f"from {least} to 2^63 - 1" if most == 2**63 - 1 else limit
        limit = f"from 0 to 2^64 - {2**64 - most}" if least == 0 and most in (U64, U64 - 1) else limit
        raise InvalidError(f"{what} must be an integer {limit}, not {shown(value)}")
    return number


class Handle(metaclass=Guarded):
    """The base of handles: the number of something in a cluster."""

    __slots__ = ()

    _handles: ClassVar[str]
    """What they are handles of, with an article."""
    _world: Any


def handle(value: Any, what: str, of: str, most: int = U64) -> int:
    """The number of a handle, which must be of one kind; or a plain number."""
    if isinstance(value, Handle) and value._handles != of:
        raise InvalidError(f"{what} must be the handle of {of}, not that of {value._handles}: {shown(value)}")
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise InvalidError(f"{what} must be the handle of {of} or its number, not {shown(value)}")
    return integer(value, what, 0, most)


def number(value: Any, what: str, accepted: str, least: float, most: float) -> float:
    """A finite number within limits, which `accepted` describes."""
    try:
        found = float(value) if not isinstance(value, (bool, str, bytes)) else None
    except (TypeError, ValueError, OverflowError):
        found = None
    if found is None or not least <= found <= most:
        raise InvalidError(f"{what} must be {accepted}, not {shown(value)}")
    return found


def is_number(text: str) -> bool:
    """Whether a text is a number; NaN and infinity are."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def probability(value: Any, what: str) -> float:
    """A number from 0 to 1."""
    share = value.strip().removesuffix("%") if isinstance(value, str) else ""
    if share and "%" in value and is_number(share) and 0 <= float(share) <= 100:
        hint = f"write {float(share) / 100:.6g}"
        raise InvalidError(f"{what} must be a probability between 0 and 1, not {shown(value)}; {hint}")
    return number(value, what, "a probability between 0 and 1", 0, 1)


def confidence(value: Any, what: str) -> float:
    """The confidence of an interval, between 0 and 1 exclusive: at both, intervals are empty or infinite."""
    accepted = "a confidence above 0 and below 1, such as 0.95"
    found = number(value, what, accepted, 0, 1)
    if found in (0.0, 1.0):
        raise InvalidError(f"{what} must be {accepted}, not {shown(value)}")
    return found


def flag(value: Any, what: str) -> bool:
    """True or False, of Python or numpy."""
    if type(value).__name__ not in ("bool", "bool_"):
        raise InvalidError(f"{what} must be True or False, not {shown(value)}")
    return bool(value)


def choice(value: Any, what: str, choices: Sequence[str]) -> str:
    """One of some words."""
    if not isinstance(value, str) or value not in choices:
        *others, last = map(repr, choices)
        accepted = f"{', '.join(others)} or {last}" if others else last
        raise InvalidError(f"{what} must be {accepted}, not {shown(value)}{unknown_in(value, choices)}")
    return value


def instance(value: Any, kind: type[T], what: str) -> T:
    """A value of a class of this package."""
    if not isinstance(value, kind):
        hint = meant_for(value, kind)
        raise InvalidError(f"{what} must be of type {named(kind)}, not {shown(value)}{hint}")
    return value


def items(value: Iterable[Any], what: str, accepted: str = "a list") -> list[Any]:
    """The items of a list, a tuple, or another iterable, but not a text; those of a set are sorted."""
    try:
        if not isinstance(value, (str, bytes)):
            return listed(value)
    except TypeError:
        pass
    raise InvalidError(f"{what} must be {accepted}, not {shown(value)}")


def node(value: Any, what: str) -> str:
    """The name of a node: a text, or a node of a cluster."""
    if isinstance(value, (str, Node)):
        return value.name if isinstance(value, Node) else value
    raise InvalidError(f"{what} must be the name of a node, not {shown(value)}")


def nodes(value: Any, what: str, names: Sequence[str]) -> list[str]:
    """The names of nodes: given as one, as single-letter ones in a row, as a node, or as a list of those."""
    found: list[str] = []
    several = [value] if isinstance(value, (str, Node)) else items(value, what, "a name or a list of names")
    for given in several:
        word = given.name if isinstance(given, Node) else given
        if isinstance(word, str) and word in names:
            found.append(word)
        elif isinstance(word, str) and word and all(letter in names for letter in word):
            found.extend(word)
        else:
            known = ", ".join(names)
            raise InvalidError(f"{what}: unknown node {shown(word)}; this cluster has {known}")
    return found


def message_types(value: Any, what: str) -> list[str]:
    """The types of messages: given as one, or as a list of those."""
    accepted = "a type of message or a list of types"
    several = [value] if isinstance(value, str) else items(value, what, accepted)
    return [instance(name, str, what) for name in several]


def dumps(value: Any) -> str:
    """A value as JSON for the core."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()  # raises for a lone surrogate
        return text
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidError(f"an argument cannot be written down: {error}") from None


def text_of(value: object, what: str) -> str:
    """A value as a text, as `str` gives it."""
    try:
        return str(value)
    except Exception as error:  # such as an integer of ten thousand digits
        raise InvalidError(f"{what} cannot be written down: {error}") from None


@contextlib.contextmanager
def reading(what: str, written: object) -> Iterator[None]:
    """Raises an InvalidError that names and shows a part of a scenario's JSON if reading it fails."""
    try:
        yield
    except InvalidError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError):
        raise InvalidError(f"{what} must be as the JSON of a scenario has it, not {shown(written)}") from None
