"""Messages as they are sent, for interceptors and watchers."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from . import _core
from ._arguments import U32, dumps, flag, instance, integer, items, node
from ._read_only import set_once
from ._time import Duration, to_ms
from .commands import Command, command_to_dict
from .errors import InterceptorError, InvalidError, shown
from .views import NodeView

if TYPE_CHECKING:
    from ._typing import NodeName
    from ._world import World

__all__ = ["MessageEntry", "MessageMembership", "MessageSnapshot", "Outgoing", "SentMessage"]


class MessageMembership(NamedTuple):
    """A configuration in a message, by the positions of its nodes in the cluster, from 0.

    Attributes
    ----------
    voters, learners, outgoing : tuple of int
        The voters; the learners, with outgoing voters that become learners; the voters before, if it is
        joint.
    stays : bool
        Whether a joint configuration waits for an order to leave it.

    Examples
    --------
    >>> import raftlab as rl
    >>> rl.MessageMembership(voters=(0, 1, 2), learners=(3,))
    MessageMembership(voters=(0, 1, 2), learners=(3,), outgoing=(), stays=False)
    """

    voters: tuple[int, ...]
    learners: tuple[int, ...] = ()
    outgoing: tuple[int, ...] = ()
    stays: bool = False


class MessageEntry(NamedTuple):
    """An entry of the log in a message. A tuple `(term, command)` is accepted as well.

    Attributes
    ----------
    term : int
        The term in which a leader received it.
    command : Command, MessageMembership, str or None
        The command; a configuration; None for a new leader's empty entry.
    session : tuple of int, optional
        The client's number, the serial number of the command, and the lowest serial number whose answer the
        client does not have, if the client has a session.

    Examples
    --------
    >>> import raftlab as rl
    >>> entry = rl.MessageEntry(3, rl.put("x", 1))
    >>> entry._replace(command="x=2")
    MessageEntry(term=3, command='x=2', session=None)
    """

    term: int
    command: Command | MessageMembership | str | None = None
    session: tuple[int, ...] | None = None


class MessageSnapshot(NamedTuple):
    """A snapshot in a message.

    Attributes
    ----------
    last_index, last_term : int
        The last entry that it covers.
    store : dict of str to list of str
        The items of every key.
    sessions : dict of int to (int, list of int)
        The lowest serial number whose answer the client does not have, and the applied serial numbers, for
        each client with a session. An edited snapshot does not have their answers.
    membership : MessageMembership or None
        The configuration, unless it is the initial one.

    Examples
    --------
    >>> import raftlab as rl
    >>> rl.MessageSnapshot(last_index=7, last_term=2, store={"x": ["1"]}).last_index
    7
    """

    last_index: int
    last_term: int
    store: Mapping[str, Iterable[str]]
    sessions: Mapping[int, tuple[int, Iterable[int]]] = {}
    membership: MessageMembership | None = None


class SentMessage(dict[str, Any]):
    """A message as it is sent, as a dict: `from`, `to`, `ordinal`, `type`, and the fields of its type.

    It is the `ordinal`-th message of its link, counted from 0. `entries` is a list of `MessageEntry`,
    `snapshot` a `MessageSnapshot`.

    Attributes
    ----------
    time_ms : float
        The time in milliseconds.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, seed=1, initial=rl.Initial(term=1, leader="A"))
    >>> sent = []
    >>> with c.watch(lambda m: sent.append((m.time_ms, m["type"], m.sender.role)), nodes="A"):
    ...     _ = c.run("100ms")
    >>> sent[0]
    (50.0, 'AppendEntries', 'leader')
    """

    __slots__ = ("_said", "_state", "time_ms")

    time_ms: float
    _state: _core.SenderState
    _said: dict[str, Any]

    def __init__(self, said: dict[str, Any], time_ms: float, state: _core.SenderState) -> None:
        if "entries" in said:
            said["entries"] = [_entry(*parts) for parts in said["entries"]]
        if "snapshot" in said:
            index, term, store, sessions, members = said["snapshot"]
            told = {client: (low, applied) for client, low, applied in sessions}
            membership = None if members is None else _membership(members)
            said["snapshot"] = MessageSnapshot(index, term, store, told, membership)
        super().__init__(said)
        set_once(self, time_ms=time_ms, _state=state, _said=said)

    @staticmethod
    def _instead(name: str) -> str:
        """The advice for an attribute that it does not have."""
        return f"a message is a dict: message[{name!r}] is its field"

    @property
    def sender(self) -> NodeView:
        """The sender after the event that caused the message; it must be read now, not later."""
        world = cast("World", SimpleNamespace(_engine=self._state))
        return NodeView(world, self._state.name)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


class Outgoing(SentMessage):
    """A message that an interceptor may change by setting fields or calling methods.

    Settable fields are `from` (the claimed sender) and all fields of its type.

    Examples
    --------
    B refuses its vote, and its answer is late:

    >>> import raftlab as rl
    >>> def refuse(message):
    ...     message["granted"] = False
    ...     message.delay("1s")
    >>> c = rl.Cluster(3, seed=1)
    >>> hook = c.intercept(refuse, nodes="B", types="RequestVoteReply")
    >>> c.campaign("A")
    >>> _ = c.run("50ms")
    >>> c["A"].role, c["B"].voted_for
    ('leader', 'A')
    """

    __slots__ = ("_copies", "_delay", "_drops", "_sends")

    def __init__(self, said: dict[str, Any], time_ms: float, state: _core.SenderState) -> None:
        super().__init__(said, time_ms, state)
        for name in ("entries", "snapshot"):  # what is changed in place is to be seen, too
            if name in said:
                self[name] = copy.deepcopy(said[name])
        self._drops, self._delay = False, 0.0
        self._copies: list[float] = []
        self._sends: list[dict[str, Any]] = []

    def drop(self) -> None:
        """Drops the message."""
        self._drops = True

    def delay(self, by: Duration) -> None:
        """Delays the message; several delays add up."""
        self._delay += to_ms(by, "by")

    def duplicate(self, after: Duration = 0) -> None:
        """Makes the message arrive once more, some time after itself; at most 100 times."""
        self._copies.append(to_ms(after, "after"))

    def send(
        self,
        type: str,
        to: NodeName,
        *,
        from_: NodeName | None = None,
        delay: Duration = 0,
        **fields: Any,
    ) -> None:
        """The sender sends one more message, after this one.

        Parameters
        ----------
        type : str
            The type: RequestVote, AppendEntries and so on.
        to : str or node
            The receiver.
        from_ : str or node, optional
            The claimed sender; by default the true one.
        delay : time, default 0
            The delay before it is sent.
        **fields
            Its fields. `term` is by default the sender's; other fields are 0, False or empty.
        """
        fields.setdefault("term", self.sender.term)
        sent: dict[str, Any] = {"type": instance(type, str, "type"), "to": node(to, "to")}
        if from_ is not None:
            sent["from"] = node(from_, "from_")
        sent["delay"] = to_ms(delay, "delay")
        sent["fields"] = {name: _value(name, value) for name, value in fields.items()}
        self._sends.append(sent)

    def _edit(self, answer: Any) -> str | None:
        """The edits of a function, as JSON for the core; None if there are none."""
        said: dict[str, Any] = dict(self)
        if isinstance(answer, Mapping):
            said |= answer
        elif answer is False:
            self._drops = True
        elif answer is not None and answer is not True:
            raise InterceptorError(
                f"an interceptor must return None, False or a dict of fields, not {shown(answer)}"
            )
        edit: dict[str, Any] = {}
        if self._drops:
            edit["drop"] = True
        else:
            changed = {name: value for name, value in said.items() if not self._says(name, value)}
            if "from" in changed:
                edit["from"] = _name(changed.pop("from"))
            if changed:
                edit["set"] = {name: self._changed(name, value) for name, value in changed.items()}
            edit |= {"delay": self._delay} if self._delay else {}
            edit |= {"copies": self._copies} if self._copies else {}
        edit |= {"sends": self._sends} if self._sends else {}
        return dumps(edit) if edit else None

    def _says(self, name: Any, value: Any) -> bool:
        if name not in self._said:
            return False
        if name not in ("entries", "snapshot"):
            return bool(self._said[name] == value)
        return bool(_value(name, value) == _value(name, self._said[name]))

    def _changed(self, name: Any, value: Any) -> Any:
        if name in ("to", "ordinal", "type") or name not in self._said:
            fixed = ("to", "ordinal", "type")
            accepted = ", ".join(field for field in self._said if field not in fixed)
            raise InterceptorError(
                f"an interceptor cannot set {shown(name)} of a {self._said['type']}; it can set {accepted}"
            )
        return _value(name, value)


def _entry(term: int, command: tuple[Any, ...] | None, session: tuple[int, ...] | None) -> MessageEntry:
    if command is None:
        return MessageEntry(term, None, session)
    op, *parts = command
    return MessageEntry(term, _membership(*parts) if op == "config" else Command(op, *parts), session)


def _membership(parts: tuple[list[list[int]], bool]) -> MessageMembership:
    (voters, learners, outgoing), stays = parts
    return MessageMembership(tuple(voters), tuple(learners), tuple(outgoing), stays)


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise InterceptorError(f"an interceptor must set from to the name of a node, not {shown(value)}")
    return value


def _value(name: str, value: Any) -> Any:
    """The value of a field in the form that the scenario's JSON has."""
    if name == "entries":
        return [_entry_to_dict(entry) for entry in items(value, "entries")]
    if name == "snapshot":
        return _snapshot_to_dict(value)
    if isinstance(value, bool):
        return value
    try:
        return integer(value, name)
    except InvalidError as error:
        raise InterceptorError(f"an interceptor: {error}") from None


def _entry_to_dict(entry: Any) -> dict[str, Any]:
    try:
        parts: list[Any] = [entry] if isinstance(entry, (int, str)) else list(entry)
    except TypeError:
        parts = []
    if not 1 <= len(parts) <= 3 or isinstance(parts[0], str):
        raise InterceptorError(
            f"an interceptor must set entries to a list of (term, command), not of {shown(entry)}"
        )
    term, command, session = parts + [None] * (3 - len(parts))
    written: dict[str, Any] = {"term": integer(term, "entries: term")}
    if command is not None:
        config = isinstance(command, MessageMembership)
        written["command"] = {"op": "config", **_members(command)} if config else command_to_dict(command)
    if session is not None:
        numbers = items(session, "entries: session")
        if not 2 <= len(numbers) <= 3:
            raise InterceptorError(
                "entries: session must be (client, serial number, lowest without an answer), "
                f"not {shown(session)}"
            )
        numbers = [integer(number, "entries: session", 0, U32) for number in numbers]
        written["session"] = [*numbers, 0][:3]
    return written


def _snapshot_to_dict(snapshot: Any) -> dict[str, Any]:
    try:
        index, term, store, sessions, members = MessageSnapshot(*snapshot)
        kept = {instance(key, str, "snapshot: store"): _texts(texts) for key, texts in store.items()}
        told = [(client, low, *applied) for client, (low, applied) in sessions.items()]
    except (AttributeError, TypeError, ValueError) as error:
        if isinstance(error, InvalidError):
            raise
        raise InterceptorError(
            "an interceptor must set snapshot to (last_index, last_term, store, sessions, membership) with a "
            f"dict of lists of texts and a dict of (int, list of int), not to {shown(snapshot)}"
        ) from None
    numbers = [[integer(number, "snapshot: sessions", 0, U32) for number in session] for session in told]
    written: dict[str, Any] = {
        "index": integer(index, "snapshot: index"),
        "term": integer(term, "snapshot: term"),
        "store": kept,
        "sessions": [[client, low, applied] for client, low, *applied in numbers],
    }
    if members is not None:
        written["config"] = _members(instance(members, MessageMembership, "snapshot: membership"))
    return written


def _members(membership: MessageMembership) -> dict[str, Any]:
    written: dict[str, Any] = {
        part: [
            integer(at, f"a configuration: {part}", 0, 255) for at in items(getattr(membership, part), part)
        ]
        for part in ("voters", "learners", "outgoing")
    }
    return {**written, "stays": flag(membership.stays, "a configuration: stays")}


def _texts(texts: Any) -> list[str]:
    return [texts] if isinstance(texts, str) else [str(text) for text in texts]
