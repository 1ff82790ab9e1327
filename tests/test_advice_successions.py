"""Advice where elections follow one another: it counts them all, and believes counts, not a calculation."""

import dataclasses
import math

import numpy as np
import pytest
import raftlab as rl
from raftlab.advice.costs import LEAST, Costs, Seen, beside_the_known, failovers
from raftlab.advice.rates import Crashes, Deposed, Quiet
from raftlab.advice.search import Budget, Search
from raftlab.advice.setup import Setup

MACHINES = {"fra": 2, "lon": 2, "nyc": 1}
FAILURES = 12


@pytest.fixture(scope="module")
def regions(tmp_path_factory):
    """One machine is so far away that its round trip is longer than some timeouts."""
    path = tmp_path_factory.mktemp("advice") / "regions.csv"
    path.write_text(",fra,lon,nyc\nfra,,12,85\nlon,12,,75\nnyc,85,75,\n")
    return path


@pytest.fixture(scope="module")
def network(regions):
    return rl.network_from_csv(regions, nodes=MACHINES)


@pytest.fixture(scope="module")
def advice(regions):
    return rl.advise(regions, nodes=MACHINES, losses=[], progress=False)


def downtime_s_a_year(network, timeout, seeds):
    """The downtime a year and its error, from runs in which all that follows a crash counts."""
    calm, watched = 600 * timeout, 300 * timeout

    def lost(faults, horizon):
        scenario = rl.Scenario(
            5, network=network, election_timeout=(timeout, 2 * timeout), heartbeat=timeout / 3,
            faults=faults, horizon=horizon,
        )  # fmt: skip
        runs = rl.sweep(scenario, seeds=seeds, metrics="unavailable_ms", checks=False, progress=False)
        return runs["unavailable_ms"]

    crash = rl.Crash("leader", at=rl.uniform(calm, calm + timeout), patience=watched)
    before = lost([], calm)
    healthy, after = lost([], calm + watched) - before, lost([crash], calm + watched) - before
    assert healthy.max() == 0, "a healthy leader is not lost once the elections at the beginning are over"
    return FAILURES / 1e3 * after.mean(), FAILURES / 1e3 * after.std() / seeds**0.5


def test_the_cost_is_that_of_runs_without_advice(advice, network):
    """With the recommended timeout and the next longer ones; the next shorter one costs no less."""
    place = advice.choices.index(advice.best)
    assert advice.best.timeout_ms in (33, 40)
    cost = {}
    for choice in advice.choices[place - 1 : place + 3]:
        said = choice.downtime_s_a_year
        seen, error = downtime_s_a_year(network, choice.timeout_ms, 300)
        cost[choice.timeout_ms] = seen - 2 * error, seen + 2 * error
        if choice.elects:
            assert said.low - 2 * error < seen < said.high + 2 * error, choice.timeout_ms
            assert said.value == pytest.approx(seen, rel=0.3), choice.timeout_ms
    assert len(cost) == 4
    assert cost[advice.best.timeout_ms][0] < min(high for _, high in cost.values())


def test_a_timeout_whose_elections_follow_one_another_for_long_is_none_to_choose(advice):
    """Leaders are elected within a few timeouts, but do not last."""
    shortest = advice.choices[0]
    assert shortest.timeout_ms < 22
    assert not shortest.elects
    assert "no lasting leader" in advice.note(shortest)
    elected = advice.failovers.where(timeout_ms=shortest.timeout_ms)["unavailable_ms"]
    assert (elected < advice.failovers.where(timeout_ms=shortest.timeout_ms)["end_ms"]).all()


def test_all_elections_after_a_crash_count(network):
    """Up to the one after which all nodes follow the leader, and not only up to the first."""
    setup, timeout = Setup.of(5, network, None, None), 22.0
    search = Search(setup, 0.0, FAILURES, 0, Budget(runs=1))
    search.play([timeout], 200, 20)
    runs = rl.sweep(
        setup.failover(timeout, 0.0).replace(stop=rl.leader_elected), seeds=200,
        metrics="since_last_fault_ms", progress=False,
    )  # fmt: skip
    first = runs["since_last_fault_ms"][runs["ending"] == "stop"]
    all_of_them = search.seen[timeout].crashes
    assert np.exp(all_of_them.log_mean()[0]) > 1.5 * np.median(first)
    assert all_of_them.lost_ms.max() > 20 * np.median(first)


def test_a_cluster_is_healthy_only_once_all_follow_its_leader(network):
    """The elections at the beginning go on for many timeouts; afterwards no leader is lost."""
    setup, timeout = Setup.of(5, network, None, None), 22.0
    search = Search(setup, 0.0, FAILURES, 0, Budget(runs=1))
    search.play([timeout], 60, 60)
    runs = rl.sweep(setup.steady(timeout, 0.0), seeds=60, metrics=["leader_losses"], progress=False)
    assert runs["leader_losses"].sum() > 600
    assert search.seen[timeout].quiet.losses == 0
    assert 0.1 < search.seen[timeout].quiet.led_ms / (60 * 500 * timeout) < 0.9


def test_without_a_no_op_it_is_the_same(network):
    """The entry of a new leader shows who follows it; a preset without it gets one."""
    preset = {"noop": False}
    scenario = Setup.of(5, network, preset, None).failover(22.0, 0.0)
    assert scenario == Setup.of(5, network, None, None).failover(22.0, 0.0)


# ---- Timeouts with which some clusters do not settle -------------------------------------------------------


def crashes(timeout, mean, runs, settled):
    """Crashes with failovers around a mean, given in timeouts; in the other runs there is none."""
    over = np.arange(runs) < settled
    return Crashes(timeout * mean * np.linspace(0.5, 1.5, runs), over, over)


def seen(timeout, mean, runs, settled):
    healthy, none = np.full(runs, 500.0 * timeout), np.zeros(runs)
    forced = Deposed(np.full(runs, timeout), np.full(runs, True), np.full(runs, True))
    return Seen(crashes(timeout, mean, runs, settled), Quiet(healthy, none, none, none), forced)


@pytest.mark.parametrize(
    ("settled", "runs", "able"),
    [(10, 10, True), (8, 10, True), (7, 10, False), (285, 300, True), (280, 300, True), (275, 300, False)],
)
def test_only_timeouts_with_which_clusters_significantly_fail_to_settle_are_excluded(settled, runs, able):
    """One of ten runs that does not settle in time is no evidence that one of twenty does not."""
    assert crashes(10.0, 2.0, runs, settled).elect == able
    assert not crashes(10.0, 2.0, 2, 1).elect, "nor those with which clusters usually do not"


def test_excluded_timeouts_show_how_steeply_failovers_grow():
    """By chance few failovers were long with 15 ms; with 10 and 12 ms, with which it is worse, many were."""
    runs = {
        timeout: seen(timeout, mean, 30, settled)
        for timeout, mean, settled in (
            (8.5, 50.0, 18), (10.0, 28.0, 24), (12.0, 12.9, 24), (15.0, 4.2, 30), (18.0, 5.3, 30),
            (22.0, 3.7, 30), (27.0, 2.8, 30), (33.0, 2.4, 30), (40.0, 2.0, 30), (70.0, 1.6, 30),
        )
    }  # fmt: skip
    costs = Costs.of(runs, FAILURES, lambda _: 1e-15, np.random.default_rng(0))
    assert costs.timeouts[0] == 15.0, "the others are not recommended"
    assert costs.timeouts[costs.best] in (27.0, 33.0)
    without = {timeout: one for timeout, one in runs.items() if one.able}
    alone = Costs.of(without, FAILURES, lambda _: 1e-15, np.random.default_rng(0))
    assert alone.timeouts[alone.best] == 15.0, "which chance would decide without them"


def test_it_names_the_timeouts_that_cannot_be_told_apart(advice):
    """One timeout may be the best in every draw although the intervals of others overlap with its own."""

    def said(*limits):
        costs = [dataclasses.replace(cost, low=low, high=high) for low, high in limits]
        choices = [
            dataclasses.replace(advice.best, timeout_ms=timeout, downtime_s_a_year=one)
            for timeout, one in zip((33.0, 40.0, 50.0), costs, strict=True)
        ]
        return str(dataclasses.replace(advice, choices=tuple(choices), best=choices[0], timeout_ms=sure))

    cost = advice.best.downtime_s_a_year
    sure = dataclasses.replace(advice.timeout_ms, value=33.0, low=33.0, high=33.0)
    overlapping = said((0.8, 1.0), (0.9, 1.1), (1.2, 1.3))
    assert "; the intervals of the cost do not tell it from 40 ms; " in overlapping
    assert "; all others that were tried cost more; " in said((0.8, 1.0), (1.1, 1.2), (1.2, 1.3))
    assert "as good" not in overlapping


# ---- Counts against the calculation ----------------------------------------------------------------------


def rates(counts, usual, many=2.0):
    x = np.log(10 * 1.2 ** np.arange(len(counts)))
    exposure = np.full(len(counts), 1e4)
    return beside_the_known(
        x, np.array(counts, float), exposure, np.array(usual), np.full(len(counts), many),
        np.random.default_rng(0),
    )  # fmt: skip


@pytest.mark.parametrize("many", [2.0, 3.0, 5.0])
def test_counts_that_contradict_the_calculation_hold(many):
    """However long failovers take: thousands of losses are not the one in 10^15 that is calculated."""
    found, counted = rates([5000, 3000, 8, 0, 0], [LEAST] * 5, many)
    assert list(counted) == [True, True, True, False, False]
    np.testing.assert_allclose(found[:, :3].mean(axis=0), [0.5, 0.3, 8.5e-4], rtol=0.05)
    low, high = np.quantile(found[:, 2], [0.025, 0.975])
    assert low < 5e-4 < 1.4e-3 < high
    assert found[:, 3:].max() < 1e-13, "they do not change the rate with other timeouts"


def test_fewer_losses_than_calculated_contradict_it_too():
    found, counted = rates([0, 100, 10], [1e-2, 1e-2, 1e-3])
    assert list(counted) == [True, False, False]
    assert found[:, 0].mean() < 1e-4


def test_counts_that_agree_correct_the_calculation():
    found, counted = rates([130, 14, 1, 0], [1e-2, 1e-3, 1e-4, 1e-5])
    assert not counted.any()
    np.testing.assert_allclose(found.mean(axis=0) / [1e-2, 1e-3, 1e-4, 1e-5], 1.3, rtol=0.2)


@pytest.mark.parametrize("counts", [[10, 6, 4, 2, 1, 1], [12, 6, 3, 1], [9, 5, 4, 3, 2, 1, 1, 1]])
def test_a_few_losses_more_or_less_do_not_change_the_rate_with_long_timeouts(counts):
    """Where none is observed any more; 10, 6, 4, 2, 1 and 1 are expected."""
    usual = 1e-3 * 0.6 ** np.arange(18)
    found, counted = rates(counts + [0] * (18 - len(counts)), usual)
    assert not counted.any()
    np.testing.assert_allclose(found.mean(axis=0) / usual, 1.0, atol=0.25)


def test_counted_rates_are_marked():
    """With timeouts near the round trip one loss leads to another, which the calculation does not include."""
    network = rl.Network(rl.lognormal(2, 0.7), loss=0.01)
    found = rl.advise(network, timeouts=[4, 100], losses=[], budget=600, progress=False)
    short, long = found.choices
    assert 4.0 in found.costs.counted
    assert "losses as counted, not as calculated" in found.to_pandas().note[4]
    assert "counted" not in found.note(long)
    losses, lost, whole = (
        (found.steady.where(timeout_ms=4)[name] - found.beginnings.where(timeout_ms=4)[name]).sum()
        for name in ("leader_losses", "unavailable_ms", "end_ms")
    )
    rate = losses / (whole - lost) * 86_400_000
    assert short.losses_a_day.low < rate < short.losses_a_day.high
    assert short.losses_a_day.value == pytest.approx(rate, rel=0.05)


def test_crashes_without_a_long_failover_are_not_the_most_certain():
    """Few crashes with one timeout had none, but as many with those next to it had some."""
    rng = np.random.default_rng(0)

    def with_some(long):
        lost = rng.uniform(1, 2, 60)
        lost[:long] = 30
        return Crashes(lost, np.full(60, True), np.full(60, True))

    _, errors = failovers([with_some(5), with_some(0), with_some(5), with_some(0), with_some(0)], np.zeros(5))
    assert errors[1] > 0.7 * errors[0]
    assert errors[4] < 0.1 * errors[0]
    assert failovers([with_some(0)], np.zeros(1))[1][0] == pytest.approx(errors[4], rel=0.3)
    none = Crashes(np.zeros(2), np.full(2, False), np.full(2, False))
    assert failovers([none, with_some(0)], np.zeros(2))[1][0] == math.inf
