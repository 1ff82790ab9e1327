"""An axis of order: the ordinals of events and actions in place of their times.

A schedule that is moved by hand takes no time: on a time axis it is a single vertical line. Since a run is a
pure function of scenario and seed, it is played again, one event at a time, and each row of its trace gets
the number of the event that wrote it as its time. Everything else is drawn as usual.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from raftlab import _core
from raftlab._arguments import choice, dumps
from raftlab._time import format_ms
from raftlab.errors import InvalidError

from ._window import Window

if TYPE_CHECKING:
    from raftlab._world import World
    from raftlab.cluster import Cluster

__all__ = ["AXES", "after_event", "by_order"]

AXES = ("auto", "time", "order")

MOST_EVENTS = 2000
"""The maximum number of events on an axis of order."""

FEWEST_MOVES, CROWDED = 3, 0.3
"""An axis is one of order if at least this many messages were moved by hand, and at least this share of all
events are at one moment."""

TIMES = {
    "messages": ("sent_ms", "ended_ms"),
    "nodes": ("time_ms",),
    "events": ("time_ms",),
    "entries": ("appended_ms", "truncated_ms", "committed_ms", "applied_ms"),
    "ops": ("invoked_ms", "ended_ms"),
    "members": ("time_ms",),
    "faults": ("start_ms", "end_ms"),
}
"""The columns of times, by table."""


def by_order(world: World, window: Window, axis: str) -> tuple[Any, Window] | None:
    """The same stretch of the same run on an axis of order, if `axis` says so, or it fits best."""
    choice(axis, "axis", AXES)
    if axis == "time" or (axis == "auto" and not _crowded(world, window)):
        return None
    if world.trace.level == "off":
        world.trace.table("nodes")  # raises, and explains how to get a trace
    played = Played.of(world, window, at_most=MOST_EVENTS if axis == "order" else MOST_EVENTS // 4)
    if played is None:
        if axis == "auto":
            return None
        raise InvalidError(
            f"axis='order' shows at most {MOST_EVENTS:,} events, of a run that can be played again: choose "
            "a shorter part with start= and end="
        )
    first, last = np.searchsorted(played.times, [window.start, window.end], "right") - 1
    first = 0 if window.start <= 0.0 else int(first)
    return played, Window(first, max(int(last), first + 1), played.now_ms, 1.0, order=True)


def after_event(world: World, event: int) -> Cluster:
    """The run after an event or action, counted as on an axis of order: event 0 is its beginning."""
    from raftlab.cluster import Cluster

    found, last, digest = None, -1, ""
    for engine in _moments(world, 0.0):
        last, digest = last + 1, engine.digest
        if last == event:
            found = engine.fork(None)
        if last > MOST_EVENTS:
            break
    if last > MOST_EVENTS or digest != world.digest:
        raise InvalidError(
            f"event= is for runs of at most {MOST_EVENTS:,} events that can be played again: use at= instead"
        )
    if found is None:
        raise InvalidError(f"event must be from 0 to {last}, the last event of this run, not {event}")
    return Cluster._wrap(found, "record")


def _crowded(world: World, window: Window) -> bool:
    """True if many events were moved by hand at one moment."""
    steps = json.loads(world.scenario.to_json()).get("steps", [])
    moved = sum("message" in step.get("do", {}) for step in steps)
    if moved < FEWEST_MOVES or world.trace.level == "off":
        return False
    shown = [
        world.trace.table("nodes").to_dict()["time_ms"][len(world.nodes) :]
    ]  # initial states are not events
    if world.trace.level == "full":
        messages = world.trace.table("messages").to_dict()
        shown += [messages[name] for name in TIMES["messages"]]
    times = np.concatenate([np.array(cells, float) for cells in shown])
    times = times[(times >= window.start) & (times <= window.end)]
    return len(times) > 0 and float(np.unique(times, return_counts=True)[1].max()) > CROWDED * len(times)


@dataclass(frozen=True)
class Broken:
    """A violation, and the event at which it was found."""

    time_ms: float
    property: str


class Table:
    """A table of the trace with other times."""

    def __init__(self, cells: dict[str, list[Any]]) -> None:
        self.cells = cells

    def to_dict(self) -> dict[str, list[Any]]:
        """Its columns."""
        return self.cells


class Played:
    """A run with ordinals as times, with the attributes that pictures use."""

    def __init__(self, world: World, log: Log) -> None:
        self.seed, self.scenario, self.nodes, self.trace = world.seed, world.scenario, world.nodes, self
        self.point = getattr(world, "point", {})
        self.level = world.trace.level
        self.world, self.log = world, log
        self.times = np.array(log.times)
        self.now_ms = float(len(log.times) - 1)
        self.violations = [Broken(at, v.property) for at, v in zip(log.broken, world.violations, strict=True)]

    @classmethod
    def of(cls, world: World, window: Window, at_most: int) -> Played | None:
        """Plays a run again; None if it is too long, or the replay differs."""
        log = Log(world)
        for engine in _moments(world, window.start):
            log.tick(engine)
            if len(log.times) > at_most:
                return None
        return cls(world, log) if log.digest == world.digest else None

    def table(self, name: str) -> Table:
        """A table with ordinals for times."""
        cells = dict(self.world.trace.table(name).to_dict())
        for column in TIMES[name]:
            cells[column] = self.log.ordinals[name, column].tolist()
        if name == "messages":  # the due time of a lost message is not an event
            cells["due_ms"] = [float("nan") if due != due else float("inf") for due in cells["due_ms"]]
        return Table(cells)

    def said(self) -> str:
        """A note on the moment at which most events happened."""
        moments, counts = np.unique(self.times[1:], return_counts=True)
        if len(counts) == 0 or counts.max() < 2:
            return ""
        at = moments[counts.argmax()]
        first, last = np.flatnonzero(self.times == at)[[0, -1]]
        return f"events {max(first, 1)} to {last} are all at {format_ms(float(at))}"


class Log:
    """The ordinals of the events that wrote each row, collected while the run is played."""

    def __init__(self, world: World) -> None:
        self.tables = [
            name for name in TIMES if world.trace.level == "full" or name not in ("messages", "events")
        ]
        self.ordinals = {(name, column): np.zeros(0) for name in self.tables for column in TIMES[name]}
        self.times: list[float] = []
        self.broken: list[float] = []
        self.digest = ""

    def tick(self, engine: _core.Engine) -> None:
        """Records an event."""
        now = float(len(self.times))
        for name in self.tables:
            table = engine.table(name, [])
            for column in TIMES[name]:
                cells = np.array(table.column_list(column), float)
                known = self.ordinals[name, column]
                known = np.r_[known, np.full(len(cells) - len(known), np.nan)]
                known[np.isnan(known) & ~np.isnan(cells)] = now
                self.ordinals[name, column] = known
        self.broken += [now] * (len(engine.violations(True)) - len(self.broken))
        self.times.append(engine.now_ms)
        self.digest = engine.digest


def _moments(world: World, start_ms: float) -> Iterator[_core.Engine]:
    """Yields the engine at the beginning and after each event and action; those before `start` are one."""
    scenario = json.loads(world._engine.script(up_to_now=True))
    steps = scenario.pop("steps", [])
    level, checks = world._engine.watching
    engine = _core.Engine(dumps(scenario), world.seed, trace=level, checks=checks)
    yield engine
    for step in steps:
        if "do" in step:
            engine.act(dumps(step["do"]))
            yield engine
            continue
        ahead = engine.fork()
        _take(ahead, step)
        if ahead.now_ms <= start_ms:
            _take(engine, step)
            yield engine
            continue
        for _ in range(ahead.counters()[0] - engine.counters()[0]):
            engine.step(1)
            yield engine
        if ahead.now_ms > engine.now_ms:
            engine.run(ahead.now_ms - engine.now_ms)


def _take(engine: _core.Engine, step: dict[str, Any]) -> None:
    """Takes a step in which time passes."""
    if "run" in step:
        engine.run(step["run"])
    elif "run_to" in step:
        engine.run(max(step["run_to"] - engine.now_ms, 0.0))
    elif "run_until" in step:
        engine.run_until(dumps(step["run_until"]["until"]), step["run_until"]["limit"])
    elif "events" in step:
        engine.step(step["events"]["count"])
