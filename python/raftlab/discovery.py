"""Catalogues of faults, conditions, rules, properties, roles and more, all from tables in the core."""

from __future__ import annotations

import inspect
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from . import _conditions, _core
from ._html import table
from ._not_simulated import NOT_SIMULATED
from ._read_only import set_once
from ._suggest import unknown_argument, unknown_in
from .errors import CallError, InvalidError, OutOfRangeError, UnknownNameError, shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Catalogue",
    "column_values",
    "conditions",
    "election_rules",
    "faults",
    "lies",
    "metrics",
    "not_simulated",
    "properties",
    "rules",
    "show_versions",
    "targets",
]


class Catalogue(Sequence[dict[str, str]]):
    """A small table that prints itself: a sequence of rows, each a dict.

    A name in the first column finds a row; a slice is a catalogue of some rows. Catalogues with the same rows
    are equal.

    >>> import raftlab as rl
    >>> rl.rules["commit_prior_term"]["source"]
    'paper §5.4.2'
    >>> "commit_prior_term" in rl.rules
    True
    """

    title: str
    columns: tuple[str, ...]

    def __init__(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        set_once(self, title=title, columns=tuple(columns))
        self._rows = [dict(zip(columns, row, strict=True)) for row in rows]

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self._named(key)
        try:
            return self._of(self._rows[key]) if isinstance(key, slice) else dict(self._rows[key])
        except IndexError:
            last = len(self._rows) - 1
            places = f"the {self.title} have places 0 to {last}, not {key}"
            raise OutOfRangeError(places if self._rows else f"no {self.title}") from None
        except TypeError:
            raise CallError(f"the {self.title} have names, and places from 0, not {shown(key)}") from None

    def _named(self, name: str) -> dict[str, str]:
        for row in self._rows:
            if row[self.columns[0]] == name:
                return dict(row)
        known = f"; the {self.title} are {', '.join(self.names)}" if self._rows else "; there are none"
        raise UnknownNameError(
            f"{name!r} is not one of the {self.title}{unknown_in(name, self.names) or known}"
        )

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, str]]:
        return map(dict, self._rows)

    def __contains__(self, wanted: object) -> bool:
        return wanted in (self.names if isinstance(wanted, str) else self._rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Catalogue):
            return NotImplemented
        return (self.columns, self._rows) == (other.columns, other._rows)

    def __hash__(self) -> int:
        return hash((self.columns, self.names))

    def _of(self, rows: Iterable[dict[str, str]]) -> Catalogue:
        return Catalogue(self.title, self.columns, [tuple(row.values()) for row in rows])

    @property
    def names(self) -> tuple[str, ...]:
        """The first column."""
        return tuple(row[self.columns[0]] for row in self._rows)

    def where(self, **cells: str) -> Catalogue:
        """The rows that have these cells.

        >>> import raftlab as rl
        >>> rl.column_values.where(column="messages.fate", value="lost")
        column         value  meaning
        messages.fate  lost   The network lost it.
        """
        for name in cells:
            if name not in self.columns:
                raise unknown_argument("Catalogue.where()", name, list(self.columns))
        rows = [row for row in self._rows if cells.items() <= row.items()]
        if not rows:
            raise InvalidError(f"no row of the {self.title} has {cells}")
        return self._of(rows)

    def to_pandas(self) -> pd.DataFrame:
        """As a pandas DataFrame."""
        import pandas

        return pandas.DataFrame(self._rows, columns=list(self.columns))

    def __repr__(self) -> str:
        lines = [self.columns, *(tuple(row.values()) for row in self._rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        rows = (tuple(row.values()) for row in self._rows)
        return table(self.columns, rows, texts=self.columns)


def how_written(made: Any) -> str:
    """How a value of the package is written: a name, or a call with its parameters."""
    if not inspect.isroutine(made):
        return str(made.name)
    parameters = inspect.signature(made).parameters.values()
    return f"{made.__name__}({', '.join(str(p.replace(annotation=p.empty)) for p in parameters)})"


def _settings(given: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in given.items())


faults = Catalogue(
    "faults",
    ("fault", "family", "meaning", "when it ends"),
    [(cls, family, meaning, end) for _, cls, family, meaning, end in _core.faults()],
)
"""All faults."""

conditions = Catalogue(
    "conditions",
    ("condition", "as written", "meaning"),
    [(name, how_written(getattr(_conditions, name)), meaning) for name, _, meaning in _core.conditions()],
)
"""The conditions that a run can wait for."""

column_values = Catalogue(
    "columns with names",
    ("column", "value", "meaning"),
    [(column, value, meaning) for column, values in _core.values() for value, meaning in values],
)
"""The values of columns of names: `column_values.where(column="events.kind")`; `ending` is that of runs."""

not_simulated = Catalogue("gaps", ("not simulated", "remark"), [row[:2] for row in NOT_SIMULATED])
"""What raftlab does not simulate. Errors about names refer to it, too."""

rules = Catalogue(
    "rules",
    ("bug", "the rule that it takes away", "source", "breaks", "needs"),
    _core.rules(),
)
"""The rules of Raft that can be taken away, by the names of the bugs: `Scenario(bugs=[...])`."""

SWITCHES: dict[str, tuple[dict[str, Any], str, str]] = {
    "paper": ({}, "the paper's rule: a higher term is always adopted", "paper §5.2"),
    "pre_vote": ({"pre_vote": True}, "a node asks for votes before it increases its term", "diss. §9.6"),
    "sticky_votes": (
        {"sticky_votes": True},
        "a node that hears from a leader grants no vote and adopts no term",
        "diss. §4.2.3",
    ),
    "exponential_backoff": (
        {"candidate_backoff": 2.0},
        "a candidate's timeout doubles with each consecutive election that a majority refused",
        "Raft Refloated (Howard et al. 2015), 4.2",
    ),
    "ranked": (
        {"timeout_step": 50},
        "each node waits 50 ms longer than the one before, so that the first is the first candidate",
        "priorities as in raft-rs and ZooKeeper; the step is timeout_step=",
    ),
    "adaptive": (
        {"adaptive_timeout": True},
        "timeouts adapt to the round trips that the leader measures, heartbeats to the losses",
        "Dynatune (Shiozaki and Nakamura, arXiv 2507.15154)",
    ),
}
"""Election rules that are settings: name to settings, meaning, source."""

election_rules = Catalogue(
    "election rules",
    ("rule", "settings", "meaning", "source"),
    [
        *((name, _settings(given), meaning, source) for name, (given, meaning, source) in SWITCHES.items()),
        *(
            (name, f"election_rule={name!r}", meaning, source)
            for name, meaning, source in _core.election_rules()
        ),
    ],
)
"""The election rules of the literature: `Scenario(election_rule=...)` takes a name."""

properties = Catalogue("properties", ("property", "meaning", "source"), _core.properties())
"""The properties that are checked after every event."""

targets = Catalogue("targets", ("role", "meaning"), _core.targets())
"""The roles that a fault can hit."""

lies = Catalogue("lies", ("lie", "meaning"), _core.lies())
"""The lies of a node: `Lie(node, lie)`."""

metrics = Catalogue(
    "metrics",
    ("metric", "group", "unit", "default", "meaning"),
    [
        (name, group, unit, "yes" if default else "", meaning)
        for name, group, unit, meaning, _, default in _core.metrics()
    ],
)
"""The metrics of a run, for the rows of a sweep: `sweep(metrics=[...])` takes names and groups."""

CENSORED_BY = {name: by for name, _, _, _, by, _ in _core.metrics() if by}
"""The metrics that hold the censored waiting time when another one is null."""


def show_versions() -> None:
    """Prints the versions of raftlab and of the packages that it works with, for bug reports."""
    from importlib import metadata  # slow to import

    print(f"raftlab     {_core.VERSION} (scenario schema {_core.SCHEMA_VERSION})")
    print(f"python      {sys.version.split()[0]} on {platform.platform()}")
    for package in ("matplotlib", "numpy", "pandas", "polars", "pyarrow", "scipy"):
        try:
            print(f"{package:<11} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            print(f"{package:<11} not installed")
