"""Recipes: what must be durable."""

from __future__ import annotations

from .._faults import Corrupt, Crash, Hold, Partition, Restart, StalledDisk
from ..settings import Disk
from ..steps import campaign, deliver, heal, propose, run
from ._bug import Recipe, by_hand

DISK = Disk(write=1, fsync=4)
VOTER_RESTARTS = by_hand(  # A and C stand in one term; B votes for A, restarts, and hears from C
    3,
    Hold(from_="A", to="C"),
    Hold(from_="C", to="A"),
    Hold(from_="C", to="B", types="RequestVote"),
    campaign("C"),
    campaign("A"),
    run("3ms"),
    Crash("B"),
    Restart("B"),
    Hold(from_="A", to="B"),
    deliver("C", "B"),
    run("30ms"),
)

RECIPES = {
    "vote_not_persisted": Recipe(
        "wenweihu86/raft-java 57, robustmq PR 2039 (two votes in one term with an unsynced RocksDB)",
        VOTER_RESTARTS,
    ),
    "term_restarts_at_zero": Recipe(
        "bakwc/PySyncObj 201 and 202",
        by_hand(  # all nodes restart
            3,
            campaign("A"),
            run("30ms"),
            Crash("ABC"),
            Restart("ABC"),
            campaign("B"),
            run("30ms"),
        ),
    ),
    "term_not_persisted": Recipe(
        "wenweihu86/raft-java 57, nebula 2405 (a term that was set back)",
        VOTER_RESTARTS,
    ),
    "ack_before_fsync": Recipe(
        "Jepsen on NATS 2.12.1 (nats-server 7564), tikv 994, dragonboat 201",
        by_hand(  # B loses power before its disk has the entry that A commits with it
            3,
            campaign("A"),
            run("60ms"),
            Partition("AB", "C"),
            propose("x=1", node="A"),
            run("3ms"),
            Crash("B"),
            heal(),
            Partition("A", "BC"),
            Restart("B"),
            run("10ms"),
            campaign("C"),
            run("30ms"),
            disk=DISK,
        ),
    ),
    "leader_self_ack": Recipe(
        "etcd 14370 (a cluster of one), d-engine 329, NuRaft 274",
        by_hand(  # only B's disk has the entry when A loses power
            3,
            campaign("A"),
            run("60ms"),
            Partition("AB", "C"),
            StalledDisk("A", duration="30ms"),
            propose("x=1", node="A"),
            run("25ms"),
            Crash("A"),
            heal(),
            Partition("AC", "B"),
            run("10ms"),
            Restart("A"),
            campaign("A"),
            run("30ms"),
            disk=DISK,
        ),
    ),
    "corrupt_tail_truncated": Recipe(
        "Alagappan et al., FAST 2018: LogCabin and ZooKeeper; Jepsen on NATS",
        by_hand(  # B finds damage in the entry that only A has besides, and hears from C
            3,
            campaign("A"),
            run("60ms"),
            Partition("AB", "C"),
            propose("x=1", node="A"),
            run("60ms"),
            heal(),
            Partition("A", "BC"),
            Corrupt("B", what="entry"),
            Crash("B"),
            Restart("B"),
            campaign("C"),
            run("60ms"),
            disk=DISK,
        ),
    ),
}
