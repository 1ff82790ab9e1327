"""The costs of timeouts, from curves of failover times, and of the rate and length of leader losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from .._time import DAY_MS, YEAR_MS
from ..statistics import Estimate
from .curves import Prior, of_counts, of_means
from .rates import Crashes, Deposed, Quiet, clustering, joined

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]

DRAWS = 1000
LEAST = 1e-15
ENOUGH = 20
"""The number of losses that suffices to estimate their length, and their rate where elections fail."""

FAILOVER = Prior(level=1.0, level_sd=3.0, slope=-0.3, slope_sd=1.0, bend=1.0)
"""For the failover in units of the timeout: near one for long timeouts, more for short ones."""
RATE = Prior(level=-6.0, level_sd=4.0, slope=-4.0, slope_sd=3.0, bend=2.5)
"""For the losses per timeout. In units of the timeout, a cluster with a longer timeout is the same cluster on
a faster network, so the rate never grows. It falls like the tail of the latency."""
EXCESS = Prior(level=0.0, level_sd=0.5, slope=0.0, slope_sd=0.1, bend=0.1)
"""For the ratio of losses to those calculated from followers that receive no heartbeat in time. It hardly
varies with the timeout where elections succeed. It is extrapolated far, from short timeouts with which losses
are observed: if it were free to vary, a few losses more or less would decide on the advice."""
SMOOTH = 2.5
"""Failovers below this number of timeouts mean that elections usually succeed. Where they do not, one loss
leads to another: counts do not correct the calculated rate then, but replace it if there are enough."""
INCREDIBLE = 1e-3
"""Counts of less than this probability contradict the calculated rate."""
LENGTH = Prior(level=-2.0, level_sd=1.5, slope=0.2, slope_sd=0.3, bend=0.25)
"""For a loss's length divided by the failover in timeouts; the prior is in units of the shortest timeout. A
loss lasts for one election, whose length does not depend on the timeout, times the number of elections
needed: if failovers take many timeouts, elections fail."""


@dataclass(frozen=True)
class Seen:
    """The runs with one timeout."""

    crashes: Crashes
    quiet: Quiet
    deposed: Deposed | None

    def and_more(self, other: Seen) -> Seen:
        """These runs and others with the same timeout."""
        deposed = None
        if self.deposed is not None and other.deposed is not None:
            deposed = joined(self.deposed, other.deposed)
        return Seen(joined(self.crashes, other.crashes), joined(self.quiet, other.quiet), deposed)

    def log_length(self) -> tuple[float, float]:
        """The logarithm of a loss's mean length, and its error, from observed or forced losses."""
        few = self.quiet.losses < ENOUGH
        return self.quiet.log_length() if self.deposed is None or not few else self.deposed.log_length()

    @property
    def telling(self) -> bool:
        """True if the curves can be fitted to these runs: the cluster usually settles with this timeout."""
        return self.crashes.usual and self.quiet.led_ms > 0

    @property
    def able(self) -> bool:
        """True if this timeout may be recommended: the cluster settles with it nearly always."""
        return self.telling and self.crashes.elect


@dataclass(frozen=True)
class Costs:
    """Posterior draws of the costs of timeouts. Arrays have a row per draw and a column per timeout.

    Attributes
    ----------
    timeouts : array of float
        The timeouts in ms with which the cluster works, ascending.
    failover_ms : array of float
        The mean time without a leader after a crash, until the cluster has settled.
    losses_a_day : array of float
        The rate at which a healthy leader is lost.
    length_ms : array of float
        The mean length of such a loss.
    failures : float
        The number of leader crashes per year.
    losses_seen : int
        The number of observed losses of a healthy leader.
    counted : frozenset of float
        The timeouts with which losses can be calculated, but the calculation does not hold.
    """

    timeouts: Array
    failover_ms: Array
    losses_a_day: Array
    length_ms: Array
    failures: float
    losses_seen: int
    counted: frozenset[float] = frozenset()

    @classmethod
    def of(
        cls, seen: Mapping[float, Seen], failures: float, false: Callable[[float], float | None], rng: Any
    ) -> Costs:
        """The costs of timeouts that may be recommended, from curves that are fitted to others, too.

        With timeouts so short that the cluster does not always settle, failovers and losses grow steeply.
        Without them the curves would be too low for those just above.
        """
        telling = {timeout: seen[timeout] for timeout in sorted(seen) if seen[timeout].telling}
        return cls._fitted(telling, failures, false, rng).only([at for at in telling if seen[at].able])

    @classmethod
    def _fitted(
        cls, seen: Mapping[float, Seen], failures: float, false: Callable[[float], float | None], rng: Any
    ) -> Costs:
        """Estimates costs from all runs, and from false elections per timeout where `false` knows them."""
        import numpy as np

        timeouts = np.array(list(seen))
        x = np.log(timeouts)
        crashes, quiet = [one.crashes for one in seen.values()], [one.quiet for one in seen.values()]
        failover = np.exp(of_means(x, *failovers(crashes, x), FAILOVER, DRAWS, rng)) * timeouts
        excess = clustering(quiet)
        counts = np.array([one.losses for one in quiet]) / excess
        exposure = np.array([one.led_ms for one in quiet]) / timeouts / excess
        known, counted = [false(timeout) for timeout in seen], frozenset[float]()
        if None in known:
            rate = np.exp(of_counts(x, counts, exposure, RATE, DRAWS, rng, falling=True))
        else:
            costly = deposing([one.deposed for one in seen.values()])
            usual = np.maximum(costly * np.array(known, dtype=float), LEAST)
            many = (failover / timeouts).mean(axis=0)
            rate, refuted = beside_the_known(x, counts, exposure, usual, many, rng)
            counted = frozenset(map(float, timeouts[refuted]))
        rate = rate * DAY_MS / timeouts
        prior = replace(LENGTH, level=LENGTH.level + float(x[0]))
        lengths, errors = np.array([one.log_length() for one in seen.values()]).T
        elections = failover / timeouts
        each = of_means(x, lengths - np.log(elections).mean(axis=0), errors, prior, DRAWS, rng)
        length = np.minimum(np.exp(each) * elections, failover)
        losses = sum(one.losses for one in quiet)
        return cls(timeouts, failover, rate, length, failures, losses, counted)

    @property
    def seconds(self) -> Array:
        """Seconds a year without a leader."""
        return self.after_failures + self.without_failures

    @property
    def after_failures(self) -> Array:
        """Seconds a year without a leader after crashes."""
        return self.failures / 1e3 * self.failover_ms

    @property
    def without_failures(self) -> Array:
        """Seconds a year without a leader in a healthy cluster; losses occur only while there is a leader."""
        share = self.losses_a_day * self.length_ms / DAY_MS
        return YEAR_MS / 1e3 * share / (1 + share)

    def at(self, timeouts: Sequence[float]) -> Costs:
        """The costs at other timeouts, interpolated; beyond the ends constant in units of the timeout."""
        import numpy as np

        asked = np.asarray(timeouts, dtype=float)
        x, to = np.log(self.timeouts), np.log(asked)

        def read(curves: Array) -> Array:
            return np.exp([np.interp(to, x, curve) for curve in np.log(curves)])

        failover = read(self.failover_ms / self.timeouts) * asked
        losses = read(self.losses_a_day * self.timeouts) / asked
        return replace(
            self,
            timeouts=asked,
            failover_ms=failover,
            losses_a_day=losses,
            length_ms=read(self.length_ms),
        )

    @property
    def expected(self) -> Array:
        """The expected seconds a year without a leader, by timeout."""
        mean: Array = self.seconds.mean(axis=0)
        return mean

    @property
    def best(self) -> int:
        """The index of the timeout with the least expected cost."""
        return int(self.expected.argmin())

    def places(self, timeouts: Sequence[float]) -> list[int]:
        """The indices of timeouts, without those with which the cluster does not work."""
        known = {float(timeout): at for at, timeout in enumerate(self.timeouts)}
        return [known[timeout] for timeout in timeouts if timeout in known]

    def only(self, timeouts: Sequence[float]) -> Costs:
        """The costs of some of the timeouts."""
        at = self.places(timeouts)
        return replace(
            self,
            timeouts=self.timeouts[at],
            failover_ms=self.failover_ms[:, at],
            losses_a_day=self.losses_a_day[:, at],
            length_ms=self.length_ms[:, at],
        )

    def neighbour_better(self, at: int) -> float:
        """The probability that the next timeout, shorter or longer, costs less."""
        costs = self.seconds
        beside = [place for place in (at - 1, at + 1) if 0 <= place < len(self.timeouts)]
        return float((costs[:, beside] < costs[:, [at]]).any(axis=1).mean())

    def limit_if_chosen(self, at: int, confidence: float) -> float:
        """The upper limit of the yearly cost, in seconds, of a timeout that was selected as the cheapest.

        An option that is selected because it seems cheap seems cheaper than it is, the more so the more
        options have similar costs. If failovers dominate the cost, many timeouts cost nearly the same, and
        noise decides. Therefore each draw of the failovers is treated as the result of other runs, with the
        mean as the true value, and the selection is repeated (a bootstrap that includes the selection).
        """
        import numpy as np

        found = self.expected + self.after_failures - self.after_failures.mean(axis=0)
        chosen = found.argmin(axis=1)
        short = self.expected[chosen] / found[np.arange(len(found)), chosen]
        return float(self.expected[at] * np.quantile(short, (1 + confidence) / 2))

    def regret(self, at: int) -> Array:
        """The extra cost of a timeout over the best one of each draw, in seconds a year."""
        costs = self.seconds
        more: Array = costs[:, at] - costs.min(axis=1)
        return more

    def best_ms(self) -> Array:
        """The best timeout of each draw."""
        found: Array = self.timeouts[self.seconds.argmin(axis=1)]
        return found


def failovers(crashes: Sequence[Crashes], x: Array) -> tuple[Array, Array]:
    """The logarithms of mean failovers in timeouts, and their standard errors.

    Where long failovers are rare a few crashes may have none of them, with a small mean and a small error.
    So failovers are assumed to vary at least as much as on average over this timeout and those next to it.
    """
    import numpy as np

    logs, errors = np.array([one.log_mean() for one in crashes]).T
    number = np.array([len(one.over) for one in crashes])
    known = np.isfinite(errors)
    own = np.where(known, number * errors**2, 0.0)
    average = near(own * number * known) / np.maximum(near(number * known), 1)
    return logs - x, np.where(known, np.sqrt(np.maximum(own, average) / number), errors)


def near(values: Array) -> Array:
    """The sums of each value and the two next to it."""
    import numpy as np

    wide = np.pad(values, 1)
    total: Array = wide[:-2] + wide[1:-1] + wide[2:]
    return total


def beside_the_known(
    x: Array, counts: Array, exposure: Array, usual: Array, many: Array, rng: Any
) -> tuple[Array, Array]:
    """Losses per timeout, and where they are counted: elsewhere they are calculated, times a fitted factor.

    They are counted if the counts contradict the calculation, with any factor that its prior allows or with
    the fitted one. It is fitted where elections succeed, by the length of failovers in timeouts; where they
    do not, losses are counted if there are enough.
    """
    import numpy as np

    allowed = of_means(x, np.zeros(len(x)), np.full(len(x), np.inf), EXCESS, DRAWS, rng)
    smooth = many < SMOOTH
    refuted = contradicted(usual * np.exp(allowed) * exposure, counts) | (~smooth & (counts >= ENOUGH))
    fit = smooth & ~refuted
    factor = of_counts(x, counts * fit, exposure * usual * fit, EXCESS, DRAWS, rng, falling=False)
    rate: Array = usual * np.exp(factor)
    refuted |= contradicted(rate * exposure, counts)
    rate[:, refuted] = rng.gamma(counts[refuted] + 0.5, 1 / exposure[refuted], (DRAWS, int(refuted.sum())))
    return rate, refuted


def contradicted(expected: Array, counts: Array) -> Array:
    """Where the counted losses are too many or too few for the draws of their expected number."""
    import numpy as np
    from scipy.stats import gamma

    as_many: Array = np.where(counts > 0, gamma.cdf(expected, np.maximum(counts, LEAST)), 1.0)
    as_few: Array = np.asarray(gamma.sf(expected, counts + 1))
    found: Array = np.minimum(as_many.mean(axis=0), as_few.mean(axis=0)) < INCREDIBLE
    return found


def deposing(found: Sequence[Deposed | None]) -> float:
    """The share of false elections in which the leader is deposed."""
    made = [one for one in found if one is not None]
    lost, tried = sum(int(one.lost.sum()) for one in made), sum(len(one.lost) for one in made)
    return lost / tried if tried else 0.0


def estimate(draws: Array, confidence: float, note: str = "", *, unseen: bool = False) -> Estimate:
    """The mean of draws, and their central interval."""
    import numpy as np

    value = float(draws.mean())
    low, high = (float(part) for part in np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2]))
    return Estimate(value, min(low, value), max(high, value), note, unseen=unseen)
