"""Clusters that are driven by hand. What you do is recorded as a scenario."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Self, Unpack

from . import _core, views
from ._arguments import U32, choice, dumps, flag, integer
from ._conditions import Condition
from ._event import Event
from ._fault import Fault
from ._injection import Injectable
from ._interceptors import Interceptable
from ._membership import Reconfigurable
from ._scenario_arguments import Settings
from ._signatures import passes_on
from ._suggest import meant_for, refuse_makers, takes
from ._time import Duration, format_ms, to_ms
from ._typing import NodeName, OnViolation, TraceLevel, Via, words
from ._values import Value
from ._world import World
from .commands import Command
from .errors import BusyError, InvalidError, NotReached, ReplayError, ViolationError, shown
from .scenario import Scenario
from .steps import Action, campaign, give_up, heal, propose, read, retry
from .steps import at as later
from .views import FaultHandle, FaultHandles, InFlight, Message, Operation

if TYPE_CHECKING:
    from .sweeps.plan import Metric
    from .sweeps.result import Sweep

__all__ = ["Cluster", "Forkable"]


class Forkable(World):
    """A world that can be continued in other ways, from now or from an earlier time."""

    def state(self, *, at: Duration) -> Cluster:
        """The cluster at an earlier time: after everything due before it, and before everything due at it.

        Parameters
        ----------
        at : time
            The time from the beginning of the run; not later than now.

        Returns
        -------
        Cluster
            A fork of the past, without trace and checks, which can be driven further.
        """
        return Cluster._wrap(self._engine.state_at(to_ms(at, "at")), "record", self)

    def fork(self, *, seed: int | None = None) -> Cluster:
        """A copy of the cluster, which continues independently from here.

        Parameters
        ----------
        seed : int, optional
            The seed of all random draws from here on; the same seed by default. With another seed, the random
            times of faults that have not yet struck or ended are redrawn, conditional on that.
        """
        engine = self._engine.fork(_seed(seed) if seed is not None else None)
        return Cluster._wrap(engine, self._on_violation, self)

    def futures(
        self,
        count: int = 1000,
        *,
        at: Duration | Iterable[Duration] | None = None,
        duration: Duration | None = None,
        metrics: Metric | Iterable[Metric] | None = None,
        series: Duration | None = None,
        on_violation: str = "stop",
        threads: int | None = None,
        progress: bool | Callable[[int], object] = True,
    ) -> Sweep:
        """Possible futures from a moment on: the same past, continued with other seeds.

        Parameters
        ----------
        count : int, default 1000
            The number of futures.
        at : time or list of times, optional
            The moment from which they differ, or several, each with `count` futures (the column `at_ms`); now
            by default. The rest of the scenario, or of what was done by hand, still follows.
        duration : time, optional
            The duration of futures, by default and at most to the end of the scenario. It is required for
            futures from now on.
        metrics, series, on_violation, threads, progress
            As in `raftlab.sweep`. Metrics count from the moment on, except violations: a future of a run that
            violated a property before has violations.

        Returns
        -------
        Sweep
            A row per future, with a column `at_ms` if `at` is a list. `replay(row)` plays it with its past.
            The `seed` of a future is that of `fork(seed=...)`, starting after the run's own seed.

        Raises
        ------
        InvalidError
            If an argument is invalid, or `duration` is missing.
        ReplayError
            If the past was shaped by an interceptor.

        Examples
        --------
        >>> import raftlab as rl
        >>> c = rl.Cluster(5, seed=3, network=rl.uniform(1, 5))
        >>> _ = c.run_until(rl.leader_elected)
        >>> _ = c.crash(c.leader)
        >>> futures = c.futures(200, duration="1s")
        >>> float(futures["time_to_leader_ms"].max()) < 1000
        True
        >>> futures.replay(0).digest == c.fork(seed=4).run("1s").digest
        True
        """
        from .sweeps.futures import futures

        return futures(self, count, at, duration, metrics, series, on_violation, threads, progress)

    _on_violation: str = "record"
    _trace_rows: int | None = None


class Cluster(Injectable, Interceptable, Reconfigurable, Forkable):
    """A cluster that you drive by hand.

    Parameters
    ----------
    nodes : int or list of str, default 5
        The number of nodes (named A, B, C …), or their names.
    seed : int, default 0
        The seed of the run, from 0 to 2^64 - 1.
    trace : {"full", "states", "off"}, default "full"
        The level of detail of the trace. The run is the same with each level.
    checks : bool, default True
        Whether the properties are checked after every event.
    on_violation : {"record", "stop", "raise"}, default "record"
        Whether a violation is only recorded, also stops the run, or raises `ViolationError`.
    trace_rows : int, optional
        The maximum number of rows of a table of the trace.
    **settings
        Everything that `Scenario` takes.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(5, seed=7)
    >>> _ = c.run_until(rl.leader_elected)
    >>> write = c.propose("x=1")
    >>> _ = c.run("1s")
    >>> write.ok
    True
    >>> c.violations
    []
    """

    @passes_on(Scenario)
    def __init__(
        self,
        nodes: int | Sequence[str] = 5,
        seed: int = 0,
        *,
        trace: TraceLevel = "full",
        checks: bool = True,
        on_violation: OnViolation = "record",
        trace_rows: int | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        if isinstance(seed, Value):
            raise InvalidError(
                f"seed must be an integer, not {shown(seed)}; settings go by name, such as network="
            )
        scenario = Scenario(nodes, **settings)
        self._open(scenario, seed, trace, checks, on_violation, trace_rows)
        if scenario._parts.get("steps"):
            self._engine.play()

    def _open(
        self,
        scenario: Scenario,
        seed: int,
        trace: str,
        checks: bool,
        on_violation: str,
        trace_rows: int | None,
    ) -> None:
        choice(on_violation, "on_violation", words(OnViolation))
        if on_violation != "record" and not checks:
            raise InvalidError(f"on_violation={on_violation!r} needs checks=True")
        self._on_violation, self._running, self._family = on_violation, False, object()
        self._trace_rows = None if trace_rows is None else integer(trace_rows, "trace_rows")
        self._engine = _core.Engine(
            scenario.to_json(),
            _seed(seed),
            trace=choice(trace, "trace", words(TraceLevel)),
            checks=flag(checks, "checks"),
            stop_on_violation=on_violation != "record",
            trace_rows=self._trace_rows,
        )

    @classmethod
    def _wrap(cls, engine: _core.Engine, on_violation: str, origin: Forkable | None = None) -> Self:
        """A cluster with this engine, which may be a fork of another one's."""
        self = cls.__new__(cls)
        self._engine, self._on_violation, self._running = engine, on_violation, False
        self._family = origin._family if origin else object()
        self._trace_rows = origin._trace_rows if origin else None
        return self

    def __copy__(self) -> Cluster:
        return self.fork()

    def __deepcopy__(self, memo: object) -> Cluster:
        return self.fork()

    # ---- Time ---------------------------------------------------------------------------------------

    def run(self, duration: Duration) -> Self:
        """Lets time pass: dispatches what is due before now + duration.

        The end is exclusive, so that runs add up: `run("1s")` twice is `run("2s")`.

        >>> import raftlab as rl
        >>> rl.Cluster(3).run("1s").run("500ms").now_ms
        1500.0
        """
        with self._driving():
            if not self._engine.run(to_ms(duration, "duration")):
                self._raise_violation()
        return self

    def run_until(
        self, condition: Condition | Callable[[Cluster], object], *, limit: Duration = "60s"
    ) -> Self:
        """Lets time pass until a condition holds.

        Parameters
        ----------
        condition : Condition or callable
            One of `raftlab.conditions`, evaluated in Rust after every event; or a Python callable that gets
            the cluster, called after every event (slower by a factor of hundreds).
        limit : time, default 60 s
            The maximum time to wait.

        Raises
        ------
        NotReached
            If the condition did not hold within the limit. It shows the state of the cluster.
        """
        limit_ms = to_ms(limit, "limit")
        if isinstance(condition, Condition):
            with self._driving():
                reached = self._engine.run_until(dumps(condition.to_dict()), limit_ms)
                if reached == "violation":
                    self._raise_violation()
            if reached == "time":
                raise self._not_reached(str(condition), limit_ms)
            return self
        if not callable(condition):
            raise InvalidError(
                f"a condition must be of raftlab.conditions or callable, not {shown(condition)}"
                f"{meant_for(condition, Condition)}"
            )
        refuse_makers(condition, Condition, "condition")
        if not takes(condition, 1):
            raise InvalidError(
                "a condition gets the cluster, as in lambda cluster: ...; "
                f"{getattr(condition, '__name__', shown(condition))} does not take one argument"
            )
        with self._driving():
            self._running = True
            try:
                self._run_until_python(condition, limit_ms)
            finally:
                self._running = False
        return self

    def _run_until_python(self, condition: Callable[[Cluster], object], limit_ms: float) -> None:
        end = self.now_ms + limit_ms
        while not condition(self):
            before = self._engine.violation_count()
            dispatched = self._engine.step(1, until_ms=end, python=True)
            if self._on_violation != "record" and self._engine.violation_count() > before:
                self._raise_violation()
                return
            if dispatched == 0:
                raise self._not_reached(getattr(condition, "__name__", shown(condition)), limit_ms)

    def step(self, count: int = 1) -> Event | None:
        """Dispatches the next `count` events, and returns the last; None if there were none.

        `counters["events"]` is the number of events so far.

        >>> import raftlab as rl
        >>> c = rl.Cluster(3, seed=1)
        >>> c.step()
        <235 ms: the election timer expires at B>
        >>> c.step()
        <242.5 ms: RequestVote from B arrives at A>
        >>> c.step(10).kind
        'arrival'
        """
        # Called for single events, in loops of millions: a plain int is not checked again.
        many = count if type(count) is int and 0 < count <= U32 else integer(count, "count", 1)
        if self._running:
            self._refuse()
        engine = self._engine
        if self._on_violation != "raise":
            dispatched = engine.step(many)
        else:
            before = engine.violation_count()
            dispatched = engine.step(many)
            if engine.violation_count() > before:
                self._raise_violation()
        last = engine.last_event() if dispatched else None
        return None if last is None else Event(engine.now_ms, *last)

    @contextlib.contextmanager
    def _driving(self) -> Iterator[None]:
        if self._running:
            self._refuse()
        yield

    def _refuse(self) -> NoReturn:
        raise BusyError("the cluster is running: a condition may look at it, but not drive or change it")

    def _raise_violation(self) -> None:
        if self._on_violation == "raise":
            raise ViolationError(self.violations[-1])

    def _not_reached(self, condition: str, limit_ms: float) -> NotReached:
        state = self._state_line()
        return NotReached(
            f"'{condition}' did not hold within {format_ms(limit_ms)}, at {format_ms(self.now_ms)} of seed "
            f"{self.seed}; the nodes: {state}",
            condition,
            state,
        )

    # ---- Clients ------------------------------------------------------------------------------------

    def propose(
        self,
        command: Command | str,
        *,
        node: NodeName | None = None,
        home: NodeName | None = None,
        client: str | None = None,
    ) -> Operation:
        """A client asks for a command to be replicated.

        Parameters
        ----------
        command : str or Command
            `"x=1"`, or `put`, `get`, `cas`, `append`.
        node : str, optional
            The node to ask; by default the highest-term leader that the client can reach.
        home : str, optional
            The node to which the client is attached, and through which alone it reaches others; without one
            it is outside every partition.
        client : str, optional
            The client's name, if it has a session: a repeated request is then applied once.

        Returns
        -------
        Operation
            A handle with the fate of the operation. A node that does not lead refuses at once.
        """
        return self._ask(propose(command, node=node, home=home, client=client))

    def read(
        self, key: str, *, node: NodeName | None = None, home: NodeName | None = None, via: Via = "log"
    ) -> Operation:
        """A client reads a key.

        Parameters
        ----------
        key : str
            The key.
        node, home : str, optional
            As in `propose`.
        via : {"log", "read_index", "lease", "local"}, default "log"
            The way to read: as an entry of the log; confirmed by a round of heartbeats (diss. §6.4); by the
            leader's lease (diss. §6.4.1; needs `lease_drift`); or from what the node has applied, which may
            be stale.
        """
        return self._ask(read(key, node=node, home=home, via=via))

    def retry(
        self, operation: Operation | int, *, node: NodeName | None = None, home: NodeName | None = None
    ) -> Operation:
        """A client sends the same request again, perhaps to another node.

        >>> import raftlab as rl
        >>> c = rl.Cluster(3, initial=rl.Initial(term=1, leader="A"))
        >>> write = c.propose("x=1", node="B")
        >>> write.status, c.retry(write, node="A").node
        ('failed', 'A')
        """
        return self._ask(retry(self._own(operation, "operation"), node=node, home=home))

    def give_up(self, operation: Operation | int) -> None:
        """A client stops waiting; the status of its operation is then `"unknown"`.

        >>> import raftlab as rl
        >>> c = rl.Cluster(3, initial=rl.Initial(term=1, leader="A"))
        >>> write = c.propose("x=1")
        >>> c.give_up(write)
        >>> write.status
        'unknown'
        """
        self._act(give_up(self._own(operation, "operation"))._action())

    # ---- Faults -------------------------------------------------------------------------------------

    def inject(self, fault: Fault) -> FaultHandle:
        """A fault strikes, now or at its time. The handle ends it."""
        if not isinstance(fault, Fault):
            raise InvalidError(
                f"fault must be a fault such as Crash('A'), not {shown(fault)}{meant_for(fault, Fault)}"
            )
        handle = self._act({"inject": fault.to_dict()})
        return FaultHandle(self, handle or 0, fault)

    def at(self, time: Duration | Condition, action: Fault | Command | str | Action) -> None:
        """Schedules a fault, a command, or a step such as `raftlab.campaign("A")` for a later time.

        Actions scheduled at t happen before the simulation's own events at t. With one of
        `raftlab.conditions` instead of a time, the action happens when that first holds.
        """
        self._act(later(time, action)._action())

    def heal(self, handle: FaultHandle | int | None = None) -> None:
        """Ends one fault; without a handle, all faults of the network that act now.

        A handle ends all strikes of its fault: those that act, wait for a leader, or are still to come.
        Without a handle no node is restarted.

        >>> import raftlab as rl
        >>> c = rl.Cluster(3)
        >>> cut, crash = c.isolate("A"), c.crash("B")
        >>> c.heal()
        >>> c.faults
        (<fault 2: Crash('B'), active>,)
        """
        self._act(heal(self._own(handle, "handle"))._action())

    def campaign(self, node: NodeName) -> None:
        """A node stands for election now, as if its election timer had expired.

        >>> import raftlab as rl
        >>> c = rl.Cluster(3)
        >>> c.campaign("A")
        >>> c["A"].role
        'candidate'
        """
        self._act(campaign(node)._action())

    @property
    def faults(self) -> tuple[FaultHandle, ...]:
        """The faults that act now."""
        acting = views.active_faults(self)
        return FaultHandles(FaultHandle(self, handle, fault) for handle, fault, _, _ in acting)

    # ---- Messages by hand ---------------------------------------------------------------------------

    @property
    def in_flight(self) -> InFlight:
        """The messages in flight. Each can be delivered, dropped, held, released or duplicated by hand."""
        messages = (
            Message(
                from_=m["from"],
                to=m["to"],
                type=m["type"],
                ordinal=m["ordinal"],
                copy=m["copy"],
                sent_ms=m["sent_ms"],
                due_ms=m["due_ms"],
                entries=m["entries"],
                fields=m["fields"],
                _world=self,
            )
            for m in self._engine.in_flight()
        )
        return InFlight._of(messages, self._engine.names)

    def deliver(
        self,
        *,
        from_: NodeName | Sequence[NodeName] | None = None,
        to: NodeName | Sequence[NodeName] | None = None,
        types: str | Sequence[str] | None = None,
    ) -> int:
        """Delivers messages in flight, chosen as by `in_flight.select`; returns their number."""
        chosen = self.in_flight.select(from_=from_, to=to, types=types)
        chosen.deliver()
        return len(chosen)

    def drop(
        self,
        *,
        from_: NodeName | Sequence[NodeName] | None = None,
        to: NodeName | Sequence[NodeName] | None = None,
        types: str | Sequence[str] | None = None,
    ) -> int:
        """Drops messages in flight, chosen as by `in_flight.select`; returns their number."""
        chosen = self.in_flight.select(from_=from_, to=to, types=types)
        chosen.drop()
        return len(chosen)

    # ---- Underneath ---------------------------------------------------------------------------------

    def _act(self, action: dict[str, Any]) -> int | None:
        with self._driving():
            before = self._engine.violation_count()
            done = self._engine.act(dumps(action))
            if self._on_violation == "raise" and self._engine.violation_count() > before:
                self._raise_violation()
        return done

    def _ask(self, request: Action) -> Operation:
        op = self._act(request._action())
        assert op is not None, "the core gives every request an id"
        return Operation(self, op)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._intercepted:
            raise ReplayError(
                "a cluster with an interceptor cannot be pickled: end it first with intercept(None); what it "
                "did is kept in the scenario"
            )
        script = self._engine.script()
        ended = script != self._engine.script(up_to_now=True)
        options = (*self._engine.watching, self._on_violation, self._trace_rows)
        return _again, (script, self.seed, ended, *options)


def _again(
    script: str,
    seed: int,
    ended: bool,
    trace: str,
    checks: bool,
    on_violation: str,
    trace_rows: int | None,
) -> Cluster:
    """A cluster that has been through a script, and to the end of it if it is that of a whole run."""
    scenario = Scenario.from_json(script)
    cluster = Cluster.__new__(Cluster)
    cluster._open(scenario, seed, trace, checks, on_violation, trace_rows)
    playing = ended or bool(scenario._parts.get("steps"))
    while playing:  # a cluster that stopped at a violation may have been driven further by hand
        playing = cluster._engine.play() == "violation" and not ended
    return Cluster._wrap(cluster._engine.fork(), on_violation, cluster)


def _seed(seed: Any) -> int:
    return integer(seed, "seed")
