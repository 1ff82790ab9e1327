"""The closed forms of the dissertation's chapter 9, in units of the range of timeouts.

Timeouts are uniform from `base` to `base` + 1, `alive` servers of a cluster of `servers` take part, and a
message takes `latency`.
"""

from __future__ import annotations

from typing import Any

__all__ = ["expected_terms", "expected_time", "first_timeout", "split_probability", "time_distribution"]


def split_probability(servers: int, alive: int, latency: float) -> float:
    """P(the vote is split) = P(Bin(s, l) >= c - 1), with c = s - floor(n / 2) + 1 (diss. §9.3).

    A vote is split iff c servers start an election within one latency.

    >>> round(split_probability(5, 4, 0.2), 3)
    0.181
    """
    from scipy.stats import binom

    return float(binom.sf(alive - servers // 2 - 1, alive, latency))


def first_timeout(servers: int, alive: int, latency: float) -> float:
    """E[M | no split]: the time of the first timeout in a term that elects a leader.

    >>> round(first_timeout(5, 4, 0.1), 4)
    0.1938
    """
    from scipy.stats import binom

    fewer = alive - servers // 2 - 1
    ratio = binom.cdf(fewer, alive + 1, latency) / binom.cdf(fewer, alive, latency)
    return float(ratio / (alive + 1))


def expected_terms(servers: int, alive: int, latency: float) -> float:
    """The number of terms that an election takes, if each is like the first (diss. §9.4)."""
    return 1 / (1 - split_probability(servers, alive, latency))


def expected_time(servers: int, alive: int, latency: float, base: float = 1.0) -> float:
    """The duration of an election from fresh timers, if each term is like the first (diss. §9.4).

    The dissertation's E[E_s] counts from a crash in the middle of a heartbeat interval, a quarter sooner.

    >>> round(expected_time(5, 4, 0.1) - 0.25, 3)
    1.222
    """
    return expected_terms(servers, alive, latency) * (base + 1 / (alive + 1) + latency) + latency


def time_distribution(servers: int, alive: int, latency: float, base: float = 1.0) -> tuple[Any, Any]:
    """The distribution of the duration of an election: times, and the probability that it is over by then.

    Each term lasts as long as the first of the timeouts and a latency, and is split with the same
    probability, independent of earlier terms.
    """
    import numpy as np

    step = 1 / 200
    lost = split_probability(servers, alive, latency)
    edges = np.arange(0, 1 + step / 2, step)
    first = -np.diff((1 - edges) ** alive)
    each = np.concatenate([np.zeros(round((base + latency) / step)), first])
    over, term = np.zeros(1), np.ones(1)
    for failures in range(MOST_TERMS):
        term = np.convolve(term, each)
        over = np.pad(over, (0, len(term) - len(over)))
        over[: len(term)] += (1 - lost) * lost**failures * term
    times = (np.arange(len(over)) + 0.5) * step + latency
    return times, np.cumsum(over)


MOST_TERMS = 30
