"""Comparisons of two points run by run: against scipy, known shifts, and exact counts."""

import math
from dataclasses import replace

import numpy as np
import pytest
import raftlab as rl
from failovers import failover
from raftlab.statistics import Sample
from scipy import stats


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
    a, b = swept.where(timeout=50, loss=0.0), swept.where(timeout=150, loss=0.0)
    both = rl.compare(a, b, "time_to_leader_ms")
    assert both.median_low < both.median_difference < both.median_high
    table = swept.summary(metrics="time_to_leader_ms").p50
    assert both.median_difference == pytest.approx(table.iloc[2] - table.iloc[0])
    assert math.isnan(rl.compare(a, b, "violation").median_difference)


def test_pairs_of_common_random_numbers(swept):
    a, b = swept.where(timeout=50, loss=0.0), swept.where(timeout=150, loss=0.0)
    found = rl.compare(a, b, "time_to_leader_ms")
    x, y = a["time_to_leader_ms"], b["time_to_leader_ms"]
    assert found.difference == pytest.approx((y - x).mean())
    mean = Sample("x", y - x, np.array([])).mean()
    assert (found.low, found.high) == pytest.approx((mean.low, mean.high)), "that of the differences"
    student = stats.ttest_rel(y, x).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((student.low, student.high), abs=0.1)
    assert found.correlation == pytest.approx(stats.pearsonr(x, y).statistic)
    assert found.correlation > 0.8
    unpaired = stats.ttest_ind(y, x, equal_var=False).confidence_interval(0.95)
    assert (found.unpaired_low, found.unpaired_high) == pytest.approx((unpaired.low, unpaired.high))
    assert found.gain > 1.3
    assert found.effect == pytest.approx((y - x).mean() / (y - x).std(ddof=1))
    assert found.p_value < 1e-50
    assert found.pairs == 800


def test_no_p_value_is_shown_as_0():
    """The p-value of a clear difference in 10,000 pairs is too small for a float."""

    def numbers(by):
        def metric(run):
            return by * (1 + run.seed % 3) + run.seed % 7

        return rl.sweep(rl.Scenario(3, horizon=1), seeds=10_000, metrics=[metric], checks=False)

    found = rl.compare(numbers(0), numbers(3), "metric")
    assert found.p_value == 0 == found.unpaired_p_value
    assert "p < 1e-300>" in repr(found)
    assert "<td>&lt; 1e-300 (" in found._repr_html_()
    assert "; p &lt; 1e-300</td>" in found._repr_html_()
    weak = replace(found, p_value=0.0123, unpaired_p_value=2e-300)
    assert "p = 0.012>" in repr(weak)
    assert "<td>0.0123 (" in weak._repr_html_()
    assert "; p = 2e-300</td>" in weak._repr_html_()


def test_no_difference_is_found_where_there_is_none(swept):
    same = swept.where(timeout=50, loss=0.0)
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
    found = rl.compare(result.where(bug=False), result.where(bug=True), "violation")
    broken = len(result.where(bug=True).violating_seeds)
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
        return swept.where(timeout=150), swept.where(timeout=300)

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
    a, b = swept.where(timeout=50, loss=0.0), swept.where(timeout=150, loss=0.0)
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
