"""Commit latency over all entries of all runs."""

import math

import numpy as np
import pytest
import raftlab as rl
from raftlab.sweeps.pooled import Pooled


def busy(latency=5):
    return rl.Scenario(
        5, network=rl.uniform(1, latency), workload=rl.OpenLoop("10ms"), faults=[rl.Crash("leader", at=500)],
        horizon="1500ms",
    )  # fmt: skip


@pytest.fixture(scope="module")
def swept():
    metrics = ["commit_latency", "commit_latency_histogram"]
    return rl.sweep(busy, {"latency": [5, 20]}, seeds=40, metrics=metrics, progress=False)


def commits_of(run):
    """Every commit latency of a run, from its trace."""
    entries = run.trace.entries.to_pandas()
    nodes = run.trace.nodes.to_pandas()
    led = nodes[nodes.role == "leader"]
    terms = {(row.node, row.term) for row in led.itertuples()}
    own = entries[[(row.node, row.term) in terms for row in entries.itertuples()]]
    own = own[own.committed_ms.notna()]
    return (own.committed_ms - own.appended_ms).to_numpy()


def test_quantiles_are_those_of_all_entries_in_the_traces(swept):
    latencies = np.concatenate([commits_of(busy(5).run(seed)) for seed in range(40)])
    row = swept.commit_latency().loc[5]
    assert row.commits == len(latencies)
    for q, name in [(0.5, "p50_ms"), (0.99, "p99_ms"), (0.999, "p99.9_ms")]:
        exact = np.quantile(latencies, q, method="inverted_cdf")
        assert exact <= row[name] <= exact * 1.001 + 1e-4
        assert row[f"{name}_low"] <= row[name]


def test_the_distribution_is_a_table_and_agrees_with_the_quantiles(swept):
    table = swept.commit_latency_ecdf()
    assert table.columns.tolist() == ["latency", "latency_ms", "entries", "share", "low", "high"]
    for latency, row in swept.commit_latency().iterrows():
        steps = table[table.latency == latency]
        assert steps.entries.sum() == row.commits
        assert steps.share.iloc[-1] == 1.0
        assert (steps.low <= steps.share).all()
        assert (steps.share <= steps.high).all()
        for q, name in ((0.5, "p50_ms"), (0.99, "p99_ms")):
            assert steps[steps.share >= q - 1e-12].latency_ms.iloc[0] == row[name]
    together = swept.commit_latency_ecdf(by=[])
    assert together.columns.tolist() == ["latency_ms", "entries", "share", "low", "high"]
    assert together.entries.sum() == table.entries.sum()
    one = rl.sweep(busy(), seeds=1, metrics="commit_latency_histogram", progress=False).commit_latency_ecdf()
    assert one[["low", "high"]].isna().all(axis=None)
    idle = rl.sweep(rl.Scenario(3, horizon=10), seeds=2, metrics="commit_latency_histogram", progress=False)
    assert idle.commit_latency_ecdf().columns.tolist() == ["latency_ms", "entries", "share", "low", "high"]
    assert len(idle.commit_latency_ecdf()) == 0


def test_limits_contain_their_quantile(swept):
    for confidence in (0.01, 0.95, 0.9999):
        for q in (0.01, 0.5, 0.9, 0.999):
            row = swept.commit_latency(quantiles=[q], confidence=confidence, by=[]).iloc[0]
            name = f"p{100 * q:.6g}_ms"
            assert not row[f"{name}_low"] > row[name]
            assert not row[f"{name}_high"] < row[name]


def test_neither_order_nor_pieces_matter(swept):
    histograms, seeds = swept.where(latency=5).runs.to_list("commit_latency_histogram"), np.arange(40)
    whole = Pooled.of(histograms, seeds)
    order = np.random.default_rng(1).permutation(40)
    shuffled = Pooled.of([histograms[at] for at in order], order)
    assert (whole.ends_ms == shuffled.ends_ms).all()
    assert (whole.entries == shuffled.entries).all()
    assert swept.runs.to_list("commits")[:40] == whole.entries.sum(axis=1).tolist()


def test_points_are_taken_together_and_seeds_stay_clusters(swept):
    apart, together = swept.commit_latency(), swept.commit_latency(by=[])
    assert together.commits[0] == apart.commits.sum()
    assert apart.p50_ms[5] < together.p50_ms[0] < apart.p50_ms[20]
    histograms, seeds = swept.runs.to_list("commit_latency_histogram"), swept["seed"]
    assert Pooled.of(histograms, seeds).entries.shape[0] == 40


def test_intervals_cover_what_seeds_vary():
    """Latencies that a run shares: entries within it tell little more than one of them."""
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(300):
        means = rng.normal(100, 10, size=60)
        runs = [[(float(round(mean + noise)), 1) for noise in rng.normal(0, 1, 20)] for mean in means]
        estimate = Pooled.of(runs, np.arange(60)).quantile(0.5, 0.95)
        covered += estimate.low <= 100 <= estimate.high
    assert 0.91 < covered / 300 < 0.995


def test_without_commits_or_with_one_seed_there_is_no_interval():
    nothing = Pooled.of([None, []], np.arange(2)).quantile(0.5, 0.95)
    assert math.isnan(nothing.value)
    one = Pooled.of([[(1.0, 5), (2.0, 5)]], np.arange(1)).quantile(0.9, 0.95)
    assert one.value == 2.0
    assert math.isnan(one.low)


def test_a_sweep_without_histograms_says_what_is_missing():
    result = rl.sweep(busy(), seeds=2, metrics="commits", progress=False)
    with pytest.raises(rl.InvalidError, match="commit_latency_histogram"):
        result.commit_latency()
    usual = rl.sweep(busy(), seeds=1, metrics="all", progress=False)
    assert "commit_latency_histogram" not in [name for name, *_ in usual.runs.columns]


def test_histograms_survive_a_store_and_a_pickle(tmp_path):
    import pickle

    metrics = "commit_latency_histogram"
    stored = rl.sweep(busy(), seeds=6, metrics=metrics, store=tmp_path / "kept", progress=False)
    kept = pickle.loads(pickle.dumps(rl.sweep(busy(), seeds=6, metrics=metrics, progress=False)))
    assert stored.commit_latency().equals(kept.commit_latency())
    assert metrics not in kept.summary().index.get_level_values("metric")
