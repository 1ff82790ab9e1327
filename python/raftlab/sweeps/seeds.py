"""The seeds of a sweep, and whether a function takes them."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import operator
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, SupportsIndex

from .._arguments import U64, integer, items
from ..errors import InvalidError, shown
from ..scenario import Scenario

__all__ = ["own_seeds", "seeds_of", "takes_seed"]

LAST = U64 - 1
"""The largest seed of a sweep: the end of a range must be a number of 64 bits, too."""
MOST_LISTED = 10_000_000
"""The longest range with a step that is accepted, since it is kept as a list."""


def seeds_of(seeds: int | Iterable[int]) -> Sequence[int]:
    """The seeds for an argument: a number of them from 0, a range, or a list in any order."""
    given, accepted = seeds, "a number above 0, a range or a list of different seeds"
    if isinstance(seeds, SupportsIndex) and not isinstance(seeds, bool):
        with contextlib.suppress(TypeError):  # an array has __index__, but only some are numbers
            seeds = range(operator.index(seeds))
    if isinstance(seeds, range):
        if seeds.step == 1 and 0 <= seeds.start < seeds.stop:
            if seeds.stop - 1 > LAST:
                raise InvalidError(f"seeds must end before 2^64 - 1, not {shown(given)}")
            return seeds
        seeds = list(seeds) if len(seeds) <= MOST_LISTED else ()
    if isinstance(seeds, (str, bytes, Mapping)) or not isinstance(seeds, Iterable):
        raise InvalidError(f"seeds must be {accepted}, not {shown(given)}")
    listed = [integer(seed, "seeds: a seed", 0, LAST) for seed in items(seeds, "seeds")]
    if not listed:
        raise InvalidError(f"seeds must be {accepted}, not {shown(given)}")
    twice = [seed for seed, count in Counter(listed).items() if count > 1]
    if twice:
        raise InvalidError(f"seeds: {twice[0]} is there twice; each seed is played once")
    return listed


def takes_seed(build: Any) -> bool:
    """True if a function has a parameter `seed`, besides the parameters of the grid."""
    if isinstance(build, Scenario) or not callable(build):
        return False
    try:
        wanted = inspect.signature(build).parameters.get("seed")
    except (TypeError, ValueError):
        return False
    return wanted is not None and wanted.kind in (wanted.POSITIONAL_OR_KEYWORD, wanted.KEYWORD_ONLY)


def own_seeds(scenario: str, seeds: range) -> int:
    """The first of a point's own seeds, which depends on the point alone."""
    digest = hashlib.blake2b(scenario.encode(), digest_size=7).digest()
    return (int.from_bytes(digest) + seeds.start) % (U64 + 1 - (seeds.stop - seeds.start))
