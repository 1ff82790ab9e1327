"""Looking for the timeout that costs least: first from afar, then closely where it seems to be."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial

from .._time import HOUR_MS, format_ms
from ..errors import InvalidError
from ..scenario import Scenario
from ..sweeps import Sweep
from .costs import Costs, Seen
from .rates import Crashes, Deposed, Quiet
from .setup import HEALTHY, SETTLED, STEADY, Setup, played

__all__ = ["Budget", "Closely", "Search"]

SERIES = (1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 4.0, 5.0, 6.0, 7.0, 8.5)
"""Timeouts that are tried, times powers of ten: twelve to a decade, in numbers that one would choose."""
COARSE = 3
"""From afar every third of them is tried."""
BELOW, ABOVE = 6, 12
"""How far from the round trip the first look goes: from a third of it to ten times as long."""
SHORTER, LONGER = 4, 3
"""A close look takes so many of them on either side: half to nearly twice as long."""
SHORTEST = -36
"""A microsecond."""
HOPELESS = 36
"""A cluster that elects nobody with a timeout of a thousand round trips never does."""
ENOUGH = 20
"""So many losses must be seen somewhere, so that it is known how they become rarer."""
FIRST_SHARE = 0.3
"""The part of the budget that is spent to see where to look closely."""
SECOND_SHARE = 0.9
"""The part of what is left then that is spent there: most, but it may turn out to be beside the minimum."""
AGAIN = 4
"""How often it may."""
MOST_SEEDS = 1 << 24
A_CRASH = SETTLED + 2
"""So many timeouts the run of a crash takes, about."""


@dataclass
class Budget:
    """How much may be played.

    Attributes
    ----------
    runs : int or None
        How many runs in all.
    seconds : float or None
        How long it may take.
    crashes, healthy_ms : int and float, or None
        Or how many crashes, and how much time of a healthy cluster, with each timeout.
    """

    runs: int | None = None
    seconds: float | None = None
    crashes: int | None = None
    healthy_ms: float | None = None
    begun: float = field(default_factory=time.monotonic)

    def of(self, share: float) -> Budget:
        """A part of it, from now on."""
        return Budget(
            None if self.runs is None else max(1, int(share * self.runs)),
            None if self.seconds is None else share * self.seconds,
            None if self.crashes is None else max(2, int(share * self.crashes)),
            None if self.healthy_ms is None else share * self.healthy_ms,
        )

    def glance(self) -> tuple[int, int]:
        """How many crashes and healthy runs a look from afar has with each timeout."""
        size = 4000 if self.runs is None else self.runs
        return min(max(size // 100, 10), 100), min(max(size // 400, 3), 25)


@dataclass(frozen=True)
class Closely:
    """What was played with some timeouts: the leader crashes, nothing fails, and the leader is deposed.

    Attributes
    ----------
    timeouts : list of float
        All of them; the other sweeps are with those that elect.
    failovers, steady, beginnings : Sweep
        The beginnings are those of the steady ones.
    deposed : Sweep or None
        Where a follower can do that.
    """

    timeouts: list[float]
    failovers: Sweep
    steady: Sweep
    beginnings: Sweep
    deposed: Sweep | None

    def quiet(self, at: float) -> Quiet:
        """A healthy cluster with one of the timeouts."""
        return Quiet.of(self.steady.where(timeout_ms=at), self.beginnings.where(timeout_ms=at))

    def lengths(self, at: float) -> Deposed | None:
        """How long a loss lasts with one of the timeouts."""
        if self.deposed is None:
            return None
        return Deposed.of(self.deposed.where(timeout_ms=at), self.beginnings.where(timeout_ms=at))


class Search:
    """Looks for the best timeout with one loss.

    Attributes
    ----------
    seen : dict of float to Seen
        What was played so far, by timeout: those with which a leader was ever elected.
    unable : set of float
        The others.
    runs : int
        How many runs that were.
    simulated_ms : float
        How long they lasted, in simulated time.
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
        self._latencies = setup.latencies()
        self._known: dict[float, float | None] = {}
        self.seen: dict[float, Seen] = {}
        self.unable: set[float] = set()
        self.runs, self.simulated_ms = 0, 0.0

    # ---- What is played -------------------------------------------------------------------------------

    def play(self, timeouts: Iterable[float], crashes: int, healthy: int) -> Closely | None:
        """Crashes and a healthy cluster, with each of some timeouts; nothing if none of them elects."""
        tried, begun, self._costs = sorted(timeouts), time.monotonic(), None
        failovers = self._sweep(
            self._setup.failover, tried, self._seeds(crashes, len(tried)), ["since_last_fault_ms"]
        )
        found = {at: Crashes.of(failovers.where(timeout_ms=at), self._setup.away_ms(at)) for at in tried}
        able = [at for at in tried if found[at].over.any()]
        self.unable |= {*tried} - {*able}
        self._work += len(tried) * (crashes * A_CRASH + healthy * HEALTHY)
        looked = None
        if able:
            looked = self._healthy(able, healthy, failovers, tried)
            for at in able:
                seen = Seen(found[at], looked.quiet(at), looked.lengths(at))
                self.seen[at] = self.seen[at].and_more(seen) if at in self.seen else seen
        self._seconds += time.monotonic() - begun
        return looked

    def _healthy(self, able: list[float], runs: int, failovers: Sweep, tried: list[float]) -> Closely:
        """A healthy cluster, and one whose leader is deposed, with the same seeds: they begin alike."""
        setup, seeds = self._setup, self._seeds(runs, len(able))
        steady = self._sweep(setup.steady, able, seeds, STEADY)
        beginnings = self._sweep(partial(setup.steady, lasting=SETTLED), able, seeds, STEADY)
        deposed = self._sweep(setup.deposed, able, seeds, STEADY) if setup.plain else None
        return Closely(tried, failovers, steady, beginnings, deposed)

    def _sweep(
        self, build: Callable[..., Scenario], timeouts: list[float], seeds: range, metrics: list[str]
    ) -> Sweep:
        """Plays a sweep; progress counts from what is done."""
        progress = self._progress
        if callable(progress):
            progress = partial(shifted, progress, self.runs)
        found = played(partial(build, loss=self._loss), timeouts, seeds, metrics, self._threads, progress)
        self.runs += len(found)
        self.simulated_ms += float(found["end_ms"].sum())
        return found

    def _seeds(self, count: int, points: int) -> range:
        """Seeds for the first of some points; those of the others follow. Nothing else uses them."""
        first = (self._seed << 32) + self._used
        self._used += count * points
        return range(first, first + count)

    def costs(self) -> Costs | None:
        """What timeouts cost, by all that was played; nothing if the cluster works with none."""
        import numpy as np

        if self._costs is None and any(seen.able for seen in self.seen.values()):
            self._costs = Costs.of(self.seen, self._failures, self._false, np.random.default_rng(self._seed))
        return self._costs

    def _false(self, timeout_ms: float) -> float | None:
        """How many false elections there are in a timeout, if that is known."""
        if timeout_ms not in self._known:
            known = self._setup.false_elections(timeout_ms, self._loss, self._latencies)
            self._known[timeout_ms] = known
        return self._known[timeout_ms]

    # ---- Where to look --------------------------------------------------------------------------------

    def from_afar(self, *, bounded: bool = True) -> None:
        """Widens what is tried until the minimum lies inside.

        Raises
        ------
        InvalidError
            If there is none, and it matters.
        """
        crashes, healthy = self._budget.glance()
        middle = rung_of(max(self._latencies.round_trip_ms, 1e-3))
        more = [*range(middle - BELOW, middle + ABOVE + 1, COARSE)]
        rungs: list[int] = []
        while more:
            self.play([rung(step) for step in more], crashes, healthy)
            rungs = sorted({*rungs, *more})
            more = self._beyond(rungs, middle, bounded)

    def _beyond(self, rungs: list[int], middle: int, bounded: bool) -> list[int]:
        """What to try next: below, or above, or nothing more."""
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
                "network: there is no best timeout: the shorter, the better, down to a microsecond; "
                "messages that take no time bound it by nothing"
            )
        if best >= rung(rungs[-1]):
            if rung(above[-1]) <= HOUR_MS:
                return above
            if bounded:
                raise InvalidError(
                    "network: there is no best timeout: the longer, the better, up to an hour; "
                    "a healthy cluster costs more than failures with any, as too many messages are lost"
                )
        return []

    def closely(self, always: Iterable[float]) -> Closely:
        """Looks at timeouts around the best one, until it lies among them; and at some others.

        Raises
        ------
        InvalidError
            If it is somewhere else each time: too little is played to see where it is.
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
        """Looks at these timeouts, with most of what is left of the budget."""
        tried = sorted(timeouts)
        found = self._look(tried, SECOND_SHARE)
        if found is None:
            raise nobody_elected(tried)
        return found

    def _look(self, timeouts: Collection[float], share: float) -> Closely | None:
        """Plays timeouts, and shorter ones that tell how losses become rarer, for a share of what is left."""
        ladder = [] if self._budget.crashes is not None else self._ladder(min(timeouts))
        afford = self._afford([*timeouts, *ladder], share)
        if ladder:
            self.play(ladder, *afford)
        return self.play(timeouts, *afford)

    def _ladder(self, top: float) -> list[float]:
        """Coarse steps below the top one, down to one with which enough losses were seen."""
        steps: list[int] = []
        for step in range(rung_of(top) - COARSE, SHORTEST, -COARSE):
            near = [seen for at, seen in self.seen.items() if abs(rung_of(at) - step) <= COARSE // 2]
            if not near or sum(seen.quiet.losses for seen in near) >= ENOUGH:
                break
            steps.append(step)
        return [rung(step) for step in steps]

    def briefly(self, given: list[float] | None) -> None:
        """Looks once, at some timeouts or around the best one; that nobody is elected is an answer, too."""
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
        """How many crashes and healthy runs with each of some timeouts, for a share of what is left."""
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


def shifted(told: Callable[[int], object], before: int, done: int) -> object:
    """So many are done, besides those before."""
    return told(before + done)


def nobody_elected(timeouts: list[float]) -> InvalidError:
    """That no timeout does."""
    listed = ", ".join(format_ms(at) for at in timeouts)
    return InvalidError(
        f"timeouts: with none of {listed} was a new leader elected after the leader's crash: "
        "round trips are too long for them, or too many messages are lost"
    )


def rung(step: int) -> float:
    """A timeout of the series, in ms: that of step 0 is 1."""
    decade, place = divmod(step, len(SERIES))
    return float(f"{SERIES[place]}e{decade}")


def rung_of(ms: float) -> int:
    """The step of the series that is nearest."""
    about = round(len(SERIES) * math.log10(ms))
    return min(range(about - 2, about + 3), key=lambda step: abs(math.log(rung(step) / ms)))
