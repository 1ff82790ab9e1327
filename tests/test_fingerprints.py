"""Equal states have equal fingerprints, whatever their histories; other states have other ones."""

import pickle

import pytest
import raftlab as rl
from tikv_worlds import PROTOCOLS


def settled(**settings):
    """Three nodes with a leader, and every message delivered."""
    c = rl.Cluster(3, seed=1, **settings)
    c.run_until(rl.leader_elected)
    c.propose("x=1")
    c.run("95ms")
    assert len(c.in_flight) == 0
    return c


def both(c, *calls):
    """Two forks, in which the calls were made in one order and in the other."""
    one, other = c.fork(), c.fork()
    for call in calls:
        call(one)
    for call in reversed(calls):
        call(other)
    assert one.digest != other.digest
    return one, other


@pytest.mark.parametrize(
    "calls",
    [
        (lambda c: c.crash("A"), lambda c: c.crash("B")),
        (lambda c: c.pause("A"), lambda c: c.crash("B")),
        (lambda c: c.clock_rate("A", 1.5), lambda c: c.pause("C")),
        (lambda c: c.crash("A"), lambda c: c.partition("AB", "C")),
    ],
    ids=["crashes", "pause, crash", "clock, pause", "crash, partition"],
)
def test_the_order_of_what_does_not_meet_is_no_part_of_a_state(calls):
    one, other = both(settled(), *calls)
    assert one.fingerprint == other.fingerprint
    assert [node.fingerprint for node in one] == [node.fingerprint for node in other]


def test_what_leaves_no_trace_is_no_part_of_a_state():
    c = settled()
    before, digest = c.fingerprint, c.digest
    c.partition("A", "BC")
    c.heal()
    c.pause("B")
    c.resume("B")
    assert c.digest != digest
    assert c.fingerprint == before


def test_time_is_no_part_of_a_state():
    c = settled()
    c.crash("A"), c.crash("B"), c.crash("C")
    before = c.fingerprint
    c.run("1h")
    assert c.fingerprint == before


CHANGES = {
    "crash": lambda c: c.crash("B"),
    "wipe": lambda c: (c.crash("B"), c.wipe("B")),
    "pause": lambda c: c.pause("B"),
    "clock": lambda c: c.clock_rate("B", 2),
    "an entry": lambda c: c.propose("x=2"),
    "a value": lambda c: c.propose("x=3"),
    "a key": lambda c: c.propose("y=3"),
    "a read": lambda c: c.read("x", via="read_index"),
    "a campaign": lambda c: c.campaign("A"),
    "time": lambda c: c.run(1),
    "an event": lambda c: c.step(),
}


def test_other_states_have_other_fingerprints():
    c = settled()
    found = {"": c.fingerprint}
    for name, change in CHANGES.items():
        fork = c.fork()
        change(fork)
        found[name] = fork.fingerprint
    assert len(set(found.values())) == len(found), found


STATES = {
    "a term": {"term": 2},
    "a higher term": {"term": 3},
    "a vote": {"term": 2, "voted_for": {"A": "B"}},
    "another vote": {"term": 2, "voted_for": {"A": "C"}},
    "an entry": {"term": 2, "log": [1]},
    "an entry of another term": {"term": 2, "log": [2]},
    "a value": {"term": 2, "log": [(1, "x=1")]},
    "another value": {"term": 2, "log": [(1, "x=2")]},
    "a committed entry": {"term": 2, "log": [1], "commit": 1},
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_part_of_a_node_s_stable_state_is_part_of_it(protocol):
    """Term and vote were not, if nothing else differed."""
    at_rest = {
        name: rl.Cluster(3, seed=1, protocol=protocol, initial=rl.Initial(**state))
        for name, state in STATES.items()
    }
    assert len({c["A"].election_due_ms for c in at_rest.values()}) == 1
    found = {name: c["A"].fingerprint for name, c in at_rest.items()}
    assert len(set(found.values())) == len(found), found
    assert len({c.fingerprint for c in at_rest.values()}) == len(found)


def test_messages_in_flight_are_part_of_it():
    forks = {name: settled() for name in ("sent", "dropped", "held", "late")}
    leader = forks["sent"].leader.name
    to = next(name for name in "ABC" if name != leader)
    forks["held"].hold(from_=leader, to=to)
    forks["late"].delay("7ms", from_=leader, to=to)
    for fork in forks.values():
        fork.propose("x=2")
    assert forks["dropped"].drop(from_=leader, to=to) == 1
    assert len({fork[leader].fingerprint for fork in forks.values()}) == 1
    assert len({fork.fingerprint for fork in forks.values()}) == len(forks)


def test_what_is_durable_is_part_of_it():
    """The nodes are in the same state, but a crash would take more from one of them."""
    c = settled(disk=rl.Disk(fsync="30ms"))
    c.propose("x=2", node=c.leader)
    written = c.fork()
    written.run(29)
    assert written[c.leader.name].last_index == c.leader.last_index
    assert written[c.leader.name].fingerprint != c.leader.fingerprint


@pytest.mark.parametrize(
    "settings", [{}, {"preset": rl.presets.etcd}, {"election_rule": "adaptive"}], ids=str
)
def test_where_and_how_it_is_played_is_no_part_of_it(settings):
    c = rl.Cluster(5, seed=3, workload=rl.OpenLoop("5ms"), disk=rl.Disk(fsync="2ms"), **settings)
    c.crash("leader", at=800, duration=300)
    c.pause("a follower", at=1000, duration=700)
    c.run(1234)
    replayed = c.scenario.run(seed=3, trace="off", checks=False)
    forms = [c.fork(), pickle.loads(pickle.dumps(c)), replayed]
    assert {form.fingerprint for form in forms} == {c.fingerprint}
    assert {form["B"].fingerprint for form in forms} == {c["B"].fingerprint}


def test_a_function_on_messages_does_not_see_it():
    c = rl.Cluster(3, seed=1)
    c.watch(lambda message: message.sender.fingerprint)
    with pytest.raises(rl.InvalidError, match="a function on messages does not see"):
        c.run("1s")
