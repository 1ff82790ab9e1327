"""Plays a sweep."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable

from .._arguments import integer
from .._progress import Progress
from .._time import Duration
from ..scenario import Scenario, default_threads
from .plan import Grid, Metric, Part, Plan
from .result import Sweep

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
        How many threads; as many as this process may use if not given.
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
    <sweep: 200 runs, 2 points x 100 seeds, no violation; P(violation) < 0.015 (95 %)>
    >>> result.to_pandas().groupby("timeout").downtime_ms.median().round(-1).to_dict()
    {50: 70.0, 150: 170.0}
    >>> result.replay(0).digest == result.replay({"timeout": 50, "seed": 0}).digest
    True
    """
    plan = Plan.of(build, grid, seeds, metrics, series, checks, on_violation, common_random_numbers)
    return play_and_keep(plan, threads, progress)


def play_and_keep(plan: Plan, threads: int | None, progress: bool | Callable[[int], object]) -> Sweep:
    """Plays a plan; Ctrl-C keeps what is finished."""
    workers = default_threads() if threads is None else integer(threads, "threads", 1, MOST_THREADS)
    with Progress(plan.runs, "runs", progress) as bar:
        part = play(plan, workers, bar)
    if part.interrupted is not None and not isinstance(part.interrupted, KeyboardInterrupt):
        raise part.interrupted
    result = Sweep(plan, part.runs, part.series)
    if part.interrupted is not None:
        warnings.warn(
            f"interrupted: {len(result):,} of {plan.runs:,} runs are finished and kept", stacklevel=3
        )
    return result


def play(plan: Plan, threads: int, bar: Progress) -> Part:
    """All runs, in this process.

    Those that functions of the user's look at come in batches, so that what is finished can be kept.
    """
    if not plan.own_metrics:
        return plan.play(0, plan.runs, threads, bar.reached)
    parts = []
    for first in range(0, plan.runs, BATCH):
        parts.append(plan.play(first, min(first + BATCH, plan.runs), threads))
        bar.reached(min(first + BATCH, plan.runs))
        if parts[-1].interrupted is not None:
            break
    return Part.join(parts)


BATCH = 64
