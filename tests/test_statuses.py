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
