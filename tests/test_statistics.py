"""Statistics of many runs: against scipy, closed forms, simulations of coverage, and each other."""

import math

import numpy as np
import pytest
import raftlab as rl
from raftlab.statistics import Sample, share
from scipy import stats


def plain(values, censored=()):
    return Sample("x", np.asarray(values, float), np.asarray(censored, float))


# ---- One sample --------------------------------------------------------------------------------------


def test_the_interval_of_a_mean_is_students_without_the_skewness():
    values = np.random.default_rng(1).exponential(10, 50)
    even = np.r_[values, -values]
    mean = plain(even).mean(0.9)
    low, high = stats.t.interval(0.9, 99, loc=0, scale=stats.sem(even))
    assert (mean.value, mean.low, mean.high) == pytest.approx((0, low, high), abs=1e-9)
    skewed, t = plain(values).mean(0.9), stats.t.ppf(0.95, 49)
    for limit, side in ((skewed.low, t), (skewed.high, -t)):
        ratio = (values.mean() - limit) / values.std(ddof=1)
        bend = np.mean((values - values.mean()) ** 3) / values.std(ddof=1) ** 3
        cubic = ratio + bend * ratio**2 / 3 + bend**2 * ratio**3 / 27 + bend / (6 * 50)
        assert cubic * math.sqrt(50) == pytest.approx(side), "Hall 1992"


@pytest.mark.parametrize("confidence", [0.01, 0.5, 0.95, 0.9999])
def test_limits_contain_their_estimate(confidence):
    """Of anything: means, quantiles and shares, few or many, with ties, censored, of clusters of any size."""
    luck = np.random.default_rng(20)
    for _ in range(300):
        n = int(luck.integers(2, 40))
        values = luck.choice([luck.exponential(1, n), luck.poisson(0.3, n) * 1.0, luck.lognormal(0, 3, n)])
        cut = luck.random(n) < luck.choice([0, 0.3])
        seeds = luck.integers(0, luck.choice([1, 2, 5, 1000]), n)
        order = np.r_[np.flatnonzero(~cut), np.flatnonzero(cut)]
        sample = Sample("x", values[~cut], values[cut], seeds=seeds[order])
        flags = Sample("x", (values > 1) * 1.0, np.array([]), flags=True, seeds=seeds)
        found = [sample.mean(confidence), flags.share(confidence)]
        found += [sample.quantile(q, confidence) for q in (0.01, 0.5, 0.9, 0.999)]
        for estimate in found:
            assert not estimate.low > estimate.value, estimate
            assert not estimate.high < estimate.value, estimate


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


def test_shares_are_those_of_clopper_and_pearson_and_none_is_a_bound():
    interval = stats.binomtest(7, 100).proportion_ci(method="exact")
    found = share(7, 100)
    assert (found.value, found.low, found.high) == pytest.approx((0.07, interval.low, interval.high))
    none, all_of = share(0, 1000), share(1000, 1000)
    assert none.high == pytest.approx(rl.upper_bound(0, 1000))
    assert (none.low, none.note) == (0.0, "none of 1,000 runs")
    assert all_of.low == pytest.approx(1 - rl.upper_bound(0, 1000))


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


def test_why_means_are_neither_students_nor_the_bootstraps():
    """Of few and skewed values they hold the mean more often than Student's interval, and BCa's less."""
    luck, hits = np.random.default_rng(12), {"ours": 0, "student": 0, "student to match": 0, "bca": 0}
    for at in range(1000):
        values = luck.lognormal(0, 1, 12)
        mean = plain(values).mean()
        low, high = stats.t.interval(0.95, 11, loc=values.mean(), scale=stats.sem(values))
        limits = {"ours": (mean.low, mean.high), "student": (low, high)}
        if at < 250:
            found = stats.bootstrap((values,), np.mean, n_resamples=499, random_state=1).confidence_interval
            limits |= {"bca": (found.low, found.high), "student to match": (low, high)}
        for name, (low, high) in limits.items():
            hits[name] += low <= math.exp(0.5) <= high
    assert hits["bca"] <= hits["student to match"] + 5
    assert hits["ours"] >= hits["student"] + 30


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_order_statistics_are_those_of_scipy(confidence):
    values = np.random.default_rng(11).exponential(1, 400)
    for q in (0.1, 0.5, 0.9, 0.99):
        ours = plain(values).quantile(q, confidence)
        theirs = stats.quantile_test(values, p=q).confidence_interval(confidence)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), nan_ok=True)


# ---- What is not over --------------------------------------------------------------------------------


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


def test_a_band_is_not_empty_where_nothing_has_happened_and_not_full():
    curve = plain([5, 6, 7], [1, 2]).curve()
    assert curve.low[0] == pytest.approx(1 - rl.upper_bound(0, 5, 0.975)), "two-sided"
    assert curve.high[0] == 1
    whole = plain(np.arange(1.0, 101)).curve()
    assert whole.low[-1] == whole.survival[-1] == 0
    assert 0 < whole.high[-1] < whole.high[-2]


# ---- Runs of one seed, pooled -----------------------------------------------------------------------


def test_shares_of_dependent_runs_are_not_rounded():
    some, more = (share(events, 1000, worth=4.0) for events in (450, 540))
    assert some.low < more.low, "both would be 2 of 4"
    whole, interval = share(70, 1000, worth=100), stats.binomtest(7, 100).proportion_ci(method="exact")
    assert (whole.low, whole.high) == pytest.approx((interval.low, interval.high))


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
    once = share(int((values > 20).sum()), 200)
    assert (some.share().low, some.share().high) == pytest.approx((once.low, once.high), rel=0.05)


def test_runs_of_one_seed_have_no_interval():
    """They share all of their randomness: a thousand of them are one draw."""
    values, seeds = np.random.default_rng(13).exponential(10, 1000), np.zeros(1000, int)
    flags = Sample("x", (values > 5) * 1.0, np.array([]), flags=True, seeds=seeds)
    none = Sample("x", values * 0, np.array([]), flags=True, seeds=seeds)
    cut = Sample("x", values[:900], values[900:], seeds=seeds)
    alone = Sample("x", values, np.array([]), seeds=seeds)
    for found in (
        alone.mean(),
        alone.quantile(0.99),
        flags.share(),
        none.share(),
        cut.mean(),
        cut.quantile(0.5),
    ):
        assert math.isnan(found.low), found
        assert math.isnan(found.high), found
        assert "1,000 runs of one seed" in found.note, found
    assert alone.mean().value == pytest.approx(values.mean())
    assert np.isnan(cut.curve().low).all()
    assert not math.isnan(Sample("x", values[:1], np.array([]), flags=True, seeds=seeds[:1]).share().high)


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


def test_bands_of_many_steps_are_as_exact_as_those_of_few():
    from raftlab.statistics import limits_of_share

    luck = np.random.default_rng(15)
    curve = plain(luck.random(20_000)).curve()
    some = np.r_[0:50, luck.integers(0, 19_998, 100), 19_900:19_999]
    low, high = limits_of_share(curve.survival[some], np.full(len(some), 20_000.0), 0.95)
    assert curve.low[some] == pytest.approx(low, abs=1e-6)
    assert curve.high[some] == pytest.approx(high, abs=1e-6)
