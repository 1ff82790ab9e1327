"""The search for the timeout with the least cost: first coarse, then close to the minimum."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from .._time import HOUR_MS, format_ms
from ..errors import InvalidError
from ..scenario import Scenario
from ..sweeps import Sweep
from .costs import Costs, Seen
from .rates import Crashes, Deposed, Quiet
from .setup import HEALTHY, STEADY, Setup, played

__all__ = ["Budget", "Closely", "Search"]

SERIES = (1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 4.0, 5.0, 6.0, 7.0, 8.5)
"""The timeouts to try, times powers of ten: twelve round numbers per decade."""
COARSE = 3
"""The coarse search tries every third of them."""
BELOW, ABOVE = 6, 12
"""The range of the first search in steps: from a third of the round trip to ten times as long."""
SHORTER, LONGER = 4, 3
"""The range of the close search in steps: from half of the best timeout to nearly twice as long."""
SHORTEST = -36
"""The step of a microsecond."""
HOPELESS = 36
"""A cluster that elects no leader with a timeout of a thousand round trips never does."""
ENOUGH = 20
"""The number of losses that must be observed with some timeout, to extrapolate their decline."""
FIRST_SHARE = 0.3
"""The share of the budget for the coarse search."""
SECOND_SHARE = 0.9
"""The share of the rest for a close search; something is kept in case it misses the minimum."""
AGAIN = 4
"""The maximum number of close searches."""
MOST_SEEDS = 1 << 24
A_CRASH = 10
"""The approximate length of a run with a crash, in timeouts."""
CRASHED = ["since_last_fault_ms", "unavailable_ms"]
"""The metrics of runs with a crash."""
DEPOSED = [*STEADY, "since_last_fault_ms"]
"""The metrics of runs with a deposed leader."""


@dataclass
class Budget:
    """The amount of simulation that is allowed.

    Attributes
    ----------
    runs : int or None
        The total number of runs.
    seconds : float or None
        The time that it may take.
    crashes, healthy_ms : int and float, or None
        Or the number of crashes, and the simulated time of a healthy cluster, with each timeout.
    """

    runs: int | None = None
    seconds: float | None = None
    crashes: int | None = None
    healthy_ms: float | None = None
    begun: float = field(default_factory=time.monotonic)

    def of(self, share: float) -> Budget:
        """A share of the budget, starting now."""
        return Budget(
            None if self.runs is None else max(1, int(share * self.runs)),
            None if self.seconds is None else share * self.seconds,
            None if self.crashes is None else max(2, int(share * self.crashes)),
            None if self.healthy_ms is None else share * self.healthy_ms,
        )

    def glance(self) -> tuple[int, int]:
        """The numbers of crashes and healthy runs per timeout in the coarse search."""
        size = 4000 if self.runs is None else self.runs
        return min(max(size // 100, 10), 100), min(max(size // 400, 3), 25)


@dataclass(frozen=True)
class Closely:
    """The runs of a close search: with a leader's crash, without failures, and with a deposed leader.

    Attributes
    ----------
    timeouts : list of float
        All timeouts.
    failovers : Sweep
        The runs with a crash.
    beginnings : Sweep
        The beginnings of all runs, until the cluster settled.
    steady : Sweep
        The healthy runs, with the timeouts with which the cluster settles after a crash.
    deposed : Sweep or None
        The runs with a deposed leader with these timeouts, if a follower can depose one.
    """

    timeouts: list[float]
    failovers: Sweep
    beginnings: Sweep
    steady: Sweep
    deposed: Sweep | None

    def quiet(self, at: float) -> Quiet:
        """A healthy cluster with one of the timeouts."""
        return Quiet.of(self.steady.where(timeout_ms=at), self.beginnings.where(timeout_ms=at))

    def lengths(self, at: float) -> Deposed | None:
        """The lengths of losses with one of the timeouts."""
        if self.deposed is None:
            return None
        return Deposed.of(self.deposed.where(timeout_ms=at), self.beginnings.where(timeout_ms=at))


class Search:
    """The search for the best timeout with one loss.

    Attributes
    ----------
    seen : dict of float to Seen
        The runs so far, for timeouts with which a leader was ever elected.
    unable : set of float
        The other timeouts.
    runs : int
        The number of runs.
    simulated_ms : float
        Their total simulated time.
    latencies : Latencies
        The latencies of the links.
    """

    def __init__(
        self,
        setup: Setup,
        loss: float,
        failures: float,
        seed: int,
        budget: Budget,
        threads: int | None = None,
        progress: bool | Callable[[int], object] = False,
    ) -> None:
        self._setup, self._loss, self._failures, self._budget = setup, loss, failures, budget
        self._seed, self._used = seed, 0
        self._threads, self._progress = threads, progress
        self._work, self._seconds = 0.0, 0.0
        self._costs: Costs | None = None
        self.latencies = setup.latencies()
        self._known: dict[float, float | None] = {}
        self.seen: dict[float, Seen] = {}
        self.unable: set[float] = set()
        self.runs, self.simulated_ms = 0, 0.0

    # ---- Playing --------------------------------------------------------------------------------------

    def play(self, timeouts: Iterable[float], crashes: int, healthy: int) -> Closely | None:
        """Plays crashes and a healthy cluster with some timeouts; None if none of them elects a leader."""
        tried, begun, self._costs = sorted(timeouts), time.monotonic(), None
        setup, runs = self._setup, max(crashes, healthy)
        first = self._first_seeds(runs, tried)
        beginnings = self._sweep(setup.beginning, first, runs, STEADY)
        failovers = self._sweep(setup.failover, first, crashes, CRASHED)
        found = {at: crashes_of(failovers, beginnings, setup, at) for at in tried}
        able = [at for at in tried if found[at].over.any()]
        self.unable |= {*tried} - {*able}
        self._work += len(tried) * (crashes * A_CRASH + healthy * HEALTHY)
        looked = None
        if able:
            settling = {at: first[at] for at in able}
            steady = self._sweep(setup.steady, settling, healthy, STEADY)
            deposed = self._sweep(setup.deposed, settling, healthy, DEPOSED) if setup.plain else None
            looked = Closely(tried, failovers, beginnings, steady, deposed)
            for at in able:
                seen = Seen(found[at], looked.quiet(at), looked.lengths(at))
                self.seen[at] = self.seen[at].and_more(seen) if at in self.seen else seen
        self._seconds += time.monotonic() - begun
        return looked

    def _sweep(
        self,
        build: Callable[..., Scenario],
        first_seeds: Mapping[float, int],
        count: int,
        metrics: list[str],
    ) -> Sweep:
        """Plays a sweep; progress includes earlier sweeps."""
        progress = self._progress
        if callable(progress):
            progress = partial(shifted, progress, self.runs)
        found = played(partial(build, loss=self._loss), first_seeds, count, metrics, self._threads, progress)
        self.runs += len(found)
        self.simulated_ms += float(found["end_ms"].sum())
        return found

    def _first_seeds(self, count: int, timeouts: Sequence[float]) -> dict[float, int]:
        """Reserves seeds for each of the timeouts, and returns its first one; all its runs share them."""
        first = (self._seed << 32) + self._used
        self._used += count * len(timeouts)
        return {timeout: first + at * count for at, timeout in enumerate(timeouts)}

    def costs(self) -> Costs | None:
        """The costs of timeouts from all runs; None if the cluster works with none."""
        import numpy as np

        if self._costs is None and any(seen.able for seen in self.seen.values()):
            self._costs = Costs.of(self.seen, self._failures, self._false, np.random.default_rng(self._seed))
        return self._costs

    def _false(self, timeout_ms: float) -> float | None:
        """The calculated number of false elections per timeout, or None."""
        if timeout_ms not in self._known:
            known = self._setup.false_elections(timeout_ms, self._loss, self.latencies)
            self._known[timeout_ms] = known
        return self._known[timeout_ms]

    # ---- Searching ------------------------------------------------------------------------------------

    def from_afar(self, *, bounded: bool = True) -> None:
        """Extends the range of timeouts until the minimum lies inside.

        Raises
        ------
        InvalidError
            If there is no minimum and `bounded` is set.
        """
        crashes, healthy = self._budget.glance()
        middle = rung_of(max(self.latencies.round_trip_ms, 1e-3))
        more = [*range(middle - BELOW, middle + ABOVE + 1, COARSE)]
        rungs: list[int] = []
        while more:
            self.play([rung(step) for step in more], crashes, healthy)
            rungs = sorted({*rungs, *more})
            more = self._beyond(rungs, middle, bounded)

    def _beyond(self, rungs: list[int], middle: int, bounded: bool) -> list[int]:
        """The steps to try next, below or above; empty if the range suffices."""
        below = [rungs[0] - 2 * COARSE, rungs[0] - COARSE]
        above = [rungs[-1] + COARSE, rungs[-1] + 2 * COARSE]
        costs = self.costs()
        if costs is None:
            return above if rungs[-1] < middle + HOPELESS and rung(above[-1]) <= HOUR_MS else []
        best = float(costs.timeouts[costs.best])
        losses = sum(seen.quiet.losses for at, seen in self.seen.items() if at <= best)
        low = best <= rung(rungs[0]) or (losses < ENOUGH and rung(rungs[0]) not in self.unable)
        if low and below[0] >= SHORTEST:
            return below
        if best <= rung(rungs[0]) and bounded:
            raise InvalidError(
                "network: there is no best timeout: shorter ones are better, down to a microsecond, because "
                "messages take no time"
            )
        if best >= rung(rungs[-1]):
            if rung(above[-1]) <= HOUR_MS:
                return above
            if bounded:
                raise InvalidError(
                    "network: there is no best timeout: longer ones are better, up to an hour, because too "
                    "many messages are lost, and losses of healthy leaders cost more than failures"
                )
        return []

    def closely(self, always: Iterable[float]) -> Closely:
        """Plays timeouts around the best one, until it lies among them, and the timeouts `always`.

        Raises
        ------
        InvalidError
            If the best timeout changes each time, because the budget is too small.
        """
        if self._budget.crashes is None:
            self._look({*self._window(), *always}, FIRST_SHARE)
        for _ in range(AGAIN):
            window = self._window()
            found = self.exactly({*window, *always})
            best = self._best()
            if window[0] < best < window[-1]:
                return found
        raise InvalidError(
            f"budget: the best timeout was not found; the last guess is {format_ms(self._best())}: "
            "it takes more runs"
        )

    def exactly(self, timeouts: Iterable[float]) -> Closely:
        """Plays these timeouts, with most of the remaining budget."""
        tried = sorted(timeouts)
        found = self._look(tried, SECOND_SHARE)
        if found is None:
            raise nobody_elected(tried)
        return found

    def _look(self, timeouts: Collection[float], share: float) -> Closely | None:
        """Plays timeouts, and shorter ones that show the decline of losses, for a share of the rest."""
        ladder = [] if self._budget.crashes is not None else self._ladder(min(timeouts))
        afford = self._afford([*timeouts, *ladder], share)
        if ladder:
            self.play(ladder, *afford)
        return self.play(timeouts, *afford)

    def _ladder(self, top: float) -> list[float]:
        """Coarse steps below the top one, down to one with enough observed losses."""
        steps: list[int] = []
        for step in range(rung_of(top) - COARSE, SHORTEST, -COARSE):
            near = [seen for at, seen in self.seen.items() if abs(rung_of(at) - step) <= COARSE // 2]
            if not near or sum(seen.quiet.losses for seen in near) >= ENOUGH:
                break
            steps.append(step)
        return [rung(step) for step in steps]

    def briefly(self, given: list[float] | None) -> None:
        """Plays once, some timeouts or those around the best one; it is no error if no leader lasts."""
        self.from_afar(bounded=False)
        if given is not None or self.costs() is not None:
            tried = self._window() if given is None else given
            self._look(tried, SECOND_SHARE)

    def _best(self) -> float:
        costs = self.costs()
        if costs is None:
            raise nobody_elected(sorted(self.unable | {*self.seen}))
        return float(costs.timeouts[costs.best])

    def _window(self) -> list[float]:
        """Timeouts around the best one."""
        middle = rung_of(self._best())
        return [rung(step) for step in range(middle - SHORTER, middle + LONGER + 1) if step >= SHORTEST]

    def _afford(self, timeouts: Collection[float], share: float) -> tuple[int, int]:
        """The numbers of crashes and healthy runs per timeout, for a share of the remaining budget."""
        budget = self._budget
        if budget.crashes is not None and budget.healthy_ms is not None:
            return budget.crashes, max(2, math.ceil(budget.healthy_ms / (HEALTHY * min(timeouts))))
        if budget.runs is not None:
            pairs = share * (budget.runs - self.runs) / ((4 if self._setup.plain else 3) * len(timeouts))
        else:
            left = budget.begun + (budget.seconds or 0.0) - time.monotonic()
            speed = self._work / max(self._seconds, 1e-9)
            pairs = share * left * speed / (len(timeouts) * (A_CRASH + HEALTHY))
        count = min(max(int(pairs), budget.glance()[1]), MOST_SEEDS)
        return count, count


def crashes_of(failovers: Sweep, beginnings: Sweep, setup: Setup, at: float) -> Crashes:
    """The crashes with one of the timeouts of a sweep."""
    return Crashes.of(failovers.where(timeout_ms=at), beginnings.where(timeout_ms=at), setup.away_ms(at))


def shifted(told: Callable[[int], object], before: int, done: int) -> object:
    """Reports progress, including earlier searches."""
    return told(before + done)


def nobody_elected(timeouts: list[float]) -> InvalidError:
    """The error that no timeout elects a leader."""
    listed = ", ".join(format_ms(at) for at in timeouts)
    return InvalidError(
        f"timeouts: with none of {listed} was a lasting leader elected after the leader's crash: "
        "round trips are too long for them, or too many messages are lost"
    )


def rung(step: int) -> float:
    """A timeout of the series, in ms: that of step 0 is 1."""
    decade, place = divmod(step, len(SERIES))
    return float(f"{SERIES[place]}e{decade}")


def rung_of(ms: float) -> int:
    """The nearest step of the series."""
    about = round(len(SERIES) * math.log10(ms))
    return min(range(about - 2, about + 3), key=lambda step: abs(math.log(rung(step) / ms)))
