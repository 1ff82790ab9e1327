"""Commit latencies over all runs of a sweep, from the sum of their histograms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._arguments import confidence as confidence_of
from .._arguments import items, number
from ..errors import InvalidError
from ..statistics import Estimate, as_columns, limits_of_quantile, limits_of_share
from ..tables import _need
from .observed import groups
from .summary import index_of, refuse_taken

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from .result import Sweep

HISTOGRAM = "commit_latency_histogram"
AT_ONCE = 256
"""The number of clusters whose distributions are in memory at once."""


def commit_latency(
    result: Sweep, by: str | Iterable[str] | None, quantiles: Sequence[float], confidence: float
) -> pd.DataFrame:
    """See `Sweep.commit_latency`."""
    _need("pandas", "commit_latency")
    _need("scipy", "commit_latency")
    import pandas

    confidence = confidence_of(confidence, "confidence")
    shares = [number(q, "quantiles", "between 0 and 1", 0, 1) for q in items(quantiles, "quantiles")]
    points, lines = [], []
    for point, pooled in pooled_by(result, by):
        cells: dict[str, Any] = {"runs": pooled.runs, "commits": int(pooled.entries.sum())}
        for q in shares:
            cells |= as_columns(f"p{100 * q:.6g}_ms", pooled.quantile(q, confidence))
        points.append(point)
        lines.append(cells)
    return pandas.DataFrame(lines, index=index_of(points) if points[0] else None)


def commit_latency_ecdf(result: Sweep, by: str | Iterable[str] | None, confidence: float) -> pd.DataFrame:
    """See `Sweep.commit_latency_ecdf`."""
    _need("pandas", "commit_latency_ecdf")
    _need("scipy", "commit_latency_ecdf")
    import pandas

    confidence = confidence_of(confidence, "confidence")
    parts = []
    for point, pooled in pooled_by(result, by):
        refuse_taken(point, ECDF, "commit_latency_ecdf")
        if len(pooled.ends_ms):
            parts.append(pandas.DataFrame(point | dict(zip(ECDF, pooled.ecdf(confidence), strict=True))))
    if not parts:
        return pandas.DataFrame(columns=[*pooled_by(result, by)[0][0], *ECDF])
    return pandas.concat(parts, ignore_index=True)


ECDF = ("latency_ms", "entries", "share", "low", "high")
"""The columns of a distribution of commit latencies."""


def pooled_by(result: Sweep, by: str | Iterable[str] | None) -> list[tuple[dict[str, Any], Pooled]]:
    """The sums of the histograms of runs, by values of some parameters."""
    if HISTOGRAM not in [name for name, *_ in result.runs.columns]:
        raise InvalidError(
            f"metrics: this sweep has no histograms of commit latencies; play it with metrics='{HISTOGRAM}'"
        )
    histograms, seeds = result.runs.to_list(HISTOGRAM), result["seed"]
    return [
        (point, Pooled.of([histograms[row] for row in rows], seeds[rows]))
        for point, rows in groups(result, by)
    ]


@dataclass(frozen=True)
class Pooled:
    """Histograms of many runs on one axis.

    Attributes
    ----------
    ends_ms : array of float
        The upper ends of all nonempty buckets, ascending.
    entries : array of int, (clusters, buckets)
        The number of entries of each cluster in each bucket. Runs with one seed share their randomness and
        form one cluster.
    runs : int
        The number of runs that did not fail.
    """

    ends_ms: np.ndarray[Any, Any]
    entries: np.ndarray[Any, Any]
    runs: int = 0

    @classmethod
    def of(cls, histograms: Sequence[list[tuple[float, int]] | None], seeds: np.ndarray[Any, Any]) -> Pooled:
        """Adds up the histograms of runs with these seeds, without failed runs."""
        import numpy as np

        kept = [
            (histogram, seed)
            for histogram, seed in zip(histograms, seeds, strict=True)
            if histogram is not None
        ]
        _, cluster = np.unique([seed for _, seed in kept], return_inverse=True)
        told = [(at, end, entries) for at, (of, _) in enumerate(kept) for end, entries in of]
        ends = np.array(sorted({end for _, end, _ in told}))
        table = np.zeros((int(cluster.max()) + 1 if len(cluster) else 0, len(ends)), dtype=np.int64)
        if told:
            rows, of, entries = zip(*told, strict=True)
            np.add.at(table, (cluster[list(rows)], np.searchsorted(ends, of)), entries)
        return cls(ends, table, len(kept))

    def ecdf(self, confidence: float) -> tuple[np.ndarray[Any, Any], ...]:
        """The latency, the entries, the share that took no longer, and its limits, by bucket."""
        per_bucket = self.entries.sum(axis=0)
        share = per_bucket.cumsum() / per_bucket.sum()
        low, high = limits_of_share(share, self._worth(share, confidence), confidence)
        return self.ends_ms, per_bucket, share, low, high

    def quantile(self, q: float, confidence: float) -> Estimate:
        """The latency that this share of all entries did not exceed, with Woodruff's interval.

        The share of the entries up to there is a ratio of two sums over clusters; its interval is read off
        the distribution.
        """
        import numpy as np

        total = int(self.entries.sum())
        if total == 0:
            return Estimate.bare(math.nan, "no commit")
        below = self.entries.sum(axis=0).cumsum()
        at = int(np.searchsorted(below, q * total))
        value = float(self.ends_ms[at])
        if len(self.entries) < 2:
            return Estimate.bare(value, "of one seed")
        worth = float(self._worth(below / total, confidence)[at])
        low, high = (
            math.nan if side != side else float(self.ends_ms[int(np.searchsorted(below, side * total))])
            for side in limits_of_quantile(q, worth, confidence)
        )
        return Estimate(value, min(low, value), max(high, value))

    def _worth(self, share: np.ndarray[Any, Any], confidence: float) -> np.ndarray[Any, Any]:
        """The effective number of entries for the share up to each bucket (Korn and Graubard 1998).

        It follows from the spread of clusters, and is at most the number of entries; NaN for one cluster.
        """
        import numpy as np
        from scipy import stats

        per_cluster, total, clusters = self.entries.sum(axis=1), int(self.entries.sum()), len(self.entries)
        if clusters < 2:
            return np.full(len(share), math.nan)
        squares = np.zeros(len(share))
        for few in range(0, clusters, AT_ONCE):
            block = slice(few, few + AT_ONCE)
            residuals = self.entries[block].cumsum(axis=1) - share * per_cluster[block, None]
            squares += (residuals**2).sum(axis=0)
        variance = clusters / (clusters - 1) * squares / total**2
        least = share * (1 - share) / total
        worth = np.divide(
            share * (1 - share),
            np.maximum(variance, least),
            out=np.full(len(share), float(total)),
            where=least > 0,
        )
        t, z = (
            float(of)
            for of in (stats.t.ppf((1 + confidence) / 2, clusters - 1), stats.norm.ppf((1 + confidence) / 2))
        )
        tighter: np.ndarray[Any, Any] = worth * (z / t) ** 2
        return tighter
