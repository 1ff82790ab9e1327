"""What is measured, and how: every measurement is a process of its own that prints one JSON line."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BENCHES = Path(__file__).resolve().parent
PEERS = BENCHES / "peers"
TARGET = PEERS / "target"

RAFTLAB = "raftlab"
TIKV = "TiKV raft 0.7"
PYTHON = "Python loop"
COMMANDS = {
    RAFTLAB: (sys.executable, str(BENCHES / "workloads.py")),
    TIKV: (str(TARGET / "release" / "tikv_raft"),),
    PYTHON: (sys.executable, str(PEERS / "python_loop.py")),
}
# What takes longer counts as long.
LONG_S = 2.0


class CommandError(Exception):
    """A command of the benches failed."""


@dataclass(frozen=True)
class Job:
    """One implementation of one workload at one size."""

    who: str
    what: str
    size: int
    variant: str = ""
    nodes: int = 5
    # None is one thread that is kept on one core; a number of them may use all cores.
    threads: int | None = None

    @property
    def name(self) -> str:
        """The implementation and how it is run, as the table says it."""
        return f"{self.who} {self.variant}".strip()

    @property
    def command(self) -> list[str]:
        """What runs it."""
        words = [*COMMANDS[self.who], self.what, str(self.size)]
        words += [self.variant] if self.variant else []
        words += ["--nodes", str(self.nodes)] if self.nodes != 5 else []
        words += ["--threads", str(self.threads)] if self.threads is not None else []
        return words


@dataclass
class Measured:
    """The runs of a job: what each of them printed."""

    job: Job
    runs: list[dict[str, Any]] = field(default_factory=list)

    def median(self, key: str) -> float:
        """The median of one of the printed values."""
        return statistics.median(float(run[key]) for run in self.runs)


def measure(
    what: str, jobs: Iterable[Job], runs: int, core: int | None, *, long_ones_once: bool = False
) -> list[Measured]:
    """Run all jobs in turn, so that a machine that slows down does so for all of them."""
    measured = [Measured(job) for job in jobs]
    for number in range(1, runs + 1):
        print(f"{what}: run {number} of {runs}", file=sys.stderr)
        for one in measured:
            if long_ones_once and one.runs and one.median("wall_s") > LONG_S:
                continue
            with kept_on(core if one.job.threads is None else None):
                one.runs.append(json.loads(output_of(*one.job.command)))
    return measured


def build_peers() -> None:
    """Build TiKV's crate and the loop around it, as fast as they get."""
    print("building the peers", file=sys.stderr)
    manifest = PEERS / "Cargo.toml"
    command = ["cargo", "build", "--release", "--locked", "--quiet"]
    output_of(*command, f"--manifest-path={manifest}", f"--target-dir={TARGET}")


def quiet_core() -> int | None:
    """The core to measure on, where the system can keep a process on one."""
    # The first core has the most interrupts to serve.
    return max(os.sched_getaffinity(0)) if sys.platform == "linux" else None


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@contextmanager
def kept_on(core: int | None) -> Iterator[None]:
    """Keep this process, and those that it starts, on one core for a while."""
    if core is None or sys.platform != "linux":
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


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
