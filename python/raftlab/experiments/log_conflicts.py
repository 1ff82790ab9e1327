"""E3: log conflicts. Both sides of a partition take writes, and then it heals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import (
    Cluster,
    Network,
    NodeView,
    OpenLoop,
    Operation,
    Partition,
    Scenario,
    Sweep,
    append,
    exponential,
    leader_elected,
    leaders,
    uniform,
)
from .._time import format_ms
from .._world import World
from ..sweeps.play import whole
from ._base import Answer, Experiment, Variant, bound
from ._reading import columns, rules_broken

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKED_THROUGH = 50
"""The number of runs of a sweep whose writes are examined one by one."""


# ---- Stories ------------------------------------------------------------------------------------------


def fork_and_heal(seed: int = 1, *, heals: bool = True, bugs: Sequence[str] = ()) -> Cluster:
    """{A, B} and {C, D, E} are cut apart, both sides take writes, and then the network heals.

    A leads term 1, and x=1 is on every log. During the cut A takes x=left1 to x=left4, and the leader that
    the others elect takes x=right1 and x=right2.

    Parameters
    ----------
    seed : int
        The seed of the run.
    heals : bool
        Whether the network heals.
    bugs : list of str
        Rules that are taken away.

    Examples
    --------
    >>> [entry.value for entry in fork_and_heal(heals=False)["A"].log]
    ['no-op', 'x=1', 'x=left1', 'x=left2', 'x=left3', 'x=left4']
    >>> c = fork_and_heal()
    >>> [entry.value for entry in c["A"].log]
    ['no-op', 'x=1', 'no-op', 'x=right1', 'x=right2']
    >>> {operation.text: operation.status for operation in c.operations if "left" in operation.text}
    {'x=left1': 'unknown', 'x=left2': 'unknown', 'x=left3': 'unknown', 'x=left4': 'unknown'}
    """
    c = _one_write(seed, bugs)
    c.partition("AB", "CDE")
    for number in (1, 2, 3):
        c.propose(f"x=left{number}", node="A")
        c.run(40)
    c.run_until(leaders(2))
    c.run(40)
    c.propose("x=right1", home="C")
    c.propose("x=left4", node="A")
    c.run(40)
    c.propose("x=right2", home="C")
    c.run(40)
    if heals:
        c.heal()
    return c.run(300)


def _one_write(seed: int, bugs: Sequence[str] = ()) -> Cluster:
    """A leads term 1, and x=1 is on every log and known to be committed."""
    c = Cluster(5, seed, network=Network(latency=1), bugs=bugs)
    c.campaign("A")
    c.run(20)
    c.propose("x=1", node="A")
    return c.run(100)


def gives_up(seed: int = 1, *, cut_ms: float = 80.0) -> Cluster:
    """{A, B} and {C, D, E} are cut apart. The leader A takes x=2; after 50 ms its client stops waiting.

    Parameters
    ----------
    seed : int
        The seed of the run.
    cut_ms : float
        The duration of the cut. After 80 ms no election timer has expired, and the entry is committed; after
        1 s another leader was elected, and the entry is overwritten. The client cannot distinguish the two.

    Examples
    --------
    >>> [(c.operations[-1].status, c["C"].store["x"]) for c in (gives_up(), gives_up(cut_ms=1000))]
    [('unknown', '2'), ('unknown', '1')]
    """
    c = _one_write(seed)
    c.partition("AB", "CDE", duration=cut_ms)
    write = c.propose("x=2", node="A")
    c.run(50)
    c.give_up(write)
    return c.run(cut_ms + 500)


def retry(seed: int = 1, *, client: str | None = None, bugs: Sequence[str] = ()) -> Cluster:
    """A client appends to a list, gets no answer, and sends the same request again to the next leader.

    A had replicated the entry when it crashed, but the acknowledgements did not reach it.

    Parameters
    ----------
    seed : int
        The seed of the run.
    client : str, optional
        The client's name, if it has a session.
    bugs : list of str
        Rules that are taken away.

    Examples
    --------
    >>> retry().leader.store["list"]
    'one,one'
    >>> retry(client="alice").leader.store["list"]
    'one'
    """
    c = _one_write(seed, bugs)
    c.cut(to="A", types="AppendEntriesReply")
    write = c.propose(append("list", "one"), node="A", client=client)
    c.run(20)
    c.crash("A")
    c.heal()
    c.run_until(leader_elected)
    c.retry(write)
    return c.run(200)


def both_sides_write(bugs: Sequence[str] = ()) -> Scenario:
    """{A, B} and {C, D, E} are cut apart twice, at random moments; clients on both sides keep writing.

    Parameters
    ----------
    bugs : list of str
        Rules that are taken away.

    Examples
    --------
    >>> run = both_sides_write().run(seed=1)
    >>> run.violations
    []
    >>> len({node.log for node in run})
    1
    """
    return Scenario(
        5,
        bugs=bugs,
        network=Network(latency=exponential(3)),
        workload=[OpenLoop("25ms", home=home, end="3s", session=True) for home in "ABCDE"],
        faults=[
            Partition(
                "AB",
                "CDE",
                at=uniform(400, 800),
                every=uniform(800, 1200),
                times=2,
                duration=uniform(200, 800),
            )
        ],
        horizon="5s",
    )


# ---- Judges -------------------------------------------------------------------------------------------


def _held(c: World, operation: Operation) -> int:
    """The number of logs that hold a write."""
    return sum(any(entry.value == operation.text for entry in node.log) for node in c)


def _writes(c: World) -> list[Operation]:
    return [o for o in c.operations if not o.text.startswith("read")]


def _named(operations: Sequence[Operation]) -> str:
    return ", ".join(o.text for o in operations) or "none"


def higher_term_wins(c: World) -> Answer:
    """A judge: whether all logs become that of the highest term's leader, after others dropped entries."""
    leader = c.leader
    if leader is None:
        return Answer(False, "no node leads")
    same = sum(_entries(node) == _entries(leader) for node in c)
    rows = columns(c.trace.entries)
    dropped: dict[str, list[int]] = {}
    when: dict[str, float] = {}
    for node, index, term, gone in zip(
        *(rows[name] for name in ("node", "index", "term", "truncated_ms")), strict=True
    ):
        if gone == gone and term < leader.term:
            dropped.setdefault(node, []).append(index)
            when[node] = gone
    healed = [end for end in columns(c.trace.faults)["end_ms"] if end == end]
    told = (
        f"{leader.name} leads term {leader.term} with {leader.last_index} entries, "
        f"and {same} of {len(c)} logs are the same"
    )
    for node, indices in dropped.items():
        late = f", {format_ms(when[node] - healed[-1])} after the cut healed" if healed else ""
        told += f"; {node} had {max(indices)} entries and dropped {min(indices)} to {max(indices)}{late}"
    if not dropped:
        longest = max(c, key=lambda node: node.last_index)
        told += f"; no node dropped an entry ({longest.name} has {longest.last_index})"
    longer = any(max(indices) > leader.last_index for indices in dropped.values())
    return Answer(same == len(c) and longer, f"{told}; {rules_broken(c)}")


def _entries(node: NodeView) -> list[tuple[int, int, str]]:
    return [(entry.index, entry.term, entry.value) for entry in node.log]


def acknowledged_is_everywhere(c: World) -> Answer:
    """A judge: whether every acknowledged write is in every log."""
    done = [o for o in _writes(c) if o.ok]
    missing = [o for o in done if _held(c, o) < len(c)]
    told = f"{len(done) - len(missing)} of {len(done)} acknowledged writes are in all {len(c)} logs"
    if missing:
        told += f"; missing: {_named(missing)}"
    return Answer(bool(done) and not missing, f"{told}; {rules_broken(c)}")


def lost_was_unacknowledged(c: World) -> Answer:
    """A judge: whether writes were lost, but no acknowledged ones."""
    lost = [o for o in _writes(c) if _held(c, o) == 0]
    told_done = [o for o in lost if o.ok]
    told = f"no longer in any log: {_named(lost)}; acknowledged among them: {_named(told_done)}"
    return Answer(bool(lost) and not told_done, f"{told}; {rules_broken(c)}")


def survives_unacknowledged(c: World) -> Answer:
    """A judge: whether a write is committed everywhere although its client got no answer."""
    write = _writes(c)[-1]
    held = _held(c, write)
    applied = sum(node.store.get("x") == "2" for node in c)
    told = (
        f"to its client {write.text} is {write.status} ({write.reason}); at the end it is in {held} of "
        f"{len(c)} logs, and {applied} nodes have applied it; {rules_broken(c)}"
    )
    return Answer(write.status == "unknown" and held == applied == len(c), told)


def takes_effect_twice(c: World) -> Answer:
    """A judge: whether a command that was retried took effect twice."""
    leader = c.leader
    write = _writes(c)[-1]
    if leader is None or not write.ok:
        return Answer(False, f"the retry is {write.status}")
    indices = [str(entry.index) for entry in leader.log if entry.value == write.text]
    value = leader.store["list"] or ""
    told = (
        f"{write.text} is in the log at {' and '.join(indices)}; the list reads {value!r}, and the client "
        f"was answered with index {write.index}; {rules_broken(c)}"
    )
    return Answer(value.count("one") > 1, told)


def acknowledged_is_durable(swept: Sweep) -> Answer:
    """A judge: whether no acknowledged write was lost in many runs."""
    broken = len(swept._violating)
    sample = [swept.replay(seed, trace="states") for seed in swept.runs.to_list("seed")[:LOOKED_THROUGH]]
    fates = [_fates(run) for run in sample]
    acknowledged, lost, survived = (sum(fate[i] for fate in fates) for i in range(3))
    looked = (
        f"in the first {len(sample)}: {acknowledged:,} acknowledged writes, {lost:,} lost ones, and "
        f"{survived:,} that are committed but unacknowledged"
    )
    if broken:
        which = ", ".join(f"{name} {count:,}" for name, count in swept.violations_by_property.items())
        return Answer(False, f"{broken:,} of {len(swept):,} runs violated a property ({which}); {looked}")
    return Answer(True, f"acknowledged writes lost in {bound(swept)}; {looked}")


def _fates(run: World) -> tuple[int, int, int]:
    """The numbers of writes that were acknowledged, lost, and committed without an acknowledgement."""
    entries, ops = columns(run.trace.entries), columns(run.trace.ops)
    committed: dict[tuple[int, int], bool] = {}
    for client, seq, known in zip(
        *(entries[name] for name in ("client", "seq", "committed_ms")), strict=True
    ):
        if client:
            committed[client, seq] = committed.get((client, seq), False) or known == known
    told = {
        (client, int(value) + 1): status
        for client, value, status in zip(ops["client"], ops["value"], ops["status"], strict=True)
    }
    return (
        sum(status == "ok" for status in told.values()),
        sum(not known for known in committed.values()),
        sum(known and told[write] != "ok" for write, known in committed.items()),
    )


# ---- The rows -----------------------------------------------------------------------------------------


def variants(seeds: int) -> list[Variant]:
    """The rows of E3."""
    return [
        Variant(
            "E3.1",
            "both sides write, then the network heals",
            "Do all logs become that of the higher term's leader, though another was longer?",
            "the higher term wins, A and B drop their uncommitted entries",
            True,
            play=lambda seed: fork_and_heal(seed),
            judge=higher_term_wins,
            control=lambda seed: fork_and_heal(seed, heals=False),
            changed="the network does not heal",
        ),
        Variant(
            "E3.2",
            "both sides write, then the network heals: the acknowledged writes",
            "Is every acknowledged write in every log?",
            "an acknowledged write is durable",
            True,
            play=lambda seed: fork_and_heal(seed),
            judge=acknowledged_is_everywhere,
            control=lambda seed: fork_and_heal(seed, bugs=["quorum_off_by_one"]),
            changed="two of five are a quorum (bug quorum_off_by_one)",
        ),
        Variant(
            "E3.3",
            "both sides write, then the network heals: the lost writes",
            "Are writes lost, and only unacknowledged ones?",
            "an unacknowledged write might be lost",
            True,
            play=lambda seed: fork_and_heal(seed),
            judge=lost_was_unacknowledged,
            control=lambda seed: fork_and_heal(seed, bugs=["quorum_off_by_one"]),
            changed="two of five are a quorum (bug quorum_off_by_one)",
        ),
        Variant(
            "E3.4",
            f"both sides keep writing, {seeds:,} random schedules",
            "Is every acknowledged write kept?",
            "an acknowledged write is durable",
            True,
            play=lambda _: whole(both_sides_write(), seeds=seeds),
            judge=acknowledged_is_durable,
            control=lambda _: whole(both_sides_write(["quorum_off_by_one"]), seeds=seeds),
            changed="two of five are a quorum (bug quorum_off_by_one)",
        ),
        Variant(
            "E3.5",
            "the third case: a client stops waiting, and the cut heals before any election timer expires",
            "Is a write committed everywhere although its client got no answer?",
            "acknowledged is durable, unacknowledged might be lost: no maybes",
            False,
            play=lambda seed: gives_up(seed),
            judge=survives_unacknowledged,
            control=lambda seed: gives_up(seed, cut_ms=1000),
            changed="the cut lasts until another leader has been elected",
        ),
        Variant(
            "E3.6",
            "the client sends the request again, without a session",
            "Does the command take effect twice?",
            play=lambda seed: retry(seed),
            judge=takes_effect_twice,
            control=lambda seed: retry(seed, client="alice"),
            changed="the client has a session",
        ),
        Variant(
            "E3.7",
            "the client sends the request again, in a session",
            "Does the command take effect twice?",
            play=lambda seed: retry(seed, client="alice"),
            judge=takes_effect_twice,
            control=lambda seed: retry(seed, client="alice", bugs=["no_dedup"]),
            changed="nodes apply repeated requests again (bug no_dedup)",
        ),
    ]


def draw(c: Cluster, title: str, ax: Axes | None) -> Axes:
    """Draws the fork, the truncation and the repair: the story of E3.1."""
    from .. import plot

    return plot.logs(c, title=title, ax=ax)


log_conflicts = Experiment(
    "E3",
    "Log conflicts: both sides of a partition take writes",
    variants,
    "E3.1",
    draw,
    __doc__,
)

__all__ = ["both_sides_write", "fork_and_heal", "gives_up", "log_conflicts", "retry"]
