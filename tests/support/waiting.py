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
        self.before = waited(self.main)
        self.seen = {}
        self.apart = set()
        self.begun = time.perf_counter()

    def leave_out_this_thread(self):
        """It only looks. It waits side by side with the others, and nobody waits for it."""
        self.apart.add(threading.get_native_id())

    def look(self):
        self.seen |= waited(self.main)

    def waiting(self):
        """Seconds of the main thread, and of the other thread that waited longest: what threads wait for
        side by side counts once."""
        others = self.seen.keys() - self.apart
        each = {thread: self.seen[thread] - self.before.get(thread, 0) for thread in others}
        main = each.pop(self.main, 0)
        return (main + max(each.values(), default=0)) / 1e9

    def took(self):
        """Seconds until now without those of waiting.

        Where the kernel does not count these, the load of the machine tells how many of the seconds they are.
        """
        clock = time.perf_counter() - self.begun
        if not COUNTED:
            load = os.getloadavg()[0] if sys.platform != "win32" else 0.0
            return clock / max(1.0, load / (os.cpu_count() or 1))
        self.look()
        return clock - self.waiting()


def waited(process):
    """Nanoseconds that each thread of a process has waited for a core."""
    found = {}
    with contextlib.suppress(OSError):
        for thread in os.listdir(TASKS.format(process)):
            with contextlib.suppress(OSError):  # it has ended
                found[int(thread)] = int(
                    Path(TASKS.format(process), thread, "schedstat").read_text().split()[1]
                )
    return found
