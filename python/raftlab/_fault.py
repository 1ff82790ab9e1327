"""The base of all faults: their targets and their schedule.

A fault names its target by name (`"A"`, `"AB"`, `["A", "B"]`) or by role (`"leader"`, `"a follower"`,
`"a minority"`, …; see `raftlab.targets`), resolved when it strikes. All faults take the same schedule:

at : time, distribution or condition, optional
    The time of the strike, from the beginning of the run; or one of `raftlab.conditions`: it strikes when
    that first holds, between two events. A condition is armed when the fault is given. While it does not
    hold, the fault strikes nobody: a run that ends so gives a `FaultWarning`.
after : time or distribution, optional
    The time of the strike, from the moment at which the fault is given; with a condition as `at`, from the
    moment at which that holds. Without `at` and `after` it strikes at once.
duration : time or distribution, optional
    The duration of each strike; by default until it is healed or strikes again. The mean of a random duration
    is the MTTR, the mean time to repair.
every : time or distribution, optional
    The time from strike to strike, whether the last has ended or not. Its mean is the MTBF, the mean time
    between failures.
uptime : time or distribution, optional
    The time from the end of a strike to the next, instead of `every`. Its mean is the MTTF, the mean time to
    failure. Without `at` and `after` the first strike also comes after an uptime.
times : int, optional
    The number of strikes with `every` or `uptime`; unlimited by default.
patience : time, default 10 s
    The time that it waits for a leader or a follower if there is none. Other roles are not waited for
    (`"the crashed"` when no node is down): the fault then strikes no node, at once.

Each strike lasts for its own duration, regardless of other strikes, and faults that act at the same time
combine: a link is up iff no active fault cuts it, a node is up iff none holds it down, and runs iff it is up
and none pauses it. Delays add, losses combine as 1 - prod(1 - p), the rates of a clock multiply. A fault of a
disk also acts on a node that was down when it began, once it restarts. With

    Crash("A", uptime=rl.exponential("100s"), duration=rl.exponential("10s"))

node A is down MTTR / (MTTF + MTTR) = 1/11 of the time in the long run.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from ._arguments import U32, integer
from ._conditions import Condition
from ._time import Duration, to_ms
from ._typing import Schedule, Target
from ._values import Node, Value, listed
from .distributions import Time, time_to_dict
from .errors import InvalidError, shown

__all__ = ["SCHEDULE_TIMES", "Fault", "OnNode", "init_schedule", "target_to_dict"]


def target_to_dict(target: Target | Node, what: str) -> Any:
    """A target as the scenario's JSON has it."""
    if isinstance(target, str):
        return target
    if isinstance(target, Node):  # a longer name may also be a role, or names in a row
        return target.name if len(target.name) == 1 else [target.name]
    try:
        names = [part.name if isinstance(part, Node) else part for part in listed(target)]
    except TypeError:
        names = []
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidError(f"{what} must be a name, a list of names or a role, not {shown(target)}")
    return names


SCHEDULE_TIMES = ("at", "after", "duration", "every", "uptime")


@dataclass(frozen=True, eq=False, repr=False)
class Fault(Value):
    """The base of all faults: its schedule. See the module for what the arguments mean."""

    name: ClassVar[str] = ""
    _label: ClassVar[str] = "{kind} {hit}"
    """The label on pictures, with parameters, `kind`, and what was hit: `hit`, `link` or `groups`."""

    at: Time | Condition | None = field(default=None, kw_only=True)
    after: Time | None = field(default=None, kw_only=True)
    duration: Time | None = field(default=None, kw_only=True)
    every: Time | None = field(default=None, kw_only=True)
    uptime: Time | None = field(default=None, kw_only=True)
    times: int | None = field(default=None, kw_only=True)
    patience: Duration = field(default="10s", kw_only=True)

    def __post_init__(self) -> None:
        for part in fields(self):
            value = getattr(self, part.name)
            if isinstance(value, Node):
                object.__setattr__(self, part.name, target_to_dict(value, part.name))
        super().__post_init__()

    def to_dict(self) -> dict[str, Any]:
        """As the scenario's JSON has it."""
        what = type(self).__name__
        written: dict[str, Any] = {"fault": {"fault": self.name, **self._parameters()}}
        for part in SCHEDULE_TIMES:
            value = getattr(self, part)
            if part == "at" and isinstance(value, Condition):
                written[part] = value.to_dict()
            elif value is not None:
                written[part] = time_to_dict(value, f"{what}: {part}")
        if self.times is not None:
            written["times"] = integer(self.times, f"{what}: times", 1, U32)
        written["patience"] = to_ms(self.patience, f"{what}: patience")
        return written

    def _parameters(self) -> dict[str, Any]:
        raise InvalidError(f"{type(self).__name__} is not a fault that strikes; use one of its subclasses")

    def _shown(self) -> tuple[list[Any], dict[str, Any]]:
        """The arguments in reading order: a fault's own, then its schedule."""
        placed, named = super()._shown()
        return placed, dict(sorted(named.items(), key=lambda item: item[0] in _SCHEDULE))


_SCHEDULE = frozenset(f.name for f in fields(Fault))
"""The names of the schedule's arguments."""


def init_schedule(fault: Fault, schedule: Schedule) -> None:
    inspect.signature(Fault).bind(**schedule)  # an argument that it does not have is an error
    for part in fields(Fault):
        object.__setattr__(fault, part.name, schedule.get(part.name, part.default))
    fault.__post_init__()


@dataclass(frozen=True, eq=False, repr=False)
class OnNode(Fault):
    node: Target

    def _parameters(self) -> dict[str, Any]:
        return {"node": target_to_dict(self.node, f"{type(self).__name__}: node")}
