"""Hashes of functions, which identify the metrics of a store."""

from __future__ import annotations

import functools
import hashlib
import sys
import types
from collections.abc import Callable
from typing import Any

__all__ = ["fingerprint"]


def fingerprint(function: Callable[..., Any]) -> str:
    """A hash of a function's code, and of the functions, numbers and texts of its module that it uses.

    The compiled code is hashed: comments do not count, and another minor version of Python gives another
    hash. Imports from other modules, and mutable values (lists, objects), are not included.
    """
    says = "\0".join(map(str, (*sys.version_info[:2], content(function, set()))))
    return hashlib.blake2b(says.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def content(value: Any, seen: set[int]) -> str:
    """A value as a text that is the same in every process; for a mutable value, only its type."""
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
    """A function's code, its defaults, its closure, and the values of its own module that it uses."""
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
    """Code without its position in the source."""
    return content((code.co_code, code.co_names, code.co_varnames, code.co_consts), seen)


def of_object(value: Any, seen: set[int]) -> str:
    """A callable object: its attributes, and the code of its `__call__`."""
    attributes = tuple(sorted(getattr(value, "__dict__", {}).items()))
    call = vars(type(value)).get("__call__")
    return content((named(value), call if isinstance(call, types.FunctionType) else None, attributes), seen)


def names_of(code: types.CodeType) -> list[str]:
    """The names that code looks up, including those of nested functions."""
    inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
    return sorted({*code.co_names, *(name for inside in inner for name in names_of(inside))})


def named(value: Any) -> str:
    """The name of a class, or of an object's class."""
    kind = value if isinstance(value, type) else type(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"


def is_empty(cell: types.CellType) -> bool:
    """True if a closure variable has no value (yet)."""
    try:
        cell.cell_contents  # noqa: B018  # whether it is there
    except ValueError:
        return True
    return False
