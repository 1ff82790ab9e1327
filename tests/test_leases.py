"""Reads by lease: answered at once as long as the lease lasts, never longer, and refused without one."""

import pytest
import raftlab as rl

LEASED = {
    "lease_drift": 0.1,
    "election_timeout": (150, 300),
    "heartbeat": 50,
    "network": 5,
    "initial": rl.Initial(term=1, leader="A"),
}
"""A lease lasts 150 ms * 0.9 / 1.1 = 122.7 ms from the sending of heartbeats that a majority acknowledged."""

SPAN = 150 * 0.9 / 1.1


def leased(**settings):
    c = rl.Cluster(3, seed=1, **(LEASED | settings))
    c.propose("x=1", node="A")
    return c.run(45)


def cut_off(**settings):
    """A was cut off after its heartbeats of 50 ms were acknowledged, at 60 ms."""
    c = leased(**settings)
    c.run(20)
    rows = c.trace.messages.to_dict()
    assert max(at for at, sender in zip(rows["sent_ms"], rows["from"], strict=True) if sender == "A") == 50
    c.isolate("A")
    return c


def sent(c):
    return c.counters["sent"]


def test_a_read_by_lease_needs_no_message():
    c = leased()
    before = sent(c)
    read = c.read("x", via="lease")
    assert (read.status, read.value, read.ended_ms) == ("ok", "1", c.now_ms)
    assert sent(c) == before
    waits = c.read("x", via="read_index")
    assert waits.status == "pending"
    assert sent(c) > before


@pytest.mark.parametrize(("after", "answered"), [(-1, True), (1, False)])
def test_a_lease_ends_when_it_should(after, answered):
    """It counts from the sending of the heartbeat, not from its answers."""
    c = cut_off()
    c.run(50 + SPAN + after - c.now_ms)
    read = c.read("x", node="A", via="lease")
    assert (read.status == "ok") == answered
    if not answered:
        assert c.run("2s")
        assert not read.ok


def test_a_lease_that_counts_from_the_answers_lasts_longer():
    c = cut_off(bugs=["lease_from_ack"])
    c.run(50 + SPAN + 1 - c.now_ms)
    assert c.read("x", node="A", via="lease").ok


def test_a_lease_runs_on_the_clock_of_its_node():
    c = cut_off()
    c.clock_rate("A", 0.5)
    c.run(50 + SPAN + 1 - c.now_ms)
    assert c.read("x", node="A", via="lease").ok, "by its own clock half of the time has passed"


@pytest.mark.parametrize(
    ("settings", "node", "reason"),
    [
        ({}, "B", "not the leader"),
        ({"lease_drift": None}, "A", "reads by lease are not configured"),
    ],
    ids=["of a follower", "without leases"],
)
def test_reads_by_lease_that_are_refused(settings, node, reason):
    read = leased(**settings).read("x", node=node, via="lease")
    assert (read.status, read.reason) == ("failed", reason)


def test_a_new_leader_waits_until_it_knows_what_is_committed():
    """It has no lease yet, and no entry of its own term."""
    c = rl.Cluster(3, seed=1, **(LEASED | {"initial": None}))
    c.run_until(rl.leader_elected)
    read = c.read("x", via="lease")
    assert read.status == "pending"
    c.run(30)
    assert read.ok
    assert c.read("x", via="lease").done, "now it has a lease"
