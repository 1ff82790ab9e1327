"""Measure raftlab beside what else a user could install, and check that all do the same work.

    python benches/bench.py [--quick] [--runs N] [--peers-only] [--table-only | --curves-only]
                            [--json out/bench.json] [--plot out/bench.png]

Builds the peers and runs every workload with every implementation in turn, RUNS times over, on one
core. Prints a table of medians and ratios, and how cost grows; keeps all of it as JSON and draws it.
``benches/README.md`` says how to read it. The exit code is 1 if an implementation did other work than
the workload asks for, and 2 if something couldn't run.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import workloads
from checks import faults_of
from curves import curves_json, curves_of, drawn, jobs_of, print_curves
from jobs import CommandError, build_peers, cores, measure, output_of, quiet_core
from table import print_table, table_jobs, table_json


def main() -> int:
    """Run the command line and return the exit code."""
    options = command_line()
    try:
        setting = setting_of(options)
        build_peers()
        print(headline(setting))
        results: dict[str, Any] = {"setting": setting, "table": [], "curves": [], "wrong": []}
        if not options.curves_only:
            run_table(setting, results)
        if not options.table_only:
            run_curves(setting, results)
    except (CommandError, workloads.MissingRaftlabError) as error:
        print(error, file=sys.stderr)
        return 2
    print("\n" + ("\n".join(results["wrong"]) or "check values: OK") + "\n")
    keep(results, options.json)
    draw(results, options.plot)
    return 1 if results["wrong"] else 0


def command_line() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description="Compare raftlab with its peers, and see how cost grows.")
    parser.add_argument("--quick", action="store_true", help="less work, and fewer runs: about a minute")
    parser.add_argument("--runs", type=workloads.whole, metavar="N", help="runs of everything")
    parser.add_argument("--peers-only", action="store_true", help="leave raftlab out")
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument("--table-only", action="store_true", help="no curves")
    parts.add_argument("--curves-only", action="store_true", help="no table")
    out = Path("out")
    parser.add_argument("--json", type=Path, metavar="FILE", default=out / "bench.json", help="all figures")
    parser.add_argument("--plot", type=Path, metavar="FILE", default=out / "bench.png", help="the picture")
    return parser.parse_args()


def run_table(setting: dict[str, Any], results: dict[str, Any]) -> None:
    """Measure and print the table."""
    jobs = table_jobs(quick=setting["quick"], with_raftlab=setting["raftlab"] is not None)
    rows = measure("table", jobs, setting["runs"], setting["core"])
    print_table(rows)
    if setting["raftlab"] is not None:
        milliseconds = import_ms(setting["runs"])
        print(f"\nimport raftlab: {milliseconds:.0f} ms, in a process of its own (python -X importtime)")
    results["table"] = table_json(rows)
    results["wrong"] += faults_of(rows)


def run_curves(setting: dict[str, Any], results: dict[str, Any]) -> None:
    """Measure and print how cost grows."""
    with_raftlab = setting["raftlab"] is not None
    curves = curves_of(quick=setting["quick"], with_raftlab=with_raftlab, cores=setting["cores"])
    runs, core = setting["curve_runs"], setting["core"]
    measured = measure("curves", jobs_of(curves), runs, core, long_ones_once=True)
    shown = drawn(curves, measured)
    print_curves(shown)
    results["curves"] = curves_json(shown)
    results["wrong"] += faults_of(measured)


def setting_of(options: argparse.Namespace) -> dict[str, Any]:
    """Where and how this is measured."""
    runs = options.runs or (3 if options.quick else 5)
    return {
        "raftlab": None if options.peers_only else workloads.import_raftlab().__version__,
        "python": platform.python_version(),
        "rustc": output_of("rustc", "--version").split()[1],
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": cores(),
        "core": quiet_core(),
        "runs": runs,
        # A curve has many points, of which each steadies its neighbours.
        "curve_runs": options.runs or (1 if options.quick else 3),
        "quick": options.quick,
    }


def headline(setting: dict[str, Any]) -> str:
    """The setting in a line."""
    pinned = "not pinned to a core" if setting["core"] is None else f"on core {setting['core']}"
    parts = [
        *([f"raftlab {setting['raftlab']}"] if setting["raftlab"] else []),
        f"Python {setting['python']}",
        f"rustc {setting['rustc']}",
        setting["system"],
        f"{setting['processor']}, {setting['cores']} cores, {pinned}",
        f"medians of {setting['runs']} (curves: {setting['curve_runs']})",
        *(["quick"] if setting["quick"] else []),
    ]
    return ", ".join(parts)


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def import_ms(runs: int) -> float:
    """What `import raftlab` takes in a new process, in milliseconds."""
    took = []
    for _ in range(runs):
        command = [sys.executable, "-X", "importtime", "-c", "import raftlab"]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        line = next(line for line in told.splitlines() if line.endswith("| raftlab"))
        took.append(int(line.split("|")[1]) / 1e3)
    return statistics.median(took)


def keep(results: dict[str, Any], path: Path) -> None:
    """Write all that was measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n")
    print(f"{path}: all figures")


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw all that was measured, if there is something to draw with."""
    try:
        from figure import draw_results
    except ModuleNotFoundError as error:
        print(f"no picture: {error.name} isn't installed")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_results(results, path)
    print(f"{path}: the picture")


if __name__ == "__main__":
    sys.exit(main())
