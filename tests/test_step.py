"""What `Cluster.step` returns."""

import random

import pytest
import raftlab as rl


def turbulent(trace):
    c = rl.Cluster(3, seed=4, trace=trace, workload=rl.OpenLoop("8ms"), disk=rl.Disk(fsync="3ms"))
    for turn, at in enumerate(range(200, 2000, 300)):
        c.crash("ABC"[turn % 3], at=at, duration=120)
        c.pause("BCA"[turn % 3], at=at + 60, duration=100)
    return c


def test_events_are_those_of_the_trace():
    """What a node does not handle is not said to be received."""
    c, steps = turbulent("full"), []
    while c.now_ms < 2200:
        steps.append(c.step())
    rows = list(
        zip(*(c.trace.events.to_list(name) for name in ("time_ms", "kind", "node", "from")), strict=True)
    )
    resumed = {(at, node) for at, kind, node, _ in rows if kind == "resumed"}
    handled = [
        row
        for row in rows
        if row[1] in {"arrival", "fsync"} or row[1].startswith("timer_")
        if (row[0], row[2]) not in resumed
    ]
    at_once = [
        (e.time_ms, e.kind, e.node, e.from_) for e in steps if e.unhandled is None and e.kind != "client"
    ]
    assert at_once == handled
    unhandled = [e for e in steps if e.unhandled is not None]
    assert {(e.kind, e.unhandled) for e in unhandled} >= {("arrival", "down"), ("arrival", "paused")}
    lost = c.trace.messages.to_list("fate").count("receiver_down")
    assert len([e for e in unhandled if e.unhandled == "down"]) == lost > 0
    assert all(str(e).endswith((", which is down>", ", which is paused>")) for e in unhandled)


@pytest.mark.parametrize("trace", ["off", "states", "full"])
def test_steps_of_several_events_return_the_last(trace):
    draws = random.Random(1)
    one, many = turbulent(trace), turbulent("off")
    for _ in range(60):
        count = draws.randint(1, 30)
        last = [one.step() for _ in range(count)][-1]
        assert many.step(count) == last
        assert last.time_ms == one.now_ms


def test_where_events_end_the_last_is_returned():
    c = rl.Cluster(3, seed=1)
    c.run(400)
    fork = c.fork()
    for cluster in (c, fork):
        cluster.step()
        for node in "ABC":
            cluster.crash(node)
    last = None
    while event := fork.step():
        last = event
    assert last.unhandled == "down"
    assert c.step(1000) == last
    assert c.step() is None
