"""The commands `experiments`, `run`, `sweep` and `published`."""

from __future__ import annotations

import contextlib
import json
import math
import textwrap
import time
import tomllib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._arguments import choice, integer
from ._files import read_text
from ._run import Run
from ._terminal import FAILED, FOUND, INVALID, OK, complain, ending_of, say
from ._writing import normal
from .errors import IncompleteWarning, InvalidError, shown
from .scenario import Scenario
from .sweeps import Sweep
from .sweeps import sweep as play
from .sweeps.paths import changed

if TYPE_CHECKING:
    import pandas as pd

    from .experiments import Result

__all__ = ["experiments", "published", "run", "sweep"]

SPEC = ("scenario", "grid", "seeds", "metrics", "series", "checks", "on_violation", "common_random_numbers")


def experiments(ids: Sequence[str], out: Path | None, seed: int, seeds: int) -> int:
    """Runs experiments, prints their table, and writes pictures and verdicts."""
    from .experiments import ALL

    integer(seed, "--seed")
    integer(seeds, "--seeds", 1)
    unknown = [name for name in ids if name not in ALL]
    if unknown:
        complain(f"unknown experiment {', '.join(unknown)}; there are {', '.join(ALL)}")
        return INVALID
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
    return FOUND if undecided else OK


def render(result: Result) -> str:
    """An experiment's table, for a terminal."""
    lines = [f"{result.id} · {result.title}", ""]
    for row in result.table():
        lines.append(f"  {row['id']:<6} {row['variant']}")
        lines += textwrap.wrap(row["question"], 96, initial_indent=INDENT, subsequent_indent=INDENT)
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
    return "\n".join(section(result) for result in results)


def section(result: Result) -> str:
    """An experiment: its variants, questions with answers, and claims with verdicts."""
    lines = [f"## {result.id} · {result.title}", ""]
    lines += ["| | what is done | question | claimed | what happened |", "|---|---|---|---|---|"]
    for finding in result:
        variant, claim = finding.variant, finding.variant.claim
        claimed = f"“{claim}” **{finding.verdict}**" if claim else "–"
        answered = f"{variant.question} **{finding.reply}.**"
        cells = (variant.id, variant.title, answered, claimed, finding.happened)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
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


def run(scenario: Path, seed: int, out: Path | None) -> int:
    """Plays a scenario once and prints how it ended."""
    text = read_text(scenario, "scenario")
    with about(f"scenario: {scenario}"):
        given = Scenario.from_json(text)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # before the run, so that an error costs no time
    played = given._play(integer(seed, "--seed"))
    played._warn_if_not_armed()
    if out is not None:
        write_run(played, out)
    say(f"{played!r}\nended: {played.ending}, digest {played.digest}")
    for node in played:
        say(f"  {node!r}")
    for violation in played.violations:
        say(f"violated: {violation!r}")
    if out is not None:
        say(f"the trace and a timeline are in {out}/")
    if played.ending == NOT_REACHED:
        complain("a step's condition was not reached: the run ends there")
        return FAILED
    return FOUND if played.violations else OK


def write_run(played: Run, out: Path) -> None:
    """Writes the tables of the trace and a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from . import plot

    played.trace.to_parquet(out)
    plot.save(plot.timeline(played), out / "timeline.png")
    pyplot.close("all")


def sweep(spec: Path, out: Path, seeds: int | None, threads: int | None) -> int:
    """Plays the sweep of a spec file, into a folder, and prints a summary."""
    given = read_spec(spec)
    scenario, grid = given.pop("scenario"), given.pop("grid", None)
    file = spec
    if isinstance(scenario, str):
        file = spec.parent / scenario
        scenario = parsed(file, "scenario")
    if not isinstance(scenario, dict):
        raise InvalidError(f"scenario: {file} must hold an object, not {shown(scenario)}")

    with about(f"scenario: {file}"):
        base = Scenario.from_json(normal(scenario))

    def build(**point: Any) -> Scenario:
        with about(f"scenario: {file}"):
            return changed(base, point)

    if seeds is not None:
        given["seeds"] = seeds
    early: list[IncompleteWarning] = []
    with keeping(early):
        result = play(
            build() if grid is None else build,
            grid,
            threads=threads,
            store=out,
            **given,
        )
    tell(result, out)
    if early:
        complain(early[0])
        return ending_of(early[0])
    if result.errors or NOT_REACHED in result.runs.to_list("ending"):
        return FAILED
    return FOUND if result.violations_by_property else OK


@contextlib.contextmanager
def keeping(early: list[IncompleteWarning]) -> Iterator[None]:
    """Keeps a warning of an early end, to print it after the summary; other warnings are shown as usual."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def keep(message: Warning | str, *rest: Any, **more: Any) -> None:
            if isinstance(message, IncompleteWarning):
                early.append(message)
            else:
                show(message, *rest, **more)

        warnings.simplefilter("always", IncompleteWarning)
        warnings.showwarning = keep
        yield


NOT_REACHED = "not_reached"
"""The ending of a run in which a step's condition was not reached."""


def tell(result: Sweep, out: Path) -> None:
    """Prints the summary of a sweep, and writes it as CSV."""
    import pandas

    table = result.summary() if len(result) else None
    if table is not None:
        table.to_csv(out / "summary.csv")
    say(repr(result))
    for row, why in result.errors[:5]:
        complain(f"row {row} failed: {why}")
    if table is not None:
        with pandas.option_context("display.width", 200, "display.max_columns", 30, "display.max_rows", 500):
            say(with_intervals(table).to_string())
    say(f"rows are in {out}/runs, the summary in {out}/summary.csv")


def with_intervals(table: pd.DataFrame) -> pd.DataFrame:
    """A summary for printing: each number with its interval in one cell, `70 [68, 72]`."""
    printed = table.copy()
    for name in [column for column in table if f"{column}_low" in table]:
        cells = zip(*(table[f"{name}{end}"] for end in ("", "_low", "_high")), strict=True)
        printed[name] = [f"{shorter(value)} [{shorter(low)}, {shorter(high)}]" for value, low, high in cells]
        printed = printed.drop(columns=[f"{name}_low", f"{name}_high"])
    return printed


def shorter(value: float) -> str:
    """A number for printing; a dash if the runs do not determine it."""
    return "–" if math.isnan(value) else f"{value:.4g}"


def read_spec(path: Path) -> dict[str, Any]:
    """The sweep that a file describes."""
    found = parsed(path, "spec")
    if not isinstance(found, dict) or "scenario" not in found:
        raise InvalidError(
            f"spec: {path} must be an object with 'scenario', and may have {', '.join(SPEC[1:])}"
        )
    for name in found:
        choice(name, "spec: a key", SPEC)
    if isinstance(found.get("seeds"), list):
        try:
            found["seeds"] = range(*found["seeds"])
        except TypeError:
            raise InvalidError(
                f"spec: seeds must be a number or [first, last], not {found['seeds']}"
            ) from None
    return found


def parsed(path: Path, what: str) -> Any:
    """The contents of a file in TOML or JSON."""
    text = read_text(path, what)
    try:
        return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise InvalidError(f"{what}: {path} cannot be read: {error}") from None
    except RecursionError:
        raise InvalidError(f"{what}: {path} cannot be read: it is nested too deeply") from None


@contextlib.contextmanager
def about(what: str) -> Iterator[None]:
    """Adds the name of the file to errors."""
    try:
        yield
    except InvalidError as error:
        raise InvalidError(f"{what}: {str(error).removeprefix('not a scenario: ')}") from None


def published(names: Sequence[str], out: Path | None) -> int:
    """Replays published experiments, prints the tables, and saves pictures."""
    from .published import ALL, rendered

    for name in names:
        choice(name, "name", tuple(ALL))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    for name in names or ALL:
        result = ALL[name]()
        say(rendered([result]))
        if out is not None:
            import matplotlib

            matplotlib.use("Agg")
            from matplotlib import pyplot

            figure = result.plot().get_figure(root=True)
            assert figure is not None, "axes that were drawn on belong to a figure"
            figure.savefig(out / f"{name}.png", dpi=150, bbox_inches="tight")
            (out / f"{name}.md").write_text(result.markdown(), encoding="utf-8")
            pyplot.close("all")
    return OK
