"""Copies and pickles of clusters and runs."""

import copy
import pickle

import pytest
import raftlab as rl


def copied(world):
    return pickle.loads(pickle.dumps(world))


def test_a_copy_of_a_run_is_a_run():
    run = rl.Scenario(3, horizon="1s").run(seed=1)
    for again in (copy.copy(run), copy.deepcopy(run), copy.deepcopy([run])[0], copied(run)):
        assert type(again) is rl.Run
        assert (again.digest, again.ending, again.scenario) == (run.digest, run.ending, run.scenario)
    assert type(copy.deepcopy(run.fork())) is rl.Cluster


@pytest.mark.filterwarnings("ignore:.*trace_rows")
def test_the_limit_of_rows_is_pickled():
    run = rl.Scenario(3, horizon="1s").run(trace_rows=5)
    cluster = rl.Cluster(3, trace_rows=5).run("1s")
    for world in (run, run.fork(), cluster, cluster.fork()):
        assert len(copied(world).trace.messages) == len(world.trace.messages) == 5


BREAKS = {"bugs": ["quorum_off_by_one"], "faults": [rl.Partition("AB", "CD", at=0)], "horizon": "5s"}

CLUSTERS = {
    "a horizon": lambda: rl.Scenario(3, horizon="1s").cluster(),
    "a stop": lambda: rl.Scenario(3, stop=rl.leader_elected).cluster(),
    "a stop and steps": lambda: rl.Scenario(3, steps=[rl.run("1s")], stop=rl.down(1), horizon="2s").cluster(),
    "steps": lambda: rl.Scenario(3, steps=[rl.run("1s")]).cluster(),
    "a violation": lambda: rl.Scenario(4, **BREAKS).cluster(on_violation="stop"),
    "nothing yet": lambda: rl.Cluster(3, stop=rl.leader_elected, horizon="5s"),
    "by hand": lambda: rl.Cluster(3, stop=rl.leader_elected, horizon="5s").run("1s"),
    "a run, then by hand": lambda: rl.Scenario(3, horizon="1s").cluster().run("1s"),
}


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_pickled_cluster_is_where_it_was(name):
    cluster = CLUSTERS[name]()
    again = copied(cluster)
    assert (again.digest, again.now_ms, again.counters) == (cluster.digest, cluster.now_ms, cluster.counters)
    assert again.scenario == cluster.scenario
    assert again.run("1s").digest == cluster.run("1s").digest


@pytest.mark.parametrize("on_violation", ["record", "stop"])
def test_a_cluster_that_went_on_after_a_violation_is_pickled(on_violation):
    cluster = rl.Cluster(4, on_violation=on_violation, **BREAKS)
    for _ in range(3):
        cluster.run("1s")
    assert len(cluster.violations) > 0
    again = copied(cluster)
    assert (again.digest, again.violations) == (cluster.digest, cluster.violations)


def test_a_pickled_cluster_does_the_same_about_violations():
    cluster = rl.Cluster(4, on_violation="raise", **BREAKS)
    with pytest.raises(rl.ViolationError):
        cluster.fork().run("5s")
    with pytest.raises(rl.ViolationError):
        copied(cluster).run("5s")
