"""The command line: `raftlab experiments`, `raftlab run`, `raftlab sweep`, `raftlab published`.

Exit codes: 0 for success; 1 if a run violated a property, or a judge could not decide; 2 if an argument or
a file is invalid, a package is missing or a disk is full; 3 if runs failed or a step's condition was not
reached; 130 after Ctrl-C, with finished runs kept.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from ._terminal import INTERRUPTED, INVALID, complain, ending_of, printable
from .errors import IncompleteWarning, RaftlabError

__all__ = ["main"]

SPEC_EXAMPLE = """\
a spec, with the arguments of raftlab.sweep:

  seeds = 1000
  metrics = ["downtime_ms", "elections"]

  [scenario]            # as in Scenario.to_json(), or the name of such a file
  raftlab = 2
  nodes = ["A", "B", "C"]
  stop = { condition = "leader_elected" }
  faults = [ { at = 1000, fault = { fault = "crash", node = "leader" } } ]

  [grid]                # a path in the scenario, and its values
  election_timeout = [[50, 100], [150, 300]]
  "network.loss" = [0, 0.1]
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    with printable():
        return command(parser().parse_args(arguments))


def command(given: argparse.Namespace) -> int:
    """Runs a command, and reports errors."""
    try:
        with warnings.catch_warnings():
            # An interrupted sweep allows no verdict.
            warnings.simplefilter("error", IncompleteWarning)
            return do(given)
    except (RaftlabError, OSError) as error:
        complain(f"raftlab: {error}")
        return INVALID
    except ImportError as error:
        complain(f'raftlab: {error}; pip install "raftlab[notebook]" installs everything that is needed')
        return INVALID
    except (KeyboardInterrupt, IncompleteWarning) as early:
        code = ending_of(early)
        complain(f"raftlab: {'interrupted' if code == INTERRUPTED else early}")
        return code


def do(given: argparse.Namespace) -> int:
    """Runs a command."""
    from . import _subcommands  # its imports take a second

    if given.command == "experiments":
        return _subcommands.experiments(given.ids, given.out, given.seed, given.seeds)
    if given.command == "run":
        return _subcommands.run(given.scenario, given.seed, given.out)
    if given.command == "sweep":
        return _subcommands.sweep(given.spec, given.out, given.seeds, given.threads)
    return _subcommands.published(given.names, given.out)


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="raftlab",
        description="Break Raft on purpose.",
        epilog="Exit codes: 0 success; 1 a run violated a property, or a judge could not decide; 2 an "
        "argument or a file is invalid, a package is missing or a disk is full; 3 runs failed or a step's "
        "condition was not reached; 130 interrupted (finished runs are kept).",
    )
    parser.add_argument("--version", action="version", version=f"raftlab {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    all_seven = commands.add_parser(
        "experiments", help="run the seven experiments and print claims and what happened"
    )
    all_seven.add_argument("ids", nargs="*", help="E1 to E3, Q1 to Q4; all if none is given")
    all_seven.add_argument("--out", type=Path, help="write pictures and verdicts into this folder")
    all_seven.add_argument("--seed", type=int, default=1, help="the seed of single runs (default 1)")
    all_seven.add_argument("--seeds", type=int, default=10_000, help="runs behind 'never' (default 10,000)")
    run = commands.add_parser("run", help="play a scenario with one seed")
    run.add_argument("scenario", type=Path, help="a scenario as JSON, as in Scenario.to_json()")
    run.add_argument("--seed", type=int, default=0, help="the seed of the run (default 0)")
    run.add_argument("--out", type=Path, help="write the trace (Parquet) and a timeline into this folder")
    sweep = commands.add_parser(
        "sweep",
        help="play a scenario over a grid and many seeds",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=SPEC_EXAMPLE,
    )
    sweep.add_argument("spec", type=Path, help="the sweep, as TOML or JSON: see below")
    sweep.add_argument(
        "--out",
        type=Path,
        required=True,
        help="the folder for the rows (Parquet); the same command continues there",
    )
    sweep.add_argument("--seeds", type=int, help="the number of seeds per point, instead of the file's")
    sweep.add_argument("--threads", type=int, help="the number of threads (default: all cores)")
    published = commands.add_parser("published", help="replay published experiments and compare")
    published.add_argument("names", nargs="*", help="which; all if none is given")
    published.add_argument("--out", type=Path, help="write pictures and tables to this folder")
    return parser
