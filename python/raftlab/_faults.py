"""Faults as values: they print, serialise, and are drawn as bands on the time line.

`_fault` has what they share: targets and schedule. The faults of disks are in `_disk_faults`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Unpack

from ._arguments import choice, flag, integer, message_types, number, probability, reading
from ._conditions import Condition
from ._disk_faults import Corrupt, FailingDisk, FullDisk, LyingDisk, SlowDisk, StalledDisk, Wipe
from ._fault import SCHEDULE_TIMES, Fault, OnNode, init_schedule, target_to_dict
from ._signatures import passes_on
from ._time import Duration, to_ms, to_signed_ms
from ._typing import (
    LieName,
    MessageType,
    Schedule,
    Shape,
    Target,
    Unsynced,
    words,
)
from .distributions import Distribution, Time, time_from_dict, time_to_dict
from .errors import InvalidError, shown
from .settings import bytes_per_second

__all__ = [
    "ClockJump",
    "ClockRate",
    "Corrupt",
    "Crash",
    "Cut",
    "Delay",
    "Duplicate",
    "FailingDisk",
    "Fault",
    "ForgetVote",
    "FullDisk",
    "Hold",
    "Isolate",
    "Lie",
    "Loss",
    "LyingDisk",
    "Partition",
    "Pause",
    "Restart",
    "Resume",
    "SlowDisk",
    "SlowNode",
    "StalledDisk",
    "Throttle",
    "Usurp",
    "Wipe",
]


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Partition(Fault):
    """Links between groups are down. Nodes in no group form one more group.

    Parameters
    ----------
    *groups : target
        The groups, e.g. `"AB", "CDE"`, or one group against the rest: `"leader"`.
    shape : {"halves", "random", "bridge", "majorities_ring"}, optional
        A shape instead of groups, laid out when the fault strikes: a random minority against the rest (3
        nodes or more); two groups of random sizes (2 or more); two halves connected only through one node (3
        or more); a ring in which every node sees a majority and no two see the same one (4 or more; Jepsen).
        The halves of a bridge are random; `cut(from_="ABC", to="EFG", both_ways=True)` cuts chosen halves.
    bridge : target, optional
        The node that sees both halves with the shape `"bridge"`; random by default.

    Raises
    ------
    InvalidError
        If it cuts no link of a cluster: a group holds every node, or a shape has too few nodes.

    Examples
    --------
    >>> Partition("AB", "CDE", at="1s", duration="2s")
    Partition('AB', 'CDE', at='1s', duration='2s')
    >>> Partition(shape="bridge")
    Partition(shape='bridge')
    >>> Partition(shape="bridge", bridge="C", duration="2s")
    Partition(shape='bridge', bridge='C', duration='2s')
    """

    name: ClassVar[str] = "partition"
    _label: ClassVar[str] = "{kind} {groups}"
    groups: tuple[Any, ...] = ()
    shape: Shape | None = field(default=None, kw_only=True)
    bridge: Target | None = field(default=None, kw_only=True)

    @passes_on(Fault)
    def __init__(
        self,
        *groups: Target,
        shape: Shape | None = None,
        bridge: Target | None = None,
        **schedule: Unpack[Schedule],
    ) -> None:
        written = [target_to_dict(group, "groups") for group in groups]
        frozen = tuple(group if isinstance(group, str) else tuple(group) for group in written)
        object.__setattr__(self, "groups", frozen)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "bridge", bridge)
        init_schedule(self, schedule)

    def _parameters(self) -> dict[str, Any]:
        if len(self.groups) == 1 and self.groups[0] in words(Shape):  # a node of this name: ["bridge"]
            given = shown(self.groups[0])
            raise InvalidError(f"Partition: a group must be nodes, not {given}; write shape={given}")
        written: dict[str, Any] = {"groups": [target_to_dict(g, "groups") for g in self.groups]}
        if self.shape is not None:
            written["shape"] = choice(self.shape, "Partition: shape", words(Shape))
        if self.bridge is not None:
            written["bridge"] = target_to_dict(self.bridge, "Partition: bridge")
        return written

    def _shown(self) -> tuple[list[Any], dict[str, Any]]:
        _, named = super()._shown()
        named.pop("groups", None)
        return list(self.groups), named


@dataclass(frozen=True, eq=False, repr=False)
class Isolate(OnNode):
    """All links of each of these nodes to others are down.

    >>> Isolate("leader", at="1s")
    Isolate('leader', at='1s')
    """

    name: ClassVar[str] = "isolate"


@dataclass(frozen=True, eq=False, repr=False)
class Crash(OnNode):
    """Nodes lose power. When the fault ends they restart with the data on their disks.

    Parameters
    ----------
    node : target
        Which nodes: names or a role.
    unsynced : {"lose", "tear", "keep"}, default "lose"
        The fate of writes that no fsync has confirmed: all are lost, the first few survive, or all
        survive (the process died, not the machine).

    Examples
    --------
    >>> Crash("leader", at=1000, duration="500ms")
    Crash('leader', at=1000, duration='500ms')
    """

    name: ClassVar[str] = "crash"
    unsynced: Unsynced = field(default="lose", kw_only=True)

    def _parameters(self) -> dict[str, Any]:
        kept = choice(self.unsynced, "Crash: unsynced", words(Unsynced))
        return {**super()._parameters(), "unsynced": kept}


@dataclass(frozen=True, eq=False, repr=False)
class Restart(OnNode):
    """Nodes that are down come back: every crash and wipe on them ends.

    `Restart("the crashed")` brings back all nodes that are down, if any.

    >>> import raftlab as rl
    >>> c = rl.Cluster(3, steps=[Crash("AB"), Restart("A")])
    >>> [node.up for node in c]
    [True, False, True]
    """

    name: ClassVar[str] = "restart"
    node: Target = "the crashed"


@dataclass(frozen=True, eq=False, repr=False)
class Pause(OnNode):
    """Nodes are paused (a long garbage collection, SIGSTOP): their messages and timers wait.

    A node continues when the last pause on it has ended. One that crashes meanwhile is down, and is paused
    again if it restarts before that.

    >>> import raftlab as rl
    >>> rl.Cluster(3, steps=[Pause("A", duration="2s")])["A"].paused
    True
    """

    name: ClassVar[str] = "pause"


@dataclass(frozen=True, eq=False, repr=False)
class SlowNode(OnNode):
    """Nodes take longer for each message that they receive or send (see `Processing`).

    Parameters
    ----------
    node : target
        The nodes.
    factor : float, default 1
        The factor of their processing times, from 1 to 1000000; those of several faults multiply.
    by : time, default 0
        What each message takes beyond that; those of several faults add up.

    Raises
    ------
    InvalidError
        If it changes nothing: a factor of 1 without `by`, or a factor where nodes take no time.

    Examples
    --------
    >>> SlowNode("leader", by="20ms", at="1s")
    SlowNode('leader', by='20ms', at='1s')
    """

    name: ClassVar[str] = "slow_node"
    factor: float = field(default=1.0, kw_only=True)
    by: Duration = field(default=0.0, kw_only=True)

    def _parameters(self) -> dict[str, Any]:
        what = "a factor from 1 to 1000000"
        written = super()._parameters()
        if self.factor != 1:
            written["factor"] = number(self.factor, "SlowNode: factor", what, 1, 1e6)
        by = to_ms(self.by, "SlowNode: by")
        return {**written, "by": by} if by else written


@dataclass(frozen=True, eq=False, repr=False)
class Resume(OnNode):
    """Paused nodes continue, first with what has waited: every pause on them ends.

    >>> import raftlab as rl
    >>> rl.Cluster(3, steps=[Pause("AB"), Resume()])["A"].paused
    False
    """

    name: ClassVar[str] = "resume"
    node: Target = "the paused"


@dataclass(frozen=True, eq=False, repr=False)
class ForgetVote(OnNode):
    """A lie: a node forgets its vote in this term, and would vote again.

    >>> import raftlab as rl
    >>> initial = rl.Initial(term=1, voted_for={"A": "B"})
    >>> rl.Cluster(3, initial=initial, steps=[ForgetVote("A")])["A"].voted_for is None
    True
    """

    name: ClassVar[str] = "forget_vote"


@dataclass(frozen=True, eq=False, repr=False)
class Usurp(OnNode):
    """A lie: a node leads the next term without an election.

    >>> import raftlab as rl
    >>> rl.Cluster(3, steps=[Usurp("B")])["B"].role
    'leader'
    """

    name: ClassVar[str] = "usurp"


@dataclass(frozen=True, eq=False, repr=False)
class ClockRate(OnNode):
    """Clocks run fast (`rate` above 1) or slow (below 1) until the fault ends.

    `rate` is from 0.000001 to 1000. The rates of several faults at one node multiply; a product beyond these
    limits is set to the limit. When a fault ends, its rate no longer counts, and the clock keeps its offset.

    >>> import raftlab as rl
    >>> rl.Cluster(3, steps=[ClockRate("A", 1.5), ClockRate("A", 2)])["A"].clock_rate
    3.0
    """

    name: ClassVar[str] = "clock_rate"
    _label: ClassVar[str] = "clock ×{rate:.6g} {hit}"
    rate: float

    def _parameters(self) -> dict[str, Any]:
        if isinstance(self.rate, bool) or not isinstance(self.rate, (int, float)):
            raise InvalidError(f"ClockRate: rate must be a number, not {shown(self.rate)}")
        if not 1e-6 <= self.rate <= 1e3:
            raise InvalidError(f"ClockRate: rate must be between 0.000001 and 1000, not {shown(self.rate)}")
        return {**super()._parameters(), "rate": float(self.rate)}


@dataclass(frozen=True, eq=False, repr=False)
class ClockJump(OnNode):
    """Clocks are set forward, or back with a negative time such as `"-20ms"`.

    >>> import raftlab as rl
    >>> rl.Cluster(3, steps=[ClockJump("A", "-20ms")])["A"].clock_offset_ms
    -20.0
    """

    name: ClassVar[str] = "clock_jump"
    _label: ClassVar[str] = "clock {by:+} {hit}"
    by: Duration

    def _parameters(self) -> dict[str, Any]:
        return {**super()._parameters(), "by": to_signed_ms(self.by, "ClockJump: by")}


@dataclass(frozen=True, eq=False, repr=False)
class Lie(OnNode):
    """Nodes lie.

    Parameters
    ----------
    node : target
        The nodes that lie.
    lie : {"claimed_log", "equivocate", "double_vote", "forged_ack"}
        The lie: the node claims a longer or a shorter log than it has; as leader, it sends every second
        follower (the first, third and so on of the others) different values at the same index and term,
        numbers one higher and `0` for a text; it grants every vote; it acknowledges entries that it discards.
    index : int, optional
        The index claimed for the last entry with `"claimed_log"`. With `index=0` the node claims an empty
        log: no node with an entry in its log votes for it, though it stands for election (the servers that
        are "ineligible to lead" in "Raft Refloated", Howard et al., 2015).
    term : int, optional
        The term claimed with `"claimed_log"`; by default the highest that any log can have, or 0 with
        `index=0`.
    append_entries : bool, default False
        Whether a leader with `"claimed_log"` keeps lying, with `prevLogIndex` set to the claim.

    Examples
    --------
    >>> Lie("E", "claimed_log", index=9999)
    Lie('E', 'claimed_log', index=9999)
    >>> Lie("A", "equivocate")
    Lie('A', 'equivocate')
    """

    name: ClassVar[str] = "lie"
    _label: ClassVar[str] = "{hit}: {lie}"
    lie: LieName
    index: int | None = field(default=None, kw_only=True)
    term: int | None = field(default=None, kw_only=True)
    append_entries: bool = field(default=False, kw_only=True)

    def _parameters(self) -> dict[str, Any]:
        lie: dict[str, Any] = {"lie": choice(self.lie, "Lie: lie", words(LieName))}
        if self.lie == "claimed_log":
            lie["index"] = integer(self.index, "Lie: claimed_log: index")
            lie["append_entries"] = flag(self.append_entries, "Lie: append_entries")
            if self.term is not None:
                lie["term"] = integer(self.term, "Lie: term")
        elif self.index is not None or self.term is not None or self.append_entries:
            raise InvalidError(
                f"Lie: index, term and append_entries are for 'claimed_log', not for {self.lie!r}"
            )
        return {**super()._parameters(), "lie": lie}


@dataclass(frozen=True, eq=False, repr=False)
class _OnMessages(Fault):
    _label: ClassVar[str] = "{kind}{link}"

    from_: Target | None = field(default=None, kw_only=True)
    to: Target | None = field(default=None, kw_only=True)
    both_ways: bool = field(default=False, kw_only=True)
    types: MessageType | Sequence[MessageType] = field(default=(), kw_only=True)

    def _parameters(self) -> dict[str, Any]:
        what = type(self).__name__
        written: dict[str, Any] = {}
        if self.from_ is not None:
            written["from"] = target_to_dict(self.from_, f"{what}: from_")
        if self.to is not None:
            written["to"] = target_to_dict(self.to, f"{what}: to")
        if self.both_ways:
            written["both_ways"] = flag(self.both_ways, f"{what}: both_ways")
        types = message_types(self.types, f"{what}: types")
        if types:
            written["types"] = types
        return written


@dataclass(frozen=True, eq=False, repr=False)
class Cut(_OnMessages):
    """Links are down in one direction, or for some types of message only.

    Parameters
    ----------
    from_, to : target, optional
        Senders and receivers; all by default.
    both_ways : bool, default False
        Whether the opposite direction is down, too.
    types : str or list of str, optional
        The types of messages, such as `"AppendEntries"`; all by default.

    Examples
    --------
    >>> Cut(from_="A", to="BC")
    Cut(from_='A', to='BC')
    """

    name: ClassVar[str] = "cut"


@dataclass(frozen=True, eq=False, repr=False)
class Hold(_OnMessages):
    """Messages are held back as they are sent, to be delivered by hand (`Cluster.in_flight`).

    >>> import raftlab as rl
    >>> c = rl.Cluster(3, steps=[Hold(to="B"), rl.campaign("A"), rl.run("1s")])
    >>> all(message.held for message in c.in_flight.select(to="B"))
    True
    """

    name: ClassVar[str] = "hold"


@dataclass(frozen=True, eq=False, repr=False)
class Delay(_OnMessages):
    """Messages take longer, by a time or a distribution.

    >>> Delay("10s", from_="leader")
    Delay('10s', from_='leader')
    """

    name: ClassVar[str] = "delay"
    _label: ClassVar[str] = "{kind} {by}{link}"
    by: Time

    def _parameters(self) -> dict[str, Any]:
        return {**super()._parameters(), "by": time_to_dict(self.by, "Delay: by")}


@dataclass(frozen=True, eq=False, repr=False)
class Throttle(_OnMessages):
    """Links carry at most `bandwidth` bytes per second in each direction.

    Of several limits the lowest counts. Messages that wait for a link when it ends arrive as if it had not.

    >>> Throttle(1e6, to="a follower")
    Throttle(1000000, to='a follower')
    """

    name: ClassVar[str] = "throttle"
    _label: ClassVar[str] = "{kind} {bandwidth:.3g} B/s{link}"
    bandwidth: float

    def _parameters(self) -> dict[str, Any]:
        rate = bytes_per_second(self.bandwidth, "Throttle: bandwidth")
        return {**super()._parameters(), "bandwidth": rate}


@dataclass(frozen=True, eq=False, repr=False)
class _Chance(_OnMessages):
    _label: ClassVar[str] = "{kind} {percent:.3g} %{link}"

    probability: float

    def _parameters(self) -> dict[str, Any]:
        chance = probability(self.probability, f"{type(self).__name__}: probability")
        return {**super()._parameters(), "probability": chance}


@dataclass(frozen=True, eq=False, repr=False)
class Loss(_Chance):
    """Messages are lost with a probability; losses combine as 1 - prod(1 - p).

    >>> Loss(0.2, to="a follower")
    Loss(0.2, to='a follower')
    """

    name: ClassVar[str] = "loss"


@dataclass(frozen=True, eq=False, repr=False)
class Duplicate(_Chance):
    """Messages arrive twice with a probability; the copy has its own latency.

    >>> Duplicate(0.1, types="AppendEntries")
    Duplicate(0.1, types='AppendEntries')
    """

    name: ClassVar[str] = "duplicate"


def fault_from_dict(written: dict[str, Any]) -> Fault:
    """A fault from the scenario's JSON."""
    with reading("a fault", written):
        return _fault_of(written)


def _fault_of(written: dict[str, Any]) -> Fault:
    inner = dict(written["fault"])
    cls = kinds()[inner.pop("fault")]
    schedule: dict[str, Any] = {part: _time_of(written[part]) for part in SCHEDULE_TIMES if part in written}
    if "times" in written:
        schedule["times"] = written["times"]
    if written.get("patience", 10_000) != 10_000:
        schedule["patience"] = written["patience"]
    if cls is Partition:
        return Partition(
            *inner.get("groups", []), shape=inner.get("shape"), bridge=inner.get("bridge"), **schedule
        )
    if cls is Lie:
        lie = inner.pop("lie")
        inner |= lie
    if "from" in inner:
        inner["from_"] = inner.pop("from")
    if isinstance(inner.get("by"), dict):
        inner["by"] = Distribution.from_dict(inner["by"])
    inner = {k: tuple(v) if isinstance(v, list) else v for k, v in inner.items()}
    return cls(**inner, **schedule)


def _time_of(written: Any) -> Any:
    """A time, a distribution of times, or the condition at which a fault strikes."""
    if isinstance(written, dict) and "condition" in written:
        return Condition.from_dict(written)
    return time_from_dict(written)


def kinds() -> dict[str, type[Fault]]:
    """The classes of faults by their names in JSON and tables, in the order of `__all__`."""
    classes = (globals()[name] for name in __all__)
    return {cls.name: cls for cls in classes if cls.name}
