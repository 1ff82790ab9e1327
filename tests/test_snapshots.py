"""Snapshots and compacted logs (paper §7), as a user meets them."""

import subprocess
import sys
import textwrap

import matplotlib.pyplot as plt
import pytest
import raftlab as rl


def lagging(**settings):
    """A follower that was down while the others compacted their logs."""
    c = rl.Cluster(5, seed=4, snapshot_every=4, **settings)
    c.run_until(rl.leader_elected)
    follower = next(node.name for node in c.nodes if node.name != c.leader.name)
    c.crash(follower)
    for value in range(14):
        c.propose(f"x={value}")
        c.run(30)
    return c, follower


def test_a_follower_that_lags_gets_a_snapshot():
    c, follower = lagging()
    assert c.leader.first_index > 1
    assert [entry.index for entry in c.leader.log] == list(range(c.leader.first_index, 16))
    c.restart(follower)
    c.run("200ms")
    assert c[follower].store == c.leader.store == {"x": "13"}
    assert c[follower].commit_index == 15
    assert c[follower].snapshot_index > 0
    assert "snapshot up to" in repr(c[follower])
    events = c.trace.events.to_pandas()
    assert set(events["node"][events["kind"] == "snapshot_installed"]) == {follower}
    messages = c.trace.messages.to_pandas()
    assert (messages["type"] == "InstallSnapshot").sum() == 1
    assert not c.violations


def test_a_lost_snapshot_is_sent_again():
    c, follower = lagging()
    c.cut(from_=c.leader.name, to=follower, types="InstallSnapshot", duration="300ms")
    c.restart(follower)
    c.run("250ms")
    assert c[follower].snapshot_index == 0
    c.run("250ms")
    assert c[follower].store == c.leader.store


def test_forks_and_scripts_carry_snapshots():
    c, follower = lagging()
    other = c.fork()
    for cluster in (c, other):
        cluster.restart(follower)
        cluster.run("200ms")
    assert c.digest == other.digest == c.scenario.run(seed=c.seed, trace="off").digest


@pytest.mark.parametrize("every", [1, 7, 1000])
def test_clients_notice_nothing(every):
    def stores(snapshot_every):
        run = rl.Scenario(
            5,
            snapshot_every=snapshot_every,
            network=rl.Network(rl.uniform(1, 20), loss=0.02),
            workload=rl.ClosedLoop(clients=3, think=20, retry=True, session=True, keys=5, end="8s"),
            faults=[
                rl.Crash("a follower", at=1000, every=1500, times=4, duration=1000),
                rl.Wipe("a follower", at=2000),
            ],
            horizon="12s",
        ).run(seed=3)
        assert not run.violations
        assert len({str(node.store) for node in run.nodes}) == 1
        assert {node.first_index > 1 for node in run.nodes} == {every < 1000 and snapshot_every is not None}
        return run.leader.commit_index

    assert stores(every) > 100
    assert stores(None) > 100


def test_a_leader_that_sends_what_it_has_dropped_counts_in_a_sweep():
    found = rl.sweep(
        rl.Scenario(
            3,
            snapshot_every=5,
            workload=rl.OpenLoop("10ms"),
            faults=[rl.Crash("a follower", at=500, duration=1000)],
            horizon="3s",
        ),
        seeds=20,
        metrics=["sent_InstallSnapshot", "sent_InstallSnapshotReply"],
    )
    assert found.violations_by_property == {}
    assert (found["sent_InstallSnapshot"] >= 1).all()


def test_the_picture_of_the_logs_says_what_a_snapshot_holds():
    c, _ = lagging()
    ax = rl.plot.logs(c)
    bars = [patch for patch in ax.patches if patch.get_gid() == "snapshot"]
    assert [bar.get_x() + bar.get_width() for bar in bars] == [c.leader.first_index - 0.5] * 4
    assert "in a snapshot" in [text.get_text() for text in ax.figure.findobj(plt.Text)]
    ax = rl.plot.logs(c, at=0)
    assert not [patch for patch in ax.patches if patch.get_gid() == "snapshot"]
    plt.close("all")


def test_bad_settings():
    for bad in (0, -1, 1.5, "ten"):
        with pytest.raises(rl.InvalidError, match="snapshot_every"):
            rl.Scenario(3, snapshot_every=bad)


def peak_mib(seconds, every):
    """The peak memory of a process that replicates for some simulated seconds, in MiB."""
    story = f"""
        import raftlab as rl
        rl.Scenario(5, snapshot_every={every}, network=1, workload=rl.OpenLoop(1), horizon="{seconds}s").run(
            trace="off", checks=False)
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        print(int(status["VmHWM"].split()[0]) / 1024)
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(story)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_memory_is_constant_in_simulated_time():
    short, long = peak_mib(5, 1000), peak_mib(200, 1000)
    assert long - short < 3
    assert peak_mib(200, None) - long > 20
