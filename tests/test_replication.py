"""How a leader sends to a follower: the window of `max_inflight`, late answers, snapshots, and their cost."""

import collections
import math

import pytest
import raftlab as rl

LINKS = {
    "uniform 1-5": rl.uniform(1, 5),
    "exponential 3": rl.exponential(3),
    "uniform 50-60": rl.uniform(50, 60),
    "exponential 20": rl.exponential(20),
}


def loaded(latency, *, fifo=False, loss=0.0, seed=1, **settings):
    """A leader from the beginning, an entry a millisecond, and no elections."""
    return rl.Cluster(
        3,
        seed=seed,
        network=rl.Network(latency, fifo=fifo, loss=loss),
        initial=rl.Initial(term=1, leader="A"),
        election_timeout=(5000, 6000),
        heartbeat=50,
        workload=rl.OpenLoop("1ms"),
        trace="off",
        checks=False,
        **settings,
    )


def under_way(c):
    """Messages with entries in flight, by link."""
    return collections.Counter(
        (m.from_, m.to) for m in c.in_flight if m.type == "AppendEntries" and m.entries
    )


def messages(run, kind="AppendEntries", **columns):
    rows = run.trace.messages.to_pandas()
    rows = rows[rows.type.astype(str) == kind]
    for column, value in columns.items():
        rows = rows[rows[column].astype(str) == value]
    return rows


# ---- The window -------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [0, 0.1])
@pytest.mark.parametrize("max_inflight", [1, 4, 16])
@pytest.mark.parametrize("link", LINKS)
def test_no_more_than_max_inflight_are_ever_under_way(link, max_inflight, loss):
    for entries in (1, 64):
        c = loaded(LINKS[link], loss=loss, max_inflight=max_inflight, max_entries_per_append=entries)
        most = 0
        for _ in range(250):
            c.run(4)
            most = max(most, *under_way(c).values(), 0)
        assert 0 < most <= max_inflight
        assert max(n.commit_index for n in c) > 5


def test_the_default_window_holds_over_heartbeats():
    for settings in ({"max_entries_per_append": 1}, {"max_entries_per_append": 10}, {}):
        c = loaded(rl.uniform(300, 310), **settings)
        most = 0
        for _ in range(20):
            c.run(50)
            most = max(most, *under_way(c).values(), 0)
        assert 200 < most <= 256


@pytest.mark.parametrize("max_entries", [1, 10, 64])
def test_links_that_reorder_cost_no_storm(max_entries):
    def cost(latency, fifo):
        sent = committed = 0
        for seed in range(3):
            c = loaded(latency, fifo=fifo, seed=seed, max_entries_per_append=max_entries).run("2s")
            sent += c.counters["sent"]
            committed += max(n.commit_index for n in c)
        return sent, sent / committed

    for link in LINKS.values():
        assert cost(link, fifo=False)[0] <= 2 * cost(link, fifo=True)[0]
    assert cost(rl.uniform(1, 5), fifo=False)[1] <= 2 * cost(rl.uniform(1, 5), fifo=True)[1]


def leading(nodes="LFG", **settings):
    initial = rl.Initial(term=1, leader=nodes[0], log=[1] * 3)
    c = rl.Cluster(list(nodes), seed=2, network=rl.Network(2), initial=initial, **settings)
    return c.run("20ms")


@pytest.mark.parametrize("max_inflight", [1, 2, 256])
def test_a_lost_append_is_repaired_at_the_next_heartbeat(max_inflight):
    c = leading(max_inflight=max_inflight)
    c.hold(to="F")
    for i in range(3):
        c.propose(f"x={i}")
    for m in [m for m in c.in_flight if m.to == "F"]:
        m.drop()
    c.heal()
    c.run(30)  # the heartbeat at 50 ms is under way
    assert c["F"].last_index == 3
    c.run(9)
    assert c["F"].last_index == c["L"].last_index == 6


def test_a_late_refusal_changes_nothing():
    c = leading()
    c.hold(from_="L", to="F")
    c.hold(from_="F", to="L")
    c.propose("x=1", node="L")
    c.run("35ms")
    append = next(m for m in c.in_flight if m.to == "F" and m.entries)
    heartbeat = [m for m in c.in_flight if m.to == "F" and not m.entries][-1]
    heartbeat.deliver()  # it overtakes
    append.deliver()
    answers = [m for m in c.in_flight if m.from_ == "F"]
    next(m for m in answers if m.fields["success"] and m.fields["index"] == 4).deliver()
    before = (c["L"].next_index["F"], c["L"].match_index["F"])
    sent = c.counters["sent"]
    next(m for m in answers if not m.fields["success"]).deliver()
    assert (c["L"].next_index["F"], c["L"].match_index["F"]) == before == (5, 4)
    assert c.counters["sent"] == sent


@pytest.mark.parametrize("snapshot_every", [None, 5])
def test_a_follower_that_lost_its_disk_is_repaired(snapshot_every):
    c = rl.Cluster(3, seed=3, initial=rl.Initial(term=1, leader="A"), snapshot_every=snapshot_every)
    for i in range(20):
        c.propose(f"x={i}")
        c.run(10)
    c.wipe("B", duration=1)
    c.run(200)
    assert c["B"].last_index == c["A"].last_index
    assert c["B"].store == c["A"].store
    assert not c.violations


# ---- Snapshots --------------------------------------------------------------------------------------


def lagging(load_end="2500ms", **settings):
    """A follower that needs a snapshot once its isolation ends, at 3 s."""
    given = {
        "network": rl.Network(2),
        "snapshot_every": 100,
        "pre_vote": True,
        "initial": rl.Initial(term=1, leader="A", log=[1]),
        "workload": rl.OpenLoop(every="2ms", end=load_end),
        "horizon": "12s",
        "faults": [rl.Isolate("C", at="1s", duration="2s")],
    }
    return rl.Scenario(3, **(given | settings))


SLOW = rl.Delay("1s", to="C", types="InstallSnapshot")


def test_one_snapshot_is_under_way_at_a_time():
    isolated = rl.Isolate("C", at="1s", duration="2s")
    run = lagging(faults=[isolated, SLOW]).run(seed=1)
    assert len(messages(run, "InstallSnapshot")) == 1
    assert run["C"].last_index == run["A"].last_index

    run = lagging(load_end="11s", faults=[isolated, SLOW]).run(seed=1)
    sent = messages(run, "InstallSnapshot")
    assert 5 <= len(sent) <= 10  # one after the other, each of them a second late
    assert (sent.sent_ms.iloc[1:].to_numpy() >= sent.ended_ms.iloc[:-1].to_numpy()).all()


@pytest.mark.parametrize("lost", [rl.Loss(1, to="C", at="3s", duration="500ms", types="InstallSnapshot")])
def test_a_lost_snapshot_is_sent_again_at_the_next_heartbeat(lost):
    run = lagging(faults=[rl.Isolate("C", at="1s", duration="2s"), lost]).run(seed=1)
    sent = messages(run, "InstallSnapshot")
    assert list(sent.fate.astype(str)) == ["lost"] * (len(sent) - 1) + ["delivered"]
    assert 9 <= len(sent) <= 11  # once a heartbeat of 50 ms
    assert sent.sent_ms.max() < 3600
    assert run["C"].last_index == run["A"].last_index


def test_a_lost_answer_to_a_snapshot_is_found_by_the_next_heartbeat():
    lost = rl.Loss(1, from_="C", types="InstallSnapshotReply")
    run = lagging(faults=[rl.Isolate("C", at="1s", duration="2s"), lost]).run(seed=1)
    assert len(messages(run, "InstallSnapshot")) == 1
    assert run["C"].last_index == run["A"].last_index


# ---- What etcd's progress machine would send ---------------------------------------------------------


def test_no_more_traffic_for_a_lagging_follower_than_etcd_sends():
    """Messages with entries; heartbeats come on top, one an interval, as etcd's do.

    Read off etcd's raft: `tracker/progress.go` (StateProbe: "at most one replication message per heartbeat
    interval"; StateReplicate: until Inflights is full; StateSnapshot: none) and `stepLeader`.
    """
    batch = 64

    # A follower that does not answer: the window fills, and then nothing.
    cut = rl.Scenario(
        3,
        initial=rl.Initial(term=1, leader="A"),
        workload=rl.OpenLoop("1ms"),
        max_inflight=32,
        election_timeout=(5000, 6000),
        heartbeat=50,
        faults=[rl.Isolate("C", at=500)],
        horizon="3s",
    ).run(seed=1)
    sent = messages(cut, to="C", **{"from": "A"})
    sent = sent[sent.sent_ms >= 500]
    assert len(sent[sent.entries > 0]) <= 32
    assert len(sent[sent.entries == 0]) == 50

    # It comes back: a heartbeat is refused, a probe finds the place, and the rest follows in batches.
    back = lagging(snapshot_every=None, load_end="2500ms").run(seed=1)
    sent = messages(back, to="C", **{"from": "A"})
    sent = sent[(sent.sent_ms >= 3000) & (sent.entries > 0)]
    missing = 750  # an entry each 2 ms from 1 s to 2.5 s
    assert len(sent) == math.ceil(missing / batch)
    assert sent.entries.sum() in (missing, missing + 1, missing + 2)

    # A new leader that gets no answer sends a probe once, and then heartbeats.
    silent = rl.Scenario(
        3,
        initial=rl.Initial(term=1, leader="A", log={"A": [1] * 5, "B": [1] * 5, "C": []}),
        faults=[rl.Cut(from_="C", to="A", at=0)],
        election_timeout=(5000, 6000),
        heartbeat=50,
        horizon="2s",
    ).run(seed=1)
    sent = messages(silent, to="C", **{"from": "A"})
    assert len(sent[sent.entries > 0]) <= 1
    assert len(sent) == 40
