"""Scenarios: everything that a run is, but for its luck."""

from __future__ import annotations

import json
import math
import operator
import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import _core
from ._arguments import U32, choice, dumps, flag, instance, integer, items, number
from ._conditions import Condition
from ._faults import Fault, fault_from_dict
from ._time import Duration, format_ms, to_ms
from .commands import Command, command_to_dict
from .distributions import Distribution, Time
from .errors import FaultWarning, InvalidError, shown
from .settings import VIAS, AdaptiveTimeout, Disk, Initial, Network, _Load, load_from_dict

if TYPE_CHECKING:
    from ._run import Run
    from .cluster import Cluster

__all__ = ["Scenario", "campaign", "heal", "propose", "read", "run", "run_until"]


class Scenario:
    """Everything that a run is, but for its luck: a value that prints, compares, serialises and runs.

    Parameters
    ----------
    nodes : int or list of str, default 5
        How many nodes (named A, B, C …), or their names. At most 255.
    preset : mapping, optional
        Settings to start from, such as `raftlab.presets.etcd`; arguments given beside it win.
    election_timeout : (time, time) or time, default (150 ms, 300 ms)
        The range from which election timeouts are drawn; one time makes them all alike.
    election_rule : str, default "paper"
        When a node adopts a term and when it stands for election: a name of `raftlab.election_rules`. Some
        names stand for other arguments, such as `"pre_vote"` for `pre_vote=True`, so that rules can be
        swept against each other.
    candidate_timeout : (time, time) or time, optional
        The range from which candidates draw their timeouts; `election_timeout` if not given.
    candidate_backoff : float, default 1
        By how much that grows with each election in a row that a majority refused.
    timeout_step : time, optional
        The k-th node's timeouts are longer by k times this: the first waits least.
    adaptive_timeout : AdaptiveTimeout or bool, optional
        Timeouts and heartbeats that follow the round trips and losses that the leader measures; `True` stands
        for `AdaptiveTimeout()`. Cannot go with `timeout_step` or `lease_drift`.
    heartbeat : time, optional
        Between heartbeats; a third of the least election timeout if not given.
    tick : time, optional
        Timers count whole ticks of this length, as etcd's and TiKV's do: a timeout of (1000, 2000) ms with
        ticks of 100 ms takes 10 to 19 of them, and the tick under way counts (etcd-io/etcd#4887). Each node's
        ticks begin at a moment of their own. Timers run out at any moment if not given.
    pre_vote, sticky_votes, check_quorum : bool, default False
        Ask before raising the term (diss. §9.6); refuse votes while a leader is heard (diss. §4.2.3); a
        leader that hears no quorum for an election timeout steps down (diss. §6.2). Independent of each
        other.
    noop : bool, default True
        A new leader appends an empty entry at once (paper §8).
    max_entries_per_append, max_inflight : int, default 64 and 256
        Most entries in one message; most such messages under way to one follower.
    snapshot_every : int, optional
        A node takes a snapshot whenever it has applied so many entries since its last (paper §7), and
        drops the entries that it covers, but for as many again before its end. A follower that needs what its
        leader dropped gets the snapshot. Without it logs grow for as long as the run lasts.
    lease_drift : float, optional
        Leaders hold read leases that are safe as long as no clock runs fast or slow by more than this
        (0.01 is one percent). With it come the other conditions of a lease: followers refuse votes while
        they hear a leader, restarted nodes refuse votes for one election timeout, a lease counts from the
        sending of the heartbeat.
    commit_guard : bool, default False
        Nodes halt rather than truncate below their own commitIndex, as production systems do.
    bugs : list of str, default ()
        Rules that are taken away, by the names of the bugs: see `raftlab.rules`.
    network : Network or time, optional
        The network; a time is a constant latency.
    disk : Disk or time, optional
        The disks; a time is the latency of an fsync.
    workload : OpenLoop, ClosedLoop or list of them, optional
        Load on the cluster.
    initial : Initial, optional
        How it begins, if not as a new cluster.
    faults : list of Fault, default ()
        What goes wrong, and when.
    steps : list, default ()
        What is done, one after the other: `run("1s")`, `run_until(leader_elected)`, `propose("x=1")`,
        faults, and what else this module offers.
    stop : Condition, optional
        After the steps the run goes on until this holds. It is armed when the last fault has struck that
        strikes before the end; `down`, `violated` and `leaders` of two or more, which no cluster meets
        unless something goes wrong, at once. A run that ends before it was armed has the ending
        `"not_armed"`, and a `FaultWarning` says so.
    horizon : time, optional
        When the run ends at the latest, once its steps are taken: those take the time that they say. Without
        one, a run that has steps and no `stop` ends with its steps; any other ends a minute after them, but
        not before half a minute has passed after the last fault whose time is known or bounded.

    Raises
    ------
    InvalidError
        If any part makes no sense. The message names the argument, the value and what is accepted.

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

    __slots__ = ("_json", "_parts")

    _json: str
    _parts: dict[str, Any]

    def __init__(
        self,
        nodes: int | Sequence[str] = 5,
        *,
        preset: Mapping[str, Any] | None = None,
        election_timeout: Any = None,
        election_rule: str | None = None,
        candidate_timeout: Any = None,
        candidate_backoff: float | None = None,
        timeout_step: Duration | None = None,
        adaptive_timeout: AdaptiveTimeout | bool | None = None,
        heartbeat: Duration | None = None,
        tick: Duration | None = None,
        pre_vote: bool | None = None,
        sticky_votes: bool | None = None,
        check_quorum: bool | None = None,
        noop: bool | None = None,
        max_entries_per_append: int | None = None,
        max_inflight: int | None = None,
        snapshot_every: int | None = None,
        lease_drift: float | None = None,
        commit_guard: bool | None = None,
        bugs: Iterable[str] = (),
        network: Network | Time | None = None,
        disk: Disk | Time | None = None,
        workload: _Load | Iterable[_Load] = (),
        initial: Initial | None = None,
        faults: Iterable[Fault] = (),
        steps: Iterable[Any] = (),
        stop: Condition | None = None,
        horizon: Duration | None = None,
    ) -> None:
        names = _names(nodes)
        parts: dict[str, Any] = {"raftlab": _core.SCHEMA_VERSION, **_preset(preset), "nodes": names}
        if election_timeout is not None:
            parts["election_timeout"] = _timeout(election_timeout, "election_timeout")
        if election_rule is not None:
            parts |= rule_settings(election_rule)
        if candidate_timeout is not None:
            parts["candidate_timeout"] = _timeout(candidate_timeout, "candidate_timeout")
        if candidate_backoff is not None:
            parts["candidate_backoff"] = number(
                candidate_backoff, "candidate_backoff", "a factor of at least 1", 1, 1e6
            )
        if timeout_step is not None:
            parts["timeout_step"] = to_ms(timeout_step, "timeout_step")
        if adaptive_timeout is True:
            adaptive_timeout = AdaptiveTimeout()
        if isinstance(adaptive_timeout, AdaptiveTimeout):
            parts["adaptive_timeout"] = adaptive_timeout.to_dict()
        elif adaptive_timeout is not None and adaptive_timeout is not False:
            raise InvalidError(
                f"adaptive_timeout must be True, False or an AdaptiveTimeout, not {shown(adaptive_timeout)}"
            )
        if heartbeat is not None:
            parts["heartbeat"] = to_ms(heartbeat, "heartbeat")
        if tick is not None:
            parts["tick"] = to_ms(tick, "tick")
        switches = {
            "pre_vote": pre_vote,
            "sticky_votes": sticky_votes,
            "check_quorum": check_quorum,
            "noop": noop,
            "commit_guard": commit_guard,
        }
        for name, switch in switches.items():
            if switch is not None:
                parts[name] = flag(switch, name)
        limits = {
            "max_entries_per_append": max_entries_per_append,
            "max_inflight": max_inflight,
            "snapshot_every": snapshot_every,
        }
        for name, limit in limits.items():
            if limit is not None:
                parts[name] = integer(limit, name, 1, U32)
        if lease_drift is not None:
            parts["lease_drift"] = number(lease_drift, "lease_drift", "a number from 0 to 1", 0, 1)
        parts["bugs"] = [bugs] if isinstance(bugs, str) else items(bugs, "bugs")
        if network is not None:
            parts["network"] = (network if isinstance(network, Network) else Network(network)).to_dict()
        if disk is not None:
            parts["disk"] = (disk if isinstance(disk, Disk) else Disk(disk)).to_dict()
        loads = [workload] if isinstance(workload, _Load) else items(workload, "workload")
        parts["workload"] = [instance(load, _Load, "workload").to_dict(names) for load in loads]
        if initial is not None:
            parts["initial"] = instance(initial, Initial, "initial").to_dict()
        parts["faults"] = [instance(fault, Fault, "faults").to_dict() for fault in items(faults, "faults")]
        parts["steps"] = [step_to_dict(step) for step in items(steps, "steps")]
        if stop is not None:
            parts["stop"] = instance(stop, Condition, "stop").to_dict()
        if horizon is not None:
            parts["horizon"] = to_ms(horizon, "horizon")
        self._set(normal(parts))
        self._warn_of_late_faults()

    def _warn_of_late_faults(self) -> None:
        """Says which faults `stop` waits for certainly come after the end, if no steps put it off."""
        end = self._parts.get("horizon", math.inf)
        if self._parts.get("steps") or "stop" not in self._parts:
            return
        for written in self._parts.get("faults", ()):
            time = written.get("at", written.get("after", 0))
            at = time.get("low", 0) if isinstance(time, dict) else time
            if at >= end:
                name = type(fault_from_dict(written)).__name__
                said = f"{name} at {format_ms(at)} never strikes: the run ends at {format_ms(end)}"
                warnings.warn(FaultWarning(said), stacklevel=3)

    def _set(self, normal: str) -> None:
        object.__setattr__(self, "_json", normal)
        object.__setattr__(self, "_parts", json.loads(normal))

    @classmethod
    def from_json(cls, text: str) -> Scenario:
        """A scenario from the JSON that `to_json` wrote, or that a person wrote by hand.

        Raises
        ------
        InvalidError
            If the text is no scenario, or one of another schema version.
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
        """As JSON: to keep, to share, to run again. It holds the version of its schema."""
        return self._json if indent is None else json.dumps(self._parts, indent=indent)

    def run(
        self,
        seed: int = 0,
        *,
        trace: str = "full",
        checks: bool = True,
        on_violation: str = "record",
        trace_rows: int | None = None,
    ) -> Run:
        """Plays the whole scenario with the luck of a seed.

        Parameters
        ----------
        seed : int, default 0
            From 0 to 2^64 - 1.
        trace : {"full", "states", "off"}, default "full"
            How much is written down. The run is the same with each.
        checks : bool, default True
            Whether the invariants are checked after every event.
        on_violation : {"record", "stop", "raise"}, default "record"
            What a violation does.
        trace_rows : int, optional
            Most rows of one table of the trace.

        Returns
        -------
        Run
            With the same attributes as a `Cluster`, and how it ended.

        Raises
        ------
        NotReached
            If a step waited for a condition in vain. Its `run` is the run up to there.
        ViolationError
            With `on_violation="raise"`.
        """
        run = self._play(seed, trace=trace, checks=checks, on_violation=on_violation, trace_rows=trace_rows)
        run._raise_if_in_vain()
        return run

    def _play(
        self,
        seed: int,
        *,
        trace: str = "full",
        checks: bool = True,
        on_violation: str = "record",
        trace_rows: int | None = None,
    ) -> Run:
        """The run, also if a step waited in vain."""
        from ._run import Run

        return Run._play(self, seed, trace, checks, on_violation, trace_rows)

    def cluster(self, seed: int = 0, **options: Any) -> Cluster:
        """A cluster that has been through this scenario, to be driven on by hand. Options as in `run`."""
        return self.run(seed, **options).fork()

    def replace(self, **changes: Any) -> Scenario:
        """The same scenario with other settings, given as to the constructor.

        >>> Scenario(3).replace(pre_vote=True).pre_vote
        True
        """
        names = changes.pop("nodes", self.nodes)
        other = Scenario(names, **changes)
        given = {_JSON_NAMES.get(name, name) for name in changes}
        if changes.get("election_rule") is not None:
            given |= set(rule_settings(changes["election_rule"]))
        parts = dict(self._parts) | {"nodes": other._parts["nodes"]}
        for name in given:
            parts.pop(name, None)
            if name in other._parts:
                parts[name] = other._parts[name]
        scenario = Scenario.__new__(Scenario)
        scenario._set(normal(parts))
        return scenario

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of the nodes."""
        return tuple(self._parts["nodes"])

    @property
    def election_timeout(self) -> tuple[float, float]:
        """The range of election timeouts in milliseconds."""
        low, high = self._parts["election_timeout"]
        return float(low), float(high)

    @property
    def adaptive_timeout(self) -> AdaptiveTimeout | None:
        """How timeouts follow the network, if they do."""
        given = self._parts.get("adaptive_timeout")
        return None if given is None else AdaptiveTimeout(**given)

    @property
    def network(self) -> Network:
        """The network."""
        return Network.from_dict(self._parts["network"])

    @property
    def disk(self) -> Disk:
        """The disks."""
        return Disk.from_dict(self._parts.get("disk", {}))

    @property
    def workload(self) -> tuple[_Load, ...]:
        """The loads on the cluster."""
        return tuple(load_from_dict(load, self.nodes) for load in self._parts.get("workload", ()))

    @property
    def initial(self) -> Initial | None:
        """How it begins, if not as a new cluster."""
        initial = self._parts.get("initial")
        return None if initial is None else Initial.from_dict(initial, self.nodes)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults."""
        return tuple(fault_from_dict(fault) for fault in self._parts.get("faults", ()))

    @property
    def steps(self) -> tuple[dict[str, Any], ...]:
        """The steps, as the JSON has them."""
        return tuple(self._parts.get("steps", ()))

    @property
    def stop(self) -> Condition | None:
        """The condition that ends the run."""
        stop = self._parts.get("stop")
        return None if stop is None else Condition.from_dict(stop)

    @property
    def bugs(self) -> tuple[str, ...]:
        """The rules that are taken away, by the names of the bugs."""
        return tuple(self._parts.get("bugs", ()))

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and (name in self._parts or name in Scenario.__init__.__annotations__):
            return self._parts.get(name)
        raise AttributeError(f"a scenario has no attribute '{name}'")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a scenario is a value and cannot be changed; use replace({name}=...)")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self._json == other._json

    def __hash__(self) -> int:
        return hash(self._json)

    def __reduce__(self) -> tuple[Any, ...]:
        return Scenario.from_json, (self._json,)

    def __repr__(self) -> str:
        shown = [str(len(self.nodes)) if _are_letters(self.nodes) else repr(list(self.nodes))]
        plain = json.loads(
            _core.scenario_normal(dumps({"raftlab": _core.SCHEMA_VERSION, "nodes": self.nodes}))
        )
        for name, value in self._parts.items():
            if name in ("raftlab", "nodes") or value == plain.get(name):
                continue
            if name == "faults":
                shown.append(f"faults={list(self.faults)!r}")
            elif name == "steps":
                shown.append(f"steps=<{len(value)}>")
            elif name == "stop":
                shown.append(f"stop={self.stop!r}")
            elif name == "adaptive_timeout":
                shown.append(f"adaptive_timeout={self.adaptive_timeout!r}")
            elif name == "edits":
                shown.append(f"edits=<{len(value['edits'])} of seed {value['seed']}>")
            elif name == "network":
                changed = {k: v for k, v in value.items() if v != plain["network"][k]}
                shown.append(f"network={changed!r}")
            else:
                shown.append(f"{name}={value!r}")
        return f"Scenario({', '.join(shown)})"


_JSON_NAMES: dict[str, str] = {}


# ---- Steps ------------------------------------------------------------------------------------------


def run(duration: Duration) -> dict[str, Any]:
    """A step: let time pass."""
    return {"run": to_ms(duration, "duration")}


def run_until(condition: Condition, *, limit: Duration = "60s") -> dict[str, Any]:
    """A step: let time pass until a condition holds, at most `limit`."""
    return {
        "run_until": {
            "until": instance(condition, Condition, "condition").to_dict(),
            "limit": to_ms(limit, "limit"),
        }
    }


def propose(
    command: Command | str, *, node: str | None = None, home: str | None = None, client: str | None = None
) -> dict[str, Any]:
    """A step: a client asks for a command to be replicated; see `Cluster.propose`."""
    return {"do": propose_action(command, node, home, client)}


def read(key: str, *, node: str | None = None, home: str | None = None, via: str = "log") -> dict[str, Any]:
    """A step: a client reads; see `Cluster.read`."""
    return {"do": read_action(key, node, home, via)}


def campaign(node: str) -> dict[str, Any]:
    """A step: a node stands for election as if its timer had run out."""
    return {"do": {"campaign": {"node": node}}}


def heal(handle: int | None = None) -> dict[str, Any]:
    """A step: ends one fault, or all of the network."""
    return {"do": heal_action(handle)}


def propose_action(
    command: Command | str, node: str | None, home: str | None, client: str | None
) -> dict[str, Any]:
    """The action of `propose`."""
    places = {"node": node, "home": home, "client": client}
    for what, place in places.items():
        if place is not None:
            instance(place, str, what)
    return {"propose": {"command": command_to_dict(command), **_given(places)}}


def read_action(key: str, node: str | None, home: str | None, via: str) -> dict[str, Any]:
    """The action of `read`."""
    if not isinstance(key, str) or not key:
        raise InvalidError(f"a key must be a text of at least one letter, not {shown(key)}")
    return {"read": {"key": key, "via": choice(via, "via", VIAS), **_given({"node": node, "home": home})}}


def heal_action(handle: int | None) -> dict[str, Any]:
    """The action of `heal`."""
    return {"heal": _given({"handle": None if handle is None else integer(handle, "handle", 0, U32)})}


def step_to_dict(step: Any) -> dict[str, Any]:
    """A step as the scenario's JSON has it: a step of this module, a fault, or a command."""
    if isinstance(step, Fault):
        return {"do": {"inject": step.to_dict()}}
    if isinstance(step, (Command, str)):
        return propose(step)
    if isinstance(step, dict):
        return step
    raise InvalidError(
        "a step must be a fault, a command, or made by run, run_until, propose, read, campaign or heal, "
        f"not {shown(step)}"
    )


def normal(parts: Mapping[str, Any]) -> str:
    """The normal form of a scenario whose JSON nobody wrote: errors tell no line of it."""
    try:
        return _core.scenario_normal(dumps(parts))
    except InvalidError as error:
        message = re.sub(r" at line \d+ column \d+$", "", str(error)).removeprefix("not a scenario: ")
        raise InvalidError(message) from None


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _names(nodes: int | Sequence[str]) -> list[str]:
    if not isinstance(nodes, (list, tuple)):
        try:
            nodes = operator.index(None if isinstance(nodes, bool) else nodes)  # type: ignore[arg-type]
        except TypeError:
            raise InvalidError(f"nodes must be a number or a list of names, not {shown(nodes)}") from None
    if isinstance(nodes, int):
        if not 1 <= nodes <= MAX_NODES:
            raise InvalidError(f"nodes must be between 1 and {MAX_NODES}, not {shown(nodes)}")
        if nodes <= 26:
            return [chr(ord("A") + i) for i in range(nodes)]
        return [f"n{i + 1}" for i in range(nodes)]
    if not all(isinstance(name, str) for name in nodes):
        raise InvalidError(f"the names of nodes must be texts, not {shown(nodes)}")
    return list(nodes)


MAX_NODES = 255
BYTE_ORDER_MARK = "\ufeff"
"""What some editors put before a text that they save."""


def _are_letters(names: Sequence[str]) -> bool:
    return list(names) == _names(len(names))


def rule_settings(name: str) -> dict[str, Any]:
    """What an election rule stands for, as the scenario's JSON has it."""
    from .discovery import SWITCHES, election_rules

    choice(name, "election_rule", election_rules.names)
    given = SWITCHES[name][0] if name in SWITCHES else None
    if given is None:
        return {"election_rule": name}
    parts = Scenario(1, **given)._parts
    return {setting: parts[setting] for setting in given}


def _timeout(value: Any, what: str) -> list[float]:
    if isinstance(value, Distribution) and value.kind == "uniform":
        parameters = dict(value.parameters)
        return [parameters["low"], parameters["high"]]
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise InvalidError(f"{what} must be one time or two, not {shown(value)}")
        low, high = value
    else:
        low = high = value
    if isinstance(low, Distribution) or isinstance(high, Distribution):
        raise InvalidError(f"{what} must be two times, or uniform(low, high)")
    return [to_ms(low, what), to_ms(high, what)]


def _preset(preset: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if preset is not None and not isinstance(preset, Mapping):
        raise InvalidError(f"preset must be one of raftlab.presets, not {shown(preset)}")
    return preset or {}


def default_threads() -> int:
    """As many threads as this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every platform
        return os.cpu_count() or 1
