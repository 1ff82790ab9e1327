"""The command line: `raftlab experiments`, `raftlab run`, `raftlab sweep`, `raftlab published`.

Exit codes: 0 if all went well; 1 if a run violated a property, or a judge could not decide; 2 if an argument
or a file makes no sense, a package is missing or a disk is full; 3 if runs failed or a step waited in vain;
130 after Ctrl-C, when what is finished is kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import __version__
from ._arguments import integer
from ._terminal import complain, printable, say
from .errors import IncompleteWarning, RaftlabError

if TYPE_CHECKING:
    from .experiments import Result

OK, FOUND, INVALID, FAILED, INTERRUPTED = 0, 1, 2, 3, 130


SPEC_EXAMPLE = """\
a spec, with the arguments of raftlab.sweep:

  seeds = 1000
  metrics = ["downtime_ms", "elections"]

  [scenario]            # as Scenario.to_json() writes it, or the name of such a file
  raftlab = 1
  nodes = ["A", "B", "C"]
  stop = { condition = "leader_elected" }
  faults = [ { at = 1000, fault = { fault = "crash", node = "leader" } } ]

  [grid]                # a place in the scenario, and the values that it takes
  election_timeout = [[50, 100], [150, 300]]
  "network.loss" = [0, 0.1]
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    with printable():
        return command(parser().parse_args(arguments))


def command(given: argparse.Namespace) -> int:
    """Does what was asked for, and says what went wrong."""
    try:
        with warnings.catch_warnings():
            # A verdict on a sweep that Ctrl-C ended early would be none.
            warnings.simplefilter("error", IncompleteWarning)
            return do(given)
    except (RaftlabError, OSError) as error:
        complain(f"raftlab: {error}")
        return INVALID
    except ImportError as error:
        complain(f'raftlab: {error}; pip install "raftlab[notebook]" has all that is needed')
        return INVALID
    except (KeyboardInterrupt, IncompleteWarning) as early:
        code = ending_of(early)
        complain(f"raftlab: {'interrupted' if code == INTERRUPTED else early}")
        return code


def ending_of(early: KeyboardInterrupt | IncompleteWarning) -> int:
    """The exit code of what was ended early: by Ctrl-C, or by what it needs and did not get."""
    cause = early.cause if isinstance(early, IncompleteWarning) else early
    return INTERRUPTED if isinstance(cause, KeyboardInterrupt) else INVALID


def do(given: argparse.Namespace) -> int:
    """Does what was asked for."""
    from . import _cli

    if given.command == "experiments":
        return experiments(given.ids, given.out, given.seed, given.seeds)
    if given.command == "run":
        return _cli.run(given.scenario, given.seed, given.out)
    if given.command == "sweep":
        return _cli.sweep(given.spec, given.out, given.seeds, given.threads)
    return _cli.published(given.names, given.out)


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = argparse.ArgumentParser(
        prog="raftlab",
        description="Break Raft on purpose.",
        epilog="Exit codes: 0 all went well; 1 a run violated a property, or a judge could not decide; 2 an "
        "argument or a file makes no sense, a package is missing or a disk is full; 3 runs failed or a step "
        "waited in vain; 130 interrupted (what is finished is kept).",
    )
    parser.add_argument("--version", action="version", version=f"raftlab {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    all_seven = commands.add_parser(
        "experiments", help="run the seven experiments and print claims against what happened"
    )
    all_seven.add_argument("ids", nargs="*", help="E1 to E3, Q1 to Q4; all if none is given")
    all_seven.add_argument("--out", type=Path, help="write pictures and verdicts into this folder")
    all_seven.add_argument("--seed", type=int, default=1, help="the luck of what is played once (default 1)")
    all_seven.add_argument("--seeds", type=int, default=10_000, help="runs behind 'never' (default 10,000)")
    run = commands.add_parser("run", help="play a scenario with one seed")
    run.add_argument("scenario", type=Path, help="a scenario as JSON, as Scenario.to_json() writes it")
    run.add_argument("--seed", type=int, default=0, help="the luck of the run (default 0)")
    run.add_argument("--out", type=Path, help="write the trace (Parquet) and a timeline into this folder")
    sweep = commands.add_parser(
        "sweep",
        help="play a scenario over a grid and many seeds",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=SPEC_EXAMPLE,
    )
    sweep.add_argument("spec", type=Path, help="what to play, as TOML or JSON: see below")
    sweep.add_argument(
        "--out",
        type=Path,
        required=True,
        help="the folder for the rows (Parquet); the same call goes on there",
    )
    sweep.add_argument("--seeds", type=int, help="how many seeds a point, if not as the file says")
    sweep.add_argument("--threads", type=int, help="how many threads (default: all cores)")
    published = commands.add_parser("published", help="play published experiments again and compare")
    published.add_argument("names", nargs="*", help="which; all if none is given")
    published.add_argument("--out", type=Path, help="write pictures and tables into this folder")
    return parser


def experiments(ids: Sequence[str], out: Path | None, seed: int, seeds: int) -> int:
    """Runs experiments, prints their table, and writes pictures and verdicts."""
    from .experiments import ALL

    integer(seed, "--seed")
    integer(seeds, "--seeds", 1)
    unknown = [name for name in ids if name not in ALL]
    if unknown:
        complain(f"unknown experiment {', '.join(unknown)}; there are {', '.join(ALL)}")
        return 2
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    results = []
    for name in ids or ALL:
        start = time.perf_counter()
        result = ALL[name](seed=seed, seeds=seeds)
        results.append(result)
        say(f"{render(result)}\n({time.perf_counter() - start:.1f} s)\n")
        if out is not None:
            write(result, out)
    undecided = [f.variant.id for r in results for f in r if f.verdict == "not decided"]
    if out is not None:
        rows = [row for result in results for row in result.table()]
        (out / "verdicts.json").write_text(
            json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        (out / "verdicts.md").write_text(markdown(results), encoding="utf-8")
        say(f"pictures and verdicts are in {out}/")
    if undecided:
        complain(f"not decided: {', '.join(undecided)}")
    return 1 if undecided else 0


def render(result: Result) -> str:
    """An experiment's table, for a terminal."""
    lines = [f"{result.id} · {result.title}", ""]
    for row in result.table():
        lines.append(f"  {row['id']:<6} {row['variant']}")
        if row["claimed"] != "–":
            lines += textwrap.wrap(
                f"claimed: {row['claimed']}", 96, initial_indent=INDENT, subsequent_indent=INDENT
            )
        lines += textwrap.wrap(
            f"{row['verdict']}: {row['what happened']}", 96, initial_indent=INDENT, subsequent_indent=INDENT
        )
    return "\n".join(lines)


INDENT = " " * 9


def markdown(results: Sequence[Result]) -> str:
    """The table of all experiments, as Markdown."""
    lines = ["| | variant | claimed | verdict | what happened |", "|---|---|---|---|---|"]
    for result in results:
        lines.append(f"| **{result.id}** | **{result.title}** | | | |")
        for row in result.table():
            cells = [cell.replace("|", "\\|") for cell in row.values()]
            lines.append(f"| {cells[0]} | {cells[1]} | {cells[2]} | **{cells[3]}** | {cells[4]} |")
    return "\n".join(lines) + "\n"


def write(result: Result, out: Path) -> None:
    """Writes an experiment's picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    axes = result.plot()
    figure = axes.get_figure(root=True)
    assert figure is not None, "an Axes that was drawn has a figure"
    figure.savefig(out / f"{result.id}.png", dpi=150, bbox_inches="tight")
    pyplot.close("all")


if __name__ == "__main__":
    sys.exit(main())
