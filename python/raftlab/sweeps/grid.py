"""Grids: their points, the columns of a result that hold them, and how points are distinguished."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Number
from typing import Any, TypeAlias

from .._arguments import items
from ..errors import InvalidError, shown

Grid: TypeAlias = "Mapping[str, Iterable[Any]] | Sequence[Mapping[str, Any]]"
"""Values by parameter, of which all combinations are played; or a list of points."""


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
                f"grid: all points must have the same parameters, not {shown(point)} and {shown(points[0])}"
            )
    return tuple(dict(point) for point in points)


def cells_of(points: Sequence[Mapping[str, Any]]) -> tuple[tuple[Any, ...], ...]:
    """The points as cells of columns: each parameter has one type over the whole grid."""
    columns = [column_of([point[name] for point in points]) for name in points[0]]
    return tuple(zip(*columns, strict=True)) if columns else ((),) * len(points)


def column_of(values: list[Any]) -> list[Any]:
    """The values as flags, 64-bit integers or numbers if all of them are; otherwise as texts."""
    if all(is_flag(value) for value in values):
        return [bool(value) for value in values]
    for kind in (operator.index, float):
        try:
            numbers = [kind(value) for value in values if not isinstance(value, (str, bytes, bool))]
        except (TypeError, ValueError, OverflowError):
            continue
        if kind is operator.index and not all(-(2**63) <= number < 2**63 for number in numbers):
            break  # as floats they would change
        if len(numbers) == len(values):
            return numbers
    return [str(value) for value in values]


def is_flag(value: Any) -> bool:
    """True if the value is a bool of Python or numpy."""
    return type(value).__name__ in ("bool", "bool_")


def refuse_twins(points: Sequence[Mapping[str, Any]], cells: Sequence[tuple[Any, ...]]) -> None:
    """Refuses points with equal cells, since rows identify their points by the cells."""
    known: set[tuple[Any, ...]] = set()
    for point, of in zip(points, cells, strict=True):
        if key_of(of) in known:
            raise InvalidError(f"grid: the point {worded(point)} is there twice")
        known.add(key_of(of))


def refuse_doubles(points: Sequence[Mapping[str, Any]]) -> None:
    """Refuses different values with the same text, whose rows could not be distinguished."""
    for name in points[0]:
        first: dict[str, Any] = {}
        for point in points:
            value = point[name]
            if not same(first.setdefault(str(value), value), value):
                raise InvalidError(
                    f"grid: '{name}' has different values with the text {shown(str(value))}, which rows "
                    "cannot distinguish: sweep over names of them"
                )


def same(a: Any, b: Any) -> bool:
    """True if two values of a grid are equal; values that do not compare are equal if their texts are."""
    try:
        return a is b or bool(a == b) or bool(a != a and b != b)
    except (TypeError, ValueError):
        return str(a) == str(b)


NEAR = 1e-12
"""Relative difference below which numbers count as equal up to rounding: 3 * 0.05 is 0.15."""

MOST_SHOWN = 10
"""The most values of a parameter that an error lists."""


def selected(values: Sequence[tuple[Any, Any]], given: Any, name: str) -> list[bool]:
    """Marks the values of a parameter that were given, as one value or as a list of them.

    Each value comes with its cell. A value in the list that the grid does not have is an error.
    """
    marks = matching(values, given)
    if any(marks) or not is_list(given):
        found, missing = [marks], [] if any(marks) else [given]
    else:
        listed = items(given, f"where: {name}")
        found = [matching(values, one) for one in listed]
        missing = [one for one, of in zip(listed, found, strict=True) if not any(of)] if listed else [given]
    if missing:
        known = list(dict.fromkeys(shown(value) for value, _ in values))
        more = f" and {len(known) - MOST_SHOWN:,} more" if len(known) > MOST_SHOWN else ""
        raise InvalidError(
            f"where: no point of the grid has {name}={shown(missing[0])}; "
            f"it has {', '.join(known[:MOST_SHOWN])}{more}"
        )
    return [any(column) for column in zip(*found, strict=True)]


def matching(values: Sequence[tuple[Any, Any]], given: Any) -> list[bool]:
    """Marks the values, each with its cell, that match one that was given or read in a table.

    An exact match takes precedence over numbers that are equal up to rounding.
    """
    exact = [is_same(value, given) or is_same(cell, given) for value, cell in values]
    return exact if any(exact) else [is_near(value, given) for value, _ in values]


def is_same(value: Any, given: Any) -> bool:
    """True if two values are equal, or one is the text of the other, as in a table or a saved sweep."""
    texts = isinstance(value, str) or isinstance(given, str)
    return same(value, given) or (texts and str(value) == str(given))


def is_near(value: Any, given: Any) -> bool:
    """True if two numbers, or texts of numbers, are equal up to the rounding of floating-point numbers."""
    a, b = number_of(value), number_of(given)
    if a is None or b is None:
        return False
    return a == b if a == a // 1 and b == b // 1 else math.isclose(a, b, rel_tol=NEAR)


def number_of(value: Any) -> int | float | None:
    """A value as a number; None if it is not one."""
    if is_flag(value) or not isinstance(value, (Number, str)):
        return None
    kinds: tuple[Callable[[Any], int | float], ...]
    kinds = (int, float) if isinstance(value, str) else (operator.index, float)
    for kind in kinds:
        try:
            return kind(value)
        except (TypeError, ValueError, OverflowError):
            continue
    return None


def is_list(given: Any) -> bool:
    """True if the value is a list, an array or a Series of values rather than a single one."""
    single = isinstance(given, (str, bytes, Mapping)) or getattr(given, "ndim", 1) == 0
    return isinstance(given, Iterable) and not single


def key_of(cells: tuple[Any, ...]) -> tuple[Any, ...]:
    """Cells as the key of a dict, in which NaN equals NaN."""
    return tuple(None if cell != cell else cell for cell in cells)


def known_parameter(name: str, parameters: Sequence[str], what: str) -> str:
    """Checks the name of a parameter of the grid; `what` names the argument in errors."""
    if name not in parameters:
        known = ", ".join(parameters) or "none: it is a sweep of one scenario"
        raise InvalidError(f"{what}: unknown parameter {shown(name)}; the grid has {known}")
    return name


def worded(point: Mapping[str, Any]) -> str:
    """A point, written as arguments."""
    return ", ".join(f"{name}={shown(value)}" for name, value in point.items())
