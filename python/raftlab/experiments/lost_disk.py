"""Q3: what if a follower's disk fails and it loses its log? Wiped disks, forgotten votes, lost writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .. import (
    Cluster,
    Crash,
    Disk,
    Network,
    OpenLoop,
    Partition,
    Scenario,
    Sweep,
    Wipe,
    uniform,
)
from .._world import World
from ..sweeps.play import whole
from ._base import Answer, Experiment, Variant, bound
from ._reading import columns, rules_broken

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKED_THROUGH = 20
"""The number of runs of a sweep whose entries are examined one by one."""


def wiped_disk(seed: int = 1, *, wiped: bool = True) -> Cluster:
    """An acknowledged write is on A and B; B loses its disk, A crashes, and C stands for election.

    Parameters
    ----------
    seed : int
        The seed of the run.
    wiped : bool
        Whether B comes back with an empty disk, under its old name; if not, it restarts with the data on
        its disk.

    Examples
    --------
    >>> c = wiped_disk()
    >>> c.operations[0]
    <operation 1: x=1, ok at index 2>
    >>> [entry.value for entry in c["A"].log]
    ['no-op', 'no-op', 'x=2']
    >>> [entry.value for entry in wiped_disk(wiped=False)["A"].log]
    ['no-op', 'x=1', 'no-op', 'x=2']
    """
    c = Cluster(3, seed, network=Network(latency=1))
    c.campaign("A")
    c.run(4)
    c.cut(from_="A", to="C")  # C lags
    c.propose("x=1", node="A")
    c.run(4)
    return _without_a(c, wiped=wiped)


def _without_a(c: Cluster, *, wiped: bool) -> Cluster:
    """B crashes and comes back, A stays down, C stands for election; then all nodes are reconnected."""
    c.crash("A")
    c.inject(Wipe("B") if wiped else Crash("B", duration=0))
    c.campaign("C")
    c.run("1s")
    c.propose("x=2")
    c.run(50)
    c.heal()
    c.restart("A")
    return c.run(200)


def forgotten_vote(seed: int = 1, *, wiped: bool = True, catches_up: bool = False) -> Cluster:
    """B votes for A; while its answer is under way its disk is lost; in the same term it votes for C.

    Parameters
    ----------
    seed : int
        The seed of the run.
    wiped : bool
        Whether B comes back with an empty disk; if not, it restarts with the data on its disk.
    catches_up : bool
        Whether B receives all of the leader's log before it votes again.

    Examples
    --------
    >>> c = forgotten_vote(catches_up=True)
    >>> [(node.name, node.term) for node in c.leaders]
    [('A', 2), ('C', 2)]
    >>> forgotten_vote(wiped=False).violations
    []
    """
    c = Cluster(3, seed, network=Network(latency=1))
    c.campaign("C")
    c.run(4)
    c.propose("x=1")
    c.run(60)  # all have it, and know it committed
    c.cut(from_="A", to="C", both_ways=True)
    c.hold(from_="B", to="A", types="RequestVoteReply")
    c.campaign("A")
    c.run(2)  # B has voted for A, in term 2
    c.inject(Wipe("B") if wiped else Crash("B", duration=0))
    if catches_up:
        c.run(60)  # C, in term 1, knows nothing of A's election
    c.crash("C")
    c.restart("C")  # it no longer leads
    c.campaign("C")
    c.run(4)
    c.deliver(from_="B", to="A", types="RequestVoteReply")
    return c


def lost_suffix(seed: int = 1, *, wiped: bool = False) -> Cluster:
    """The story of `wiped_disk`, but B loses only data that no fsync had confirmed.

    An fsync takes 5 ms. A second write has reached B and waits for its fsync when the power fails.

    Parameters
    ----------
    seed : int
        The seed of the run.
    wiped : bool
        Whether B loses its whole disk instead.

    Examples
    --------
    >>> c = lost_suffix()
    >>> [(operation.text, operation.status) for operation in c.operations]
    [('x=1', 'ok'), ('y=1', 'unknown'), ('x=2', 'ok')]
    >>> c["A"].store
    {'x': '2'}
    """
    c = Cluster(3, seed, network=Network(latency=1), disk=Disk(fsync=5))
    c.campaign("A")
    c.run(30)
    c.cut(from_="A", to="C")
    c.propose("x=1", node="A")
    c.run(20)
    c.propose("y=1", node="A")
    c.run(3)
    return _without_a(c, wiped=wiped)


def lying_fsync(seed: int = 1, *, lies: bool = True) -> Cluster:
    """The story of `wiped_disk`, but B loses its power, and its disk had lied about the fsync.

    Parameters
    ----------
    seed : int
        The seed of the run.
    lies : bool
        Whether B's disk lies.

    Examples
    --------
    >>> [entry.value for entry in lying_fsync()["B"].log]
    ['no-op', 'no-op', 'x=2']
    >>> [entry.value for entry in lying_fsync(lies=False)["B"].log]
    ['no-op', 'x=1', 'no-op', 'x=2']
    """
    c = Cluster(3, seed, network=Network(latency=1))
    c.campaign("A")
    c.run(4)
    if lies:
        c.lying_disk("B")
    c.cut(from_="A", to="C")
    c.propose("x=1", node="A")
    c.run(4)
    return _without_a(c, wiped=False)


def damaged_entry(seed: int = 1, *, detected: bool | Literal["truncate"] = True) -> Cluster:
    """The story of `wiped_disk`, but on B's disk the entry of the write is damaged.

    Parameters
    ----------
    seed : int
        The seed of the run.
    detected : bool or "truncate"
        How B reads it when it restarts, as in `Corrupt`: it knows that it has lost something, and does not
        vote; it goes on as if it had never had it; or it reads another value.

    Examples
    --------
    >>> [entry.value for entry in damaged_entry(detected="truncate")["B"].log]
    ['no-op', 'no-op', 'x=2']
    >>> damaged_entry()["B"].store
    {'x': '1'}
    >>> [node.log[1].value for node in damaged_entry(detected=False)]
    ['x=1', 'x=0', 'x=0']
    """
    c = Cluster(3, seed, network=Network(latency=1))
    c.campaign("A")
    c.run(4)
    c.cut(from_="A", to="C")
    c.propose("x=1", node="A")
    c.run(4)
    c.corrupt("B", index=2, detected=detected)
    return _without_a(c, wiped=False).run("1s")


def non_voter(seed: int = 1, *, demoted: bool = True) -> Cluster:
    """An acknowledged write is on A and B; B loses its disk; A crashes as soon as B is back.

    Parameters
    ----------
    seed : int
        The seed of the run.
    demoted : bool
        Whether B becomes a learner before it comes back, and a voter again when it has caught up.

    Examples
    --------
    >>> c = non_voter()
    >>> print(c.membership, c["B"].store)
    ABC {'x': '1'}
    >>> [entry.value for entry in non_voter(demoted=False)["B"].log]
    ['no-op', 'no-op']
    """
    c = Cluster(3, seed, network=Network(latency=1))
    c.campaign("A")
    c.run(4)
    cut = c.cut(from_="A", to="C")  # C lags
    c.propose("x=1", node="A")
    c.run(4)
    c.inject(Wipe("B", duration=10))
    cut.heal()
    if demoted:
        c.demote("B", node="A")  # C must agree, so it gets what it lacks
    c.run(12)  # until then A sends nothing else to C
    c.crash("A")
    c.campaign("C")
    c.run(100)
    c.restart("A")
    c.run("1s")
    if demoted:
        c.promote("B")
    return c.run("1s")


def new_identity(seed: int = 1, *, renamed: bool = True) -> Cluster:
    """The story of `forgotten_vote`, but B comes back as D, and there is another write.

    B has voted for A in term 2, and its answer is under way, when it loses its disk. C, which leads term 1,
    takes a write.

    Parameters
    ----------
    seed : int
        The seed of the run.
    renamed : bool
        Whether its machine comes back as D, first as a learner, instead of as B.

    Examples
    --------
    >>> c = new_identity()
    >>> print(c.membership, c.violations.properties)
    ACD ()
    >>> "election_safety" in new_identity(renamed=False).violations.properties
    True
    """
    c = Cluster(3, seed, network=Network(latency=1))
    c.campaign("C")
    c.run(4)
    c.propose("x=1")
    c.run(60)  # all have it, and know it committed
    c.cut(from_="A", to="C", both_ways=True)
    c.hold(from_="B", to="A", types="RequestVoteReply")
    c.campaign("A")
    c.run(2)  # B has voted for A, in term 2
    c.inject(Wipe("B"))
    if renamed:
        c.crash("B")
        c.add("D", node="C")
    c.run(60)
    c.propose("y=1", node="C")
    c.run(20)
    c.crash("C")
    c.restart("C")  # it no longer leads
    c.campaign("C")
    c.run(4)
    c.deliver(from_="B", to="A", types="RequestVoteReply")
    c.run(4)
    c.heal()
    c.run("1s")
    if renamed:
        c.add("D")  # C could not commit it
        c.run("500ms")
        c.promote("D")
        c.run("500ms")
        c.remove("B")
        c.run("500ms")
    return c


def power_failures(fault: type[Crash | Wipe]) -> Scenario:
    """Random power failures and partitions, fsyncs that take time, and a client that writes.

    Parameters
    ----------
    fault : type
        With `Crash` only data that no fsync had confirmed is lost, with `Wipe` the whole disk.

    Examples
    --------
    >>> power_failures(Crash).run(seed=1).violations
    []
    """
    return Scenario(
        3,
        disk=uniform(0, 10),
        workload=OpenLoop("10ms"),
        faults=[
            fault("a node", at=uniform(200, 500), every=uniform(200, 500), duration=uniform(20, 200)),
            Partition(
                shape="random", at=uniform(200, 400), every=uniform(300, 700), duration=uniform(100, 300)
            ),
        ],
        horizon="3s",
    )


def loses_acknowledged(c: World) -> Answer:
    """A judge: whether an acknowledged write is no longer in any log or on any disk."""
    done = [operation for operation in c.operations if operation.ok]
    logs = {node.name: {(entry.index, entry.term) for entry in node.log} for node in c}
    lost = [o for o in done if not any((o.index, o.term) in log for log in logs.values())]
    gone = f"{_count(lost_with_disk(c), 'entry was', 'entries were')} lost with a node's power or disk"
    if not lost:
        return Answer(
            False, f"{gone}; {_count(len(done), 'write was', 'writes were')} acknowledged, all still in a log"
        )
    named = ", ".join(f"{o.text} (entry {o.index} of term {o.term})" for o in lost)
    return Answer(True, f"{gone}; acknowledged and no longer in any log: {named}; {rules_broken(c)}")


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def lost_with_disk(c: World) -> int:
    """The number of entries that left a log at the moment its node lost its power or its disk."""
    faults = columns(c.trace.faults)
    struck = zip(faults["kind"], faults["nodes"], faults["start_ms"], strict=True)
    failures = {
        (name, time) for kind, nodes, time in struck if kind in ("crash", "wipe") for name in nodes.split(",")
    }
    entries = columns(c.trace.entries)
    return sum(gone in failures for gone in zip(entries["node"], entries["truncated_ms"], strict=True))


def is_cured(c: World) -> Answer:
    """A judge: whether three nodes vote again, no acknowledged write is lost, and no term had two leaders."""
    kept = loses_acknowledged(c)
    twice = c.violations.of("election_safety")
    voters = f"{c.membership} vote in the end"
    cured = not kept.yes and not twice and len(c.membership.voters) == 3
    broken = "" if kept.yes else f"; {rules_broken(c)}"
    return Answer(cured, f"{voters}; {kept.happened}{broken}")


def applies_differently(c: World) -> Answer:
    """A judge: whether two nodes have applied different commands at one index."""
    applied: dict[int, set[str]] = {}
    for node in c:
        for entry in node.log[: node.last_applied]:
            applied.setdefault(entry.index, set()).add(entry.value)
    split = {index: sorted(values) for index, values in applied.items() if len(values) > 1}
    stores = ", ".join(f"{node.name} has {node.store}" for node in c)
    named = "; ".join(f"index {index}: {' and '.join(values)}" for index, values in split.items())
    return Answer(bool(split), f"{named or 'the same at every index'}; {stores}; {rules_broken(c)}")


def votes_twice(c: World) -> Answer:
    """A judge: whether there are two leaders in one term, but no acknowledged write is lost yet."""
    two = c.violations.of("election_safety")
    kept = loses_acknowledged(c)
    leaders = " and ".join(f"{node.name} leads term {node.term}" for node in c.leaders) or "no node leads"
    log = f"B's log had {_length_at_vote(c, 'B')} of {c['C'].log[-1].index - 1} entries when it voted again"
    if two and not kept.yes:
        return Answer(True, f"{leaders}; {log}; {kept.happened}; {rules_broken(c)}")
    return Answer(False, f"{leaders}; {kept.happened}; {rules_broken(c)}")


def _length_at_vote(c: World, name: str) -> int:
    """The length of a node's log when it last granted its vote."""
    rows = columns(c.trace.nodes)
    length, before = 0, None
    for node, term, vote, last in zip(
        rows["node"], rows["term"], rows["voted_for"], rows["last_index"], strict=True
    ):
        if node == name and (term, vote) != before:
            before = (term, vote)
            length = last if vote is not None else length
    return int(length)


def never_loses(swept: Sweep) -> Answer:
    """A judge: whether any of many runs lost an acknowledged write."""
    found = swept.violations_by_property.get("acknowledged_write_lost", 0)
    sample = swept.runs.to_list("seed")[:LOOKED_THROUGH]
    entries = sum(lost_with_disk(swept.replay(seed, trace="states")) for seed in sample)
    cost = f"in the first {len(sample)} of them power failures cost {entries:,} entries on a disk"
    if found:
        return Answer(True, f"{found:,} of {len(swept):,} runs lost an acknowledged write; {cost}")
    return Answer(False, f"{bound(swept, 'acknowledged_write_lost')}; {cost}")


def variants(seeds: int) -> list[Variant]:
    """The rows of Q3."""
    return [
        Variant(
            "Q3.1",
            "B loses its disk and comes back empty under its old name; A crashes; C, which lags, campaigns",
            "Is an acknowledged write lost?",
            play=lambda seed: wiped_disk(seed),
            judge=loses_acknowledged,
            control=lambda seed: wiped_disk(seed, wiped=False),
            changed="B restarts with its disk",
        ),
        Variant(
            "Q3.2",
            "B votes for A, its answer is under way, its disk is lost; in the same term it votes for C",
            "Are there two leaders in one term, though no acknowledged write was lost?",
            play=lambda seed: forgotten_vote(seed),
            judge=votes_twice,
            control=lambda seed: forgotten_vote(seed, wiped=False),
            changed="B restarts with its disk",
        ),
        Variant(
            "Q3.3",
            "the same, but B has caught up with the leader before it votes again",
            "Are there two leaders in one term, though no acknowledged write was lost?",
            play=lambda seed: forgotten_vote(seed, catches_up=True),
            judge=votes_twice,
            control=lambda seed: forgotten_vote(seed, wiped=False, catches_up=True),
            changed="B restarts with its disk",
        ),
        Variant(
            "Q3.4",
            "cure: B stays a non-voter until it has caught up",
            "Does it cure the lost log?",
            play=lambda seed: non_voter(seed),
            judge=is_cured,
            control=lambda seed: non_voter(seed, demoted=False),
            changed="B comes back as a voter",
        ),
        Variant(
            "Q3.5",
            "cure: B comes back under a new identity, first as a learner",
            "Does it cure the lost log and the lost vote?",
            play=lambda seed: new_identity(seed),
            judge=is_cured,
            control=lambda seed: new_identity(seed, renamed=False),
            changed="it comes back under its old name",
        ),
        Variant(
            "Q3.6",
            "B loses only data that no fsync had confirmed",
            "Is an acknowledged write lost?",
            play=lambda seed: lost_suffix(seed),
            judge=loses_acknowledged,
            control=lambda seed: lost_suffix(seed, wiped=True),
            changed="B loses its whole disk",
        ),
        Variant(
            "Q3.7",
            f"the same at random moments: {seeds:,} seeds of power failures and partitions",
            "Is an acknowledged write ever lost?",
            play=lambda _: whole(power_failures(Crash), seeds=seeds, on_violation="record"),
            judge=never_loses,
            control=lambda _: whole(power_failures(Wipe), seeds=seeds, on_violation="record"),
            changed="the nodes lose their whole disks",
        ),
        Variant(
            "Q3.8",
            "an fsync that lies: it reports success before the data is durable",
            "Is an acknowledged write lost?",
            play=lambda seed: lying_fsync(seed),
            judge=loses_acknowledged,
            control=lambda seed: lying_fsync(seed, lies=False),
            changed="the fsync does not lie",
        ),
        Variant(
            "Q3.9",
            "a detected corrupt entry that is truncated as if it had never existed",
            "Is an acknowledged write lost?",
            play=lambda seed: damaged_entry(seed, detected="truncate"),
            judge=loses_acknowledged,
            control=lambda seed: damaged_entry(seed),
            changed="B knows that it has lost something, and does not vote",
        ),
        Variant(
            "Q3.10",
            "a detected corrupt entry; until it is repaired the node does not vote, campaign or acknowledge",
            "Is an acknowledged write lost?",
            play=lambda seed: damaged_entry(seed),
            judge=loses_acknowledged,
            control=lambda seed: damaged_entry(seed, detected="truncate"),
            changed="B truncates its log as if the entry had never existed",
        ),
        Variant(
            "Q3.11",
            "an undetected corrupt entry",
            "Do two nodes apply different commands at one index?",
            play=lambda seed: damaged_entry(seed, detected=False),
            judge=applies_differently,
            control=lambda seed: damaged_entry(seed),
            changed="B finds the damage when it restarts",
        ),
    ]


def draw(c: Cluster, title: str, ax: Axes | None) -> Axes:
    """Draws the three logs: where the write was, and what overwrote it."""
    from .. import plot

    return plot.logs(c, title=title, ax=ax)


lost_disk = Experiment(
    "Q3",
    "What if a follower's disk fails and it loses its log?",
    variants,
    "Q3.1",
    draw,
    __doc__,
)

__all__ = [
    "damaged_entry",
    "forgotten_vote",
    "lost_disk",
    "lost_suffix",
    "lying_fsync",
    "new_identity",
    "non_voter",
    "power_failures",
    "wiped_disk",
]
