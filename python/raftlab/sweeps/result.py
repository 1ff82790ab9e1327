"""The result of a sweep."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from .. import _core
from .._arguments import integer
from .._read_only import set_once
from .._signatures import passes_on
from .._typing import RunOptions
from .._values import Guarded
from ..errors import InvalidError, ReplayError, shown
from ..scenario import Scenario
from ..statistics import upper_bound
from ..tables import Table
from .grid import key_of, known_parameter, matching, selected, worded
from .plan import Plan

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from .._run import Run

__all__ = ["Sweep"]


class Sweep(metaclass=Guarded):
    """The result of a sweep, with a row per run.

    Any library that reads the Arrow PyCapsule interface accepts it: `polars.DataFrame(result)`.

    Attributes
    ----------
    runs : Table
        A row per run: the grid's columns, `seed`, the metrics, `ending`, `end_ms`, `violations`,
        `properties`, `error` and `digest`. `result.runs.columns` has types, units and meanings.
    series : Table or None
        With `series=`: a row per run and bin of time, with the grid's columns, `seed`, `time_ms` (the start
        of the bin), `available` (the share of it in which a leader had a quorum), `elections`, `committed`,
        `acknowledged` and `sent`. The last bin of a run ends with the run.
    complete : bool
        True if all runs are there; False if the sweep ended early.

    Examples
    --------
    >>> import raftlab as rl
    >>> result = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=50)
    >>> len(result), result.complete
    (50, True)
    >>> result.replay(7).seed
    7
    """

    runs: Table
    series: Table | None

    def __init__(self, plan: Plan, runs: Table, series: Table | None) -> None:
        self._plan = plan
        set_once(self, runs=runs, series=series)

    @property
    def complete(self) -> bool:
        """True if all runs are there."""
        return len(self) == self._plan.runs

    @property
    def points(self) -> tuple[dict[str, Any], ...]:
        """The points of the grid, as dicts of parameters and values."""
        return tuple(dict(point) for point in self._plan.points)

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """The scenarios of the points; if `build` takes the seed, those of the first seed."""
        return tuple(self._plan.scenario(point) for point in range(len(self._plan.points)))

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the grid's parameters."""
        return self._plan.parameters

    def __len__(self) -> int:
        return len(self.runs)

    # ---- The rows -------------------------------------------------------------------------------------

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.runs.__arrow_c_stream__(requested_schema)

    def to_pandas(self) -> pd.DataFrame:
        """The runs as a pandas DataFrame; needs pandas and pyarrow."""
        return self.runs.to_pandas()

    def to_polars(self) -> pl.DataFrame:
        """The runs as a polars DataFrame; needs polars."""
        return self.runs.to_polars()

    def to_arrow(self) -> pa.Table:
        """The runs as a pyarrow Table; needs pyarrow."""
        return self.runs.to_arrow()

    def __getitem__(self, column: str) -> np.ndarray[Any, Any]:
        """A column of the runs as a numpy array."""
        return self.runs.to_numpy(column)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the sweep to one file: its rows, its series, and the plan that replays them.

        Parameters
        ----------
        path : path
            The file; an existing one is replaced. It is a zip archive of Arrow streams and a JSON text.
            It has the values of custom metrics, but not their functions.

        Raises
        ------
        InvalidError
            If the file cannot be written.

        See Also
        --------
        sweep : its `store=` writes the rows of long sweeps to disk while they are played.

        Examples
        --------
        >>> import tempfile, raftlab as rl
        >>> result = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=50)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result.save(f"{folder}/idle.sweep")
        ...     again = rl.Sweep.load(f"{folder}/idle.sweep")
        >>> again.runs.to_dict() == result.runs.to_dict(), again.replay(7).digest == result["digest"][7]
        (True, True)
        """
        from .saved import to_file

        to_file(self._plan, self.runs, self.series, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Sweep:
        """Reads a sweep written by `save`, by any version of raftlab.

        The points of the grid have the values in the rows: for objects, their texts. `where` and `replay`
        also find them by the objects.

        Raises
        ------
        InvalidError
            If the file cannot be read, or is not a saved sweep.
        """
        from .saved import from_file

        return cls(*from_file(path))

    def scenario(self, row: Any) -> Scenario:
        """The scenario of a row; rows as in `replay`."""
        return self._plan.scenario(*self._find(row)[:2])

    @passes_on(Scenario.run)
    def replay(self, row: Any, **options: Unpack[RunOptions]) -> Run:
        """Plays one of the runs again, with its trace.

        Parameters
        ----------
        row : int, mapping, pandas.Series, named tuple, or table of one row
            The position of a row, or a row: anything with the grid's columns and `seed`.
        **options
            As in `Scenario.run`.

        Returns
        -------
        Run
            The same run, with the digest of the row. A run whose `ending` is `"not_reached"` is replayed up
            to the condition that was not met.

        Raises
        ------
        InvalidError
            If there is no such row.
        ReplayError
            If the digest differs, because the row was made by another version of raftlab.
        """
        point, seed, digest = self._find(row)
        run = self._plan.run(point, seed, **options)
        run._warn_if_not_armed()
        set_once(run, point=dict(self.points[point]))
        as_it_was = options.get("on_violation", self._plan.on_violation) == self._plan.on_violation
        if digest is not None and as_it_was and run.digest != digest:
            raise ReplayError(
                f"the run of seed {seed} has the digest {run.digest}, not the {digest} of the row, which "
                f"another version of raftlab made (this is {_core.VERSION})"
            )
        return run

    def _find(self, row: Any) -> tuple[int, int, str | None]:
        """The point, the seed and the digest of a row."""
        cells = as_mapping(row)
        if cells is None:
            at = integer(row, "row", 0, max(len(self) - 1, 0))
            cells = {name: values[0] for name, values in self.runs._core.slice(at, 1).to_dict().items()}
        missing = [name for name in (*self.parameters, "seed") if name not in cells]
        if missing:
            raise InvalidError(
                f"row must have the columns {', '.join((*self.parameters, 'seed'))}; "
                f"there is no '{missing[0]}' in {shown(cells)}"
            )
        seed = integer(cells["seed"], "row: seed")
        marks = [matching(self._plan.values(name), cells[name]) for name in self.parameters]
        for at in range(len(self._plan.points)):
            if self._plan.ordinal(at, seed) is not None and all(of[at] for of in marks):
                digest = cells.get("digest")
                return at, seed, digest if isinstance(digest, str) else None
        given = {name: cells[name] for name in (*self.parameters, "seed")}
        raise InvalidError(f"row: there is no run with {worded(given)} in this sweep")

    # ---- Results ------------------------------------------------------------------------------------

    @property
    def errors(self) -> list[tuple[int, str]]:
        """The failed rows: their positions and the reasons.

        Either the run failed, or only a custom metric; then the rest of the row is valid.
        """
        return [(row, why) for row, why in enumerate(self.runs._cells("error")) if why is not None]

    @property
    def _failed(self) -> np.ndarray[Any, Any]:
        """Marks the runs that failed themselves, which have no ending."""
        import numpy as np

        return np.fromiter((ending is None for ending in self.runs._cells("ending")), bool, len(self))

    @property
    def violating_seeds(self) -> list[int]:
        """The seeds with a run that violated a property, each once, in row order.

        A seed may have a violation at several points of the grid. Without checks there are none.
        """
        rows = zip(self.runs._cells("seed"), self.runs._cells("violations"), strict=True)
        return list(dict.fromkeys(seed for seed, count in rows if count))

    @property
    def _violating(self) -> list[int]:
        """The rows of the runs that violated a property."""
        return [row for row, count in enumerate(self.runs._cells("violations")) if count]

    @property
    def violations_by_property(self) -> dict[str, int]:
        """The number of runs that violated each property, the most frequent first.

        A run that stopped at its first violation counts for that one only; whether it would have violated
        others is unknown: see `on_violation`.
        """
        violated = (names for names in self.runs._cells("properties") if names is not None)
        return dict(Counter(name for names in violated for name in names.split(",")).most_common())

    @property
    def upper_bound(self) -> float:
        """The upper bound of the probability of a violation, with 95 % confidence.

        Failed runs do not count; if all failed, or if the sweep was not checked, it is 1. Runs of different
        points with one seed share their randomness and count once, as a violation if one of them has one.
        If all points were played with a single seed, it is 1.
        """
        told = self._told
        if not self._plan.checks or not told or self._of_one_seed:
            return 1.0
        return upper_bound(len(told.intersection(self.violating_seeds)), len(told))

    @property
    def _told(self) -> set[int]:
        """The seeds of the runs that did not fail."""
        rows = zip(self.runs._cells("seed"), self.runs._cells("ending"), strict=True)
        return {seed for seed, ending in rows if ending is not None}

    @property
    def _of_one_seed(self) -> bool:
        """True if several points share a single seed, and so all of their randomness."""
        return len(self) > 1 and len(self._told) == 1

    def where(self, **point: Any) -> Sweep:
        """The runs of some points only.

        Parameters
        ----------
        **point
            Values by parameter, or lists of values. Floating-point numbers match up to rounding:
            `where(loss=0.15)` finds `3 * 0.05`. Objects may be given as such, or as their texts.

        Returns
        -------
        Sweep
            The rows of those points.

        Raises
        ------
        InvalidError
            If the grid has no such parameter, or no point with one of the values.

        Examples
        --------
        >>> import raftlab as rl
        >>> result = rl.sweep(lambda nodes: rl.Scenario(nodes, horizon="1s"), {"nodes": [3, 5, 7]}, seeds=10)
        >>> result.where(nodes=5).points
        ({'nodes': 5},)
        >>> result.where(nodes=[3, 7]).points
        ({'nodes': 3}, {'nodes': 7})
        """
        wanted = [True] * len(self._plan.points)
        for name, given in point.items():
            known_parameter(name, self.parameters, "where")
            of = selected(self._plan.values(name), given, name)
            wanted = [both and this for both, this in zip(wanted, of, strict=True)]
        places = [at for at, this in enumerate(wanted) if this]
        if not places:
            raise InvalidError(f"where: no point of the grid has {worded(point)}")
        return Sweep(
            self._plan.only(places),
            self._of(self.runs, places),
            self.series and self._of(self.series, places),
        )

    def _of(self, table: Table, places: list[int]) -> Table:
        """The rows of some points. Rows are in the order of the points."""
        columns = [table._core.column_list(name) for name in self.parameters]
        cells = list(zip(*columns, strict=True)) if columns else [()] * len(table)
        spans: dict[tuple[Any, ...], list[int]] = {}
        for row, of in enumerate(cells):
            spans.setdefault(key_of(of), [row, row])[1] = row + 1
        wanted = [key_of(self._plan.cells[at]) for at in places]
        parts = [table._core.slice(a, b - a) for a, b in (spans[of] for of in wanted if of in spans)]
        return Table(_core.Table.concat(parts) if parts else table._core.slice(0, 0))

    def summary(
        self,
        by: str | Iterable[str] | None = None,
        *,
        metrics: str | Iterable[str] | None = None,
        confidence: float = 0.95,
        quantiles: Sequence[float] = (0.5, 0.9, 0.99),
    ) -> pd.DataFrame:
        """Means and quantiles with confidence intervals, with a row per point and metric.

        Parameters
        ----------
        by : str or list of str, optional
            Parameters of the grid; all by default. Runs that differ in others are pooled.
        metrics : str or list of str, optional
            Columns of numbers or flags; `"violation"`, the share of the runs that violated a property;
            `"properties=election_safety"`, of those that violated this one; `"ending=stop"`, of those that
            ended so. By default all numbers, and all violations and endings that occurred.
        confidence : float, default 0.95
            The confidence of the intervals.
        quantiles : sequence of float, default (0.5, 0.9, 0.99)
            The quantiles, as shares. Each is a value that occurred, the least that this share of the runs
            does not exceed: of an even number of runs, the median is the lower of the two in the middle.

        Returns
        -------
        pandas.DataFrame
            Indexed by the parameters and the metric. `n` counts the runs that are informative about the
            metric: in `events` of them it was observed (for yes/no metrics: the answer was yes); in
            `censored` it had not yet happened when the run ended. `absent` counts runs in which there was
            nothing to observe or the metric is unknown, `failed` those that failed; neither is part of `n`.
            `mean`, `p50` and so on have limits `_low` and `_high`; `note` has remarks.

        Notes
        -----
        Means have Student's t intervals, corrected for skewness (Hall 1992); quantiles have intervals of
        order statistics, and shares Clopper and Pearson's. docs/statistics.md has their measured coverage. An
        event in no run has an upper bound, `mean_high`, but no mean, since "never" is not zero. A limit that
        the runs cannot determine is NaN. So are the limits of a mean if all runs have the same value: the
        note then bounds the share of runs that may have another one. Metrics of the checks are null in a
        sweep with `checks=False`, and in runs that stopped at the violation of another property. If runs are
        unknown for a reason that may be related to the metric, there is no interval.

        Each run counts as one value: the mean of `downtime_ms` is over the means of runs, however many losses
        each of them had; the same applies to commit latencies.

        Durations that were not over when the run ended are right-censored, not left out. Quantiles are then
        Kaplan-Meier's, and NaN beyond the observed times, where `_low` is a lower limit; the mean is
        restricted to the longest time observed, which the note names. Means with different horizons are not
        comparable; medians are.

        Runs of different points with one seed (common random numbers) are not independent. If `by` pools
        them, intervals take that into account: those of means by counting seeds, others by the design effect.
        A single seed gives no interval, however many points it is played at, because it is one random draw.
        If the points themselves are drawn at random, `common_random_numbers=False` gives each its own seeds.

        Examples
        --------
        >>> import raftlab as rl
        >>> result = rl.sweep(rl.Scenario(5, stop=rl.leader_elected), seeds=1000)
        >>> table = result.summary(metrics=["time_to_leader_ms", "violation", "ending=stop"])
        >>> bool(table.p50_low["time_to_leader_ms"] < 205 < table.p50_high["time_to_leader_ms"] + 20)
        True
        >>> table.note["violation"]
        'none of 1,000 runs: below 0.003 (95 %)'
        """
        from .summary import summary

        return summary(self, by, metrics, confidence, quantiles)

    def share(
        self, question: str, by: str | Iterable[str] | None = None, *, confidence: float = 0.95
    ) -> pd.DataFrame:
        """The share of the runs that answer yes to a question, as a table.

        Parameters
        ----------
        question : str
            A column of flags, `"violation"`, or a question such as `"ending=horizon"` or
            `"properties=election_safety"`.
        by : str or list of str, optional
            Parameters of the grid; all by default. Runs that differ in others are pooled.
        confidence : float, default 0.95
            The confidence of each interval.

        Returns
        -------
        pandas.DataFrame
            A row per point: the parameters, `n` (runs with an answer), `k` (runs with the answer yes),
            `share` (0 if there are none), `low`, `high`, and `note`.

        Raises
        ------
        InvalidError
            If the column does not hold flags, or there is no such parameter.

        Notes
        -----
        The intervals are those of `summary`, in which an event in no run has only a bound instead of a value.

        Examples
        --------
        >>> import raftlab as rl
        >>> def lossy(loss):
        ...     return rl.Scenario(5, network=rl.Network(latency=5, loss=loss), stop=rl.leader_elected,
        ...                        horizon="300ms")
        >>> table = rl.sweep(lossy, {"loss": [0, 0.5]}, seeds=100).share("ending=horizon")
        >>> table.columns.tolist()
        ['loss', 'n', 'k', 'share', 'low', 'high', 'note']
        >>> bool((table.low <= table.share).all() and (table.share <= table.high).all())
        True
        """
        from .summary import share

        return share(self, question, by, confidence)

    def commit_latency(
        self,
        by: str | Iterable[str] | None = None,
        *,
        quantiles: Sequence[float] = (0.5, 0.9, 0.99, 0.999),
        confidence: float = 0.95,
    ) -> pd.DataFrame:
        """Quantiles of the commit latency over all entries of all runs, with intervals.

        `summary` averages the quantiles of single runs; here the histograms of all runs are added up, so each
        entry counts. They have integer counts in buckets of 0.1 %, so the order does not matter. Needs the
        metric `commit_latency_histogram`, pandas and scipy.

        Parameters
        ----------
        by : str or list of str, optional
            Parameters of the grid; all by default. Runs that differ in others are pooled.
        quantiles : sequence of float, default (0.5, 0.9, 0.99, 0.999)
            The quantiles, as shares.
        confidence : float, default 0.95
            The confidence of the intervals.

        Returns
        -------
        pandas.DataFrame
            A row per point: the numbers of `runs` and `commits`, and `p50_ms` and so on with `_low` and
            `_high`. A limit that the runs cannot determine is NaN.

        Notes
        -----
        Entries of one run, and of runs with one seed, are not independent: intervals are Woodruff's (1952),
        with seeds as clusters.

        Examples
        --------
        >>> import raftlab as rl
        >>> busy = rl.Scenario(5, network=rl.uniform(1, 5), workload=rl.OpenLoop("10ms"), horizon="2s")
        >>> result = rl.sweep(busy, seeds=50, metrics="commit_latency_histogram")
        >>> table = result.commit_latency()
        >>> int(table.commits[0]) > 5000, bool(table.p50_ms_low[0] <= table.p50_ms[0] <= table.p50_ms_high[0])
        (True, True)
        """
        from .pooled import commit_latency

        return commit_latency(self, by, quantiles, confidence)

    def commit_latency_ecdf(
        self, by: str | Iterable[str] | None = None, *, confidence: float = 0.95
    ) -> pd.DataFrame:
        """The distribution of the commit latency over all entries of all runs, as a table.

        Parameters
        ----------
        by, confidence
            As in `commit_latency`; the intervals are pointwise.

        Returns
        -------
        pandas.DataFrame
            A row per bucket: the parameters, `latency_ms` (the bucket's upper end), `entries` (its count),
            `share` (the share of all entries that took no longer), `low`, `high`. With a single seed there
            is no interval, and the limits are NaN. Points without a commit have no rows.

        Raises
        ------
        InvalidError
            If the sweep has no histograms, or there is no such parameter.

        Examples
        --------
        >>> import raftlab as rl
        >>> busy = rl.Scenario(5, network=rl.uniform(1, 5), workload=rl.OpenLoop("10ms"), horizon="2s")
        >>> result = rl.sweep(busy, seeds=20, metrics="commit_latency_histogram")
        >>> table = result.commit_latency_ecdf()
        >>> float(table.share.iloc[-1]), bool(table.share.is_monotonic_increasing)
        (1.0, True)
        """
        from .pooled import commit_latency_ecdf

        return commit_latency_ecdf(self, by, confidence)

    def survival(
        self, metric: str, by: str | Iterable[str] | None = None, *, confidence: float = 0.95
    ) -> pd.DataFrame:
        """The share of the runs in which a duration is not over yet (Kaplan-Meier), as a table.

        Parameters
        ----------
        metric : str
            A column of numbers. Durations that were not over when the run ended are censored.
        by : str or list of str, optional
            Parameters of the grid; all by default. Runs that differ in others are pooled.
        confidence : float, default 0.95
            The confidence of the pointwise intervals.

        Returns
        -------
        pandas.DataFrame
            A row per step: the parameters, the metric (the time), `at_risk` (runs not over before it),
            `events` (runs over at it), `censored` (runs that ended at it), `survival` (the share that takes
            longer), `low`, `high`. Before the first row it is 1. One minus it is the distribution (ECDF).

        Notes
        -----
        Intervals are Clopper and Pearson's, with the effective number of runs (Dorey and Korn 1987).

        Examples
        --------
        >>> import raftlab as rl
        >>> result = rl.sweep(rl.Scenario(5, stop=rl.leader_elected, horizon="200ms"), seeds=200)
        >>> table = result.survival("time_to_leader_ms")
        >>> int(table.at_risk.iloc[0]), int(table.events.sum() + table.censored.sum())
        (200, 200)
        >>> bool(table.survival.is_monotonic_decreasing), bool(table.survival.min() > 0)
        (True, True)
        """
        from .summary import survival

        return survival(self, metric, by, confidence)

    def __repr__(self) -> str:
        from .overview import headline, overview

        return "\n".join([f"<sweep: {headline(self)}>", *overview(self).lines()])

    def _repr_html_(self) -> str:
        import html

        from .overview import headline, overview

        return f"<p>sweep: {html.escape(headline(self))}</p>{overview(self).html()}"


def as_mapping(row: Any) -> Mapping[str, Any] | None:
    """The row as a mapping from column to value, or None if it is not a row of a supported table type."""
    if isinstance(row, Mapping):
        return row
    if hasattr(row, "_asdict"):
        return row._asdict()  # type: ignore[no-any-return]
    if hasattr(row, "columns") or hasattr(row, "column_names"):  # a table of pandas, polars or pyarrow
        if len(row) != 1:
            raise InvalidError(f"row must be one row, not a table of {len(row):,}")
        if hasattr(row, "iloc"):
            return {name: row[name].iloc[0] for name in row.columns}
        return (row.to_dicts() if hasattr(row, "to_dicts") else row.to_pylist())[0]  # type: ignore[no-any-return]
    return row.to_dict() if hasattr(row, "to_dict") else None
