"""Attributes that can only be read: `lock` makes a class refuse assignments to them, with clear errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._suggest import unknown_attribute
from .errors import ReadOnlyError, shown

__all__ = ["lock", "set_once"]


def set_once(owner: object, **attributes: Any) -> None:
    """Sets public attributes of a new object, whose class may be locked."""
    for name, value in attributes.items():
        object.__setattr__(owner, name, value)


def lock(kind: type, wrapped: Callable[[Callable[..., None]], Any]) -> None:
    """Makes the instances of a class of raftlab read-only, but for private attributes.

    Subclasses that users write may have attributes of their own.
    """
    kind.__setattr__ = wrapped(_set)  # type: ignore[method-assign]
    kind.__delattr__ = wrapped(_delete)  # type: ignore[method-assign]


def _set(owner: object, name: str, value: object) -> None:
    if _is_locked(type(owner), name):
        raise _refusal(owner, name, f"set to {shown(value)}")
    object.__setattr__(owner, name, value)


def _delete(owner: object, name: str) -> None:
    if _is_locked(type(owner), name):
        raise _refusal(owner, name, "deleted")
    object.__delattr__(owner, name)


def _is_locked(kind: type, name: str) -> bool:
    """Whether it is an attribute of raftlab, and not one of the subclass of a user."""
    if name.startswith("_"):
        return False
    home = next((base for base in kind.__mro__ if _declares(base, name)), kind)
    return _is_ours(kind) or _is_ours(home)


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == __package__


def _declares(kind: type, name: str) -> bool:
    return name in vars(kind) or name in vars(kind).get("__annotations__", ())


def _refusal(owner: object, name: str, what: str) -> AttributeError:
    kind = type(owner)
    if name not in getattr(owner, "__dict__", ()) and not any(_declares(base, name) for base in kind.__mro__):
        return unknown_attribute(owner, name)
    advice = getattr(kind, "_instead_of_setting", _no_advice)(name)
    return ReadOnlyError(f"{kind.__name__}.{name} cannot be {what}: {advice}")


def _no_advice(_name: str) -> str:
    return "it can only be read"
