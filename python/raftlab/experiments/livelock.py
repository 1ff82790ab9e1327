"""Q2: a livelock in which no leader is ever elected, or none that makes progress."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from .. import (
    Crash,
    Cut,
    Fault,
    Initial,
    Isolate,
    Network,
    OpenLoop,
    Scenario,
    Sweep,
    leader_elected,
    uniform,
)
from .._world import World
from ..sweeps.play import whole
from ._base import Answer, Experiment, Variant, bound
from ._reading import columns, stays

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PROTOCOLS: dict[str, dict[str, Any]] = {
    "plain": {},
    "sticky votes": {"sticky_votes": True},
    "CheckQuorum": {"check_quorum": True},
    "PreVote": {"pre_vote": True},
    "PreVote + CheckQuorum": {"pre_vote": True, "check_quorum": True},
}
"""The variants of Raft in the table, and their switches."""

SETTLED_MS, HORIZON_MS, WINDOW_MS = 5_000, 60_000, 500
"""The time that a cell covers: from 5 s to 60 s, in windows of half a second."""

FAULT_MS = 1_000
"""When the network changes."""


# ---- Scenarios ----------------------------------------------------------------------------------------


def only_links(nodes: str, *links: str) -> list[Fault]:
    """Cuts all links but these.

    Parameters
    ----------
    nodes : str
        The nodes, a letter each.
    *links : str
        Pairs of nodes that can talk, such as `"AB"`.

    Examples
    --------
    >>> only_links("ABC", "AB", "AC")
    [Cut(from_='B', to='C', both_ways=True, at=1000)]
    """
    kept = {frozenset(link) for link in links}
    return [
        Cut(from_=a, to=b, both_ways=True, at=FAULT_MS)
        for a, b in combinations(nodes, 2)
        if frozenset((a, b)) not in kept
    ]


def troubled(
    nodes: int = 5, *, leader: str | None = None, faults: Iterable[Fault] = (), **settings: Any
) -> Scenario:
    """A minute of a cluster in which each node has a local client that writes four times a second.

    Parameters
    ----------
    nodes : int
        The number of nodes.
    leader : str, optional
        The initial leader, in term 1; none by default.
    faults : list of Fault
        The faults.
    **settings
        Further settings of the scenario.

    Examples
    --------
    >>> troubled(3, leader="A").run(seed=1, trace="off").leader.name
    'A'
    """
    names = "ABCDE"[:nodes]
    return Scenario(
        nodes,
        initial=Initial(term=1, leader=leader) if leader else None,
        workload=[OpenLoop("250ms", home=home) for home in names],
        faults=faults,
        horizon=HORIZON_MS,
        **{"network": Network(latency=uniform(1, 3)), **settings},
    )


STALE = Isolate("A", at=0, duration=FAULT_MS)
"""The fault that makes A's log stale."""

STAR = only_links("ABCDE", "AB", "AC", "AD", "AE")
"""All nodes can talk to A, and to no other node."""

SCENARIOS: dict[str, dict[str, Any]] = {
    "nothing goes wrong": {"leader": "A"},
    "identical timeouts, equal latencies": {"election_timeout": "150ms", "network": Network(latency=5)},
    "identical timeouts, latencies of 3 to 8 ms": {
        "election_timeout": "150ms",
        "network": Network(latency=uniform(3, 8)),
    },
    "latencies of 60 to 70 ms": {"network": Network(latency=uniform(60, 70))},
    "latencies of 90 to 110 ms": {"network": Network(latency=uniform(90, 110))},
    "latencies of 150 to 170 ms": {"network": Network(latency=uniform(150, 170))},
    "the leader hears nothing (n = 3)": {
        "nodes": 3,
        "leader": "A",
        "faults": [Cut(to="A", at=FAULT_MS)],
    },
    "a follower hears nothing (n = 3)": {
        "nodes": 3,
        "leader": "A",
        "faults": [Cut(to="C", at=FAULT_MS)],
    },
    "a follower is cut off for 20 s": {
        "leader": "A",
        "faults": [Isolate("E", at=FAULT_MS, duration="20s")],
    },
    "mesh ABC, D at B, E at the leader C": {
        "leader": "C",
        "faults": only_links("ABCDE", "AB", "AC", "BC", "BD", "CE"),
    },
    "mesh ABC, the leader D at B, E dead": {
        "leader": "D",
        "faults": [*only_links("ABCDE", "AB", "AC", "BC", "BD"), Crash("E", at=FAULT_MS)],
    },
    "chain B–A–C, B leads (n = 3)": {
        "nodes": 3,
        "leader": "B",
        "faults": only_links("ABC", "AB", "AC"),
    },
    "star around A, the leader B at its edge": {"leader": "B", "faults": STAR},
    "star around A, whose log is stale; B dead": {
        "leader": "B",
        "faults": [STALE, *STAR, Crash("B", at=FAULT_MS)],
    },
}
"""The rows of the table: the arguments of `troubled`. Links are cut after a second, permanently."""


# ---- Cells --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """The results of a scenario with a variant of Raft, averaged over its runs.

    Attributes
    ----------
    availability : float
        The share of half seconds, from 5 s to 60 s, in which an entry was committed.
    leader_changes : float
        The number of elections won in that time.
    highest_term : float
        The highest term of any node at the end.
    """

    availability: float
    leader_changes: float
    highest_term: float

    def __str__(self) -> str:
        return f"{self.availability:.0%}, {self.leaders}, term {self.highest_term:,.0f}"

    @property
    def leaders(self) -> str:
        """The number of changes of leader, in words."""
        return f"{self.leader_changes:,.0f} change{'' if round(self.leader_changes) == 1 else 's'}"


Row = dict[str, Cell]
"""A row of the table: a cell per variant of Raft."""


def measure(run: World) -> Cell:
    """The cell of one run.

    Examples
    --------
    >>> measure(troubled(3, leader="A").run(seed=1))
    Cell(availability=1.0, leader_changes=0, highest_term=1)
    """
    known = columns(run.trace.entries)["committed_ms"]
    commits = {int(at // WINDOW_MS) for at in known if SETTLED_MS <= at < HORIZON_MS}
    changes = sum(stay.role == "leader" and stay.start >= SETTLED_MS for stay in stays(run))
    windows = (HORIZON_MS - SETTLED_MS) // WINDOW_MS
    return Cell(len(commits) / windows, changes, max(node.term for node in run))


def cell(scenario: Scenario, seeds: int) -> Cell:
    """The cell of a scenario, averaged over some seeds.

    Examples
    --------
    >>> cell(troubled(3, leader="A"), seeds=2).availability
    1.0
    """
    runs = [measure(scenario.run(seed, trace="states")) for seed in range(seeds)]
    return Cell(
        sum(run.availability for run in runs) / seeds,
        sum(run.leader_changes for run in runs) / seeds,
        sum(run.highest_term for run in runs) / seeds,
    )


def row(name: str, seeds: int, protocols: Sequence[str] = tuple(PROTOCOLS), **changed: Any) -> Row:
    """A row of the table: a scenario under variants of Raft.

    Parameters
    ----------
    name : str
        A key of `SCENARIOS`.
    seeds : int
        The number of runs per cell.
    protocols : list of str
        Keys of `PROTOCOLS`.
    **changed
        Settings that differ from the scenario of that name.

    Examples
    --------
    >>> cells = row("star around A, the leader B at its edge", 1, ["PreVote", "PreVote + CheckQuorum"])
    >>> cells["PreVote"].availability, cells["PreVote + CheckQuorum"].availability
    (0.0, 1.0)
    """
    settings = {**SCENARIOS[name], **changed}
    return {protocol: cell(troubled(**settings, **PROTOCOLS[protocol]), seeds) for protocol in protocols}


def table(seeds: int, scenarios: Iterable[str] = tuple(SCENARIOS)) -> dict[str, Row]:
    """Scenarios under all variants of Raft.

    Parameters
    ----------
    seeds : int
        The number of runs per cell.
    scenarios : list of str
        Keys of `SCENARIOS`.

    Examples
    --------
    >>> rows = table(1, ["chain B–A–C, B leads (n = 3)"])
    >>> min(cell.availability for row in rows.values() for cell in row.values()) > 0.95
    True
    """
    return {name: row(name, seeds) for name in scenarios}


# ---- Judges -------------------------------------------------------------------------------------------


def _cells(cells: Row) -> str:
    return "; ".join(f"{protocol}: {found}" for protocol, found in cells.items())


def progress(cells: Row) -> Answer:
    """A judge: whether writes were committed at least half of the time under any of these variants."""
    return Answer(any(found.availability >= 0.5 for found in cells.values()), _cells(cells))


def churn(cells: Row) -> Answer:
    """A judge: whether there were more than ten elections in 55 s under all of these variants."""
    return Answer(all(found.leader_changes > 10 for found in cells.values()), _cells(cells))


def always_progress(rows: dict[str, Row]) -> Answer:
    """A judge: whether PreVote with CheckQuorum made progress at least half of the time, in all rows."""
    best = "PreVote + CheckQuorum"
    stuck = [name for name, cells in rows.items() if cells[best].availability < 0.5]
    told = [f"with {best} {len(rows) - len(stuck)} of {len(rows)} scenarios make progress"]
    if stuck:
        told.append(f"stuck: {', '.join(stuck)}")
    for protocol in PROTOCOLS:
        if protocol != best:
            lost = sum(cells[protocol].availability < 0.5 for cells in rows.values())
            told.append(f"{protocol}: {lost} stuck")
    return Answer(not stuck, "; ".join(told))


def nobody_is_elected(swept: Sweep) -> Answer:
    """A judge: whether there was a run without a leader until its end."""
    without = sum(ending != "stop" for ending in swept.runs.to_list("ending"))
    if not without:
        last = max(swept.runs.to_list("end_ms"))
        return Answer(
            False, f"no leader within 5 s: {bound(swept)}; the slowest first election took {last:,.0f} ms"
        )
    return Answer(True, f"no leader within 5 s: {without:,} of {len(swept):,} runs")


# ---- The rows -----------------------------------------------------------------------------------------

RANDOM: dict[str, Any] = {"election_timeout": ("150ms", "300ms")}
SLOW: dict[str, Any] = {"election_timeout": ("1500ms", "3s")}
BOTH = ("PreVote + CheckQuorum",)
ESCAPES = frozenset(SCENARIOS) - {
    "identical timeouts, equal latencies",
    "latencies of 90 to 110 ms",
    "latencies of 150 to 170 ms",
    "star around A, whose log is stale; B dead",
}
"""The scenarios that meet Raft's assumptions: random timeouts, a fast network, a connected quorum."""


def _first_election(seeds: int, **settings: Any) -> Sweep:
    return whole(
        Scenario(5, network=Network(latency=5), stop=leader_elected, horizon="5s", **settings), seeds=seeds
    )


def _mechanism(
    id: str,
    name: str,
    question: str,
    judge: Any,
    runs: int,
    *,
    under: Sequence[str] = tuple(PROTOCOLS),
    cured: Sequence[str] | None = None,
    changed: str,
    claim: str = "",
    claimed: bool | None = None,
    title: str = "",
    **cure: Any,
) -> Variant:
    """A question about a row of the table: some variants of Raft that fail, and the cure as the control."""
    return Variant(
        id,
        f"{name}{title}",
        question,
        claim,
        claimed,
        play=lambda _: row(name, runs, under),
        judge=judge,
        control=lambda _: row(name, runs, cured or under, **cure),
        changed=changed,
    )


def variants(seeds: int) -> list[Variant]:
    """The rows of Q2."""
    runs = max(2, seeds // 500)
    lives = "Are writes committed at least half of the time?"
    under_any = "Are writes committed at least half of the time under any variant of Raft?"
    storms = "Are more than ten elections won in 55 s?"
    return [
        Variant(
            "Q2.1",
            f"random timeouts, equal latencies, {seeds:,} seeds",
            "Is there a run in which no leader is elected within 5 s?",
            "random timeouts make split votes rare, and resolve them quickly",
            False,
            play=lambda _: _first_election(seeds, election_timeout=("150ms", "300ms")),
            judge=nobody_is_elected,
            control=lambda _: _first_election(seeds, election_timeout="150ms"),
            changed="identical timeouts",
        ),
        _mechanism(
            "Q2.2",
            "identical timeouts, equal latencies",
            under_any,
            progress,
            runs,
            changed="timeouts drawn from 150 to 300 ms",
            **RANDOM,
        ),
        _mechanism(
            "Q2.3",
            "identical timeouts, latencies of 3 to 8 ms",
            lives,
            progress,
            runs,
            title=", without PreVote",
            under=("plain", "sticky votes", "CheckQuorum"),
            changed="timeouts drawn from 150 to 300 ms",
            **RANDOM,
        ),
        _mechanism(
            "Q2.4",
            "latencies of 150 to 170 ms",
            under_any,
            progress,
            runs,
            changed="election timeouts ten times as long",
            claim="the timing requirement: broadcastTime ≪ electionTimeout (§5.6)",
            claimed=False,
            **SLOW,
        ),
        _mechanism(
            "Q2.5a",
            "the leader hears nothing (n = 3)",
            lives,
            progress,
            runs,
            under=("plain", "sticky votes", "PreVote"),
            cured=BOTH,
            changed="with PreVote and CheckQuorum",
            title=", without CheckQuorum",
        ),
        _mechanism(
            "Q2.5b",
            "the leader hears nothing (n = 3)",
            storms,
            churn,
            runs,
            under=("CheckQuorum",),
            cured=BOTH,
            changed="with PreVote as well",
            title=", with CheckQuorum alone",
        ),
        _mechanism(
            "Q2.6",
            "a follower hears nothing (n = 3)",
            storms,
            churn,
            runs,
            under=("plain", "CheckQuorum"),
            cured=("PreVote", "sticky votes"),
            changed="with PreVote, or with sticky votes",
        ),
        _mechanism(
            "Q2.7",
            "mesh ABC, D at B, E at the leader C",
            storms,
            churn,
            runs,
            under=("plain", "CheckQuorum"),
            cured=("PreVote", "sticky votes"),
            changed="with PreVote, or with sticky votes",
        ),
        _mechanism(
            "Q2.8",
            "mesh ABC, the leader D at B, E dead",
            lives,
            progress,
            runs,
            under=("sticky votes", "PreVote"),
            cured=("plain", *BOTH),
            changed="without either, or with PreVote and CheckQuorum together",
            title=", with sticky votes or PreVote alone",
            claim="PreVote only ever improves availability",
            claimed=True,
        ),
        _mechanism(
            "Q2.9",
            "star around A, the leader B at its edge",
            lives,
            progress,
            runs,
            under=("sticky votes", "PreVote"),
            cured=("plain", *BOTH),
            changed="without either, or with PreVote and CheckQuorum together",
            title=", with sticky votes or PreVote alone",
        ),
        _mechanism(
            "Q2.10",
            "star around A, whose log is stale; B dead",
            under_any,
            progress,
            runs,
            changed="A's log is not stale",
            faults=[*STAR, Crash("B", at=FAULT_MS)],
        ),
        Variant(
            "Q2.11",
            f"{len(SCENARIOS)} scenarios under five variants of Raft, {runs} runs of a minute each",
            "Do PreVote and CheckQuorum together always make progress?",
            "PreVote with CheckQuorum guarantees liveness",
            True,
            play=lambda _: table(runs),
            judge=always_progress,
            control=lambda _: table(runs, [name for name in SCENARIOS if name in ESCAPES]),
            changed="only with random timeouts, short round trips, and a connected, up-to-date quorum",
        ),
    ]


# ---- The picture --------------------------------------------------------------------------------------


def draw(rows: dict[str, Row], _title: str, ax: Axes | None) -> Axes:
    """Draws the table of Q2.11: availability, changes of leader, and highest terms.

    It shows the answers of several rows, so its title gives none.
    """
    from ._pictures import progress

    return progress(ax, rows, STORM)


STORM = 10
"""Cells with more changes of leader than this are framed."""


livelock = Experiment(
    "Q2",
    "Can you create a livelock in which no leader is ever elected?",
    variants,
    "Q2.11",
    draw,
    __doc__,
)

__all__ = [
    "PROTOCOLS",
    "SCENARIOS",
    "Cell",
    "cell",
    "livelock",
    "measure",
    "only_links",
    "row",
    "table",
    "troubled",
]
