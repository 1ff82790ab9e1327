"""Views of a cluster: nodes, entries, operations, faults, messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from . import _core
from ._arguments import Handle, choice, message_types, nodes
from ._entries import Entry, Log
from ._faults import Fault, fault_from_dict
from ._html import note, pairs, table
from ._membership import Membership
from ._read_only import set_once
from ._time import Duration, format_ms
from ._values import Guarded, Many, Node
from .errors import escaped

if TYPE_CHECKING:
    from ._typing import NodeName
    from ._world import World
    from .cluster import Cluster

__all__ = ["Entry", "FaultHandle", "InFlight", "Log", "Message", "NodeView", "Operation"]


def role_of(node: Mapping[str, Any]) -> str:
    """The role of a node, or the reason for which it has none."""
    state = str(node["role"]) if node["up"] else "down"
    return f"{state}, paused" if node["paused"] else state


def extent(node: Mapping[str, Any]) -> str:
    """The range of indices of a node's log, in words."""
    first, last = node["first_index"], node["last_index"]
    return f"{first}..{last}" if first <= last else "empty"


class View(metaclass=Guarded):
    """The base of views of one thing: two are equal if they are of the same thing of the same cluster."""

    __slots__ = ()

    _known_by: ClassVar[str]
    """The attribute that tells the things of a cluster apart."""
    _world: World

    def _key(self) -> tuple[int, str, object]:
        return id(self._world), self._known_by, getattr(self, self._known_by)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, View) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        set_once(self, **state[1])


class NodeView(View, Node):
    """A node as it is now. Its attributes follow the cluster; nothing is copied.

    A node that is down shows what its disk holds. Two are equal if they are the same node of the same
    cluster; a fork is another cluster. Where a name is expected, a node is accepted.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, initial=rl.Initial(term=1, leader="A"))
    >>> c.leader
    <node A: leader, term 1, empty log, committed 0>
    >>> c.leader == c["A"], c.leader.role, c.leader.next_index
    (True, 'leader', {'B': 1, 'C': 1})
    """

    __slots__ = ("_raised", "_world")

    _known_by = "name"

    def __init__(self, world: World, name: str) -> None:
        set_once(self, _world=world, name=name)
        world._engine.node(name)  # an unknown name is an error now

    def _get(self, what: str) -> Any:
        return self._world._engine.node(self.name, what)

    @property
    def term(self) -> int:
        """currentTerm."""
        return int(self._get("term"))

    @property
    def role(self) -> str:
        """follower, precandidate, candidate or leader."""
        return str(self._get("role"))

    @property
    def voted_for(self) -> str | None:
        """votedFor in this term."""
        name: str | None = self._get("voted_for")
        return name

    @property
    def leader(self) -> str | None:
        """The node that this node considers the leader."""
        name: str | None = self._get("leader")
        return name

    @property
    def commit_index(self) -> int:
        """commitIndex."""
        return int(self._get("commit_index"))

    @property
    def last_applied(self) -> int:
        """lastApplied."""
        return int(self._get("last_applied"))

    @property
    def last_index(self) -> int:
        """Index of the last entry of the log."""
        return int(self._get("last_index"))

    @property
    def last_term(self) -> int:
        """Term of the last entry of the log."""
        return int(self._get("last_term"))

    @property
    def up(self) -> bool:
        """True if the node is up."""
        return bool(self._get("up"))

    @property
    def paused(self) -> bool:
        """True if the node is paused."""
        return bool(self._get("paused"))

    @property
    def store(self) -> dict[str, str | None]:
        """The key-value store as applied here; the items of a list are joined by commas."""
        return self._world._engine.store(self.name)

    @property
    def next_index(self) -> dict[str, int]:
        """nextIndex for each other member if this node leads; otherwise empty."""
        return {peer: pair[0] for peer, pair in self._get("progress").items()}

    @property
    def match_index(self) -> dict[str, int]:
        """matchIndex for each other member if this node leads; otherwise empty."""
        return {peer: pair[1] for peer, pair in self._get("progress").items()}

    @property
    def membership(self) -> Membership:
        """The configuration in force on this node: the last one in its log or snapshot, committed or not."""
        return Membership._of(self._get("membership"))

    @property
    def election_due_ms(self) -> float | None:
        """The time at which its election timer expires, if it is armed."""
        return cast("float | None", self._get("election_due_ms"))

    @property
    def fingerprint(self) -> str:
        """A 64-bit hash of its state, its disk and its timers, as that of a cluster."""
        return str(self._get("fingerprint"))

    @property
    def clock_offset_ms(self) -> float:
        """The time by which its clock is ahead of simulated time."""
        return float(self._get("clock_offset_ms"))

    @property
    def clock_rate(self) -> float:
        """The rate of its clock; 1 is normal."""
        return float(self._get("clock_rate"))

    @property
    def first_index(self) -> int:
        """Index of the first entry of its log; above 1 if a snapshot covers earlier ones."""
        return int(self._get("first_index"))

    @property
    def snapshot_index(self) -> int:
        """The last index that its snapshot covers; 0 without one."""
        return int(self._get("snapshot_index"))

    @property
    def log(self) -> Log:
        """Its log, without entries that a snapshot has replaced."""
        return Log(Entry(*row) for row in self._world._engine.log(self.name))

    def __repr__(self) -> str:
        node = self._world._engine.node(self.name)
        covered = f", snapshot up to {node['snapshot_index']}" if node["snapshot_index"] else ""
        log = extent(node)
        return (
            f"<node {escaped(self.name)}: {role_of(node)}, term {node['term']}, "
            f"{'empty log' if log == 'empty' else f'log {log}'}{covered}, committed {node['commit_index']}>"
        )

    def _repr_html_(self) -> str:
        node = self._world._engine.node(self.name)
        due = node["election_due_ms"]
        rows = [
            ("role", role_of(node)),
            ("currentTerm", node["term"]),
            ("votedFor", node["voted_for"] or "–"),
            ("leader it knows", node["leader"] or "–"),
            ("membership", node["membership"][-1]),
            ("commitIndex", node["commit_index"]),
            ("lastApplied", node["last_applied"]),
            ("snapshot", f"up to {node['snapshot_index']}" if node["snapshot_index"] else "–"),
            ("election timer", f"runs out at {format_ms(due)}" if due is not None else "not armed"),
        ]
        rows += [
            (f"progress of {peer}", f"nextIndex {following}, matchIndex {matched}")
            for peer, (following, matched) in node["progress"].items()
        ]
        return pairs(rows, caption=f"node {self.name}") + self.log._repr_html_()


class Nodes(Many[NodeView]):
    """Nodes of a cluster: a tuple. `cluster["A"]` is a node by its name."""

    __slots__ = ()

    _one, _several = "node", "nodes"

    def _by_name(self, key: object) -> str:
        known = any(key in node._world._engine.names for node in self[:1])
        return f"; write cluster[{key!r}]" if known else ""

    @staticmethod
    def _instead(_name: str) -> str:
        """The advice for an attribute that it does not have."""
        return "they are a tuple; cluster[...] is a node by its name"


class Leaders(Nodes):
    """The nodes that lead: a tuple."""

    __slots__ = ()

    _one, _several = "leader", "leaders"


class Operation(View, Handle):
    """The handle of a client's operation, with its fate.

    It follows the cluster in which it was made; `fork.operation(handle)` is the same operation in a fork. Two
    are equal if they are the same operation of the same cluster.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, seed=1, initial=rl.Initial(term=1, leader="A"))
    >>> write = c.propose("x=1")
    >>> write.status
    'pending'
    >>> _ = c.run("100ms")
    >>> write
    <operation 1: x=1, ok at index 1>
    >>> write == c.operations[0]
    True
    """

    __slots__ = ("_raised", "_world", "id")

    _known_by = "id"
    _handles: ClassVar[str] = "an operation"
    id: int

    def __init__(self, world: World, op: int) -> None:
        set_once(self, _world=world, id=op)

    def _get(self, what: str) -> Any:
        return self._world._engine.op(self.id).get(what)

    @property
    def text(self) -> str:
        """The request in words."""
        return str(self._get("text"))

    @property
    def status(self) -> str:
        """`"pending"`, `"ok"`, `"failed"` (not done, and never will be) or `"unknown"`.

        An unknown operation may have been done, or may yet be.
        """
        return str(self._get("status"))

    @property
    def reason(self) -> str | None:
        """The reason for which it failed or is unknown."""
        reason: str | None = self._get("reason")
        return reason

    @property
    def node(self) -> str | None:
        """The node that was asked last."""
        node: str | None = self._get("node")
        return node

    @property
    def index(self) -> int | None:
        """The index of its entry; for a read, lastApplied of the node that served it."""
        index: int | None = self._get("index")
        return index

    @property
    def term(self) -> int | None:
        """The term of its entry."""
        term: int | None = self._get("term")
        return term

    @property
    def value(self) -> str | None:
        """The value that a read returned; None if the key was never set."""
        value: str | None = self._get("value")
        return value

    @property
    def applied(self) -> bool | None:
        """True if a compare-and-set found the expected value."""
        applied: bool | None = self._get("applied")
        return applied

    @property
    def invoked_ms(self) -> float:
        """The time at which it was first requested."""
        return float(self._get("invoked_ms"))

    @property
    def ended_ms(self) -> float | None:
        """The time of its answer."""
        ended: float | None = self._get("ended_ms")
        return ended

    @property
    def ok(self) -> bool:
        """True if it was done and acknowledged."""
        return self.status == "ok"

    @property
    def done(self) -> bool:
        """True if it has an answer of any kind."""
        return self.status != "pending"

    def __index__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        op = self._world._engine.op(self.id)
        fate = op["status"] + (f": {op['reason']}" if op["reason"] else "")
        at = f" at index {op['index']}" if op.get("index") is not None else ""
        value = f" = {op['value']}" if op["kind"] == "read" and op["status"] == "ok" else ""
        return escaped(f"<operation {self.id}: {op['text']}{value}, {fate}{at}>")

    def _repr_html_(self) -> str:
        op = self._world._engine.op(self.id)
        asked, ended = op["invoked_ms"], op["ended_ms"]
        rows = [("asked", f"{op['text']}, at {format_ms(asked)}"), ("status", op["status"])]
        rows += [
            (part, op[part])
            for part in ("reason", "node", "index", "term", "value")
            if op.get(part) is not None
        ]
        if ended is not None:
            rows.append(("answered", f"at {format_ms(ended)}, after {format_ms(ended - asked)}"))
        return pairs(rows, caption=f"operation {self.id}")


class FaultHandle(int, Handle):
    """The handle of a fault: `heal(handle)` ends it. Its number is the same in JSON, forks and replays.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3)
    >>> cut = c.partition("A")
    >>> cut
    <fault 1: Partition('A'), active>
    >>> cut.heal()
    >>> cut.active
    False
    """

    _handles: ClassVar[str] = "a fault"
    _world: Cluster
    fault: Fault

    def __new__(cls, world: Cluster, handle: int, fault: Fault) -> Self:
        """The fault of a cluster with this number."""
        self = super().__new__(cls, handle)
        set_once(self, _world=world, fault=fault)
        return self

    @property
    def active(self) -> bool:
        """True if it is active now."""
        return any(f["handle"] == int(self) for f in self._world._engine.active_faults())

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that it hits, if it is active now."""
        for active in self._world._engine.active_faults():
            if active["handle"] == int(self):
                return tuple(active["nodes"])
        return ()

    def heal(self) -> None:
        """Ends the fault."""
        self._world.heal(self)

    def __repr__(self) -> str:
        return f"<fault {int(self)}: {self.fault!r}{', active' if self.active else ''}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return int, (int(self),)


class Operations(Many[Operation]):
    """The operations of a cluster, in a tuple."""

    __slots__ = ()

    _one, _several = "operation", "operations"


class FaultHandles(Many[FaultHandle]):
    """The handles of faults, in a tuple."""

    __slots__ = ()

    _one, _several = "fault that acts now", "faults that act now"


@dataclass(frozen=True)
class Message(metaclass=Guarded):
    """A message in flight, to be moved by hand.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, seed=1)
    >>> c.campaign("A")
    >>> _ = c.run("1ms")
    >>> request = c.in_flight[0]
    >>> request.to, request.type, request.due_ms
    ('B', 'RequestVote', 7.5)
    >>> request.deliver()
    >>> c["B"].voted_for
    'A'

    Attributes
    ----------
    from_, to : str
        Its sender and receiver.
    type : str
        RequestVote, AppendEntries and so on.
    ordinal : int
        It is the `ordinal`-th message of its link, counted from 0.
    copy : int
        0 for the message itself, 1 and up for copies of it.
    sent_ms : float
        The time at which it was sent.
    due_ms : float or None
        The time at which it arrives; None while it is held.
    entries : int
        The number of entries that it carries.
    fields : dict
        Its fields, such as `term`.
    """

    from_: str
    to: str
    type: str
    ordinal: int
    copy: int
    sent_ms: float
    due_ms: float | None
    entries: int
    fields: dict[str, int] = field(hash=False)
    _world: Cluster = field(repr=False, compare=False, hash=False)

    @property
    def held(self) -> bool:
        """True if it is held."""
        return self.due_ms is None

    def deliver(self) -> None:
        """Delivers it now, regardless of the network."""
        self._by_hand("deliver")

    def drop(self) -> None:
        """Drops it."""
        self._by_hand("drop")

    def hold(self) -> None:
        """Holds it until it is released or delivered."""
        self._by_hand("hold")

    def release(self, after: Duration = 0) -> None:
        """Releases it, to arrive after this time."""
        from ._time import to_ms

        self._by_hand("release", to_ms(after, "after"))

    def duplicate(self) -> Message:
        """Makes a copy, which is held."""
        copy = self._by_hand("duplicate")
        return next(
            m
            for m in self._world.in_flight
            if (m.from_, m.to, m.ordinal, m.copy) == (self.from_, self.to, self.ordinal, copy)
        )

    def _by_hand(self, what: str, after: float = 0.0) -> int | None:
        name = {"from": self.from_, "to": self.to, "ordinal": self.ordinal, "copy": self.copy}
        return self._world._act({"message": {"message": name, "do": what, "after": after}})

    def _says(self) -> str:
        said = ((name, value) for name, value in self.fields.items() if value or name not in RARELY)
        return ", ".join(f"{name}={value}" for name, value in said)

    def __str__(self) -> str:
        what = self._says()
        entries = f", {self.entries} entries" if self.entries else ""
        due = "held" if self.due_ms is None else f"due at {format_ms(self.due_ms)}"
        return escaped(f"{self.from_}→{self.to} {self.type}({what}{entries}) {due}")


RARELY = ("forced",)
"""Fields that are shown only if they are set: a vote is forced by TimeoutNow alone."""


class InFlight(Many[Message]):
    """The messages in flight, in the order in which they arrive; held ones last.

    A slice has the same methods.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, seed=1)
    >>> c.campaign("A")
    >>> _ = c.run("1ms")
    >>> len(c.in_flight)
    2
    >>> c.in_flight.select(to="B").drop()
    >>> c.in_flight[:1]
    A→C RequestVote(term=1, last_index=0, last_term=0) due at 7.5 ms
    """

    _one, _several = "message", "messages"
    _names: tuple[str, ...]

    @classmethod
    def _of(cls, messages: Iterable[Message], names: Sequence[str]) -> Self:
        self = cls(messages)
        self._names = tuple(names)
        return self

    def select(
        self,
        *,
        from_: NodeName | Sequence[NodeName] | None = None,
        to: NodeName | Sequence[NodeName] | None = None,
        types: str | Sequence[str] | None = None,
    ) -> InFlight:
        """The messages from some nodes, to some nodes, of some types. `"ABC"` names single-letter nodes."""
        senders = self._names if from_ is None else nodes(from_, "from_", self._names)
        receivers = self._names if to is None else nodes(to, "to", self._names)
        known = _core.message_types()
        wanted = known if types is None else message_types(types, "types")
        among = {choice(name, "types", known) for name in wanted}
        chosen = (m for m in self if m.from_ in senders and m.to in receivers and m.type in among)
        return self._like(chosen)

    def _like(self, items: Iterable[Message]) -> Self:
        return self._of(items, self._names)

    def deliver(self) -> None:
        """Delivers all of them now, one after the other."""
        for message in self:
            message.deliver()

    def drop(self) -> None:
        """Drops all of them."""
        for message in self:
            message.drop()

    def release(self, after: Duration = 0) -> None:
        """Releases all of them."""
        for message in self:
            message.release(after)

    def _range(self, key: object) -> str:
        return super()._range(key) if self else "nothing in flight"

    def __repr__(self) -> str:
        if not self:
            return "<nothing in flight>"
        return "\n".join(str(message) for message in self)

    def _repr_html_(self) -> str:
        if not self:
            return note("nothing in flight")
        columns = ("from", "to", "type", "says", "entries", "sent (ms)", "due (ms)")
        rows = (
            (
                m.from_,
                m.to,
                m.type,
                m._says(),
                m.entries,
                f"{m.sent_ms:.3f}",
                "held" if m.held else f"{m.due_ms:.3f}",
            )
            for m in self
        )
        return table(columns, rows, texts=("from", "to", "type", "says"))


def active_faults(world: World) -> Iterator[tuple[int, Fault, tuple[str, ...], float]]:
    """The active faults: handle, fault, nodes, time of the strike."""
    import json

    for active in world._engine.active_faults():
        fault = fault_from_dict({"fault": json.loads(active["fault"])})
        yield active["handle"], fault, tuple(active["nodes"]), active["since_ms"]
