"""How answers are judged, and the numbers with their uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.types.data import Example
from harness.types.requests import Request
from harness.types.responses import Failed, Response

Value = float | tuple[float, ...]
"""What one example gives to a metric: a number, or a row of sufficient statistics (counts of a BLEU, a confusion)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge says: the prediction as text, each metric's value for this example, and whether it is right.

    A metric that does not apply to this example has no entry and does not count it. ``failed`` says of a metric that
    does why it has no value all the same; the example then counts as failed for this metric alone.
    """

    prediction: str
    values: Mapping[str, Value]
    correct: bool | None = None
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of the samples: an example, what was asked, what came back and how it was judged."""

    example: Example
    requests: tuple[Request, ...]
    responses: tuple[Response, ...]
    judged: Judged | None
    failure: Failed | None = None


AVERAGE = "average"
"""The metric under which the average of a group of tasks stands; its task is the group."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number with its uncertainty: 95 % interval, n examples in it, their clusters, and how many failed.

    ``low`` and ``high`` are None where no interval exists (below two clusters); ``value`` is None where the number is
    undefined (no example could be judged, a correlation of constants): never 0, never NaN.
    """

    task: str
    metric: str
    slice: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    failed: int
