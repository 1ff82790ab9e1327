"""Advice on timeouts: what it says is what the runs say, and how sure it is."""

import dataclasses
import math
import time

import numpy as np
import pytest
import raftlab as rl
from raftlab.advice.costs import Costs, estimate
from raftlab.advice.curves import Prior, of_counts, of_means
from raftlab.advice.rates import Quiet, clustering, total
from raftlab.advice.result import best_of
from raftlab.advice.search import Budget, Search, rung, rung_of
from raftlab.advice.setup import Setup
from raftlab.distributions import support
from raftlab.statistics import Estimate
from scipy import stats

QUICK = {"losses": [], "progress": False}
YEAR_S = 365 * 24 * 3600
LOSSY = rl.Network(latency=rl.lognormal(10, 0.8), loss=0.02)


@pytest.fixture(scope="module")
def advice():
    return rl.advise(LOSSY, timeouts=[30, 60, 300], budget=800, **QUICK)


@pytest.fixture(scope="module")
def free():
    """All timeouts are tried."""
    return rl.advise(LOSSY, budget=800, **QUICK)


@pytest.fixture(scope="module")
def stuck():
    """With one of the timeouts nobody is ever elected."""
    return rl.advise(rl.uniform(2, 8), timeouts=[1, 50, 150], budget=600, **QUICK)


def searching(network, timeouts, runs, nodes=5, preset=None, disk=None, seed=0):
    """What was seen with some timeouts."""
    setup = Setup.of(nodes, network, preset, disk)
    search = Search(setup, network.loss, 12, seed, Budget(runs=1))
    search.play(timeouts, runs, runs)
    return search


# ---- Curves ----------------------------------------------------------------------------------------------


def test_a_curve_goes_through_means_and_goes_on_where_nothing_is_known():
    x = np.log([10.0, 20, 40, 80, 160])
    means, errors = np.array([1.0, 0.5, 0.0, 9.0, 9.0]), np.array([0.01, 0.01, 0.01, math.inf, math.inf])
    prior = Prior(level=0.0, level_sd=10.0, slope=0.0, slope_sd=1.0, bend=0.1)
    curves = of_means(x, means, errors, prior, 4000, np.random.default_rng(0))
    np.testing.assert_allclose(curves.mean(axis=0), [1.0, 0.5, 0.0, -0.5, -1.0], atol=0.05)
    assert (np.diff(curves.std(axis=0)[2:]) > 0).all(), "the further away, the less is known"


def test_rates_never_grow_and_none_seen_is_information():
    x = np.log([10.0, 20, 40, 80])
    events, exposure = np.array([100.0, 10, 0, 0]), np.array([1e3, 1e3, 1e3, 1e3])
    prior = Prior(level=-3.0, level_sd=4.0, slope=-3.0, slope_sd=3.0, bend=2.5)

    def rates(exposure):
        rng = np.random.default_rng(0)
        return np.exp(of_counts(x, events, exposure, prior, 300, rng, falling=True))

    few, many = rates(exposure), rates(exposure * [1, 1, 1, 1e4])
    assert (np.diff(few) <= 0).all()
    np.testing.assert_allclose(few[:, 0].mean(), 0.1, rtol=0.2)
    assert 0 < many[:, 3].mean() < 1e-6 < few[:, 3].mean() < 1e-2
    assert many[:, 2].mean() < few[:, 2].mean(), "what was not seen with a longer one tells of a shorter one"
    free = of_counts(x, events[::-1], exposure, prior, 100, np.random.default_rng(0), falling=False)
    np.testing.assert_allclose(np.exp(free[:, 3]).mean(), 0.1, rtol=0.2)


def test_the_intervals_of_a_rate_hold_it():
    """Nearly always: a curve with a kink, counts that are mostly none, three places of five without data."""
    x = np.log(10 * 1.5 ** np.arange(8))
    truth = np.where(x < 3.5, -3 - 3 * (x - x[0]), -3 - 3 * (3.5 - x[0]) - 6 * (x - 3.5))
    prior, rng = Prior(level=-6.0, level_sd=4.0, slope=-4.0, slope_sd=3.0, bend=2.5), np.random.default_rng(5)
    held = []
    for _ in range(25):
        exposure = np.full(8, 5e3)
        curves = of_counts(x, rng.poisson(exposure * np.exp(truth)), exposure, prior, 100, rng, falling=True)
        low, high = np.quantile(curves, [0.025, 0.975], axis=0)
        held.append((low <= truth) & (truth <= high))
    assert np.mean(held) > 0.85
    assert np.mean(held, axis=0).min() > 0.7


# ---- What runs say ---------------------------------------------------------------------------------------


def test_first_elections_are_no_losses_of_a_healthy_leader():
    """With timeouts near the round trip there are several before a leader lasts."""
    search = searching(rl.Network(rl.uniform(38, 42)), [95.0], 60)
    quiet = search.seen[95.0].quiet
    setup = Setup.of(5, rl.Network(rl.uniform(38, 42)), None, None)
    runs, beginnings = (rl.sweep(build(95.0, 0.0), seeds=60) for build in (setup.steady, setup.beginning))
    assert runs["leader_losses"].sum() > 0
    assert (quiet.losses, quiet.lost_ms.sum()) == (0, 0.0)
    assert (beginnings["ending"] == "stop").all()
    assert quiet.led_ms == pytest.approx(60 * 500 * 95 - beginnings["end_ms"].sum(), rel=0.01)


@pytest.mark.parametrize(
    ("network", "timeout"),
    [(rl.Network(rl.uniform(0.4, 0.6), loss=0.2), 100.0), (rl.Network(rl.lognormal(20, 1.0)), 150.0)],
    ids=["lost", "late"],
)
def test_false_elections_are_as_many_as_is_known(network, timeout):
    """Heartbeats are lost or late independently: how often none comes in time can be calculated."""
    setup = Setup.of(3, network, None, None)
    quiet = searching(network, [timeout], 200, nodes=3).seen[timeout].quiet
    known = setup.false_elections(timeout, network.loss, setup.latencies()) * quiet.led_ms / timeout
    assert quiet.false_elections.sum() > 80
    assert quiet.false_elections.sum() == pytest.approx(known, rel=0.25)


def test_what_is_known_of_lost_heartbeats_is_what_one_calculates_by_hand():
    network = rl.Network(rl.uniform(0.4, 0.6), loss=0.2)
    setup = Setup.of(3, network, None, None)
    by_hand = 2 * 3 * 0.8 * (0.2**3 + 0.2**4 + 0.2**5) / 3
    assert setup.false_elections(100, 0.2, setup.latencies()) == pytest.approx(by_hand, rel=0.01)
    assert setup.false_elections(100, 0.0, setup.latencies()) == 0.0
    assert Setup.of(3, network, rl.presets.etcd, None).false_elections(100, 0.2, setup.latencies()) is None


def test_a_loss_lasts_as_long_as_an_election_whatever_the_timeout():
    """Made to happen it lasts as long as those that happen, of which there are too few."""
    seen = searching(rl.Network(rl.lognormal(2, 0.7)), [10.0, 50.0, 300.0], 150).seen
    often, short, long = (seen[at].deposed.log_length() for at in (10.0, 50.0, 300.0))
    assert abs(short[0] - long[0]) < 0.2
    assert short[1] < 0.1
    own = seen[10.0].quiet
    assert own.losses > 50
    assert math.exp(often[0]) == pytest.approx(own.lost_ms.sum() / own.losses, rel=0.3)


def test_losses_that_come_together_count_for_fewer():
    def quiet(counts):
        cells = np.array(counts, float)
        return Quiet(np.full(len(cells), 1e3), cells, cells, cells)

    scattered = np.random.default_rng(0).poisson(0.2, 2000)
    assert clustering([quiet(scattered)]) == pytest.approx(1.0, abs=0.1)
    assert clustering([quiet(5 * scattered)]) == pytest.approx(5.0, rel=0.1)
    assert clustering([quiet([0, 0, 0])]) == 1.0


def test_sums_of_rare_events_have_the_interval_of_their_number():
    for events in (1, 4, 30):
        parts = np.zeros(20_000)
        parts[:events] = 2.5
        found = total(parts, 2.5, 0.95)
        assert found.value == 2.5 * events
        assert found.low == pytest.approx(2.5 * stats.chi2.ppf(0.025, 2 * events) / 2, rel=0.01)
        assert found.high == pytest.approx(2.5 * stats.chi2.ppf(0.975, 2 * events + 2) / 2, rel=0.01)
    clustered = np.zeros(20_000)
    clustered[:3] = 10
    one_by_one = np.zeros(20_000)
    one_by_one[:30] = 1
    assert total(clustered, 1, 0.95).low < total(one_by_one, 1, 0.95).low / 1.5
    always = total(np.full(10, 6.0), 6.0, 0.95)
    assert always.low == always.value == 60


def test_a_failover_counts_from_the_crash():
    """Not from losses of the leader before it, of which there are many."""
    found = rl.advise(rl.Network(rl.uniform(2, 8), loss=0.3), timeouts=[60], budget=800, **QUICK)
    runs, beginnings = found.failovers.to_pandas(), found.beginnings.to_pandas()
    assert (runs.ending == "stop").all()
    assert (runs.seed == beginnings.seed).all()
    lost = runs.unavailable_ms - beginnings.unavailable_ms
    assert found.best.failover_ms.value == pytest.approx(lost.mean())
    row = runs.iloc[lost.argmax()]
    run = found.failovers.replay(row)
    [crash] = run.trace.faults.to_list("start_ms")
    assert run.now_ms - crash == pytest.approx(row.since_last_fault_ms)
    assert 60 < lost.max() < run.now_ms - crash, "the cluster has a leader before all nodes follow it"


# ---- What it costs ---------------------------------------------------------------------------------------


def flat(timeouts, failover, losses, length, failures=12.0, draws=4):
    """Costs that are known: a row of equal draws."""
    grid = [np.tile(np.array(part, float), (draws, 1)) for part in (failover, losses, length)]
    return Costs(np.array(timeouts, float), *grid, failures, 1)


def test_costs_are_failures_and_losses():
    costs = flat([100, 200], [120, 240], [5000, 1e-12], [40, 40])
    share = 5000 * 40 / 86_400_000
    expected = [12 * 0.12 + YEAR_S * share / (1 + share), 12 * 0.24]
    np.testing.assert_allclose(costs.expected, expected)
    assert (costs.best, list(costs.best_ms()), list(costs.regret(1))) == (1, [200] * 4, [0] * 4)
    np.testing.assert_allclose(costs.regret(0), expected[0] - expected[1])
    assert costs.neighbour_better(0) == 1.0
    assert costs.neighbour_better(1) == 0.0
    between = costs.at([141.4213562, 800])
    np.testing.assert_allclose(between.failover_ms[0], [1.2 * 141.4213562, 1.2 * 800])
    assert list(costs.only([200]).timeouts) == [200]
    always = flat([100], [120], [1e12], [40])
    assert always.without_failures.max() < YEAR_S, "no share exceeds the whole"


def test_an_estimate_lies_within_its_limits():
    found = estimate(np.array([0.0] * 999 + [1e9]), 0.95)
    assert found.low <= found.value <= found.high


def test_what_was_chosen_for_its_cost_has_a_limit_that_allows_for_that():
    """Of six timeouts that cost the same, the one that seems cheapest."""
    luck, held, plain, alone = np.random.default_rng(1), 0, 0, 0
    for _ in range(400):
        found = 100 * np.exp(luck.normal(0, 0.05, 6))
        failovers = found * np.exp(luck.normal(0, 0.05, (500, 6)))
        none = np.full((500, 6), 1e-12)
        costs = Costs(np.arange(1.0, 7), failovers, none, none, 12.0, 1)
        high = estimate(costs.seconds[:, costs.best], 0.95).high
        plain += high >= 1.2
        held += max(high, costs.limit_if_chosen(costs.best, 0.95)) >= 1.2
        alone += costs.only([3]).limit_if_chosen(0, 0.95) >= 1.2
    assert held / 400 >= 0.95
    assert plain / 400 < 0.90
    assert 0.95 <= alone / 400 <= 0.99, "where there was no choice the limit is the usual one"


def test_short_timeouts_cost_losses_and_long_ones_time(advice):
    table = advice.to_pandas()
    assert table.losses_a_day[30] > table.losses_a_day[60] > table.losses_a_day[300]
    assert table.false_a_day[30] > table.false_a_day[60] > table.false_a_day[300]
    assert (table.failover_ms.diff().dropna() > 0).all()
    assert (table.downtime_s_a_year_low <= table.downtime_s_a_year).all()
    assert (table.downtime_s_a_year <= table.downtime_s_a_year_high).all()
    for choice in advice.choices:
        there = advice.costs.at([choice.timeout_ms])
        assert choice.downtime_s_a_year.value == pytest.approx(there.expected[0])
        assert choice.losses_a_day.value == pytest.approx(there.losses_a_day.mean())


def test_what_was_not_seen_is_no_zero():
    """Not a single loss with the longest of them, and yet one a year costs more than none."""
    found = rl.advise(rl.uniform(1, 2), timeouts=[150], budget=400, **QUICK)
    choice = found.best
    assert choice.losses_seen == 0
    assert "no loss seen: estimated from the others" in found.note(choice)
    assert choice.losses_a_day.value > 0
    assert choice.downtime_s_a_year.high > choice.downtime_s_a_year.value
    assert found.plot().get_yscale() == "log"
    assert (choice.false_a_day.value, choice.false_a_day.low, choice.false_a_day.unseen) == (0, 0, True)
    days = (found.steady["end_ms"] - found.beginnings["end_ms"]).sum() / 86_400_000
    assert choice.false_a_day.high == pytest.approx(-np.log(0.05) / days)
    assert np.isnan(found.to_pandas().false_a_day[150])


def test_a_leader_that_steps_down_costs_time_though_no_election_was_false():
    """CheckQuorum ends a term without anybody standing: that is no false election."""
    rules = {"pre_vote": True, "check_quorum": True, "sticky_votes": True}
    network = rl.Network(rl.uniform(2, 8), loss=0.45)
    found = rl.advise(network, preset=rules, timeouts=[100, 300], budget=800, **QUICK)
    assert found.deposed is None, "nobody deposes a leader here"
    long = found.choices[-1]
    lost = found.steady.where(timeout_ms=300)["unavailable_ms"].mean() / (500 * 300)
    assert lost > 0.01
    assert long.losses_a_day.low > 0
    assert long.downtime_s_a_year.value > lost * YEAR_S * 0.8


# ---- The recommendation ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "latency", [rl.lognormal(0.2, 0.3), rl.lognormal(40, 0.2), rl.lognormal(20, 1.0)], ids=str
)
def test_no_edge_of_what_was_tried_is_recommended(latency):
    """The minimum of the expected cost is inside, be it ever so near the round trip."""
    found = rl.advise(rl.Network(latency), budget=800, **QUICK)
    tried = [choice.timeout_ms for choice in found.choices]
    assert tried[0] < found.best.timeout_ms < tried[-1]
    costs = {choice.timeout_ms: choice.downtime_s_a_year.value for choice in found.choices}
    assert found.best.downtime_s_a_year.value == min(costs.values())
    assert found.best is best_of(found.choices)
    assert "tried" not in str(found)


def test_the_noise_of_no_losses_does_not_decide():
    """The network of the notebook: 220 ms costs less there than 140 ms, by losses that few runs see."""
    trips = np.random.default_rng(1).lognormal(np.log(4), 0.7, 2000)
    network = rl.Network(latency=rl.empirical(list(trips / 2)), loss=0.01)
    for seed in range(2):
        found = rl.advise(network, seed=seed, budget=1200, **QUICK)
        assert 150 <= found.best.timeout_ms <= 400
        assert 3 < found.best.downtime_s_a_year.value < 9
        at = found.costs.at([140, 220]).expected
        assert at[1] < at[0]


def test_it_says_how_sure_it_is(free):
    like, regret = free.timeout_ms, free.regret_s_a_year
    assert like.low <= like.value == free.best.timeout_ms <= like.high
    assert 0 <= regret.low <= regret.value <= regret.high
    assert 0 <= free.neighbour_better <= 1
    low, high = free.within(0.5)
    assert low <= like.value <= high
    costs = free.costs.at([low, high]).expected
    assert costs.max() <= 1.5 * free.best.downtime_s_a_year.value
    assert free.within(0.0) == (like.value, like.value)
    assert len(repr(free).splitlines()) == 3
    assert max(map(len, repr(free).splitlines())) < 120
    said = str(free)
    assert f"{free.runs:,} runs" in said
    assert "P(a neighbour is better) = " in said
    assert "the best one saves" in said
    with pytest.raises(rl.InvalidError, match="share"):
        free.within(-1)


def test_more_runs_make_it_surer(free):
    more = rl.advise(LOSSY, budget=3000, **QUICK)
    widths = [
        found.best.downtime_s_a_year.half_width / found.best.downtime_s_a_year.value for found in (free, more)
    ]
    assert widths[1] < widths[0]


def test_the_same_seed_is_the_same_advice_and_another_is_another():
    def ask(seed, threads=None):
        return rl.advise(LOSSY, timeouts=[60, 90], seed=seed, budget=200, threads=threads, **QUICK)

    one, again, other = ask(1), ask(1, threads=1), ask(2)
    assert one.choices == again.choices
    assert one.choices != other.choices
    assert not set(one.failovers["seed"]) & set(other.failovers["seed"])


def test_a_budget_is_a_number_of_runs_or_a_time():
    for budget in (400, 800):
        found = rl.advise(LOSSY, timeouts=[60], budget=budget, **QUICK)
        assert 0.6 * budget < found.runs < 1.3 * budget
    began = time.process_time()
    short = rl.advise(LOSSY, timeouts=[60], budget="1s", **QUICK)
    assert time.process_time() - began < 30
    assert short.runs > 300
    fixed = rl.advise(LOSSY, timeouts=[60], seeds=30, steady_days=0.01, **QUICK)
    assert len(fixed.failovers) == 30
    assert fixed.steady["end_ms"].sum() >= 0.01 * 86_400_000


def test_given_timeouts_are_the_choice_and_better_ones_are_named(advice, stuck):
    assert [choice.timeout_ms for choice in advice.choices] == [30, 60, 300]
    assert advice.timeout_ms.note.startswith("of those given")
    alone = rl.advise(rl.uniform(1, 2), timeouts=[150], budget=300, **QUICK)
    assert (alone.timeout_ms.low, alone.timeout_ms.high) == (150, 150)
    assert "would cost less" in alone.timeout_ms.note
    assert alone.plot().get_xlim() == (75, 300)
    cheaper = float(alone.timeout_ms.note.split("; ")[1].split(" ms")[0])
    assert cheaper < 50
    assert stuck.timeout_ms.low == 50


def test_a_timeout_under_which_nobody_is_elected_is_never_the_best(stuck):
    none = stuck.choices[0]
    assert not none.elects
    assert none.downtime_s_a_year.value == math.inf
    assert stuck.best.timeout_ms == 50
    assert "no lasting leader was elected" in stuck.to_pandas().note[1]
    assert "no lasting leader was elected" in stuck._repr_html_()


def test_a_timeout_shorter_than_the_round_trip_is_not_the_best():
    found = rl.advise(rl.uniform(90, 110), timeouts=[20, 2000], budget=300, **QUICK)
    assert found.best.timeout_ms == 2000


@pytest.mark.parametrize(
    "network", [rl.uniform(90, 110), rl.Network(5, loss=1.0)], ids=["too slow", "all is lost"]
)
def test_if_nobody_is_ever_elected_there_is_no_advice(network):
    with pytest.raises(
        rl.InvalidError, match=r"timeouts: with none of 10 ms, 20 ms was a lasting leader elected"
    ):
        rl.advise(network, timeouts=[10, 20], budget=200, **QUICK)


def test_where_there_is_no_best_timeout_it_says_why():
    with pytest.raises(rl.InvalidError, match="shorter ones are better, down to a microsecond"):
        rl.advise(0, budget=200, **QUICK)
    with pytest.raises(rl.InvalidError, match="failures_a_year must be above 0 if no timeouts are given"):
        rl.advise(5, failures_a_year=0, budget=200, **QUICK)
    with pytest.raises(rl.InvalidError, match=r"with none of .* was a lasting leader elected"):
        rl.advise(rl.Network(5, loss=1.0), budget=200, **QUICK)


def test_a_crash_that_nobody_follows_has_no_upper_limit():
    lossy = rl.Network(rl.uniform(2, 8), loss=0.4)
    found = rl.advise(lossy, timeouts=[9, 600], seeds=60, steady_days=1e-5, **QUICK)
    short = found.choices[0]
    assert short.failover_ms.value < short.failover_ms.high == short.downtime_s_a_year.high == math.inf
    assert "no lasting leader after" in found.to_pandas().note[9]


def test_timeouts_are_numbers_that_one_would_choose():
    assert [rung(step) for step in range(-1, 14)] == [
        0.85, 1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 4.0, 5.0, 6.0, 7.0, 8.5, 10.0, 12.0,
    ]  # fmt: skip
    assert all(rung_of(rung(step)) == step for step in range(-40, 90))


# ---- Machines, and what is not modelled ------------------------------------------------------------------


def test_of_two_machines_none_may_fail(tmp_path):
    """The answer is the time from the return of the one that failed, and says so."""
    path = tmp_path / "two.csv"
    path.write_text(",ca,cn\nca,,500\ncn,500,\n")
    found = rl.advise(path, budget=800, **QUICK)
    assert 250 < found.best.timeout_ms < 5000
    assert found.best.failover_ms.value < 3 * found.best.longest_ms
    assert "two machines cannot tolerate a failure" in str(found)
    with pytest.raises(rl.InvalidError, match="nodes must be at least 2: one node alone elects itself"):
        rl.advise(5, nodes=1)


def test_a_file_of_round_trips_is_a_network(tmp_path):
    path = tmp_path / "regions.csv"
    path.write_text(",fra,lon,nyc\nfra,,12,85\nlon,12,,75\nnyc,85,75,\n")
    quick = {"timeouts": [300], "budget": 100, **QUICK}
    for given in (path, str(path)):
        assert len(rl.advise(given, **quick).failovers.scenarios[0].nodes) == 3
    assert (
        len(rl.advise(path, nodes={"fra": 2, "lon": 2, "nyc": 1}, **quick).failovers.scenarios[0].nodes) == 5
    )
    with pytest.raises(rl.InvalidError, match=r"nodes must be 3, .* such as {'fra': 2, 'lon': 2, 'nyc': 1}"):
        rl.advise(path, nodes=5, **quick)
    network = rl.network_from_csv(path)
    with pytest.raises(rl.InvalidError, match="nodes must be 3, as many as the network's regions, not 5"):
        rl.advise(network, nodes=5, **quick)
    with pytest.raises(rl.InvalidError, match="nodes must be a number: only a file of regions"):
        rl.advise(5, nodes={"fra": 2}, **quick)


def test_what_is_not_modelled_is_said(etcd, advice):
    assert "heartbeats wait for the leader's disk" in rl.presets.etcd.not_modelled
    assert rl.presets.etcd.not_modelled in repr(rl.presets.etcd)
    assert "do not restart their timer" in rl.presets.consul.not_modelled
    assert rl.presets.paper.not_modelled == ""
    assert etcd.not_modelled[0] == f"not modelled: {rl.presets.etcd.not_modelled}"
    assert all(what in str(etcd) for what in etcd.not_modelled)
    assert [what.split(";")[0] for what in advice.not_modelled] == ["not modelled: nodes that pause"]


def test_links_without_late_or_lost_messages_are_named_as_not_modelled(tmp_path):
    (tmp_path / "regions.csv").write_text(",fra,lon\nfra,0.2,15\nlon,15,0.2\n")
    regions = rl.network_from_csv(tmp_path / "regions.csv", nodes={"fra": 2, "lon": 1})
    quick = {"timeouts": [150], "seeds": 5, "steady_days": 0.0005, **QUICK}
    for network, steady in (
        (rl.Network(5), True),
        (regions, True),
        (rl.Network(5, loss=0.01), False),
        (rl.Network(rl.uniform(5, 9.9)), True),
        (rl.Network(rl.uniform(5, 15)), False),
        (rl.Network(rl.empirical([5, 2000], weights=[99999, 1])), False),  # too rare for a sample
    ):
        said = rl.advise(network, **quick).not_modelled
        assert any(part.startswith("not modelled: messages that are late or lost") for part in said) == steady


@pytest.mark.parametrize(
    ("latency", "least", "longest"),
    [
        ("5ms", 5, 5),
        (rl.constant(5), 5, 5),
        (rl.uniform(5, 9), 5, 9),
        (rl.empirical([5, 2000, 1, 9000], weights=[99999, 1, 0, 0]), 5, 2000),
        (rl.empirical([5, 7]), 5, 7),
        (rl.normal(100, 0), 100, 100),
        (rl.normal(5, 3), 0, 29.9),
        (rl.lognormal(5, 0), 5, 5),
        (rl.exponential(2), 0, 73.5),
        (rl.pareto(1, 53), 1, 2),
    ],
    ids=str,
)
def test_the_support_of_a_distribution_is_what_can_be_drawn(latency, least, longest):
    """So a sample of it lies inside; the tails of unbounded ones end where the random bits do."""
    assert support(latency) == pytest.approx((least, longest), rel=1e-3)
    run = rl.Scenario(3, network=rl.Network(latency), election_timeout="2s", horizon="60s").run(seed=1)
    rows = run.trace.messages.to_dict()
    times = [due - sent for sent, due in zip(rows["sent_ms"], rows["due_ms"], strict=True) if due == due]
    assert least - 1e-5 <= min(times) <= max(times) <= longest + 1e-5


@pytest.mark.parametrize("latency", [rl.lognormal(5, 1e300), rl.pareto(5, 1e-300)], ids=str)
def test_the_support_of_extreme_distributions_is_finite_or_infinite_but_no_error(latency):
    least, longest = support(latency)
    assert least <= 5 < 1e100 < longest


# ---- Presets, losses, pictures -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def etcd():
    network = rl.Network(rl.uniform(2, 8), loss=0.02)
    preset = rl.presets.etcd
    return rl.advise(network, preset=preset, timeouts=[50], losses=[0.1], budget=400, progress=False)


def test_a_confidence_is_written_as_everywhere(advice):
    sure = dataclasses.replace(advice, confidence=0.99999)
    assert "Intervals 99.999 %" in sure._repr_html_(), "and not 100 %"


def test_the_presets_own_timeouts_are_always_tried(etcd):
    own = etcd.own
    assert (own.timeout_ms, own.longest_ms, own.heartbeat_ms) == (1000, 2000, 100)
    assert etcd.to_pandas().note[1000].startswith("etcd's own")
    assert "etcd's own, from 1 s: " in str(etcd)
    scenario = etcd.steady.where(timeout_ms=1000).scenarios[0]
    assert scenario.election_timeout == rl.Scenario(5, preset=rl.presets.etcd).election_timeout
    assert (scenario.heartbeat, scenario.pre_vote) == (100, True)
    # The others have its proportions.
    assert (etcd.choices[0].longest_ms, etcd.choices[0].heartbeat_ms) == (100, 5)


def test_other_losses_are_played_too(etcd):
    assert [(choice.loss, choice.timeout_ms) for choice in etcd.under_loss] == [
        (0.02, 50), (0.02, 1000), (0.1, 50), (0.1, 1000),
    ]  # fmt: skip
    here, there = etcd.under_loss[0], etcd.under_loss[2]
    assert here is etcd.choices[0]
    assert etcd.under_loss[1] is etcd.own
    assert there.failover_ms.value > here.failover_ms.value


def test_each_loss_has_its_best_timeout_inside():
    found = rl.advise(rl.Network(rl.lognormal(2, 0.7)), losses=[0.02], budget=800, progress=False)
    rows = sorted({choice.timeout_ms for choice in found.under_loss})
    for loss in (0.0, 0.02):
        column = [choice for choice in found.under_loss if choice.loss == loss]
        assert [choice.timeout_ms for choice in column] == rows
        assert rows[0] < best_of(column).timeout_ms < rows[-1]


def test_a_cost_has_one_interval_which_allows_for_the_selection(monkeypatch):
    far = 1e9
    monkeypatch.setattr(Costs, "limit_if_chosen", lambda *_: far)
    found = rl.advise(5, losses=[0.02], budget=600, progress=False)
    for loss in (0.0, 0.02):
        column = [choice for choice in found.under_loss if choice.loss == loss]
        wide = [choice for choice in column if choice.downtime_s_a_year.high == far]
        assert wide == [best_of(column)]
        assert (wide[0] is found.best) == (loss == 0)


def texts(ax, gid):
    return [text.get_text() for text in ax.texts if text.get_gid() == gid]


def by_gid(ax, gid):
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


def test_the_heatmap_says_what_the_choices_say(etcd):
    ax = etcd.heatmap()
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["2 %\nas given", "10 %"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["50 ms", "etcd's own: 1 s"]
    said = texts(ax, "value")
    assert len(said) == 4
    first = etcd.choices[0].downtime_s_a_year
    assert said[0].split()[0] == f"{first.value:.3g}" if 1 <= first.value < 60 else said[0]
    assert len(by_gid(ax, "best")) == 2
    assert ax.raftlab_replay


def test_the_picture_shows_the_recommendation_its_interval_and_the_presets_own(etcd):
    unsure = dataclasses.replace(etcd, timeout_ms=Estimate(50, 50, 1000))
    ax = unsure.plot()
    assert texts(ax, "name") == ["recommended: 50 ms", "etcd's own: 1 s"]
    [alike] = by_gid(ax, "alike")
    assert list(alike.get_xdata()) == [50, 1000]
    assert not by_gid(dataclasses.replace(etcd, timeout_ms=Estimate(50, 50, 50)).plot(), "alike")
    [all_of] = by_gid(ax, "all")
    drawn = dict(zip(all_of.get_xdata(), all_of.get_ydata(), strict=True))
    for choice in etcd.choices:
        assert drawn[choice.timeout_ms] == pytest.approx(choice.downtime_s_a_year.value)
    [intervals] = by_gid(ax, "interval")
    for choice, segment in zip(etcd.choices, intervals.get_segments(), strict=True):
        downtime = choice.downtime_s_a_year
        np.testing.assert_allclose(segment[:, 1], [downtime.low, downtime.high])
    low, high = ax.get_ylim()
    assert low < min(c.downtime_s_a_year.low for c in etcd.choices)
    assert high > etcd.best.downtime_s_a_year.high


def test_a_picture_names_only_what_it_shows(advice, stuck):
    def key(found):
        return [text.get_text() for text in found.plot().get_legend().get_texts()]

    assert "no leader lasts" in key(stuck)
    assert "no leader lasts" not in key(advice)
    rarely = rl.advise(rl.uniform(1, 2), timeouts=[150, 300], budget=400, **QUICK)
    assert "expected" not in key(rarely)
    assert any("was seen" in label for label in key(rarely))
    assert ("the best one may be here" in key(advice)) == (advice.timeout_ms.low < advice.timeout_ms.high)


def test_a_picture_of_what_never_elects_has_a_mark(stuck):
    [mark] = by_gid(stuck.plot(), "unable")
    assert list(mark.get_xdata()) == [1]
    assert texts(stuck.heatmap(), "value")[0] == "endless"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeouts": []}, "timeouts"),
        ({"timeouts": [0]}, "timeouts"),
        ({"timeouts": ["2h"]}, "up to an hour"),
        ({"nodes": 256}, "nodes must be an integer between 2 and 255, not 256"),
        ({"seed": -1}, "seed"),
        ({"budget": 0}, "budget must be an integer"),
        ({"budget": 1.5}, "budget must be a whole number of runs, or a time such as '30s', not 1.5"),
        ({"budget": "0s"}, "budget must be a number of runs or a time above 0"),
        ({"budget": "soon"}, "budget"),
        ({"budget": 100, "seeds": 5}, "give budget, or seeds and steady_days, not both"),
        ({"failures_a_year": -1}, "failures_a_year"),
        ({"steady_days": 0}, "steady_days"),
        ({"losses": [2]}, "losses"),
        ({"confidence": 95}, "confidence must be a confidence above 0 and below 1, such as 0.95, not 95"),
        ({"confidence": 0}, "confidence must be a confidence above 0 and below 1, such as 0.95, not 0"),
        ({"confidence": 1}, "confidence must be a confidence above 0 and below 1, such as 0.95, not 1"),
    ],
)
def test_what_makes_no_sense(options, words):
    with pytest.raises(rl.InvalidError, match=words):
        rl.advise(5, **options)


def test_ctrl_c_with_the_last_run_is_no_advice_either():
    """Whichever run was the last: progress counts on over all that is played."""
    counted = []
    rl.advise(5, timeouts=[100], losses=[0.1], budget=100, progress=counted.append)
    assert counted == sorted(counted)

    def stop(done):
        if done == counted[-1]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rl.advise(5, timeouts=[100], losses=[0.1], budget=100, progress=stop)
