"""Q1: what happens if messages are delayed by 10 seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from .. import (
    Cluster,
    Delay,
    Network,
    OpenLoop,
    Scenario,
    Sweep,
    exponential,
    leader_elected,
    uniform,
    upper_bound,
)
from .._time import format_ms
from .._world import World
from ..statistics import Estimate
from ..sweeps.play import whole
from ._base import Answer, Experiment, Variant, bound
from ._reading import columns, rules_broken, stays

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TIMEOUT_MS = (150.0, 300.0)
"""The election timeouts of the sweep."""

ROUND_TRIPS_MS = (30, 75, 120, 165, 210, 240, 255, 270, 285, 292, 300, 308, 315, 330, 375)
"""The mean round trips of the sweep."""

TERM_CHECKS = ("accept_stale_leader", "stale_vote_accepted", "stale_ack_accepted")
"""The bugs that take away the rules against messages of old terms."""

Curve = dict[int, Sweep]
"""Sweeps by the mean round trip in milliseconds."""


# ---- Stories ------------------------------------------------------------------------------------------


def delayed(
    seed: int = 1,
    by: str = "10s",
    *,
    where: Mapping[str, str | bool] | None = None,
    leader_crashes: bool = False,
    **settings: object,
) -> Cluster:
    """A leads for a second, then messages are delayed for a minute. A client writes every 100 ms.

    Parameters
    ----------
    seed : int
        The seed of the run.
    by : time
        The extra delay of messages.
    where : mapping, optional
        The messages, as arguments of `Delay` such as `{"from_": "A"}`; all by default.
    leader_crashes : bool
        Whether A crashes a second later.
    **settings
        Further settings of the cluster, such as `pre_vote=True`.

    Examples
    --------
    >>> c = delayed()
    >>> c.leaders, c["A"].term > 100
    ((), True)
    >>> c = delayed(pre_vote=True)
    >>> c.leader
    <node A: leader, term 1, log 1..610, committed 410>
    """
    c = Cluster(5, seed, network=Network(latency=1), workload=OpenLoop("100ms"), **settings)  # type: ignore[arg-type]
    c.campaign("A")
    c.run("1s")
    c.inject(Delay(by, **(where or {})))  # type: ignore[arg-type]
    c.run("1s")
    if leader_crashes:
        c.crash("A")
    return c.run("59s")


def patient(seed: int = 1, *, election_timeout: tuple[str, str] = ("60s", "120s")) -> Cluster:
    """A new cluster whose messages take 10 s, with election timeouts to match, for ten minutes.

    A client writes every second.

    Parameters
    ----------
    seed : int
        The seed of the run.
    election_timeout : pair of times
        The range of election timeouts. Heartbeats are sent every 5 s, or three times per least timeout.

    Examples
    --------
    >>> c = patient()
    >>> c.leader.commit_index > 400, max(node.term for node in c)
    (True, 1)
    """
    long = election_timeout[0].endswith("0s")
    c = Cluster(
        5,
        seed,
        network=Network(latency="10s"),
        election_timeout=election_timeout,
        heartbeat="5s" if long else None,
        workload=OpenLoop("1s"),
    )
    return c.run("10min")


def burst(seed: int = 1, *, bugs: Sequence[str] = ()) -> Cluster:
    """For two seconds messages are delayed by up to 10 s, and arrive when other nodes lead.

    Parameters
    ----------
    seed : int
        The seed of the run.
    bugs : list of str
        Rules that are taken away.

    Examples
    --------
    >>> late = late_messages(burst())
    >>> late["AppendEntries", "stale_term"] > 0, late["RequestVote", "accepted"]
    (True, 0)
    """
    c = Cluster(5, seed, network=Network(latency=1), workload=OpenLoop("100ms"), bugs=bugs)
    c.campaign("A")
    c.run("1s")
    c.inject(Delay(uniform(0, "10s"), duration="2s"))
    return c.run("13s")


def random_delays(bugs: Sequence[str] = ()) -> Scenario:
    """All messages, the leader's, and AppendEntries are delayed by up to 10 s in turn, at random moments.

    Parameters
    ----------
    bugs : list of str
        Rules that are taken away.

    Examples
    --------
    >>> random_delays().run(seed=1).violations
    []
    """
    lasts = uniform(200, 1000)
    return Scenario(
        5,
        bugs=bugs,
        network=Network(latency=exponential(2)),
        workload=OpenLoop("100ms"),
        faults=[
            Delay(uniform(0, "10s"), at=uniform(500, 1000), duration=lasts),
            Delay("10s", from_="leader", at=uniform(3000, 4000), duration=lasts),
            Delay("10s", types="AppendEntries", at=uniform(5000, 6000), duration=lasts),
        ],
        horizon="17s",
    )


def new_cluster(latency: tuple[str, str], **settings: object) -> Scenario:
    """A new cluster that runs until it has a leader, or for a minute.

    Parameters
    ----------
    latency : pair of times
        The range from which one-way latencies are drawn.
    **settings
        Further settings, such as `pre_vote=True`.

    Examples
    --------
    >>> new_cluster(("9s", "11s")).run(seed=1).ending
    'horizon'
    """
    return Scenario(
        5,
        network=Network(latency=uniform(*latency)),
        stop=leader_elected,
        horizon="60s",
        **settings,  # type: ignore[arg-type]
    )


def curves(seeds: int, *, timeout_ms: tuple[float, float] = TIMEOUT_MS) -> dict[str, Curve]:
    """Plays new clusters for up to 30 s, by round trip, without and with PreVote.

    Parameters
    ----------
    seeds : int
        The number of seeds per point.
    timeout_ms : pair of float
        The range of election timeouts in milliseconds.

    Returns
    -------
    dict
        `"without PreVote"` and `"with PreVote"`: for each round trip of `ROUND_TRIPS_MS` a sweep. Latencies
        are drawn from half the round trip, plus or minus a tenth.

    Examples
    --------
    >>> found = curves(20)
    >>> chance(found["with PreVote"][30]), chance(found["with PreVote"][375])
    (1.0, 0.0)
    """
    return {
        name: {
            trip: whole(
                Scenario(
                    5,
                    election_timeout=timeout_ms,
                    pre_vote=pre_vote,
                    network=Network(latency=uniform(0.45 * trip, 0.55 * trip)),
                    stop=leader_elected,
                    horizon="30s",
                ),
                seeds=seeds,
            )
            for trip in ROUND_TRIPS_MS
        }
        for name, pre_vote in (("without PreVote", False), ("with PreVote", True))
    }


# ---- What a trace says --------------------------------------------------------------------------------


def chance(swept: Sweep) -> float:
    """The share of the runs that had a leader before their horizon."""
    return swept.runs.to_list("ending").count("stop") / len(swept)


def until_leader(swept: Sweep) -> float | None:
    """The median time until a leader in milliseconds, over the runs that had one."""
    pairs = zip(swept.runs.to_list("ending"), swept.runs.to_list("end_ms"), strict=True)
    times = [end for ending, end in pairs if ending == "stop"]
    return float(median(times)) if times else None


def late_messages(c: World) -> Counter[tuple[str, str]]:
    """Counts messages that arrived more than a second late with a lower term than their receiver's.

    Returns
    -------
    Counter
        By type of message and fate: the name of the rule that refused it; `"void"` for an answer to a
        node that is no longer a candidate; `"accepted"` otherwise.
    """
    messages, events, nodes = map(columns, (c.trace.messages, c.trace.events, c.trace.nodes))
    refusals: dict[tuple[float, str, str], str] = {}
    for time, node, kind, detail, sender in zip(
        *(events[name] for name in ("time_ms", "node", "kind", "detail", "from")), strict=True
    ):
        if kind == "refused":
            refusals[time, node, sender] = detail
    states: dict[str, list[tuple[float, int, str]]] = {}
    for time, node, term, role in zip(
        *(nodes[name] for name in ("time_ms", "node", "term", "role")), strict=True
    ):
        states.setdefault(node, []).append((time, term, role))
    found: Counter[tuple[str, str]] = Counter()
    for sent, ended, sender, to, kind, fate, term in zip(
        *(messages[name] for name in ("sent_ms", "ended_ms", "from", "to", "type", "fate", "term")),
        strict=True,
    ):
        if fate != "delivered" or ended - sent < 1000:
            continue
        at, role = next((t, r) for time, t, r in reversed(states[to]) if time < ended)
        if term < at:
            void = kind == "RequestVoteReply" and role != "candidate"
            found[kind, refusals.get((ended, to, sender), "void" if void else "accepted")] += 1
    return found


# ---- Judges -------------------------------------------------------------------------------------------


def _onset(c: World) -> float:
    """The time from which messages are late."""
    rows = columns(c.trace.faults)
    return min((t for t, k in zip(rows["start_ms"], rows["kind"], strict=True) if k == "delay"), default=0.0)


def _terms(c: World) -> str:
    elected = [stay for stay in stays(c) if stay.role == "leader" and stay.start > _onset(c)]
    many = f"{len(elected):,} election{'' if len(elected) == 1 else 's'}"
    return f"{many} won since, highest term {max(node.term for node in c)}"


def writes_go_on(c: World) -> Answer:
    """A judge: whether at least half of the writes requested during the delay are acknowledged.

    Writes in its first second, and in the last 25 seconds of the run, do not count.
    """
    begin, end = _onset(c) + 1000, c.now_ms - 25_000
    ops = columns(c.trace.ops)
    asked = [
        (invoked, ended, status)
        for kind, invoked, ended, status in zip(
            *(ops[name] for name in ("kind", "invoked_ms", "ended_ms", "status")), strict=True
        )
        if kind == "put" and begin <= invoked < end
    ]
    took = [ended - invoked for invoked, ended, status in asked if status == "ok"]
    told = f"{len(took):,} of {len(asked):,} writes acknowledged"
    if took:
        told += f", after {format_ms(median(took))} (median)"
    return Answer(2 * len(took) >= len(asked), f"{told}; {_terms(c)}; {rules_broken(c)}")


def is_disturbed(c: World) -> Answer:
    """A judge: whether more than ten elections are won in the minute of the delay."""
    elected = [stay for stay in stays(c) if stay.role == "leader" and stay.start > _onset(c)]
    going = writes_go_on(c).happened
    return Answer(len(elected) > 10, going)


def anybody_elected(sweeps: dict[str, Sweep]) -> Answer:
    """A judge: whether any new cluster had a leader within a minute."""
    told = []
    for name, swept in sweeps.items():
        found = round(chance(swept) * len(swept))
        limit = f" (P < {upper_bound(0, len(swept)):.2g}, 95 %)" if not found else ""
        term = max(swept.runs.to_list("highest_term"))
        told.append(f"{name}: a leader in {found:,} of {len(swept):,} runs{limit}, terms up to {term}")
    return Answer(any(chance(swept) > 0 for swept in sweeps.values()), "; ".join(told))


def late_are_refused(c: World) -> Answer:
    """A judge: whether no late message of an old term had any effect."""
    late = late_messages(c)
    by_fate: dict[str, list[str]] = {}
    for (kind, fate), count in sorted(late.items()):
        by_fate.setdefault(fate, []).append(f"{count} {kind}")
    told = "; ".join(
        (
            "ignored, since their receiver is no longer a candidate"
            if fate == "void"
            else fate
            if fate == "accepted"
            else f"refused by {fate}"
        )
        + f": {', '.join(kinds)}"
        for fate, kinds in sorted(by_fate.items())
    )
    accepted = sum(count for (_, fate), count in late.items() if fate == "accepted")
    return Answer(
        bool(late) and not accepted and not c.violations,
        f"{sum(late.values())} messages of old terms arrived more than 1 s late. {told}; {rules_broken(c)}",
    )


def safety_suffers(swept: Sweep) -> Answer:
    """A judge: whether any property was violated in many runs."""
    broken = len(swept._violating)
    elected = sum(swept.runs.to_list("elections"))
    if broken:
        which = ", ".join(f"{name} {count:,}" for name, count in swept.violations_by_property.items())
        return Answer(True, f"{broken:,} of {len(swept):,} runs violated a property ({which})")
    return Answer(False, f"{bound(swept)}, with {elected:,} elections")


def tipping_point(curve: Curve) -> float | None:
    """The round trip in milliseconds at which the probability of a leader falls below one half, if it does.

    It is interpolated between the points of the sweep.
    """
    points = [(trip, chance(swept)) for trip, swept in sorted(curve.items())]
    for (left, above), (right, below) in pairwise(points):
        if above >= 0.5 > below:
            return left + (right - left) * (above - 0.5) / (above - below)
    return None


def tips_at_timeout(curves: dict[str, Curve]) -> Answer:
    """A judge: whether elections stop working where the round trip reaches the longest election timeout."""
    longest = TIMEOUT_MS[1]
    told, right = [], []
    for name, curve in curves.items():
        tip = tipping_point(curve)
        right.append(tip is not None and abs(tip / longest - 1) < 0.1)
        at = (
            f"{tip:.0f} ms, {tip / longest:.2f} of {longest:.0f} ms"
            if tip is not None
            else "no round trip tried"
        )
        told.append(f"{name} P falls to one half at {at}")
    middle = 75
    plain, asked = (until_leader(curves[name][middle]) for name in ("without PreVote", "with PreVote"))
    if plain is not None and asked is not None:
        told.append(
            f"at {middle} ms the median leader comes after {plain:.0f} ms, with PreVote "
            f"{(asked - plain) / middle:.2f} round trips later"
        )
    return Answer(all(right), "; ".join(told))


# ---- The rows -----------------------------------------------------------------------------------------

NO_PROGRESS = "no progress while the round trip exceeds the election timeout"
SLOW_MINORITY = "if only a minority's links are slow, nothing is lost"


def kind_variant(
    name: str, kind: str, title: str, changed: str, control: Mapping[str, Any], why: str = "10s"
) -> Variant:
    """The row about one kind of message."""
    return Variant(
        name,
        f"{kind} alone is delayed by 10 s{title}",
        "Are writes acknowledged from then on?",
        play=lambda seed: delayed(seed, where={"types": kind}),
        judge=writes_go_on,
        control=lambda seed: delayed(seed, why, where={"types": kind}, **control),
        changed=changed,
    )


def variants(seeds: int) -> list[Variant]:
    """The rows of Q1."""
    both: dict[str, str | bool] = {"from_": "E", "both_ways": True}
    return [
        Variant(
            "Q1.1",
            "all links, with an established leader",
            "Are writes acknowledged from then on?",
            NO_PROGRESS,
            False,
            play=lambda seed: delayed(seed),
            judge=writes_go_on,
            control=lambda seed: delayed(seed, "10ms"),
            changed="messages are delayed by 10 ms",
        ),
        Variant(
            "Q1.2",
            "all links, with an established leader and PreVote",
            "Are writes acknowledged from then on?",
            NO_PROGRESS,
            False,
            play=lambda seed: delayed(seed, pre_vote=True),
            judge=writes_go_on,
            control=lambda seed: delayed(seed, pre_vote=True, check_quorum=True),
            changed="with CheckQuorum as well",
        ),
        Variant(
            "Q1.3",
            f"all links, a new cluster, {seeds:,} seeds each",
            "Is a leader ever elected within a minute?",
            NO_PROGRESS,
            False,
            play=lambda _: _new_clusters(seeds, ("9s", "11s")),
            judge=anybody_elected,
            control=lambda _: _new_clusters(seeds, ("9ms", "11ms")),
            changed="messages take 10 ms",
        ),
        Variant(
            "Q1.4a",
            "one follower's links",
            "Are more than ten elections won in a minute?",
            SLOW_MINORITY,
            False,
            play=lambda seed: delayed(seed, where=both),
            judge=is_disturbed,
            control=lambda seed: delayed(seed, where=both, pre_vote=True),
            changed="with PreVote",
        ),
        Variant(
            "Q1.4b",
            "one follower's links, with sticky votes",
            "Are more than ten elections won in a minute?",
            SLOW_MINORITY,
            False,
            play=lambda seed: delayed(seed, where=both, sticky_votes=True),
            judge=is_disturbed,
            control=lambda seed: delayed(seed, where=both, sticky_votes=True, pre_vote=True),
            changed="with PreVote as well",
        ),
        Variant(
            "Q1.4c",
            "one follower's links, with PreVote",
            "Are more than ten elections won in a minute?",
            SLOW_MINORITY,
            False,
            play=lambda seed: delayed(seed, where=both, pre_vote=True),
            judge=is_disturbed,
            control=lambda seed: delayed(seed, where=both),
            changed="without PreVote",
        ),
        Variant(
            "Q1.5",
            "the leader's outgoing links only",
            "Are writes acknowledged from then on?",
            play=lambda seed: delayed(seed, where={"from_": "A"}),
            judge=writes_go_on,
            control=lambda seed: delayed(seed, where={"from_": "ABC"}),
            changed="the outgoing links of three of five nodes",
        ),
        kind_variant("Q1.6a", "AppendEntries", "", "AppendEntries is delayed by 10 ms", {}, why="10ms"),
        kind_variant("Q1.6b", "AppendEntriesReply", "", "with CheckQuorum", {"check_quorum": True}),
        kind_variant("Q1.6c", "RequestVote", "", "the leader crashes", {"leader_crashes": True}),
        kind_variant("Q1.6d", "RequestVoteReply", "", "the leader crashes", {"leader_crashes": True}),
        Variant(
            "Q1.7",
            "two seconds of messages come up to 10 s late",
            "Are late messages of old terms without any effect?",
            "late messages of old terms are refused, each by a rule",
            True,
            play=lambda seed: burst(seed),
            judge=late_are_refused,
            control=lambda seed: burst(seed, bugs=TERM_CHECKS),
            changed=f"terms are not compared (bugs {', '.join(TERM_CHECKS)})",
        ),
        Variant(
            "Q1.8",
            f"messages up to 10 s late, {seeds:,} random schedules",
            "Is a property ever violated?",
            "extreme delays can at worst cause availability problems",
            False,
            play=lambda _: whole(random_delays(), seeds=seeds),
            judge=safety_suffers,
            control=lambda _: whole(random_delays(TERM_CHECKS), seeds=seeds),
            changed=f"terms are not compared (bugs {', '.join(TERM_CHECKS)})",
        ),
        Variant(
            "Q1.9",
            f"the tipping point: P(leader within 30 s) by round trip, {_per_point(seeds):,} seeds per point",
            "Do elections fail at a round trip of the longest timeout?",
            NO_PROGRESS,
            True,
            play=lambda _: curves(_per_point(seeds)),
            judge=tips_at_timeout,
            control=lambda _: curves(_per_point(seeds), timeout_ms=(1500.0, 3000.0)),
            changed="election timeouts are ten times as long, the round trips are not",
        ),
        Variant(
            "Q1.10",
            "all links take 10 s, election timeouts of 60 to 120 s",
            "Are writes acknowledged?",
            "it works again",
            True,
            play=lambda seed: patient(seed),
            judge=writes_go_on,
            control=lambda seed: patient(seed, election_timeout=("150ms", "300ms")),
            changed="election timeouts of 150 to 300 ms",
        ),
    ]


def _new_clusters(seeds: int, latency: tuple[str, str]) -> dict[str, Sweep]:
    return {
        "without PreVote": whole(new_cluster(latency), seeds=seeds),
        "with PreVote": whole(new_cluster(latency, pre_vote=True), seeds=seeds),
    }


def _per_point(seeds: int) -> int:
    return max(40, seeds // 25)


# ---- The picture --------------------------------------------------------------------------------------


def draw(curves: dict[str, Curve], title: str, ax: Axes | None) -> Axes:
    """Draws the tipping point: P(leader within 30 s) by the round trip, with 95 % intervals."""
    from ._pictures import tipping

    chances = {
        name: {float(trip): _estimate(at) for trip, at in curve.items()} for name, curve in curves.items()
    }
    runs = len(next(iter(curves["with PreVote"].values())))
    return tipping(ax, title, chances, TIMEOUT_MS[1], runs)


def _estimate(swept: Sweep) -> Estimate:
    """The probability of a leader with its exact 95 % interval (Clopper-Pearson)."""
    found, runs = round(chance(swept) * len(swept)), len(swept)
    low, high = 1 - upper_bound(runs - found, runs, 0.975), upper_bound(found, runs, 0.975)
    return Estimate(chance(swept), low, high)


delayed_messages = Experiment(
    "Q1",
    "What happens if messages are delayed by 10 seconds?",
    variants,
    "Q1.9",
    draw,
    __doc__,
)

__all__ = [
    "burst",
    "chance",
    "delayed",
    "delayed_messages",
    "late_messages",
    "new_cluster",
    "patient",
    "random_delays",
    "tipping_point",
    "until_leader",
]
