"""How cost grows: with nodes, with simulated time, with runs, with threads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobs import PYTHON, RAFTLAB, TIKV, Job, Measured

# By name the jobs of each line.
Lines = dict[str, list[Job]]


@dataclass(frozen=True)
class Axes:
    """What a curve is about, and how a job and what it took become a point of it."""

    title: str
    x_label: str
    y_label: str
    x: Callable[[Job], float]
    y: Callable[[Measured], float]


@dataclass(frozen=True)
class Curve:
    """One question about growth, with a line for each implementation and way to run it."""

    key: str
    axes: Axes
    lines: Lines


@dataclass(frozen=True)
class Drawn:
    """A curve as it is drawn and kept: for each line its points."""

    curve: Curve
    points: dict[str, list[tuple[float, float]]]


def curves_of(*, quick: bool, with_raftlab: bool, cores: int) -> list[Curve]:
    """All curves."""
    curves = [Curve(key, AXES[key], lines) for key, lines in lines_of(quick, cores).items()]
    if with_raftlab:
        return curves
    alone = [replace(curve, lines=without_raftlab(curve.lines)) for curve in curves]
    return [curve for curve in alone if curve.lines]


def lines_of(quick: bool, cores: int) -> dict[str, Lines]:
    """The lines of each curve. Those that show the same work from two sides share its jobs."""
    less = 4 if quick else 1
    steady = named(Job(who, "w2", s, how) for (who, how), lengths in STEADY_S.items() for s in lengths)
    quiet = named(Job(who, "idle", s, how) for (who, how), lengths in QUIET_S.items() for s in lengths)
    lines = {
        "threads": {
            f"{RAFTLAB} {what}": [Job(RAFTLAB, what, runs // less, threads=n) for n in doubling(cores)]
            for what, runs in SWEEPS.items()
        },
        "nodes_w1": named(
            Job(who, "w1", max(1, trials // less), nodes=n)
            for who, by_nodes in ELECTIONS.items()
            for n, trials in by_nodes.items()
        ),
        "nodes_w2": named(
            Job(who, "w2", max(1, longer * seconds // less), how, nodes=n)
            for (who, how), longer in REPLICATION.items()
            for n, seconds in REPLICATION_S.items()
        ),
        "runs": named(
            Job(who, "w1", 10**power, how)
            for (who, how), most in POWERS.items()
            for power in range(most + 1 - quick)
        ),
        "time_w2": steady,
        "time_idle": quiet,
    }
    if sys.platform == "linux":  # elsewhere no process knows its peak
        lines["memory"] = steady | {f"{RAFTLAB} idle": quiet[f"{RAFTLAB} off"]}
    return lines


def jobs_of(curves: Iterable[Curve]) -> list[Job]:
    """All jobs of the curves, each once."""
    return list(dict.fromkeys(job for curve in curves for line in curve.lines.values() for job in line))


def drawn(curves: Iterable[Curve], measured: Sequence[Measured]) -> list[Drawn]:
    """The curves with their points."""
    by_job = {one.job: one for one in measured}
    result = []
    for curve in curves:
        x, y = curve.axes.x, curve.axes.y
        points = {name: [(x(job), y(by_job[job])) for job in jobs] for name, jobs in curve.lines.items()}
        result.append(Drawn(curve, relative(points) if curve.key == "threads" else points))
    return result


def relative(lines: dict[str, list[tuple[float, float]]]) -> dict[str, list[tuple[float, float]]]:
    """The same lines as multiples of their first point."""
    return {name: [(x, y / points[0][1]) for x, y in points] for name, points in lines.items()}


def print_curves(curves: Iterable[Drawn]) -> None:
    """Print each curve as a small table: a row a line, a column a value of x."""
    for each in curves:
        columns = sorted({x for points in each.points.values() for x, _ in points})
        rows = [[f"{each.curve.axes.title}, {each.curve.axes.y_label}", *(f"{x:,.10g}" for x in columns)]]
        for name, points in each.points.items():
            found = dict(points)
            rows.append([name, *(digits(found[x]) if x in found else "-" for x in columns)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        print()
        for first, *rest in rows:
            figures = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
            print("  ".join((first.ljust(widths[0]), *figures)))


def digits(y: float) -> str:
    """Three digits, or all before the point."""
    return f"{y:,.0f}" if y >= 100 else f"{y:.3g}"


def curves_json(curves: Iterable[Drawn]) -> list[dict[str, Any]]:
    """The curves' points, by line."""
    return [
        {
            "key": each.curve.key,
            "title": each.curve.axes.title,
            "x": each.curve.axes.x_label,
            "y": each.curve.axes.y_label,
            "lines": [
                {"name": name, "x": [x for x, _ in points], "y": [y for _, y in points]}
                for name, points in each.points.items()
            ],
        }
        for each in curves
    ]


def named(jobs: Iterable[Job]) -> Lines:
    """A line for each implementation and way to run it."""
    lines: Lines = {}
    for job in jobs:
        lines.setdefault(job.name, []).append(job)
    return lines


def without_raftlab(lines: Lines) -> Lines:
    """The lines of the peers."""
    return {name: jobs for name, jobs in lines.items() if jobs[0].who != RAFTLAB}


def doubling(most: int) -> list[int]:
    """1, 2, 4 and so on, and the most."""
    return sorted({most, *(2**power for power in range(most.bit_length()) if 2**power <= most)})


# What is on the axes.


def nodes(job: Job) -> float:
    """How many nodes."""
    return job.nodes


def size(job: Job) -> float:
    """How many trials or simulated seconds."""
    return job.size


def threads(job: Job) -> float:
    """How many threads."""
    return job.threads or 1


def ns_per_message(measured: Measured) -> float:
    """Nanoseconds for each delivered message."""
    return 1e9 * measured.median("wall_s") / measured.median("messages")


def us_per_one(measured: Measured) -> float:
    """Microseconds for each trial or simulated second."""
    return 1e6 * measured.median("wall_s") / measured.job.size


def per_second(measured: Measured) -> float:
    """Trials a second."""
    return measured.job.size / measured.median("wall_s")


def peak_mib(measured: Measured) -> float:
    """The most memory of the process."""
    return measured.median("peak_mib")


# What the curves are about.

SIMULATED = "simulated time"
AXES = {
    "threads": Axes("Sweeps: threads", "threads", "times the rate of one", threads, per_second),
    "nodes_w1": Axes("Elections: nodes", "nodes", "ns per message", nodes, ns_per_message),
    "nodes_w2": Axes("Replication: nodes", "nodes", "ns per message", nodes, ns_per_message),
    "runs": Axes("Elections: runs in one call", "runs", "µs per run", size, us_per_one),
    "time_w2": Axes(f"Replication: {SIMULATED}", SIMULATED, "µs per simulated s", size, us_per_one),
    "time_idle": Axes(f"Heartbeats: {SIMULATED}", SIMULATED, "µs per simulated s", size, us_per_one),
    "memory": Axes(f"Memory: {SIMULATED}", SIMULATED, "MiB", size, peak_mib),
}

# Sizes: at most a second of work for each point, but for the longest ones.

# Runs of the sweeps on many threads.
SWEEPS = {"w1full": 200_000, "w2short": 2_000}
# Trials of w1 by nodes.
ELECTIONS = {
    RAFTLAB: {3: 300_000, 5: 300_000, 9: 150_000, 49: 15_000, 199: 2_000},
    TIKV: {3: 60_000, 5: 40_000, 9: 15_000, 49: 400, 199: 10},
    PYTHON: {3: 20_000, 5: 15_000, 9: 8_000, 49: 1_000, 199: 80},
}
# Simulated seconds of w2 by nodes, so that there are as many messages with any number of them; and how many
# times as long each implementation runs.
REPLICATION_S = {3: 80, 5: 40, 9: 20, 49: 4, 199: 1}
REPLICATION = {(RAFTLAB, "off"): 8, (RAFTLAB, "checks"): 8, (TIKV, ""): 1, (PYTHON, ""): 1}
# Powers of ten: the most runs of w1 in one call.
POWERS = {(RAFTLAB, ""): 6, (RAFTLAB, "dataframe"): 6, (TIKV, ""): 5, (PYTHON, ""): 5}
# Simulated seconds of w2, and of an idle cluster. Logs and the trace stay in memory, but for what snapshots
# take the place of: no line goes on until that is gigabytes.
SHORT, HOUR, DAY = (1, 10, 100), 3600, 24 * 3600
STEADY_S = {
    (RAFTLAB, "off"): (*SHORT, HOUR),
    (RAFTLAB, "snapshots"): (*SHORT, HOUR),
    (RAFTLAB, "full"): SHORT,
    (TIKV, ""): SHORT,
    (PYTHON, ""): SHORT,
}
QUIET_S = {
    (RAFTLAB, "off"): (*SHORT, HOUR, DAY),
    (RAFTLAB, "full"): (*SHORT, HOUR),
    (TIKV, ""): (*SHORT, HOUR),
    (PYTHON, ""): (*SHORT, HOUR),
}
