"""Statistics of evaluation results: arrays in, numbers out; intervals, paired tests, corrections, power."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Array, Metric


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


def summed(metric: Metric, rows: Array) -> tuple[Metric, Array]:
    """Checked rows as the metric sums them, and the metric of such rows. Raises as ``checked`` does."""
    table = checked(rows, metric.name)
    return (
        (replace(metric, expand=None), checked(metric.expand(table), metric.name)) if metric.expand else (metric, table)
    )


def point(metric: Metric, rows: Array) -> float:
    """The metric over all rows [n, k]; NaN where it is undefined (a correlation with a constant).

    Raises DataError for no rows and for rows that are not finite.
    """
    metric, table = summed(metric, rows)
    n = np.asarray(float(len(table)))
    return float(metric.reduce(table.sum(axis=0) if metric.additive else table, n))


def confidence(
    metric: Metric, rows: Array, clusters: NDArray[np.int64], level: float = 0.95, seed: int = 0
) -> tuple[float, float] | None:
    """Interval of a metric over rows [n, k] whose cluster codes are ``clusters`` [n]; None below two clusters.

    Proportions get Wilson's interval, with clusters at the effective sample size n / design effect and a t quantile.
    Everything else gets value +- t(G - 1) * standard error, the error by deleting one cluster at a time (the
    cluster jackknife, CV3 of MacKinnon, Nielsen and Webb 2023), which keeps its coverage when clusters are few; rank
    statistics a percentile bootstrap of clusters, reference values none.
    """
    metric, table = summed(metric, rows)
    _, groups = np.unique(clusters, return_inverse=True)
    count = int(groups.max()) + 1
    if count < 2 or metric.interval == "none":
        return None
    if not metric.additive:
        return bootstrap(metric, table, groups, level=level, seed=seed)
    n, value = float(len(table)), point(metric, table)
    left_out = _left_out(metric, table, groups)
    if not np.isfinite(left_out).all():
        return bootstrap(metric, table, groups, level=level, seed=seed)
    error = jackknife_error(left_out, value)
    reach = quantile((1 + level) / 2, count - 1)
    if metric.interval == "wilson":
        n = float(table[:, 1].sum()) if table.shape[1] > 1 else n
        value, error = value / metric.scale, error / metric.scale
        naive = value * (1 - value) / n
        clustered = count < len(table) and naive > 0
        effective = n / max(1.0, error**2 / naive) if clustered else n
        ends = wilson(value, effective, reach if clustered else quantile((1 + level) / 2))
        return metric.scale * ends[0], metric.scale * ends[1]
    return value - reach * error, value + reach * error


def wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's score interval of a share of ``n`` (may be an effective size) at quantile ``z``."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return max(0.0, middle - half) if share > 0 else 0.0, min(1.0, middle + half) if share < 1 else 1.0


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
    with the clusters' sums [G, k] for each chunk of resamples.
    """
    metric, rows = summed(metric, rows)
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


def cluster_sums(rows: Array, groups: NDArray[np.int64]) -> tuple[Array, Array]:
    """Sums of the rows of every cluster [G, k] and their sizes [G]."""
    sums = np.zeros((int(groups.max()) + 1, rows.shape[1]))
    np.add.at(sums, groups, rows)
    return sums, np.bincount(groups).astype(float)


def jackknife_error(values: Array, center: float) -> float:
    """Standard error from the values [G] with one cluster left out each."""
    count = len(values)
    return float(np.sqrt((count - 1) / count * ((values - center) ** 2).sum()))


# ---------------------------------------------------------------------------------------------- means of other numbers
@dataclass(frozen=True, slots=True)
class Part:
    """A number with its standard error and the degrees of freedom of that error."""

    value: float
    error: float
    freedom: float


def mean_of_metrics(metrics: Sequence[tuple[Metric, Array]], groups: NDArray[np.int64]) -> Part:
    """Unweighted mean of several metrics of the same examples; the error by deleting one cluster at a time.

    Rows [n, k] of each metric, cluster codes 0..G-1 [n]. NaN where a metric is undefined or there is one cluster only.
    """
    count = int(groups.max()) + 1
    value = float(np.mean([point(metric, rows) for metric, rows in metrics]))
    if count < 2 or not np.isfinite(value):
        return Part(value, float("nan"), max(0, count - 1))
    left_out = np.mean([_left_out(*summed(metric, rows), groups) for metric, rows in metrics], axis=0)
    return Part(value, jackknife_error(left_out, value), count - 1)


def mean_of_parts(parts: Sequence[Part], *, level: float = 0.95) -> tuple[Part, tuple[float, float] | None]:
    """Unweighted mean of independent numbers with its interval (delta method; freedom of Welch and Satterthwaite).

    No interval where a part has no error or all errors are 0.
    """
    from scipy.special import stdtrit

    value = float(np.mean([part.value for part in parts]))
    variances = np.array([part.error for part in parts]) ** 2 / len(parts) ** 2
    if not np.isfinite(variances).all() or not variances.any():
        return Part(value, float(np.sqrt(variances.sum())), 0), None
    share = (variances**2 / np.array([max(1, part.freedom) for part in parts])).sum()
    freedom = variances.sum() ** 2 / share
    error = float(np.sqrt(variances.sum()))
    half = float(stdtrit(freedom, (1 + level) / 2)) * error
    return Part(value, error, float(freedom)), (value - half, value + half)


# ----------------------------------------------------------------------------------------------------- paired examples
@dataclass(frozen=True, slots=True)
class Paired:
    """Second minus first of a metric on the same examples: interval, two-sided p and the test that gave it.

    ``error`` is the cluster-jackknife standard error, ``freedom`` its degrees of freedom; None below two clusters.
    """

    first: float
    second: float
    difference: float
    low: float | None
    high: float | None
    error: float | None
    freedom: int
    p: float | None
    test: str
    n: int
    clusters: int


def paired(
    metric: Metric, first: Array, second: Array, clusters: NDArray[np.int64], *,
    level: float = 0.95, seed: int = 0, tested: bool = True,
) -> Paired:  # fmt: skip
    """Compare two models on the same examples; rows [n, k] each, cluster codes [n].

    p: exact McNemar for unclustered 0/1 values, sign flips of clusters for means, paired bootstrap for the rest;
    ``tested`` False leaves it out, which saves nearly all of the time.
    """
    from scipy.special import stdtrit

    (_, one), (metric, two) = summed(metric, first), summed(metric, second)
    _, groups = np.unique(clusters, return_inverse=True)
    count, n = int(groups.max()) + 1, len(one)
    values = point(metric, one), point(metric, two)
    difference = values[1] - values[0]
    if count < 2 or not np.isfinite(difference):
        return Paired(*values, difference, None, None, None, count - 1, None, "none below two clusters", n, count)
    error = jackknife_error(_left_out(metric, two, groups) - _left_out(metric, one, groups), difference)
    half = float(stdtrit(count - 1, (1 + level) / 2)) * error
    p, test = _paired_test(metric, one, two, groups, seed) if tested else (None, "not tested")
    return Paired(*values, difference, difference - half, difference + half, error, count - 1, p, test, n, count)


def mcnemar(broken: int, fixed: int) -> float:
    """Exact two-sided McNemar test: under no difference a discordant pair is either kind with probability 1/2."""
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(broken, fixed), broken + fixed, 0.5)))


def sign_flip(differences: Array, *, seed: int = 0, resamples: int = 10_000) -> float:
    """Two-sided permutation p of independent (cluster) differences [G] whose signs are exchangeable."""
    observed = abs(float(differences.sum()))
    generator = np.random.default_rng(seed)
    chunk = max(1, 4_000_000 // len(differences))
    extreme = 0
    for start in range(0, resamples, chunk):
        signs = generator.integers(0, 2, (min(chunk, resamples - start), len(differences)), dtype=np.int8) * 2 - 1
        extreme += int((np.abs(signs @ differences) >= observed * (1 - 1e-12)).sum())
    return (extreme + 1) / (resamples + 1)


def paired_bootstrap(
    metric: Metric, first: Array, second: Array, groups: NDArray[np.int64], *, seed: int = 0, resamples: int = 10_000
) -> float:
    """Two-sided p: twice the smaller share of resamples of clusters on either side of no difference."""
    draws = [resampled(metric, rows, groups, np.random.default_rng(seed), resamples) for rows in (first, second)]
    differences = draws[1] - draws[0]
    below, above = int((differences <= 0).sum()), int((differences >= 0).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (resamples + 1))


# ------------------------------------------------------------------------------------------------ many tests and power
def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p values that keep the chance of any false alarm (Holm 1979)."""
    values, count = np.asarray(p, dtype=float), len(p)  # statsmodels collects garbage on every call: 60 ms
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(count, 0, -1)))
    return [float(x) for x in adjusted]


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Adjusted p values that keep the share of false discoveries (Benjamini and Hochberg 1995)."""
    from statsmodels.stats.multitest import multipletests

    return [float(x) for x in multipletests(list(p), method="fdr_bh")[1]] if len(p) else []


def detectable(error: float, freedom: float = np.inf, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Smallest true difference that a two-sided t test with this standard error finds with this power (Bloom 1995).

    ``freedom``: degrees of freedom of the error, clusters - 1; infinite for the normal distribution.
    """
    return (quantile(1 - alpha / 2, freedom) + quantile(power, freedom)) * error


def error_of(low: float, high: float, freedom: float = np.inf) -> float:
    """Standard error of a number whose 95 % interval this is, if that used t with ``freedom`` degrees of freedom."""
    return (high - low) / (2 * quantile(0.975, freedom))


def quantile(share: float, freedom: float = np.inf) -> float:
    """Of Student's t distribution; of the normal one where ``freedom`` is infinite."""
    from scipy.special import ndtri, stdtrit

    return float(ndtri(share) if freedom == np.inf else stdtrit(freedom, share))


def widened(value: float, low: float, high: float, times: int) -> tuple[float, float]:
    """A 95 % interval at level 1 - 0.05 / times: then ``times`` such intervals hold together (Bonferroni)."""
    factor = quantile(1 - 0.025 / times) / quantile(0.975)
    return value - factor * (value - low), value + factor * (high - value)


def needed(error: float, n: int, difference: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Examples needed to detect ``difference``, if ``n`` gave the standard error ``error`` (it falls as 1/sqrt(n))."""
    return int(np.ceil(n * (detectable(error, alpha=alpha, power=power) / difference) ** 2))


def _paired_test(
    metric: Metric, first: Array, second: Array, groups: NDArray[np.int64], seed: int
) -> tuple[float, str]:
    n, count = len(first), int(groups.max()) + 1
    if metric.interval == "wilson" and count == n and first.shape[1] == 1:
        gap = second[:, 0] - first[:, 0]
        return mcnemar(int((gap < 0).sum()), int((gap > 0).sum())), "exact McNemar"
    if metric.interval in ("wilson", "t") and first.shape[1] == 1:
        return sign_flip(cluster_sums(second - first, groups)[0][:, 0], seed=seed), "sign flips of clusters"
    return paired_bootstrap(metric, first, second, groups, seed=seed), "paired bootstrap of clusters"


def _left_out(metric: Metric, rows: Array, groups: NDArray[np.int64]) -> Array:
    """The metric with one cluster left out each [G]."""
    count = int(groups.max()) + 1
    if metric.additive:
        sums, sizes = cluster_sums(rows, groups)
        return metric.reduce(rows.sum(axis=0) - sums, len(rows) - sizes)
    kept = (rows[groups != g] for g in range(count))
    return np.array([float(metric.reduce(k, np.asarray(float(len(k))))) for k in kept])


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
    left_out = _left_out(metric, rows, groups)
    gaps = left_out.mean() - left_out
    spread = (gaps**2).sum() ** 1.5
    acceleration = (gaps**3).sum() / (6 * spread) if spread else 0.0
    bias, z = ndtri(share), ndtri(tails)
    corrected: Array = ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))
    return corrected
