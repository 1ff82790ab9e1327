"""The result of a sweep."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from .. import _core
from .._arguments import integer
from .._signatures import passes_on
from .._typing import RunOptions
from ..errors import InvalidError, ReplayError, shown
from ..scenario import Scenario
from ..statistics import upper_bound
from ..tables import Table
from .grid import is_meant, key_of, known_parameter, meant, worded
from .plan import Plan

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from .._run import Run

__all__ = ["Sweep"]


class Sweep:
    """The result of a sweep, one row per run.

    Any library that reads the Arrow PyCapsule interface takes it as it is: `polars.DataFrame(result)`.

    Attributes
    ----------
    runs : Table
        A row a run: the grid's columns, `seed`, the metrics, `ending`, `end_ms`, `violations`, `properties`,
        `error` and `digest`. `result.runs.columns` tells types, units and meanings.
    series : Table or None
        With `series=`: a row a run and bin of time, with the grid's columns, `seed`, `time_ms` (where the bin
        begins), `available` (the share of it in which a leader had a quorum), `elections`, `committed`,
        `acknowledged` and `sent`. The last bin of a run ends with the run.
    complete : bool
        Whether all runs are there; False if it was interrupted.

    Examples
    --------
    >>> import raftlab as rl
    >>> result = rl.sweep(rl.Scenario(3, horizon="1s"), seeds=50)
    >>> len(result), result.complete
    (50, True)
    >>> result.replay(7).seed
    7
    """

    def __init__(self, plan: Plan, runs: Table, series: Table | None) -> None:
        self._plan = plan
        self.runs, self.series = runs, series

    @property
    def complete(self) -> bool:
        """Whether all runs are there."""
        return len(self) == self._plan.runs

    @property
    def points(self) -> tuple[dict[str, Any], ...]:
        """The points of the grid: parameters and their values."""
        return tuple(dict(point) for point in self._plan.points)

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """The scenarios of the points; where `build` takes the seed, those of their first seeds."""
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
        """Writes the sweep into one file: its rows, its series, and what replays them.

        Parameters
        ----------
        path : path
            Where; a file that is there is replaced. It is a zip archive of Arrow streams and a JSON text.
            Of metrics of your own it has the values, not the functions.

        Raises
        ------
        InvalidError
            If the file cannot be written.

        See Also
        --------
        sweep : its `store=` keeps the rows of long sweeps on disk while they are played.

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
        """Reads a sweep that `save` wrote. Rows are data: they are read whatever version wrote them.

        The points of the grid have the values that stand in the rows: of an object that was swept over, its
        text.

        Raises
        ------
        InvalidError
            If the file cannot be read, or is something else.
        """
        from .saved import from_file

        return cls(*from_file(path))

    def scenario(self, row: Any) -> Scenario:
        """The scenario of a row; rows as in `replay`."""
        return self._plan.scenario(*self._find(row)[:2])

    @passes_on(Scenario.run)
    def replay(self, row: Any, **options: Unpack[RunOptions]) -> Run:
        """One of the runs again, with its trace.

        Parameters
        ----------
        row : int, mapping, pandas.Series, named tuple, or table of one row
            The position of a row, or a row: whatever has the grid's columns and `seed`.
        **options
            As in `Scenario.run`.

        Returns
        -------
        Run
            The same run: its digest is the row's. Also one whose `ending` is `"not_reached"`, up to where it
            waited in vain.

        Raises
        ------
        InvalidError
            If there is no such row.
        ReplayError
            If what ran now is not what ran then (another version of raftlab).
        """
        point, seed, digest = self._find(row)
        run = self._plan.run(point, seed, **options)
        run.point = dict(self.points[point])
        as_it_was = options.get("on_violation", self._plan.on_violation) == self._plan.on_violation
        if digest is not None and as_it_was and run.digest != digest:
            raise ReplayError(
                f"the run of seed {seed} has the digest {run.digest}, and the row says {digest}: "
                f"it was made by another version of raftlab, and this is {_core.VERSION}"
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
        for at, point in enumerate(self._plan.points):
            if self._plan.ordinal(at, seed) is not None and all(
                is_meant(value, cells[name]) for name, value in point.items()
            ):
                digest = cells.get("digest")
                return at, seed, digest if isinstance(digest, str) else None
        given = {name: cells[name] for name in (*self.parameters, "seed")}
        raise InvalidError(f"row: there is no run with {worded(given)} in this sweep")

    # ---- What it says -------------------------------------------------------------------------------

    @property
    def errors(self) -> list[tuple[int, str]]:
        """What failed: the position of the row, and why. That is the run, or a metric of one's own.

        Where a metric of one's own failed, the run did not, and what else its row says counts.
        """
        reasons = self.runs._core.column_list("error")
        return [(row, why) for row, why in enumerate(reasons) if why is not None]

    @property
    def _failed(self) -> np.ndarray[Any, Any]:
        """Which runs failed themselves: those have no ending."""
        import numpy as np

        return np.array([ending is None for ending in self.runs._core.column_list("ending")], dtype=bool)

    @property
    def violating_seeds(self) -> list[int]:
        """The seeds whose runs violated a property, in row order. Without checks there are none."""
        seeds, counts = self.runs._core.column_list("seed"), self.runs._core.column_list("violations")
        return [seed for seed, violations in zip(seeds, counts, strict=True) if violations]

    @property
    def violations_by_property(self) -> dict[str, int]:
        """The number of runs that violated each property, the most frequent first.

        A run that stopped at its first violation counts for that one only; whether it would have violated
        others is unknown: see `on_violation`.
        """
        violated = (names for names in self.runs._core.column_list("properties") if names is not None)
        return dict(Counter(name for names in violated for name in names.split(",")).most_common())

    @property
    def upper_bound(self) -> float:
        """The highest probability of a violation that these runs leave possible, with 95 % confidence.

        Failed runs say nothing; if all failed, or if the sweep was not checked, it is 1. Runs of different
        points with one seed share their randomness, and count once: as a violation if one of them has one.
        If all points were played with a single seed, there is nothing to count, and it is 1.
        """
        told = self._told
        if not self._plan.checks or not told or self._of_one_seed:
            return 1.0
        return upper_bound(len(told.intersection(self.violating_seeds)), len(told))

    @property
    def _told(self) -> set[int]:
        """The seeds of the runs that did not fail."""
        endings, seeds = (self.runs._core.column_list(name) for name in ("ending", "seed"))
        return {seed for seed, ending in zip(seeds, endings, strict=True) if ending is not None}

    @property
    def _of_one_seed(self) -> bool:
        """Whether several points share a single seed, and with it all of their randomness."""
        return len(self) > 1 and len(self._told) == 1

    def where(self, **point: Any) -> Sweep:
        """The runs of some points only.

        Parameters
        ----------
        **point
            By parameter, the value that it has at these points, or a list of values. Floating-point numbers
            need not be equal to the last bit: `where(loss=0.15)` finds `3 * 0.05`.

        Returns
        -------
        Sweep
            The same rows, without those of other points.

        Raises
        ------
        InvalidError
            If the grid has no such parameter, or no point with such a value.

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
            of = meant([point[name] for point in self._plan.points], given)
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
        """The rows of some points. Rows stand in the order of the points."""
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
        """Means and quantiles with confidence intervals, a row a point and metric.

        Parameters
        ----------
        by : str or list of str, optional
            Parameters of the grid; all if not given. Runs that differ in others are taken together.
        metrics : str or list of str, optional
            Columns of numbers or flags; `"violation"`, the share of the runs that violated a property;
            `"properties=election_safety"`, of those that violated this one; `"ending=stop"`, of those that
            ended so. If not given: all numbers, and whatever violations and endings there were.
        confidence : float, default 0.95
            The confidence of the intervals.
        quantiles : sequence of float, default (0.5, 0.9, 0.99)
            Which quantiles.

        Returns
        -------
        pandas.DataFrame
            Indexed by the parameters and the metric. `n` runs tell something: `events` of them had it (of
            what is yes or no: say yes), `censored` of them only that it takes longer. Not in `n`, but
            counted, are runs that had no such event or do not tell (`absent`), and runs that `failed`.
            `mean`, `p50` and so on with `_low` and `_high`; `note` says what has to be said.

        Notes
        -----
        Means have Student's t intervals, corrected for skewness (Hall 1992), quantiles those of order
        statistics, the shares of what is yes or no Clopper and Pearson's; docs/statistics.md says how often
        each holds the truth. Of what no run had there is a bound, `mean_high`, and no mean: never is not
        zero. A limit that these runs do not give is NaN. So are those of a mean if all runs say the same: the
        note then bounds the share of runs that may say something else. What only the checks can tell is null
        in a sweep with `checks=False`, and in runs that stopped at the violation of another property: where
        runs do not tell for a reason that may have to do with it, there is no interval.

        A run is one value: the mean of `downtime_ms` is that of the runs' own means, however many losses
        each of them had, as are those of the commit latencies.

        Durations that were not over when the run ended are right-censored, not left out: quantiles are then
        Kaplan-Meier's, and NaN beyond what was seen, where `_low` says how long it takes at least; the mean
        is restricted to the longest time seen, which the note names. Means with different horizons do not
        compare; medians do.

        Runs of different points with one seed (common random numbers) are not independent. Where `by` takes
        them together, intervals allow for that: of means by counting seeds, of others by the design effect.
        Of a single seed there is no interval: however many points it is played at, it is one draw. If the
        points themselves are drawn at random, `common_random_numbers=False` gives each its own seeds.

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
        """The share of the runs that say yes to a question, as a table: to plot against a parameter.

        Parameters
        ----------
        question : str
            A column of flags, `"violation"`, or a question such as `"ending=horizon"` or
            `"properties=election_safety"`.
        by : str or list of str, optional
            Parameters of the grid; all if not given. Runs that differ in others are taken together.
        confidence : float, default 0.95
            The confidence of the intervals, each for itself.

        Returns
        -------
        pandas.DataFrame
            A row a point: the parameters, `n` (runs that say yes or no), `k` (those that say yes), `share`
            (0 where none did), `low`, `high`, and `note`.

        Raises
        ------
        InvalidError
            If the column is not one of flags, or there is no such parameter.

        Notes
        -----
        The intervals are those of `summary`, where an event that was never seen has no value, only a bound.

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

        `summary` takes the quantiles of each run, and the runs as what varies; here an entry is what varies,
        and the histograms of the runs are added up. They have integer counts in buckets of 0.1 %, so that the
        order does not matter. Needs the metric `commit_latency_histogram`, pandas and scipy.

        Parameters
        ----------
        by : str or list of str, optional
            Parameters of the grid; all if not given. Runs that differ in others are taken together.
        quantiles : sequence of float, default (0.5, 0.9, 0.99, 0.999)
            Which quantiles.
        confidence : float, default 0.95
            The confidence of the intervals.

        Returns
        -------
        pandas.DataFrame
            A row a point: how many `runs`, how many `commits`, and `p50_ms` and so on with `_low` and
            `_high`. A limit that these runs do not give is NaN.

        Notes
        -----
        Entries of one run, and of runs with one seed, are not independent: intervals are Woodruff's (1952)
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
        """The distribution of the commit latency over all entries of all runs, as a table: a step a row.

        Parameters
        ----------
        by, confidence
            As in `commit_latency`; the interval holds for each latency by itself.

        Returns
        -------
        pandas.DataFrame
            A row a bucket: the parameters, `latency_ms` (the bucket's upper end), `entries` (how many it
            holds), `share` (of all entries, those that took no longer), `low`, `high`. Of runs of one seed
            there is no interval: NaN. Points without a commit have no rows.

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
        """The share of the runs in which something is not over yet (Kaplan-Meier), as a table.

        Parameters
        ----------
        metric : str
            A column of numbers; of durations that were not over when the run ended the waits are censored.
        by : str or list of str, optional
            Parameters of the grid; all if not given. Runs that differ in others are taken together.
        confidence : float, default 0.95
            The confidence of the interval, at each time for itself.

        Returns
        -------
        pandas.DataFrame
            A row a step: the parameters, the metric (when it was), `at_risk` (runs not over before),
            `events` (over then), `censored` (given up then), `survival` (the share that takes longer than
            that), `low`, `high`. Before the first row it is 1. One minus it is the distribution (ECDF).

        Notes
        -----
        Intervals are Clopper and Pearson's, of as many runs as would be as certain if all were watched (Dorey
        and Korn 1987).

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
    """What stands in a row, by column; nothing if it is none of what tables have for rows."""
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
