"""What is looked at cannot be assigned to: every attribute of every public class is read-only."""

import copy
import pickle

import pytest
import raftlab as rl


def led():
    c = rl.Cluster(3, seed=1, initial=rl.Initial(term=1, leader="A", log=[1, (1, "x=1")]))
    c.propose("y=1")
    c.crash("C")
    c.run("1ms")
    return c


def broken():
    return rl.Scenario(4, bugs=["quorum_off_by_one"], steps=[rl.Partition("AB", "CD"), rl.run("1s")]).run()


def swept():
    return rl.sweep(
        lambda pre_vote: rl.Scenario(3, pre_vote=pre_vote, horizon="1s"),
        {"pre_vote": [False, True]},
        seeds=3,
        progress=False,
        metrics=["elections"],
    )


def compared():
    result = swept()
    return rl.compare(result.where(pre_vote=False), result.where(pre_vote=True), "elections")


def sent():
    c, seen = led(), []
    with c.watch(seen.append):
        c.run("100ms")
    return seen[0]


THINGS = {
    "a cluster": led,
    "a run": broken,
    "a node": lambda: led()["A"],
    "nodes": lambda: led().nodes,
    "a log": lambda: led()["A"].log,
    "an entry": lambda: led()["A"].log[0],
    "an operation": lambda: led().operations[0],
    "a fault that acts": lambda: led().faults[0],
    "a hook": lambda: led().watch(print),
    "messages in flight": lambda: led().in_flight,
    "a message in flight": lambda: led().in_flight[0],
    "a sent message": sent,
    "an event": lambda: led().step(),
    "a trace": lambda: led().trace,
    "a table": lambda: led().trace.messages,
    "violations": lambda: broken().violations,
    "a violation": lambda: broken().violations[0],
    "a scenario": lambda: rl.Scenario(3),
    "a network": lambda: rl.Network(5),
    "a disk": lambda: rl.Disk(1),
    "a load": lambda: rl.OpenLoop("1ms"),
    "a distribution": lambda: rl.uniform(1, 2),
    "a condition": lambda: rl.leader_elected,
    "a command": lambda: rl.put("x", 1),
    "a fault": lambda: rl.Partition("A", at="1s"),
    "a step": lambda: rl.run("1s"),
    "a preset": lambda: rl.presets.etcd,
    "a catalogue": lambda: rl.rules,
    "a sweep": swept,
    "a comparison": compared,
}


def attributes(thing):
    """Its public attributes: those that it has, and those of its class."""
    names = {*dir(type(thing)), *getattr(thing, "__dict__", ())}
    return sorted(name for name in names if not name.startswith("_"))


@pytest.fixture(scope="module", params=THINGS.values(), ids=THINGS)
def thing(request):
    return request.param()


def test_no_attribute_can_be_set_or_deleted(thing):
    kind, names = type(thing).__name__, attributes(thing)
    assert names
    for name in names:
        with pytest.raises(rl.ReadOnlyError, match=rf"^{kind}\.{name} cannot be set to 7: \w"):
            setattr(thing, name, 7)
        with pytest.raises(rl.ReadOnlyError, match=rf"^{kind}\.{name} cannot be deleted: \w"):
            delattr(thing, name)


def test_a_name_that_it_does_not_have_is_no_new_attribute(thing):
    kind = type(thing).__name__
    for change in (lambda: setattr(thing, "frob", 7), lambda: delattr(thing, "frob")):
        with pytest.raises(rl.UnknownNameError, match=rf"^{kind} has no attribute 'frob'[:;]"):
            change()
    assert not hasattr(thing, "frob")


def test_it_says_what_to_do_instead():
    c = led()
    for change, advice in {
        (lambda: setattr(c, "seed", 3)): r"fork\(seed=\.\.\.\)",
        (lambda: setattr(c.scenario, "nodes", 3)): r"use replace\(nodes=\.\.\.\)",
        (lambda: setattr(rl.Network(5), "loss", 0.5)): "a value does not change; make another",
        (lambda: setattr(c, "sed", 3)): "Cluster has no attribute 'sed'; did you mean 'seed'",
        (lambda: setattr(sent(), "term", 3)): r"message\['term'\]",
    }.items():
        with pytest.raises(AttributeError, match=advice):
            change()


def test_the_classes_of_users_have_attributes_of_their_own():
    class Mine(rl.Cluster):
        def __init__(self, nodes):
            super().__init__(nodes)
            self.count = 0

        @property
        def seed(self):
            return self.count

        @seed.setter
        def seed(self, value):
            self.count = value

    mine = Mine(3)
    mine.count += 1
    mine.seed = 5
    assert mine.count == 5
    del mine.count
    assert not hasattr(mine, "count")
    with pytest.raises(rl.ReadOnlyError, match=r"Mine\.now_ms cannot be set to 3: run\(\.\.\.\)"):
        mine.now_ms = 3


def test_views_are_copied_and_pickled():
    c = led()
    for view in (c["A"], c.operations[0]):
        assert copy.copy(view) == view
        assert copy.deepcopy(view) != view  # it is of a fork
        assert repr(pickle.loads(pickle.dumps(view))) == repr(view)


def test_views_of_several_kinds_are_not_equal():
    """Though they may be of the same cluster, or have the same number."""
    c, other = led(), led()
    views = [c["A"], c["B"], c.operations[0], other["A"], other.operations[0]]
    for at, view in enumerate(views):
        assert [view == seen for seen in views] == [at == place for place in range(len(views))]
    assert len(set(views)) == len({hash(view) for view in views}) == len(views)
    assert c.operations[0] != c.operations[0].id
    assert {c["A"]: 1}[c.leader] == 1


def test_slices_are_of_the_same_class():
    c, run = led(), broken()
    for many in (c.nodes, c.leaders, c.operations, c.faults, c.in_flight, c["A"].log, run.violations):
        for part in (many[:1], many[:0], many[1:], many[::-1]):
            assert type(part) is type(many)
        assert tuple(many[:]) == tuple(many)
    with pytest.raises(rl.OutOfRangeError, match=r"^no nodes$"):
        c.nodes[3:][0]
    with pytest.raises(rl.CallError, match="nodes have places from 0, not"):
        c.nodes["A":"B"]
