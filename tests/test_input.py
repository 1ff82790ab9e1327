"""What comes in, from files and as values, is taken for what it is or refused; what a terminal is given."""

import json
import os
import pickle
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import raftlab as rl
from raftlab._cli import main
from raftlab._conditions import Condition
from raftlab._faults import fault_from_dict
from raftlab.distributions import Distribution
from raftlab.errors import escaped

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="devices and pipes as POSIX has them")
ESCAPE = "\x1b[31m"
"""What turns a terminal red."""


def broken_run(names):
    """A run of five nodes with a violation."""
    names = list(names)
    split, lossy = rl.Partition(names[:2], names[2:], at="1s"), rl.Network(loss=0.3)
    story = rl.Scenario(names, bugs=["quorum_off_by_one"], faults=[split], network=lossy, horizon="3s")
    return next(run for seed in range(100) if (run := story.run(seed=seed)).violations)


# ---- Samples with weights ---------------------------------------------------------------------------


def test_weights_of_a_sample_are_used():
    seldom_slow = rl.empirical(Counter({1.0: 990, 3000.0: 10}))
    assert repr(seldom_slow) == "empirical([1, 3000], weights=[990, 10])"
    scenario = rl.Scenario(3, network=seldom_slow, horizon="20s")
    assert rl.Scenario.from_json(scenario.to_json()) == scenario
    assert pickle.loads(pickle.dumps(scenario)) == scenario
    assert scenario.network.latency == seldom_slow
    messages = scenario.run(seed=1).trace.messages.to_pandas()
    took = (messages.due_ms - messages.sent_ms).dropna().round()
    assert set(took) == {1.0, 3000.0}
    assert 0.004 < (took == 3000.0).mean() < 0.02


def test_equal_weights_are_none():
    sample = [4.0, 1.0, 2.5]
    plain = rl.Scenario(3, network=rl.empirical(sample), horizon="2s").run(seed=3)
    weighted = rl.Scenario(3, network=rl.empirical(dict.fromkeys(sample, 0.1)), horizon="2s").run(seed=3)
    assert weighted.digest == plain.digest


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({}, ["at least one time"]),
        ({1.0: 0}, ["above 0, not 0"]),
        ({1.0: -1, 2.0: 5}, ["at least 0", "-1"]),
        ({1.0: "many"}, ["'many'"]),
        ({1.0: float("nan")}, ["nan"]),
        ({1.0: 1e308, 2.0: 1e308}, ["finite", "inf"]),
        ({"fast": 1}, ["values", "'fast'"]),
    ],
    ids=str,
)
def test_weights_that_make_no_sense(weights, words):
    with pytest.raises(rl.InvalidError) as error:
        rl.empirical(weights)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_weights_in_json_are_as_many_as_values():
    written = json.loads(rl.Scenario(3).to_json())
    written["network"]["latency"] = {"distribution": "empirical", "values": [1.0, 2.0], "weights": [1.0]}
    with pytest.raises(rl.InvalidError, match="latency: weights must be as many as values, 2, not 1"):
        rl.Scenario.from_json(json.dumps(written))


# ---- What a scenario is made of goes back into it ---------------------------------------------------

RICH = {
    "regions": {"network": rl.Network(latency=[[1, rl.uniform(2, 3)], [4, 5]], regions=[0, 1, 1], loss=0.1)},
    "a latency": {"network": 5},
    "a distribution": {"network": rl.Network(latency=rl.empirical({1.0: 3, 2.0: 1}), fifo=True)},
    "disks": {"disk": rl.Disk(fsync=rl.exponential(2), write="1ms")},
    "loads": {
        "workload": [
            rl.OpenLoop(every=rl.uniform(1, 2), home="B", keys=3),
            rl.ClosedLoop(clients=2, think=rl.exponential(5), end="5s", reads=0.5, session=True, retry=True),
        ]
    },
    "a beginning": {
        "initial": rl.Initial(term=3, log={"A": [1, (2, "x=1")]}, commit=0, voted_for={"A": "A"})
    },
    "terms": {"initial": rl.Initial(term={"A": 3, "B": 1}, log=[1, 1], commit={"C": 1})},
    "faults": {"faults": [rl.Crash("leader", at="1s"), rl.Delay(rl.uniform(1, 2), from_="A", every="1s")]},
    "a condition": {"stop": rl.leaders(2) | (rl.down(1) & rl.no_leader)},
    "steps": {"steps": [rl.run("1s"), rl.propose("x=1")]},
    "timeouts": {"adaptive_timeout": True, "candidate_timeout": (100, 200), "horizon": "3s"},
    "a rule": {"election_rule": "pre_vote", "bugs": ["commit_prior_term"], "snapshot_every": 5},
}


@pytest.mark.parametrize("settings", RICH.values(), ids=RICH)
def test_every_attribute_of_a_scenario_goes_back_into_it(settings):
    scenario = rl.Scenario(3, **settings)
    names = [name for name in rl.Scenario.__init__.__kwdefaults__ if name != "preset"]
    for name in names:
        value = getattr(scenario, name)
        assert scenario.replace(**{name: value}) == scenario, name
    assert rl.Scenario(3, **{name: getattr(scenario, name) for name in names}) == scenario


def test_a_beginning_that_json_says_twice():
    written = {"raftlab": 2, "nodes": ["A", "B"], "initial": {"log": [1], "logs": {"B": [1, 1]}, "commit": 1}}
    scenario = rl.Scenario.from_json(json.dumps(written))
    again = scenario.replace(initial=scenario.initial)
    assert again.run(seed=1).digest == scenario.run(seed=1).digest
    assert again.initial == scenario.initial


def test_the_same_violations_are_equal():
    quiet = rl.Cluster(3, seed=1)
    assert quiet.violations == []
    assert quiet.violations == ()
    assert quiet.violations != [1]
    assert hash(quiet.violations) == hash(())
    broken = broken_run("ABCDE")
    assert broken.violations == list(broken.violations)
    assert broken.violations != []


# ---- Garbage ----------------------------------------------------------------------------------------

GARBAGE = [None, 5, "x", [], {}, [1], {"distribution": 5}, {"condition": "leads"}, {"condition": 5, "of": 5},
           {"fault": 5}, {"fault": {}}, {"fault": {"fault": "crash"}}, {"fault": {"fault": "lie", "lie": 5}},
           {"distribution": "uniform", "low": 5}, {"distribution": "uniform", "low": 5, "high": 1},
           {"distribution": "empirical", "values": 5}, {"condition": "any_of", "of": [5]}, float("nan"),
           {"fault": {"fault": "loss", "probability": "x"}}, {5: 5}, b"x"]  # fmt: skip


READERS = {
    "distribution": (Distribution.from_dict, [5]),  # milliseconds
    "condition": (Condition.from_dict, []),
    "fault": (fault_from_dict, []),
}
"""What reads a part of a scenario, and what of the garbage it accepts."""


@pytest.mark.parametrize(
    ("read", "garbage"),
    [
        pytest.param(read, garbage, id=f"{name}-{type(garbage).__name__}")
        for name, (read, accepted) in READERS.items()
        for garbage in GARBAGE
        if garbage not in accepted
    ],
)
def test_what_is_no_part_of_a_scenario_is_refused(read, garbage):
    with pytest.raises(rl.InvalidError):
        read(garbage)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rl.experiments.split_brain(seeds="5"), ["seeds", "'5'"]),
        (lambda: rl.experiments.split_brain(seeds=0), ["seeds", "0"]),
        (lambda: rl.experiments.split_brain(seed=-1), ["seed", "-1"]),
        (lambda: rl.experiments.split_brain(only=5), ["only", "5"]),
        (lambda: rl.experiments.split_brain(only=["E9"]), ["only", "'E9'", "'E2.1'"]),
        (lambda: rl.network_from_csv(5), ["path", "5"]),
        (lambda: rl.network_from_csv("a\0b"), ["path", "NUL"]),
        pytest.param(lambda: rl.network_from_csv("/dev/zero"), ["path", "device"], marks=POSIX),
        (lambda: rl.Scenario(["A\0", "B"]), ["NUL"]),
        (lambda: rl.Cluster(3).partition(np.array(["A", "B"]), np.array([1])), ["groups", "array"]),
        (lambda: rl.Cluster(3).intercept(print, nodes=np.array([["A"]])), ["nodes"]),
        (lambda: rl.Cluster(3).deliver(from_=np.array([["A", "B"]])), ["from_", "unknown"]),
        (lambda: rl.put("x", 10**5000), ["cannot be written down"]),
        (lambda: rl.Cluster(3).run_until(rl.violated, limit=10), None),
        (lambda: rl.Cluster(3, checks=False).run_until(rl.violated), ["checks=True"]),
        (lambda: rl.Scenario(3, stop=rl.violated | rl.leaders(3)).run(checks=False), ["checks=True"]),
        (lambda: rl.sweep(rl.Scenario(3, stop=rl.violated), seeds=3, checks=False), ["checks=True"]),
    ],
)  # fmt: skip
def test_what_is_refused_says_why(call, words):
    with pytest.raises(rl.NotReached if words is None else rl.InvalidError) as error:
        call()
    assert all(word in str(error.value) for word in words or ()), str(error.value)


def test_refusing_a_duration_takes_time_in_proportion():
    for text in ("1" * 200_000, "1" * 200_000 + "x", " " * 200_000 + "x", "1e" + "1" * 200_000):
        with pytest.raises(rl.InvalidError, match="duration must be"):
            rl.Cluster(3).run(text)  # 16,000 digits took 18 s, and time grew with their square


# ---- Ceilings ---------------------------------------------------------------------------------------


def test_clients_are_counted_over_all_loads():
    half = rl.ClosedLoop(clients=60_000)
    rl.Scenario(3, workload=half)
    with pytest.raises(rl.InvalidError, match=r"workload: clients: .* at most 100000, not 120000"):
        rl.Scenario(3, workload=[half, half])


def test_entries_at_the_beginning_are_counted_over_all_nodes():
    log = [1] * 500_000
    rl.Scenario(3, initial=rl.Initial(log=log))
    with pytest.raises(rl.InvalidError, match=r"initial: log: .* at most 2000000 entries, not 2500000"):
        rl.Scenario(5, initial=rl.Initial(log=log))


FLOOD = rl.Scenario(5, network="90min", workload=rl.OpenLoop("1us"), horizon="2h", heartbeat="1us",
                    election_timeout="50h", initial=rl.Initial(term=1, leader="A"))  # fmt: skip


def test_more_messages_than_there_is_room_for_are_an_error():
    with pytest.raises(rl.InvalidError, match=r"messages are in flight at .* latencies are too long"):
        FLOOD.run(trace="off", checks=False)
    rows = rl.sweep(FLOOD, seeds=2, checks=False, metrics="sent")
    assert len(rows.errors) == 2
    assert "messages are in flight" in rows.errors[0][1]


def test_conditions_and_actions_are_nested_as_deep_everywhere():
    def nested(depth):
        condition = rl.leaders(1)
        for level in range(depth):
            condition = (condition | rl.down(1)) if level % 2 else (condition & rl.term_reached(1))
        return condition

    for depth in range(1, 17):
        condition = nested(depth)
        scenario = rl.Scenario(3, stop=condition, horizon="100ms")
        run = scenario.run(seed=1)
        assert scenario.stop == condition
        assert run.scenario.run(seed=1).digest == run.digest
        assert run.trace.events.to_dict()
        c = rl.Cluster(3, seed=1).run_until(condition, limit="10s")
        assert c.scenario.run(seed=1).digest == c.digest
        assert c.trace.events.to_dict()
    for depth in (17, 40, 62, 80):
        with pytest.raises(rl.InvalidError, match="nested"):
            rl.Scenario(3, stop=nested(depth))
        with pytest.raises(rl.InvalidError, match="nested"):
            rl.Cluster(3).run_until(nested(depth))


# ---- Tables from bytes ------------------------------------------------------------------------------


@pytest.mark.soak
def test_a_table_of_rotten_bytes_is_an_error():
    """Each byte of it turned, cut off at each place: an error or a table, and never a panic."""
    from raftlab._core import Table
    from soak import runs

    table = rl.sweep(rl.Scenario(3, horizon=100), seeds=3, metrics="sent").runs._core
    whole = table.to_ipc()
    assert Table.from_ipc("runs", whole).to_dict() == table.to_dict()
    random = np.random.default_rng(1)
    refused = 0
    for _ in range(runs(1000)):
        rotten = bytearray(whole)
        for place in random.integers(len(whole), size=random.integers(1, 4)):
            rotten[place] ^= 1 << random.integers(8)
        if random.random() < 0.2:
            del rotten[random.integers(len(whole)) :]
        try:
            len(Table.from_ipc("runs", bytes(rotten)))
        except rl.InvalidError:
            refused += 1
    print(f"{runs(1000):,} rotten tables, {refused:,} refused")
    assert refused > runs(1000) / 20


# ---- Terminals --------------------------------------------------------------------------------------


def test_control_characters_are_shown_as_escapes():
    assert escaped("plain – text") == "plain – text"
    assert escaped(ESCAPE + "\n") == "\\x1b[31m\\n"
    c = rl.Cluster([ESCAPE, "B", "C"], seed=1)
    c.campaign(ESCAPE)
    c.run("100ms")
    c.crash(ESCAPE)
    write = c.propose(rl.put(f"x{ESCAPE}", "1\a"))
    c.run("1s")
    shown = [c, c[ESCAPE], write, c.in_flight, *c.in_flight, c.faults, c.scenario, *c.operations]
    shown += [c["B"].log, c.trace.events, rl.leads(ESCAPE), rl.Crash(ESCAPE), c.violations]
    with pytest.raises(rl.InvalidError) as error:
        c.campaign(f"{ESCAPE}D")
    shown.append(error.value)
    with pytest.raises(rl.NotReached) as late:
        c.run_until(rl.leads(ESCAPE), limit="1s")
    shown.append(late.value)
    for thing in shown:
        for text in (repr(thing), str(thing)):
            assert ESCAPE not in text, text
            assert "\a" not in text, text


def test_a_violation_is_told_without_control_characters():
    names = [f"{ESCAPE}{letter}" for letter in "ABCDE"]
    broken = broken_run(names)
    violation = broken.violations[0]
    told = str(violation) + repr(violation) + violation.explain() + repr(broken.violations) + repr(broken)
    assert "\\x1b[31m" in told
    assert ESCAPE not in told
    with pytest.raises(rl.ViolationError) as error:
        broken.scenario.run(seed=broken.seed, on_violation="raise")
    assert ESCAPE not in str(error.value)


SPEC = """
seeds = 20
metrics = ["downtime_ms", "lost_writes"]
[scenario]
raftlab = 2
nodes = ["A", "B", "C"]
horizon = 300
[grid]
"network.loss" = [0.0, 0.1]
"""


@pytest.mark.parametrize("encoding", ["cp437", "ascii"])
def test_a_terminal_that_cannot_print_a_character_ends_nothing(tmp_path, encoding):
    (tmp_path / "spec.toml").write_text(SPEC)
    (tmp_path / "s.json").write_text(rl.Scenario(["Ä", "Б"], horizon="1s").to_json(), encoding="utf-8")
    for call in (["sweep", "spec.toml", "--out", "out"], ["run", "s.json"]):
        done = subprocess.run(
            [sys.executable, "-m", "raftlab", *call],
            cwd=tmp_path,
            env=os.environ | {"PYTHONIOENCODING": encoding},
            capture_output=True,
            text=True,
            encoding=encoding,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == 0, done
        assert done.stdout
    assert (tmp_path / "out" / "summary.csv").exists()


@POSIX
def test_nobody_need_listen_to_the_end(tmp_path):
    (tmp_path / "s.json").write_text(rl.Scenario(90, horizon=1).to_json())
    command = f"{sys.executable} -m raftlab run s.json --out out | head -1"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    assert (tmp_path / "out" / "messages.parquet").exists()


# ---- Files of the command line ----------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".json", ".toml"])
def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path, suffix, capsys):
    scenario = rl.Scenario(3, horizon="100ms").to_json()
    spec = f'{{"scenario": {scenario}, "seeds": 3}}' if suffix == ".json" else SPEC
    (tmp_path / f"spec{suffix}").write_text("\ufeff" + spec, encoding="utf-8")
    (tmp_path / "s.json").write_text("\ufeff" + scenario, encoding="utf-8")
    assert main(["run", str(tmp_path / "s.json")]) == 0
    assert main(["sweep", str(tmp_path / f"spec{suffix}"), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err == ""
    assert rl.Scenario.from_json("\ufeff" + scenario).to_json() == scenario


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("spec.json", "[" * 100_000, ["nested"]),
        ("spec.json", '{"scenario": ' + "[" * 100_000, ["nested"]),
        ("spec.toml", "a = " + "[" * 100_000, ["nested"]),
        ("spec.toml", 'scenario = "a\\u0000b"', ["scenario", "NUL"]),
        ("spec.toml", SPEC.replace("20", "18446744073709551615"), ["seeds"]),
        ("spec.toml", SPEC.replace("20", "9" * 5000), ["spec"]),
        ("spec.toml", SPEC.replace('["A", "B", "C"]', '["A\\u0000", "B"]'), ["NUL"]),
        pytest.param("spec.toml", 'scenario = "/dev/zero"', ["/dev/zero", "device"], marks=POSIX),
        pytest.param("spec.toml", 'scenario = "/dev/null"', ["/dev/null", "device"], marks=POSIX),
        ("spec.toml", 'scenario = "."', ["cannot be read"]),
        ("spec.toml", b"\xff\xfe", ["cannot be read"]),
    ],
    ids=range(11),
)  # fmt: skip
def test_no_file_makes_the_command_line_fall_over(tmp_path, capsys, name, text, words):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["sweep", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("raftlab: ")
    assert all(word in said for word in words), said
    assert not (tmp_path / "out").exists()


@POSIX
def test_a_device_is_no_scenario(capsys):
    assert main(["run", "/dev/zero"]) == 2
    assert "device" in capsys.readouterr().err
    assert main(["run", "/dev/null", "--seed", "5"]) == 2


# ---- Pictures ---------------------------------------------------------------------------------------


def test_a_term_beyond_64_bits_is_drawn(tmp_path):
    c = rl.Cluster(3, seed=1, initial=rl.Initial(term=2**63 - 1, log=[1, 2**63 - 1])).run("1s")
    axes = rl.plot.logs(c)
    for path, words in (("a\0.png", "NUL"), (5, "5"), (tmp_path / "a.zzz", "'png'"), ("\ud800.png", "path")):
        with pytest.raises(rl.InvalidError, match=words):
            rl.plot.save(axes, path)
    with pytest.raises(rl.InvalidError, match="unknown node"):
        rl.plot.timeline(c, nodes=np.array([["A"]]))
    rl.plot.save(axes, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_an_untouched_cluster_plays_nothing_again():
    c = rl.Cluster(3, seed=1, faults=[rl.Crash("A", at="1s")])
    assert c.scenario.run(seed=1).now_ms == 0
    assert eval(c.replay_line, {"raftlab": rl}).digest == c.digest
    assert pickle.loads(pickle.dumps(c)).run("2s").digest == c.run("2s").digest
