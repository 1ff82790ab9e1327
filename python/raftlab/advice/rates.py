"""Measurements with one timeout: failover times, and leader losses of a healthy cluster."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar

from .._time import DAY_MS
from ..statistics import NOTHING, Estimate, Sample
from ..statistics.share import upper_bound

if TYPE_CHECKING:
    import numpy as np

    from ..sweeps import Sweep

    Array: TypeAlias = np.ndarray[Any, Any]

Record = TypeVar("Record", "Crashes", "Quiet", "Deposed")

NEARLY_ALWAYS = 0.95
"""The share of the runs that have to settle, at first and after a crash."""
SURE = 1e-3
"""The least relative standard error that is assumed for a mean."""


@dataclass(frozen=True)
class Crashes:
    """Crashes of the leader with one timeout. Arrays have a cell per run.

    Attributes
    ----------
    lost_ms : array of float
        The time without a leader from the crash (with two machines, from the return of the crashed one) to
        the end of the run.
    struck, over : array of bool
        Whether the cluster settled so that there was a leader to crash, and whether it settled again.
    """

    lost_ms: Array
    struck: Array
    over: Array

    @classmethod
    def of(cls, runs: Sweep, beginnings: Sweep, away_ms: float = 0.0) -> Self:
        """Reads the crashes from runs, minus their beginnings; the crashed machine was away for `away_ms`."""
        struck = runs["since_last_fault_ms"] < runs["end_ms"]  # with no leader to crash it is the whole run
        lost = since(runs, beginnings, "unavailable_ms") - away_ms
        return cls(lost, struck, struck & (runs["ending"] == "stop"))

    @property
    def usual(self) -> bool:
        """True if the cluster settles in time in most runs: these show how long elections take."""
        return bool(2 * self.over.sum() > len(self.over))

    @property
    def elect(self) -> bool:
        """True unless the cluster fails to settle in time significantly more often than it may.

        Then elections often go on for so long that a few crashes do not show how long.
        """
        return self.usual and upper_bound(int(self.over.sum()), len(self.over)) >= NEARLY_ALWAYS

    def sample(self) -> Sample:
        """The times without a leader until the cluster settled again."""
        waited = self.struck & ~self.over
        absent = int((~self.struck).sum())
        return Sample("failover_ms", self.lost_ms[self.over], self.lost_ms[waited], absent=absent)

    def log_mean(self) -> tuple[float, float]:
        """The logarithm of the mean, and its standard error."""
        return log_mean(self.sample())

    def mean(self, confidence: float) -> Estimate:
        """The mean time without a leader with its t interval; infinite if the cluster never settled."""
        sample = self.sample()
        if not self.struck.any():
            return Estimate(math.inf, math.nan, math.inf, "no lasting leader was elected")
        if not self.over.any():
            note = f"no lasting leader after any of {sample.n:,} crashes"
            return Estimate(math.inf, math.nan, math.inf, note)
        mean = sample.mean(confidence)
        # One value has no interval; a time that was not over has no upper limit.
        unbounded = math.isnan(mean.high) or len(sample.censored) > 0
        notes = [mean.note]
        if len(sample.censored):
            notes.append(f"no lasting leader after {len(sample.censored):,} of {sample.n:,} crashes")
        if sample.absent:
            notes.append(f"no lasting leader to crash in {sample.absent:,} of {len(self.struck):,} runs")
        low = 0.0 if math.isnan(mean.low) else max(mean.low, 0.0)
        note = "; ".join(note for note in notes if note)
        return Estimate(mean.value, low, math.inf if unbounded else mean.high, note)


@dataclass(frozen=True)
class Quiet:
    """A healthy cluster with one timeout, once it has settled. Arrays have a cell per run.

    Attributes
    ----------
    watched_ms, lost_ms : array of float
        The time observed, and the part of it without a leader.
    false_elections, leader_losses : array of float
        The numbers of false elections and of leader losses.
    """

    watched_ms: Array
    lost_ms: Array
    false_elections: Array
    leader_losses: Array

    @classmethod
    def of(cls, runs: Sweep, beginnings: Sweep) -> Self:
        """Reads the measurements from runs, minus `beginnings`: the same runs until the cluster settled.

        First elections are not losses of a healthy leader, and with short timeouts there are several. Runs
        that did not settle in time are left out.
        """
        names = ("end_ms", "unavailable_ms", "false_elections", "leader_losses")
        settled = beginnings["ending"][: len(runs)] == "stop"
        return cls(*(since(runs, beginnings, name)[settled] for name in names))

    @property
    def losses(self) -> int:
        """The number of leader losses."""
        return int(self.leader_losses.sum())

    @property
    def led_ms(self) -> float:
        """The time with a leader."""
        return float((self.watched_ms - self.lost_ms).sum())

    def log_length(self) -> tuple[float, float]:
        """The logarithm of a loss's mean length, and its standard error, as if lengths were exponential."""
        from scipy.special import polygamma, psi

        n = self.losses
        mean = float(self.lost_ms[self.leader_losses > 0].sum()) / n if n else 0.0
        if not mean:
            return 0.0, math.inf
        return math.log(mean) + math.log(n) - float(psi(n)), math.sqrt(float(polygamma(1, n)))

    def a_day(self, what: str, confidence: float) -> Estimate:
        """The number of events of a kind per day; unknown if not even two runs settled."""
        if len(self.watched_ms) < 2:
            return NOTHING
        return scaled(total(getattr(self, what), 1.0, confidence), DAY_MS / float(self.watched_ms.sum()))


@dataclass(frozen=True)
class Deposed:
    """Healthy leaders deposed by a follower whose timer was forced to expire. Arrays have a cell per run.

    Attributes
    ----------
    lost_ms : array of float
        The time without a leader.
    lost, over : array of bool
        Whether the leader was lost at all, and whether the cluster settled again.
    """

    lost_ms: Array
    lost: Array
    over: Array

    @classmethod
    def of(cls, runs: Sweep, beginnings: Sweep) -> Self:
        """Reads the losses from the runs in which the cluster settled, minus their beginnings."""
        settled = runs["since_last_fault_ms"] < runs["end_ms"]
        lost_ms = since(runs, beginnings, "unavailable_ms")
        lost = since(runs, beginnings, "leader_losses") > 0
        over = lost & (runs["ending"] == "stop")
        return cls(lost_ms[settled], lost[settled], over[settled])

    def log_length(self) -> tuple[float, float]:
        """The logarithm of a loss's mean length, and its standard error."""
        waited = self.lost & ~self.over
        return log_mean(Sample("length_ms", self.lost_ms[self.over], self.lost_ms[waited]))


def since(runs: Sweep, beginnings: Sweep, name: str) -> Array:
    """What a metric grew by since the beginnings of some runs, of which there may be more."""
    more: Array = runs[name].astype(float) - beginnings[name][: len(runs)].astype(float)
    return more


def log_mean(sample: Sample) -> tuple[float, float]:
    """The logarithm of a mean and its standard error, which is infinite without enough values."""
    if len(sample.values) < 2:
        return 0.0, math.inf
    parts = sample.pseudo_values()
    mean = float(parts.mean())
    if mean <= 0:
        return 0.0, math.inf
    return math.log(mean), max(float(parts.std(ddof=1)) / math.sqrt(len(parts)) / mean, SURE)


def joined(one: Record, other: Record) -> Record:
    """Concatenates the arrays of two records."""
    import numpy as np

    return replace(
        one, **{name: np.concatenate([part, vars(other)[name]]) for name, part in vars(one).items()}
    )


def clustering(quiet: list[Quiet]) -> float:
    """The clustering of losses: the variance of their number per run, divided by that of a Poisson process.

    Runs are compared with others of the same timeout. The result is at least 1.
    """
    import numpy as np

    squares = expected = 0.0
    for seen in quiet:
        each = seen.watched_ms * (seen.leader_losses.sum() / seen.watched_ms.sum())
        squares += float(np.sum((seen.leader_losses - each) ** 2))
        expected += float(each.sum()) * (1 - 1 / len(each))
    return max(1.0, squares / expected) if expected else 1.0


def total(parts: Array, weight: float, confidence: float) -> Estimate:
    """The sum of the contributions of rare events by run, with the gamma interval of Fay and Feuer.

    The sum is treated as one of Poisson events of unequal weights up to `weight`. For weights of 1 that is
    the exact interval of a Poisson rate; clustering widens it by the variance between runs. Without any
    event there is a one-sided bound.
    """
    from scipy import stats

    found = float(parts.sum())
    if found == 0:
        return Estimate(0.0, 0.0, -math.log1p(-confidence) * weight, unseen=True)
    spread, tail = len(parts) * float(parts.var(ddof=1)), (1 - confidence) / 2

    def limit(share: float, mean: float, variance: float) -> float:
        if variance <= 1e-12 * mean**2:
            return mean
        return float(variance / (2 * mean) * stats.chi2.ppf(share, 2 * mean**2 / variance))

    return Estimate(found, limit(tail, found, spread), limit(1 - tail, found + weight, spread + weight**2))


def scaled(estimate: Estimate, by: float) -> Estimate:
    """An estimate in another unit; 0 times infinity is 0."""
    value, low, high = (
        0.0 if by == 0 else by * part for part in (estimate.value, estimate.low, estimate.high)
    )
    return replace(estimate, value=value, low=low, high=high)
