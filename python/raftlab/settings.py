"""The parts of a scenario: network, disks, load, and initial state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from ._arguments import U32, choice, flag, instance, integer, items, number, probability
from ._time import Duration, to_ms
from ._typing import Via, words
from ._values import Value
from .distributions import FINITE, Time, time_from_dict, time_to_dict
from .errors import InvalidError, shown

__all__ = ["AdaptiveTimeout", "ClosedLoop", "Disk", "Initial", "Network", "OpenLoop", "Processing"]


@dataclass(frozen=True, eq=False, repr=False)
class Network(Value):
    """The network between the nodes when no fault acts on it.

    Parameters
    ----------
    latency : time or distribution, default 7.5 ms
        One-way latency of every link.
    loss : float, default 0
        Probability that a message is lost.
    duplicate : float, default 0
        Probability that a message arrives twice.
    fifo : bool, default False
        Whether the messages of a link arrive in the order in which they were sent.
    regions : list of int, optional
        The region of each node; `latency` is then a square matrix of times or distributions, from the
        row's region to the column's.
    bandwidth : float, optional
        The bytes per second that each link carries in each direction; without limit by default. A message
        occupies its link for its length (the column `size_bytes` of `trace.messages`) / `bandwidth`, those
        after it wait for that, and then it takes its latency.

    Examples
    --------
    >>> Network(latency=5, loss=0.01)
    Network(latency=5, loss=0.01)
    >>> Network(bandwidth=125e6)  # a gigabit per second
    Network(bandwidth=125000000)
    """

    latency: Any = 7.5
    loss: float = 0.0
    duplicate: float = 0.0
    fifo: bool = False
    regions: Sequence[int] | None = None
    bandwidth: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the scenario's JSON has it."""
        if self.regions is None:
            self._refuse_matrix()
            latency = time_to_dict(self.latency, "network: latency")
        else:
            what = "network: latency, with regions a matrix"
            rows = [items(row, what) for row in items(self.latency, what)]
            latency = {
                "regions": [
                    integer(r, "network: regions", 0, 254) for r in items(self.regions, "network: regions")
                ],
                "matrix": [[time_to_dict(t, "network: latency") for t in row] for row in rows],
            }
        written = {
            "latency": latency,
            "loss": probability(self.loss, "network: loss"),
            "duplicate": probability(self.duplicate, "network: duplicate"),
            "fifo": flag(self.fifo, "network: fifo"),
        }
        if self.bandwidth is not None:
            written["bandwidth"] = bytes_per_second(self.bandwidth, "network: bandwidth")
        return written

    def _refuse_matrix(self) -> None:
        """Refuses a matrix of latencies without the regions of the nodes."""
        rows = self.latency if isinstance(self.latency, (list, tuple)) else ()
        if any(isinstance(row, (list, tuple)) for row in rows):
            raise InvalidError(
                "network: latency is a matrix only with the region of each node, as in raftlab.Network("
                f"latency=..., regions={list(range(len(rows)))}); raftlab.network_from_csv reads one "
                f"from measured round trips. It got {shown(self.latency)}"
            )

    def _between_nodes(self) -> list[Time]:
        """The latencies of the links that there are."""
        if self.regions is None:
            return [self.latency]
        pairs = set(permutations(self.regions, 2))
        return [self.latency[sender][receiver] for sender, receiver in sorted(pairs)]

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> Network:
        """From the scenario's JSON."""
        latency, regions = written["latency"], None
        if isinstance(latency, Mapping) and "regions" in latency:
            regions = list(latency["regions"])
            latency = [[time_from_dict(time) for time in row] for row in latency["matrix"]]
        else:
            latency = time_from_dict(latency)
        return cls(**{**written, "latency": latency, "regions": regions})


def bytes_per_second(value: Any, what: str) -> float:
    """A bandwidth."""
    return number(value, what, "a number of bytes per second, at least 1", 1, FINITE)


@dataclass(frozen=True, eq=False, repr=False)
class Disk(Value):
    """The disk of each node: a write reaches the page cache after `write`, and is durable `fsync` later.

    Parameters
    ----------
    fsync, write : time or distribution, default 0
        The latencies of a write and of an fsync. Messages that require durable data wait for both.
    blocks : bool, default False
        Whether a node waits for its fsyncs, as one whose loop calls `fsync` itself: until it is done,
        messages, timers and requests wait. By default another thread calls it, and the node goes on.

    Examples
    --------
    >>> import raftlab as rl
    >>> rl.Scenario(3, disk=Disk(fsync=rl.uniform(1, 5))).disk
    Disk(fsync=uniform(low=1, high=5))
    """

    fsync: Time = 0.0
    write: Time = 0.0
    blocks: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As the scenario's JSON has it."""
        blocks = {"blocks": True} if flag(self.blocks, "disk: blocks") else {}
        return {
            "write": time_to_dict(self.write, "disk: write"),
            "fsync": time_to_dict(self.fsync, "disk: fsync"),
            **blocks,
        }

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> Disk:
        """From the scenario's JSON."""
        times = {part: time_from_dict(time) for part, time in written.items() if part != "blocks"}
        return cls(**times, blocks=written.get("blocks", False))


@dataclass(frozen=True, eq=False, repr=False)
class Processing(Value):
    """What a node takes for each message that it receives or sends.

    It handles one message after the other, and sends one after the other. What comes meanwhile waits, in
    order: messages, requests, timers that have expired, fsyncs that are done. A request of a client counts as
    a message without bytes. Timers and fsyncs take no time themselves.

    Parameters
    ----------
    message : time, default 0
        The time for each message.
    byte : time, default 0
        The time for each byte of it (the column `size_bytes` of `trace.messages`).

    Examples
    --------
    >>> import raftlab as rl
    >>> rl.Scenario(3, processing=Processing("50us", byte="2ns")).processing
    Processing(message=0.05, byte=2e-06)
    """

    message: Duration = 0.0
    byte: Duration = 0.0

    def to_dict(self) -> dict[str, Any]:
        """As the scenario's JSON has it."""
        message, byte = to_ms(self.message, "processing: message"), to_ms(self.byte, "processing: byte")
        return {"message": message, "byte": byte}

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> Processing:
        """From the scenario's JSON."""
        return cls(**written)


@dataclass(frozen=True, eq=False, repr=False)
class _Load(Value):
    keys: int = field(default=1, kw_only=True)
    reads: float = field(default=0.0, kw_only=True)
    via: Via = field(default="log", kw_only=True)
    session: bool = field(default=False, kw_only=True)
    start: Duration = field(default=0.0, kw_only=True)
    end: Duration | None = field(default=None, kw_only=True)
    home: str | None = field(default=None, kw_only=True)

    def to_dict(self, nodes: Sequence[str]) -> dict[str, Any]:
        """As the scenario's JSON has it."""
        written: dict[str, Any] = {
            "start": to_ms(self.start, "workload: start"),
            "pacing": self._pacing(),
            "mix": {
                "keys": integer(self.keys, "workload: keys", 1, 1_000_000),
                "reads": probability(self.reads, "workload: reads"),
                "via": choice(self.via, "workload: via", words(Via)),
                "session": flag(self.session, "workload: session"),
            },
        }
        if self.end is not None:
            written["end"] = to_ms(self.end, "workload: end")
        if self.home is not None:
            if self.home not in nodes:
                known = ", ".join(nodes)
                raise InvalidError(f"workload: home: unknown node {self.home!r}; this cluster has {known}")
            written["home"] = list(nodes).index(self.home)
        return written

    def _written(self) -> Any:
        return self.home, self.to_dict([] if self.home is None else [self.home])

    def _pacing(self) -> dict[str, Any]:
        raise NotImplementedError


def _longer(value: Time, what: str) -> Any:
    """A time as the scenario's JSON has it, which must not be 0."""
    written = time_to_dict(value, what)
    if written == 0:
        raise InvalidError(f"{what} must be longer than 0 ms, not {shown(value)}")
    return written


def load_from_dict(written: Mapping[str, Any], nodes: Sequence[str]) -> _Load:
    """A load from the scenario's JSON."""
    pacing = dict(written["pacing"])
    kind = {"open": OpenLoop, "closed": ClosedLoop}[pacing.pop("pacing")]
    for part in {"every", "think"} & pacing.keys():
        pacing[part] = time_from_dict(pacing[part])
    given = {name: value for name, value in written.items() if name not in ("pacing", "mix")}
    if "home" in given:
        given["home"] = nodes[given["home"]]
    load: _Load = kind(**given, **written["mix"], **pacing)
    return load


@dataclass(frozen=True, eq=False, repr=False)
class OpenLoop(_Load):
    """Load that does not wait: requests at intervals, regardless of their results.

    Parameters
    ----------
    every : time or distribution
        The time from a request to the next.
    keys : int, default 1
        The number of keys (k0, k1, …), drawn uniformly.
    reads : float, default 0
        The share of the requests that read.
    via : {"log", "read_index", "lease", "local"}, default "log"
        The way in which reads are served.
    session : bool, default False
        Whether requests carry a client session, so that a retry applies once.
    start, end : time
        The time of the first request, and the time from which there are none.
    home : str, optional
        The node to which the clients are attached, and through which alone they reach others; without one
        they are outside every partition.

    Examples
    --------
    >>> import raftlab as rl
    >>> run = rl.Scenario(3, workload=OpenLoop("100ms", end="1s"), horizon="2s").run()
    >>> len(run.trace.ops)
    10
    """

    every: Time = "10ms"

    def _pacing(self) -> dict[str, Any]:
        return {"pacing": "open", "every": _longer(self.every, "workload: every")}


@dataclass(frozen=True, eq=False, repr=False)
class ClosedLoop(_Load):
    """Clients that each wait for an answer before they ask again.

    Parameters
    ----------
    clients : int, default 1
        The number of clients.
    think : time or distribution, default 0
        The time from an answer to the next request.
    timeout : time, default 1 s
        The time after which a client stops waiting.
    retry : bool, default False
        Whether a client then sends the same request again instead of leaving it unknown.

    See Also
    --------
    OpenLoop : for the other parameters.

    Examples
    --------
    >>> import raftlab as rl
    >>> load = ClosedLoop(clients=2, think="10ms", reads=0.5)
    >>> run = rl.Scenario(3, workload=load, horizon="1s").run()
    >>> len(run.trace.ops) > 0
    True
    """

    clients: int = 1
    think: Time = 0.0
    timeout: Duration = "1s"
    retry: bool = False

    def _pacing(self) -> dict[str, Any]:
        return {
            "pacing": "closed",
            "clients": integer(self.clients, "workload: clients", 1, 100_000),
            "think": time_to_dict(self.think, "workload: think"),
            "timeout": _longer(self.timeout, "workload: timeout"),
            "retry": flag(self.retry, "workload: retry"),
        }


@dataclass(frozen=True, eq=False, repr=False)
class AdaptiveTimeout(Value):
    """Election timeouts and heartbeats that follow the network, as in Dynatune (arXiv 2507.15154).

    The leader measures the round trips of its heartbeats and sends each follower its own. A follower with
    `min_samples` of them draws its timeout from [t, r t), where t = mean + `safety` * standard deviation and
    r is the ratio of the ends of `election_timeout`. It estimates the loss p from the rounds that never
    reached it, and requests K = ceil(log_p(1 - `reachability`)) heartbeats in t. A new leader or an expired
    timeout discards the measurements: until there are enough again, the configured times apply.

    There are two differences from the publication. The leader has one heartbeat timer, with the interval of
    the follower that requests the most heartbeats. And with `check_quorum` the leader gives followers two of
    its intervals to answer, if that is longer than an election timeout.

    Parameters
    ----------
    safety : float, default 2
        The factor of the standard deviation, from 0 to 1000.
    min_samples, window : int, default 10 and 1000
        The number of round trips needed before timeouts adapt, and the number of latest ones that count.
    reachability : float, default 0.999
        The probability with which at least one heartbeat arrives in a timeout; below 1.
    min_heartbeats : int, default 1
        The least K, from 1 to 100. Without losses K is 1, and a late heartbeat may start an election;
        PreVote then keeps the leader.

    Examples
    --------
    >>> import raftlab as rl
    >>> adaptive = rl.Scenario(5, adaptive_timeout=rl.AdaptiveTimeout(safety=3), pre_vote=True)
    >>> adaptive.adaptive_timeout.safety
    3.0
    """

    safety: float = 2.0
    min_samples: int = 10
    window: int = 1000
    reachability: float = 0.999
    min_heartbeats: int = 1

    def to_dict(self) -> dict[str, Any]:
        """As the scenario's JSON has it."""
        what = "adaptive_timeout: "
        return {
            "safety": number(self.safety, what + "safety", "a number from 0 to 1000", 0, 1000),
            "min_samples": integer(self.min_samples, what + "min_samples", 1, U32),
            "window": integer(self.window, what + "window", 1, U32),
            "reachability": probability(self.reachability, what + "reachability"),
            "min_heartbeats": integer(self.min_heartbeats, what + "min_heartbeats", 1, 100),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Initial(Value):
    """The initial state of a run, instead of a new cluster.

    Parameters
    ----------
    term : int or dict of str to int, optional
        currentTerm of all nodes, or of single ones; at least the last term of the log. By default the highest
        term of any log.
    log : list, or dict of str to list, optional
        The log of all nodes, or of single ones: a list of terms, or of pairs (term, "key=value").
    commit : int or dict of str to int, optional
        commitIndex.
    voted_for : dict of str to str, optional
        votedFor of single nodes.
    leader : str, optional
        The leader of its term at time 0, without an election.
    unreachable : bool, default False
        Whether to accept a state that no run of Raft can reach, for whose consequences the checks blame
        honest nodes: logs that violate Log Matching, an entry committed on a minority or in two ways, an
        entry of a term in which no node can have been elected, a vote for a node that cannot have been a
        candidate, a leader without votes, without an entry of its term or without one committed before
        (paper §5.2 to §5.4).

    Raises
    ------
    InvalidError
        If no run of Raft can reach this state, when a cluster or a scenario is made with it.

    Examples
    --------
    >>> Initial(log={"A": [1, 1, 4], "B": [1, 1, 2, 2]}, term=4).log["A"]
    (1, 1, 4)
    >>> import raftlab as rl
    >>> rl.Cluster(3, initial=Initial(log={"A": [1]}, commit={"A": 1}))
    Traceback (most recent call last):
        ...
    raftlab.errors.InvalidError: initial: A has committed index 1, but only 1 of 3 nodes have that entry. ...
    """

    term: int | Mapping[str, int] | None = None
    log: Any = None
    commit: int | Mapping[str, int] | None = None
    voted_for: Mapping[str, str] | None = None
    leader: str | None = None
    unreachable: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As the scenario's JSON has it."""
        written: dict[str, Any] = {}
        for name, value in (("term", self.term), ("log", self.log), ("commit", self.commit)):
            if isinstance(value, Mapping):
                written[name + "s"] = dict(value)
            elif value is not None:
                written[name] = value if name == "log" else integer(value, f"initial: {name}")
        if self.voted_for is not None:
            written["voted_for"] = instance(self.voted_for, dict, "initial: voted_for")
        if self.leader is not None:
            written["leader"] = self.leader
        if flag(self.unreachable, "initial: unreachable"):
            written["unreachable"] = True
        return written

    @classmethod
    def from_dict(cls, written: Mapping[str, Any], nodes: Sequence[str]) -> Initial:
        """From the scenario's JSON: `terms` are those of single nodes there, `term` that of the others."""
        given = dict(written)
        logs = {node: given.get("logs", {}).get(node, given.get("log", [])) for node in nodes}
        for name in ("term", "log", "commit"):
            single = given.pop(name + "s", None)
            if single is not None:
                others = dict.fromkeys(nodes, given[name]) if name in given else {}
                if name == "commit":  # that of all nodes holds as far as their logs go
                    others = {node: min(index, len(logs[node])) for node, index in others.items()}
                given[name] = others | single
        return cls(**given)
