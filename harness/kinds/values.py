"""The values that one example gives to the measures of its task."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.metrics.measures import Measure
from harness.types import Value


def values_of(measures: Sequence[Measure[Any]], *judged: Any) -> tuple[dict[str, Value], dict[str, str]]:
    """The value of every measure that applies, and the reason for each whose value is not a finite number.

    ``judged`` is what the measures' functions take: the example and its answer.
    """
    values = {measure.name: measure.value(*judged) for measure in measures}
    odd = {
        name: f"its value is {value}"
        for name, value in values.items()
        if value is not None and not np.isfinite(value).all()
    }
    return {name: value for name, value in values.items() if value is not None and name not in odd}, odd
