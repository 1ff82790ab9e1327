"""Failover times stated by database vendors, played with the defaults of their databases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._conditions import leader_elected
from .._faults import Crash
from ..distributions import uniform
from ..scenario import Scenario
from ..statistics import Sample
from ..sweeps.observed import sample_of
from .result import Result, Row, played, triple

__all__ = ["DATABASES", "Database", "failovers"]


@dataclass(frozen=True)
class Database:
    """A database's timing, and what its vendor states about a failover, in ms.

    Each of `claims` has a quantile (None is the mean, 0 the quickest run), the relation (= or a bound), the
    number, and the tolerance that the wording ("approximately") suggests.
    """

    name: str
    settings: Mapping[str, Any]
    claims: tuple[tuple[float | None, str, float, float], ...]
    round_trip_ms: float
    last_trips: int = 0
    """Round trips after the election that the stated time includes: one if an entry must be appended."""


DATABASES = (
    Database(
        "CockroachDB, 10 ms round trips",
        {"election_timeout": (2000, 4000), "heartbeat": 1000, "pre_vote": True, "check_quorum": True},
        ((0.0, ">", 1030.0, 0.0), (0.99, "<", 5200.0, 0.0)),
        round_trip_ms=10,
        last_trips=1,
    ),
    Database(
        "MongoDB",
        {"election_timeout": (10_000, 11_500), "heartbeat": 2000, "pre_vote": True},
        ((0.5, "<", 12_000.0, 0.0),),
        round_trip_ms=1,
    ),
    Database(
        "YugabyteDB",
        {"election_timeout": (2250, 3750), "heartbeat": 500, "pre_vote": True},
        ((None, "=", 3000.0, 0.2),),
        round_trip_ms=1,
        last_trips=1,
    ),
    Database(
        "Consul, raft_multiplier 1",
        {"election_timeout": (1000, 2000), "heartbeat": 100, "pre_vote": True, "check_quorum": True},
        ((0.01, ">", 1000.0, 0.1), (0.99, "<", 5000.0, 0.0)),
        round_trip_ms=1,
    ),
)
NAMES = {None: "mean", 0.0: "quickest run", 0.01: "p1", 0.5: "median", 0.99: "p99"}


def failovers(seeds: int = 10_000) -> Result:
    """Times without a leader after a crash, side by side with what database vendors state.

    Parameters
    ----------
    seeds : int
        The number of crashes for each database.

    Returns
    -------
    Result
        Bounds and round numbers from documentation: they can refute a wrong model, but not confirm details.
    """
    rows, samples = [], {}
    for database in DATABASES:
        took = downtimes(database, seeds)
        for at, relation, stated, tolerance in database.claims:
            found = quickest(took) if at == 0.0 else triple(took.estimate(at))
            rows.append(
                Row(database.name, NAMES[at], "ms", stated, *found, relation=relation, tolerance=tolerance)
            )
        samples[database.name] = took.values
    return Result("failovers", "Failovers of databases", SOURCE, SETUP, tuple(rows), samples)


SOURCE = (
    "CockroachDB, comment on defaultRangeLeaseDuration in pkg/base/config.go; MongoDB manual, replica set "
    "elections; YugabyteDB documentation, handling node failures; Netdata, Consul: no cluster leader"
)
SETUP = (
    "3 servers, one-way latency fixed, the leader crashes at a uniform moment of a heartbeat interval. "
    "CockroachDB: timeouts U(2, 4) s, heartbeats every 1 s, PreVote; stated are 1.03 to 5.20 s with round "
    "trips of 10 to 400 ms, the lower end for 10 ms. MongoDB: timeouts U(10, 11.5) s "
    "(electionTimeoutMillis and 15 % of it), heartbeats every 2 s; stated is a median of at most 12 s. "
    "YugabyteDB: six missed heartbeats of 500 ms with a jitter of a quarter, U(2.25, 3.75) s; stated are "
    "approximately 3 s, taken as within 20 %. Consul at raft_multiplier 1: timeouts U(1, 2) s, heartbeats "
    "every 100 ms; stated are roughly 1 to 5 s for a healthy failover, the lower end taken as within 10 %. "
    "Not modelled: MongoDB's replication by pull and priorities, YugabyteDB's leader leases, and that "
    "hashicorp/raft's followers check the time of the last contact only when their timer expires, which "
    "makes Consul's tail longer than raftlab's."
)


def downtimes(database: Database, seeds: int) -> Sample:
    """The times from the crash to the next leader, plus the round trips that the source includes."""
    found = played(crashed_leader(database), seeds=seeds, metrics="since_last_fault_ms")
    took = sample_of(found, "since_last_fault_ms")
    after = database.last_trips * database.round_trip_ms
    return Sample(database.name, took.values + after, took.censored + after)


def crashed_leader(database: Database) -> Scenario:
    """Three servers whose leader crashes between two heartbeats, long after its election."""
    heartbeat = database.settings["heartbeat"]
    settled = 20 * heartbeat
    return Scenario(
        3,
        network=database.round_trip_ms / 2,
        faults=[Crash("leader", at=uniform(settled, settled + heartbeat))],
        stop=leader_elected,
        horizon="10min",
        **database.settings,
    )


def quickest(took: Sample) -> tuple[float, float, float]:
    """The time of the quickest run, which a larger sample can only lower."""
    least = float(took.values.min())
    return least, least, least
