"""What timeouts cost, by curves of how long failures last, how often leaders are lost, and for how long."""

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
"""So many losses tell well enough how long they last."""

FAILOVER = Prior(level=1.0, level_sd=3.0, slope=-0.3, slope_sd=1.0, bend=1.0)
"""Of the failover in timeouts: near one where timeouts are long, more where they are short."""
RATE = Prior(level=-6.0, level_sd=4.0, slope=-4.0, slope_sd=3.0, bend=2.5)
"""Of losses a timeout. Measured in timeouts, a cluster with a longer one is that with the shorter one on a
faster network: they never grow. They fall like the tail of the latency."""
EXCESS = Prior(level=0.0, level_sd=0.5, slope=0.0, slope_sd=0.3, bend=0.3)
"""Of losses, over those that are known: false elections of followers to which no heartbeat came in time."""
SMOOTH, FAILING = 2.5, 4.0
"""A failover takes so many timeouts where elections succeed as a rule, and where they fail. There what is
known does not hold; in between it does, but for losses that follow one another."""
LENGTH = Prior(level=-2.0, level_sd=1.5, slope=0.2, slope_sd=0.3, bend=0.25)
"""Of a loss's length over the failover in timeouts; beforehand in shortest timeouts. It is that of an
election once a node stands, which does not depend on the timeout, times as many as it takes: where failovers
take many timeouts, elections fail."""


@dataclass(frozen=True)
class Seen:
    """All that was played with one timeout."""

    crashes: Crashes
    quiet: Quiet
    deposed: Deposed | None

    def and_more(self, other: Seen) -> Seen:
        """This and more of it."""
        deposed = None
        if self.deposed is not None and other.deposed is not None:
            deposed = joined(self.deposed, other.deposed)
        return Seen(joined(self.crashes, other.crashes), joined(self.quiet, other.quiet), deposed)

    def log_length(self) -> tuple[float, float]:
        """The logarithm of a loss's mean length, and its standard error: of losses seen, or too few, made."""
        few = self.quiet.losses < ENOUGH
        return self.quiet.log_length() if self.deposed is None or not few else self.deposed.log_length()

    @property
    def able(self) -> bool:
        """Whether the cluster works with this timeout, more or less."""
        return self.crashes.elect and self.quiet.led_ms > 0


@dataclass(frozen=True)
class Costs:
    """What timeouts cost, as likely as the runs make it. Arrays have a row a draw, and a column a timeout.

    Attributes
    ----------
    timeouts : array of float
        In ms, increasing: all with which the cluster works.
    failover_ms : array of float
        The mean time from a crash to a new leader.
    losses_a_day : array of float
        How often a healthy leader is lost.
    length_ms : array of float
        How long that lasts, on average.
    failures : float
        How often a year a leader crashes.
    losses_seen : int
        How many losses of a healthy leader all of this rests on.
    """

    timeouts: Array
    failover_ms: Array
    losses_a_day: Array
    length_ms: Array
    failures: float
    losses_seen: int

    @classmethod
    def of(
        cls, seen: Mapping[float, Seen], failures: float, false: Callable[[float], float | None], rng: Any
    ) -> Costs:
        """By all that was played; and how many false elections there are in a timeout, if that is known."""
        import numpy as np

        able = {timeout: seen[timeout] for timeout in sorted(seen) if seen[timeout].able}
        timeouts = np.array(list(able))
        x = np.log(timeouts)
        crashes, quiet = [one.crashes for one in able.values()], [one.quiet for one in able.values()]
        failover = np.exp(of_means(x, *failovers(crashes, x), FAILOVER, DRAWS, rng)) * timeouts
        excess = clustering(quiet)
        counts = np.array([one.losses for one in quiet]) / excess
        exposure = np.array([one.led_ms for one in quiet]) / timeouts / excess
        known = [false(timeout) for timeout in able]
        if None in known:
            rate = np.exp(of_counts(x, counts, exposure, RATE, DRAWS, rng, falling=True))
        else:
            costly = deposing([one.deposed for one in able.values()])
            usual = np.maximum(costly * np.array(known, dtype=float), LEAST)
            rate = beside_the_known(x, counts, exposure, usual, (failover / timeouts).mean(axis=0), rng)
        rate = rate * DAY_MS / timeouts
        prior = replace(LENGTH, level=LENGTH.level + float(x[0]))
        lengths, errors = np.array([one.log_length() for one in able.values()]).T
        many = failover / timeouts
        each = of_means(x, lengths - np.log(many).mean(axis=0), errors, prior, DRAWS, rng)
        length = np.minimum(np.exp(each) * many, failover)
        return cls(timeouts, failover, rate, length, failures, sum(one.losses for one in quiet))

    @property
    def seconds(self) -> Array:
        """Seconds a year without a leader."""
        return self.after_failures + self.without_failures

    @property
    def after_failures(self) -> Array:
        """Those after a leader's crash."""
        return self.failures / 1e3 * self.failover_ms

    @property
    def without_failures(self) -> Array:
        """Those of a healthy cluster: losses come as often as there is a leader to lose."""
        share = self.losses_a_day * self.length_ms / DAY_MS
        return YEAR_MS / 1e3 * share / (1 + share)

    def at(self, timeouts: Sequence[float]) -> Costs:
        """At other timeouts, by the curves; beyond their ends all is the same in timeouts as there."""
        import numpy as np

        asked = np.asarray(timeouts, dtype=float)
        x, to = np.log(self.timeouts), np.log(asked)

        def read(curves: Array) -> Array:
            return np.exp([np.interp(to, x, curve) for curve in np.log(curves)])

        failover = read(self.failover_ms / self.timeouts) * asked
        losses = read(self.losses_a_day * self.timeouts) / asked
        return Costs(asked, failover, losses, read(self.length_ms), self.failures, self.losses_seen)

    @property
    def expected(self) -> Array:
        """Expected seconds a year of each timeout."""
        mean: Array = self.seconds.mean(axis=0)
        return mean

    @property
    def best(self) -> int:
        """The place of the timeout that costs least."""
        return int(self.expected.argmin())

    def places(self, timeouts: Sequence[float]) -> list[int]:
        """Where timeouts are; those with which the cluster does not work are nowhere."""
        known = {float(timeout): at for at, timeout in enumerate(self.timeouts)}
        return [known[timeout] for timeout in timeouts if timeout in known]

    def only(self, timeouts: Sequence[float]) -> Costs:
        """Of some of the timeouts."""
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
        """The upper limit of what the timeout at a place costs, in seconds a year, if it was chosen for that.

        What is chosen because it seems cheap seems cheaper than it is; the more so, the more there is to
        choose from at much the same cost. Many timeouts cost much the same where failovers are most of the
        cost, and their noise decides. So each draw of the failovers is taken for what other runs might have
        found, with the mean for the truth: what would have been chosen then costs more than was found (the
        bootstrap, with the choice in it).
        """
        import numpy as np

        found = self.expected + self.after_failures - self.after_failures.mean(axis=0)
        chosen = found.argmin(axis=1)
        short = self.expected[chosen] / found[np.arange(len(found)), chosen]
        return float(self.expected[at] * np.quantile(short, (1 + confidence) / 2))

    def regret(self, at: int) -> Array:
        """What the timeout at a place costs more than the best one of each draw, in seconds a year."""
        costs = self.seconds
        more: Array = costs[:, at] - costs.min(axis=1)
        return more

    def best_ms(self) -> Array:
        """Which timeout is the best one of each draw."""
        found: Array = self.timeouts[self.seconds.argmin(axis=1)]
        return found


def failovers(crashes: Sequence[Crashes], x: Array) -> tuple[Array, Array]:
    """The logarithms of mean failovers in timeouts, and their standard errors."""
    import numpy as np

    logs, errors = np.array([one.log_mean() for one in crashes]).T
    return logs - x, errors


def beside_the_known(x: Array, counts: Array, exposure: Array, usual: Array, many: Array, rng: Any) -> Array:
    """Losses a timeout: as many as usual, but for a factor; and what was counted, where elections fail.

    How many timeouts a failover takes tells which of both.
    """
    import numpy as np

    smooth, failing = many < SMOOTH, many > FAILING
    factor = of_counts(x, counts * smooth, exposure * usual * smooth, EXCESS, DRAWS, rng, falling=False)
    rate: Array = usual * np.exp(factor)
    rate[:, failing] = rng.gamma(counts[failing] + 0.5, 1 / exposure[failing], (DRAWS, int(failing.sum())))
    return rate


def deposing(found: Sequence[Deposed | None]) -> float:
    """Which part of the false elections costs a leader: others win before it hears of them."""
    made = [one for one in found if one is not None]
    lost, tried = sum(int(one.lost.sum()) for one in made), sum(len(one.lost) for one in made)
    return lost / tried if tried else 0.0


def estimate(draws: Array, confidence: float, note: str = "", *, unseen: bool = False) -> Estimate:
    """The mean of draws, and the interval that holds the middle of them."""
    import numpy as np

    value = float(draws.mean())
    low, high = (float(part) for part in np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2]))
    return Estimate(value, min(low, value), max(high, value), note, unseen=unseen)
