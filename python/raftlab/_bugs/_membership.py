"""Recipes: changes of membership."""

from __future__ import annotations

from typing import Final

from .._faults import Crash, Hold, Partition, Restart
from ..steps import add, campaign, change, deliver, heal, propose, remove, run
from ._bug import Recipe, by_hand

APPEND: Final = "AppendEntries"
REPLY: Final = "AppendEntriesReply"

TWO_AT_ONCE = by_hand(  # Figure 10: A has a majority with D and E, and B one of the old voters with C
    3,
    campaign("A"),
    run("30ms"),
    Partition("ADE", "BC"),
    change("ABCDE", node="A"),
    propose("x=1", node="A"),
    run("30ms"),
    campaign("B"),
    run("30ms"),
)

RECIPES = {
    "conf_before_noop": Recipe(
        "Ongaro on raft-dev, July 2015; copycat 23, AxonIQ PR 120, openraft PR 2051",
        by_hand(  # A adds E, which only E learns; B removes A, which only C learns; A wins with D and E
            4,
            campaign("A"),
            run("30ms"),
            Partition("AE", "BCD"),
            add("E", voter=True, node="A"),
            run("30ms"),
            Hold(from_="B", to="D", types=APPEND),
            campaign("B"),
            run("3ms"),
            remove("A", node="B"),
            run("10ms"),
            heal(),
            Partition("ADE", "BC"),
            Crash("A"),
            Restart("A"),
            campaign("A"),
            campaign("A"),
            run("10ms"),
        ),
    ),
    "conf_overlapping": Recipe(
        "diss. §4.1; discussed in etcd 5004",
        by_hand(  # the second change comes before the first is committed
            3,
            campaign("A"),
            run("30ms"),
            Partition("ADE", "BC"),
            add("D", voter=True, node="A"),
            add("E", voter=True, node="A"),
            propose("x=1", node="A"),
            run("30ms"),
            campaign("B"),
            run("30ms"),
        ),
    ),
    "conf_two_at_once": Recipe("paper §6, Figure 10", TWO_AT_ONCE),
    "joint_one_majority": Recipe("paper §6: joint consensus requires both majorities", TWO_AT_ONCE),
    "conf_at_apply": Recipe(
        "etcd 7625, 5004 and 2397; etcd-io/raft 456",
        by_hand(  # A and B hold the new configurations, and do not know yet that they are committed
            3,
            campaign("A"),
            run("30ms"),
            add("D", voter=True, node="A"),
            run("30ms"),
            add("E", voter=True, node="A"),
            run("30ms"),
            Partition("AB", "CDE"),
            Crash("AB"),
            Restart("AB"),
            campaign("A"),
            campaign("D"),
            run("30ms"),
        ),
    ),
    "conf_no_rollback": Recipe(
        "canonical/raft 250 and PR 354, scylla PR 30936, jraft 1, camunda 57386",
        by_hand(  # the entry with which A removes D is overwritten; C adds E, which A and B do not learn
            4,
            campaign("A"),
            run("30ms"),
            Partition("A", "BCD"),
            remove("D", node="A"),
            run("5ms"),
            campaign("C"),
            run("3ms"),
            heal(),
            run("30ms"),
            Partition("AB", "CDE"),
            add("E", voter=True, node="C"),
            run("30ms"),
            propose("x=1", node="C"),
            run("30ms"),
            campaign("A"),
            run("10ms"),
        ),
    ),
    "learner_counted": Recipe(
        "rabbitmq/ra PR 427, RedisLabs/raft PR 13",
        by_hand(  # A with the learners D and E, and the other voters
            3,
            campaign("A"),
            run("30ms"),
            add("D", node="A"),
            run("30ms"),
            add("E", node="A"),
            run("30ms"),
            Partition("ADE", "BC"),
            propose("x=1", node="A"),
            run("30ms"),
            campaign("B"),
            run("10ms"),
        ),
    ),
    "removed_leader_counts_self": Recipe(
        "camunda PR 15232, RedisLabs/raft PR 13, NuRaft PR 92",
        by_hand(  # A removes itself, commits with B alone, and C leads without the write
            4,
            campaign("A"),
            run("30ms"),
            Hold(from_="A", to="BD", types=APPEND),
            Hold(from_="BC", to="A", types=REPLY),
            remove("A", node="A"),
            run("3ms"),
            Hold(from_="A", to="C", types=APPEND),
            propose("x=1", node="A"),
            run("3ms"),
            deliver("A", "B", which="all"),
            run("3ms"),
            deliver("B", "A", which="last"),
            Partition("AB", "CD"),
            campaign("C"),
            run("10ms"),
        ),
    ),
}
