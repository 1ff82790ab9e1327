"""What came of a sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import _core
from .._arguments import integer
from ..errors import InvalidError, ReplayError, shown
from ..scenario import Scenario
from ..statistics import upper_bound
from ..tables import Table
from .plan import Plan

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from ..cluster import Run

__all__ = ["Sweep"]


class Sweep:
    """What came of a sweep: a row a run.

    Any library that reads the Arrow PyCapsule interface takes it as it is: `polars.DataFrame(result)`.

    Attributes
    ----------
    runs : Table
        A row a run: the grid's columns, `seed`, the metrics, `ending`, `end_ms`, `violations`, `rules`,
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
        """The scenarios of the points."""
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

    def scenario(self, row: Any) -> Scenario:
        """The scenario of a row; rows as in `replay`."""
        return self._plan.scenario(self._find(row)[0])

    def replay(self, row: Any, **options: Any) -> Run:
        """One of the runs again, with its trace.

        Parameters
        ----------
        row : int, mapping, pandas.Series or named tuple
            The position of a row, or a row: whatever has the grid's columns and `seed`.
        **options
            As in `Scenario.run`.

        Returns
        -------
        Run
            The same run: its digest is the row's.

        Raises
        ------
        InvalidError
            If there is no such row.
        ReplayError
            If what ran now is not what ran then (another version of raftlab).
        """
        point, seed, digest = self._find(row)
        run = self._plan.run(point, seed, **options)
        as_it_was = options.get("on_violation", self._plan.on_violation) == self._plan.on_violation
        if digest is not None and as_it_was and run.digest != digest:
            raise ReplayError(
                f"the run of seed {seed} has the digest {run.digest}, and the row says {digest}: "
                f"it was made by another version of raftlab, and this is {_core.VERSION}"
            )
        return run

    def _find(self, row: Any) -> tuple[int, int, str | None]:
        """The point, the seed and the digest of a row."""
        if isinstance(row, Mapping):
            cells: Any = row
        elif hasattr(row, "_asdict"):
            cells = row._asdict()
        elif hasattr(row, "to_dict"):
            cells = row.to_dict()
        else:
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
            first = self._plan.first_seeds[at]
            if first <= seed < first + self._plan.seeds and all(
                cells[name] == value or cells[name] == str(value) for name, value in point.items()
            ):
                digest = cells.get("digest")
                return at, seed, digest if isinstance(digest, str) else None
        given = ", ".join(f"{name}={shown(cells[name])}" for name in (*self.parameters, "seed"))
        raise InvalidError(f"row: there is no run with {given} in this sweep")

    # ---- What it says -------------------------------------------------------------------------------

    @property
    def errors(self) -> list[tuple[int, str]]:
        """The runs that failed: the position of the row, and why."""
        reasons = self.runs._core.column_list("error")
        return [(row, why) for row, why in enumerate(reasons) if why is not None]

    @property
    def violating_seeds(self) -> list[int]:
        """The seeds whose runs violated a rule, in the order of the rows."""
        seeds, counts = self.runs._core.column_list("seed"), self.runs._core.column_list("violations")
        return [seed for seed, violations in zip(seeds, counts, strict=True) if violations]

    @property
    def rules(self) -> dict[str, int]:
        """How many runs violated which rule, the most frequent first.

        A run that stops at its first violation counts for one rule only: see `on_violation`.
        """
        broken = (rules for rules in self.runs._core.column_list("rules") if rules is not None)
        return dict(Counter(rule for rules in broken for rule in rules.split(",")).most_common())

    @property
    def upper_bound(self) -> float:
        """The highest probability of a violation that these runs leave possible, with 95 % confidence."""
        return upper_bound(len(self.violating_seeds), len(self))

    def __repr__(self) -> str:
        size = f"{len(self):,} runs"
        if len(self._plan.points) > 1:
            size += f", {len(self._plan.points):,} points x {self._plan.seeds:,} seeds"
        if not self.complete:
            size += f", interrupted ({self._plan.runs:,} were asked for)"
        if self.errors:
            size += f", {len(self.errors):,} failed"
        bad = len(self.violating_seeds)
        if len(self) == 0:
            return f"<sweep: {size}>"
        if bad == 0:
            return f"<sweep: {size}, no violation; P(violation) < {self.upper_bound:.2g} (95 %)>"
        rules = ", ".join(f"{rule} {count:,}" for rule, count in self.rules.items())
        return f"<sweep: {size}, {bad:,} with violations ({rules})>"

    def _repr_html_(self) -> str:
        import html

        return f"<p>{html.escape(repr(self)[1:-1])}</p>{self.runs._repr_html_()}"
