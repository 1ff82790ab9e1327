"""Sweeps: rows are what the runs were, however they are dealt out."""

import itertools
import math
import pickle
import random
import sys

import numpy as np
import pytest
import raftlab as rl
from raftlab import _core
from raftlab._progress import Progress
from raftlab.sweeps.plan import Part, Plan

GRID = {"timeout": [50, 150], "loss": [0, 0.05], "rule": ["paper", "pre_vote"]}


def failover(timeout=150, loss=0.0, rule="paper"):
    return rl.Scenario(
        5,
        election_timeout=(timeout, 2 * timeout),
        network=rl.Network(latency=rl.uniform(1, 5), loss=loss, duplicate=loss),
        pre_vote=rule == "pre_vote",
        workload=rl.OpenLoop("20ms"),
        faults=[rl.Crash("leader", at=rl.uniform(1000, 1150), duration="300ms")],
        horizon="2.5s",
    )


def rough(**settings):
    """Everything at once: partitions, crashes, pauses, loss."""
    return rl.Scenario(
        5,
        network=rl.Network(latency=rl.lognormal(5, 0.5), loss=0.02, duplicate=0.02),
        disk=rl.Disk(fsync="1ms"),
        workload=[rl.OpenLoop("15ms"), rl.ClosedLoop(3, reads=0.5, via="read_index")],
        faults=[
            rl.Partition("a minority", at=400, every=900, duration=400),
            rl.Crash("a follower", at=700, every=1100, duration=500),
            rl.Pause("leader", at=900, every=1500, duration=300),
        ],
        horizon="6s",
        **settings,
    )


def frame(result):
    return result.runs.to_dict()


@pytest.fixture(scope="module")
def swept():
    return rl.sweep(failover, GRID, seeds=40, metrics="all", series="100ms")


# ---- The same rows, however they are made ---------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
def test_threads_change_nothing(swept, threads):
    again = rl.sweep(failover, GRID, seeds=40, metrics="all", series="100ms", threads=threads)
    assert frame(again) == frame(swept)
    assert again.series.to_dict() == swept.series.to_dict()


@pytest.mark.parametrize("threads", [2, 7])
def test_violations_stay_with_their_runs(threads):
    """What few rows have travels apart from the columns."""
    wrong = rl.Scenario(
        5,
        election_timeout=(20, 40),
        bugs=["quorum_off_by_one"],
        network=rl.Network(loss=0.6),
        horizon="400ms",
    )
    result = rl.sweep(wrong, seeds=500, threads=threads, on_violation="record")
    assert 50 < len(result.violating_seeds) < 450
    assert frame(result) == frame(rl.sweep(wrong, seeds=500, threads=1, on_violation="record"))
    rows = result.to_pandas()
    assert (rows.properties.notna() == (rows.violations > 0)).all()
    for row in range(0, 500, 50):
        run = result.replay(row)
        assert rows.violations[row] == len(run.violations)
        assert (rows.properties[row] if run.violations else None) == (
            ",".join(dict.fromkeys(violation.property for violation in run.violations)) or None
        )


def plan_of(**options):
    given = {"seeds": 40, "metrics": "all", "series": "100ms", "checks": True, "on_violation": "stop"}
    given |= {"common_random_numbers": True, **options}
    return Plan.of(failover, GRID, **given)


@pytest.mark.parametrize("seed", range(5))
def test_pieces_of_any_size_in_any_order_are_the_same_rows(swept, seed):
    plan, luck = plan_of(), random.Random(seed)
    cuts = sorted({0, plan.runs, *(luck.randrange(plan.runs) for _ in range(luck.randrange(1, 12)))})
    pieces = list(itertools.pairwise(cuts))
    parts = {}
    for first, last in luck.sample(pieces, len(pieces)):
        small, low, high = plan.part(first, last)
        assert len(small.points) <= (last - first) // plan.seeds + 2
        small = pickle.loads(pickle.dumps(small))
        part = small.play(low, high, luck.choice([1, 2]))
        parts[first] = pickle.loads(pickle.dumps((part.runs, part.series)))
    joined = Part.join([Part(*parts[first], None) for first, _ in pieces])
    assert joined.runs.to_dict() == frame(swept)
    assert joined.series.to_dict() == swept.series.to_dict()


def test_a_point_does_not_depend_on_the_grid_around_it(swept):
    alone = rl.sweep(
        failover, {"timeout": [150], "loss": [0.05], "rule": ["pre_vote"]}, seeds=40, metrics="all"
    )
    assert frame(alone).keys() == frame(swept).keys()
    assert len(frame(alone)["seed"]) == 40
    for column, values in frame(alone).items():
        assert values == frame(swept)[column][-40:], column


def test_points_share_their_luck_unless_asked_not_to():
    common = rl.sweep(failover, {"timeout": [50, 150]}, seeds=5)
    assert common.runs.to_list("seed") == [0, 1, 2, 3, 4] * 2
    own = rl.sweep(failover, {"timeout": [50, 150]}, seeds=5, common_random_numbers=False)
    seeds = own.runs.to_list("seed")
    assert len(set(seeds)) == 10
    other = rl.sweep(failover, {"timeout": [150, 77]}, seeds=5, common_random_numbers=False)
    assert other.runs.to_list("seed")[:5] == seeds[5:]
    assert own.replay(7).digest == own.runs.to_list("digest")[7]


def test_a_list_of_points_is_a_grid_too():
    points = [{"timeout": 50, "loss": 0.1}, {"timeout": 150, "loss": 0.0}]
    result = rl.sweep(failover, points, seeds=3)
    assert result.points == tuple(points)
    assert result.runs.to_list("timeout") == [50] * 3 + [150] * 3
    assert result.runs.to_list("loss") == [0.1] * 3 + [0.0] * 3


# ---- What stands in the rows ----------------------------------------------------------------------------


def test_columns_keep_their_types(swept):
    types = {name: kind for name, kind, _, _ in swept.runs.columns}
    assert types["timeout"] == "int64"
    assert types["loss"] == "float64"
    assert types["rule"] == "dictionary(int32, utf8)"
    assert types["seed"] == "uint64"
    assert types["downtime_ms"] == "float64"
    assert types["elections"] == "int64"
    units = {name: unit for name, _, unit, _ in swept.runs.columns}
    assert all(units[name] == "ms" for name in units if name.endswith("_ms"))

    def flags(pre_vote, pair):
        return rl.Scenario(3, pre_vote=pre_vote, election_timeout=pair, horizon=100)

    odd = rl.sweep(flags, {"pre_vote": [True, False], "pair": [(50, 100), (70, 90)]}, seeds=1)
    assert odd.runs.to_list("pre_vote") == [True, True, False, False]
    assert odd.runs.to_list("pair") == ["(50, 100)", "(70, 90)"] * 2
    many = rl.sweep(failover, {"timeout": np.arange(50, 53), "loss": np.linspace(0, 0.1, 2)}, seeds=1)
    assert many.runs.to_list("timeout") == [50, 50, 51, 51, 52, 52]
    assert many.runs.to_list("loss") == [0.0, 0.1] * 3
    assert many.replay(many.to_pandas().iloc[5]).seed == 0
    assert odd.replay(3).scenario.election_timeout == (70, 90)


def test_every_row_brings_its_run_back(swept):
    rows = swept.to_pandas()
    for at in (0, 41, 199, 319):
        run = swept.replay(at)
        assert run.digest == rows.digest[at]
        assert swept.replay(rows.iloc[at]).digest == run.digest
        assert swept.replay(next(rows.iloc[[at]].itertuples())).digest == run.digest
        assert (
            swept.replay(
                {
                    "timeout": rows.timeout[at],
                    "loss": rows.loss[at],
                    "rule": rows.rule[at],
                    "seed": rows.seed[at],
                }
            ).digest
            == run.digest
        )
        assert swept.scenario(at) == run.scenario
    assert len(swept.scenarios) == len(swept.points) == 8


def test_rows_of_tables_bring_their_runs_back(swept):
    import polars as pl

    digest, frame = swept.runs.to_list("digest")[41], swept.to_pandas()
    for row in (frame.iloc[[41]], pl.DataFrame(swept)[41], swept.to_arrow().slice(41, 1)):
        assert swept.replay(row).digest == digest
    for rows in (frame.iloc[:2], frame.iloc[:0]):
        with pytest.raises(rl.InvalidError, match="row must be one row, not a table of"):
            swept.replay(rows)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_that_waited_in_vain_comes_back(threads):
    steps = [rl.run_until(rl.leaders(2), limit="200ms"), rl.run("1s")]
    result = rl.sweep(rl.Scenario(3, steps=steps), seeds=3, threads=threads)
    assert result.runs.to_list("ending") == ["not_reached"] * 3
    run = result.replay(1)
    assert (run.ending, run.now_ms) == ("not_reached", 200)
    assert run.digest == result.runs.to_list("digest")[1]
    assert pickle.loads(pickle.dumps(run)).digest == run.digest
    with pytest.raises(rl.NotReached) as error:
        run.scenario.run(seed=1)
    assert error.value.run.digest == run.digest
    assert pickle.loads(pickle.dumps(error.value)).run.digest == run.digest


def test_a_row_of_another_version_is_not_taken_for_its_run():
    result = rl.sweep(failover, {"timeout": [50]}, seeds=2)
    with pytest.raises(rl.ReplayError, match="another version of raftlab"):
        result.replay({"timeout": 50, "seed": 1, "digest": "0" * 32})


def test_arrow_goes_everywhere(swept):
    import polars as pl
    import pyarrow as pa

    assert pl.DataFrame(swept).shape == pa.table(swept).shape == swept.to_pandas().shape
    assert pl.DataFrame(swept)["digest"].to_list() == swept.runs.to_list("digest")
    assert swept["elections"].dtype == np.int64
    assert np.isnan(swept["downtime_so_far_ms"]).sum() == pa.table(swept)["downtime_so_far_ms"].null_count


def test_values_of_a_grid_stay_what_they_are():
    def build(value):
        assert isinstance(value, (float, int))
        return rl.Scenario(3, horizon=100)

    result = rl.sweep(build, {"value": [0.5, math.nan]}, seeds=2)
    assert [len(result.where(value=value)) for value in (0.5, math.nan)] == [2, 2]
    assert result.replay(3).digest == result.replay(result.to_pandas().iloc[3]).digest
    huge = rl.sweep(build, {"value": [2**70, 2**70 + 1]}, seeds=np.int64(2))
    assert huge.runs.to_list("value") == [str(2**70)] * 2 + [str(2**70 + 1)] * 2
    assert huge.replay(2).seed == 0
    for twins in ([1, 2, 1], [1, 1.0], [math.nan, math.nan]):
        with pytest.raises(rl.InvalidError, match=r"grid: the point value=\S+ is there twice"):
            rl.sweep(build, {"value": twins}, seeds=2)


def test_a_point_that_cannot_be_built_is_named():
    def ratio(nodes, share):
        return rl.Scenario(nodes, lease_drift=1 / share)

    played = []
    for grid, said, cause in [
        (
            {"nodes": [3], "share": [2, 0]},
            r"build\(nodes=3, share=0\) raised ZeroDivisionError",
            ZeroDivisionError,
        ),
        (
            {"nodes": [3, -2], "share": [2]},
            r"build\(nodes=-2, share=2\): nodes must be between",
            rl.InvalidError,
        ),
        ({"node": [3]}, r"build\(node=3\) raised TypeError: .*'node'", TypeError),
    ]:
        with pytest.raises(rl.InvalidError, match=said) as error:
            rl.sweep(ratio, grid, seeds=2, progress=played.append)
        assert isinstance(error.value.__cause__, cause)
    assert not played


def test_values_of_functions_are_flags_numbers_or_texts():
    values = {
        "flag": np.bool_(True),
        "count": np.int32(7),
        "share": np.float32(0.5),
        "listed": [1, 2],
        "raw": b"5",
        "none": None,
    }
    metrics = [named(name, lambda _, value=value: value) for name, value in values.items()]
    result = rl.sweep(rl.Scenario(3, horizon=100), seeds=3, metrics=["sent", *metrics])
    cells = {name: result.runs.to_list(name)[0] for name in values}
    assert cells == {"flag": True, "count": 7, "share": 0.5, "listed": "[1, 2]", "raw": "b'5'", "none": None}
    assert type(cells["flag"]) is bool
    assert type(cells["count"]) is int


def named(name, function):
    function.__name__ = name
    return function


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"metrics": "elction"}, "unknown metric 'elction'; did you mean 'elections'"),
        ({"metrics": "zz"}, r"unknown metric 'zz'; raftlab\.metrics lists"),
        ({"metrics": 5}, "metrics must be a name, a function of a run, or a list of them, not 5"),
        ({"grid": 5}, "grid must be a dict of lists, or a list of dicts"),
        ({"seeds": True}, "seeds must be a number above 0"),
    ],
)
def test_arguments_that_make_no_sense(wrong, said):
    with pytest.raises(rl.InvalidError, match=said):
        rl.sweep(failover, **({"grid": GRID, "seeds": 2} | wrong))


def test_one_run_is_no_runs():
    assert repr(rl.sweep(rl.Scenario(3, horizon=1), seeds=1)).startswith("<sweep: 1 run, ")


def test_a_kernel_without_widgets_shows_a_line_of_text(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "ipywidgets" else pytest.fail(name)
    )
    with Progress(10, "runs", True) as bar:
        bar._bar.delay = 0
        bar.reached(5)
        bar._bar.refresh()
    assert "5.00/10.0" in capsys.readouterr().err


def test_metrics_by_name_group_and_function():
    def logs(run):
        """How long the longest log is."""
        return max(len(node.log) for node in run)

    def names(run):
        return "".join(node.name for node in run if node.role == "leader") or None

    result = rl.sweep(failover, {"timeout": [50, 150]}, seeds=70, metrics=["logs", "sent", logs, names])
    columns = [name for name, *_ in result.runs.columns]
    assert columns[2:6] == ["sent", "commit_index", "truncations", "truncated_entries"]
    assert columns[-2:] == ["logs", "names"]
    for at in (0, 69, 70, 139):
        run = result.replay(at)
        assert result.runs.to_list("logs")[at] == logs(run)
        assert result.runs.to_list("names")[at] == names(run)
    assert ("logs", "int64", "", "How long the longest log is.") in result.runs.columns


def test_a_metric_that_fails_is_a_row_with_its_error():
    def picky(run):
        if run.seed % 3 == 1:
            raise KeyError("no such thing")
        return run.seed * 1.5

    result = rl.sweep(failover(), seeds=10, metrics=["sent", picky])
    assert [row for row, _ in result.errors] == [1, 4, 7]
    assert result.errors[0][1] == "metric picky: KeyError: 'no such thing'"
    assert result.runs.to_list("picky")[:3] == [0.0, None, 3.0]
    assert "3 with a metric that failed" in repr(result)
    assert all(sent > 0 for sent in result.runs.to_list("sent"))


# ---- Metrics against the trace --------------------------------------------------------------------------


def spans_of_leaders(run):
    """When a node led while it was up and ran, from the trace: (node, from, until)."""
    rows = run.trace.nodes.to_pandas()
    end = run.now_ms
    spans = []
    for node, changes in rows.groupby("node", observed=True):
        changes = changes.reset_index(drop=True)
        for at, row in changes.iterrows():
            until = changes.time_ms[at + 1] if at + 1 < len(changes) else end
            if row.role == "leader" and row.up and not row.paused and until > row.time_ms:
                spans.append((node, row.time_ms, until))
    return sorted(spans, key=lambda span: span[1])


def metrics_by_hand(run):
    """Some metrics once more, from the tables of the trace."""
    messages = run.trace.messages.to_pandas()
    entries = run.trace.entries.to_pandas()
    ops = run.trace.ops.to_pandas()
    events = run.trace.events.to_pandas()
    found = {"sent": len(messages), "delivered": int((messages.fate == "delivered").sum())}
    found["lost_messages"] = int(messages.fate.isin(["cut", "lost"]).sum())
    found["sent_bytes"] = int(messages["size_bytes"].sum())
    for kind in _core.message_types():
        found[f"sent_{kind}"] = int((messages.type == kind).sum())
    writes = ops[~ops.kind.isin(["read_index", "lease", "local"])]
    found["proposals"] = len(writes)
    found["acknowledged"] = int((writes.status == "ok").sum())
    reads = ops[ops.kind.isin(["read_index", "lease", "local"])]
    found["reads"], found["served"] = len(reads), int((reads.status == "ok").sum())
    found["failed"] = int((ops.status == "failed").sum())
    truncated = entries[entries.truncated_ms.notna()]
    found["highest_term"] = max(node.term for node in run)
    found["commit_index"] = max(node.commit_index for node in run)
    return found, events, truncated


def test_counts_are_those_of_the_trace():
    result = rl.sweep(rough(), seeds=8, metrics="all", on_violation="record")
    rows = result.to_pandas()
    for at in range(len(rows)):
        found, _, _ = metrics_by_hand(result.replay(at))
        for name, value in found.items():
            assert rows[name][at] == value, (name, at)
    assert (rows.sent_bytes == rows[[f"bytes_{kind}" for kind in _core.message_types()]].sum(axis=1)).all()
    assert (rows.truncated_entries > 0).any()
    assert (rows.unknown > 0).any()


def test_availability_is_what_the_nodes_say():
    """In a cluster where only nodes fail, one is available while somebody leads who is up and runs."""
    scenario = rl.Scenario(
        5,
        network=rl.uniform(1, 9),
        faults=[
            rl.Crash("leader", at=500, every=800, duration=500),
            rl.Pause("leader", at=900, every=1300, duration=400),
        ],
        horizon="8s",
    )
    result = rl.sweep(scenario, seeds=10, metrics="availability", series="250ms")
    rows, series = result.to_pandas(), result.series.to_pandas()
    assert len(rows) == 10
    for at in range(len(rows)):
        run = result.replay(at)
        available, reach = 0.0, 0.0
        losses, downs = 0, []
        for _, since, until in spans_of_leaders(run):
            if since > reach and reach > 0:
                losses += 1
                downs.append(since - reach)
            available += max(0.0, until - max(since, reach))
            reach = max(reach, until)
        last_open = reach < run.now_ms
        assert rows.time_to_leader_ms[at] == pytest.approx(spans_of_leaders(run)[0][1])
        assert rows.leader_losses[at] == losses + last_open
        open_ended = [*downs, run.now_ms - reach] if last_open else downs
        known, unknown = ("downtime_so_far_ms", "downtime_ms")[:: 1 if last_open else -1]
        assert rows[known][at] == pytest.approx(np.mean(open_ended))
        assert math.isnan(rows[unknown][at])
        assert math.isnan(rows.downtime_open_ms[at]) != last_open
        assert rows.unavailable_ms[at] == pytest.approx(run.now_ms - available)
        of_run = series[series.seed == rows.seed[at]]
        assert (of_run.available * 250).sum() == pytest.approx(available)
        assert len(of_run) == 32
        assert of_run.sent.sum() == len(run.trace.messages)


def test_a_leader_without_a_quorum_is_a_loss():
    cut = rl.Scenario(
        5,
        initial=rl.Initial(leader="A", term=1),
        faults=[rl.Partition("AB", "CDE", at="100ms")],
        horizon="1s",
    )
    rows = rl.sweep(cut, seeds=20, metrics="availability").to_pandas()
    assert (rows.time_to_leader_ms == 0).all()
    assert (rows.leader_losses == 1).all()
    assert rows.downtime_ms.between(150 - 50, 1000).all()
    healed = cut.replace(faults=[rl.Cut(from_="A", to="CDE", at="100ms", duration="30ms")])
    rows = rl.sweep(healed, seeds=5, metrics="availability").to_pandas()
    assert (rows.downtime_ms == 30).all(), "acknowledgements must come back, too"


def test_what_is_not_over_is_not_a_number():
    never = rl.Scenario(3, faults=[rl.Crash("AB", at=0)], horizon="3s")
    rows = rl.sweep(never, seeds=5, metrics="availability").to_pandas()
    assert rows.time_to_leader_ms.isna().all()
    assert rows.downtime_ms.isna().all()
    assert rows.downtime_open_ms.isna().all(), "there was no leader to lose"
    lost = rl.Scenario(
        3, initial=rl.Initial(leader="C", term=1), faults=[rl.Crash("AB", at="1s")], horizon="3s"
    )
    rows = rl.sweep(lost, seeds=5, metrics="availability").to_pandas()
    assert (rows.leader_losses == 1).all()
    assert rows.downtime_ms.isna().all()
    assert (rows.downtime_open_ms == 2000).all()


def test_split_votes_are_terms_that_nobody_won():
    alike = rl.Scenario(4, election_timeout=(150, 152), network=10, stop=rl.leader_elected, horizon="20s")
    result = rl.sweep(alike, seeds=30, metrics="leadership")
    rows = result.to_pandas()
    assert rows.split_votes.max() > 1
    for at in range(10):
        nodes = result.replay(at).trace.nodes.to_pandas()
        stood = set(nodes[nodes.role == "candidate"].term)
        won = set(nodes[nodes.role == "leader"].term)
        assert rows.split_votes[at] == len(stood - won - {max(stood)}), at
        assert rows.candidacies[at] == len(nodes[nodes.role == "candidate"].drop_duplicates(["node", "term"]))


def test_a_false_election_is_one_that_a_good_leader_did_not_need():
    quiet = rl.Scenario(5, network=5, horizon="5s", check_quorum=True)
    flaky = quiet.replace(network=rl.Network(latency=5, loss=0.4))
    calm, wild = (rl.sweep(s, seeds=30, metrics="leadership").to_pandas() for s in (quiet, flaky))
    assert (calm.false_elections == 0).all()
    assert (wild.false_elections > 0).mean() > 0.9
    assert (wild.false_elections <= wild.candidacies).all()


def test_commit_latency_is_a_round_trip_and_the_disks():
    scenario = rl.Scenario(
        5,
        network=4,
        disk=rl.Disk(fsync="3ms"),
        initial=rl.Initial(leader="A", term=1),
        workload=rl.OpenLoop("10ms", start="20ms"),
        horizon="1s",
    )
    rows = rl.sweep(scenario, seeds=2, metrics="commit_latency").to_pandas()
    assert (rows.commits >= 90).all()
    for name in ("p50", "p99", "max", "mean"):
        assert rows[f"commit_latency_{name}_ms"].to_numpy() == pytest.approx(4 + 3 + 4, rel=2e-3), name
    uneven = scenario.replace(network=rl.lognormal(4, 1.0))
    result = rl.sweep(uneven, seeds=4, metrics="commit_latency")
    for at in range(4):
        entries = result.replay(at).trace.entries.to_pandas()
        mine = entries[(entries.node == "A") & entries.committed_ms.notna()]
        latency = (mine.committed_ms - mine.appended_ms).to_numpy()
        row = result.to_pandas().iloc[at]
        assert row.commits == len(latency)
        for name, share in (("p50", 0.5), ("p90", 0.9), ("max", 1.0)):
            ranked = np.sort(latency)[max(math.ceil(share * len(latency)) - 1, 0)]
            assert row[f"commit_latency_{name}_ms"] == pytest.approx(ranked, rel=2e-3), name
        assert row.commit_latency_mean_ms == pytest.approx(latency.mean(), rel=2e-3)


def test_violations_by_property():
    story = rough(bugs=["quorum_off_by_one"])
    result = rl.sweep(
        story, seeds=10, metrics=["violations_by_property", "lost_writes"], on_violation="record"
    )
    rows = result.to_pandas()
    assert rows.violations.sum() > 0
    by_property = rows[[name for name in rows if name.startswith("violations_")]]
    assert (by_property.sum(axis=1) == rows.violations).all()
    assert ((rows.lost_writes > 0) == (rows.violations_acknowledged_write_lost > 0)).all()
    for rule, runs in result.violations_by_property.items():
        assert (rows[f"violations_{rule}"] > 0).sum() == runs


def test_metrics_change_no_run():
    for metrics in ("events", "sent", "all"):
        for checks in (True, False):
            rows = rl.sweep(rough(), seeds=6, metrics=metrics, checks=checks, on_violation="record")
            assert rows.runs.to_list("digest") == [rough().run(s, trace="off").digest for s in range(6)]


def test_the_catalogue_says_what_there_is():
    result = rl.sweep(failover(), seeds=1, metrics="all")
    names = [name for name, *_ in result.runs.columns]
    for row in rl.metrics:
        assert (row["metric"] in names) == (row["metric"] not in ("wall_ms", "commit_latency_histogram"))
    assert rl.sweep(failover(), seeds=2, metrics="wall_ms")["wall_ms"].min() > 0


# ---- Futures --------------------------------------------------------------------------------------------


def test_a_future_is_a_fork_with_other_luck():
    c = rl.Cluster(5, seed=7, network=rl.uniform(1, 9))
    c.run_until(rl.leader_elected)
    c.propose("x=1")
    c.partition("AB", "CDE")
    c.run("130ms")
    c.crash("C")
    futures = c.futures(30, duration="2s", metrics="all")
    assert futures.complete
    assert len(set(futures.runs.to_list("digest"))) == 30
    for at in (0, 13, 29):
        row = futures.to_pandas().iloc[at]
        fork = c.fork(seed=int(row.seed))
        fork.run("2s")
        assert fork.digest == row.digest
        run = futures.replay(row)
        assert run.digest == row.digest
        assert run.scenario.run(seed=run.seed).digest == row.digest, "its script replays it"
        sent = run.trace.messages.to_pandas()
        assert (sent.sent_ms >= c.now_ms).sum() == row.sent
        assert row.end_ms == c.now_ms + 2000
    assert c.digest == c.fork().digest, "nothing happened to the cluster itself"


def test_what_was_to_come_is_still_to_come():
    scenario = failover()
    run = scenario.run(seed=3)
    strike = run.trace.faults.to_dict()["start_ms"][0]
    for at in (0, strike - 1, strike + 5):
        futures = run.futures(25, at=at)
        rows = futures.to_pandas()
        assert (rows.end_ms == run.now_ms).all()
        assert (rows.leader_losses >= (1 if at < strike else 0)).all()
        for k in (0, 24):
            again = futures.replay(k)
            assert again.digest == rows.digest[k]
            assert again.scenario.run(seed=3).digest == rows.digest[k]
            past = [row for row in again.trace.messages.to_pandas().itertuples() if row.sent_ms < at]
            assert len(past) == (run.trace.messages.to_pandas().sent_ms < at).sum()


def test_several_moments_are_points_of_a_grid():
    run = rough().run(seed=5)
    futures = run.futures(3, at=["0s", 1234.5, "3s"])
    assert futures.runs.to_list("at_ms") == [0.0] * 3 + [1234.5] * 3 + [3000.0] * 3
    assert futures.runs.to_list("seed") == [6, 7, 8] * 3
    one = run.futures(3, at=1234.5)
    assert one.runs.to_list("digest") == futures.runs.to_list("digest")[3:6]
    assert set(one.runs.to_list("end_ms")) == {6000.0}, "to the end of the scenario"
    short = run.futures(3, at=1234.5, duration="1s", series="100ms")
    assert set(short.runs.to_list("end_ms")) == {2234.5}
    assert short.series.to_list("time_ms")[:2] == [1234.5, 1334.5]
    assert len(short.series) == 30


def test_futures_do_not_depend_on_threads():
    run = rough(bugs=["quorum_off_by_one"]).run(seed=2)
    one, many = (run.futures(20, at=[500, 2500], metrics="all", threads=n) for n in (1, 5))
    assert frame(one) == frame(many)
    assert one.violating_seeds


def test_no_future_of_what_an_interceptor_shaped():
    c = rl.Cluster(3, seed=1)
    c.intercept(lambda message: {"term": 9} if message["type"] == "RequestVote" else None)
    c.run("1s")
    with pytest.raises(rl.ReplayError, match="interceptor"):
        c.futures(3, duration="1s")
