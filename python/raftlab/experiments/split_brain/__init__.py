"""E2: split brain. A network partition cuts {A, B, C} off from {D, E}.

Read in this order: `stories` (what is played), `judges` (what is asked of it), and the rows below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ... import Cluster, Sweep
from ...sweeps.play import whole
from .._base import Answer, Experiment, Variant
from .judges import (
    commits_during_cut,
    cuts,
    is_deposed,
    leases_break,
    minority_commits,
    new_commits_of_minorities,
    old_leader_acknowledges,
    only_many_go_on,
    read_returns,
    reads_stale,
    stale_reads,
    steps_down,
    terms_climb,
    two_lead_at_once,
)
from .stories import (
    LEASES,
    acknowledged_before,
    cut_off_reader,
    learns_late,
    leases,
    only_minorities,
    random_leases,
    random_minorities,
    split,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def lease_variant(name: str, bug: str) -> Variant:
    """The row about one condition of a lease."""
    return Variant(
        name,
        f"a read by lease with one condition missing: {LEASES[bug]}",
        "Is a read stale?",
        play=lambda seed: leases(seed, bug),
        judge=reads_stale,
        control=lambda seed: leases(seed, bug, intact=True),
        changed=f"the condition holds (no bug {bug})",
    )


def mirrored(
    judge: Callable[[Any], Answer],
    question: str,
    first: tuple[str, str, dict[str, object]],
    second: tuple[str, str, dict[str, object]],
    *,
    leader: str,
    after: float,
    claim: str = "",
    claimed: bool | None = None,
) -> list[Variant]:
    """Two rows that are each other's control, given by id, title and settings."""

    def row(this: tuple[str, str, dict[str, object]], other: tuple[str, str, dict[str, object]]) -> Variant:
        return Variant(
            this[0],
            this[1],
            question,
            claim,
            claimed,
            play=lambda seed: split(seed, leader=leader, after=after, **this[2]),
            judge=judge,
            control=lambda seed: split(seed, leader=leader, after=after, **other[2]),
            changed=other[1],
        )

    return [row(first, second), row(second, first)]


def variants(seeds: int) -> list[Variant]:
    """The rows of E2."""
    return [
        Variant(
            "E2.1",
            "the leader is on the majority side",
            "Does the majority acknowledge every write while the minority elects no leader?",
            "the majority continues, the minority cannot elect a leader",
            True,
            play=lambda seed: split(seed),
            judge=only_many_go_on,
            control=lambda seed: split(seed, bugs=("quorum_off_by_one",)),
            changed="two of five are a quorum (bug quorum_off_by_one)",
        ),
        *mirrored(
            terms_climb,
            "Do the minority's terms keep rising while the cut lasts?",
            ("E2.2a", "the minority without PreVote", {}),
            ("E2.2b", "the minority with PreVote", {"pre_vote": True}),
            leader="A",
            after=0,
            claim="the minority is stuck in follower state",
            claimed=False,
        ),
        *mirrored(
            is_deposed,
            "Is the healthy leader of the majority deposed when the cut heals?",
            ("E2.3a", "the cut heals, without PreVote", {}),
            ("E2.3b", "the cut heals, with PreVote", {"pre_vote": True}),
            leader="A",
            after=1000,
        ),
        Variant(
            "E2.3c",
            "the cut heals, with sticky votes",
            "Is the healthy leader of the majority deposed when the cut heals?",
            play=lambda seed: split(seed, sticky_votes=True),
            judge=is_deposed,
            control=lambda seed: split(seed, sticky_votes=True, pre_vote=True),
            changed="with PreVote as well",
        ),
        Variant(
            "E2.4",
            "the leader is on the minority side",
            "Do two nodes lead at once, in different terms?",
            "better no leader than two leaders",
            False,
            play=lambda seed: split(seed, leader="D"),
            judge=two_lead_at_once,
            control=lambda seed: split(seed),
            changed="the leader is on the majority side",
        ),
        Variant(
            "E2.5",
            "the old leader, on the minority side, takes writes",
            "Does it acknowledge any of them during the cut?",
            "the minority can never commit",
            False,
            play=lambda seed: split(seed, leader="D"),
            judge=old_leader_acknowledges,
            control=lambda seed: split(seed, leader="D", bugs=("quorum_off_by_one",)),
            changed="two of five are a quorum (bug quorum_off_by_one)",
        ),
        *mirrored(
            steps_down,
            "Does the old leader step down during the cut?",
            ("E2.6a", "the old leader without CheckQuorum", {}),
            ("E2.6b", "the old leader with CheckQuorum", {"check_quorum": True}),
            leader="D",
            after=1000,
        ),
        Variant(
            "E2.7",
            "the old leader answers a read from what it has applied",
            "Is the read stale?",
            play=lambda seed: cut_off_reader(seed),
            judge=reads_stale,
            control=lambda seed: cut_off_reader(seed, leader="A"),
            changed="the leader that is asked is on the majority side",
        ),
        Variant(
            "E2.8",
            "the old leader is asked for a ReadIndex read",
            "Does the read return during the cut?",
            play=lambda seed: cut_off_reader(seed, via="read_index"),
            judge=read_returns,
            control=lambda seed: cut_off_reader(seed, via="read_index", leader="A"),
            changed="the leader that is asked is on the majority side",
        ),
        Variant(
            "E2.9",
            f"reads by lease with all four conditions, {seeds:,} random schedules",
            "Is a read ever stale?",
            play=lambda _: whole(random_leases(), seeds=seeds, on_violation="record"),
            judge=leases_break,
            control=lambda _: whole(random_leases(list(LEASES)), seeds=seeds, on_violation="record"),
            changed="the four conditions are taken away",
        ),
        *(lease_variant(f"E2.9{letter}", bug) for letter, bug in zip("abcd", LEASES, strict=True)),
        Variant(
            "E2.10",
            f"clients on all sides write, {seeds:,} random schedules",
            "Is an entry that a minority side appends during a cut committed during it?",
            "the minority can never commit",
            False,
            play=lambda _: _minority_sweeps(seeds),
            judge=minority_commits,
            control=lambda _: _minority_sweeps(seeds, bugs=("quorum_off_by_one",)),
            changed="two of five are a quorum (bug quorum_off_by_one)",
        ),
        Variant(
            "E2.11",
            "legal: one acknowledgement arrived before the cut, another comes from the same side",
            "Does a node of the minority commit an entry during the cut, without harm?",
            play=lambda seed: acknowledged_before(seed),
            judge=commits_during_cut,
            control=lambda seed: acknowledged_before(seed, heard=False),
            changed="the cut comes before the first acknowledgement",
        ),
        Variant(
            "E2.12",
            "legal: a node of the minority has not yet heard that an entry was committed before the cut",
            "Does a node of the minority commit an entry during the cut, without harm?",
            play=lambda seed: learns_late(seed),
            judge=commits_during_cut,
            control=lambda seed: learns_late(seed, together=False),
            changed="it is cut off alone",
        ),
    ]


def _minority_sweeps(seeds: int, bugs: tuple[str, ...] = ()) -> dict[str, Sweep]:
    return {
        "two of five are cut off": whole(random_minorities().replace(bugs=bugs), seeds=seeds),
        "no side is a majority": whole(
            only_minorities().replace(bugs=bugs),
            seeds=seeds,
            metrics=["commit_index", "elections"],
            on_violation="record",
        ),
    }


def draw(c: Cluster, title: str, ax: Axes | None) -> Axes:
    """Draws two leaders at once: the story of E2.4."""
    from ... import plot

    return plot.timeline(c, title=title, ax=ax)


split_brain = Experiment(
    "E2",
    "Split brain: what does each side of a partition do?",
    variants,
    "E2.4",
    draw,
    __doc__,
)

__all__ = [
    "acknowledged_before",
    "cut_off_reader",
    "cuts",
    "learns_late",
    "leases",
    "new_commits_of_minorities",
    "only_minorities",
    "random_leases",
    "random_minorities",
    "split",
    "split_brain",
    "stale_reads",
]
