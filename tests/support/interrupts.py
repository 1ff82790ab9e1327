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
"""Seconds from Ctrl-C to the end of the call."""


@contextlib.contextmanager
def ctrl_c(after=0.15, *, kept=False):
    """Ctrl-C comes after a while, and what stands below must end within a tenth of a second of it.

    What keeps what is finished warns instead of raising.
    """
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals come to the main thread only")
    gc.collect()  # an interrupt in what a collection calls (a callback of a weak reference) is lost
    struck = []

    def strike():
        struck.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(after, strike)
    timer.start()
    ends = pytest.warns(UserWarning, match="interrupted") if kept else pytest.raises(KeyboardInterrupt)
    try:
        with bounded(), ends:
            yield
        took = time.perf_counter() - struck[0]
    finally:
        timer.cancel()
        timer.join()
    at_most = AT_MOST * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # who has to share waits longer
    assert took < at_most, f"it went on for {took * 1e3:.0f} ms"


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
