"""What the picture of the logs is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from raftlab.errors import InvalidError

from ._members import names_of, worded
from ._states import Columns, pick, read

if TYPE_CHECKING:
    from raftlab.cluster import Forkable
    from raftlab.views import NodeView

__all__ = ["Grid"]

FEWEST = 6
"""The least number of entries with room, so that a short log looks short."""


@dataclass(frozen=True)
class Grid:
    """The logs within a range of indices: a lane a node."""

    names: list[str]
    first: int
    last: int
    logs: list[Columns]  # index, term, value, config
    lost: list[Columns]  # index, term, value, config, time
    covered: list[int]  # by a snapshot, up to this index
    commits: list[int]
    conditions: list[str]
    knows_losses: bool

    @classmethod
    def of(
        cls, world: Forkable, when: float | None, first: int | None, last: int | None, names: list[str]
    ) -> Grid:
        then = world if when is None else world.state(at=when)
        present = {node.name: node for node in then}
        views = [present.get(name) for name in names]
        logs = [_log(view.log if view else ()) for view in views]
        knows = world.trace.level != "off"
        lost = _lost(world, when, names) if knows else [_nothing() for _ in names]
        ends = [int(cells["index"].max()) for cells in lost if len(cells["index"])]
        ends += [view.last_index for view in views if view]
        low = 1 if first is None else _index("first", first)
        high = max([*ends, low + FEWEST - 1]) if last is None else _index("last", last)
        if low > high:
            raise InvalidError(f"first ({low}) must not be above last ({high})")
        return cls(
            names,
            low,
            high,
            [_between(cells, low, high) for cells in logs],
            [_between(cells, low, high) for cells in lost],
            [view.first_index - 1 if view else 0 for view in views],
            [view.commit_index if view else 0 for view in views],
            [_condition(view) for view in views],
            knows,
        )

    @property
    def has_losses(self) -> bool:
        """Whether anything left a log."""
        return any(len(cells["index"]) for cells in self.lost)

    @property
    def has_configurations(self) -> bool:
        """Whether any entry is a configuration."""
        return any(cells["config"].any() for cells in (*self.logs, *self.lost))

    @property
    def terms(self) -> list[int]:
        """The terms of all entries."""
        every = np.concatenate([cells["term"] for cells in (*self.logs, *self.lost)])
        return [int(term) for term in np.unique(every)]


MOST_TERM = 2**63 - 1
"""What the trace shows of a higher one, too."""


def _log(log: Sequence[Any]) -> Columns:
    return {
        "index": np.array([entry.index for entry in log], dtype=np.int64),
        "term": np.array([min(entry.term, MOST_TERM) for entry in log], dtype=np.int64),
        "value": np.array([entry.value for entry in log], dtype=object),
        "config": np.array([entry.is_configuration for entry in log], dtype=bool),
    }


def _nothing() -> Columns:
    return {name: np.zeros(0, dtype=np.int64) for name in ("index", "term", "value", "config", "time")}


def _lost(world: Forkable, when: float | None, names: Sequence[str]) -> list[Columns]:
    """What left each log until then, in the order in which it left."""
    entries = read(
        world, "entries", "node", "index", "term", "op", "key", "value", "expected", "truncated_ms"
    )
    time = entries["truncated_ms"].astype(float)
    gone = np.flatnonzero(~np.isnan(time) if when is None else time < when)
    gone = gone[np.argsort(time[gone], kind="stable")]
    rows = pick(entries, gone)
    parts = zip(rows["op"], rows["key"], rows["value"], rows["expected"], strict=True)
    cells = {
        "index": rows["index"].astype(np.int64),
        "term": rows["term"].astype(np.int64),
        "value": np.array([_command(*part) for part in parts], dtype=object),
        "config": rows["op"] == "config",
        "time": time[gone],
    }
    for at in np.flatnonzero(cells["config"]):
        cells["value"][at] = _configuration(world, rows["node"][at], cells["index"][at], cells["time"][at])
    return [pick(cells, np.flatnonzero(rows["node"] == name)) for name in names]


def _configuration(world: Forkable, node: str, index: int, until: float) -> str:
    """The last configuration that a node had at an index of its log until some time."""
    rows = read(world, "members", "node", "index", "time_ms", "voters", "outgoing", "learners")
    found = np.flatnonzero(
        (rows["node"] == node) & (rows["index"] == index) & (rows["time_ms"].astype(float) <= until)
    )
    if not len(found):  # it was never in force
        return "configuration"
    return worded(*(names_of(rows[part][found[-1]]) for part in ("voters", "outgoing", "learners")))


def _command(op: str, key: str | None, value: str | None, expected: str | None) -> str:
    """A command as `Entry.value` has it."""
    match op:
        case "noop":
            return "no-op"
        case "put":
            return f"{key}={value}"
        case "cas":
            return f"{key}:{expected}→{value}"
        case "append":
            return f"{key}+={value}"
        case _:
            return f"{op} {key}"


def _between(cells: Columns, first: int, last: int) -> Columns:
    return pick(cells, np.flatnonzero((cells["index"] >= first) & (cells["index"] <= last)))


def _condition(view: NodeView | None) -> str:
    if view is None:
        return "not started"
    if not view.up:
        return "down"
    parts = [view.role] if view.role != "follower" else []
    return ", ".join([*parts, f"term {view.term}", *(["paused"] if view.paused else [])])


def _index(name: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < 1:
        raise InvalidError(f"{name} must be an integer of at least 1, not {value!r}")
    return int(value)
