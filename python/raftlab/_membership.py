"""Configurations of a cluster, and the methods that ask a leader for another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ._html import pairs
from ._membership_steps import (
    add,
    change,
    demote,
    leave_joint,
    promote,
    remove,
    step_down,
    transfer,
)
from ._values import Guarded, Node
from .errors import escaped

if TYPE_CHECKING:
    from ._typing import NodeName
    from .steps import Action
    from .views import Operation

__all__ = ["Membership", "Reconfigurable"]


@dataclass(frozen=True, repr=False)
class Membership(metaclass=Guarded):
    """A configuration: the members of a cluster (§6, diss. §4). `in` finds members, by name or node.

    `str` gives it in words: `"ABC"`; `"ABC + D"` with a learner; `"ABC → ABD"` if it is joint.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, seed=1, initial=rl.Initial(term=1, log=[1], commit=1, leader="A"))
    >>> _ = c.add("D")
    >>> _ = c.run("200ms")
    >>> c.membership
    <membership ABC + D, of entry 2>
    >>> c.membership.learners, c.membership.joint, "D" in c.membership
    (('D',), False, True)

    Attributes
    ----------
    voters : tuple of str
        The voters; the incoming ones if it is joint.
    outgoing : tuple of str
        The voters of the configuration before, if it is joint.
    learners : tuple of str
        The members that get entries and do not vote, with the outgoing voters that become learners.
    index : int
        The index of its entry in the log; 0 for the initial one.
    stays : bool
        True for a joint configuration that waits for `leave_joint`.
    """

    voters: tuple[str, ...]
    outgoing: tuple[str, ...]
    learners: tuple[str, ...]
    index: int
    stays: bool
    _text: str

    @classmethod
    def _of(cls, parts: tuple[int, list[list[str]], bool, str]) -> Self:
        index, members, stays, text = parts
        voters, outgoing, learners = map(tuple, members)
        return cls(voters, outgoing, learners, index, stays, text)

    @property
    def joint(self) -> bool:
        """True if it is joint: decisions need a majority of the voters and one of the outgoing ones (§6)."""
        return bool(self.outgoing)

    def __contains__(self, node: object) -> bool:
        name = node.name if isinstance(node, Node) else node
        return name in tuple(self)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self.voters, *self.outgoing, *self.learners)))

    def __len__(self) -> int:
        return len({*self.voters, *self.outgoing, *self.learners})

    def __str__(self) -> str:
        return escaped(self._text)

    def __repr__(self) -> str:
        kind = f", joint{' until leave_joint()' if self.stays else ''}" if self.joint else ""
        return f"<membership {self}{kind}, {f'of entry {self.index}' if self.index else 'initial'}>"

    def _repr_html_(self) -> str:
        rows = [("voters", self.voters), ("outgoing voters", self.outgoing), ("learners", self.learners)]
        shown = [(what, ", ".join(names) or "–") for what, names in rows]
        return pairs([*shown, ("entry", self.index or "initial")], caption=f"membership {self._text}")


class Reconfigurable:
    """The methods of a `Cluster` that ask a leader for another configuration, or to stop leading."""

    def _ask(self, request: Action) -> Operation:
        raise NotImplementedError

    def add(self, machine: NodeName, *, voter: bool = False, node: NodeName | None = None) -> Operation:
        """Adds a machine, first as a learner: it gets entries and does not vote (diss. §4.2.1).

        A machine that has not run before is started, with an empty log. `promote` makes it a voter.

        Parameters
        ----------
        machine : str
            Its name.
        voter : bool, default False
            Whether it becomes a voter at once, or a learner.
        node : str, optional
            The node to ask; by default the leader of the highest term.

        Returns
        -------
        Operation
            It is done when the configuration is committed. A leader refuses while another change is under
            way, and before it has committed an entry of its own term.

        Raises
        ------
        InvalidError
            If the name is invalid, the cluster would have more than 31 machines, its network has regions, or
            its protocol is not "raft".

        Examples
        --------
        >>> import raftlab as rl
        >>> c = rl.Cluster(3, seed=1)
        >>> _ = c.run_until(rl.leader_elected).run("100ms")
        >>> joins = c.add("D")
        >>> _ = c.run("100ms")
        >>> joins, c["D"].last_index
        (<operation 1: add learner D, ok at index 2>, 2)
        """
        return self._ask(add(machine, voter=voter, node=node))

    def promote(self, member: NodeName, *, node: NodeName | None = None) -> Operation:
        """Makes a learner a voter, once it has caught up (diss. §4.2.1).

        The leader replicates in rounds: a round ends when the learner has what the leader's log had at its
        beginning. After a round that is shorter than an election timeout the configuration changes; after ten
        longer ones the operation fails.

        Parameters
        ----------
        member : str
            The learner.
        node : str, optional
            The node to ask; by default the leader of the highest term.

        Examples
        --------
        >>> import raftlab as rl
        >>> c = rl.Cluster(3, seed=1)
        >>> _ = c.run_until(rl.leader_elected).run("100ms")
        >>> _ = c.add("D"), c.run("100ms"), c.promote("D")
        >>> print(c.run_until(rl.member("D")).membership)
        ABCD
        """
        return self._ask(promote(member, node=node))

    def demote(self, member: NodeName, *, node: NodeName | None = None) -> Operation:
        """Makes a voter a learner.

        Parameters
        ----------
        member : str
            The voter.
        node : str, optional
            The node to ask; by default the leader of the highest term.
        """
        return self._ask(demote(member, node=node))

    def remove(self, member: NodeName, *, node: NodeName | None = None) -> Operation:
        """Removes a member. It runs on, and may stand for election, until it is stopped (diss. §4.2.3).

        A leader that removes itself replicates the configuration without counting itself, and steps down when
        it is committed (diss. §4.2.2).

        Parameters
        ----------
        member : str
            The member.
        node : str, optional
            The node to ask; by default the leader of the highest term.
        """
        return self._ask(remove(member, node=node))

    def change(
        self,
        voters: str | Sequence[NodeName],
        *,
        learners: str | Sequence[NodeName] = (),
        stay: bool = False,
        node: NodeName | None = None,
    ) -> Operation:
        """Changes to any membership by joint consensus (§6).

        Until the joint configuration is left, decisions need a majority of the old voters and one of the new
        ones. The leader leaves it when it is committed. Machines that have not run before are started.

        Parameters
        ----------
        voters : str or list of str
            The voters afterwards: single letters in a row, such as `"ABD"`, or a list of names.
        learners : str or list of str, optional
            The learners afterwards. Other members are removed.
        stay : bool, default False
            Whether the joint configuration stays until `leave_joint`.
        node : str, optional
            The node to ask; by default the leader of the highest term.

        Returns
        -------
        Operation
            It is done when the joint configuration has been left, or, with `stay`, when it is committed.

        Examples
        --------
        >>> import raftlab as rl
        >>> c = rl.Cluster(3, seed=1)
        >>> _ = c.run_until(rl.leader_elected).run("100ms")
        >>> _ = c.change("ABDE", learners="C", stay=True)
        >>> print(c.run("100ms").membership)
        ABC → ABDE + C
        >>> _ = c.leave_joint()
        >>> print(c.run("100ms").membership)
        ABDE + C
        """
        return self._ask(change(voters, learners=learners, stay=stay, node=node))

    def leave_joint(self, *, node: NodeName | None = None) -> Operation:
        """Leaves a joint configuration that was entered with `change(..., stay=True)`.

        Parameters
        ----------
        node : str, optional
            The node to ask; by default the leader of the highest term.
        """
        return self._ask(leave_joint(node=node))

    def transfer(self, to: NodeName, *, node: NodeName | None = None) -> Operation:
        """Asks a leader to hand over its leadership (diss. §3.10).

        It accepts no requests until the log of the other node matches its own, and then sends it TimeoutNow.
        After an election timeout it gives up.

        Parameters
        ----------
        to : str
            The voter that is to lead.
        node : str, optional
            The node to ask; by default the leader of the highest term.

        Returns
        -------
        Operation
            It is done when the leader steps down because of the other node's election.

        Examples
        --------
        >>> import raftlab as rl
        >>> c = rl.Cluster(3, seed=1, initial=rl.Initial(term=1, leader="A"))
        >>> hands_over = c.transfer("B")
        >>> c.run("50ms").leader.name, hands_over.status
        ('B', 'ok')
        """
        return self._ask(transfer(to, node=node))

    def step_down(self, *, node: NodeName | None = None) -> Operation:
        """Asks a leader to stop leading, without a successor.

        Parameters
        ----------
        node : str, optional
            The node to ask; by default the leader of the highest term.
        """
        return self._ask(step_down(node=node))
