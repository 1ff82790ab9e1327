"""Runs that only Ctrl-C ends: if it does not, something else must."""

import contextlib
import faulthandler
import sys

if sys.platform == "linux":
    import resource

SECONDS = 60
BYTES = 4 << 30
"""What a run may take beyond what its process has."""


@contextlib.contextmanager
def bounded(seconds=SECONDS):
    """The body ends, at the latest with its process: after some seconds, or if it takes too much memory.

    The process ends from a thread that needs no interpreter, which may be busy.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)
    try:
        with little_memory():
            yield
    finally:
        faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def little_memory():
    """Limits the address space on Linux: macOS refuses the limit, and Windows has none."""
    if sys.platform != "linux":
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (in_use() + BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def in_use():
    """The bytes of address space of this process."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()
