"""Rare events: probabilities too small to be estimated by counting runs."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from .. import _core
from .._arguments import U64, dumps, flag, instance, integer, items
from .._arguments import confidence as confidence_of
from .._conditions import Condition
from .._progress import Progress
from .._signatures import passes_on
from .._typing import RunOptions
from .._values import Guarded
from ..errors import IncompleteWarning, InvalidError, warn
from ..scenario import Scenario, default_threads
from ..statistics import percent
from .play import MOST_THREADS

if TYPE_CHECKING:
    import pandas as pd

    from .._run import Run

__all__ = ["RareEvent", "rare_event"]


@dataclass(frozen=True)
class RareEvent(metaclass=Guarded):
    """The probability of a rare event, estimated by multilevel splitting.

    Attributes
    ----------
    probability : float
        The probability that a run of the scenario meets the event before its horizon. Unbiased.
    interval : tuple of float
        Its confidence interval, from the spread of the repeats (t, for the logarithm of the mean by the
        delta method, so that it stays above 0), but not narrower than that of independent runs. If the
        repeats do not differ, or no run reached the event, it is the product of exact intervals of the
        shares (Clopper-Pearson, with a Bonferroni correction). These count the states from which runs were
        started, not the runs, since runs from one state share its past.
    confidence : float
        The confidence of the interval.
    levels : tuple of Condition
        The levels; the last one is the event.
    reached : tuple of tuple of int
        The number of runs, of `effort`, that reached each level, as a tuple per repeat.
    effort : int
        The number of runs that start from each level.
    runs, events : int
        The total numbers of runs and of dispatched events.
    """

    scenario: Scenario
    levels: tuple[Condition, ...]
    reached: tuple[tuple[int, ...], ...]
    effort: int
    runs: int
    events: int
    confidence: float
    _example: tuple[str, int] | None

    @property
    def estimates(self) -> tuple[float, ...]:
        """The estimate of each repeat: the product of its shares."""
        return tuple(math.prod(reached / self.effort for reached in repeat) for repeat in self.reached)

    @property
    def probability(self) -> float:
        """The mean of the estimates."""
        return math.fsum(self.estimates) / len(self.estimates)

    @property
    def relative_error(self) -> float:
        """The standard error relative to the probability; infinite if no run reached the event."""
        if self.probability == 0:
            return math.inf
        mean, n = self.probability, len(self.estimates)
        variance = math.fsum((estimate - mean) ** 2 for estimate in self.estimates) / (n - 1)
        return max(math.sqrt(variance / n) / mean, self._least_error)

    @property
    def _least_error(self) -> float:
        """The relative error of independent runs, as a minimum when a few repeats happen to agree.

        An added success and failure keep it above 0.
        """
        smooth = [((hits + 1) / (tried + 2), tried) for hits, tried in zip(*self._counts, strict=True)]
        return math.sqrt(math.fsum((1 - share) / (share * tried) for share, tried in smooth))

    @property
    def _counts(self) -> tuple[list[int], list[int]]:
        """The runs that reached each level, and those that tried, over all repeats."""
        hits = [sum(level) for level in zip(*self.reached, strict=True)]
        went_on = [sum(count > 0 for count in level) for level in zip(*self.reached, strict=True)]
        tried = [self.effort * repeats for repeats in (len(self.reached), *went_on[:-1])]
        levels = sum(runs > 0 for runs in tried)
        return hits[:levels], tried[:levels]

    @property
    def interval(self) -> tuple[float, float]:
        """The confidence interval of the probability."""
        from scipy.stats import t

        if len(set(self.estimates)) == 1:
            return self._counted()
        width = float(t.ppf((1 + self.confidence) / 2, len(self.estimates) - 1)) * self.relative_error
        return self.probability * math.exp(-width), min(1.0, self.probability * math.exp(width))

    def _counted(self) -> tuple[float, float]:
        """The interval from the counts of the levels, for repeats that do not differ."""
        from scipy.stats import beta

        low, high, sides = 1.0, 1.0, 1 if self.probability in (0, 1) else 2
        tail = (1 - self.confidence) / sides / len(self.levels)
        for hits, tried, states in zip(*self._counts, self._states, strict=False):
            ups, downs = hits / tried * states, (1 - hits / tried) * states
            low *= float(beta.ppf(tail, ups, downs + 1)) if hits else 0.0
            high *= float(beta.ppf(1 - tail, ups + 1, downs)) if hits < tried else 1.0
        return (low if self.probability else 0.0), high

    @property
    def _states(self) -> list[float]:
        """The number of independent states from which each level's runs were started, over all repeats.

        On the first level each run is one. On the others, runs start from states drawn with replacement
        from those that reached the level below; their number is at most the smallest of any level below.
        """
        states = [float(self.effort * len(self.reached))]
        fewest = [math.inf] * len(self.reached)
        for level in range(len(self.levels) - 1):
            drawn = [self._drawn(repeat[level]) for repeat in self.reached]
            fewest = [min(pair) for pair in zip(fewest, drawn, strict=True)]
            states.append(math.fsum(fewest))
        return states

    def _drawn(self, states: int) -> float:
        """The expected number of states that are drawn at least once."""
        return states * (1 - (1 - 1 / states) ** self.effort) if states else 0.0

    @property
    def brute_force_runs(self) -> float:
        """The number of plain runs with the same precision: (1 - p) / (p x relative error squared).

        If all runs met the event, it is the number of runs started from the beginning.
        """
        if self.probability == 0:
            return math.inf
        if self.probability == 1:
            return float(self.effort * len(self.reached))
        return (1 - self.probability) / (self.probability * self.relative_error**2)

    @passes_on(Scenario.run)
    def example(self, **options: Unpack[RunOptions]) -> Run:
        """Plays a run that meets the event, with its trace; options as in `Scenario.run`.

        Raises
        ------
        InvalidError
            If no run reached the event.
        """
        if self._example is None:
            raise InvalidError("no run reached the last level; there is no example of the event")
        script, seed = self._example
        return Scenario.from_json(script).run(seed, **options)

    def to_pandas(self) -> pd.DataFrame:
        """The levels as a pandas DataFrame, with a row per level.

        Its columns are the condition, the share of the runs from the level below that reached it (the mean,
        the least and the greatest of the repeats), and the probability of reaching it.
        """
        import pandas

        shares = [[repeat[at] / self.effort for repeat in self.reached] for at in range(len(self.levels))]
        so_far = [
            sum(math.prod(n / self.effort for n in repeat[: at + 1]) for repeat in self.reached)
            / len(self.reached)
            for at in range(len(self.levels))
        ]
        return pandas.DataFrame(
            {
                "level": [str(level) for level in self.levels],
                "share": [sum(share) / len(share) for share in shares],
                "least": [min(share) for share in shares],
                "greatest": [max(share) for share in shares],
                "probability": so_far,
            }
        )

    def __repr__(self) -> str:
        low, high = self.interval
        what = f"P({self.levels[-1]})"
        effort = f"{len(self.levels)} levels, {self.runs:,} runs"
        if self.probability == 0:
            return (
                f"<rare event: {what} was not met, below {high:.2g} ({percent(self.confidence)}); {effort}>"
            )
        return (
            f"<rare event: {what} = {self.probability:.3g} "
            f"({low:.2g} to {high:.2g}, {percent(self.confidence)}); {effort}, "
            f"as precise as {self.brute_force_runs:,.0f} by brute force>"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{self.to_pandas().to_html(index=False)}"


def rare_event(
    scenario: Scenario,
    levels: Condition | Iterable[Condition],
    *,
    effort: int = 500,
    repeats: int = 20,
    seed: int = 0,
    confidence: float = 0.95,
    checks: bool = True,
    threads: int | None = None,
    progress: bool | Callable[[int], object] = True,
) -> RareEvent:
    """Estimates the probability of an event that is too rare to be counted in plain runs.

    Levels lead to the event, each rarer than the one before: one node down, two, three, a violation. From
    the states in which runs reached a level, new runs are started with new random draws, and so on from
    level to level; the product of the shares estimates the probability of the last one. The estimate is
    unbiased for any levels; it is precise if one of 3 to 20 runs reaches each level from the one before.

    Parameters
    ----------
    scenario : Scenario
        The scenario, which is played to its horizon; it must have no steps and no `stop`.
    levels : Condition or list of Condition
        The levels, with the event last. A run that meets a level counts for all before it.
    effort : int, default 500
        The number of runs that start from each level.
    repeats : int, default 20
        The number of independent repeats, at least 2; the interval comes from their spread.
    seed : int, default 0
        The seed. The result is the same for any number of threads.
    confidence : float, default 0.95
        The confidence of the interval.
    checks : bool, default True
        Whether the properties are checked, so that `violated` can be a level.
    threads, progress
        As in `sweep`; progress is counted in repeats.

    Returns
    -------
    RareEvent
        The probability with its interval, the shares by level, and an example of a run that meets the event.

    Raises
    ------
    InvalidError
        If an argument is invalid.

    References
    ----------
    Garvels, "The splitting method in rare event simulation", 2000 (fixed effort).

    Examples
    --------
    Nodes crash at random for a while: how probable is it that all three are down at once?

    >>> import raftlab as rl
    >>> crashes = [rl.Crash(n, at=rl.exponential("10s"), every=rl.exponential("10s"), duration="300ms")
    ...            for n in "ABC"]
    >>> scenario = rl.Scenario(3, faults=crashes, horizon="20s")
    >>> rare = rl.rare_event(scenario, [rl.down(1), rl.down(2), rl.down(3)], effort=200, repeats=10)
    >>> 0.0005 < rare.probability < 0.02
    True
    >>> sum(not node.up for node in rare.example())
    3
    """
    instance(scenario, Scenario, "scenario")
    listed = [levels] if isinstance(levels, Condition) else items(levels, "levels")
    conditions = tuple(instance(level, Condition, "levels") for level in listed)
    effort = integer(effort, "effort", 1, MOST_EFFORT)
    repeats = integer(repeats, "repeats", 2, MOST_EFFORT)
    confidence_of(confidence, "confidence")
    workers = default_threads() if threads is None else integer(threads, "threads", 1, MOST_THREADS)
    with Progress(repeats, "repeats", progress) as bar:
        reached, (runs, events), example, interrupted = _core.climb(
            scenario.to_json(),
            [dumps(level.to_dict()) for level in conditions],
            effort=effort,
            repeats=repeats,
            seed=integer(seed, "seed", 0, U64),
            threads=workers,
            checks=flag(checks, "checks"),
            progress=bar.reached,
        )
    if interrupted is not None:
        if not isinstance(interrupted, KeyboardInterrupt) or len(reached) < 2:
            raise interrupted
        warning = IncompleteWarning(f"interrupted: {len(reached)} of {repeats} repeats are finished and kept")
        warning.cause = interrupted
        warn(warning)
    ascents = tuple(tuple(repeat) for repeat in reached)
    return RareEvent(scenario, conditions, ascents, effort, runs, events, confidence, example)


MOST_EFFORT = 10**9
