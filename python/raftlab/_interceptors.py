"""Functions on messages: interceptors, which may change messages, and watchers, which only observe."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, overload

from ._arguments import Handle, dumps, message_types
from ._fault import target_to_dict
from ._outgoing import Outgoing, SentMessage
from ._typing import MessageType, Target
from .errors import InvalidError, shown

if TYPE_CHECKING:
    from . import _core

__all__ = ["Hook", "Interceptable"]


class Interceptable:
    """The methods of a `Cluster` for functions on its messages."""

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
        """Calls a function with messages before they are sent; it may change them.

        Parameters
        ----------
        function : callable or None
            The interceptor. It gets the message, an `Outgoing`, which is a dict of its fields. It may set
            fields, call `drop()`, `delay(by)`, `duplicate()` and `send(type, to, ...)`, and read `time_ms`
            and `sender`. Returning False also drops the message, and returning a dict sets its fields.
            `intercept(None)` ends all interceptors.
        nodes : target, optional
            The nodes whose messages are intercepted; all by default. `"leader"` and `"followers"` are looked
            up for every message; other roles are resolved now.
        types : str or list of str, optional
            The types of messages, such as `"AppendEntries"`; all by default.

        Returns
        -------
        Hook
            Its `remove()` ends the interceptor. Several interceptors are applied in turn: each sees the
            message as those before it left it.

        Raises
        ------
        InvalidError
            If an argument is invalid.
        InterceptorError
            From the call that lets time pass, if the function set or returned something invalid. It is
            raised after the event, and the message is sent unchanged; the same applies to any other
            exception of the function.

        Notes
        -----
        A node lies from the first message in which a field or the sender is changed, or which the
        interceptor sent in its name. Observing, dropping, delaying and duplicating is not a lie, since a
        network can do the same.

        What was done is recorded as edits of single messages, so the same seed replays without the
        function, with the same digest and the same violations. With another seed the scenario raises
        `ReplayError`.

        Examples
        --------
        A leader that sends B another value than the rest of the cluster:

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
        """Calls a function with every message that is sent; it only observes.

        Watching makes no node a liar, changes no digest and is not recorded. Forks and pickles drop it.

        Parameters
        ----------
        function : callable or None
            The watcher. It gets the message as it is sent, a `SentMessage`, after lies and interceptors; its
            return value is ignored. If it raises, the run ends after that event with the exception.
            `watch(None)` ends all watchers.
        nodes, types
            As in `intercept`.

        Returns
        -------
        Hook
            Its `remove()` ends the watcher.

        Raises
        ------
        InvalidError
            If an argument is invalid.

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


class Hook(int, Handle):
    """An active interceptor or watcher: `remove()` ends it, and so does the end of a `with` block.

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

    _handles: ClassVar[str] = "a hook"
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
                types=message_types(types, "types"),
            )
        )
        self._world = world
        return self

    @property
    def active(self) -> bool:
        """True while it is active."""
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
