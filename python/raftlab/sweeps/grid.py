"""Grids: their points, how these stand in the columns of a result, and how they are told apart."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from .._arguments import items
from ..errors import InvalidError, shown

Grid: TypeAlias = "Mapping[str, Iterable[Any]] | Sequence[Mapping[str, Any]]"
"""A dict of values for each parameter (all combinations are played), or a list of points."""


def points_of(grid: Grid | None) -> tuple[dict[str, Any], ...]:
    """The points of a grid, the last parameter changing fastest."""
    if grid is None:
        return ({},)
    if isinstance(grid, Mapping):
        values = {name: items(values, f"grid: '{name}'") for name, values in grid.items()}
        for name, of in values.items():
            if not isinstance(name, str):
                raise InvalidError(f"grid: the names of parameters must be texts, not {shown(name)}")
            if not of:
                raise InvalidError(f"grid: '{name}' has no values")
        return tuple(dict(zip(values, point, strict=True)) for point in itertools.product(*values.values()))
    points = items(grid, "grid") if isinstance(grid, Iterable) and not isinstance(grid, (str, bytes)) else []
    if not points or not all(isinstance(point, Mapping) for point in points):
        raise InvalidError(
            f"grid must be a dict of lists, or a list of dicts with at least one, not {shown(grid)}"
        )
    for point in points:
        if list(point) != list(points[0]):
            raise InvalidError(
                "grid: all points must have the same parameters, "
                f"not {shown(point)} beside {shown(points[0])}"
            )
    return tuple(dict(point) for point in points)


def cells_of(points: Sequence[Mapping[str, Any]]) -> tuple[tuple[Any, ...], ...]:
    """The points as they stand in columns: each parameter of one type over the whole grid."""
    columns = [column_of([point[name] for point in points]) for name in points[0]]
    return tuple(zip(*columns, strict=True)) if columns else ((),) * len(points)


def column_of(values: list[Any]) -> list[Any]:
    """Flags, integers of 64 bits, or numbers, if all of them are; else texts."""
    if all(is_flag(value) for value in values):
        return [bool(value) for value in values]
    for kind in (operator.index, float):
        try:
            numbers = [kind(value) for value in values if not isinstance(value, (str, bytes, bool))]
        except (TypeError, ValueError, OverflowError):
            continue
        if kind is operator.index and not all(-(2**63) <= number < 2**63 for number in numbers):
            break  # as numbers they would be others
        if len(numbers) == len(values):
            return numbers
    return [str(value) for value in values]


def is_flag(value: Any) -> bool:
    """Whether it is True or False, of Python or numpy."""
    return type(value).__name__ in ("bool", "bool_")


def refuse_twins(points: Sequence[Mapping[str, Any]], cells: Sequence[tuple[Any, ...]]) -> None:
    """Rows tell their points by the cells: no two points may have the same."""
    known: set[tuple[Any, ...]] = set()
    for point, of in zip(points, cells, strict=True):
        if key_of(of) in known:
            raise InvalidError(f"grid: the point {worded(point)} is there twice")
        known.add(key_of(of))


def refuse_doubles(points: Sequence[Mapping[str, Any]]) -> None:
    """Refuses values that are not the same but have the same text: their rows would pass for one point's."""
    for name in points[0]:
        first: dict[str, Any] = {}
        for point in points:
            value = point[name]
            if not same(first.setdefault(str(value), value), value):
                raise InvalidError(
                    f"grid: '{name}' has different values with the text {shown(str(value))}; rows cannot be "
                    "told apart by it: sweep over names of them"
                )


def same(a: Any, b: Any) -> bool:
    """Whether two values of a grid are the same. What does not compare is taken by its text."""
    try:
        return a is b or bool(a == b) or bool(a != a and b != b)
    except (TypeError, ValueError):
        return str(a) == str(b)


NEAR = 1e-9
"""Relative difference below which floating-point numbers count as equal: 3 * 0.05 is 0.15."""


def is_meant(value: Any, given: Any) -> bool:
    """Whether a value of the grid is the one that was given, or read in a table: itself, or its text."""
    return is_same(value, given) or near(value, given)


def near(value: Any, given: Any) -> bool:
    """Whether two numbers, one of them of floating point, are the same but for rounding."""
    try:
        return isinstance(value + given, float) and math.isclose(value, given, rel_tol=NEAR)
    except (TypeError, ValueError, OverflowError):
        return False


def meant(values: Sequence[Any], given: Any) -> list[bool]:
    """Which of the values of a parameter were given: one value, or any of a list of them.

    A value that is itself in the grid wins over those that are near to it.
    """
    if any(is_same(value, given) for value in values):
        return [is_same(value, given) for value in values]
    if isinstance(given, (list, tuple, set, frozenset, range)) or is_array(given):
        of = [meant(values, one) for one in given]
        return [any(column) for column in zip(*of, strict=True)] if of else [False] * len(values)
    return [is_meant(value, given) for value in values]


def is_same(value: Any, given: Any) -> bool:
    """Whether a value of the grid is exactly the one that was given, or has its text."""
    return same(value, given) or (isinstance(given, str) and str(value) == given)


def is_array(given: Any) -> bool:
    """Whether it is an array or a Series of one dimension."""
    return getattr(given, "ndim", 0) == 1


def key_of(cells: tuple[Any, ...]) -> tuple[Any, ...]:
    """Cells as a key of a dict, in which NaN is itself."""
    return tuple(None if cell != cell else cell for cell in cells)


def known_parameter(name: str, parameters: Sequence[str], what: str) -> str:
    """The name of a parameter of the grid; `what` names the argument in errors."""
    if name not in parameters:
        known = ", ".join(parameters) or "none: it is a sweep of one scenario"
        raise InvalidError(f"{what}: unknown parameter {shown(name)}; the grid has {known}")
    return name


def worded(point: Mapping[str, Any]) -> str:
    """A point, as the arguments that it stands for."""
    return ", ".join(f"{name}={shown(value)}" for name, value in point.items())
