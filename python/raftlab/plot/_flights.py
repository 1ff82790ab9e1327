"""The data of the picture of messages."""

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
"""The fate of a message that waits to be delivered by hand, which exists only in pictures."""

LOST = ("lost", "cut", "receiver_down", "removed")
"""The fates of messages that do not arrive."""

STUB, MORE = 0.25, 0.06
"""The length in lanes of a message that went no distance, plus some for each lane to cross. It shows the
direction of the message, and keeps its cross off the lanes."""


@dataclass(frozen=True)
class Flights:
    """The visible messages as columns: their ends in the picture, kinds and fates."""

    start: np.ndarray
    end: np.ndarray
    sender: np.ndarray  # lanes
    receiver: np.ndarray
    way: np.ndarray  # the distance covered: 1 is the receiver
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
        """Marks the messages that will never arrive."""
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
        """The messages between some nodes that are in flight within a window."""
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
    """The share of its way that each message covered, from its duration and its latency."""
    whole = due - sent
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(whole > 0, (until - sent) / whole, 0.0)
    least = (STUB + MORE * np.minimum(lanes, 10)) / np.maximum(lanes, 1)
    part = np.clip(np.nan_to_num(part, nan=0.0), least, 1.0)
    return np.where(fate == "delivered", 1.0, part)


def _answers(cells: dict[str, np.ndarray], beats: np.ndarray) -> np.ndarray:
    """Marks answers to heartbeats, which are sent when one arrives and nothing else of its kind does."""
    arrived = pick(cells, np.flatnonzero((cells["type"] == "AppendEntries") & (cells["fate"] == "delivered")))
    full = arrived["entries"] > 0
    moments = list(zip(arrived["to"], arrived["from"], arrived["ended_ms"], strict=True))
    busy = {moment for moment, entries in zip(moments, full, strict=True) if entries}
    idle = set(moments) - busy
    replies = cells["type"] == "AppendEntriesReply"
    left = zip(cells["from"], cells["to"], cells["sent_ms"], strict=True)
    answers: np.ndarray = np.array([moment in idle for moment in left], bool) & replies & ~beats
    return answers
