"""Faults and violations for pictures: their times and short labels."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from raftlab._faults import kinds
from raftlab._time import Duration, format_ms
from raftlab.errors import InvalidError

from ._states import read
from ._window import Window

if TYPE_CHECKING:
    from raftlab._world import World

__all__ = ["Breach", "Strike", "breaches", "faults_table", "strikes"]


@dataclass(frozen=True)
class Strike:
    """A strike of a fault. `end_ms` is its end in the picture."""

    start_ms: float
    end_ms: float
    open: bool
    kind: str
    label: str
    waited: bool

    @property
    def instant(self) -> bool:
        """True if it has no duration, like a restart or a clock jump."""
        return self.end_ms <= self.start_ms

    @property
    def hurts(self) -> bool:
        """True if it is a fault; holding messages to deliver them by hand is not."""
        return self.kind != "hold"


def at_once(found: Sequence[Strike]) -> int:
    """The maximum number of strikes at the same time."""
    edges = sorted([(s.start_ms, 1) for s in found] + [(s.end_ms, -1) for s in found])
    return max(itertools.accumulate(change for _, change in edges), default=0)


def faults_table(
    world: World, *, start: Duration | None = None, end: Duration | None = None
) -> dict[str, list[Any]]:
    """The data of the strip of faults, as columns.

    Parameters
    ----------
    world : Cluster or Run
        The cluster or run.
    start, end : time, optional
        The part of the run to show; all of it by default.

    Returns
    -------
    dict of str to list
        `start_ms`, `end_ms` (that of the picture if the fault is still active), `open` (whether it is),
        `kind`, `label`, `waited` (whether it found no target).

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(5, seed=7)
    >>> _ = c.partition("AB", "CDE", at="1s", duration="500ms")
    >>> _ = c.run("2s")
    >>> rl.plot.faults_table(c)["label"]
    ['partition AB | CDE']
    """
    found = strikes(world, Window.of(world, start, end).exact)
    return {name: [getattr(strike, name) for strike in found] for name in Strike.__annotations__}


def strikes(world: World, window: Window) -> list[Strike]:
    """The strikes that show, in order."""
    cells = read(world, "faults", "start_ms", "end_ms", "kind", "detail", "nodes", "outcome")
    found = []
    for start, end, kind, detail, nodes, outcome in zip(*cells.values(), strict=True):
        still = bool(np.isnan(end))
        until = max(window.until, start) if still else float(end)
        instant = until <= start
        if outcome == "awaited":
            continue
        if window.touches(start, until) and (instant or (start < window.end and until > window.start)):
            waited = outcome != "struck"
            label = _label(kind, json.loads(detail or "{}"), nodes or "") + (" waits" if waited else "")
            found.append(Strike(float(start), until, still, str(kind), label, waited))
    return sorted(found, key=lambda strike: strike.start_ms)


@dataclass(frozen=True)
class Breach:
    """The first violation of a property, and the number of its violations."""

    time_ms: float
    property: str
    count: int


def breaches(world: World, window: Window) -> list[Breach]:
    """The properties that were violated, in order. None if the run was made without checks."""
    try:
        found = list(world.violations)
    except InvalidError:
        return []
    count = Counter(violation.property for violation in found)
    first = {name: next(v.time_ms for v in found if v.property == name) for name in count}
    shown = [Breach(time, name, count[name]) for name, time in first.items() if window.touches(time, time)]
    return sorted(shown, key=lambda breach: breach.time_ms)


def _label(kind: str, detail: dict[str, Any], nodes: str) -> str:
    """A short label of a fault: its kind, its parameters and its target, as its class has them."""
    groups = [group.split(",") for group in nodes.split(" | ")] if nodes else []
    words = {
        **detail,
        "kind": kind.replace("_", " "),
        "hit": _names(groups[0] if groups else detail.get("node", "")),
        "link": _link(detail, nodes),
        "groups": _partition(detail, groups),
        "lie": str(detail.get("lie", {}).get("lie", "lie")).replace("_", " "),
        "by": _By(detail.get("by", 0)),
        "slower": _slower(detail),
        "percent": 100 * detail.get("probability", 0),
    }
    return kinds()[kind]._label.format(**words)


def _slower(detail: dict[str, Any]) -> str:
    """By how much a disk is slower."""
    factor, by = detail.get("factor", 1), detail.get("by")
    return (f" ×{factor:.6g}" if factor != 1 else "") + (f" {_By(by):+}" if by is not None else "")


class _By:
    """The time by which messages are delayed or a clock jumps, or the distribution of the time."""

    def __init__(self, by: Any) -> None:
        self.by = by

    def __format__(self, sign: str) -> str:
        if isinstance(self.by, dict):
            return f"~ {self.by.get('distribution', '')}"
        by = float(self.by)
        return ("−" if by < 0 else sign) + format_ms(abs(by))


def _partition(detail: dict[str, Any], groups: Sequence[Sequence[str]]) -> str:
    """The groups, and the bridge, a node in two of them. A ring is only named, since all nodes are."""
    shape = str(detail.get("shape") or "").replace("_", " ")
    if not groups:
        asked = [_names(group) for group in detail.get("groups", [])]
        return shape or " | ".join(asked if len(asked) > 1 else [*asked, "rest"])
    count = Counter(itertools.chain(*groups))
    bridge = [name for name, times in count.items() if times > 1]
    if len(bridge) == len(count):
        return shape
    parts = " | ".join(_names([name for name in group if name not in bridge]) for group in groups)
    return f"bridge {_names(bridge)}: {parts}" if bridge else parts


def _names(names: str | Sequence[str]) -> str:
    if isinstance(names, str):
        return names
    if all(len(name) == 1 for name in names) and len(names) <= 9:
        return "".join(names)
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} nodes"


def _link(detail: dict[str, Any], nodes: str) -> str:
    """On which links, if not on all of them, and of which types."""
    types = ", ".join(detail.get("types", []))
    if "from" in detail or "to" in detail:
        hit = [side.split(",") for side in nodes.split(" → ")] if " → " in nodes else []
        given = [detail.get("from", "∗"), detail.get("to", "∗")]
        ends = [hit[at] if hit and given[at] != "∗" else given[at] for at in (0, 1)]
        arrow = "↔" if detail.get("both_ways") else "→"
        types = f"{_names(ends[0])}{arrow}{_names(ends[1])} {types}"
    return f" {types}".rstrip()
