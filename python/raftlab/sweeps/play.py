"""The entry point of sweeps."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import TracebackType
from typing import Any, Self

from .._arguments import integer
from .._progress import Progress
from .._time import Duration
from ..errors import FaultWarning, IncompleteWarning, MetricWarning, RaftlabError, warn
from ..scenario import Scenario, default_threads
from ..tables import Table
from .chunks import Chunk, Deal, here
from .grid import Grid
from .plan import Metric, Part, Plan
from .result import Sweep
from .store import Store

__all__ = ["sweep"]

MOST_THREADS = 1024


def sweep(
    build: Callable[..., Scenario] | Scenario,
    grid: Grid | None = None,
    *,
    seeds: int | Iterable[int] = 10_000,
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
    """Plays scenarios over a grid of parameters and many seeds, on all cores, with a row per run.

    The result is the same for any number of threads, bit for bit. Ctrl-C keeps the finished runs, and the
    result is then not `complete`. The same applies to anything else that ends a sweep early, with a warning.

    Parameters
    ----------
    build : callable or Scenario
        A function that returns the Scenario of a point of the grid, `build(**point)`. If it has a parameter
        `seed`, it is called for every run, `build(seed=seed, **point)`, and may draw a scenario from the
        seed. Or a single Scenario: the grid's parameters are then arguments of `Scenario.replace`, such as
        `"election_timeout"`, or places in its JSON, such as `"network.loss"` or `"faults.0.at"`.
    grid : dict of lists, or list of dicts, optional
        Values by parameter, of which all combinations are played; or a list of points. Numbers, flags and
        texts become columns of that type; other objects, and integers beyond 64 bits, become their text. No
        two points may be equal.
    seeds : int, range or iterable of int, default 10,000
        The number of seeds, from 0, or the seeds themselves, such as another sweep's `violating_seeds`. Each
        point is played with all of them.
    metrics : str, callable, or list of them, optional
        The columns of metrics: names and groups of `raftlab.metrics`, or `"all"` (all but `wall_ms`, which
        differs each time). A function of a `Run` is a metric, too, with its name as the column. It returns a
        flag, a number, a text or None, always of one type; of other objects the text is kept. (Functions are
        slow: every run is played once more with its trace, in Python's own thread.)
    series : time, optional
        The width of the bins of a time series: see `Sweep.series`. None is recorded by default.
    checks : bool, default True
        Whether the properties are checked after every event.
    on_violation : {"stop", "record"}, default "stop"
        Whether a run stops at its first violation, or records it and continues.
    common_random_numbers : bool, default True
        Whether the k-th run of every point has the same seed, so that points can be compared pair by pair.
        Otherwise each point has its own seeds, independent of the rest of the grid.
    threads : int, optional
        The number of threads; by default as many as this process may use. With an executor, the number of
        threads of each of its tasks; one by default.
    executor : concurrent.futures.Executor or dask Client, optional
        Processes or machines that play the runs. Scenarios and ranges of seeds are sent out, and rows come
        back. The chunks of a lost dask worker are played again; a pool of processes that breaks ends the
        sweep, and finished runs are kept.
    store : path, optional
        A folder to which finished rows are written as Parquet files (needs pyarrow). If the process dies,
        the same call continues where it stopped. A folder with another sweep is an error, also if only a
        custom metric's function differs. Rows are not kept in memory, but read on demand; tables that do not
        fit into memory can be read by `pyarrow.dataset.dataset(f"{store}/runs")`, polars or DuckDB.
    progress : bool or callable, default True
        Whether to show a progress bar, in a notebook or a terminal, for a sweep longer than a second (needs
        tqdm); or a function that is called repeatedly with the number of finished runs. If it raises, the
        sweep ends.

    Returns
    -------
    Sweep
        Its `runs` are a table with a row per run: the grid's columns, `seed`, the metrics, and `ending`,
        `end_ms`, `violations`, `properties`, `error`, `digest`. A run that fails is a row with its error.

    Raises
    ------
    InvalidError
        If an argument or a return value of `build` is invalid, or `build` raises: the error names the point.
        Nothing was played or written then.
    RaftlabError
        If an executor or a disk failed before any run was finished.

    Warns
    -----
    IncompleteWarning
        If the sweep ended early; it names the reason and the number of finished runs.
    MetricWarning
        If a function among the metrics raised in every run.
    FaultWarning
        If runs ended before their `stop` was armed.

    Examples
    --------
    >>> import raftlab as rl
    >>> def failover(timeout):
    ...     return rl.Scenario(5, election_timeout=(timeout, 2 * timeout),
    ...                        faults=[rl.Crash("leader", at="1s")], stop=rl.leader_elected)
    >>> result = rl.sweep(failover, {"timeout": [50, 150]}, seeds=100)
    >>> result
    <sweep: 200 runs, 2 points x 100 seeds, no violation; P(violation) < 0.03 (95 %)>
      timeout   downtime_ms: median (95 %)   violating seeds
           50       73.69 (70.19 to 77.59)              none
          150       174.9 (169.3 to 178.6)              none
    one of the runs again: result.replay(0)
    >>> result.to_pandas().groupby("timeout").downtime_ms.median().round(-1).to_dict()
    {50: 70.0, 150: 170.0}
    >>> result.replay(0).digest == result.replay({"timeout": 50, "seed": 0}).digest
    True

    A scenario with other values at some places, and seeds of your choice:

    >>> scenario = rl.Scenario(3, network=rl.Network(loss=0), stop=rl.leader_elected, horizon="5s")
    >>> lossy = rl.sweep(scenario, {"network.loss": [0, 0.2]}, seeds=[7, 3, 11])
    >>> lossy.runs.to_list("seed")
    [7, 3, 11, 7, 3, 11]
    """
    plan = Plan.of(build, grid, seeds, metrics, series, checks, on_violation, common_random_numbers)
    return play_and_keep(plan, threads, progress, executor, store)


def whole(build: Callable[..., Scenario] | Scenario, grid: Grid | None = None, **options: Any) -> Sweep:
    """Plays a sweep that must be complete: anything that would end it early is raised."""
    return undivided(lambda: sweep(build, grid, **options))


def undivided(play: Callable[[], Sweep]) -> Sweep:
    """Plays a sweep by calling `play`, and raises anything that ended it early.

    Missing rows are not a sufficient test, because Ctrl-C may arrive with the last row.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", IncompleteWarning)
        try:
            return play()
        except IncompleteWarning as early:
            raise (early.cause or KeyboardInterrupt()) from early


def play_and_keep(
    plan: Plan,
    threads: int | None,
    progress: bool | Callable[[int], object],
    executor: Any = None,
    store: str | os.PathLike[str] | None = None,
) -> Sweep:
    """Plays a plan, here or elsewhere, into memory or to disk, and keeps finished runs if it ends early."""
    bar = Progress(plan.runs, "runs", progress)
    crew = None if executor is None else crew_of(executor)
    usual = default_threads() if crew is None else 1
    workers = usual if threads is None else integer(threads, "threads", 1, MOST_THREADS)
    ended: BaseException | None = None
    with Memory(plan) if store is None else Store(store, plan) as kept, bar:
        missing = kept.missing()
        done = plan.runs - sum(last - first for first, last in missing)
        before = done
        try:
            for chunk, part in (
                here(
                    plan, deal(plan, missing, workers, store), workers, lambda more: tell(bar, before + more)
                )
                if crew is None
                else crew(plan, Deal(missing, workers), workers)
            ):
                kept.keep(chunk, part)
                ended = part.interrupted
                if ended is not None:
                    break
                done += len(part.runs)
                tell(bar, done)
        except (KeyboardInterrupt, RaftlabError) as error:
            ended = error
        result = Sweep(plan, *kept.tables())
    warn_of_what_was_not_armed(result)
    warn_of_what_always_failed(result)
    if ended is not None:
        give_up_or_warn(ended, result, before, in_memory=store is None)
    return result


def give_up_or_warn(ended: BaseException, result: Sweep, before: int, *, in_memory: bool) -> None:
    """Warns of what ended a sweep early if there are new rows, or on Ctrl-C; otherwise raises it."""
    by_hand = isinstance(ended, KeyboardInterrupt)
    if not by_hand and (not isinstance(ended, RaftlabError) or len(result) == before):
        raise ended
    why = "interrupted" if by_hand else f"ended early: {ended}"
    kept = f"{len(result):,} of {result._plan.runs:,} runs are finished and kept"
    go_on = "with store= the same call could continue" if in_memory else "the same call plays the others"
    said = f"{why}: {kept}" if result.complete else f"{why}: {kept}; {go_on}"
    warning = IncompleteWarning(said)
    warning.cause = ended
    warn(warning)


def warn_of_what_was_not_armed(result: Sweep) -> None:
    """Warns of runs that ended before their `stop` was armed, which are neither successes nor failures."""
    if not any('"stop"' in scenario for scenario in result._plan.scenarios):
        return
    unarmed = sum(ending == "not_armed" for ending in result.runs._cells("ending"))
    if unarmed:
        said = (
            f"{unarmed:,} of {len(result):,} runs ended 'not_armed': their faults did not strike before the "
            "end, or one still waited for its target"
        )
        warn(FaultWarning(said))


def warn_of_what_always_failed(result: Sweep) -> None:
    """Warns of a custom metric that raised in every run."""
    own = result._plan.own_metrics
    errors = [why for _, why in result.errors] if own else []
    for name, _ in own:
        raised = [why for why in errors if why.startswith(f"metric {name}: ")]
        if raised and len(raised) == len(result) - int(result._failed.sum()):
            said = f"{raised[0]} (in all of {len(raised):,} runs; their column '{name}' is empty)"
            warn(MetricWarning(said))


def tell(bar: Progress, done: int) -> None:
    """Reports progress. A progress function that raises ends the sweep, and finished runs are kept."""
    try:
        bar.reached(done)
    except Exception as error:
        raise RaftlabError(f"progress raised {type(error).__name__}: {error}") from error


def crew_of(executor: Any) -> Callable[[Plan, Deal, int], Iterator[tuple[Chunk, Part]]]:
    """A function that plays chunks with an executor."""
    from .executors import elsewhere, executor_of  # imports concurrent.futures, which few need

    return partial(elsewhere, executor_of(executor))


def deal(plan: Plan, missing: list[Chunk], threads: int, store: Any) -> Deal:
    """The chunks of a sweep in this process: one for all runs in memory, several for a store.

    Custom metrics are slow and also use chunks, so that progress is visible.
    """
    at_once = store is None and not plan.own_metrics
    return Deal(missing, plan.runs if at_once else threads)


class Memory:
    """Rows in memory, with the interface of a `Store`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._parts: dict[Chunk, Part] = {}

    def missing(self) -> list[Chunk]:
        """All runs."""
        return [(0, self._plan.runs)]

    def keep(self, chunk: Chunk, part: Part) -> None:
        """Keeps a chunk, or the finished part of it."""
        self._parts[chunk] = part

    def tables(self) -> tuple[Table, Table | None]:
        """All rows so far: of runs, and of the time series."""
        parts = [part for _, part in sorted(self._parts.items(), key=lambda item: item[0])]
        whole = Part.join(parts) if parts else self._plan.no_rows()
        return Table(whole.runs), None if whole.series is None else Table(whole.series)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
