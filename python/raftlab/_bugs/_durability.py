"""Recipes: what must be durable."""

from __future__ import annotations

from .._faults import Crash, Hold, Restart
from ..steps import campaign, deliver, run
from ._bug import Recipe, by_hand

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
}
