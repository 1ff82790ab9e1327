"""Values at places in a scenario: `"network.loss"` is the loss of its network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from .._suggest import meant
from .._time import to_ms
from .._writing import WRITERS, normal
from ..errors import InvalidError, shown
from ..scenario import Scenario

__all__ = ["changed"]


def changed(scenario: Scenario, point: Mapping[str, Any]) -> Scenario:
    """Returns a scenario with other values at some places.

    A place is an argument of `Scenario.replace`, such as `"network"`, or a path in the scenario's JSON:
    `"network.loss"` is `parts["network"]["loss"]`, `"faults.0.at"` the time of the first fault.
    """
    plain = {path: without_numpy(value) for path, value in point.items()}
    arguments = {name: value for name, value in plain.items() if is_argument(name, value)}
    paths = {path: value for path, value in plain.items() if path not in arguments}
    scenario = scenario._with(arguments)
    if not paths:
        return scenario
    written = json.loads(scenario.to_json())
    known = list(places(written))
    for path, value in paths.items():
        put(written, path, written_as(value))
    try:
        return Scenario.from_json(normal(written))
    except InvalidError as error:
        raise InvalidError(f"{error}{meant(map(repr, elsewhere(known, paths)))}") from error


def is_argument(name: str, value: Any) -> bool:
    """True for an argument of `Scenario.replace`, unless the value is JSON, with dicts for objects."""
    if name not in ("nodes", *WRITERS):
        return name == "preset"
    return not any(isinstance(of, Mapping) for of in (value if isinstance(value, list) else [value]))


def without_numpy(value: Any) -> Any:
    """A value with numbers and lists instead of numpy's and pandas' scalars and arrays."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return [without_numpy(of) for of in value] if isinstance(value, (list, tuple)) else value


def elsewhere(known: list[str], point: Mapping[str, Any]) -> list[str]:
    """Places that end like those of a point that the scenario does not have."""
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
        place[key] = in_ms(value, now)
    except (AttributeError, IndexError, TypeError, ValueError):
        raise InvalidError(f"grid: the scenario has no place '{path}'") from None


def in_ms(value: Any, now: Any) -> Any:
    """A value with times such as `"20ms"` in milliseconds, at any depth, unless texts are there now."""
    if isinstance(value, dict):
        known = now if isinstance(now, dict) else {}
        return {name: in_ms(of, known.get(name)) for name, of in value.items()}
    if isinstance(value, list):
        first = now[0] if isinstance(now, list) and now else None
        return [in_ms(of, first) for of in value]
    if isinstance(now, str) or not isinstance(value, (str, timedelta)):
        return value
    try:
        return to_ms(value, "grid")
    except InvalidError:
        return value


def written_as(value: Any) -> Any:
    """A value in the form that the JSON of a scenario has, but for times."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {name: written_as(without_numpy(of)) for name, of in value.items()}
    if isinstance(value, list):
        return [written_as(of) for of in value]
    if isinstance(value, timedelta):
        return value
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        raise InvalidError(f"grid: {shown(value)} cannot be a value in a scenario") from None
    return value
