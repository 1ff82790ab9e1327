"""Faults of disks, as values and by hand: times, handles, replay, trace, pictures, and errors."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import raftlab as rl

DISK = rl.Disk(write="1ms", fsync="4ms")
LED = rl.Initial(term=1, leader="A")
FAULTS: list[rl.Fault] = [
    rl.SlowDisk("B", by="20ms"),
    rl.StalledDisk("B"),
    rl.FullDisk("B"),
    rl.FullDisk("B", then="halt"),
    rl.FailingDisk("B"),
    rl.FailingDisk("B", then="ignore"),
    rl.LyingDisk("B"),
    rl.Corrupt("B"),
    rl.Corrupt("B", what="vote", detected=False),
    rl.Corrupt("B", what="snapshot", detected="truncate"),
]


def of(fault: rl.Fault, **schedule: Any) -> rl.Fault:
    """The fault with another schedule."""
    own = ("factor", "by", "then", "what", "detected")
    named = {name: getattr(fault, name) for name in own if hasattr(fault, name)}
    return type(fault)(fault.node, **named, **schedule)  # type: ignore[attr-defined]


def driven(disk: rl.Disk, *faults: rl.Fault) -> rl.Cluster:
    """Three nodes under load; B crashes at 1 s and is back at 1.2 s."""
    c = rl.Cluster(3, seed=3, disk=disk, snapshot_every=20, workload=rl.OpenLoop("20ms"))
    for fault in (*faults, rl.Crash("B", at="1s", duration="200ms")):
        c.inject(fault)
    return c


# ---- Runs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("disk", [rl.Disk(), DISK], ids=["instant", "slow"])
@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_runs_are_the_same_however_they_are_played(fault: rl.Fault, disk: rl.Disk) -> None:
    c = driven(disk, of(fault, at="900ms", duration="400ms"))
    c.run("500ms")
    fork = c.fork()
    digests = {cluster.run("1500ms").digest for cluster in (c, fork)}
    plan = pickle.loads(pickle.dumps(rl.Scenario.from_json(c.scenario.to_json())))
    assert plan == c.scenario
    digests |= {plan.run(seed=3, trace=level).digest for level in ("full", "off")}
    assert digests == {c.digest}
    assert driven(disk).run("2s").digest != c.digest, "the fault does something"


@pytest.mark.parametrize("disk", [rl.Disk(), DISK], ids=["instant", "slow"])
@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_an_interceptor_that_changes_nothing_changes_nothing(fault: rl.Fault, disk: rl.Disk) -> None:
    struck = of(fault, at="900ms", duration="400ms")
    c = driven(disk, struck)
    c.intercept(lambda _: None)
    assert c.run("2s").digest == driven(disk, struck).run("2s").digest


@pytest.mark.parametrize("disk", [rl.Disk(), DISK], ids=["instant", "slow"])
@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_what_is_done_by_hand_replays(fault: rl.Fault, disk: rl.Disk) -> None:
    c = rl.Cluster(3, disk=disk, initial=LED)
    handle = c.inject(fault)
    c.propose("x=1")
    c.run("100ms")
    c.heal(handle)
    c.crash("B", duration="10ms")
    c.run("500ms")
    assert c.scenario.run(seed=c.seed).digest == c.digest


# ---- Times and handles -----------------------------------------------------------------------------------


def test_a_stall_ends_with_its_last_strike() -> None:
    c = rl.Cluster(3, disk=DISK, initial=LED)
    c.partition("AB", "C")
    first, second = c.stalled_disk("B"), c.stalled_disk("B", duration="300ms")
    write = c.propose("x=1")
    c.run("100ms")
    c.heal(first)
    c.run("190ms")
    assert write.status == "pending"
    assert second.active
    c.run("100ms")
    assert write.status == "ok"
    assert not second.active


def test_roles_are_resolved_when_a_disk_fails() -> None:
    c = rl.Cluster(3, initial=LED, steps=[rl.FailingDisk("leader", at="50ms")])
    c.run("60ms")
    c.propose("x=1", node="A")
    c.run("1s")
    assert not c["A"].up
    assert [node.name for node in c.leaders] != ["A"]


def test_heal_without_a_handle_mends_no_disk() -> None:
    c = rl.Cluster(3, initial=LED)
    handle = c.lying_disk("B")
    c.heal()
    assert handle.active


def test_a_disk_that_stalls_while_its_node_is_down_stalls_it_later() -> None:
    c = rl.Cluster(3, initial=LED)
    c.partition("AB", "C")
    c.crash("B")
    c.stalled_disk("B", duration="1s")
    c.restart("B")
    write = c.propose("x=1")
    c.run("900ms")
    assert write.status == "pending"
    c.run("200ms")
    assert write.status == "ok"


# ---- What is seen ----------------------------------------------------------------------------------------


def test_the_trace_has_strikes_and_what_the_disk_did() -> None:
    c = rl.Cluster(3, initial=LED, steps=[rl.LyingDisk("B", duration="100ms")])
    c.propose("x=1")
    c.run("50ms")
    c.corrupt("C", index=1, detected="truncate")
    c.crash("BC")
    c.failing_disk("A")
    c.propose("x=2")
    c.run("100ms")
    faults, events = c.trace.faults, c.trace.events
    rows = zip(faults.to_list("kind"), faults.to_list("nodes"), faults.to_list("end_ms"), strict=True)
    struck = {kind: (nodes, end) for kind, nodes, end in rows}
    assert struck["lying_disk"] == ("B", 100)
    assert struck["corrupt"][0] == "C"
    seen = zip(events.to_list("kind"), events.to_list("node"), events.to_list("detail"), strict=True)
    told = [row for row in seen if row[0] in ("lost_synced", "corrupted", "halted")]
    assert told == [("lost_synced", "B", None), ("corrupted", "C", None), ("halted", "A", "an fsync failed")]


def test_a_node_that_found_damage_says_why_it_refuses() -> None:
    c = rl.Cluster(3, initial=rl.Initial(term=1, log=[1, 1]))
    c.corrupt("B", index=2)
    c.crash("B", duration="1ms")
    c.isolate("A")
    c.run("2s")
    assert not c.leaders
    assert "damaged" in c.trace.events.to_list("detail")
    assert c.violations == []


def test_pictures_show_by_how_much() -> None:
    c = rl.Cluster(3, disk=DISK, initial=LED)
    c.slow_disk("A", factor=10, by="2ms", duration="5ms")
    c.full_disk("B", duration="5ms")
    c.slow_disk("C", by=rl.exponential("20ms"), duration="5ms")
    c.corrupt("C", what="vote", after="1ms")
    c.run("10ms")
    labels = rl.plot.faults_table(c)["label"]
    assert labels == ["slow disk ×10 +2 ms A", "full disk B", "slow disk ~ exponential C", "corrupt vote C"]
    rl.plot.timeline(c)


def test_a_lost_write_is_told_with_the_disk_that_lost_it() -> None:
    """One of three disks lies; its node restarts, and votes for a leader without the write."""
    c = rl.Cluster(3, seed=1, initial=LED)
    c.partition("AB", "C")
    c.lying_disk("B")
    write = c.propose("x=1")
    c.run("100ms")
    assert write.status == "ok"
    c.crash("A")
    c.crash("B", duration="1ms")
    c.heal()
    c.run("2s")
    assert c.violations[0].property == "leader_completeness"
    assert {v.property for v in c.violations} >= {"acknowledged_write_lost"}
    assert "the disk of B lost what it had reported as durable" in c.violations[0].explain()


# ---- Errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: rl.Cluster(3).slow_disk("A", factor=10), "these disks take no time"),
        (lambda: rl.Cluster(3).slow_disk("A"), "give a factor above 1, or by"),
        (lambda: rl.Cluster(3, disk=DISK).slow_disk("A", factor=0.5), "SlowDisk: factor must be"),
        (lambda: rl.Cluster(3, disk=DISK).slow_disk("A", factor=float("nan")), "SlowDisk: factor must be"),
        (lambda: rl.Cluster(3).slow_disk("A", by="-1ms"), "by"),
        (lambda: rl.Cluster(3).stalled_disk("F"), "unknown node 'F'"),
        (lambda: rl.Cluster(3).full_disk("A", then="ignore"), "FullDisk: then must be 'wait' or 'halt'"),
        (
            lambda: rl.Cluster(3).failing_disk("A", then="wait"),
            "FailingDisk: then must be 'halt' or",
        ),
        (
            lambda: rl.Cluster(3).corrupt("A", what="log"),
            "Corrupt: what must be 'entry', 'vote' or",
        ),
        (lambda: rl.Cluster(3).corrupt("A", index=0), "Corrupt: index"),
        (lambda: rl.Cluster(3).corrupt("A", what="vote", index=1), 'index is for what="entry"'),
        (lambda: rl.Cluster(3).corrupt("A", detected="maybe"), "must be True, False or 'truncate'"),
        (lambda: rl.Scenario(3, faults=rl.SlowDisk("A", factor=2)), "these disks take no time"),
    ],
)
def test_bad_faults_of_disks_are_refused(make: Any, why: str) -> None:
    with pytest.raises(rl.InvalidError, match=why):
        make()


def test_damage_where_nothing_is_has_no_effect() -> None:
    c = rl.Cluster(3, initial=LED)
    c.corrupt("B", what="snapshot")
    c.corrupt("B", index=7)
    c.crash("B", duration="1ms")
    c.propose("x=1")
    c.run("1s")
    assert c["B"].commit_index == 1
    assert "corrupted" not in c.trace.events.to_list("kind")
