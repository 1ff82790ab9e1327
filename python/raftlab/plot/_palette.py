"""Colours, all in one place: apart from each other to colour-blind eyes, and in grey.

Text and background are those of the axes drawn on, so that pictures follow the style sheet in force. The
other colours have a light and a dark palette.

What matters is never told by colour alone: a role has its own height, a reply is dashed, a term has its
number, an operation that did not succeed is hatched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib import colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DARK", "LIGHT", "TERM_CYCLE", "Theme"]


@dataclass(frozen=True)
class Role:
    """How a role looks: its colour, and how much of its lane it fills."""

    colour: str
    height: float


@dataclass(frozen=True)
class Stroke:
    """How a type of message looks."""

    colour: str
    width: float
    dashed: bool = False


@dataclass(frozen=True)
class Status:
    """How an operation looks that ended in this way."""

    colour: str
    edge: str
    hatch: str | None = None


HEARTBEAT = "heartbeat"
"""AppendEntries without entries: not a type of the trace, but of the picture."""

DOWN_HATCH, PAUSED_HATCH = "////", "||||"

TERM_CYCLE = ("#2f6fb0", "#f0a830", "#16806a", "#f2dd6b", "#8a4f9e", "#7cc4ea", "#c9502b", "#e6a3c4")
"""Dark and light in turn, so that neighbours differ in grey too. They carry their own text."""


@dataclass(frozen=True)
class Theme:
    """The colours of a picture."""

    ink: str
    """Text and edges."""
    background: str
    muted: str
    """Notes and captions."""
    grid: str
    """Guides behind the data."""
    fault: str
    """Whatever was done to the cluster; its bar in the strip, with its edge; how strong its band is."""
    fault_bar: str
    fault_edge: str
    fault_alpha: float
    wrong: str
    """What must never happen, and did."""
    commit: str
    snapshot: str
    """What a snapshot took the place of; also cells without a value."""
    hatch: str
    """Grey: what is hatched, and lines of a key that stand for those of any node."""
    lane: str
    """The line of a follower among messages."""
    roles: dict[str, Role]
    """From low to high, each standing out more than the one before."""
    strokes: dict[str, Stroke]
    other: str
    """A type of message that this module has never heard of."""
    removed: str
    statuses: dict[str, Status]
    nodes: tuple[str, ...]
    shades: tuple[float, float]
    """The part of the sequence `viridis` that shows on the background."""
    terms: tuple[str, str]
    """From the first to the last term, where there are too many for a colour each."""

    @classmethod
    def of(cls, ax: Axes | None) -> Theme:
        """The theme of these axes; without any, that of the style in force."""
        if ax is None:
            ink = mpl.rcParams["text.color"]
            layers = [mpl.rcParams["axes.facecolor"], mpl.rcParams["figure.facecolor"]]
        else:
            ink = ax.title.get_color()
            figure = ax.get_figure(root=True)
            patches = [ax.patch, *([] if figure is None else [figure.patch])]
            layers = [patch.get_facecolor() for patch in patches if patch.get_visible()]
        return _theme(colors.to_hex(ink), _flattened(layers, colors.to_hex(ink)))

    def stroke(self, kind: str) -> Stroke:
        """How a type of message looks."""
        return self.strokes.get(kind, Stroke(self.other, 1.2, dashed=kind.endswith("Reply")))

    def node(self, position: int) -> str:
        """The colour of a node, where lines have to be distinguished."""
        return self.nodes[position % len(self.nodes)]

    def paler(self, colour: str, share: float = 0.6) -> str:
        """A colour mixed with the background."""
        return mixed(colour, self.background, share)

    def legible(self, colour: str) -> str:
        """A colour with as much ink in it as text needs."""
        mixes = (mixed(colour, self.ink, share) for share in (0.0, 0.2, 0.4, 0.6, 0.8))
        return next((mix for mix in mixes if contrast(mix, self.background) >= 4.5), self.ink)

    def shade(self, share: float) -> str:
        """A term among very many, from the first (0) to the last (1)."""
        return mixed(*self.terms, share)

    def ink_on(self, colour: str) -> str:
        """The colour of text that can be read on a colour."""
        return max((DARK_INK, LIGHT_INK), key=lambda ink: contrast(ink, colour))


DARK_INK, LIGHT_INK = "#000000", "#ffffff"


@lru_cache(maxsize=64)
def _theme(ink: str, background: str) -> Theme:
    base = LIGHT if luminance(background) > 0.5 else DARK
    if contrast(ink, background) < 4.5:
        ink = base.ink
    shares = (share for share in (0.3, 0.24, 0.18, 0.12, 0.06) if _legible(ink, background, share))
    return replace(
        base,
        ink=ink,
        background=background,
        muted=mixed(ink, background, next(shares, 0.0)),
        grid=mixed(ink, background, 0.85),
        nodes=tuple(ink if node == base.ink else node for node in base.nodes),
    )


def _legible(ink: str, background: str, share: float) -> bool:
    return contrast(mixed(ink, background, share), background) >= 6.5


def _flattened(layers: Iterable[Any], ink: str) -> str:
    """What one sees through layers of paint. Behind them all is a page on which the ink shows."""
    seen = np.array(colors.to_rgb("#000000" if luminance(ink) > 0.5 else "#ffffff"))
    for layer in reversed(list(layers)):
        *paint, alpha = colors.to_rgba(layer)
        seen = alpha * np.array(paint) + (1.0 - alpha) * seen
    return _hex(seen)


def term_colour(term: int) -> str:
    """The colour of a term: they repeat, so that neighbouring terms always differ."""
    return TERM_CYCLE[(term - 1) % len(TERM_CYCLE)]


def node_dashes(position: int) -> str:
    """The line style of a node: another one each time the colours begin anew."""
    return ("solid", "dashed", "dotted")[position // len(LIGHT.nodes) % 3]


def luminance(colour: str) -> float:
    """How light a colour is in grey, from 0 to 1 (Rec. 601, as printers and image viewers do it)."""
    red, green, blue = colors.to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def contrast(one: str, other: str) -> float:
    """How much two colours stand out from each other, from 1 to 21; text needs 4.5 (WCAG 2)."""
    low, high = sorted(_linear_luminance(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def _linear_luminance(colour: str) -> float:
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colors.to_rgb(colour)
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def mixed(one: str, other: str, share: float) -> str:
    """A colour with a share of another one in it."""
    return _hex((1.0 - share) * np.array(colors.to_rgb(one)) + share * np.array(colors.to_rgb(other)))


def _hex(parts: np.ndarray) -> str:
    red, green, blue = (float(part) for part in parts)
    return colors.to_hex((red, green, blue))


def rgba(names: Iterable[str], alpha: float = 1.0) -> np.ndarray:
    """Many colours at once, as matplotlib likes them best."""
    known: dict[str, tuple[float, float, float, float]] = {}
    cells = [known.setdefault(name, colors.to_rgba(name, alpha)) for name in names]
    return np.array(cells).reshape(-1, 4)


# ---- The two shades -------------------------------------------------------------------------------------


def _strokes(
    vote: str, pre_vote: str, append: str, reply: str, beat: str, snapshot: str
) -> dict[str, Stroke]:
    return {
        "PreVote": Stroke(pre_vote, 1.4),
        "PreVoteReply": Stroke(pre_vote, 1.1, dashed=True),
        "RequestVote": Stroke(vote, 1.6),
        "RequestVoteReply": Stroke(vote, 1.2, dashed=True),
        "AppendEntries": Stroke(append, 1.4),
        "AppendEntriesReply": Stroke(reply, 0.8, dashed=True),
        HEARTBEAT: Stroke(beat, 0.9),
        "InstallSnapshot": Stroke(snapshot, 1.8),
        "InstallSnapshotReply": Stroke(snapshot, 1.0, dashed=True),
    }


LIGHT = Theme(
    ink="#000000",
    background="#ffffff",
    muted="#4d4d4d",
    grid="#d9d9d9",
    fault="#c2512f",
    fault_bar="#f0b9a5",
    fault_edge="#d98a70",
    fault_alpha=0.09,
    wrong="#8b0015",
    commit="#0d7a5f",
    snapshot="#eef0f2",
    hatch="#9aa3ad",
    lane="#aab3bd",
    roles={
        "follower": Role("#d3dce5", 0.30),
        "precandidate": Role("#f3bf4f", 0.46),
        "candidate": Role("#dd7417", 0.62),
        "leader": Role("#0b4f8a", 1.00),
    },
    strokes=_strokes("#d1495b", "#b07cc6", "#0072b2", "#79b4d8", "#a9b6c2", "#009e73"),
    other="#6b5b4b",
    removed="#7a3fa0",
    statuses={
        "ok": Status("#8fd0b5", "#4a9d7f"),
        "failed": Status("#a3202a", "#a3202a"),
        "unknown": Status("#e3a9c6", "#8f4a70", "/////"),
        "pending": Status("#ffffff", "#6b7480"),
    },
    nodes=(
        "#0072b2", "#e69f00", "#000000", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#7a4b2a", "#8c8c8c",
    ),
    shades=(0.05, 0.82),
    terms=("#dfe9f3", "#08306b"),
)  # fmt: skip

DARK = Theme(
    ink="#ffffff",
    background="#000000",
    muted="#b2b2b2",
    grid="#333333",
    fault="#f0805c",
    fault_bar="#7d3620",
    fault_edge="#c0684b",
    fault_alpha=0.15,
    wrong="#ff7a86",
    commit="#3fd0a5",
    snapshot="#2a2e33",
    hatch="#7d8791",
    lane="#69737d",
    roles={
        "follower": Role("#3d4854", 0.30),
        "precandidate": Role("#927029", 0.46),
        "candidate": Role("#e8892f", 0.62),
        "leader": Role("#8cc8f5", 1.00),
    },
    strokes=_strokes("#ff7b8c", "#cfa0e2", "#3fa7e8", "#3c7ca6", "#6f7c88", "#2fc797"),
    other="#b8a48f",
    removed="#c08be0",
    statuses={
        "ok": Status("#2c7a5d", "#63c3a0"),
        "failed": Status("#e0525d", "#e0525d"),
        "unknown": Status("#7a3f5f", "#dd93b9", "/////"),
        "pending": Status("#000000", "#a5afb9"),
    },
    nodes=(
        "#3fa7e8", "#f0b429", "#ffffff", "#f2803a", "#2fc797", "#dd93b9", "#8fd0f5", "#b98a66", "#9a9a9a",
    ),
    shades=(0.28, 1.0),
    terms=("#1d3a5c", "#cfe3f7"),
)  # fmt: skip
