"""E2: split brain. A network partition cuts {A, B, C} off from {D, E}."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import (
    ClockRate,
    Cluster,
    Crash,
    Cut,
    Delay,
    Initial,
    Network,
    OpenLoop,
    Operation,
    Partition,
    Scenario,
    Sweep,
    campaign,
    exponential,
    term_reached,
    uniform,
)
from .._time import format_ms
from .._typing import Via
from .._world import World
from ..sweeps.play import whole
from ._base import Answer, Experiment, Result, Variant, bound
from ._reading import Stay, columns, rules_broken, stays

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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


# ---- Readings of a trace ------------------------------------------------------------------------------


def cuts(c: World) -> list[tuple[float, float]]:
    """The times of the partitions, from the trace.

    Examples
    --------
    >>> cuts(split(after=0))
    [(120.0, 5120.0)]
    """
    rows = columns(c.trace.faults)
    return [
        (start, end if end == end else c.now_ms)
        for kind, start, end in zip(rows["kind"], rows["start_ms"], rows["end_ms"], strict=True)
        if kind == "partition"
    ]


def stale_reads(c: World) -> list[tuple[Operation, Operation]]:
    """The reads that miss a write acknowledged before they were invoked, each with that write.

    Examples
    --------
    >>> [(read.value, write.text) for read, write in stale_reads(cut_off_reader())]
    [('1', 'x=2')]
    """
    writes = [o for o in c.operations if not o.text.startswith("read") and o.ok]
    found = []
    for read in c.operations:
        if not (read.text.startswith("read") and read.ok):
            continue
        known = [w for w in writes if w.ended_ms is not None and w.ended_ms <= read.invoked_ms]
        newest = max(known, key=lambda write: write.index or 0, default=None)
        if newest is not None and (read.index or 0) < (newest.index or 0):
            found.append((read, newest))
    return found


def new_commits_of_minorities(c: World) -> list[tuple[int, int, str]]:
    """The entries that a minority side appended and committed within one partition.

    Parameters
    ----------
    c : Cluster or Run
        A cluster or run with a trace.

    Returns
    -------
    list of tuple
        Index, term, and the node that appended the entry first.
    """
    rows = columns(c.trace.entries)
    entries: dict[tuple[int, int, int], tuple[float, str, float]] = {}
    for node, index, term, one, appended, committed in zip(
        *(rows[name] for name in ("node", "index", "term", "hash", "appended_ms", "committed_ms")),
        strict=True,
    ):
        born, at, known = entries.get((index, term, one), (float("inf"), "", float("inf")))
        if appended < born:
            born, at = appended, node
        entries[index, term, one] = born, at, min(known, committed if committed == committed else known)
    return [
        (index, term, node)
        for (index, term, _), (born, node, known) in entries.items()
        for start, end, few in _minorities(c)
        if start <= born < end and node in few and known < end
    ]


def _minorities(c: World) -> Iterator[tuple[float, float, set[str]]]:
    rows = columns(c.trace.faults)
    sides = [groups for groups, kind in zip(rows["nodes"], rows["kind"], strict=True) if kind == "partition"]
    for (start, end), groups in zip(cuts(c), sides, strict=True):
        for side in groups.split(" | "):
            if 2 * len(names := set(side.split(","))) <= len(c):
                yield start, end, names


# ---- Judges -------------------------------------------------------------------------------------------


def _led(c: World, start: float, end: float) -> list[Stay]:
    return [stay for stay in stays(c) if stay.role == "leader" and stay.start < end and stay.end > start]


def only_many_go_on(c: World) -> Answer:
    """A judge: whether the majority acknowledges all writes in the cut, and the minority elects no leader."""
    start, end = cuts(c)[0]
    asked = [o for o in c.operations if start <= o.invoked_ms < end]
    done = [o for o in asked if o.ok and o.ended_ms is not None and o.ended_ms < end]
    elected = [stay for stay in _led(c, start, end) if stay.node in FEW]
    stood = _count(_stood(c, start, end), "time")
    told = (
        f"A, B and C acknowledged {len(done)} of {_count(len(asked), 'write')}; in {format_ms(end - start)} "
        f"D and E stood for election {stood} and won {len(elected)}; {rules_broken(c)}"
    )
    return Answer(bool(asked) and len(done) == len(asked) and not elected, told)


def _stood(c: World, start: float, end: float) -> int:
    """The number of times that D and E stood for election."""
    return sum(s.node in FEW and s.role == "candidate" and start <= s.start < end for s in stays(c))


def terms_climb(c: World) -> Answer:
    """A judge: whether the terms of the minority keep rising while the cut lasts."""
    start, end = cuts(c)[0]
    middle = (start + end) / 2
    seen = [_highest_term(c, FEW, at) for at in (start, middle, end)]
    told = (
        f"the highest term of D and E is {seen[0]} when the cut comes, {seen[1]} after "
        f"{format_ms(middle - start)} and {seen[2]} after {format_ms(end - start)}; "
        f"they stood for election {_count(_stood(c, start, end), 'time')}"
    )
    return Answer(seen[0] < seen[1] < seen[2], told)


def _highest_term(c: World, nodes: str, at: float) -> int:
    return max(stay.term for stay in stays(c) if stay.node in nodes and stay.start < at)


def is_deposed(c: World) -> Answer:
    """A judge: whether the leader of the majority is deposed when the cut heals."""
    _, end = cuts(c)[0]
    before = [stay for stay in _led(c, end - 1, end) if stay.node in MANY]
    if not before:
        return Answer(False, "no node led the majority when the cut healed")
    leader = before[-1]
    if leader.end >= c.now_ms:
        return Answer(
            False,
            f"{leader.node} led term {leader.term} when the cut healed, and still does {_ago(c, end)} later",
        )
    terms = _highest_term(c, FEW, end)
    later = [stay for stay in stays(c) if stay.role == "leader" and stay.start >= leader.end]
    next_one = (
        f"{later[0].node} leads term {later[0].term}, elected {format_ms(later[0].start - leader.end)} later"
        if later
        else "no node has led since"
    )
    return Answer(
        True,
        f"{leader.node} led term {leader.term} when the cut healed; {format_ms(leader.end - end)} later it "
        f"stepped down because of term {terms} of the minority; {next_one}",
    )


def _ago(c: World, since: float) -> str:
    return format_ms(c.now_ms - since)


def two_lead_at_once(c: World) -> Answer:
    """A judge: whether two nodes led at the same time, in different terms."""
    led = [stay for stay in stays(c) if stay.role == "leader"]
    both = [
        (one, other, min(one.end, other.end) - max(one.start, other.start))
        for i, one in enumerate(led)
        for other in led[i + 1 :]
        if one.node != other.node and one.term != other.term
    ]
    one, other, span = max(both, key=lambda pair: pair[2], default=(None, None, 0.0))
    if one is None or other is None or span <= 0:
        names = ", ".join(f"{stay.node} led term {stay.term}" for stay in led)
        return Answer(False, f"never two leaders at once ({names}); {rules_broken(c)}")
    return Answer(
        True,
        f"{one.node} led term {one.term} and {other.node} led term {other.term}, both for {format_ms(span)}; "
        f"{rules_broken(c)}",
    )


def old_leader_acknowledges(c: World) -> Answer:
    """A judge: whether a write that a leader accepts in the minority is acknowledged during the cut."""
    start, end = cuts(c)[0]
    asked = [o for o in c.operations if o.text.startswith("x=old")]
    done = [o for o in asked if o.ok and o.ended_ms is not None and o.ended_ms < end]
    rows = columns(c.trace.entries)
    accepted = {
        value
        for node, value, appended in zip(rows["node"], rows["value"], rows["appended_ms"], strict=True)
        if node == "D" and value and value.startswith("old") and start <= appended < end
    }
    kept = [o for o in asked if any(f"x={v}" == o.text for v in _values(c))]
    known_as = ", ".join(sorted({o.status for o in asked}))
    told = (
        f"during the cut D appended {len(accepted)} of {_count(len(asked), 'write')} and acknowledged "
        f"{len(done)}; a second after it {len(kept)} are in a log, and their status is {known_as}; "
        f"{rules_broken(c)}"
    )
    return Answer(bool(done), told)


def _values(c: World) -> set[str]:
    return {entry.value.removeprefix("x=") for node in c for entry in node.log}


def steps_down(c: World) -> Answer:
    """A judge: whether the old leader steps down during the cut."""
    start, end = cuts(c)[0]
    old = [stay for stay in _led(c, start, end) if stay.node in FEW]
    if not old:
        return Answer(False, "no node led the minority")
    leader = old[0]
    if leader.end < end:
        return Answer(True, f"{leader.node} stepped down {format_ms(leader.end - start)} after the cut")
    after = (
        f"; it stepped down {format_ms(leader.end - end)} after it healed" if leader.end < c.now_ms else ""
    )
    return Answer(
        False, f"{leader.node} led term {leader.term} for all {format_ms(end - start)} of the cut{after}"
    )


def reads_stale(c: World) -> Answer:
    """A judge: whether a read missed a write that was acknowledged before the read was invoked."""
    reads = [o for o in c.operations if o.text.startswith("read")]
    done = [o for o in reads if o.ok]
    stale = stale_reads(c)
    writes = [o for o in c.operations if o.ok and o.text == "x=2"]
    told = f"{len(done)} of {_count(len(reads), 'read')} answered, {len(stale)} stale"
    if stale:
        first, newest = stale[0]
        late = first.invoked_ms - (newest.ended_ms or 0.0)
        told += (
            f": the first, invoked {format_ms(late)} after {newest.text} was acknowledged, "
            f"shows x={first.value}"
        )
    elif done and writes and writes[0].ended_ms is not None:
        gap = writes[0].ended_ms - max(o.ended_ms or 0.0 for o in done)
        told += (
            f": the last came {format_ms(abs(gap))} {'before' if gap > 0 else 'after'} x=2 was acknowledged"
        )
    if c.violations:
        told += f"; checks: {', '.join(c.violations.properties)}"
    return Answer(bool(stale), told)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def read_returns(c: World) -> Answer:
    """A judge: whether a read returns during the cut."""
    _, end = cuts(c)[0]
    read = c.operations[-1]
    if read.ok and read.ended_ms is not None and read.ended_ms < end:
        return Answer(
            True, f"{read.text} returned {read.value} after {format_ms(read.ended_ms - read.invoked_ms)}"
        )
    fate = f"{read.status}: {read.reason}" if read.reason else read.status
    return Answer(
        False, f"no answer in the {format_ms(end - read.invoked_ms)} until the cut healed; then {fate}"
    )


def leases_break(swept: Sweep) -> Answer:
    """A judge: whether a read was stale in any of many runs."""
    found = swept.violations_by_property.get("linearizable_reads", 0)
    sample = [swept.replay(seed, trace="states") for seed in swept.runs.to_list("seed")[:LOOKED_THROUGH]]
    reads = sum(_reads_by_lease(run) for run in sample)
    looked = f"the first {len(sample)} runs had {reads:,} answered reads"
    if found:
        return Answer(True, f"{found:,} of {len(swept):,} runs had a stale read; {looked}")
    return Answer(False, f"{bound(swept, 'linearizable_reads')}; {looked}")


def _reads_by_lease(run: World) -> int:
    rows = columns(run.trace.ops)
    return sum(k == "lease" and s == "ok" for k, s in zip(rows["kind"], rows["status"], strict=True))


def minority_commits(sweeps: dict[str, Sweep]) -> Answer:
    """A judge: whether an entry appended on a minority side was committed or acknowledged there."""
    some, none = sweeps["two of five are cut off"], sweeps["no side is a majority"]
    broken = len(some.violating_seeds)
    sample = [some.replay(seed) for seed in some.runs.to_list("seed")[:LOOKED_THROUGH]]
    cut = sum(len(cuts(run)) for run in sample)
    committed = sum(len(new_commits_of_minorities(run)) for run in sample)
    beyond = sum(
        commit > elections
        for commit, elections in zip(
            none.runs.to_list("commit_index"), none.runs.to_list("elections"), strict=True
        )
    )
    told = (
        f"two of five cut off: {broken:,} of {len(some):,} runs violated a property, and in {cut:,} cuts of "
        f"the first {len(sample)} minorities committed {committed:,} new entries; no side a majority: "
        f"{beyond:,} of {len(none):,} runs committed a client's write"
    )
    never = broken + beyond + committed == 0
    return Answer(not never, f"{told}; P < {none.upper_bound:.2g} (95 %)" if never else told)


def commits_during_cut(c: World) -> Answer:
    """A judge: whether a node of the minority commits an entry from before the cut during it."""
    start, end = cuts(c)[0]
    rows = columns(c.trace.entries)
    found = [
        (node, index, appended, committed)
        for node, index, appended, committed in zip(
            *(rows[name] for name in ("node", "index", "appended_ms", "committed_ms")), strict=True
        )
        if node in FEW and start <= committed < end
    ]
    first = {
        index: min(
            t for i, t in zip(rows["index"], rows["committed_ms"], strict=True) if i == index and t == t
        )
        for _, index, _, _ in found
    }
    told = "; ".join(
        f"{node} appended entry {index}, {format_ms(start - appended)} before the cut, and knew that it was "
        f"committed {format_ms(committed - start)} into the cut, "
        + (
            "before all others"
            if committed == first[index]
            else f"{format_ms(committed - first[index])} after others"
        )
        for node, index, appended, committed in found
    )
    legal = all(appended < start for _, _, appended, _ in found) and not c.violations
    return Answer(
        bool(found) and legal,
        f"{told or 'commitIndex of D and E did not change during the cut'}; {rules_broken(c)}",
    )


# ---- The rows -----------------------------------------------------------------------------------------


def lease_variant(name: str, bug: str) -> Variant:
    """The row about one condition of a lease."""
    return Variant(
        name,
        f"a read by lease with one condition missing: {LEASES[bug]}",
        "Is a read stale?",
        play=lambda seed: leases(seed, bug),
        judge=reads_stale,
        control=lambda seed: leases(seed, bug, intact=True),
        changed=f"the condition holds (no bug {bug})",
    )


def mirrored(
    judge: Callable[[Any], Answer],
    question: str,
    first: tuple[str, str, dict[str, object]],
    second: tuple[str, str, dict[str, object]],
    *,
    leader: str,
    after: float,
    claim: str = "",
    claimed: bool | None = None,
) -> list[Variant]:
    """Two rows that are each other's control, given by id, title and settings."""

    def row(this: tuple[str, str, dict[str, object]], other: tuple[str, str, dict[str, object]]) -> Variant:
        return Variant(
            this[0],
            this[1],
            question,
            claim,
            claimed,
            play=lambda seed: split(seed, leader=leader, after=after, **this[2]),
            judge=judge,
            control=lambda seed: split(seed, leader=leader, after=after, **other[2]),
            changed=other[1],
        )

    return [row(first, second), row(second, first)]


def variants(seeds: int) -> list[Variant]:
    """The rows of E2."""
    return [
        Variant(
            "E2.1",
            "the leader is on the majority side",
            "Does the majority acknowledge every write while the minority elects no leader?",
            "the majority continues, the minority cannot elect a leader",
            True,
            play=lambda seed: split(seed),
            judge=only_many_go_on,
            control=lambda seed: split(seed, bugs=("quorum_off_by_one",)),
            changed="two of five are a quorum (bug quorum_off_by_one)",
        ),
        *mirrored(
            terms_climb,
            "Do the minority's terms keep rising while the cut lasts?",
            ("E2.2a", "the minority without PreVote", {}),
            ("E2.2b", "the minority with PreVote", {"pre_vote": True}),
            leader="A",
            after=0,
            claim="the minority is stuck in follower state",
            claimed=False,
        ),
        *mirrored(
            is_deposed,
            "Is the healthy leader of the majority deposed when the cut heals?",
            ("E2.3a", "the cut heals, without PreVote", {}),
            ("E2.3b", "the cut heals, with PreVote", {"pre_vote": True}),
            leader="A",
            after=1000,
        ),
        Variant(
            "E2.3c",
            "the cut heals, with sticky votes",
            "Is the healthy leader of the majority deposed when the cut heals?",
            play=lambda seed: split(seed, sticky_votes=True),
            judge=is_deposed,
            control=lambda seed: split(seed, sticky_votes=True, pre_vote=True),
            changed="with PreVote as well",
        ),
        Variant(
            "E2.4",
            "the leader is on the minority side",
            "Do two nodes lead at once, in different terms?",
            "better no leader than two leaders",
            False,
            play=lambda seed: split(seed, leader="D"),
            judge=two_lead_at_once,
            control=lambda seed: split(seed),
            changed="the leader is on the majority side",
        ),
        Variant(
            "E2.5",
            "the old leader, on the minority side, takes writes",
            "Does it acknowledge any of them during the cut?",
            "the minority can never commit",
            False,
            play=lambda seed: split(seed, leader="D"),
            judge=old_leader_acknowledges,
            control=lambda seed: split(seed, leader="D", bugs=("quorum_off_by_one",)),
            changed="two of five are a quorum (bug quorum_off_by_one)",
        ),
        *mirrored(
            steps_down,
            "Does the old leader step down during the cut?",
            ("E2.6a", "the old leader without CheckQuorum", {}),
            ("E2.6b", "the old leader with CheckQuorum", {"check_quorum": True}),
            leader="D",
            after=1000,
        ),
        Variant(
            "E2.7",
            "the old leader answers a read from what it has applied",
            "Is the read stale?",
            play=lambda seed: cut_off_reader(seed),
            judge=reads_stale,
            control=lambda seed: cut_off_reader(seed, leader="A"),
            changed="the leader that is asked is on the majority side",
        ),
        Variant(
            "E2.8",
            "the old leader is asked for a ReadIndex read",
            "Does the read return during the cut?",
            play=lambda seed: cut_off_reader(seed, via="read_index"),
            judge=read_returns,
            control=lambda seed: cut_off_reader(seed, via="read_index", leader="A"),
            changed="the leader that is asked is on the majority side",
        ),
        Variant(
            "E2.9",
            f"reads by lease with all four conditions, {seeds:,} random schedules",
            "Is a read ever stale?",
            play=lambda _: whole(random_leases(), seeds=seeds, on_violation="record"),
            judge=leases_break,
            control=lambda _: whole(random_leases(list(LEASES)), seeds=seeds, on_violation="record"),
            changed="the four conditions are taken away",
        ),
        *(lease_variant(f"E2.9{letter}", bug) for letter, bug in zip("abcd", LEASES, strict=True)),
        Variant(
            "E2.10",
            f"clients on all sides write, {seeds:,} random schedules",
            "Is an entry that a minority side appends during a cut committed during it?",
            "the minority can never commit",
            False,
            play=lambda _: _minority_sweeps(seeds),
            judge=minority_commits,
            control=lambda _: _minority_sweeps(seeds, bugs=("quorum_off_by_one",)),
            changed="two of five are a quorum (bug quorum_off_by_one)",
        ),
        Variant(
            "E2.11",
            "legal: one acknowledgement arrived before the cut, another comes from the same side",
            "Does a node of the minority commit an entry during the cut, without harm?",
            play=lambda seed: acknowledged_before(seed),
            judge=commits_during_cut,
            control=lambda seed: acknowledged_before(seed, heard=False),
            changed="the cut comes before the first acknowledgement",
        ),
        Variant(
            "E2.12",
            "legal: a node of the minority has not yet heard that an entry was committed before the cut",
            "Does a node of the minority commit an entry during the cut, without harm?",
            play=lambda seed: learns_late(seed),
            judge=commits_during_cut,
            control=lambda seed: learns_late(seed, together=False),
            changed="it is cut off alone",
        ),
    ]


def _minority_sweeps(seeds: int, bugs: tuple[str, ...] = ()) -> dict[str, Sweep]:
    return {
        "two of five are cut off": whole(random_minorities().replace(bugs=bugs), seeds=seeds),
        "no side is a majority": whole(
            only_minorities().replace(bugs=bugs),
            seeds=seeds,
            metrics=["commit_index", "elections"],
            on_violation="record",
        ),
    }


def draw(result: Result, ax: Axes | None) -> Axes:
    """Draws two leaders at once: the story of E2.4."""
    from .. import plot

    return plot.timeline(result["E2.4"].evidence, title="Two leaders at once, in different terms", ax=ax)


split_brain = Experiment(
    "E2",
    "Split brain: what does each side of a partition do?",
    variants,
    draw,
    __doc__,
)

__all__ = [
    "acknowledged_before",
    "cut_off_reader",
    "cuts",
    "learns_late",
    "leases",
    "new_commits_of_minorities",
    "only_minorities",
    "random_leases",
    "random_minorities",
    "split",
    "split_brain",
    "stale_reads",
]
