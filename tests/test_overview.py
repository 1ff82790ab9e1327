"""What the repr of a sweep says of its points, against what a summary says."""

import math
import re

import pytest
import raftlab as rl


def failover(loss, horizon):
    return rl.Scenario(
        5,
        network=rl.Network(latency=rl.uniform(1, 5), loss=loss),
        faults=[rl.Crash("leader", at=rl.uniform(1000, 1150))],
        horizon=horizon,
    )


def shown_in(result):
    """The metric in the repr of a sweep of one point, and its cell, which HTML has, too."""
    head, cell = (re.split(r"\s{3,}", line.strip())[0] for line in repr(result).splitlines()[1:3])
    assert f"<td>{cell}</td>" in result._repr_html_()
    return head, cell


def test_censored_runs_are_counted_beside_a_median():
    """Without their number, a median of a few runs that were quick would look like that of all."""
    whole = rl.sweep(failover(0, "5s"), seeds=100, progress=False)
    cut = rl.sweep(failover(0.2, "1.3s"), seeds=100, progress=False)
    none = rl.sweep(failover(0.2, "1.1s"), seeds=100, progress=False)
    for result in (whole, cut, none):
        line = result.summary(metrics="downtime_ms").loc["downtime_ms"]
        head, cell = shown_in(result)
        assert head == "downtime_ms: median (95 %)"
        count = re.search(r", (\d+) censored$", cell)
        assert int(count[1] if count else 0) == line.censored
        assert cell.startswith("–" if math.isnan(line.p50) else f"{line.p50:.4g} (")
    assert "censored" not in shown_in(whole)[1]
    assert "censored" in shown_in(cut)[1]
    assert shown_in(none)[1].startswith("–, ")


@pytest.mark.parametrize("seeds", [2, 3, 10, 11])
def test_a_quantile_is_a_value_that_occurred(seeds):
    """Of an even number of runs, the median is the lower of the two in the middle, as documented."""
    quick = rl.Scenario(3, stop=rl.leader_elected)
    result = rl.sweep(quick, seeds=seeds, metrics="time_to_leader_ms", progress=False)
    median = result.summary(metrics="time_to_leader_ms").p50["time_to_leader_ms"]
    assert median == sorted(result["time_to_leader_ms"])[(seeds - 1) // 2]
    assert shown_in(result)[1].startswith(f"{median:.4g}")
