"""Advice on timeouts: what it says is what the runs behind it say."""

import dataclasses
import math

import numpy as np
import pytest
import raftlab as rl
from raftlab.advice.rates import Quiet, total, usual_ms
from raftlab.advice.result import best_of, told
from scipy import stats

QUICK = {"losses": [], "progress": False}
YEAR_S = 365 * 24 * 3600


@pytest.fixture(scope="module")
def advice():
    network = rl.Network(latency=rl.lognormal(10, 0.8), loss=0.02)
    return rl.advise(network, timeouts=[30, 60, 300], seeds=300, steady_days=0.02, **QUICK)


@pytest.fixture(scope="module")
def quiet():
    """No loss of the leader is seen."""
    return rl.advise(rl.uniform(1, 2), timeouts=[150, 300], seeds=50, steady_days=0.01, **QUICK)


@pytest.fixture(scope="module")
def stuck():
    """With one of the timeouts nobody is ever elected."""
    return rl.advise(rl.uniform(2, 8), timeouts=[1, 50, 150], seeds=60, steady_days=0.002, **QUICK)


def test_short_timeouts_cost_false_elections_and_long_ones_time(advice):
    table = advice.to_pandas()
    assert table.false_a_day[30] > table.false_a_day[60] > table.false_a_day_high[300]
    assert (table.failover_ms.diff().dropna() > 0).all()
    assert (table.downtime_s_a_year_low <= table.downtime_s_a_year).all()
    assert (table.downtime_s_a_year <= table.downtime_s_a_year_high).all()


def test_a_confidence_is_written_as_everywhere(advice):
    sure = dataclasses.replace(advice, ci=0.99999)
    assert "Intervals 99.999 %" in sure._repr_html_(), "and not 100 %"


def test_the_sum_is_that_of_its_parts(advice):
    choice = advice.choices[0]
    steady = advice.steady.at(timeout_ms=choice.timeout_ms).to_pandas()
    before = steady.time_to_leader_ms.fillna(0)
    watched = (steady.end_ms - before).sum()
    lost = (steady.unavailable_ms - before).sum() / watched
    assert choice.downtime_s_a_year.value == pytest.approx(
        12 * choice.failover_ms.value / 1e3 + lost * YEAR_S
    )
    assert choice.false_a_day.value == pytest.approx(steady.false_elections.sum() / watched * 86_400_000)
    assert choice.losses_a_day.value == pytest.approx(steady.leader_losses.sum() / watched * 86_400_000)


def test_rates_count_the_time_that_was_watched_and_no_share_exceeds_the_whole():
    """Runs last longer with long timeouts, and one that never elects has no leader for all of it."""
    slow = rl.Network(rl.uniform(90, 110), loss=0.2)
    found = rl.advise(slow, timeouts=[100, 3000], seeds=40, steady_days=0.01, **QUICK)
    short, long = found.choices
    assert short.elects
    rarely = found.steady.at(timeout_ms=100).to_pandas()
    assert rarely.time_to_leader_ms.isna().any()
    without = short.downtime_s_a_year.value - 12 * short.failover_ms.value / 1e3
    assert YEAR_S * 0.9 < without < YEAR_S
    steady = found.steady.at(timeout_ms=3000).to_pandas()
    assert (steady.end_ms == 120_000).all()
    days = (steady.end_ms - steady.time_to_leader_ms).sum() / 86_400_000
    assert long.losses_a_day.value == pytest.approx(steady.leader_losses.sum() / days)


def test_what_was_not_seen_is_a_bound(quiet):
    choice = quiet.best
    days = Quiet.of(quiet.steady.at(timeout_ms=150)).watched_ms.sum() / 86_400_000
    false = choice.false_a_day
    assert (false.value, false.low, false.unseen) == (0, 0, True)
    assert false.high == pytest.approx(-np.log(0.05) / days)
    row = quiet.to_pandas().loc[150]
    assert np.isnan(row.false_a_day)
    assert np.isnan(row.losses_a_day)
    assert row.false_a_day_high == false.high
    assert "no loss of the leader seen" in row.note
    assert "below" in repr(quiet)
    # What was measured has its own lower limit, and what was not raises the upper one alone.
    downtime, failover = choice.downtime_s_a_year, choice.failover_ms
    assert downtime.low == pytest.approx(12 * failover.low / 1e3)
    unseen = false.high * 365 * failover.value / 1e3
    assert downtime.high == pytest.approx(downtime.value + math.hypot(unseen, 12 * failover.half_width / 1e3))


def test_without_failures_nothing_seen_is_no_zero():
    found = rl.advise(
        rl.uniform(1, 2), timeouts=[150], failures_a_year=0, seeds=20, steady_days=0.01, **QUICK
    )
    assert found.best.downtime_s_a_year.unseen
    assert np.isnan(found.to_pandas().downtime_s_a_year[150])
    assert found.plot().get_yscale() == "log"


def test_a_leader_that_steps_down_costs_time_though_no_election_was_false():
    """CheckQuorum ends a term without anybody standing: that is no false election, and is no bound either."""
    rules = {"pre_vote": True, "check_quorum": True, "sticky_votes": True}
    network = rl.Network(rl.uniform(2, 8), loss=0.45)
    found = rl.advise(network, preset=rules, timeouts=[100, 300], seeds=50, steady_days=0.005, **QUICK)
    long = found.choices[-1]
    lost = Quiet.of(found.steady.at(timeout_ms=300)).lost_ms.mean() / 60_000
    assert lost > 0.01
    assert long.losses_a_day.low > 0
    assert long.downtime_s_a_year.value > lost * YEAR_S * 0.9


def test_a_failover_counts_from_the_crash():
    """Not from losses of the leader before it, of which there are many."""
    found = rl.advise(
        rl.Network(rl.uniform(2, 8), loss=0.3), timeouts=[60], seeds=200, steady_days=0.001, **QUICK
    )
    runs = found.failovers.to_pandas()
    assert (runs.ending == "stop").all()
    assert found.best.failover_ms.value == pytest.approx(runs.since_last_fault_ms.mean())
    row = runs.sort_values("since_last_fault_ms").iloc[-1]
    run = found.failovers.replay(row)
    [crash] = run.trace.faults.to_list("start_ms")
    assert run.now_ms - crash == pytest.approx(row.since_last_fault_ms)


# ---- The recommendation ------------------------------------------------------------------------------


def test_a_timeout_under_which_nobody_is_elected_is_never_the_best(stuck):
    none = stuck.choices[0]
    assert not none.elects
    assert none.downtime_s_a_year.value == math.inf
    assert stuck.best.timeout_ms == 50
    assert "no leader was elected" in stuck.to_pandas().note[1]
    assert "no leader was elected" in stuck._repr_html_()
    assert stuck.timeout_ms.low == 50


def test_a_timeout_shorter_than_the_round_trip_is_not_the_best():
    found = rl.advise(rl.uniform(90, 110), timeouts=[20, 2000], seeds=20, steady_days=0.002, **QUICK)
    assert found.best.timeout_ms == 2000


@pytest.mark.parametrize(
    "network", [rl.uniform(90, 110), rl.Network(5, loss=1.0)], ids=["too slow", "all is lost"]
)
def test_if_nobody_is_ever_elected_there_is_no_advice(network):
    with pytest.raises(
        rl.InvalidError, match=r"timeouts: with none of 10 ms, 20 ms was a new leader elected"
    ):
        rl.advise(network, timeouts=[10, 20], seeds=5, steady_days=0.001, **QUICK)


def test_a_crash_that_nobody_follows_has_no_upper_limit():
    lossy = rl.Network(rl.uniform(2, 8), loss=0.8)
    found = rl.advise(lossy, timeouts=[10, 600], seeds=30, steady_days=0.002, **QUICK)
    short = found.choices[0]
    assert short.failover_ms.high == short.downtime_s_a_year.high == math.inf
    assert "mean up to" in told(short.failover_ms, str)
    assert "no new leader after" in found.to_pandas().note[10]


def test_the_best_is_the_one_of_which_least_is_left_possible(advice):
    limits = [choice.downtime_s_a_year.high for choice in advice.choices]
    assert advice.best is advice.choices[int(np.argmin(limits))] is best_of(advice.choices)


def test_the_recommended_timeout_has_an_interval_and_says_where_it_ends(advice, quiet):
    both = quiet.timeout_ms
    assert (both.value, both.low, both.high) == (150, 150, 300)
    assert both.note == "it is the shortest that was tried"
    assert both.note in repr(quiet)
    alone = advice.timeout_ms
    assert (alone.value, alone.low, alone.high) == (300, 300, 300)
    assert "longest that was tried" in alone.note


def test_a_timeout_that_is_alone_is_shown_as_it_is():
    alone = rl.advise(rl.uniform(1, 2), timeouts=[150], seeds=20, steady_days=0.002, **QUICK)
    assert alone.timeout_ms.note == "it is the only one that was tried"
    assert "as good" not in repr(alone)
    assert alone.plot().get_xlim() == (75, 300)


def test_what_was_not_seen_lasts_as_long_as_what_was_with_the_nearest_timeout():
    def seen(losses, lasting):
        cells = np.zeros(10)
        cells[0] = losses
        return Quiet(np.full(10, 6e4), cells * lasting, cells, cells)

    quiet = {50.0: seen(20, 3.0), 100.0: seen(5, 7.0), 200.0: seen(4, 1000.0)}
    assert usual_ms(50, quiet) == 3.0
    assert usual_ms(100, quiet) == 7.0
    assert usual_ms(200, quiet) == 14.0  # four are not enough, and a longer timeout may cost more
    assert usual_ms(25, quiet) == 3.0
    assert usual_ms(200, {200.0: quiet[200.0]}) is None


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


# ---- Presets, losses, pictures -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def etcd():
    network = rl.Network(rl.uniform(2, 8), loss=0.02)
    return rl.advise(
        network,
        preset=rl.presets.etcd,
        timeouts=[50],
        losses=[0.1],
        seeds=40,
        steady_days=0.004,
        progress=False,
    )


def test_the_presets_own_timeouts_are_always_tried(etcd):
    own = etcd.own
    assert (own.timeout_ms, own.longest_ms, own.heartbeat_ms) == (1000, 2000, 100)
    assert etcd.to_pandas().note[1000].startswith("etcd's own")
    assert "etcd's own, from 1 s: downtime" in repr(etcd)
    scenario = etcd.steady.at(timeout_ms=1000).scenarios[0]
    assert scenario.election_timeout == rl.Scenario(5, preset=rl.presets.etcd).election_timeout
    assert (scenario.heartbeat, scenario.pre_vote) == (100, True)
    # The others have its proportions.
    assert (etcd.choices[0].longest_ms, etcd.choices[0].heartbeat_ms) == (100, 5)


def test_other_losses_are_played_too(etcd):
    assert [(choice.loss, choice.timeout_ms) for choice in etcd.under_loss] == [
        (0.02, 50), (0.02, 1000), (0.1, 50), (0.1, 1000),
    ]  # fmt: skip
    assert etcd.under_loss[:2] == etcd.choices
    here, there = etcd.under_loss[0], etcd.under_loss[2]
    assert there.failover_ms.value > here.failover_ms.value


def texts(ax, gid):
    return [text.get_text() for text in ax.texts if text.get_gid() == gid]


def by_gid(ax, gid):
    return [artist for artist in ax.get_children() if artist.get_gid() == gid]


def test_the_heatmap_says_what_the_choices_say(etcd):
    ax = etcd.heatmap()
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["2 %\nas given", "10 %"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["50 ms", "1 s\netcd's own"]
    said = texts(ax, "value")
    assert len(said) == 4
    first = etcd.choices[0].downtime_s_a_year
    assert said[0].split()[0] == f"{first.value:.3g}" if 1 <= first.value < 60 else said[0]
    assert len(by_gid(ax, "best")) == 2
    assert ax.raftlab_replay


def test_the_picture_shows_the_recommendation_its_interval_and_the_presets_own(etcd):
    ax = etcd.plot()
    assert texts(ax, "name") == ["recommended: 50 ms", "etcd's own: 1 s"]
    [alike] = by_gid(ax, "alike")
    assert list(alike.get_xdata()) == [etcd.timeout_ms.low, etcd.timeout_ms.high]
    [all_of] = by_gid(ax, "all")
    np.testing.assert_allclose(all_of.get_ydata(), [c.downtime_s_a_year.value for c in etcd.choices])
    [intervals] = by_gid(ax, "interval")
    for choice, segment in zip(etcd.choices, intervals.get_segments(), strict=True):
        downtime = choice.downtime_s_a_year
        np.testing.assert_allclose(segment[:, 1], [downtime.low, downtime.high])
    low, high = ax.get_ylim()
    assert low < min(c.downtime_s_a_year.low for c in etcd.choices)
    assert high > etcd.best.downtime_s_a_year.high


def test_a_picture_names_only_what_it_shows(advice, quiet, stuck):
    def key(found):
        return [text.get_text() for text in found.plot().get_legend().get_texts()]

    assert "no leader is elected" in key(stuck)
    assert "no leader is elected" not in key(advice)
    assert "expected" not in key(quiet)
    assert any("was seen" in label for label in key(quiet))
    assert not any("told apart" in label for label in key(advice))


def test_a_picture_of_what_never_elects_has_a_mark(stuck):
    [mark] = by_gid(stuck.plot(), "unable")
    assert list(mark.get_xdata()) == [1]
    assert texts(stuck.heatmap(), "value")[0] == "endless"


def test_a_file_of_round_trips_is_a_network(tmp_path):
    path = tmp_path / "regions.csv"
    path.write_text(",fra,lon,nyc\nfra,,12,85\nlon,12,,75\nnyc,85,75,\n")
    for given in (path, str(path)):
        found = rl.advise(given, timeouts=[300], seeds=5, steady_days=0.001, **QUICK)
        assert len(found.failovers.scenarios[0].nodes) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeouts": []}, "timeouts"),
        ({"timeouts": [0]}, "timeouts"),
        ({"timeouts": ["2h"]}, "up to an hour"),
        ({"nodes": 2}, "nodes must be an integer between 3 and 255, not 2"),
        ({"failures_a_year": -1}, "failures_a_year"),
        ({"steady_days": 0}, "steady_days"),
        ({"losses": [2]}, "losses"),
        ({"ci": 95}, "ci must be above 0 and below 1, not 95"),
        ({"ci": 0}, "ci must be above 0 and below 1, not 0"),
        ({"ci": 1}, "ci must be above 0 and below 1, not 1"),
    ],
)
def test_what_makes_no_sense(options, words):
    with pytest.raises(rl.InvalidError, match=words):
        rl.advise(5, **options)


def test_ctrl_c_with_the_last_run_is_no_advice_either():
    def stop(done):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rl.advise(5, timeouts=[100], losses=[], seeds=2, steady_days=1e-6, progress=stop)
