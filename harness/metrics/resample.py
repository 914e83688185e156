"""Rows of a metric, whole and without or with some of their clusters: point, jackknife, bootstrap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Array, Metric

BLOCKS = 100
"""Parts that a metric which is no function of sums is computed without, one at a time, for its standard error."""


def checked(rows: Array, name: str) -> Array:
    """Rows as float [n, k] (a flat [n] becomes [n, 1]); DataError when there is none or one is not finite."""
    table = np.asarray(rows, dtype=float)
    if table.ndim == 1:
        table = table[:, None]
    if table.ndim != 2 or not len(table):
        raise DataError(f"metric {name!r} has no values (shape {table.shape}): an empty result is not a score")
    if not np.isfinite(table).all():
        place = int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])
        raise DataError(f"metric {name!r}: value {place} is {table[place].tolist()}, not a finite number")
    return table


def summed(metric: Metric, rows: Array, clusters: NDArray[np.int64] | None = None) -> tuple[Metric, Array]:
    """Checked rows [n, k] as the metric sums them, and the metric of such rows; ``clusters``: their codes [n].

    Raises as ``checked`` does, ValueError for a balanced metric without clusters.
    """
    table = checked(rows, metric.name)
    if metric.expand:
        table = checked(metric.expand(table), metric.name)
    if metric.balanced:
        if clusters is None:
            raise ValueError(f"metric {metric.name!r} is balanced: it needs the clusters of its rows")
        _, codes, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
        table = np.column_stack([table, np.ones(len(table))]) / sizes[codes][:, None]
    return replace(metric, expand=None, balanced=False), table


def point(metric: Metric, rows: Array, clusters: NDArray[np.int64] | None = None) -> float:
    """The metric over all rows [n, k]; NaN where it is undefined (a correlation with a constant).

    Raises as ``summed`` does, and thus DataError for no rows and for rows that are not finite.
    """
    metric, table = summed(metric, rows, clusters)
    n = np.asarray(float(len(table)))
    return float(metric.reduce(table.sum(axis=0) if metric.additive else table, n))


def cluster_sums(rows: Array, groups: NDArray[np.int64]) -> tuple[Array, Array]:
    """Sums of the rows of every cluster [G, k] and their sizes [G]."""
    sizes: Array = np.bincount(groups).astype(float)
    sums: Array = np.stack([np.bincount(groups, column, len(sizes)) for column in rows.T], axis=1).astype(float)
    return sums, sizes


# ---------------------------------------------------------------------------------------------------------- jackknife
def left_out(metric: Metric, rows: Array, groups: NDArray[np.int64]) -> Array:
    """The metric with one cluster left out each [G]; of one that is no function of sums, one of BLOCKS blocks of them.

    A block holds every BLOCKS-th cluster (the delete-a-group jackknife, Kott 2001).
    """
    if metric.additive:
        sums, sizes = cluster_sums(rows, groups)
        return metric.reduce(rows.sum(axis=0) - sums, len(rows) - sizes)
    blocks = groups % BLOCKS
    kept = (rows[blocks != block] for block in range(int(blocks.max()) + 1))
    return np.array([float(metric.reduce(k, np.asarray(float(len(k))))) if len(k) else np.nan for k in kept])


def jackknife_error(values: Array, center: float) -> float:
    """Standard error from the values [G] with one cluster left out each."""
    count = len(values)
    return float(np.sqrt((count - 1) / count * ((values - center) ** 2).sum()))


# ---------------------------------------------------------------------------------------------------------- bootstrap
def bootstrap(
    metric: Metric,
    rows: Array,
    groups: NDArray[np.int64],
    *,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 2000,
    bias_corrected: bool = False,
) -> tuple[float, float] | None:
    """Percentile (or BCa, Efron 1987) interval from resampled clusters; None where no resample has a value.

    rows [n, k] with cluster codes 0..G-1 ``groups`` [n]. Additive metrics: one product of resampling counts [chunk, G]
    with the clusters' sums [G, k] for each chunk of resamples. It is too narrow below some tens of clusters.
    """
    metric, rows = summed(metric, rows, groups)
    values = resampled(metric, rows, groups, np.random.default_rng(seed), resamples)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    low, high = np.quantile(values, _bca(metric, rows, groups, values, tails) if bias_corrected else tails)
    return float(low), float(high)


def resampled(
    metric: Metric, rows: Array, groups: NDArray[np.int64], generator: np.random.Generator, resamples: int
) -> Array:
    """The metric of ``resamples`` draws of whole clusters with replacement [resamples]."""
    count = int(groups.max()) + 1
    if not metric.additive:
        members = [np.flatnonzero(groups == g) for g in range(count)]
        drawn = (np.concatenate([members[g] for g in generator.integers(count, size=count)]) for _ in range(resamples))
        return np.array([float(metric.reduce(rows[d], np.asarray(float(len(d))))) for d in drawn])
    table = np.column_stack(cluster_sums(rows, groups))  # [G, k + 1]: sums and size
    parts = (_drawn_sums(table, drawn) for drawn in _draws(generator, count, resamples))
    return np.concatenate([metric.reduce(part[:, :-1], part[:, -1]) for part in parts])


def _draws(generator: np.random.Generator, count: int, resamples: int) -> Iterator[NDArray[np.int32]]:
    """Which of ``count`` clusters each resample draws, in chunks [chunk, count] of at most 16 MB."""
    chunk = max(1, 4_000_000 // count)
    for start in range(0, resamples, chunk):
        yield generator.integers(0, count, (min(chunk, resamples - start), count), dtype=np.int32)


def _drawn_sums(table: Array, drawn: NDArray[np.int32]) -> Array:
    """Sums [chunk, k] of the drawn rows of ``table`` [G, k]: few columns are gathered, many are a matrix product."""
    if table.shape[1] <= 2:
        # A column that does not vary (clusters of one size) needs no look-up.
        fixed = (table == table[0]).all(axis=0)
        columns = zip(table.T, fixed, strict=True)
        return np.stack(
            [np.full(len(drawn), c[0] * len(c)) if same else c[drawn].sum(axis=1) for c, same in columns], 1
        )
    size, count = drawn.shape
    places = drawn + np.arange(size, dtype=np.int32)[:, None] * count
    weights = np.bincount(places.ravel(), minlength=size * count).reshape(size, count).astype(float)
    product: Array = weights @ table
    return product


def _bca(metric: Metric, rows: Array, groups: NDArray[np.int64], values: Array, tails: Array) -> Array:
    """Quantiles corrected for bias and acceleration."""
    from scipy.special import ndtr, ndtri

    share = np.clip((values < point(metric, rows)).mean(), 1 / len(values), 1 - 1 / len(values))
    without = left_out(metric, rows, groups)
    gaps = without.mean() - without
    spread = (gaps**2).sum() ** 1.5
    acceleration = (gaps**3).sum() / (6 * spread) if spread else 0.0
    bias, z = ndtri(share), ndtri(tails)
    corrected: Array = ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))
    return corrected
