"""Timers that count whole ticks, as etcd's and TiKV's do."""

import json

import numpy as np
import pytest
import raftlab as rl
from scipy import stats


def lone(**settings):
    """A node whose only peer is dead: it stands again and again."""
    return rl.Scenario(
        ["A", "B"],
        election_timeout=(1000, 2000),
        heartbeat=100,
        network=1,
        faults=[rl.Crash("B", at=0)],
        horizon="20s",
        **settings,
    )


def candidacies(run):
    nodes = run.trace.nodes.to_pandas()
    return nodes[(nodes.node == "A") & (nodes.role == "candidate")].time_ms.to_numpy()


def test_a_timeout_is_as_many_ticks_as_fit_and_the_one_under_way_counts():
    first = np.array([candidacies(lone(tick=100).run(seed))[0] for seed in range(400)])
    assert first.min() >= 900
    assert first.max() < 1900
    ticks = np.bincount((first // 100).astype(int), minlength=19)[9:]
    assert stats.chisquare(ticks).pvalue > 1e-3, "10 to 19 ticks, each as often"
    assert stats.kstest(first % 100, "uniform", args=(0, 100)).pvalue > 1e-3, "the phase"
    assert (
        stats.kstest([candidacies(lone().run(s))[0] for s in range(400)], "uniform", args=(1000, 1000)).pvalue
        > 1e-3
    )


def test_the_ticks_of_a_node_come_at_regular_intervals():
    for seed in range(20):
        times = candidacies(lone(tick=100).run(seed))
        assert len(times) > 5
        ticks = np.diff(times) / 100
        assert ticks == pytest.approx(np.round(ticks))
        assert set(np.round(ticks)) <= set(range(10, 20))


def test_nodes_tick_at_different_moments():
    alone = rl.Scenario(
        5, election_timeout=(1000, 2000), heartbeat=100, tick=100, network=rl.Network(loss=1), horizon="20s"
    )
    nodes = alone.run(3).trace.nodes.to_pandas()
    stood = nodes[nodes.role == "candidate"]
    phases = [set(np.round(times % 100, 6)) for _, times in stood.groupby("node", observed=True).time_ms]
    assert [len(phase) for phase in phases] == [1] * 5, "a node keeps its own"
    assert len(set.union(*phases)) == 5, "and no two have the same"


def test_another_future_keeps_to_the_ticks_and_never_rings_in_the_past():
    c = rl.Cluster(["A", "B"], 3, election_timeout=(1000, 2000), heartbeat=100, network=1, tick=100)
    c.crash("B")
    c.run("1200ms")
    assert c["A"].role == "follower", "seed 3 waits longer"
    first = np.array([candidacies(branch(c, seed))[0] for seed in range(60)])
    assert first.min() >= 1200
    assert len(np.unique(np.round(first % 100, 6))) == 1, "the phase is known by now"
    assert len(np.unique(np.round(first))) > 3


def branch(cluster, seed):
    future = cluster.fork(seed=seed)
    future.run("2s")
    return future


def test_ticks_replay_and_travel():
    scenario = lone(tick=100)
    assert rl.Scenario.from_json(scenario.to_json()) == scenario
    assert json.loads(scenario.to_json())["tick"] == 100
    assert scenario.run(1).digest == scenario.run(1).digest != lone().run(1).digest


@pytest.mark.parametrize("tick", [0, 1001, -1])
def test_a_tick_is_no_longer_than_the_least_timeout(tick):
    with pytest.raises(rl.InvalidError, match="tick"):
        lone(tick=tick)
