"""Numbers of an imported run, computed anew from its samples: nobody's word is taken for a number."""

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass

from harness import run as running
from harness.errors import DataError, quoted
from harness.metrics.estimate import estimate
from harness.metrics.stored import restored
from harness.types import Estimate, Metric, Outcome, Run, TaskRecord, Value

Metrics = Callable[[TaskRecord], Mapping[str, Metric]]
"""The metrics by name that are at hand for a task in its version."""

Figures = Callable[[Mapping[str, Sequence[Outcome]]], Sequence[Estimate]]
"""The averages of groups that the outcomes of their tasks give."""

About = Callable[[TaskRecord, Sequence[Outcome]], Mapping[int, Container[str]]]
"""Of failed examples of a task (by place) the metrics that they count for; empty where they count for all."""

Judge = Callable[[Run, str, Sequence[Outcome]], None]
"""Judges a task's answers again. Raises DataError where the file says otherwise."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is installed here and can tell whether a file speaks the truth: metrics, averages of groups, judges."""

    metrics: Metrics
    figures: Figures
    judge: Judge
    about: About


NOTHING = Known(lambda record: {}, lambda outcomes: (), lambda run, task, outcomes: None, lambda record, outcomes: {})

NEAR = 1e-9
"""Relative difference of two values that were computed in another order."""


@dataclass(frozen=True, slots=True)
class Recounted:
    """The numbers that hold, and the names (task:metric) of those that cannot be computed here."""

    estimates: tuple[Estimate, ...]
    left_out: tuple[str, ...]


def recount(run: Run, told: Sequence[Estimate], outcomes: Mapping[str, Sequence[Outcome]], known: Known) -> Recounted:
    """The numbers that a run tells, each as its samples give it.

    Values, n, clusters and failed must be those that were told; intervals are computed anew. What no metric at hand
    can compute is left out. Raises DataError for a number that the samples do not give.
    """
    records = {record.name: record for record in run.tasks}
    groups = {name: running.sliced(rows) for name, rows in outcomes.items()}
    counts_for = {name: known.about(record, outcomes[name]) for name, record in records.items()}
    averages = {(e.task, e.metric, e.slice): e for e in known.figures(outcomes)}
    metrics = {name: metrics_of(record, known.metrics(record), outcomes[name]) for name, record in records.items()}
    estimates: list[Estimate] = []
    left_out: dict[str, None] = {}
    for name, rows in outcomes.items():
        for metric in metrics[name].values():
            _require_possible(name, metric, rows)
    for e in _once(told):
        used = metrics.get(e.task, {}).get(e.metric)
        if e.task not in records:
            fresh = averages.get((e.task, e.metric, e.slice))
        elif used is None:
            fresh = None
        elif e.slice not in groups[e.task]:
            raise DataError(f"{e.task} {e.metric}: no sample is in the slice {quoted(e.slice, 80)}")
        else:
            foreign = {place for place, names in counts_for[e.task].items() if e.metric not in names}
            rows = [outcomes[e.task][place] for place in groups[e.task][e.slice] if place not in foreign]
            fresh = _computed(e, used, rows)
        if fresh is None:
            left_out[f"{e.task}:{e.metric}"] = None
        else:
            _require_same(e, fresh)
            estimates.append(fresh)
    return Recounted(tuple(estimates), tuple(left_out))


def metrics_of(record: TaskRecord, installed: Mapping[str, Metric], outcomes: Sequence[Outcome]) -> dict[str, Metric]:
    """A task's metrics as far as they can be computed: those at hand, else means of one value an example."""
    metrics = {}
    for kept in record.metrics:
        name, at_hand = kept.name, installed.get(kept.name)
        if at_hand and (at_hand.signature, at_hand.contents) == (kept.signature, kept.contents):
            metrics[name] = at_hand
        elif kept.interval in ("wilson", "t") and _is_flat(name, outcomes) and (mean := restored(kept)):
            metrics[name] = mean
    return metrics


def _is_flat(name: str, outcomes: Sequence[Outcome]) -> bool:
    """Whether each example gives one number to a metric."""
    return not any(isinstance(o.judged.values.get(name), tuple) for o in outcomes if o.judged)


def _computed(claimed: Estimate, metric: Metric, outcomes: Sequence[Outcome]) -> Estimate:
    """The number as the samples give it. Raises DataError for samples that the metric cannot take."""
    try:
        fresh = estimate(claimed.task, metric, claimed.slice, outcomes)
        low, high = metric.bounds
        if fresh.value is not None and not low - NEAR <= fresh.value <= high + NEAR:
            raise ValueError(f"{fresh.value:.4g} lies outside of {low:g} to {high:g}")
        return fresh
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise DataError(f"{claimed.task} {claimed.metric} cannot be computed: {error}") from error


def _once(estimates: Sequence[Estimate]) -> Sequence[Estimate]:
    seen: set[tuple[str, str, str]] = set()
    for e in estimates:
        key = (e.task, e.metric, e.slice)
        if key in seen:
            raise DataError(f"{e.task} {e.metric} on {quoted(e.slice, 80)} is told twice")
        seen.add(key)
    return estimates


def _require_possible(task: str, metric: Metric, outcomes: Sequence[Outcome]) -> None:
    """Every value of a metric is a number; of a proportion it is a hit or none. Raises DataError."""
    for outcome in outcomes:
        value = outcome.judged.values.get(metric.name) if outcome.judged else None
        if value is None:
            continue
        parts = value if isinstance(value, tuple) else (value,)
        if not parts or not all(map(math.isfinite, parts)) or not _is_share(metric, parts):
            raise DataError(f"{task}: example {quoted(outcome.example.id, 80)} has {metric.name} = {quoted(value, 80)}")


def _is_share(metric: Metric, parts: tuple[float, ...]) -> bool:
    """Whether a row may belong to the metric: proportions take 0 or 1, or hits among what is counted.

    A row that its group changes before it counts, such as a confidence and a hit, has shares.
    """
    if metric.interval != "wilson":
        return True
    if metric.expand:
        return all(0 <= part <= 1 for part in parts)
    return parts[0] in (0.0, 1.0) if len(parts) == 1 else 0 <= parts[0] <= parts[1]


def _require_same(claimed: Estimate, fresh: Estimate) -> None:
    pairs = [(name, getattr(claimed, name), getattr(fresh, name)) for name in ("value", "n", "clusters", "failed")]
    for name, one, two in pairs:
        if one is None or two is None:
            same = one is two
        else:
            same = one == two or math.isclose(one, two, rel_tol=NEAR, abs_tol=NEAR)
        if not same:
            raise DataError(
                f"{claimed.task} {claimed.metric} on {quoted(claimed.slice, 80)}: "
                f"{name} told as {one}, the samples give {two}"
            )


def same_values(one: Mapping[str, Value], two: Mapping[str, Value]) -> bool:
    """Whether two judgements of one example agree in every metric."""
    if one.keys() != two.keys():
        return False
    rows = [[v if isinstance(v, tuple) else (v,) for v in (one[k], two[k])] for k in one]
    return all(len(a) == len(b) and all(map(_near, a, b)) for a, b in rows)


def _near(one: float, two: float) -> bool:
    return one == two or math.isclose(one, two, rel_tol=NEAR, abs_tol=NEAR) or (math.isnan(one) and math.isnan(two))
