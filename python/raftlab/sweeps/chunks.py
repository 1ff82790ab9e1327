"""A plan in pieces, and who plays them here. Who executes functions elsewhere is in `executors`.

How a plan is cut is nobody's business but the clock's: the rows are the same for any cuts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from .plan import Part, Plan

__all__ = ["Chunk", "Deal", "gaps", "here"]

Chunk = tuple[int, int]
"""Some runs of a plan: the first one, and the one after the last."""

ABOUT_S = 1.0
"""How long a chunk is played, about: what is lost with whoever plays it, and how often rows are kept."""
LEAST_S = 0.05
"""At the end, when chunks become small so that all who play end together, not less than this."""
MOST_ROWS = 100_000
"""Most runs of a chunk, however fast they are: its rows wait in memory."""
GROWTH = 32
"""A chunk has at most this many times as many runs as the largest whose time is known."""


def gaps(runs: int, known: Iterable[Chunk]) -> list[Chunk]:
    """What is not among chunks that are known, in order."""
    missing, reached = [], 0
    for first, last in (*sorted(known), (runs, runs)):
        if first > reached:
            missing.append((reached, first))
        reached = max(reached, last)
    return missing


class Deal:
    """Deals out the runs that are missing, in chunks that take about a second.

    The first ones are of few runs, for nobody knows yet how long a run takes; `took` tells. With several who
    play at the same time, chunks become smaller towards the end.
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
        """So many runs of a chunk were played in so much time. What was measured long ago counts less."""
        self._runs = self._runs / 2 + runs
        self._seconds = self._seconds / 2 + seconds
        self._largest = max(self._largest, runs)

    def shared_by(self, hands: int) -> None:
        """So many play at the same time now."""
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
    """So many are done, besides those before."""
    told(before + more)
