"""The table of rates and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

import workloads
from checks import expected, wrong
from jobs import PYTHON, RAFTLAB, TIKV, Job, Measured


def table_jobs(*, quick: bool, with_raftlab: bool) -> list[Job]:
    """Everything to measure, in the order of the table."""
    jobs = []
    for what, sizes in SIZES.items():
        # The check values of w2 and w3 hold for their full length, which is short in any case.
        divisor = 10 if quick and what in ("w1", "w1full") else 1
        if with_raftlab:
            for variant in workloads.VARIANTS[what]:
                shown = "" if variant == "times" else variant
                jobs.append(Job(RAFTLAB, what, sizes.raftlab // divisor, shown))
        if sizes.peers:
            jobs.append(Job(TIKV, what, sizes.peers.tikv // divisor))
            jobs.append(Job(PYTHON, what, sizes.peers.python // divisor))
    return jobs


def print_table(rows: Sequence[Measured]) -> None:
    """Print the medians, the ratios and the check values."""
    lines = [("", "", "median", "lowest .. highest", "/TiKV", "/Python", "check values", "")]
    for row in rows:
        job, key = row.job, rate_key(row.job)
        first = all(job.what != line[0] for line in lines)
        rates = [float(run[key]) for run in row.runs]
        values = "  ".join(f"{LABELS[name]} {row.median(name):,.10g}" for name in expected(job))
        bad = ", ".join(LABELS[name] for name in wrong(row))
        lines.append(
            (
                job.what if first else "",
                job.name,
                f"{short(row.median(key))} {unit(job)}",
                f"{short(min(rates))} .. {short(max(rates))}",
                shown_ratio(row, TIKV, rows),
                shown_ratio(row, PYTHON, rows),
                values,
                f"WRONG: {bad}" if bad else "OK",
            )
        )
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.rjust(width) if place in RIGHT else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def table_json(rows: Sequence[Measured]) -> list[dict[str, Any]]:
    """All that was measured, row by row."""
    return [
        {
            "what": row.job.what,
            "who": row.job.who,
            "name": row.job.name,
            "unit": unit(row.job),
            "median": row.median(rate_key(row.job)),
            "per_tikv": ratio(row, TIKV, rows),
            "per_python": ratio(row, PYTHON, rows),
            "checks": {key: row.median(key) for key in expected(row.job)},
            "wrong": wrong(row),
            "runs": row.runs,
        }
        for row in rows
    ]


def ratio(row: Measured, peer: str, rows: Sequence[Measured]) -> float | None:
    """How many times a peer's rate a row's is; nothing if the peer doesn't do such work.

    The median of the turns' ratios: what slows the machine for a while slows both.
    """
    key = rate_key(row.job)
    other = next((r for r in rows if (r.job.what, r.job.who) == (row.job.what, peer)), None)
    if other is None:
        return None
    turns = zip(row.runs, other.runs, strict=True)
    return statistics.median(float(mine[key]) / float(theirs[key]) for mine, theirs in turns)


def shown_ratio(row: Measured, peer: str, rows: Sequence[Measured]) -> str:
    """Print a ratio, but not that of a peer with itself."""
    times = ratio(row, peer, rows)
    return "" if row.job.who == peer else "-" if times is None else f"{times:.3g}x"


def rate_key(job: Job) -> str:
    """The printed value that is a job's rate."""
    return "trials_per_s" if job.what in ("w1", "w1full") else "messages_per_s"


def unit(job: Job) -> str:
    """What a job's rate counts."""
    return "rows/s" if job.variant == "dataframe" else rate_key(job).replace("_per_", "/")


def short(rate: float) -> str:
    """Three digits and k or M."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if rate >= size:
            return f"{rate / size:.3g}{letter}"
    return f"{rate:.3g}"


class Peers(NamedTuple):
    """The sizes of the peers' work."""

    tikv: int
    python: int


class Sizes(NamedTuple):
    """Trials of w1 and w1full, simulated seconds of w2 and w3: at most a second or two of work for each."""

    raftlab: int
    peers: Peers | None = None


SIZES = {
    "w1": Sizes(1_000_000, Peers(200_000, 100_000)),
    "w1full": Sizes(200_000, Peers(40_000, 15_000)),
    "w2": Sizes(100, Peers(100, 100)),
    "w3": Sizes(100),
}
LABELS = {
    "mean_ms": "mean",
    "p50_ms": "p50",
    "p90_ms": "p90",
    "p99_ms": "p99",
    "messages": "delivered",
    "commit": "commit",
    "replays": "replays",
    "violations": "violations",
}
# The columns of figures.
RIGHT = (2, 3, 4, 5)
