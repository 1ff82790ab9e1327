"""Futures of a run: a sweep over different continuations of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .._arguments import integer, items
from .._time import Duration, to_ms
from ..errors import InvalidError, ReplayError, shown
from ..scenario import Scenario
from .plan import MOST_RUNS, Metric, Moment, Plan
from .play import play_and_keep
from .result import Sweep

if TYPE_CHECKING:
    from ..cluster import Forkable

__all__ = ["futures"]


def futures(
    world: Forkable,
    count: int,
    at: Duration | Iterable[Duration] | None,
    duration: Duration | None,
    metrics: Metric | Iterable[Metric] | None,
    series: Duration | None,
    on_violation: str,
    threads: int | None,
    progress: bool | Callable[[int], object],
) -> Sweep:
    """See `Forkable.futures`."""
    count = integer(count, "count", 1, MOST_RUNS)
    duration_ms = None if duration is None else to_ms(duration, "duration")
    if duration_ms == 0:
        raise InvalidError("duration must be longer than 0 ms")
    scenario = Scenario.from_json(world._engine.script(up_to_now=at is None))
    if scenario._parts.get("edits") or any(not watches for _, watches in world._engine.hooked()):
        raise ReplayError("this run was shaped by an interceptor; its futures have other messages")
    times = moments_of(world, at)
    if at is None and duration_ms is None:
        raise InvalidError("duration must be given, since no steps are left in the scenario from now on")
    first = (world.seed + 1) % (2**64 - 1 - count)
    grid = None if at is None or not isinstance(at, Iterable) or isinstance(at, str) else {"at_ms": times}
    plan = Plan.of(
        scenario if grid is None else lambda **_: scenario,
        grid,
        seeds=range(first, first + count),
        metrics=metrics,
        series=series,
        checks=world._engine.watching[1],
        on_violation=on_violation,
        common_random_numbers=True,
    )
    moments: tuple[Moment, ...] = tuple((world.seed, time, duration_ms) for time in times)
    return play_and_keep(plan.at_moments(moments), threads, progress)


def moments_of(world: Forkable, at: Duration | Iterable[Duration] | None) -> list[float | None]:
    """The times of the moments; None means now."""
    if at is None:
        return [None]
    given = items(at, "at") if isinstance(at, Iterable) and not isinstance(at, str) else [at]
    times = [to_ms(time, "at") for time in given]
    if not times:
        raise InvalidError("at must be a time or a list of at least one")
    for time in times:
        if time > world.now_ms:
            raise InvalidError(
                f"at must not be later than the run, which ends at {world.now_ms} ms, not {shown(time)} ms"
            )
    return list(times)
