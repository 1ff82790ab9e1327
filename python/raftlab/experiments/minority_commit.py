"""Q4: can a minority partition ever commit a write? Never in correct Raft; and what it would take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import (
    Cluster,
    Network,
    OpenLoop,
    Partition,
    Scenario,
    Sweep,
    exponential,
    leader_elected,
    uniform,
)
from .._world import World
from ..sweeps.play import whole
from ._base import Answer, Experiment, Variant, bound
from ._reading import columns, rules_broken

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKED_THROUGH = 50
"""The number of runs of a sweep whose entries are examined one by one."""


def random_partitions() -> Scenario:
    """Five nodes, partitions of two shapes at random moments, and clients on both sides that write.

    Examples
    --------
    >>> run = random_partitions().run(seed=1)
    >>> run.violations
    []
    >>> minority_commits(run)
    []
    """
    pace = uniform(200, 600)
    return Scenario(
        5,
        network=Network(latency=exponential(3)),
        workload=[OpenLoop("20ms", home=home) for home in ("A", "C", "E")],
        faults=[
            Partition(shape="random", at=pace, every=pace, duration=uniform(100, 500)),
            Partition(shape="halves", at=pace, every=uniform(500, 1500), duration=uniform(300, 1000)),
        ],
        horizon="5s",
    )


def two_sides(seed: int = 1, *, bugs: tuple[str, ...] = ("quorum_off_by_one",)) -> Cluster:
    """The leader A is cut off with B and takes a write; the other three elect a leader and take another.

    Parameters
    ----------
    seed : int
        The seed of the run.
    bugs : tuple of str
        With `quorum_off_by_one` two of five are a quorum.

    Examples
    --------
    >>> c = two_sides()
    >>> [(operation.text, operation.status) for operation in c.operations]
    [('x=1', 'ok'), ('x=2', 'ok')]
    >>> two_sides(bugs=()).operations[0].status
    'pending'
    """
    c = Cluster(5, seed, network=Network(latency=1), bugs=bugs)
    c.campaign("A")
    c.run(60)
    c.partition("AB", "CDE")
    c.propose("x=1", node="A")
    c.run_until(leader_elected)
    c.propose("x=2", home="C")
    return c.run(60)


def forged_acknowledgement(seed: int = 1, *, lies: bool = True) -> Cluster:
    """B acknowledges an entry that it discards; C has not seen it; A is cut off and C stands for election.

    Parameters
    ----------
    seed : int
        The seed of the run.
    lies : bool
        Whether B lies.

    Examples
    --------
    >>> c = forged_acknowledgement()
    >>> [[entry.value for entry in node.log] for node in c]
    [['no-op', 'x=1'], ['no-op'], ['no-op', 'no-op']]
    >>> c.operations[0].status
    'ok'
    """
    c = Cluster(3, seed, network=Network(latency=1))
    c.campaign("A")
    c.run(60)
    if lies:
        c.lie("B", "forged_ack")
    c.cut(from_="A", to="C")
    c.propose("x=1", node="A")
    c.run(4)
    return _without_a(c)


def wiped_voter(seed: int = 1, *, wiped: bool = True) -> Cluster:
    """B acknowledges an entry and loses its disk at once; then A is cut off and C stands for election.

    Parameters
    ----------
    seed : int
        The seed of the run.
    wiped : bool
        Whether B comes back with an empty disk; if not, it restarts with the data on its disk.

    Examples
    --------
    >>> c = wiped_voter()
    >>> [[entry.value for entry in node.log] for node in c]
    [['no-op', 'x=1'], ['no-op', 'no-op'], ['no-op', 'no-op']]
    >>> c.operations[0].status
    'ok'
    """
    c = Cluster(3, seed, network=Network(latency=1))
    c.campaign("A")
    c.run(60)
    c.cut(from_="A", to="C")
    c.propose("x=1", node="A")
    c.run(1.5)  # B has it, and its answer is under way
    if wiped:
        c.wipe("B")
    else:
        c.crash("B")
        c.restart("B")
    c.run(2)
    return _without_a(c)


def two_at_once(seed: int = 1, *, bugs: tuple[str, ...] = ("conf_two_at_once",)) -> Cluster:
    """A is cut off from B and C, and adds D and E; each side takes a write.

    Parameters
    ----------
    seed : int
        The seed of the run.
    bugs : tuple of str
        With `conf_two_at_once` a leader changes to any configuration in one step: A, D and E are then a
        majority of five, while B and C are still one of three.

    Examples
    --------
    >>> c = two_at_once()
    >>> [(operation.text, operation.status) for operation in c.operations]
    [('change to ABCDE', 'ok'), ('x=1', 'ok'), ('x=2', 'ok')]
    >>> [operation.status for operation in two_at_once(bugs=()).operations]
    ['pending', 'pending', 'ok']
    """
    c = Cluster(3, seed, network=Network(latency=1), bugs=bugs)
    c.campaign("A")
    c.run(60)
    c.partition("BC")
    c.change("ABCDE", node="A")
    c.run(10)
    c.propose("x=1", node="A")
    c.campaign("B")
    c.run(10)
    c.propose("x=2", node="B")
    return c.run(60)


def _without_a(c: Cluster) -> Cluster:
    c.isolate("A")
    c.campaign("C")
    return c.run(60)


def minority_commits(c: World) -> list[tuple[int, int, str, int]]:
    """The entries that were committed while only a minority of the disks held them.

    Parameters
    ----------
    c : Cluster or Run
        A cluster or run with a trace that began with empty logs.

    Returns
    -------
    list of tuple
        Index, term, the node that committed it first, and how many logs held it at that moment: at most half
        of the voters of the newest committed configuration.
    """
    return [found for found in _commits(c) if found[3] <= len(c.membership.voters) // 2]


def _commits(c: World) -> list[tuple[int, int, str, int]]:
    rows = columns(c.trace.entries)
    stays: dict[tuple[int, int, int], list[tuple[float, float]]] = {}
    first: dict[tuple[int, int, int], tuple[float, str]] = {}
    for node, index, term, entry, since, until, at in zip(
        *(rows[name] for name in ("node", "index", "term", "hash", "appended_ms", "truncated_ms")),
        rows["committed_ms"],
        strict=True,
    ):
        one = (index, term, entry)
        stays.setdefault(one, []).append((since, until))
        if at is not None and at == at and at < first.get(one, (float("inf"), ""))[0]:
            first[one] = (at, node)
    return [
        (one[0], one[1], node, sum(since <= at and not until <= at for since, until in stays[one]))
        for one, (at, node) in first.items()
    ]


def is_committed_by_minority(c: World) -> Answer:
    """A judge: whether an entry was committed that only a minority held, and the checks found a violation."""
    found = minority_commits(c)
    written = "; ".join(
        f"{operation.text} is {operation.status}"
        + (f" at index {operation.index}" if operation.index else "")
        for operation in c.operations
    )
    if not found:
        return Answer(
            False, f"every committed entry was in a majority of the logs; {written}; {rules_broken(c)}"
        )
    named = ", ".join(
        f"entry {index} of term {term}, by {node} with {held} of {len(c)} logs"
        for index, term, node, held in found
    )
    return Answer(bool(c.violations), f"committed: {named}; {written}; {rules_broken(c)}")


def never_by_minority(swept: Sweep) -> Answer:
    """A judge: whether in any of many runs a minority committed an entry or a property was violated."""
    sample = [swept.replay(seed) for seed in swept.runs.to_list("seed")[:LOOKED_THROUGH]]
    commits = sum(len(_commits(run)) for run in sample)
    by_minority = sum(len(minority_commits(run)) for run in sample)
    forked = sum(len(_truncated(run)) for run in sample)
    looked = (
        f"in the first {len(sample)}, {by_minority:,} of {commits:,} entries were committed by a minority, "
        f"and {forked:,} were dropped from a log"
    )
    broken = len(swept._violating)
    if broken or by_minority:
        which = ", ".join(f"{name} {count:,}" for name, count in swept.violations_by_property.items())
        return Answer(True, f"{broken:,} of {len(swept):,} runs violated a property ({which}); {looked}")
    committed = sum(swept.runs.to_list("commit_index"))
    return Answer(False, f"{bound(swept)}, with {committed:,} committed entries; {looked}")


def _truncated(c: World) -> list[float]:
    return [time for time in columns(c.trace.entries)["truncated_ms"] if time is not None and time == time]


def _played(scenario: Scenario, seeds: int) -> Sweep:
    return whole(scenario, seeds=seeds, metrics="commit_index")


def variants(seeds: int) -> list[Variant]:
    """The rows of Q4."""
    return [
        Variant(
            "Q4.1",
            f"correct Raft: {seeds:,} seeds of random partitions, clients on both sides",
            "Does a minority ever commit a write?",
            "never",
            False,
            play=lambda _: _played(random_partitions(), seeds),
            judge=never_by_minority,
            control=lambda _: _played(random_partitions().replace(bugs=["quorum_off_by_one"]), seeds),
            changed="two of five are a quorum (bug quorum_off_by_one)",
        ),
        Variant(
            "Q4.2",
            "a wrong quorum size: two of five are enough",
            "Does a minority commit a write, and do the checks find it?",
            play=lambda seed: two_sides(seed),
            judge=is_committed_by_minority,
            control=lambda seed: two_sides(seed, bugs=()),
            changed="three of five are a quorum",
        ),
        Variant(
            "Q4.3",
            "a forged acknowledgement: one of three acknowledges an entry that it discards",
            "Does a minority commit a write, and do the checks find it?",
            play=lambda seed: forged_acknowledgement(seed),
            judge=is_committed_by_minority,
            control=lambda seed: forged_acknowledgement(seed, lies=False),
            changed="no node lies",
        ),
        Variant(
            "Q4.4",
            "a wiped voter: one of three loses its disk while its acknowledgement is under way",
            "Does a minority commit a write, and do the checks find it?",
            play=lambda seed: wiped_voter(seed),
            judge=is_committed_by_minority,
            control=lambda seed: wiped_voter(seed, wiped=False),
            changed="it restarts with its disk",
        ),
        Variant(
            "Q4.5",
            "an unsafe membership change: two members changed in one step",
            "Does a minority commit a write, and do the checks find it?",
            play=lambda seed: two_at_once(seed),
            judge=is_committed_by_minority,
            control=lambda seed: two_at_once(seed, bugs=()),
            changed="the change is joint",
        ),
    ]


def draw(c: Cluster, title: str, ax: Axes | None) -> Axes:
    """Draws the logs of both sides: the entries committed by the minority, and by the other three."""
    from .. import plot

    return plot.logs(c, title=title, ax=ax)


minority_commit = Experiment(
    "Q4",
    "Can a minority partition ever commit a write?",
    variants,
    "Q4.2",
    draw,
    __doc__,
)

__all__ = [
    "forged_acknowledgement",
    "minority_commit",
    "minority_commits",
    "random_partitions",
    "two_at_once",
    "two_sides",
    "wiped_voter",
]
