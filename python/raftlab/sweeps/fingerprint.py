"""What a function does, in a hash: whether it is the one that wrote what is on disk."""

from __future__ import annotations

import functools
import hashlib
import sys
import types
from collections.abc import Callable
from typing import Any

__all__ = ["fingerprint"]


def fingerprint(function: Callable[..., Any]) -> str:
    """A hash of a function's code, and of what that names in its module: functions, numbers and texts.

    It is of the code as Python compiled it: comments do not count, and another minor version of Python makes
    another one. What is imported from elsewhere, and values that may change (lists, objects), are not in it.
    """
    says = "\0".join(map(str, (*sys.version_info[:2], content(function, set()))))
    return hashlib.blake2b(says.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def content(value: Any, seen: set[int]) -> str:
    """A value as a text that is the same in every process; only its type, if it may change."""
    if isinstance(value, (type(None), bool, int, float, complex, str, bytes, type(...))):
        return repr(value)
    if isinstance(value, tuple):
        return f"({','.join(content(item, seen) for item in value)})"
    if isinstance(value, frozenset):
        return f"{{{','.join(sorted(content(item, seen) for item in value))}}}"
    if isinstance(value, types.ModuleType):
        return value.__name__
    if id(value) in seen:
        return "again"
    seen.add(id(value))
    if isinstance(value, types.FunctionType):
        return of_function(value, seen)
    if isinstance(value, types.CodeType):
        return of_code(value, seen)
    if isinstance(value, types.MethodType):
        return content(value.__func__, seen) + of_object(value.__self__, seen)
    if isinstance(value, functools.partial):
        given = (value.func, value.args, tuple(sorted(value.keywords.items())))
        return content(given, seen)
    return of_object(value, seen) if callable(value) and not isinstance(value, type) else named(value)


def of_function(function: types.FunctionType, seen: set[int]) -> str:
    """Its code, its defaults, what it closes over, and what it names of its own module."""
    cells = (cell.cell_contents for cell in function.__closure__ or () if not is_empty(cell))
    known = function.__globals__
    used = ((name, known[name]) for name in names_of(function.__code__) if name in known)
    own = tuple(
        (name, value)
        for name, value in used
        if not callable(value) or getattr(value, "__module__", None) == function.__module__
    )
    defaults = (function.__defaults__, tuple(sorted((function.__kwdefaults__ or {}).items())))
    return content((function.__code__, *defaults, tuple(cells), own), seen)


def of_code(code: types.CodeType, seen: set[int]) -> str:
    """What it does, without where it stands."""
    return content((code.co_code, code.co_names, code.co_varnames, code.co_consts), seen)


def of_object(value: Any, seen: set[int]) -> str:
    """Something that is called like a function: its attributes, and what a call does."""
    attributes = tuple(sorted(getattr(value, "__dict__", {}).items()))
    call = vars(type(value)).get("__call__")
    return content((named(value), call if isinstance(call, types.FunctionType) else None, attributes), seen)


def names_of(code: types.CodeType) -> list[str]:
    """The names that code looks up, also that of functions inside it."""
    inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
    return sorted({*code.co_names, *(name for inside in inner for name in names_of(inside))})


def named(value: Any) -> str:
    """The name of a class, or of an object's."""
    kind = value if isinstance(value, type) else type(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"


def is_empty(cell: types.CellType) -> bool:
    """Whether a variable that is closed over has no value (yet)."""
    try:
        cell.cell_contents  # noqa: B018  # whether it is there
    except ValueError:
        return True
    return False
