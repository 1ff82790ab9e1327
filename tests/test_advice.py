"""Advice on timeouts: what it says is what the runs behind it say."""

import numpy as np
import pytest
import raftlab as rl


@pytest.fixture(scope="module")
def advice():
    network = rl.Network(latency=rl.lognormal(10, 0.8), loss=0.02)
    return rl.advise(network, timeouts=[30, 60, 300], seeds=300, steady_days=0.02, progress=False)


def test_short_timeouts_cost_false_elections_and_long_ones_time(advice):
    table = advice.to_pandas()
    assert (table.false_a_day.diff().dropna() < 0).all()
    assert (table.failover_ms.diff().dropna() > 0).all()
    assert advice.best.timeout_ms == table.downtime_s_a_year.idxmin()
    assert (table.downtime_s_a_year_low <= table.downtime_s_a_year).all()
    assert (table.downtime_s_a_year <= table.downtime_s_a_year_high).all()


def test_the_sum_is_that_of_its_parts(advice):
    choice = advice.choices[0]
    steady = advice.steady.at(timeout_ms=choice.timeout_ms)
    lost = (steady["unavailable_ms"] - np.nan_to_num(steady["time_to_leader_ms"])).mean() / 60_000
    expected = 12 * choice.failover_ms.value / 1e3 + lost * 365 * 24 * 3600
    assert choice.downtime_s_a_year.value == pytest.approx(expected)
    days = len(steady) * 60 / 86_400
    assert choice.false_a_day.value == pytest.approx(steady["false_elections"].sum() / days)


def test_what_was_not_seen_is_a_bound():
    quiet = rl.advise(rl.uniform(1, 2), timeouts=[150], seeds=50, steady_days=0.01, progress=False)
    false = quiet.best.false_a_day
    assert (false.value, false.low) == (0, 0)
    assert false.high == pytest.approx(-np.log(0.05) / (15 / 1440), rel=0.1)
    assert "below" in repr(quiet)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"timeouts": []}, "timeouts"),
        ({"timeouts": [0]}, "timeouts"),
        ({"nodes": 1}, "nodes"),
        ({"failures_a_year": -1}, "failures_a_year"),
        ({"steady_days": 0}, "steady_days"),
    ],
)
def test_what_makes_no_sense(options, word):
    with pytest.raises(rl.InvalidError, match=word):
        rl.advise(5, **options)
