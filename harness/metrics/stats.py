"""Statistics of evaluation results: arrays in, numbers out; intervals, paired tests, corrections, power.

All that callers need is here: intervals of one metric (``confidence``), two runs (``pairs``), means of several numbers
(``averages``), tests and power (``power``), resampling (``resample``); formulas are in ``intervals``.
"""

from harness.metrics.averages import Part, mean_of_metrics, mean_of_parts
from harness.metrics.confidence import confidence
from harness.metrics.intervals import quantile, wilson
from harness.metrics.pairs import Paired, mcnemar, paired, swap_test
from harness.metrics.power import detectable, error_of, holm, needed, widened
from harness.metrics.resample import bootstrap, point, summed

__all__ = [
    "Paired",
    "Part",
    "bootstrap",
    "confidence",
    "detectable",
    "error_of",
    "holm",
    "mcnemar",
    "mean_of_metrics",
    "mean_of_parts",
    "needed",
    "paired",
    "point",
    "quantile",
    "summed",
    "swap_test",
    "widened",
    "wilson",
]
