"""Two runs compared example by example."""

from harness.differences.answers import Answer, answers, pairs_of
from harness.differences.compare import (
    UNPAIRED,
    Difference,
    Flip,
    compare,
    corrected,
    difference,
    flips_of,
    grouped,
    incomparable,
    of_numbers,
    valued,
)
from harness.differences.tasks import common_tasks, metrics_of

__all__ = [
    "UNPAIRED",
    "Answer",
    "Difference",
    "Flip",
    "answers",
    "common_tasks",
    "compare",
    "corrected",
    "difference",
    "flips_of",
    "grouped",
    "incomparable",
    "metrics_of",
    "of_numbers",
    "pairs_of",
    "valued",
]
