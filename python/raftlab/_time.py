"""Durations and times as people write them."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import TypeAlias

from .errors import InvalidError, shown

Duration: TypeAlias = "str | float | int | dt.timedelta"
"""`"2s"`, `"150ms"`, a `timedelta`, or a number of milliseconds."""

HOUR_MS, DAY_MS, YEAR_MS = 3600e3, 24 * 3600e3, 365 * 24 * 3600e3

_UNITS = {
    "ns": 1e-6,
    "us": 1e-3,
    "µs": 1e-3,
    "ms": 1.0,
    "s": 1e3,
    "m": 60e3,
    "min": 60e3,
    "h": HOUR_MS,
}
LONGEST_MS = 100 * DAY_MS
"""The longest time that is accepted, up to which a double resolves nanoseconds."""

_PATTERN = re.compile(r"\s*((?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*([a-zµ]+)\s*")
"""Each digit can belong to one part only, so that what does not match is refused in linear time."""
_ACCEPTED = "a number of milliseconds, a timedelta, or a text such as '150ms', '2s', '5min'"


def to_ms(value: Duration, what: str) -> float:
    """Milliseconds of a duration; `what` names the argument in errors."""
    ms = _number(value, what)
    if math.isnan(ms) or math.isinf(ms) or ms < 0:
        raise InvalidError(f"{what} must be a finite time of at least 0 ms, not {shown(value)}")
    return _not_too_long(ms, value, what)


def to_signed_ms(value: Duration, what: str) -> float:
    """Milliseconds of a duration that may be negative (`"-20ms"`)."""
    if isinstance(value, str) and value.strip().startswith("-"):
        return -to_ms(value.strip()[1:], what)
    ms = _number(value, what)
    if math.isnan(ms) or math.isinf(ms):
        raise InvalidError(f"{what} must be a finite time, not {shown(value)}")
    return _not_too_long(ms, value, what)


def _number(value: Duration, what: str) -> float:
    if isinstance(value, dt.timedelta):
        return value / dt.timedelta(milliseconds=1)
    if isinstance(value, str):
        match = _PATTERN.fullmatch(value)
        if match is None or match[2] not in _UNITS:
            raise InvalidError(f"{what} must be {_ACCEPTED}, not {shown(value)}")
        return float(match[1]) * _UNITS[match[2]]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        try:  # numpy's numbers, and others that are floats in all but name
            if not isinstance(value, bool) and hasattr(value, "__float__"):
                return float(value)
        except (TypeError, ValueError):
            pass
        raise InvalidError(f"{what} must be {_ACCEPTED}, not {shown(value)}")
    try:
        return float(value)
    except OverflowError:  # an integer beyond all doubles is too long whatever it is
        return 2 * LONGEST_MS if value > 0 else -2 * LONGEST_MS


def _not_too_long(ms: float, value: object, what: str) -> float:
    if abs(ms) > LONGEST_MS:
        raise InvalidError(f"{what} must be a time of at most 100 days, not {shown(value)}")
    return ms


def format_ms(ms: float) -> str:
    """A time as text: `"1.25 s"`, `"150 ms"`."""
    if ms >= 60_000:
        return f"{ms / 60_000:.4g} min"
    if ms >= 1000:
        return f"{ms / 1000:.4g} s"
    return f"{ms:.4g} ms"
