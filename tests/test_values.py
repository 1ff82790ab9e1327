"""Scenarios and their parts are values: they print as the code that makes them, compare, hash and travel."""

import copy
import datetime as dt
import inspect
import operator
import os
import pickle
import subprocess
import sys
import warnings

import pytest
import raftlab as rl
from hypothesis import given, settings
from hypothesis import strategies as st
from tikv_worlds import PROTOCOLS, known_to_the_protocol

NODES = ["A", "B", "C", "D", "E"]
MS = st.one_of(
    st.integers(1, 500),
    st.floats(1, 500).map(lambda ms: round(ms, 3)),
    st.sampled_from(["10ms", "0.1s", "7.5 ms", dt.timedelta(milliseconds=20)]),
)
TIME = st.one_of(
    MS,
    st.sampled_from(
        [
            rl.constant("2s"),
            rl.uniform(1.0000001, 20),
            rl.normal(5, 0.1),
            rl.lognormal("1ms", 1 / 3),
            rl.exponential("30s"),
            rl.pareto(1, 2.5),
            rl.empirical([1, 2.5, 9]),
            rl.empirical({1: 990, 3000: 10}),
        ]
    ),
)
NODE = st.sampled_from(NODES)
TARGET = st.one_of(NODE, st.sampled_from(["leader", "AB", "a follower", ["A", "C"], ("B",)]))
SWITCH = st.booleans()
CHANCE = st.sampled_from([0, 0.25, 1 / 3])


def range_of(times):
    return st.tuples(times, times).map(lambda ends: tuple(sorted(ends)))


def maybe(**strategies):
    return st.fixed_dictionaries({}, optional=strategies)


def made(kind, *arguments, **strategies):
    return st.tuples(st.tuples(*arguments), maybe(**strategies)).map(
        lambda given: kind(*given[0], **given[1])
    )


WHEN = st.sampled_from(
    [
        {"at": "1s"},
        {"after": 5},
        {"at": 10, "every": "1s"},
        {"uptime": rl.uniform(5, 9), "duration": "1s"},
    ]
)


def on_nodes(kind, *arguments, **strategies):
    return st.tuples(TARGET, st.tuples(*arguments), maybe(**strategies, duration=TIME), WHEN).map(
        lambda given: kind(given[0], *given[1], **given[3] | given[2])
    )


WHERE = {
    "from_": st.sampled_from(["A", "leader"]),
    "to": st.sampled_from(["BC", ["B", "D"]]),
    "both_ways": SWITCH,
    "types": st.sampled_from(["PreVote", ["PreVote"]]),
}
FAULT = st.one_of(
    on_nodes(rl.Crash, unsynced=st.sampled_from(["lose", "tear", "keep"])),
    on_nodes(rl.Isolate),
    on_nodes(rl.Pause, patience=MS),
    on_nodes(rl.Wipe),
    on_nodes(rl.ForgetVote),
    on_nodes(rl.Usurp),
    on_nodes(rl.ClockRate, st.floats(0.5, 2)),
    on_nodes(rl.ClockJump, st.sampled_from(["-20ms", 7, "1s"])),
    on_nodes(rl.Lie, st.sampled_from(["equivocate", "double_vote"])),
    st.just(rl.Lie("E", "claimed_log", index=9999, term=3, append_entries=True)),
    on_nodes(rl.Restart),
    on_nodes(rl.Resume),
    st.sampled_from(
        [
            rl.Partition("AB", "CDE", at="1s"),
            rl.Partition(["A", "B"], ("C", "D")),
            rl.Partition(shape="bridge", bridge="C", duration=rl.uniform(5, 9)),
            rl.Partition("leader"),
        ]
    ),
    made(rl.Cut, **WHERE),
    made(rl.Hold, **WHERE),
    made(rl.Delay, TIME, **WHERE),
    made(rl.Loss, CHANCE, **WHERE),
    made(rl.Duplicate, CHANCE, **WHERE),
)
SINGLE = st.one_of(
    st.sampled_from([rl.leader_elected, rl.no_leader, rl.caught_up, rl.violated]),
    st.sampled_from([rl.leaders(2), rl.leads("A"), rl.committed(5), rl.committed(5, nodes=2), rl.down(1)]),
    st.sampled_from([rl.candidates(2), rl.behind(1), rl.term_reached(9), rl.answered(1)]),
)
CONDITION = st.recursive(
    SINGLE,
    lambda parts: st.tuples(parts, parts, SWITCH).map(lambda p: p[0] | p[1] if p[2] else p[0] & p[1]),
    max_leaves=6,
)
COMMAND = st.sampled_from(
    ["x=1", "x==", rl.put("a=b", "c"), rl.put("x", 3), rl.get("x"), rl.cas("x", 1, "z"), rl.append("é", 9)]
)
ACTION = st.one_of(
    made(rl.propose, COMMAND, node=NODE, home=NODE, client=st.sampled_from(["me", "you"])),
    made(
        rl.read,
        st.sampled_from("xy"),
        node=NODE,
        home=NODE,
        via=st.sampled_from(["log", "read_index", "local"]),
    ),
    made(rl.steps.retry, st.integers(1, 9), node=NODE, home=NODE),
    made(rl.steps.give_up, st.integers(1, 9)),
    made(rl.campaign, NODE),
    st.sampled_from([rl.heal(), rl.heal(2)]),
    st.builds(
        rl.steps.message,
        st.sampled_from(["deliver", "hold", "release", "drop", "duplicate"]),
        from_=st.sampled_from("AB"),
        to=st.sampled_from("CD"),
        ordinal=st.integers(0, 99),
        copy=st.integers(0, 2),
        after=MS,
    ),
)
ACTION |= st.builds(
    rl.steps.deliver,
    st.sampled_from("AB"),
    st.sampled_from("CD"),
    which=st.sampled_from(["first", "last", "all"]),
    types=st.sampled_from([(), "AppendEntries", ["RequestVote", "TimeoutNow"]]),
)
STEP = st.one_of(
    made(rl.run, MS),
    made(rl.steps.run_to, MS),
    made(rl.run_until, CONDITION, limit=MS),
    made(rl.steps.events, st.integers(1, 99), python=SWITCH),
    made(rl.steps.planned, st.integers(1, 9)),
    made(rl.steps.reseed, st.integers(0, 2**64 - 1)),
    ACTION,
    st.tuples(MS, st.one_of(ACTION, FAULT, COMMAND)).map(lambda given: rl.steps.at(*given)),
)
ONE_LOAD = {"keys": st.integers(1, 9), "reads": CHANCE, "session": SWITCH, "start": MS, "home": NODE}
LOAD = st.one_of(
    made(rl.OpenLoop, TIME, **ONE_LOAD),
    made(rl.ClosedLoop, st.integers(1, 9), think=TIME, timeout=MS, retry=SWITCH, **ONE_LOAD),
)
MATRIX = [[1, 2.5], [rl.uniform(2, 3), "4ms"]]
ARGUMENTS = {
    "nodes": st.just(NODES),
    "protocol": st.sampled_from(PROTOCOLS),
    "election_timeout": st.one_of(
        range_of(st.integers(100, 500)), st.just("200ms"), st.just(rl.uniform(150, 300))
    ),
    "election_rule": st.sampled_from(rl.election_rules.names),
    "candidate_timeout": range_of(st.integers(100, 500)),
    "candidate_backoff": st.floats(1, 4),
    "timeout_step": MS,
    "adaptive_timeout": st.one_of(SWITCH, st.builds(rl.AdaptiveTimeout, safety=st.floats(0, 9))),
    "heartbeat": MS,
    "tick": st.sampled_from([10, "20ms"]),
    "pre_vote": SWITCH,
    "sticky_votes": SWITCH,
    "check_quorum": SWITCH,
    "quorum_timeout": st.sampled_from([2000, "3s"]),
    "lease": st.sampled_from([10, "20ms"]),
    "processing": made(rl.Processing, MS, byte=st.sampled_from([0.001, "2ns"])),
    "noop": SWITCH,
    "max_entries_per_append": st.integers(1, 99),
    "max_inflight": st.integers(1, 99),
    "snapshot_every": st.integers(1, 99),
    "lease_drift": st.floats(0, 0.5),
    "commit_guard": SWITCH,
    "bugs": st.lists(
        st.sampled_from([n for n in rl.rules.names if "lease" not in n]), max_size=2, unique=True
    ),
    "network": st.one_of(
        TIME,
        made(rl.Network, TIME, loss=CHANCE, duplicate=CHANCE, fifo=SWITCH),
        st.just(rl.Network(MATRIX, regions=[0, 1, 0, 1, 1])),
    ),
    "disk": st.one_of(TIME, made(rl.Disk, TIME, write=TIME)),
    "workload": st.one_of(LOAD, st.lists(LOAD, max_size=2)),
    "initial": st.sampled_from(
        [
            rl.Initial(term=2, leader="A"),
            rl.Initial(term={"B": 3}, voted_for={"B": "C"}),
            rl.Initial(log=[1, (2, "x=1")], commit=1),
            rl.Initial(log={"A": [1, 1, 4], "B": [1, 1, 2, 2]}, term=4, commit={"A": 1}, unreachable=True),
        ]
    ),
    "faults": st.lists(FAULT, max_size=3),
    "steps": st.lists(st.one_of(STEP, FAULT, COMMAND), max_size=3),
    "stop": CONDITION,
    "horizon": MS,
}
CONTRADICTIONS = ("timeout_step", "lease_drift", "adaptive_timeout")


def given_together(arguments):
    """Of arguments that contradict each other, one."""
    arguments = dict(arguments)
    for name in [n for n in CONTRADICTIONS if n in arguments][1:]:
        del arguments[name]
    if "quorum_timeout" in arguments:
        arguments["check_quorum"] = True
    if "lease_drift" not in arguments:
        arguments.pop("lease", None)
    return known_to_the_protocol(arguments)


def scenario_of(arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rl.FaultWarning)
        try:
            return rl.Scenario(**given_together(arguments))
        except rl.InvalidError:  # settings that contradict each other are tested elsewhere
            return None


SCENARIO = maybe(**ARGUMENTS).map(scenario_of).filter(lambda scenario: scenario is not None)


def test_every_argument_of_a_scenario_is_drawn():
    parameters = set(inspect.signature(rl.Scenario).parameters) - {"preset"}
    assert parameters == set(ARGUMENTS)


@settings(max_examples=300, deadline=None)
@given(SCENARIO)
@pytest.mark.filterwarnings("ignore::raftlab.FaultWarning")
@pytest.mark.filterwarnings("ignore::raftlab.SettingWarning")
def test_a_scenario_is_made_again_of_its_attributes_and_of_what_it_prints(scenario):
    for name in ARGUMENTS:
        given_again = {name: getattr(scenario, name)}
        assert scenario.replace(**given_again) == scenario, given_again
    attributes = {name: getattr(scenario, name) for name in ARGUMENTS}
    again = rl.Scenario(**attributes)
    assert again == scenario
    assert hash(again) == hash(scenario)
    assert eval(repr(scenario), vars(rl)) == scenario
    assert max(map(len, repr(scenario).splitlines())) < 500
    assert pickle.loads(pickle.dumps(scenario)) == scenario


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(STEP, FAULT, CONDITION, COMMAND, LOAD, *(ARGUMENTS[n] for n in ("network", "disk", "initial")))
)
def test_values_print_as_code_compare_hash_and_pickle(value):
    again = eval(repr(value), {**vars(rl), "datetime": dt})
    assert type(again) is type(value) or isinstance(value, (dt.timedelta, float))
    if not isinstance(value, dt.timedelta):
        assert again == value
        assert hash(again) == hash(value)
    assert pickle.loads(pickle.dumps(value)) == value


@settings(max_examples=100, deadline=None)
@given(STEP)
def test_steps_come_back_from_the_json_of_a_scenario(step):
    scenario = rl.Scenario(5, steps=[step])
    assert scenario.steps == (step,)
    assert rl.Scenario.from_json(scenario.to_json()).steps == (step,)
    with pytest.raises((AttributeError, TypeError)):
        step.node = "Z"


def test_equal_times_make_equal_values():
    assert rl.run("1s") == rl.run(1000.0) != rl.run(1001)
    assert rl.Crash("A", at="1s") == rl.Crash("A", at=1000)
    assert rl.Network("5ms") == rl.Network(5) != rl.Network(5, loss=0.1)
    assert rl.OpenLoop("10ms", home="A") != rl.OpenLoop("10ms", home="B")
    assert rl.Crash("A") != rl.Pause("A")
    assert len({rl.run("1s"), rl.run(1000), rl.run("1000ms")}) == 1


def test_a_node_in_a_fault_is_its_name():
    c = rl.Cluster(3, initial=rl.Initial(term=1, leader="A"))
    assert rl.Crash(c.leader) == rl.Crash("A")
    assert repr(rl.Partition(c.leader, c["B"])) == "Partition('A', 'B')"
    c.crash(c.leader)
    assert c.scenario.steps == (rl.Crash("A"),)


def test_a_long_scenario_has_a_line_for_each_fault_and_step():
    faults = [rl.Crash(node, at=f"{i + 1}s", duration="500ms") for i, node in enumerate("ABC")]
    scenario = rl.Scenario(5, faults=faults, steps=[rl.run("1s"), "x=1"], stop=rl.leader_elected | rl.down(2))
    assert repr(scenario) == (
        "Scenario(\n"
        "    5,\n"
        "    faults=[\n"
        "        Crash('A', at=1000, duration=500),\n"
        "        Crash('B', at=2000, duration=500),\n"
        "        Crash('C', at=3000, duration=500),\n"
        "    ],\n"
        "    steps=[run(1000), propose('x=1')],\n"
        "    stop=leader_elected | down(2),\n"
        ")"
    )
    assert repr(rl.Scenario(3, pre_vote=True)) == "Scenario(3, pre_vote=True)"
    assert repr(rl.Scenario(["x", "y"])) == "Scenario(['x', 'y'])"


def test_what_a_repr_leaves_out_cannot_be_taken_for_the_whole():
    many = rl.Scenario(3, steps=[rl.run(1 + i) for i in range(1000)])
    assert len(repr(many).splitlines()) < 100
    with pytest.raises(SyntaxError):
        eval(repr(many), vars(rl))
    c = rl.Cluster(3)
    c.intercept(lambda _: False)
    c.run("1s")
    assert "edits of an interceptor, of seed 0" in repr(c.scenario)
    with pytest.raises(SyntaxError):
        eval(repr(c.scenario), vars(rl))


def test_replace_checks_the_whole_and_not_the_change_alone():
    leased = rl.Scenario(3, lease_drift=0.01)
    bug = next(name for name in rl.rules.names if "lease" in name)
    assert leased.replace(bugs=bug).bugs == (bug,)
    assert rl.Scenario(3).replace(preset=rl.presets.etcd) == rl.Scenario(3, preset=rl.presets.etcd)
    with pytest.raises(TypeError, match="prevote"):
        leased.replace(prevote=True)
    with pytest.warns(rl.FaultWarning, match="never strikes"):
        rl.Scenario(3, faults=[rl.Crash("A", at="5s")], stop=rl.leader_elected).replace(horizon="1s")


@pytest.mark.parametrize(
    "step",
    [
        lambda: rl.run(-1),
        lambda: rl.run_until("leader"),
        lambda: rl.propose("no equals sign"),
        lambda: rl.propose("x=1", node=3),
        lambda: rl.read(""),
        lambda: rl.read("x", via="magic"),
        lambda: rl.campaign(None),
        lambda: rl.heal("all"),
        lambda: rl.steps.retry("first"),
        lambda: rl.steps.give_up(-1),
        lambda: rl.steps.events(-1),
        lambda: rl.steps.message("lose", from_="A", to="B", ordinal=1),
        lambda: rl.steps.at("1s", rl.run("1s")),
        lambda: rl.steps.Step(),
        lambda: rl.Scenario(3, steps=[7]),
        lambda: rl.Scenario(3, steps=[rl.campaign("Z")]),
    ],
)
def test_steps_that_make_no_sense(step):
    with pytest.raises(rl.InvalidError):
        step()


# ---- Files ------------------------------------------------------------------------------------------


def test_a_scenario_is_saved_and_loaded(tmp_path):
    scenario = rl.Scenario(["é", "y"], network=rl.uniform(1, 5), steps=["x=1", rl.run("1s")])
    file = tmp_path / "story.json"
    scenario.save(file)
    scenario.replace(pre_vote=True).save(str(file))
    assert rl.Scenario.load(file) == scenario.replace(pre_vote=True), "the file was replaced"
    assert [path.name for path in tmp_path.iterdir()] == ["story.json"]
    assert '  "pre_vote": true' in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a scenario"),
        (b"\xff\xfe", "cannot be read"),
        (b"PK\x03\x04", "cannot be read|not a scenario"),
        (b'{"nodes": ["A"]}', "no schema version"),
        (b'{"raftlab": 1, "nodes": ["A"]}', "schema version is 1, .* reads version 2"),
        (b'{"raftlab": 2, "nodes": ["A"], "prevote": true}', "prevote"),
        (None, "cannot be read"),
    ],
)
def test_files_that_are_no_scenarios(tmp_path, content, words):
    file = tmp_path / "other.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(rl.InvalidError, match=f"^path: .*other.json.*({words})"):
        rl.Scenario.load(file)


def test_what_cannot_be_written_says_so(tmp_path):
    for place in (tmp_path, tmp_path / "no" / "folder.json", "", "/"):
        with pytest.raises(rl.InvalidError, match=r"^path: .*cannot be written"):
            rl.Scenario(3).save(place)
    with pytest.raises(rl.InvalidError, match=r"^path must be a path"):
        rl.Scenario(3).save(3)
    (tmp_path / "file").write_text("")
    with pytest.raises(rl.InvalidError, match=r"^folder: .*file.* cannot be written"):
        rl.Cluster(3).trace.to_parquet(tmp_path / "file")


def test_a_trace_is_written_as_parquet(tmp_path):
    from pyarrow import parquet

    c = rl.Cluster(3, seed=1).run("1s")
    c.trace.to_parquet(tmp_path / "new" / "folder")
    assert c.trace.to_parquet(tmp_path / "new" / "folder") == tmp_path / "new" / "folder"
    assert c.trace.names == tuple(rl.schema())
    for name in rl.schema():
        written = parquet.read_table(tmp_path / "new" / "folder" / f"{name}.parquet")
        assert written.equals(c.trace.table(name).to_arrow())
    rl.Cluster(3, trace="states").trace.to_parquet(tmp_path)
    assert not (tmp_path / "messages.parquet").exists()
    assert (tmp_path / "nodes.parquet").exists()
    with pytest.raises(rl.InvalidError, match="trace='off'"):
        rl.Cluster(3, trace="off").trace.to_parquet(tmp_path)


# ---- Violations -------------------------------------------------------------------------------------


def broken():
    c = rl.Cluster(5, seed=3, initial=rl.Initial(term=1, leader="A"))
    for _ in range(40):
        c.usurp("B")
        c.usurp("A")
        c.propose("x=1", node="A")
        c.run("5ms")
    return c


def test_violations_are_equal_to_lists():
    assert rl.Cluster(3).violations == []
    assert [] == rl.Cluster(3).violations != [1]
    found = rl.Cluster(3).violations
    assert found == ()
    assert repr(found) == "[]"


def test_a_replay_line_is_made_for_who_asks(monkeypatch):
    c = broken()
    found = c.violations or c.liar_violations
    made = []
    script = type(c)._script
    monkeypatch.setattr(type(c), "_script", lambda self: made.append(self) or script(self))
    found = [*c.violations, *c.liar_violations]
    assert found
    assert made == []
    assert found[0].replay.endswith("cluster.scenario.run(seed=3)")
    assert len(made) == 1
    assert pickle.loads(pickle.dumps(found[0])) == found[0]
    assert pickle.loads(pickle.dumps(found[0])).replay == found[0].replay
    assert "again with: " in found[0].explain()


def test_an_attribute_of_a_node_is_the_part_of_its_state():
    c = rl.Cluster(3, seed=1, initial=rl.Initial(term=2, leader="A", voted_for={"B": "A"})).run("10ms")
    for name in c._engine.names:
        whole = c._engine.node(name)
        assert {part: c._engine.node(name, part) for part in whole} == whole
    assert whole["leader"] == c["C"].leader
    with pytest.raises(rl.InvalidError, match="a node has no 'mood'"):
        c._engine.node("A", "mood")


# ---- What goes in, and what comes out ---------------------------------------------------------------


def test_what_can_be_read_once_is_read_once():
    def once(*items):
        return (item for item in items)

    assert rl.Cut(types=once("PreVote")) == rl.Cut(types=["PreVote"])
    assert rl.Crash(once("A", "B")) == rl.Crash(["A", "B"])
    assert rl.Partition(once("A", "B")) == rl.Partition(["A", "B"])
    assert rl.Network(once(once(1, 2), once(2, 1)), regions=once(0, 1)).regions == (0, 1)
    assert rl.Initial(log={"A": once(1, 2)}).to_dict() == {"logs": {"A": (1, 2)}}


def test_a_value_does_not_change_with_what_it_was_made_of():
    names, matrix, logs = ["A"], [[1, 2], [2, 1]], {"A": [1]}
    values = [rl.Crash(names), rl.Network(matrix, regions=[0, 1]), rl.Initial(log=logs)]
    before = [(hash(value), repr(value)) for value in values]
    names.append("B")
    matrix[0][1] = 9
    logs["A"].append(2)
    logs["B"] = [1]
    assert [(hash(value), repr(value)) for value in values] == before
    endless = []
    endless.append(endless)
    with pytest.raises(rl.InvalidError, match="log cannot be written down"):
        rl.Initial(log=endless)


SETS = """
import raftlab as rl
names = {"n1", "n2", "n3", "n4", "n5"}
faults = [rl.Crash(names), rl.Partition(names - {"n1"}), rl.Cut(types={"PreVote", "AppendEntries"})]
print(rl.Scenario(sorted(names), bugs=set(rl.rules.names[:4]), faults=faults).to_json())
print(rl.Scenario(3, faults={rl.Crash(name) for name in "ABC"}).to_json())
"""


def test_the_items_of_a_set_are_sorted():
    written = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SETS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "1234"
    }
    assert len(written) == 1


CHANGES = [
    lambda log: log.update(A=(9,)),
    lambda log: log.setdefault("C", (9,)),
    lambda log: log.pop("A"),
    lambda log: log.popitem(),
    lambda log: log.clear(),
    lambda log: operator.setitem(log, "A", (9,)),
    lambda log: operator.delitem(log, "A"),
    lambda log: operator.ior(log, {"A": (9,)}),
]


def test_what_a_scenario_hands_out_does_not_change_it():
    initial = rl.Initial(log={"A": [1]}, voted_for={"A": "B"}, term=2, unreachable=True)
    c = rl.Cluster(3, initial=initial, network=rl.Network([[1, 2], [2, 1]], regions=[0, 1, 0]))
    with c.intercept(lambda message: message.drop(), types="RequestVote"):
        c.run("1s")
    scenario = c.scenario
    before = scenario.to_json(), scenario.to_json(indent=2), repr(scenario)
    for change in CHANGES:
        with pytest.raises(TypeError, match="cannot be changed"):
            change(scenario.initial.log)
    dict(scenario.initial.log)["A"] = (9,)
    scenario.edits["edits"].clear()
    scenario.edits["seed"] = 99
    assert (scenario.to_json(), scenario.to_json(indent=2), repr(scenario)) == before
    assert rl.Scenario.from_json(scenario.to_json(indent=2)) == scenario
    for same in (copy.deepcopy(scenario.initial), pickle.loads(pickle.dumps(scenario.initial))):
        assert (same, repr(same)) == (scenario.initial, repr(scenario.initial))
    assert eval(repr(scenario.initial), {"Initial": rl.Initial}) == scenario.initial


def test_what_a_preset_hands_out_does_not_change_it():
    before = rl.Scenario(3, preset=rl.presets.etcd)
    rl.presets.etcd["election_timeout"][0] = 1
    dict(rl.presets.etcd)["election_timeout"].clear()
    assert rl.Scenario(3, preset=rl.presets.etcd) == before


def test_letters_are_written_as_they_are(tmp_path):
    scenario = rl.Scenario(["é", "日本"])
    scenario.save(tmp_path / "s.json")
    for text in (scenario.to_json(), scenario.to_json(indent=0), (tmp_path / "s.json").read_text("utf-8")):
        assert '"日本"' in text
    for indent in (-1, 1.5, "x", 10**9):
        with pytest.raises(rl.InvalidError, match="indent"):
            scenario.to_json(indent=indent)
