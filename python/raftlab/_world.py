"""The attributes that clusters driven by hand and finished runs share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from . import _core, views
from ._arguments import Handle, handle, node
from ._html import note, table
from ._membership import Membership
from ._time import format_ms
from ._values import Guarded
from ._violations import Violation, Violations
from .errors import InvalidError, counted, escaped, shown
from .scenario import Scenario
from .tables import Trace
from .views import Leaders, Nodes, NodeView, Operation, Operations

if TYPE_CHECKING:
    from ._typing import NodeName

__all__ = ["World"]

T = TypeVar("T")


class World(metaclass=Guarded):
    """The common base of `Cluster` and `Run`: everything that can be observed.

    It equals only itself: compare the `digest` of two runs. `in` finds nodes and their names.

    >>> import raftlab as rl
    >>> c = rl.Cluster(3)
    >>> "A" in c, "D" in c, c["A"] in c, c["A"] in c.fork()
    (True, False, True, False)
    """

    _engine: _core.Engine
    _family: object
    """The same for a cluster and its forks, which share handles."""

    @staticmethod
    def _instead_of_setting(name: str) -> str:
        return INSTEAD_OF_SETTING.get(name, "it can only be read")

    @property
    def now_ms(self) -> float:
        """The time in milliseconds."""
        return self._engine.now_ms

    @property
    def seed(self) -> int:
        """The seed."""
        return self._engine.seed

    @property
    def digest(self) -> str:
        """A 128-bit hash over everything that has happened: equal digests mean equal runs."""
        return self._engine.digest

    @property
    def fingerprint(self) -> str:
        """A 64-bit hash of the present state: equal states have equal fingerprints, whatever their histories.

        It covers the nodes, their disks and timers, and the messages in flight; times count from now. Faults
        that act, clients, and random draws to come are not part of it. The digest is about the history.

        >>> import raftlab as rl
        >>> c = rl.Cluster(3, seed=1)
        >>> d = c.fork()
        >>> _ = c.crash("A"), c.crash("B")
        >>> _ = d.crash("B"), d.crash("A")
        >>> c.fingerprint == d.fingerprint, c.digest == d.digest
        (True, False)
        """
        return self._engine.fingerprint

    @property
    def scenario(self) -> Scenario:
        """The script of everything that was done to this cluster. With the same seed it replays exactly."""
        return Scenario.from_json(self._script())

    def _script(self) -> str:
        return self._engine.script()

    @property
    def nodes(self) -> tuple[NodeView, ...]:
        """The nodes."""
        return Nodes(NodeView(self, name) for name in self._engine.names)

    def __getitem__(self, name: NodeName) -> NodeView:
        found = node(name, "node")
        if found not in self._engine.names:
            known = ", ".join(self._engine.names)
            raise InvalidError(f"unknown node {shown(found)}; this cluster has {known}")
        return NodeView(self, found)

    def __contains__(self, wanted: object) -> bool:
        return wanted in (self._engine.names if isinstance(wanted, str) else self.nodes)

    def __iter__(self) -> Iterator[NodeView]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self._engine.names)

    @property
    def leaders(self) -> tuple[NodeView, ...]:
        """The nodes that are up and consider themselves leader; the highest term last."""
        found = [NodeView(self, name) for name in self._engine.leaders()]
        return Leaders(sorted(found, key=lambda node: node.term))

    @property
    def leader(self) -> NodeView | None:
        """The leader of the highest term, if there is one."""
        found = self.leaders
        return found[-1] if found else None

    @property
    def membership(self) -> Membership:
        """The newest committed configuration: the one in force on a node is that node's `membership`.

        >>> import raftlab as rl
        >>> rl.Cluster(3).membership
        <membership ABC, initial>
        """
        return Membership._of(self._engine.membership())

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations that were requested by hand."""
        return Operations(Operation(self, op) for op in self._engine.ops())

    def operation(self, operation: Operation | int) -> Operation:
        """The same operation in this cluster, for a handle from the cluster that was forked.

        Parameters
        ----------
        operation : Operation or int
            The handle, or its number.
        """
        op = handle(self._own(operation, "operation"), "operation", "an operation")
        self._engine.op(op)
        return Operation(self, op)

    def _own(self, given: T, what: str) -> T:
        """A handle of this cluster or of one that it shares a past with, or what is no handle."""
        if isinstance(given, Handle) and given._world._family is not self._family:
            raise InvalidError(
                f"{what} must be a handle of this cluster or of a fork, not one of another cluster: "
                f"{shown(given)}"
            )
        return given

    @property
    def trace(self) -> Trace:
        """The trace of the run, as tables."""
        return Trace(self)

    @property
    def violations(self) -> Violations:
        """The violations of properties so far."""
        return self._violations(honest=True)

    @property
    def liar_violations(self) -> Violations:
        """Violations that involve only liars."""
        return self._violations(honest=False)

    def _violations(self, *, honest: bool) -> Violations:
        if not self._engine.watching[1]:
            raise InvalidError(
                f"this run was made with checks=False. Run it again with checks: {self.replay_line}"
            )
        return Violations(map(self._violation, self._engine.violations(honest)))

    def _violation(self, found: dict[str, Any]) -> Violation:
        return Violation(
            property=found["property"],
            time_ms=found["time_ms"],
            nodes=tuple(found["nodes"]),
            index=found["index"],
            terms=tuple(found["terms"]),
            command=found["command"],
            message=found["message"],
            events=tuple(found["events"]),
            honest=found["honest"],
            _replay=self._line,
        )

    @property
    def coverage(self) -> dict[str, int]:
        """For each property, how often its check had something to check; 0 means a vacuous pass."""
        return dict(self._engine.coverage())

    @property
    def counters(self) -> dict[str, int]:
        """The numbers of events, messages sent, messages delivered and elections."""
        names = ("events", "sent", "delivered", "elections")
        return dict(zip(names, self._engine.counters(), strict=True))

    @property
    def last_fault_ms(self) -> float:
        """The time of the last strike of a fault; 0 if there was none."""
        return self._engine.last_strike_ms

    @property
    def replay_line(self) -> str:
        """The line of code that replays this run."""
        return self._line()

    def _line(self) -> str:
        script = self._script()
        if len(script) > REPLAY_LINE_LENGTH:
            return f"{type(self).__name__.lower()}.scenario.run(seed={self.seed})"
        return f"raftlab.Scenario.from_json({script!r}).run(seed={self.seed})"

    def _state_line(self) -> str:
        roles = []
        for name in self._engine.names:
            seen = self._engine.node(name)
            role = seen["role"] if seen["up"] else "down"
            roles.append(f"{name} {role} t{seen['term']}")
        return escaped(", ".join(roles[:9])) + (" …" if len(roles) > 9 else "")

    def __repr__(self) -> str:
        name = type(self).__name__
        broken = self._engine.violation_count()
        bad = f", {counted(broken, 'violation')}" if broken else ""
        size = counted(len(self), "node")
        return f"{name}({size}, seed={self.seed}, at {format_ms(self.now_ms)}: {self._lead()}{bad})"

    def _lead(self) -> str:
        """The nodes that lead, each with its term."""
        found = [f"{escaped(node.name)} of term {node.term}" for node in self.leaders]
        most = ", ".join(found[-MOST_LEADERS:])
        return f"leader{'s' * (len(found) > 1)} {most}" if found else "no leader"

    def _repr_html_(self) -> str:
        states = [self._engine.node(name) for name in self._engine.names]
        caption = f"{type(self).__name__}, seed {self.seed}, at {format_ms(self.now_ms)}{self._how()}"
        columns = ("node", "role", "term", "votedFor", "log", "commitIndex")
        rows = [
            (
                name,
                views.role_of(node),
                node["term"],
                node["voted_for"] or "–",
                views.extent(node),
                node["commit_index"],
            )
            for name, node in zip(self._engine.names, states, strict=True)
        ]
        leading = [number for number, node in enumerate(states) if node["up"] and node["role"] == "leader"]
        shown = table(columns, rows, caption=caption, texts=("node", "role"), strong=leading)
        acting = [f"{fault!r} on {', '.join(nodes)}" for _, fault, nodes, _ in views.active_faults(self)]
        if acting:
            shown += note(f"faults that act now: {'; '.join(acting)}")
        if self._engine.violation_count():
            shown += self.violations._repr_html_()
        return shown

    def _how(self) -> str:
        """How the run ended, if it did."""
        return ""


INSTEAD_OF_SETTING = {
    "seed": "make another with this seed, or continue this one with fork(seed=...)",
    "scenario": "make another with scenario.cluster(seed) or scenario.run(seed)",
    "now_ms": "run(...) lets time pass, and state(at=...) goes back",
}

REPLAY_LINE_LENGTH = 4000

MOST_LEADERS = 9
"""The most leaders that a repr names."""
