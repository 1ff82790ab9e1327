"""Copies, traces, pictures and sweeps of runs with TiKV's Raft."""

import pickle
from collections import Counter

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import raftlab as rl
from replaying import replays
from tikv_worlds import Tikv, led, needs_tikv, rows, tikv

pytestmark = needs_tikv

mpl.use("Agg")

# ---- Copies, conditions, traces -------------------------------------------------------------------------

ROUGH = {
    "network": rl.Network(rl.lognormal(5, 0.6), loss=0.03, duplicate=0.03),
    "disk": rl.Disk(fsync=rl.uniform(0, 6), write=rl.exponential(0.5)),
    "workload": [
        rl.OpenLoop(rl.exponential(15), keys=3, reads=0.2, via="read_index"),
        rl.ClosedLoop(2, think=rl.uniform(5, 20), timeout="80ms", retry=True, session=True, home="B"),
    ],
    "faults": [
        rl.Crash("leader", at=rl.uniform(300, 500), duration=rl.uniform(50, 300), unsynced="tear"),
        rl.Partition(shape="random", at=700, duration=200, every=rl.uniform(300, 500)),
        rl.Pause("a follower", at="0.9s", duration="100ms"),
    ],
    "snapshot_every": 10,
}


@pytest.mark.parametrize("seed", [0, 7])
def test_copies_go_on_alike(seed):
    c = tikv(5, seed, **ROUGH)
    while c.now_ms < 2000:
        c.run("400ms")
        copies = [c.fork(), pickle.loads(pickle.dumps(c)), c.scenario.run(seed=seed, trace="off")]
        assert {copy.fingerprint for copy in copies} == {c.fingerprint}
        for copy in copies[:2]:
            copy.run("333ms")
        assert copies[0].digest == copies[1].digest != c.digest
        assert copies[0].fingerprint == copies[1].fingerprint
    then = c.state(at="1s")
    assert (then.now_ms, then.digest) == (1000, tikv(5, seed, **ROUGH).run("1s").digest)
    assert c.fork(seed=99).run("1s").digest != c.fork().run("1s").digest
    replays(c)


@pytest.mark.parametrize(
    "condition",
    [
        rl.leader_elected,
        rl.all_of(rl.leader_elected, rl.down(1)),
        rl.term_reached(2),
        rl.candidates(1),
        lambda c: c.counters["delivered"] > 40,
    ],
    ids=["leader", "leader and down", "term", "candidates", "function"],
)
def test_conditions(condition):
    c = tikv(faults=rl.Crash("leader", at=400))
    c.run_until(condition)
    assert 0 < c.now_ms < 2000
    replays(c)


def test_the_tables_of_the_trace():
    run = Tikv(3, stop=rl.leader_elected).run(seed=1)
    events, messages = rows(run.trace.events), rows(run.trace.messages)
    roles = [(event["detail"], event["why"]) for event in events if event["kind"] == "role"]
    assert roles[0] == ("candidate", "election_timeout")
    assert roles[-1] == ("leader", "election_won")
    assert ("follower", "higher_term") in roles
    arrivals = [event for event in events if event["kind"] == "arrival"]
    assert {event["from"] for event in arrivals} == {"A", "B"}
    votes = [message for message in messages if message["type"] == "RequestVoteReply"]
    assert len(votes) == 2
    causes = [events[vote["cause"]] for vote in votes]
    assert [(cause["kind"], cause["detail"]) for cause in causes] == [("arrival", "RequestVote")] * 2
    assert [cause["node"] for cause in causes] == [vote["from"] for vote in votes]
    assert {table for table in ("nodes", "entries", "ops") if run.trace.table(table).to_dict()}


@pytest.mark.parametrize("name", ["timeline", "roles", "terms", "logs", "log_timeline", "messages"])
def test_pictures_are_drawn(name):
    run = Tikv(3, horizon="1s", workload=rl.OpenLoop("50ms"), faults=rl.Crash("leader", at=600)).run(seed=1)
    ax = getattr(rl.plot, name)(run)
    ax.figure.canvas.draw()
    assert ax.get_children()
    plt.close("all")


# ---- Many runs ------------------------------------------------------------------------------------------


def test_a_sweep_over_both_protocols():
    scenario = rl.Scenario(
        3, faults=rl.Crash("leader", at=500), horizon="2s", workload=rl.OpenLoop("10ms", reads=0.2)
    )
    grid = {"protocol": ["raft", "tikv"], "network": [5, rl.uniform(1, 15)]}
    one, two = (
        rl.sweep(scenario, grid, seeds=15, metrics=rl.metrics.names, threads=n, progress=False)
        for n in (1, 2)
    )
    same = [column for column in one.runs.to_dict() if column != "wall_ms"]
    assert [one.runs.to_dict()[column] for column in same] == [two.runs.to_dict()[column] for column in same]
    assert one.runs.to_list("protocol") == ["raft"] * 30 + ["tikv"] * 30
    assert [one.replay(row).digest for row in (0, 20, 31, 59)] == [
        one.runs.to_list("digest")[row] for row in (0, 20, 31, 59)
    ]
    assert one.replay(59).scenario.protocol == "tikv"
    assert one.violations_by_property == {}
    table = one.to_pandas().groupby("protocol")["downtime_ms"].median()
    assert 0.5 < table["tikv"] / table["raft"] < 2
    ax = rl.plot.ecdf(one, "downtime_ms")
    assert ax.get_children()
    plt.close("all")


def test_futures():
    c = led(network=rl.uniform(1, 15))
    c.crash("A")
    futures = c.futures(20, duration="1s", threads=2, progress=False)
    assert len(set(futures["time_to_leader_ms"])) > 10
    assert futures.replay(3).digest == c.fork(seed=c.seed + 4).run("1s").digest


def test_a_rare_event():
    gap = rl.exponential("10s")
    faults = [rl.Wipe(name, at=gap, every=gap, duration="1ms") for name in "ABC"]
    scenario = Tikv(3, network=rl.uniform(1, 20), faults=faults, horizon="5s")
    levels = [rl.candidates(1), rl.candidates(2), rl.violated]
    one, two = (rl.rare_event(scenario, levels, effort=100, repeats=3, threads=n) for n in (1, 2))
    assert one == two
    assert one.interval[0] < 0.1
    run = one.example()
    assert run.violations
    assert run.scenario.run(run.seed).digest == run.digest


# ---- Settings -------------------------------------------------------------------------------------------

KNOWN = {
    "election_timeout": (300, 400),
    "timeout_step": 20,
    "heartbeat": 30,
    "tick": 10,
    "pre_vote": True,
    "sticky_votes": True,
    "check_quorum": True,
    "max_entries_per_append": 1,
    "max_inflight": 1,
    "snapshot_every": 5,
    "network": 3,
    "disk": 4,
}


@pytest.mark.parametrize("name", KNOWN)
def test_settings_that_it_takes_matter(name):
    together = ("check_quorum", "sticky_votes")
    given = dict.fromkeys(together, True) if name in together else {name: KNOWN[name]}
    faults = [rl.Crash("a follower", at=900, duration=300), rl.Crash("leader", at=1500, duration=300)]
    plain = Tikv(3, workload=rl.OpenLoop("3ms"), faults=faults, horizon="3s")
    run = plain.replace(**given).run(seed=2)
    assert run.digest != plain.run(seed=2).digest
    assert run.violations == []
    assert run.leader.commit_index > 50


def test_timeouts_are_ranked_and_counted_in_ticks():
    first = Counter(
        Tikv(5, timeout_step=100, stop=rl.leader_elected).run(seed).leader.name for seed in range(20)
    )
    assert first["A"] > 15
    run = Tikv(3, election_timeout=(1000, 2000), tick=100, heartbeat=100, horizon="9s").run(seed=1)
    beats = {
        round(row["time_ms"] % 100, 6) for row in rows(run.trace.events) if row["kind"] == "timer_heartbeat"
    }
    assert len(beats) == 1
