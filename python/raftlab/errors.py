"""The exceptions and warnings of raftlab. All exceptions are `RaftlabError`."""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._run import Run

__all__ = [
    "BusyError",
    "CallError",
    "FaultWarning",
    "IncompleteWarning",
    "InterceptorError",
    "InvalidError",
    "NotReached",
    "OutOfRangeError",
    "RaftlabError",
    "ReadOnlyError",
    "ReplayError",
    "SettingWarning",
    "UnknownNameError",
    "ViolationError",
]


def shown(value: object) -> str:
    """A value as text for an error: its repr, shortened if it is long, or its type if that fails.

    >>> shown([0.1 + 0.2, "x"])
    "[0.3, 'x']"
    """
    try:
        text = _plain(value)
    except RecursionError:  # deep, or a list within itself
        text = f"a deep {type(value).__name__}"
    except Exception:  # a value whose repr fails, such as an integer of ten thousand digits
        return f"a value of type {type(value).__name__} that cannot be printed"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


SHOWN = 100
ROUNDING = 1e-15
"""The relative error that is taken for that of a calculation, as in 0.1 + 0.2."""


def _plain(value: Any) -> str:
    """The repr of a value, with numbers of numpy as plain ones, and floats without rounding errors."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return _plain(value.item())
    if type(value) is float:
        short = f"{value:.12g}"
        wrong = abs(float(short) - value) > ROUNDING * abs(value)
        return repr(value) if wrong or "." not in short else repr(float(short))  # 1.0000000000000002 is not 1
    if type(value) is list and len(value) <= SHOWN:
        return f"[{', '.join(map(_plain, value))}]"
    if type(value) is tuple and len(value) <= SHOWN:
        return f"({', '.join(map(_plain, value))}{',' if len(value) == 1 else ''})"
    if type(value) is dict and len(value) <= SHOWN:
        return "{" + ", ".join(f"{_plain(key)}: {_plain(part)}" for key, part in value.items()) + "}"
    return repr(value)


def warn(warning: Warning) -> None:
    """Warns at the line of the user: the innermost one that is not of raftlab."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and _is_ours(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(warning, stacklevel=level)


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == __package__


def counted(count: int, what: str) -> str:
    """A number of things as text: 1 violation, 2 violations."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def escaped(text: str) -> str:
    """A text for a terminal, with control characters, including line breaks, as escapes."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def escaped_lines(text: str) -> str:
    """A text of several lines for a terminal, with control characters as escapes."""
    return text if text.isprintable() else "\n".join(map(escaped, text.split("\n")))


class RaftlabError(Exception):
    """The base of all exceptions of raftlab. Messages show control characters of names as escapes."""

    def __str__(self) -> str:
        return escaped_lines(super().__str__())


class InvalidError(RaftlabError, ValueError):
    """An argument, a fault or a scenario is invalid; the message names the part and what is accepted."""


class CallError(InvalidError, TypeError):
    """A call does not fit its function: an argument is missing, given twice, or one too many."""


class UnknownNameError(CallError, AttributeError, KeyError):
    """There is no such attribute, argument or row of a catalogue; the message names similar ones.

    >>> import raftlab as rl
    >>> rl.Cluster(3, prevote=True)
    Traceback (most recent call last):
        ...
    raftlab.errors.UnknownNameError: Cluster() has no argument 'prevote'; did you mean 'pre_vote'?
    """


class OutOfRangeError(InvalidError, IndexError):
    """There is no item at this place of a list; the message says how many there are.

    >>> import raftlab as rl
    >>> rl.Cluster(3).violations[0]
    Traceback (most recent call last):
        ...
    raftlab.errors.OutOfRangeError: no violations
    """


class ReadOnlyError(InvalidError, AttributeError):
    """An attribute can only be read; the message says what to do instead of setting it.

    >>> import raftlab as rl
    >>> rl.Cluster(3)["A"].term = 7
    Traceback (most recent call last):
        ...
    raftlab.errors.ReadOnlyError: NodeView.term cannot be set to 7: it can only be read
    """


class ReplayError(RaftlabError, ValueError):
    """A recorded scenario cannot be played in this way."""


class BusyError(RaftlabError, RuntimeError):
    """The cluster is running: it was called from inside a callback, or from another thread."""


class InterceptorError(InvalidError, RuntimeError):
    """An interceptor returned something that is not an edit of a message."""


class FaultWarning(UserWarning):
    """A fault does not strike before the end of a run, so a `stop=` that waits for it is never armed."""


class SettingWarning(UserWarning):
    """Settings are valid, but a cluster with them cannot keep a leader."""


class MetricWarning(UserWarning):
    """A custom metric raised in every run, so its column is empty."""


class IncompleteWarning(UserWarning):
    """Something such as Ctrl-C ended a sweep early; finished runs are kept.

    Attributes
    ----------
    cause : BaseException or None
        The exception that ended it, such as KeyboardInterrupt.
    """

    cause: BaseException | None = None


class NotReached(RaftlabError, TimeoutError):
    """`run_until` reached its limit before the condition held.

    Attributes
    ----------
    condition : str
        The condition.
    state : str
        The state of the cluster at the limit.
    run : Run or None
        The run up to the limit, for a scenario.
    """

    run: Run | None = None

    def __init__(self, message: str, condition: str = "", state: str = "") -> None:
        super().__init__(message, condition, state)
        self.condition = condition
        self.state = state

    def __str__(self) -> str:
        return escaped_lines(str(self.args[0]))


class ViolationError(RaftlabError, AssertionError):
    """A property was violated and `on_violation="raise"` is set.

    Attributes
    ----------
    violation : Violation
        The violation.
    """

    def __init__(self, violation: Any) -> None:
        super().__init__(violation)
        self.violation = violation

    def __str__(self) -> str:
        return str(self.violation)
