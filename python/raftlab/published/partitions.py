"""Partial partitions: whether there is a stable leader when some links are cut permanently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._faults import Crash, Cut, Fault
from ..distributions import uniform
from ..scenario import Scenario
from ..settings import Initial, Network, OpenLoop
from ..statistics import share
from ..sweeps import Sweep
from .result import Result, Row, played, triple

__all__ = ["partial_partitions"]

NEITHER: dict[str, Any] = {}
PRE_VOTE: dict[str, Any] = {"pre_vote": True}
BOTH: dict[str, Any] = {"pre_vote": True, "check_quorum": True}


@dataclass(frozen=True)
class Case:
    """The remaining links, the leader before the cut, and the claims of the source.

    Each of `claims` has switches, the published probability of a stable leader, whether it is stated or
    inferred, and why raftlab's differs, if it does. `short` are servers whose logs lack an entry, and `dead`
    are servers that crash.
    """

    name: str
    links: str
    leader: str
    claims: tuple[tuple[dict[str, Any], float, str, str], ...]
    dead: str = ""
    short: str = ""


CASES = (
    Case(
        "Howard and Abraham A",
        "AB AC BC BD CE",
        "C",
        ((NEITHER, 0.0, "stated", ""), (PRE_VOTE, 1.0, "stated", "")),
    ),
    Case(
        "Howard and Abraham B",
        "AB AC BC BD",
        "D",
        ((PRE_VOTE, 0.0, "stated", ""), (BOTH, 1.0, "stated", "")),
        dead="E",
    ),
    Case(
        "Omni-Paxos E1, quorum loss",
        "AB AC AD AE",
        "C",
        ((NEITHER, 1.0, "stated", ""), (BOTH, 1.0, "stated", "")),
    ),
    Case(
        "Omni-Paxos E1, constrained election",
        "AB AD AE",
        "C",
        ((NEITHER, 0.0, "stated", ""), (BOTH, 0.0, "stated", "")),
        short="AD",
    ),
    Case(
        "Omni-Paxos E1, chained",
        "AB AC",
        "B",
        ((NEITHER, 1.0, "inferred", ""), (BOTH, 1.0, "inferred", "")),
    ),
)

SETTLED_MS = 5000.0
STAYS_MS = 30_000.0


def partial_partitions(seeds: int = 500) -> Result:
    """Shares of runs with a stable leader when links are cut permanently, by PreVote and CheckQuorum.

    Returns
    -------
    Result
        The share of the runs with a stable leader: for 30 s from 5 s on, there is always a leader with a
        quorum and no election. The sources say only yes or no, hence a tolerance of 5 %.
    """
    rows = []
    for case in CASES:
        for switches, claimed, basis, why in case.claims:
            found = played(partially_cut(case, switches), seeds=seeds, series=SETTLED_MS, metrics="elections")
            stable = triple(share(stable_runs(found), len(found)))
            name = f"{case.name}: {' + '.join(NAMES[s] for s in switches) or 'neither'}"
            rows.append(
                Row(name, "P(stable leader)", "%", claimed, *stable, basis=basis, tolerance=0.05, why=why)
            )
    return Result("partial_partitions", "Partial partitions", SOURCE, SETUP, tuple(rows))


NAMES = {"pre_vote": "PreVote", "check_quorum": "CheckQuorum"}
SOURCE = (
    "Howard and Abraham 2020; Ng, Haridi and Carbone (Omni-Paxos), EuroSys 2023, expected results of "
    "experiment E1 in their artifact"
)
SETUP = (
    "5 servers (3 in the chain), election timeouts U(150, 300) ms, messages take U(1, 5) ms, a write "
    "every 200 ms. After 1 s all links but a few are cut permanently. Howard and Abraham A: the links AB, "
    "AC, BC, BD, CE are left, leader C. B: AB, AC, BC, BD, leader D, E is dead. Quorum loss: A is "
    "linked to all others, which have no other links; leader C. Constrained election: the same, but C is "
    "cut off, and A, the only server linked to a majority, lacks an entry that B and E have; there are no "
    "writes, and the cut comes at once. Chained: A, B, C, the link BC is cut; leader B. A leader is stable "
    "if for 30 s from 5 s on there is always a leader with a quorum and no election. The artifact states "
    "that Raft, with and without PreVote and CheckQuorum, recovers from quorum loss and is deadlocked in "
    "the constrained election; for the chain it names only Multi-Paxos as slowed down, so Raft's recovery "
    "there is inferred. An article by the same authors states that Raft without CheckQuorum is deadlocked "
    "under quorum loss and livelocked in the chain. Neither their measurements nor these runs confirm that: "
    "A, which is linked to all others, adopts the raised term and is elected."
)


def partially_cut(case: Case, switches: dict[str, Any]) -> Scenario:
    """A cluster in which few links are left."""
    names = sorted({*case.links.replace(" ", ""), *case.leader, *case.dead})
    left = {frozenset(link) for link in case.links.split()}
    pairs = [(a, b) for a in names for b in names if a < b and frozenset((a, b)) not in left]
    logs = {name: [1] if name in case.short else [1, 1] for name in names} if case.short else None
    cut_ms = 0.0 if case.short else 1000.0  # at once, before the leader can repair the short logs
    faults: list[Fault] = [Cut(from_=a, to=b, both_ways=True, at=cut_ms) for a, b in pairs]
    if case.dead:
        faults.append(Crash(list(case.dead), at=cut_ms))
    return Scenario(
        names,
        network=Network(latency=uniform(1, 5)),
        workload=[] if case.short else OpenLoop("200ms"),
        initial=Initial(term=1, leader=case.leader, log=logs),
        faults=faults,
        horizon=SETTLED_MS + STAYS_MS,
        **switches,
    )


def stable_runs(found: Sweep) -> int:
    """The number of runs in which there was always a leader with a quorum, and no election, after 5 s."""
    import numpy as np

    assert found.series is not None, "it was asked for"
    time, seed = found.series.to_numpy("time_ms"), found.series.to_numpy("seed")
    after = time >= SETTLED_MS
    broken = (found.series.to_numpy("available") < 1) | (found.series.to_numpy("elections") > 0)
    return int(len(found) - len(np.unique(seed[after & broken])))
