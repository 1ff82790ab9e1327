"""The steps that ask a leader to change the membership of its cluster, or to stop leading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._arguments import flag, items, reading
from ._arguments import node as name_of
from ._step import Action, names_of
from ._typing import NodeName
from .errors import InvalidError, shown

__all__ = [
    "add",
    "change",
    "change_from_dict",
    "demote",
    "leave_joint",
    "promote",
    "remove",
    "step_down",
    "transfer",
]


@dataclass(frozen=True, eq=False, repr=False)
class _Configure(Action):
    """The base of changes of the configuration."""

    def _action(self) -> dict[str, Any]:
        return {"configure": {"change": self._change(), **names_of(self, "node")}}

    def _change(self) -> Any:
        """The change as in the scenario's JSON."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False, repr=False)
class add(_Configure):
    """A step: add a machine to the cluster; see `Cluster.add`.

    Parameters
    ----------
    machine : str
        The machine. One that has not run before is started.
    voter : bool, default False
        Whether it votes at once; otherwise it is a learner.
    node : str, optional
        The node to ask; by default the leader of the highest term.

    Examples
    --------
    >>> add("D"), add("D", voter=True)
    (steps.add('D'), steps.add('D', voter=True))
    """

    machine: NodeName
    voter: bool = field(default=False, kw_only=True)
    node: NodeName | None = field(default=None, kw_only=True)

    def _change(self) -> Any:
        name = name_of(self.machine, "machine")
        return {"add_voter" if flag(self.voter, "voter") else "add": name}


@dataclass(frozen=True, eq=False, repr=False)
class promote(_Configure):
    """A step: make a learner a voter, once it has caught up; see `Cluster.promote`.

    Parameters
    ----------
    member : str
        The learner.
    node : str, optional
        The node to ask; by default the leader of the highest term.

    Examples
    --------
    >>> promote("D")
    steps.promote('D')
    """

    member: NodeName
    node: NodeName | None = field(default=None, kw_only=True)

    def _change(self) -> Any:
        return {"promote": name_of(self.member, "member")}


@dataclass(frozen=True, eq=False, repr=False)
class demote(_Configure):
    """A step: make a voter a learner; see `Cluster.demote`.

    Parameters
    ----------
    member : str
        The voter.
    node : str, optional
        The node to ask; by default the leader of the highest term.

    Examples
    --------
    >>> demote("B")
    steps.demote('B')
    """

    member: NodeName
    node: NodeName | None = field(default=None, kw_only=True)

    def _change(self) -> Any:
        return {"demote": name_of(self.member, "member")}


@dataclass(frozen=True, eq=False, repr=False)
class remove(_Configure):
    """A step: remove a member; see `Cluster.remove`.

    Parameters
    ----------
    member : str
        The member.
    node : str, optional
        The node to ask; by default the leader of the highest term.

    Examples
    --------
    >>> remove("A")
    steps.remove('A')
    """

    member: NodeName
    node: NodeName | None = field(default=None, kw_only=True)

    def _change(self) -> Any:
        return {"remove": name_of(self.member, "member")}


@dataclass(frozen=True, eq=False, repr=False)
class change(_Configure):
    """A step: change to any membership by joint consensus (§6); see `Cluster.change`.

    Parameters
    ----------
    voters : str or list of str
        The voters afterwards: single letters in a row, such as `"ABD"`, or a list of names.
    learners : str or list of str, optional
        The learners afterwards.
    stay : bool, default False
        Whether the joint configuration stays until `leave_joint`.
    node : str, optional
        The node to ask; by default the leader of the highest term.

    Examples
    --------
    >>> change("ABD", learners="C")
    steps.change('ABD', learners='C')
    """

    voters: str | Sequence[NodeName]
    learners: str | Sequence[NodeName] = field(default=(), kw_only=True)
    stay: bool = field(default=False, kw_only=True)
    node: NodeName | None = field(default=None, kw_only=True)

    def _change(self) -> Any:
        joint: dict[str, Any] = {"voters": _members(self.voters, "voters")}
        if learners := _members(self.learners, "learners"):
            joint["learners"] = learners
        if flag(self.stay, "stay"):
            joint["stays"] = True
        return {"joint": joint}


@dataclass(frozen=True, eq=False, repr=False)
class leave_joint(_Configure):
    """A step: leave a joint configuration that stays; see `Cluster.leave_joint`.

    Parameters
    ----------
    node : str, optional
        The node to ask; by default the leader of the highest term.

    Examples
    --------
    >>> leave_joint()
    steps.leave_joint()
    """

    node: NodeName | None = field(default=None, kw_only=True)

    def _change(self) -> Any:
        return "leave"


@dataclass(frozen=True, eq=False, repr=False)
class transfer(Action):
    """A step: ask a leader to hand over its leadership; see `Cluster.transfer`.

    Parameters
    ----------
    to : str
        The voter that is to lead.
    node : str, optional
        The node to ask; by default the leader of the highest term.

    Examples
    --------
    >>> transfer("B")
    steps.transfer('B')
    """

    to: NodeName
    node: NodeName | None = field(default=None, kw_only=True)

    def _parameters(self) -> dict[str, Any]:
        return {"to": name_of(self.to, "to"), **names_of(self, "node")}


@dataclass(frozen=True, eq=False, repr=False)
class step_down(Action):
    """A step: ask a leader to stop leading; see `Cluster.step_down`.

    Parameters
    ----------
    node : str, optional
        The node to ask; by default the leader of the highest term.

    Examples
    --------
    >>> step_down()
    steps.step_down()
    """

    node: NodeName | None = field(default=None, kw_only=True)

    def _parameters(self) -> dict[str, Any]:
        return names_of(self, "node")


def _members(given: Any, what: str) -> list[str]:
    """The names of members: single letters in a row, a node, or a list of names and nodes."""
    if isinstance(given, str):
        if not given.isalpha() and len(given) > 1:
            raise InvalidError(
                f"{what} must be single letters in a row, such as 'ABC', or a list of names, "
                f"not {shown(given)}"
            )
        return list(given)
    return [name_of(one, what) for one in items(given, what, "names of nodes")]


def change_from_dict(change: Any, **node: Any) -> Action:
    """A change of the configuration from the scenario's JSON."""
    with reading("a change", change):
        if change == "leave":
            return leave_joint(**node)
        ((name, given),) = change.items()
        if name == "joint":
            return _change_from_dict(given, node)
        if name == "add_voter":
            return add(given, voter=True, **node)
        kinds: dict[str, Any] = {kind.__name__: kind for kind in (add, promote, demote, remove)}
        return kinds[name](given, **node)  # type: ignore[no-any-return]


def _change_from_dict(given: Mapping[str, Any], node: Mapping[str, Any]) -> change:
    joint = dict(given)
    if "stays" in joint:
        joint["stay"] = joint.pop("stays")
    return change(shortest(joint.pop("voters")), **_short(joint), **node)


def _short(joint: Mapping[str, Any]) -> dict[str, Any]:
    return {name: shortest(part) if name == "learners" else part for name, part in joint.items()}


def shortest(names: Sequence[str]) -> str | Sequence[str]:
    """Names in a row if they are single letters."""
    return "".join(names) if names and all(len(name) == 1 and name.isalpha() for name in names) else names
