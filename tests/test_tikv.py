"""What a user does with raftlab's own Raft works with TiKV's `raft` crate, too: `protocol="tikv"`."""

from collections import Counter

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import raftlab as rl
from replaying import edits, replays
from tikv_worlds import LEASED, Tikv, halts, led, needs_tikv, rows, tikv

pytestmark = needs_tikv

mpl.use("Agg")

STABLE = {"pre_vote": True, "check_quorum": True, "sticky_votes": True}
"""As TiKV runs it."""


def assert_settled(world, last=None):
    """All nodes are up and have applied the same log; a write that was acknowledged is in it."""
    assert all(node.up for node in world.nodes)
    assert len({str(node.log) for node in world.nodes}) == 1
    assert {node.commit_index for node in world.nodes} == {world.leader.last_index}
    assert {node.store.get("x") for node in world.nodes} == {last}
    assert world.violations == []


# ---- Elections, writes, reads ---------------------------------------------------------------------------


@pytest.mark.parametrize("nodes", [1, 2, 3, 5, 7])
def test_a_leader_is_elected_and_writes_commit(nodes):
    c = tikv(nodes).run_until(rl.leader_elected)
    writes = [c.propose(f"x={value}") for value in range(20)]
    c.run("500ms")
    assert [write.index for write in writes] == list(range(2, 22)), "1 is the leader's empty entry"
    assert_settled(c, "19")
    replays(c)


def test_it_is_another_implementation():
    """The same scenario and seed: the first election is the same, what follows is not."""
    raft, other = (rl.Cluster(3, 1, protocol=name).run("1s") for name in ("raft", "tikv"))
    assert rl.Cluster(3, 1).run("1s").digest == raft.digest != other.digest
    assert raft.leader.name == other.leader.name
    assert (raft.scenario.protocol, other.scenario.protocol) == ("raft", "tikv")
    assert "protocol" not in raft.scenario.to_json(), "scenarios of earlier versions are the same"
    assert repr(Tikv(3)) == "Scenario(3, protocol='tikv')"
    assert Tikv(3) != rl.Scenario(3) == Tikv(3).replace(protocol="raft")


@pytest.mark.parametrize("via", ["log", "read_index", "local", "lease"])
def test_reads_of_every_path_see_what_was_written(via):
    c = led(**LEASED)
    c.propose("x=1")
    c.run("100ms")
    before = c.counters["sent"]
    read = c.read("x", via=via)
    assert (read.status, c.counters["sent"] > before) == {
        "log": ("pending", True),
        "read_index": ("pending", True),
        "local": ("ok", False),
        "lease": ("ok", False),
    }[via]
    c.run("100ms")
    assert read.ok
    assert via == "log" or read.value == "1"
    follower = c.read("x", node="B", via=via)
    assert follower.status == ("ok" if via == "local" else "failed")
    replays(c)


def test_a_read_by_lease_is_refused_without_one():
    read = led().read("x", via="lease")
    assert (read.status, read.reason) == ("failed", "reads by lease are not configured")


def test_a_follower_names_the_leader():
    c = led()
    refused = c.propose("x=1", node="B")
    assert (refused.status, refused.reason) == ("failed", "not the leader")
    assert [node.name for node in c.leaders] == ["A"]
    assert c.leader.match_index == {"B": 1, "C": 1}
    assert c["B"].next_index == {}


@pytest.mark.parametrize(
    "load",
    [
        rl.OpenLoop("7ms", keys=3, reads=0.3, via="read_index"),
        rl.OpenLoop("7ms", session=True),
        rl.ClosedLoop(3, think=5, reads=0.3, via="log"),
        rl.ClosedLoop(3, think=5, timeout="60ms", retry=True, session=True, home="B"),
    ],
    ids=["open", "sessions", "closed", "retries"],
)
def test_workloads_are_served_in_spite_of_losses(load):
    scenario = Tikv(3, workload=load, network=rl.Network(5, loss=0.02, duplicate=0.02), horizon="3s")
    run = scenario.run(seed=2)
    statuses = Counter(run.trace.ops.to_dict()["status"])
    assert statuses["ok"] > 100
    assert run.violations == []
    assert run.coverage["acknowledged_write_lost"] > 50
    replays(run)


def test_a_session_carries_out_a_retry_once():
    c = led()
    c.cut(from_="B", to="A", duration="100ms")
    c.cut(from_="C", to="A", duration="100ms")
    write = c.propose(rl.append("x", "1"), client="me", node="A")
    c.run("50ms")
    c.retry(write)
    c.run("300ms")
    assert write.ok
    assert c["A"].store == {"x": "1"}
    assert [entry.value for entry in c["A"].log] == ["no-op", "x+=1", "x+=1"], "both are in the log"


# ---- Faults ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unsynced", ["lose", "tear", "keep"])
def test_acknowledged_writes_survive_a_crash_of_all_nodes(unsynced):
    c = led(disk=rl.Disk(fsync=rl.uniform(5, 20)))
    writes = []
    for value in range(20):
        writes.append(c.propose(f"x={value}"))
        c.run(7)
    acknowledged = sum(write.ok for write in writes)
    assert 0 < acknowledged < 20
    written = c["A"].last_index
    for name in "ABC":
        c.crash(name, unsynced=unsynced)
    lost = written - c["A"].last_index
    assert (lost > 0) == (unsynced != "keep")
    c.restart()
    c.run_until(rl.leader_elected)
    c.propose("x=end")
    c.run("500ms")
    assert c.leader.last_index > acknowledged + 2
    assert_settled(c, "end")
    replays(c)


FAULTS = {
    "partition": rl.Partition(["A", "B"], at=300, duration="1s"),
    "isolated leader": rl.Isolate("leader", at=300, duration="1s"),
    "bridge": rl.Partition(shape="bridge", at=300, duration="1s"),
    "one way": rl.Cut(from_="A", to="B", at=300, duration="1s"),
    "crashes": rl.Crash("leader", at=300, every=500, times=3, duration=200, unsynced="tear"),
    "pauses": rl.Pause("leader", at=300, every=500, times=3, duration=400),
    "fast clock": rl.ClockRate("a follower", 3, at=300, duration="1s"),
    "slow clock": rl.ClockRate("leader", 0.2, at=300, duration="1s"),
    "clock jump": rl.ClockJump("a follower", "10s", at=300),
    "loss": rl.Loss(0.3, at=300, duration="1s"),
    "delay": rl.Delay(rl.uniform(0, 80), at=300, duration="1s"),
    "duplicates": rl.Duplicate(0.5, at=300, duration="1s"),
}


@pytest.mark.parametrize("settings", [{}, STABLE], ids=["plain", "stable"])
@pytest.mark.parametrize("fault", FAULTS)
def test_it_recovers_from_every_fault(fault, settings):
    scenario = Tikv(
        5,
        faults=FAULTS[fault],
        workload=rl.OpenLoop("20ms", end="4s"),
        snapshot_every=20,
        horizon="6s",
        **settings,
    )
    run = scenario.run(seed=5)
    assert rows(run.trace.faults)
    assert len({str(node.store) for node in run.nodes}) == 1
    assert {node.commit_index for node in run.nodes} == {run.leader.last_index}
    assert run.leader.commit_index > 100
    assert (run.violations, halts(run)) == ([], [])
    assert scenario.run(seed=5, trace="off", checks=False).digest == run.digest
    assert scenario.run(seed=5, trace="states", checks=False).digest == run.digest


@pytest.mark.parametrize(("settings", "leaders"), [(STABLE, 1), ({}, 2)], ids=["stable", "plain"])
def test_a_leader_without_a_quorum_steps_down_with_check_quorum(settings, leaders):
    c = led(**settings)
    c.isolate("A")
    c.run("2s")
    assert (len(c.leaders), c["A"] in c.leaders) == (leaders, leaders == 2)


def test_a_lagging_follower_gets_a_snapshot():
    c = led(snapshot_every=4)
    c.crash("C")
    for value in range(14):
        c.propose(f"x={value}")
        c.run(30)
    assert c["A"].first_index > 1
    c.restart("C")
    c.run("300ms")
    assert c["C"].snapshot_index > 0
    assert c["C"].store == {"x": "13"}
    assert Counter(c.trace.messages.to_dict()["type"])["InstallSnapshot"] == 1
    assert "snapshot_installed" in c.trace.events.to_dict()["kind"]
    assert c.violations == []
    ax = rl.plot.logs(c)
    assert [patch for patch in ax.patches if patch.get_gid() == "snapshot"]
    plt.close("all")
    replays(c)


# ---- States, orders and messages by hand ----------------------------------------------------------------


def test_figure_7():
    logs = [
        [1, 1, 1, 4, 4, 5, 5, 6, 6, 6],
        [1, 1, 1, 4, 4, 5, 5, 6, 6],
        [1, 1, 1, 4],
        [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
        [1, 1, 1, 4, 4, 4, 4],
        [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ]
    initial = rl.Initial(log=dict(zip("ABCDEFG", logs, strict=True)), commit=3, term=8, leader="A")
    c = tikv(7, initial=initial)
    assert [entry.term for entry in c["F"].log] == logs[5]
    c.run("1s")
    assert [entry.term for entry in c["G"].log] == [*logs[0], 8]
    assert_settled(c)
    truncated = {entry["node"] for entry in rows(c.trace.entries) if entry["truncated_ms"] is not None}
    assert truncated == {"D", "E", "F", "G"}
    replays(c)


def test_an_initial_state_is_not_news():
    scenario = Tikv(3, initial=rl.Initial(log=[1, 1], commit=1, term=2, leader="A"), horizon="1s")
    run = scenario.run(seed=1)
    assert [(row["role"], row["commit_index"]) for row in rows(run.trace.nodes)[:3]] == [
        ("leader", 1),
        ("follower", 1),
        ("follower", 1),
    ]
    assert {event["kind"] for event in rows(run.trace.events)}.isdisjoint({"role", "voted"})
    assert list(rl.sweep(scenario, seeds=2, metrics="candidacies", progress=False)["candidacies"]) == [0, 0]


def test_orders():
    c = led()
    c.campaign("B")
    c.run("100ms")
    assert (c.leader.name, c.leader.term, c["C"].voted_for) == ("B", 2, "B")
    c.forget_vote("C")
    assert c["C"].voted_for is None
    c.usurp("C")
    assert [node.name for node in c.leaders] == ["B", "C"]
    c.run("300ms")
    assert [node.name for node in c.leaders] == ["C"]
    assert_settled(c)
    replays(c)


def test_messages_by_hand():
    c = led()
    c.hold(from_="A", types="AppendEntries")
    write = c.propose("x=1")
    assert len(c.in_flight) == 2
    assert {flight.fields["term"] for flight in c.in_flight} == {1}
    c.in_flight[0].duplicate()
    assert c.drop(to="C") == 1
    assert c.deliver(to="B") == 2
    c.heal()
    c.run("20ms")
    assert write.ok
    c.run("300ms")
    assert_settled(c, "1")
    fates = Counter(c.trace.messages.to_dict()["fate"])
    assert fates["removed"] == 1
    replays(c)


# ---- Interceptors ---------------------------------------------------------------------------------------

FIELDS = {"term", "index", "index_term", "commit", "reject"}


def test_what_a_watcher_sees():
    c, plain = tikv(**STABLE), tikv(**STABLE)
    seen = []
    c.watch(lambda message: seen.append((dict(message), message.sender.term)) and None)
    for world in (c, plain):
        world.run("500ms")
        world.propose("x=1")
        world.run("200ms")
    assert {frozenset(message) for message, _ in seen} == {
        frozenset(FIELDS | {"from", "to", "ordinal", "type"})
    }
    kinds = {message["type"] for message, _ in seen}
    assert {"PreVote", "PreVoteReply", "RequestVote", "RequestVoteReply", "AppendEntries"} <= kinds
    assert len(seen) == c.counters["sent"]
    assert c.digest == plain.digest
    c.watch(None)
    replays(c)


def test_drops_delays_and_copies():
    def nuisance(message):
        if message["ordinal"] % 5 == 3:
            message.drop()
        elif message["ordinal"] % 5 == 4:
            message.delay("3ms")
        elif message["ordinal"] % 5 == 0:
            message.duplicate("2ms")

    c = tikv(workload=rl.OpenLoop("20ms", end="2s"))
    c.intercept(nuisance)
    c.run("2s")
    c.intercept(None)
    assert len(edits(c)) > 50
    assert (c.violations, c.liar_violations) == ([], [])
    assert c["A"].commit_index > 30
    replays(c)


def test_a_changed_vote_elects_nobody():
    c = tikv()
    c.intercept(lambda _: {"reject": True}, types="RequestVoteReply")
    c.run("1s")
    assert c.leader is None
    c.intercept(None)
    assert c.run("1s").leader
    replays(c)
