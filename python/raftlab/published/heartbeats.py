"""Elections caused by consecutive lost heartbeats, side by side with the exact Markov chain."""

from __future__ import annotations

from dataclasses import dataclass

from .._conditions import candidates
from ..scenario import Scenario
from ..settings import Initial, Network
from ..statistics import share
from .result import Result, Row, played, triple

__all__ = ["Case", "lost_heartbeats", "stands"]

HEARTBEAT_MS, LATENCY_MS = 50.0, 5.0


@dataclass(frozen=True)
class Case:
    """A cluster whose followers start an election after `missed` consecutive heartbeats are lost."""

    servers: int
    missed: int
    loss: float
    rounds: int

    @property
    def timeout_ms(self) -> float:
        """A fixed election timeout half an interval above the last heartbeat that may be missed."""
        return (self.missed + 0.5) * HEARTBEAT_MS

    @property
    def horizon_ms(self) -> float:
        """A time between the timeout decided by the last round and the next one. Timers start in round 0."""
        return LATENCY_MS + (self.rounds + 1) * HEARTBEAT_MS


CASES = (
    Case(3, 2, 0.1, 100),
    Case(5, 2, 0.1, 100),
    Case(3, 3, 0.2, 100),
    Case(5, 3, 0.2, 100),
    Case(5, 4, 0.3, 200),
    Case(9, 3, 0.1, 200),
)


def stands(missed: int, loss: float, rounds: int) -> float:
    """P(`missed` consecutive heartbeats of `rounds` are lost): a Markov chain over the current run of losses.

    >>> round(stands(2, 0.5, 3), 3)
    0.375
    """
    import numpy as np

    chain = np.zeros((missed + 1, missed + 1))
    chain[:missed, 0] = 1 - loss
    chain[range(missed), range(1, missed + 1)] = loss
    chain[missed, missed] = 1
    return float(np.linalg.matrix_power(chain, rounds)[0, missed])


def lost_heartbeats(seeds: int = 20_000) -> Result:
    """P(consecutive lost heartbeats cause an election within some seconds) (Huang et al.).

    Parameters
    ----------
    seeds : int
        The number of runs for each case.

    Returns
    -------
    Result
        P(a follower becomes candidate) for some clusters, losses and timeouts, and the exact value.
    """
    rows = []
    for case in CASES:
        found = played(lossy(case), seeds=seeds, metrics="elections")
        stood = share(int((found["ending"] == "stop").sum()), len(found))
        expected = 1 - (1 - stands(case.missed, case.loss, case.rounds)) ** (case.servers - 1)
        name = f"{case.servers} servers, {case.missed} missed, loss {case.loss:.0%}, {case.rounds} rounds"
        rows.append(
            Row(name, "P(a follower becomes candidate)", "%", expected, *triple(stood), basis="formula")
        )
    return Result("lost_heartbeats", "Consecutive lost heartbeats", SOURCE, SETUP, tuple(rows))


SOURCE = "Huang, Ma and Zhang, arXiv 1808.01081; exact chain for runs of losses"
SETUP = (
    f"An established leader sends heartbeats every {HEARTBEAT_MS:g} ms over links of {LATENCY_MS:g} ms that "
    "lose each message with a fixed probability. All timeouts are fixed, half an interval longer than the "
    "heartbeats that may be missed, so a follower becomes candidate exactly if that many in a row are lost. "
    "The article treats windows as independent, p^K each; the Markov chain counts runs of losses exactly. "
    "Followers are independent: 1 - (1 - P)^(n - 1)."
)


def lossy(case: Case) -> Scenario:
    """An established leader over links that lose messages, until a follower becomes candidate."""
    return Scenario(
        list("ABCDEFGHI"[: case.servers]),
        election_timeout=(case.timeout_ms, case.timeout_ms),
        heartbeat=HEARTBEAT_MS,
        network=Network(latency=LATENCY_MS, loss=case.loss),
        initial=Initial(term=1, leader="A"),
        stop=candidates(1),
        horizon=case.horizon_ms,
    )
