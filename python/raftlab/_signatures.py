"""Signatures that list the arguments that a function passes on, for Python, editors and errors."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["UNCHANGED", "passes_on"]

F = TypeVar("F", bound=Callable[..., Any])


class _Unchanged:
    """The default shown in a signature for an argument that is left unchanged."""

    def __repr__(self) -> str:
        return "<unchanged>"


UNCHANGED = _Unchanged()


def passes_on(
    taker: Callable[..., Any], *also: str, default: object = inspect.Parameter.empty
) -> Callable[[F], F]:
    """Lists the arguments that a function passes on as `**keywords` in its signature.

    Parameters
    ----------
    taker : callable
        The function or class that gets them. Its keyword-only parameters are listed.
    *also : str
        Other parameters of it to list.
    default : object, optional
        The default to show for all of them; by default that of `taker`.

    Examples
    --------
    >>> def draw(shape, *, colour="red", width=1): ...
    >>> @passes_on(draw)
    ... def circle(radius, **style): ...
    >>> inspect.signature(circle)
    <Signature (radius, *, colour='red', width=1)>
    """

    def with_signature(function: F) -> F:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        taken = {p.name for p in own}
        passed = [
            p.replace(kind=p.KEYWORD_ONLY, default=p.default if default is p.empty else default)
            for p in inspect.signature(taker).parameters.values()
            if p.name not in taken and (p.kind is p.KEYWORD_ONLY or p.name in also)
        ]
        function.__signature__ = signature.replace(parameters=[*own, *passed])  # type: ignore[attr-defined]
        return function

    return with_signature
