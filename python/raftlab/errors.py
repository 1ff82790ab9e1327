"""What can go wrong, as exceptions. All of them are `RaftlabError`."""

from __future__ import annotations

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
    "RaftlabError",
    "ReplayError",
    "UnknownNameError",
    "ViolationError",
]


def shown(value: object) -> str:
    """A value as an error shows it: its repr, cut short if that is long, or its type if it has none."""
    try:
        text = repr(value)
    except Exception:  # a value whose repr fails, such as an integer of ten thousand digits
        return f"a value of type {type(value).__name__} that cannot be printed"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


SHOWN = 100


def escaped(text: str) -> str:
    """A text for a terminal: control characters, which could steer it, as escapes; line breaks too."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def escaped_lines(text: str) -> str:
    """The same of a text of several lines."""
    return text if text.isprintable() else "\n".join(map(escaped, text.split("\n")))


class RaftlabError(Exception):
    """The base of all exceptions of raftlab. A message shows control characters of names as escapes."""

    def __str__(self) -> str:
        return escaped_lines(super().__str__())


class InvalidError(RaftlabError, ValueError):
    """An argument, a fault or a scenario makes no sense; the message says which part and what is accepted."""


class CallError(InvalidError, TypeError):
    """A call does not fit its function: an argument is missing, given twice, or one too many."""


class UnknownNameError(CallError, AttributeError, KeyError):
    """There is no such attribute, argument or row of a catalogue; the message names the closest ones.

    >>> import raftlab as rl
    >>> rl.Cluster(3, prevote=True)
    Traceback (most recent call last):
        ...
    raftlab.errors.UnknownNameError: Cluster() has no argument 'prevote'; did you mean 'pre_vote'?
    """


class ReplayError(RaftlabError, ValueError):
    """A recorded scenario cannot be played in this way."""


class BusyError(RaftlabError, RuntimeError):
    """The cluster is running: it was called from inside a callback, or from another thread."""


class InterceptorError(InvalidError, RuntimeError):
    """An interceptor made something of a message that is no edit of one."""


class FaultWarning(UserWarning):
    """A fault does not strike before the end of a run, and what waits for it is never armed."""


class MetricWarning(UserWarning):
    """A metric of one's own raised in every run, and its column says nothing."""


class IncompleteWarning(UserWarning):
    """Something ended a sweep early, such as Ctrl-C; what was finished is kept.

    Attributes
    ----------
    cause : BaseException or None
        What ended it: KeyboardInterrupt, if it was Ctrl-C.
    """

    cause: BaseException | None = None


class NotReached(RaftlabError, TimeoutError):
    """`run_until` came to its limit before the condition held.

    Attributes
    ----------
    condition : str
        What was waited for.
    state : str
        What the cluster looked like at the limit.
    run : Run or None
        Of a scenario: the run up to there.
    """

    run: Run | None = None

    def __init__(self, message: str, condition: str = "", state: str = "") -> None:
        super().__init__(message, condition, state)
        self.condition = condition
        self.state = state

    def __str__(self) -> str:
        return escaped_lines(str(self.args[0]))


class ViolationError(RaftlabError, AssertionError):
    """A check was violated and the cluster was told to raise.

    Attributes
    ----------
    violation : Violation
        What was violated.
    """

    def __init__(self, violation: Any) -> None:
        super().__init__(violation)
        self.violation = violation

    def __str__(self) -> str:
        return str(self.violation)
