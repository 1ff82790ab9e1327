"""What happened: an event of a run."""

from __future__ import annotations

from dataclasses import dataclass

from ._time import format_ms

__all__ = ["Event"]


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a run, as `Cluster.step` returns it.

    Attributes
    ----------
    time_ms : float
        When it happened.
    kind : str
        "arrival" of a message; "timer_election", "timer_heartbeat" or "timer_quorum" of a timer; "fsync"; or
        "client", if a load generator sends a request or gives one up.
    node : str or None
        The node to which it happened.
    from_ : str or None
        The sender of a message.
    type : str or None
        The type of a message.

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

    def __repr__(self) -> str:
        return f"<{format_ms(self.time_ms)}: {self._happening()}>"

    def _happening(self) -> str:
        if self.kind == "arrival":
            return f"{self.node} receives {self.type} from {self.from_}"
        if self.kind.startswith("timer_"):
            return f"the {TIMERS[self.kind]} timer of {self.node} expires"
        return (
            f"an fsync of {self.node} finishes"
            if self.kind == "fsync"
            else "a client of a load generator acts"
        )


TIMERS = {"timer_election": "election", "timer_heartbeat": "heartbeat", "timer_quorum": "CheckQuorum"}
