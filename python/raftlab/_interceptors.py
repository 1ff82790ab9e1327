"""Functions on messages: interceptors, which may change what is sent, and watchers, which only look."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NoReturn, Self, overload

from ._arguments import dumps, instance, items
from ._faults import target_to_dict
from ._outgoing import Outgoing, SentMessage
from ._typing import MessageType, Target
from .errors import InvalidError, shown

if TYPE_CHECKING:
    from . import _core

__all__ = ["Hook", "Interceptable"]


class Interceptable:
    """What a `Cluster` has for functions on its messages."""

    _engine: _core.Engine

    def _driving(self) -> AbstractContextManager[None]:
        raise NotImplementedError

    @overload
    def intercept(self, function: None) -> None: ...
    @overload
    def intercept(
        self,
        function: Callable[[Outgoing], Any],
        *,
        nodes: Target | None = None,
        types: MessageType | Iterable[MessageType] = (),
    ) -> Hook: ...
    def intercept(
        self,
        function: Callable[[Outgoing], Any] | None,
        *,
        nodes: Target | None = None,
        types: MessageType | Iterable[MessageType] = (),
    ) -> Hook | None:
        """Shows messages to a function before they leave; it may change them.

        Parameters
        ----------
        function : callable or None
            Gets the message, an `Outgoing`: a dict of what it says. It may set fields, call `drop()`,
            `delay(by)`, `duplicate()` and `send(type, to, ...)`, and look at `time_ms` and `sender`. To
            return `False` drops the message as well, and to return a dict sets its fields. `None` instead
            of a function ends all interceptors.
        nodes : target, optional
            Whose messages; all nodes' if not given. `"leader"` and `"followers"` are looked up for every
            message; other roles are resolved now.
        types : str or list of str, optional
            Only these types of message, e.g. `"AppendEntries"`.

        Returns
        -------
        Hook
            `remove()` ends it. Interceptors add up: each sees what those before it made of the message.

        Raises
        ------
        InvalidError
            If an argument makes no sense.
        InterceptorError
            From the call that lets time pass: the function set what cannot be set, or returned what is no
            edit. It comes after the event, and the message leaves as it was; the same holds for whatever
            else the function raises.

        Notes
        -----
        A node lies from the first message on in which a field or the sender is changed, or which its own
        code did not send. To look, drop, delay and duplicate is no lie: a network may do as much.

        What was done is written down as edits of single messages, so that the same seed replays without
        the function, with the same digest and the same violations. With another seed the scenario raises
        `ReplayError`.

        Examples
        --------
        A leader that tells B another value than the rest of the cluster:

        >>> import raftlab as rl
        >>> def equivocate(message):
        ...     message["entries"] = [entry._replace(command="x=2") for entry in message["entries"]]
        >>> c = rl.Cluster(3, seed=1, initial=rl.Initial(term=1, leader="A"))
        >>> _ = c.run("100ms")
        >>> with c.intercept(lambda m: equivocate(m) if m["to"] == "B" else None, types="AppendEntries"):
        ...     write = c.propose("x=1")
        ...     _ = c.run("100ms")
        >>> c["B"].store, c["C"].store
        ({'x': '2'}, {'x': '1'})
        """
        return self._hook(function, nodes, types, watches=False)

    @overload
    def watch(self, function: None) -> None: ...
    @overload
    def watch(
        self,
        function: Callable[[SentMessage], object],
        *,
        nodes: Target | None = None,
        types: MessageType | Iterable[MessageType] = (),
    ) -> Hook: ...
    def watch(
        self,
        function: Callable[[SentMessage], object] | None,
        *,
        nodes: Target | None = None,
        types: MessageType | Iterable[MessageType] = (),
    ) -> Hook | None:
        """Shows every message that is sent to a function that only looks.

        It makes nobody a liar, changes no digest and is not in the script. Forks and pickles are without it.

        Parameters
        ----------
        function : callable or None
            Gets the message as it is sent, a `SentMessage`, after lies and interceptors; what it returns is
            ignored. If it raises, the run ends after that event, and the error comes out. `None` ends all
            watchers.
        nodes, types
            As in `intercept`.

        Returns
        -------
        Hook
            `remove()` ends it.

        Raises
        ------
        InvalidError
            If an argument makes no sense.

        Examples
        --------
        >>> import raftlab as rl
        >>> c = rl.Cluster(3, seed=1)
        >>> votes = []
        >>> hook = c.watch(lambda m: votes.append((m["from"], m["granted"])), types="RequestVoteReply")
        >>> _ = c.run_until(rl.leader_elected)
        >>> all(granted for _, granted in votes)
        True
        """
        return self._hook(function, nodes, types, watches=True)

    def _hook(
        self,
        function: Callable[..., Any] | None,
        nodes: Target | None,
        types: str | Iterable[str],
        *,
        watches: bool,
    ) -> Hook | None:
        with self._driving():
            if function is not None:
                return Hook._of(self, function, nodes, types, watches=watches)
            self._engine.unhook(watches=watches)
        return None

    def _end_hook(self, handle: int) -> None:
        with self._driving():
            self._engine.unhook(handle)

    @property
    def _intercepted(self) -> bool:
        return any(not only_watches for _, only_watches in self._engine.hooked())


class Hook(int):
    """An interceptor or a watcher at work: `remove()` ends it, and so does the end of a `with` block.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, seed=1)
    >>> seen = []
    >>> with c.watch(seen.append, types="RequestVote"):
    ...     _ = c.run_until(rl.leader_elected)
    >>> len(seen)
    2
    """

    _world: Interceptable

    @classmethod
    def _of(
        cls,
        world: Interceptable,
        function: Callable[..., Any],
        nodes: Target | None,
        types: str | Iterable[str],
        *,
        watches: bool,
    ) -> Self:
        if not callable(function):
            raise InvalidError(f"function must be callable or None, not {shown(function)}")
        self = cls(
            world._engine.hook(
                _Watcher(function) if watches else _Interceptor(function),
                watches=watches,
                nodes=None if nodes is None else dumps(target_to_dict(nodes, "nodes")),
                types=_types(types),
            )
        )
        self._world = world
        return self

    @property
    def active(self) -> bool:
        """Whether it is still at work."""
        return any(handle == int(self) for handle, _ in self._world._engine.hooked())

    def remove(self) -> None:
        """Ends it."""
        self._world._end_hook(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<hook {int(self)}{', active' if self.active else ''}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a hook belongs to its cluster, and cannot be pickled")


def _types(types: str | Iterable[str]) -> list[str]:
    names = [types] if isinstance(types, str) else items(types, "types")
    return [instance(name, str, "types") for name in names]


class _Interceptor:
    __slots__ = ("function",)

    def __init__(self, function: Callable[[Outgoing], Any]) -> None:
        self.function = function

    def __call__(self, said: dict[str, Any], time_ms: float, state: _core.SenderState) -> str | None:
        message = Outgoing(said, time_ms, state)
        return message._edit(self.function(message))


class _Watcher:
    __slots__ = ("function",)

    def __init__(self, function: Callable[[SentMessage], object]) -> None:
        self.function = function

    def __call__(self, said: dict[str, Any], time_ms: float, state: _core.SenderState) -> None:
        self.function(SentMessage(said, time_ms, state))
