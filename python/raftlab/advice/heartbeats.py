"""The calculated rate of false elections: how often no heartbeat arrives within a timeout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    from .._run import Run

    Array: TypeAlias = np.ndarray[Any, Any]

__all__ = ["Latencies"]

MOST = 400
"""The number of quantiles that represent a link's latency."""
DRAWS = 100
"""The number of timeouts between the least and the longest that are averaged."""


@dataclass(frozen=True)
class Latencies:
    """The latencies of the links, as the simulator draws them.

    Attributes
    ----------
    links : tuple of array of float
        The latencies of each link in ms, ascending.
    """

    links: tuple[Array, ...]

    @classmethod
    def of(cls, run: Run, *, alike: bool) -> Latencies:
        """The latencies of all messages of a run that were not lost; as one link if all are alike."""
        import numpy as np

        rows = run.trace.messages.to_dict()
        links: dict[tuple[str, str], list[float]] = {}
        for sender, receiver, sent, due in zip(
            rows["from"], rows["to"], rows["sent_ms"], rows["due_ms"], strict=True
        ):
            if due is not None and due == due:
                links.setdefault(("", "") if alike else (sender, receiver), []).append(due - sent)
        return cls(tuple(np.sort(times) for times in links.values()))

    @property
    def round_trip_ms(self) -> float:
        """The round trip that 99 % do not exceed on the slowest link."""
        import numpy as np

        return 2 * max((float(np.quantile(times, 0.99)) for times in self.links), default=0.0)

    def false_elections(self, timeout_ms: float, spread: float, heartbeat_ms: float, loss: float) -> float:
        """The number of false elections per follower and timeout, averaged over links.

        Whenever a heartbeat arrives a follower draws its timeout, and starts an election if no other
        heartbeat arrives within it: each of the others is independently lost, earlier or later.
        """
        import numpy as np

        drawn = timeout_ms * (1 + (spread - 1) * (np.arange(DRAWS) + 0.5) / DRAWS)
        missed = [
            none_arrives(link, drawn, heartbeat_ms, loss).mean() for link in self.links if len(link) > 1
        ]
        return float(np.mean(missed)) * (1 - loss) * timeout_ms / heartbeat_ms if missed else 0.0


def none_arrives(link: Array, drawn: Array, heartbeat_ms: float, loss: float) -> Array:
    """P(no other heartbeat arrives within a timeout after one that does), by its latency and the timeout."""
    import numpy as np

    own = np.quantile(link, (np.arange(min(MOST, len(link))) + 0.5) / min(MOST, len(link)))[:, None]
    last = int((own.max() + drawn.max()) / heartbeat_ms) + 1
    first = -int(link[-1] / heartbeat_ms) - 1
    chance = np.ones((len(own), len(drawn)))
    for sent in range(first, last + 1):
        if sent:
            arrived = share(link, own + drawn - sent * heartbeat_ms) - share(link, own - sent * heartbeat_ms)
            chance *= 1 - (1 - loss) * arrived
    return chance


def share(link: Array, times: Array) -> Array:
    """The share of latencies up to some times."""
    import numpy as np

    found: Array = np.searchsorted(link, times, side="right") / len(link)
    return found
