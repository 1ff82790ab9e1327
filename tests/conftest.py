"""What all tests need."""

import signal

import pytest
import raftlab as rl
from failovers import failover

collect_ignore = ["typing/calls.py"]
"""Calls for mypy, right and wrong ones (tests/test_typing.py): they are read, not run."""


@pytest.fixture(scope="session", autouse=True)
def _hears_ctrl_c():
    """Ctrl-C is heard, in tests and in the processes that they start, also where it was ignored before.

    A shell ignores it for what it starts in the background, and so does `nohup`. Python then installs no
    handler, and a process that is started inherits that it is ignored.
    """
    before = signal.getsignal(signal.SIGINT)
    if before in (signal.SIG_IGN, None):
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def swept():
    """Crashes of the leader with two timeouts and two losses; nothing can change it."""
    return rl.sweep(failover, {"timeout": [50, 150], "loss": [0.0, 0.2]}, seeds=800)
