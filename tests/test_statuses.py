"""What a client is told of an operation, against what became of it."""

import random

import pytest
import raftlab as rl
from soak import runs


def settled():
    c = rl.Cluster(3, seed=1)
    c.run_until(rl.leader_elected)
    return c.run("100ms")


def test_a_refused_retry_says_nothing_of_an_operation():
    c = settled()
    follower = next(n.name for n in c if n.name != c.leader.name)
    write = c.propose("x=1", client="c")
    c.run("1ms")
    c.retry(write, node=follower)
    assert write.status == "pending"
    c.run("100ms")
    assert write.status == "ok"
    c.retry(write, node=follower)
    assert write.status == "ok"
    assert {n.store["x"] for n in c} == {"1"}


def test_a_refused_retry_of_an_unknown_operation_leaves_it_unknown():
    c = settled()
    leader = c.leader.name
    write = c.propose("x=1", client="c")
    c.crash(leader)
    assert write.status == "unknown"
    c.retry(write, node=next(n.name for n in c if n.name != leader))
    assert write.status == "unknown"
    c.run("2s")
    c.retry(write)
    c.run("100ms")
    assert write.status == "ok"


def test_what_nobody_took_has_failed_until_somebody_does():
    c = settled()
    a, b = (n.name for n in c if n.name != c.leader.name)
    write = c.propose("x=1", node=a)
    c.retry(write, node=b)
    assert write.status == "failed"
    c.retry(write)
    assert write.status == "pending"
    c.run("100ms")
    assert write.status == "ok"


def play(seed):
    """A cluster to which random things are done, and its writes: all of them different."""
    rng = random.Random(seed)
    c = rl.Cluster(
        rng.choice([3, 5]),
        seed=seed,
        network=rl.Network(rl.uniform(0.5, rng.choice([2, 20])), loss=rng.choice([0, 0.1])),
        disk=rng.choice([None, rl.uniform(0, 8)]),
        pre_vote=rng.random() < 0.5,
        snapshot_every=rng.choice([None, None, 5]),
        checks=False,
    )
    c.run(400)
    names = [n.name for n in c]
    writes = []
    for step in range(25):
        what, node = rng.random(), rng.choice(names)
        if what < 0.4:
            at = None if rng.random() < 0.6 else node
            writes.append((f"{step}", c.propose(f"k={step}", node=at, client=rng.choice([None, "c", "d"]))))
        elif what < 0.65 and writes:
            c.retry(rng.choice(writes)[1], node=rng.choice([None, node]))
        elif what < 0.72:
            c.crash(node, duration=rng.choice([50, 300]))
        elif what < 0.8:
            c.isolate(node, duration=200)
        elif what < 0.85:
            c.pause(node, duration=100)
        c.run(rng.choice([0.5, 5, 40, 150]))
    c.heal()
    c.run("3s")
    return c, writes


@pytest.mark.soak
def test_statuses_are_never_worse_than_the_truth():
    seen = dict.fromkeys(("ok", "failed", "unknown", "pending"), 0)
    for seed in range(runs(500)):
        c, writes = play(seed)
        entries = c.trace.entries.to_dict()
        ever = {value.split("=")[-1] for value in entries["value"] if value}
        committed = {
            value.split("=")[-1]
            for value, ms in zip(entries["value"], entries["committed_ms"], strict=True)
            if value and ms == ms
        }
        for value, write in writes:
            seen[write.status] += 1
            if write.status == "failed":
                assert value not in ever, (seed, write)
            if write.status == "ok":
                assert value in committed, (seed, write)
    print(f"statuses of writes over {runs(500)} random scenarios: {seen}")
    assert min(seen["ok"], seen["failed"], seen["unknown"]) > 10


# ---- What "applied" shows ---------------------------------------------------------------------------


def led(**settings):
    return rl.Cluster(3, seed=1, network=5, initial=rl.Initial(term=1, leader="A"), **settings)


def test_a_compare_and_set_says_whether_it_was_applied():
    c = led()
    asked = [c.propose("x=1"), c.propose(rl.cas("x", "1", "2")), c.propose(rl.cas("x", "1", "3"))]
    assert [operation.applied for operation in asked] == [None] * 3, "nobody knows yet"
    c.run(30)
    assert [operation.status for operation in asked] == ["ok"] * 3
    assert [operation.applied for operation in asked] == [True, True, False]
    assert c["A"].store == {"x": "2"}
    assert all(entry.applied for entry in c["A"].log), (
        "one that found something else took its place all the same"
    )


def test_an_entry_is_applied_on_a_node_once_that_node_knows_that_it_is_committed():
    c = led(heartbeat=50)
    c.run(51)  # between two heartbeats
    write = c.propose("x=1")
    c.run(11)
    assert write.ok
    seen = {node.name: (node.log[-1].value, node.log[-1].applied, node.store) for node in c}
    assert seen["A"] == ("x=1", True, {"x": "1"})
    assert seen["B"] == seen["C"] == ("x=1", False, {})
    assert c["A"].last_applied == c["A"].commit_index == write.index
    assert c["B"].last_applied == write.index - 1
    c.run(50)
    assert all(node.log[-1].applied and node.store == {"x": "1"} for node in c)
    assert [node.last_applied for node in c] == [write.index] * 3


def test_a_crash_takes_what_was_applied_from_memory_and_not_from_the_disk():
    c = led()
    write = c.propose("x=1")
    c.run(100)
    c.crash("B")
    assert c["B"].last_applied == 0
    assert c["B"].store == {}
    assert c["B"].log[-1].value == "x=1"
    assert not c["B"].log[-1].applied
    c.restart("B")
    c.run(100)
    assert c["B"].last_applied >= write.index
    assert c["B"].store == {"x": "1"}


def test_a_retry_under_a_session_is_applied_once():
    c = led()
    more = c.propose(rl.append("x", "1"), client="me")
    c.run(30)
    c.retry(more)
    c.run(30)
    assert more.ok
    assert c["A"].store == {"x": "1"}
    assert [entry.value for entry in c["A"].log].count("x+=1") == 2, "both entries are in the log"
