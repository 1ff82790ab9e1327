"""Distributions of times, such as latencies, delays, and the times and durations of faults.

Every distribution is the inverse transform of one uniform draw, rounded to nanoseconds, and the same on
every platform. Negative draws become 0.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ._arguments import items, number, reading
from ._suggest import possible
from ._time import Duration, to_ms
from ._values import Guarded, call
from .errors import InvalidError, shown

__all__ = [
    "Distribution",
    "constant",
    "empirical",
    "exponential",
    "lognormal",
    "normal",
    "pareto",
    "uniform",
]


FINITE = sys.float_info.max


@dataclass(frozen=True)
class Distribution(metaclass=Guarded):
    """A distribution of times, made by `uniform`, `normal` and the other functions of this module.

    Attributes
    ----------
    kind : str
        The name of the distribution, such as `"uniform"`.
    parameters : tuple of (str, float or tuple of float)
        The names and values of its parameters; times in milliseconds.

    Examples
    --------
    >>> uniform("1s", "2s").kind, uniform("1s", "2s").parameters
    ('uniform', (('low', 1000.0), ('high', 2000.0)))
    """

    kind: str
    parameters: tuple[tuple[str, Any], ...]

    def to_dict(self) -> Any:
        """As the scenario's JSON has it."""
        if self.kind == "constant":
            return dict(self.parameters)["value"]
        values = {k: list(v) if isinstance(v, tuple) else v for k, v in self.parameters}
        return {"distribution": self.kind, **values}

    @classmethod
    def from_dict(cls, written: Any) -> Distribution:
        """From the scenario's JSON.

        Raises
        ------
        InvalidError
            If it is not a distribution, or has invalid parameters.
        """
        with reading("a distribution", written):
            if isinstance(written, (int, float)):
                return constant(written)
            given = dict(written)
            kind = given.pop("distribution")
            if kind == "empirical" and "weights" in given:
                return weighted(**given)
            return KINDS[kind](**given)

    def __repr__(self) -> str:
        given = dict(self.parameters)
        if self.kind != "empirical":
            return call(self.kind, [], given)
        values, weights = given["values"], given.get("weights")
        if len(values) > PRINTED:
            return f"empirical(<{len(values):,} values{', weighted' if weights else ''}>)"
        return call(self.kind, [list(values)], {"weights": list(weights)} if weights else {})


PRINTED = 12
"""The most values of a sample that a distribution prints."""


Time: TypeAlias = "Duration | Distribution"
"""A duration, or a distribution of durations."""


def time_to_dict(value: Time, what: str) -> Any:
    """A time as the scenario's JSON has it: milliseconds, or a distribution."""
    if isinstance(value, Distribution):
        return value.to_dict()
    ends = _range(value)
    if ends is not None:
        written = f"; write raftlab.{call('uniform', ends, {})} for a range"
        hint = possible(lambda: uniform(*ends), written)
        raise InvalidError(f"{what} must be a time or a distribution, not {shown(value)}{hint}")
    return to_ms(value, what)


def _range(value: object) -> tuple[Any, ...] | None:
    """The ends of what is meant as a range of times: `(1, 5)` and `"1-5ms"`; otherwise None."""
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return tuple(value) if all(isinstance(end, (str, int, float)) for end in value) else None
    found = RANGE.fullmatch(value) if isinstance(value, str) and len(value) < LONG else None
    return (f"{found[1]}{found[2] or found[4]}", f"{found[3]}{found[4]}") if found else None


RANGE = re.compile(r"\s*([0-9.]+)\s*([a-zµ]*)\s*(?:-|–|to)\s*([0-9.]+)\s*([a-zµ]+)\s*")
"""A range of times as people write it."""
LONG = 40
"""The length from which a text is no range."""


def time_from_dict(written: Any) -> Any:
    """A time from the scenario's JSON: a number of milliseconds, or a distribution."""
    return written if isinstance(written, (int, float)) else Distribution.from_dict(written)


def support(value: Time) -> tuple[float, float]:
    """The least and the longest time in milliseconds that can be drawn, from 53 random bits."""
    if not isinstance(value, Distribution):
        return to_ms(value, "value"), to_ms(value, "value")
    given = dict(value.parameters)
    match value.kind:
        case "uniform":
            return given["low"], given["high"]
        case "normal":
            return max(given["mean"] - FARTHEST * given["std"], 0.0), given["mean"] + FARTHEST * given["std"]
        case "lognormal":
            reach = min(FARTHEST * given["sigma"], MOST_EXPONENT)
            return given["median"] * math.exp(-reach), given["median"] * math.exp(reach)
        case "exponential":
            return 0.0, given["mean"] * BITS * math.log(2)
        case "pareto":
            return given["scale"], given["scale"] * math.exp(
                min(BITS * math.log(2) / given["shape"], MOST_EXPONENT)
            )
        case "empirical":
            weights = given.get("weights", (1,) * len(given["values"]))
            drawn = [time for time, weight in zip(given["values"], weights, strict=True) if weight > 0]
            return min(drawn), max(drawn)
    return given["value"], given["value"]


BITS, FARTHEST = 53, 8.3
"""The random bits of a draw, and the standard deviations that the farthest of them is from the mean."""
MOST_EXPONENT = 600.0
"""The largest exponent that is raised to: far above all times, and far below overflow."""


def constant(value: Duration) -> Distribution:
    """A constant time.

    >>> constant("2s")
    constant(value=2000)
    """
    return Distribution("constant", (("value", to_ms(value, "value")),))


def uniform(low: Duration, high: Duration) -> Distribution:
    """Uniform on [low, high).

    >>> uniform("1s", "1.15s")
    uniform(low=1000, high=1150)
    """
    a, b = to_ms(low, "low"), to_ms(high, "high")
    if a > b:
        raise InvalidError(f"low ({low!r}) must not be above high ({high!r})")
    return Distribution("uniform", (("low", a), ("high", b)))


def normal(mean: Duration, std: Duration) -> Distribution:
    """Normal, cut at 0: a draw below 0 counts as 0, and lifts the mean a little if `std` is large.

    `mean` and `std`, the standard deviation before that cut, are times: `"5ms"`, or a number of milliseconds.

    >>> normal(5, "500us")
    normal(mean=5, std=0.5)
    """
    return Distribution("normal", (("mean", to_ms(mean, "mean")), ("std", to_ms(std, "std"))))


def lognormal(median: Duration, sigma: float) -> Distribution:
    """Log-normal: the logarithm is normal, as is approximately true for many measured latencies.

    `median` is a time; `sigma`, a number from 0 on, the standard deviation of the natural logarithm. The
    mean is median * exp(sigma^2 / 2), and 2.3 % of the draws are above median * exp(2 * sigma).

    >>> lognormal("1ms", 0.5)
    lognormal(median=1, sigma=0.5)
    """
    spread = number(sigma, "sigma", "a finite number of at least 0", 0, FINITE)
    return Distribution("lognormal", (("median", to_ms(median, "median")), ("sigma", spread)))


def exponential(mean: Duration) -> Distribution:
    """Exponential: the time between independent events, `mean` apart on average.

    It is memoryless: the time already waited does not change the distribution of the rest.

    >>> exponential("30s")
    exponential(mean=30000)
    """
    return Distribution("exponential", (("mean", to_ms(mean, "mean")),))


def pareto(scale: Duration, shape: float) -> Distribution:
    """Pareto of type I, with a long tail: P(longer than t) = (scale / t)^shape.

    `scale`, a time, is the least value; `shape` a number above 0. The mean is scale * shape / (shape - 1),
    and infinite for a `shape` up to 1; the longest draw is 100 days.

    >>> pareto(1, 2.5)
    pareto(scale=1, shape=2.5)
    """
    tail = number(shape, "shape", "a finite number above 0", math.ulp(0.0), FINITE)
    return Distribution("pareto", (("scale", to_ms(scale, "scale")), ("shape", tail)))


def empirical(
    values: Iterable[Duration] | Mapping[Duration, float] | None = None,
    *,
    weights: Iterable[float] | None = None,
    buckets: Mapping[Duration | float | str, float] | None = None,
) -> Distribution:
    """A measured sample: all values are equally likely, or have weights.

    Parameters
    ----------
    values : list of times, or mapping of time to float
        The sample; or its values with their weights, such as a `collections.Counter` of rounded latencies.
    weights : list of float, optional
        The weights of a list of values: finite numbers of at least 0, with a sum above 0 that need not be 1.
    buckets : mapping of time to float, optional
        A histogram as exported by Prometheus, instead of values: the cumulative number of observations by
        upper bound (`le`), with `"+Inf"` for all. A plain number is in milliseconds, as everywhere;
        Prometheus uses seconds, so write `"0.005s"`. Observations are assumed to be spread evenly within a
        bucket, from 0 in the first, as `histogram_quantile` does; those above the last finite bound are
        assumed to be at that bound, which shortens the tail.

    Raises
    ------
    InvalidError
        If there is no value, a weight is negative, or the counts of the buckets decrease.

    Examples
    --------
    >>> empirical([1.0, 2.5, 4.0])
    empirical([1, 2.5, 4])
    >>> empirical([1.0, 30.0], weights=[99, 1])
    empirical([1, 30], weights=[99, 1])
    >>> from collections import Counter
    >>> empirical(Counter({1.0: 990, 3000.0: 10}))
    empirical([1, 3000], weights=[990, 10])
    >>> empirical(buckets={"0.005s": 900, "0.01s": 990, "+Inf": 1000})
    empirical(<41 values, weighted>)
    """
    if buckets is not None:
        if values is not None or weights is not None:
            raise InvalidError(
                "buckets cannot be combined with values or weights: they hold the number of observations"
            )
        return weighted(*spread(buckets))
    if values is None:
        raise InvalidError("values must hold at least one time; or give buckets=")
    if isinstance(values, Mapping):
        if weights is not None:
            raise InvalidError("weights are for a list of values; a mapping of values has them already")
        return weighted(list(values), list(values.values()))
    if weights is not None:
        return weighted(values, weights)
    return Distribution("empirical", (("values", sample_of(values)),))


PARTS = 20
"""The number of equidistant values that replace a bucket of a histogram."""


def spread(buckets: Mapping[Duration | float | str, float]) -> tuple[list[float], list[float]]:
    """Values and weights with the same distribution as the observations of a cumulative histogram."""
    if not isinstance(buckets, Mapping) or not buckets:
        raise InvalidError(f"buckets must be a mapping of upper bounds to counts, not {shown(buckets)}")
    counts = {bound_of(bound): number(count, *COUNT) for bound, count in buckets.items()}
    bounds = sorted(counts)
    if len(bounds) < len(buckets) or bounds[0] == math.inf:
        raise InvalidError("buckets must have different upper bounds, at least one of them finite")
    values, weights, low, before = [], [], 0.0, 0.0
    for bound in bounds:
        more = counts[bound] - before
        if more < 0:
            raise InvalidError(
                f"buckets: counts are cumulative, and must not fall, as they do at {bound:g} ms "
                f"from {before:g} to {counts[bound]:g}"
            )
        if bound == math.inf:
            values.append(low)
            weights.append(more)
        else:
            values += [low + (bound - low) * (part + 0.5) / PARTS for part in range(PARTS)]
            weights += [more / PARTS] * PARTS
        low, before = (low if bound == math.inf else bound), counts[bound]
    return values, weights


COUNT: tuple[Any, ...] = ("buckets: a count", "a finite number of at least 0", 0, FINITE)


def bound_of(bound: Any) -> float:
    """The upper bound of a bucket in milliseconds; the last one may be infinite."""
    if bound in (math.inf, "+Inf", "inf", "Inf"):
        return math.inf
    return to_ms(bound, "buckets: an upper bound")


def weighted(values: Iterable[Duration], weights: Iterable[float]) -> Distribution:
    """A sample whose values have weights."""
    sample = sample_of(values)
    what, accepted = "values: a weight", "a finite number of at least 0"
    given = tuple(number(weight, what, accepted, 0, FINITE) for weight in items(weights, "weights"))
    if len(given) != len(sample):
        raise InvalidError(f"weights must be as many as values, {len(sample)}, not {len(given)}")
    if not 0 < sum(given) <= FINITE:
        raise InvalidError(f"values: the weights must add up to a finite number above 0, not {sum(given)}")
    return Distribution("empirical", (("values", sample), ("weights", given)))


def sample_of(values: Iterable[Duration]) -> tuple[float, ...]:
    """The times of a sample in milliseconds."""
    sample = tuple(to_ms(value, "values") for value in items(values, "values"))
    if not sample:
        raise InvalidError("values must hold at least one time")
    return sample


KINDS: dict[str, Callable[..., Distribution]] = {
    kind.__name__: kind for kind in (constant, uniform, normal, lognormal, exponential, pareto, empirical)
}
"""Distributions by the names that the scenario's JSON has for them."""
