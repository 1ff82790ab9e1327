"""Chapter 9 of Ongaro's dissertation: elections in wide-area and local networks, split votes, rejoining."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from .._conditions import leader_elected
from .._faults import Crash, Cut
from ..distributions import uniform
from ..scenario import Scenario
from ..settings import Initial
from ..statistics import Sample, share
from ..sweeps.observed import sample_of
from .closed_forms import expected_time, first_timeout, split_probability, time_distribution
from .paper import SHARES
from .result import Result, Row, played, triple

__all__ = ["WAN", "election_times", "lan_elections", "rejoining", "split_votes", "wan_elections"]

WAN = {
    0: (430.0, 372.0, 375.4, 386.5, 409.5, 445.7, 489.2, 525.5, 833.1, 984.9),
    1: (468.7, 375.0, 379.5, 393.6, 423.3, 474.1, 562.4, 814.4, 1005.2, 1385.1),
    2: (631.6, 379.3, 386.9, 411.3, 468.7, 797.7, 1073.5, 1335.6, 1928.9, 2853.3),
}
"""By servers failed: mean, p5, p10, p25, median, p75, p90, p95, p99, p99.9 of 10,000 elections.

Read off the curves of the figure (CC BY), in which each step is one election.
"""

WAN_TEXT = {1: (475.0, 1500.0), 2: (650.0, 3000.0)}
"""By servers failed: the mean ("about") and the upper limit of 99.9 % of the elections, by the text."""


WAN_LOGS = {0: 492.6, 1: 550.5, 2: 714.7}
"""By servers failed: the means with logs that are all different, the points on the figure's curves."""


def wan_elections(seeds: int = 10_000) -> Result:
    """Election times in a wide-area network with servers failed (diss. §9.4).

    Returns
    -------
    Result
        Mean, median and tail for 0, 1 and 2 failed servers of 5, and the numbers in the text; the closed
        forms are in the picture. "About" is taken as within 5 %.
    """
    rows, samples, marks, curves = [], {}, {}, {}
    for failed, (mean, *quantiles) in WAN.items():
        found = played(wide_area(failed), seeds=seeds, metrics="last_elected_ms")
        took = sample_of(found, "last_elected_ms")
        case = f"{failed} of 5 failed"
        known: dict[str, Any] = {"basis": "data", "trials": 10_000, "runs": took.n}
        rows.append(Row(case, "mean", "ms", mean, *triple(took.mean()), **known))
        for at, name in ((0.5, "median"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")):
            theirs = quantiles[SHARES.index(at)]
            rows.append(Row(case, name, "ms", theirs, *triple(took.quantile(at)), **known))
        if failed in WAN_TEXT:
            about, within = WAN_TEXT[failed]
            rows.append(Row(case, "mean, by the text", "ms", about, *triple(took.mean()), tolerance=0.05))
            tail = triple(took.quantile(0.999))
            rows.append(Row(case, "p99.9, by the text", "ms", within, *tail, relation="<"))
        samples[case] = took.values
        marks[case] = dict(zip(SHARES, quantiles, strict=True))
        times, over = time_distribution(5, 5 - failed, 35 / 300)
        curves[case] = (300 * times, over)
    rows += [different_logs(failed, seeds) for failed in WAN]
    source = "Ongaro's dissertation, §9.4 and §9.5 (AvailSim, WAN)"
    return Result(
        "wan_elections",
        "Elections in a wide-area network",
        source,
        WAN_SETUP,
        tuple(rows),
        samples,
        marks,
        curves,
    )


WAN_SETUP = (
    "5 servers, all timers fresh at 0, election timeouts U(300, 600) ms, messages take U(30, 40) ms, no "
    "time for processors and disks. The failed servers never answer. The time is that of "
    "the election of the leader that stays. Logs are either equal or all different, for every choice of "
    'failed servers; for the latter the text states that times are "very similar", and its figure has the '
    "means. Dashed lines are the closed form of diss. §9.3 with a latency of 35 ms."
)


def wide_area(failed: int) -> Scenario:
    """The WAN cluster of chapter 9, with the first servers failed."""
    return available(5, "ABCDE"[:failed], (300, 600), uniform(30, 40), horizon="8s")


def different_logs(failed: int, seeds: int) -> Row:
    """The mean with logs that are all different, over all choices of failed servers."""
    logs = {node: [1] * entries for entries, node in enumerate("ABCDE")}
    scenarios = {
        "".join(dead): available(
            5, "".join(dead), (300, 600), uniform(30, 40), horizon="8s", initial=Initial(term=1, log=logs)
        )
        for dead in combinations("ABCDE", failed)
    }
    found = played(
        lambda dead: scenarios[dead],
        {"dead": list(scenarios)},
        seeds=max(seeds // len(scenarios), 2),
        metrics="last_elected_ms",
        common_random_numbers=False,
    )
    took = sample_of(found, "last_elected_ms")
    case, mean = f"{failed} of 5 failed, logs all different", triple(took.mean())
    return Row(case, "mean", "ms", WAN_LOGS[failed], *mean, basis="data", trials=10_000, runs=took.n)


def available(
    servers: int, dead: str, timeouts: tuple[float, float], latency: Any, **settings: Any
) -> Scenario:
    """A cluster without a leader, with fresh timers and some dead servers."""
    faults = [Crash(list(dead), at=0)] if dead else []
    return Scenario(
        list("ABCDEFGHI"[:servers]),
        election_timeout=timeouts,
        heartbeat=timeouts[0] / 2,
        network=latency,
        faults=faults,
        **settings,
    )


def lan_elections(seeds: int = 10_000) -> Result:
    """Election times in AvailSim's local network, side by side with the closed form (diss. §9.3).

    Returns
    -------
    Result
        Mean and quantiles for 0, 1 and 2 failed servers of 5. The closed form assumes a fixed latency and
        gets the mean latency, hence a tolerance of 1 %.
    """
    rows, samples, curves = [], {}, {}
    for failed in (0, 1, 2):
        scenario = available(5, "ABCDE"[:failed], (100, 200), uniform(2, 5), horizon="4s")
        found = played(scenario, seeds=seeds, metrics=["last_elected_ms", "split_votes"])
        took = sample_of(found, "last_elected_ms")
        case = f"{failed} of 5 failed"
        splits = 100 * float((found["split_votes"] > 0).mean())
        formula = 100 * split_probability(5, 5 - failed, LAN_LATENCY)
        why = (
            f"the latency varies, and {splits:.2g} % of the first terms are split; with a fixed latency of "
            f"the same mean the closed form gives {formula:.2g} %"
        )
        known: dict[str, Any] = {"basis": "formula", "tolerance": 0.01, "why": why}
        mean = 100 * expected_time(5, 5 - failed, LAN_LATENCY)
        times, over = time_distribution(5, 5 - failed, LAN_LATENCY)
        rows.append(Row(case, "mean", "ms", mean, *triple(took.mean()), **known))
        for at, name in ((0.5, "median"), (0.9, "p90"), (0.99, "p99")):
            theirs = 100 * float(times[over.searchsorted(at)])
            rows.append(Row(case, name, "ms", theirs, *triple(took.quantile(at)), **known))
        samples[case], curves[case] = took.values, (100 * times, over)
    setup = (
        "5 servers, equal logs, all timers fresh at 0, election timeouts U(100, 200) ms, messages take "
        "U(2, 5) ms, no time for processors and disks: AvailSim's LAN. Its results are not published; "
        "the numbers are the dissertation's closed form with a latency of 3.5 ms."
    )
    source = "Ongaro's dissertation, §9.3; AvailSim, LAN"
    return Result(
        "lan_elections", "Elections in a local network", source, setup, tuple(rows), samples, curves=curves
    )


LAN_LATENCY = 0.035
"""The mean latency of AvailSim's LAN, as a share of the range of timeouts."""


SPLITS: tuple[tuple[int, int, float], ...] = tuple(
    (servers, alive, latency)
    for servers in (3, 5, 7, 9)
    for alive in range(servers // 2 + 1, servers)
    for latency in (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
)
"""Servers, live servers, one-way latency as a share of the range of timeouts: 80 closed forms."""

VARIABLE: tuple[tuple[int, int, tuple[float, float], float, str, float], ...] = (
    (5, 4, (0.1, 0.2), 0.16, "stated", 0.03),
    (5, 3, (0.1, 0.2), 0.40, "stated", 0.05),
    (5, 5, (0.1, 0.2), split_probability(5, 5, 0.2), "formula", 0.1),
    (9, 5, (0.1, 0.2), split_probability(9, 5, 0.15), "formula", 0.03),
    (5, 5, (0.1, 0.2), 0.06, "stated", 0.08),
    (5, 5, (0.02, 0.05), 0.0025, "stated", 0.02),
)
"""Servers, live servers, the latency's limits, the published share, its basis, and its rounding.

The published shares are "about 16 %" and "nearly 40 %"; "similar" to a fixed latency of "about 0.2", and of
0.15; and two that are overlaid on plots of AvailSim.
"""


OVERLAID = "the script that plots it does not state its origin"


def split_votes(seeds: int = 100_000) -> Result:
    """Shares of first terms without a leader, side by side with 80 closed forms (diss. §9.2)."""
    rows = []
    for servers, alive, latency in SPLITS:
        split = how_often_split(servers, alive, 150 * latency, seeds)
        case = f"{alive} of {servers} alive, latency {latency:g}"
        expected = split_probability(servers, alive, latency)
        rows.append(Row(case, "P(split vote)", "%", expected, *split, basis="formula"))
    for servers, alive, (low, high), published, basis, rounding in VARIABLE:
        split = how_often_split(servers, alive, uniform(150 * low, 150 * high), seeds)
        case = f"{alive} of {servers} alive, latency U({low:g}, {high:g})"
        rows.append(
            Row(case, "P(split vote)", "%", published, *split, basis=basis, tolerance=rounding, why=OVERLAID)
        )
    setup = (
        "Equal logs, all timers fresh at 0, election timeouts U(150, 300) ms, a one-way latency given as "
        "a share of the range of timeouts (150 ms); a vote is split if the first term has no leader. "
        "With a fixed latency l, s of n servers alive and c = s - floor(n / 2) + 1 the closed form is "
        "P(Bin(s, l) >= c - 1)."
    )
    source = "Ongaro's dissertation, §9.2; AvailSim for 5 of 5 alive"
    return Result("split_votes", "Split votes", source, setup, tuple(rows))


def how_often_split(servers: int, alive: int, latency: Any, seeds: int) -> tuple[float, float, float]:
    """The share of elections whose first term has no leader."""
    scenario = available(
        servers, "ABCDEFGHI"[alive:servers], (150, 300), latency, stop=leader_elected, horizon="60s"
    )
    found = played(scenario, seeds=seeds, metrics="split_votes")
    return triple(share(int((found["split_votes"] > 0).sum()), len(found)))


TIMES = ((5, 4, 0.1), (5, 3, 0.1), (5, 3, 0.2), (7, 5, 0.1), (9, 6, 0.1), (9, 5, 0.1), (9, 5, 0.2))
"""Servers, live servers, and the one-way latency as a share of the range of timeouts."""


def election_times(seeds: int = 10_000) -> Result:
    """Durations of elections, side by side with the closed forms (diss. §9.1 and §9.3).

    Returns
    -------
    Result
        For some clusters, in units of the least timeout: the time of the first timeout if the vote is not
        split, the duration of such an election, and the mean duration of all elections.
    """
    rows = []
    for servers, alive, latency in TIMES:
        dead = "ABCDEFGHI"[alive:servers]
        scenario = available(servers, dead, (150, 300), 150 * latency, stop=leader_elected, horizon="60s")
        found = played(scenario, seeds=seeds, metrics=["time_to_leader_ms", "split_votes"])
        took = found["time_to_leader_ms"] / 150
        first = took[found["split_votes"] == 0]
        expected = first_timeout(servers, alive, latency)
        case = f"{alive} of {servers} alive, latency {latency:g}"
        stood = triple(Sample("", first - 1 - 2 * latency, took[:0]).mean())
        rows.append(Row(case, "E[M | no split]", "T", expected, *stood, basis="formula"))
        elected = triple(Sample("", first, took[:0]).mean())
        rows.append(
            Row(case, "E[time | no split]", "T", 1 + expected + 2 * latency, *elected, basis="formula")
        )
        total = expected_time(servers, alive, latency) - 0.25
        mean = triple(Sample("", took - 0.25, took[:0]).mean())
        rows.append(Row(case, "E[E_s]", "T", total, *mean, basis="formula", tolerance=0.01, why=MEMORY))
    setup = (
        "Equal logs, all timers fresh at 0, election timeouts U(150, 300) ms, a fixed one-way latency given "
        "as a share of the range of timeouts. T is the least timeout, and as long as the range: 150 ms. M is "
        "the excess of the first timeout over the least. E_s counts from a crash at a uniform moment of a "
        "heartbeat interval of T / 2, on average T / 4 after the timers start; no time for disks. The "
        "closed form for E_s treats each term as a copy of the first, hence a tolerance of 1 %; the two "
        "others are exact."
    )
    source = "Ongaro's dissertation, §9.1 and §9.3"
    return Result("election_times", "Elections and the closed forms", source, setup, tuple(rows))


MEMORY = (
    "the closed form treats each term as a copy of the first; but a failed term leaves the timers further "
    "apart, and the next one splits less often"
)


def rejoining(seeds: int = 2000) -> Result:
    """The effect of a server that was cut off on the leader when it comes back (diss. §9.6)."""
    rows = []
    for pre_vote, claim, deposed in ((False, "one leader steps down", 1), (True, "no leader steps down", 0)):
        found = played(cut_off(pre_vote), seeds=seeds, metrics="leader_losses")
        as_said = share(int((found["leader_losses"] == deposed).sum()), len(found))
        case = "with PreVote" if pre_vote else "without PreVote"
        rows.append(Row(case, f"P({claim})", "%", 1.0, *triple(as_said), why=AGAIN))
    setup = (
        "5 servers with a leader, election timeouts U(150, 300) ms, messages take U(1, 5) ms. A follower "
        "is cut off from 1 s to 3 s; the run ends at 8 s."
    )
    source = "Ongaro's dissertation, §9.6"
    return Result("rejoining", "A server that comes back", source, setup, tuple(rows))


AGAIN = (
    "a server that has not yet heard of the higher term is elected in the old one, and then steps down, too"
)


def cut_off(pre_vote: bool) -> Scenario:
    """A follower that is cut off for two seconds."""
    return Scenario(
        5,
        pre_vote=pre_vote,
        network=uniform(1, 5),
        initial=Initial(term=1, leader="A"),
        faults=[Cut(from_="ABCD", to="E", both_ways=True, at="1s", duration="2s")],
        horizon="8s",
    )
