"""The scenarios that are played for advice: a leader's crash, and a healthy cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .._conditions import caught_up, leader_elected, leaders
from .._faults import ClockJump, Crash, Fault
from ..distributions import support, uniform
from ..errors import RaftlabError
from ..scenario import Scenario
from ..settings import Network
from ..steps import run_until
from ..sweeps import Sweep
from ..sweeps.plan import Plan
from ..sweeps.play import play_and_keep, undivided
from .heartbeats import Latencies

HEALTHY = 500
"""The length of a healthy run in timeouts, which costs the same work with any timeout."""
STEADY = ["false_elections", "leader_losses", "unavailable_ms"]
SETTLED = leader_elected & leaders(1) & caught_up
"""All running nodes follow a new leader. Its election alone does not settle the cluster: a node whose timeout
is shorter than its round trip becomes a candidate again and again before it hears of the leader. Its terms
depose one leader after the other, so the elections after a failure can go on for many timeouts."""
SETTLING = 50
"""The number of timeouts in which a cluster has to settle at first. It usually takes two to twenty."""
WATCHED = 200
"""The least number of timeouts to wait until the cluster has settled again after a failure."""
OTHER_RULES = ("pre_vote", "sticky_votes", "check_quorum", "election_rule", "adaptive_timeout", "bugs")
"""Settings with which a follower's candidacy alone does not depose a leader."""
PROBE = "60s"
"""The length of the run that samples latencies."""
AWAY = 10
"""The number of timeouts after which the crashed one of two machines is back; there is no leader before."""


@dataclass(frozen=True)
class Setup:
    """The cluster without its timeouts.

    Attributes
    ----------
    spread : float
        The longest election timeout, as a multiple of the least.
    beats : float
        The number of heartbeats per least timeout.
    own_ms : float or None
        The preset's own least timeout.
    whose : str
        The name of those timeouts.
    """

    nodes: int
    network: Network
    preset: Mapping[str, Any] | None
    disk: Any
    spread: float
    beats: float
    own_ms: float | None
    whose: str

    @classmethod
    def of(cls, nodes: int, network: Network, preset: Mapping[str, Any] | None, disk: Any) -> Setup:
        """The setup with the proportions of a preset."""
        usual = Scenario(nodes, preset=preset, network=network, disk=disk)
        least, longest = usual.election_timeout
        heartbeat = usual._parts.get("heartbeat", least / 3)
        own = least if preset is not None and "election_timeout" in preset else None
        whose = f"{getattr(preset, 'name', 'the preset')}'s own"
        return cls(nodes, network, preset, disk, longest / least, least / heartbeat, own, whose)

    def failover(self, timeout_ms: float, loss: float) -> Scenario:
        """A settled leader crashes, at a random moment between its heartbeats, and another takes over."""
        watched, away = WATCHED * timeout_ms, self.away_ms(timeout_ms)
        soon = uniform(timeout_ms, 2 * timeout_ms)
        crash = Crash("leader", after=soon, patience=watched, duration=away or None)
        return self._once_settled(timeout_ms, loss, crash, 2 * watched + away)

    def away_ms(self, timeout_ms: float) -> float:
        """The time that the crashed machine is away if no other can take over, in a cluster of two."""
        return AWAY * timeout_ms if self.nodes == 2 else 0.0

    @property
    def plain(self) -> bool:
        """True if a follower's candidacy deposes the leader, as in plain Raft."""
        return not any((self.preset or {}).get(rule) for rule in OTHER_RULES)

    @property
    def prompt(self) -> bool:
        """True if no message can be lost, or take more than twice as long as another on its link."""
        ranges = map(support, self.network._between_nodes())
        return not self.network.loss and all(longest <= 2 * least for least, longest in ranges)

    def false_elections(self, timeout_ms: float, loss: float, latencies: Latencies) -> float | None:
        """The calculated number of false elections per timeout; None with rules other than plain Raft's.

        It assumes a stable leader, and holds as long as elections succeed.
        """
        if self.network.duplicate or not self.plain:
            return None
        each = latencies.false_elections(timeout_ms, self.spread, timeout_ms / self.beats, loss)
        return (self.nodes - 1) * each

    def steady(self, timeout_ms: float, loss: float) -> Scenario:
        """A healthy cluster."""
        return self._scenario(timeout_ms, loss, horizon=HEALTHY * timeout_ms)

    def beginning(self, timeout_ms: float, loss: float) -> Scenario:
        """The beginning of any of the runs, until the cluster has settled."""
        return self._scenario(timeout_ms, loss, stop=SETTLED, horizon=SETTLING * timeout_ms)

    def deposed(self, timeout_ms: float, loss: float) -> Scenario:
        """A follower's timer is forced to expire although it hears from its leader."""
        soon = uniform(timeout_ms, 2 * timeout_ms)
        jump = ClockJump("a follower", self.spread * timeout_ms, after=soon)
        return self._once_settled(timeout_ms, loss, jump, WATCHED * timeout_ms)

    def _once_settled(self, timeout_ms: float, loss: float, fault: Fault, watched_ms: float) -> Scenario:
        """A fault within two timeouts after the cluster has settled, and what follows until it has again."""
        settling = SETTLING * timeout_ms
        return self._scenario(
            timeout_ms,
            loss,
            steps=[run_until(SETTLED, limit=settling), fault],
            stop=SETTLED,
            horizon=settling + 2 * timeout_ms + watched_ms,
        )

    def _scenario(self, timeout_ms: float, loss: float, **more: Any) -> Scenario:
        return Scenario(
            self.nodes,
            preset=self.preset,
            network=replace(self.network, loss=loss),
            disk=self.disk,
            election_timeout=(timeout_ms, self.spread * timeout_ms),
            heartbeat=timeout_ms / self.beats,
            noop=True,  # an entry of the leader's by which one sees that it is followed
            **more,
        )

    def latencies(self) -> Latencies:
        """The latencies of the links, as the simulator draws them."""
        run = Scenario(self.nodes, network=self.network, horizon=PROBE).run(seed=0, checks=False)
        return Latencies.of(run, alike=self.network.regions is None)


def played(
    build: Callable[..., Scenario],
    first_seeds: Mapping[float, int],
    count: int,
    metrics: list[str],
    threads: int | None,
    progress: bool | Callable[[int], object],
) -> Sweep:
    """Plays a sweep over timeouts with their first seeds, which is complete or raises.

    Each timeout has its own consecutive seeds, so that events with different timeouts are independent and can
    be added up. (With common seeds, the same lost messages would count with each timeout.)
    """
    grid = {"timeout_ms": list(first_seeds)}
    alike = Plan.of(build, grid, range(count), metrics, None, False, "stop", True)
    plan = replace(alike, first_seeds=tuple(first_seeds.values()))
    found = undivided(lambda: play_and_keep(plan, threads, progress))
    if found.errors:
        raise RaftlabError(f"advise: a run failed: {found.errors[0][1]}")
    return found
