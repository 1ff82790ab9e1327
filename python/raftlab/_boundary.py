"""Wraps the public functions and methods, so that errors are clear and tracebacks end at the user's line.

`guard` wraps the public functions of a module, and the public methods of its classes, in `_core.Public`. A
wrapped call costs nothing extra unless it raises. Then `explain` chooses the exception to raise:

- a call that does not fit the signature becomes an error that names the closest arguments;
- an error of raftlab loses the frames of raftlab's own files, which do not help to find the mistake. Frames
  of callbacks stay. Any other exception is a bug, or the user's own, and keeps all of its frames.

`RAFTLAB_TRACEBACKS=full` in the environment keeps all frames of all errors.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Mapping, Sequence
from types import FrameType, FunctionType, ModuleType, TracebackType
from typing import Any, NoReturn, TypeVar

from . import _core
from ._read_only import lock
from ._suggest import close, unknown_argument, unknown_attribute
from ._values import Guarded
from .errors import CallError, InvalidError, RaftlabError

__all__ = ["explain", "guard", "shows_how"]

F = TypeVar("F", bound=Callable[..., Any])


def guard(module: str, *others: type) -> None:
    """Wraps the names in `__all__` of a module, and makes `dir` show these names only.

    Names that the module loads lazily are guarded by their own modules. Other classes whose instances users
    get are wrapped, too.
    """
    names = vars(sys.modules[module])
    for other in others:
        _guard_class(other)
    for part in (sys.modules[module], *names.values()):
        if type(part) is ModuleType and _is_ours(part.__name__):
            part.__class__ = Module
    for name in names["__all__"]:
        value = names.get(name)
        if isinstance(value, type):
            _guard_class(value)
        elif isinstance(value, FunctionType) and _is_ours(value.__module__):
            home = vars(sys.modules[value.__module__])
            names[name] = home[value.__name__] = public(value)
    names["__dir__"] = lambda: sorted(names["__all__"])
    names["__getattr__"] = public(names.get("__getattr__") or _missing_in(sys.modules[module]))


class Module(ModuleType):
    """A module of raftlab, with an error for brackets that names the attribute that was meant."""

    __iter__ = None

    def __getitem__(self, key: object) -> NoReturn:
        for home in (self, sys.modules[__package__]):
            near = close(str(key), getattr(home, "__all__", ()), 1)
            if near:
                raise CallError(f"{self.__name__} is a module; did you mean {home.__name__}.{near[0]}?")
        raise CallError(f"{self.__name__} is a module; dir() lists what it has")


def public(function: Callable[..., Any]) -> Any:
    """A wrapped function."""
    guarded: Any = _core.Public(function, explain)
    return functools.update_wrapper(guarded, function)


def shows_how(advice: Callable[..., str]) -> Callable[[F], F]:
    """Adds advice to the errors of calls that do not fit the signature; it gets the arguments of the call."""

    def with_advice(function: F) -> F:
        function.__dict__["_advice"] = advice
        return function

    return with_advice


def _guard_class(kind: type) -> None:
    for part in kind.__mro__:
        if _is_ours(part.__module__) and "_guarded" not in vars(part):
            if not issubclass(part, BaseException):
                lock(part, lambda setter: _core.Public(setter, _explain_missing))
            for name, member in list(vars(part).items()):
                if not name.startswith("_") or name in SPECIAL:
                    _guard_member(part, name, member)
            if not issubclass(part, BaseException):
                part._guarded = True  # type: ignore[attr-defined]
    own = any("__getattr__" in vars(part) for part in kind.__mro__)
    if not issubclass(kind, BaseException) and not own:
        kind.__getattr__ = _core.Public(_missing, _explain_missing)  # type: ignore[attr-defined]


SPECIAL = ("__call__", "__getattr__", "__getitem__", "__init__")


def _guard_member(kind: type, name: str, member: Any) -> None:
    if isinstance(member, FunctionType):
        setattr(kind, name, public(member))
    elif isinstance(member, (classmethod, staticmethod)):
        if isinstance(member.__func__, FunctionType):
            setattr(kind, name, type(member)(public(member.__func__)))
    elif type(member) is property and isinstance(member.fget, FunctionType):
        getter = functools.update_wrapper(_core.Public(member.fget, _explain_property), member.fget)
        setattr(kind, name, property(getter, member.fset, member.fdel, member.__doc__))


def _missing(self: object, name: str) -> Any:
    """`__getattr__` of the public classes: raises the error of an attribute that an instance lacks."""
    error = _raised_by(self, name)
    if error is not None:
        try:
            raise error
        finally:
            del error  # its traceback has this frame
    if not name.startswith("__") and hasattr(type(self), name):
        return object.__getattribute__(self, name)  # a property of the user's that raised AttributeError
    raise unknown_attribute(self, name)


def _raised_by(owner: object, name: str) -> AttributeError | None:
    """The AttributeError that a property has just raised: Python dropped it, and calls `__getattr__`."""
    try:
        thread, of, error = object.__getattribute__(owner, "_raised")
    except AttributeError:
        return None
    object.__delattr__(owner, "_raised")
    return error if (thread, of) == (threading.get_ident(), name) else None


def _missing_of(kind: type, name: str) -> Any:
    """`__getattr__` of the class of the public classes."""
    raise unknown_attribute(kind, name)


def _missing_in(module: ModuleType) -> Callable[[str], Any]:
    """`__getattr__` of the public modules: raises the error of a name that a module lacks."""

    def __getattr__(name: str) -> Any:
        raise unknown_attribute(module, name)

    return __getattr__


def _is_ours(module: object) -> bool:
    return isinstance(module, str) and (module == __package__ or module.startswith(f"{__package__}."))


# ---- When something was raised ----------------------------------------------------------------------------


def explain(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], error: Exception
) -> Exception:
    """Returns the exception to raise instead of an error: the same without our frames, or a clearer one."""
    if isinstance(error, (TypeError, InvalidError)):
        wrong = _wrong_call(function, args, kwargs)
        if wrong is not None:
            return _with_advice(wrong, function, args, kwargs)
    return _shortened(error)


def _with_advice(
    error: InvalidError, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> InvalidError:
    """An error with the advice of `shows_how`."""
    advice = vars(function).get("_advice")
    try:
        said = advice(*args, **kwargs) if advice else ""
    except TypeError:  # more arguments than even the advice takes
        said = ""
    return type(error)(f"{error}{said}") if said else error


def _shortened(error: Exception) -> Exception:
    """An error without the frames that do not help to find a mistake."""
    if isinstance(error, RaftlabError) and os.environ.get("RAFTLAB_TRACEBACKS") != "full":
        error.__traceback__ = _outside(error.__traceback__)
    return error


def _explain_property(
    getter: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], error: Exception
) -> Exception:
    """The same for a property, whose AttributeError `_missing` raises again instead of reading it twice.

    Until then its owner keeps it, so that nothing outlives its owner.
    """
    if isinstance(error, AttributeError):
        with contextlib.suppress(AttributeError):  # an owner without a place for it
            object.__setattr__(args[0], "_raised", (threading.get_ident(), getter.__name__, error))
    return explain(getter, args, kwargs, error)


def _explain_missing(
    _function: Callable[..., Any], _args: Sequence[Any], _kwargs: Mapping[str, Any], error: Exception
) -> Exception:
    """The same for an attribute that is not there, which Python asks for, and libraries do often."""
    return _shortened(error)


def _outside(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of raftlab and of the standard library. Frames of callbacks stay."""
    frames = []
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    kept: TracebackType | None = None
    for at in reversed(frames):
        if not _is_inside(at.tb_frame):
            kept = TracebackType(kept, at.tb_frame, at.tb_lasti, at.tb_lineno)
    return kept


def _is_inside(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    of_python = file.startswith(STANDARD_LIBRARY) and "site-packages" not in file
    return of_python or _is_ours(frame.f_globals.get("__name__"))


STANDARD_LIBRARY = sysconfig.get_path("stdlib") + os.sep


def _wrong_call(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> InvalidError | None:
    """The error of a call that does not fit the signature; None if it fits."""
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        pass
    else:
        return None
    own = 1 if _is_method(function) else 0
    parameters = list(signature.parameters.values())
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    by_name = [p.name for p in parameters[own:] if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    call = _called(function, args)
    for name in kwargs:
        if name not in by_name:
            return unknown_argument(call, name, by_name)
    taken = [name for name in positional[: len(args)] if name in kwargs]
    if taken:
        return CallError(f"{call} got '{taken[0]}' twice: by its place and by name")
    if len(args) > len(positional):
        most = positional[own:]
        by_place = f"only {', '.join(most)}" if most else "none"
        rest = [name for name in by_name if name not in positional]
        named = f", and by name {', '.join(rest)}" if rest else ""
        return CallError(f"{call} takes {by_place} by place{named}; it got {len(args) - own} by place")
    given = {*positional[: len(args)], *kwargs}
    missing = [
        p.name
        for p in parameters
        if p.default is p.empty and p.name not in given and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    return CallError(f"{call} needs {' and '.join(repr(name) for name in missing)}")


def _is_method(function: Callable[..., Any]) -> bool:
    return next(iter(inspect.signature(function).parameters), "") in ("self", "cls")


def _called(function: Callable[..., Any], args: Sequence[Any]) -> str:
    """A call as the user wrote it: `Cluster()`, `Cluster.crash()`, `sweep()`."""
    owner, _, name = function.__qualname__.rpartition(".")
    if owner and _is_method(function) and args:
        owner = (args[0] if isinstance(args[0], type) else type(args[0])).__name__
    if name == "__init__":
        return f"{owner}()"
    return f"{owner}.{name}()" if owner else f"{name}()"


_guard_member(Module, "__getitem__", Module.__getitem__)
Guarded.__getattr__ = _core.Public(_missing_of, _explain_missing)  # type: ignore[attr-defined]
