"""Statistics of evaluation results: arrays in, numbers out; intervals, paired tests, corrections, power."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.errors import DataError

if TYPE_CHECKING:
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


def point(metric: Metric, rows: Array) -> float:
    """The metric over all rows [n, k]; NaN where it is undefined (a correlation with a constant).

    Raises DataError for no rows and for rows that are not finite.
    """
    table = checked(rows, metric.name)
    n = np.asarray(float(len(table)))
    return float(metric.reduce(table.sum(axis=0) if metric.additive else table, n))
