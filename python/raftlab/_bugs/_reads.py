"""Recipes: reads and leases."""

from __future__ import annotations

from .._faults import ClockRate, Crash, Hold, Isolate, Partition, Restart
from ..steps import campaign, deliver, propose, read, run, transfer
from ._bug import Recipe, by_hand

STALE_READ = (  # A is cut off; B leads and takes a write; a client asks A
    Partition("A", "BC"),
    campaign("B"),
    run("3ms"),
    propose("x=2", node="B"),
    run("20ms"),
    read("x", via="lease", node="A"),
    run("20ms"),
)
ONE_LEASE = {"election_timeout": ("1s", "1h"), "heartbeat": "950ms"}

RECIPES = {
    "readindex_no_noop": Recipe(
        "etcd 7331, RedisRaft 19 and PR 22 (Jepsen), tikv 9239, adjoint-io/raft 41",
        by_hand(  # B is elected with all entries, and does not know that the last one is committed
            3,
            campaign("A"),
            run("3ms"),
            propose("x=1", node="A"),
            run("5ms"),
            Partition("A", "BC"),
            campaign("B"),
            run("3ms"),
            read("x", via="read_index", node="B"),
            run("30ms"),
            noop=False,
        ),
    ),
    "read_local_leader": Recipe(
        "aphyr on etcd and Consul (2014), consul 54; diss. §6.4",
        by_hand(  # A is cut off; B leads and takes a write; a client asks A
            3,
            campaign("A"),
            run("30ms"),
            Partition("A", "BC"),
            campaign("B"),
            run("3ms"),
            propose("x=2", node="B"),
            run("20ms"),
            read("x", via="read_index", node="A"),
            run("20ms"),
        ),
    ),
    "readindex_ack_reuse": Recipe(
        "etcd 20418, etcd-io/raft PR 397",
        by_hand(  # the same, but acknowledgements of A's last heartbeat arrive after the read
            3,
            campaign("A"),
            run("33ms"),
            Hold(to="A", types="AppendEntriesReply"),
            run("11ms"),
            Partition("A", "BC"),
            campaign("B"),
            run("3ms"),
            propose("x=2", node="B"),
            run("4ms"),
            read("x", via="read_index", node="A"),
            deliver("B", "A", which="last"),
            run("5ms"),
        ),
    ),
    "lease_without_stickiness": Recipe(
        "diss. §6.4.1",
        by_hand(
            3,
            campaign("A"),
            run("3ms"),
            propose("x=1", node="A"),
            run("30ms"),
            *STALE_READ,
            lease_drift=0,
        ),
    ),
    "lease_forgotten_at_restart": Recipe(
        "diss. §6.4.1",
        by_hand(  # C, which would refuse its vote, has restarted
            3,
            campaign("A"),
            run("3ms"),
            propose("x=1", node="A"),
            run("30ms"),
            Crash("C"),
            Restart("C"),
            *STALE_READ,
            lease_drift=0,
        ),
    ),
    "lease_from_ack": Recipe(
        "diss. §6.4.1; yugabyte 16, tikv 964, sofa-jraft 24 to 26",
        by_hand(  # the replies to A's heartbeat take 0.9 s: the promises have nearly expired by then
            3,
            Hold(to="A", types="AppendEntriesReply"),
            campaign("A"),
            run("900ms"),
            deliver("B", "A", which="all"),
            deliver("C", "A", which="all"),
            Isolate("A"),
            run("200ms"),
            *STALE_READ,
            lease_drift=0,
            **ONE_LEASE,
        ),
    ),
    "lease_ignores_drift": Recipe(
        "diss. §6.4.1; tikv 964",
        by_hand(  # A's clock is slow and C's is fast, each within the bound
            3,
            ClockRate("A", 0.8),
            ClockRate("C", 1.2),
            campaign("A"),
            run("900ms"),
            *STALE_READ,
            lease_drift=0.2,
            **ONE_LEASE,
        ),
    ),
    "lease_transfer": Recipe(
        "raft-rs 234, etcd 12704, etcd-io/raft 99, openraft PR 1748",
        by_hand(  # A asks B to take over and is then cut off; B's election does not wait for A's lease
            3,
            campaign("A"),
            run("3ms"),
            propose("x=1", node="A"),
            run("30ms"),
            Hold(from_="A", to="B"),
            transfer("B", node="A"),
            Partition("A", "BC"),
            deliver("A", "B"),
            run("3ms"),
            propose("x=2", node="B"),
            run("30ms"),
            read("x", via="lease", node="A"),
            run("5ms"),
            lease_drift=0,
        ),
    ),
}
