"""E1: can we elect two leaders? A node that lies about its log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import (
    Cluster,
    Crash,
    Cut,
    Initial,
    Lie,
    Network,
    OpenLoop,
    Partition,
    Scenario,
    Sweep,
    campaign,
    caught_up,
    exponential,
    heal,
    leader_elected,
    run,
    uniform,
)
from .._time import format_ms
from .._world import World
from ..sweeps.play import whole
from ._base import Answer, Experiment, Variant, bound
from ._reading import columns, rules_broken

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLAIM = "followers reject its entries, the cluster notices and holds another election"


def article_logs(seed: int = 1, *, acknowledged: int = 8, **settings: object) -> Cluster:
    """Five nodes in term 2 without a leader, whose logs have the lengths A 10, B 8, C 12, D 7, E 5.

    The logs result from a run: C led term 1 and lost one follower after the other. Entries up to
    `acknowledged` (8 or 5) are committed and acknowledged. No node was restarted.

    Parameters
    ----------
    seed : int
        The seed of the run.
    acknowledged : {8, 5}
        With 5, the acknowledgements of later entries are cut, so that those stay uncommitted.
    **settings
        Further settings of the cluster, such as `commit_guard=True`.

    Examples
    --------
    >>> c = article_logs()
    >>> {node.name: node.last_index for node in c}
    {'A': 10, 'B': 8, 'C': 12, 'D': 7, 'E': 5}
    >>> sum(operation.ok for operation in c.operations)
    7
    """
    c = Cluster(5, seed, network=Network(latency=1), **settings)  # type: ignore[arg-type]
    c.campaign("C")
    c.run(4)  # elected; its no-op is entry 1
    number = iter(range(2, 100))

    def write(count: int) -> None:
        for _ in range(count):
            c.propose(f"x={next(number)}", node="C")
        c.run(4)

    write(4)  # entries 2 to 5, on all
    if acknowledged == 5:
        c.cut(from_="ABDE", to="C", types="AppendEntriesReply")
    c.cut(from_="C", to="E")
    write(2)  # 6 and 7
    c.cut(from_="C", to="D")
    write(1)  # 8
    c.cut(from_="C", to="B")
    write(2)  # 9 and 10
    c.cut(from_="C", to="A")
    write(2)  # 11 and 12
    c.heal()
    c.campaign("D")  # cannot win, but its term ends C's
    c.run(4)
    return c


def candidate(seed: int, name: str) -> Cluster:
    """An honest node stands for election over the article's logs."""
    c = article_logs(seed)
    c.campaign(name)
    return c.run(10)


def liar(
    seed: int = 1, *, lies: bool = True, on_and_on: bool = False, acknowledged: int = 8, guard: bool = False
) -> Cluster:
    """E claims 9999 entries, stands for election, and leads.

    Parameters
    ----------
    seed : int
        The seed of the run.
    lies : bool
        Whether E lies.
    on_and_on : bool
        Whether E keeps lying as leader, in AppendEntries.
    acknowledged : {8, 5}
        The last acknowledged entry; with 5, E has all acknowledged entries.
    guard : bool
        Whether nodes halt rather than truncate below their own commitIndex.
    """
    c = article_logs(seed, acknowledged=acknowledged, commit_guard=guard)
    if lies:
        c.lie("E", "claimed_log", index=9999, append_entries=on_and_on)
    c.campaign("E")
    c.run(4)
    c.propose("x=666", node="E")
    return c.run("1.5s" if on_and_on else 40)


def was_elected(name: str, term: int = 3) -> Callable[[World], Answer]:
    """A judge: whether a node leads."""

    def judge(c: World) -> Answer:
        elected = c[name].role == "leader" and c[name].term == term
        votes = sum(node.voted_for == name and node.term == term for node in c)
        verb = "elected" if elected else "not elected"
        return Answer(
            elected, f"{name} ({c[name].last_index} entries) is {verb}, with {votes} of {len(c)} votes"
        )

    return judge


def overwrites_acknowledged(c: World) -> Answer:
    """A judge: whether acknowledged entries are lost."""
    lost = [
        operation
        for operation in c.operations
        if operation.ok
        and not any(_has(c, node.name, operation.index, operation.term) for node in c if node.up)
    ]
    deleted = c.violations.of("committed_prefix")
    named = ", ".join(f"{o.text} (entry {o.index})" for o in lost)
    if lost:
        return Answer(True, f"acknowledged and gone from every log: {named}; {rules_broken(c)}")
    if deleted:
        return Answer(True, f"committed entries were deleted: {deleted[0].message}")
    acknowledged = sum(operation.ok for operation in c.operations)
    return Answer(
        False,
        f"all {acknowledged} acknowledged writes are still in a log; {rules_broken(c)}",
    )


def _has(c: World, name: str, index: int | None, term: int | None) -> bool:
    log = c[name].log
    return index is not None and len(log) >= index and log[index - 1].term == term


def stays_without_progress(c: World) -> Answer:
    """A judge: whether a liar stays leader although the others neither accept nor delete an entry."""
    written, liar_node = c.operations[-1], c["E"]
    leads = liar_node.role == "leader"
    entries = columns(c.trace.entries)
    cells = zip(*(entries[name] for name in ("node", "term", "truncated_ms")), strict=True)
    others = [(term, gone == gone) for node, term, gone in cells if node != "E"]
    accepted = sum(term == liar_node.term for term, _ in others)
    deleted = sum(gone for _, gone in others)
    office = (
        f"E still leads term {liar_node.term}" if leads else f"E is {liar_node.role} in term {liar_node.term}"
    )
    told = (
        f"{office} after {format_ms(c.now_ms)}; its write is {written.status}; the others accepted "
        f"{accepted or 'none'} of its entries and deleted {deleted or 'none'} of theirs; {rules_broken(c)}"
    )
    return Answer(leads and not written.ok and not accepted and not deleted, told)


def two_in_one_term(seed: int, nodes: int, *, fault: str = "double_vote") -> Cluster:
    """Two candidates ask for votes in the same term; the last voter lies, or forgets its vote.

    Each candidate can reach half of the voters, and both can reach the liar.
    """
    c = Cluster(nodes, seed, network=Network(latency=1))
    names = [node.name for node in c]
    liar_name, voters = names[-1], names[:-1]
    first, second = voters[0], voters[len(voters) // 2]
    left, right = voters[: len(voters) // 2], voters[len(voters) // 2 :]
    if fault == "double_vote":
        c.lie(liar_name, "double_vote")
    elif fault == "forgotten_vote":
        c.delay(1.5, from_=second, to=liar_name)  # its RequestVote comes after the vote is forgotten
    c.cut(from_=left, to=right, both_ways=True)
    c.campaign(first)
    c.campaign(second)
    if fault == "forgotten_vote":
        c.run(2)
        c.forget_vote(liar_name)
    return c.run(6)


def two_leaders_in_a_term(c: World) -> Answer:
    """A judge: whether two nodes became leader in one term."""
    found = [*c.violations.of("election_safety"), *c.liar_violations.of("election_safety")]
    leaders = ", ".join(f"{node.name} leads term {node.term}" for node in c.leaders)
    return Answer(
        bool(found), found[0].message if found else f"no two leaders in one term ({leaders or 'no leader'})"
    )


def honest_chaos(nodes: int) -> Scenario:
    """Random partitions and crashes, fsyncs that take time, and no lie."""
    return Scenario(
        nodes,
        disk=uniform(0, 3),
        workload=OpenLoop("20ms"),
        faults=[
            Partition(
                shape="random", at=uniform(200, 400), every=uniform(300, 700), duration=uniform(100, 400)
            ),
            Crash("a node", at=uniform(200, 600), every=uniform(400, 800), duration=uniform(50, 300)),
        ],
        horizon="3s",
    )


def never_two_leaders(swept: Sweep) -> Answer:
    """A judge: whether any of many runs had two leaders in one term."""
    found = swept.violations_by_property.get("election_safety", 0)
    elected = sum(swept.runs.to_list("elections"))
    if found:
        return Answer(True, f"{found:,} of {len(swept):,} runs had two leaders in one term")
    return Answer(False, f"{bound(swept, 'election_safety')}, with {elected:,} elections")


def guarded(nodes: int, seeds: int, *, lies: bool = True) -> dict[str, Sweep]:
    """A liar with a short log stands for election while a client writes: with the guard and without it."""
    liar_name = chr(ord("A") + nodes - 1)
    story = Scenario(
        nodes,
        network=Network(latency=exponential(1)),
        initial=Initial(term=1, leader="A"),
        workload=OpenLoop(exponential(3)),
        steps=[
            run(20),
            Cut(to=liar_name),  # it misses an entry or two
            run(4),
            heal(),
            *([Lie(liar_name, "claimed_log", index=9999)] if lies else []),
            campaign(liar_name),
            run(300),
        ],
    )
    return {
        "without the guard": whole(story, seeds=seeds, on_violation="record"),
        "with the guard": whole(story.replace(commit_guard=True), seeds=seeds, on_violation="record"),
    }


def guard_variant(name: str, nodes: int, seeds: int) -> Variant:
    """The row about the guard of production systems, with `nodes` nodes."""
    return Variant(
        name,
        f"the same lie at random moments; nodes halt rather than truncate what they committed (n = {nodes})",
        "Does the guard keep the committed entries safe?",
        play=lambda _: guarded(nodes, seeds),
        judge=guard_keeps_safe,
        control=lambda _: guarded(nodes, seeds, lies=False),
        changed="E is honest",
    )


def guard_keeps_safe(sweeps: dict[str, Sweep]) -> Answer:
    """A judge: whether honest nodes never committed different entries despite the lie."""

    def broken(swept: Sweep) -> int:
        return swept.violations_by_property.get("state_machine_safety", 0)

    told = [
        f"{name} {broken(swept):,} of {len(swept):,} runs commit two entries at one index"
        for name, swept in sweeps.items()
    ]
    guarded_runs = sweeps["with the guard"]
    return Answer(broken(guarded_runs) == 0, "; ".join(told))


def usurper(seed: int, *, usurps: bool = True) -> Cluster:
    """While a leader is established another node sends AppendEntries of the next term without an election."""
    c = Cluster(5, seed)
    c.run_until(leader_elected)
    c.propose("x=1")
    c.run_until(caught_up)
    other = next(node.name for node in c if node.role == "follower")
    if usurps:
        c.usurp(other)
    c.run(60)
    c.propose("x=2", node=other)
    return c.run(60)


def usurper_leads(c: World) -> Answer:
    """A judge: whether the others follow a node without votes."""
    leader = c.leader
    if leader is None:
        return Answer(False, "no node leads")
    votes = sum(node.voted_for == leader.name and node.term == leader.term for node in c)
    followers = sum(node.leader == leader.name for node in c if node.name != leader.name)
    accepted = votes <= len(c) // 2 and followers > len(c) // 2
    return Answer(
        accepted,
        f"{leader.name} leads term {leader.term} with {votes} votes, and {followers} nodes follow it",
    )


def variants(seeds: int) -> list[Variant]:
    """The rows of E1."""
    return [
        Variant(
            "E1.1",
            "C (12 entries, honest) stands for election",
            "Is C elected?",
            "C is elected",
            True,
            play=lambda seed: candidate(seed, "C"),
            judge=was_elected("C"),
            control=_candidate_cut_off,
            changed="C cannot reach any node",
        ),
        Variant(
            "E1.2",
            "E (5 entries, honest) stands for election",
            "Is E elected?",
            "E loses",
            False,
            play=lambda seed: candidate(seed, "E"),
            judge=was_elected("E"),
            control=_unchecked_candidate,
            changed="voters do not compare logs (bug skip_up_to_date)",
        ),
        Variant(
            "E1.3",
            "E lies in RequestVote, then follows the protocol as leader",
            "Are acknowledged entries overwritten?",
            CLAIM + ": safety does not rely on honesty",
            False,
            play=lambda seed: liar(seed),
            judge=overwrites_acknowledged,
            control=lambda seed: liar(seed, lies=False),
            changed="E is honest",
        ),
        Variant(
            "E1.4",
            "the same lie, with nothing committed beyond E's log",
            "Are acknowledged entries overwritten?",
            play=lambda seed: liar(seed, acknowledged=5),
            judge=overwrites_acknowledged,
            control=lambda seed: liar(seed),
            changed="entries 6 to 8 are committed",
        ),
        guard_variant("E1.5a", 3, seeds),
        guard_variant("E1.5b", 5, seeds),
        Variant(
            "E1.6",
            "E keeps lying in AppendEntries",
            "Does E stay leader, while the others neither accept nor delete an entry?",
            CLAIM,
            False,
            play=lambda seed: liar(seed, on_and_on=True),
            judge=stays_without_progress,
            control=lambda seed: liar(seed),
            changed="E lies in RequestVote only",
        ),
        Variant(
            "E1.7",
            "one voter of 3 votes twice",
            "Are there two leaders in one term?",
            "at most one leader per term, even with liars",
            False,
            play=lambda seed: two_in_one_term(seed, 3),
            judge=two_leaders_in_a_term,
            control=lambda seed: two_in_one_term(seed, 3, fault="none"),
            changed="every voter votes once",
        ),
        Variant(
            "E1.8",
            "one voter of 5 forgets its vote",
            "Are there two leaders in one term?",
            "at most one leader per term, even with liars",
            False,
            play=lambda seed: two_in_one_term(seed, 5, fault="forgotten_vote"),
            judge=two_leaders_in_a_term,
            control=lambda seed: two_in_one_term(seed, 5, fault="none"),
            changed="every voter votes once",
        ),
        Variant(
            "E1.9",
            "one voter of 4 votes twice: majorities of 4 overlap in two nodes",
            "Are there two leaders in one term?",
            play=lambda seed: two_in_one_term(seed, 4),
            judge=two_leaders_in_a_term,
            control=lambda seed: two_in_one_term(seed, 3),
            changed="three nodes, whose majorities overlap in one",
        ),
        Variant(
            "E1.10",
            f"honest nodes, {seeds:,} random schedules",
            "Are there ever two leaders in one term?",
            "at most one leader per term",
            False,
            play=lambda _: whole(honest_chaos(5), seeds=seeds, on_violation="record"),
            judge=never_two_leaders,
            control=lambda _: whole(
                honest_chaos(5).replace(bugs=["quorum_off_by_one"]), seeds=seeds, on_violation="record"
            ),
            changed="two of five are a quorum (bug quorum_off_by_one)",
        ),
        Variant(
            "E1.11",
            "a liar skips the election and sends AppendEntries of the next term",
            "Do the others follow it?",
            play=lambda seed: usurper(seed),
            judge=usurper_leads,
            control=lambda seed: usurper(seed, usurps=False),
            changed="no node lies",
        ),
    ]


def _candidate_cut_off(seed: int) -> Cluster:
    c = article_logs(seed)
    c.isolate("C")
    c.campaign("C")
    return c.run(10)


def _unchecked_candidate(seed: int) -> Cluster:
    c = article_logs(seed, bugs=["skip_up_to_date"])
    if c["D"].role == "leader":  # without the check even D wins; its term must end first
        c.isolate("D")
    c.campaign("E")
    return c.run(10)


def draw(c: Cluster, title: str, ax: Axes | None) -> Axes:
    """Draws the logs after the lie: what was acknowledged, and what is left of it."""
    from .. import plot

    return plot.logs(c, title=title, ax=ax)


two_leaders = Experiment(
    "E1",
    "Can we elect two leaders? A node lies about its log",
    variants,
    "E1.3",
    draw,
    __doc__,
)

__all__ = ["article_logs", "liar", "two_in_one_term", "two_leaders"]
