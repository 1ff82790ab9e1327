"""The judges of a split brain: what they read from a trace, and the answers that they give."""

from __future__ import annotations

from collections.abc import Iterator

from ... import (
    Operation,
    Sweep,
)
from ..._time import format_ms
from ..._world import World
from .._base import Answer, bound
from .._reading import Stay, columns, rules_broken, stays
from .stories import FEW, LOOKED_THROUGH, MANY

# ---- Readings of a trace ------------------------------------------------------------------------------


def cuts(c: World) -> list[tuple[float, float]]:
    """The times of the partitions, from the trace.

    Examples
    --------
    >>> from raftlab.experiments.split_brain.stories import split
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
    >>> from raftlab.experiments.split_brain.stories import cut_off_reader
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
    own = [stay for stay in stays(c) if stay.node == leader.node and stay.start >= leader.end]
    after = f"term {own[0].term}" if own else "a crash"
    return Answer(
        True,
        f"{leader.node} led term {leader.term} when the cut healed; {format_ms(leader.end - end)} later it "
        f"stepped down, into {after}; the minority had reached term {terms}; {next_one}",
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
    broken = len(some._violating)
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
