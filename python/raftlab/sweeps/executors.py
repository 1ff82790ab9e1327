"""Plays the chunks of a plan with an executor: other processes or machines."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .. import _core
from ..errors import InvalidError, RaftlabError, shown
from .chunks import Chunk, Deal
from .plan import Part, Plan

__all__ = ["elsewhere", "executor_of"]

RETRIES = 3
"""The number of times a failed chunk is tried again."""
IN_LINE = 3
"""The number of chunks queued for each worker."""
STRAGGLES = 4.0
"""A chunk that takes this many times as long as usual is also started on another worker."""
LEAST_STRAGGLE_S = 2.0
ENOUGH = 3
LOOK_EVERY_S = 0.05
COUNT_EVERY_S = 5.0
"""The interval at which workers are counted: machines of a cluster come and go."""

Played: TypeAlias = "tuple[Part, float]"
"""The rows of a chunk, and the seconds that it took."""


def play_chunk(plan: Plan, first: int, last: int, threads: int, version: str) -> Played:
    """Plays a chunk; this is the function that an executor calls."""
    if version != _core.VERSION:
        raise InvalidError(
            f"executor: a worker has raftlab {_core.VERSION}, and this sweep is of {version}: "
            "install the same version everywhere"
        )
    begun = time.perf_counter()
    part = plan.play(first, last, threads)
    return part, time.perf_counter() - begun


def executor_of(executor: Any) -> Executor:
    """The executor for an argument: one of concurrent.futures, or that of a dask Client."""
    if hasattr(executor, "get_executor") and hasattr(executor, "scheduler"):
        if getattr(executor, "status", "running") != "running":
            raise InvalidError(f"executor: the dask Client is {executor.status}: give one that is connected")
        found: Executor = executor.get_executor(pure=False)
        return found
    if not callable(getattr(executor, "submit", None)):
        raise InvalidError(
            f"executor must be a concurrent.futures.Executor or a dask Client, not {shown(executor)}"
        )
    return executor  # type: ignore[no-any-return]


@dataclass(eq=False)
class _Task:
    """A chunk that was submitted to the executor."""

    chunk: Chunk
    futures: list[Future[Played]] = field(default_factory=list)
    failures: int = 0
    begun: float = 0.0


class _Crew:
    """The workers of an executor and their chunks."""

    def __init__(self, plan: Plan, chunks: Deal, executor: Executor, threads: int) -> None:
        self._plan, self._executor, self._threads = plan, executor, threads
        self._waiting = chunks
        self._tasks: dict[Future[Played], _Task] = {}
        self._took: list[float] = []
        self.busy = True
        self.count()
        self.refill()

    def count(self) -> None:
        """Counts the workers."""
        self._workers, self._counted = workers_of(self._executor), time.monotonic()
        self._waiting.shared_by(self._workers)

    def submit(self, task: _Task) -> None:
        """Submits a chunk, for the first time or again."""
        small, first, last = self._plan.part(*task.chunk)
        try:
            future = self._executor.submit(play_chunk, small, first, last, self._threads, _core.VERSION)
        except Exception as error:
            raise RaftlabError(f"executor: it accepts no work: {type(error).__name__}: {error}") from error
        task.futures.append(future)
        task.begun = time.monotonic()
        self._tasks[future] = task

    def refill(self) -> None:
        """Keeps some chunks queued for each worker, once their duration is known."""
        if time.monotonic() - self._counted > COUNT_EVERY_S:
            self.count()
        line = IN_LINE if self._took else 1
        for _ in range(line * self._workers - len(self._tasks)):
            chunk = next(self._waiting, None)
            if chunk is None:
                break
            self.submit(_Task(chunk))
        self.busy = bool(self._tasks)

    def done(self, patience: float = LOOK_EVERY_S) -> Iterator[tuple[Chunk, Part]]:
        """Yields the chunks finished since the last call, after waiting for at most `patience` seconds.

        Raises
        ------
        RaftlabError
            If a chunk fails repeatedly, after the finished chunks were yielded.
        """
        done, _ = wait(self._tasks, timeout=patience, return_when=FIRST_COMPLETED)
        lost = None
        for future in done:
            task = self._tasks.pop(future, None)
            if task is None:
                continue  # another worker was faster
            try:
                played = result_of(future, task)
                if played is None:
                    task.failures += 1
                    self.submit(task)
                    continue
            except RaftlabError as error:
                lost = error
                continue
            for other in task.futures:
                if self._tasks.pop(other, None) is not None:
                    other.cancel()
            part, seconds = played
            self._took.append(time.monotonic() - task.begun)
            self._waiting.took(task.chunk[1] - task.chunk[0], seconds)
            yield task.chunk, part
        if lost is not None:
            raise lost

    def help_stragglers(self) -> None:
        """Starts chunks that take far too long a second time, when workers are idle at the end."""
        if len(self._tasks) >= self._workers or len(self._took) < ENOUGH:
            return
        usual = statistics.median(self._took[-100:])
        late = time.monotonic() - max(LEAST_STRAGGLE_S, STRAGGLES * usual)
        for task in set(self._tasks.values()):
            if task.begun < late and len(task.futures) == 1 + task.failures:
                self.submit(task)

    def leave(self) -> None:
        """Cancels the chunks that are still queued."""
        for future in self._tasks:
            future.cancel()


def elsewhere(executor: Executor, plan: Plan, chunks: Deal, threads: int) -> Iterator[tuple[Chunk, Part]]:
    """Plays chunks with an executor, and yields them in the order in which they finish.

    Only scenarios and ranges of seeds are sent out, and rows come back. A chunk whose worker is lost is
    played again. A chunk that takes far longer than usual is started twice, and the first result counts.
    Finished chunks are yielded before an error is raised.

    Raises
    ------
    RaftlabError
        If a chunk fails repeatedly, or the executor accepts no more work.
    """
    crew = _Crew(plan, chunks, executor, threads)
    try:
        while crew.busy:
            yield from crew.done()
            crew.help_stragglers()
            crew.refill()
    except KeyboardInterrupt:
        yield from crew.done(patience=0)
        raise
    finally:
        crew.leave()


def result_of(future: Future[Played], task: _Task) -> Played | None:
    """The result of a chunk; None if it must be played again."""
    first, last = task.chunk
    try:
        return future.result()
    except (InvalidError, KeyboardInterrupt):
        raise
    except (Exception, CancelledError) as error:
        if task.failures < RETRIES and not is_broken(error):
            return None
        again = f" {task.failures + 1} times" if task.failures else ""
        raise RaftlabError(
            f"executor: runs {first} to {last} failed{again}: {type(error).__name__}: {error}"
        ) from error


def is_broken(error: BaseException) -> bool:
    """True if the error means that an executor accepts no more work."""
    return type(error).__name__.startswith("Broken") or "shutdown" in str(error)


def workers_of(executor: Executor) -> int:
    """The number of workers of an executor; 8 if it does not report one."""
    count = getattr(executor, "_max_workers", None)
    if isinstance(count, int):
        return count
    client = getattr(executor, "_client", None)
    if client is not None:
        return sum(client.nthreads().values()) or 1
    return 8
