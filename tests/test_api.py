"""What people type first: names that one guesses, things that print themselves, tables for every library."""

import html
import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pandas
import polars
import pyarrow
import pytest
import raftlab as rl

# ---- The notebook that we want to be able to write --------------------------------------------------


def test_the_notebook():
    c = rl.Cluster(5, seed=7)
    c.run_until(rl.leader_elected)
    assert c.leader.term == 1
    c.propose("x=1")
    c.partition("AB", "CDE")
    c.run("2s")
    assert 1 <= len(c.leaders) <= 2
    entry = c["A"].log[0]
    assert (entry.index, entry.term, entry.value) == (1, 1, "no-op")
    assert entry.applied == entry.committed
    c.heal()
    c.run("1s")
    assert c.violations == ()
    assert repr(c.violations) == "[]"
    assert not c.violations
    assert len(c.trace.messages.to_pandas()) > 100
    assert all(node.store == {"x": "1"} for node in c) or c.operations[0].status != "ok"

    what_if = c.fork()
    what_if.crash("C")
    assert c["C"].up
    assert not what_if["C"].up


def test_the_leader_can_be_put_where_the_story_needs_it():
    c = rl.Cluster(5, seed=7)
    c.campaign("C")
    c.run("20ms")
    assert c.leader.name == "C"
    old = c.leader
    c.partition("CA", "BDE")
    c.run("2s")
    stale, new = c.leaders
    assert (stale.name, new.name) == ("C", c.leader.name)
    assert c.leader.term > old.term == 1


def test_the_pictures_of_the_notebook():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.axes import Axes

    c = rl.Cluster(5, seed=7)
    c.run_until(rl.leader_elected)
    c.partition("AB", "CDE")
    c.run("1s")
    try:
        assert isinstance(rl.plot.timeline(c), Axes)
        assert isinstance(rl.plot.logs(c), Axes)
        _, ax = pyplot.subplots()
        assert rl.plot.logs(c, ax=ax) is ax
    finally:
        pyplot.close("all")


def failover(timeout, loss):
    return rl.Scenario(
        5,
        election_timeout=(timeout, 2 * timeout),
        network=rl.Network(latency=rl.uniform(1, 2), loss=loss),
        faults=[rl.Crash("leader", at=rl.uniform(1000, 1150))],
        stop=rl.leader_elected,
    )


def test_a_function_of_parameters_gives_an_experiment():
    run = failover(50, 0.05).run(seed=3)
    assert run.ending == "stop"
    assert run.now_ms > run.last_fault_ms >= 1000
    swept = rl.sweep(failover(50, 0.0), seeds=50)
    assert len(swept) == 50
    assert set(swept.runs.to_list("ending")) == {"stop"}
    assert min(swept.runs.to_list("downtime_ms")) > 0
    assert swept.to_pandas()["elections"].ge(2).all()
    assert swept.replay(17).digest == swept.runs.to_list("digest")[17]


def test_a_heartbeat_is_a_third_of_the_timeout_if_not_given():
    c = rl.Cluster(3, seed=1, election_timeout=(300, 600), network=1)
    c.campaign("A")
    c.run("1s")
    messages = c.trace.messages.to_pandas()
    sent = messages.query("`from` == 'A' and to == 'B' and type == 'AppendEntries'")["sent_ms"]
    assert sent.diff().dropna().round(6).unique().tolist() == [100.0]


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("2s", 2000),
        ("150ms", 150),
        (150, 150),
        (0.5, 0.5),
        ("1.5 s", 1500),
        ("2min", 120_000),
        ("5us", 0.005),
    ],
)
def test_durations(written, ms):
    assert rl.Cluster(1).run(written).now_ms == ms


def test_a_timedelta_is_a_duration():
    import datetime as dt

    assert rl.Cluster(1).run(dt.timedelta(seconds=2)).now_ms == 2000


def test_names_of_nodes():
    assert [node.name for node in rl.Cluster(3)] == ["A", "B", "C"]
    assert [node.name for node in rl.Cluster(["x", "yy"])] == ["x", "yy"]
    assert [rl.Cluster(30).nodes[i].name for i in (0, 29)] == ["n1", "n30"]
    assert len(rl.Cluster()) == 5


# ---- Things print themselves ------------------------------------------------------------------------


def eventful():
    c = rl.Cluster(5, seed=7777, bugs=["quorum_off_by_one"], network=1)
    c.campaign("A")
    c.run(60)
    c.partition("AB", "CDE")
    c.propose("x=1", node="A")
    c.read("x", node="A", via="local")
    c.run("1s")
    c.crash("E")
    c.pause("D")
    return c


def test_worlds_are_one_line_with_their_seed():
    c = eventful()
    run = c.scenario.run(seed=7777)
    for world in (c, run, c.fork(), rl.Cluster(255, seed=7777)):
        text = repr(world)
        assert "seed=7777" in text
        assert "\n" not in text
        assert len(text) < 120
    assert repr(c).startswith("Cluster(5 nodes, seed=7777, at 1.06 s: ")
    assert repr(run).startswith("Run(5 nodes")
    assert "violations" in repr(c)
    assert repr(rl.Cluster(3, seed=2)) == "Cluster(3 nodes, seed=2, at 0 ms: no leader)"
    split = [rl.Partition("AB", "CD"), rl.run_until(rl.violated)]
    one = rl.Cluster(4, seed=1, bugs=["quorum_off_by_one"], steps=split)
    assert repr(one).endswith(", 1 violation)")


def test_a_cluster_names_all_that_lead():
    c = rl.Cluster(5, seed=4, initial=rl.Initial(term=1, leader="A"))
    assert repr(c).endswith("leader A of term 1)")
    c.isolate("A")
    c.run_until(rl.leaders(2))
    newer = c.leader
    assert repr(c).endswith(f"leaders A of term 1, {newer.name} of term {newer.term})")
    c.crash("A")
    assert repr(c).endswith(f"leader {newer.name} of term {newer.term})")


def test_everything_else_is_one_line():
    c = eventful()
    swept = rl.sweep(c.scenario, seeds=10, on_violation="record")
    things = [
        *c.nodes,
        *c.operations,
        *c.faults,
        c.trace.nodes,
        c.trace.messages,
        c.trace,
        c.leader,
        c["A"].log[0],
        rl.leader_elected,
        rl.leads("A"),
        rl.committed(3, nodes=2),
        rl.uniform(1, 2),
        rl.empirical(range(1000)),
        rl.presets.etcd,
        rl.put("x", 1),
        rl.Network(),
        rl.Disk(),
        rl.OpenLoop(),
        rl.Initial(term=1),
        rl.Scenario(3, network=5),
        rl.Partition("AB", "CDE", at="1s", duration="2s"),
        rl.Crash("leader", at=rl.uniform(1, 2), every="1s", times=3),
    ]
    for thing in things:
        text = repr(thing)
        assert "\n" not in text, text
        assert len(text) < 400, text
        assert "object at 0x" not in text
    assert repr(c.operations[0]) == "<operation 1: x=1, ok at index 2>"
    assert repr(c["E"]).startswith("<node E: down, term ")
    assert "paused" in repr(c["D"])
    assert repr(swept).startswith("<sweep: 10 runs, 10 with violations (")


def test_faults_print_as_they_are_written():
    for text in (
        "Partition('AB', 'CDE', at='1s', duration='2s')",
        "Partition(shape='bridge')",
        "Crash('leader', unsynced='tear', at='1s')",
        "Loss(0.2, to='a follower')",
        "Delay('10s', from_='leader')",
        "Lie('E', 'claimed_log', index=9999)",
        "ClockRate('A', 2)",
        "Cut(from_='A', to='BC', types='AppendEntries')",
    ):
        fault = eval(text, vars(rl))
        assert repr(fault) == text
        assert eval(repr(fault), vars(rl)) == fault
        assert hash(eval(repr(fault), vars(rl))) == hash(fault)
        assert pickle.loads(pickle.dumps(fault)) == fault


def test_violations_carry_the_line_that_brings_them_back():
    c = eventful()
    first = c.violations[0]
    assert first.property in rl.properties.names
    assert first.events
    assert first.honest
    told = first.explain()
    assert told.startswith(str(first))
    line = told.rpartition("again with: ")[2]
    again = eval(line, {"raftlab": rl})
    assert again.digest == c.digest
    assert str(again.violations) == str(c.violations)
    assert c.violations.of(first.property)[0] == first
    assert c.violations.properties[0] == first.property


def test_the_replay_line_of_a_long_scenario_is_short():
    c = rl.Cluster(3, seed=5)
    for i in range(200):
        c.propose(f"x={i}")
    assert len(c.replay_line) < 200
    assert "seed=5" in c.replay_line


# ---- And in HTML ------------------------------------------------------------------------------------

EVIL = "<b>&'\"</b>"


def is_escaped(text):
    assert EVIL not in text
    assert "<b>&" not in text
    assert html.escape(EVIL) in text or html.escape(EVIL, quote=False) in text


def test_html_is_escaped():
    c = rl.Cluster([EVIL, "B", "C"], seed=1, bugs=["quorum_off_by_one"])
    is_escaped(c._repr_html_())
    c.campaign(EVIL)
    c.run(20)
    c.isolate(EVIL)
    is_escaped(c._repr_html_())
    c.propose(rl.put("x", EVIL), node=EVIL)
    c.run("1s")
    is_escaped(c.trace.nodes._repr_html_())
    is_escaped(c.trace.faults._repr_html_())
    is_escaped(c.trace.ops._repr_html_())
    assert c.violations
    is_escaped(c.violations._repr_html_())


def test_html_says_what_there_is():
    c = eventful()
    text = c._repr_html_()
    assert "seed 7777" in text
    assert "down" in text
    assert "paused" in text
    assert "Partition" in text
    assert "violations" in text
    nodes, violations = text.split("</table>")[:2]
    assert nodes.count("<tr") == 6
    assert "leader_completeness" in violations
    assert rl.Cluster(3).violations._repr_html_() == "<p>no violations</p>"
    for catalogue in (rl.faults, rl.rules, rl.conditions, rl.properties, rl.targets, rl.lies):
        assert catalogue._repr_html_().count("<tr>") == len(catalogue) + 1


def test_html_is_balanced():
    c = eventful()
    for thing in (c, c.violations, c.trace.messages, rl.rules):
        text = thing._repr_html_()
        for tag in ("table", "tr", "td", "th", "p", "b", "thead", "tbody", "caption"):
            assert len(re.findall(f"<{tag}[ >]", text)) == text.count(f"</{tag}>"), tag


# ---- What there is ----------------------------------------------------------------------------------


def test_every_fault_has_its_class():
    for row in rl.faults:
        cls = getattr(rl, row["fault"])
        assert issubclass(cls, rl.Fault)
        assert cls.__doc__
        assert row["meaning"]
        assert row["when it ends"]
    things = {name: getattr(rl, name) for name in rl.__all__}
    classes = {
        name for name, thing in things.items() if isinstance(thing, type) and issubclass(thing, rl.Fault)
    }
    assert classes - {"Fault"} == set(rl.faults.names)


def test_every_condition_has_its_name():
    arguments = {"count": 1, "node": "A", "index": 1, "nodes": 1, "term": 1, "operation": 1}
    arguments["conditions"] = rl.violated
    assert len(rl.conditions) > 10
    for row in rl.conditions:
        condition = getattr(rl, row["condition"])
        if not isinstance(condition, rl.Condition):
            condition = condition(*(arguments[name] for name in inspect.signature(condition).parameters))
        assert isinstance(condition, rl.Condition)
        assert str(condition)
        assert rl.Scenario(3, stop=condition).stop == condition


def test_every_rule_can_be_taken_away():
    assert len(rl.rules) > 15
    for row in rl.rules:
        scenario = rl.Scenario(3, bugs=[row["bug"]], lease_drift=0.01)
        assert scenario.bugs == (row["bug"],)
        assert row["breaks"] in rl.properties.names, row
        assert row["source"]
        scenario.replace(horizon="1s").run(seed=1)


def test_every_property_is_checked():
    run = rl.Scenario(5, workload=rl.OpenLoop(10), horizon="2s").run(seed=1)
    assert set(run.coverage) == set(rl.properties.names)
    assert run.coverage["log_matching"] > 100
    assert all(row["source"] and row["meaning"] for row in rl.properties)


def test_every_target_can_be_hit():
    assert len(rl.targets) > 5
    for row in rl.targets:
        c = rl.Cluster(5, seed=1)
        c.campaign("A")
        c.run(50)
        if row["role"] == "the crashed":
            c.crash("B")
        if row["role"] == "the paused":
            c.pause("B")
        assert c.isolate(row["role"]).nodes, row["role"]


def test_every_lie_can_be_told():
    assert len(rl.lies) > 2
    for row in rl.lies:
        c = rl.Cluster(5, seed=1, workload=rl.OpenLoop(10))
        handle = c.lie("A", row["lie"], **({"index": 99} if row["lie"] == "claimed_log" else {}))
        assert handle.active
        c.run("1s")
        handle.heal()
        assert not handle.active


def test_catalogues():
    assert rl.rules["commit_prior_term"]["source"] == "paper §5.4.2"
    assert rl.rules[0]["bug"] == rl.rules.names[0]
    assert len(list(rl.rules)) == len(rl.rules)
    assert list(rl.rules.to_pandas()["bug"]) == list(rl.rules.names)
    with pytest.raises(KeyError, match=r"frob.*commit_prior_term"):
        _ = rl.rules["frob"]
    assert len(repr(rl.faults).splitlines()) == len(rl.faults) + 1


def test_names_are_there_and_listed():
    assert set(rl.__all__) <= set(dir(rl))
    for name in rl.__all__:
        assert getattr(rl, name) is not None
    assert len(rl.__all__) == len(set(rl.__all__))
    with pytest.raises(AttributeError, match="frob"):
        _ = rl.frob
    assert (Path(rl.__file__).parent / "py.typed").exists()


def test_public_things_are_documented():
    things = {name: getattr(rl, name) for name in rl.__all__}
    assert [name for name, thing in things.items() if callable(thing) and not thing.__doc__] == []
    types = {name: thing for name, thing in things.items() if isinstance(thing, type)}
    assert len(types) > 50
    undocumented = [
        f"{name}.{attribute}"
        for name, thing in types.items()
        for attribute, value in vars(thing).items()
        if not attribute.startswith("_")
        and (callable(value) or isinstance(value, (property, classmethod, staticmethod)))
        and not (value.__doc__ or getattr(value, "__func__", value).__doc__)
    ]
    assert undocumented == []


def test_exceptions_are_also_what_python_has_for_it():
    assert issubclass(rl.InvalidError, ValueError)
    assert issubclass(rl.NotReached, TimeoutError)
    assert issubclass(rl.BusyError, RuntimeError)
    assert issubclass(rl.ViolationError, AssertionError)
    for name in rl.__all__:
        thing = getattr(rl, name)
        if isinstance(thing, type) and issubclass(thing, Exception) and not issubclass(thing, Warning):
            assert issubclass(thing, rl.RaftlabError)


def test_exceptions_survive_pickle():
    c = rl.Cluster(3, seed=1)
    with pytest.raises(rl.NotReached) as error:
        c.run_until(rl.leaders(2), limit="1s")
    again = pickle.loads(pickle.dumps(error.value))
    assert str(again) == str(error.value)
    assert again.condition == "2 nodes lead at once"
    assert "leader t1" in again.state
    assert "seed 1" in str(again)
    assert "A " in str(again)
    with pytest.raises(rl.ViolationError) as error:
        eventful().scenario.run(seed=7777, on_violation="raise")
    again = pickle.loads(pickle.dumps(error.value))
    assert again.violation == error.value.violation


def test_versions(capsys):
    rl.show_versions()
    told = capsys.readouterr().out
    assert f"raftlab     {rl.__version__}" in told
    assert "python" in told
    done = subprocess.run(
        [sys.executable, "-m", "raftlab", "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == f"raftlab {rl.__version__}\n"


# ---- Importing --------------------------------------------------------------------------------------

HEAVY = ("matplotlib", "pandas", "numpy", "scipy", "polars", "pyarrow", "IPython")


def told_by(story):
    """What a fresh process prints."""
    done = subprocess.run(
        [sys.executable, "-c", story], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_importing_raftlab_imports_nothing_heavy():
    lazy = (*HEAVY, "raftlab.sweeps", "raftlab.statistics", "concurrent.futures", "importlib.metadata")
    story = f"import sys, raftlab; print([m for m in {lazy!r} if m in sys.modules])"
    assert told_by(story) == "[]\n"


def test_using_raftlab_imports_nothing_heavy_either():
    story = f"""
import sys, pickle
import raftlab as rl
c = rl.Cluster(5, seed=7)
c.run_until(rl.leader_elected); c.propose("x=1"); c.partition("AB", "CDE"); c.run("2s"); c.fork()
pickle.loads(pickle.dumps(c)); repr(c); c._repr_html_(); c.trace.messages.to_dict(); c.violations
rl.sweep(c.scenario, seeds=10); repr(rl.rules)
print([m for m in {(*HEAVY, "concurrent.futures")!r} if m in sys.modules])
"""
    assert told_by(story) == "[]\n"


# ---- Tables -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world():
    c = eventful()
    c.propose(rl.cas("x", 1, 2), client="me")
    c.campaign("B")
    c.hold(from_="A")
    c.run("200ms")
    return c


@pytest.mark.parametrize("name", rl.schema())
def test_tables_are_the_same_in_every_library(world, name):
    table = world.trace.table(name)
    columns = [column[0] for column in rl.schema()[name][1]]
    as_dict = table.to_dict()
    assert list(as_dict) == columns
    assert len(table) == len(as_dict[columns[0]]) > 0
    assert [column[0] for column in table.columns] == columns

    frames = {"pandas": table.to_pandas(), "polars": table.to_polars(), "pyarrow": table.to_arrow()}
    assert isinstance(frames["pandas"], pandas.DataFrame)
    assert isinstance(frames["polars"], polars.DataFrame)
    assert isinstance(frames["pyarrow"], pyarrow.Table)
    assert pyarrow.table(table).schema.equals(frames["pyarrow"].schema)
    assert polars.DataFrame(table).equals(frames["polars"], null_equal=True)
    lists = {
        "pandas": {c: list(frames["pandas"][c]) for c in columns},
        "polars": frames["polars"].to_dict(as_series=False),
        "pyarrow": frames["pyarrow"].to_pydict(),
    }
    for library, found in lists.items():
        assert list(found) == columns, library
        for column in columns:
            assert [plain(value) for value in found[column]] == [plain(value) for value in as_dict[column]], (
                library,
                column,
            )


def plain(value):
    if value is None or value is pandas.NA or value != value:
        return None
    if hasattr(value, "item"):
        value = value.item()
    return value


def test_what_never_was_is_null_everywhere_and_no_nan():
    run = rl.Scenario(
        5,
        network=rl.Network(latency=rl.uniform(1, 5), loss=0.1),
        workload=rl.ClosedLoop(2),
        faults=[
            rl.Crash("leader", at=500, every=700, duration=rl.uniform(100, 300)),
            rl.Isolate("B", at=1900),
        ],
        horizon="2s",
    ).run(seed=3)
    swept = rl.sweep(rl.Scenario(3, horizon=100), seeds=3, metrics="all", series=50, progress=False)
    tables = {name: run.trace.table(name) for name in rl.schema()}
    tables |= {"runs": swept.runs, "series": swept.series}
    some = 0
    for name, table in tables.items():
        frame, cells = table.to_polars(), table.to_dict()
        for column in frame.columns:
            if frame[column].dtype.is_float():
                nulls = frame[column].null_count()
                assert frame[column].is_nan().sum() == 0, (name, column)
                assert table.to_arrow()[column].null_count == nulls
                assert [cell is None for cell in cells[column]] == frame[column].is_null().to_list()
                assert sum(number != number for number in table.to_numpy(column)) == nulls, "numpy has NaN"
                some += nulls
    assert some > 100


@pytest.mark.parametrize("name", rl.schema())
def test_the_schema_is_what_tables_have(world, name):
    table = world.trace.table(name).to_arrow()
    documented = {column: kind for column, kind, _, _ in rl.schema()[name][1]}
    assert table.schema.names == list(documented)
    for field in table.schema:
        kind = str(field.type)
        told = documented[field.name]
        if told.startswith("dictionary"):
            assert kind.startswith("dictionary"), field
            assert "string" in kind or "utf8" in kind
        else:
            assert kind == {"float64": "double", "utf8": "string", "boolean": "bool"}.get(told, told), field
    assert all(unit == "ms" for column, _, unit, _ in rl.schema()[name][1] if column.endswith("_ms"))
    assert all(meaning for *_, meaning in rl.schema()[name][1])


def test_tables_carry_the_line_that_brings_their_run_back(world):
    metadata = {k.decode(): v.decode() for k, v in world.trace.messages.to_arrow().schema.metadata.items()}
    assert metadata["raftlab"] == rl.__version__
    assert eval(metadata["replay"], {"raftlab": rl}).digest == world.digest


def test_a_table_can_be_streamed_more_than_once(world):
    table = world.trace.messages
    first, second = (pyarrow.RecordBatchReader.from_stream(table).read_all() for _ in range(2))
    assert str(first.to_pydict()) == str(second.to_pydict()) == str(table.to_dict())


def test_a_table_is_of_the_moment_at_which_it_was_asked_for():
    c = rl.Cluster(3, seed=1).run("1s")
    table = c.trace.messages
    rows = len(table)
    c.run("1s")
    assert len(table) == rows < len(c.trace.messages)
    assert len(table.to_pandas()) == rows
    del c
    assert len(table.to_polars()) == rows


def test_empty_tables():
    c = rl.Cluster(3)
    for name in ("messages", "entries", "ops", "events", "faults"):
        assert len(c.trace.table(name).to_pandas()) == 0
        assert len(c.trace.table(name).to_polars()) == 0
        assert list(c.trace.table(name).to_dict()) == [column[0] for column in rl.schema()[name][1]]


def test_the_trace_says_what_happened(world):
    messages = world.trace.messages.to_pandas()
    assert set(messages["fate"]) >= {"delivered"}
    assert (messages["sent_ms"] >= 0).all()
    assert not (messages["ended_ms"] < messages["sent_ms"]).any()
    nodes = world.trace.nodes.to_pandas()
    last = nodes.groupby("node", observed=True).last()
    assert {name: row["term"] for name, row in last.iterrows()} == {node.name: node.term for node in world}
    assert {name: row["role"] for name, row in last.iterrows() if row["up"]} == {
        node.name: node.role for node in world if node.up
    }
    faults = world.trace.faults.to_pandas()
    assert set(faults["kind"]) == {"partition", "crash", "pause", "hold"}
    ops = world.trace.ops.to_pandas()
    assert ops["status"].tolist()[:2] == ["ok", "ok"]


def test_states_without_messages():
    c = rl.Cluster(3, seed=1, trace="states").run("1s")
    full = rl.Cluster(3, seed=1).run("1s")
    assert c.trace.nodes.to_arrow().equals(full.trace.nodes.to_arrow())
    assert str(c.trace.entries.to_dict()) == str(full.trace.entries.to_dict())  # NaN is not itself
    assert repr(rl.Cluster(3, trace="off").trace) == "<trace: off>"


def test_a_ceiling_on_rows_is_told():
    c = rl.Cluster(3, seed=1, trace_rows=20).run("1s")
    with pytest.warns(UserWarning, match=r"ceiling of 20 rows.*trace_rows="):
        table = c.trace.messages
    assert len(table) == 20


# ---- Presets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["paper", "etcd", "consul"])
def test_presets_have_sources_and_work(name):
    preset = getattr(rl.presets, name)
    assert preset.name == name
    assert preset.meaning
    assert len(preset.source) > 20
    assert "\n" not in preset.source
    assert "election_timeout" in preset
    scenario = rl.Scenario(5, preset=preset, horizon="30s", workload=rl.OpenLoop("50ms"))
    run = scenario.run(seed=1)
    assert run.leader is not None
    assert run.violations == ()
    low, high = scenario.election_timeout
    assert high == 2 * low
    assert name in repr(preset)


def test_a_preset_is_a_beginning_that_arguments_change():
    scenario = rl.Scenario(3, preset=rl.presets.etcd, pre_vote=False)
    assert scenario.election_timeout == (1000.0, 2000.0)
    assert not scenario.pre_vote
    assert scenario.check_quorum
    with pytest.raises(TypeError):
        rl.presets.etcd["heartbeat"] = 1


def test_the_defaults_are_the_papers():
    default, paper = rl.Scenario(5), rl.Scenario(5, preset=rl.presets.paper)
    assert default.election_timeout == paper.election_timeout
    assert default.network == paper.network
    assert default.run(seed=3).digest == paper.run(seed=3).digest


def test_a_trace_prints_without_being_built(monkeypatch):
    trace = rl.Cluster(3, seed=1).run("1s").trace
    monkeypatch.setattr(rl.Trace, "table", None)
    assert repr(trace) == "<trace: messages, nodes, entries, ops, members, events, faults>"
