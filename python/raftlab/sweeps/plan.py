"""The plan of a sweep: points of a grid, seeds, and the metrics of each run."""

from __future__ import annotations

import difflib
import operator
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

from .. import _core
from .._arguments import choice, flag, items
from .._run import Run
from .._time import Duration, to_ms
from ..discovery import metrics as catalogue
from ..errors import InvalidError, shown
from ..scenario import Scenario
from .grid import Grid, cells_of, is_flag, key_of, points_of, refuse_doubles, refuse_twins, worded
from .paths import changed
from .seeds import own_seeds, seeds_of, takes_seed

__all__ = ["Metric", "Part", "Plan", "joined"]

Metric: TypeAlias = "str | Callable[[Run], Any]"
"""A metric or a group of them by name, or a function of a run."""

Moment: TypeAlias = "tuple[int, float | None, float | None]"
"""Where futures branch off: the seed of the run, the time or None (its end), and their length or None."""

MOST_RUNS = 2**63 - 1
"""The limit comes from the numbering of runs."""
RESERVED = ("seed", "ending", "end_ms", "violations", "properties", "error", "digest", "time_ms")


@dataclass(frozen=True)
class Part:
    """The rows of some runs of a plan, and the exception that interrupted them."""

    runs: _core.Table
    series: _core.Table | None
    interrupted: BaseException | None

    @classmethod
    def join(cls, parts: Sequence[Part]) -> Part:
        """Joins the rows of consecutive parts."""
        series = [part.series for part in parts if part.series is not None]
        runs = joined([part.runs for part in parts])
        return cls(runs, joined(series) if series else None, parts[-1].interrupted)

    def without_rows(self) -> Part:
        """The same columns without rows."""
        return Part(self.runs.slice(0, 0), self.series and self.series.slice(0, 0), None)


@dataclass(frozen=True)
class Plan:
    """A sweep before it is played. Run number r is the (r mod seeds)-th seed of the (r // seeds)-th point."""

    parameters: tuple[str, ...]
    points: tuple[dict[str, Any], ...]
    cells: tuple[tuple[Any, ...], ...]
    scenarios: tuple[str, ...]
    first_seeds: tuple[int, ...]
    seeds: int
    metrics: tuple[str, ...]
    own_metrics: tuple[tuple[str, Callable[[Run], Any]], ...]
    bins_ms: float | None
    checks: bool
    on_violation: str
    moments: tuple[Moment, ...] | None = None
    listed: tuple[int, ...] | None = None
    """The seeds of every point, if they are not consecutive."""
    drawn: tuple[str, ...] | None = None
    """The scenario of every run, if `build` takes the seed."""

    @classmethod
    def of(
        cls,
        build: Callable[..., Scenario] | Scenario,
        grid: Grid | None,
        seeds: int | Iterable[int],
        metrics: Metric | Iterable[Metric] | None,
        series: Duration | None,
        checks: bool,
        on_violation: str,
        common_random_numbers: bool,
    ) -> Plan:
        """Builds the scenarios of all points. Invalid arguments raise here, before any run."""
        of, points = seeds_of(seeds), points_of(grid)
        listed = None if isinstance(of, range) else tuple(of)
        follow = of if isinstance(of, range) else range(len(of))
        shared, drawn = flag(common_random_numbers, "common_random_numbers"), None
        if takes_seed(build):
            drawn = tuple(
                build_scenario(build, {**point, "seed": seed}).to_json() for point in points for seed in of
            )
            scenarios = drawn[:: len(of)]
        else:
            scenarios = tuple(build_scenario(build, point).to_json() for point in points)
        if not shared and (listed is not None or drawn is not None):
            why = "build takes the seed" if listed is None else "seeds is a list"
            raise InvalidError(f"common_random_numbers=False: {why}, so all points have the same seeds")
        names, own = metrics_of(metrics)
        columns = {*RESERVED, *names, *(name for name, _ in own), "metric"}  # the last one of summaries
        taken = {name for point in points for name in point} & columns
        if taken:
            raise InvalidError(
                f"grid: '{min(taken)}' is the name of a column of the result; rename the parameter"
            )
        if shared:
            first = (follow.start,) * len(points)
        else:
            first = tuple(own_seeds(scenario, follow) for scenario in scenarios)
        bins = None if series is None else to_ms(series, "series")
        if bins == 0:
            raise InvalidError("series must be the width of a bin of time, longer than 0 ms")
        choice(on_violation, "on_violation", ("record", "stop"))
        checks = flag(checks, "checks")
        count = follow.stop - follow.start
        if len(points) * count > MOST_RUNS:
            raise InvalidError(
                f"seeds: {len(points):,} points x {count:,} seeds are too many runs; at most 2^63 - 1 in all"
            )
        cells = cells_of(points)
        refuse_doubles(points)
        refuse_twins(points, cells)
        names_of_grid = tuple(points[0])
        return cls(
            names_of_grid,
            points,
            cells,
            scenarios,
            first,
            count,
            names,
            own,
            bins,
            checks,
            on_violation,
            listed=listed,
            drawn=drawn,
        )

    def at_moments(self, moments: tuple[Moment, ...]) -> Plan:
        """The same plan, but with runs that are futures of the points, from these moments on."""
        return replace(self, moments=moments)

    @property
    def runs(self) -> int:
        """The number of runs."""
        return len(self.scenarios) * self.seeds

    def values(self, name: str) -> list[tuple[Any, Any]]:
        """The value of a parameter at each point, with the cell of its rows."""
        place = self.parameters.index(name)
        return [(point[name], cells[place]) for point, cells in zip(self.points, self.cells, strict=True)]

    def seed(self, point: int, k: int) -> int:
        """The k-th seed of a point."""
        return self.first_seeds[point] + k if self.listed is None else self.listed[k]

    def ordinal(self, point: int, seed: int) -> int | None:
        """The position of a seed among the point's, from 0; None if it is not among them."""
        if self.listed is not None:
            return self._places.get(seed)
        k = seed - self.first_seeds[point]
        return k if 0 <= k < self.seeds else None

    @cached_property
    def _places(self) -> dict[int, int]:
        return {seed: k for k, seed in enumerate(self.listed or ())}

    def scenario(self, point: int, seed: int | None = None) -> Scenario:
        """The scenario of a point, and of one of its seeds if `build` takes the seed."""
        if self.drawn is None or seed is None:
            return Scenario.from_json(self.scenarios[point])
        k = self.ordinal(point, seed)
        assert k is not None, "the seed is one of the point's"
        return Scenario.from_json(self.drawn[point * self.seeds + k])

    def run(self, point: int, seed: int, **options: Any) -> Run:
        """Plays one of the runs with its trace, even if it failed."""
        # Without checks no violation stops a run.
        options = {"on_violation": self.on_violation if self.checks else "record", **options}
        if self.moments is None:
            return self.scenario(point, seed)._play(seed, **options)
        return Run._future(self.scenario(point), self.moments[point], seed, **options)

    def only(self, places: Sequence[int]) -> Plan:
        """The same plan with some of its points."""

        def those(values: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(values[at] for at in places)

        return replace(
            self,
            points=those(self.points),
            cells=those(self.cells),
            scenarios=those(self.scenarios),
            first_seeds=those(self.first_seeds),
            moments=None if self.moments is None else those(self.moments),
            drawn=None if self.drawn is None else tuple(self.drawn[run] for run in self._runs_of(places)),
        )

    def _runs_of(self, places: Sequence[int]) -> list[int]:
        return [at * self.seeds + k for at in places for k in range(self.seeds)]

    def part(self, first: int, last: int) -> tuple[Plan, int, int]:
        """A plan with only what some runs need, to be sent elsewhere, and the range of those runs in it."""
        if self.listed is not None or self.drawn is not None:
            return self._each(range(first, last)), 0, last - first
        low, high = first // self.seeds, (last - 1) // self.seeds + 1
        plan = replace(
            self,
            points=(),
            cells=self.cells[low:high],
            scenarios=self.scenarios[low:high],
            first_seeds=self.first_seeds[low:high],
            moments=None if self.moments is None else self.moments[low:high],
        )
        return plan, first - low * self.seeds, last - low * self.seeds

    def play(
        self, first: int, last: int, threads: int, progress: Callable[[int], object] | None = None
    ) -> Part:
        """Plays some of the runs in this process."""
        if self.listed is not None or self.drawn is not None:
            return self._each(range(first, last)).play(0, last - first, threads, progress)
        grid = [(name, [cells[at] for cells in self.cells]) for at, name in enumerate(self.parameters)]
        runs, series, interrupted = _core.sweep(
            self.scenarios,
            grid,
            self.first_seeds,
            self.seeds,
            first,
            last,
            metrics=self.metrics,
            threads=threads,
            checks=self.checks,
            stop_on_violation=self.on_violation == "stop",
            bins_ms=self.bins_ms,
            moments=self.moments,
            progress=progress,
        )
        if not self.own_metrics:
            return Part(runs, series, interrupted)
        return self._with_own_metrics(Part(runs, series, interrupted), first)

    def _each(self, runs: range) -> Plan:
        """The same plan with a point per run, for seeds that are not consecutive, or scenarios by seed."""
        of = [divmod(run, self.seeds) for run in runs]
        scenarios = (
            (self.scenarios[point] for point, _ in of)
            if self.drawn is None
            else (self.drawn[run] for run in runs)
        )
        return replace(
            self,
            points=(),
            cells=tuple(self.cells[point] for point, _ in of),
            scenarios=tuple(scenarios),
            first_seeds=tuple(self.seed(point, k) for point, k in of),
            seeds=1,
            listed=None,
            drawn=None,
        )

    def no_rows(self) -> Part:
        """The columns of the result, without rows."""

        def enough(_: int) -> None:
            raise StopIteration  # a run may take hours and is not needed

        plan, first, last = self.part(0, 1)
        return plan.play(first, last, 1, enough).without_rows()

    def finished(self, part: Part) -> Iterator[tuple[tuple[int, int], Part]]:
        """Yields the complete ranges of runs of an interrupted part, with their rows."""
        runs = self._numbers(part.runs)
        bins = [] if part.series is None else self._numbers(part.series)
        row = 0
        while row < len(runs):
            first, from_row = runs[row], row
            while row < len(runs) and runs[row] - row == first - from_row:
                row += 1
            last = first + row - from_row
            low, high = bisect_left(bins, first), bisect_left(bins, last)
            series = None if part.series is None else part.series.slice(low, high - low)
            yield (first, last), Part(part.runs.slice(from_row, row - from_row), series, None)

    def _numbers(self, table: _core.Table) -> list[int]:
        """The numbers of the runs in a table."""
        places = {key_of(cells): at for at, cells in enumerate(self.cells)}
        seeds = table.column_list("seed")
        columns = [table.column_list(name) for name in self.parameters]
        points = zip(*columns, strict=True) if columns else [()] * len(seeds)
        at = [places[key_of(cells)] for cells in points]
        numbers = []
        for place, seed in zip(at, seeds, strict=True):
            k = self.ordinal(place, seed)
            assert k is not None, "rows are of the plan's runs"
            numbers.append(place * self.seeds + k)
        return numbers

    def _with_own_metrics(self, part: Part, first: int) -> Part:
        """Plays every run once more with its trace and applies the custom metrics, which is slow."""
        runs, interrupted = part.runs, part.interrupted
        seeds, errors = runs.column_list("seed"), runs.column_list("error")
        columns: dict[str, list[Any]] = {name: [] for name, _ in self.own_metrics}
        done = len(seeds) if interrupted is None else 0
        for row in range(done):  # in an interrupted part the missing rows are unknown
            try:
                values = dict.fromkeys(columns)
                if errors[row] is None:
                    values, errors[row] = self._own_values((first + row) // self.seeds, seeds[row])
                for name, value in values.items():
                    columns[name].append(value)
            except KeyboardInterrupt as interrupt:
                interrupted, done = interrupt, row
                break
        runs = runs.slice(0, done)
        for name, metric in self.own_metrics:
            meaning = (metric.__doc__ or "a function of the run").strip().splitlines()[0]
            runs = runs.with_column(name, columns[name][:done], "", meaning)
        if any(why is not None for why in errors[:done]):
            runs = runs.with_column("error", errors[:done], "", "why the run failed; null if it did not")
        return Part(runs, part.series, interrupted)

    def _own_values(self, point: int, seed: int) -> tuple[dict[str, Any], str | None]:
        values: dict[str, Any] = dict.fromkeys(name for name, _ in self.own_metrics)
        run = self.run(point, seed, checks=self.checks)
        error = None
        for name, metric in self.own_metrics:
            try:
                values[name] = cell_of(metric(run))
            except Exception as raised:
                error = f"metric {name}: {type(raised).__name__}: {raised}"
        return values, error


def cell_of(value: Any) -> Any:
    """The value of a custom metric as a cell: a flag, a number, a text or None."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if is_flag(value):
        return bool(value)
    for kind in () if isinstance(value, bytes) else (operator.index, float):
        try:
            return kind(value)
        except (TypeError, ValueError, OverflowError):
            continue
    return str(value)


def joined(tables: Sequence[_core.Table]) -> _core.Table:
    """Joins the rows of consecutive tables.

    The type of a custom metric's column follows from all of its values, not from those of a single table.
    """
    kinds: dict[str, set[str]] = {}
    for name, kind, *_ in (column for table in tables for column in table.columns):
        kinds.setdefault(name, set()).add(kind)
    uneven = [(name, *about) for name, _, *about in tables[0].columns if len(kinds[name]) > 1]
    values = {name: [cell for table in tables for cell in table.column_list(name)] for name, *_ in uneven}
    for name, unit, meaning in uneven:
        tables = [table.with_column(name, [None] * len(table), unit, meaning) for table in tables]
    whole = _core.Table.concat(tables)
    for name, unit, meaning in uneven:
        whole = whole.with_column(name, values[name], unit, meaning)
    return whole


def build_scenario(build: Callable[..., Scenario] | Scenario, point: Mapping[str, Any]) -> Scenario:
    """The scenario of a point."""
    if isinstance(build, Scenario):
        if not point:
            return build
        try:
            return changed(build, point)
        except InvalidError as error:
            raise InvalidError(f"grid: {worded_paths(point)}: {error}") from error
    if not callable(build):
        raise InvalidError(f"build must be a Scenario or a function that returns one, not {shown(build)}")
    try:
        scenario = build(**point)
    except InvalidError as error:
        raise InvalidError(f"build({worded(point)}): {error}") from error
    except Exception as error:
        raise InvalidError(f"build({worded(point)}) raised {type(error).__name__}: {error}") from error
    if not isinstance(scenario, Scenario):
        raise InvalidError(f"build({worded(point)}) must return a Scenario, not {shown(scenario)}")
    return scenario


def worded_paths(point: Mapping[str, Any]) -> str:
    """A point whose parameters are places in a scenario, in words."""
    return ", ".join(f"'{path}' = {shown(value)}" for path, value in point.items())


def metrics_of(
    metrics: Metric | Iterable[Metric] | None,
) -> tuple[tuple[str, ...], tuple[tuple[str, Callable[[Run], Any]], ...]]:
    """Splits metrics into names, and functions with their names."""
    if metrics is None:
        return tuple(row["metric"] for row in catalogue if row["default"] == "yes"), ()
    if isinstance(metrics, str) or callable(metrics):
        metrics = [metrics]
    if not isinstance(metrics, Iterable):
        raise InvalidError(
            f"metrics must be a name, a function of a run, or a list of them, not {shown(metrics)}"
        )
    listed = items(metrics, "metrics")
    names: list[str] = []
    own: dict[str, Callable[[Run], Any]] = {}
    for metric in listed:
        if isinstance(metric, str):
            names.append(known_metric(metric))
        elif callable(metric):
            name = getattr(metric, "__name__", type(metric).__name__)
            if not name.isidentifier() or name in own or name in {*RESERVED, *catalogue.names}:
                raise InvalidError(
                    f"metrics: a function needs a unique name for its column, not '{name}': use def"
                )
            own[name] = metric
        else:
            raise InvalidError(f"metrics must be names or functions of a run, not {shown(metric)}")
    return tuple(names), tuple(own.items())


def known_metric(name: str) -> str:
    """Checks the name of a metric or a group."""
    known = [*catalogue.names, *dict.fromkeys(row["group"] for row in catalogue), "all"]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        meant = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise InvalidError(f"metrics: unknown metric {shown(name)}; {meant}raftlab.metrics lists all of them")
    return name
