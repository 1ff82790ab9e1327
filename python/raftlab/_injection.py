"""The faults that a cluster is given by hand: a method each."""

from __future__ import annotations

from typing import Any

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
    Target,
    Usurp,
    Wipe,
)
from ._time import Duration
from .distributions import Time
from .views import FaultHandle

__all__ = ["Injectable"]


class Injectable:
    """What a `Cluster` has for faults."""

    def inject(self, fault: Fault) -> FaultHandle:
        """A fault strikes, now or at its time. The handle ends it."""
        raise NotImplementedError

    def partition(
        self, *groups: Target, shape: str | None = None, bridge: Target | None = None, **schedule: Any
    ) -> FaultHandle:
        """Links between groups go down; see `Partition`."""
        return self.inject(Partition(*groups, shape=shape, bridge=bridge, **schedule))

    def isolate(self, node: Target, **schedule: Any) -> FaultHandle:
        """A node is cut off from all others; see `Isolate`."""
        return self.inject(Isolate(node, **schedule))

    def cut(self, **where: Any) -> FaultHandle:
        """Links go down one way, or for some types of message; see `Cut`."""
        return self.inject(Cut(**where))

    def delay(self, by: Time, **where: Any) -> FaultHandle:
        """Messages take longer; see `Delay`."""
        return self.inject(Delay(by, **where))

    def loss(self, probability: float, **where: Any) -> FaultHandle:
        """Messages are lost; see `Loss`."""
        return self.inject(Loss(probability, **where))

    def duplicate(self, probability: float, **where: Any) -> FaultHandle:
        """Messages arrive twice; see `Duplicate`."""
        return self.inject(Duplicate(probability, **where))

    def hold(self, **where: Any) -> FaultHandle:
        """Messages are held back as they are sent, to be delivered by hand; see `Hold` and `in_flight`."""
        return self.inject(Hold(**where))

    def crash(self, node: Target, **how: Any) -> FaultHandle:
        """A node loses power; see `Crash`."""
        return self.inject(Crash(node, **how))

    def restart(self, node: Target = "the crashed", **schedule: Any) -> FaultHandle:
        """Nodes that are down come back; see `Restart`."""
        return self.inject(Restart(node, **schedule))

    def pause(self, node: Target, **schedule: Any) -> FaultHandle:
        """A node stands still; see `Pause`."""
        return self.inject(Pause(node, **schedule))

    def resume(self, node: Target = "the paused", **schedule: Any) -> FaultHandle:
        """Nodes that stand still go on; see `Resume`."""
        return self.inject(Resume(node, **schedule))

    def wipe(self, node: Target, **schedule: Any) -> FaultHandle:
        """A node loses its disk and comes back empty under its old name; see `Wipe`."""
        return self.inject(Wipe(node, **schedule))

    def clock_rate(self, node: Target, rate: float, **schedule: Any) -> FaultHandle:
        """A node's clock runs fast or slow; see `ClockRate`."""
        return self.inject(ClockRate(node, rate, **schedule))

    def clock_jump(self, node: Target, by: Duration, **schedule: Any) -> FaultHandle:
        """A node's clock is set forward or back; see `ClockJump`."""
        return self.inject(ClockJump(node, by, **schedule))

    def lie(self, node: Target, lie: str, **how: Any) -> FaultHandle:
        """A node says what is not so; see `Lie`."""
        return self.inject(Lie(node, lie, **how))

    def forget_vote(self, node: Target, **schedule: Any) -> FaultHandle:
        """A node forgets whom it voted for; see `ForgetVote`."""
        return self.inject(ForgetVote(node, **schedule))

    def usurp(self, node: Target, **schedule: Any) -> FaultHandle:
        """A node leads the next term without an election; see `Usurp`."""
        return self.inject(Usurp(node, **schedule))
