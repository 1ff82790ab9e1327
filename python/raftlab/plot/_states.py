"""The states of nodes as arrays, from the trace."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ._window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raftlab._world import World

__all__ = ["Spans", "node_states", "read", "role_spans"]

Columns = dict[str, np.ndarray]
"""Columns of a table, by name."""


def read(world: World, table: str, *names: str) -> Columns:
    """Columns of a table of the trace. Names that may be missing are `None`, times NaN."""
    cells = world.trace.table(table).to_dict()
    return {
        name: np.array(cells[name], dtype=float) if name.endswith("_ms") else _array(cells[name])
        for name in names
    }


def _array(cells: list[Any]) -> np.ndarray:
    texts = any(isinstance(cell, str) or cell is None for cell in cells[:1]) or None in cells
    return np.array(cells, dtype=object) if texts else np.asarray(cells)


def pick(columns: Columns, which: np.ndarray) -> Columns:
    """Some of the rows."""
    return {name: cells[which] for name, cells in columns.items()}


def node_states(world: World, nodes: Sequence[str], *names: str) -> dict[str, Columns]:
    """For each node its rows of the table `nodes`, in order, with these columns."""
    columns = read(world, "nodes", "node", "time_ms", *names)
    owner = columns.pop("node")
    return {node: pick(columns, np.flatnonzero(owner == node)) for node in nodes}


@dataclass(frozen=True)
class Spans:
    """Stretches of time in which a node's role, term and condition stay the same, side by side."""

    start: np.ndarray
    end: np.ndarray
    role: np.ndarray
    term: np.ndarray
    up: np.ndarray
    paused: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    def where(self, which: np.ndarray) -> Spans:
        """Some of them."""
        fields = (self.start, self.end, self.role, self.term, self.up, self.paused)
        return Spans(*(field[which] for field in fields))

    def cut(self, times: Sequence[float]) -> Spans:
        """The same, with another stretch from each of these times on."""
        if not len(self):
            return self
        inner = [time for time in times if self.start[0] < time < self.end[-1]]
        start = np.unique(np.r_[self.start, np.array(inner, dtype=float)])
        parts = self.where(np.searchsorted(self.start, start, side="right") - 1)
        return replace(parts, start=start, end=np.r_[start[1:], self.end[-1]])


def role_spans(world: World, nodes: Sequence[str], window: Window) -> dict[str, Spans]:
    """The states of each node with their times, within a window."""
    states = node_states(world, nodes, "role", "term", "up", "paused")
    return {node: _spans(state, window) for node, state in states.items()}


def stretches(time: np.ndarray, window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The visible ones of rows that hold from their time on, and their limits."""
    start = time.astype(float)
    end = np.r_[start[1:], max(window.until, start[-1])] if len(start) else start
    shown = np.flatnonzero((end > start) & (end > window.start) & (start < window.right))
    return shown, np.maximum(start[shown], window.start), np.minimum(end[shown], window.right)


def _spans(state: Columns, window: Window) -> Spans:
    parts = [state[name] for name in ("role", "term", "up", "paused")]
    first = np.flatnonzero(np.logical_or.reduce([np.r_[True, part[1:] != part[:-1]] for part in parts]))
    shown, start, end = stretches(state["time_ms"][first], window)
    return Spans(start, end, *(part[first][shown] for part in parts))


def shares(spans: Spans, which: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The share of each bin that the chosen spans fill."""
    width = np.diff(edges)
    if not which.any():
        return np.zeros(len(width))
    start, end = spans.start[which], spans.end[which]
    ends = np.stack([start, end], -1).ravel()
    filled = np.cumsum(np.stack([np.zeros(len(start)), end - start], -1).ravel())
    share: np.ndarray = np.diff(np.interp(edges, ends, filled, left=0.0, right=filled[-1])) / width
    return share
