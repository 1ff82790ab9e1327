"""Faults and violations, as pictures show them: when, and in a few letters what."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from raftlab._time import Duration, format_ms
from raftlab.errors import InvalidError

from ._axes import Window
from ._states import read

if TYPE_CHECKING:
    from raftlab.cluster import World

__all__ = ["Breach", "Strike", "breaches", "faults_table", "strikes"]


@dataclass(frozen=True)
class Strike:
    """One strike of a fault, as it is drawn. `end_ms` is where it ends in the picture."""

    start_ms: float
    end_ms: float
    open: bool
    kind: str
    label: str
    waited: bool

    @property
    def instant(self) -> bool:
        """Whether it has no length: a restart, a jump of a clock."""
        return self.end_ms <= self.start_ms


def faults_table(
    world: World, *, start: Duration | None = None, end: Duration | None = None
) -> dict[str, list[Any]]:
    """What the strip of faults shows, as plain columns.

    Parameters
    ----------
    world : Cluster or Run
        What to look at.
    start, end : time, optional
        From the beginning of the run; all of it if not given.

    Returns
    -------
    dict of str to list
        `start_ms`, `end_ms` (that of the picture if the fault still acts), `open` (whether it does),
        `kind`, `label`, `waited` (it found nobody to strike).

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(5, seed=7)
    >>> _ = c.partition("AB", "CDE", at="1s", duration="500ms")
    >>> _ = c.run("2s")
    >>> rl.plot.faults_table(c)["label"]
    ['partition AB | CDE']
    """
    found = strikes(world, Window.of(world, start, end))
    return {name: [getattr(strike, name) for strike in found] for name in Strike.__annotations__}


def strikes(world: World, window: Window) -> list[Strike]:
    """The strikes that show, in order."""
    cells = read(world, "faults", "start_ms", "end_ms", "kind", "detail", "nodes", "outcome")
    found = []
    for start, end, kind, detail, nodes, outcome in zip(*cells.values(), strict=True):
        still = bool(np.isnan(end))
        until = max(window.now, start) if still else float(end)
        if window.touches(start, until):
            waited = outcome != "struck"
            label = _label(kind, json.loads(detail or "{}"), nodes or "") + (" waits" if waited else "")
            found.append(Strike(float(start), until, still, str(kind), label, waited))
    return sorted(found, key=lambda strike: strike.start_ms)


@dataclass(frozen=True)
class Breach:
    """The first violation of a rule, as it is drawn, and how many there were in all."""

    time_ms: float
    rule: str
    count: int


def breaches(world: World, window: Window) -> list[Breach]:
    """The rules that were violated, in order. None if the run was made without checks."""
    try:
        found = world.violations
    except InvalidError:
        return []
    count = Counter(violation.rule for violation in found)
    first = {rule: found.of(rule)[0].time_ms for rule in found.rules}
    shown = [Breach(time, rule, count[rule]) for rule, time in first.items() if window.touches(time, time)]
    return sorted(shown, key=lambda breach: breach.time_ms)


def _label(kind: str, detail: dict[str, Any], nodes: str) -> str:
    """A fault in a few letters: what, how much, whom."""
    what = kind.replace("_", " ")
    hit = _names(nodes.split(",")) if nodes else _names(detail.get("node", ""))
    match kind:
        case "partition":
            return f"{what} {_groups(detail)}"
        case "loss" | "duplicate":
            return f"{what} {100 * detail.get('probability', 0):.3g} %{_link(detail)}"
        case "delay":
            return f"{what} {_time(detail.get('by', 0))}{_link(detail)}"
        case "cut" | "hold":
            return f"{what}{_link(detail)}"
        case "clock_rate":
            return f"clock ×{detail.get('rate', 1):.6g} {hit}"
        case "clock_jump":
            by = float(detail.get("by", 0))
            return f"clock {'−' if by < 0 else '+'}{format_ms(abs(by))} {hit}"
        case "lie":
            return f"{hit}: {str(detail.get('lie', {}).get('lie', 'lie')).replace('_', ' ')}"
        case _:
            return f"{what} {hit}"


def _groups(detail: dict[str, Any]) -> str:
    if shape := detail.get("shape"):
        return str(shape).replace("_", " ")
    groups = [_names(group) for group in detail.get("groups", [])]
    return " | ".join(groups if len(groups) > 1 else [*groups, "rest"])


def _names(names: str | Sequence[str]) -> str:
    if isinstance(names, str):
        return names
    if all(len(name) == 1 for name in names) and len(names) <= 7:
        return "".join(names)
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} nodes"


def _link(detail: dict[str, Any]) -> str:
    types = ", ".join(detail.get("types", []))
    if "from" in detail or "to" in detail:
        arrow = "↔" if detail.get("both_ways") else "→"
        types = f"{_names(detail.get('from', '∗'))}{arrow}{_names(detail.get('to', '∗'))} {types}"
    return f" {types}".rstrip()


def _time(by: Any) -> str:
    if isinstance(by, dict):
        return f"~ {by.get('distribution', '')}"
    return format_ms(float(by))
