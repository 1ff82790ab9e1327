"""The faults that a cluster is given by hand: a method each."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from ._faults import (
    ClockJump,
    ClockRate,
    Crash,
    Cut,
    Delay,
    Duplicate,
    Fault,
    ForgetVote,
    Hold,
    Isolate,
    Lie,
    Loss,
    Partition,
    Pause,
    Restart,
    Resume,
    Usurp,
    Wipe,
)
from ._typing import Schedule
from .views import FaultHandle

__all__ = ["Injectable"]


P = ParamSpec("P")


def strikes(
    kind: Callable[P, Fault],
) -> Callable[[Callable[[Any], object]], Callable[Concatenate[Injectable, P], FaultHandle]]:
    """A method that makes a fault and injects it: it takes what the fault takes."""

    def as_method(described: Callable[[Any], object]) -> Callable[Concatenate[Injectable, P], FaultHandle]:
        def method(self: Injectable, /, *args: P.args, **kwargs: P.kwargs) -> FaultHandle:
            return self.inject(kind(*args, **kwargs))

        functools.update_wrapper(method, described)
        del method.__wrapped__  # type: ignore[attr-defined]
        made = inspect.signature(kind)
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        method.__signature__ = made.replace(  # type: ignore[attr-defined]
            parameters=[own, *sorted(made.parameters.values(), key=_is_of_schedule)],
            return_annotation=FaultHandle.__name__,
        )
        return method

    return as_method


def _is_of_schedule(parameter: inspect.Parameter) -> bool:
    return parameter.name in Schedule.__annotations__


class Injectable:
    """The methods of a `Cluster` for faults."""

    def inject(self, fault: Fault) -> FaultHandle:
        """A fault strikes, now or at its time. The handle ends it."""
        raise NotImplementedError

    @strikes(Partition)
    def partition(self) -> None:
        """Links between groups go down; see `Partition`."""

    @strikes(Isolate)
    def isolate(self) -> None:
        """A node is cut off from all others; see `Isolate`."""

    @strikes(Cut)
    def cut(self) -> None:
        """Links go down one way, or for some types of message; see `Cut`."""

    @strikes(Delay)
    def delay(self) -> None:
        """Messages take longer; see `Delay`."""

    @strikes(Loss)
    def loss(self) -> None:
        """Messages are lost; see `Loss`."""

    @strikes(Duplicate)
    def duplicate(self) -> None:
        """Messages arrive twice; see `Duplicate`."""

    @strikes(Hold)
    def hold(self) -> None:
        """Messages are held back as they are sent, to be delivered by hand; see `Hold` and `in_flight`."""

    @strikes(Crash)
    def crash(self) -> None:
        """A node loses power; see `Crash`."""

    @strikes(Restart)
    def restart(self) -> None:
        """Nodes that are down come back; see `Restart`."""

    @strikes(Pause)
    def pause(self) -> None:
        """A node is paused; see `Pause`."""

    @strikes(Resume)
    def resume(self) -> None:
        """Paused nodes continue; see `Resume`."""

    @strikes(Wipe)
    def wipe(self) -> None:
        """A node loses its disk and comes back empty under its old name; see `Wipe`."""

    @strikes(ClockRate)
    def clock_rate(self) -> None:
        """A node's clock runs fast or slow; see `ClockRate`."""

    @strikes(ClockJump)
    def clock_jump(self) -> None:
        """A node's clock is set forward or back; see `ClockJump`."""

    @strikes(Lie)
    def lie(self) -> None:
        """A node lies; see `Lie`."""

    @strikes(ForgetVote)
    def forget_vote(self) -> None:
        """A node forgets its vote in this term; see `ForgetVote`."""

    @strikes(Usurp)
    def usurp(self) -> None:
        """A node leads the next term without an election; see `Usurp`."""
