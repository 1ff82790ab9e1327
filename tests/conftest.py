"""What all tests need."""

import signal

import pytest

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
