"""How long a leader goes on without a quorum, and how long its leases last."""

from __future__ import annotations

from typing import Any

import pytest
import raftlab as rl


def deposed(**settings: Any) -> float:
    """The time after which a leader that is cut off steps down."""
    c = rl.Cluster(3, network=1, heartbeat="20ms", check_quorum=True, steps=[rl.campaign("A")], **settings)
    c.run("100ms")
    assert c["A"].role == "leader"
    c.isolate("A")
    since = c.now_ms
    while c["A"].role == "leader":
        c.run("1ms")
    return c.now_ms - since


def test_a_leader_without_a_quorum_goes_on_for_its_timeout() -> None:
    assert 50 <= deposed(quorum_timeout="60ms") <= 120
    assert 140 <= deposed() <= 300
    assert 900 <= deposed(quorum_timeout="1s") <= 2_000


def leased(after: float, **settings: Any) -> str:
    """The fate of a read by lease some time after the leader was cut off."""
    c = rl.Cluster(3, network=1, heartbeat="20ms", lease_drift=0.01, steps=[rl.campaign("A")], **settings)
    c.run("105ms")
    c.isolate("A")
    c.run(after)
    read = c.read("x", node="A", via="lease")
    return read.status


def test_a_lease_lasts_as_long_as_it_is_set() -> None:
    assert leased(20) == leased(100) == "ok"
    assert leased(10, lease="40ms") == "ok"
    assert leased(60, lease="40ms") != "ok"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("pre_vote", [False, True])
@pytest.mark.parametrize("sticky", [False, True])
@pytest.mark.parametrize("quorum", [False, True])
@pytest.mark.parametrize("lease", [False, True])
def test_all_combinations_keep_their_promises(
    seed: int, pre_vote: bool, sticky: bool, quorum: bool, lease: bool
) -> None:
    scenario = rl.Scenario(
        3,
        pre_vote=pre_vote,
        sticky_votes=sticky,
        check_quorum=quorum,
        quorum_timeout="400ms" if quorum else None,
        lease_drift=0.05 if lease else None,
        lease="60ms" if lease else None,
        workload=rl.ClosedLoop(clients=3, reads=0.5, via="lease" if lease else "read_index"),
        faults=[
            rl.Partition("leader", every="1s", duration="500ms"),
            rl.Crash("a node", every="1.7s", duration="300ms"),
        ],
        horizon="8s",
    )
    run = scenario.run(seed)
    assert not run.violations
    assert run["A"].commit_index > 10


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"quorum_timeout": "1s"}, "quorum_timeout is that of check_quorum, which is off"),
        ({"quorum_timeout": 50, "check_quorum": True}, "must be longer than heartbeat, 50 ms, not 50 ms"),
        ({"quorum_timeout": 0, "check_quorum": True}, "must be longer than heartbeat"),
        ({"quorum_timeout": -1, "check_quorum": True}, "quorum_timeout"),
        ({"lease": "50ms"}, "which need lease_drift"),
        ({"lease": 0, "lease_drift": 0.01}, "lease must be longer than 0 ms"),
        ({"lease": 149, "lease_drift": 0.01}, "at most 147.*a follower whose clock is fast may vote"),
    ],
    ids=["off", "heartbeat", "zero", "negative", "leases", "lease_zero", "long"],
)
def test_times_that_cannot_be_meant_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(rl.InvalidError, match=why):
        rl.Scenario(3, heartbeat="50ms", **settings)


def test_they_survive() -> None:
    scenario = rl.Scenario(3, check_quorum=True, quorum_timeout="1s", lease_drift=0.01, lease="40ms")
    assert (scenario.quorum_timeout, scenario.lease) == (1000, 40)
    assert rl.Scenario.from_json(scenario.to_json()) == scenario
    assert eval(repr(scenario), {"Scenario": rl.Scenario}) == scenario
