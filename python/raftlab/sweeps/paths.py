"""Values at places in a scenario: `"network.loss"` is the loss of its network."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from .._suggest import meant
from .._time import to_ms
from .._writing import normal
from ..errors import InvalidError, shown
from ..scenario import Scenario

__all__ = ["changed"]


def changed(parts: Mapping[str, Any], point: Mapping[str, Any]) -> Scenario:
    """Returns a scenario, given by the parts of its JSON, with other values at some places.

    A place is a path: `"network.loss"` is `parts["network"]["loss"]`, `"faults.0.at"` the time of the first
    fault.
    """
    written = copy.deepcopy(dict(parts))
    for path, value in point.items():
        put(written, path, written_as(value))
    try:
        return Scenario.from_json(normal(written))
    except InvalidError as error:
        raise InvalidError(f"{error}{meant(map(repr, elsewhere(parts, point)))}") from error


def elsewhere(parts: Mapping[str, Any], point: Mapping[str, Any]) -> list[str]:
    """Places that end like those of a point that the scenario does not have."""
    known = list(places(parts))
    return [
        place
        for path in point
        if path not in known
        for place in known
        if place.rpartition(".")[2] == path.rpartition(".")[2]
    ]


def places(parts: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """The paths to the values of a scenario's settings, at any depth."""
    for name, value in parts.items():
        yield before + name
        if isinstance(value, Mapping):
            yield from places(value, f"{before}{name}.")


def put(parts: dict[str, Any], path: str, value: Any) -> None:
    """Sets the value at a path, and creates missing objects along it."""
    *way, last = path.split(".")
    try:
        place: Any = parts
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
        key: Any = int(last) if isinstance(place, list) else last
        now = place[key] if isinstance(place, list) else place.get(key)
        place[key] = value if isinstance(now, str) else in_ms(value)
    except (AttributeError, IndexError, TypeError, ValueError):
        raise InvalidError(f"grid: the scenario has no place '{path}'") from None


def in_ms(value: Any) -> Any:
    """A time such as `"20ms"` in milliseconds; other values unchanged."""
    if not isinstance(value, (str, timedelta)):
        return value
    try:
        return to_ms(value, "grid")
    except InvalidError:
        return value


def written_as(value: Any) -> Any:
    """A value in the form that the JSON of a scenario has."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {name: written_as(of) for name, of in value.items()}
    if isinstance(value, (list, tuple)):
        return [written_as(of) for of in value]
    if hasattr(value, "item"):  # a number of numpy
        value = value.item()
    if isinstance(value, timedelta):
        return value
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        raise InvalidError(f"grid: {shown(value)} cannot be a value in a scenario") from None
    return value
