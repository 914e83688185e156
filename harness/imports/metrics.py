"""Metrics of another harness as ours: what its examples' values show, and what its files say of them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.metrics.classify import mean, proportion
from harness.types import Better, Metric, Value

REPORTED = "As the imported file reports it: no sample here gives this number."


def mean_of(name: str, values: Iterable[Value], *, better: Better = "higher") -> Metric:
    """The mean of the examples' values: a proportion where each is 0 or 1."""
    kind = proportion if all(value in (0.0, 1.0) for value in values) else mean
    return kind(name, better=better)


def without_samples(metric: Metric) -> Metric:
    """A metric whose number is taken from a file as it is: it is neither estimated nor compared."""
    return replace(metric, interval="none", limits=REPORTED)


def right(values: Sequence[float | None]) -> list[bool | None]:
    """Whether each example is right, by values of which each is 1, 0 or missing; None for all where they are not."""
    if any(value not in (0.0, 1.0, None) for value in values):
        return [None] * len(values)
    return [None if value is None else value == 1.0 for value in values]
