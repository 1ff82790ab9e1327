"""Recipes: snapshots."""

from __future__ import annotations

from .._faults import Crash, Partition, Restart
from ..steps import add, campaign, propose, run
from ._bug import Recipe, by_hand

RECIPES = {
    "snap_without_config": Recipe(
        "swarmkit PR 238, async-raft 133, openraft 1808, NuRaft",
        by_hand(  # A and B restart from snapshots, and no entry tells them of D and E
            3,
            campaign("A"),
            run("30ms"),
            add("D", voter=True, node="A"),
            run("30ms"),
            add("E", voter=True, node="A"),
            run("30ms"),
            *[propose(f"x={i}", node="A") for i in range(12)],
            run("30ms"),
            Partition("AB", "CDE"),
            Crash("AB"),
            Restart("AB"),
            campaign("A"),
            campaign("D"),
            run("30ms"),
            snapshot_every=4,
        ),
    ),
}
