"""A scenario over many seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _core
from ._arguments import U64, choice, flag, integer, number
from .errors import InvalidError, shown
from .scenario import Scenario, default_threads

if TYPE_CHECKING:
    import pandas as pd

    from .cluster import Run

__all__ = ["Survey", "upper_bound"]

MOST_THREADS = 1024


def upper_bound(events: int, runs: int, confidence: float = 0.95) -> float:
    """The highest probability of an event that is compatible with so few of them in so many runs.

    The one-sided Clopper-Pearson limit; with no event at all it is 1 - (1 - confidence)^(1 / runs), about
    3 / runs at 95 %.

    >>> round(upper_bound(0, 10_000), 6)
    0.0003
    """
    events, runs = integer(events, "events"), integer(runs, "runs")
    if not 0 <= events <= runs or runs < 1:
        raise InvalidError(f"events must be between 0 and runs, and runs at least 1, not {events} of {runs}")
    confidence = number(confidence, "confidence", "between 0 and 1", 0, 1)
    if events == runs:
        return 1.0
    if events == 0:
        return float(1.0 - (1.0 - confidence) ** (1.0 / runs))
    from scipy.stats import beta

    return float(beta.ppf(confidence, events + 1, runs - events))


@dataclass(frozen=True, eq=False)
class Survey:
    """What came of a scenario with many seeds.

    Attributes
    ----------
    scenario : Scenario
        What was played.
    columns : dict of str to list
        A value a seed: seed, ending, end_ms, since_last_fault_ms, elections, highest_term, commit_index,
        delivered, violations, rules (those violated, joined by commas, the first one first), digest.
    """

    scenario: Scenario
    columns: dict[str, list[Any]]

    @classmethod
    def _of(
        cls,
        scenario: Scenario,
        seeds: int | range,
        threads: int | None,
        checks: bool,
        on_violation: str,
        progress: Callable[[int], object] | None,
    ) -> Survey:
        if isinstance(seeds, int) and not isinstance(seeds, bool):
            seeds = range(seeds)
        if not isinstance(seeds, range) or seeds.step != 1 or not 0 <= seeds.start < seeds.stop:
            raise InvalidError(f"seeds must be a number above 0 or a range with step 1, not {shown(seeds)}")
        if seeds.stop > U64:
            raise InvalidError(f"seeds must end before 2^64 - 1, not {shown(seeds)}")
        choice(on_violation, "on_violation", ("record", "stop"))
        if progress is not None and not callable(progress):
            raise InvalidError(f"progress must be callable, not {shown(progress)}")
        workers = default_threads() if threads is None else integer(threads, "threads", 1, MOST_THREADS)
        columns = _core.survey(
            scenario.to_json(),
            seeds.start,
            len(seeds),
            threads=workers,
            checks=flag(checks, "checks"),
            stop_on_violation=on_violation == "stop",
            progress=progress,
        )
        return cls(scenario, columns)

    def __len__(self) -> int:
        return len(self.columns["seed"])

    @property
    def violating_seeds(self) -> list[int]:
        """The seeds whose runs violated a rule."""
        pairs = zip(self.columns["seed"], self.columns["violations"], strict=True)
        return [seed for seed, violations in pairs if violations]

    @property
    def rules(self) -> dict[str, int]:
        """How many runs violated which rule, the most frequent first.

        A run that stops at its first violation counts for one rule only: see `on_violation`.
        """
        broken = (rule for rules in self.columns["rules"] if rules for rule in rules.split(","))
        return dict(Counter(broken).most_common())

    @property
    def upper_bound(self) -> float:
        """The highest probability of a violation that these runs leave possible, with 95 % confidence."""
        return upper_bound(len(self.violating_seeds), len(self))

    def replay(self, seed: int, **options: Any) -> Run:
        """One of the runs again, with its trace. Options as in `Scenario.run`."""
        return self.scenario.run(seed, **options)

    def to_pandas(self) -> pd.DataFrame:
        """A row a seed, as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame(self.columns)

    def __repr__(self) -> str:
        bad = len(self.violating_seeds)
        if bad == 0:
            return f"<survey: {len(self):,} runs, no violation; P(violation) < {self.upper_bound:.2g} (95 %)>"
        rules = ", ".join(f"{rule} {count:,}" for rule, count in self.rules.items())
        return f"<survey: {len(self):,} runs, {bad:,} with violations ({rules})>"
