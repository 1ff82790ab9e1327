"""Sweeps beyond one process: executors, lost workers, a store that outlives the process that fills it."""

import concurrent.futures as cf
import hashlib
import json
import multiprocessing
import os
import random
import runpy
import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import distributed
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import raftlab as rl
from interrupts import press
from raftlab.sweeps import chunks, executors
from raftlab.sweeps.checksums import Checksums
from raftlab.sweeps.fingerprint import fingerprint
from raftlab.sweeps.store import StoredTable

STORY = Path(__file__).with_name("stories") / "failover.py"
_story = runpy.run_path(str(STORY))
failover, GRID, OPTIONS = _story["failover"], _story["GRID"], _story["OPTIONS"]


@pytest.fixture(scope="module")
def whole():
    return rl.sweep(failover, GRID, **OPTIONS)


FEW = OPTIONS | {"seeds": 100}


@pytest.fixture(scope="module")
def few():
    return rl.sweep(failover, GRID, **FEW)


@pytest.fixture
def in_small_pieces(monkeypatch):
    """Chunks of a moment: what is over soon is many of them all the same."""
    monkeypatch.setattr(chunks, "ABOUT_S", 0.01)


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


@pytest.mark.usefixtures("in_small_pieces")
def test_what_is_lost_is_played_again(few):
    with Unreliable() as pool:
        assert same(rl.sweep(failover, GRID, **FEW, executor=pool), few)
    assert pool.given > 20


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
        self.stuck, self.release = None, threading.Event()

    def submit(self, function, /, *args, **kwargs):
        if self.stuck is None:
            self.stuck = super().submit(self.release.wait)
            return self.stuck
        return super().submit(function, *args, **kwargs)


def test_a_straggler_is_overtaken(whole, monkeypatch):
    monkeypatch.setattr(executors, "LEAST_STRAGGLE_S", 0.2)
    pool = Lame()
    try:
        assert same(rl.sweep(failover, GRID, **OPTIONS, executor=pool), whole)
        assert not pool.stuck.done(), "it was waited for"
    finally:
        pool.release.set()
        pool.shutdown()


def test_a_broken_pool_says_so(tmp_path, few):
    # One process: a pool of more may start another while it breaks, and wait for it forever (Python 3.11).
    pool = cf.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    with pytest.raises(cf.BrokenExecutor):
        pool.submit(os._exit, 1).result()
    with pytest.raises(rl.RaftlabError, match="Broken"):
        rl.sweep(failover, GRID, **FEW, executor=pool, store=tmp_path)
    pool.shutdown()
    assert same(rl.sweep(failover, GRID, **FEW, store=tmp_path), few)


class Breaks(cf.ThreadPoolExecutor):
    """A pool that breaks when it has done some work, for good."""

    def __init__(self):
        super().__init__(1)
        self.given = 0

    def submit(self, function, /, *args, **kwargs):
        self.given += 1
        if self.given <= 6:
            return super().submit(function, *args, **kwargs)
        future = cf.Future()
        future.set_exception(cf.BrokenExecutor("a child process terminated abruptly"))
        return future


@pytest.mark.usefixtures("in_small_pieces")
@pytest.mark.parametrize("stored", [False, True], ids=["memory", "store"])
def test_what_was_done_when_a_pool_broke_is_kept(few, tmp_path, stored):
    store = {"store": tmp_path} if stored else {}
    go_on = "the same call plays the others" if stored else "with store="
    said = (
        rf"ended early: executor: runs \d+ to \d+ failed: BrokenExecutor: .* are finished and kept; {go_on}"
    )
    with Breaks() as pool, pytest.warns(UserWarning, match=said):
        part = rl.sweep(failover, GRID, **FEW, executor=pool, **store)
    assert 0 < len(part) < 400
    assert not part.complete
    assert digests(part).items() <= digests(few).items()
    if stored:
        assert same(rl.sweep(failover, GRID, **FEW, store=tmp_path), few)


def digests(result):
    rows = result.runs.to_dict()
    return dict(
        zip(zip(rows["timeout"], rows["rule"], rows["seed"], strict=True), rows["digest"], strict=True)
    )


def test_a_dask_client_that_is_closed():
    client = distributed.Client(processes=False, n_workers=1, dashboard_address=None)
    client.close()
    with pytest.raises(rl.InvalidError, match="executor: the dask Client is closed"):
        rl.sweep(failover, GRID, **FEW, executor=client)


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
    command = [sys.executable, STORY, tmp_path / "store", "dask"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    lines = done.stdout.splitlines()
    assert lines[-1:] == ["2400 True"], done.stderr[-3000:]
    killed = next(line for line in lines if line.startswith("killed"))
    assert int(killed.split()[-1]) < 128, "it was killed after the end"
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


def test_what_a_sweep_says_at_its_end_is_read_file_by_file(tmp_path, monkeypatch):
    def late(run):
        return run.no_such_thing

    monkeypatch.setattr(StoredTable, "_load", lambda _: pytest.fail("all of it was read"))
    read, columns = Checksums.read, []

    def only(self, file, wanted=None):
        columns.append(wanted)
        return read(self, file, wanted)

    monkeypatch.setattr(Checksums, "read", only)
    with pytest.warns(rl.FaultWarning, match="never strikes"):
        scenario = rl.Scenario(3, faults=[rl.Crash("A", at=500)], stop=rl.leader_elected, horizon="100ms")
    with (
        pytest.warns(rl.MetricWarning, match="in all of 40 runs"),
        pytest.warns(rl.FaultWarning, match="40 of 40"),
    ):
        result = rl.sweep(scenario, seeds=40, metrics=["sent", late], store=tmp_path, progress=False)
    assert columns, "or nothing was read"
    assert all(wanted is not None and len(wanted) == 1 for wanted in columns)
    columns.clear()
    assert repr(result) == "<sweep: 40 runs, on disk and not read yet: summary() reads them>"
    assert not columns
    assert result.violating_seeds == []
    assert (len(result.errors), result.violations_by_property) == (40, {})
    monkeypatch.undo()
    assert len(result.runs.to_list("seed")) == 40
    assert "40 with a metric that failed" in repr(result), "once it was read"


def test_another_sweep_does_not_go_into_the_same_folder(tmp_path):
    def sweep(build=failover, grid=GRID, **changes):
        return rl.sweep(build, grid, **({"seeds": 20, "metrics": ["sent"], "store": tmp_path} | changes))

    sweep()
    for changes, named in [
        ({"seeds": 21}, r"the number of seeds \(20 there, 21 here\)"),
        ({"seeds": range(5, 25)}, "the seeds"),
        ({"metrics": ["sent", "elections"]}, "metrics"),
        ({"checks": False}, "checks"),
        ({"series": "1s"}, "series_ms"),
        ({"grid": {"timeout": [50], "rule": ["paper"]}}, "the values of the grid"),
        ({"build": lambda timeout, rule: failover(timeout + 1, rule)}, "the scenarios"),
    ]:
        with pytest.raises(
            rl.InvalidError, match=rf"store: .* holds another sweep; it differs in: .*{named}"
        ):
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


@pytest.mark.parametrize("folder", ["runs", "series"])
def test_a_file_that_rotted_is_named_and_its_runs_are_played_again(folder, few, tmp_path):
    result = rl.sweep(failover, GRID, **FEW, store=tmp_path)
    victim = max((tmp_path / folder).glob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:100])
    with pytest.raises(rl.RaftlabError, match=rf"{victim.name} cannot be read .*; play the sweep again"):
        getattr(result, folder).to_dict()
    with pytest.warns(UserWarning, match=rf"{victim.name} cannot be read .*; its runs are played again"):
        again = rl.sweep(failover, GRID, **FEW, store=tmp_path)
    assert same(again, few)


def test_a_flipped_bit_is_never_another_table(tmp_path):
    """Of 150 bits in one file 131 made another table before there were checksums."""
    result = rl.sweep(failover, GRID, **FEW, store=tmp_path)
    victim = max((tmp_path / "runs").glob("*.parquet"))
    whole = victim.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 150)):
        rotten = bytearray(whole)
        rotten[at] ^= 1 << at % 8
        victim.write_bytes(rotten)
        with pytest.raises(rl.RaftlabError, match=rf"{victim.name} cannot be read"):
            StoredTable("runs", [victim], result._plan, Checksums(tmp_path)).to_dict()
    with pytest.warns(UserWarning, match=rf"{victim.name} cannot be read .*; its runs are played again"):
        again = rl.sweep(failover, GRID, **FEW, store=tmp_path)
    assert again.runs.to_list("digest") == rl.sweep(failover, GRID, **FEW).runs.to_list("digest")


def test_the_checksums_of_a_store_are_those_of_sha256sum(tmp_path):
    rl.sweep(failover, GRID, **FEW, store=tmp_path)
    lines = (tmp_path / "SHA256SUMS").read_text().splitlines()
    written = {file.relative_to(tmp_path).as_posix(): file for file in tmp_path.glob("*/*.parquet")}
    assert {line[66:] for line in lines} >= set(written)
    for line in lines:
        if line[66:] in written:
            assert hashlib.sha256(written[line[66:]].read_bytes()).hexdigest() == line[:64]
    pages = pq.ParquetFile(max(written.values()), page_checksum_verification=True)
    assert pages.read().num_rows > 0


def test_two_threads_of_a_process_do_not_fill_one_store(tmp_path):
    began, over = threading.Event(), threading.Event()

    def hold_up(_):
        began.set()
        over.wait(60)

    options = {"seeds": 2000, "metrics": "sent", "store": tmp_path}
    scenario = failover(50, "paper")
    first = threading.Thread(target=lambda: rl.sweep(scenario, **options, progress=hold_up))
    first.start()
    try:
        assert began.wait(60)
        with pytest.raises(rl.InvalidError, match="being filled by another thread"):
            rl.sweep(scenario, **options)
        child = "import sys, pathlib, raftlab.sweeps.lock as lock; lock.Lock(pathlib.Path(sys.argv[1]))"
        other = subprocess.run(
            [sys.executable, "-c", child, tmp_path], capture_output=True, text=True, check=False
        )
        assert "being filled by another process" in other.stderr, "the refused thread let the lock go"
    finally:
        over.set()
        first.join()
    assert rl.sweep(scenario, **options).complete


def test_a_store_that_is_gone_is_named(tmp_path):
    result = rl.sweep(failover, GRID, **FEW, store=tmp_path / "s")
    shutil.rmtree(tmp_path / "s")
    assert len(result) == 400
    assert repr(result).startswith("<sweep: 400 runs, 4 points x 100 seeds, on disk and not read yet")
    for look in (lambda: result["seed"], lambda: result.violating_seeds, lambda: len(result.series)):
        with pytest.raises(rl.RaftlabError, match=r"store: .*\.parquet cannot be read"):
            look()


@pytest.mark.parametrize("wrong", [{"metrics": "zz"}, {"progress": 7}, {"threads": 0}, {"series": "1us"}])
def test_what_is_refused_leaves_no_trace_in_the_store(wrong, tmp_path):
    options = {"seeds": 5, "store": tmp_path / "s", "metrics": "sent"}
    scenario = failover(50, "paper")
    with pytest.raises(rl.InvalidError):
        rl.sweep(scenario, **(options | wrong))
    assert rl.sweep(scenario, **options).complete


@pytest.mark.parametrize("manifest", ["[]", "5", "{", "null"])
def test_a_manifest_that_is_none(manifest, tmp_path):
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(rl.InvalidError, match=r"store: .*manifest\.json"):
        rl.sweep(failover, GRID, **FEW, store=tmp_path)


def test_a_store_that_is_no_path():
    with pytest.raises(rl.InvalidError, match=r"store must be a path, .* not 5"):
        rl.sweep(failover, GRID, **FEW, store=5)


# ---- Chunks --------------------------------------------------------------------------------------------


def dealt(runs, rate, hands=1):
    """The sizes of chunks at a given number of runs a second."""
    deal = chunks.Deal([(0, runs)], 1, hands)
    sizes = []
    for first, last in deal:
        sizes.append(last - first)
        deal.took(last - first, (last - first) / rate)
    assert sum(sizes) == runs
    return sizes


def test_chunks_take_about_a_second():
    assert dealt(2_000, 1e5) == [1, 32, 1024, 943]
    assert dealt(1_000, 150) == [1, 32, *[150] * 6, 67]
    assert dealt(4, 0.1) == [1] * 4
    assert max(dealt(10**7, 1e6)) == chunks.MOST_ROWS
    slower = chunks.Deal([(0, 10**6)], 1)
    for _ in range(4):
        first, last = next(slower)
        slower.took(last - first, (last - first) / 1e5)
    slower.took(1000, 10)
    first, last = next(slower)
    assert last - first < 10_000, "what was measured last counts"


def test_chunks_become_small_where_several_must_end_together():
    sizes = dealt(10_000, 1e4, hands=4)
    assert sizes[-1] <= 500 < max(sizes)


def test_gaps_are_what_is_missing():
    assert chunks.gaps(10, []) == [(0, 10)]
    assert chunks.gaps(10, [(6, 10), (0, 2), (2, 3)]) == [(3, 6)]
    assert chunks.gaps(10, [(0, 10)]) == []


@pytest.mark.parametrize("luck", range(3))
def test_a_store_goes_on_whatever_its_chunks_were(luck, few, tmp_path, monkeypatch):
    """Files are lost and chunks are cut in other ways each time: the rows stay what they are."""
    from pyarrow import dataset

    rolled = random.Random(luck)
    for about_s in (0.1, 0.003, 0.02):
        monkeypatch.setattr(chunks, "ABOUT_S", about_s)
        assert same(rl.sweep(failover, GRID, **FEW, store=tmp_path), few)
        files = sorted(tmp_path.glob("runs/*.parquet"))
        for victim in rolled.sample(files, len(files) // 2):
            victim.unlink()  # but not the file of the series beside it
    assert same(rl.sweep(failover, GRID, **FEW, store=tmp_path, threads=1), few)
    assert len(set(dataset.dataset(tmp_path / "runs").to_table()["digest"].to_pylist())) == 400
    assert dataset.dataset(tmp_path / "series").count_rows() == len(few.series)


def test_runs_that_are_there_twice_count_once(few, tmp_path):
    rl.sweep(failover, GRID, **FEW, store=tmp_path)
    for folder in ("runs", "series"):
        first, second, *_ = sorted((tmp_path / folder).glob("*.parquet"))
        end = second.stem.partition("-")[2]
        table = pa.parquet.read_table(second)
        pa.parquet.write_table(table, second.with_name(f"{first.stem.partition('-')[2]}-{end}.parquet"))
        both = pa.concat_tables([pa.parquet.read_table(first), table])
        pa.parquet.write_table(both, first.with_name(f"{first.stem.partition('-')[0]}-{end}.parquet"))
    next(tmp_path.rglob("SHA256SUMS")).unlink()  # as a store has it that others put together
    assert same(rl.sweep(failover, GRID, **FEW, store=tmp_path), few)


@pytest.mark.skipif(sys.platform == "win32", reason="the lock is POSIX's")
def test_two_processes_do_not_fill_one_store(few, tmp_path):
    story = (
        "import sys, pathlib, raftlab.sweeps.lock as lock\n"
        "held = lock.locked(pathlib.Path(sys.argv[1]))\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", story, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(rl.InvalidError, match="is being filled by another process"):
            rl.sweep(failover, GRID, **FEW, store=tmp_path)
        other.kill()
    assert same(rl.sweep(failover, GRID, **FEW, store=tmp_path), few)


@pytest.mark.usefixtures("in_small_pieces")
@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "pool"])
def test_a_progress_that_fails_loses_nothing(few, tmp_path, elsewhere):
    def progress(done):
        if done > 100:
            raise ValueError("no more paper")

    options = FEW | {"progress": progress, "store": tmp_path}
    with cf.ThreadPoolExecutor(2) as pool, pytest.warns(UserWarning, match="ValueError: no more paper: "):
        part = rl.sweep(failover, GRID, **options, executor=pool if elsewhere else None)
    assert 0 < len(part) < 400
    assert same(rl.sweep(failover, GRID, **FEW, store=tmp_path), few)


# ---- Functions as metrics ------------------------------------------------------------------------------

LATE = "def late(run, *, by=5):\n    'Whether it is late.'\n    return far(run) + by in {'a', 'b', 3}\n"
FAR = "def far(run):\n    return run.now_ms > LIMIT\n"


def late(text=LATE, far=FAR, limit=100):
    """A function as a cell of a notebook defines it."""
    cell = {"__name__": "a_notebook", "LIMIT": limit}
    exec(far + text, cell)
    return cell["late"]


def test_fingerprints_tell_what_a_function_does():
    same = {fingerprint(late()), fingerprint(late("# a comment\n\n" + LATE))}
    assert len(same) == 1
    others = [
        late(LATE.replace("+ by", "- by")),
        late(LATE.replace("by=5", "by=6")),
        late(LATE.replace("'b'", "'c'")),
        late(far=FAR.replace(">", "<")),
        late(limit=101),
    ]
    assert len(same | {fingerprint(other) for other in others}) == 6
    story = (
        f"from raftlab.sweeps.fingerprint import fingerprint; exec({FAR + LATE!r}); print(fingerprint(late))"
    )
    there = {
        subprocess.check_output([sys.executable, "-c", story], env=os.environ | {"PYTHONHASHSEED": seed})
        for seed in "123"
    }
    assert len(there) == 1


def test_fingerprints_of_what_is_called_like_a_function():
    class Later:
        def __init__(self, by):
            self.by = by

        def __call__(self, run):
            return run.now_ms > self.by

    def recursive(run):
        return recursive(run)

    assert fingerprint(Later(5)) == fingerprint(Later(5)) != fingerprint(Later(6))
    assert fingerprint(partial(late(), by=1)) == fingerprint(partial(late(), by=1))
    assert fingerprint(partial(late(), by=1)) != fingerprint(partial(late(), by=2))
    assert fingerprint(recursive) == fingerprint(recursive)


def test_another_function_of_the_same_name_is_another_sweep(tmp_path):
    def sweep(far):
        return rl.sweep(
            rl.Scenario(3, horizon="1s"), seeds=5, metrics=["sent", late(far=far)], store=tmp_path
        )

    assert sweep(FAR).complete
    assert sweep(FAR).complete
    with pytest.raises(rl.InvalidError, match="it differs in: the metric late"):
        sweep(FAR.replace(">", "<"))


@pytest.mark.parametrize("stored", [False, True], ids=["memory", "store"])
def test_a_metric_is_of_one_type_whatever_the_chunks(stored, tmp_path, monkeypatch):
    def uneven(run):
        return [None, 1, 2.5, None][run.seed // 16 % 4]

    def word(run):
        if run.seed == 50:
            raise ValueError("no")
        return "late" if run.seed > 60 else None

    monkeypatch.setattr(chunks, "GROWTH", 2)
    monkeypatch.setattr(chunks, "MOST_ROWS", 8)
    store = {"store": tmp_path} if stored else {}
    result = rl.sweep(
        rl.Scenario(3, horizon="1s"), seeds=64, metrics=["sent", uneven, word], threads=1, **store
    )
    assert result.runs.to_list("uneven") == [None] * 16 + [1.0] * 16 + [2.5] * 16 + [None] * 16
    assert result.runs.to_list("word") == [None] * 61 + ["late"] * 3
    assert {name: kind for name, kind, *_ in result.runs.columns}["uneven"] == "float64"
    assert [row for row, _ in result.errors] == [50]


# ---- Ctrl-C --------------------------------------------------------------------------------------------


def test_ctrl_c_keeps_what_is_finished_of_a_chunk(few, tmp_path, monkeypatch):
    """Also if all runs are one chunk."""
    monkeypatch.setattr(chunks, "GROWTH", 10**9)
    monkeypatch.setattr(chunks, "ABOUT_S", 10**9)

    def progress(done):
        if done > 50:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted"):
        part = rl.sweep(failover, GRID, **FEW | {"progress": progress}, store=tmp_path)
    assert 30 < len(part) < 400
    assert digests(part).items() <= digests(few).items()
    files = {file.name for file in tmp_path.glob("runs/*.parquet")}
    assert files == {file.name for file in tmp_path.glob("series/*.parquet")}
    assert same(rl.sweep(failover, GRID, **FEW, store=tmp_path), few)


@pytest.mark.parametrize("stored", [False, True], ids=["memory", "store"])
def test_ctrl_c_before_the_first_run_ends(stored, tmp_path):
    def progress(_):
        raise KeyboardInterrupt

    store = {"store": tmp_path} if stored else {}
    with pytest.warns(UserWarning, match="0 of 3 runs are finished"):
        none = rl.sweep(rl.Scenario(5, horizon="2000h"), seeds=3, progress=progress, series="1h", **store)
    assert (len(none), len(none.series)) == (0, 0)
    assert none.runs.to_list("seed") == []


def test_ctrl_c_keeps_the_chunks_that_are_done(tmp_path):
    def strike():
        while len(list(tmp_path.glob("runs/*.parquet"))) < 5:
            time.sleep(0.005)
        press()

    threading.Thread(target=strike, daemon=True).start()
    with pytest.warns(UserWarning, match="interrupted"):
        part = rl.sweep(failover, GRID, seeds=20_000, store=tmp_path)
    assert 0 < len(part) < 80_000
    assert not part.complete
    assert len(part.runs.to_list("digest")) == len(part)
