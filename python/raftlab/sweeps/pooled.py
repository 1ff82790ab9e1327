"""Commit latency over the runs of a sweep: their histograms added up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._arguments import items, number
from ..errors import InvalidError
from ..statistics import Estimate, as_columns
from ..tables import _need
from .observed import groups
from .summary import index_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from .result import Sweep

HISTOGRAM = "commit_latency_histogram"


def commit_latency(
    result: Sweep, by: str | Iterable[str] | None, quantiles: Sequence[float], ci: float
) -> pd.DataFrame:
    """See `Sweep.commit_latency`."""
    _need("pandas", "commit_latency")
    _need("scipy", "commit_latency")
    import pandas

    if HISTOGRAM not in [name for name, *_ in result.runs.columns]:
        raise InvalidError(
            f"metrics: this sweep has no histograms of commit latencies; play it with metrics='{HISTOGRAM}'"
        )
    ci = number(ci, "ci", "between 0 and 1", 0, 1)
    shares = [number(q, "quantiles", "between 0 and 1", 0, 1) for q in items(quantiles, "quantiles")]
    by = by if by is None or isinstance(by, str) else items(by, "by")
    histograms, seeds = result.runs.to_list(HISTOGRAM), result["seed"]
    points, lines = [], []
    for point, rows in groups(result, by):
        pooled = Pooled.of([histograms[row] for row in rows], seeds[rows])
        told = sum(histograms[row] is not None for row in rows)
        cells: dict[str, Any] = {"runs": told, "commits": int(pooled.entries.sum())}
        for q in shares:
            cells |= as_columns(f"p{100 * q:.6g}_ms", pooled.quantile(q, ci))
        points.append(point)
        lines.append(cells)
    return pandas.DataFrame(lines, index=index_of(points) if points[0] else None)


@dataclass(frozen=True)
class Pooled:
    """Histograms of many runs on one axis.

    Attributes
    ----------
    ends_ms : array of float
        The upper ends of all buckets that hold any, ascending.
    entries : array of int, (clusters, buckets)
        How many entries each cluster has in each bucket. Runs with one seed share their luck: they are one
        cluster.
    """

    ends_ms: np.ndarray[Any, Any]
    entries: np.ndarray[Any, Any]

    @classmethod
    def of(cls, histograms: Sequence[list[tuple[float, int]] | None], seeds: np.ndarray[Any, Any]) -> Pooled:
        """The histograms of runs with these seeds; those of runs that failed say nothing."""
        import numpy as np

        told = [(at, end, entries) for at, of in enumerate(histograms) for end, entries in of or []]
        _, cluster = np.unique(seeds, return_inverse=True)
        ends = np.array(sorted({end for _, end, _ in told}))
        table = np.zeros((int(cluster.max()) + 1 if len(cluster) else 0, len(ends)), dtype=np.int64)
        if told:
            rows, of, entries = zip(*told, strict=True)
            np.add.at(table, (cluster[list(rows)], np.searchsorted(ends, of)), entries)
        return cls(ends, table)

    def quantile(self, q: float, ci: float) -> Estimate:
        """The latency that this share of all entries did not exceed, with Woodruff's interval.

        The share of the entries up to there is a ratio of two sums over clusters; its interval, by their
        spread (and no narrower than if all entries were independent), is read off the distribution.
        """
        import numpy as np
        from scipy import stats

        per_cluster = self.entries.sum(axis=1)
        total = int(per_cluster.sum())
        if total == 0:
            return Estimate(math.nan, math.nan, math.nan, "no commit")
        below = self.entries.sum(axis=0).cumsum()
        at = int(np.searchsorted(below, q * total))
        share = below[at] / total
        clusters = len(per_cluster)
        residuals = self.entries[:, : at + 1].sum(axis=1) - share * per_cluster
        spread = math.sqrt(clusters / max(clusters - 1, 1) * float((residuals**2).sum())) / total
        error = max(spread, math.sqrt(q * (1 - q) / total))
        if clusters < 2:
            return Estimate(float(self.ends_ms[at]), math.nan, math.nan, "of one seed")
        reach = float(stats.t.ppf((1 + ci) / 2, clusters - 1)) * error
        low, high = (
            float(self.ends_ms[int(np.searchsorted(below, share * total))]) if 0 < share < 1 else math.nan
            for share in (q - reach, q + reach)
        )
        return Estimate(float(self.ends_ms[at]), low, high)
