"""Statistics of sweeps: against scipy, closed forms, simulations of coverage, and each other."""

import math

import numpy as np
import pytest
import raftlab as rl
from raftlab.statistics import Estimate, Sample, share
from raftlab.sweeps.observed import sample_of
from scipy import stats


def plain(values, censored=()):
    return Sample("x", np.asarray(values, float), np.asarray(censored, float))


def failover(timeout=150, loss=0.0):
    return rl.Scenario(
        5,
        election_timeout=(timeout, 2 * timeout),
        network=rl.Network(latency=rl.uniform(1, 5), loss=loss),
        faults=[rl.Crash("leader", at=rl.uniform(1000, 1150))],
        horizon="1.6s",
    )


@pytest.fixture(scope="module")
def swept():
    return rl.sweep(failover, {"timeout": [50, 150], "loss": [0.0, 0.2]}, seeds=800)


# ---- One sample -----------------------------------------------------------------------------------------


def test_the_interval_of_a_mean_is_students():
    values = np.random.default_rng(1).exponential(10, 50)
    mean = plain(values).mean(0.9)
    low, high = stats.t.interval(0.9, 49, loc=values.mean(), scale=stats.sem(values))
    assert (mean.value, mean.low, mean.high) == pytest.approx((values.mean(), low, high))


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
def test_intervals_of_quantiles_cover(q):
    """Order statistics hold the true quantile as often as they say, whatever the distribution is."""
    luck, truth, hits = np.random.default_rng(2), -math.log(1 - q), 0
    for _ in range(1500):
        estimate = plain(luck.exponential(1, 800)).quantile(q)
        low = -math.inf if math.isnan(estimate.low) else estimate.low
        high = math.inf if math.isnan(estimate.high) else estimate.high
        hits += low <= truth <= high
    assert 0.94 <= hits / 1500 <= 0.985


def test_a_quantile_that_the_sample_cannot_bound_says_so():
    estimate = plain(range(50)).quantile(0.99)
    assert math.isnan(estimate.high)
    assert not math.isnan(estimate.low)


def test_shares_are_wilsons_and_none_is_a_bound():
    interval = stats.binomtest(7, 100).proportion_ci(method="wilson")
    assert share(7, 100) == Estimate(0.07, interval.low, interval.high)
    none, all_of = share(0, 1000), share(1000, 1000)
    assert none.high == pytest.approx(rl.upper_bound(0, 1000))
    assert (none.low, none.note) == (0.0, "none of 1,000 runs")
    assert all_of.low == pytest.approx(1 - rl.upper_bound(0, 1000))


def test_kaplan_and_meier_by_hand():
    """Ends at 1, 2, 4; censored at 2 and 3: S = 4/5, 4/5 3/4 = 3/5, 3/5 0/1 = 0."""
    sample = plain([1, 2, 4], [2, 3])
    curve = sample.curve()
    steps = dict(zip(curve.time, curve.survival, strict=True))
    assert curve.at_risk.tolist() == [5, 4, 2, 1]
    assert curve.events.tolist() == [1, 1, 0, 1]
    assert curve.censored.tolist() == [0, 1, 1, 0]
    assert steps[1] == pytest.approx(0.8)
    assert steps[2] == pytest.approx(0.6)
    assert steps[4] == pytest.approx(0.0)
    assert sample.quantile(0.3).value == 2
    assert sample.quantile(0.5).value == 4
    # The area below it: 1 + 0.8 (2 - 1) + 0.6 (4 - 2).
    assert sample.mean().value == pytest.approx(3.0)


def test_what_was_not_reached_is_not_a_number():
    sample = plain([1, 2], [5] * 8)
    assert math.isnan(sample.quantile(0.5).value)
    assert sample.quantile(0.5).note == "not reached by 0.5 of the runs"
    assert sample.quantile(0.1).value == 1
    assert sample.mean().note == "mean up to 5 ms"
    assert sample.mean().value == pytest.approx(1 + 0.9 + 0.8 * 3)
    never = plain([], [5] * 8)
    bound = rl.upper_bound(0, 8)
    assert never.mean().note == f"never observed: P(within 5 ms) < {bound:.2g} (95 %)"
    median, low = never.quantile(0.5), never.quantile(0.2)
    assert (math.isnan(median.value), median.low, median.note) == (True, 5, never.mean().note)
    assert math.isnan(low.low), "8 runs do not rule out that a fifth of all are over sooner"
    assert plain([1, 2], [5] * 98).quantile(0.5).low == 5, "longer than any run was watched"


def test_a_low_quantile_may_lie_below_the_first_event():
    """One censored run among them does not make the first event a limit."""
    assert math.isnan(plain(range(1, 31)).quantile(0.05).low)
    assert math.isnan(plain(range(1, 30), [30]).quantile(0.05).low)
    luck, truth, hits = np.random.default_rng(30), -math.log(0.95), 0
    for _ in range(600):
        values = np.sort(luck.exponential(1, 30))
        low = plain(values[:-1], values[-1:]).quantile(0.05).low
        hits += math.isnan(low) or low <= truth
    assert hits / 600 >= 0.975


# ---- What is not certain ---------------------------------------------------------------------------------


def test_runs_that_all_say_the_same_have_no_interval_but_a_bound():
    for counts in (False, True):
        sample = Sample("x", np.zeros(50), np.array([]), counts=counts)
        mean, median = sample.mean(), sample.quantile(0.5)
        assert (mean.value, math.isnan(mean.high), mean.unseen) == (0, True, counts)
        assert mean.others == median.others == pytest.approx(rl.upper_bound(0, 50))
        assert (median.value, median.low, median.high) == (0, 0, 0), "of a median that is sure enough"
    thrice = Sample("x", np.full(60, 7.0), np.array([]), seeds=np.tile(np.arange(20), 3))
    assert thrice.mean().others == pytest.approx(rl.upper_bound(0, 20))
    assert math.isnan(plain([1, 2, 3]).mean().others)


def test_counts_that_were_never_seen_are_not_zero():
    quiet = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=100, metrics=["lost_writes", "elections"])
    table = quiet.summary()
    assert table.loc["lost_writes", ["n", "mean_low"]].tolist() == [100, 0]
    assert table.loc["lost_writes", ["mean", "mean_high"]].isna().all()
    assert table.loc["lost_writes", "note"] == "all of 100 runs say 0; P(other) < 0.03 (95 %)"
    assert table.loc["elections", "mean"] == 1
    assert table.loc["elections", ["mean_low", "mean_high"]].isna().all()


def test_without_checks_nothing_is_said_of_violations():
    metrics = ["lost_writes", "violations_election_safety", "sent"]
    asked = [*metrics, "violation", "rules=election_safety", "ending=violation"]
    blind = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=30, checks=False, metrics=metrics)
    table = blind.summary(metrics=asked)
    for metric in asked:
        n = 30 if metric == "sent" else 0
        assert table.n[metric] == n
        assert table.note[metric] == ("" if n else "not checked")
        assert n or table.loc[metric, ["mean", "mean_low", "mean_high", "p50"]].isna().all()
    assert repr(blind) == "<sweep: 30 runs, not checked for violations>"
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


def test_equal_differences_are_no_certainty():
    def shifted(by):
        def metric(run):
            return float(run.seed % 5 + by)

        metric.__name__ = "metric"
        return rl.sweep(rl.Scenario(3, horizon=10), seeds=range(4), metrics=[metric])

    found = rl.compare(shifted(0), shifted(2), "metric")
    assert (found.difference, found.p_value) == (2, 2 ** (1 - 4))
    assert all(math.isnan(x) for x in (found.low, found.high, found.effect, found.gain))
    assert found.note == f"all pairs differ by 2; P(other) < {rl.upper_bound(0, 4):.2g} (95 %)"
    assert found.note in repr(found)
    assert "all pairs differ by 2" in found._repr_html_()
    none = rl.compare(shifted(0), shifted(0), "metric")
    assert (none.difference, none.p_value, math.isnan(none.high)) == (0, 1, True)


def test_no_p_value_is_less_than_signs_allow_for():
    from raftlab.sweeps.pairs import of_means

    x = np.array([0.0, 0.0, 0.0])
    for pseudo in (False, True):
        assert of_means(x, np.array([1.0, 1.0001, 1.0002]), 0.95, pseudo)[0].p_value >= 2 ** (1 - 3)


@pytest.mark.filterwarnings("error")
def test_unpaired_means_are_welchs_and_one_side_may_be_constant():
    from raftlab.sweeps.pairs import of_means, welch

    luck = np.random.default_rng(31)
    x, y = luck.normal(10, 1, 40), luck.normal(11, 3, 40)
    ours, theirs = welch(x, y, 0.9), stats.ttest_ind(y, x, equal_var=False)
    limits = theirs.confidence_interval(0.9)
    assert (ours.low, ours.high, ours.p_value) == pytest.approx((limits.low, limits.high, theirs.pvalue))
    one = welch(np.ones(40), y, 0.9)
    alone = stats.t.interval(0.9, 39, loc=y.mean() - 1, scale=stats.sem(y))
    assert (one.low, one.high) == pytest.approx(alone)
    for n in (2, 3, 5, 9, 14):  # and Wilcoxon's test of a few with ties and zeros is quiet, too
        of_means(np.zeros(n), np.arange(n) // 2.0, 0.95, False)


def waiting(timeout):
    return rl.Scenario(5, election_timeout=(timeout, 2 * timeout), stop=rl.leader_elected, horizon="60ms")


@pytest.mark.filterwarnings("error")
def test_where_nothing_was_over_nothing_is_known():
    cut = rl.sweep(waiting, {"timeout": [100, 150]}, seeds=50)
    found = rl.compare(cut.at(timeout=100), cut.at(timeout=150), "time_to_leader_ms")
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
    assert found.note == "no pair was over before 60 ms on either side"
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
    found = rl.compare(short.at(t=100), short.at(t=150), "time_to_leader_ms", horizon=60)
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
    assert len(result.at(x=math.nan)) == 5
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


def test_shares_of_dependent_runs_are_not_rounded():
    some, more = (share(events, 1000, dependence=250.0) for events in (450, 540))
    assert some.low < more.low, "both would be 2 of 4"
    whole, interval = share(7, 100), stats.binomtest(7, 100).proportion_ci(method="wilson")
    assert (whole.low, whole.high) == pytest.approx((interval.low, interval.high))


@pytest.mark.filterwarnings("error")
def test_medians_of_small_tables_are_compared_by_the_bootstrap(swept):
    from raftlab.sweeps.pairs import Pairs, of_medians

    luck, hits, no = np.random.default_rng(13), 0, np.zeros(60, dtype=bool)
    truth = 4 * math.log(2)
    for _ in range(100):
        ranks = stats.norm.cdf(luck.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 60))
        x, y = -10 * np.log1p(-ranks[:, 0]), -14 * np.log1p(-ranks[:, 1])
        found = of_medians(Pairs("x", False, x, y, no, no, 0), 0.95)
        assert found.low <= found.value <= found.high
        hits += found.low <= truth <= found.high
    assert 0.9 <= hits / 100 <= 1
    assert of_medians(Pairs("x", False, x, y, no, no, 0), 0.95) == found, "always with the same luck"
    ties = of_medians(Pairs("x", False, x, x, no, no, 0), 0.95)
    assert (ties.value, math.isnan(ties.low)) == (0, True)
    few = of_medians(Pairs("x", False, x[:9], y[:9], no[:9], no[:9], 0), 0.95)
    assert math.isnan(few.low)
    a, b = swept.at(timeout=50, loss=0.0), swept.at(timeout=150, loss=0.0)
    both = rl.compare(a, b, "time_to_leader_ms")
    assert both.median_low < both.median_difference < both.median_high
    table = swept.summary(metrics="time_to_leader_ms").p50
    assert both.median_difference == pytest.approx(table.iloc[2] - table.iloc[0])
    assert math.isnan(rl.compare(a, b, "violation").median_difference)


def test_why_there_is_no_bootstrap_of_means():
    """Of few and skewed values BCa's intervals hold the mean no more often than Student's."""
    luck, student, bca = np.random.default_rng(12), 0, 0
    for _ in range(250):
        values = luck.lognormal(0, 1, 12)
        mean = plain(values).mean()
        found = stats.bootstrap((values,), np.mean, n_resamples=499, random_state=1).confidence_interval
        student += mean.low <= math.exp(0.5) <= mean.high
        bca += found.low <= math.exp(0.5) <= found.high
    assert bca <= student + 5


def test_censored_means_and_quantiles_cover():
    luck, hits, inside = np.random.default_rng(3), 0, 0
    for _ in range(400):
        values, until = luck.exponential(10, 150), luck.uniform(5, 30, 150)
        sample = plain(values[values <= until], until[values > until])
        median = sample.quantile(0.5)
        hits += median.low <= 10 * math.log(2) <= median.high
        horizon = max(sample.values.max(), sample.censored.max())
        mean = sample.mean()
        inside += mean.low <= 10 * (1 - math.exp(-horizon / 10)) <= mean.high
    assert hits / 400 > 0.92
    assert inside / 400 > 0.90


def test_leaving_censored_runs_out_would_be_wrong():
    """The test of the test above: the naive mean of what ended is far off."""
    luck = np.random.default_rng(4)
    values, until = luck.exponential(10, 20_000), luck.uniform(2, 15, 20_000)
    assert values[values <= until].mean() < 4
    assert plain(values[values <= until], until[values > until]).quantile(0.5).value == pytest.approx(
        6.93, rel=0.05
    )


# ---- Summaries ------------------------------------------------------------------------------------------


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
    interval = stats.binomtest(events, 200).proportion_ci(method="wilson")
    assert (line["mean"], line.mean_low, line.mean_high) == pytest.approx(
        (events / 200, interval.low, interval.high)
    )


def test_censored_runs_are_counted_as_such():
    cut = rl.sweep(failover(150, 0.2).replace(horizon="1.3s"), seeds=600)
    line, rows = cut.summary(metrics="downtime_ms").loc["downtime_ms"], cut.to_pandas()
    assert line.censored == (rows.downtime_ms.isna() & rows.downtime_open_ms.notna()).sum() > 50
    assert line.n == 600 - (rows.downtime_ms.isna() & rows.downtime_open_ms.isna()).sum()
    whole = rl.sweep(failover(150, 0.2).replace(horizon="5s"), seeds=600).to_pandas()
    assert line.p50 == pytest.approx(whole.downtime_ms.median(), rel=0.1)
    assert line["mean"] == pytest.approx(whole.downtime_ms.mean(), rel=0.15)
    assert line.note.startswith("mean up to ")


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

    result = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=5, metrics=[never, "sent"])
    table = result.summary(metrics=["sent", "violation"])
    assert (result.upper_bound, table.n.tolist()) == (pytest.approx(rl.upper_bound(0, 5)), [5, 5])
    assert len(result.survival("sent")) > 0


def test_where_every_run_failed_nothing_is_said(swept):
    result = swept.at(timeout=50, loss=0.0)
    rows = result.runs._core
    for name in ("ending", "sent"):
        unit, meaning = next(column[2:] for column in result.runs.columns if column[0] == name)
        rows = rows.with_column(name, [None] * len(result), unit, meaning)
    result.runs = rl.Table(rows.with_column("error", ["no"] * len(result), "", "why"))
    assert (result.upper_bound, result.summary(metrics=["sent", "violation"]).n.sum()) == (1.0, 0)
    assert "800 failed" in repr(result)


def test_what_is_yes_or_no_has_shares_after_wilson():
    def odd(run):
        return run.seed % 2 == 1

    def cluster(horizon):
        return rl.Scenario(5, stop=rl.leader_elected, horizon=horizon)

    result = rl.sweep(cluster, {"horizon": [170, 5000]}, seeds=300, metrics=[odd, "elections"])
    table, rows = result.summary(), result.to_pandas()
    stopped = int(((rows.ending == "stop") & (rows.horizon == 170)).sum())
    for metric, events in (("odd", 150), ("ending=stop", stopped), ("ending=horizon", 300 - stopped)):
        line, wilson = table.loc[(170, metric)], stats.binomtest(events, 300).proportion_ci(method="wilson")
        assert line.events == events
        assert (line["mean"], line.mean_low, line.mean_high) == pytest.approx(
            (events / 300, wilson.low, wilson.high)
        )
        assert math.isnan(line.p50)
    assert 0 < stopped < 300
    assert table.loc[(5000, "ending=stop"), "note"] == "all of 300 runs"
    assert math.isnan(table.loc[(5000, "ending=horizon"), "mean"])


def test_rules_are_counted_one_by_one():
    scenario = failover().replace(bugs=["quorum_off_by_one"], network=rl.Network(loss=0.3))
    broken = rl.sweep(scenario, seeds=200, on_violation="record")
    table = broken.summary()
    assert broken.rules
    for rule, count in broken.rules.items():
        assert table.loc[f"rules={rule}", "events"] == count
    assert table.loc["violation", "events"] == len(broken.violating_seeds)


def test_a_part_of_a_grid(swept):
    part = swept.at(timeout=150)
    assert part.points == ({"timeout": 150, "loss": 0.0}, {"timeout": 150, "loss": 0.2})
    assert len(part) == 1600
    assert part.complete
    assert set(part.runs.to_list("timeout")) == {150}
    assert part.replay(801).digest == part.runs.to_list("digest")[801]
    assert part.at(loss=0.2).runs.to_dict() == swept.at(timeout=150, loss=0.2).runs.to_dict()


# ---- Comparisons ----------------------------------------------------------------------------------------


def test_pairs_of_common_random_numbers(swept):
    a, b = swept.at(timeout=50, loss=0.0), swept.at(timeout=150, loss=0.0)
    found = rl.compare(a, b, "time_to_leader_ms")
    x, y = a["time_to_leader_ms"], b["time_to_leader_ms"]
    paired = stats.ttest_rel(y, x).confidence_interval(0.95)
    assert found.difference == pytest.approx((y - x).mean())
    assert (found.low, found.high) == pytest.approx((paired.low, paired.high))
    assert found.correlation == pytest.approx(stats.pearsonr(x, y).statistic)
    assert found.correlation > 0.8
    unpaired = stats.ttest_ind(y, x, equal_var=False).confidence_interval(0.95)
    assert (found.unpaired_low, found.unpaired_high) == pytest.approx((unpaired.low, unpaired.high))
    assert found.gain > 1.3
    assert found.effect == pytest.approx((y - x).mean() / (y - x).std(ddof=1))
    assert found.p_value < 1e-50
    assert found.pairs == 800


def test_no_difference_is_found_where_there_is_none(swept):
    same = swept.at(timeout=50, loss=0.0)
    found = rl.compare(same, same, "downtime_ms")
    assert (found.difference, found.p_value) == (0, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.gain)
    assert found.b_is_greater == 0.5


def test_shares_are_compared_exactly():
    def cluster(bug):
        bugs = ["quorum_off_by_one"] if bug else []
        return failover().replace(bugs=bugs, network=rl.Network(latency=rl.uniform(1, 5), loss=0.3))

    result = rl.sweep(cluster, {"bug": [False, True]}, seeds=200)
    found = rl.compare(result.at(bug=False), result.at(bug=True), "violation")
    broken = len(result.at(bug=True).violating_seeds)
    assert found.difference == pytest.approx(broken / 200)
    assert found.p_value == pytest.approx(stats.binomtest(broken, broken).pvalue)


def test_pairs_without_a_value_are_left_out_and_counted():
    def odd(run):
        return float(run.seed) if run.seed % 2 else None

    result = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=20, metrics=[odd])
    found = rl.compare(result, result, "odd")
    assert (found.pairs, found.excluded) == (10, 10)
    assert "10 pairs excluded" in repr(found)


def test_censored_pairs_count():
    """The truth is what the same runs do if they may last: without pairs that are cut it is far off."""

    def lasting(horizon):
        def cluster(timeout):
            return failover(timeout, 0.2).replace(horizon=horizon, stop=rl.leader_elected)

        swept = rl.sweep(cluster, {"timeout": [150, 300]}, seeds=2000)
        return swept.at(timeout=150), swept.at(timeout=300)

    a, b = lasting("1.5s")
    x, y = (side["downtime_ms"] for side in lasting("20s"))
    told = ~np.isnan(x) & ~np.isnan(y)
    x, y = x[told], y[told]
    found = rl.compare(a, b, "downtime_ms")
    assert found.censored > 500
    assert 1950 < len(x) <= 2000
    assert found.pairs + found.excluded == 2000
    assert 300 < found.horizon < 500
    truth = np.minimum(y, found.horizon).mean() - np.minimum(x, found.horizon).mean()
    assert found.low - 5 < truth < found.high + 5
    assert f"up to {found.horizon:,.6g} ms" in repr(found)
    both = ~np.isnan(a["downtime_ms"]) & ~np.isnan(b["downtime_ms"])
    naive = (b["downtime_ms"] - a["downtime_ms"])[both].mean()
    assert naive < truth - 15
    shorter = rl.compare(a, b, "downtime_ms", horizon="300ms")
    assert shorter.horizon == 300
    truth = np.minimum(y, 300).mean() - np.minimum(x, 300).mean()
    assert shorter.difference == pytest.approx(truth, abs=3)
    assert found.b_is_greater == pytest.approx((y > x).mean(), abs=0.03)


def test_pseudo_values_are_values_where_nothing_is_censored_and_sum_up_to_greenwood():
    luck = np.random.default_rng(5)
    values, until = luck.exponential(10, 300), luck.uniform(2, 40, 300)
    assert plain(values).pseudo_values() == pytest.approx(values)
    assert plain(values).pseudo_values(8) == pytest.approx(np.minimum(values, 8))
    cut = plain(values[values <= until], until[values > until])
    parts, curve = cut.pseudo_values(), cut.curve()
    area = curve.time[0] + (curve.survival[:-1] * np.diff(curve.time)).sum()
    assert parts.mean() == pytest.approx(area)
    beyond = np.append(np.cumsum((curve.survival[:-1] * np.diff(curve.time))[::-1])[::-1], 0)
    left = curve.at_risk * (curve.at_risk - curve.events)
    greenwood = (beyond**2 * curve.events / np.maximum(left, 1)).sum()
    assert (parts.var() / len(parts)) == pytest.approx(greenwood)


def test_pairs_of_censored_durations_cover_and_recover_a_correlation():
    from raftlab.sweeps.pairs import Pairs, of_means

    luck, hits, known = np.random.default_rng(6), 0, []
    truth = 14 * (1 - math.exp(-25 / 14)) - 10 * (1 - math.exp(-25 / 10))
    for _ in range(400):
        ranks = stats.norm.cdf(luck.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 250))
        x, y = -10 * np.log1p(-ranks[:, 0]), -14 * np.log1p(-ranks[:, 1])
        until = luck.uniform(5, 60, 250)
        until_too = luck.uniform(5, 60, 250)
        pairs = Pairs("x", False, np.minimum(x, until), np.minimum(y, until_too), x > until, y > until_too, 0)
        cells = pairs.contributions(0, 25), pairs.contributions(1, 25)
        paired, unpaired = of_means(*cells, 0.95, True)
        hits += paired.low <= truth <= paired.high
        known.append((unpaired.high - unpaired.low) / (paired.high - paired.low))
    assert 0.92 <= hits / 400 <= 0.98
    assert np.mean(known) > 1.3


def test_a_known_shift_and_correlation_are_recovered():
    from raftlab.sweeps.pairs import correlation, of_means

    luck = np.random.default_rng(7)
    x = luck.normal(100, 10, 20_000)
    y = 0.8 * (x - 100) + 103 + luck.normal(0, 6, 20_000)
    paired, unpaired = of_means(x, y, 0.95, False)
    assert paired.low < 3 < paired.high
    assert correlation(x, y) == pytest.approx(0.8, abs=0.02)
    ratio = ((unpaired.high - unpaired.low) / (paired.high - paired.low)) ** 2
    assert ratio == pytest.approx(1 / (1 - 0.8), rel=0.05), "var(x) + var(y) over var(y - x)"


def test_shares_that_never_differ_leave_a_difference_possible(swept):
    a, b = swept.at(timeout=50, loss=0.0), swept.at(timeout=150, loss=0.0)
    found = rl.compare(a, b, "violation")
    assert (found.difference, found.p_value) == (0, 1)
    assert found.low < 0 < found.high < 0.01
    assert found.test == "McNemar's exact test"


def test_intervals_of_paired_shares_cover():
    from raftlab.sweeps.pairs import of_shares

    luck, hits, apart = np.random.default_rng(8), 0, 0
    for _ in range(1500):
        base = luck.random(120)
        x, y = (base < 0.1).astype(float), (base + luck.normal(0, 0.05, 120) < 0.14).astype(float)
        if not _:
            many = luck.random(2_000_000)
            truth = np.mean(many + luck.normal(0, 0.05, len(many)) < 0.14) - 0.1
        paired, unpaired = of_shares(x, y, 0.95, False)
        hits += paired.low <= truth <= paired.high
        apart += unpaired.low <= truth <= unpaired.high
    assert 0.93 <= hits / 1500 <= 0.985
    assert apart / 1500 > 0.97, "without the pairs the interval is too wide"


# ---- Runs of one seed taken together --------------------------------------------------------------------


def test_the_same_run_three_times_is_one_run():
    luck = np.random.default_rng(9)
    values, until = luck.exponential(10, 200), luck.uniform(5, 30, 200)
    ended, vain = values[values <= until], until[values > until]
    seeds = np.r_[np.flatnonzero(values <= until), np.flatnonzero(values > until)]

    def thrice(parts):
        return np.concatenate([parts] * 3)

    many = np.concatenate([thrice(seeds[: len(ended)]), thrice(seeds[len(ended) :])])
    for one, three in (
        (plain(values), Sample("x", thrice(values), np.array([]), seeds=thrice(np.arange(200)))),
        (plain(ended, vain), Sample("x", thrice(ended), thrice(vain), seeds=many)),
    ):
        for a, b in (
            (one.mean(), three.mean()), (one.quantile(0.5), three.quantile(0.5)),
        ):  # fmt: skip
            assert b.value == pytest.approx(a.value)
            assert b.half_width == pytest.approx(a.half_width, rel=0.12)
    few = Sample("x", thrice(np.zeros(200)), np.array([]), flags=True, seeds=thrice(np.arange(200)))
    assert few.share().high == pytest.approx(rl.upper_bound(0, 200))
    some = Sample(
        "x", thrice(values > 20).astype(float), np.array([]), flags=True, seeds=thrice(np.arange(200))
    )
    wilson = share(int((values > 20).sum()), 200)
    assert (some.share().low, some.share().high) == pytest.approx((wilson.low, wilson.high), rel=0.05)


def test_intervals_over_points_that_share_seeds_cover():
    luck, hits, naive = np.random.default_rng(10), {"mean": 0, "p50": 0, "share": 0}, 0
    for _ in range(400):
        common = luck.exponential(10, 100)
        cells = np.concatenate([common + luck.exponential(1, 100) for _ in range(4)])
        seeds = np.tile(np.arange(100), 4)
        mean = Sample("x", cells, np.array([]), seeds=seeds).mean()
        hits["mean"] += mean.low <= 11 <= mean.high
        naive += (n := plain(cells).mean()).low <= 11 <= n.high
        median = Sample("x", cells, np.array([]), seeds=seeds).quantile(0.5)
        hits["p50"] += median.low <= MEDIAN <= median.high
        flags = Sample("x", (cells > MEDIAN).astype(float), np.array([]), flags=True, seeds=seeds)
        hits["share"] += flags.share().low <= 0.5 <= flags.share().high
    assert all(0.925 <= count / 400 <= 0.99 for count in hits.values()), hits
    assert naive / 400 < 0.8, "the test of the test"


MEDIAN = 7.9855
"""Of an exponential of mean 10 plus one of mean 1: 10 exp(-m/10) - exp(-m) = 4.5."""


def test_points_with_seeds_of_their_own_are_independent():
    def cluster(loss):
        return rl.Scenario(5, network=rl.Network(latency=5, loss=loss), stop=rl.leader_elected)

    apart = rl.sweep(cluster, {"loss": [0.0, 0.01]}, seeds=200, common_random_numbers=False)
    assert apart.summary(by=[], metrics="violation").mean_high.iloc[0] == pytest.approx(
        rl.upper_bound(0, 400)
    )


# ---- Survival as a table --------------------------------------------------------------------------------


def test_survival_is_a_table_of_steps():
    cut = rl.sweep(lambda timeout: failover(timeout, 0.2).replace(horizon="1.3s"), {"timeout": [100, 150]},
                   seeds=400)  # fmt: skip
    table = cut.survival("downtime_ms")
    assert table.columns.tolist() == [
        "timeout", "downtime_ms", "at_risk", "events", "censored", "survival", "low", "high",
    ]  # fmt: skip
    one = table[table.timeout == 150]
    of = sample_of(cut.at(timeout=150), "downtime_ms")
    expected = stats.ecdf(stats.CensoredData(of.values, right=of.censored)).sf
    assert one.survival.to_numpy() == pytest.approx(expected.probabilities)
    assert one.downtime_ms.to_numpy() == pytest.approx(expected.quantiles)
    assert (one.events.sum(), one.censored.sum()) == (len(of.values), len(of.censored))
    band = expected.confidence_interval(0.95, method="log-log")
    inside = ~np.isnan(band.low.probabilities)
    assert one.low.to_numpy()[inside] == pytest.approx(band.low.probabilities[inside])
    assert not one.isna().any(axis=None)
    assert (one.low <= one.survival).all()
    assert (one.survival <= one.high).all()
    assert len(cut.survival("sent", by=[])) == len(np.unique(cut["sent"]))


def test_a_band_is_not_empty_where_nothing_has_happened_and_not_full():
    curve = plain([5, 6, 7], [1, 2]).curve()
    assert curve.low[0] == pytest.approx(1 - rl.upper_bound(0, 5))
    assert curve.high[0] == 1
    whole = plain(np.arange(1.0, 101)).curve()
    assert whole.low[-1] == whole.survival[-1] == 0
    assert 0 < whole.high[-1] < whole.high[-2]


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_order_statistics_are_those_of_scipy(confidence):
    values = np.random.default_rng(11).exponential(1, 400)
    for q in (0.1, 0.5, 0.9, 0.99):
        ours = plain(values).quantile(q, confidence)
        theirs = stats.quantile_test(values, p=q).confidence_interval(confidence)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), nan_ok=True)


# ---- How many seeds -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("statistic", "q"), [("mean", None), ("p50", 0.5), ("p90", 0.9)])
def test_as_many_seeds_as_needed_give_the_precision(statistic, q):
    pilot = rl.sweep(rl.Scenario(5, stop=rl.leader_elected), seeds=1000)
    needed = rl.required_seeds(pilot, "time_to_leader_ms", 1.0, statistic=statistic)
    result = rl.sweep(rl.Scenario(5, stop=rl.leader_elected), seeds=range(5000, 5000 + needed))
    sample = sample_of(result, "time_to_leader_ms", np.arange(needed))
    estimate = sample.mean() if q is None else sample.quantile(q)
    assert estimate.half_width == pytest.approx(1.0, rel=0.35)
    assert rl.required_seeds(pilot, "time_to_leader_ms", 0.5, statistic=statistic) == pytest.approx(
        4 * needed, rel=0.01
    )


def test_seeds_allow_for_runs_that_tell_nothing():
    def odd(run):
        return float(run.seed) if run.seed % 2 else None

    pilot = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=400, metrics=[odd])
    needed = rl.required_seeds(pilot, "odd", 5.0)
    values = np.arange(1.0, 400, 2)
    exact = (stats.norm.ppf(0.975) * values.std(ddof=1) / 5.0) ** 2
    assert needed == pytest.approx(2 * exact, rel=0.03), "half of the runs have none"


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
    with pytest.raises(rl.InvalidError, match="all say the same of 'split_votes'"):
        rl.required_seeds(pilot, "split_votes", 0.1)
    with pytest.raises(rl.InvalidError, match="would take 3e\\+30 seeds"):
        rl.required_seeds(pilot, "violation", 1e-30)


def test_ties_do_not_make_one_seed_enough():
    def mostly(run):
        return 0 if run.seed % 10 else 5

    pilot = rl.sweep(rl.Scenario(3, horizon=10), seeds=100, metrics=[mostly])
    assert rl.required_seeds(pilot, "mostly", 0.1, statistic="p50") == 100


def none_of(result):
    """The same sweep, interrupted before its first run was over."""
    one = result.at(timeout=50, loss=0.0)
    one.runs = rl.Table(one.runs._core.slice(0, 0))
    return one


BAD = {
    "an unknown parameter": (lambda r: r.summary(by="size"), ["by", "'size'", "timeout, loss"]),
    "an unknown metric": (lambda r: r.summary(metrics="downtime"), ["'downtime'", "downtime_ms"]),
    "a confidence": (lambda r: r.summary(ci=95), ["ci", "95"]),
    "a quantile": (lambda r: r.summary(quantiles=[50]), ["quantiles", "50"]),
    "a point that is not there": (lambda r: r.at(timeout=75), ["at", "timeout=75"]),
    "a value that is several": (lambda r: r.at(timeout=np.array([50, 150])), ["at", "timeout=array"]),
    "a parameter that is not there": (lambda r: r.at(size=75), ["at", "'size'", "timeout, loss"]),
    "no runs": (lambda r: rl.compare(*[none_of(r)] * 2, "sent"), ["a", "no runs"]),
    "several points": (lambda r: rl.compare(r, r, "sent"), ["a", "one point", "4"]),
    "no sweep": (lambda r: rl.compare(r.at(timeout=50, loss=0.0), 5, "sent"), ["b", "Sweep", "5"]),
    "a metric of texts": (
        lambda r: rl.compare(r.at(timeout=50, loss=0.0), r.at(timeout=50, loss=0.0), "ending"),
        ["'ending'"],
    ),
    "no pilot": (lambda _: rl.required_seeds(5, "sent", 1), ["pilot", "Sweep"]),
    "a horizon of no duration": (
        lambda r: rl.compare(*[r.at(timeout=50, loss=0.0)] * 2, "sent", horizon="1s"),
        ["horizon", "'sent'"],
    ),
    "a horizon that is no time": (
        lambda r: rl.compare(*[r.at(timeout=50, loss=0.0)] * 2, "downtime_ms", horizon="soon"),
        ["horizon", "'soon'"],
    ),
    "an ending that is none": (lambda r: r.summary(metrics="ending=won"), ["'ending=won'", "stop, horizon"]),
    "a rule that is none": (lambda r: r.summary(metrics="rules=safety"), ["'rules=safety'", "log_matching"]),
    "a question of a number": (lambda r: r.summary(metrics="sent=3"), ["'sent=3'", "ending=stop"]),
    "a list of numbers": (lambda r: r.summary(metrics=[3]), ["3", "downtime_ms"]),
    "a metric that is a number": (lambda r: rl.required_seeds(r, 3, 1), ["metric", "3"]),
    "survival of a flag": (lambda r: r.survival("violation"), ["'violation'", "yes or no"]),
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


# ---- Pictures -------------------------------------------------------------------------------------------


@pytest.fixture
def close():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def drawn(ax, gid):
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


@pytest.mark.usefixtures("close")
def test_curves_are_the_distributions(swept):
    ax = rl.plot.ecdf(swept, "time_to_leader_ms", by="timeout")
    curves = drawn(ax, "curve")
    assert [curve.get_label() for curve in curves] == ["timeout = 50", "timeout = 150"]
    values = np.sort(swept.at(timeout=50)["time_to_leader_ms"])
    x, y = curves[0].get_data()
    for share_of, at in ((0.25, 399), (0.9, 1439)):
        assert y[np.searchsorted(x, values[at], side="right") - 1] == pytest.approx(share_of, abs=0.002)
    assert ax.get_xlabel() == "time to leader (ms)"


@pytest.mark.usefixtures("close")
def test_censored_curves_stop_below_one():
    cut = rl.sweep(failover(150, 0.2).replace(horizon="1.3s"), seeds=300)
    ax = rl.plot.ecdf(cut, "downtime_ms")
    assert drawn(ax, "curve")[0].get_ydata().max() < 0.95
    ax = rl.plot.survival(cut, "downtime_ms")
    assert len(drawn(ax, "censored")[0].get_xdata()) > 10


@pytest.mark.usefixtures("close")
def test_each_nine_takes_the_same_room(swept):
    ax = rl.plot.ecdf(swept, "time_to_leader_ms", by="timeout", nines=True)
    heights = ax.transData.transform([(0, y) for y in (0, 0.9, 0.99, 0.999)])[:, 1]
    assert np.diff(heights) == pytest.approx(np.diff(heights)[0], rel=1e-6)
    assert "0.999" in [text.get_text() for text in ax.get_yticklabels()]


@pytest.mark.usefixtures("close")
def test_cells_say_their_numbers(swept):
    ax = rl.plot.heatmap(swept, "timeout", "loss", "time_to_leader_ms", statistic="mean")
    texts = [text.get_text() for text in ax.texts]
    mean = swept.at(timeout=150, loss=0.0)["time_to_leader_ms"].mean()
    assert f"{mean:,.0f}" in texts
    ax = rl.plot.heatmap(swept, "timeout", "loss", "violation")
    assert [text.get_text() for text in ax.texts].count("none of 800 runs") == 4
    assert not any(text.get_text().startswith("0") for text in ax.texts)


@pytest.mark.usefixtures("close")
def test_bands_hold_the_runs(swept):
    ax = rl.plot.bands(swept.at(loss=0.0), "timeout", "time_to_leader_ms", inside=[0.8])
    path = drawn(ax, "band")[0].get_paths()[0].vertices
    values = swept.at(timeout=150, loss=0.0)["time_to_leader_ms"]
    at = path[path[:, 0] == 150][:, 1]
    assert at.min() == pytest.approx(np.quantile(values, 0.1, method="inverted_cdf"))
    assert at.max() == pytest.approx(np.quantile(values, 0.9, method="inverted_cdf"))
    timed = rl.sweep(failover, {"timeout": [50, 150]}, seeds=40, series="100ms")
    ax = rl.plot.bands(timed, "time_ms", "available", by="timeout")
    assert ax.get_ylabel() == "available (share of the time)"
    with pytest.raises(rl.InvalidError, match="series"):
        rl.plot.bands(swept, "time_ms", "available")


@pytest.mark.usefixtures("close")
def test_pairs_are_of_one_seed(swept):
    a, b = swept.at(timeout=50, loss=0.0), swept.at(timeout=150, loss=0.0)
    x, y = drawn(rl.plot.pairs(a, b, "time_to_leader_ms"), "pair")[0].get_data()
    assert x.tolist() == a["time_to_leader_ms"].tolist()
    assert y.tolist() == b["time_to_leader_ms"].tolist()


@pytest.mark.usefixtures("close")
def test_a_fate_rises_to_one_when_it_is_decided():
    scenario = rl.Scenario(
        5,
        bugs=["quorum_off_by_one"],
        network=rl.Network(latency=rl.uniform(1, 5), loss=0.3),
        horizon="3s",
        workload=rl.OpenLoop("50ms"),
        faults=[rl.Partition("AB", "CDE", at="1s", duration="1s")],
    )
    seed = rl.sweep(scenario, seeds=50).violating_seeds[0]
    run = scenario.run(seed)
    broke = run.violations[0].time_ms
    futures = run.futures(60, at=[0, broke / 2, broke + 1, 2900])
    ax = rl.plot.fate(futures)
    time, value = drawn(ax, "fate")[0].get_data()
    assert time.tolist() == pytest.approx([0, broke / 2, broke + 1, 2900])
    assert value[0] < 1
    assert value[2:].tolist() == [1, 1]
    with pytest.raises(rl.InvalidError, match="several moments"):
        rl.plot.fate(run.futures(5, at=100))


# ---- What the pictures of sweeps have in common --------------------------------------------------------


@pytest.fixture(scope="module")
def cut():
    """Many are not over when their runs end."""

    def cluster(timeout):
        return failover(timeout, 0.3).replace(horizon="1.6s", stop=rl.leader_elected)

    return rl.sweep(cluster, {"timeout": [50, 150, 300]}, seeds=300)


@pytest.fixture(scope="module")
def timed():
    return rl.sweep(failover, {"timeout": [50, 150]}, seeds=30, series="100ms")


PICTURES = {
    "ecdf": lambda r, _, **more: rl.plot.ecdf(r, "downtime_ms", **more),
    "ecdf of nines": lambda r, _, **more: rl.plot.ecdf(r, "downtime_ms", nines=True, **more),
    "survival": lambda r, _, **more: rl.plot.survival(r, "downtime_ms", at_risk=True, **more),
    "heatmap": lambda _, __, **more: rl.plot.heatmap(
        rl.sweep(failover, {"timeout": [50, 300], "loss": [0.0, 0.3]}, seeds=60),
        "timeout", "loss", "downtime_ms", **more,
    ),
    "bands": lambda r, _, **more: rl.plot.bands(r, "timeout", "downtime_ms", **more),
    "bands along time": lambda _, t, **more: rl.plot.bands(t, "time_ms", "available", by="timeout", **more),
    "pairs": lambda r, _, **more: rl.plot.pairs(r.at(timeout=50), r.at(timeout=300), "downtime_ms", **more),
}  # fmt: skip


@pytest.mark.usefixtures("close")
@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_axes_in_axes_out_and_nothing_global(cut, timed, picture):
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    before, figure = dict(mpl.rcParams), plt.figure()
    ax, other = figure.subplots(1, 2)
    plt.sca(other)
    assert picture(cut, timed, ax=ax, title="T") is ax
    assert ax.get_title(loc="left") == "T"
    assert plt.gca() is other
    assert plt.get_fignums() == [figure.number]
    assert dict(mpl.rcParams) == before
    assert not other.has_data()
    with pytest.raises(rl.InvalidError, match="ax must be matplotlib Axes, not int"):
        picture(cut, timed, ax=3)
    with pytest.raises(rl.InvalidError, match="ci must be between 0 and 1, not 95"):
        picture(cut, timed, ci=95)


@pytest.mark.usefixtures("close")
@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_pictures_of_sweeps_can_be_read(cut, timed, picture):
    """No two texts meet, in the size of a notebook."""
    import itertools

    ax = picture(cut, timed, title="A title")
    ax.figure.canvas.draw()
    about = [ax.xaxis.label, ax.yaxis.label, ax.title, ax._left_title, ax._right_title]
    key = ax.get_legend().get_texts() if ax.get_legend() else []
    ticks = [
        tick.label1
        for axis in (ax.xaxis, ax.yaxis)
        for tick in axis.get_major_ticks()
        if axis.get_view_interval()[0] <= tick.get_loc() <= axis.get_view_interval()[1]
    ]
    every = [*ax.texts, *ticks, *about, *key]
    boxes = [(text.get_text(), text.get_window_extent()) for text in every if text.get_text().strip()]
    assert len(boxes) > 8
    for (a, one), (b, two) in itertools.combinations(boxes, 2):
        across, down = min(one.x1, two.x1) - max(one.x0, two.x0), min(one.y1, two.y1) - max(one.y0, two.y0)
        assert across < 1.5 or down < 2.5, f"{a!r} and {b!r} overlap"
    frame = ax.figure.bbox
    for text, box in boxes:
        assert frame.x0 - 1 <= box.x0, f"{text!r} is cut off"
        assert box.x1 <= frame.x1 + 1, f"{text!r} is cut off"
        assert frame.y0 - 1 <= box.y0, f"{text!r} is cut off"
        assert box.y1 <= frame.y1 + 1, f"{text!r} is cut off"


@pytest.mark.usefixtures("close")
@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_pictures_of_sweeps_bring_their_runs_back(cut, timed, picture):
    ax = picture(cut, timed)
    line = vars(ax)["raftlab_replay"].splitlines()[0]
    again = eval(line.replace("seeds=range(0, ", "seeds=min(5, ").replace("))", "))", 1), {"raftlab": rl})
    assert len(again) == 5
    assert again.runs.to_list("digest")[3] == again.replay(3).digest


def test_a_replay_line_gives_the_same_rows(cut):
    from raftlab.plot._sweeps import replay_lines

    lines = replay_lines(cut)
    assert len(lines) == 3
    again = eval(lines[2], {"raftlab": rl})
    assert again.runs.to_list("digest") == cut.at(timeout=300).runs.to_list("digest")
    many = rl.sweep(lambda n: rl.Scenario(3, horizon=n), {"n": list(range(1, 61))}, seeds=1)
    assert replay_lines(many)[-1] == "# and 10 more points"


@pytest.mark.usefixtures("close")
@pytest.mark.parametrize("name", ["ecdf", "ecdf of nines", "survival", "bands", "pairs"])
def test_sweeps_that_were_interrupted_or_failed_in_part_are_drawn(timed, name, monkeypatch):
    monkeypatch.setattr("raftlab.sweeps.chunks.MOST_ROWS", 64)

    def picky(run):
        if run.seed % 3 == 0:
            raise ValueError("no")
        return 1.0

    def cluster(timeout):
        return failover(timeout, 0.3).replace(stop=rl.leader_elected)

    def stop(done):
        if done >= 150:
            raise KeyboardInterrupt

    metrics = ["downtime_ms", "downtime_open_ms", picky]
    with pytest.warns(UserWarning, match="interrupted"):
        part = rl.sweep(cluster, {"timeout": [50, 300]}, seeds=100, metrics=metrics, progress=stop, threads=1)
    assert not part.complete
    assert part.errors
    ax = PICTURES[name](part, timed)
    ax.figure.canvas.draw()
    if name != "pairs":
        assert ax.get_title(loc="right").startswith(f"{len(part)} runs, interrupted")
        assert "failed" not in ax.get_title(loc="right"), "what is drawn did not"
    assert part.summary(metrics="picky").failed.sum() == len(part.errors)
    table = part.summary(metrics="downtime_ms")
    assert table.failed.sum() == 0
    assert (table.n + table.absent + table.failed).sum() == len(part)


@pytest.mark.usefixtures("close")
def test_bands_of_curves_are_those_of_the_table(cut):
    table = cut.survival("downtime_ms")
    table = table[table.timeout == 150]
    survival, ecdf = rl.plot.survival(cut, "downtime_ms"), rl.plot.ecdf(cut, "downtime_ms")
    x, y = drawn(survival, "curve")[1].get_data()
    assert (x[0], y[0]) == (0, 1)
    assert x[1:] == pytest.approx(table.downtime_ms)
    assert y[1:] == pytest.approx(table.survival)
    x, y = drawn(ecdf, "curve")[1].get_data()
    assert y[1:] == pytest.approx(1 - table.survival)
    corners = drawn(ecdf, "band")[1].get_paths()[0].vertices
    assert corners[:, 1].max() == pytest.approx(1 - table.low.min())
    colour = drawn(survival, "curve")[1].get_color()
    (ticks,) = (line.get_xdata() for line in drawn(survival, "censored") if line.get_color() == colour)
    assert ticks == pytest.approx(table.downtime_ms[table.censored > 0])
    whole = [len(sample_of(cut.at(timeout=t), "downtime_ms").censored) == 0 for t in (50, 150, 300)]
    assert len(drawn(ecdf, "mean")) == sum(whole) < 3, "nobody knows the mean of what is not over"


@pytest.mark.usefixtures("close")
def test_means_are_marked_unless_not_wanted(swept):
    one = swept.at(timeout=50, loss=0.0)
    (dot,) = drawn(rl.plot.ecdf(one, "time_to_leader_ms"), "mean")
    assert dot.get_xdata()[0] == pytest.approx(one["time_to_leader_ms"].mean())
    assert not drawn(rl.plot.ecdf(one, "time_to_leader_ms", mean=False), "mean")


@pytest.mark.usefixtures("close")
def test_numbers_at_risk_are_those_of_the_runs(cut):
    ax = rl.plot.survival(cut, "downtime_ms", at_risk=True)
    low, high = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    counts = [int(text.get_text().replace(",", "")) for text in ax.texts if text.get_gid() == "at-risk"]
    expected = []
    for timeout in (50, 150, 300):
        of = sample_of(cut.at(timeout=timeout), "downtime_ms")
        both = np.concatenate([of.values, of.censored])
        expected += [int((both >= tick).sum()) for tick in ticks]
    assert counts == expected
    assert [t.get_text() for t in ax.texts if t.get_gid() == "at-risk-name"] == [
        "timeout",
        "50",
        "150",
        "300",
    ]


@pytest.mark.usefixtures("close")
def test_cells_that_never_met_the_event_have_no_colour_and_do_not_bend_the_scale():
    from matplotlib.colors import LogNorm

    def cluster(rate, kind):
        return rl.Scenario(3, horizon=1 + rate if kind else 1)

    def long(run):
        return run.now_ms > 2 and run.seed < run.now_ms

    result = rl.sweep(cluster, {"rate": [4, 300], "kind": [False, True]}, seeds=400, metrics=[long])
    ax = rl.plot.heatmap(result, "rate", "kind", "long")
    (image,) = ax.images
    cells = image.get_array()
    assert cells.mask.sum() == 2
    assert isinstance(image.norm, LogNorm)
    assert image.norm.vmin == pytest.approx(5 / 400)
    texts = [text.get_text() for text in ax.texts]
    assert texts.count(f"< {rl.upper_bound(0, 400):.3g}") == 2
    assert texts.count("none of 400 runs") == 2
    assert "colours by logarithm" in ax.get_title(loc="right")


@pytest.mark.usefixtures("close")
def test_failed_runs_are_in_no_cell():
    def picky(run):
        if run.seed % 2:
            raise ValueError("no")
        return 1.0

    result = rl.sweep(failover, {"timeout": [50, 150], "loss": [0.0, 0.1]}, seeds=40, metrics=[picky])
    ax = rl.plot.heatmap(result, "timeout", "loss", "violation")
    assert [text.get_text() for text in ax.texts].count("none of 40 runs") == 4
    ax = rl.plot.heatmap(result, "timeout", "loss", "picky")
    assert "40 runs a point, 80 failed" in ax.get_title(loc="right")


@pytest.mark.usefixtures("close")
def test_a_heatmap_without_room_for_intervals_leaves_them_out(swept):
    import matplotlib.pyplot as plt

    roomy = rl.plot.heatmap(swept, "timeout", "loss", "downtime_ms")
    assert len(drawn(roomy, "interval")) == 4
    _, ax = plt.subplots(figsize=(1.6, 1.2), layout="constrained")
    rl.plot.heatmap(swept, "timeout", "loss", "downtime_ms", ax=ax)
    assert len(drawn(ax, "value")) == 4
    assert not drawn(ax, "interval")


@pytest.mark.usefixtures("close")
def test_bands_that_are_not_known_are_open_and_say_so(cut):
    ax = rl.plot.bands(cut, "timeout", "downtime_ms")
    assert "open where runs were cut" in ax.get_title(loc="right")
    values = drawn(ax, "band")[1].get_paths()[0].vertices[:, 1]
    assert not np.isnan(values).any()


@pytest.mark.usefixtures("close")
def test_lines_along_a_parameter_are_told_apart_and_have_intervals(swept):
    ax = rl.plot.bands(swept, "timeout", "time_to_leader_ms", by="loss")
    lines = [box.lines for box in ax.containers]
    assert (
        len({line[0].get_marker() for line in lines}) == len({line[0].get_linestyle() for line in lines}) == 2
    )
    table = swept.summary(metrics="time_to_leader_ms")
    for loss, line in zip((0.0, 0.2), lines, strict=True):
        rows = table.xs(loss, level="loss")
        assert line[0].get_ydata() == pytest.approx(rows.p50.to_numpy())
        ends = np.array([segment[:, 1] for segment in line[2][0].get_segments()])
        assert ends == pytest.approx(rows[["p50_low", "p50_high"]].to_numpy())


@pytest.mark.usefixtures("close")
def test_availability_along_time_is_the_mean_of_the_bins(timed):
    ax = rl.plot.bands(timed, "time_ms", "available", by="timeout")
    table = timed.series.to_pandas()
    mean = table[table.timeout == 150].groupby("time_ms").available.mean()
    line = next(line for line in ax.lines if line.get_label() == "timeout = 150")
    assert line.get_xdata() == pytest.approx(mean.index.to_numpy())
    assert line.get_ydata() == pytest.approx(mean.to_numpy())
    assert "while they last" not in ax.get_title(loc="right")
    ending = rl.sweep(failover().replace(stop=rl.leader_elected), seeds=30, series="50ms")
    assert "while they last" in rl.plot.bands(ending, "time_ms", "available").get_title(loc="right")


@pytest.mark.usefixtures("close")
def test_pairs_that_are_not_over_look_so(cut):
    a, b = cut.at(timeout=150), cut.at(timeout=300)
    ax = rl.plot.pairs(a, b, "downtime_ms")
    found = rl.compare(a, b, "downtime_ms")
    assert len(drawn(ax, "censored")[0].get_xdata()) == found.censored > 50
    assert len(drawn(ax, "pair")[0].get_xdata()) == found.pairs - found.censored
    (text,) = drawn(ax, "text")
    for part in (f"{found.difference:.3g}", f"{found.correlation:.2f}", f"{100 * found.b_is_greater:.0f} %"):
        assert part in text.get_text()
    assert len(drawn(ax, "marginal")) == 2
    assert ax.get_xlim() == ax.get_ylim()


# ---- Pictures at their limits ----------------------------------------------------------------------------


def keyed(election_timeout_ms, network_latency_ms, pre_vote):
    return rl.Scenario(
        5,
        election_timeout=(election_timeout_ms, 2 * election_timeout_ms),
        network=rl.Network(latency=network_latency_ms),
        pre_vote=pre_vote,
        stop=rl.leader_elected,
    )


LONG = {"election_timeout_ms": [150, 300], "network_latency_ms": [5.0], "pre_vote": [False, True]}


@pytest.mark.usefixtures("close")
@pytest.mark.parametrize("picture", [rl.plot.ecdf, rl.plot.survival])
def test_long_keys_leave_room_for_the_picture(picture):
    result = rl.sweep(keyed, LONG, seeds=20)
    ax = picture(result, "time_to_leader_ms")
    ax.figure.canvas.draw()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0] == "election_timeout_ms = 150,\npre_vote = False", "what does not vary tells nothing"
    frame, key = ax.figure.bbox, ax.get_legend().get_window_extent()
    assert key.x1 <= frame.x1
    assert key.y0 >= frame.y0
    assert ax.get_window_extent().width > 0.5 * frame.width
    label = ax.xaxis.label.get_window_extent()
    assert frame.x0 <= label.x0 < label.x1 <= frame.x1


@pytest.mark.usefixtures("close")
@pytest.mark.parametrize("picture", [rl.plot.ecdf, rl.plot.survival])
def test_curves_that_are_equal_show_each_other(picture):
    result = rl.sweep(keyed, LONG, seeds=20, metrics=["elections", "time_to_leader_ms"])
    lines = drawn(picture(result, "elections"), "curve")
    assert len({line._dash_pattern[0] for line in lines}) == 4, "dashes that begin one after the other"
    assert all(line.is_dashed() for line in lines)
    ax = picture(result, "time_to_leader_ms")
    assert not any(line.is_dashed() for line in drawn(ax, "curve"))
    key = picture(result, "elections").get_legend().legend_handles
    assert not any(line.is_dashed() for line in key)


@pytest.mark.usefixtures("close")
def test_what_was_never_over_is_a_flat_curve():
    def cluster(timeout):
        return waiting(timeout).replace(horizon="140ms")

    result = rl.sweep(cluster, {"timeout": [100, 150]}, seeds=50)
    ax = rl.plot.ecdf(result, "time_to_leader_ms")
    x, y = drawn(ax, "curve")[1].get_data()
    assert (x[-1], set(y)) == (140, {0.0})
    assert x[0] == drawn(ax, "curve")[0].get_xdata()[0]
    band = drawn(ax, "band")[1].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(rl.upper_bound(0, 50))
    assert len(ax.get_legend().get_texts()) == 2


@pytest.mark.usefixtures("close")
def test_what_is_no_duration_is_not_over_or_not(swept):
    assert rl.plot.survival(swept, "sent", by="loss").get_ylabel() == "share of runs with more"
    assert rl.plot.survival(swept, "downtime_ms", by="loss").get_ylabel() == "share of runs not over yet"


@pytest.mark.usefixtures("close")
def test_pairs_of_counts_are_as_large_as_they_are_many():
    def cluster(loss):
        return rl.Scenario(
            5, network=rl.Network(latency=5, loss=loss), election_timeout=(20, 30), horizon=900
        )

    result = rl.sweep(cluster, {"loss": [0.0, 0.1]}, seeds=80, metrics=["elections", "lost_writes"])
    a, b = result.at(loss=0.0), result.at(loss=0.1)
    ax = rl.plot.pairs(a, b, "elections")
    (dots,) = drawn(ax, "pair")
    both = list(zip(a["elections"].tolist(), b["elections"].tolist(), strict=True))
    most = max(set(both), key=both.count)
    assert tuple(dots.get_offsets()[dots.get_sizes().argmax()]) == most
    assert f"the largest dot is {both.count(most)} pairs" in drawn(ax, "text")[0].get_text()
    text = drawn(rl.plot.pairs(a, a, "lost_writes"), "text")[0].get_text()
    assert "no interval" in text
    assert "no correlation" in text


def test_a_correlation_of_zero_has_no_sign():
    from raftlab.plot._pairs import correlation_text

    assert correlation_text(-0.001) == "correlation 0.00"


def test_text_on_any_cell_can_be_read():
    from matplotlib import colormaps, colors
    from raftlab.plot._heatmap import readable_on

    def light(colour):
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colors.to_rgb(colour)]
        return float(np.dot(parts, [0.2126, 0.7152, 0.0722])) + 0.05

    for fill in [*colormaps["cividis"](np.linspace(0, 1, 64)), colors.to_rgba("#eef0f2")]:
        pair = sorted([light(fill[:3]), light(readable_on(fill[:3]))])
        assert pair[1] / pair[0] >= 4.5


@pytest.mark.usefixtures("close")
def test_cells_of_counts_that_were_never_seen_say_the_bound():
    result = rl.sweep(failover, {"timeout": [50, 150], "loss": [0.0, 0.1]}, seeds=40, metrics="lost_writes")
    for statistic, value, told in (("mean", "none", "any in < 7.2 %"), ("p50", "0", "other in < 7.2 %")):
        ax = rl.plot.heatmap(result, "timeout", "loss", "lost_writes", statistic=statistic)
        texts = [text.get_text() for text in ax.texts]
        assert texts.count(value) == texts.count(told) == 4


BAD_PICTURES = {
    "too many curves": (
        lambda _: rl.plot.ecdf(rl.sweep(failover, {"timeout": [*range(50, 63)]}, seeds=1), "sent"),
        ["by", "13 curves", "12", "at()"],
    ),
    "nothing to draw": (
        lambda _: rl.plot.ecdf(rl.sweep(rl.Scenario(3, horizon="1s"), seeds=1), "downtime_ms"),
        ["'downtime_ms'", "1 run"],
    ),
    "nothing that was checked": (
        lambda _: rl.plot.survival(
            rl.sweep(rl.Scenario(3, horizon=9), seeds=2, metrics="lost_writes", checks=False), "lost_writes"
        ),
        ["'lost_writes'", "not checked"],
    ),
    "a curve of flags": (lambda r: rl.plot.ecdf(r, "violation"), ["'violation'", "yes or no"]),
    "survival of flags": (lambda r: rl.plot.survival(r, "ending=stop"), ["'ending=stop'", "yes or no"]),
    "bands of flags": (lambda r: rl.plot.bands(r, "timeout", "violation"), ["'violation'", "yes or no"]),
    "pairs of flags": (
        lambda r: rl.plot.pairs(r.at(timeout=50, loss=0.0), r.at(timeout=150, loss=0.0), "violation"),
        ["'violation'", "yes or no"],
    ),
    "no sweep": (lambda _: rl.plot.ecdf(5, "downtime_ms"), ["result", "Sweep", "5"]),
    "no sweep in a heatmap": (lambda _: rl.plot.heatmap(5, "a", "b", "sent"), ["result", "Sweep", "5"]),
    "nines": (lambda r: rl.plot.ecdf(r, "sent", nines=3), ["nines", "True or False", "3"]),
    "at_risk": (lambda r: rl.plot.survival(r, "sent", at_risk="yes"), ["at_risk", "'yes'"]),
    "an unknown metric": (lambda r: rl.plot.heatmap(r, "timeout", "loss", "down"), ["'down'", "downtime_ms"]),
    "an unknown parameter": (
        lambda r: rl.plot.heatmap(r, "size", "loss", "sent"),
        ["'size'", "timeout, loss"],
    ),
    "the same parameter": (lambda r: rl.plot.heatmap(r, "loss", "loss", "sent"), ["x and y", "'loss'"]),
    "a statistic": (
        lambda r: rl.plot.heatmap(r, "timeout", "loss", "sent", statistic="max"),
        ["statistic", "'max'"],
    ),
    "inside": (lambda r: rl.plot.bands(r, "timeout", "sent", inside=[90]), ["inside", "90"]),
    "along nothing": (lambda r: rl.plot.bands(r, "size", "sent"), ["'size'", "timeout, loss"]),
}


@pytest.mark.usefixtures("close")
@pytest.mark.parametrize("name", BAD_PICTURES)
def test_errors_of_pictures_name_what_is_wrong(swept, name):
    import matplotlib.pyplot as plt

    call, words = BAD_PICTURES[name]
    with pytest.raises(rl.InvalidError) as error:
        call(swept)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert not plt.get_fignums(), "what is refused leaves no empty picture"


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


@pytest.mark.parametrize("ci", [0.0, 1.0])
def test_any_confidence_there_is_gives_something(swept, ci):
    swept.summary(by="timeout", ci=ci, metrics=["downtime_ms", "violation"])
    swept.survival("downtime_ms", by="timeout", ci=ci)
    rl.compare(swept.at(timeout=50, loss=0.0), swept.at(timeout=150, loss=0.0), "downtime_ms", ci=ci)
