"""Handles of operations, faults and hooks, and nodes in the place of their names."""

import copy
import pickle

import pytest
import raftlab as rl

THREE = ["node-1", "node-2", "node-3"]


def led(**settings):
    leader = settings.get("nodes", "A")[0]
    return rl.Cluster(seed=1, initial=rl.Initial(term=1, leader=leader), **{"nodes": 3} | settings)


# ---- Handles ----------------------------------------------------------------------------------------

OF_AN_OPERATION = {
    "retry": lambda c, handle: c.retry(handle),
    "give_up": lambda c, handle: c.give_up(handle),
    "operation": lambda c, handle: c.operation(handle),
    "answered": lambda c, handle: c.run_until(rl.answered(handle)),
    "a step, retry": lambda _, handle: rl.steps.retry(handle),
    "a step, give_up": lambda _, handle: rl.steps.give_up(handle),
}


@pytest.mark.parametrize("call", OF_AN_OPERATION.values(), ids=OF_AN_OPERATION)
def test_an_operation_is_not_named_by_another_handle(call):
    c = led()
    c.propose("x=1")
    for handle, of in ((c.delay("1ms"), "a fault"), (c.watch(print), "a hook")):
        with pytest.raises(rl.InvalidError, match=f"operation must be .* an operation, not that of {of}"):
            call(c, handle)


@pytest.mark.parametrize("call", [lambda c, h: c.heal(h), lambda _, h: rl.heal(h)], ids=["heal", "a step"])
def test_a_fault_is_not_named_by_another_handle(call):
    c = led()
    c.delay("1ms")
    for handle, of in ((c.propose("x=1"), "an operation"), (c.watch(print), "a hook")):
        with pytest.raises(rl.InvalidError, match=f"handle must be .* a fault, not that of {of}"):
            call(c, handle)


def test_a_handle_belongs_to_its_cluster_and_to_forks():
    c, other = led(), led()
    for cluster in (c, other):
        cluster.delay("1ms")
        cluster.propose("x=1")
        cluster.run("10ms")
    write, slow = c.operations[0], c.faults[0]
    for kin in (c, c.fork(), c.fork(seed=2).fork(), copy.copy(c), copy.deepcopy(c), c.state(at="5ms")):
        kin.heal(slow)
    for kin in (c, c.fork(), copy.copy(c), copy.deepcopy(c)):
        assert kin.operation(write).text == "x=1"
        kin.retry(write)
    for strange in (other, pickle.loads(pickle.dumps(c)), c.scenario.run(seed=1).fork()):
        for call in (strange.retry, strange.give_up, strange.operation):
            with pytest.raises(rl.InvalidError, match=r"operation must be .* not one of another cluster"):
                call(write)
        with pytest.raises(rl.InvalidError, match=r"handle must be .* not one of another cluster"):
            strange.heal(slow)
        strange.retry(write.id)
        strange.heal(int(slow))


def test_what_is_the_same_is_equal():
    c = led()
    write, other = c.propose("x=1"), c.propose("x=1")
    fork = c.fork()
    assert write == c.operations[0]
    assert hash(write) == hash(c.operations[0])
    assert write in c.operations
    assert write != other
    assert write != fork.operation(write)
    assert write != 1
    assert c.leader == c["A"]
    assert hash(c.leader) == hash(c["A"])
    assert c["A"] in c.leaders
    assert c["A"] != c["B"]
    assert c["A"] != fork["A"]
    assert c["A"] != "A"
    assert c != fork
    assert c == c
    assert len({c, fork}) == 2
    assert "A" in c
    assert "D" not in c
    assert c["A"] in c
    assert c["A"] not in fork
    assert 1 not in c


def test_a_catalogue_has_rows_and_names():
    rules = rl.rules
    assert "commit_prior_term" in rules
    assert rules[0] in rules
    assert "frob" not in rules
    assert rules == type(rules)(rules.title, rules.columns, [tuple(row.values()) for row in rules])
    assert rules != rl.lies
    assert hash(rules) == hash(rules[:])
    assert rules[:] == rules
    assert isinstance(rules[:2], rl.Catalogue)
    assert rules[:2].names == rules.names[:2]
    before = repr(rules)
    rules[0]["source"] = rules["commit_prior_term"]["source"] = "changed"
    for row in rules:
        row.clear()
    assert repr(rules) == before


# ---- Nodes ------------------------------------------------------------------------------------------

BY_NODE = {
    "campaign": lambda c, n: c.campaign(n),
    "propose": lambda c, n: c.propose("x=1", node=n, home=n),
    "read": lambda c, n: c.read("x", node=n, home=n),
    "retry": lambda c, n: c.retry(c.propose("x=1"), node=n, home=n),
    "at": lambda c, n: c.at("1s", rl.campaign(n)),
    "leads": lambda c, n: c.run_until(rl.leads(n)),
    "crash": lambda c, n: c.crash(n),
    "crash, in a list": lambda c, n: c.crash([n]),
    "partition": lambda c, n: c.partition(n),
    "partition, in a list": lambda c, n: c.partition([n]),
    "a bridge": lambda c, n: c.partition(shape="bridge", bridge=n),
    "cut": lambda c, n: c.cut(from_=n),
    "lie": lambda c, n: c.lie(n, "double_vote"),
    "deliver": lambda c, n: c.deliver(from_=n, to=n),
    "in_flight": lambda c, n: c.in_flight.select(from_=[n]).drop(),
    "a load": lambda c, n: rl.Scenario(c.scenario.nodes, workload=rl.OpenLoop("1ms", home=n)),
    "the first leader": lambda c, n: rl.Scenario(c.scenario.nodes, initial=rl.Initial(term=1, leader=n)),
    "a vote": lambda c, n: rl.Scenario(c.scenario.nodes, initial=rl.Initial(term=1, voted_for={n: n})),
    "a node": lambda c, n: c[n],
}


def without_lists(written):
    """A longer name of a node is in a list where it may also be a role."""
    return written.replace('["node-1"]', '"node-1"').replace('["node-1"]', '"node-1"')


@pytest.mark.parametrize("call", BY_NODE.values(), ids=BY_NODE)
def test_a_node_is_taken_for_its_name(call):
    c, same = led(nodes=THREE), led(nodes=THREE)
    given, named = call(c, c.leader), call(same, "node-1")
    written, expected = c.scenario.to_json(), same.scenario.to_json()
    assert without_lists(written) == without_lists(expected)
    if isinstance(given, rl.Scenario):
        assert given == named


def test_a_hook_takes_a_node():
    c = led(nodes=THREE)
    seen = []
    with c.watch(seen.append, nodes=c.leader):
        c.run("100ms")
    assert {message["from"] for message in seen} == {"node-1"}


def test_a_slice_is_of_the_same_class():
    c = rl.Cluster(3, seed=1, initial=rl.Initial(log=[1, 1]))
    c.campaign("A")
    c.run("1ms")
    assert type(c.in_flight[:1]) is rl.InFlight
    assert type(c.in_flight[0]) is rl.Message
    assert list(c.in_flight[1:].select(to="C")) == [c.in_flight[1]]
    assert type(c["A"].log[:1]) is rl.Log
    assert type(c["A"].log[-1]) is rl.Entry
    assert repr(c["A"].log[1:]).splitlines()[1:] == repr(c["A"].log).splitlines()[2:]
    assert type(c.violations[:1]) is rl.Violations
