"""The bound of what must end soon: it lets nothing pass but waiting for a core."""

import contextlib
import hashlib
import os
import subprocess
import sys
import threading
import time

import pytest
from interrupts import ctrl_c, prompt, strike
from waiting import Watch

SPIN = "print(flush=True)\nwhile True: pass"


MAIN, LOOKS = 1, 9


def compute(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def compute_side_by_side(seconds, workers=4, *, also_here=False):
    """In threads, without the lock of the interpreter, and all wait if there are few cores."""
    block = bytes(10**6)

    def work():
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            hashlib.sha256(block)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    if also_here:
        work()
    for thread in threads:
        thread.join()


def compute_and_sleep():
    compute_side_by_side(0.08, 1, also_here=True)
    time.sleep(0.08)


TOO_LATE = {
    "sleeps": lambda: time.sleep(1),
    "computes": lambda: compute(0.15),
    "computes in threads": lambda: compute_side_by_side(0.15),
    "computes side by side with a thread": lambda: compute_side_by_side(0.3, 1, also_here=True),
    "sleeps after both have waited": compute_and_sleep,
}


def late(goes_on):
    try:
        time.sleep(60)
    finally:
        goes_on()


@pytest.mark.parametrize("goes_on", TOO_LATE.values(), ids=TOO_LATE)
def test_what_goes_on_after_ctrl_c_is_found(goes_on):
    with pytest.raises(AssertionError, match="it went on for"), ctrl_c(0.05):
        late(goes_on)


@pytest.mark.parametrize("goes_on", TOO_LATE.values(), ids=TOO_LATE)
def test_what_takes_too_long_is_found(goes_on):
    with pytest.raises(AssertionError, match="it took"), prompt(0.1):
        goes_on()


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts how long a thread waits")


@contextlib.contextmanager
def rivals():
    """This process has one core, and so do three that compute all the time."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    others = []
    try:
        for _ in range(3):
            others.append(subprocess.Popen([sys.executable, "-c", SPIN], stdout=subprocess.PIPE))
        for other in others:
            other.stdout.readline()
        yield
    finally:
        os.sched_setaffinity(0, cores)
        for other in others:
            other.kill()
            other.communicate()


@LINUX
@pytest.mark.parametrize("goes_on", TOO_LATE.values(), ids=TOO_LATE)
def test_it_is_found_also_where_others_compute(goes_on):
    with rivals():
        with pytest.raises(AssertionError, match="it went on for"), ctrl_c(0.05):
            late(goes_on)
        with pytest.raises(AssertionError, match="it took"), prompt(0.1):
            goes_on()


@LINUX
def test_waiting_for_a_core_does_not_count():
    with rivals():
        watch = Watch()
        compute(0.05)
        assert watch.took() < 0.1 < watch.waiting()


# Threads in ten seconds: each waited from the first moment to the second, and computed to the third.
DOES_NOT_COUNT = {
    "the main thread waits": (6, {MAIN: [(0, 6, 9)]}),
    "another waits, and the main thread sleeps": (6, {2: [(0, 6, 9)]}),
    "one after the other": (7, {MAIN: [(0, 3, 4)], 2: [(5, 9, 10)]}),
    "side by side": (4, {MAIN: [(0, 4, 5)], 2: [(0, 4, 5)]}),
    "the first wait is partly the second": (5, {MAIN: [(0, 4, 5)], 2: [(2, 6, 7)]}),
    "another waits, and the main thread computes": (0, {MAIN: [(1, 1, 9)], 2: [(1, 9, 10)]}),
    "two others wait": (5, {2: [(0, 5, 6)], 3: [(6, 9, 10)]}),
    "three wait, and one of them only looks": (3, {2: [(0, 3, 4)], 3: [(0, 3, 4)], LOOKS: [(0, 10, 10)]}),
    "in two parts": (4, {MAIN: [(0, 2, 3), (5, 7, 8)]}),
    "before it began": (2, {MAIN: [(-5, 2, 3)]}),
    "another computes all the time": (0, {MAIN: [(0, 6, 9)], 2: [(0, 0, 10)]}),
    "nothing is seen": (0, {}),
}


@pytest.mark.parametrize(("seconds", "spans"), DOES_NOT_COUNT.values(), ids=DOES_NOT_COUNT)
def test_the_same_seconds_count_once(seconds, spans):
    watch = Watch()
    watch.main, watch.apart, watch.spans, watch.begun, watch.until = MAIN, {LOOKS}, spans, 0, 10
    assert watch.waiting() == seconds


# ---- Children -------------------------------------------------------------------------------------------

STRIKES = pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send Ctrl-C to another one")


@contextlib.contextmanager
def child(goes_on):
    """A process that hears Ctrl-C and goes on for some seconds."""
    story = f"import time\ntry:\n print(flush=True)\n time.sleep(60)\nfinally:\n time.sleep({goes_on})"
    process = subprocess.Popen(
        [sys.executable, "-c", story], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


@STRIKES
def test_a_child_that_goes_on_is_found():
    with child(1) as process:
        assert 0.9 < strike(process, 10) < 1.5


@STRIKES
def test_a_child_is_found_also_without_waitid(monkeypatch):
    monkeypatch.delattr(os, "waitid", raising=False)
    with child(0.5) as process:
        assert 0.4 < strike(process, 10) < 1


@STRIKES
def test_a_child_that_does_not_end_is_found():
    with child(60) as process:
        assert strike(process, 0.2) >= 0.2
