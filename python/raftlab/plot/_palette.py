"""Colours, all in one place: apart from each other to colour-blind eyes, and in grey.

What matters is never told by colour alone: a role has its own height, a reply is dashed, a term has its
number, an operation that did not succeed is hatched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib import colors

__all__ = ["FAULT", "GRID", "INK", "MUTED", "ROLES", "STATUSES", "TERM_CYCLE", "WRONG"]

INK = "#22272e"
"""Text and edges."""
MUTED = "#6b7480"
"""What stands back: notes, captions."""
GRID = "#d9dde2"
"""Guides behind the data."""
FAULT = "#c2512f"
"""Whatever was done to the cluster."""
FAULT_BAR, FAULT_EDGE = "#f0b9a5", "#e39c83"
SNAPSHOT = "#eef0f2"
"""What a snapshot took the place of."""
WRONG = "#8b0015"
"""What must never happen, and did."""


@dataclass(frozen=True)
class Role:
    """How a role looks: its colour, and how much of its lane it fills."""

    colour: str
    height: float


ROLES: dict[str, Role] = {
    "follower": Role("#d3dce5", 0.30),
    "precandidate": Role("#f3bf4f", 0.46),
    "candidate": Role("#dd7417", 0.62),
    "leader": Role("#0b4f8a", 1.00),
}
"""From pale and low to dark and high."""

DOWN_HATCH = "////"
PAUSED_HATCH = "||||"
HATCH_COLOUR = "#9aa3ad"

TERM_CYCLE = ("#2f6fb0", "#f0a830", "#16806a", "#f2dd6b", "#8a4f9e", "#7cc4ea", "#c9502b", "#e6a3c4")
"""Dark and light in turn, so that neighbours differ in grey too."""


def term_colour(term: int) -> str:
    """The colour of a term: they repeat, so that neighbouring terms always differ."""
    return TERM_CYCLE[(term - 1) % len(TERM_CYCLE)]


def shade(share: float) -> str:
    """From light to dark, where there are too many terms for a colour each."""
    light, dark = np.array(colors.to_rgb("#dfe9f3")), np.array(colors.to_rgb("#08306b"))
    return _hex(light + share * (dark - light))


def _hex(parts: np.ndarray) -> str:
    red, green, blue = (float(part) for part in parts)
    return colors.to_hex((red, green, blue))


NODE_CYCLE = (
    "#0072b2",
    "#e69f00",
    "#000000",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#7a4b2a",
    "#8c8c8c",
)


def node_colour(position: int) -> str:
    """The colour of a node, where lines have to be told apart."""
    return NODE_CYCLE[position % len(NODE_CYCLE)]


def node_dashes(position: int) -> str:
    """The line style of a node: another one each time the colours begin anew."""
    return ("solid", "dashed", "dotted")[position // len(NODE_CYCLE) % 3]


@dataclass(frozen=True)
class Stroke:
    """How a type of message looks."""

    colour: str
    width: float
    dashed: bool = False


HEARTBEAT = "heartbeat"
"""AppendEntries without entries: not a type of the trace, but of the picture."""

_VOTE, _PRE_VOTE, _APPEND, _SNAPSHOT, _OTHER = "#d1495b", "#b07cc6", "#0072b2", "#009e73", "#6b5b4b"
STROKES: dict[str, Stroke] = {
    "PreVote": Stroke(_PRE_VOTE, 1.4),
    "PreVoteReply": Stroke(_PRE_VOTE, 1.1, dashed=True),
    "RequestVote": Stroke(_VOTE, 1.6),
    "RequestVoteReply": Stroke(_VOTE, 1.2, dashed=True),
    "AppendEntries": Stroke(_APPEND, 1.4),
    "AppendEntriesReply": Stroke("#79b4d8", 0.8, dashed=True),
    HEARTBEAT: Stroke("#a9b6c2", 0.9),
    "InstallSnapshot": Stroke(_SNAPSHOT, 1.8),
    "InstallSnapshotReply": Stroke(_SNAPSHOT, 1.0, dashed=True),
}


def stroke(kind: str) -> Stroke:
    """How a type of message looks, also one that this module has never heard of."""
    return STROKES.get(kind, Stroke(_OTHER, 1.2, dashed=kind.endswith("Reply")))


@dataclass(frozen=True)
class Status:
    """How an operation looks that ended in this way."""

    colour: str
    edge: str
    hatch: str | None = None


STATUSES: dict[str, Status] = {
    "ok": Status("#8fd0b5", "#4a9d7f"),
    "failed": Status("#a3202a", "#a3202a"),
    "unknown": Status("#e3a9c6", "#8f4a70", "/////"),
    "pending": Status("#ffffff", "#6b7480"),
}


def luminance(colour: str) -> float:
    """How light a colour is in grey, from 0 to 1 (Rec. 601, as printers and image viewers do it)."""
    red, green, blue = colors.to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def ink_on(colour: str) -> str:
    """The colour of text that can be read on a colour."""
    return "#ffffff" if luminance(colour) < 0.52 else INK


def paler(colour: str, share: float = 0.6) -> str:
    """A colour mixed with white."""
    return _hex(share + (1.0 - share) * np.array(colors.to_rgb(colour)))


def rgba(names: Iterable[str], alpha: float = 1.0) -> np.ndarray:
    """Many colours at once, as matplotlib likes them best."""
    known: dict[str, tuple[float, float, float, float]] = {}
    cells = [known.setdefault(name, colors.to_rgba(name, alpha)) for name in names]
    return np.array(cells).reshape(-1, 4)
