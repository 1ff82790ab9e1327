"""Bandwidth, processing time, and nodes that wait for their disks."""

from __future__ import annotations

import json
from typing import Any

import pytest
import raftlab as rl


def arrivals(run: Any, **such: Any) -> list[tuple[float, float, int]]:
    """When messages were sent and received, and their lengths."""
    table = run.trace.messages
    names = ("sent_ms", "ended_ms", "size_bytes", *(name.rstrip("_") for name in such))
    rows = zip(*(table.to_list(name) for name in names), strict=True)
    return [row[:3] for row in rows if list(row[3:]) == list(such.values())]


def elect(**settings: Any) -> rl.Cluster:
    return rl.Cluster(3, steps=[rl.campaign("A"), rl.run("100ms")], heartbeat="20ms", **settings)


def test_a_message_occupies_its_link() -> None:
    c = elect(network=rl.Network(latency=1, bandwidth=10_000))
    votes = arrivals(c, type="RequestVote", to="B")
    assert [(received - sent, size) for sent, received, size in votes] == [
        (pytest.approx(1 + size / 10), size) for *_, size in votes
    ]


def test_messages_behind_one_another_wait_for_their_link() -> None:
    fast, slow = (rl.Network(latency=1, bandwidth=rate) for rate in (1e9, 5e3))
    steps = [rl.campaign("A"), rl.run("60ms"), *(f"x={i}" for i in range(5)), rl.run("200ms")]
    took = {}
    for name, network in (("fast", fast), ("slow", slow)):
        run = rl.Scenario(3, network=network, steps=steps, heartbeat="100ms").run()
        sent = [row for row in arrivals(run, type="AppendEntries", to="B") if row[0] == 60]
        assert len(sent) >= 5
        took[name] = [received for _, received, _ in sent]
    assert max(took["fast"]) - min(took["fast"]) < 0.01
    gaps = [b - a for a, b in zip(took["slow"], took["slow"][1:], strict=False)]
    sizes = {size for sent, _, size in arrivals(run, type="AppendEntries", to="B") if sent == 60}
    assert [round(gap, 6) for gap in gaps] == [pytest.approx(max(sizes) / 5)] * len(gaps)


def test_throttle_ends() -> None:
    fault = rl.Throttle(100, from_="A", at="30ms", duration="30ms")
    run = rl.Scenario(
        3, network=1, heartbeat="10ms", faults=[fault], steps=[rl.campaign("A"), rl.run("4s")]
    ).run()
    late = [sent for sent, got, _ in arrivals(run, type="AppendEntries", to="B") if got and got - sent > 1.01]
    assert late
    assert min(late) >= 30
    at_once = [sent for sent, got, _ in arrivals(run, type="AppendEntries", to="B") if got == sent + 1]
    assert any(sent > 60 for sent in at_once)


def test_a_node_takes_its_time() -> None:
    c = elect(network=1, processing=rl.Processing("2ms"))
    (first, *_), (second, *_) = (arrivals(c, type="RequestVote", to=to)[:1] for to in "BC")
    assert first[1] == 2 + 1 + 2  # to send, on the way, to receive
    assert second[1] == 4 + 1 + 2  # the second leaves when the first has left
    assert c["A"].role == "leader"


def test_bytes_take_time() -> None:
    c = elect(network=1, processing=rl.Processing(byte="100us"))
    (sent, received, size), *_ = arrivals(c, type="RequestVote", to="B")
    assert received == pytest.approx(sent + 1 + 2 * size * 0.1)


def test_a_leader_does_no_more_than_it_can() -> None:
    """If a request takes longer than the time to the next one, answers wait behind requests."""
    load = rl.OpenLoop(every="1ms", start="500ms")
    done = {}
    for time in ("10us", "1ms"):
        scenario = rl.Scenario(3, network=1, processing=time, workload=load, horizon="3s")
        runs = rl.sweep(scenario, seeds=3, metrics=["acknowledged"]).runs
        done[time] = sum(runs.to_list("acknowledged")) / 3
    assert done["10us"] > 2_400
    assert done["1ms"] < 500


def test_a_slow_node_holds_up_its_answers() -> None:
    scenario = rl.Scenario(
        3,
        network=1,
        heartbeat="50ms",
        faults=[rl.SlowNode("B", by="20ms", at="100ms", duration="300ms")],
        steps=[rl.campaign("A"), rl.run("1s")],
    )
    run = scenario.run()
    delays = [(sent, got - sent) for sent, got, _ in arrivals(run, type="AppendEntries", to="B") if got]
    assert {round(delay, 6) for sent, delay in delays if sent < 99} == {1}
    assert max(delay for sent, delay in delays if 100 < sent < 400) >= 21
    assert {round(delay, 6) for sent, delay in delays if sent > 600} == {1}


@pytest.mark.parametrize("blocks", [False, True])
def test_a_loop_that_waits_for_its_disk(blocks: bool) -> None:
    """A stalled disk stops all of a node that waits for it, and only the writes of one that does not."""
    c = rl.Cluster(3, network=1, disk=rl.Disk(fsync=1, blocks=blocks), heartbeat="20ms", check_quorum=False)
    c.campaign("A")
    c.run("100ms")
    assert c["A"].role == "leader"
    c.stalled_disk("A")
    c.propose("x=1")
    c.run("1s")
    beats = [sent for sent, *_ in arrivals(c, type="AppendEntries", from_="A") if sent > 120]
    assert (c.leader.name == "A") != blocks
    assert bool(beats) != blocks
    c.heal(1)
    c.run("1s")
    assert c.run_until(rl.caught_up)
    assert not c.violations


def test_a_crash_ends_what_a_node_was_doing() -> None:
    c = elect(network=1, processing=rl.Processing("5ms"), disk=rl.Disk(fsync=3, blocks=True))
    for node in "ABC":
        c.crash(node, duration="7ms", every="43ms", times=10)
    for i in range(10):
        c.propose(f"x={i}")
        c.run("37ms")
    c.run("5s")
    assert c.leader
    assert not c.violations


def test_replays_forks_and_values() -> None:
    scenario = rl.Scenario(
        5,
        network=rl.Network(latency=rl.uniform(1, 5), bandwidth=50_000, fifo=True),
        processing=rl.Processing("100us", byte="1us"),
        disk=rl.Disk(fsync=rl.uniform(0, 3), blocks=True),
        workload=rl.ClosedLoop(clients=10),
        faults=[
            rl.SlowNode("a node", factor=20, every="300ms", duration="150ms"),
            rl.Throttle(5_000, to="a follower", every="400ms", duration="100ms"),
            rl.Crash("leader", every="700ms", duration="50ms"),
            rl.Pause("a node", every="500ms", duration="100ms"),
        ],
        horizon="3s",
    )
    assert rl.Scenario.from_json(scenario.to_json()) == scenario
    assert eval(repr(scenario), {"Scenario": rl.Scenario, **vars(rl)}) == scenario
    for seed in range(5):
        c = scenario.cluster(seed)
        assert not c.violations
        c.run("1s")
        fork = c.fork()
        c.run("1s")
        fork.run("1s")
        assert c.digest == fork.digest == c.scenario.run(seed).digest


def test_what_takes_no_time_changes_nothing() -> None:
    plain = rl.Scenario(3, steps=[rl.run("2s")])
    for same in (
        plain.replace(processing=0),
        plain.replace(disk=rl.Disk(blocks=True)),
        plain.replace(processing=rl.Processing()),
    ):
        assert same.run(1).digest == plain.run(1).digest


def test_a_busy_node_says_so() -> None:
    c = elect(network=1, processing=rl.Processing("2ms"))
    events = [c.step() for _ in range(50)]
    assert {event.unhandled for event in events if event.kind == "arrival"} == {"busy"}
    assert any(event.kind == "freed" for event in events)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (
            lambda: rl.Network(bandwidth=0).to_dict(),
            "bandwidth must be a number of bytes per second, at least 1",
        ),
        (lambda: rl.Network(bandwidth=-1).to_dict(), "bandwidth"),
        (lambda: rl.Network(bandwidth=float("nan")).to_dict(), "bandwidth"),
        (lambda: rl.Throttle(0).to_dict(), "Throttle: bandwidth must be a number of bytes per second"),
        (lambda: rl.Processing(-1).to_dict(), "processing: message"),
        (lambda: rl.Processing(byte=-1).to_dict(), "processing: byte"),
        (lambda: rl.SlowNode("A", factor=0.5).to_dict(), "SlowNode: factor must be a factor from 1"),
        (lambda: rl.Scenario(3, faults=[rl.SlowNode("A", factor=5)]), "nodes take no time for messages"),
        (lambda: rl.Scenario(3, faults=[rl.SlowNode("A")]), "give a factor above 1, or by"),
        (lambda: rl.Disk(blocks=1).to_dict(), "disk: blocks"),
    ],
    ids=["zero", "negative", "nan", "throttle", "message", "byte", "factor", "free", "nothing", "blocks"],
)
def test_invalid_values_are_refused(make: Any, why: str) -> None:
    with pytest.raises(rl.InvalidError, match=why):
        make()


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("network", "bandwidth"), 0, "at least 1 byte per second, not 0"),
        (("processing", "byte"), -1, "processing: byte: must be a time of at least 0 ms"),
        (("processing", "message"), -1, "at least 0 ms"),
    ],
    ids=["bandwidth", "byte", "message"],
)
def test_json_is_checked(path: tuple[str, str], value: float, why: str) -> None:
    written = json.loads(rl.Scenario(3).to_json())
    written.setdefault(path[0], {})[path[1]] = value
    with pytest.raises(rl.InvalidError, match=why):
        rl.Scenario.from_json(json.dumps(written))
