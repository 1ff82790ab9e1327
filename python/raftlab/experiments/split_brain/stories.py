"""The stories of a split brain: what is played, with one seed or with many."""

from __future__ import annotations

from collections.abc import Sequence

from ... import (
    ClockRate,
    Cluster,
    Crash,
    Cut,
    Delay,
    Initial,
    Network,
    OpenLoop,
    Partition,
    Scenario,
    campaign,
    exponential,
    term_reached,
    uniform,
)
from ..._typing import Via

MANY, FEW = "ABC", "DE"
"""The two sides of the cut."""

CUT_MS = 5000.0
"""The duration of the cut."""

LOOKED_THROUGH = 50
"""The number of runs of a sweep whose entries are examined one by one."""


# ---- Stories: both sides of a cut ---------------------------------------------------------------------


def split(seed: int = 1, *, leader: str = "A", after: float = 1000.0, **settings: object) -> Cluster:
    """{A, B, C} and {D, E} are cut apart for 5 s, and both sides take a write per second.

    Before the cut `leader` leads term 1, and x=1 is on every log. During the cut a client attached to C
    writes x=new1, x=new2 and so on. If the old leader is on the other side, another client sends it x=old1,
    x=old2 and so on.

    Parameters
    ----------
    seed : int
        The seed of the run.
    leader : str
        The leader before the cut.
    after : float
        The time in milliseconds that the story continues after the cut has healed.
    **settings
        Further settings of the cluster, such as `pre_vote=True`.

    Examples
    --------
    >>> c = split(leader="D", after=0)
    >>> [node.name for node in c.leaders if node.term == 1], len(c.leaders)
    (['D'], 2)
    >>> [operation.status for operation in c.operations if "new" in operation.text]
    ['ok', 'ok', 'ok', 'ok', 'ok']
    >>> [operation.status for operation in c.operations if "old" in operation.text]
    ['pending', 'pending', 'pending', 'pending', 'pending']
    """
    c = _one_write(seed, leader, **settings)
    c.partition(MANY, FEW, duration=CUT_MS)
    for second in range(1, 6):
        c.run(700)
        c.propose(f"x=new{second}", home="C")
        if leader in FEW:
            c.propose(f"x=old{second}", node=leader)
        c.run(300)
    return c.run(after)


def _one_write(seed: int, leader: str, **settings: object) -> Cluster:
    """`leader` leads term 1, and x=1 is on every log and known to be committed."""
    c = Cluster(5, seed, network=Network(latency=1), **settings)  # type: ignore[arg-type]
    c.campaign(leader)
    c.run(20).propose("x=1", node=leader)
    return c.run(100)


def cut_off_reader(seed: int = 1, *, via: Via = "local", leader: str = "D") -> Cluster:
    """A leader is cut off with one other node, the other side writes x=2, and a client reads x at the leader.

    Parameters
    ----------
    seed : int
        The seed of the run.
    via : {"local", "read_index"}
        The way in which the read is served.
    leader : str
        The leader before the cut: D is cut off with E, A stays with the majority.

    Examples
    --------
    >>> read = cut_off_reader().operations[-1]
    >>> read.status, read.value
    ('ok', '1')
    >>> cut_off_reader(via="read_index").operations[-1].reason
    'the leader stepped down'
    """
    c = _one_write(seed, leader)
    c.partition(MANY, FEW, duration=CUT_MS)
    c.run(2000)
    c.propose("x=2", home="C")
    c.run(50)
    c.read("x", node=leader, via=via)
    return c.run(CUT_MS - 2050 + 1000)


def acknowledged_before(seed: int = 1, *, heard: bool = True) -> Cluster:
    """The leader D appends x=2; A's acknowledgement arrives just before the cut, E's just after it.

    Parameters
    ----------
    seed : int
        The seed of the run.
    heard : bool
        Whether A's acknowledgement arrives before the cut; if not, the cut comes first.

    Examples
    --------
    >>> write = acknowledged_before().operations[-1]
    >>> write.text, write.status, write.index
    ('x=2', 'ok', 3)
    >>> acknowledged_before(heard=False).operations[-1].status
    'unknown'
    """
    c = _one_write(seed, "D")
    c.delay(20, from_="D", to="BC")  # they do not receive it in time
    c.delay(20, from_="E", to="D")
    c.propose("x=2", node="D")
    c.run(5 if heard else 1.5)
    c.partition(MANY, FEW, duration=500)
    return c.run(1500)


def learns_late(seed: int = 1, *, together: bool = True) -> Cluster:
    """x=2 commits on a majority; before E hears that, D and E are cut off.

    Parameters
    ----------
    seed : int
        The seed of the run.
    together : bool
        Whether D and E are cut off together; if not, each is alone.

    Examples
    --------
    >>> c = learns_late()
    >>> c.state(at=140)["E"].commit_index, c["E"].commit_index
    (2, 3)
    """
    c = _one_write(seed, "D")
    c.run(10)  # the next heartbeat is not due yet
    c.propose("x=2", node="D")
    c.run(5)
    c.partition(MANY, *((FEW,) if together else FEW), duration=500)
    return c.run(400)


# ---- Stories: read leases -----------------------------------------------------------------------------

LEASES = {
    "lease_without_stickiness": "voters that hear the leader still vote for others",
    "lease_forgotten_at_restart": "voters that have restarted vote at once",
    "lease_from_ack": "the lease counts from the answers to heartbeats, not from their sending",
    "lease_ignores_drift": "the lease is not shortened by the bound on clock drift",
}
"""What happens without each of the four conditions of a lease, by the bug that takes it away."""


def leases(seed: int = 1, bug: str = "lease_without_stickiness", *, intact: bool = False) -> Cluster:
    """A holds a lease when it is cut off; E is elected as early as voters allow, and x=2 is written.

    A client reads x at A by lease every 5 ms. E was cut off from A alone until its election timer expired, so
    no promise to A binds it. Depending on the bug, B and C restart, answers to A take 90 ms longer, or A's
    clock is 20 % slow and the others' are 20 % fast.

    Parameters
    ----------
    seed : int
        The seed of the run.
    bug : str
        The condition of a lease that is tested: one of `LEASES`.
    intact : bool
        Whether that condition holds.

    Examples
    --------
    >>> from raftlab.experiments.split_brain.judges import stale_reads
    >>> read, write = stale_reads(leases(bug="lease_ignores_drift"))[0]
    >>> read.value, write.text, write.ended_ms < read.invoked_ms
    ('1', 'x=2', True)
    >>> stale_reads(leases(bug="lease_ignores_drift", intact=True))
    []
    """
    drifts = bug == "lease_ignores_drift"
    drift = 0.2 if drifts else 0.01
    c = Cluster(5, seed, network=Network(latency=1), lease_drift=drift, bugs=() if intact else (bug,))
    if drifts:
        c.clock_rate("A", 0.8)
        c.clock_rate("BCDE", 1.2)
    if bug == "lease_from_ack":
        c.delay(90, from_="BCD", to="A", types="AppendEntriesReply")
    c.campaign("A")
    c.run(20)
    c.propose("x=1", node="A")
    c.run(200)
    c.cut(from_="A", to="E", both_ways=True)
    c.run_until(term_reached(2))  # E's election timer has expired; its RequestVotes are under way
    match bug:
        case "lease_forgotten_at_restart":
            c.inject(Crash("BC", duration=0))
            c.partition("A", "BCDE")
        case "lease_from_ack":
            heard = _after_heartbeat(c)
            c.cut(from_="A")
            c.at(heard + 92, Partition("A", "BCDE"))  # as soon as the answers have arrived
            c.at(heard + 149.2, campaign("E"))  # B, C and D are free after 150 ms
        case "lease_ignores_drift":
            heard = _after_heartbeat(c)
            c.at(heard + 2, Partition("A", "BCDE"))
            c.at(heard + 124.2, campaign("E"))  # they are free after 150 ms / 1.2 = 125 ms
        case _:
            c.partition("A", "BCDE")
    written = False
    for _ in range(80):
        c.read("x", node="A", via="lease")
        c.run(5)
        newest = c.leader
        if newest is not None and newest.name != "A" and not written:
            c.propose("x=2", node=newest.name)
            written = True
    return c


def _after_heartbeat(c: Cluster) -> float:
    """Runs until a heartbeat of A has reached the others, and returns the time."""
    c.run_until(lambda c: c.in_flight.select(from_="A", to="B", types="AppendEntries"))
    c.run(1.001)
    return c.now_ms


def random_leases(bugs: Sequence[str] = ()) -> Scenario:
    """The stories of `leases` combined, at random moments.

    A client attached to A reads by lease every 5 ms and sometimes writes, one attached to E writes.

    Parameters
    ----------
    bugs : list of str
        The conditions of a lease that are taken away, of `LEASES`.

    Examples
    --------
    >>> random_leases().run(seed=1).violations
    []
    """
    moment = uniform(200, 500)
    return Scenario(
        5,
        initial=Initial(term=1, leader="A"),
        network=Network(latency=exponential(1)),
        lease_drift=0.2,
        bugs=bugs,
        workload=[OpenLoop("5ms", home="A", reads=0.9, via="lease"), OpenLoop("5ms", home="E")],
        faults=[
            ClockRate("A", 0.8, at=0),
            ClockRate("BCDE", 1.2, at=0),
            Delay(uniform(0, 120), from_="BCD", to="A", types="AppendEntriesReply", at=0),
            Cut(from_="A", to="E", both_ways=True, at=uniform(0, 200)),
            Crash("BC", at=moment, duration=0),
            Partition("A", "BCDE", at=moment),
        ],
        horizon="1s",
    )


# ---- Stories: many seeds ------------------------------------------------------------------------------


def random_minorities() -> Scenario:
    """Two of five nodes are cut off at random moments; a client is attached to every node.

    Examples
    --------
    >>> from raftlab.experiments.split_brain.judges import new_commits_of_minorities
    >>> run = random_minorities().run(seed=1)
    >>> run.violations, new_commits_of_minorities(run)
    ([], [])
    """
    return Scenario(
        5,
        network=Network(latency=exponential(3)),
        workload=[OpenLoop("50ms", home=home) for home in "ABCDE"],
        faults=[
            Partition(
                "a minority", at=uniform(400, 800), every=uniform(600, 1200), duration=uniform(200, 800)
            )
        ],
        horizon="3s",
    )


def only_minorities() -> Scenario:
    """After a second the cluster is split into {A, B}, {C, D} and {E}, and only then clients start.

    No side is a majority, so only the empty entries of earlier leaders may ever be committed.

    Examples
    --------
    >>> run = only_minorities().run(seed=1)
    >>> run.leader.last_index > 1, run.leader.commit_index
    (True, 1)
    """
    return Scenario(
        5,
        network=Network(latency=exponential(3)),
        workload=[OpenLoop("20ms", home=home, start=1001) for home in "ABCDE"],
        faults=[Partition("AB", "CD", "E", at=1000)],
        horizon="3s",
    )
