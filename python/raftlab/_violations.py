"""Violations of properties."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import _core
from ._html import code, note, table
from ._time import format_ms
from ._values import Guarded, Many
from .errors import escaped

__all__ = ["Violation", "Violations"]


@dataclass(frozen=True, repr=False)
class Violation(metaclass=Guarded):
    """A violation of a property.

    Attributes
    ----------
    property : str
        The property that was violated; see `raftlab.properties`.
    time_ms : float
        The time of the violation.
    nodes : tuple of str
        The nodes that are involved.
    index : int or None
        The index of the entry that is involved.
    terms : tuple of int
        The terms that are involved.
    command : str or None
        The command of that entry.
    message : str
        What happened, in a sentence.
    events : tuple of (float, str, str)
        The events that led to it: time in ms, node, what happened.
    honest : bool
        False if it involves only liars.

    Examples
    --------
    Two nodes of four are a majority to this bug, so both halves elect a leader:

    >>> import raftlab as rl
    >>> split = rl.Partition("AB", "CD")
    >>> run = rl.Scenario(4, bugs=["quorum_off_by_one"], steps=[split, rl.run("1s")]).run()
    >>> violation = run.violations[0]
    >>> violation.property, violation.terms
    ('election_safety', (1,))
    """

    property: str
    time_ms: float
    nodes: tuple[str, ...]
    index: int | None
    terms: tuple[int, ...]
    command: str | None
    message: str
    events: tuple[tuple[float, str, str], ...]
    honest: bool
    _replay: Callable[[], str] = field(repr=False, compare=False, default=str)

    @builtins.property
    def replay(self) -> str:
        """The line of code that replays the run."""
        return self._replay()  # made on demand, since a long script takes a while

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_replay": functools.partial(str, self.replay)}

    def __str__(self) -> str:
        return escaped(f"{self.property} at {format_ms(self.time_ms)}: {self.message}")

    def explain(self) -> str:
        """The violation with the events that led to it, one per line."""
        lines = [str(self)]
        lines += [escaped(f"  {time:10.3f} ms  {node}: {what}") for time, node, what in self.events]
        return "\n".join([*lines, f"  again with: {self.replay}"] if self.replay else lines)

    def __repr__(self) -> str:
        return self.explain()

    def _repr_html_(self) -> str:
        columns = ("time (ms)", "node", "what led there")
        rows = ((f"{time:.3f}", node, what) for time, node, what in self.events)
        told = table(columns, rows, caption=str(self), texts=("node", "what led there"))
        meaning = next(meaning for name, meaning, _ in _core.properties() if name == self.property)
        return told + note(f"{self.property}: {meaning}") + (code(self.replay) if self.replay else "")


class Violations(Many[Violation]):
    """Violations in the order in which they were found: a tuple that also equals a list of the same.

    Examples
    --------
    >>> import raftlab as rl
    >>> bug = {"bugs": ["quorum_off_by_one"], "steps": [rl.Partition("AB", "CD"), rl.run("1s")]}
    >>> violations = rl.Scenario(4, **bug).run().violations
    >>> violations.properties
    ('election_safety',)
    >>> violations.of("log_matching")
    []
    """

    _one, _several = "violation", "violations"

    def of(self, property: str) -> Violations:
        """Those of one property."""
        return Violations(v for v in self if v.property == property)

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties that were violated, in the order of their first violations."""
        return tuple(dict.fromkeys(v.property for v in self))

    def __eq__(self, other: object) -> bool:
        return super().__eq__(tuple(other) if isinstance(other, list) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    def __repr__(self) -> str:
        return "[]" if not self else "[" + ",\n ".join(str(v) for v in self) + "]"

    def _repr_html_(self) -> str:
        if not self:
            return note("no violations")
        rows = ((f"{v.time_ms:.3f}", v.property, ", ".join(v.nodes), v.message) for v in self[:MOST])
        more = note(f"the first {MOST} of {len(self):,}") if len(self) > MOST else ""
        columns = ("time (ms)", "property", "nodes", "what happened")
        return table(columns, rows, caption="violations", texts=columns[1:]) + more


MOST = 30
"""The most violations that a notebook shows."""
