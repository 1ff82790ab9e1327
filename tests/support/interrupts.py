"""Ctrl-C, as tests press it."""

import contextlib
import gc
import os
import signal
import threading
import time

import pytest
import raftlab as rl
from bounds import bounded

AT_MOST = 0.1
"""Seconds from Ctrl-C to the end of the call, on a machine that has nothing else to do."""
SHARED = 20
"""How many times as long it may take by the clock, where others use the machine."""


class Watch:
    """What passes between two moments: seconds by the clock, and seconds of computing in this process."""

    def __init__(self):
        self.clock, self.computing = time.perf_counter(), time.process_time()

    def since(self, other):
        return self.clock - other.clock, self.computing - other.computing


@contextlib.contextmanager
def ctrl_c(after=0.15, *, kept=False, within=AT_MOST):
    """Ctrl-C comes after a while, and the body must end within a tenth of a second of it.

    Where other processes want the cores, the clock also shows how long it waited for its turn. Then what it
    computed counts: at most what as many threads as before compute in that time.
    What keeps what is finished warns instead of raising.
    """
    assert threading.current_thread() is threading.main_thread(), "signals come to the main thread only"
    gc.collect()  # an interrupt in what a collection calls (a callback of a weak reference) is lost
    struck = []

    def strike():
        struck.append(Watch())
        os.kill(os.getpid(), signal.SIGINT)

    timer, begun = threading.Timer(after, strike), Watch()
    timer.start()
    ends = pytest.warns(UserWarning, match="interrupted") if kept else pytest.raises(KeyboardInterrupt)
    try:
        with bounded(), ends:
            yield
        ended = Watch()
    finally:
        timer.cancel()
        timer.join()
    clock, computing = struck[0].since(begun)
    threads = max(1.0, computing / clock)
    took, computed = ended.since(struck[0])
    shared = computed < within * threads and took < SHARED * within
    assert took < within or shared, (
        f"it went on for {took * 1e3:.0f} ms, and computed for {computed * 1e3:.0f} ms of them"
    )


def in_order(c):
    """The cluster can be driven on, and its script plays the same history."""
    assert c.scenario.run(seed=c.seed, trace="off").digest == c.digest
    before = c.now_ms
    c.propose("x=1")
    c.run(100)
    assert c.now_ms == pytest.approx(before + 100)
    assert c.scenario.run(seed=c.seed, trace="off").digest == c.digest


def busy(**options):
    return rl.Cluster(5, seed=3, workload=rl.OpenLoop("5ms"), **({"trace": "off"} | options))
