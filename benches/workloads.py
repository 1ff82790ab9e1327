"""The workloads of the benches as a user of raftlab would run them.

    python benches/workloads.py w1|w1full TRIALS
    python benches/workloads.py w2 SECONDS [off|checks|full]

One JSON line on standard output, like that of the peers. ``bench.py`` runs this file in a process
of its own, so that what one workload leaves behind doesn't slow down or speed up the next.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

# For w2: no trace and no checks; every invariant checked after every event; the full trace
# delivered to Python.
VARIANTS = ("off", "checks", "full")


class MissingRaftlabError(ImportError):
    """raftlab isn't installed for this Python."""


class Trials(NamedTuple):
    """What a sweep of w1 or w1full gave. ``wall_s`` is that of the one call that ran them."""

    wall_s: float
    times_ms: Sequence[float]


class Replication(NamedTuple):
    """What w2 gave. With the full trace, ``wall_s`` lasts until Python holds all columns."""

    wall_s: float
    messages: int
    commit: int


def run_raftlab(what: str, size: int, variant: str = "off") -> dict[str, Any]:
    """Run one workload and return what its JSON line says.

    ``size`` is the number of trials of w1 and w1full and the simulated seconds of w2.
    """
    raftlab = import_raftlab()
    if what == "w2":
        run = run_replication(raftlab, size, variant)
        return {
            "impl": "raftlab",
            "what": what,
            "variant": variant,
            "sim_s": size,
            "wall_s": round(run.wall_s, 6),
            "messages_per_s": round(run.messages / run.wall_s, 1),
            "messages": run.messages,
            "commit": run.commit,
        }
    sweep = run_trials(raftlab, what, size)
    times_ms = sorted(float(time_ms) for time_ms in sweep.times_ms)
    if len(times_ms) != size:
        raise RuntimeError(f"{what}: {size} trials were asked for and {len(times_ms)} came back")
    return {
        "impl": "raftlab",
        "what": what,
        "trials": size,
        "wall_s": round(sweep.wall_s, 6),
        "trials_per_s": round(size / sweep.wall_s, 1),
        "mean_ms": round(sum(times_ms) / size, 3),
        # The same quantile as the peers': the value at floor(share * n).
        "p50_ms": times_ms[50 * size // 100],
        "p90_ms": times_ms[90 * size // 100],
        "p99_ms": times_ms[99 * size // 100],
    }


def run_trials(raftlab: ModuleType, what: str, trials: int) -> Trials:
    """Run w1 or w1full in one call, on one thread."""
    scenario = (w1 if what == "w1" else w1full)(raftlab)
    start = time.perf_counter()
    runs = raftlab.sweep(
        scenario, seeds=trials, metrics="since_last_fault_ms", threads=1, checks=False, progress=False
    ).runs
    wall_s = time.perf_counter() - start
    return Trials(wall_s, runs.to_list("since_last_fault_ms"))


def run_replication(raftlab: ModuleType, seconds: int, variant: str) -> Replication:
    """Run w2 in one call, on one thread."""
    scenario = w2(raftlab, seconds)
    if variant == "full":
        # Who takes the trace over imports what it needs at its first table: none of ours.
        w2(raftlab, 1).run(trace="full", checks=False).trace.messages.to_arrow()
    start = time.perf_counter()
    run = scenario.run(
        seed=1,
        trace="full" if variant == "full" else "off",
        checks=variant == "checks",
    )
    if variant == "full":
        run.trace.messages.to_arrow()
    wall_s = time.perf_counter() - start
    return Replication(wall_s, run.counters["delivered"], run["A"].commit_index)


def w1(rl: ModuleType) -> Any:
    """A bare election: the leader is dead, four followers with equal logs wait for their timers."""
    return rl.Scenario(
        5,
        noop=False,
        initial=rl.Initial(log=[1]),
        faults=[rl.Crash("A")],
        stop=rl.leader_elected,
    )


def w1full(rl: ModuleType) -> Any:
    """A cold start, an election, the leader's crash, and the next election."""
    return rl.Scenario(
        5,
        noop=False,
        heartbeat=50,
        steps=[
            rl.run_until(rl.leader_elected),
            rl.Crash("leader", after=rl.uniform(500, 550)),
        ],
        stop=rl.leader_elected,
        horizon="60s",
    )


def w2(rl: ModuleType, seconds: int) -> Any:
    """Steady replication: a proposal every millisecond."""
    return rl.Scenario(
        5,
        noop=False,
        heartbeat=50,
        network=rl.Network(latency=1),
        initial=rl.Initial(term=1, leader="A"),
        workload=rl.OpenLoop(every=1, start=10),
        horizon=seconds * 1000,
    )


def import_raftlab() -> ModuleType:
    """Return the installed raftlab, or say how to install it."""
    try:
        return importlib.import_module("raftlab")
    except ModuleNotFoundError as error:
        if error.name != "raftlab":
            raise
        raise MissingRaftlabError(
            f"raftlab isn't installed for {sys.executable}: run `pip install .` in the root of the "
            "repository (an editable install is slower, being quick to compile), or give "
            "--peers-only to bench.py"
        ) from None


def main(args: list[str]) -> None:
    """Run one workload and print its JSON line."""
    what, size, variant, *rest = [*args, "", "", ""][: max(3, len(args))]
    variant = variant or VARIANTS[0]
    known = what in ("w1", "w1full", "w2") and variant in VARIANTS
    allowed = variant == VARIANTS[0] or what == "w2"
    whole = size.isascii() and size.isdecimal() and int(size) > 0
    if rest or not (known and allowed and whole):
        sys.exit("usage: workloads.py w1|w1full TRIALS  or  w2 SECONDS [off|checks|full]")
    try:
        result = run_raftlab(what, int(size), variant)
    except MissingRaftlabError as error:
        sys.exit(str(error))
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
