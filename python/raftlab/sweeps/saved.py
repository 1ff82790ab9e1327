"""A sweep as one file: a zip archive of the rows as Arrow streams and of the plan as JSON."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .. import _core
from .._core import Table as Cells
from .._files import path_of, write_whole
from ..errors import InvalidError, shown
from ..tables import Table
from .plan import Plan

if TYPE_CHECKING:
    from .._run import Run

__all__ = ["from_file", "to_file"]

FORMAT = 1
ABOUT, RUNS, SERIES = "sweep.json", "runs.arrow", "series.arrow"
FIELDS = (
    *("parameters", "cells", "scenarios", "first_seeds", "seeds", "metrics", "bins_ms", "checks"),
    *("on_violation", "moments", "listed", "drawn"),
)


def to_file(plan: Plan, runs: Table, series: Table | None, path: str | os.PathLike[str]) -> None:
    """Writes a sweep atomically: a complete file or none."""
    file = path_of(path, "path")
    about = {"raftlab sweep": FORMAT, "version": _core.VERSION}
    about |= {name: getattr(plan, name) for name in FIELDS}
    about["own_metrics"] = [name for name, _ in plan.own_metrics]
    try:
        write_whole(file, archive(about, runs, series))
    except OSError as error:
        raise InvalidError(f"path: {shown(str(file))} cannot be written: {error}") from None


def archive(about: Mapping[str, Any], runs: Table, series: Table | None) -> bytes:
    """The bytes of the file."""
    whole = BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr(ABOUT, json.dumps(about))
        parts.writestr(RUNS, runs._core.to_ipc())
        if series is not None:
            parts.writestr(SERIES, series._core.to_ipc())
    return whole.getvalue()


def from_file(path: str | os.PathLike[str]) -> tuple[Plan, Table, Table | None]:
    """Reads what `to_file` wrote."""
    file = path_of(path, "path")
    try:
        with zipfile.ZipFile(file) as parts:
            about = json.loads(parts.read(ABOUT))
            refuse_others(about, file)
            runs = Cells.from_ipc("runs", parts.read(RUNS))
            series = Cells.from_ipc("series", parts.read(SERIES)) if SERIES in parts.namelist() else None
            plan = plan_of(about)
    except OSError as error:
        raise InvalidError(f"path: {shown(str(file))} cannot be read: {error}") from None
    except InvalidError:
        raise
    except Exception as error:  # a part is missing, was cut short, or is something else
        raise InvalidError(f"path: {shown(str(file))} is not a sweep saved by raftlab: {error}") from None
    return plan, Table(runs), None if series is None else Table(series)


def refuse_others(about: Any, file: Path) -> None:
    """Refuses the files of other formats."""
    found = about.get("raftlab sweep") if isinstance(about, dict) else None
    if found != FORMAT:
        raise InvalidError(
            f"path: {shown(str(file))} has the format {shown(found)}, and this raftlab reads format {FORMAT}"
        )


def plan_of(about: Mapping[str, Any]) -> Plan:
    """The plan of a saved sweep; its points have the values in the rows."""
    names = tuple(about["parameters"])
    cells = tuple(map(tuple, about["cells"]))
    moments, listed, drawn = (about[name] for name in ("moments", "listed", "drawn"))
    return Plan(
        names,
        tuple(dict(zip(names, of, strict=True)) for of in cells),
        cells,
        tuple(about["scenarios"]),
        tuple(about["first_seeds"]),
        about["seeds"],
        tuple(about["metrics"]),
        tuple((name, was_a_function) for name in about["own_metrics"]),
        about["bins_ms"],
        about["checks"],
        about["on_violation"],
        None if moments is None else tuple(map(tuple, moments)),
        None if listed is None else tuple(listed),
        None if drawn is None else tuple(drawn),
    )


def was_a_function(_run: Run) -> NoReturn:
    """A placeholder for a custom metric, whose values are saved but not its function."""
    raise InvalidError("metrics: a saved sweep has the values of your own metrics, not the functions")
