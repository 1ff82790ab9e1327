"""What sweeps say: summaries, survival, comparisons and required seeds, against what their rows are."""

import math

import numpy as np
import pytest
import raftlab as rl
from failovers import failover
from raftlab.statistics import Sample, share
from raftlab.sweeps.observed import sample_of
from scipy import stats


def waiting(timeout):
    return rl.Scenario(5, election_timeout=(timeout, 2 * timeout), stop=rl.leader_elected, horizon="60ms")


# ---- Summaries ---------------------------------------------------------------------------------------


def test_a_summary_is_what_its_columns_say(swept):
    table, rows = swept.summary(), swept.to_pandas()
    assert table.index.names == ["timeout", "loss", "metric"]
    point = rows[(rows.timeout == 50) & (rows.loss == 0.0)]
    line = table.loc[(50, 0.0, "time_to_leader_ms")]
    assert line.n == 800
    assert line["mean"] == pytest.approx(point.time_to_leader_ms.mean())
    assert line.p50 == pytest.approx(point.time_to_leader_ms.quantile(0.5, interpolation="lower"))
    assert line.p50_low < line.p50 < line.p50_high
    pooled = swept.summary(by="timeout", metrics="elections")
    assert pooled.loc[(150, "elections"), "mean"] == pytest.approx(rows[rows.timeout == 150].elections.mean())
    assert pooled.n.tolist() == [1600, 1600]


def test_violations_are_shares_and_none_is_no_zero(swept):
    violation = swept.summary(by="timeout", metrics="violation").loc[(50, "violation")]
    assert violation.note == "none of 1,600 runs: below 0.0037 (95 %)"
    assert math.isnan(violation["mean"]), "never is not zero"
    assert violation.events == violation.mean_low == 0
    assert violation.mean_high == pytest.approx(rl.upper_bound(0, 800)), "there were 800 seeds"
    broken = rl.sweep(failover().replace(bugs=["quorum_off_by_one"], network=rl.Network(loss=0.3)), seeds=200)
    line = broken.summary().loc["violation"]
    events = len(broken.violating_seeds)
    assert 0 < events < 200
    interval = stats.binomtest(events, 200).proportion_ci(method="exact")
    assert (line["mean"], line.mean_low, line.mean_high) == pytest.approx(
        (events / 200, interval.low, interval.high)
    )


def test_censored_runs_are_counted_as_such():
    cut = rl.sweep(failover(150, 0.2).replace(horizon="1.3s"), seeds=600)
    line, rows = cut.summary(metrics="downtime_ms").loc["downtime_ms"], cut.to_pandas()
    assert line.censored == (rows.downtime_ms.isna() & rows.downtime_so_far_ms.notna()).sum() > 50
    assert line.n == 600 - (rows.downtime_ms.isna() & rows.downtime_so_far_ms.isna()).sum()
    whole = rl.sweep(failover(150, 0.2).replace(horizon="5s"), seeds=600).to_pandas()
    assert line.p50 == pytest.approx(whole.downtime_ms.median(), rel=0.1)
    assert line["mean"] == pytest.approx(whole.downtime_ms.mean(), rel=0.15)
    assert line.note.startswith("mean up to ")


def test_an_outage_that_is_not_over_stays_in_beside_one_that_is():
    """Every run ends in an outage of ten seconds; an earlier one was over after 400 ms."""
    lasting = rl.Scenario(
        3,
        network=rl.uniform(1, 5),
        horizon="13s",
        faults=[rl.Crash("leader", at="1s", duration="400ms"), rl.Crash("a majority", at="3s")],
    )
    metrics = ["downtime_ms", "downtime_open_ms", "recoveries", "leader_losses"]
    cut = rl.sweep(lasting, seeds=40, metrics=metrics, checks=False, progress=False)
    rows, line = cut.to_pandas(), cut.summary(metrics="downtime_ms").loc["downtime_ms"]
    assert (rows.recoveries == 1).any()
    assert (rows.downtime_open_ms > 9000).all()
    assert (line.n, line.events, line.censored) == (40, 0, 40)
    assert math.isnan(line["mean"])
    assert "never observed" in line.note
    so_far = rows.downtime_so_far_ms
    assert (so_far <= rows.downtime_open_ms).all(), "at least: the mean over all losses of the run"
    assert (so_far[rows.leader_losses == 1] == rows.downtime_open_ms[rows.leader_losses == 1]).all()
    over = rl.sweep(lasting.replace(horizon="2900ms"), seeds=40, metrics=metrics, progress=False).to_pandas()
    both = (over.recoveries == 1) & (rows.recoveries == 1)
    exact = (over.downtime_ms + rows.downtime_open_ms) / 2
    assert so_far[both].to_numpy() == pytest.approx(exact[both].to_numpy())
    assert "downtime_so_far_ms" not in cut.summary().index.get_level_values("metric")


def test_what_says_how_long_was_waited_comes_along():
    cut = rl.sweep(
        failover(150, 0.2).replace(horizon="1.3s"), seeds=100, metrics="downtime_ms", progress=False
    )
    assert cut.summary().loc["downtime_ms"].censored > 0


def test_futures_have_waited_since_their_moment():
    c = rl.Cluster(3, seed=1)
    c.run("1s")
    c.crash("A")
    c.crash("B")
    c.run("1s")
    found = c.futures(30, duration="1s", progress=False).summary(metrics="time_to_leader_ms", quantiles=[0.5])
    assert found.loc["time_to_leader_ms"].p50_low == 1000, "not the 3 s since the beginning"


def crashing(horizon="2s"):
    return rl.Scenario(
        3,
        bugs=["term_not_persisted"],
        network=rl.uniform(1, 5),
        workload=rl.ClosedLoop(clients=3, think=5),
        horizon=horizon,
        faults=[rl.Crash("all", every=rl.uniform(300, 600), duration=rl.uniform(1, 100), at=100)],
    )


def test_a_run_that_stopped_at_a_violation_is_unknown_for_the_others():
    def one(on_violation):
        metrics = ["violations_by_property", "lost_writes"]
        return rl.sweep(crashing(), seeds=100, metrics=metrics, on_violation=on_violation, progress=False)

    stopped, whole = one("stop"), one("record")
    rows, recorded = stopped.to_pandas(), whole.to_pandas()
    cut = rows.ending == "violation"
    assert cut.sum() > 20
    assert (
        whole.summary().loc["violations_vote_once", "n"],
        whole.violations_by_property["vote_once"] > 0,
    ) == (100, True)
    for rule in rl.properties.names:
        column, broken = (
            rows[f"violations_{rule}"],
            rows.properties.fillna("").str.split(",").map(lambda r, of=rule: of in r),
        )
        assert (column.isna() == (cut & ~broken)).all(), rule
        assert (column[broken] > 0).all(), rule
        assert (column[~cut] == 0).all(), rule
        assert recorded[f"violations_{rule}"].notna().all(), rule
    lost = rows.properties.fillna("").str.contains("acknowledged_write_lost")
    assert (rows.lost_writes.isna() == (cut & ~lost)).all()
    unknown = int(rows.violations_vote_once.isna().sum())
    table, known = (
        stopped.summary(metrics=["violations_vote_once", "properties=vote_once", "violation"]),
        100 - unknown,
    )
    for metric in ("violations_vote_once", "properties=vote_once"):
        line = table.loc[metric]
        assert (line.n, line.absent) == (known, unknown)
        assert f"{unknown} runs are unknown" in line.note
        assert "P(" not in line.note
        assert "below" not in line.note
        assert math.isnan(line.mean_low)
        assert math.isnan(line.mean_high)
    assert table.loc["violation", ["n", "events"]].tolist() == [100, int(cut.sum())], "of any it is known"
    share = stopped.share("properties=vote_once")
    assert share[["low", "high"]].isna().all(axis=None)
    assert "each stopped at its first" in repr(stopped)
    assert "stopped" not in repr(whole)


def test_comparisons_do_not_count_what_is_unknown():
    short, metrics = crashing("550ms"), ["violations_by_property"]
    stopped = rl.sweep(short, seeds=60, metrics=metrics, progress=False)
    honest = rl.sweep(short.replace(bugs=[]), seeds=60, metrics=metrics, progress=False)
    unknown = int(stopped.to_pandas().violations_vote_once.isna().sum())
    assert 0 < unknown < 58
    for metric in ("properties=vote_once", "violations_vote_once"):
        found = rl.compare(honest, stopped, metric)
        assert (found.pairs, found.excluded) == (60 - unknown, unknown)
        for side in (found.low, found.high, found.p_value, found.unpaired_low, found.median_low):
            assert math.isnan(side)
        assert f"{unknown} more pairs are unknown" in found.note
        with pytest.raises(rl.InvalidError, match="on_violation='record'"):
            rl.required_seeds(stopped, metric, 0.01)


def test_a_run_that_never_looked_for_its_stop_is_unknown():
    """Its fault did not strike in time: whether the run would have stopped after it, it cannot say."""

    def late(faults):
        return rl.Scenario(3, faults=faults, stop=rl.leader_elected, horizon="10s")

    with pytest.warns(rl.FaultWarning, match="'not_armed'"):
        result = rl.sweep(late([rl.Crash("leader", at=rl.exponential("20s"))]), seeds=60, progress=False)
    endings = result.runs.to_list("ending")
    unarmed, stopped, over = (endings.count(ending) for ending in ("not_armed", "stop", "horizon"))
    assert unarmed > 10
    assert stopped > 10
    line = result.summary(metrics="ending=stop").loc["ending=stop"]
    assert (line.n, line.events, line.absent) == (stopped + over, stopped, unarmed)
    assert line["mean"] == stopped / (stopped + over), "not of all 60"
    assert math.isnan(line.mean_low)
    assert math.isnan(line.mean_high)
    assert f"no bound: {unarmed} runs are unknown, ended before their stop= was armed" in line.note
    (row,) = result.share("ending=stop").to_dict("records")
    assert (row["n"], row["k"], row["share"]) == (stopped + over, stopped, line["mean"])
    assert math.isnan(row["low"])
    assert math.isnan(row["high"])
    assert row["note"] == line.note
    counted = result.summary(metrics="ending=not_armed").loc["ending=not_armed"]
    assert (counted.n, counted.events) == (60, unarmed), "that it was not armed is known of all"
    armed = rl.sweep(late([rl.Crash("leader", at="1s")]), seeds=60, progress=False)
    assert rl.compare(armed, result, "ending=stop").excluded == unarmed
    with pytest.raises(rl.InvalidError, match="before their stop= was armed"):
        rl.required_seeds(result, "ending=stop", 0.01)


def test_a_grid_of_one_seed_has_no_interval_and_no_bound():
    def cluster(at):
        return rl.Scenario(5, faults=[rl.Crash("leader", at=at)], horizon="2s")

    grid = {"at": range(500, 540)}
    shared = rl.sweep(cluster, grid, seeds=1, metrics="unavailable_ms", progress=False)
    line = shared.summary(by=[]).loc["unavailable_ms"]
    assert (line.n, math.isnan(line.mean_low), math.isnan(line.p99_high)) == (40, True, True)
    assert "40 runs of one seed share its randomness" in line.note
    assert "common_random_numbers=False" in line.note
    assert "P(violation)" not in repr(shared)
    assert shared.upper_bound == 1.0
    own = rl.sweep(
        cluster, grid, seeds=1, metrics="unavailable_ms", common_random_numbers=False, progress=False
    )
    table = own.summary(by=[]).loc["unavailable_ms"]
    assert table.mean_low < table["mean"] < table.mean_high
    assert "P(violation) < 0.072" in repr(own)
    alone = shared.where(at=500)
    assert alone.upper_bound == pytest.approx(0.95), "a single run is what it is"


def test_runs_without_the_event_and_failed_ones_are_not_counted():
    def picky(run):
        return 1.0 if run.seed % 2 else 1 / 0

    result = rl.sweep(failover().replace(faults=[]), seeds=20, metrics=["downtime_ms", picky])
    table = result.summary()
    assert table.loc["downtime_ms"].n == 0
    assert table.loc["downtime_ms"].note == "20 runs have none"
    assert table.loc["picky", ["n", "absent", "failed"]].tolist() == [10, 0, 10]
    assert "10 runs failed" in table.loc["picky"].note
    for metric in ("violation", "ending=horizon"):
        assert table.loc[metric, ["n", "absent", "failed"]].tolist() == [20, 0, 0], "the run did not fail"
    assert result.upper_bound == pytest.approx(rl.upper_bound(0, 20))
    assert "20 runs, 10 with a metric that failed, no violation" in repr(result)
    shared, apart = (
        rl.sweep(
            lambda loss: rl.Scenario(3, network=rl.Network(loss=loss), horizon=500),
            {"loss": [0.0, 0.1]},
            seeds=10,
            common_random_numbers=common,
        )
        for common in (True, False)
    )
    assert shared.upper_bound == pytest.approx(rl.upper_bound(0, 10)), "their luck is the same"
    assert apart.upper_bound == pytest.approx(rl.upper_bound(0, 20))
    with pytest.raises(rl.InvalidError, match="fewer than two"):
        rl.compare(result, result, "downtime_ms")


def test_a_metric_of_ones_own_that_never_fails_fails_nowhere():
    def twice(run):
        return 2 * run.seed

    table = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=10, metrics=[twice]).summary()
    assert table.loc["twice", ["n", "failed"]].tolist() == [10, 0]
    assert table.loc["violation", ["n", "failed"]].tolist() == [10, 0]


def test_a_metric_that_always_fails_voids_nothing_else():
    def never(_):
        raise ValueError("no")

    with pytest.warns(rl.MetricWarning, match="in all of 5 runs"):
        result = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=5, metrics=[never, "sent"])
    table = result.summary(metrics=["sent", "violation"])
    assert (result.upper_bound, table.n.tolist()) == (pytest.approx(rl.upper_bound(0, 5)), [5, 5])
    assert len(result.survival("sent")) > 0


def test_where_every_run_failed_nothing_is_said(swept):
    result = swept.where(timeout=50, loss=0.0)
    rows = result.runs._core
    for name in ("ending", "sent"):
        unit, meaning = next(column[2:] for column in result.runs.columns if column[0] == name)
        rows = rows.with_column(name, [None] * len(result), unit, meaning)
    failed = rl.Table(rows.with_column("error", ["no"] * len(result), "", "why"))
    result = rl.Sweep(result._plan, failed, result.series)
    assert (result.upper_bound, result.summary(metrics=["sent", "violation"]).n.sum()) == (1.0, 0)
    assert "800 failed" in repr(result)


def test_what_is_yes_or_no_has_shares_after_clopper_and_pearson():
    def odd(run):
        return run.seed % 2 == 1

    def cluster(horizon):
        return rl.Scenario(5, stop=rl.leader_elected, horizon=horizon)

    result = rl.sweep(cluster, {"horizon": [170, 5000]}, seeds=300, metrics=[odd, "elections"])
    table, rows = result.summary(), result.to_pandas()
    stopped = int(((rows.ending == "stop") & (rows.horizon == 170)).sum())
    for metric, events in (("odd", 150), ("ending=stop", stopped), ("ending=horizon", 300 - stopped)):
        line, exact = table.loc[(170, metric)], stats.binomtest(events, 300).proportion_ci(method="exact")
        assert line.events == events
        assert (line["mean"], line.mean_low, line.mean_high) == pytest.approx(
            (events / 300, exact.low, exact.high)
        )
        assert math.isnan(line.p50)
    assert 0 < stopped < 300
    assert table.loc[(5000, "ending=stop"), "note"] == "all of 300 runs"
    assert math.isnan(table.loc[(5000, "ending=horizon"), "mean"])


def test_shares_are_a_table_by_point():
    def cluster(horizon, nodes):
        return rl.Scenario(nodes, stop=rl.leader_elected, horizon=horizon)

    result = rl.sweep(cluster, {"horizon": [170, 200, 5000], "nodes": [3, 5]}, seeds=200, progress=False)
    table, rows = result.share("ending=horizon", by="horizon"), result.to_pandas()
    assert table.columns.tolist() == ["horizon", "n", "k", "share", "low", "high", "note"]
    for line in table.itertuples():
        missed = rows[rows.horizon == line.horizon].ending == "horizon"
        assert (line.n, line.k, line.share) == (400, missed.sum(), pytest.approx(missed.mean()))
        assert line.low <= line.share <= line.high
    assert table.note.iloc[2] == "none of 400 runs: below 0.015 (95 %)", "of 200 seeds"
    assert table.share.iloc[2] == 0.0
    apart, summary = result.share("ending=horizon"), result.summary(metrics="ending=horizon")
    assert apart.columns.tolist()[:2] == ["horizon", "nodes"]
    for side, name in (("low", "mean_low"), ("high", "mean_high")):
        assert apart[side].tolist() == pytest.approx(summary[name].tolist())
    with pytest.raises(rl.InvalidError, match="question: 'sent' is not a yes/no metric"):
        result.share("sent")
    with pytest.raises(rl.InvalidError, match="by: 'low' is the name of a column of share"):
        rl.sweep(lambda low: rl.Scenario(3, horizon=low), {"low": [5]}, seeds=2, progress=False).share(
            "violation"
        )


def test_rules_are_counted_one_by_one():
    scenario = failover().replace(bugs=["quorum_off_by_one"], network=rl.Network(loss=0.3))
    broken = rl.sweep(scenario, seeds=200, on_violation="record")
    table = broken.summary()
    assert broken.violations_by_property
    for name, count in broken.violations_by_property.items():
        assert table.loc[f"properties={name}", "events"] == count
    assert table.loc["violation", "events"] == len(broken.violating_seeds)


def test_a_part_of_a_grid(swept):
    part = swept.where(timeout=150)
    assert part.points == ({"timeout": 150, "loss": 0.0}, {"timeout": 150, "loss": 0.2})
    assert len(part) == 1600
    assert part.complete
    assert set(part.runs.to_list("timeout")) == {150}
    assert part.replay(801).digest == part.runs.to_list("digest")[801]
    assert part.where(loss=0.2).runs.to_dict() == swept.where(timeout=150, loss=0.2).runs.to_dict()


def test_points_with_seeds_of_their_own_are_independent():
    def cluster(loss):
        return rl.Scenario(5, network=rl.Network(latency=5, loss=loss), stop=rl.leader_elected)

    apart = rl.sweep(cluster, {"loss": [0.0, 0.01]}, seeds=200, common_random_numbers=False)
    assert apart.summary(by=[], metrics="violation").mean_high.iloc[0] == pytest.approx(
        rl.upper_bound(0, 400)
    )


# ---- What is not certain -----------------------------------------------------------------------------


def test_counts_that_were_never_seen_are_not_zero():
    quiet = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=100, metrics=["lost_writes", "elections"])
    table = quiet.summary()
    assert table.loc["lost_writes", ["n", "mean_low"]].tolist() == [100, 0]
    assert table.loc["lost_writes", ["mean", "mean_high"]].isna().all()
    assert table.loc["lost_writes", "note"] == "all of 100 runs have 0; P(other) < 0.03 (95 %)"
    assert table.loc["elections", "mean"] == 1
    assert table.loc["elections", ["mean_low", "mean_high"]].isna().all()


def test_without_checks_nothing_is_said_of_violations():
    metrics = ["lost_writes", "violations_election_safety", "sent"]
    asked = [*metrics, "violation", "properties=election_safety", "ending=violation"]
    blind = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=30, checks=False, metrics=metrics)
    table = blind.summary(metrics=asked)
    for metric in asked:
        n = 30 if metric == "sent" else 0
        assert table.n[metric] == n
        assert table.note[metric] == ("" if n else "not checked")
        assert n or table.loc[metric, ["mean", "mean_low", "mean_high", "p50"]].isna().all()
    assert repr(blind).startswith("<sweep: 30 runs, not checked for violations>\n")
    assert blind.upper_bound == 1.0
    with pytest.raises(rl.InvalidError, match="not checked"):
        rl.required_seeds(blind, "violation", 0.01)
    with pytest.raises(rl.InvalidError, match="not checked"):
        rl.compare(blind, blind, "violation")
    run = rl.Scenario(3, horizon="1s").run(seed=1, checks=False)
    futures = run.futures(20, at=[0, 500])
    assert futures.summary(metrics="violation").note.tolist() == ["not checked"] * 2
    with pytest.raises(rl.InvalidError, match=r"event: .*not checked"):
        rl.plot.fate(futures)


@pytest.mark.filterwarnings("error")
def test_where_nothing_was_over_nothing_is_known():
    cut = rl.sweep(waiting, {"timeout": [100, 150]}, seeds=50)
    found = rl.compare(cut.where(timeout=100), cut.where(timeout=150), "time_to_leader_ms")
    for name in (
        "difference",
        "low",
        "high",
        "effect",
        "p_value",
        "mean_a",
        "mean_b",
        "gain",
        "b_is_greater",
    ):
        assert math.isnan(getattr(found, name)), name
    assert found.note == "no duration was over before 60 ms on either side"
    line = cut.summary(metrics="time_to_leader_ms").loc[(100, "time_to_leader_ms")]
    assert line.p50_low == 60
    assert line.note == f"never observed: P(within 60 ms) < {rl.upper_bound(0, 50):.2g} (95 %)"
    with pytest.raises(rl.InvalidError, match="all ended before 'time_to_leader_ms' was over"):
        rl.required_seeds(cut, "time_to_leader_ms", 1)


@pytest.mark.filterwarnings("error")
def test_infinite_values_and_short_horizons_are_quiet():
    def odd(run):
        return math.inf if run.seed == 3 else 1.5 + run.seed

    result = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=50, metrics=[odd])
    line = result.summary().loc["odd"]
    assert (line.n, line.p50, line.note) == (50, pytest.approx(26.5, abs=1), "infinite in 1 run")
    assert math.isnan(line["mean"])
    for call in (lambda: rl.compare(result, result, "odd"), lambda: rl.required_seeds(result, "odd", 1)):
        with pytest.raises(rl.InvalidError, match="infini"):
            call()
    short = rl.sweep(lambda t: waiting(t).replace(horizon="5s"), {"t": [100, 150]}, seeds=50)
    found = rl.compare(short.where(t=100), short.where(t=150), "time_to_leader_ms", horizon=60)
    assert math.isnan(found.high)


def test_numpy_scalars_are_what_they_are():
    def flag(run):
        return np.bool_(run.seed % 2)

    def whole(run):
        return np.int64(run.seed)

    def real(_):
        return np.float32(0.5)

    result = rl.sweep(rl.Scenario(3, horizon=10), seeds=10, metrics=[flag, whole, real])
    kinds = {name: kind for name, kind, *_ in result.runs.columns}
    assert (kinds["flag"], kinds["whole"], kinds["real"]) == ("boolean", "int64", "float64")
    wilson = share(5, 10)
    assert result.summary().loc["flag", ["mean_low", "mean_high"]].tolist() == [wilson.low, wilson.high]


def test_a_grid_may_hold_nan():
    result = rl.sweep(
        lambda x: rl.Scenario(3, horizon=10 if x > 0 else 20), {"x": [0.5, math.nan]}, seeds=5, metrics="sent"
    )
    assert result.summary(metrics="sent").n.tolist() == [5, 5]
    assert len(result.where(x=math.nan)) == 5
    assert result.replay(7).digest == result.runs.to_list("digest")[7]


def test_values_that_look_alike_are_not_taken_together():
    class Thing:
        def __init__(self, horizon):
            self.horizon = horizon

        def __repr__(self):
            return "thing"

    things = [Thing(10), Thing(20)]

    def build(thing, size):
        return rl.Scenario(size, horizon=thing.horizon)

    points = [{"thing": things[0], "size": 3}, {"thing": things[1], "size": 5}]
    with pytest.raises(rl.InvalidError, match="'thing' has different values with the text 'thing'"):
        rl.sweep(build, points, seeds=2)
    same = [point | {"thing": things[0]} for point in points]
    assert rl.sweep(build, same, seeds=2).summary(by="thing", metrics="sent").n.tolist() == [4]


@pytest.mark.parametrize("confidence", [0, 1, 95, math.nan, "0.9", None])
def test_a_confidence_is_neither_nothing_nor_certainty(swept, confidence):
    a, b = swept.where(timeout=50, loss=0.0), swept.where(timeout=150, loss=0.0)
    for call in (
        lambda: swept.summary(confidence=confidence),
        lambda: swept.survival("downtime_ms", confidence=confidence),
        lambda: swept.share("violation", confidence=confidence),
        lambda: swept.commit_latency(confidence=confidence),
        lambda: swept.commit_latency_ecdf(confidence=confidence),
        lambda: rl.compare(a, b, "sent", confidence=confidence),
        lambda: rl.required_seeds(a, "sent", 1, confidence=confidence),
        lambda: rl.plot.ecdf(a, "sent", confidence=confidence),
        lambda: rl.plot.bands(swept, "timeout", "sent", confidence=confidence),
        lambda: rl.plot.heatmap(swept, "timeout", "loss", "sent", confidence=confidence),
        lambda: rl.upper_bound(0, 10, confidence),
        lambda: rl.rare_event(rl.Scenario(3), rl.down(1), confidence=confidence),
    ):
        with pytest.raises(rl.InvalidError, match="above 0 and below 1"):
            call()


@pytest.mark.parametrize("confidence", [1e-9, 1 - 1e-9])
def test_any_confidence_there_is_gives_something(swept, confidence):
    table = swept.summary(by="timeout", confidence=confidence, metrics=["downtime_ms", "violation"])
    assert len(table) > 0
    curve = swept.survival("downtime_ms", by="timeout", confidence=confidence)
    assert (curve.low <= curve.survival).all()
    assert (curve.survival <= curve.high).all()
    both = swept.where(timeout=50, loss=0.0), swept.where(timeout=150, loss=0.0)
    assert rl.compare(*both, "downtime_ms", confidence=confidence).confidence == confidence


# ---- Survival as a table -----------------------------------------------------------------------------


def test_survival_is_a_table_of_steps():
    cut = rl.sweep(lambda timeout: failover(timeout, 0.2).replace(horizon="1.3s"), {"timeout": [100, 150]},
                   seeds=400)  # fmt: skip
    table = cut.survival("downtime_ms")
    assert table.columns.tolist() == [
        "timeout", "downtime_ms", "at_risk", "events", "censored", "survival", "low", "high",
    ]  # fmt: skip
    one = table[table.timeout == 150]
    of = sample_of(cut.where(timeout=150), "downtime_ms")
    expected = stats.ecdf(stats.CensoredData(of.values, right=of.censored)).sf
    assert one.survival.to_numpy() == pytest.approx(expected.probabilities)
    assert one.downtime_ms.to_numpy() == pytest.approx(expected.quantiles)
    assert (one.events.sum(), one.censored.sum()) == (len(of.values), len(of.censored))
    uncut = one[one.downtime_ms < of.censored.min()]
    over = uncut.events.cumsum().to_numpy()
    exact = [stats.binomtest(int(k), of.n).proportion_ci(method="exact") for k in over]
    assert len(exact) > 20
    assert uncut.low.to_numpy() == pytest.approx([1 - side.high for side in exact]), (
        "all are watched until then"
    )
    assert uncut.high.to_numpy() == pytest.approx([1 - side.low for side in exact])
    assert not one.isna().any(axis=None)
    assert (one.low <= one.survival).all()
    assert (one.survival <= one.high).all()
    assert len(cut.survival("sent", by=[])) == len(np.unique(cut["sent"]))


# ---- How many seeds ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("statistic", "q"), [("mean", None), ("p50", 0.5), ("p90", 0.9)])
def test_as_many_seeds_as_needed_give_the_precision(statistic, q):
    pilot = rl.sweep(rl.Scenario(5, stop=rl.leader_elected), seeds=1000)
    needed = rl.required_seeds(pilot, "time_to_leader_ms", 1.0, statistic=statistic)
    result = rl.sweep(rl.Scenario(5, stop=rl.leader_elected), seeds=range(5000, 5000 + needed))
    sample = sample_of(result, "time_to_leader_ms", np.arange(needed))
    estimate = sample.mean() if q is None else sample.quantile(q)
    assert estimate.half_width == pytest.approx(1.0, rel=0.35)
    twice = rl.required_seeds(pilot, "time_to_leader_ms", 0.5, statistic=statistic)
    assert 3 * needed < twice <= 4 * needed, "the more seeds, the less do half-widths vary"


def test_most_sweeps_of_so_many_seeds_are_precise_enough():
    """Half of them were not, when the pilot was taken at its word."""
    from raftlab.sweeps.required import Pilot

    luck, hits, naive = np.random.default_rng(14), 0, 0
    for _ in range(60):
        pilot = Sample("x", luck.exponential(1, 100), np.array([]))
        wanted = pilot.mean().half_width / 3
        needed = Pilot(pilot, None, 0.95).times(wanted, 100)
        hits += Sample("x", luck.exponential(1, needed), np.array([])).mean().half_width <= wanted
        naive += Sample("x", luck.exponential(1, 900), np.array([])).mean().half_width <= wanted
    assert hits / 60 > 0.78
    assert naive / 60 < 0.7, "the test of the test"


def test_small_pilots_allow_for_the_tail_that_they_missed():
    """By more than samples drawn from them differ: those miss the same tail. Without a tail by no more."""
    from raftlab.sweeps.required import Pilot

    luck = np.random.default_rng(15)

    def allowed(draw, n):
        """By how much in all, and by how much if drawn samples were taken at their word."""
        sample = Sample("x", draw(n), np.array([]))
        widths = [sample.drawn(luck, n).mean().half_width for _ in range(200)]
        return Pilot(sample, None, 0.95).reserve(relative=False), 1.2816 * np.std(np.log(widths))

    short, naive = np.mean([allowed(luck.standard_exponential, 30) for _ in range(12)], axis=0)
    assert short > 1.2 * naive
    full, plain = np.mean([allowed(luck.standard_normal, 1000) for _ in range(2)], axis=0)
    assert full == pytest.approx(plain, rel=0.25)


def test_seeds_allow_for_runs_that_tell_nothing():
    def odd(run):
        return float(run.seed) if run.seed % 2 else None

    pilot = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=400, metrics=[odd])
    needed = rl.required_seeds(pilot, "odd", 5.0)
    values = np.arange(1.0, 400, 2)
    exact = (stats.norm.ppf(0.975) * values.std(ddof=1) / 5.0) ** 2
    assert 2 * exact < needed < 2.4 * exact, "half of the runs have none"


def test_seeds_for_points_taken_together():
    def cluster(nodes):
        return rl.Scenario(nodes, stop=rl.leader_elected)

    pilot = rl.sweep(cluster, {"nodes": [3, 5]}, seeds=300)
    apart = rl.required_seeds(pilot, "time_to_leader_ms", 2.0)
    together = rl.required_seeds(pilot, "time_to_leader_ms", 2.0, by=[])
    assert together < apart
    wilson = rl.required_seeds(pilot, "ending=stop", 0.001)
    assert rl.upper_bound(0, wilson) <= 0.001 < rl.upper_bound(0, wilson - 1)


def test_seeds_for_what_was_never_seen():
    pilot = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=50)
    needed = rl.required_seeds(pilot, "violation", 1e-4)
    assert rl.upper_bound(0, needed) <= 1e-4 < rl.upper_bound(0, needed - 1)
    with pytest.raises(rl.InvalidError, match="all have the same 'split_votes'"):
        rl.required_seeds(pilot, "split_votes", 0.1)
    with pytest.raises(rl.InvalidError, match="would take 3e\\+30 seeds"):
        rl.required_seeds(pilot, "violation", 1e-30)


def test_ties_do_not_make_one_seed_enough():
    def mostly(run):
        return 0 if run.seed % 10 else 5

    pilot = rl.sweep(rl.Scenario(3, horizon=10), seeds=100, metrics=[mostly])
    assert rl.required_seeds(pilot, "mostly", 0.1, statistic="p50") == 100


# ---- Errors ------------------------------------------------------------------------------------------


def none_of(result):
    """The same sweep, interrupted before its first run was over."""
    one = result.where(timeout=50, loss=0.0)
    return rl.Sweep(one._plan, rl.Table(one.runs._core.slice(0, 0)), one.series)


BAD = {
    "an unknown parameter": (lambda r: r.summary(by="size"), ["by", "'size'", "timeout, loss"]),
    "an unknown metric": (lambda r: r.summary(metrics="downtime"), ["'downtime'", "downtime_ms"]),
    "a confidence": (lambda r: r.summary(confidence=95), ["confidence", "95"]),
    "a quantile": (lambda r: r.summary(quantiles=[50]), ["quantiles", "50"]),
    "a point that is not there": (lambda r: r.where(timeout=75), ["where", "timeout=75"]),
    "a value that is a table": (lambda r: r.where(timeout=np.array([[50, 150]])), ["where", "timeout=array"]),
    "a parameter that is not there": (lambda r: r.where(size=75), ["where", "'size'", "timeout, loss"]),
    "no runs": (lambda r: rl.compare(*[none_of(r)] * 2, "sent"), ["a", "no runs"]),
    "several points": (lambda r: rl.compare(r, r, "sent"), ["a", "one point", "4"]),
    "no sweep": (lambda r: rl.compare(r.where(timeout=50, loss=0.0), 5, "sent"), ["b", "Sweep", "5"]),
    "a metric of texts": (
        lambda r: rl.compare(r.where(timeout=50, loss=0.0), r.where(timeout=50, loss=0.0), "ending"),
        ["'ending'"],
    ),
    "no pilot": (lambda _: rl.required_seeds(5, "sent", 1), ["pilot", "Sweep"]),
    "a horizon of no duration": (
        lambda r: rl.compare(*[r.where(timeout=50, loss=0.0)] * 2, "sent", horizon="1s"),
        ["horizon", "'sent'"],
    ),
    "a horizon that is no time": (
        lambda r: rl.compare(*[r.where(timeout=50, loss=0.0)] * 2, "downtime_ms", horizon="soon"),
        ["horizon", "'soon'"],
    ),
    "an ending that is none": (lambda r: r.summary(metrics="ending=won"), ["'ending=won'", "stop, horizon"]),
    "a rule that is none": (
        lambda r: r.summary(metrics="properties=safety"),
        ["'properties=safety'", "log_matching"],
    ),
    "a question of a number": (lambda r: r.summary(metrics="sent=3"), ["'sent=3'", "ending=stop"]),
    "a list of numbers": (lambda r: r.summary(metrics=[3]), ["3", "downtime_ms"]),
    "a metric that is a number": (lambda r: rl.required_seeds(r, 3, 1), ["metric", "3"]),
    "survival of a flag": (lambda r: r.survival("violation"), ["'violation'", "yes/no"]),
    "survival of nothing": (lambda r: r.survival("downtime"), ["'downtime'", "downtime_ms"]),
    "survival by nothing": (
        lambda r: r.survival("downtime_ms", by="size"),
        ["by", "'size'", "timeout, loss"],
    ),
    "no precision": (lambda r: rl.required_seeds(r, "sent", 0), ["precision", "0"]),
    "a precision of text": (lambda r: rl.required_seeds(r, "sent", "fine"), ["precision", "'fine'"]),
    "an unknown statistic": (
        lambda r: rl.required_seeds(r, "sent", 1, statistic="mode"),
        ["statistic", "'mode'", "'p99.9'"],
    ),
    "an unbounded quantile": (
        lambda r: rl.required_seeds(r, "time_to_leader_ms", 1, statistic="p99.99"),
        ["pilot", "p99.99"],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_name_what_is_wrong(swept, name):
    call, words = BAD[name]
    with pytest.raises(rl.InvalidError) as error:
        call(swept)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_statistics_are_asked_for_by_name():
    import subprocess
    import sys

    for module, call in (("scipy", "compare(r, r, 'sent')"), ("scipy", "required_seeds(r, 'sent', 1)")):
        code = f"""
import importlib.util as u, raftlab as rl
find = u.find_spec
u.find_spec = lambda name, *more: None if name == {module!r} else find(name, *more)
r = rl.sweep(rl.Scenario(3, horizon=1), seeds=3)
rl.{call}
"""
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert f"needs {module}: pip install" in told.stderr


def test_parameters_may_have_the_names_of_columns():
    result = rl.sweep(
        lambda n, mean: rl.Scenario(n, horizon=600 + mean, stop=rl.leader_elected),
        {"n": [3, 5], "mean": [0, 1]},
        seeds=20,
        metrics="time_to_leader_ms",
        progress=False,
    )
    table = result.summary(metrics="time_to_leader_ms")
    assert table.index.tolist() == [(n, mean, "time_to_leader_ms") for n in (3, 5) for mean in (0, 1)]
    assert table.n.tolist() == [20] * 4
    assert (table["mean"] > 100).all()
    with pytest.raises(rl.InvalidError, match="grid: 'metric' is the name of a column of the result"):
        rl.sweep(lambda metric: rl.Scenario(metric), {"metric": [3, 5]}, seeds=1)
    with pytest.raises(rl.InvalidError, match="by: 'high' is the name of a column of survival"):
        rl.sweep(
            lambda high: rl.Scenario(3, election_timeout=(high, 2 * high), stop=rl.leader_elected),
            {"high": [100, 150]},
            seeds=5,
            progress=False,
        ).survival("time_to_leader_ms")


def test_what_was_not_checked_is_not_drawn_and_does_not_survive():
    result = rl.sweep(
        lambda loss: rl.Scenario(3, network=rl.Network(latency=5, loss=loss), horizon="300ms"),
        {"loss": [0, 0.1]},
        seeds=5,
        metrics=["lost_writes"],
        checks=False,
        progress=False,
    )
    for call in (
        lambda: rl.plot.bands(result, "loss", "lost_writes"),
        lambda: result.survival("lost_writes"),
    ):
        with pytest.raises(rl.InvalidError, match="not checked"):
            call()


def test_metrics_that_tell_nothing_say_what_to_do():
    def word(run):
        return f"run {run.seed}"

    def quiet(k):
        return rl.Scenario(3, horizon=1000 + k)

    result = rl.sweep(quiet, {"k": [1]}, seeds=5, metrics=["downtime_ms", word], progress=False)
    for metric, words in {
        "ending": ["holds texts", "'ending=...'"],
        "word": ["'word' holds texts, not numbers"],
        "digest": ["'digest' holds texts"],
        "k": ["'k' is a parameter of the grid"],
        "commits": ["'commits' was not measured", "metrics=[..., 'commits']"],
        "downtime_ms": ["fewer than two seeds", "'unavailable_ms' is the time without one"],
        "downtimes": ["unknown metric 'downtimes'"],
    }.items():
        with pytest.raises(rl.InvalidError) as error:
            rl.compare(result, result, metric)
        assert all(part in str(error.value) for part in words), str(error.value)
    with pytest.raises(rl.InvalidError, match="histograms, not numbers: see commit_latency"):
        rl.sweep(quiet(1), seeds=2, metrics="histograms", progress=False).summary(
            metrics="commit_latency_histogram"
        )


def test_runs_are_numbered_up_to_a_limit_that_is_said():
    def points(k):
        return rl.Scenario(3, horizon=5 + k)

    quiet = points(0)
    c = rl.Cluster(3, seed=2**64 - 1)
    c.run(5)
    for call in (
        lambda: rl.sweep(quiet, seeds=2**63),
        lambda: rl.sweep(points, {"k": range(4)}, seeds=2**62),
        lambda: c.futures(2**64 - 1, duration=5),
        lambda: c.futures(2**63, duration=5),
    ):
        with pytest.raises(rl.InvalidError, match=r"2\^63 - 1"):
            call()
    assert len(c.futures(3, duration=5, progress=False)) == 3
    high = rl.sweep(quiet, seeds=range(2**63, 2**63 + 20), progress=False)
    assert high.summary().loc["sent", "n"] == 20
    assert high.replay(19).seed == 2**63 + 19
    own = rl.sweep(
        points, {"k": [1, 2]}, seeds=range(2**64 - 9, 2**64 - 3), common_random_numbers=False,
        progress=False,
    )  # fmt: skip
    assert own.replay(11).seed == own["seed"][11]
