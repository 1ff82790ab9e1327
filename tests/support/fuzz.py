"""What fuzzers draw from: values that make no sense, and what becomes of a call."""

import contextlib
import datetime as dt
import decimal
import fractions
import signal
import sys
import threading
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
import raftlab as rl

SELF = []
SELF.append(SELF)


class Unprintable:
    """A value whose repr fails."""

    def __repr__(self):
        raise RuntimeError("no repr")


GARBAGE = [
    None,
    True,
    False,
    0,
    1,
    -1,
    3,
    255,
    256,
    2**31,
    2**32,
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    10**5000,
    0.5,
    -0.0,
    1e-300,
    1e300,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    " ",
    "A",
    "AB",
    "Z",
    "leader",
    "a minority",
    "x=1",
    "=",
    "\0",
    "A\0",
    "\ud800",
    "\x1b[31m",
    "2s",
    "1e400s",
    "-5ms",
    "5 parsecs",
    "9" * 5000,
    b"A",
    [],
    [1],
    ["A"],
    [["A"]],
    ["A", None],
    (),
    (1, 2),
    {},
    {"A": 1},
    {1: 2},
    {"A": [1, 1]},
    set(),
    object(),
    Unprintable(),
    SELF,
    print,
    lambda *_: None,
    np.array([1, 2]),
    np.array(["A"]),
    np.array([["A"]]),
    np.float64("nan"),
    np.int64(3),
    np.bool_(True),
    range(3),
    range(2**63, 2**63 + 3),
    iter(()),
    rl.leader_elected,
    rl.Crash("A"),
    rl.uniform(1, 2),
    rl.put("x", 1),
    rl.run("1s"),
    rl.Network(),
    rl.Disk(),
    rl.OpenLoop(),
    rl.Initial(),
    dt.timedelta(seconds=1),
    dt.timedelta(days=-1),
    fractions.Fraction(1, 3),
    decimal.Decimal("NaN"),
    Path("nowhere"),
    Path("a\0b"),
    int,
    Exception("x"),
]
"""Of all kinds; many make sense somewhere."""


class Enough(BaseException):
    """It was looked at for long enough."""


@contextlib.contextmanager
def at_most(seconds):
    """Ends what takes longer, as Ctrl-C would."""

    def ring(*_):
        raise Enough

    before = signal.signal(ALARM, ring)
    cancel = alarm(seconds)
    try:
        yield
    finally:
        cancel()
        signal.signal(ALARM, before)


ALARM = signal.SIGINT if sys.platform == "win32" else signal.SIGALRM


def alarm(seconds):
    """Raises the signal after some seconds. Returns the function that cancels it."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return lambda: signal.setitimer(signal.ITIMER_REAL, 0)
    timer = threading.Timer(seconds, signal.raise_signal, [ALARM])
    timer.start()
    return timer.cancel


def outcome(call, *, documented=(), seconds=1.0):
    """How a call ended: `"ok"`, `"long"`, or the name of an exception; one that nobody documents is raised.

    A call with arguments that no signature has is a TypeError of Python, also where it only hands them on.
    """
    try:
        with at_most(seconds):
            call()
        return "ok"
    except Enough:
        return "long"
    except (rl.RaftlabError, *documented) as error:
        str(error)
        return type(error).__name__
    except TypeError as error:
        began = len(traceback.extract_tb(error.__traceback__)) > 1
        if not began or "unexpected keyword argument" in str(error) or "has no argument" in str(error):
            return "TypeError of a signature"
        raise


def figures(title, counts):
    """Prints what a fuzzer has come to."""
    counts = Counter(counts)
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in counts.most_common())
    print(f"{title}: {counts.total():,} ({kinds})")
