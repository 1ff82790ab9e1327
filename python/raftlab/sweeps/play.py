"""Plays a sweep."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from .._arguments import integer
from .._progress import Progress
from .._time import Duration
from ..scenario import Scenario, default_threads
from ..tables import Table
from .chunks import Chunk, chunks_of, here
from .plan import Grid, Metric, Part, Plan
from .result import Sweep
from .store import Store

__all__ = ["sweep"]

MOST_THREADS = 1024


def sweep(
    build: Callable[..., Scenario] | Scenario,
    grid: Grid | None = None,
    *,
    seeds: int | range = 10_000,
    metrics: Metric | Iterable[Metric] | None = None,
    series: Duration | None = None,
    checks: bool = True,
    on_violation: str = "stop",
    common_random_numbers: bool = True,
    threads: int | None = None,
    executor: Any = None,
    store: str | os.PathLike[str] | None = None,
    progress: bool | Callable[[int], object] = True,
) -> Sweep:
    """Plays scenarios over a grid of parameters and many seeds, on all cores: a row a run.

    The result is the same for any number of threads, bit for bit. Ctrl-C keeps the runs that are finished:
    the result then says that it is not complete.

    Parameters
    ----------
    build : callable or Scenario
        `build(**point)` gives the Scenario of a point of the grid; or one Scenario, without a grid.
    grid : dict of lists, or list of dicts, optional
        Values by parameter, of which all combinations are played; or the points themselves. Numbers, flags
        and texts become columns of that type; of anything else its text.
    seeds : int or range, default 10,000
        How many seeds from 0 on, or a range of them (with step 1); each point is played with all of them.
    metrics : str, callable, or list of them, optional
        What rows say of their runs: names and groups of `raftlab.metrics`, or `"all"`. A function of a
        `Run` is one too; its name becomes the column. (That is the slow path: every run is played once
        more with its trace, in Python's own thread.)
    series : time, optional
        Also write down what happened in bins of time of this width: see `Sweep.series`.
    checks : bool, default True
        Whether the invariants are checked after every event.
    on_violation : {"stop", "record"}, default "stop"
        Whether a run goes on after a violation.
    common_random_numbers : bool, default True
        The k-th run of every point has the same seed (common random numbers), so that points can be
        compared pair by pair. Otherwise each point has seeds of its own, whatever the grid around it.
    threads : int, optional
        How many threads; as many as this process may use if not given. With an executor, how many each of
        its tasks uses; one if not given.
    executor : concurrent.futures.Executor or dask Client, optional
        Who plays the runs: processes, or machines. Scenarios and ranges of seeds travel out, rows come back;
        what a lost worker had is played again.
    store : path, optional
        A folder into which the rows are written as they come, as Parquet files (needs pyarrow). If the
        process dies, the same call goes on where it was; a folder with another sweep is an error. The
        rows are not kept in memory, but read when they are asked for: also by
        `pyarrow.dataset.dataset(f"{store}/runs")`, polars or DuckDB, if they are too many.
    progress : bool or callable, default True
        Whether to show a progress bar, in a notebook or a terminal, if it takes longer than a second
        (needs tqdm); or a function that is called now and then with the number of runs that are done.

    Returns
    -------
    Sweep
        Its `runs` are a table with a row a run: the grid's columns, `seed`, the metrics, and `ending`,
        `end_ms`, `violations`, `rules`, `error`, `digest`. A run that fails is a row with its error.

    Raises
    ------
    InvalidError
        If any argument, or what `build` returns, makes no sense. Nothing was played then.

    Examples
    --------
    >>> import raftlab as rl
    >>> def failover(timeout):
    ...     return rl.Scenario(5, election_timeout=(timeout, 2 * timeout),
    ...                        faults=[rl.Crash("leader", at="1s")], stop=rl.leader_elected)
    >>> result = rl.sweep(failover, {"timeout": [50, 150]}, seeds=100)
    >>> result
    <sweep: 200 runs, 2 points x 100 seeds, no violation; P(violation) < 0.03 (95 %)>
    >>> result.to_pandas().groupby("timeout").downtime_ms.median().round(-1).to_dict()
    {50: 70.0, 150: 170.0}
    >>> result.replay(0).digest == result.replay({"timeout": 50, "seed": 0}).digest
    True
    """
    plan = Plan.of(build, grid, seeds, metrics, series, checks, on_violation, common_random_numbers)
    return play_and_keep(plan, threads, progress, executor, store)


def crew_of(executor: Any) -> Callable[[Plan, Iterable[Chunk], int], Iterator[tuple[Chunk, Part]]]:
    """Plays chunks by an executor."""
    from .executors import elsewhere, executor_of  # and concurrent.futures, which few need

    return partial(elsewhere, executor_of(executor))


def play_and_keep(
    plan: Plan,
    threads: int | None,
    progress: bool | Callable[[int], object],
    executor: Any = None,
    store: str | os.PathLike[str] | None = None,
) -> Sweep:
    """Plays a plan, here or elsewhere, into memory or onto disk; Ctrl-C keeps what is finished."""
    crew = None if executor is None else crew_of(executor)
    usual = default_threads() if crew is None else 1
    workers = usual if threads is None else integer(threads, "threads", 1, MOST_THREADS)
    shelf = None if store is None else Store(store, plan, chunk_size(plan, in_pieces=True))
    kept: dict[Chunk, Part] = {}
    interrupted: BaseException | None = None
    missing = shelf.missing() if shelf else chunks_of(plan.runs, chunk_size(plan, in_pieces=crew is not None))
    done = plan.runs - sum(last - first for first, last in missing)
    with Progress(plan.runs, "runs", progress) as bar:
        bar.reached(done)
        before = done
        parts = (
            here(plan, missing, workers, lambda more: bar.reached(before + more))
            if crew is None
            else crew(plan, missing, workers)
        )
        try:
            for chunk, part in parts:
                done += len(part.runs)
                bar.reached(done)
                interrupted = part.interrupted
                if shelf is None:
                    kept[chunk] = part
                elif interrupted is None:
                    shelf.write(chunk, part)
        except KeyboardInterrupt as error:
            interrupted = error
    if interrupted is not None and not isinstance(interrupted, KeyboardInterrupt):
        raise interrupted
    result = Sweep(plan, *(from_store(shelf, plan) if shelf else from_memory(kept, plan)))
    if interrupted is not None:
        warnings.warn(
            f"interrupted: {len(result):,} of {plan.runs:,} runs are finished and kept", stacklevel=3
        )
    return result


def from_memory(kept: dict[Chunk, Part], plan: Plan) -> tuple[Table, Table | None]:
    """The rows of chunks, in order."""
    parts = [part for _, part in sorted(kept.items(), key=lambda item: item[0])]
    whole = Part.join(parts) if parts else plan.play(0, 1, 1).without_rows()
    return Table(whole.runs), None if whole.series is None else Table(whole.series)


def from_store(store: Store, plan: Plan) -> tuple[Table, Table | None]:
    """The rows of chunks on disk, in order."""
    return store.table("runs"), None if plan.bins_ms is None else store.table("series")


def chunk_size(plan: Plan, *, in_pieces: bool) -> int:
    """How many runs are dealt out at once.

    In this process all of them, unless functions of the user's look at them, which is slow: then few, so
    that what is finished can be kept. Elsewhere, and onto disk, a hundredth of them, within limits.
    """
    if in_pieces:
        return min(max(-(-plan.runs // 128), 16), 100_000)
    return BATCH if plan.own_metrics else plan.runs


BATCH = 64
