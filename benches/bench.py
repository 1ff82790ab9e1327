"""Measure raftlab beside what else a user could install, and check that all do the same work.

    python benches/bench.py [--quick] [--runs N] [--peers-only] [--json out/bench.json]

Builds the peers, runs every workload with every implementation in turn, RUNS times over, on one
core, and prints one table of medians. ``benches/README.md`` says how to read it. The exit code is 1
if an implementation did other work than the workload asks for, and 2 if something couldn't run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import workloads

BENCHES = Path(__file__).resolve().parent
PEERS = BENCHES / "peers"
TARGET = PEERS / "target"

TIKV = "TiKV raft 0.7"
PYTHON = "Python loop"


@dataclass(frozen=True)
class Entrant:
    """One implementation of one workload: a row of the table."""

    what: str
    name: str
    command: tuple[str, ...]
    size: int
    variant: str = ""


class Expected(NamedTuple):
    """What a check value must be: exactly, or but for the chance of the trials drawn."""

    value: float
    # Half of what rounding leaves open, in the value's unit.
    slack: float = 0.0
    # The standard error of this value over n trials is ``spread / sqrt(n)``.
    spread: float = 0.0

    def allows(self, value: float, trials: int) -> bool:
        """Whether a measured value is right."""
        return abs(value - self.value) <= self.slack + 5.0 * self.spread / math.sqrt(trials)


@dataclass
class Row:
    """The runs of one entrant."""

    entrant: Entrant
    runs: list[dict[str, Any]]

    @property
    def rate(self) -> float:
        """The median rate."""
        return statistics.median(self.rates)

    @property
    def rates(self) -> list[float]:
        """Each run's trials or messages per second."""
        return [float(run[UNITS[self.entrant.what].key]) for run in self.runs]

    @property
    def checks(self) -> dict[str, float]:
        """The median of each check value."""
        expected = EXPECTED[self.entrant.what, exactness(self.entrant)]
        return {key: statistics.median(float(run[key]) for run in self.runs) for key in expected}

    @property
    def wrong(self) -> list[str]:
        """The check values that aren't right in every run."""
        expected = EXPECTED[self.entrant.what, exactness(self.entrant)]
        size = self.entrant.size
        return [
            key
            for key, want in expected.items()
            if not all(want.allows(float(run[key]), size) for run in self.runs)
        ]


def main() -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(description="Compare raftlab with its peers.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the trials and 3 runs")
    parser.add_argument("--runs", type=int, metavar="N", help="runs of everything (default: 5)")
    parser.add_argument("--peers-only", action="store_true", help="leave raftlab out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    options = parser.parse_args()
    runs = options.runs if options.runs is not None else (3 if options.quick else 5)
    if runs < 1:
        parser.error(f"--runs {runs}: there must be at least one run")

    try:
        version = None if options.peers_only else workloads.import_raftlab().__version__
        build_peers()
        core = pin_to_one_core()
        rows = measure(entrants(options.quick, with_raftlab=version is not None), runs)
    except (CommandError, workloads.MissingRaftlabError) as error:
        print(error, file=sys.stderr)
        return 2

    setting = {
        "raftlab": version,
        "python": platform.python_version(),
        "rustc": output_of("rustc", "--version").split()[1],
        "system": f"{platform.system()} {platform.machine()}",
        "core": core,
        "runs": runs,
        "quick": options.quick,
    }
    print_table(rows, setting)
    if version is not None:
        print(
            f"\nimport raftlab: {import_ms(runs):.0f} ms, median of {runs} processes (python -X importtime)"
        )
    if options.json is not None:
        write_json(options.json, rows, setting)
    return 1 if any(row.wrong for row in rows) else 0


def build_peers() -> None:
    """Build TiKV's crate and the loop around it, as fast as they get."""
    print("building the peers", file=sys.stderr)
    manifest = PEERS / "Cargo.toml"
    command = ["cargo", "build", "--release", "--locked", "--quiet"]
    output_of(*command, f"--manifest-path={manifest}", f"--target-dir={TARGET}")


def pin_to_one_core() -> int | None:
    """Keep this process and those that it starts on one core, where the system can do so."""
    if sys.platform != "linux":
        return None
    # The first core has the most interrupts to serve.
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def entrants(quick: bool, with_raftlab: bool) -> list[Entrant]:
    """Everything to measure, in the order of the table."""
    tikv = (str(TARGET / "release" / "tikv_raft"),)
    python = (sys.executable, str(PEERS / "python_loop.py"))
    raftlab = (sys.executable, str(BENCHES / "workloads.py"))
    chosen = []
    for what, sizes in SIZES.items():
        # The check values of w2 hold for its full length, which is short in any case.
        divisor = 10 if quick and what != "w2" else 1
        if with_raftlab:
            for variant in workloads.VARIANTS if what == "w2" else ("",):
                name = f"raftlab {variant}".strip()
                size = sizes.raftlab // divisor
                chosen.append(Entrant(what, name, raftlab, size, variant))
        chosen.append(Entrant(what, TIKV, tikv, sizes.tikv // divisor))
        chosen.append(Entrant(what, PYTHON, python, sizes.python // divisor))
    return chosen


def measure(chosen: list[Entrant], runs: int) -> list[Row]:
    """Run all entrants in turn, so that a machine that slows down does so for all of them."""
    rows = [Row(entrant, []) for entrant in chosen]
    for number in range(1, runs + 1):
        print(f"run {number} of {runs}", file=sys.stderr)
        for row in rows:
            entrant = row.entrant
            variant = (entrant.variant,) if entrant.variant else ()
            text = output_of(*entrant.command, entrant.what, str(entrant.size), *variant)
            row.runs.append(json.loads(text))
    return rows


def import_ms(runs: int) -> float:
    """What `import raftlab` takes in a new process, in milliseconds."""
    took = []
    for _ in range(runs):
        command = [sys.executable, "-X", "importtime", "-c", "import raftlab"]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        line = next(line for line in told.splitlines() if line.endswith("| raftlab"))
        took.append(int(line.split("|")[1]) / 1e3)
    return statistics.median(took)


def print_table(rows: list[Row], setting: dict[str, Any]) -> None:
    """Print the medians, the ratios and the check values."""
    pinned = "not pinned to a core" if setting["core"] is None else f"core {setting['core']}"
    raftlab = f"raftlab {setting['raftlab']}, " if setting["raftlab"] else ""
    print(
        f"{raftlab}Python {setting['python']}, rustc {setting['rustc']}, {setting['system']}, "
        f"{pinned}, medians of {setting['runs']}{', quick' if setting['quick'] else ''}"
    )
    header = ("", "", "median", "lowest .. highest", "/TiKV", "/Python", "check values", "")
    lines = [header]
    for row in rows:
        what = row.entrant.what
        first = all(row.entrant.what != line[0] for line in lines)
        values = "  ".join(f"{LABELS[key]} {value:,.10g}" for key, value in row.checks.items())
        verdict = f"WRONG: {', '.join(LABELS[key] for key in row.wrong)}" if row.wrong else "OK"
        low, high = min(row.rates), max(row.rates)
        lines.append(
            (
                what if first else "",
                row.entrant.name,
                f"{short(row.rate)} {UNITS[what].label}",
                f"{short(low)} .. {short(high)}",
                ratio(row, TIKV, rows),
                ratio(row, PYTHON, rows),
                values,
                verdict,
            )
        )
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            cell.rjust(width) if place in RIGHT else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def write_json(path: Path, rows: list[Row], setting: dict[str, Any]) -> None:
    """Write all that was measured."""
    results = [
        {
            "what": row.entrant.what,
            "name": row.entrant.name,
            "unit": UNITS[row.entrant.what].label,
            "median": row.rate,
            "per_tikv": quotient(row, TIKV, rows),
            "per_python": quotient(row, PYTHON, rows),
            "checks": row.checks,
            "wrong": row.wrong,
            "runs": row.runs,
        }
        for row in rows
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"setting": setting, "results": results}, indent=2) + "\n")


def quotient(row: Row, peer: str, rows: list[Row]) -> float:
    """How many times a peer's rate a row's is."""
    what = row.entrant.what
    return row.rate / next(r.rate for r in rows if (r.entrant.what, r.entrant.name) == (what, peer))


def ratio(row: Row, peer: str, rows: list[Row]) -> str:
    """Print a quotient, but not that of a peer with itself."""
    return "" if row.entrant.name == peer else f"{quotient(row, peer, rows):.3g}x"


def exactness(entrant: Entrant) -> str:
    """Whether the entrant's timers go by ticks of 1 ms, which shifts the check values."""
    return "ticks" if entrant.name == TIKV else "exact"


def short(rate: float) -> str:
    """Three digits and k or M."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if rate >= size:
            return f"{rate / size:.3g}{letter}"
    return f"{rate:.3g}"


def output_of(*command: str) -> str:
    """Run a command and return what it prints. What it says of errors goes to the terminal."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    except FileNotFoundError:
        raise CommandError(f"{command[0]} isn't installed") from None
    except subprocess.CalledProcessError as error:
        line = " ".join(command)
        raise CommandError(f"this failed with exit code {error.returncode}: {line}") from None
    return done.stdout


class CommandError(Exception):
    """A command of the benches failed."""


class Sizes(NamedTuple):
    """Trials of w1 and w1full, simulated seconds of w2: a second or two of work for each."""

    raftlab: int
    tikv: int
    python: int


class Unit(NamedTuple):
    """What a workload's rate counts."""

    key: str
    label: str


SIZES = {
    "w1": Sizes(1_000_000, 200_000, 100_000),
    "w1full": Sizes(200_000, 40_000, 15_000),
    "w2": Sizes(100, 100, 100),
}
UNITS = {
    "w1": Unit("trials_per_s", "trials/s"),
    "w1full": Unit("trials_per_s", "trials/s"),
    "w2": Unit("messages_per_s", "messages/s"),
}
LABELS = {
    "mean_ms": "mean",
    "p50_ms": "p50",
    "p90_ms": "p90",
    "p99_ms": "p99",
    "messages": "delivered",
    "commit": "commit",
}
# Spreads come from a bootstrap over 120,000 trials of the Python loop. That of p99 is large, since
# this quantile lies just within the trials whose first vote is split, of which there are few.
#
# "exact" is for timeouts drawn from an interval. With ticks of 1 ms they are whole milliseconds
# from 150 to 299: the least of four is half a millisecond less, and more of them coincide.
EXPECTED = {
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
    ("w2", "exact"): {"messages": Expected(815_908), "commit": Expected(99_988)},
    # 15,998 messages more: TiKV's leader answers each answer to a heartbeat with an empty
    # AppendEntries, since the follower is never quite up to date, and gets an answer to that.
    # (1,999 heartbeats x 4 followers x 2, and 3 x 2 of the same kind as it takes office.)
    ("w2", "ticks"): {"messages": Expected(831_906), "commit": Expected(99_988)},
}
# The columns of figures.
RIGHT = (2, 3, 4, 5)

if __name__ == "__main__":
    sys.exit(main())
