"""Ctrl-C while something large is looked at."""

import contextlib
import pickle
import threading
import time

import pytest
import raftlab as rl
from interrupts import busy, ctrl_c, in_order


def messages_in_flight():
    """Some 100,000 of them: half of what may be in flight."""
    c = rl.Cluster(5, seed=1, network="1h", initial=rl.Initial(term=1, leader="A"), heartbeat="1us",
                   election_timeout="10h", trace="off", checks=False)  # fmt: skip
    return c.run("25ms")


def long_logs():
    """300,000 entries on each of three nodes."""
    initial = rl.Initial(term=1, leader="A", log=[1] * 300_000)
    return rl.Cluster(3, seed=1, initial=initial, trace="off", checks=False)


def many_keys():
    """A store of 20,000 keys."""
    initial = rl.Initial(term=1, leader="A", log=[(1, f"k{key}=1") for key in range(20_000)], commit=20_000)
    return rl.Cluster(3, seed=1, initial=initial, trace="off", checks=False)


def long_trace():
    return busy(trace="full").run("4min")


LOOKS = {
    "in_flight": (messages_in_flight, lambda c: c.in_flight),
    "in_flight, of one node": (messages_in_flight, lambda c: c.in_flight.select(from_="A")),
    "fork with messages in flight": (messages_in_flight, lambda c: c.fork()),
    "fork with long logs": (long_logs, lambda c: c.fork()),
    "log": (long_logs, lambda c: c["A"].log),
    "scenario with a long log": (long_logs, lambda c: c.scenario),
    "state with long logs": (long_logs, lambda c: c.state(at=0)),
    "store": (many_keys, lambda c: c["A"].store),
    "a table of the trace": (long_trace, lambda c: c.trace.entries),
    "fork with a long trace": (long_trace, lambda c: c.fork()),
    "pickle of a table": (long_trace, lambda c: pickle.dumps(c.trace.messages)),
}

SIZES = {
    messages_in_flight: lambda c: len(c.in_flight) > 50_000,
    long_logs: lambda c: [len(node.log) for node in c] == [300_000] * 3,
    many_keys: lambda c: len(c["A"].store) == 20_000,
    long_trace: lambda c: min(len(c.trace.entries), len(c.trace.messages)) > 10**5,
}
"""A look at what is small ends by itself."""


@pytest.mark.parametrize(("build", "look"), LOOKS.values(), ids=LOOKS)
def test_ctrl_c_while_something_large_is_looked_at(build, look):
    c = build()
    assert SIZES[build](c)
    for after in (0.01, 0.06, 0.2):
        with ctrl_c(after):
            for _ in range(10_000):
                look(c)
    # What was left goes on in the background; the next call waits for its end.
    before = c.now_ms
    assert c.run(1).now_ms == pytest.approx(before + 1)


def test_long_looks_of_another_thread_leave_a_cluster_in_order():
    c, over, forks = long_logs(), threading.Event(), []

    def look():
        while not over.is_set():
            with contextlib.suppress(rl.BusyError):
                forks.append(c.fork().digest)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        while len(forks) < 5:
            with contextlib.suppress(rl.BusyError):
                c.run(1)
            time.sleep(0.02)  # or the looks find it busy each time
    finally:
        over.set()
        looker.join()
    in_order(c)


def test_ctrl_c_in_a_script_of_actions_alone():
    """No time passes in it, and no event happens."""
    actions = rl.Scenario(3, steps=[rl.propose("x=1"), rl.heal()] * 50_000)
    with ctrl_c(0.3):
        for _ in range(100):
            actions.run(seed=1, trace="off", checks=False)
