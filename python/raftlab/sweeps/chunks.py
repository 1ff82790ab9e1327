"""A plan in pieces, played here. Who executes functions elsewhere is in `executors`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from .plan import Part, Plan

__all__ = ["Chunk", "chunks_of", "here"]

Chunk = tuple[int, int]
"""Some runs of a plan: the first one, and the one behind the last."""


def chunks_of(runs: int, size: int) -> list[Chunk]:
    """All runs in chunks of one size; the last may be smaller."""
    return [(first, min(first + size, runs)) for first in range(0, runs, size)]


def here(
    plan: Plan, chunks: Iterable[Chunk], threads: int, told: Callable[[int], object]
) -> Iterator[tuple[Chunk, Part]]:
    """Plays one chunk after the other in this process; the last one may be interrupted."""
    done = 0
    for first, last in chunks:
        part = plan.play(first, last, threads, partial(tell, told, done))
        yield (first, last), part
        if part.interrupted is not None:
            return
        done += last - first


def tell(told: Callable[[int], object], before: int, more: int) -> None:
    """So many are done, besides those before."""
    told(before + more)
