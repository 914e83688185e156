"""Metrics of answers that are right or wrong, of labels and of scores, and the rows that one example gives to them."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.types import Metric

if TYPE_CHECKING:
    from harness.types import Array, Better

Average = Literal["macro", "weighted"]
UNIT, ANY = (0.0, 1.0), (-math.inf, math.inf)


def ratio(top: Array, bottom: Array, otherwise: float = 0.0) -> Array:
    """``top / bottom`` elementwise, ``otherwise`` where the bottom is 0."""
    top, bottom = np.broadcast_arrays(np.asarray(top, float), np.asarray(bottom, float))
    out: Array = np.full(top.shape, otherwise)
    np.divide(top, bottom, out=out, where=bottom != 0)
    return out


def first_over_n(sums: Array, n: Array) -> Array:
    """The mean of one column: sums [..., 1], n [...] -> [...]."""
    return ratio(sums[..., 0], n, np.nan)


def mean(
    name: str,
    *,
    bounds: tuple[float, float] = ANY,
    better: Better = "higher",
    ideal: float | None = None,
    limits: str = "",
    signature: str = "",
) -> Metric:
    """The mean of one number per example; ``bounds``: the least and the largest that it can be."""
    return Metric(
        name=name,
        reduce=first_over_n,
        better=better,
        ideal=ideal,
        interval="t",
        bounds=bounds,
        limits=limits,
        signature=signature,
    )


def proportion(
    name: str, *, better: Better = "higher", ideal: float | None = None, limits: str = "", signature: str = ""
) -> Metric:
    """The share of examples whose value is 1; every value is 0 or 1."""
    return Metric(
        name=name,
        reduce=first_over_n,
        better=better,
        ideal=ideal,
        interval="wilson",
        bounds=UNIT,
        limits=limits,
        signature=signature,
    )


def quotient(
    name: str,
    *,
    scale: float = 1.0,
    offset: float = 0.0,
    bounds: tuple[float, float] = ANY,
    better: Better = "higher",
    ideal: float | None = None,
    limits: str = "",
    signature: str = "",
) -> Metric:
    """``scale * sum of tops / sum of bottoms + offset`` over rows (top, bottom); NaN where all bottoms are 0."""

    def reduce(sums: Array, n: Array) -> Array:
        return scale * ratio(sums[..., 0], sums[..., 1], np.nan) + offset

    return Metric(
        name=name,
        reduce=reduce,
        better=better,
        ideal=ideal,
        limits=limits,
        signature=signature,
        bounds=bounds,
        support=lambda rows: float((rows[:, 1] != 0).sum()),
    )


def reduce_percent(sums: Array, n: Array) -> Array:
    """The share of the first column, from 0 to 100."""
    return 100 * first_over_n(sums, n)


def percent(name: str, *, better: Better = "ideal", ideal: float | None = 50.0, limits: str = "") -> Metric:
    """A proportion of 0/1 values from 0 to 100, as published preference scores are given."""
    return Metric(
        name=name,
        reduce=reduce_percent,
        better=better,
        ideal=ideal,
        interval="wilson",
        bounds=(0.0, 100.0),
        scale=100.0,
        limits=limits,
        kind="percent",
    )


accuracy = proportion("accuracy")
exact_match = proportion("exact_match")


# ------------------------------------------------------------------------------------------------------------- labels
def confusion_row(gold: int, predicted: int, labels: int) -> tuple[float, ...]:
    """One example's row [3 * labels]: hits, gold counts and predicted counts of every label (indices from 0).

    Raises ValueError for an index outside the labels.
    """
    for index in (gold, predicted):
        if not 0 <= index < labels:
            raise ValueError(f"label index {index} is outside 0..{labels - 1}")
    row = [0.0] * (3 * labels)
    row[gold] = float(gold == predicted)
    row[labels + gold] = 1.0
    row[2 * labels + predicted] = 1.0
    return tuple(row)


def thirds(sums: Array) -> tuple[Array, Array, Array]:
    """Hits, gold counts and predicted counts [..., labels] of summed confusion rows [..., 3 * labels]."""
    labels = sums.shape[-1] // 3
    return sums[..., :labels], sums[..., labels : 2 * labels], sums[..., 2 * labels :]


def rarest_label(rows: Array, labels: int = 1) -> float:
    """How often the rarest label occurs in the gold of confusion rows [n, 3 * labels]: a number by labels rests on it.

    0 where fewer than ``labels`` of them occur.
    """
    _, gold, _ = thirds(rows.sum(axis=0))
    held = gold[gold > 0]
    return float(held.min()) if len(held) >= labels else 0.0


def reduce_matthews(sums: Array, n: Array) -> Array:
    """R_K from the sums of ``confusion_row``; 0 where one side has a single label."""
    hits, gold, predicted = thirds(sums)
    n = np.asarray(n, float)
    top = hits.sum(-1) * n - (gold * predicted).sum(-1)
    spread = (n**2 - (predicted**2).sum(-1)) * (n**2 - (gold**2).sum(-1))
    return ratio(top, np.sqrt(np.maximum(spread, 0.0)))


def matthews(name: str = "matthews") -> Metric:
    """Matthews correlation over any number of labels, from ``confusion_row``; 0 where it is undefined.

    R_K of Gorodkin (2004), as scikit-learn's ``matthews_corrcoef``.
    """
    return Metric(
        name=name, reduce=reduce_matthews, bounds=(-1.0, 1.0), support=lambda rows: rarest_label(rows, labels=2)
    )


def f1_labels(average: Average = "macro", name: str | None = None) -> Metric:
    """F1 averaged over the labels that occur, from ``confusion_row``; scikit-learn's ``f1_score(average=...)``."""

    def reduce(sums: Array, n: Array) -> Array:
        hits, gold, predicted = thirds(sums)
        scores = ratio(2 * hits, gold + predicted)  # [..., labels]
        weights = gold if average == "weighted" else ((gold + predicted) > 0).astype(float)
        return ratio((scores * weights).sum(-1), weights.sum(-1))

    return Metric(name=name or f"f1_{average}", reduce=reduce, bounds=UNIT, support=rarest_label)


def balanced_accuracy(name: str = "balanced_accuracy") -> Metric:
    """Mean recall of the labels that occur in the gold, from ``confusion_row``."""

    def reduce(sums: Array, n: Array) -> Array:
        hits, gold, _ = thirds(sums)
        return ratio(ratio(hits, gold).sum(-1), (gold > 0).sum(-1))

    return Metric(name=name, reduce=reduce, bounds=UNIT, support=rarest_label)


def f1_row(gold: bool, predicted: bool) -> tuple[float, float, float]:
    """One yes-or-no answer's row: both positive, gold positive, predicted positive."""
    return float(gold and predicted), float(gold), float(predicted)


def set_row(gold: Collection[object], predicted: Collection[object]) -> tuple[float, float, float]:
    """One example's row for F1 over sets: size of the intersection, of the gold and of the prediction."""
    return float(len(set(gold) & set(predicted))), float(len(set(gold))), float(len(set(predicted)))


def reduce_f1(sums: Array, n: Array) -> Array:
    """2 x hits / (gold + predicted), from the sums of the three."""
    return ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def f1(name: str = "f1", limits: str = "") -> Metric:
    """F1 of the positive label over all examples, from ``f1_row`` or ``set_row``; 0 where nothing is positive."""
    return Metric(
        name=name, reduce=reduce_f1, bounds=UNIT, limits=limits, support=lambda rows: float(rows.any(axis=1).sum())
    )


# -------------------------------------------------------------------------------------------------------- correlation
def pearson_row(gold: float, predicted: float) -> tuple[float, ...]:
    """One example's moments: x, y, x^2, y^2, xy."""
    return gold, predicted, gold * gold, predicted * predicted, gold * predicted


def reduce_pearson(sums: Array, n: Array) -> Array:
    """The correlation from the sums of ``pearson_row``."""
    x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    n = np.asarray(n, float)
    left, right = n * xx - x * x, n * yy - y * y
    flat = (left <= 1e-12 * n * xx) | (right <= 1e-12 * n * yy)  # rounding of a constant column
    return ratio(n * xy - x * y, np.where(flat, 0.0, np.sqrt(np.maximum(left * right, 0.0))), np.nan)


def pearson(name: str = "pearson") -> Metric:
    """Pearson correlation from ``pearson_row``; NaN where one side does not vary."""
    return Metric(name=name, reduce=reduce_pearson, bounds=(-1.0, 1.0))


def reduce_spearman(rows: Array, n: Array) -> Array:
    """The correlation of the ranks, from the rows themselves [..., n, 2]."""
    from scipy.stats import rankdata

    x, y = (rankdata(rows[..., column], axis=-1) for column in (0, 1))  # [..., n], ties share their mean rank
    x, y = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
    return ratio((x * y).sum(-1), np.sqrt((x * x).sum(-1) * (y * y).sum(-1)), np.nan)


def spearman(name: str = "spearman") -> Metric:
    """Spearman rank correlation from rows (gold, predicted); NaN where one side does not vary."""
    return Metric(name=name, reduce=reduce_spearman, additive=False, bounds=(-1.0, 1.0))
