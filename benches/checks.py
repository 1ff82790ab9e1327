"""The check values, which prove that everyone did the same work."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from jobs import TIKV, Job, Measured


class Expected(NamedTuple):
    """What a check value must be: exactly, but for the chance of the trials drawn, or at least."""

    value: float
    # Half of what rounding leaves open, in the value's unit.
    slack: float = 0.0
    # The standard error of this value over n trials is ``spread / sqrt(n)``.
    spread: float = 0.0
    or_more: bool = False

    def allows(self, value: float, trials: int) -> bool:
        """Whether a measured value is right."""
        if self.or_more:
            return value >= self.value
        return abs(value - self.value) <= self.slack + 5.0 * self.spread / math.sqrt(trials)


def faults_of(measured: Sequence[Measured]) -> list[str]:
    """What is wrong with the work that was done: a line each, with the command that did it."""
    lines = [
        f"WRONG: {', '.join(keys)}: {' '.join(one.job.command)}" for one in measured if (keys := wrong(one))
    ]
    others = (" ".join(one.job.command) for one in differing(measured))
    return lines + [f"WRONG: other runs than with another number of threads: {line}" for line in others]


def wrong(measured: Measured) -> list[str]:
    """The check values that aren't right in every run."""
    job = measured.job
    return [
        key
        for key, want in expected(job).items()
        if not all(want.allows(float(run[key]), job.size) for run in measured.runs)
    ]


def differing(measured: Iterable[Measured]) -> list[Measured]:
    """The jobs whose digests aren't those of the same seeds on another number of threads."""
    found = []
    seen: dict[Job, str] = {}
    for one in measured:
        digests = {run["digests"] for run in one.runs if "digests" in run}
        seeds = replace(one.job, threads=None)
        if any(digest != seen.setdefault(seeds, digest) for digest in digests):
            found.append(one)
    return found


def expected(job: Job) -> dict[str, Expected]:
    """What the check values of a job must be."""
    # "ticks" is for timers that go by ticks of 1 ms, which shifts the values.
    ticks = job.who == TIKV
    if job.what in ("w2", "idle"):
        return replication(job, ticks)
    if job.what == "w2short":
        each = replication(replace(job, what="w2", size=1), ticks)
        return {"messages": Expected(job.size * each["messages"].value)}
    if job.what == "w3":
        return CHAOS | ({"violations": Expected(0)} if job.variant == "checks" else {})
    if job.size < (100 if job.nodes < 10 else 10):
        return {}  # Of so few trials the mean says nothing.
    if job.what == "w1" and job.nodes != 5:
        mean, spread = W1_MEANS[job.nodes]
        return {"mean_ms": Expected(mean - 0.5 * ticks, 0.3 if ticks else 0.1, spread)}
    # The highest of a few trials is none of these quantiles.
    known = TRIALS[job.what, "ticks" if ticks else "exact"]
    return known if job.size >= 1000 else {"mean_ms": known["mean_ms"]}


def replication(job: Job, ticks: bool) -> dict[str, Expected]:
    """What w2 and an idle cluster must deliver and commit, by arithmetic."""
    seconds, followers = job.size, job.nodes - 1
    proposals = job.what == "w2"
    messages = followers * (40 * seconds + proposals * (2000 * seconds - 23))
    if ticks:
        # TiKV's leader answers each answer to a heartbeat with an empty AppendEntries while that follower
        # isn't quite up to date, and gets an answer to that. As it takes office, all but one are so.
        messages += 2 * (followers - 1) + proposals * 2 * followers * (20 * seconds - 1)
    return {"messages": Expected(messages), "commit": Expected(proposals * (1000 * seconds - 12))}


# Spreads come from a bootstrap over 120,000 trials of the Python loop. That of p99 is large, since
# this quantile lies just within the trials whose first vote is split, of which there are few.
#
# "exact" is for timeouts drawn from an interval. With ticks of 1 ms they are whole milliseconds
# from 150 to 299: the least of four is half a millisecond less, and more of them coincide.
TRIALS = {
    ("w1", "exact"): {
        "mean_ms": Expected(197.6, 0.1, 37.0),
        "p50_ms": Expected(189.2, 0.1, 34.0),
        "p90_ms": Expected(232.9, 0.2, 75.0),
        "p99_ms": Expected(368.5, 0.5, 960.0),
    },
    ("w1", "ticks"): {
        "mean_ms": Expected(197.2, 0.1, 37.0),
        "p50_ms": Expected(189.0, 1.0, 34.0),
        "p90_ms": Expected(232.0, 1.0, 75.0),
        "p99_ms": Expected(373.5, 1.0, 960.0),
    },
    ("w1full", "exact"): {
        "mean_ms": Expected(180.05, 0.25, 37.0),
        "p50_ms": Expected(174.0, 0.1, 34.0),
        "p90_ms": Expected(218.9, 0.2, 75.0),
        "p99_ms": Expected(350.0, 3.0, 960.0),
    },
    ("w1full", "ticks"): {
        "mean_ms": Expected(179.2, 0.1, 37.0),
        "p50_ms": Expected(173.1, 1.0, 34.0),
        "p90_ms": Expected(218.2, 1.0, 75.0),
        "p99_ms": Expected(355.5, 3.0, 960.0),
    },
}
# The mean of w1 by the number of servers, and its spread: a million trials of raftlab for 3 and 9
# servers, 100,000 for 49 and 10,000 for 199. The Python loop agrees.
W1_MEANS = {3: (236.9, 86.0), 9: (181.7, 15.4), 49: (168.06, 3.0), 199: (165.76, 0.76)}
# 100 seconds of w3 with seed 1. What luck decides can't be had by arithmetic: if raftlab's draws or its
# rules change on purpose, this count is to be measured anew.
CHAOS = {"messages": Expected(736_197), "commit": Expected(90_000, or_more=True), "replays": Expected(1)}
