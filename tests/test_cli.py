"""The command line, as a user's shell calls it."""

import importlib
import importlib.util
import json
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import raftlab as rl
from raftlab._cli import SPEC_EXAMPLE, main

SPEC = """
seeds = 60
metrics = ["downtime_ms", "elections"]
[scenario]
raftlab = 2
nodes = ["A", "B", "C"]
stop = { condition = "leader_elected" }
faults = [ { at = 1000, fault = { fault = "crash", node = "leader" } } ]
[grid]
election_timeout = [[50, 100], [150, 300]]
"network.loss" = [0, 0.1]
"""


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "spec.toml").write_text(SPEC)
    return tmp_path / "spec.toml"


def test_a_run(tmp_path, capsys):
    scenario = rl.Scenario(3, horizon="1s", workload=rl.OpenLoop("50ms"))
    (tmp_path / "s.json").write_text(scenario.to_json())
    assert main(["run", str(tmp_path / "s.json"), "--seed", "5", "--out", str(tmp_path / "out")]) == 0
    assert scenario.run(seed=5).digest in capsys.readouterr().out
    assert {file.name for file in (tmp_path / "out").iterdir()} >= {"messages.parquet", "timeline.png"}


def test_a_violation_is_an_exit_code(tmp_path, capsys):
    scenario = rl.Scenario(
        5,
        bugs=["quorum_off_by_one"],
        network=rl.Network(loss=0.3),
        faults=[rl.Partition("AB", "CDE", at="1s")],
        horizon="3s",
    )
    seed = rl.sweep(scenario, seeds=100).violating_seeds[0]
    (tmp_path / "s.json").write_text(scenario.to_json())
    assert main(["run", str(tmp_path / "s.json"), "--seed", str(seed)]) == 1
    assert "violated: " in capsys.readouterr().out


def test_a_sweep_and_again(spec, capsys):
    out = spec.parent / "out"
    assert main(["sweep", str(spec), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "240 runs, 4 points x 60 seeds" in said
    assert "downtime_ms" in said
    assert re.search(r"downtime_ms +60 .* \d+(\.\d+)? \[\d+(\.\d+)?, \d+(\.\d+)?\]", said), "no intervals"
    table = (out / "summary.csv").read_text()
    assert table.startswith("election_timeout,network.loss,metric,n,events,censored,absent,failed,mean")
    assert main(["sweep", str(spec), "--out", str(out), "--threads", "1"]) == 0
    assert (out / "summary.csv").read_text() == table

    def build(timeout, loss):
        crash = rl.Crash("leader", at=1000)
        network = rl.Network(loss=loss)
        return rl.Scenario(
            3, election_timeout=timeout, network=network, faults=[crash], stop=rl.leader_elected
        )

    grid = {"timeout": [(50, 100), (150, 300)], "loss": [0.0, 0.1]}
    same = rl.sweep(build, grid, seeds=60, metrics="downtime_ms")
    rows = __import__("pandas").read_parquet(out / "runs")
    assert rows.digest.tolist() == same.runs.to_list("digest")


def documented():
    """The sweep of docs/commands.md."""
    page = (Path(__file__).parent.parent / "docs" / "commands.md").read_text()
    return page.partition("```toml\n")[2].partition("```")[0]


@pytest.mark.parametrize("text", [SPEC_EXAMPLE.partition("\n")[2], documented()], ids=["help", "page"])
def test_specs_that_are_shown(tmp_path, capsys, text):
    (tmp_path / "spec.toml").write_text(textwrap.dedent(text))
    assert main(["sweep", str(tmp_path / "spec.toml"), "--out", str(tmp_path / "out"), "--seeds", "7"]) == 0
    assert "28 runs, 4 points x 7 seeds" in capsys.readouterr().out


def test_a_spec_as_json_with_a_scenario_in_a_file(tmp_path, capsys):
    (tmp_path / "s.json").write_text(rl.Scenario(3, stop=rl.leader_elected).to_json())
    (tmp_path / "spec.json").write_text(json.dumps({"scenario": "s.json", "seeds": [10, 30]}))
    assert main(["sweep", str(tmp_path / "spec.json"), "--out", str(tmp_path / "out")]) == 0
    assert "20 runs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seeds = 5", ["spec", "'scenario'"]),
        ("scenario = 1 2", ["spec", "cannot be read"]),
        (SPEC + "\nworkers = 3\n", ["grid"]),
        (SPEC.replace("seeds = 60", "seeds = 60\nworkers = 3"), ["spec", "'workers'"]),
        (SPEC.replace("seeds = 60", "seeds = 0"), ["seeds", "above 0"]),
        (SPEC.replace('"network.loss"', '"network.lossy"'), ["lossy"]),
        (SPEC.replace('"network.loss"', '"faults.3.at"'), ["grid", "faults.3.at"]),
        (SPEC.replace('"network.loss"', '"nodes.0.x"'), ["grid", "nodes.0.x"]),
        (SPEC.replace("seeds = 60", "seeds = [1, 'x']"), ["spec", "seeds", "'x'"]),
        (SPEC.replace("seeds = 60", "seeds = [1, 2, 3, 4]"), ["spec", "seeds", "[1, 2, 3, 4]"]),
        (SPEC.replace("raftlab = 2", "raftlab = 2\nfrob = 2"), ["scenario: ", "spec.toml", "frob"]),
        ("seeds = 5\nscenario = 'none.json'", ["scenario", "none.json", "cannot be read"]),
        ("seeds = 5\nscenario = 'spec.toml'", ["spec.toml"]),
        ("seeds = 5\nscenario = 5", ["scenario", "spec.toml", "5"]),
    ],
)
def test_what_makes_no_sense_is_exit_code_2(tmp_path, capsys, text, words):
    (tmp_path / "spec.toml").write_text(text)
    assert main(["sweep", str(tmp_path / "spec.toml"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("raftlab: ")
    assert all(word in said for word in words), said
    assert " at line 1 column" not in said, "a place in a text that nobody wrote"
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_scenario_that_is_none_is_named_by_its_file(tmp_path, capsys):
    for text, place in [
        ("{", "line 1 column 1"),
        ('{"raftlab": 2,\n "nodes": ["A"],\n "frob": 2}', "line 3"),
    ]:
        (tmp_path / "s.json").write_text(text)
        assert main(["run", str(tmp_path / "s.json")]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"raftlab: scenario: {tmp_path}/s.json: ")
        assert place in said, said
        (tmp_path / "spec.json").write_text('{"scenario": "s.json"}')
        assert main(["sweep", str(tmp_path / "spec.json"), "--out", str(tmp_path / "out")]) == 2
        assert f"scenario: {tmp_path}/s.json" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_exit_code_2(tmp_path, capsys):
    (tmp_path / "s.json").write_text(rl.Scenario(3, horizon="1s").to_json())
    (tmp_path / "spec.json").write_text('{"scenario": "s.json", "seeds": 3}')
    (tmp_path / "file").write_text("")
    out = str(tmp_path / "file" / "out")
    for command in (["run", str(tmp_path / "s.json")], ["sweep", str(tmp_path / "spec.json")], ["published"]):
        assert main([*command, "--out", out]) == 2
        said = capsys.readouterr()
        assert said.err.startswith("raftlab: ")
        assert out in said.err
        assert "ended" not in said.out, "it was played for nothing"


def test_a_step_that_waits_without_success_is_exit_code_3(tmp_path, capsys):
    steps = [rl.run_until(rl.leaders(2), limit="200ms")]
    (tmp_path / "s.json").write_text(rl.Scenario(3, steps=steps).to_json())
    (tmp_path / "spec.json").write_text('{"scenario": "s.json", "seeds": 3}')
    assert main(["run", str(tmp_path / "s.json")]) == 3
    said = capsys.readouterr()
    assert "ended: not_reached, digest" in said.out
    assert "condition was not reached" in said.err
    assert main(["sweep", str(tmp_path / "spec.json"), "--out", str(tmp_path / "out")]) == 3
    assert "ending=not_reached" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["pyarrow", "scipy", "pandas"])
def test_a_package_that_is_missing_is_exit_code_2(tmp_path, capsys, monkeypatch, missing):
    (tmp_path / "spec.toml").write_text(SPEC)
    found = importlib.util.find_spec
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: (name != missing and found(name, *rest)) or None
    )
    assert main(["sweep", str(tmp_path / "spec.toml"), "--out", str(tmp_path / "out"), "--seeds", "3"]) == 2
    said = capsys.readouterr().err
    assert missing in said
    assert 'pip install "raftlab[notebook]"' in said


def test_files_that_are_not_there(tmp_path, capsys):
    assert main(["run", str(tmp_path / "none.json")]) == 2
    assert main(["sweep", str(tmp_path / "none.toml"), "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("cannot be read") == 2


def test_ctrl_c_keeps_what_is_finished_and_says_130(tmp_path):
    (tmp_path / "spec.toml").write_text(SPEC.replace("seeds = 60", "seeds = 3000000"))
    command = [sys.executable, "-m", "raftlab", "sweep", tmp_path / "spec.toml", "--out", tmp_path / "out"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while len(list(tmp_path.glob("out/runs/*.parquet"))) < 1:
            time.sleep(0.05)
            assert child.poll() is None, child.stderr.read()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 130, err
    assert "interrupted" in out


@pytest.mark.parametrize("command", ["published", "experiments"])
def test_ctrl_c_in_a_sweep_of_an_experiment_leaves_no_verdict(command, capsys, monkeypatch):
    def judged(**_):
        def progress(_):
            raise KeyboardInterrupt

        rl.sweep(rl.Scenario(3, horizon="2000h"), seeds=3, progress=progress)
        pytest.fail("it went on to a verdict")

    module = importlib.import_module(f"raftlab.{command}")
    monkeypatch.setattr(module, "ALL", {"one": judged})
    assert main([command, "one"]) == 130
    said = capsys.readouterr()
    assert said.err == "raftlab: interrupted\n"
    assert said.out == ""


def test_published_experiments(tmp_path, capsys):
    assert main(["published", "rejoining", "--out", str(tmp_path)]) == 0
    assert "Ongaro's dissertation" in capsys.readouterr().out
    assert (tmp_path / "rejoining.png").stat().st_size > 10_000
    assert main(["published", "nothing"]) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_a_full_disk_is_no_interruption(spec, tmp_path):
    """Files may have 100 KB: the first chunks fit, a later one does not."""
    program = textwrap.dedent(
        """
        import resource, sys
        from raftlab._cli import main
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        sys.exit(main(sys.argv[1:]))
        """
    )
    arguments = ["sweep", str(spec), "--out", str(tmp_path / "out"), "--seeds", "20000"]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "File too large" in done.stderr
    assert done.stderr.startswith("ended early: ")


def test_what_a_summary_does_not_know_is_a_dash(tmp_path, capsys):
    (tmp_path / "s.toml").write_text(
        'seeds = 20\nmetrics = ["lost_writes"]\n[scenario]\nraftlab = 2\nnodes = ["A", "B", "C"]\n'
        "horizon = 300\n"
    )
    assert main(["sweep", str(tmp_path / "s.toml"), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "– [–" in told
    assert "nan" not in told
