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


def compute(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def compute_side_by_side(seconds):
    """In threads of their own, without the lock of the interpreter, and all wait if there are few cores."""
    block = bytes(10**6)

    def work():
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            hashlib.sha256(block)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


TOO_LATE = {
    "sleeps": lambda: time.sleep(1),
    "computes": lambda: compute(0.15),
    "computes in threads": lambda: compute_side_by_side(0.15),
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
    with rivals(), pytest.raises(AssertionError, match="it went on for"), ctrl_c(0.05):
        late(goes_on)


@LINUX
def test_waiting_for_a_core_does_not_count():
    with rivals():
        watch = Watch()
        compute(0.05)
        assert watch.took() < 0.1 < watch.waiting()


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send Ctrl-C to another one")
def test_a_child_that_goes_on_is_found():
    story = "import time\ntry:\n print(flush=True)\n time.sleep(60)\nfinally:\n time.sleep(1)"
    child = subprocess.Popen([sys.executable, "-c", story], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        child.stdout.readline()
        assert 0.9 < strike(child, 10) < 1.5
    finally:
        child.kill()
        child.communicate()
