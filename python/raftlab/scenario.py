"""Scenarios: everything that determines a run, except its seed."""

from __future__ import annotations

import copy
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from . import _core, _writing, presets
from ._arguments import integer
from ._conditions import Condition
from ._faults import Fault, fault_from_dict
from ._files import read_text, write_text
from ._html import note, pairs
from ._scenario_arguments import Changes
from ._signatures import UNCHANGED, passes_on
from ._time import Duration, format_ms
from ._typing import Bugs, ElectionRule, OnViolation, Protocol, RunOptions, TraceLevel
from ._values import Guarded, code, items_of, laid_out
from ._writing import WRITERS, are_letters, argument, names_of, normal, rule_in, without_rule, written_down
from .distributions import Time
from .errors import FaultWarning, InvalidError, SettingWarning, shown, warn
from .settings import AdaptiveTimeout, Disk, Initial, Network, Processing, _Load, load_from_dict
from .steps import Step, step_from_dict

if TYPE_CHECKING:
    from ._run import Run
    from .cluster import Cluster

__all__ = ["Scenario"]


class Scenario(metaclass=Guarded):
    """Everything that determines a run, except its seed: a value that prints, compares, serialises and runs.

    Parameters
    ----------
    nodes : int or list of str, default 5
        The number of nodes (named A, B, C …), or their names. At most 255.
    protocol : {"raft", "tikv"}, default "raft"
        What the nodes run: Raft as raftlab implements it, or TiKV's `raft` crate (0.7), unchanged. With
        `"tikv"` no rule can be taken away, nodes cannot lie, and settings that the crate lacks are refused.
    preset : mapping, optional
        Settings to start from, such as `raftlab.presets.etcd`; other arguments override it.
    election_timeout : (time, time) or time, default (150 ms, 300 ms)
        The range from which election timeouts are drawn; a single time makes them all equal.
    election_rule : str, default "paper"
        The rule by which a node adopts terms and stands for election: a name of `raftlab.election_rules`.
        Some names are short for other arguments, such as `"pre_vote"` for `pre_vote=True`, so that a sweep
        can compare rules. Such a rule replaces that of a preset; `"paper"` has no other beside it.
    candidate_timeout : (time, time) or time, optional
        The range from which candidates draw their timeouts; by default `election_timeout`.
    candidate_backoff : float, default 1
        The factor by which that grows with each consecutive election that a majority refused.
    timeout_step : time, optional
        The k-th node's timeouts are longer by k times this; the first waits least.
    adaptive_timeout : AdaptiveTimeout or bool, optional
        Timeouts and heartbeats that follow the round trips and losses measured by the leader; True means
        `AdaptiveTimeout()`. It cannot be combined with `timeout_step` or `lease_drift`.
    heartbeat : time, optional
        The interval of heartbeats; by default a third of the least election timeout. A `SettingWarning` is
        given if it is not shorter than that.
    tick : time, optional
        The length of a tick, of which timers count whole ones, as in etcd and TiKV: a timeout of (1000, 2000)
        ms with ticks of 100 ms takes 10 to 19 ticks, including the one under way (etcd-io/etcd#4887). Each
        node's ticks have an offset of their own. By default timers expire at any moment.
    pre_vote, sticky_votes, check_quorum : bool, default False
        Whether nodes ask before raising the term (diss. §9.6); refuse votes while they hear a leader
        (diss. §4.2.3); and step down as leader if they hear no quorum for an election timeout (diss. §6.2).
        The three are independent.
    quorum_timeout : time, optional
        With `check_quorum`: the time without a quorum after which a leader steps down, longer than
        `heartbeat`; by default the least election timeout.
    noop : bool, default True
        Whether a new leader appends an empty entry at once (paper §8).
    max_entries_per_append, max_inflight : int, default 64 and 256
        The maximum number of entries in a message, and of such messages in flight to a follower.
    snapshot_every : int, optional
        The number of applied entries after which a node takes a snapshot (paper §7). It drops the entries
        that the snapshot covers except the last `snapshot_every`. A follower that needs dropped entries gets
        the snapshot. By default there are no snapshots, and logs grow throughout the run.
    lease_drift : float, optional
        The bound on clock drift with which leaders hold read leases (0.01 is one percent). It also turns on
        the other conditions of a lease: followers refuse votes while they hear a leader, restarted nodes
        refuse votes for one election timeout, a lease counts from the sending of the heartbeat.
    lease : time, optional
        The duration of a lease on the leader's clock; by default the longest that ends before a follower may
        vote, T (1 - d) / (1 + d) with the least election timeout T and the drift d. A longer one is an error.
    commit_guard : bool, default False
        Whether nodes halt rather than truncate below their own commitIndex, as production systems do.
    bugs : list of str, or mapping of node to list of str, default ()
        The rules that are taken away, by the names of the bugs (see `raftlab.rules`): from all nodes, or from
        some, such as `{"A": ["vote_not_persisted"]}`.
    network : Network or time, optional
        The network; a time is a constant latency.
    disk : Disk or time, optional
        The disks; a time is the latency of an fsync.
    processing : Processing or time, optional
        What nodes take for each message; a time is that of any message. By default nothing.
    workload : OpenLoop, ClosedLoop or list of them, optional
        Load on the cluster.
    initial : Initial, optional
        The initial state; by default that of a new cluster.
    faults : Fault or list of Fault, default ()
        The faults, with their times.
    steps : step or list of steps, default ()
        The steps in order: `run("1s")`, `run_until(leader_elected)`, `propose("x=1")`, faults, and others of
        `raftlab.steps`.
    stop : Condition, optional
        The condition that ends the run after the steps. It is armed after the last fault that strikes before
        the end; `down`, `violated` and `leaders` of two or more, which hold only if something goes wrong, are
        armed at once. A run that ends before has the ending `"not_armed"` and gives a `FaultWarning`.
    horizon : time, optional
        The time at which the run ends at the latest, unless its steps take longer. By default a run with
        steps and without `stop` ends with its steps; any other ends a minute after them, but at the earliest
        half a minute after the last fault whose time is known or bounded.

    Raises
    ------
    InvalidError
        If any part is invalid. The message names the argument, the value and what is accepted.

    Examples
    --------
    >>> import raftlab as rl
    >>> crash = rl.Scenario(5, faults=[rl.Crash("leader", at=rl.uniform(1000, 1150))],
    ...                     stop=rl.leader_elected)
    >>> run = crash.run(seed=7)
    >>> run.ending
    'stop'
    >>> rl.Scenario.from_json(crash.to_json()) == crash
    True
    """

    __slots__ = ("_json", "_parts", "_raised")

    _json: str
    _parts: dict[str, Any]

    def __init__(
        self,
        nodes: int | Sequence[str] = 5,
        *,
        protocol: Protocol | str | None = None,
        preset: Mapping[str, Any] | None = None,
        election_timeout: Any = None,
        election_rule: ElectionRule | str | None = None,
        candidate_timeout: Any = None,
        candidate_backoff: float | None = None,
        timeout_step: Duration | None = None,
        adaptive_timeout: AdaptiveTimeout | bool | None = None,
        heartbeat: Duration | None = None,
        tick: Duration | None = None,
        pre_vote: bool | None = None,
        sticky_votes: bool | None = None,
        check_quorum: bool | None = None,
        quorum_timeout: Duration | None = None,
        noop: bool | None = None,
        max_entries_per_append: int | None = None,
        max_inflight: int | None = None,
        snapshot_every: int | None = None,
        lease_drift: float | None = None,
        lease: Duration | None = None,
        commit_guard: bool | None = None,
        bugs: Bugs = (),
        network: Network | Time | None = None,
        disk: Disk | Time | None = None,
        processing: Processing | Duration | None = None,
        workload: _Load | Iterable[_Load] = (),
        initial: Initial | None = None,
        faults: Fault | Iterable[Fault] = (),
        steps: Step | Fault | Iterable[Any] = (),
        stop: Condition | None = None,
        horizon: Duration | None = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in WRITERS}
        names = names_of(nodes)
        start = _preset(preset) if election_rule is None else without_rule(_preset(preset))
        parts = {"raftlab": _core.SCHEMA_VERSION, **start, "nodes": names}
        self._set(normal(parts | written_down(given, names)))
        self._warn()

    def _warn(self) -> None:
        self._warn_of_long_heartbeats()
        self._warn_of_late_faults()

    def _warn_of_long_heartbeats(self) -> None:
        """Warns if followers time out between the heartbeats of a leader that works."""
        beat, (least, _) = self.heartbeat, self.election_timeout
        if beat is not None and beat >= least and self.adaptive_timeout is None and len(self.nodes) > 1:
            warn(
                SettingWarning(
                    f"heartbeat ({format_ms(beat)}) is not shorter than the least election timeout "
                    f"({format_ms(least)}): followers stand for election although their leader works"
                )
            )

    def _warn_of_late_faults(self) -> None:
        """Warns of faults that strike after the end, so that `stop` waits for them without success."""
        end = self._parts.get("horizon", math.inf)
        if self._parts.get("steps") or "stop" not in self._parts:
            return
        for written in self._parts.get("faults", ()):
            time = written.get("at", written.get("after", 0))
            at = time.get("low", 0) if isinstance(time, dict) else time
            if at >= end:
                name = type(fault_from_dict(written)).__name__
                said = f"{name} at {format_ms(at)} never strikes: the run ends at {format_ms(end)}"
                warn(FaultWarning(said))

    def _set(self, normal: str) -> None:
        self._json, self._parts = normal, json.loads(normal)

    @classmethod
    def from_json(cls, text: str) -> Scenario:
        """A scenario from the JSON that `to_json` wrote, or that a person wrote by hand.

        Raises
        ------
        InvalidError
            If the text is not a scenario, or has another schema version.

        Examples
        --------
        >>> Scenario.from_json(Scenario(3, pre_vote=True).to_json())
        Scenario(3, pre_vote=True)
        """
        if not isinstance(text, str):
            raise InvalidError(f"the JSON of a scenario must be a text, not {type(text).__name__}")
        scenario = cls.__new__(cls)
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidError(f"not a scenario: {error}") from None
        scenario._set(_core.scenario_normal(text.removeprefix(BYTE_ORDER_MARK)))
        return scenario

    def to_json(self, *, indent: int | None = None) -> str:
        """The scenario as JSON, with the version of its schema.

        Parameters
        ----------
        indent : int, optional
            The number of spaces by which each level is indented; by default all is in one line.

        Examples
        --------
        >>> Scenario(["é"]).to_json(indent=1).splitlines()[2:4]
        [' "nodes": [', '  "é"']
        """
        if indent is None:
            return self._json
        spaces = integer(indent, "indent", 0, MOST_INDENT)
        return json.dumps(json.loads(self._json), indent=spaces, ensure_ascii=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the scenario to a file, as indented JSON that is readable and suited to version control.

        `raftlab run` plays such a file.

        Parameters
        ----------
        path : path
            The file; an existing one is replaced atomically.

        Raises
        ------
        InvalidError
            If the file cannot be written.

        Examples
        --------
        >>> import tempfile, raftlab as rl
        >>> crash = rl.Scenario(5, faults=[rl.Crash("leader", at="1s")], stop=rl.leader_elected)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     crash.save(f"{folder}/crash.json")
        ...     again = rl.Scenario.load(f"{folder}/crash.json")
        >>> again == crash
        True
        """
        write_text(path, "path", self.to_json(indent=2) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Scenario:
        """Reads a scenario that `save` wrote, or that a person wrote by hand.

        Raises
        ------
        InvalidError
            If the file cannot be read, is not a scenario, or has another schema version.
        """
        text = read_text(path, "path")
        try:
            return cls.from_json(text)
        except InvalidError as error:
            raise InvalidError(f"path: {shown(os.fspath(path))}: {error}") from None

    def run(
        self,
        seed: int = 0,
        *,
        trace: TraceLevel = "full",
        checks: bool = True,
        on_violation: OnViolation = "record",
        trace_rows: int | None = None,
    ) -> Run:
        """Plays the whole scenario with a seed.

        Parameters
        ----------
        seed : int, default 0
            The seed, from 0 to 2^64 - 1.
        trace : {"full", "states", "off"}, default "full"
            The level of detail of the trace. The run is the same with each level.
        checks : bool, default True
            Whether the properties are checked after every event.
        on_violation : {"record", "stop", "raise"}, default "record"
            Whether a violation is only recorded, also stops the run, or raises `ViolationError`.
        trace_rows : int, optional
            The maximum number of rows of a table of the trace.

        Returns
        -------
        Run
            The run, with the same attributes as a `Cluster`, and its ending.

        Raises
        ------
        NotReached
            If the condition of a step did not hold within its limit. Its `run` is the run up to there.
        ViolationError
            With `on_violation="raise"`.
        """
        run = self._play(seed, trace=trace, checks=checks, on_violation=on_violation, trace_rows=trace_rows)
        run._warn_if_not_armed()
        run._raise_if_not_reached()
        return run

    def _play(
        self,
        seed: int,
        *,
        trace: TraceLevel = "full",
        checks: bool = True,
        on_violation: OnViolation = "record",
        trace_rows: int | None = None,
    ) -> Run:
        """Plays the run, and returns it even if the condition of a step was not reached."""
        from ._run import Run

        return Run._play(self, seed, trace, checks, on_violation, trace_rows)

    @passes_on(run)
    def cluster(self, seed: int = 0, **options: Unpack[RunOptions]) -> Cluster:
        """A cluster at the end of this scenario, to be driven further by hand. Options as in `run`.

        >>> c = Scenario(3, horizon="1s").cluster(seed=1)
        >>> c.run("1s").now_ms
        2000.0
        """
        return self.run(seed, **options).fork()

    @passes_on(__init__, "nodes", default=UNCHANGED)
    def replace(self, **changes: Unpack[Changes]) -> Scenario:
        """The same scenario with other settings, given as to the constructor.

        Another `election_rule` replaces the present one, also if that is a setting such as `pre_vote`.

        >>> Scenario(3).replace(pre_vote=True).pre_vote
        True
        >>> Scenario(3, pre_vote=True).replace(election_rule="sticky_votes").pre_vote
        False
        """
        scenario = self._with(changes)
        scenario._warn()
        return scenario

    def _with(self, changes: Mapping[str, Any]) -> Scenario:
        """The same scenario with other settings, which need not be final: there are no warnings."""
        parts, given = dict(self._parts), dict(changes)
        if "nodes" in given:
            parts["nodes"] = names_of(changes["nodes"])
            del given["nodes"]
        parts |= _preset(given.pop("preset", None))
        for name in given:
            if name not in WRITERS:
                raise TypeError(f"Scenario.replace() got an unexpected keyword argument {name!r}")
        present, rule = {name: part for name, part in parts.items() if name not in given}, rule_in(parts)
        written = written_down(given, parts["nodes"])
        if given.get("election_rule") == rule:  # its settings may have other values than usual
            written |= {name: part for name, part in present.items() if name in written}
        elif given.get("election_rule") is not None:
            present = without_rule(present)
        scenario = Scenario.__new__(Scenario)
        scenario._set(normal(present | written))
        return scenario

    # ---- The arguments of the constructor, as it takes them ------------------------------------------

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of the nodes."""
        return tuple(self._parts["nodes"])

    @property
    @argument(_writing.as_timeout)
    def election_timeout(self) -> tuple[float, float]:
        """The range of election timeouts in milliseconds."""
        low, high = self._parts["election_timeout"]
        return float(low), float(high)

    @property
    @argument(_writing.as_rule)
    def election_rule(self) -> str | None:
        """The rule by which a node adopts terms and stands for election; None if several are combined.

        >>> Scenario(3, pre_vote=True).election_rule
        'pre_vote'
        >>> Scenario(3, pre_vote=True, sticky_votes=True).election_rule is None
        True
        """
        return rule_in(self._parts)

    @property
    @argument(_writing.as_protocol)
    def protocol(self) -> str:
        """What the nodes run: "raft" or "tikv"."""
        return str(self._parts.get("protocol", "raft"))

    @property
    @argument(_writing.as_timeout)
    def candidate_timeout(self) -> tuple[float, float] | None:
        """The range of candidates' timeouts in milliseconds, or None."""
        given = self._parts.get("candidate_timeout")
        return None if given is None else (float(given[0]), float(given[1]))

    @property
    @argument(_writing.as_backoff)
    def candidate_backoff(self) -> float:
        """The factor by which candidates' timeouts grow after each election that a majority refused."""
        return float(self._parts.get("candidate_backoff", 1))

    @property
    @argument(_writing.as_time)
    def timeout_step(self) -> float | None:
        """The difference between the timeouts of consecutive nodes in milliseconds, or None."""
        return self._ms("timeout_step")

    @property
    @argument(_writing.as_adaptive)
    def adaptive_timeout(self) -> AdaptiveTimeout | None:
        """The settings of timeouts that follow the network, or None."""
        given = self._parts.get("adaptive_timeout")
        return None if given is None else AdaptiveTimeout(**given)

    @property
    @argument(_writing.as_time)
    def heartbeat(self) -> float | None:
        """The interval of heartbeats in milliseconds; None for a third of the least election timeout."""
        return self._ms("heartbeat")

    @property
    @argument(_writing.as_time)
    def tick(self) -> float | None:
        """The length of a tick in milliseconds, or None."""
        return self._ms("tick")

    @property
    @argument(_writing.as_flag)
    def pre_vote(self) -> bool:
        """Whether nodes ask before they raise the term."""
        return bool(self._parts["pre_vote"])

    @property
    @argument(_writing.as_flag)
    def sticky_votes(self) -> bool:
        """Whether votes are refused while a leader is heard."""
        return bool(self._parts["sticky_votes"])

    @property
    @argument(_writing.as_flag)
    def check_quorum(self) -> bool:
        """Whether a leader that hears no quorum steps down."""
        return bool(self._parts["check_quorum"])

    @property
    @argument(_writing.as_time)
    def quorum_timeout(self) -> float | None:
        """The time without a quorum after which a leader steps down; None for the election timeout."""
        return self._parts.get("quorum_timeout")

    @property
    @argument(_writing.as_flag)
    def noop(self) -> bool:
        """Whether a new leader appends an empty entry."""
        return bool(self._parts["noop"])

    @property
    @argument(_writing.as_count)
    def max_entries_per_append(self) -> int:
        """The maximum number of entries in a message."""
        return int(self._parts["max_entries_per_append"])

    @property
    @argument(_writing.as_count)
    def max_inflight(self) -> int:
        """The maximum number of messages with entries in flight to a follower."""
        return int(self._parts["max_inflight"])

    @property
    @argument(_writing.as_count)
    def snapshot_every(self) -> int | None:
        """The number of applied entries after which a node takes a snapshot, or None."""
        return self._parts.get("snapshot_every")

    @property
    @argument(_writing.as_drift)
    def lease_drift(self) -> float | None:
        """The bound on clock drift with which leaders hold read leases, or None."""
        return self._parts.get("lease_drift")

    @property
    @argument(_writing.as_time)
    def lease(self) -> float | None:
        """The duration of a lease in milliseconds; None for the longest safe one."""
        return self._parts.get("lease")

    @property
    @argument(_writing.as_flag)
    def commit_guard(self) -> bool:
        """Whether nodes halt rather than truncate below their own commitIndex."""
        return bool(self._parts["commit_guard"])

    @property
    @argument(_writing.as_bugs)
    def bugs(self) -> tuple[str, ...] | dict[str, tuple[str, ...]]:
        """The rules that are taken away, by the names of the bugs: from all nodes, or by the names of nodes.

        >>> Scenario(3, bugs={"A": "vote_not_persisted"}).bugs
        {'A': ('vote_not_persisted',)}
        """
        given = self._parts.get("bugs", ())
        return {name: tuple(of) for name, of in given.items()} if isinstance(given, dict) else tuple(given)

    @property
    @argument(_writing.as_network)
    def network(self) -> Network:
        """The network."""
        return Network.from_dict(self._parts["network"])

    @property
    @argument(_writing.as_disk)
    def disk(self) -> Disk:
        """The disks."""
        return Disk.from_dict(self._parts.get("disk", {}))

    @property
    @argument(_writing.as_processing)
    def processing(self) -> Processing:
        """What nodes take for each message."""
        return Processing.from_dict(self._parts.get("processing", {}))

    @property
    @argument(_writing.as_workload)
    def workload(self) -> tuple[_Load, ...]:
        """The loads on the cluster."""
        return tuple(load_from_dict(load, self.nodes) for load in self._parts.get("workload", ()))

    @property
    @argument(_writing.as_initial)
    def initial(self) -> Initial | None:
        """The initial state, or None for a new cluster."""
        initial = self._parts.get("initial")
        return None if initial is None else Initial.from_dict(initial, self.nodes)

    @property
    @argument(_writing.as_faults)
    def faults(self) -> tuple[Fault, ...]:
        """The faults."""
        return tuple(fault_from_dict(fault) for fault in self._parts.get("faults", ()))

    @property
    @argument(_writing.as_steps)
    def steps(self) -> tuple[Step | Fault, ...]:
        """The steps, one after the other: those of `raftlab.steps`, and faults that are injected."""
        return tuple(step_from_dict(step) for step in self._parts.get("steps", ()))

    @property
    @argument(_writing.as_stop)
    def stop(self) -> Condition | None:
        """The condition that ends the run."""
        stop = self._parts.get("stop")
        return None if stop is None else Condition.from_dict(stop)

    @property
    @argument(_writing.as_time)
    def horizon(self) -> float | None:
        """The time at which the run ends at the latest, in milliseconds, or None."""
        return self._ms("horizon")

    @property
    def edits(self) -> dict[str, Any] | None:
        """The recorded edits of interceptors, as in the JSON; not an argument of the constructor."""
        return copy.deepcopy(self._parts.get("edits"))

    def _ms(self, name: str) -> float | None:
        ms = self._parts.get(name)
        return None if ms is None else float(ms)

    @staticmethod
    def _instead_of_setting(name: str) -> str:
        can = name == "nodes" or name in WRITERS
        return f"a scenario does not change; use replace({name}=...)" if can else "it can only be read"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self._json == other._json

    def __hash__(self) -> int:
        return hash(self._json)

    def __reduce__(self) -> tuple[Any, ...]:
        return Scenario.from_json, (self._json,)

    def _changed(self) -> tuple[int | list[str], dict[str, Any]]:
        """The nodes as they are written, and every argument that differs from its default."""
        plain = json.loads(normal({"raftlab": _core.SCHEMA_VERSION, "nodes": self.nodes}))
        named = {
            name: _listed(getattr(self, name)) for name in WRITERS if self._parts.get(name) != plain.get(name)
        }
        return len(self.nodes) if are_letters(self.nodes) else list(self.nodes), named

    def __repr__(self) -> str:
        nodes, named = self._changed()
        text = laid_out("Scenario", [nodes], named)
        edits = self._parts.get("edits")
        if edits is None:
            return text
        return f"<{text} with {len(edits['edits'])} edits of an interceptor, of seed {edits['seed']}>"

    def _repr_html_(self) -> str:
        nodes, named = self._changed()
        rows: list[tuple[str, object]] = [("nodes", nodes if isinstance(nodes, int) else ", ".join(nodes))]
        rows += [
            (name, items_of(value) if isinstance(value, list) else code(value))
            for name, value in named.items()
        ]
        if self.edits is not None:
            rows.append(
                ("edits", f"{len(self.edits['edits'])} of an interceptor, of seed {self.edits['seed']}")
            )
        return pairs(rows, caption="Scenario") + note("Numbers that are times are in ms.")


def _listed(value: Any) -> Any:
    """Faults, steps, loads and bugs in lists, as users write them."""
    if type(value) is dict:
        return {name: list(part) for name, part in value.items()}
    return list(value) if isinstance(value, tuple) and not _is_range(value) else value


def _is_range(value: tuple[Any, ...]) -> bool:
    return len(value) == 2 and all(isinstance(end, float) for end in value)


def _preset(preset: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if preset is not None and not isinstance(preset, Mapping):
        known = ", ".join(f"raftlab.presets.{name}" for name in presets.__all__ if name.islower())
        raise InvalidError(f"preset must be one of {known}, not {shown(preset)}")
    return preset or {}


MOST_INDENT = 100
"""The most spaces by which a level of JSON is indented."""

BYTE_ORDER_MARK = "\ufeff"
"""The byte order mark that some editors put before a text."""


def default_threads() -> int:
    """The number of threads that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every platform
        return os.cpu_count() or 1
