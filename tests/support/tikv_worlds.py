"""Worlds whose nodes run TiKV's Raft."""

import sys
from functools import partial

import pytest
import raftlab as rl
from raftlab import _core

LEASED = {"check_quorum": True, "sticky_votes": True, "lease_drift": 0}

PROTOCOLS = list(_core.PROTOCOLS)
needs_tikv = pytest.mark.skipif(sys.platform == "darwin", reason="builds there leave TiKV's Raft out")

Tikv = partial(rl.Scenario, protocol="tikv")


OURS_ALONE = {
    "adaptive_timeout",
    "bugs",
    "candidate_backoff",
    "candidate_timeout",
    "check_quorum",
    "election_rule",
    "lease_drift",
    "noop",
    "sticky_votes",
}
"""Settings that TiKV's Raft refuses, or takes only together with one another."""


def known_to_the_protocol(settings):
    """The settings, with TiKV's Raft only those that it takes whatever the others are."""
    if settings.get("protocol") != "tikv":
        return settings
    return {name: value for name, value in settings.items() if name not in OURS_ALONE}


def tikv(nodes=3, seed=1, **settings):
    return rl.Cluster(nodes, seed, protocol="tikv", **settings)


def led(nodes=3, **settings):
    """A leads in term 1, with nothing in flight."""
    return tikv(nodes, initial=rl.Initial(term=1, leader="A"), **settings).run("100ms")


def rows(table):
    columns = table.to_dict()
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def halts(world):
    return [event for event in rows(world.trace.events) if event["kind"] == "halted"]
