"""Seeds of one's choice, scenarios drawn from the seed, grids over places, selections, and saved sweeps."""

import math
import warnings
from datetime import timedelta

import numpy as np
import pytest
import raftlab as rl
from raftlab.statistics import Sample
from raftlab.sweeps import Sweep
from raftlab.sweeps.observed import groups
from raftlab.tables import Table

LOSSY = rl.Scenario(
    3,
    network=rl.Network(loss=0),
    faults=[rl.Crash("leader", at=500)],
    stop=rl.leader_elected,
    horizon="5s",
)


def play(build, grid=None, **options):
    return rl.sweep(build, grid, progress=False, **options)


def digests(result):
    """The digest of every run, by its point and seed."""
    rows = result.runs.to_dict()
    names = (*result.parameters, "seed")
    return dict(zip(zip(*(rows[name] for name in names), strict=True), rows["digest"], strict=True))


def test_seeds_of_ones_choice_play_the_same_runs():
    every = digests(play(LOSSY, {"network.loss": [0, 0.2]}, seeds=range(3, 30)))
    some = play(LOSSY, {"network.loss": [0, 0.2]}, seeds=[29, 3, 7])
    assert some.runs.to_list("seed") == [29, 3, 7, 29, 3, 7]
    assert digests(some).items() <= every.items()
    assert [some.replay(row).digest for row in range(6)] == some.runs.to_list("digest")
    assert digests(play(LOSSY, {"network.loss": [0, 0.2]}, seeds=range(29, 2, -13))).items() <= every.items()


def violating(nodes):
    """A scenario with a bug that some runs show."""
    nemesis = rl.Crash("a node", at=rl.uniform(0, 300), every=rl.uniform(100, 400), duration=50)
    return rl.Scenario(nodes, bugs=["vote_not_persisted"], faults=[nemesis], horizon="20s")


def test_the_violating_seeds_of_a_sweep_are_seeds_of_the_next():
    nemesis = rl.Crash(
        "a node", at=rl.uniform(0, 300), every=rl.uniform(100, 400), duration=50, unsynced="tear"
    )
    broken = rl.Scenario(3, bugs=["vote_not_persisted"], faults=[nemesis], horizon="20s")
    found = play(broken, seeds=400)
    assert found.violating_seeds
    again = play(broken, seeds=found.violating_seeds)
    assert again.violating_seeds == found.violating_seeds
    assert digests(again).items() <= digests(found).items()


def test_a_seed_that_violates_at_two_points_is_there_once():
    found = play(violating, {"nodes": [3, 5]}, seeds=400)
    rows = found.runs.to_dict()
    broken = [seed for seed, count in zip(rows["seed"], rows["violations"], strict=True) if count]
    assert len(set(broken)) < len(broken), "or the test shows nothing"
    assert found.violating_seeds == list(dict.fromkeys(broken))
    assert f"800 runs, 2 points x 400 seeds, {len(broken)} with violations" in repr(found)
    assert found.upper_bound == rl.statistics.upper_bound(len(set(broken)), 400)
    again = play(violating, {"nodes": [3, 5]}, seeds=found.violating_seeds)
    assert again.violating_seeds == found.violating_seeds


def test_seeds_of_ones_choice_over_executors_and_stores(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    plain = digests(play(LOSSY, {"network.loss": [0, 0.2]}, seeds=[5, 1, 9]))
    with ThreadPoolExecutor(2) as pool:
        assert digests(play(LOSSY, {"network.loss": [0, 0.2]}, seeds=[5, 1, 9], executor=pool)) == plain
    stored = play(LOSSY, {"network.loss": [0, 0.2]}, seeds=[5, 1, 9], store=tmp_path)
    assert digests(stored) == plain
    assert digests(play(LOSSY, {"network.loss": [0, 0.2]}, seeds=[5, 1, 9], store=tmp_path)) == plain
    with pytest.raises(rl.InvalidError, match="the seeds"):
        play(LOSSY, {"network.loss": [0, 0.2]}, seeds=[5, 1, 8], store=tmp_path)


def drawn(nodes, seed):
    """A crash at a time that is drawn from the seed."""
    at = float(np.random.default_rng(seed).integers(1, 1000))
    return rl.Scenario(nodes, faults=[rl.Crash("A", at=at)], horizon="2s")


def test_a_function_that_asks_for_the_seed_draws_a_scenario_a_run(tmp_path):
    result = play(drawn, {"nodes": [3, 5]}, seeds=[4, 2, 8])
    for row, (nodes, seed) in enumerate([(3, 4), (3, 2), (3, 8), (5, 4), (5, 2), (5, 8)]):
        assert result.scenario(row) == drawn(nodes, seed)
        assert result["digest"][row] == drawn(nodes, seed).run(seed=seed).digest == result.replay(row).digest
    part = result.where(nodes=5)
    assert part.replay(1).digest == result["digest"][4]
    assert digests(play(drawn, {"nodes": [3, 5]}, seeds=[4, 2, 8], store=tmp_path)) == digests(result)
    with pytest.raises(rl.InvalidError, match="common_random_numbers=False: build takes the seed"):
        play(drawn, {"nodes": [3]}, seeds=3, common_random_numbers=False)


def test_a_grid_over_places_is_a_function_of_parameters():
    def build(loss, at):
        return LOSSY.replace(network=rl.Network(loss=loss), faults=[rl.Crash("leader", at=at)])

    written = play(LOSSY, {"network.loss": [0, 0.1], "faults.0.at": [500, "0.7s", rl.uniform(1, 5)]}, seeds=3)
    meant = play(build, {"loss": [0, 0.1], "at": [500, "0.7s", rl.uniform(1, 5)]}, seeds=3)
    assert written.parameters == ("network.loss", "faults.0.at")
    assert written.runs.to_list("digest") == meant.runs.to_list("digest")
    assert written.scenarios == meant.scenarios


ARGUMENTS = {
    "nodes": [2, np.int64(5), ["X", "Y"]],
    "election_timeout": [200, "0.1s", timedelta(seconds=1), (50, 100), np.array([50, 90]), rl.uniform(1, 2)],
    "candidate_timeout": [["50ms", timedelta(seconds=1)], None],
    "election_rule": ["pre_vote", "paper"],
    "heartbeat": ["20ms", np.float32(30)],
    "pre_vote": [True, np.bool_(False)],
    "max_inflight": np.arange(1, 3),
    "snapshot_every": [None, 10],
    "adaptive_timeout": [True, False],
    "bugs": [["vote_not_persisted"], "quorum_off_by_one", ()],
    "network": [rl.uniform(1, 2), "3ms", 4, rl.Network(loss=0.1)],
    "disk": [rl.uniform(1, 2), np.float64(1)],
    "workload": [rl.OpenLoop("50ms"), [rl.OpenLoop("20ms"), rl.ClosedLoop(2)], []],
    "faults": [[rl.Crash("A", at="0.7s")], []],
    "steps": [[rl.steps.run("1s")], []],
    "stop": [None, rl.down(1)],
    "horizon": [np.int16(900), "7s"],
    "preset": [rl.presets.etcd, rl.presets.consul],
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_place_without_a_dot_is_an_argument_of_replace(name):
    def plain(value):
        return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value

    with warnings.catch_warnings(action="ignore", category=rl.FaultWarning):
        played = play(LOSSY, {name: ARGUMENTS[name]}, seeds=1, metrics="sent")
        assert played.scenarios == tuple(LOSSY.replace(**{name: plain(value)}) for value in ARGUMENTS[name])


def test_places_take_times_and_numbers_of_numpy_at_any_depth():
    latency = {"distribution": "uniform", "low": "1ms", "high": timedelta(milliseconds=2)}
    crash = {"fault": {"fault": "crash", "node": "A"}, "at": "0.7s"}
    for place, value, same in (
        ("network.latency", latency, {"network": rl.Network(rl.uniform(1, 2), loss=0)}),
        ("network.latency", {**latency, "low": np.float64(1)}, {"network": rl.Network(rl.uniform(1, 2))}),
        ("faults", [crash], {"faults": [rl.Crash("A", at=700)]}),
        ("faults.0", crash, {"faults": [rl.Crash("A", at=700)]}),
        ("faults.0.at", np.int32(700), {"faults": [rl.Crash("leader", at=700)]}),
    ):
        assert play(LOSSY, {place: [value]}, seeds=1).scenarios == (LOSSY.replace(**same),), place
    candidates = LOSSY.replace(candidate_timeout=(10, 20))
    for given in ("30ms", np.float64(30), timedelta(milliseconds=30)):
        low = play(candidates, {"candidate_timeout.1": [given]}, seeds=1)
        assert low.scenarios == (LOSSY.replace(candidate_timeout=(10, 30)),)
    both = play(LOSSY, {"network": ["3ms", rl.Network(5)], "network.loss": [0.5]}, seeds=1)
    assert both.scenarios == tuple(LOSSY.replace(network=rl.Network(ms, loss=0.5)) for ms in (3, 5))


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({"network.lss": [0.1]}, ["'network.lss' = 0.1", "unknown field `lss`", "`loss`"]),
        ({"network.loss": [2]}, ["'network.loss' = 2", "loss"]),
        ({"nodes.9.x": [1]}, ["no place 'nodes.9.x'"]),
        ({"network.loss": [object()]}, ["cannot be a value in a scenario"]),
        ({"network": [object()]}, ["'network' = <object", "latency"]),
        ({"nodes": [0]}, ["'nodes' = 0", "nodes must be between 1"]),
        ({"hearbeat": [20]}, ["'hearbeat' = 20", "unknown field `hearbeat`"]),
    ],
)
def test_places_that_are_not_there(grid, words):
    with pytest.raises(rl.InvalidError) as error:
        play(LOSSY, grid, seeds=2)
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.parametrize(
    "seeds", [[], "12", b"12", {1: 2}, [1, 1], [-1], [0.5], [True], 0, range(0), None, [2**64]]
)
def test_seeds_that_are_none(seeds):
    with pytest.raises(rl.InvalidError, match="seed"):
        play(LOSSY, seeds=seeds)


@pytest.mark.parametrize(
    "seeds", [np.array([3, 1]), np.array([7]), np.arange(2, dtype=np.uint64), np.array(2), np.int64(2)]
)
def test_seeds_of_numpy(seeds):
    meant = list(range(int(seeds))) if seeds.ndim == 0 else seeds.tolist()
    assert play(LOSSY, seeds=seeds).runs.to_list("seed") == meant


@pytest.mark.parametrize("seeds", [np.array([[1, 2]]), np.array(0.5), np.array([0.5]), np.array([1, 1])])
def test_arrays_that_are_no_seeds(seeds):
    with pytest.raises(rl.InvalidError, match="seeds"):
        play(LOSSY, seeds=seeds)


def test_the_last_seed_is_the_same_however_seeds_are_given():
    last = 2**64 - 2
    for seeds in ([last], range(last, last + 1), range(last, last - 1, -1), np.array([last], np.uint64)):
        result = play(LOSSY, seeds=seeds)
        assert result.replay(0).seed == result.runs.to_list("seed")[0] == last
    for seeds in ([last + 1], range(last + 1, last + 2), range(last + 1, last, -1), range(last, last + 2)):
        with pytest.raises(rl.InvalidError, match=r"seed.* 2\^64 - [12]\b"):
            play(LOSSY, seeds=seeds)


@pytest.fixture(scope="module")
def grid():
    def build(loss, name):
        assert name in "ab"
        return rl.Scenario(3, network=rl.Network(loss=loss), horizon="1s")

    return play(build, {"loss": 0.05 * np.arange(7), "name": ["a", "b"]}, seeds=2)


def test_selections_tolerate_floating_point_and_take_lists(grid):
    assert 0.15 not in 0.05 * np.arange(7), "which is why it takes tolerance"
    assert len(grid.where(loss=0.15)) == 4
    assert len(grid.where(loss=[0.15, 0.3], name="b")) == 4
    assert len(grid.where(loss=np.array([0.05, 0.1]))) == 8
    assert grid.where(loss=0.15, name=["b"]).points == ({"loss": pytest.approx(0.15), "name": "b"},)
    for wrong in (0.1501, [0.17], [], "x"):
        with pytest.raises(rl.InvalidError, match="no point of the grid"):
            grid.where(loss=wrong)


def test_numbers_that_are_close_but_both_in_the_grid_are_told_apart():
    def build(x):
        return rl.Scenario(3, horizon=1000 * x)

    close = play(build, {"x": [1.0, math.nextafter(1.0, 2)]}, seeds=2)
    assert close.where(x=1.0).points == ({"x": 1.0},)


def test_a_saved_sweep_is_the_same_sweep(tmp_path):
    def leaders(run):
        return len(run.leaders)

    result = play(drawn, {"nodes": [3, 5]}, seeds=[4, 2], metrics=["downtime_ms", leaders], series="500ms")
    result.save(tmp_path / "x.sweep")
    again = rl.Sweep.load(tmp_path / "x.sweep")
    assert again.runs.to_dict() == result.runs.to_dict()
    assert again.series.to_dict() == result.series.to_dict()
    assert (again.points, again.complete, repr(again)) == (result.points, True, repr(result))
    assert again.replay(3).digest == result["digest"][3]
    assert again.summary().fillna(-1).equals(result.summary().fillna(-1))


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive"])
def test_what_is_no_saved_sweep_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(rl.InvalidError, match="not a sweep saved by raftlab"):
        rl.Sweep.load(tmp_path / "x")
    with pytest.raises(rl.InvalidError, match="cannot be read"):
        rl.Sweep.load(tmp_path / "nothing")
    with pytest.raises(rl.InvalidError, match="cannot be written"):
        play(LOSSY, seeds=1).save(tmp_path / "no" / "folder")


def test_a_saved_sweep_that_was_cut_short_is_refused(tmp_path):
    play(LOSSY, seeds=3).save(tmp_path / "x")
    whole = (tmp_path / "x").read_bytes()
    assert len(whole) > 1000
    for size in range(0, len(whole), 97):
        (tmp_path / "x").write_bytes(whole[:size])
        with pytest.raises(rl.InvalidError):
            rl.Sweep.load(tmp_path / "x")


def test_a_metric_that_always_fails_warns():
    def wrong(run):
        return run.frobnicate

    def sometimes(run):
        return 1 if run.seed else run.frobnicate

    with pytest.warns(rl.MetricWarning, match="metric wrong: .*frobnicate.*all of 3 runs"):
        play(LOSSY, seeds=3, metrics=wrong)
    assert len(play(LOSSY, seeds=3, metrics=sometimes).errors) == 1


def test_a_sweep_shows_a_row_a_point():
    result = play(LOSSY, {"network.loss": [0, 0.2]}, seeds=40)
    lines = repr(result).splitlines()
    medians = result.summary(metrics="downtime_ms").reset_index()
    assert lines[0].startswith("<sweep: 80 runs, 2 points x 40 seeds, no violation")
    assert lines[1].split() == ["network.loss", "downtime_ms:", "median", "(95", "%)", "violating", "seeds"]
    for line, (_, row) in zip(lines[2:4], medians.iterrows(), strict=True):
        interval = f"{row.p50:.4g} ({row.p50_low:.4g} to {row.p50_high:.4g})"
        assert line.split("   ")[-1].strip() == "none"
        assert interval in line
    assert lines[4] == "one of the runs again: result.replay(0)"
    html = result._repr_html_()
    assert html.count("<tr>") == 3
    assert "<script" not in html


def test_a_sweep_names_violating_seeds_and_replays_one():
    result = play(violating, {"nodes": [3]}, seeds=400)
    first = result.violating_seeds[0]
    assert f"{len(result.violating_seeds)}: {first}" in repr(result)
    assert f"result.replay({result.runs.to_list('seed').index(first)})" in repr(result)


def test_a_comparison_says_what_is_subtracted():
    both = play(LOSSY, {"network.loss": [0, 0.2]}, seeds=40)
    found = rl.compare(both.where(**{"network.loss": 0}), both.where(**{"network.loss": 0.2}), "downtime_ms")
    assert found.what == "network.loss 0.2 − 0"
    assert "network.loss 0.2 − 0 = " in repr(found)
    assert "network.loss 0.2 − 0" in found._repr_html_()
    a, b = play(LOSSY, seeds=20), play(LOSSY.replace(pre_vote=True), seeds=20)
    assert rl.compare(a, b, "downtime_ms").what == "b − a"


def test_a_comparison_names_its_sides_by_their_values():
    both = play(LOSSY, {"network.loss": [0, 0.2]}, seeds=40)
    right = "raftlab.compare(result.where(**{'network.loss': 0}), result.where(**{'network.loss': 0.2}), "
    with pytest.raises(rl.InvalidError) as caught:
        rl.compare(both, "network.loss", "downtime_ms")
    assert right + "'downtime_ms')" in str(caught.value)
    found = eval(str(caught.value).rpartition("write ")[2], {"raftlab": rl, "result": both})
    assert (found.name_a, found.name_b) == ("network.loss 0", "network.loss 0.2")
    html = found._repr_html_()
    assert "<td>mean, network.loss 0</td>" in html
    assert "<td>network.loss 0.2 is greater</td>" in html
    assert "<td>a</td>" not in html


def test_an_overview_shows_how_many_runs_a_median_is_of():
    """The leader is lost in some runs only: the median is that of those."""
    crash = rl.Crash("A", at="500ms")
    result = play(rl.Scenario(3, faults=[crash], horizon="2s"), seeds=60, metrics="downtime_ms")
    some = int(np.isfinite(result["downtime_ms"]).sum())
    assert 0 < some < 60
    assert f"), {some} of 60 runs" in repr(result)
    assert f"), {some} of 60 runs" in result._repr_html_()
    always = play(rl.Scenario(3, stop=rl.leader_elected), seeds=60, metrics="time_to_leader_ms")
    assert "of 60 runs" not in repr(always)


def test_histograms_of_prometheus_are_samples():
    sample = rl.empirical(buckets={"0.005s": 900, "0.01s": 990, "+Inf": 1000})
    told = sample.to_dict()
    values, weights = np.array(told["values"]), np.array(told["weights"])
    assert weights.sum() == pytest.approx(1000)
    assert weights[values <= 5].sum() == pytest.approx(900)
    assert weights[values > 5].sum() == pytest.approx(100)
    assert values.max() == 10
    middle = np.average(values[values <= 5], weights=weights[values <= 5])
    assert middle == pytest.approx(2.5), "spread evenly within the bucket"
    assert rl.empirical([1, 2], weights=[3, 1]) == rl.empirical({1: 3, 2: 1})


@pytest.mark.parametrize(
    ("give", "words"),
    [
        (lambda: rl.empirical(), ["values", "buckets="]),
        (lambda: rl.empirical([1], weights=[1, 2]), ["weights", "1", "2"]),
        (lambda: rl.empirical([1], buckets={1: 1}), ["buckets"]),
        (lambda: rl.empirical(buckets={}), ["buckets", "{}"]),
        (lambda: rl.empirical(buckets={"+Inf": 5}), ["finite"]),
        (lambda: rl.empirical(buckets={1: 5, 2: 4}), ["cumulative", "5", "4"]),
        (lambda: rl.empirical(buckets={1: -1}), ["count", "-1"]),
        (lambda: rl.empirical(buckets={"x": 1}), ["upper bound", "'x'"]),
        (lambda: rl.empirical({1: 2}, weights=[1]), ["weights", "mapping"]),
    ],
)
def test_samples_that_make_no_sense(give, words):
    with pytest.raises(rl.InvalidError) as error:
        give()
    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_sweep_shows_its_first_points_and_computes_no_others(monkeypatch):
    result = play(LOSSY, {"network.loss": [0, 0.1], "horizon": range(5_000, 5_040)}, seeds=2)
    asked = []
    estimate = Sample.estimate
    monkeypatch.setattr(Sample, "estimate", lambda *a, **k: asked.append(1) or estimate(*a, **k))
    assert "  and 60 more points: summary()" in repr(result).splitlines()
    assert len(asked) == 20


@pytest.mark.parametrize("by", [None, [], "x", "name", ["name", "x"]])
def test_groups_are_the_rows_of_each_point(by):
    values = {"x": [2.0, math.nan, 1.0, 0.0], "name": ["b", "a"]}
    whole = play(lambda x, name: rl.Scenario(3, horizon=100 + len(f"{x}{name}")), values, seeds=3)
    for result in (whole, Sweep(whole._plan, Table(whole.runs._core.slice(4, 11)), None)):
        names = list(values) if by is None else [by] if isinstance(by, str) else by
        columns = [result.runs.to_list(name) for name in names]
        found = groups(result, by)
        assert sum(len(rows) for _, rows in found) == len(result)
        for point, rows in found:
            cells = tuple(map(str, point.values()))
            assert [row for row in range(len(result)) if tuple(str(c[row]) for c in columns) == cells] == [
                *rows
            ]


def test_points_without_a_run_are_said_to_have_none():
    whole = play(LOSSY, {"network.loss": [0, 0.2]}, seeds=10)
    part = Sweep(whole._plan, Table(whole.runs._core.slice(0, 5)), None)
    assert [line.split("   ")[-1].strip() for line in repr(part).splitlines()[2:4]] == ["none", "no runs"]
    failed = whole.runs._core
    for name, cells in (("ending", ["stop", None]), ("error", [None, "it failed"])):
        failed = failed.with_column(name, [cell for cell in cells for _ in range(10)], "", "")
    some = Sweep(whole._plan, Table(failed), None)
    assert [line.split("   ")[-1].strip() for line in repr(some).splitlines()[2:4]] == ["none", "no runs"]
    assert ", 10 failed, no violation; P(violation)" in repr(some)
    for name, cell in (("ending", None), ("error", "it failed")):
        failed = failed.with_column(name, [cell] * 20, "", "")
    none = Sweep(whole._plan, Table(failed), None)
    assert repr(none).splitlines()[0] == ("<sweep: 20 runs, 2 points x 10 seeds, 20 failed, no run to judge>")


def test_a_value_in_a_list_that_the_grid_does_not_have_is_named(grid):
    for given in ([0.15, 0.17], np.array([0.15, 0.17]), (0.17, 0.15), iter([0.15, 0.17])):
        with pytest.raises(rl.InvalidError, match=r"no point of the grid has loss=.*0\.17.*; it has .*0\.05"):
            grid.where(loss=given)
    with pytest.raises(rl.InvalidError, match=r"name='c'; it has 'a', 'b'"):
        grid.where(name={"a", "c"})
    many = play(lambda x: rl.Scenario(3, horizon=1000 + x), {"x": range(12)}, seeds=1)
    with pytest.raises(rl.InvalidError, match=r"x=99; it has 0, 1, .*, 9 and 2 more$"):
        many.where(x=[3, 99])


def test_tolerance_is_that_of_floating_point():
    xs = [100 * (1 + 2**-51), 100.0, 10_000.00001, 10_000.00002]
    close = play(lambda x: rl.Scenario(3, horizon=100 + xs.index(x)), {"x": xs}, seeds=2)
    for row in range(8):
        cells = {name: close[name][row] for name in ("x", "seed")}
        horizons = {close.scenario(row).horizon, close.scenario(cells).horizon, 100 + row // 2}
        assert horizons == {close.where(x=cells["x"]).scenario(0).horizon}
    with pytest.raises(rl.InvalidError, match="no point"):
        close.where(x=10_000.000_010_1)
    big = play(lambda x: rl.Scenario(3, horizon=100 + x % 2), {"x": [2**60, 2**60 + 1]}, seeds=1)
    assert big.where(x=2**60 + 1).points == ({"x": 2**60 + 1},)
    with pytest.raises(rl.InvalidError, match="no point"):
        big.where(x=2**60 + 2)


VALUES = {
    "at": [500, "0.7s", rl.uniform(1, 5), 3 * 0.05, None, math.nan],
    "network": [rl.Network(rl.uniform(1, 2)), rl.Network("3ms")],
    "timeout": [(50, 100), (100, 200)],
    "flag": [True, np.bool_(False)],
}


@pytest.mark.parametrize("name", VALUES)
def test_a_loaded_sweep_takes_the_values_of_the_grid(name, tmp_path):
    values = VALUES[name]
    result = play(lambda **x: rl.Scenario(3, horizon=100 + len(str(x))), {name: values}, seeds=2)
    result.save(tmp_path / "x")
    for of in (result, rl.Sweep.load(tmp_path / "x")):
        for at, value in enumerate(values):
            part = of.where(**{name: [value]})
            assert part["digest"].tolist() == result["digest"][2 * at : 2 * at + 2].tolist()
            assert len(of.where(**{name: str(value)})) == 2
            assert of.scenario({name: value, "seed": 1}) == result.scenario(2 * at + 1)
        assert len(of.where(**{name: values})) == len(of)
        if name == "at":
            assert len(of.where(at=[0.15, 500.0])) == 4
