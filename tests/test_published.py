"""Published results: against data that nobody here wrote."""

import csv
import gzip
import json
import math
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import raftlab as rl
from interrupts import ctrl_c
from raftlab import published
from raftlab.published import (
    closed_forms,
    dissertation,
    heartbeats,
    paper,
    partitions,
    raft_refloated,
)
from raftlab.published.figure_16_fit import FITTED, Legs, misfit
from raftlab.statistics import share
from scipy import stats

pytestmark = pytest.mark.slow

REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(scope="module")
def wan():
    return published.wan_elections(4000)


def columns(file, *keys, value):
    found = defaultdict(list)
    with gzip.open(REFERENCE / file, "rt") as lines:
        for row in csv.DictReader(lines):
            found[tuple(row[key] for key in keys)].append(float(row[value]))
    return found


def test_the_wide_area_network_agrees_with_the_dissertation(wan):
    assert len(wan.rows) == 22
    assert all(row.agrees for row in wan.rows)
    assert all(row.basis in ("data", "stated") for row in wan.rows)


@pytest.mark.parametrize("failed", [0, 1, 2])
def test_whole_distributions_agree_with_availsim(wan, failed):
    samples = columns("dissertation/availsim_wan.csv.gz", "figure", "failures", value="election_time_ms")
    theirs = samples["multi-submission-failures", str(failed)]
    ours = wan.samples[f"{failed} of 5 failed"]
    assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.03)
    assert stats.ks_2samp(ours, theirs).statistic < 0.03
    found = np.quantile(theirs, paper.SHARES, method="inverted_cdf")
    assert dissertation.WAN[failed] == pytest.approx([np.mean(theirs), *found], abs=0.06)


def test_what_is_published_is_what_stands_in_the_data():
    samples = columns("ocaml-raft-data/raft_paper.csv.gz", "election_timeout_ms", value="downtime_ms")
    for case, (mean, least, *quantiles) in paper.FIGURE_16.items():
        theirs = np.array(samples[case,])
        assert (mean, least) == pytest.approx((theirs.mean(), theirs.min()), rel=2e-3)
        found = np.quantile(theirs, paper.SHARES[: len(quantiles)], method="inverted_cdf")
        assert quantiles == pytest.approx(found, rel=0.02)
    rules = {"org": "original", "fixed": "fixed", "expo": "exponential", "combo": "combined"}
    with (REFERENCE / "ocaml-raft-data" / "refloated.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 36
    for row in rows:
        mean, p95, sent = raft_refloated.SAMPLES[rules[row["config"]]][f"{row['follower_timeout_ms']} ms"]
        theirs = tuple(float(row[name]) for name in ("mean_ms", "p95", "mean_packets"))
        assert (mean, p95, sent) == pytest.approx(theirs, abs=0.01)


@pytest.fixture(scope="module")
def figure_16():
    return published.figure_16(1500)


def test_figure_16_keeps_the_order_of_the_ranges(figure_16):
    rows = {(row.case, row.quantity): row for row in figure_16.rows}
    assert rows["150-300", "mean"].agrees
    means = {case: rows[case, "mean"].ours for case in paper.FIGURE_16}
    assert means["150-151"] > means["150-155"] > means["150-300"] > means["150-175"] > means["150-200"]
    assert rows["12-24", "mean"].verdict.startswith("differs by +")


def test_figure_16_claims_nothing_that_hangs_on_what_the_source_does_not_state(figure_16):
    rows = {(row.case, row.quantity): row for row in figure_16.rows}
    for case in ("150-150", "150-151", "150-155"):
        row = rows[case, "median"]
        assert not row.agrees
        assert row.left_open
        assert row.verdict.startswith("depends on how the broadcast's 15 ms divide")
    assert "clocks 20 ppm apart" in rows["150-150", "median"].verdict
    for machines in (paper.SLOW, paper.USUAL, paper.QUICK):
        (way, answer) = machines
        assert sum(way) + sum(answer) / 2 == 15


def test_the_trial_of_figure_16_is_the_sources():
    """The leader's broadcast starts the timers; it crashes before the next one; two of four can win."""
    machines = paper.Machines(*paper.USUAL)
    for seed in range(20):
        run = paper.crashed_leader(150, 200, machines).run(seed)
        messages = run.trace.messages.to_pandas()
        beats = messages[(messages["from"] == "A") & (messages.type == "AppendEntries")]
        assert list(beats.sent_ms) == [0.0] * 4
        assert (beats.fate == "delivered").all()
        assert run.leader.name in "BC"


def test_split_votes_agree(monkeypatch):
    """A fifth of the page's elections shows a wrong closed form: 5 % is known to 0.3 %.

    The one number that differs, 0.25 % instead of 0.385 %, shows with 100,000 elections, and not with 20,000.
    """
    with monkeypatch.context() as forms:
        forms.setattr(dissertation, "VARIABLE", ())
        rows = published.split_votes(20_000).rows
    assert len(rows) == 80
    assert [row.case for row in rows if not row.agrees] == []
    monkeypatch.setattr(dissertation, "SPLITS", ())
    rows = published.split_votes().rows
    assert len(rows) == 6
    assert [row.case for row in rows if not row.agrees] == ["5 of 5 alive, latency U(0.02, 0.05)"]


def test_closed_forms_are_those_of_the_reference():
    forms = json.loads((REFERENCE / "election-model" / "closed_forms.json").read_text())
    assert len(forms["table"]) == 80
    for row in forms["table"]:
        where = row["n"], row["available"], row["l"]
        assert closed_forms.split_probability(*where) == pytest.approx(row["p_split_first_term"], abs=1e-6)
        assert closed_forms.first_timeout(*where) == pytest.approx(row["e_min_given_nosplit"], abs=1e-6)
        total = closed_forms.expected_time(*where) - 0.25
        assert total == pytest.approx(row["e_election_dissertation"], rel=1e-5)


@pytest.mark.parametrize("where", [(5, 4, 0.1), (9, 5, 0.2), (5, 5, 0.035)])
def test_the_distribution_has_the_mean_of_the_closed_form(where):
    times, over = closed_forms.time_distribution(*where)
    assert over[-1] == pytest.approx(1, abs=1e-3)
    mean = float(np.sum(times * np.diff(over, prepend=0)))
    assert mean == pytest.approx(closed_forms.expected_time(*where), rel=0.01)


def test_elections_without_a_split_take_as_long_as_the_closed_forms_say():
    rows = published.election_times(10_000).rows
    assert all(row.agrees for row in rows if row.quantity != "E[E_s]")
    worst = next(r for r in rows if r.case.startswith("5 of 9 alive, latency 0.2") and r.quantity == "E[E_s]")
    assert worst.verdict.startswith("differs by -")
    assert "copy of the first" in worst.verdict


def test_a_local_network_splits_more_votes_than_a_fixed_latency():
    rows = {(row.case, row.quantity): row for row in published.lan_elections(4000).rows}
    assert all(rows[f"{failed} of 5 failed", "median"].agrees for failed in (0, 1, 2))
    tail = rows["1 of 5 failed", "p99"]
    assert not tail.agrees
    split, form = map(float, re.search(r"([\d.]+) % of the .* ([\d.]+) %$", tail.why).groups())
    assert split > 2 * form


def test_a_server_that_comes_back():
    without, with_pre_vote = published.rejoining(500).rows
    assert 0.9 < without.ours < 1
    assert "elected in the old one" in without.verdict
    assert with_pre_vote.agrees


def test_a_leader_of_the_old_term_falls_when_a_server_comes_back():
    """What the row gives as the reason: two leaders step down, the second elected below the new term."""
    found = rl.sweep(dissertation.cut_off(False), seeds=200, metrics="leader_losses", checks=False)
    seed = int(found["seed"][found["leader_losses"] == 2][0])
    nodes = dissertation.cut_off(False).run(seed).trace.nodes.to_pandas()
    after = nodes[nodes.time_ms > 3000]
    terms = after[after.role == "leader"].term
    assert (terms < after.term.max() - 2).any()


def test_raft_refloated_agrees_where_votes_seldom_split():
    rows = {(row.case, row.basis): row for row in published.refloated(4000).rows}
    assert rows["150-300 ms, original", "data"].agrees
    assert rows["150-155 ms, original", "stated"].agrees
    stated = rows["150-200 ms, original", "stated"]
    assert not stated.agrees
    assert "the samples that the authors published is 13.3, which agrees with raftlab's" in stated.verdict
    sent = {rule: rows[f"150-155 ms, {rule}", "data"].ours for rule in raft_refloated.CANDIDATES}
    assert sent["original"] > sent["exponential"] > sent["fixed"]


def test_raft_refloated_in_milliseconds():
    rows = {(row.case, row.quantity): row for row in published.refloated_times(500).rows}
    assert len(rows) == 36 + 4 + 2
    assert rows["150-300 ms, original", "mean"].agrees
    assert rows["150-155 ms, original", "p95, by the text"].published == 1330


def test_partial_partitions():
    result = published.partial_partitions(60)
    assert all(row.agrees for row in result.rows)
    inferred = [row.case for row in result.rows if row.basis == "inferred"]
    assert inferred == ["Omni-Paxos E1, chained: neither", "Omni-Paxos E1, chained: PreVote + CheckQuorum"]
    assert "8 of 8 numbers agree; 2 more are inferred" in repr(result)


@pytest.mark.parametrize("name", ["Omni-Paxos E1, quorum loss", "Omni-Paxos E1, chained"])
def test_the_server_in_the_middle_becomes_leader(name):
    """What the page gives as the reason why Raft recovers without PreVote and CheckQuorum."""
    case = next(case for case in partitions.CASES if case.name == name)
    for seed in range(5):
        run = partitions.partially_cut(case, {}).run(seed)
        assert run.leader.name == "A"


def test_three_curves_of_figure_16_predict_the_other_six():
    rows = published.figure_16_fit(3000).rows
    held_out = [row for row in rows if row.basis == "data"]
    assert len(held_out) == 12
    assert all(row.agrees for row in held_out)
    assert all("fitted on" in row.case for row in rows if row.basis == "fitted")


def test_what_a_curve_was_fitted_on_is_no_evidence():
    row = published.Row("c", "mean", "ms", 1.0, 1.0, 1.0, 1.0, basis="fitted")
    assert published.Result("r", "R", "s", "", (row,)).score == "0 of 0 numbers agree; 1 more were fitted"


def test_another_split_of_the_broadcast_misses_the_curves():
    """The fit can fail: the slow requests of the page's table of dependence do not predict the curves."""
    slow = Legs((3, 7), (6, 14))
    assert misfit(FITTED, 500) < misfit(slow, 500) / 10


@pytest.mark.parametrize(("missed", "loss", "rounds"), [(2, 0.3, 6), (3, 0.5, 8)])
def test_the_chain_of_lost_heartbeats_counts_every_sequence(missed, loss, rounds):
    """The chain against all 2^rounds sequences."""
    total = 0.0
    for bits in range(2**rounds):
        lost = f"{bits:0{rounds}b}"
        if "1" * missed in lost:
            total += loss ** lost.count("1") * (1 - loss) ** lost.count("0")
    assert heartbeats.stands(missed, loss, rounds) == pytest.approx(total)


def test_followers_stand_after_as_many_lost_heartbeats_as_the_chain_says():
    rows = published.lost_heartbeats(4000).rows
    assert len(rows) == 6
    assert all(row.agrees for row in rows)


def test_failovers_of_databases():
    rows = published.failovers(2000).rows
    assert all(row.agrees for row in rows)
    assert {row.case.split(",")[0] for row in rows} == {"CockroachDB", "MongoDB", "YugabyteDB", "Consul"}


def test_adaptive_timeouts():
    detection, downtime = published.adaptive_timeouts(500).rows
    assert detection.agrees
    assert detection.high - detection.low < 0.03  # pairs
    assert not downtime.agrees
    saved = int(re.search(r"candidate_timeout=\(200, 400\) it is (\d+) %", downtime.why)[1])
    assert 50 < saved < 100, "what stands in between is how long candidates wait"


# ---- Rows -----------------------------------------------------------------------------------------------


def test_a_row_can_disagree():
    row = published.Row("c", "mean", "ms", 100.0, 120.0, 118.0, 122.0, tolerance=0.1, why="so")
    assert not row.agrees
    assert row.verdict == "differs by +20%: so"
    assert published.Row("c", "mean", "ms", 100.0, 120.0, 118.0, 122.0).verdict.endswith("not explained")
    near = published.Row("c", "mean", "ms", 110.0, 120.0, 118.0, 122.0, tolerance=0.1)
    assert near.verdict == "agrees within 10 %"


def test_the_published_number_has_an_error_too():
    alone = published.Row("c", "mean", "ms", 100.0, 104.0, 103.0, 105.0)
    assert not alone.agrees
    few = published.Row("c", "mean", "ms", 100.0, 104.0, 103.0, 105.0, trials=100, runs=1000)
    assert few.agrees


def test_a_bound_is_not_a_number():
    below = published.Row("c", "p99", "ms", 1500.0, 900.0, 880.0, 920.0, relation="<")
    assert below.agrees
    assert below.texts()["published"] == "< 1,500 ms"
    assert not published.Row("c", "p99", "ms", 1500.0, 1900.0, 1800.0, 2000.0, relation="<").agrees
    unknown = published.Row("c", "p99", "ms", 1500.0, 1400.0, 1300.0, math.nan)
    assert unknown.agrees, "a limit that is not known is none"


def test_what_the_source_leaves_open_is_no_agreement():
    open_ = published.Row(
        "c", "mean", "ms", 100.0, 101.0, 99.0, 103.0, depends="drift", others=(("at 5 ppm", 200.0),)
    )
    assert open_.left_open
    assert not open_.agrees
    assert open_.verdict == (
        "depends on drift, which the source does not state: +1% as played; +100% at 5 ppm"
    )


def test_never_is_not_zero():
    none = share(0, 1000)
    row = published.Row("c", "P", "%", 0.0, none.value, none.low, none.high)
    assert row.unseen
    assert row.texts()["published"] == "never"
    assert row.texts()["raftlab"] == "< 0.3 %"
    always = published.Row("c", "P", "%", 1.0, 1.0, 0.997, 1.0)
    assert (always.texts()["published"], always.texts()["raftlab"]) == ("always", "> 99.7 %")
    result = published.Result("r", "R", "s", "", (row, always))
    assert "0 %" not in result.markdown()
    assert math.isnan(result.to_pandas().ours[0])


def test_tables_and_pictures(wan):
    import matplotlib.pyplot as plt

    assert wan.markdown().count("\n") == len(wan.rows) + 2
    assert list(wan.to_pandas().columns)[:4] == ["case", "quantity", "unit", "basis"]
    assert "22 of 22 numbers agree" in repr(wan)
    ax = wan.plot(cases=["2 of 5 failed"])
    lines = {line.get_gid(): line for line in ax.get_lines()}
    assert np.isin(lines["curve"].get_xdata(), wan.samples["2 of 5 failed"]).all()
    assert len(lines["published"].get_xdata()) == len(paper.SHARES)
    assert "form" in lines
    with pytest.raises(rl.InvalidError, match="cases"):
        wan.plot(cases=["3 of 5 failed"])
    plt.close("all")


def test_bars_in_names_do_not_end_a_cell():
    row = published.Row("c", "E[M | no split]", "T", 1.0, 1.0, 1.0, 1.0)
    assert "E[M \\| no split]" in published.Result("r", "R", "s", "", (row,)).markdown()


def test_figure_16_has_both_panels(figure_16):
    import matplotlib.pyplot as plt

    top = figure_16.plot()
    panels = top.get_figure(root=True).axes
    assert [ax.get_title("left") for ax in panels] == ["How much randomness", "How short"]
    assert len([line for line in top.get_lines() if line.get_gid() == "published"]) == 6
    plt.close("all")


def test_a_case_has_one_colour_in_all_pictures_and_a_picture_one_case_per_colour(figure_16):
    import matplotlib.pyplot as plt

    looks = {}
    for result in (figure_16, published.figure_16_fit(20)):
        panels = result.plot().get_figure(root=True).axes
        for ax in (*panels, result.plot(cases=["150-300 ms", "12-24 ms"])):
            curves = [line for line in ax.get_lines() if line.get_gid() == "curve"]
            assert len({line.get_color() for line in curves}) == len(curves)
            for line in curves:
                look = (line.get_color(), line.get_linestyle())
                assert looks.setdefault(line.get_label(), look) == look, line.get_label()
    assert len(looks) == 10
    assert len(set(looks.values())) == 10
    plt.close("all")


@pytest.mark.parametrize(
    "name", ["figure_16", "wan_elections", "refloated", "split_votes", "partial_partitions"]
)
def test_ctrl_c_ends_an_experiment_at_once(name):
    with ctrl_c(0.3, within=0.5):
        published.ALL[name](seeds=200_000)


def test_many_numbers_are_drawn_against_the_published_ones():
    import matplotlib.pyplot as plt

    rows = tuple(
        published.Row(str(i), "P", "%", i / 100, i / 100, i / 100 - 0.005, i / 100 + 0.005)
        for i in range(1, 60)
    )
    off = published.Row("off", "P", "%", 0.5, 0.1, 0.09, 0.11)
    ax = published.Result("r", "R", "s", "", (*rows, off)).plot()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["equal", "agrees: 59", "differs: 1"]
    assert ax.get_figure().get_figheight() < 8
    plt.close("all")
