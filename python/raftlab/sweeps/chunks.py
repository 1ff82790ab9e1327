"""The chunks of a plan, and how they are played in this process. `executors` plays them elsewhere.

Only speed depends on how a plan is split: the rows are the same for any chunks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from .plan import Part, Plan

__all__ = ["Chunk", "Deal", "gaps", "here"]

Chunk = tuple[int, int]
"""A range of runs of a plan: the first one, and the one after the last."""

ABOUT_S = 1.0
"""The approximate duration of a chunk: what a lost worker costs, and how often rows are saved."""
LEAST_S = 0.05
"""The minimum duration of the small chunks at the end, which let all workers finish together."""
MOST_ROWS = 100_000
"""The maximum number of runs in a chunk, since its rows are kept in memory."""
GROWTH = 32
"""The maximum ratio between a chunk's runs and those of the largest chunk measured so far."""


def gaps(runs: int, known: Iterable[Chunk]) -> list[Chunk]:
    """The ranges of runs that are not in any known chunk, in order."""
    missing, reached = [], 0
    for first, last in (*sorted(known), (runs, runs)):
        if first > reached:
            missing.append((reached, first))
        reached = max(reached, last)
    return missing


class Deal:
    """Divides the missing runs into chunks that take about a second.

    The first chunks have few runs, because the duration of a run is not known yet; `took` reports it. With
    several workers, chunks become smaller towards the end.
    """

    def __init__(self, missing: Iterable[Chunk], least: int, hands: int = 1) -> None:
        self._missing = list(missing)[::-1]
        self._left = sum(last - first for first, last in self._missing)
        self._least, self._hands = least, hands
        self._runs, self._seconds, self._largest = 0.0, 0.0, 0

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        if not self._missing:
            raise StopIteration
        first, end = self._missing.pop()
        last = min(first + self._size(), end)
        if last < end:
            self._missing.append((last, end))
        self._left -= last - first
        return first, last

    def took(self, runs: int, seconds: float) -> None:
        """Records the duration of a chunk. Earlier measurements count less."""
        self._runs = self._runs / 2 + runs
        self._seconds = self._seconds / 2 + seconds
        self._largest = max(self._largest, runs)

    def shared_by(self, hands: int) -> None:
        """Sets the number of workers."""
        self._hands = hands

    def _size(self) -> int:
        if self._largest == 0:
            return self._least
        rate = self._runs / max(self._seconds, 1e-9)
        size = min(ABOUT_S * rate, GROWTH * self._largest, MOST_ROWS)
        if self._hands > 1:
            size = min(size, max(self._left / (2 * self._hands), LEAST_S * rate))
        return max(int(size), self._least)


def here(
    plan: Plan, chunks: Deal, threads: int, told: Callable[[int], object]
) -> Iterator[tuple[Chunk, Part]]:
    """Plays one chunk after the other in this process; the last one may be interrupted."""
    done = 0
    for first, last in chunks:
        begun = time.perf_counter()
        part = plan.play(first, last, threads, partial(tell, told, done))
        chunks.took(last - first, time.perf_counter() - begun)
        yield (first, last), part
        if part.interrupted is not None:
            return
        done += last - first


def tell(told: Callable[[int], object], before: int, more: int) -> None:
    """Reports the number of finished runs, including those of earlier chunks."""
    told(before + more)
