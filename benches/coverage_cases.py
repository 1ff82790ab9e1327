"""The intervals of raftlab on data whose truth is known: what `coverage.py` measures."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import raftlab as rl
from raftlab.statistics import Estimate, Sample
from raftlab.sweeps.pairs import Pairs, of_means, of_medians, of_shares
from raftlab.sweeps.pooled import Pooled
from raftlab.sweeps.rare import RareEvent
from raftlab.sweeps.required import Pilot
from scipy import optimize, stats

Limits: TypeAlias = "tuple[float, float, float]"
"""The limits, NaN where there is none, and the truth."""
Luck: TypeAlias = np.random.Generator
NONE = np.array([])

DISCRETE = "few possible counts: never too narrow, so often too wide"
FEW_RANKS = "few possible ranks: never too narrow, so often too wide"
TIES = "ties: many runs have the value of the quantile"
SKEWED = "a small sample rarely contains the longest values"
FEW_VALUES = "few values that are not 0"
FEW_OUTAGES = "few runs with an outage"
FEW_ENTRIES = "few entries beyond it"
PILOTS = "small pilots miss the tail"
WIDTHS = "widths between ranks vary by more than samples of the pilot show"
LIGHT = "no tails: a little too wide"


@dataclass(frozen=True)
class Case:
    """An interval on some data.

    Attributes
    ----------
    interval, data : str
        What is measured, and on what.
    n : int
        How many runs, or pairs, or seeds a sample has.
    draw : callable
        Draws a sample and gives the limits and the truth.
    why : str
        Why it may hold the truth more or less often than it says.
    effort : float
        How many samples, as a share of those of other rows.
    target : float
        What it should hold, in percent.
    """

    interval: str
    data: str
    n: int
    draw: Callable[[Luck, int], Limits]
    why: str = ""
    effort: float = 1.0
    target: float = 95

    @property
    def name(self) -> str:
        """What tells it from others."""
        return f"{self.interval}, {self.data}, {self.n}"


# ---- Data --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Data:
    """A distribution: how it is drawn, its mean, and its quantiles."""

    name: str
    draw: Callable[[Luck, int], np.ndarray]
    mean: float
    quantile: Callable[[float], float]


def mostly_zero(luck: Luck, n: int) -> np.ndarray:
    """One of five is exponential, the others are 0: a downtime that most runs do not have."""
    return np.where(luck.random(n) < 0.2, luck.exponential(10, n), 0.0)


NORMAL = Data("normal", lambda luck, n: luck.normal(100, 10, n), 100.0, stats.norm(100, 10).ppf)
UNIFORM = Data("uniform", lambda luck, n: luck.uniform(0, 1, n), 0.5, lambda q: q)
EXPONENTIAL = Data("exponential", lambda luck, n: luck.exponential(10, n), 10.0, stats.expon(scale=10).ppf)
SHIFTED = Data(
    "constant + exponential", lambda luck, n: 150 + luck.exponential(40, n), 190.0, stats.expon(150, 40).ppf
)
LOGNORMAL = Data(
    "lognormal, sigma 1", lambda luck, n: luck.lognormal(0, 1, n), math.exp(0.5), stats.lognorm(1).ppf
)
POISSON = Data("counts, Poisson 0.5", lambda luck, n: luck.poisson(0.5, n) * 1.0, 0.5, stats.poisson(0.5).ppf)
MOSTLY_ZERO = Data(
    "80 % zeros, else exponential", mostly_zero, 2.0, lambda q: max(0.0, -10 * math.log((1 - q) / 0.2))
)


def sides(estimate: Estimate, truth: float) -> Limits:
    """The limits of an estimate."""
    return estimate.low, estimate.high, truth


# ---- One sample --------------------------------------------------------------------------------------


def mean(data: Data, luck: Luck, n: int) -> Limits:
    """The interval of a mean."""
    return sides(Sample("x", data.draw(luck, n), NONE).mean(), data.mean)


def quantile(data: Data, q: float, luck: Luck, n: int) -> Limits:
    """The interval of a quantile."""
    return sides(Sample("x", data.draw(luck, n), NONE).quantile(q), float(data.quantile(q)))


def a_share(p: float, luck: Luck, n: int) -> Limits:
    """The interval of a share."""
    flags = (luck.random(n) < p).astype(float)
    return sides(Sample("x", flags, NONE, flags=True).share(), p)


def bound(p: float, luck: Luck, n: int) -> Limits:
    """The bound of a share."""
    return 0.0, rl.upper_bound(int(luck.binomial(n, p)), n), p


# ---- What is not over --------------------------------------------------------------------------------


def censored(luck: Luck, n: int) -> Sample:
    """Exponential durations with a mean of 10, of which runs of 5 to 30 cut off a third."""
    values, until = luck.exponential(10, n), luck.uniform(5, 30, n)
    return Sample("x", values[values <= until], until[values > until])


def restricted_mean(luck: Luck, n: int) -> Limits:
    """The mean up to the longest time seen."""
    sample = censored(luck, n)
    return sides(sample.mean(), 10 * (1 - math.exp(-sample.horizon / 10)))


def censored_quantile(q: float, luck: Luck, n: int) -> Limits:
    """A quantile by Kaplan and Meier."""
    return sides(censored(luck, n).quantile(q), -10 * math.log(1 - q))


def band(cut: bool, at: float, luck: Luck, n: int) -> Limits:
    """The band of `survival`, `plot.ecdf` and `plot.survival` at one time."""
    sample = censored(luck, n) if cut else Sample("x", luck.exponential(10, n), NONE)
    curve = sample.curve()
    place = int(np.searchsorted(curve.time, at, side="right")) - 1
    if place < 0:
        return 1 - rl.upper_bound(0, n, 0.975), 1.0, math.exp(-at / 10)  # as at its first step
    return float(curve.low[place]), float(curve.high[place]), math.exp(-at / 10)


# ---- Pooled points that share seeds --------------------------------------------------------------------


def together(luck: Luck, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Four points of a grid with the same n seeds: most of what varies is the seed's."""
    common = luck.exponential(10, n)
    return np.concatenate([common + luck.exponential(1, n) for _ in range(4)]), np.tile(np.arange(n), 4)


TOGETHER_MEDIAN = 7.98545
"""Of an exponential of mean 10 plus one of mean 1: 10 exp(-m/10) - exp(-m) = 4.5."""
TOGETHER_P90 = 23.97895
"""10 exp(-m/10) - exp(-m) = 0.9."""


def clustered(what: str, luck: Luck, n: int) -> Limits:
    """An interval over points that share seeds."""
    values, seeds = together(luck, n)
    if what == "mean":
        return sides(Sample("x", values, NONE, seeds=seeds).mean(), 11.0)
    if what == "share":
        flags = (values > TOGETHER_P90).astype(float)
        return sides(Sample("x", flags, NONE, flags=True, seeds=seeds).share(), 0.1)
    q, truth = (0.5, TOGETHER_MEDIAN) if what == "p50" else (0.9, TOGETHER_P90)
    return sides(Sample("x", values, NONE, seeds=seeds).quantile(q), truth)


# ---- Comparisons -------------------------------------------------------------------------------------


def pairs(x: np.ndarray, y: np.ndarray, *cut: np.ndarray) -> Pairs:
    """Two sides, seed by seed."""
    no = np.zeros(len(x), dtype=bool)
    return Pairs("x", False, x, y, *(cut or (no, no)), 0)


def alike(luck: Luck, n: int, correlation: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """Exponential durations with means of 10 and 14, pair by pair of common random numbers."""
    ranks = stats.norm.cdf(luck.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], n))
    return -10 * np.log1p(-ranks[:, 0]), -14 * np.log1p(-ranks[:, 1])


def compared(side: int, correlation: float, luck: Luck, n: int) -> Limits:
    """The difference of means: paired (0) or not (1)."""
    found = of_means(*alike(luck, n, correlation), 0.95, False)[side]
    return found.low, found.high, 4.0


def compared_zeros(luck: Luck, n: int) -> Limits:
    """Most pairs do not differ; where they do, by an exponential."""
    x = luck.exponential(10, n)
    found = of_means(x, x + mostly_zero(luck, n), 0.95, False)[0]
    return found.low, found.high, 2.0


def compared_censored(luck: Luck, n: int) -> Limits:
    """The difference of means up to 20."""
    x, y = alike(luck, n)
    until, until_too = luck.uniform(5, 60, n), luck.uniform(5, 60, n)
    seen = pairs(np.minimum(x, until), np.minimum(y, until_too), x > until, y > until_too)
    found = of_means(seen.contributions(0, 20), seen.contributions(1, 20), 0.95, True)[0]
    return found.low, found.high, 14 * (1 - math.exp(-20 / 14)) - 10 * (1 - math.exp(-20 / 10))


def compared_medians(luck: Luck, n: int) -> Limits:
    """The difference of medians."""
    return sides(of_medians(pairs(*alike(luck, n)), 0.95), 4 * math.log(2))


def compared_shares(side: int, p: float, luck: Luck, n: int) -> Limits:
    """Shares of p and 2 p; paired ones overlap by half of the first."""
    if side == 1:
        x, y = luck.random(n) < p, luck.random(n) < 2 * p
    else:
        place = luck.random(n)
        x, y = place < p, (place > p / 2) & (place < 2.5 * p)
    found = of_shares(x.astype(float), y.astype(float), 0.95, False)[side]
    return found.low, found.high, p


# ---- Rare events, commit latencies, seeds --------------------------------------------------------------


def split(chances: tuple[float, ...], unlike: float, luck: Luck, n: int) -> Limits:
    """Splitting with 100 runs a level and n repeats; states differ in how probably they go on."""
    reached = []
    for _ in range(n):
        hits, states = [], np.full(100, unlike / 2)  # at which the odds are the chance
        for chance in chances:
            odds = chance * np.exp(unlike * states - unlike**2 / 2) if len(states) else states
            went = luck.random(len(odds)) < odds
            hits.append(int(went.sum()))
            after = luck.normal(0, 1, len(odds))[went]
            states = luck.choice(after, 100) if len(after) else NONE
        reached.append(tuple(hits))
    rare = RareEvent(
        rl.Scenario(3),
        tuple(rl.down(k + 1) for k in range(len(chances))),
        tuple(reached),
        100,
        0,
        0,
        0.95,
        None,
    )
    return *rare.interval, math.prod(chances)


SLOW = math.log(10)
"""An outage makes entries ten times as slow."""


def entries_of(slow: float, luck: Luck, n: int) -> np.ndarray:
    """Logarithms of 200 latencies in each of n runs, whose medians differ by 10 %: normal over all of them.

    In that share of the runs there was an outage, in which a fifth of the entries is slow.
    """
    cells = luck.normal(luck.normal(0, 0.1, n)[:, None], 0.4, (n, 200))
    cells[:, :40] += SLOW * (luck.random(n) < slow)[:, None]
    return cells


def beyond(at: float, slow: float) -> float:
    """The share of the entries with a larger logarithm."""
    usual, late = stats.norm.sf([at, at - SLOW], scale=math.hypot(0.1, 0.4))
    return float((1 - slow / 5) * usual + slow / 5 * late)


def latency_at(q: float, slow: float) -> float:
    """The logarithm of the latency that this share of the entries does not exceed."""
    return float(optimize.brentq(lambda at: beyond(at, slow) - (1 - q), -10, 10))


def latencies(q: float, slow: float, luck: Luck, n: int) -> Limits:
    """The interval of `commit_latency`, with buckets of 0.1 %."""
    buckets = np.ceil(entries_of(slow, luck, n) * 1000).astype(int)
    ends, place = np.unique(buckets, return_inverse=True)
    table = np.zeros((n, len(ends)), dtype=np.int64)
    np.add.at(table, (np.repeat(np.arange(n), 200), place.ravel()), 1)
    return sides(Pooled(np.exp(ends / 1000), table, n).quantile(q, 0.95), math.exp(latency_at(q, slow)))


def latency_share(q: float, slow: float, luck: Luck, n: int) -> Limits:
    """The band of `commit_latency_ecdf` where the truth is q."""
    inside = (entries_of(slow, luck, n) <= latency_at(q, slow)).sum(axis=1)
    runs = [[(1.0, int(few)), (2.0, 200 - int(few))] for few in inside]
    _, _, _, low, high = Pooled.of(runs, np.arange(n)).ecdf(0.95)
    return float(low[0]), float(high[0]), q


def enough(data: Data, what: float | None, luck: Luck, n: int) -> Limits:
    """Whether as many seeds as a pilot of n asks for give an interval as narrow as wanted."""
    pilot = Sample("x", data.draw(luck, n), NONE)
    estimate = pilot.estimate(what)
    if math.isnan(estimate.half_width):
        return math.nan, math.nan, 0.0
    wanted = estimate.half_width / 3
    needed = Pilot(pilot, what, 0.95).times(wanted, n)
    found = Sample("x", data.draw(luck, needed), NONE).estimate(what)
    return 0.0, wanted, found.half_width


# ---- All of them -------------------------------------------------------------------------------------


def cases() -> list[Case]:
    """All rows of the table."""
    made: list[Case] = []

    def add(
        interval: str,
        data: str,
        sizes: tuple[int, ...],
        draw: Callable[[Luck, int], Limits],
        why: str = "",
        **more: float,
    ) -> None:
        made.extend(Case(interval, data, n, draw, why, **more) for n in sizes)

    every = (10, 30, 100, 1000)
    for data in (NORMAL, UNIFORM, SHIFTED, EXPONENTIAL, LOGNORMAL, POISSON, MOSTLY_ZERO):
        why = LIGHT if data is UNIFORM else FEW_VALUES if data in (POISSON, MOSTLY_ZERO) else SKEWED
        add("mean", data.name, every, partial(mean, data), why)
    for q in (0.5, 0.9, 0.99):
        for data in (EXPONENTIAL, POISSON):
            why = FEW_RANKS if data is EXPONENTIAL else TIES
            add(f"quantile p{100 * q:g}", data.name, every, partial(quantile, data, q), why)
    for p in (0.5, 0.1, 0.01):
        add("share", f"p = {p:g}", every, partial(a_share, p), DISCRETE)
    for p in (0.1, 0.01, 0.001):
        add("upper_bound", f"p = {p:g}", (100, 1000), partial(bound, p), DISCRETE)
    add(
        "mean, censored",
        "exponential, a third cut",
        (30, 100, 1000),
        restricted_mean,
        "the longest ones are those that are cut",
    )
    for q in (0.5, 0.8):
        add(
            f"quantile p{100 * q:g}, censored",
            "exponential, a third cut",
            (30, 100, 1000),
            partial(censored_quantile, q),
            FEW_RANKS,
        )
    for cut in (False, True):
        for at, said in ((1.0, "after 10 %"), (7.0, "after 50 %"), (20.0, "after 86 %")):
            name = "exponential, a third cut" if cut else "exponential"
            add(
                "band of survival and ecdf",
                f"{name}, {said}",
                (10, 30, 100, 1000),
                partial(band, cut, at),
                DISCRETE,
            )
    for what in ("mean", "p50", "p90", "share"):
        add(
            f"{what}, by seed",
            "4 points that share seeds",
            (10, 30, 100),
            partial(clustered, what),
            "few seeds",
        )
    add("compare, paired", "exponential, correlation 0.7", every, partial(compared, 0, 0.7), SKEWED)
    add("compare, paired", "80 % of the pairs alike", every, compared_zeros, SKEWED)
    add("compare, unpaired", "exponential, independent", every, partial(compared, 1, 0.0), SKEWED)
    add(
        "compare, paired, censored",
        "exponential, correlation 0.7",
        (30, 100, 1000),
        compared_censored,
        SKEWED,
    )
    add(
        "compare, medians",
        "exponential, correlation 0.7",
        every,
        compared_medians,
        "bootstrap of few",
        effort=0.1,
    )
    for p in (0.2, 0.02):
        add(
            "compare, shares, paired",
            f"p = {p:g} and {2 * p:g}",
            every,
            partial(compared_shares, 0, p),
            DISCRETE,
        )
        add(
            "compare, shares, unpaired",
            f"p = {p:g} and {2 * p:g}",
            every,
            partial(compared_shares, 1, p),
            DISCRETE,
        )
    add(
        "rare_event",
        "3 levels of 0.1, states alike",
        (5, 20),
        partial(split, (0.1,) * 3, 0.0),
        "never narrower than independent runs would make it",
    )
    add(
        "rare_event",
        "3 levels of 0.1, states differ",
        (5, 20),
        partial(split, (0.1,) * 3, 0.7),
        "skewed estimates",
    )
    for slow, name in ((0.0, "200 entries a run"), (0.2, "200 entries a run, 1 run of 5 with an outage")):
        for q in (0.5, 0.99, 0.999):
            add(
                f"commit_latency p{100 * q:g}",
                name,
                (10, 30, 100),
                partial(latencies, q, slow),
                FEW_OUTAGES if slow else FEW_ENTRIES,
                effort=0.3,
            )
        for q in (0.5, 0.99):
            add(
                "commit_latency_ecdf",
                f"{name}, at {100 * q:g} %",
                (10, 30, 100),
                partial(latency_share, q, slow),
                FEW_OUTAGES if slow else FEW_ENTRIES,
            )
    for what, data in ((None, NORMAL), (None, EXPONENTIAL), (None, LOGNORMAL), (0.5, EXPONENTIAL)):
        add(
            f"required_seeds, {'p50' if what else 'mean'}",
            data.name,
            (30, 100),
            partial(enough, data, what),
            WIDTHS if what else PILOTS,
            effort=0.2,
            target=90,
        )
    return made


CASES = cases()
