"""The parts of an experiment: yes-or-no questions, and runs that answer them.

No verdict is written in the code. A variant plays its story, and its judge examines the run's violations,
logs and client history. The same judge examines a control, in which one thing is changed so that the
opposite should be true; if the judge gives the same answer there, the row is not decided.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from .._arguments import choice, integer, items
from .._violations import Violations
from .._world import World
from ..errors import InvalidError
from ..statistics import upper_bound
from ..sweeps import Sweep
from ..sweeps.observed import sample_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Evidence: TypeAlias = "World | Sweep | dict[str, Any]"
"""What a variant produces: a cluster, a sweep, or several of those by name."""


@dataclass(frozen=True)
class Answer:
    """A judge's answer.

    Attributes
    ----------
    yes : bool
        The answer to the variant's question.
    happened : str
        What happened, with figures from the run.
    """

    yes: bool
    happened: str


@dataclass(frozen=True)
class Variant:
    """A row of the table of claims.

    Attributes
    ----------
    id : str
        Its number, such as `"E1.3"`.
    title : str
        What is done.
    question : str
        The yes-or-no question that the run answers.
    claim : str
        The claim found in texts; empty if there is none.
    claimed : bool or None
        The answer that follows from the claim.
    play : callable
        Plays the story with a seed and returns the evidence.
    judge : callable
        Answers the question from the evidence alone.
    control : callable
        Plays the story in which the opposite should be true.
    changed : str
        What the control changes.
    """

    id: str
    title: str
    question: str
    claim: str = ""
    claimed: bool | None = None
    play: Callable[[int], Evidence] = field(kw_only=True)
    judge: Callable[[Any], Answer] = field(kw_only=True)
    control: Callable[[int], Evidence] = field(kw_only=True)
    changed: str = field(kw_only=True)


@dataclass(frozen=True)
class Finding:
    """The result of a variant.

    Attributes
    ----------
    variant : Variant
        The row of the table.
    answer, opposite : Answer
        The judge's answers for the story and for its control.
    evidence, control : object
        What the judge examined.
    """

    variant: Variant
    answer: Answer
    opposite: Answer
    evidence: Evidence = field(repr=False)
    control: Evidence = field(repr=False)

    @property
    def verdict(self) -> str:
        """The verdict on the claim.

        `"holds"` or `"is false"`; `"yes"` or `"no"` for a row without a claim; `"not decided"` if the judge
        gives the same answer for the control.
        """
        if self.opposite.yes == self.answer.yes:
            return "not decided"
        if self.variant.claimed is None:
            return "yes" if self.answer.yes else "no"
        return "holds" if self.answer.yes == self.variant.claimed else "is false"

    @property
    def reply(self) -> str:
        """The answer to the question: `"Yes"`, `"No"`, or the verdict if there is none."""
        if self.verdict == "not decided":
            return self.verdict.capitalize()
        return "Yes" if self.answer.yes else "No"

    @property
    def happened(self) -> str:
        """What happened, in words."""
        return self.answer.happened

    @property
    def violations(self) -> Violations:
        """The violations in the story, if it is a single run."""
        if isinstance(self.evidence, World) and self.evidence._engine.watching[1]:
            return self.evidence.violations
        return Violations()


@dataclass(frozen=True)
class Result(Sequence[Finding]):
    """The result of an experiment, with a finding per variant.

    `result["E1.3"]` or `result[2]` is a finding; `result.plot()` draws the experiment's picture, which is of
    the variant `pictured`.
    """

    id: str
    title: str
    findings: tuple[Finding, ...]
    pictured: str
    draw: Callable[[Any, str, Axes | None], Axes] = field(repr=False)

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
        """Draws the experiment's picture, with the answer to its question as the title.

        Raises
        ------
        InvalidError
            If `only=` left out the variant that it is of.
        """
        if self.pictured not in [finding.variant.id for finding in self.findings]:
            played = ", ".join(finding.variant.id for finding in self.findings)
            raise InvalidError(f"only must include {self.pictured}, which the picture is of, not {played}")
        finding = self[self.pictured]
        return self.draw(finding.evidence, f"{finding.variant.question} {finding.reply}", ax)

    def table(self) -> list[dict[str, str]]:
        """The table of claims and of what happened, as a dict per row.

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
    """An experiment, which runs when it is called.

    Attributes
    ----------
    id, title : str
        Its number and its question.
    variants : callable
        Returns the variants, given the number of seeds of a sweep.
    pictured : str
        The id of the variant that the picture is of.
    draw : callable
        Draws the picture of its evidence, with a title.
    """

    id: str
    title: str
    variants: Callable[[int], Sequence[Variant]] = field(repr=False)
    pictured: str
    draw: Callable[[Any, str, Axes | None], Axes] = field(repr=False)
    __doc__: str = ""

    def __call__(self, *, seed: int = 1, seeds: int = 10_000, only: str | Sequence[str] = ()) -> Result:
        """Runs the experiment.

        Parameters
        ----------
        seed : int, default 1
            The seed of the stories that are played once.
        seeds : int, default 10,000
            The number of seeds of the rows that sweep many runs.
        only : str or list of str, optional
            The ids of the variants to run; all if empty.

        Returns
        -------
        Result
            A finding per variant.

        Raises
        ------
        InvalidError
            If an argument is invalid, or a variant is unknown.
        KeyboardInterrupt
            On Ctrl-C, since a part of the runs gives no verdict.
        """
        integer(seed, "seed")
        variants = self.variants(integer(seeds, "seeds", 1))
        known = [variant.id for variant in variants]
        wanted = [only] if isinstance(only, str) else items(only, "only")
        for name in wanted:
            choice(name, "only", known)
        chosen = [v for v in variants if not wanted or v.id in wanted]
        findings = tuple(_find(variant, seed) for variant in chosen)
        return Result(self.id, self.title, findings, self.pictured, self.draw)


def _find(variant: Variant, seed: int) -> Finding:
    evidence, control = variant.play(seed), variant.control(seed)
    return Finding(variant, variant.judge(evidence), variant.judge(control), evidence, control)


def bound(swept: Sweep, violated: str = "") -> str:
    """The upper bound from many runs without a violation, or without one of this property, in words.

    Runs that stopped at the violation of another property are unknown and do not count.
    """
    if not violated:
        return f"0 of {len(swept):,} runs; P < {swept.upper_bound:.2g} (95 %)"
    known = sample_of(swept, f"properties={violated}").n
    return f"0 of {known:,} runs; P < {upper_bound(0, known):.2g} (95 %)"
