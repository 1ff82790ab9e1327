"""What the picture of the messages is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raftlab import _core
from raftlab.errors import InvalidError

from ._palette import HEARTBEAT
from ._states import pick, read

if TYPE_CHECKING:
    from raftlab._world import World

    from ._window import Window

__all__ = ["HELD", "LOST", "Flights"]

HELD = "held"
"""A message that waits to be delivered by hand: no fate of the trace, but of the picture."""

LOST = ("lost", "cut", "receiver_down", "removed")
"""The fates of messages that do not arrive."""

STUB, MORE = 0.25, 0.06
"""Lanes: a message that goes no way at all is still drawn that far, and a little more for each lane that it
was to cross. So one sees whither it was bound, and its cross stands on no lane."""


@dataclass(frozen=True)
class Flights:
    """The messages that show, as columns: where each begins and ends in the picture, and what it is."""

    start: np.ndarray
    end: np.ndarray
    sender: np.ndarray  # lanes
    receiver: np.ndarray
    way: np.ndarray  # how far it came: 1 is the receiver
    kind: np.ndarray
    fate: np.ndarray
    refused: np.ndarray
    term: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    def where(self, which: np.ndarray) -> Flights:
        """Some of them."""
        return Flights(**{name: getattr(self, name)[which] for name in Flights.__annotations__})

    @property
    def height(self) -> np.ndarray:
        """Where each ends, in lanes."""
        lanes: np.ndarray = self.sender + (self.receiver - self.sender) * self.way
        return lanes

    @property
    def is_lost(self) -> np.ndarray:
        """Which of them did not arrive, and never will."""
        return np.isin(self.fate, LOST)

    @classmethod
    def of(
        cls,
        world: World,
        window: Window,
        names: Sequence[str],
        types: str | Sequence[str] | None,
        *,
        heartbeats: bool,
    ) -> Flights:
        """The messages between some nodes that are under way within a window."""
        columns = ("sent_ms", "ended_ms", "due_ms", "from", "to", "type", "fate", "entries", "ok", "term")
        cells = read(world, "messages", *columns)
        sent, ended, due = (cells[name].astype(float) for name in columns[:3])
        until = np.where(np.isnan(ended), max(window.now, window.start), ended)
        lane = {name: position for position, name in enumerate(names)}
        sender, receiver = (
            np.array([lane.get(name, -1) for name in cells[end]], np.int64) for end in ("from", "to")
        )
        kind = cells["type"]
        beats: np.ndarray = (kind == "AppendEntries") & (cells["entries"] == 0)
        shown = window.touches(sent, until) & (sender >= 0) & (receiver >= 0)
        if types is not None:
            shown &= np.isin(kind, _known(types))
        if not heartbeats:
            shown &= ~beats & ~_answers(cells, beats)
        kind = np.where(beats, HEARTBEAT, kind).astype(object)
        held = (cells["fate"] == "in_flight") & np.isnan(due)
        fate = np.where(held, HELD, cells["fate"]).astype(object)
        until = np.where(held, sent, until)
        way = _way(sent, until, due, np.abs(receiver - sender), fate)
        refused = np.array([str(k).endswith("Reply") for k in kind], bool) & ~cells["ok"].astype(bool)
        found = cls(sent, until, sender, receiver, way, kind, fate, refused, cells["term"])
        return found.where(np.flatnonzero(shown))


def _known(types: str | Sequence[str]) -> list[str]:
    chosen = [types] if isinstance(types, str) else list(types)
    known = _core.message_types()
    for name in chosen:
        if name not in known:
            raise InvalidError(f"types: unknown message type {name!r}; accepted are {', '.join(known)}")
    return chosen


def _way(
    sent: np.ndarray, until: np.ndarray, due: np.ndarray, lanes: np.ndarray, fate: np.ndarray
) -> np.ndarray:
    """How far each message came on its way, from what it took and what it would have taken."""
    whole = due - sent
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(whole > 0, (until - sent) / whole, 0.0)
    least = (STUB + MORE * np.minimum(lanes, 10)) / np.maximum(lanes, 1)
    part = np.clip(np.nan_to_num(part, nan=0.0), least, 1.0)
    return np.where(fate == "delivered", 1.0, part)


def _answers(cells: dict[str, np.ndarray], beats: np.ndarray) -> np.ndarray:
    """Which messages answer a heartbeat: they leave when it arrives, if nothing else of its kind does."""
    arrived = pick(cells, np.flatnonzero((cells["type"] == "AppendEntries") & (cells["fate"] == "delivered")))
    full = arrived["entries"] > 0
    moments = list(zip(arrived["to"], arrived["from"], arrived["ended_ms"], strict=True))
    busy = {moment for moment, entries in zip(moments, full, strict=True) if entries}
    idle = set(moments) - busy
    replies = cells["type"] == "AppendEntriesReply"
    left = zip(cells["from"], cells["to"], cells["sent_ms"], strict=True)
    answers: np.ndarray = np.array([moment in idle for moment in left], bool) & replies & ~beats
    return answers
