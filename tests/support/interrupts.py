"""Ctrl-C, as tests press it."""

import contextlib
import gc
import os
import signal
import sys
import threading
import time

import pytest
import raftlab as rl
from bounds import bounded
from waiting import Watch

AT_MOST = 0.1
"""Seconds from Ctrl-C to the end of the call, without those of waiting for a core."""
GLANCE = 0.005
"""Seconds between two looks at who waits for a core."""


def press():
    """Ctrl-C, from any thread. Windows ends a process that `os.kill` strikes."""
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGINT)


@contextlib.contextmanager
def ctrl_c(after=0.15, *, kept=False, within=AT_MOST):
    """Ctrl-C comes after a while, and the body must end within a tenth of a second of it.

    What keeps what is finished warns instead of raising.
    """
    assert threading.current_thread() is threading.main_thread(), "signals come to the main thread only"
    gc.collect()  # an interrupt in what a collection calls (a callback of a weak reference) is lost
    watches, begun, over = [], threading.Event(), threading.Event()

    def interrupt():
        begun.wait()  # before that nothing here would catch it
        if over.wait(after):
            return
        watches.append(Watch())
        press()
        glance(watches[0], over)

    striker = threading.Thread(target=interrupt)
    striker.start()
    ends = pytest.warns(UserWarning, match="interrupted") if kept else pytest.raises(KeyboardInterrupt)
    try:
        with bounded(), ends:
            begun.set()
            yield
        took = watches[0].took()
    finally:
        over.set()
        begun.set()
        striker.join()
    assert took < within, f"it went on for {took * 1e3:.0f} ms"


@contextlib.contextmanager
def prompt(within):
    """The body ends within some seconds, without those of waiting for a core."""
    watch, over = Watch(), threading.Event()
    glancer = threading.Thread(target=glance, args=(watch, over))
    glancer.start()
    try:
        with bounded():
            yield
        took = watch.took()
    finally:
        over.set()
        glancer.join()
    assert took < within, f"it took {took:.2f} s"


def glance(watch, over):
    """Looks until it is over."""
    watch.leave_out_this_thread()
    while not over.wait(GLANCE):
        watch.look()


def strike(process, within):
    """Sends Ctrl-C to a child. Returns the seconds until its end, without those of waiting for a core.

    It has ended at some moment since it was last seen alive. Where this process waited for a core meanwhile,
    these seconds do not count either.
    """
    watch = Watch(process.pid)
    process.send_signal(signal.SIGINT)
    alive, own = 0.0, Watch()
    while alive < within:
        took = watch.took()
        if ended(process) is not None:
            return min(took, alive + own.took())
        alive, own = took, Watch()
        time.sleep(GLANCE)
    return alive


def ended(process):
    """How a child ended, if it has. Linux does not collect it: how long it waited can still be read."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return process.poll()
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)


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
