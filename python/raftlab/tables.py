"""The trace, as Arrow tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from . import _core
from ._files import path_of
from ._html import note
from ._html import table as html_table
from ._suggest import close, needed
from ._values import Guarded
from .errors import CallError, InvalidError, shown, warn

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from ._world import World

__all__ = ["Column", "Table", "Trace", "schema"]

Column = tuple[str, str, str, str]
"""A column: its name, type, unit and meaning."""


def schema() -> dict[str, tuple[str, tuple[Column, ...]]]:
    """All tables of a trace: name to (meaning, columns).

    >>> list(schema())
    ['messages', 'nodes', 'entries', 'ops', 'members', 'events', 'faults']
    """
    return {name: (meaning, tuple(columns)) for name, meaning, columns in _core.schema()}


class Table(metaclass=Guarded):
    """A table of a trace. Any library that reads the Arrow PyCapsule interface accepts it without copying.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, seed=1)
    >>> _ = c.run("1s")
    >>> c.trace.messages.to_pandas()["type"].unique().tolist()[:2]
    ['RequestVote', 'RequestVoteReply']
    """

    def __init__(self, core: _core.Table) -> None:
        self._core = core

    @property
    def name(self) -> str:
        """The name of the table."""
        return self._core.name

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its columns: name, type, unit, meaning."""
        return tuple(self._core.columns)

    @staticmethod
    def _instead(_name: str) -> str:
        """The advice for an attribute that it does not have."""
        return "a table is converted first: to_pandas(), to_polars(), to_arrow() or to_dict()"

    if not TYPE_CHECKING:  # so that type checkers reject brackets
        __iter__ = None

        def __getitem__(self, key: object) -> NoReturn:
            """Raises an error: a table has columns by name, and no rows of its own."""
            if isinstance(key, str):
                self._known(key)
                raise CallError(f"a table has no [...]: write to_list({key!r}) or to_pandas()[{key!r}]")
            row = key if type(key) is int and -len(self) <= key < len(self) else "..."
            raise CallError(f"a table has no [...]: write to_pandas().iloc[{row}]")

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._core.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return len(self._core)

    def to_pandas(self) -> pd.DataFrame:
        """As a pandas DataFrame; needs pandas and pyarrow."""
        _need("pandas", "to_pandas")
        import pandas

        frame: pd.DataFrame = pandas.DataFrame.from_arrow(self)  # type: ignore[attr-defined]  # newer than its stubs
        return frame

    def to_polars(self) -> pl.DataFrame:
        """As a polars DataFrame; needs polars."""
        _need("polars", "to_polars")
        import polars

        return polars.DataFrame(self)

    def to_arrow(self) -> pa.Table:
        """As a pyarrow Table; needs pyarrow."""
        _need("pyarrow", "to_arrow")
        import pyarrow

        return pyarrow.table(self)

    def to_numpy(self, column: str) -> np.ndarray[Any, Any]:
        """A column as a numpy array; needs numpy. Null is NaN in numbers and None in texts."""
        _need("numpy", "to_numpy")
        import numpy

        self._known(column)
        try:
            cells, dtype = self._core.column(column)
        except TypeError:  # texts
            return numpy.array(self._core.column_list(column), dtype=object)
        return numpy.frombuffer(cells, dtype=dtype)

    def to_list(self, column: str) -> list[Any]:
        """A column as a list; null is None."""
        self._known(column)
        return self._core.column_list(column)

    def to_dict(self) -> dict[str, list[Any]]:
        """As a dict of lists; needs no other package."""
        return dict(self._core.to_dict())

    def _cells(self, column: str) -> Iterator[Any]:
        """The cells of a column, one by one; of a table on disk without the other columns."""
        return iter(self._core.column_list(column))

    @property
    def _is_read(self) -> bool:
        """Whether the cells are in memory."""
        return True

    def _known(self, column: str) -> None:
        names = [name for name, *_ in self.columns]
        if column not in names:
            raise InvalidError(
                f"unknown column {shown(column)}; the table {self.name} has {', '.join(names)}"
            )

    def __repr__(self) -> str:
        return f"<table {self.name}: {len(self):,} rows x {len(self.columns)} columns>"

    def _repr_html_(self) -> str:
        cells = self._core.slice(0, HTML_ROWS).to_dict()
        rows = zip(*([_cell(value) for value in column] for column in cells.values()), strict=True)
        meanings = {name: meaning for name, _, _, meaning in self.columns}
        shown = html_table(list(cells), rows, titles=meanings)
        return shown + note(f"{len(self):,} rows x {len(cells)} columns")


HTML_ROWS = 10


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.3f}"
    if isinstance(value, list):
        return f"{len(value):,} buckets"
    return "" if value is None else str(value)


class Trace(metaclass=Guarded):
    """The recording of a run, as tables.

    They are `messages`, `nodes`, `entries`, `ops`, `members`, `events` and `faults`; `raftlab.schema()` has
    every column's type, unit and meaning.

    Examples
    --------
    >>> import raftlab as rl
    >>> trace = rl.Scenario(3, stop=rl.leader_elected).run(seed=1).trace
    >>> trace.level, trace.names
    ('full', ('messages', 'nodes', 'entries', 'ops', 'members', 'events', 'faults'))
    >>> trace.nodes.to_list("role")[-1]
    'leader'
    """

    def __init__(self, world: World) -> None:
        self._world = world

    @staticmethod
    def _instead(name: str) -> str:
        """The advice for an attribute that it does not have."""
        if hasattr(Table, name):
            method = getattr(Table, name)
            call = f"{name}({needed(method)})" if callable(method) else name
            return f"it is of one table, such as trace.messages.{call}; the tables are {', '.join(schema())}"
        return f"its tables are {', '.join(schema())}"

    if not TYPE_CHECKING:  # so that type checkers reject brackets
        __iter__ = None

        def __getitem__(self, key: object) -> NoReturn:
            """Raises an error: the tables are attributes."""
            found = next(iter(close(key, schema())), None) if isinstance(key, str) else None
            hint = f"write trace.{found}" if found else f"its tables are {', '.join(schema())}"
            raise CallError(f"a trace has no [{shown(key)}]: {hint}")

    @property
    def level(self) -> str:
        """The level of recording: `"full"`, `"states"` or `"off"`."""
        return self._world._engine.watching[0]

    def table(self, name: str) -> Table:
        """One of the tables, by name."""
        known = list(schema())
        if name not in known:
            raise InvalidError(f"unknown table '{name}'; a trace has {', '.join(known)}")
        if name not in self.names:
            raise InvalidError(
                f"there is no table '{name}': this run was made with trace='{self.level}'. "
                f"Run it again with trace='full': {self._world.replay_line}"
            )
        metadata = [("raftlab", _core.VERSION), ("replay", self._world.replay_line)]
        gap = self._world._engine.trace_gap()
        if gap is not None:
            warn(UserWarning(gap))
        return Table(self._world._engine.table(name, metadata))

    @property
    def messages(self) -> Table:
        """Messages: sent, delivered, dropped and why, with a row per message."""
        return self.table("messages")

    @property
    def nodes(self) -> Table:
        """Node states, with a row per change."""
        return self.table("nodes")

    @property
    def entries(self) -> Table:
        """The lives of log entries, with a row per entry and node."""
        return self.table("entries")

    @property
    def ops(self) -> Table:
        """Client operations, with a row per operation."""
        return self.table("ops")

    @property
    def members(self) -> Table:
        """Configurations, with a row for each that came into force on a node."""
        return self.table("members")

    @property
    def events(self) -> Table:
        """Events at nodes, in order."""
        return self.table("events")

    @property
    def faults(self) -> Table:
        """Faults, with their times and the nodes that they hit."""
        return self.table("faults")

    def to_parquet(self, folder: str | os.PathLike[str]) -> Path:
        """Writes every table to a folder, as `messages.parquet` and so on; needs pyarrow.

        Parameters
        ----------
        folder : path
            The folder. It is created if it does not exist; files of these names are replaced, others kept.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        InvalidError
            If nothing was recorded, or the files cannot be written.

        Examples
        --------
        >>> import tempfile, pandas, raftlab as rl
        >>> c = rl.Cluster(3, seed=1).run("1s")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = c.trace.to_parquet(folder)
        ...     messages = pandas.read_parquet(written / "messages.parquet")
        >>> len(messages) == len(c.trace.messages)
        True
        """
        _need("pyarrow", "to_parquet")
        from pyarrow import parquet

        where = path_of(folder, "folder")
        tables = [self.table(name) for name in self.names] or [self.table("nodes")]  # raises an error
        try:
            where.mkdir(parents=True, exist_ok=True)
            for table in tables:
                parquet.write_table(table.to_arrow(), where / f"{table.name}.parquet")
        except OSError as error:
            raise InvalidError(f"folder: {shown(str(where))} cannot be written: {error}") from None
        return where

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tables that this run recorded."""
        if self.level == "off":
            return ()
        return tuple(name for name in schema() if self.level == "full" or name not in MESSAGES_AND_EVENTS)

    def __repr__(self) -> str:
        if self.level == "off":
            return "<trace: off>"
        return f"<trace: {', '.join(self.names)}>"

    def _repr_html_(self) -> str:
        if not self.names:
            return note("nothing was recorded: trace='off'")
        rows = ((name, f"{len(self.table(name)):,}", schema()[name][0]) for name in self.names)
        return html_table(("table", "rows", "meaning"), rows, caption="trace", texts=("table", "meaning"))


MESSAGES_AND_EVENTS = ("messages", "events")
"""The tables that have rows only in a full trace."""


def _need(module: str, method: str) -> None:
    import importlib.util

    if importlib.util.find_spec(module) is None:
        raise ImportError(f"{method}() needs {module}: pip install {module}")
