"""The same scenario and seed give the same run, whatever observes it, however and wherever it is driven."""

import contextlib
import copy
import itertools
import json
import os
import pickle
import subprocess
import sys

import pytest
import raftlab as rl
from hypothesis import given, settings
from hypothesis import strategies as st

ROUGH = {
    "network": rl.Network(latency=rl.lognormal(5, 0.6), loss=0.03, duplicate=0.03),
    "disk": rl.Disk(fsync=rl.uniform(0, 6), write=rl.exponential(0.5)),
    "workload": [
        rl.OpenLoop(rl.exponential(15), keys=3, reads=0.2, via="read_index"),
        rl.ClosedLoop(2, think=rl.uniform(5, 20), timeout="80ms", retry=True, session=True, home="B"),
    ],
    "faults": [
        rl.Crash("leader", at=rl.uniform(300, 500), duration=rl.uniform(50, 300), unsynced="tear"),
        rl.Partition(shape="random", at=700, duration=200, every=rl.uniform(300, 500)),
        rl.Pause("a follower", at="0.9s", duration="100ms"),
        rl.ClockRate("a minority", 1.3, at=200, duration=400),
        rl.Loss(0.3, from_="a node", at=400, duration=300, types="AppendEntries"),
    ],
}
"""Settings in which every kind of luck is drawn: latency, loss, disks, clients, targets, times of faults."""


def rough(**changes):
    return rl.Scenario(5, **(ROUGH | {"horizon": "2s"} | changes))


def replays(c):
    """What a cluster has been through is played again from its script, also after a way through JSON."""
    again = c.scenario.run(seed=c.seed)
    assert again.digest == c.digest, "the recorded scenario plays another history"
    assert again.now_ms == c.now_ms
    through_json = rl.Scenario.from_json(json.dumps(json.loads(c.scenario.to_json())))
    assert through_json.run(seed=c.seed, trace="off", checks=False).digest == c.digest
    return again


# ---- Where it runs, and who watches -----------------------------------------------------------------

IN_ANOTHER_PROCESS = """
import sys
import raftlab as rl
scenario = rl.Scenario.from_json(sys.stdin.read())
print([scenario.run(seed=seed).digest for seed in (0, 7, 2**64 - 1)])
c = rl.Cluster(["x", "yy", "zzz"], seed=3, disk=rl.uniform(0, 5))
c.run_until(rl.leader_elected); c.propose("k=v", client="me"); c.partition("x"); c.run("1s")
print(c.digest, c.scenario.to_json())
"""


def test_another_process_with_another_hash_seed():
    seen = set()
    for hash_seed in ("0", "1", "4242"):
        done = subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS],
            input=rough().to_json(),
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        seen.add(done.stdout)
    assert len(seen) == 1
    assert rough().run(seed=7).digest in seen.pop()


@pytest.mark.parametrize("seed", [0, 7, 2**64 - 1])
def test_observers_do_not_steer(seed):
    runs = [
        rough().run(seed, trace=trace, checks=checks)
        for trace, checks in itertools.product(("full", "states", "off"), (True, False))
    ]
    assert len({run.digest for run in runs}) == 1
    assert len({tuple(run.counters.values()) for run in runs}) == 1
    assert runs[0].counters["events"] > 1000


def test_a_ceiling_on_trace_rows_changes_nothing():
    assert rough().run(7, trace_rows=10).digest == rough().run(7).digest


def test_interactive_with_and_without_observers():
    def drive(**options):
        c = rl.Cluster(5, seed=11, **ROUGH, **options)
        c.run("500ms")
        c.propose("x=1")
        c.crash("a follower", duration=50)
        c.step(100)
        c.run_until(rl.committed(5))
        return c.digest

    assert drive() == drive(trace="off", checks=False) == drive(trace="states") == drive(checks=False)


def test_the_digest_tells_histories_apart():
    digests = [rough().run(seed).digest for seed in range(50)]
    assert len(set(digests)) == 50
    assert all(len(digest) == 32 and int(digest, 16) >= 0 for digest in digests)
    c = rl.Cluster(3, seed=1).run("1s")
    other = rl.Cluster(3, seed=1).run("1s")
    assert c.digest == other.digest
    other.propose("x=1")
    other.run(20)
    assert c.run(20).digest != other.digest


# ---- Fork -------------------------------------------------------------------------------------------


def in_the_thick_of_it(seed=5):
    """Messages are in flight, one is held, an fsync is pending, a node is paused, clients wait."""
    c = rl.Cluster(
        5, seed, network=rl.Network(latency=rl.uniform(4, 9)), disk=rl.Disk(fsync=rl.uniform(10, 20))
    )
    c.run_until(rl.leader_elected)
    c.run(100)
    c.pause("a follower")
    c.at(c.now_ms + 300, rl.Crash("leader", duration=100))
    c.propose("x=1", client="me")
    c.propose("x=2")
    c.run(7)
    c.in_flight[0].hold()
    return c


def test_a_fork_in_the_thick_of_it_goes_the_same_way():
    c = in_the_thick_of_it()
    # What is claimed to be going on really is.
    assert sum(not message.held for message in c.in_flight) >= 2
    assert sum(message.held for message in c.in_flight) == 1
    assert sum(node.paused for node in c) == 1
    assert [operation.status for operation in c.operations] == ["pending", "pending"]
    leader = c.leader.name
    power_failure = c.fork()
    power_failure.crash(leader, unsynced="lose")
    lost = c[leader].last_index - power_failure[leader].last_index
    assert lost == 2, "no fsync has confirmed the two entries yet"

    fork, second = c.fork(), c.fork().fork()
    straight = in_the_thick_of_it()
    assert fork.digest == c.digest == straight.digest
    for world in (c, fork, second, straight):
        world.run("1s")
    assert fork.digest == second.digest == c.digest == straight.digest
    assert c.operations[0].done  # something came of it
    assert str(fork.trace.messages.to_dict()) == str(c.trace.messages.to_dict())
    assert [str(v) for v in fork.violations] == [str(v) for v in c.violations] == []
    replays(fork)
    replays(c)


def test_a_fork_leaves_the_original_alone():
    c, untouched = in_the_thick_of_it(), in_the_thick_of_it()
    before = (c.digest, c.scenario)
    what_if = c.fork()
    what_if.crash("all")
    what_if.run("1s")
    assert (c.digest, c.scenario) == before
    assert what_if.digest != c.digest
    assert c.run("1s").digest == untouched.run("1s").digest
    replays(what_if)


def test_an_operation_and_a_fault_are_known_to_a_fork():
    c = rl.Cluster(5, seed=2)
    c.run_until(rl.leader_elected)
    write, cut = c.propose("x=1"), c.isolate("leader")
    fork = c.fork()
    fork.heal(cut)
    fork.run("1s")
    assert fork.operation(write).ok
    assert not write.done
    replays(fork)


def test_another_future_is_drawn_again_and_replays():
    c = in_the_thick_of_it()
    futures = [c.fork(seed=seed).run("1s") for seed in (1, 2, 3)]
    assert len({future.digest for future in futures}) == 3
    assert c.fork(seed=2).run("1s").digest == futures[1].digest
    assert c.fork().run("1s").digest not in {future.digest for future in futures}
    for future in futures:
        assert future.seed == c.seed
        replays(future)
        replays(future.fork(seed=9).run(100))


def test_a_run_forks_into_a_cluster_that_goes_on():
    run = rough().run(seed=4)
    on, same = run.fork().run("500ms"), rough().cluster(seed=4).run("500ms")
    longer = rough(horizon="2500ms").run(seed=4)
    assert on.digest == same.digest == longer.digest
    replays(on)


# ---- JSON, pickle, copy -----------------------------------------------------------------------------

WAYS = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "pickle 2": lambda value: pickle.loads(pickle.dumps(value, 2)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_scenario_survives(way):
    scenario = in_the_thick_of_it().run(50).scenario
    for original in (scenario, rough()):
        other = way(original)
        assert other == original
        assert hash(other) == hash(original)
        assert other.to_json() == original.to_json()
        assert other.run(seed=5).digest == original.run(seed=5).digest


def test_a_scenario_survives_json():
    for scenario in (rough(), in_the_thick_of_it().scenario):
        for indent in (None, 2):
            other = rl.Scenario.from_json(scenario.to_json(indent=indent))
            assert other == scenario
            assert other.run(seed=8).digest == scenario.run(seed=8).digest
        assert rl.Scenario.from_json(scenario.to_json()).to_json() == scenario.to_json()


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_cluster_survives(way):
    c = in_the_thick_of_it()
    other = way(c)
    assert isinstance(other, rl.Cluster)
    assert other.digest == c.digest
    assert other.now_ms == c.now_ms
    assert str(other.in_flight) == str(c.in_flight)
    assert [str(node) for node in other] == [str(node) for node in c]
    other.propose("x=3")
    c.propose("x=3")
    assert other.run("1s").digest == c.run("1s").digest
    assert other.scenario.run(seed=c.seed).digest == c.digest
    assert other.trace.level == c.trace.level


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_run_survives(way):
    run = rough().run(seed=6)
    other = way(run)
    assert other.digest == run.digest
    assert other.now_ms == run.now_ms
    assert other.counters == run.counters
    if isinstance(other, rl.Run):
        assert other.ending == run.ending == "horizon"


def test_a_reseeded_fork_survives_pickle():
    fork = in_the_thick_of_it().fork(seed=77).run(100)
    other = pickle.loads(pickle.dumps(fork))
    assert other.digest == fork.digest
    assert other.run(100).digest == fork.run(100).digest


# ---- By hand and by script --------------------------------------------------------------------------


def by_time(c):
    c.run("300ms")
    c.propose("x=1")
    c.run(0.001)
    c.run("1s")


def by_events(c):
    c.step()
    c.step(200)
    c.propose("x=1")
    c.crash("leader")
    c.step(17)
    c.restart()
    c.step(300)


def by_conditions(c):
    c.run_until(rl.leader_elected)
    write = c.propose("x=1")
    c.run_until(rl.answered(write))
    c.isolate("leader", duration=500)
    c.run_until(rl.leaders(2))
    c.run_until(rl.term_reached(2))
    c.heal()
    c.propose("x=2")
    c.run_until(rl.committed(4, nodes=5))


def by_a_condition_in_python(c):
    c.run_until(lambda world: world.leader is not None)
    c.propose("x=1")
    c.run_until(lambda world: world.operations[0].done and world.now_ms > 200)
    c.crash("leader")
    c.run_until(lambda world: sum(node.up for node in world) == 4 and world.leader is not None)


def by_a_condition_that_holds_already(c):
    c.run_until(rl.no_leader)
    c.run_until(lambda _: True)
    c.run("300ms")


def without_success(c):
    c.run("1s")
    c.crash("all")
    with pytest.raises(rl.NotReached):
        c.run_until(rl.leader_elected, limit="500ms")
    with pytest.raises(rl.NotReached):
        c.run_until(lambda _: False, limit="250ms")
    c.restart()
    with pytest.raises(rl.NotReached):
        c.run_until(rl.leaders(5), limit=100)
    with pytest.raises(rl.NotReached):
        c.run_until(lambda _: False, limit=100)
    c.run(5)


def by_hand(c):
    c.hold()
    c.campaign("A")
    c.run(10)  # what must be durable before a message leaves has become so
    c.deliver(to="BC")
    c.run(10)
    c.deliver(to="A", types="RequestVoteReply")
    c.propose("x=1")
    c.run(10)
    copied = c.in_flight.select(types="AppendEntries")[0].duplicate()
    copied.deliver()
    c.drop(to="D")
    c.in_flight.select(to="E").release("20ms")
    c.run(50)
    c.heal()
    c.in_flight.release()
    c.run(100)
    c.propose("x=2")
    c.propose("x=3")
    c.in_flight[0].hold()
    c.in_flight[1].hold()
    c.run(100)
    c.in_flight[-1].deliver()
    c.in_flight.drop()
    c.run("1s")


def by_schedule(c):
    c.at("1s", rl.Crash("leader", duration="100ms"))
    c.at("1.2s", "x=9")
    c.at("1.3s", rl.campaign("B"))
    c.at("1.3s", rl.read("x", node="A", via="local"))
    c.inject(rl.Wipe("a node", after=rl.uniform(100, 200), duration=20))
    c.inject(rl.Delay(rl.exponential(5), to="C", every=rl.uniform(50, 150), times=4, duration=30))
    c.run("2s")


def with_clients(c):
    c.run_until(rl.leader_elected)
    c.propose(rl.put("a", 1), client="me")
    lost = c.propose(rl.append("a", 2), client="me", node="A", home="A")
    c.propose(rl.cas("a", 1, 3), home="C")
    c.read("a", via="read_index")
    c.read("a", node="B", via="local")
    c.run(10)
    c.retry(lost)
    c.retry(lost, node="C", home="D")
    c.run(200)
    c.propose("b=1")
    c.give_up(c.propose("b=2"))
    c.run(200)


def with_lies(c):
    c.lie("E", "claimed_log", index=99)
    c.run("500ms")
    c.campaign("E")
    c.run(50)
    c.forget_vote("D")
    c.usurp("B")
    c.lie("C", "double_vote", after=10, duration=100)
    c.run("500ms")


def with_clocks(c):
    c.clock_rate("A", 3.0)
    c.clock_jump("B", "200ms")
    c.clock_jump("C", "-80ms")
    c.run("500ms")
    c.pause("a minority", duration="120ms")
    c.run("500ms")
    c.resume()
    c.run(1)


HANDS = [
    by_time,
    by_events,
    by_conditions,
    by_a_condition_in_python,
    by_a_condition_that_holds_already,
    without_success,
    by_hand,
    by_schedule,
    with_clients,
    with_lies,
    with_clocks,
]


@pytest.mark.parametrize("drive", HANDS, ids=lambda drive: drive.__name__)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_was_done_by_hand_replays(drive, seed):
    c = rl.Cluster(5, seed, disk=rl.uniform(0, 4))
    drive(c)
    again = replays(c)
    assert [str(operation) for operation in again.operations] == [str(o) for o in c.operations]
    assert pickle.loads(pickle.dumps(c)).digest == c.digest
    # Driven on by hand from there, and recorded again.
    onward = c.scenario.cluster(seed=seed).run(50)
    assert onward.digest == c.run(50).digest
    replays(onward)


@pytest.mark.parametrize("drive", HANDS, ids=lambda drive: drive.__name__)
def test_another_seed_stays_meaningful(drive):
    c = rl.Cluster(5, seed=1)
    drive(c)
    scenario = c.scenario
    for seed in range(100, 110):
        with contextlib.suppress(
            rl.NotReached
        ):  # another history may wait until the limit, not fail otherwise
            scenario.run(seed=seed)
        assert rl.sweep(scenario, seeds=range(seed, seed + 1)).runs.to_list("seed") == [seed]


@pytest.mark.parametrize("drive", [by_time, by_events, by_conditions], ids=lambda drive: drive.__name__)
def test_a_cluster_that_began_with_a_script_replays(drive):
    steps = [rl.run("200ms"), rl.propose("y=1"), rl.run_until(rl.leader_elected), rl.heal()]
    c = rl.Cluster(5, seed=4, faults=[rl.Crash("leader", at="0.3s")], steps=steps)
    c.run("200ms")
    c.restart()
    drive(c)
    replays(c)


def test_a_cluster_that_goes_on_after_a_finale_replays():
    first = rl.Scenario(5, faults=[rl.Crash("leader", at=rl.uniform(1000, 1150))], stop=rl.leader_elected)
    c = first.cluster(seed=7)
    c.propose("x=1")
    c.run("300ms")
    c.step(5)
    replays(c)
    replays(c.fork().run(10))


def broken(**options):
    """Two of five are a quorum here: the side of two commits what the other side knows nothing of."""
    c = rl.Cluster(5, seed=3, bugs=["quorum_off_by_one"], **options)
    c.campaign("A")
    c.run("200ms")
    c.partition("AB", "CDE")
    c.propose("x=1", node="A")
    return c


def test_a_stop_at_a_violation_replays():
    c = broken(on_violation="stop")
    c.run("10s")
    assert c.violations
    assert c.now_ms < 10_000
    replays(c)
    c.run(10)
    replays(c)
    c.run("10s")
    replays(c)
    assert pickle.loads(pickle.dumps(c)).digest == c.digest


def test_what_raises_at_a_violation_replays():
    c = broken(on_violation="raise")
    with pytest.raises(rl.ViolationError):
        c.run("10s")
    replays(c)
    with pytest.raises(rl.ViolationError):
        c.run_until(lambda world: len(world.violations) > 3)
    replays(c)


BREAKS = [rl.campaign("A"), rl.run("200ms"), rl.Partition("AB", "CDE"), rl.propose("x=1", node="A")]
QUORUM = {"bugs": ["quorum_off_by_one"]}
SCRIPTS = {
    "in a step": rl.Scenario(5, **QUORUM, steps=[*BREAKS, rl.run("10s"), rl.heal()]),
    "in a step that waits": rl.Scenario(5, **QUORUM, steps=[*BREAKS, rl.run_until(rl.leaders(3)), "x=2"]),
    "in its finale": rl.Scenario(5, **QUORUM, steps=BREAKS, horizon="10s"),
}


@pytest.mark.parametrize("scenario", SCRIPTS.values(), ids=SCRIPTS)
def test_a_cluster_that_goes_on_from_a_run_that_stopped_at_a_violation_replays(scenario):
    run = scenario.run(seed=3, on_violation="stop")
    assert run.ending == "violation"
    assert pickle.loads(pickle.dumps(run)).digest == run.digest
    c = run.fork()
    assert c.digest == run.digest
    assert pickle.loads(pickle.dumps(c)).digest == run.digest
    c.run(10)
    replays(c)


@pytest.mark.parametrize("end", [{"horizon": "5s"}, {"stop": rl.leader_elected}, {"horizon": "300ms"}])
def test_a_cluster_driven_by_hand_goes_no_further_than_it_was_driven(end):
    c = rl.Cluster(3, seed=1, **end)
    c.run("1s")
    replays(c)
    assert pickle.loads(pickle.dumps(c)).digest == c.digest


def test_a_script_that_waited_without_success_is_no_beginning_that_is_lost():
    waits = [rl.run_until(rl.leaders(3), limit="1s"), rl.propose("x=1")]
    c = rl.Cluster(3, seed=1, steps=waits)
    assert c.now_ms == 1000
    c.run(10)
    replays(c)


# ---- Interceptors -----------------------------------------------------------------------------------


def intercepted(seed=7):
    c = rl.Cluster(5, seed)
    c.run_until(rl.leader_elected)
    seen = []

    def lie(message):
        seen.append(message["type"])
        if message["type"] == "AppendEntriesReply":
            return {"success": True, "index": message["index"] + 1} if len(seen) % 3 == 0 else None
        if message["type"] == "RequestVoteReply":
            return {"granted": True}
        return False if len(seen) % 5 == 0 else None

    c.intercept(lie, nodes="DE")
    c.propose("x=1")
    c.run("200ms")
    c.crash("leader")
    c.run("600ms")
    c.intercept(None)
    c.run("200ms")
    assert "AppendEntriesReply" in seen
    return c


def test_edits_replay_without_the_interceptor():
    c = intercepted()
    assert c.scenario.edits["edits"], "nothing was edited"
    assert c.scenario.edits["seed"] == 7
    honest = rl.Cluster(5, 7)
    honest.run_until(rl.leader_elected)
    honest.propose("x=1")
    honest.run("200ms")
    honest.crash("leader")
    honest.run("800ms")
    assert honest.digest != c.digest
    replays(c)
    assert pickle.loads(pickle.dumps(c)).digest == c.digest
    assert c.fork().run(100).digest == c.run(100).digest
    replays(c)


def test_edits_are_of_one_seed():
    scenario = intercepted().scenario
    with pytest.raises(rl.ReplayError, match=r"recorded with an interceptor.*seed 7.*seed 8"):
        scenario.run(seed=8)
    with pytest.raises(rl.ReplayError, match="interceptor"):
        rl.sweep(scenario, seeds=10)
    with pytest.raises(rl.ReplayError, match="interceptor"):
        scenario.cluster(seed=9)
    assert rl.sweep(scenario, seeds=range(7, 8)).runs.to_list("digest") == [scenario.run(seed=7).digest]


def test_an_active_interceptor_cannot_be_pickled():
    c = rl.Cluster(3, seed=1)
    c.intercept(lambda _: None)
    with pytest.raises(rl.ReplayError, match=r"interceptor.*intercept\(None\)"):
        pickle.dumps(c)
    c.intercept(None)
    assert pickle.loads(pickle.dumps(c)).digest == c.digest


def test_a_fork_keeps_the_interceptor():
    c = rl.Cluster(3, seed=1)
    c.run_until(rl.leader_elected)
    c.intercept(lambda message: False if message["type"] == "AppendEntriesReply" else None)
    fork = c.fork()
    fork.propose("x=1")
    c.propose("x=1")
    assert fork.run("300ms").digest == c.run("300ms").digest
    assert not fork.operations[0].done
    replays(fork)


# ---- The past ---------------------------------------------------------------------------------------


def test_the_state_at_an_earlier_time():
    c = rl.Cluster(5, 9, **ROUGH)
    digests = {0.0: c.digest}
    for _ in range(20):
        c.run("77ms")
        digests[c.now_ms] = c.digest
    c.propose("x=1")
    c.crash("a node")
    c.run("300ms")
    now = c.digest
    for time, digest in digests.items():
        past = c.state(at=time)
        assert past.digest == digest, time
        assert past.now_ms == time
    assert c.state(at=c.now_ms).digest == now
    assert c.digest == now, "looking at the past changed the present"


def test_the_state_leaves_out_what_came_at_that_time():
    c = rl.Cluster(3, seed=1)
    c.run("500ms")
    before = c.digest
    c.crash("leader")
    assert c.digest != before
    c.run("200ms")
    assert c.state(at="500ms").digest == before
    assert all(node.up for node in c.state(at=500))
    assert sum(node.up for node in c.state(at=500.001)) == 2


def test_the_state_between_events_and_steps():
    c = in_the_thick_of_it().run("1s")
    times, met = sorted({time for time in c.trace.messages.to_dict()["ended_ms"] if time is not None}), 0
    for at in [*times[::10], times[-1], 0.000001]:
        stopped = in_the_thick_of_it()
        if at < stopped.now_ms:
            continue
        stopped.run(at - stopped.now_ms)
        if stopped.now_ms == at:  # floats: the two need not meet to the nanosecond
            met += 1
            assert c.state(at=at).digest == stopped.digest
    assert met > 10


def test_a_past_that_is_driven_on_has_a_script_of_its_own():
    c = rl.Cluster(3, seed=1).run("1s")
    c.crash("leader")
    c.run("1s")
    past = c.state(at="500ms")
    replays(past)
    assert pickle.loads(pickle.dumps(past)).digest == past.digest
    past.propose("x=1")
    past.run("200ms")
    replays(past)


@pytest.mark.parametrize("at", [100, 700, 1100])
def test_the_past_of_a_run_that_is_driven_on_has_a_script_of_its_own(at):
    run = rl.Scenario(3, steps=[rl.run("500ms"), rl.Crash("leader"), rl.run("500ms")], horizon="2s").run(1)
    past = run.state(at=at)
    past.propose("x=1")
    past.run("200ms")
    replays(past)


def test_the_state_of_a_run():
    run = rough().run(seed=3)
    for horizon in (1, 250, 777.5, 1999):
        assert run.state(at=horizon).digest == rough(horizon=horizon).run(seed=3).digest


# ---- Runs add up ------------------------------------------------------------------------------------


def test_two_seconds_are_twice_one_second():
    assert rl.Cluster(5, 3).run("1s").run("1s").digest == rl.Cluster(5, 3).run("2s").digest
    once, twice = rl.Cluster(5, 3, **ROUGH).run("2s"), rl.Cluster(5, 3, **ROUGH).run("1s").run("1s")
    assert once.digest == twice.digest
    replays(twice)


@settings(max_examples=40, deadline=None)
@given(parts=st.lists(st.integers(0, 400_000_000), max_size=12), seed=st.integers(0, 2**64 - 1))
def test_parts_of_a_run_add_up(parts, seed):
    whole, pieces = rl.Cluster(3, seed, **ROUGH), rl.Cluster(3, seed, **ROUGH)
    for ns in parts:
        pieces.run(ns / 1e6)
    whole.run(sum(parts) / 1e6)
    assert whole.digest == pieces.digest
    assert whole.now_ms == pieces.now_ms


def test_steps_of_a_script_add_up():
    once = rl.Scenario(5, steps=[rl.run("2s")])
    often = rl.Scenario(5, steps=[rl.run("0.5s")] * 4)
    assert once.run(seed=1).digest == often.run(seed=1).digest == rl.Cluster(5, 1).run("2s").digest


def test_single_steps_add_up():
    c, other = rl.Cluster(5, 3), rl.Cluster(5, 3)
    c.step(500)
    for _ in range(500):
        assert other.step().time_ms == other.now_ms
    assert c.digest == other.digest
    assert c.now_ms == other.now_ms


# ---- Many seeds -------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_violation", ["record", "stop"])
def test_a_sweep_does_not_depend_on_threads(on_violation):
    scenario = rough(bugs=["quorum_off_by_one"], horizon="1.2s")
    one = rl.sweep(scenario, seeds=60, threads=1, on_violation=on_violation)
    two = rl.sweep(scenario, seeds=60, threads=2, on_violation=on_violation)
    many = rl.sweep(scenario, seeds=60, threads=7, on_violation=on_violation)
    assert one.runs.to_dict() == two.runs.to_dict() == many.runs.to_dict()
    assert one.violating_seeds
    for seed in (0, 1, 17, 59, one.violating_seeds[0]):
        run = scenario.run(seed, on_violation=on_violation)
        assert run.digest == one.runs.to_list("digest")[seed]
        assert run.ending == one.runs.to_list("ending")[seed]
        assert len(run.violations) == one.runs.to_list("violations")[seed]
        assert ",".join(run.violations.properties) == (one.runs.to_list("properties")[seed] or "")
        assert run.now_ms == one.runs.to_list("end_ms")[seed]


def test_a_sweep_without_checks_plays_the_same_runs():
    scenario = rough(horizon="1s")
    checked = rl.sweep(scenario, seeds=40, threads=2, on_violation="record")
    bare = rl.sweep(scenario, seeds=40, threads=2, checks=False, on_violation="record")
    assert checked.runs.to_list("digest") == bare.runs.to_list("digest")
    some = rl.sweep(scenario, seeds=range(10, 20))
    assert checked.runs.to_list("digest")[10:20] == some.runs.to_list("digest")
    assert checked.replay(13, trace="off").digest == checked.runs.to_list("digest")[13]


# ---- What it covers ---------------------------------------------------------------------------------


def test_the_digest_sees_what_a_crash_takes():
    def crashed(**settings):
        c = rl.Cluster(3, seed=4, **settings)
        c.run_until(rl.leader_elected)
        voter = next(n.name for n in c if n.name != c.leader.name)
        c.crash(voter)
        return c[voter].voted_for, c.digest

    (kept, with_it), (lost, without) = crashed(), crashed(bugs=["vote_not_persisted"])
    assert kept is not None
    assert lost is None
    assert with_it != without


def test_futures_of_other_runs_are_independent():
    def future(seed, k):
        c = rl.Cluster(3, seed=seed, network=rl.uniform(1, 9)).run("1s")
        c = c.fork(seed=k)
        c.run("1s")
        sent = c.trace.messages.to_pandas()
        sent = sent[sent.sent_ms >= 1000]
        return list((sent.due_ms - sent.sent_ms).round(6))[:40]

    assert future(1, 5) == future(1, 5)
    shared = [a == b for a, b in zip(future(1, 5), future(2, 5), strict=True)]
    assert sum(shared) < 5


def test_a_lost_message_is_due_when_it_would_have_arrived():
    def flights(loss):
        run = rl.Scenario(3, network=rl.Network(rl.uniform(5, 9), loss=loss), horizon="600ms").run(seed=1)
        rows = run.trace.messages.to_pandas()
        return rows.assign(takes=rows.due_ms - rows.sent_ms)

    lossy, whole = flights(0.3), flights(0)
    lost = lossy[lossy.fate.astype(str) == "lost"]
    assert len(lost) > 3
    assert lost.takes.between(5, 9).all()
    assert (lost.ended_ms == lost.sent_ms).all()
    # The same draw as if it had not been lost: the first messages of a link are those of the other run.
    first = [rows.groupby(["from", "to"], observed=True).takes.first() for rows in (lossy, whole)]
    assert (first[0] - first[1]).abs().max() < 1e-6
