"""The steps of a scenario, as values.

The most common steps are also names of raftlab: `rl.run` is `rl.steps.run`. A fault is a step, too (it is
injected), and so is a text such as `"x=1"` (it is proposed). The other steps are recorded by clusters that
are driven by hand; scenarios accept them as well.

>>> import raftlab as rl
>>> script = [rl.run_until(rl.leader_elected), rl.propose("x=1"), rl.Crash("leader"), rl.run("1s")]
>>> rl.Scenario(3, steps=script).steps[1]
propose('x=1')
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, SupportsIndex

from ._arguments import U32, choice, flag, handle, instance, integer, message_types, reading
from ._arguments import node as name_of
from ._boundary import guard
from ._conditions import Condition
from ._faults import Fault, fault_from_dict
from ._membership_steps import (
    add,
    change,
    change_from_dict,
    demote,
    leave_joint,
    promote,
    remove,
    step_down,
    transfer,
)
from ._step import Action, Step, names_of
from ._time import Duration, to_ms
from ._typing import MessageType, NodeName, Via, words
from .commands import Command, command_from_dict, command_to_dict, shortest
from .errors import InvalidError, shown

__all__ = [
    "Action",
    "Step",
    "add",
    "at",
    "campaign",
    "change",
    "deliver",
    "demote",
    "events",
    "give_up",
    "heal",
    "leave_joint",
    "message",
    "planned",
    "promote",
    "propose",
    "read",
    "remove",
    "reseed",
    "retry",
    "run",
    "run_to",
    "run_until",
    "step_down",
    "transfer",
]


# ---- Time -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class run(Step):
    """A step: let time pass.

    Parameters
    ----------
    duration : time
        The duration.

    Examples
    --------
    >>> run("1s")
    run('1s')
    >>> run("1s").to_dict()
    {'run': 1000.0}
    """

    short: ClassVar[bool] = True
    duration: Duration

    def to_dict(self) -> dict[str, Any]:
        """The step as in the scenario's JSON."""
        return {"run": to_ms(self.duration, "duration")}


@dataclass(frozen=True, eq=False, repr=False)
class run_to(Step):
    """A step: let time pass up to a time.

    Parameters
    ----------
    time : time
        The time from the beginning of the run. No time passes if it is in the past.

    Examples
    --------
    >>> run_to("2s")
    steps.run_to('2s')
    """

    time: Duration

    def to_dict(self) -> dict[str, Any]:
        """The step as in the scenario's JSON."""
        return {"run_to": to_ms(self.time, "time")}


@dataclass(frozen=True, eq=False, repr=False)
class run_until(Step):
    """A step: let time pass until a condition holds.

    Parameters
    ----------
    condition : Condition
        One of `raftlab.conditions`.
    limit : time, default 60 s
        The maximum duration. If the condition does not hold by then, the run ends with `NotReached`.

    Examples
    --------
    >>> import raftlab as rl
    >>> run_until(rl.leader_elected, limit="5s")
    run_until(leader_elected, limit='5s')
    """

    short: ClassVar[bool] = True
    condition: Condition
    limit: Duration = field(default="60s", kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """The step as in the scenario's JSON."""
        until = instance(self.condition, Condition, "condition").to_dict()
        return {"run_until": {"until": until, "limit": to_ms(self.limit, "limit")}}


@dataclass(frozen=True, eq=False, repr=False)
class events(Step):
    """A step: dispatch the next events, as `Cluster.step` does.

    Parameters
    ----------
    count : int
        The number of events.
    python : bool, default False
        Whether a condition in Python held after these events. With another seed the same number of events is
        dispatched, which may lead elsewhere.

    Examples
    --------
    >>> events(12)
    steps.events(12)
    """

    count: int
    python: bool = field(default=False, kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """The step as in the scenario's JSON."""
        written: dict[str, Any] = {"count": integer(self.count, "count")}
        if flag(self.python, "python"):
            written["python"] = True
        return {"events": written}


@dataclass(frozen=True, eq=False, repr=False)
class planned(Step):
    """A step: do the next actions that are planned for now, such as faults that strike now.

    Recorded when a run is stopped between actions of one time.

    Parameters
    ----------
    count : int
        The number of actions.

    Examples
    --------
    >>> planned(1)
    steps.planned(1)
    """

    count: int

    def to_dict(self) -> dict[str, Any]:
        """The step as in the scenario's JSON."""
        return {"planned": integer(self.count, "count")}


@dataclass(frozen=True, eq=False, repr=False)
class reseed(Step):
    """A step: continue with the random draws of another seed, as in `fork(seed=...)`.

    Parameters
    ----------
    seed : int
        The seed, from 0 to 2^64 - 1.

    Examples
    --------
    >>> reseed(4)
    steps.reseed(4)
    """

    seed: int

    def to_dict(self) -> dict[str, Any]:
        """The step as in the scenario's JSON."""
        return {"reseed": integer(self.seed, "seed")}


# ---- Actions ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class propose(Action):
    """A step: a client proposes a command; see `Cluster.propose`.

    Parameters
    ----------
    command : str or Command
        `"x=1"`, or `put`, `get`, `cas`, `append`.
    node, home, client : str, optional
        The node to ask; the node to which the client is attached; the client's name, if it has a session.

    Examples
    --------
    >>> propose("x=1", node="A")
    propose('x=1', node='A')
    """

    short: ClassVar[bool] = True
    command: Command | str
    node: NodeName | None = field(default=None, kw_only=True)
    home: NodeName | None = field(default=None, kw_only=True)
    client: str | None = field(default=None, kw_only=True)

    def _shown(self) -> tuple[list[Any], dict[str, Any]]:
        _, named = super()._shown()
        return [shortest(self.command)], named

    def _parameters(self) -> dict[str, Any]:
        return {"command": command_to_dict(self.command), **names_of(self, "node", "home", "client")}


@dataclass(frozen=True, eq=False, repr=False)
class read(Action):
    """A step: a client reads a key; see `Cluster.read`.

    Parameters
    ----------
    key : str
        The key.
    node, home : str, optional
        The node to ask; the node to which the client is attached.
    via : {"log", "read_index", "lease", "local"}, default "log"
        The way in which the read is served.

    Examples
    --------
    >>> read("x", via="read_index")
    read('x', via='read_index')
    """

    short: ClassVar[bool] = True
    key: str
    node: NodeName | None = field(default=None, kw_only=True)
    home: NodeName | None = field(default=None, kw_only=True)
    via: Via = field(default="log", kw_only=True)

    def _parameters(self) -> dict[str, Any]:
        if not isinstance(self.key, str) or not self.key:
            raise InvalidError(f"a key must be a text of at least one letter, not {shown(self.key)}")
        return {"key": self.key, "via": choice(self.via, "via", words(Via)), **names_of(self, "node", "home")}


@dataclass(frozen=True, eq=False, repr=False)
class retry(Action):
    """A step: a client retries an operation, perhaps at another node; see `Cluster.retry`.

    Parameters
    ----------
    operation : int or Operation
        The operations of a run are numbered 1, 2, 3 … in order.
    node, home : str, optional
        The node to ask; the node to which the client is attached.

    Examples
    --------
    >>> retry(1, node="B")
    steps.retry(1, node='B')
    """

    operation: SupportsIndex
    node: NodeName | None = field(default=None, kw_only=True)
    home: NodeName | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "operation", handle(self.operation, "operation", "an operation"))
        super().__post_init__()

    def _parameters(self) -> dict[str, Any]:
        return {"op": self.operation, **names_of(self, "node", "home")}


@dataclass(frozen=True, eq=False, repr=False)
class give_up(Action):
    """A step: a client stops waiting for an operation; see `Cluster.give_up`.

    Parameters
    ----------
    operation : int or Operation
        The operations of a run are numbered 1, 2, 3 … in order.

    Examples
    --------
    >>> give_up(1)
    steps.give_up(1)
    """

    operation: SupportsIndex

    def __post_init__(self) -> None:
        object.__setattr__(self, "operation", handle(self.operation, "operation", "an operation"))
        super().__post_init__()

    def _parameters(self) -> dict[str, Any]:
        return {"op": self.operation}


@dataclass(frozen=True, eq=False, repr=False)
class campaign(Action):
    """A step: a node starts an election, as if its timer had expired.

    Parameters
    ----------
    node : str
        The node.

    Examples
    --------
    >>> campaign("A")
    campaign('A')
    """

    short: ClassVar[bool] = True
    node: NodeName

    def _parameters(self) -> dict[str, Any]:
        return {"node": name_of(self.node, "node")}


@dataclass(frozen=True, eq=False, repr=False)
class heal(Action):
    """A step: end one fault, or all network faults; see `Cluster.heal`.

    Parameters
    ----------
    handle : int or FaultHandle, optional
        The faults of a run are numbered 1, 2, 3 … in the order in which they are given.

    Examples
    --------
    >>> heal(), heal(2)
    (heal(), heal(handle=2))
    """

    short: ClassVar[bool] = True
    handle: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.handle, str):
            raise InvalidError(
                f"handle must be what a fault's method returned, not {shown(self.handle)}. "
                "restart(node) brings a node up; heal() ends all faults of the network"
            )
        if self.handle is not None:
            object.__setattr__(self, "handle", handle(self.handle, "handle", "a fault", U32))
        super().__post_init__()

    def _parameters(self) -> dict[str, Any]:
        return {} if self.handle is None else {"handle": self.handle}


MOVES = ("deliver", "hold", "release", "drop", "duplicate")


@dataclass(frozen=True, eq=False, repr=False)
class message(Action):
    """A step: move a message in flight by hand, as the methods of `Message` do.

    Parameters
    ----------
    move : {"deliver", "hold", "release", "drop", "duplicate"}
        The move.
    from_, to : str
        Its sender and receiver.
    ordinal : int
        Its position on the link, counted from 0.
    copy : int, default 0
        0 for the message itself, 1 and up for copies of it.
    after : time, default 0
        The delay until it arrives, if it is released.

    Examples
    --------
    >>> message("drop", from_="A", to="B", ordinal=3)
    steps.message('drop', from_='A', to='B', ordinal=3)
    """

    move: str
    from_: NodeName = field(kw_only=True)
    to: NodeName = field(kw_only=True)
    ordinal: int = field(kw_only=True)
    copy: int = field(default=0, kw_only=True)
    after: Duration = field(default=0, kw_only=True)

    def _parameters(self) -> dict[str, Any]:
        name = {
            "from": name_of(self.from_, "from_"),
            "to": name_of(self.to, "to"),
            "ordinal": integer(self.ordinal, "ordinal"),
            "copy": integer(self.copy, "copy", 0, 255),
        }
        move = choice(self.move, "move", MOVES)
        return {"message": name, "do": move, "after": to_ms(self.after, "after")}


WHICH = ("first", "last", "all")


@dataclass(frozen=True, eq=False, repr=False)
class deliver(Action):
    """A step: deliver messages that a link holds (`Hold`). Nothing happens if it holds none.

    Parameters
    ----------
    from_, to : str
        The sender and the receiver.
    which : {"first", "last", "all"}, default "first"
        The one that was sent first or last, or all in the order in which they were sent.
    types : str or list of str, optional
        The types of messages, such as `"AppendEntries"`; all by default.

    Examples
    --------
    >>> import raftlab as rl
    >>> hold = rl.Hold(from_="B", to="A")
    >>> c = rl.Cluster(2, network=1, steps=[hold, rl.campaign("A"), rl.run("5ms"), deliver("B", "A")])
    >>> c.leader.name
    'A'
    """

    from_: NodeName
    to: NodeName
    which: str = field(default="first", kw_only=True)
    types: MessageType | Sequence[MessageType] = field(default=(), kw_only=True)

    def _parameters(self) -> dict[str, Any]:
        written: dict[str, Any] = {"from": name_of(self.from_, "from_"), "to": name_of(self.to, "to")}
        if types := message_types(self.types, "types"):
            written["types"] = types
        return {**written, "which": choice(self.which, "which", WHICH)}


@dataclass(frozen=True, eq=False, repr=False)
class at(Action):
    """A step: defer an action to a later time, or until a condition holds; see `Cluster.at`.

    Parameters
    ----------
    time : time or Condition
        The time, from the beginning of the run; or one of `raftlab.conditions`, armed by this step: the
        action comes when it first holds, between two events, and never if it never holds.
    action : fault, command or step
        The action: a step that takes no time itself, such as `campaign("A")`.

    Examples
    --------
    >>> at("2s", "x=1")
    steps.at('2s', 'x=1')
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, steps=[at(rl.leads("B"), "x=1"), rl.campaign("B"), rl.run("100ms")])
    >>> c.operations[0].status
    'ok'
    """

    time: Duration | Condition
    action: Fault | Command | str | Action

    def _parameters(self) -> dict[str, Any]:
        step = step_to_dict(self.action)
        if set(step) != {"do"}:
            raise InvalidError(
                f"only a fault, a command or an action can be scheduled, not {shown(self.action)}"
            )
        return {**self._when(), "action": step["do"]}

    def _when(self) -> dict[str, Any]:
        if isinstance(self.time, Condition):
            return {"condition": self.time.to_dict()}
        return {"time": to_ms(self.time, "time")}

    def _action(self) -> dict[str, Any]:
        written = super()._action()
        return {"once": written["at"]} if isinstance(self.time, Condition) else written


# ---- To the scenario's JSON, and back ---------------------------------------------------------------


def step_to_dict(step: Any) -> dict[str, Any]:
    """A step as in the scenario's JSON: one of this module, a fault, or a command."""
    if isinstance(step, Step):
        return step.to_dict()
    if isinstance(step, Fault):
        return {"do": {"inject": step.to_dict()}}
    if isinstance(step, (Command, str)):
        return propose(step).to_dict()
    if isinstance(step, dict):
        return step
    raise InvalidError(
        "a step must be a fault, a command, or one of raftlab.steps such as run, run_until, propose, read, "
        f"campaign or heal, not {shown(step)}"
    )


def step_from_dict(written: Mapping[str, Any]) -> Step | Fault:
    """A step from the scenario's JSON; a fault that is injected is itself a step."""
    with reading("a step", written):
        ((name, given),) = written.items()
        if name == "do":
            return action_from_dict(given)
        if name == "run_until":
            limit = {} if given["limit"] == 60_000 else {"limit": given["limit"]}  # the default
            return run_until(Condition.from_dict(given["until"]), **limit)
        if name == "events":
            return events(**given)
        kinds: dict[str, type[Step]] = {kind.__name__: kind for kind in (run, run_to, planned, reseed)}
        return kinds[name](given)  # type: ignore[call-arg]  # each of them takes one value


def action_from_dict(written: Mapping[str, Any]) -> Action | Fault:
    """An action from the scenario's JSON."""
    ((name, given),) = written.items()
    if name == "inject":
        return fault_from_dict(given)
    if name == "message":
        which = dict(given["message"])
        return message(given["do"], from_=which.pop("from"), **which, after=given.get("after", 0))
    if name == "deliver":
        held = dict(given)
        return deliver(held.pop("from"), held.pop("to"), **held)
    if name in ("at", "once"):
        time = given["time"] if name == "at" else Condition.from_dict(given["condition"])
        return at(time, action_from_dict(given["action"]))
    given = dict(given)
    if name == "propose":
        return propose(command_from_dict(given.pop("command")), **given)
    if name in ("retry", "give_up"):
        given["operation"] = given.pop("op")
    if name == "configure":
        return change_from_dict(**given)
    if name == "transfer":
        return transfer(given.pop("to"), **given)
    kinds: dict[str, type[Action]] = {
        kind.__name__: kind for kind in (read, retry, give_up, campaign, heal, step_down)
    }
    return kinds[name](**given)


guard(__name__)
