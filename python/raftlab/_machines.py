"""The number of machines in each region, by a file of round trips or by an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ._arguments import integer
from .errors import InvalidError, shown

__all__ = ["Machines", "machines_of"]

Machines: TypeAlias = "int | Mapping[str, int] | None"
"""The total number of machines, or those in each region; None for those in the file."""

MOST = 255


def machines_of(names: Sequence[str], counts: Sequence[int] | None, given: Machines) -> list[int]:
    """Machines by region. The argument must not contradict the file; the default is one per region.

    Raises
    ------
    InvalidError
        If they contradict each other, or a region is unknown or left out.
    """
    if isinstance(given, Mapping):
        named = by_name(names, given)
        if counts is not None and list(counts) != named:
            raise InvalidError(
                f"nodes: the file has {worded(names, counts)}, and nodes= says {worded(names, named)}: "
                "leave one of them out"
            )
        return within_limits(named)
    known = within_limits([1] * len(names) if counts is None else list(counts))
    if given is None:
        return known
    total = integer(given, "nodes", 1, MOST)
    if total != sum(known):
        hint = "" if counts is not None else f", or machines by region, such as {suggestion(names, total)}"
        raise InvalidError(
            f"nodes must be {sum(known)}, as many as the file has ({worded(names, known)}){hint}, not {total}"
        )
    return known


def by_name(names: Sequence[str], given: Mapping[str, int]) -> list[int]:
    """The machines of each region, all of which must be named."""
    unknown = [name for name in given if name not in names]
    missing = [name for name in names if name not in given]
    if unknown:
        raise InvalidError(f"nodes: unknown region {shown(unknown[0])}; the file has {', '.join(names)}")
    if missing:
        raise InvalidError(
            f"nodes must say how many machines each region has, 0 if none: {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing in {shown(dict(given))}"
        )
    return [integer(given[name], f"nodes: {name}", 0, MOST) for name in names]


def within_limits(counts: list[int]) -> list[int]:
    """At least one machine in all, and no more than a cluster may have."""
    if not 1 <= sum(counts) <= MOST:
        raise InvalidError(f"nodes must be between 1 and {MOST} in all, not {sum(counts)}")
    return counts


def suggestion(names: Sequence[str], total: int) -> str:
    """An example of an argument that spreads a number of machines over regions."""
    each, more = divmod(total, len(names))
    return str({name: each + (at < more) for at, name in enumerate(names)})


def worded(names: Sequence[str], counts: Sequence[int]) -> str:
    """Regions with their machines: fra 2, lon 2, nyc 1."""
    return ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True))
