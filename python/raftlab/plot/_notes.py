"""Texts on pictures of messages: terms, and refusals with their reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ._axes import SMALL, TINY, points, root, text_points
from ._palette import Theme
from ._states import Spans, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from raftlab._world import World

    from ._flights import Flights
    from ._window import Window

__all__ = ["Notes", "Refusals", "write_terms"]

FEW_MESSAGES, FEW_REFUSALS = 60, 24
"""The maximum number of messages with terms and of refusals with reasons."""


SHORTEST = 0.5
"""The least length of a message's line in lanes that has room for a number."""


class Notes:
    """Small texts on a picture. One for which there is no room is left out."""

    def __init__(self, ax: Axes) -> None:
        self.ax, self.taken = ax, np.zeros((0, 4))

    def write(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        shift: tuple[float, float] = (0.0, 0.0),
        **style: Any,
    ) -> bool:
        """Writes a text near a place, unless it would overlap another text or an edge."""
        per_point = root(self.ax).dpi / 72.0
        middle = self.ax.transData.transform((x, y)) + np.array(shift) * per_point
        half = np.array([text_points(text, size) / 2 + 1.0, 0.62 * size]) * per_point
        if style.get("ha") == "left":
            middle[0] += half[0]
        low, high = middle - half, middle + half
        edge = self.ax.get_window_extent()
        meets = (self.taken[:, :2] < high) & (self.taken[:, 2:] > low)
        if meets.all(axis=1).any() or low[0] < edge.x0 or high[0] > edge.x1:
            return False
        self.taken = np.vstack([self.taken, [*low, *high]])
        theme = Theme.of(self.ax)
        look: dict[str, Any] = {"ha": "center", "zorder": 4.0} | style
        box: dict[str, Any] = {"facecolor": theme.background, "alpha": 0.85, "linewidth": 0, "pad": 0.4}
        self.ax.annotate(
            text, (x, y), xytext=shift, textcoords="offset points", va="center_baseline", fontsize=size,
            bbox=box, annotation_clip=True, parse_math=False, **look,
        )  # fmt: skip
        return True


@dataclass(frozen=True)
class Refusals:
    """The refusals of messages: times, lanes and reasons."""

    time: np.ndarray
    lane: np.ndarray
    why: np.ndarray

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def of(cls, world: World, window: Window, names: Sequence[str], flights: Flights) -> Refusals:
        """Those of the messages that are shown."""
        cells = read(world, "events", "time_ms", "node", "kind", "detail", "from")
        lane = {name: position for position, name in enumerate(names)}
        time = cells["time_ms"].astype(float)
        refused = np.flatnonzero((cells["kind"] == "refused") & window.touches(time, time))
        arrived = set(
            zip(flights.end.tolist(), flights.receiver.tolist(), flights.sender.tolist(), strict=True)
        )
        places = [(time[i], lane.get(cells["node"][i], -1), lane.get(cells["from"][i], -1)) for i in refused]
        granted = answered_ok(world)  # by a liar, whatever it decided itself
        told = zip(time[refused], cells["node"][refused], cells["from"][refused], strict=True)
        kept = [place in arrived and one not in granted for place, one in zip(places, told, strict=True)]
        chosen = refused[np.array(kept, bool)] if len(refused) else refused
        return cls(
            time[chosen],
            np.array([lane[cells["node"][i]] for i in chosen], float),
            np.array([str(cells["detail"][i]).replace("_", " ") for i in chosen], dtype=object),
        )

    def draw(self, ax: Axes, notes: Notes) -> None:
        """Draws a ring for each refusal, and the reason if there are few."""
        if not len(self):
            return
        theme = Theme.of(ax)
        style: dict[str, Any] = {"linewidths": 1.1, "zorder": 3.8, "gid": "refused"}
        ax.scatter(self.time, self.lane, s=20, c=theme.background, edgecolors=theme.wrong, **style)
        if len(self) <= FEW_REFUSALS:
            size = points(ax, TINY)
            for time, lane, why in zip(self.time, self.lane, self.why, strict=True):
                notes.write(time, lane, why, size, (0.0, -1.2 * size), color=theme.wrong, gid="reason")


def answered_ok(world: World) -> set[tuple[float, str, str]]:
    """When a node sent another an answer that grants a vote or reports success."""
    sent = read(world, "messages", "sent_ms", "from", "to", "ok")
    ok = np.flatnonzero(sent["ok"].astype(bool))
    return set(zip(sent["sent_ms"][ok].astype(float), sent["from"][ok], sent["to"][ok], strict=True))


def write_terms(ax: Axes, flights: Flights, lanes: dict[str, Spans], notes: Notes) -> None:
    """Writes the term of a node when it enters one, and of each message if there are few."""
    theme, size = Theme.of(ax), points(ax, SMALL)
    for lane, spans in enumerate(lanes.values()):
        for i in np.flatnonzero(np.r_[True, spans.term[1:] != spans.term[:-1]][: len(spans)]):
            term, shift = f"{spans.term[i]}", (0.2 * size, 0.95 * size)
            notes.write(spans.start[i], lane, term, size, shift, ha="left", color=theme.muted, gid="term")
    if len(flights) > FEW_MESSAGES:
        return
    size = points(ax, TINY)
    for start, end, sender, height, kind, term in zip(
        flights.start, flights.end, flights.sender, flights.height, flights.kind, flights.term, strict=True
    ):
        if abs(height - sender) < SHORTEST:
            continue
        for share in (0.3, 0.45, 0.2, 0.6):
            place = start + share * (end - start), sender + share * (height - sender)
            colour = theme.stroke(kind).colour
            if notes.write(*place, f"{term}", size, color=theme.legible(colour), gid="message-term"):
                break
