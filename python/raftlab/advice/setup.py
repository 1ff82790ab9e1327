"""What is played for advice: a leader's crash, and a healthy cluster, with each timeout."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from .._conditions import leader_elected
from .._faults import Crash
from ..distributions import uniform
from ..errors import RaftlabError
from ..scenario import Scenario
from ..settings import Network
from ..statistics import NOTHING, Estimate
from ..sweeps import Sweep
from ..sweeps.play import whole
from .rates import Quiet, added, failover_of, scaled, usual_ms
from .result import Choice

STEADY_MS = 60_000.0
STEADY = ["false_elections", "leader_losses", "unavailable_ms", "time_to_leader_ms"]
SETTLED = 20
"""So many timeouts pass before a leader crashes, so that there is one."""
WATCHED = 200
"""So many timeouts at least are waited for a new leader. Who needs more than that does not elect."""


@dataclass(frozen=True)
class Setup:
    """The cluster, but for its timeouts.

    Attributes
    ----------
    spread : float
        The longest election timeout, as a multiple of the least.
    beats : float
        How many heartbeats come in the least one.
    own_ms : float or None
        The preset's own least timeout.
    whose : str
        What that is called.
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
        """Looks at the proportions of a preset."""
        usual = Scenario(nodes, preset=preset, network=network, disk=disk)
        least, longest = usual.election_timeout
        heartbeat = usual._parts.get("heartbeat", least / 3)
        own = least if preset is not None and "election_timeout" in preset else None
        whose = f"{getattr(preset, 'name', 'the preset')}'s own"
        return cls(nodes, network, preset, disk, longest / least, least / heartbeat, own, whose)

    def failover(self, timeout_ms: float, loss: float) -> Scenario:
        """A leader crashes, at a random moment between its heartbeats, and another takes over."""
        settled, watched = SETTLED * timeout_ms, WATCHED * timeout_ms
        at = uniform(settled, settled + timeout_ms)
        return self._scenario(
            timeout_ms,
            loss,
            faults=[Crash("leader", at=at, patience=watched)],
            stop=leader_elected,
            horizon=settled + timeout_ms + 2 * watched,
        )

    def steady(self, timeout_ms: float, loss: float) -> Scenario:
        """Nothing fails."""
        return self._scenario(timeout_ms, loss, horizon=SETTLED * timeout_ms + STEADY_MS)

    def _scenario(self, timeout_ms: float, loss: float, **more: Any) -> Scenario:
        return Scenario(
            self.nodes,
            preset=self.preset,
            network=replace(self.network, loss=loss),
            disk=self.disk,
            election_timeout=(timeout_ms, self.spread * timeout_ms),
            heartbeat=timeout_ms / self.beats,
            **more,
        )

    def choices(
        self,
        tried: list[float],
        loss: float,
        crashes: int,
        quiet: int,
        failures: float,
        ci: float,
        options: dict[str, Any],
    ) -> tuple[tuple[Choice, ...], Sweep, Sweep | None]:
        """What each timeout costs, and the runs that say so. A healthy cluster is one that elects."""
        failovers = played(
            partial(self.failover, loss=loss), tried, crashes, ["since_last_fault_ms"], options
        )
        failover = {time: failover_of(failovers.at(timeout_ms=time), ci) for time in tried}
        able = [time for time in tried if math.isfinite(failover[time].value)]
        steady = played(partial(self.steady, loss=loss), able, quiet, STEADY, options) if able else None
        healthy = {time: Quiet.of(steady.at(timeout_ms=time)) for time in able} if steady else {}
        return (
            tuple(self._choice(time, loss, failover[time], healthy, failures, ci) for time in tried),
            failovers,
            steady,
        )

    def _choice(
        self,
        timeout_ms: float,
        loss: float,
        failover: Estimate,
        healthy: Mapping[float, Quiet],
        failures: float,
        ci: float,
    ) -> Choice:
        false_a_day = losses_a_day = NOTHING
        downtime = Estimate(math.inf, math.nan, math.inf, failover.note)
        if timeout_ms in healthy:
            quiet, usual = healthy[timeout_ms], usual_ms(timeout_ms, healthy)
            false_a_day, losses_a_day = quiet.a_day("false_elections", ci), quiet.a_day("leader_losses", ci)
            without = quiet.downtime_s_a_year(failover.value if usual is None else usual, ci)
            downtime = added(scaled(failover, failures / 1e3), without)
        return Choice(
            timeout_ms=timeout_ms,
            longest_ms=self.spread * timeout_ms,
            heartbeat_ms=timeout_ms / self.beats,
            loss=loss,
            failover_ms=failover,
            false_a_day=false_a_day,
            losses_a_day=losses_a_day,
            downtime_s_a_year=downtime,
            whose=self.whose if timeout_ms == self.own_ms else "",
        )


def played(
    build: Callable[..., Scenario],
    timeouts: list[float],
    seeds: int,
    metrics: list[str],
    options: dict[str, Any],
) -> Sweep:
    """A sweep over timeouts that is complete, or none."""
    found = whole(build, {"timeout_ms": timeouts}, seeds=seeds, metrics=metrics, checks=False, **options)
    if found.errors:
        raise RaftlabError(f"advise: a run failed: {found.errors[0][1]}")
    return found
