"""Published results: against data that nobody here wrote, where it is present."""

import csv
import json
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import raftlab as rl
from raftlab import published
from scipy import stats

REFERENCE = Path(__file__).parent.parent.parent / "shared" / "reference"
needs_reference = pytest.mark.skipif(
    not REFERENCE.exists(),
    reason="the reference data is not part of the project; it lies beside it in ../shared",
)


@pytest.fixture(scope="module")
def wan():
    return published.wan_elections(10_000)


def columns(file, *keys, value):
    found = defaultdict(list)
    with (REFERENCE / file).open() as lines:
        for row in csv.DictReader(lines):
            found[tuple(row[key] for key in keys)].append(float(row[value]))
    return found


def test_the_wide_area_network_agrees_with_the_dissertation(wan):
    assert all(row.agrees for row in wan.rows)


@needs_reference
@pytest.mark.parametrize("failed", [0, 1, 2])
def test_whole_distributions_agree_with_availsim(wan, failed):
    samples = columns("dissertation/availsim_wan_samples.csv", "figure", "failures", value="election_time_ms")
    theirs = samples["multi-submission-failures", str(failed)]
    ours = wan.samples[f"{failed} of 5 failed"]
    assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.03)
    assert stats.ks_2samp(ours, theirs).statistic < 0.03


@needs_reference
def test_what_is_published_is_what_stands_in_the_data():
    samples = columns("raft-paper/samples.csv", "election_timeout_ms", value="downtime_ms")
    for case, (mean, least, p10, median, p90, p99) in published.FIGURE_16.items():
        theirs = np.array(samples[case,])
        assert (mean, least) == pytest.approx((theirs.mean(), theirs.min()), rel=2e-3)
        assert (p10, median, p90, p99) == pytest.approx(
            np.quantile(theirs, [0.1, 0.5, 0.9, 0.99], method="inverted_cdf"), rel=0.02
        )


def test_figure_16_agrees_where_the_network_mattered_little():
    result = published.figure_16(3000)
    rows = {(row.case, row.quantity): row for row in result.rows}
    for case in ("150-155", "150-175", "150-200", "150-300", "100-200"):
        assert rows[case, "mean"].agrees, case
        assert rows[case, "median"].agrees, case
    means = {case: rows[case, "mean"].ours for case in published.FIGURE_16}
    assert means["150-151"] > means["150-155"] > means["150-300"] > means["150-175"] > means["150-200"]
    assert not rows["12-24", "mean"].agrees, "and it says so"
    assert rows["12-24", "mean"].verdict.startswith("differs by +")


def test_split_votes_are_binomial():
    assert all(row.agrees for row in published.split_votes(20_000).rows)


@needs_reference
def test_elections_without_a_split_take_as_long_as_the_closed_form_says():
    """E[time | elected in term 1] = a + (b - a) E[M | no split] + 2 L, exactly (VALIDATION 1.4)."""
    forms = json.loads((REFERENCE / "election-model" / "closed_forms.json").read_text())
    assert "exact" in forms
    scenario = rl.Scenario(5, network=15, faults=[rl.Crash("E", at=0)], stop=rl.leader_elected)
    result = rl.sweep(scenario, seeds=20_000, metrics=["time_to_leader_ms", "split_votes"], checks=False)
    took = result["time_to_leader_ms"][result["split_votes"] == 0]
    error = took.std() / np.sqrt(len(took))
    assert abs(took.mean() - 209.08) < 4 * error


def test_candidates_timeouts_agree_with_raft_refloated_where_votes_seldom_split():
    rows = {row.case: row for row in published.refloated(4000).rows}
    assert rows["150-300 ms, original"].agrees
    assert rows["150-300 ms, fixed"].agrees
    assert rows["150-155 ms, original"].agrees
    packets = {rule: rows[f"150-155 ms, {rule}"].ours for rule in published.CANDIDATES}
    assert packets["original"] > packets["exponential"] > packets["fixed"]


def test_partial_partitions():
    result = published.partial_partitions(100)
    differ = [row.case for row in result.rows if not row.agrees]
    assert differ == ["Omni-Paxos, quorum loss: neither", "Omni-Paxos, chained: neither"]
    assert all(row.why for row in result.rows if not row.agrees)


def test_adaptive_timeouts():
    detection, downtime = published.adaptive_timeouts(1000).rows
    assert detection.agrees
    assert detection.high - detection.low < 0.02  # pairs
    assert not downtime.agrees
    share = int(re.search(r"candidate_timeout=\(200, 400\) it is (\d+) %", downtime.why)[1])
    assert 50 < share < 100, "what stands in between is how long candidates wait"


def test_a_row_can_disagree():
    row = published.Row("c", "mean", "ms", 100.0, 120.0, 118.0, 122.0, tolerance=0.1, why="so")
    assert not row.agrees
    assert row.verdict == "differs by +20%: so"
    assert published.Row("c", "mean", "ms", 110.0, 120.0, 118.0, 122.0, tolerance=0.1).agrees


def test_tables_and_pictures(wan):
    import matplotlib.pyplot as plt

    assert wan.markdown().count("\n") == len(wan.rows) + 2
    assert list(wan.to_pandas().columns)[:3] == ["case", "quantity", "unit"]
    assert "9 of 9 numbers agree" in repr(wan)
    ax = wan.plot(cases=["2 of 5 failed"])
    curve = next(line for line in ax.get_lines() if line.get_gid() == "curve")
    assert np.isin(curve.get_xdata(), wan.samples["2 of 5 failed"]).all()
    with pytest.raises(rl.InvalidError, match="cases"):
        wan.plot(cases=["3 of 5 failed"])
    plt.close("all")
