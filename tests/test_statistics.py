"""Statistics of sweeps: against scipy, closed forms, simulations of coverage, and each other."""

import math

import numpy as np
import pytest
import raftlab as rl
from raftlab.statistics import Estimate, Sample, share
from raftlab.sweeps.summary import sample_of
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
    curve = sample.survival().sf
    steps = dict(zip(curve.quantiles, curve.probabilities, strict=True))
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
    assert never.mean().note == never.quantile(0.5).note == "never observed"


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
    assert violation.note == "none of 1,600 runs"
    assert violation.mean_high == pytest.approx(rl.upper_bound(0, 1600))
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
    assert table.loc["picky"].n == 10
    assert table.loc["violation"].n == 10
    assert "10 runs failed" in table.loc["violation"].note


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
    assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)
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
    result = rl.sweep(
        lambda horizon: failover(150, 0.2).replace(horizon=horizon), {"horizon": [1300, 5000]}, seeds=200
    )
    found = rl.compare(result.at(horizon=1300), result.at(horizon=5000), "downtime_ms")
    assert found.excluded > 10
    assert found.pairs + found.excluded == 200
    assert "pairs excluded" in repr(found)


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


def test_seeds_for_what_was_never_seen():
    pilot = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=50)
    needed = rl.required_seeds(pilot, "violation", 1e-4)
    assert rl.upper_bound(0, needed) <= 1e-4 < rl.upper_bound(0, needed - 1)


BAD = {
    "an unknown parameter": (lambda r: r.summary(by="size"), ["by", "'size'", "timeout, loss"]),
    "an unknown metric": (lambda r: r.summary(metrics="downtime"), ["'downtime'", "downtime_ms"]),
    "a confidence": (lambda r: r.summary(ci=95), ["ci", "95"]),
    "a quantile": (lambda r: r.summary(quantiles=[50]), ["quantiles", "50"]),
    "a point that is not there": (lambda r: r.at(timeout=75), ["at", "timeout=75"]),
    "a parameter that is not there": (lambda r: r.at(size=75), ["at", "'size'", "timeout, loss"]),
    "several points": (lambda r: rl.compare(r, r, "sent"), ["a", "one point", "4"]),
    "no sweep": (lambda r: rl.compare(r.at(timeout=50, loss=0.0), 5, "sent"), ["b", "Sweep", "5"]),
    "a metric of texts": (
        lambda r: rl.compare(r.at(timeout=50, loss=0.0), r.at(timeout=50, loss=0.0), "ending"),
        ["'ending'"],
    ),
    "no pilot": (lambda _: rl.required_seeds(5, "sent", 1), ["pilot", "Sweep"]),
    "no precision": (lambda r: rl.required_seeds(r, "sent", 0), ["precision", "0"]),
    "a precision of text": (lambda r: rl.required_seeds(r, "sent", "fine"), ["precision", "'fine'"]),
    "an unknown statistic": (
        lambda r: rl.required_seeds(r, "sent", 1, statistic="mode"),
        ["statistic", "'mode'"],
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
