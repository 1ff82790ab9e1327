"""Faults and actions that strike when a condition holds instead of at a time."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import pytest
import raftlab as rl


def struck(run: Any, outcome: str = "struck") -> list[tuple[float, str, str]]:
    faults = run.trace.faults
    rows = zip(*(faults.to_list(name) for name in ("start_ms", "kind", "nodes", "outcome")), strict=True)
    return [(start, kind, nodes) for start, kind, nodes, ended in rows if ended == outcome]


def test_a_fault_strikes_at_the_first_moment_of_its_condition() -> None:
    scenario = rl.Scenario(3, faults=[rl.Crash("leader", at=rl.leader_elected)], horizon="1s")
    for seed in range(5):
        run = scenario.run(seed)
        ((at, kind, node),) = struck(run)
        by_hand = rl.Cluster(3, seed=seed)
        by_hand.run_until(rl.leader_elected)
        assert (at, kind, node) == (by_hand.now_ms, "crash", by_hand.leader.name)
        assert struck(run, "awaited") == [(0.0, "crash", "")]


def test_a_condition_counts_elections_from_when_the_fault_was_given() -> None:
    c = rl.Cluster(3)
    c.run_until(rl.leader_elected)
    first = c.leader
    fault = c.crash("leader", at=rl.leader_elected)
    c.run("1s")
    assert not fault.active, "the leader was elected before"
    c.pause(first)
    c.run("2s")
    assert fault.active
    assert fault.nodes != (first.name,)


def test_by_hand_a_condition_that_holds_strikes_at_once() -> None:
    c = rl.Cluster(3)
    c.run_until(rl.leader_elected)
    fault = c.crash("leader", at=rl.leads(c.leader))
    assert fault.active
    assert c.leader is None


def test_after_counts_from_the_condition() -> None:
    fault = rl.Pause("leader", at=rl.leader_elected, after="40ms", duration="5ms")
    run = rl.Scenario(3, faults=[fault], horizon="1s").run(1)
    ((waited, *_),) = struck(run, "awaited")
    ((at, *_),) = struck(run)
    elected = rl.Cluster(3, seed=1)
    elected.run_until(rl.leader_elected)
    assert waited == 0
    assert at == pytest.approx(elected.now_ms + 40)


def test_a_fault_that_repeats_follows_its_first_strike() -> None:
    fault = rl.Pause("A", at=rl.committed(1), every="100ms", times=3, duration="1ms")
    run = rl.Scenario(3, faults=[fault], horizon="2s").run(1)
    first, *more = [at for at, *_ in struck(run)]
    assert [round(at - first, 6) for at in more] == [100, 200]


def test_one_strike_brings_about_the_next() -> None:
    faults = [rl.Crash("C", at=rl.down(2)), rl.Crash("B", at=rl.down(1)), rl.Crash("A", at="50ms")]
    run = rl.Scenario(5, faults=faults, horizon="100ms").run()
    assert [(at, nodes) for at, _, nodes in struck(run)] == [(50, "A"), (50, "B"), (50, "C")]


def test_conditions_are_joined() -> None:
    both = rl.leads("B") & rl.committed(3)
    scenario = rl.Scenario(
        3, steps=[rl.campaign("B"), rl.Crash("B", at=both), rl.run("100ms"), "x=1", "y=2", rl.run("100ms")]
    )
    run = scenario.run()
    ((at, *_),) = struck(run)
    assert at > 100


@pytest.mark.parametrize("stop", [None, rl.leader_elected])
def test_a_condition_that_never_holds_is_reported(stop: rl.Condition | None) -> None:
    scenario = rl.Scenario(
        3, faults=[rl.Crash("A"), rl.Crash("leader", at=rl.committed(10))], stop=stop, horizon="1s"
    )
    with pytest.warns(rl.FaultWarning) as said:
        run = scenario.run()
    assert len(struck(run)) == 1
    assert struck(run, "awaited") == [(0.0, "crash", "")]
    if stop is None:
        assert "Crash (a majority has committed index 10)" in str(said[0].message)
        assert run.ending == "horizon"
    else:
        assert run.ending == "not_armed"


def test_a_run_whose_conditions_held_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = rl.Scenario(3, faults=[rl.Crash("leader", at=rl.leader_elected)], stop=rl.leader_elected).run()
    assert run.ending == "stop"
    assert run.trace.faults.to_list("end_ms")[0] < run.now_ms


def test_healing_ends_the_wait() -> None:
    c = rl.Cluster(3)
    fault = c.crash("leader", at=rl.leader_elected)
    fault.heal()
    c.run("1s")
    assert c.leader is not None
    assert not struck(c)


@pytest.mark.parametrize(
    "fault",
    [
        rl.Crash("leader", at=rl.committed(10)),
        rl.Pause("A", at=rl.leads("A") & rl.committed(3, nodes=2) | rl.down(1), after=rl.uniform(0, 10)),
        rl.Partition("A", at=rl.in_joint, duration="1s"),
    ],
    ids=["committed", "joined", "in_joint"],
)
def test_values_survive(fault: rl.Fault) -> None:
    assert eval(repr(fault), vars(rl)) == fault
    assert pickle.loads(pickle.dumps(fault)) == fault
    scenario = rl.Scenario(3, faults=[fault], steps=[fault, rl.steps.at(rl.down(1), "x=1")])
    again = rl.Scenario.from_json(scenario.to_json())
    assert again == scenario
    assert again.faults[0] == again.steps[0] == fault
    assert again.steps[1] == rl.steps.at(rl.down(1), "x=1")
    assert eval(repr(scenario), {"Scenario": rl.Scenario, **vars(rl)}) == scenario


def test_replays_forks_and_sweeps() -> None:
    c = rl.Cluster(5, seed=3)
    c.crash("leader", at=rl.committed(2), duration="300ms")
    c.at(rl.down(1), "y=2")
    c.run_until(rl.leader_elected)
    c.propose("x=1")
    fork = c.fork()
    for cluster in (c, fork):
        cluster.run("2s")
    assert c.digest == fork.digest == c.scenario.run(3).digest
    assert len(c.operations) == 2
    scenario = rl.Scenario(5, faults=[rl.Crash("leader", at=rl.leader_elected)], stop=rl.leader_elected)
    rows = rl.sweep(scenario, seeds=20, metrics=["last_elected_ms"]).runs
    ended = [scenario.run(seed).now_ms for seed in range(20)]
    assert rows.to_list("last_elected_ms") == ended
    assert set(rows.to_list("ending")) == {"stop"}


def test_single_steps_strike_as_a_run_does() -> None:
    scenario = rl.Scenario(3, faults=[rl.Crash("leader", at=rl.committed(1))])
    whole, stepped = (scenario.cluster(2) for _ in range(2))
    whole.run("1s")
    while stepped.now_ms < 1000 and stepped.step(1):
        pass
    assert struck(whole) == struck(stepped)


def test_an_action_waits_for_a_condition() -> None:
    c = rl.Cluster(3, seed=1)
    c.at(rl.leader_elected, "x=1")
    assert not c.operations
    c.run("1s")
    assert [op.status for op in c.operations] == ["ok"]
    assert c.scenario.run(1).digest == c.digest
    assert rl.steps.at(rl.leader_elected, "x=1") in c.scenario.steps


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: rl.Scenario(3, faults=[rl.Crash("A", at=rl.leads("Z"))]), "Crash: at: unknown node 'Z'"),
        (lambda: rl.Scenario(3, faults=[rl.Crash("A", at=rl.down(4))]), "between 1 and 3, not 4"),
        (
            lambda: rl.Crash("A", after=rl.leader_elected).to_dict(),
            "Crash: after must be a number of milliseconds",
        ),
        (lambda: rl.Cluster(3, checks=False).crash("A", at=rl.violated), "needs checks=True"),
        (lambda: rl.Cluster(3, checks=False).at(rl.violated, "x=1"), "needs checks=True"),
        (lambda: rl.Cluster(3).at(rl.leads("Z"), "x=1"), "unknown node 'Z'"),
        (lambda: rl.Scenario(3, faults=[rl.Crash("A", at=rl.violated)]).run(checks=False), "checks=True"),
    ],
    ids=["node", "count", "after", "checks", "action", "action_node", "scenario"],
)
def test_invalid_conditions_are_refused(make: Any, why: str) -> None:
    with pytest.raises(rl.InvalidError, match=why):
        make()
