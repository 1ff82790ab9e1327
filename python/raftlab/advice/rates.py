"""What runs say of a timeout: how long a failure lasts, and what a healthy cluster loses a day and a year."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .._time import DAY_MS, YEAR_MS
from ..statistics import Estimate, Sample

if TYPE_CHECKING:
    import numpy as np

    from ..sweeps import Sweep

ENOUGH = 5
"""So many losses of a healthy leader tell how long they last."""


@dataclass(frozen=True)
class Quiet:
    """A healthy cluster with one timeout. Arrays have a cell a run.

    Attributes
    ----------
    watched_ms, lost_ms : array of float
        How long the run was watched, and how long of that it had no leader: from its first leader on; a run
        that never had one counts from its beginning.
    false_elections, leader_losses : array of float
        How often there were such.
    """

    watched_ms: np.ndarray[Any, Any]
    lost_ms: np.ndarray[Any, Any]
    false_elections: np.ndarray[Any, Any]
    leader_losses: np.ndarray[Any, Any]

    @classmethod
    def of(cls, runs: Sweep) -> Quiet:
        """Reads it off its runs."""
        import numpy as np

        before = np.nan_to_num(runs["time_to_leader_ms"])
        counts = (runs[name].astype(float) for name in ("false_elections", "leader_losses"))
        return cls(runs["end_ms"] - before, runs["unavailable_ms"] - before, *counts)

    @property
    def length_ms(self) -> float:
        """How long the leader was lost, on average."""
        return float(self.lost_ms.sum() / self.leader_losses.sum())

    def a_day(self, what: str, ci: float) -> Estimate:
        """How often a day something happened."""
        return scaled(total(getattr(self, what), 1.0, ci), DAY_MS / float(self.watched_ms.sum()))

    def downtime_s_a_year(self, one_more_ms: float, ci: float) -> Estimate:
        """The time without a leader, if one loss more may have lasted so long."""
        weight = max(one_more_ms, float(self.lost_ms.max()))
        share = scaled(total(self.lost_ms, weight, ci), 1 / float(self.watched_ms.sum()))
        return scaled(replace(share, high=min(share.high, 1.0)), YEAR_MS / 1e3)


def usual_ms(timeout_ms: float, quiet: Mapping[float, Quiet]) -> float | None:
    """How long a healthy leader's loss lasts, by the timeout nearest to this that saw enough; or nothing.

    It lasts as long as it takes to win an election, and for some a timeout more. So with a longer timeout it
    may last longer, in proportion at most; with a shorter one it is taken to last no less.
    """
    known = [time for time, seen in quiet.items() if seen.leader_losses.sum() >= ENOUGH]
    if not known:
        return None
    nearest = min(known, key=lambda time: abs(math.log(time / timeout_ms)))
    return quiet[nearest].length_ms * max(1.0, timeout_ms / nearest)


def failover_of(crashes: Sweep, ci: float) -> Estimate:
    """The mean time from a leader's crash to a new leader; infinite if none was ever elected."""
    since, end = crashes["since_last_fault_ms"], crashes["end_ms"]
    struck = since < end  # with no leader to crash it is the whole run
    over = struck & (crashes["ending"] == "stop")
    sample = Sample("failover_ms", since[over], since[struck & ~over], absent=int((~struck).sum()))
    if not struck.any():
        return Estimate(math.inf, math.nan, math.inf, "no leader was elected")
    if not over.any():
        return Estimate(math.inf, math.nan, math.inf, f"no new leader after any of {sample.n:,} crashes")
    mean = sample.mean(ci)
    # One value has no interval; a time that was not over has no upper limit.
    unbounded = math.isnan(mean.high) or len(sample.censored) > 0
    notes = [mean.note]
    if len(sample.censored):
        notes.append(f"no new leader after {len(sample.censored):,} of {sample.n:,} crashes")
    if sample.absent:
        notes.append(f"no leader to crash in {sample.absent:,} of {len(since):,} runs")
    low = 0.0 if math.isnan(mean.low) else max(mean.low, 0.0)
    return Estimate(
        mean.value, low, math.inf if unbounded else mean.high, "; ".join(note for note in notes if note)
    )


def total(parts: np.ndarray[Any, Any], weight: float, ci: float) -> Estimate:
    """The sum of what rare events contributed, run by run, with the gamma interval of Fay and Feuer.

    It takes the sum for one of Poisson events of unequal weight, of which one more may weigh up to `weight`.
    Of events of weight 1 that is the exact interval of a Poisson rate; where they come in clusters the
    variance between runs widens it. If there was none: the one-sided bound.
    """
    from scipy import stats

    found = float(parts.sum())
    if found == 0:
        return Estimate(0.0, 0.0, -math.log1p(-ci) * weight, unseen=True)
    spread, tail = len(parts) * float(parts.var(ddof=1)), (1 - ci) / 2

    def limit(share: float, mean: float, variance: float) -> float:
        if variance <= 1e-12 * mean**2:
            return mean
        return float(variance / (2 * mean) * stats.chi2.ppf(share, 2 * mean**2 / variance))

    high = math.inf if math.isinf(weight) else limit(1 - tail, found + weight, spread + weight**2)
    return Estimate(found, limit(tail, found, spread), high)


def scaled(estimate: Estimate, by: float) -> Estimate:
    """An estimate in another unit; 0 times what is infinite is 0."""
    value, low, high = (
        0.0 if by == 0 else by * part for part in (estimate.value, estimate.low, estimate.high)
    )
    return replace(estimate, value=value, low=low, high=high)


def added(failures: Estimate, without: Estimate) -> Estimate:
    """The sum of two estimates; each of its limits lies as far away as those of the parts together."""
    notes = [failures.note, "no loss of the leader seen without a failure" if without.unseen else ""]
    note = "; ".join(part for part in notes if part)
    value = failures.value + without.value
    low = value - math.hypot(failures.value - failures.low, without.value - without.low)
    high = value + math.hypot(failures.high - failures.value, without.high - without.value)
    return Estimate(value, max(low, 0.0), high, note, unseen=without.unseen and value == 0)
