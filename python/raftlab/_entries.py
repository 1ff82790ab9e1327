"""The entries of a node's log."""

from __future__ import annotations

from dataclasses import dataclass, field

from ._html import note, table
from ._values import Guarded, Many
from .errors import escaped

__all__ = ["Entry", "Log"]


@dataclass(frozen=True)
class Entry(metaclass=Guarded):
    """An entry of a node's log.

    Examples
    --------
    >>> import raftlab as rl
    >>> rl.Cluster(3, initial=rl.Initial(log=[1, (2, "x=1")], commit=1))["A"].log[1]
    Entry(index=2, term=2, value='x=1', committed=False)

    Attributes
    ----------
    index, term : int
        Its place, and the term in which a leader received it.
    value : str
        Its command, e.g. `"x=1"`; a new leader's empty entry is `"no-op"`, a configuration `"ABC + D"`.
    committed : bool
        True if this node knows it to be committed, and has applied it. False for an entry that has replaced
        an applied one, which can happen only if a rule of Raft is taken away.
    is_configuration : bool
        True if it is a configuration of the cluster.
    """

    index: int
    term: int
    value: str
    committed: bool
    is_configuration: bool = field(default=False, repr=False)

    @property
    def applied(self) -> bool:
        """True if this node has applied it."""
        return self.committed


class Log(Many[Entry]):
    """The log of a node: a tuple of entries that prints a line for each.

    Examples
    --------
    >>> import raftlab as rl
    >>> c = rl.Cluster(3, initial=rl.Initial(log=[1, (2, "x=1")], commit=1))
    >>> c["A"].log
    index  term  value  committed
        1     1  no-op  yes
        2     2  x=1    no
    >>> c["A"].log[-1].value
    'x=1'
    """

    __slots__ = ()

    _one, _several = "entry", "entries"

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """The lines to show: the last ones of a long log."""
        return [(str(e.index), str(e.term), e.value, "yes" if e.committed else "no") for e in self[-SHOWN:]]

    def __repr__(self) -> str:
        if not self:
            return "<empty log>"
        rows = [(*row[:2], escaped(row[2]), row[3]) for row in self._rows()]
        wide = max(len("value"), *(len(value) for _, _, value, _ in rows))
        lines = [
            f"{index:>5}  {term:>4}  {value:<{wide}}  {known}" for index, term, value, known in (LOG, *rows)
        ]
        return "\n".join([*self._before(), *lines])

    def _before(self) -> list[str]:
        return [f"the last {SHOWN} of {len(self):,} entries"] if len(self) > SHOWN else []

    def _repr_html_(self) -> str:
        if not self:
            return note("empty log")
        return table(LOG, self._rows(), caption="".join(self._before()), texts=("value", "committed"))


LOG = ("index", "term", "value", "committed")
SHOWN = 30
