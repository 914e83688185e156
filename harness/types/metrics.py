"""How the values of many examples become one number, and what a run keeps of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.types.results import Outcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Errors:
    """How a detector did where people judged: it found ``found`` of ``positives``, and passed ``passed`` of
    ``negatives``. Sensitivity is the first share, specificity the second."""

    found: int
    positives: int
    passed: int
    negatives: int


Better = Literal["higher", "lower", "ideal"]
Interval = Literal["wilson", "t", "log", "jackknife", "none"]
Family = Literal["score", "calibration", "variant", "scorer"]
"""What a metric is about: the task, the model's confidence, changed examples, or the errors of the scorer of texts."""
HEADLINE: tuple[Family, ...] = ("score", "scorer")
"""Of a task as it stands; what the other families tell comes after that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """The change of the examples that a metric is of, and what it tells of it.

    ``label`` names the change in metrics and samples ("typos@0.1", "gender_floor"). A "floor" is a neutral edit of the
    size of the swap whose name is ``swap``. ``tells``: the "score" ``metric`` of the changed examples, its "change",
    the share of answers that "flips", or the p of a "test" of broken against fixed.
    """

    label: str
    kind: Literal["edit", "order", "swap", "floor"]
    tells: Literal["score", "change", "flips", "test"]
    metric: str = ""
    swap: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How the values of many examples become one number.

    ``reduce(sums, n)`` takes sums [..., k] of the examples' values and their count n [...] and returns [...]: it is
    vectorised over leading axes, so that a bootstrap is one matrix product. With ``additive=False`` it takes the
    rows themselves [..., n, k] (rank statistics) and n.
    ``expand`` turns the rows of a whole group [n, k] into those that are summed [n, m], where an example's row depends
    on the others' (bins of equal mass).
    ``balanced``: every cluster weighs the same: a row is divided by the size of its cluster, and the reciprocal of that
    size is appended to it, before the rows are summed.
    ``over``: of a metric of whole answers what it is over judged outcomes; its examples have no values.
    ``better`` says which direction is good; "ideal" means close to ``ideal`` (50 for a stereotype score).
    ``interval``: "wilson" for proportions of 0/1 values or of rows (hit, counted), "t" for means, "log" where the
    logarithm is what an error is computed of, "none" for a reference value that is neither estimated nor compared,
    "jackknife" for everything else.
    ``bounds``: the least and the largest value that it can have; no end of an interval lies outside.
    ``support``: of rows as they are summed [n, k], how many examples the number rests on; None: on all.
    ``folded``: it is a sum over columns of |mean|, which noise makes positive; its interval is of it without noise.
    ``affordable``: of a metric that is costly to compute, the examples up to which it is computed for an interval.
    ``scale``: the value of a proportion whose every row is 1; 100 where it is given in percent.
    ``kind`` names a ``reduce`` that ``harness.metrics.stored`` knows, so that a run can be compared without its task.
    ``family`` and ``variant``: what it is about; ``contents``: a hash of the user's files that compute it.
    ``loses`` tells in words what the metric does not see of a reference, empty where it sees all; a run passes it on.
    ``errors``: of the detector that gave the 0/1 values, for a share that is corrected for them; its interval carries
    their uncertainty.
    """

    name: str
    reduce: Callable[[Array, Array], Array]
    family: Family = "score"
    variant: Variant | None = None
    better: Better = "higher"
    ideal: float | None = None
    interval: Interval = "jackknife"
    bounds: tuple[float, float] = (-math.inf, math.inf)
    support: Callable[[Array], float] | None = None
    folded: bool = False
    affordable: int | None = None
    scale: float = 1.0
    additive: bool = True
    balanced: bool = False
    over: Callable[[Sequence[Outcome]], float] | None = None
    expand: Callable[[Array], Array] | None = None
    errors: Errors | None = None
    limits: str = ""
    signature: str = ""
    contents: str = ""
    kind: str = ""
    loses: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRecord:
    """What a run keeps of a metric beside its numbers: the fields of ``Metric`` that are data.

    None in ``bounds`` is an end that is open, since JSON has no infinity. ``reported``: the number is what an imported
    file says, not computed from samples.
    """

    name: str
    family: Family = "score"
    variant: Variant | None = None
    better: Better = "higher"
    ideal: float | None = None
    interval: Interval = "jackknife"
    limits: str = ""
    signature: str = ""
    contents: str = ""
    kind: str = ""
    scale: float = 1.0
    bounds: tuple[float | None, float | None] = (None, None)
    reported: bool = False

    @property
    def is_headline(self) -> bool:
        """Whether it is of the task as it stands, and neither of calibration nor of changed examples."""
        return self.family in HEADLINE
