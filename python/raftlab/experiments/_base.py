"""What an experiment is: questions with yes or no for an answer, and runs that answer them.

No verdict is written down anywhere. A variant plays its story, and its judge looks at what came of it: the
run's violations, logs and client history. The same judge looks at a control, in which one thing is changed so
that the opposite should be true; if the judge does not change its mind there, it judges nothing.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from .._arguments import choice, integer, items
from .._world import World
from ..statistics import upper_bound
from ..sweeps import Sweep
from ..sweeps.observed import sample_of
from ..views import Violations

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Evidence: TypeAlias = "World | Sweep | dict[str, Any]"
"""What a variant leaves behind: a cluster, many seeds of it, or several of those by name."""


@dataclass(frozen=True)
class Answer:
    """What a judge says.

    Attributes
    ----------
    yes : bool
        The answer to the variant's question.
    happened : str
        What was seen, with figures from the run.
    """

    yes: bool
    happened: str


@dataclass(frozen=True)
class Variant:
    """One row of the table of claims.

    Attributes
    ----------
    id : str
        Its number, such as `"E1.3"`.
    title : str
        What is done.
    question : str
        What the run is asked; the answer is yes or no.
    claim : str
        What texts claim; empty if nobody claims anything.
    claimed : bool or None
        The answer that the claim amounts to.
    play : callable
        Plays the story with a seed, and gives the evidence.
    judge : callable
        Looks at the evidence, and at nothing else.
    control : callable
        Plays the story in which the opposite should be true.
    changed : str
        What the control changes.
    comes_later : str
        For rows that need what raftlab does not simulate yet: what is missing.
    """

    id: str
    title: str
    question: str
    claim: str = ""
    claimed: bool | None = None
    play: Callable[[int], Evidence] | None = None
    judge: Callable[[Any], Answer] | None = None
    control: Callable[[int], Evidence] | None = None
    changed: str = ""
    comes_later: str = ""


@dataclass(frozen=True)
class Finding:
    """What a variant came to.

    Attributes
    ----------
    variant : Variant
        What was asked.
    answer, opposite : Answer or None
        What the judge says of the story and of its control; `None` for a row that comes later.
    evidence, control : object
        What the judge looked at.
    """

    variant: Variant
    answer: Answer | None = None
    opposite: Answer | None = None
    evidence: Evidence | None = field(default=None, repr=False)
    control: Evidence | None = field(default=None, repr=False)

    @property
    def verdict(self) -> str:
        """What the run says of the claim.

        `"holds"` or `"is false"`; `"yes"` or `"no"` where nobody claims anything; `"not decided"` if the
        judge says the same of the control; `"comes later"` for what is not simulated yet.
        """
        if self.answer is None:
            return "comes later"
        if self.opposite is not None and self.opposite.yes == self.answer.yes:
            return "not decided"
        if self.variant.claimed is None:
            return "yes" if self.answer.yes else "no"
        return "holds" if self.answer.yes == self.variant.claimed else "is false"

    @property
    def happened(self) -> str:
        """What was seen."""
        return self.answer.happened if self.answer else f"needs {self.variant.comes_later}"

    @property
    def violations(self) -> Violations:
        """What the checks found in the story, if it is a single run."""
        if isinstance(self.evidence, World) and self.evidence._engine.watching[1]:
            return self.evidence.violations
        return Violations()


@dataclass(frozen=True)
class Result(Sequence[Finding]):
    """What an experiment came to: a row a variant.

    `result["E1.3"]` or `result[2]` is a finding; `result.plot()` draws the experiment's picture.
    """

    id: str
    title: str
    findings: tuple[Finding, ...]
    draw: Callable[[Result, Axes | None], Axes] = field(repr=False)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            for finding in self.findings:
                if finding.variant.id == key:
                    return finding
            known = ", ".join(f.variant.id for f in self.findings)
            raise KeyError(f"{key!r}; the variants are {known}")
        return self.findings[key]

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draws the experiment's picture."""
        return self.draw(self, ax)

    def table(self) -> list[dict[str, str]]:
        """The table of claims against what happened: a dict a row.

        A verdict of `"yes"` or `"no"` answers the question of its row.
        """
        return [
            {
                "id": f.variant.id,
                "variant": f.variant.title,
                "question": f.variant.question,
                "claimed": f.variant.claim or "–",
                "verdict": f.verdict,
                "what happened": f.happened,
            }
            for f in self.findings
        ]

    def __repr__(self) -> str:
        lines = [f"{self.id} · {self.title}"]
        lines += [
            f"  {f.variant.id:<5} {f.verdict:<11} {f.variant.title}: {f.happened}" for f in self.findings
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        left = " style='text-align:left'"
        rows = self.table()
        head = "".join(f"<th{left}>{html.escape(name)}</th>" for name in rows[0])
        body = "".join(
            "<tr>" + "".join(f"<td{left}>{html.escape(cell)}</td>" for cell in row.values()) + "</tr>"
            for row in rows
        )
        caption = f"<caption>{html.escape(f'{self.id} · {self.title}')}</caption>"
        return f"<table>{caption}<tr>{head}</tr>{body}</table>"


@dataclass(frozen=True)
class Experiment:
    """An experiment: call it, and it runs.

    Attributes
    ----------
    id, title : str
        Its number and its question.
    variants : callable
        Gives the variants; takes how many seeds a sweep plays.
    draw : callable
        Draws the picture of a result.
    """

    id: str
    title: str
    variants: Callable[[int], Sequence[Variant]] = field(repr=False)
    draw: Callable[[Result, Axes | None], Axes] = field(repr=False)
    __doc__: str = ""

    def __call__(self, *, seed: int = 1, seeds: int = 10_000, only: str | Sequence[str] = ()) -> Result:
        """Runs the experiment.

        Parameters
        ----------
        seed : int, default 1
            The luck of the stories that are played once.
        seeds : int, default 10,000
            How many seeds stand behind "never".
        only : str or list of str, optional
            The ids of the variants to run; all if empty.

        Returns
        -------
        Result
            A finding a variant.

        Raises
        ------
        InvalidError
            If an argument makes no sense, or a variant is unknown.
        KeyboardInterrupt
            On Ctrl-C: a part of the runs is no verdict.
        """
        integer(seed, "seed")
        variants = self.variants(integer(seeds, "seeds", 1))
        known = [variant.id for variant in variants]
        wanted = [only] if isinstance(only, str) else items(only, "only")
        for name in wanted:
            choice(name, "only", known)
        chosen = [v for v in variants if not wanted or v.id in wanted]
        return Result(self.id, self.title, tuple(_find(variant, seed) for variant in chosen), self.draw)


def _find(variant: Variant, seed: int) -> Finding:
    if variant.play is None or variant.judge is None:
        return Finding(variant)
    evidence = variant.play(seed)
    answer = variant.judge(evidence)
    if variant.control is None:
        return Finding(variant, answer, None, evidence)
    control = variant.control(seed)
    return Finding(variant, answer, variant.judge(control), evidence, control)


def bound(swept: Sweep, violated: str = "") -> str:
    """What many runs without a violation are worth, in words; or without one of this property.

    Runs that stopped at the violation of another property do not tell, and are none of them.
    """
    if not violated:
        return f"0 of {len(swept):,} runs; P < {swept.upper_bound:.2g} (95 %)"
    told = sample_of(swept, f"rules={violated}").n
    return f"0 of {told:,} runs; P < {upper_bound(0, told):.2g} (95 %)"
