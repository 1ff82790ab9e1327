"""Faults: each strike lasts its own time, what acts together combines, and what they stop replays."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest
import raftlab as rl

LONGEST_MS = 100 * 86_400_000


def strikes(world: rl.Cluster | rl.Run) -> list[tuple[float, float, str, str, str]]:
    """The rows of the trace's faults: from when, until when, which, whom, what came of it."""
    table = world.trace.faults
    columns = (table.to_list(name) for name in ("start_ms", "end_ms", "kind", "nodes", "outcome"))
    return list(zip(*columns, strict=True))


def ups(run: rl.Run, node: str) -> list[tuple[float, str]]:
    """From when on a node was down, stood still or ran, after the beginning."""
    table = run.trace.nodes
    columns = (table.to_list(name) for name in ("time_ms", "node", "up", "paused"))
    seen = [(0.0, "runs")]
    for time_ms, name, up, paused in zip(*columns, strict=True):
        state = "down" if not up else "stands" if paused else "runs"
        if name == node and state != seen[-1][1]:
            seen.append((time_ms, state))
    return seen[1:]


# ---- Strikes ---------------------------------------------------------------------------------------------


def test_each_strike_lasts_its_own_time() -> None:
    """Strikes every 6 s of 10 s each: A is down from 1 s to 23 s."""
    fault = rl.Crash("A", at=1000, every=6000, times=3, duration=10_000)
    run = rl.Scenario(3, faults=[fault], horizon="40s").run(seed=1)
    assert [row[:2] for row in strikes(run)] == [(1000, 11_000), (7000, 17_000), (13_000, 23_000)]
    assert ups(run, "A") == [(1000, "down"), (23_000, "runs")]


@pytest.mark.parametrize(("fault", "state"), [(rl.Crash, "down"), (rl.Pause, "stands"), (rl.Wipe, "down")])
def test_a_short_fault_within_a_long_one_ends_nothing(fault: Any, state: str) -> None:
    faults = [fault("A", at=1000, duration=10_000), fault("A", at=2000, duration=1000)]
    run = rl.Scenario(3, faults=faults, horizon="20s").run(seed=1)
    assert [row[:2] for row in strikes(run)] == [(1000, 11_000), (2000, 3000)]
    assert ups(run, "A") == [(1000, state), (11_000, "runs")]


def test_a_pause_outlives_a_crash_within_it() -> None:
    faults = [rl.Pause("A", at=1000, duration=10_000), rl.Crash("A", at=2000, duration=1000)]
    run = rl.Scenario(3, faults=faults, horizon="20s").run(seed=1)
    seen = ups(run, "A")
    assert seen[:2] == [(1000, "stands"), (2000, "down")]
    assert seen[-2:] == [(3000, "stands"), (11_000, "runs")]


def test_healing_a_handle_ends_that_fault_with_all_its_strikes() -> None:
    c = rl.Cluster(3, seed=1)
    repeated = c.crash("A", every="1s", duration="10s")
    once = c.crash("A")
    c.run("2500ms")
    assert [int(handle) for handle in c.faults] == [1, 2, 1, 1]
    c.heal(repeated)
    assert not c["A"].up
    assert [int(handle) for handle in c.faults] == [2]
    c.heal(once)
    assert c["A"].up
    c.run("10s")
    assert c["A"].up  # no strike is to come


def test_without_a_duration_a_strike_lasts_until_the_next() -> None:
    c = rl.Cluster(5, seed=1)
    c.partition(shape="random", every="1s")
    c.run("9500ms")
    assert len(c.faults) == 1
    assert [row[:2] for row in strikes(c)][:9] == [(1000 * k, 1000 * (k + 1)) for k in range(9)]


def test_restart_ends_what_holds_a_node_down() -> None:
    c = rl.Cluster(3, seed=1)
    c.crash("AB", duration="10s")
    c.wipe("A", duration="5s")
    c.run("1s")
    c.restart("A")
    assert c["A"].up
    assert not c["B"].up
    assert [fault.nodes for fault in c.faults] == [("B",)]
    c.crash("A")
    c.run("10s")
    assert not c["A"].up  # the ends of what was ended before end nothing more
    assert c["B"].up


def test_a_paused_node_is_not_resumed_by_restart() -> None:
    c = rl.Cluster(3, seed=1)
    pause = c.pause("A", duration="5s")
    c.restart("A")
    assert pause.active
    assert c["A"].paused
    c.run("6s")
    assert not c["A"].paused


def test_rates_of_one_clock_multiply() -> None:
    c = rl.Cluster(3, seed=1)
    fast, slow = c.clock_rate("A", 3), c.clock_rate("A", 0.5)
    assert c["A"].clock_rate == 1.5
    c.heal(fast)
    assert c["A"].clock_rate == 0.5
    c.heal(slow)
    assert c["A"].clock_rate == 1


def test_the_fastest_clock_runs_for_the_longest_run() -> None:
    day = 86_400_000
    c = rl.Cluster(1, seed=1, trace="off", election_timeout=80 * day, heartbeat=40 * day)
    c.clock_rate("A", 1000)
    c.clock_rate("A", 1000)
    assert c["A"].clock_rate == 1000
    c.clock_jump("A", LONGEST_MS)
    c.run(99.9 * day)
    assert c.leader is not None


def test_overlapping_strikes_on_links_end_one_by_one() -> None:
    c = rl.Cluster(3, seed=1, network=rl.Network(latency=1))
    c.delay(rl.uniform(10, 11), at=1000, every=1000, duration=1500, times=2)
    c.run("5s")
    columns = (c.trace.messages.to_list(name) for name in ("sent_ms", "due_ms"))
    extra: dict[str, list[float]] = {"before": [], "one": [], "both": [], "the other": [], "after": []}
    for sent, due in zip(*columns, strict=True):
        when = list(extra)[sum(sent >= time for time in (1000, 2000, 2500, 3500))]
        extra[when].append(due - sent - 1)
    for when, (low, high) in {"one": (10, 11), "both": (20, 22), "the other": (10, 11)}.items():
        assert extra[when]
        assert all(low <= more < high for more in extra[when]), when
    assert max(map(abs, extra["before"] + extra["after"])) < 1e-6
    both = [more / 2 for more in extra["both"]]
    assert len({round(more, 6) for more in both}) > len(both) / 2  # each strike has its own luck


def test_lies_of_overlapping_strikes_end_one_by_one() -> None:
    c = rl.Cluster(3, seed=1)
    c.lie("C", "double_vote", every=1000, duration=1500, times=2)
    c.run(1700)
    assert [fault.nodes for fault in c.faults] == [("C",)]
    c.run(1000)
    assert c.faults == ()


# ---- Schedules -------------------------------------------------------------------------------------------


def test_uptime_counts_from_the_end_of_a_strike() -> None:
    fault = rl.Crash("A", uptime="3s", duration="1s", times=3)
    run = rl.Scenario(3, faults=[fault], horizon="20s").run(seed=1)
    assert [row[:2] for row in strikes(run)] == [(3000, 4000), (7000, 8000), (11_000, 12_000)]
    assert rl.Scenario.from_json(run.scenario.to_json()) == run.scenario
    assert eval(repr(fault), vars(rl)) == fault


def test_uptime_counts_from_an_early_repair() -> None:
    c = rl.Cluster(3, seed=1)
    c.crash("A", at="1s", uptime="3s", duration="10s")
    c.run("2s")
    c.restart("A")
    c.run("2999ms")
    assert c["A"].up
    c.run("2ms")
    assert not c["A"].up


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ({"every": 1, "uptime": 1, "duration": 1}, "not both"),
        ({"uptime": 1}, "give duration"),
        ({"uptime": 0, "duration": 1}, "uptime must be longer than 0 ms"),
        ({"times": 2}, "times needs every or uptime"),
        ({"uptime": -1, "duration": 1}, "uptime"),
    ],
)
def test_schedules_that_make_no_sense_are_refused(schedule: dict[str, Any], why: str) -> None:
    with pytest.raises(rl.InvalidError, match=why):
        rl.Scenario(3, faults=[rl.Crash("A", **schedule)])


def test_futures_draw_uptimes_anew() -> None:
    c = rl.Cluster(3, seed=1, trace="off")
    c.crash("A", uptime=rl.exponential("10s"), duration="1s")
    c.run("5s")
    assert c["A"].up

    def last_ms(run: rl.Run) -> float:
        return run.last_fault_ms

    times = c.futures(50, duration="60s", metrics=last_ms, progress=False)["last_ms"]
    assert len(set(map(float, times))) > 45
    assert min(times) > 5000


# ---- Targets ---------------------------------------------------------------------------------------------


def test_a_fault_on_nobody_strikes_nobody_at_once() -> None:
    c = rl.Cluster(3, seed=1)
    c.run("1s")
    c.restart()
    c.resume()
    c.isolate("the crashed")
    c.cut(from_="the paused")
    c.partition("the crashed")
    c.run("1s")
    c.crash("A")
    c.run("1ms")
    assert not c["A"].up
    rows = strikes(c)
    assert [row[0:2] for row in rows[:-1]] == [(1000, 1000)] * 5
    assert all(row[3:] == ("", "struck") for row in rows[:-1])
    assert len(c.faults) == 1


def test_a_minority_of_one_is_nobody() -> None:
    c = rl.Cluster(1, seed=1)
    c.crash("a minority")
    c.run("1s")
    assert c["A"].up
    assert strikes(c) == [(0, 0, "crash", "", "struck")]
    assert c.last_fault_ms == 0


def test_a_fault_on_nobody_does_not_hold_up_stop() -> None:
    for steps in ([rl.run("1s")], [rl.run("1s"), rl.Restart("the crashed")]):
        run = rl.Scenario(3, steps=steps, stop=rl.caught_up, horizon="1min").run(seed=1)
        assert (run.ending, run.now_ms) == ("stop", 1000)


def test_a_fault_waits_for_a_follower_who_may_come() -> None:
    c = rl.Cluster(3, seed=1)
    c.run("1s")
    everybody = c.crash("all")
    wait = c.isolate("a follower")
    c.run("1s")
    assert not wait.active
    c.heal(everybody)
    c.run("1ms")
    assert wait.active
    assert [row[4] for row in strikes(c)] == ["struck", "waited", "struck"]


def test_heal_ends_the_wait_of_a_fault() -> None:
    c = rl.Cluster(3, seed=1)
    wait = c.crash("leader")
    c.heal(wait)
    c.run("2s")
    assert c.leader is not None
    assert strikes(c) == [(0, 0, "crash", "", "waited")]


# ---- What cuts nothing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "fault", "why"),
    [
        (5, rl.Partition("ABCDE"), "'ABCDE' contains every node"),
        (5, rl.Partition("all"), "'all' contains every node"),
        (1, rl.Partition("A"), "'A' contains every node"),
        (5, rl.Cut(from_="A", to="A"), "no link from A to A"),
        (5, rl.Cut(from_="A", to="A", both_ways=True), "no link from A to A"),
        (5, rl.Delay(1, from_="B", to="B"), "no link from B to B"),
        (5, rl.Loss(0.5, from_="B", to="B"), "no link from B to B"),
        (5, rl.Hold(from_="B", to="B"), "no link from B to B"),
        (1, rl.Cut(), "no link from A to A"),
        (1, rl.Isolate("A"), "no link"),
        (2, rl.Partition(shape="halves"), "'halves' needs at least 3 nodes"),
        (2, rl.Partition(shape="bridge"), "'bridge' needs at least 3 nodes"),
        (3, rl.Partition(shape="majorities_ring"), "'majorities_ring' needs at least 4 nodes"),
        (1, rl.Partition(shape="random"), "'random' needs at least 2 nodes"),
        (5, rl.Partition(shape="halves", bridge="A"), "bridge needs the shape 'bridge'"),
        (5, rl.Partition(shape="bridge", bridge="AB"), "bridge must be one node, not 'AB'"),
        (5, rl.Partition(shape="bridge", bridge="F"), "bridge: unknown node 'F'"),
    ],
)
def test_a_cut_that_cuts_nothing_is_an_error(nodes: int, fault: rl.Fault, why: str) -> None:
    with pytest.raises(rl.InvalidError, match=why):
        rl.Scenario(nodes, faults=[fault])
    with pytest.raises(rl.InvalidError, match=why):
        rl.Cluster(nodes).inject(fault)


def test_shapes_cut_something_from_their_least_size_on() -> None:
    for shape, nodes in (("random", 2), ("halves", 3), ("bridge", 3), ("majorities_ring", 4)):
        for seed in range(20):
            c = rl.Cluster(nodes, seed=seed)
            cut = c.partition(shape=shape)
            assert cut.active, (shape, seed)
            assert "|" in strikes(c)[0][3]


def test_the_bridge_can_be_chosen() -> None:
    for seed in range(10):
        c = rl.Cluster(5, seed=seed)
        c.partition(shape="bridge", bridge="C")
        one, other = (set(group.split(",")) for group in strikes(c)[0][3].split(" | "))
        assert one & other == {"C"}
        assert sorted((len(one), len(other))) == [3, 3]
    scenario = rl.Scenario(5, faults=[rl.Partition(shape="bridge", bridge="leader", at=1000)])
    assert rl.Scenario.from_json(scenario.to_json()) == scenario
    assert scenario.faults == (rl.Partition(shape="bridge", bridge="leader", at=1000),)


def test_rows_say_whom() -> None:
    c = rl.Cluster(7, seed=1)
    c.isolate("AB")
    c.hold(from_="A", to="BC")
    c.partition("ABC", "EFG")
    assert [row[3] for row in strikes(c)] == ["A,B", "A → B,C", "A,B,C | E,F,G | D"]


# ---- What stops a run ------------------------------------------------------------------------------------


BROKEN_AT_STRIKES: dict[str, Any] = {
    "bugs": ["vote_not_persisted"],
    "faults": [rl.Crash("a node", at=rl.uniform(100, 300), duration=20, every=50)],
}


def broken_at_a_strike(seed: int, **options: Any) -> rl.Cluster | None:
    """A cluster that stopped at a violation that no event, but a strike, brought forth."""
    c = rl.Cluster(3, seed=seed, on_violation="stop", **BROKEN_AT_STRIKES, **options)
    c.run("2s")
    found = c.violations
    return c if found and c.last_fault_ms == c.now_ms else None


def test_a_violation_that_a_strike_brings_forth_replays() -> None:
    replayed = 0
    for seed in range(300):
        c = broken_at_a_strike(seed, trace="off")
        if c is None:
            continue
        again = c.scenario.run(seed=seed)
        assert again.digest == c.digest, seed
        assert again.violations.properties == c.violations.properties, seed
        replayed += 1
    assert replayed > 50


def test_a_run_that_a_strike_stopped_goes_on_as_its_fork_and_its_script_do() -> None:
    c = next(c for c in map(broken_at_a_strike, range(100)) if c is not None)
    digest = c.digest
    fork = c.fork().run("1s")
    script = c.scenario.cluster(seed=c.seed, on_violation="stop").run("1s")
    c.run("1s")
    assert fork.digest == script.digest == c.digest != digest
    assert c.scenario.run(seed=c.seed).digest == c.digest


def test_futures_of_a_run_that_a_strike_stopped_begin_there() -> None:
    c = next(c for c in map(broken_at_a_strike, range(100)) if c is not None)
    futures = c.futures(5, duration="1s", progress=False)
    for row in range(5):
        seed = int(futures["seed"][row])
        assert futures["digest"][row] == c.fork(seed=seed).run("1s").digest


def test_steps_that_a_strike_stops_replay() -> None:
    stopped = 0
    for seed in range(60):
        c = rl.Cluster(3, seed=seed, trace="off", on_violation="stop", **BROKEN_AT_STRIKES)
        while not c.violations and c.now_ms < 2000:
            c.step()
        stopped += c.last_fault_ms == c.now_ms
        assert c.scenario.run(seed=seed).digest == c.digest, seed
    assert stopped > 5


def test_a_step_that_breaks_a_rule_stops_the_run() -> None:
    steps = [rl.run("500ms"), *[rl.Crash("a node", duration=20), rl.run("20ms")] * 30]
    scenario = rl.Scenario(3, bugs=["vote_not_persisted"], steps=steps)
    runs = (scenario.run(seed=seed, on_violation="stop") for seed in range(300))
    run = next(run for run in runs if run.ending == "violation" and run.last_fault_ms == run.now_ms)
    assert run.fork().scenario.run(seed=run.seed).digest == run.digest


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_what_an_interceptor_raises_ends_the_run_while_a_fault_waits(error: type[BaseException]) -> None:
    c = rl.Cluster(3, seed=1)
    c.run_until(rl.leader_elected)
    c.inject(rl.Crash(["the crashed", "leader"], at=c.now_ms + 1, patience="1min"))
    c.isolate("leader")
    c.inject(rl.Pause("a follower", patience="1min"))

    def fail(_: Any) -> None:
        raise error

    c.intercept(fail)
    before = c.now_ms
    with pytest.raises(error):
        c.run("1s")
    assert c.now_ms < before + 300
    c.intercept(None)
    c.heal()  # and nothing is left over
    c.run("1s")


def test_what_an_interceptor_raises_at_a_strike_ends_the_run_there() -> None:
    c = rl.Cluster(1, seed=1)
    c.crash("A", at=1000, duration=500)
    c.run("900ms")
    c = rl.Cluster(3, seed=1)
    c.pause("leader", at=1000, duration=500)
    c.run("1200ms")

    def fail(_: Any) -> None:
        raise ZeroDivisionError

    c.intercept(fail)
    with pytest.raises(ZeroDivisionError):
        c.run("10s")
    assert c.now_ms <= 1500


def test_nothing_runs_past_100_days() -> None:
    c = rl.Cluster(1, trace="off")
    c.crash("A", every="1h")
    assert c.step() is None
    assert LONGEST_MS - 2 * 3_600_000 < c.now_ms <= LONGEST_MS
    with pytest.raises(rl.InvalidError, match="100 days"):
        c.run(LONGEST_MS)
    assert c.scenario.run(seed=0).digest == c.digest
    assert c.fork().step() is None


def test_steps_that_add_up_to_more_than_100_days_end_there() -> None:
    day = 86_400_000
    slow: dict[str, Any] = {"election_timeout": 50 * day, "heartbeat": 40 * day}
    run = rl.Scenario(1, **slow, steps=[rl.run(60 * day)] * 3).run()
    assert (run.ending, run.now_ms) == ("horizon", LONGEST_MS)


# ---- `stop=` ---------------------------------------------------------------------------------------------


def test_stop_and_run_until_say_the_same_of_nodes_that_go_down() -> None:
    faults = [rl.Crash(node, at=rl.exponential("20s")) for node in "ABCDE"]
    few: dict[str, Any] = {"metrics": "elections", "checks": False, "progress": False}
    stop = rl.sweep(rl.Scenario(5, faults=faults, stop=rl.down(3), horizon="10s"), seeds=2000, **few)
    steps = [rl.run_until(rl.down(3), limit="10s")]
    until = rl.sweep(rl.Scenario(5, faults=faults, steps=steps), seeds=2000, **few)
    stopped = [ending == "stop" for ending in stop.runs.to_list("ending")]
    assert stopped == [ending != "not_reached" for ending in until.runs.to_list("ending")]
    assert [a for a, s in zip(stop["end_ms"], stopped, strict=True) if s] == [
        b for b, s in zip(until["end_ms"], stopped, strict=True) if s
    ]
    q = 1 - math.exp(-0.5)
    exact = sum(math.comb(5, k) * q**k * (1 - q) ** (5 - k) for k in (3, 4, 5))
    assert abs(sum(stopped) / 2000 - exact) < 4 * math.sqrt(exact * (1 - exact) / 2000)


def test_an_edge_is_armed_by_the_last_fault_that_strikes_before_the_end() -> None:
    faults = [rl.Crash("leader", at="1s"), rl.Crash("A", at="90s")]
    with pytest.warns(rl.FaultWarning, match="Crash at .* never strikes: the run ends at 10 s"):
        scenario = rl.Scenario(3, faults=faults, stop=rl.leader_elected, horizon="10s")
    run = scenario.run(seed=1)
    assert run.ending == "stop"
    assert 1000 < run.now_ms < 2000


def test_stop_that_is_never_armed_is_said() -> None:
    scenario = rl.Scenario(
        3, faults=[rl.Crash("leader", at=rl.exponential("20s"))], stop=rl.leader_elected, horizon="10s"
    )
    with pytest.warns(rl.FaultWarning, match="of 200 runs ended 'not_armed'"):
        result = rl.sweep(scenario, seeds=200, metrics="downtime_ms", progress=False)
    endings = result.runs.to_list("ending")
    # A crash in the last moments leaves no time for an election.
    assert endings.count("stop") + endings.count("not_armed") + endings.count("horizon") == 200
    assert endings.count("horizon") < 20
    assert abs(endings.count("not_armed") / 200 - math.exp(-0.5)) < 0.14  # 4 standard errors
    row = endings.index("not_armed")
    with pytest.warns(rl.FaultWarning, match="'not_armed'") as warned:
        run = result.replay(row)
    assert (run.ending, warned[0].filename) == ("not_armed", __file__)
    with pytest.warns(rl.FaultWarning, match="'not_armed'") as warned:
        result.scenario(row).run(run.seed)
    assert warned[0].filename == __file__
    assert pickle.loads(pickle.dumps(run)).ending == "not_armed", "without another warning"


def test_a_run_without_a_horizon_sees_its_faults() -> None:
    scenario = rl.Scenario(3, faults=[rl.Crash("leader", at="90s")], stop=rl.leader_elected)
    result = rl.sweep(scenario, seeds=5, metrics="downtime_ms", progress=False)
    assert result.runs.to_list("ending") == ["stop"] * 5
    assert all(90_000 < end < 92_000 for end in result["end_ms"])
    assert all(50 < downtime < 2000 for downtime in result["downtime_ms"])
    assert rl.Scenario(3, faults=[rl.Crash("A", at="90s")]).run().now_ms == 120_000
    assert rl.Scenario(3, faults=[rl.Crash("A", at="10s", every="30s", times=5)]).run().now_ms == 160_000
    assert rl.Scenario(3, faults=[rl.Crash("A", at="10s")]).run().now_ms == 60_000


def test_stop_after_long_steps_has_a_minute() -> None:
    scenario = rl.Scenario(3, steps=[rl.run("2min"), rl.Crash("leader")], stop=rl.leader_elected)
    assert scenario.run(seed=1).ending == "stop"
