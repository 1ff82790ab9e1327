"""What happens at one moment happens in an order: what is scripted comes before the world's own events."""

import pytest
import raftlab as rl

FIVE = {"network": 5, "initial": rl.Initial(term=1, leader="A"), "heartbeat": 50}
"""Heartbeats set out at 0, 50, 100 ... and arrive 5 ms later."""


def first_to_b(c):
    """The fate of the first message from A to B."""
    rows = c.trace.messages.to_dict()
    return next(
        fate for sender, to, fate in zip(rows["from"], rows["to"], rows["fate"], strict=True)
        if (sender, to) == ("A", "B")
    )  # fmt: skip


def crash_by_hand(at):
    c = rl.Cluster(3, seed=1, **FIVE)
    c.run(at)
    c.crash("B")
    return c.run(20)


def crash_planned(at):
    c = rl.Cluster(3, seed=1, **FIVE)
    c.at(at, rl.Crash("B"))
    return c.run(at + 20)


def crash_scripted(at):
    return rl.Scenario(3, faults=[rl.Crash("B", at=at)], horizon=at + 20, **FIVE).run(seed=1)


@pytest.mark.parametrize("crash", [crash_by_hand, crash_planned, crash_scripted])
def test_what_is_scripted_comes_before_what_the_world_does_then(crash):
    assert first_to_b(crash(5)) == "receiver_down"
    assert first_to_b(crash(5.001)) == "delivered"


@pytest.mark.parametrize("at", [5, 5.001, 50, 60])
def test_the_order_is_the_same_however_it_is_driven(at):
    digests = {crash(at).digest for crash in (crash_by_hand, crash_planned, crash_scripted)}
    assert len(digests) == 1


def test_a_timer_that_runs_out_now_finds_what_was_done_now():
    """A's heartbeats are due at 50: one that is down by then sends none."""
    c = rl.Cluster(3, seed=1, **FIVE)
    c.at(50, rl.Crash("A"))
    c.run(60)
    assert max(c.trace.messages.to_dict()["sent_ms"]) < 50


VALUES = ["x=1", "x=2", "x=3", "x=4"]


@pytest.mark.parametrize("values", [VALUES, VALUES[::-1]], ids=["forwards", "backwards"])
def test_actions_of_one_moment_are_done_in_the_order_in_which_they_were_given(values):
    planned, by_hand = rl.Cluster(3, seed=1, **FIVE), rl.Cluster(3, seed=1, **FIVE)
    for value in values:
        planned.at(10, value)
    planned.run(30)
    by_hand.run(10)
    for value in values:
        by_hand.propose(value)
    by_hand.run(20)
    assert [entry.value for entry in planned["A"].log][-len(values) :] == values
    assert planned.digest == by_hand.digest


@pytest.mark.parametrize(
    ("faults", "up"),
    [
        ([rl.Crash("B", at=10), rl.Restart("B", at=10)], True),
        ([rl.Restart("B", at=10), rl.Crash("B", at=10)], False),
    ],
    ids=["crash, restart", "restart, crash"],
)
def test_faults_of_one_moment_strike_in_the_order_in_which_they_were_given(faults, up):
    run = rl.Scenario(3, faults=faults, horizon=20, **FIVE).run(seed=1)
    assert run["B"].up == up
    c = rl.Cluster(3, seed=1, **FIVE)
    for fault in faults:
        c.inject(fault)
    assert c.run(20).digest == run.digest


def test_an_end_and_a_strike_of_one_moment_keep_their_order():
    """B's crash ends at 30, planned as it struck; what was planned for 30 before that comes first."""
    c = rl.Cluster(3, seed=1, **FIVE)
    c.at(30, rl.Crash("B", duration=10))
    c.crash("B", at=10, duration=20)
    c.run(35)
    assert not c["B"].up, "the second crash struck before the first one ended, and holds it down"
    assert c.run(10)["B"].up


FORGETFUL = rl.Scenario(
    3,
    bugs=["vote_not_persisted"],
    faults=[rl.Crash("followers", at=rl.uniform(300, 900), every="1s")],
    horizon="5s",
)
"""What a crash takes is seen as it strikes: no event of the world comes between."""


@pytest.mark.parametrize("seed", range(8))
def test_a_violation_found_at_a_strike_is_found_again(seed):
    run = FORGETFUL.run(seed=seed, on_violation="stop")
    assert run.ending == "violation"
    assert run.now_ms == run.last_fault_ms, "it was found as the fault struck"
    again = FORGETFUL.run(seed=seed, on_violation="stop", trace="off")
    c = rl.Cluster(3, seed=seed, bugs=FORGETFUL.bugs, faults=list(FORGETFUL.faults), on_violation="stop")
    c.run("5s")
    scripted = c.scenario.run(seed=seed, trace="off")
    for other in (again, c, scripted, run.fork()):
        assert other.digest == run.digest
        assert other.now_ms == run.now_ms
        assert [str(v) for v in other.violations] == [str(v) for v in run.violations]
        assert [v.events for v in other.violations] == [v.events for v in run.violations]
