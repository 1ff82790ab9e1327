"""Handles of operations, faults and hooks, and nodes in the place of their names."""

import copy
import operator
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


@pytest.mark.parametrize("value", ["1", None, 1.5, True, rl.Crash("A")], ids=repr)
@pytest.mark.parametrize("call", OF_AN_OPERATION.values(), ids=OF_AN_OPERATION)
def test_what_is_no_handle_of_an_operation_is_refused(call, value):
    refused(lambda: call(led(), value), "operation must be the handle of an operation or its number", value)


@pytest.mark.parametrize("value", [1.5, True, [1], rl.Crash("A")], ids=repr)
@pytest.mark.parametrize("call", [lambda v: led().heal(v), rl.heal], ids=["heal", "a step"])
def test_what_is_no_handle_of_a_fault_is_refused(call, value):
    refused(lambda: call(value), "handle must be the handle of a fault or its number", value)


def refused(call, accepted, value):
    """The error names the argument, what is accepted, and the value."""
    with pytest.raises(rl.InvalidError) as error:
        call()
    assert str(error.value) == f"{accepted}, not {value!r}"


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


CATALOGUES = [name for name in rl.__all__ if isinstance(getattr(rl, name), rl.Catalogue)]


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


@pytest.mark.parametrize("name", CATALOGUES)
def test_a_slice_of_a_catalogue_may_be_empty(name):
    """It is a catalogue that prints its columns and says that it has no rows."""
    whole = getattr(rl, name)
    none = whole[len(whole) :]
    assert type(none) is rl.Catalogue
    assert (len(none), list(none), none.names) == (0, [], ())
    assert none == whole[:0] != whole[:1]
    assert repr(none).split() == " ".join(whole.columns).split()
    assert "<tbody></tbody>" in none._repr_html_()
    assert list(none.to_pandas().columns) == list(whole.columns)
    with pytest.raises(rl.OutOfRangeError, match=f"^no {whole.title}$"):
        none[0]
    with pytest.raises(rl.UnknownNameError, match=f"'x' is not one of the {whole.title}; there are none$"):
        none["x"]
    for key in (1.5, None, slice("a", "b")):
        with pytest.raises(rl.CallError, match=f"the {whole.title} have names, and places from 0, not "):
            whole[key]


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
    "deliver": lambda c, n: c.deliver(from_=n),
    "drop": lambda c, n: (c.deliver(), c.drop(to=n)),
    "in_flight": lambda c, n: c.in_flight.select(from_=[n]).drop(),
}
VALUES = {
    "leads": rl.leads,
    "a load": lambda n: rl.Scenario(THREE, workload=rl.OpenLoop("1ms", home=n)),
    "the first leader": lambda n: rl.Scenario(THREE, initial=rl.Initial(term=1, leader=n)),
    "a vote": lambda n: rl.Scenario(THREE, initial=rl.Initial(term=1, voted_for={n: n})),
}


def without_lists(written):
    """A longer name of a node is in a list where it may also be a role."""
    return written.replace('["node-1"]', '"node-1"').replace('["node-1"]', '"node-1"')


@pytest.mark.parametrize("call", BY_NODE.values(), ids=BY_NODE)
def test_a_node_is_taken_for_its_name(call):
    c, same = led(nodes=THREE), led(nodes=THREE)
    call(c, c.leader)
    call(same, "node-1")
    written, expected = c.scenario.to_json(), same.scenario.to_json()
    assert without_lists(written) == without_lists(expected)
    assert written != led(nodes=THREE).scenario.to_json(), "nothing was done"


def test_a_node_is_found_by_a_node():
    c = led(nodes=THREE)
    assert c[c.leader] == c["node-1"]
    assert c.fork()[c.leader].name == "node-1"


@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES)
def test_a_value_takes_a_node_for_its_name(make):
    assert make(led(nodes=THREE).leader) == make("node-1")
    assert make("node-1") != make("node-2")


def test_an_interceptor_sends_to_a_node():
    def sending(of):
        c = led(nodes=THREE)
        liar, receiver = of(c, "node-2"), of(c, "node-3")
        c.intercept(lambda m: m.send("AppendEntries", receiver, from_=liar, term=9), nodes="node-2")
        return c.run("100ms")

    sent = sending(lambda _, name: name)
    assert sending(lambda c, name: c[name]).digest == sent.digest
    assert sent["node-3"].term == 9


A_NAME = {
    "a node": ("node", lambda c, v: c[v]),
    "campaign": ("node", lambda c, v: c.campaign(v)),
    "propose": ("node", lambda c, v: c.propose("x=1", node=v)),
    "leads": ("node", lambda _, v: rl.leads(v)),
    "home": ("home", lambda c, v: c.read("x", home=v)),
}
NAMES = {
    f"{name}, {argument}": (argument, name)
    for name in ("deliver", "drop", "in_flight.select")
    for argument in ("from_", "to", "types")
}


@pytest.mark.parametrize("value", [1, 1.5, {"A": 1}, ["A"]], ids=repr)
@pytest.mark.parametrize(("argument", "call"), A_NAME.values(), ids=A_NAME)
def test_what_is_no_name_is_refused(argument, call, value):
    refused(lambda: call(led(), value), f"{argument} must be the name of a node", value)


@pytest.mark.parametrize("value", [1, True, b"A"], ids=repr)
@pytest.mark.parametrize(("argument", "name"), NAMES.values(), ids=NAMES)
def test_what_names_no_messages_is_refused(argument, name, value):
    accepted = "a type of message or a list of types" if argument == "types" else "a name or a list of names"
    method = operator.attrgetter(name)(led())
    refused(lambda: method(**{argument: value}), f"{argument} must be {accepted}", value)


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
