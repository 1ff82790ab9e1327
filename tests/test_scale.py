"""Sweeps beyond one process: executors, lost workers, a store that outlives whoever fills it."""

import concurrent.futures as cf
import json
import multiprocessing
import os
import random
import runpy
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import raftlab as rl
from raftlab.sweeps import executors

pa = pytest.importorskip("pyarrow")

STORY = Path(__file__).with_name("stories") / "failover.py"
_story = runpy.run_path(str(STORY))
failover, GRID, OPTIONS = _story["failover"], _story["GRID"], _story["OPTIONS"]


@pytest.fixture(scope="module")
def whole():
    return rl.sweep(failover, GRID, **OPTIONS)


def same(result, whole):
    assert result.complete
    assert result.runs.to_dict() == whole.runs.to_dict()
    assert result.series.to_dict() == whole.series.to_dict()
    assert [c[:2] for c in result.runs.columns] == [c[:2] for c in whole.runs.columns]
    assert result.runs.columns == whole.runs.columns
    return True


# ---- Executors -----------------------------------------------------------------------------------------


def test_threads_of_an_executor(whole):
    with cf.ThreadPoolExecutor(3) as pool:
        assert same(rl.sweep(failover, GRID, **OPTIONS, executor=pool), whole)


def test_processes(whole, tmp_path):
    with cf.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert same(rl.sweep(failover, GRID, **OPTIONS, executor=pool), whole)
        stored = rl.sweep(failover, GRID, **OPTIONS, executor=pool, store=tmp_path / "s")
        assert same(stored, whole)


class Unreliable(cf.ThreadPoolExecutor):
    """Loses every third task that it is given."""

    def __init__(self):
        super().__init__(2)
        self.given = 0

    def submit(self, function, /, *args, **kwargs):
        self.given += 1
        if self.given % 3 == 0:
            future = cf.Future()
            future.set_exception(ConnectionError("the worker is gone"))
            return future
        return super().submit(function, *args, **kwargs)


def test_what_is_lost_is_played_again(whole):
    with Unreliable() as pool:
        assert same(rl.sweep(failover, GRID, **OPTIONS, executor=pool), whole)
    assert pool.given > 128


class Hopeless(cf.ThreadPoolExecutor):
    def submit(self, *_, **__):
        future = cf.Future()
        future.set_exception(ConnectionError("nobody is there"))
        return future


def test_what_is_lost_again_and_again_is_an_error():
    with Hopeless(2) as pool, pytest.raises(rl.RaftlabError, match="failed 4 times: ConnectionError"):
        rl.sweep(failover, GRID, **OPTIONS, executor=pool)


class Lame(cf.ThreadPoolExecutor):
    """One of its tasks never ends by itself."""

    def __init__(self):
        super().__init__(4)
        self.stuck, self.release = 0, threading.Event()

    def submit(self, function, /, *args, **kwargs):
        if not self.stuck:
            self.stuck += 1
            return super().submit(self.release.wait, 120)
        return super().submit(function, *args, **kwargs)


def test_a_straggler_is_overtaken(whole, monkeypatch):
    monkeypatch.setattr(executors, "LEAST_STRAGGLE_S", 0.2)
    pool = Lame()
    start = time.perf_counter()
    try:
        assert same(rl.sweep(failover, GRID, **OPTIONS, executor=pool), whole)
    finally:
        pool.release.set()
        pool.shutdown()
    assert time.perf_counter() - start < 60


def test_a_broken_pool_says_so(tmp_path, whole):
    # One process: a pool of more may start another while it breaks, and wait for it for ever (Python 3.11).
    pool = cf.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    os.kill(pool.submit(os.getpid).result(), signal.SIGKILL)
    with pytest.raises(rl.RaftlabError, match="Broken"):
        rl.sweep(failover, GRID, **OPTIONS, executor=pool, store=tmp_path)
    pool.shutdown()
    assert same(rl.sweep(failover, GRID, **OPTIONS, store=tmp_path), whole)


def test_another_version_elsewhere_is_an_error(monkeypatch):
    with cf.ThreadPoolExecutor(1) as pool:
        play = executors.play_chunk
        monkeypatch.setattr(executors, "play_chunk", lambda *args: play(*args[:4], "0.0.1"))
        with pytest.raises(rl.InvalidError, match=r"executor: a worker has raftlab .* of 0\.0\.1"):
            rl.sweep(failover, GRID, **OPTIONS, executor=pool)


@pytest.mark.parametrize("bad", [5, "dask", object()])
def test_what_is_no_executor(bad):
    with pytest.raises(rl.InvalidError, match="executor must be"):
        rl.sweep(failover, GRID, **OPTIONS, executor=bad)


@pytest.mark.filterwarnings("default")
def test_dask_with_a_worker_killed_half_way(whole, tmp_path):
    distributed = pytest.importorskip("distributed", reason="dask is not installed")
    command = [sys.executable, STORY, tmp_path / "store", "dask"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    lines = done.stdout.splitlines()
    assert lines[-1:] == ["2400 True"], done.stderr[-3000:]
    killed = next(line for line in lines if line.startswith("killed"))
    assert int(killed.split()[-1]) < 128, "it was killed after the end"
    assert distributed.__version__
    assert same(rl.sweep(failover, GRID, **OPTIONS, store=tmp_path / "store"), whole)


# ---- The store -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("luck", range(5))
def test_a_sweep_that_is_killed_goes_on_where_it_was(luck, whole, tmp_path):
    """Killed five times at random moments, then played to the end."""
    rolled = random.Random(luck)
    seen = []
    for _ in range(5):
        child = subprocess.Popen([sys.executable, STORY, tmp_path], stdout=subprocess.PIPE)
        assert child.stdout.readline() == b"on\n"
        time.sleep(rolled.uniform(0, 0.12))
        child.kill()
        child.wait()
        child.stdout.close()
        seen.append(len(list((tmp_path / "runs").glob("*.parquet"))) if (tmp_path / "runs").exists() else 0)
    assert seen == sorted(seen)
    assert same(rl.sweep(failover, GRID, **OPTIONS, store=tmp_path), whole)
    assert not list(tmp_path.rglob("*.unfinished"))


@pytest.mark.parametrize("left", [[], ["manifest.json.77.unfinished"]])
def test_a_sweep_that_is_killed_before_it_begins(left, whole, tmp_path):
    """All that the writing of the manifest can leave behind is no reason to stop."""
    for name in left:
        (tmp_path / name).write_text('{"raftlab sw')
    assert same(rl.sweep(failover, GRID, **OPTIONS, store=tmp_path), whole)
    assert not list(tmp_path.rglob("*.unfinished"))


def test_a_finished_store_is_only_read(whole, tmp_path):
    first = rl.sweep(failover, GRID, **OPTIONS, store=tmp_path)
    files = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    again = rl.sweep(failover, GRID, **OPTIONS, store=tmp_path)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == files
    assert same(first, whole)
    assert same(again, whole)
    assert again.replay(777).digest == whole.runs.to_list("digest")[777]


def test_a_store_is_a_dataset(whole, tmp_path):
    import polars as pl
    import pyarrow.dataset as ds

    rl.sweep(failover, GRID, **OPTIONS, store=tmp_path)
    assert ds.dataset(tmp_path / "runs").count_rows() == len(whole)
    assert len(pl.read_parquet(tmp_path / "runs" / "*.parquet")) == len(whole)


def test_rows_on_disk_are_not_read_before_they_are_needed(tmp_path, monkeypatch):
    result = rl.sweep(failover, GRID, **OPTIONS, store=tmp_path)
    monkeypatch.setattr(type(result.runs), "_load", lambda _: pytest.fail("it was read"))
    assert len(result) == 2400
    assert result.complete


def test_another_sweep_does_not_go_into_the_same_folder(tmp_path):
    def sweep(build=failover, grid=GRID, **changes):
        return rl.sweep(build, grid, **({"seeds": 20, "metrics": ["sent"], "store": tmp_path} | changes))

    sweep()
    for changes, named in [
        ({"seeds": 21}, r"how many seeds \(20 there, 21 here\)"),
        ({"seeds": range(5, 25)}, "which seeds"),
        ({"metrics": ["sent", "elections"]}, "metrics"),
        ({"checks": False}, "checks"),
        ({"series": "1s"}, "series_ms"),
        ({"grid": {"timeout": [50], "rule": ["paper"]}}, "the values of the grid"),
        ({"build": lambda timeout, rule: failover(timeout + 1, rule)}, "the scenarios"),
    ]:
        with pytest.raises(rl.InvalidError, match=rf"store: .* holds another sweep; what differs: .*{named}"):
            sweep(**changes)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"version": "0.0.1"}))
    with pytest.raises(rl.InvalidError, match=r"made by raftlab 0\.0\.1, and this is"):
        sweep()


@pytest.mark.parametrize("name", ["thesis.tex", "runs", "other.unfinished"])
def test_a_folder_of_something_else_is_left_alone(name, tmp_path):
    (tmp_path / name).write_text("three years of work")
    with pytest.raises(rl.InvalidError, match=r"store: .* is not empty and has no manifest"):
        rl.sweep(failover, GRID, **OPTIONS, store=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    (tmp_path / "file").write_text("")
    with pytest.raises(rl.InvalidError, match="store"):
        rl.sweep(failover, GRID, **OPTIONS, store=tmp_path / "file")


def test_a_file_that_rotted_is_named(tmp_path):
    rl.sweep(failover, GRID, **OPTIONS, store=tmp_path)
    victim = sorted((tmp_path / "runs").glob("*.parquet"))[3]
    victim.write_bytes(victim.read_bytes()[:100])
    result = rl.sweep(failover, GRID, **OPTIONS, store=tmp_path)
    with pytest.raises(rl.RaftlabError, match=victim.name):
        result.runs.to_dict()
    victim.unlink()
    assert len(rl.sweep(failover, GRID, **OPTIONS, store=tmp_path).runs.to_list("seed")) == 2400


def test_ctrl_c_keeps_the_chunks_that_are_done(tmp_path):
    def strike():
        while len(list(tmp_path.glob("runs/*.parquet"))) < 5:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=strike, daemon=True).start()
    with pytest.warns(UserWarning, match="interrupted"):
        part = rl.sweep(failover, GRID, seeds=20_000, store=tmp_path)
    assert 0 < len(part) < 80_000
    assert not part.complete
    assert len(part.runs.to_list("digest")) == len(part)
