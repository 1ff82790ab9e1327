"""A bug with its recipe, and the demonstration of it."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import _core
from .._arguments import U64, integer
from .._html import note, pairs, table
from .._run import Run
from .._suggest import unknown_in
from .._time import format_ms
from .._values import Guarded
from .._violations import Violation
from ..errors import UnknownNameError, shown
from ..scenario import Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Bug", "Demo", "Library", "Recipe", "by_hand"]


@dataclass(frozen=True)
class Recipe:
    """What a bug has beside its row in the core: where it was seen, and how to show it.

    Attributes
    ----------
    happened : str
        Where it was seen upstream, or the text that describes it.
    make : function
        Makes the scenario with these bugs.
    """

    happened: str
    make: Callable[[Sequence[str]], Scenario]


def by_hand(nodes: int, *steps: Any, **settings: Any) -> Callable[[Sequence[str]], Scenario]:
    """A recipe whose nodes start elections only when they are told to, with messages that take 1 ms."""
    given = {"election_timeout": ("1h", "2h"), "heartbeat": "10ms", "network": 1, **settings}

    def make(bugs: Sequence[str]) -> Scenario:
        return Scenario(nodes, bugs=bugs, **given, steps=steps)

    return make


@dataclass(frozen=True, repr=False)
class Bug(metaclass=Guarded):
    """A bug that an implementation of Raft can have: a rule that is taken away, and a recipe that shows it.

    Attributes
    ----------
    name : str
        Its name in `bugs=`.
    rule : str
        The rule that it takes away.
    source : str
        The source of the rule.
    property : str
        The property that is violated first.
    needs : str
        What a run needs for the bug to show.
    happened : str
        Where it was seen, or the text that describes it.

    Examples
    --------
    >>> import raftlab as rl
    >>> bug = rl.bugs["skip_up_to_date"]
    >>> bug.property, bug.source
    ('leader_completeness', 'paper §5.4.1')
    >>> bug.recipe.run().violations.properties[0]
    'leader_completeness'
    >>> bug.control.run().violations
    []
    """

    name: str
    rule: str
    source: str
    property: str
    needs: str
    happened: str
    _make: Callable[[Sequence[str]], Scenario]

    @builtins.property
    def recipe(self) -> Scenario:
        """A scenario that shows it."""
        return self._make([self.name])

    @builtins.property
    def control(self) -> Scenario:
        """The same scenario with the rule in force."""
        return self._make([])

    def demo(self, seed: int = 0) -> Demo:
        """Plays the recipe up to the first violation, and the control to its end.

        Parameters
        ----------
        seed : int, default 0
            The seed of both. The recipes show their bugs with any seed.

        Returns
        -------
        Demo
            Both runs and the violation. `plot()` draws the moment of breakage.

        Examples
        --------
        >>> import raftlab as rl
        >>> demo = rl.bugs["commit_prior_term"].demo()
        >>> demo.violation.property, demo.control.violations
        ('leader_completeness', [])
        """
        integer(seed, "seed", 0, U64)
        return Demo(self, self.recipe.run(seed, on_violation="stop"), self.control.run(seed))

    def __repr__(self) -> str:
        return "\n".join([f"<bug {self.name}>", *(f"  {name}: {value}" for name, value in self._rows())])

    def _rows(self) -> Iterator[tuple[str, str]]:
        for name in ("rule", "source", "property", "needs", "happened"):
            yield name, getattr(self, name)

    def _repr_html_(self) -> str:
        return pairs(self._rows(), caption=f"the bug {self.name}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _named, (self.name,)


def _named(name: str) -> Bug:
    from . import bugs

    return bugs[name]


@dataclass(frozen=True, repr=False)
class Demo(metaclass=Guarded):
    """The demonstration of a bug: `Bug.demo` returns it.

    Attributes
    ----------
    bug : Bug
        The bug.
    run : Run
        The run with the bug, which stopped at the first violation.
    control : Run
        The run without it.

    Examples
    --------
    >>> import raftlab as rl
    >>> demo = rl.bugs["skip_up_to_date"].demo()
    >>> demo.run.ending, demo.control.ending
    ('violation', 'steps')
    """

    bug: Bug
    run: Run
    control: Run

    @builtins.property
    def violation(self) -> Violation:
        """The first violation of the run with the bug."""
        return self.run.violations[0]

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draws the moment of breakage: the run up to there, and below it the logs at that moment.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            The axes for the run, if that is to be drawn alone.

        Returns
        -------
        matplotlib.axes.Axes
            The axes of the run.

        Examples
        --------
        >>> import raftlab as rl
        >>> rl.bugs["quorum_off_by_one"].demo().plot().get_title(loc="left")
        'quorum_off_by_one: election_safety'
        """
        from .. import plot

        title = f"{self.bug.name}: {self.violation.property}"
        if ax is not None:
            return plot.timeline(self.run, title=title, ax=ax)
        from matplotlib import pyplot

        count = len(self.run.nodes)
        heights = [3.2 + 0.44 * count, 1.2 + 0.44 * count]
        _, (above, below) = pyplot.subplots(
            2, 1, figsize=(8.0, sum(heights)), height_ratios=heights, layout="constrained"
        )
        plot.logs(self.run, title="the logs at that moment", ax=below)
        return plot.timeline(self.run, title=title, ax=above)

    def _rows(self) -> list[tuple[str, str]]:
        found = ", ".join(self.control.violations.properties) or "no violation"
        at = format_ms(self.violation.time_ms)
        return [
            ("with the bug", f"{self.violation.property} at {at}: {self.violation.message}"),
            ("without it", f"{found} by {format_ms(self.control.now_ms)}"),
            ("the rule", self.bug.rule),
        ]

    def __repr__(self) -> str:
        return "\n".join([f"<{self.bug.name}>", *(f"  {name}: {told}" for name, told in self._rows())])

    def _repr_html_(self) -> str:
        return pairs(self._rows(), caption=self.bug.name) + self.violation._repr_html_()


class Library(Mapping[str, Bug]):
    """The bugs with a recipe by name: a mapping that can only be read and prints itself.

    >>> import raftlab as rl
    >>> "vote_not_persisted" in rl.bugs
    True
    """

    def __init__(self, recipes: Mapping[str, Recipe]) -> None:
        rows = {row[0]: row for row in _core.rules()}
        self._bugs = {
            name: Bug(*row, recipes[name].happened, recipes[name].make)
            for name, row in rows.items()
            if name in recipes
        }

    def __getitem__(self, name: str) -> Bug:
        try:
            return self._bugs[name]
        except (KeyError, TypeError):
            hint = unknown_in(name, self) or f"; the bugs are {', '.join(self)}"
            raise UnknownNameError(f"{shown(name)} is not one of the bugs{hint}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._bugs)

    def __len__(self) -> int:
        return len(self._bugs)

    def __repr__(self) -> str:
        width = max(map(len, self))
        return "\n".join(f"{name.ljust(width)}  {bug.property}" for name, bug in self.items())

    def _repr_html_(self) -> str:
        columns = ("bug", "rule", "property", "happened")
        rows = ((bug.name, bug.rule, bug.property, bug.happened) for bug in self.values())
        return table(columns, rows, texts=columns) + note('rl.bugs["..."].demo() shows one.')
