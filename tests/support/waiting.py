"""How long a process had to wait for a core while it wanted to compute."""

import contextlib
import os
import sys
import threading
import time
from pathlib import Path

TASKS = "/proc/{}/task"
COUNTED = Path(TASKS.format("self"), str(os.getpid()), "schedstat").exists()
"""Whether the kernel counts it, as Linux does."""


class Watch:
    """A moment, and what happened after it to a process: by the clock, and waiting for a core.

    Sleeping and computing are not waiting: only time counts in which a thread could have run and another ran.
    Threads that end take their count with them, so somebody has to `look` from time to time.
    """

    def __init__(self, process=None):
        self.main = process or os.getpid()
        self.apart = set()
        self.spans = {}
        self.seen = counts(self.main)
        self.begun = self.until = time.perf_counter()
        self.one_at_a_time = threading.RLock()

    def leave_out_this_thread(self):
        """It only looks. It waits side by side with the others, and nobody waits for it."""
        self.apart.add(threading.get_native_id())

    def look(self):
        """Notes for each thread when it began to wait, when it got a core, and until when it computed.

        The kernel counts seconds, not moments: between two looks a thread is taken to sleep, wait, compute.
        """
        with self.one_at_a_time:
            found, self.until = counts(self.main), time.perf_counter()
            for thread, (ran, waited) in found.items():
                ran_before, waited_before = self.seen.get(thread, (0, 0))
                got = self.until - (ran - ran_before)
                wanted = got - (waited - waited_before)
                self.spans.setdefault(thread, []).append((wanted, got, self.until))
            self.seen |= found

    def waiting(self):
        """Seconds in which the main thread waited, or in which it slept while another thread waited.

        That is the one that waited longest: what threads wait for side by side counts once. At least the
        seconds that some thread computed do not count.
        """
        with self.one_at_a_time:
            each = {thread: spans for thread, spans in self.spans.items() if thread not in self.apart}
            most_computed = max(map(computing, each.values()), default=0)
            main = each.pop(self.main, [])
            other = max(each.values(), key=lambda spans: covered(waits(spans), self.begun), default=[])
            awake = [(wanted, until) for wanted, _, until in main]
            waiting = covered(awake + waits(other), self.begun) - computing(main)
            return min(waiting, self.until - self.begun - most_computed)

    def took(self):
        """Seconds until now without those of waiting.

        Where the kernel does not count these, the load of the machine tells how many of the seconds they are.
        """
        if not COUNTED:
            load = os.getloadavg()[0] if sys.platform != "win32" else 0.0
            return (time.perf_counter() - self.begun) / max(1.0, load / (os.cpu_count() or 1))
        with self.one_at_a_time:
            self.look()
            return self.until - self.begun - self.waiting()


def computing(spans):
    """The seconds in which a thread computed."""
    return sum(until - got for _, got, until in spans)


def waits(spans):
    """From when to when a thread waited."""
    return [(wanted, got) for wanted, got, _ in spans]


def covered(spans, begun):
    """The seconds after a moment that lie in at least one span."""
    total, reached = 0.0, begun
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(start, reached))
        reached = max(reached, stop)
    return total


def counts(process):
    """Seconds that each thread of a process has computed, and that it has waited for a core."""
    found = {}
    with contextlib.suppress(OSError):
        for thread in os.listdir(TASKS.format(process)):
            with contextlib.suppress(OSError):  # it has ended
                ran, waited, _ = Path(TASKS.format(process), thread, "schedstat").read_text().split()
                found[int(thread)] = (int(ran) / 1e9, int(waited) / 1e9)
    return found
