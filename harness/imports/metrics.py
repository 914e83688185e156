"""Metrics of another harness as ours: what its examples' values show, and what its files say of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from harness.imports.records import ForeignExample
from harness.metrics.classify import ANY, mean, proportion
from harness.types import Better, Metric

SHARES = ("acc", "acc_norm", "accuracy", "em", "exact_match")
"""Metrics that are shares in every harness, so that no sample need show it."""
REPORTED = "As the imported file reports it: no sample here gives this number."


def mean_of(name: str, examples: Iterable[ForeignExample], *, better: Better = "higher") -> Metric:
    """The mean of the examples' values: a proportion where each is 0 or 1, or where there are none if its name says so.

    ``name`` may have a scorer before it ("choice:accuracy") or a filter behind it ("acc,strict").
    """
    values = {e.judged.values[name] for e in examples if e.judged and name in e.judged.values}
    is_share = values <= {0.0, 1.0} if values else name.partition(",")[0].rpartition(":")[2] in SHARES
    return (proportion if is_share else mean)(name, better=better)


def without_samples(metric: Metric, values: Iterable[float]) -> Metric:
    """A metric whose ``values`` are taken from a file as they are: it is neither estimated nor compared.

    Bounds that a value lies outside of are not those of the file's metric, which may be in per cent.
    """
    low, high = metric.bounds
    bounds = metric.bounds if all(low <= value <= high for value in values) else ANY
    return replace(metric, interval="none", limits=REPORTED, bounds=bounds)


def marks(judged: Sequence[Mapping[str, float]], names: Sequence[str]) -> list[bool | None]:
    """Whether each example is right, by the first of the metrics ``names`` that any of them has."""
    name = next((name for name in names if any(name in own for own in judged)), "")
    return right([own.get(name) for own in judged])


def right(values: Sequence[float | None]) -> list[bool | None]:
    """Whether each example is right, by values of which each is 1, 0 or missing; None for all where they are not."""
    if any(value not in (0.0, 1.0, None) for value in values):
        return [None] * len(values)
    return [None if value is None else value == 1.0 for value in values]
