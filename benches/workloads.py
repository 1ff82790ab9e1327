"""The workloads of the benches as a user of raftlab would run them.

    python benches/workloads.py w1 TRIALS [times|dataframe]
    python benches/workloads.py w1full TRIALS
    python benches/workloads.py w2 SECONDS [off|checks|full|full-again|snapshots]
    python benches/workloads.py w2short TRIALS
    python benches/workloads.py w3 SECONDS [checks|off]
    python benches/workloads.py idle SECONDS [off|checks|full]

``--nodes N`` asks for another number of nodes than five (w1, w2 and idle), ``--threads N`` for more
than one thread (w1, w1full and w2short). One JSON line on standard output, like that of the peers.
``bench.py`` runs this file in a process of its own, so that what one workload leaves behind doesn't
slow down or speed up the next, and so that its memory is its own.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")

# What can be asked of each workload; the first is what is meant if nothing is said. Of replication:
# no trace and no checks; every invariant checked after every event; the full trace, its messages in Python;
# the same where earlier traces have left their memory; and neither, but with a snapshot every 1000 entries.
VARIANTS = {
    "w1": ("times", "dataframe"),
    "w1full": ("times",),
    "w2": ("off", "checks", "full", "full-again", "snapshots"),
    "w2short": ("times",),
    "w3": ("checks", "off"),
    "idle": ("off", "checks", "full"),
}


class MissingRaftlabError(ImportError):
    """raftlab isn't installed for this Python."""


def run_raftlab(what: str, size: int, variant: str, nodes: int, threads: int) -> dict[str, Any]:
    """Run one workload and return what its JSON line says.

    ``size`` is the number of trials of w1, w1full and w2short, and otherwise the simulated seconds.
    """
    raftlab = import_raftlab()
    about = {"impl": "raftlab", "what": what, "variant": variant, "nodes": nodes, "threads": threads}
    if what == "w3":
        return about | run_chaos(raftlab, size, variant)
    if what in ("w2", "idle"):
        scenario = (w2 if what == "w2" else idle)(raftlab, size, nodes)
        if variant == "snapshots":
            scenario = scenario.replace(snapshot_every=1000)
        return about | run_replication(scenario, size, variant)
    if what == "w2short":
        return about | run_trials(raftlab, w2(raftlab, 1), size, threads)
    scenario = w1(raftlab, nodes) if what == "w1" else w1full(raftlab)
    if variant == "dataframe":
        return about | run_notebook_cell(raftlab, scenario, size)
    return about | run_trials(raftlab, scenario, size, threads)


def run_trials(raftlab: ModuleType, scenario: Any, trials: int, threads: int) -> dict[str, Any]:
    """Run many seeds in one call, with what the peers measure and nothing else."""

    def call() -> Any:
        return raftlab.sweep(
            scenario,
            seeds=trials,
            metrics=["since_last_fault_ms", "delivered"],
            threads=threads,
            checks=False,
            progress=False,
        )

    wall_s, result = timed(call)
    told = trials_told(wall_s, result.runs.to_list("since_last_fault_ms"), trials)
    digests = "".join(result.runs.to_list("digest"))
    return told | {
        "messages": sum(result.runs.to_list("delivered")),
        "digests": hashlib.blake2b(digests.encode(), digest_size=16).hexdigest(),
    }


def run_notebook_cell(raftlab: ModuleType, scenario: Any, trials: int) -> dict[str, Any]:
    """Run many seeds as a cell of a notebook does: with all defaults, and up to the DataFrame."""
    # Who makes the first DataFrame imports pandas, which is none of ours.
    raftlab.sweep(scenario, seeds=1, progress=False).to_pandas()
    wall_s, frame = timed(lambda: raftlab.sweep(scenario, seeds=trials, progress=False).to_pandas())
    return trials_told(wall_s, frame["end_ms"].tolist(), trials)


def trials_told(wall_s: float, times_ms: Sequence[float], trials: int) -> dict[str, Any]:
    """What the JSON line of a workload of trials says."""
    if len(times_ms) != trials:
        raise RuntimeError(f"{trials} trials were asked for and {len(times_ms)} came back")
    ordered = sorted(times_ms)
    return {
        "trials": trials,
        "wall_s": round(wall_s, 9),
        "trials_per_s": round(trials / wall_s, 1),
        "mean_ms": round(sum(ordered) / trials, 3),
        # The same quantile as the peers': the value at floor(share * n).
        "p50_ms": ordered[50 * trials // 100],
        "p90_ms": ordered[90 * trials // 100],
        "p99_ms": ordered[99 * trials // 100],
    }


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """Call until that has taken a tenth of a second: the median wall time and the last result."""
    took: list[float] = []
    while True:
        start = time.perf_counter()
        result = call()
        took.append(time.perf_counter() - start)
        if sum(took) >= 0.1:
            return statistics.median(took), result


def run_replication(scenario: Any, seconds: int, variant: str) -> dict[str, Any]:
    """Run w2 or an idle cluster in one call; with the full trace until Python holds its messages."""
    traced = variant.startswith("full")
    if traced:
        # Who takes the trace over imports what it needs at its first table: none of ours.
        scenario.replace(horizon=1).run(trace="full", checks=False).trace.messages.to_arrow()
    if variant == "full-again":
        for _ in range(2):
            scenario.run(seed=1, trace="full", checks=False)  # whose memory stays
    start = time.perf_counter()
    run = scenario.run(
        seed=1,
        trace="full" if traced else "off",
        checks=variant == "checks",
    )
    if traced:
        run.trace.messages.to_arrow()
    wall_s = time.perf_counter() - start
    return run_told(wall_s, run, seconds)


def run_chaos(raftlab: ModuleType, seconds: int, variant: str) -> dict[str, Any]:
    """Run w3 in one call, and then again, to see whether it is the same run."""
    scenario, checks = w3(raftlab, seconds), variant == "checks"
    start = time.perf_counter()
    run = scenario.run(seed=1, trace="off", checks=checks)
    wall_s = time.perf_counter() - start
    again = scenario.run(seed=1, trace="off", checks=checks)
    told = run_told(wall_s, run, seconds) | {"replays": int(run.digest == again.digest)}
    return told | ({"violations": len(run.violations)} if checks else {})


def run_told(wall_s: float, run: Any, seconds: int) -> dict[str, Any]:
    """What the JSON line of a single run says."""
    messages = run.counters["delivered"]
    return {
        "sim_s": seconds,
        "wall_s": round(wall_s, 9),
        "messages_per_s": round(messages / wall_s, 1),
        "messages": messages,
        "commit": max(node.commit_index for node in run),
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float | None:
    """The most memory that this process has had, in MiB; only Linux tells.

    Not ``resource.getrusage``: its maximum is also that of the process from which this one was forked.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def w1(rl: ModuleType, nodes: int = 5) -> Any:
    """A bare election: the leader is dead, followers with equal logs wait for their timers."""
    return rl.Scenario(
        nodes,
        noop=False,
        initial=rl.Initial(log=[1]),
        faults=[rl.Crash(first(nodes))],
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


def w2(rl: ModuleType, seconds: int, nodes: int = 5) -> Any:
    """Steady replication: a proposal every millisecond."""
    return idle(rl, seconds, nodes).replace(workload=rl.OpenLoop(every=1, start=10))


def w3(rl: ModuleType, seconds: int) -> Any:
    """Chaos: w2 in a network that loses and doubles, and every two seconds something breaks for one."""
    return rl.Scenario(
        5,
        noop=False,
        heartbeat=50,
        network=rl.Network(latency=rl.lognormal(1, 0.5), loss=0.01, duplicate=0.01),
        disk=rl.Disk(fsync=0.5),
        initial=rl.Initial(term=1, leader="A"),
        # A client has its answer after 3 ms: ten of them propose 200 times a second.
        workload=[
            rl.OpenLoop(every=1.25, start=10),
            rl.ClosedLoop(clients=10, think=47, start=10),
        ],
        faults=[
            rl.Partition(shape="random", at="2s", every="4s", duration="1s"),
            rl.Crash("a node", at="4s", every="4s", duration="1s"),
        ],
        horizon=seconds * 1000,
    )


def idle(rl: ModuleType, seconds: int, nodes: int = 5) -> Any:
    """An established leader without requests: only heartbeats."""
    return rl.Scenario(
        nodes,
        noop=False,
        heartbeat=50,
        network=rl.Network(latency=1),
        initial=rl.Initial(term=1, leader=first(nodes)),
        horizon=seconds * 1000,
    )


def first(nodes: int) -> str:
    """The name of the first of some nodes."""
    return "A" if nodes <= 26 else "n1"


def import_raftlab() -> ModuleType:
    """Return the installed raftlab, or say how to install it."""
    try:
        return importlib.import_module("raftlab")
    except ModuleNotFoundError as error:
        if error.name != "raftlab":
            raise
        raise MissingRaftlabError(
            f"raftlab isn't installed for {sys.executable}: run `make setup` in the root of the repository "
            "and use .venv/bin/python, or give --peers-only to bench.py"
        ) from None


def whole(text: str) -> int:
    """Read a whole number above 0."""
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number above 0")
    return int(text)


def main() -> None:
    """Run one workload and print its JSON line."""
    parser = argparse.ArgumentParser(description="Run one of raftlab's workloads.")
    parser.add_argument("what", choices=VARIANTS)
    parser.add_argument("size", type=whole, help="trials of w1, w1full and w2short, else simulated seconds")
    parser.add_argument("variant", nargs="?", help="how it is run; the module says what there is")
    parser.add_argument("--nodes", type=whole, default=5)
    parser.add_argument("--threads", type=whole, default=1)
    asked = parser.parse_args()
    variants = VARIANTS[asked.what]
    variant = asked.variant or variants[0]
    if variant not in variants:
        parser.error(f"{asked.what} has {', '.join(variants)}, not {variant}")
    if asked.nodes != 5 and asked.what not in ("w1", "w2", "idle"):
        parser.error(f"{asked.what} has five nodes")
    if asked.threads != 1 and (asked.what not in ("w1", "w1full", "w2short") or variant == "dataframe"):
        parser.error(f"{asked.what} {variant} has no --threads")
    try:
        result = run_raftlab(asked.what, asked.size, variant, asked.nodes, asked.threads)
    except MissingRaftlabError as error:
        sys.exit(str(error))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
