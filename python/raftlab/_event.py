"""What happened: an event of a run."""

from __future__ import annotations

from dataclasses import dataclass

from ._time import format_ms
from ._values import Guarded

__all__ = ["Event"]


@dataclass(frozen=True, slots=True)
class Event(metaclass=Guarded):
    """An event of a run, as `Cluster.step` returns it.

    Attributes
    ----------
    time_ms : float
        When it happened.
    kind : str
        "arrival" of a message; "timer_election", "timer_heartbeat" or "timer_quorum" of a timer; "fsync"; or
        "freed", if a node has finished what it was doing, and takes up what waits; or "client", if a load
        generator sends a request or gives one up.
    node : str or None
        The node to which it happened.
    from_ : str or None
        The sender of a message.
    type : str or None
        The type of a message.
    unhandled : str or None
        Why the node did not handle the event: it is "down", and a message to it is lost, or it is "paused",
        and handles the event when it resumes, or it is "busy", and handles it when its time has passed.

    Examples
    --------
    >>> import raftlab as rl
    >>> event = rl.Cluster(3, seed=1).step()
    >>> event.kind, event.node
    ('timer_election', 'B')
    """

    time_ms: float
    kind: str
    node: str | None
    from_: str | None
    type: str | None
    unhandled: str | None

    def __repr__(self) -> str:
        which = f", which is {self.unhandled}" if self.unhandled else ""
        return f"<{format_ms(self.time_ms)}: {self._happening()}{which}>"

    def _happening(self) -> str:
        if self.kind == "arrival":
            return f"{self.type} from {self.from_} arrives at {self.node}"
        if self.kind.startswith("timer_"):
            return f"the {TIMERS[self.kind]} timer expires at {self.node}"
        if self.kind == "fsync":
            return f"an fsync finishes at {self.node}"
        if self.kind == "freed":
            return f"{self.node} takes up what waits"
        return "a client of a load generator acts"


TIMERS = {"timer_election": "election", "timer_heartbeat": "heartbeat", "timer_quorum": "CheckQuorum"}
