"""The values of a metric in many runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from .curve import Curve
from .estimate import Estimate, percent, runs_in_words
from .mean import limits_of_mean, varies
from .share import limits_of_quantile, none_of, share, worth_of

if TYPE_CHECKING:
    import numpy as np

    from .estimate import Array

STOPPED = "stopped at another violation (on_violation='record' continues)"
NOT_ARMED = (
    "ended before their stop= was armed: faults did not strike in time (a longer horizon, or run_until)"
)
"""Reasons for which runs are unknown."""
FEWEST_AT_RISK = 10
"""Means are not compared on the tail of a Kaplan-Meier curve with fewer runs at risk."""


@dataclass(frozen=True)
class Sample:
    """The values of a metric in many runs.

    Attributes
    ----------
    name : str
        The metric.
    values : array of float, shape (n,)
        The observed values.
    censored : array of float, shape (m,)
        Right-censored durations: the time observed in runs that ended before.
    absent : int
        The number of runs in which there was nothing to observe: no loss of a leader, no commit.
    unknown : int
        The number of runs that ended before, for a reason that may be related to the metric.
    unknown_why : str
        That reason, such as `STOPPED`.
    failed : int
        The number of runs that failed.
    flags : bool
        True for a yes/no metric with values 1 and 0, whose mean is a share.
    counts : bool
        True for counts: whole numbers from 0.
    why : str
        The reason for which no run has a value, if there is one: the sweep was not checked.
    seeds : array of int, shape (n + m,), optional
        The seeds of the values, then of the censored ones. Runs of one seed share their randomness and are
        not independent: if several points were pooled, seeds are treated as clusters. A single seed gives
        no interval.
    """

    name: str
    values: Array
    censored: Array
    absent: int = 0
    unknown: int = 0
    unknown_why: str = ""
    failed: int = 0
    flags: bool = False
    seeds: Array | None = None
    counts: bool = False
    why: str = ""

    @property
    def n(self) -> int:
        """The number of runs with a value or a censored duration."""
        return len(self.values) + len(self.censored)

    @property
    def events(self) -> int:
        """The number of runs with a value; for flags, of those with the value yes."""
        return int(self.values.sum()) if self.flags else len(self.values)

    def estimate(self, quantile: float | None = None, confidence: float = 0.95) -> Estimate:
        """A quantile; or the mean, which is a share for flags."""
        if quantile is not None and not self.flags:
            return self.quantile(quantile, confidence)
        return self.share(confidence) if self.flags else self.mean(confidence)

    def mean(self, confidence: float = 0.95) -> Estimate:
        """The mean with its interval (`limits_of_mean`), restricted to the longest time seen if censored.

        The restricted mean is the area below the Kaplan-Meier curve, with Greenwood's variance; the note
        names the horizon. Equal values have a bound instead of an interval: see `Estimate.others`.
        """
        import numpy as np

        if not len(self.values):
            return self._nothing(confidence)
        parts = self.pseudo_values()
        if not np.isfinite(parts).all():
            endless = runs_in_words(int(np.isinf(parts).sum()))
            return Estimate.bare(math.nan, f"infinite in {endless}")
        mean = float(np.mean(parts))
        if self._silent or len(parts) == 1:
            return Estimate.bare(mean, self._silent or "one run")
        if not varies(parts):
            return self._constant(float(parts[0]), confidence)
        sums = self._by_seed(parts - mean) * (self.clusters / self.n)
        low, high = limits_of_mean(mean, sums, confidence) if varies(sums, parts) else (math.nan, math.nan)
        note = f"mean up to {self.horizon:,.6g} ms" if len(self.censored) else ""
        return Estimate(mean, low, high, note)

    @cached_property
    def clusters(self) -> int:
        """The number of different seeds: the number of runs, unless points were pooled."""
        import numpy as np

        return self.n if self.seeds is None else len(np.unique(self.seeds))

    @property
    def _silent(self) -> str:
        """The reason for which there is neither interval nor bound, if there is one."""
        if self.unknown:
            who = "1 run is" if self.unknown == 1 else f"{self.unknown:,} runs are"
            return f"no bound: {who} unknown, {self.unknown_why}"
        if self.n > 1 and self.clusters == 1:
            return (
                f"no interval: {runs_in_words(self.n)} of one seed share its randomness "
                "(more seeds, or common_random_numbers=False)"
            )
        return ""

    def _nothing(self, confidence: float) -> Estimate:
        """The estimate without any value, with a bound of the probability if durations were censored."""
        import numpy as np

        if not self.n or self._silent:
            return Estimate.bare(math.nan, self.why or self._silent)
        time = float(np.quantile(self.censored, 0.5, method="inverted_cdf"))
        bound = none_of(int((self.censored >= time).sum()) / self._repeats, confidence)
        note = f"never observed: P(within {time:,.6g} ms) < {bound:.2g} ({percent(confidence)})"
        return Estimate.bare(math.nan, note)

    def _constant(self, value: float, confidence: float) -> Estimate:
        """The mean of equal values, without the t interval, whose width would be 0."""
        others = none_of(self.n / self._repeats, confidence)
        unseen = self.counts and value == 0.0
        note = f"all of {runs_in_words(self.n)} have {value:.6g}"
        return Estimate(value, 0.0 if unseen else math.nan, math.nan, note, unseen, others)

    @property
    def _repeats(self) -> float:
        """The number of runs per seed."""
        return self.n / self.clusters if self.n else 1.0

    @property
    def horizon(self) -> float:
        """The time to which the mean is restricted: the longest time seen if any is censored, or infinity."""
        if not len(self.censored):
            return math.inf
        return float(max(self.values.max(initial=0.0), self.censored.max()))

    @property
    def watched(self) -> float:
        """The time up to which enough runs are at risk to compare means; infinity without censoring."""
        import numpy as np

        if not len(self.censored):
            return math.inf
        ranked = np.sort(np.concatenate([self.values, self.censored]))
        return (
            float(ranked[max(len(ranked) - FEWEST_AT_RISK, 0)]) if self.n > FEWEST_AT_RISK else self.horizon
        )

    def pseudo_values(self, horizon: float = math.inf) -> Array:
        """The contribution of each run to the mean up to a horizon: values first, then the censored ones.

        Without censoring it is the value itself, cut at the horizon. Otherwise it is the pseudo-value of the
        restricted mean by the infinitesimal jackknife, which needs no assumption about the censored durations
        (Andersen, Hansen, Klein, Lifetime Data Analysis 10, 2004): the mean of these is the area below the
        Kaplan-Meier curve, and their variance is Greenwood's.
        """
        import numpy as np

        if not len(self.censored):
            return np.minimum(self.values, horizon)
        curve, end = Curve.of(self.values, self.censored), min(horizon, self.horizon)
        times = np.minimum(np.append(curve.time, end), end)
        areas = curve.survival * np.diff(times)
        mean = float(times[0] + areas.sum())
        beyond = np.cumsum(areas[::-1])[::-1]
        return mean + self._influence(curve, beyond)

    def _influence(self, curve: Curve, beyond: Array) -> Array:
        """The influence of each run on a functional of the curve with the derivatives `beyond` by step."""
        import numpy as np

        left = curve.at_risk - curve.events
        scale = np.divide(self.n * beyond, left, out=np.zeros(len(left)), where=left > 0)
        lived = np.cumsum(scale * curve.events / curve.at_risk)
        ends = np.searchsorted(curve.time, np.concatenate([self.values, self.censored]))
        own = np.where(np.arange(self.n) < len(self.values), scale[ends], 0.0)
        moved: Array = lived[ends] - own
        return moved

    def _by_seed(self, parts: Array) -> Array:
        """The sums of the contributions of runs, by seed."""
        import numpy as np

        if self.seeds is None:
            return parts
        _, place = np.unique(self.seeds, return_inverse=True)
        return np.bincount(place, weights=parts)

    def _dependence(self, parts: Array) -> float:
        """The factor by which runs of equal seeds increase a variance: the design effect, at least 1."""
        import numpy as np

        sums, spread = self._by_seed(parts), float(np.sum(parts**2))
        if len(sums) == len(parts) or len(sums) < 2 or spread == 0.0:
            return len(parts) / len(sums)
        n = len(parts)
        apart = n / (n - 1) * spread
        return max(1.0, len(sums) / (len(sums) - 1) * float(np.sum(sums**2)) / apart)

    def drawn(self, luck: np.random.Generator, size: int) -> Sample:
        """A sample of `size` seeds, drawn from these with replacement, with all of their runs."""
        import numpy as np

        chosen, cells = luck.integers(0, self.clusters, size), np.concatenate([self.values, self.censored])
        if self.seeds is None or self.clusters == self.n:
            cut = chosen >= len(self.values)
            return replace(self, values=cells[chosen[~cut]], censored=cells[chosen[cut]], seeds=None)
        place = np.unique(self.seeds, return_inverse=True)[1]
        order, counts = np.argsort(place, kind="stable"), np.bincount(place)
        firsts, lengths = (np.cumsum(counts) - counts)[chosen], counts[chosen]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        rows, seeds = order[np.repeat(firsts, lengths) + within], np.repeat(np.arange(size), lengths)
        cut = rows >= len(self.values)
        return replace(
            self,
            values=cells[rows[~cut]],
            censored=cells[rows[cut]],
            seeds=np.concatenate([seeds[~cut], seeds[cut]]),
        )

    def share(self, confidence: float = 0.95) -> Estimate:
        """The share of flags that are set, with its interval (`share`)."""
        if not self.n:
            return self._nothing(confidence)
        if self._silent:
            return Estimate.bare(self.events / self.n if self.events else math.nan, self._silent)
        return share(self.events, self.n, confidence, self._worth(self.values, confidence))

    def _worth(self, parts: Array, confidence: float) -> float:
        """The effective number of independent runs for the mean of some contributions."""
        if not varies(parts):
            return float(self.clusters)
        return worth_of(self.n, self._dependence(parts - parts.mean()), self.clusters, confidence)

    def quantile(self, share: float, confidence: float = 0.95) -> Estimate:
        """A quantile with the interval of its order statistics, or by Kaplan-Meier for censored durations.

        The latter interval is where the band of the curve crosses the share. A quantile beyond the observed
        times is NaN, with a note, and `low` is its lower limit.
        """
        import numpy as np

        if not self.n:
            return self._nothing(confidence)
        if len(self.censored):
            return self._censored_quantile(share, confidence)
        ranked = np.sort(self.values)
        value = float(np.quantile(ranked, share, method="inverted_cdf"))
        if self._silent:
            return Estimate.bare(value, self._silent)
        low, high = self._order_statistics(ranked, value, share, confidence)
        if len(ranked) > 1 and ranked[0] == ranked[-1]:
            same = self._constant(value, confidence)
            return Estimate(value, low, high, same.note, others=same.others)
        return Estimate(value, low, high)

    def _order_statistics(
        self, ranked: Array, value: float, share: float, confidence: float
    ) -> tuple[float, float]:
        """The limits of a quantile; NaN on a side that the sample is too small to bound."""
        import numpy as np
        from scipy import stats

        n = len(ranked)
        if self.clusters == n:  # as in scipy's quantile_test
            tails = [(1 - confidence) / 2, (1 + confidence) / 2]
            ranks = np.asarray(stats.binom.ppf(tails, n, share))
            below, above = int(ranks[0]) - 1, int(ranks[1])
        else:
            worth = self._worth((self.values <= value).astype(float), confidence)
            reach = limits_of_quantile(share, worth, confidence)
            below, above = (-1 if side != side else math.ceil(side * n) - 1 for side in reach)
            above = n if above < 0 else above
        low = float(ranked[below]) if below >= 0 else math.nan
        high = float(ranked[above]) if above < n else math.nan
        return min(low, value), max(high, value)

    def _censored_quantile(self, share: float, confidence: float) -> Estimate:
        import numpy as np

        plain = self.curve(confidence)

        def crossing(survival: Array) -> float:
            reached = np.flatnonzero(1.0 - survival >= share - 1e-12)
            return float(plain.time[reached[0]]) if len(reached) else math.nan

        value = crossing(plain.survival)
        note = "" if not math.isnan(value) else f"not reached by {share:.4g} of the runs"
        if self._silent:
            return Estimate.bare(value, f"{note}; {self._silent}" if note else self._silent)
        curve = plain if math.isnan(value) else self.curve(confidence, at=value)
        note = note if len(self.values) else self._nothing(confidence).note
        return Estimate(value, self._at_least(curve, share, confidence), crossing(curve.high), note)

    def _at_least(self, curve: Curve, share: float, confidence: float) -> float:
        """The lower limit of a quantile: the first time at which the band of the curve contains the share.

        If it does so before the first duration is over, there is no such limit, as with order statistics.
        If it never does, the limit is the longest time observed.
        """
        import numpy as np

        if (1.0 - share) ** (self.n / self._repeats) >= (1.0 - confidence) / 2:
            return math.nan
        reached = np.flatnonzero(1.0 - curve.low >= share - 1e-12)
        if not len(reached):
            return float(curve.time[-1])
        first = int(reached[0])
        if curve.survival[first] < 1.0:
            return float(curve.time[first])
        return float(curve.time[first - 1]) if first else math.nan

    def curve(self, confidence: float = 0.95, at: float | None = None) -> Curve:
        """The share of runs in which the duration is not over yet, by Kaplan-Meier, with a pointwise band.

        The dependence between runs of equal seeds is that at one time (by default the median of the observed
        values). If there is no interval, the limits are NaN.
        """
        import numpy as np

        curve, effect = Curve.of(self.values, self.censored), 1.0
        if self._silent:
            return curve
        if self.clusters < self.n:
            when = float(np.median(self.values)) if at is None and len(self.values) else at or 0.0
            place = max(0, int(np.searchsorted(curve.time, when, side="right")) - 1)
            reach = np.where(curve.time <= when, curve.survival[place], 0.0)
            moved = self._dependence(self._influence(curve, reach))
            effect = self.n / worth_of(self.n, moved, self.clusters, confidence)
        return curve.banded(effect, confidence)
