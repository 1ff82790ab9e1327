"""What breaks TiKV's Raft, and what is refused with `protocol="tikv"`."""

import pytest
import raftlab as rl
from replaying import replays
from tikv_worlds import LEASED, Tikv, halts, led, needs_tikv, rows

pytestmark = needs_tikv

# ---- What breaks it -------------------------------------------------------------------------------------


def test_a_follower_that_lost_its_disk_halts():
    """The leader goes on from what the follower had acknowledged, and the crate panics."""
    c = led()
    c.propose("x=1")
    c.run("100ms")
    c.crash("B")
    c.wipe("B")
    c.restart("B")
    c.run("200ms")
    assert [(halt["node"], halt["detail"]) for halt in halts(c)] == [
        ("B", "its log lacks entries that are committed")
    ]
    assert (c["B"].up, c["A"].role, c.violations) == (False, "leader", [])
    replays(c)


def test_lost_disks_lose_acknowledged_writes():
    fault = rl.Wipe("a majority", at=1000, duration="1ms")
    scenario = Tikv(3, workload=rl.ClosedLoop(2, think=10), faults=fault, horizon="3s")
    found = rl.sweep(scenario, seeds=40, on_violation="record", progress=False)
    assert {"acknowledged_write_lost", "vote_once", "state_machine_safety"} <= set(
        found.violations_by_property
    )
    seed = found.violating_seeds[0]
    run = scenario.run(seed)
    assert run.violations
    assert all(str(violation) for violation in run.violations)
    assert scenario.run(seed, on_violation="stop").violations[0].time_ms == run.violations[0].time_ms
    with pytest.raises(rl.ViolationError):
        scenario.run(seed, on_violation="raise")


def test_reads_by_its_lease_can_be_stale_without_clock_drift():
    """The crate's lease lasts as long as CheckQuorum, and others may elect a leader before that is over."""

    def stale(via, protocol):
        load = [rl.ClosedLoop(3, think=5, keys=1, reads=0.5, via=via)]
        load += [rl.ClosedLoop(1, think=5, keys=1, home=name, reads=1.0, via=via) for name in "ABC"]
        fault = rl.Partition("leader", at=rl.uniform(1000, 1150), duration=600)
        scenario = rl.Scenario(3, protocol=protocol, workload=load, faults=fault, horizon="2s", **LEASED)
        return rl.sweep(scenario, seeds=40, progress=False).violations_by_property

    assert stale("lease", "tikv").keys() == {"linearizable_reads"}
    assert stale("read_index", "tikv") == stale("lease", "raft") == {}


def test_a_forged_commit_index_halts_those_that_believe_it():
    c = led()
    c.intercept(lambda m: {"commit": m["commit"] + 100} if m["type"] == "AppendEntries" else None, nodes="A")
    c.run("200ms")
    c.intercept(None)
    assert [halt["node"] for halt in halts(c)] == ["B", "C"]
    replays(c)


# ---- What is refused ------------------------------------------------------------------------------------

REFUSED = [
    ({"bugs": ["quorum_off_by_one"]}, "bugs", "no rule can be taken away"),
    ({"noop": False}, "noop", "always appends an empty entry"),
    ({"adaptive_timeout": True}, "adaptive_timeout", "timeouts are fixed"),
    ({"election_rule": "hesitant"}, "election_rule", "the paper's alone"),
    ({"candidate_timeout": (100, 200)}, "candidate_timeout", "as followers do"),
    ({"candidate_backoff": 2}, "candidate_backoff", "as followers do"),
    ({"check_quorum": True}, "sticky_votes", "check_quorum"),
    ({"sticky_votes": True}, "sticky_votes", "check_quorum"),
    ({"lease_drift": 0.1}, "lease_drift", "need check_quorum"),
    ({"faults": rl.Lie("A", "double_vote")}, "fault", 'only nodes of protocol "raft" can lie'),
    ({"steps": [rl.Lie("A", "double_vote")]}, "fault", 'only nodes of protocol "raft" can lie'),
]


@pytest.mark.parametrize(("settings", "argument", "why"), REFUSED)
def test_what_the_crate_lacks_is_refused(settings, argument, why):
    with pytest.raises(rl.InvalidError, match=f"^{argument}: .*{why}"):
        Tikv(3, **settings)
    own = {"check_quorum": True} if "lease_drift" in settings else {}
    with pytest.raises(rl.InvalidError, match=argument):
        rl.Scenario(3, **settings, **own).replace(protocol="tikv", check_quorum=settings.get("check_quorum"))
    with pytest.raises(rl.InvalidError, match=argument):
        rl.sweep(rl.Scenario(3, **settings), {"protocol": ["raft", "tikv"]}, seeds=2, progress=False)


@pytest.mark.parametrize("how", ["lie", "inject", "at"])
def test_a_node_of_a_cluster_cannot_lie(how):
    c, lie = led(), rl.Lie("A", "double_vote")
    calls = {
        "lie": lambda: c.lie("A", "double_vote"),
        "inject": lambda: c.inject(lie),
        "at": lambda: c.at(200, lie),
    }
    with pytest.raises(rl.InvalidError, match='only nodes of protocol "raft" can lie'):
        calls[how]()
    assert c.run("1s").digest == led().run("1s").digest


@pytest.mark.parametrize("protocol", ["paxos", "TiKV", 3, ""])
def test_an_unknown_protocol_is_named(protocol):
    with pytest.raises(rl.InvalidError, match=f"protocol must be 'raft' or 'tikv', not {protocol!r}"):
        rl.Scenario(3, protocol=protocol)
    with pytest.raises(rl.InvalidError, match="protocol"):
        rl.sweep(rl.Scenario(3), {"protocol": ["raft", protocol]}, seeds=2, progress=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"granted": True}, "cannot set 'granted'.*it can set from, term, index, index_term, commit, reject"),
        ({"entries": []}, "cannot set 'entries'"),
        ({"term": -1}, "term must be an integer from 0 to 2\\^64 - 1, not -1"),
    ],
)
def test_changes_that_are_refused(change, message):
    c = led()
    c.intercept(lambda _: change)
    with pytest.raises(rl.InterceptorError, match=message):
        c.run("200ms")


KINDS = (
    "RequestVote",
    "RequestVoteReply",
    "PreVote",
    "PreVoteReply",
    "AppendEntries",
    "AppendEntriesReply",
    "InstallSnapshot",
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_of_ones_own(kind):
    """Whatever the crate makes of it, the run goes on, and it is played again."""

    def also(message):
        if message["ordinal"] % 2:
            message.send(kind, "B", term=90 + message["ordinal"], index=1)

    c = led(**LEASED)
    c.intercept(also, nodes="A")
    c.run("200ms")
    c.intercept(None)
    c.run("1s")
    made = [
        row
        for row in rows(c.trace.messages)
        if row["term"] > 90 and (row["type"], row["from"]) == (kind, "A")
    ]
    assert made
    assert {row["fate"] for row in made} <= {"delivered", "receiver_down"}
    replays(c)


def test_a_type_that_the_crate_does_not_send():
    c = led()
    c.intercept(lambda message: message.send("InstallSnapshotReply", "B"))
    with pytest.raises(
        rl.InterceptorError, match=r"type 'InstallSnapshotReply'; accepted (?!.*SnapshotReply)"
    ):
        c.run("200ms")
