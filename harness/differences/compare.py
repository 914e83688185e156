"""Two runs compared example by example: differences with paired intervals, corrected tests, fixed and broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from harness.differences.answers import Answer, answers, pairs_of
from harness.differences.content import MatchedTask, comes_from_elsewhere, matched_tasks
from harness.differences.tasks import common_tasks, metrics_of
from harness.errors import DataError, UsageError
from harness.metrics import stats
from harness.metrics.classify import first_over_n, proportion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.store.store import Store
    from harness.types import Array, Better, Estimate, Family, Metric, MetricRecord, Run, TaskRecord


Key = tuple[str, str, str]
"""Task, metric and slice of a number."""
UNPAIRED = "not tested: the run keeps no values of single examples for it"
RIGHT = proportion("correct")
"""What the runs of two harnesses are compared by that call no metric by the same name."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of one task and slice in two runs: the paired result and what became of single examples.

    ``adjusted`` is p after Holm over all rows of the comparison; ``detectable`` the smallest true difference that
    this comparison finds with a power of 80 %; ``dropped`` examples were not comparable, ``reworded`` ones were
    asked with another prompt (other few-shot examples); ``right`` and ``wrong`` are so in both runs.
    """

    task: str
    metric: str
    slice: str
    better: Better
    ideal: float | None
    paired: stats.Paired
    adjusted: float | None
    detectable: float | None
    fixed: int
    broken: int
    dropped: int
    reworded: int
    right: int = 0
    wrong: int = 0
    family: Family = "score"


@dataclass(frozen=True, slots=True)
class Flip:
    """An example that one run has right and the other wrong; ``change`` of the picked choice's log-probability."""

    task: str
    example: str
    fixed: bool
    before: str
    after: str
    change: float | None


def difference(
    task: str, metric: Metric, name: str, pairs: Sequence[tuple[Answer, Answer]], seed: int = 0
) -> Difference | None:
    """One metric over pairs; None where no pair has a value on both sides."""
    arrays = valued(metric, pairs)
    if not arrays or (metric.reduce is first_over_n and arrays[0].shape[1] > 1):  # the mean of rows is no mean
        return None
    ours, theirs, clusters, both = arrays
    if ours.shape != theirs.shape:  # samples of another release, which kept other values
        return None
    result = stats.paired(metric, ours, theirs, clusters, seed=seed)
    about = _About(task, metric.name, name, metric.better, metric.ideal, metric.family)
    return _difference(about, result, pairs, both)


@dataclass(frozen=True, slots=True)
class _About:
    """What a difference is of."""

    task: str
    metric: str
    slice: str
    better: Better
    ideal: float | None
    family: Family


def _difference(
    about: _About, result: stats.Paired, pairs: Sequence[tuple[Answer, Answer]], both: Sequence[tuple[Answer, Answer]]
) -> Difference:
    """The row of a comparison; of ``pairs`` those in ``both`` have a value on both sides."""
    flips = [(a.correct, b.correct) for a, b in both]
    return Difference(
        task=about.task,
        metric=about.metric,
        slice=about.slice,
        better=about.better,
        ideal=about.ideal,
        family=about.family,
        paired=result,
        adjusted=None,
        detectable=stats.detectable(result.error, result.freedom) if result.error else None,
        fixed=flips.count((False, True)),
        broken=flips.count((True, False)),
        dropped=len(pairs) - len(both),
        reworded=sum(a.prompt != b.prompt for a, b in both),
        right=flips.count((True, True)),
        wrong=flips.count((False, False)),
    )


def of_numbers(
    kept: MetricRecord, first: Estimate | None, second: Estimate | None, pairs: Sequence[tuple[Answer, Answer]]
) -> Difference | None:
    """The difference of two stored numbers of a metric whose examples cannot be paired, without interval and test.

    None unless both runs have the number over all of the same examples.
    """
    if not first or not second or first.value is None or second.value is None:
        return None
    if first.failed or second.failed or not first.n == second.n == len(pairs):
        return None
    result = stats.Paired(
        first.value, second.value, second.value - first.value, None, None, None, second.clusters - 1, None,
        UNPAIRED, second.n, second.clusters,
    )  # fmt: skip
    about = _About(second.task, second.metric, second.slice, kept.better, kept.ideal, kept.family)
    return _difference(about, result, pairs, pairs)


def incomparable(record: TaskRecord, rows: Sequence[Difference]) -> list[str]:
    """The task's metrics, reference values left out, that a comparison has no row of."""
    compared = {row.metric for row in rows if row.task == record.name}
    return [m.name for m in record.metrics if m.interval != "none" and m.name not in compared]


def valued(
    metric: Metric, pairs: Sequence[tuple[Answer, Answer]]
) -> tuple[Array, Array, NDArray[np.int64], list[tuple[Answer, Answer]]] | None:
    """Both sides' values [n, k], cluster codes [n] and the pairs that have a value on both sides; None for none."""
    both, values = [], []
    for a, b in pairs:
        if a.values and b.values and metric.name in a.values and metric.name in b.values:
            both.append((a, b))
            values.append((a.values[metric.name], b.values[metric.name]))
    if not both:
        return None
    _, clusters = np.unique([a.cluster for a, _ in both], return_inverse=True)
    one, two = (np.array([np.atleast_1d(np.asarray(v, float)) for v in side]) for side in zip(*values, strict=True))
    return one, two, clusters, both


def corrected(rows: Sequence[Difference]) -> list[Difference]:
    """Holm over all rows that have a p; calibration is a family of its own, so that it costs accuracy no power."""
    adjusted: dict[int, float] = {}
    for calibration in (False, True):
        tested = [
            place
            for place, row in enumerate(rows)
            if row.paired.p is not None and (row.family == "calibration") == calibration
        ]
        adjusted |= zip(tested, stats.holm([rows[i].paired.p or 0.0 for i in tested]), strict=True)
    return [replace(row, adjusted=adjusted.get(place)) for place, row in enumerate(rows)]


def flips_of(task: str, pairs: Sequence[tuple[Answer, Answer]]) -> list[Flip]:
    """Examples that changed between right and wrong, the largest change in log-probability first."""
    flips = [
        Flip(
            task,
            a.example,
            bool(b.correct),
            a.prediction,
            b.prediction,
            None if a.logprob is None or b.logprob is None else b.logprob - a.logprob,
        )
        for a, b in pairs
        if a.correct is not None and b.correct is not None and a.correct != b.correct
    ]
    return sorted(flips, key=lambda flip: -abs(flip.change or 0.0))


def compare(
    store: Store,
    first: str,
    second: str,
    installed: Mapping[str, Mapping[str, Metric]],
    *,
    tasks: Sequence[str] = (),
    intersect: bool = False,
    slices: bool = False,
    flips: bool = True,
) -> tuple[list[Difference], list[Flip]]:
    """Every metric of the runs' common tasks, ``second - first``; ``installed``: metrics by task and name.

    Without ``flips`` none are given, and less is read.

    Where one run was imported from another harness, tasks and examples are matched by their content. Tasks of which a
    run has no samples, only what a file reported, are left out. Raises UsageError where data or version of a task
    changed (unless ``intersect``) or no task has samples, and DataError for no pairs.
    """
    one, two = store.run(first), store.run(second)
    numbers = cache(lambda: (_numbers(store, one.id), _numbers(store, two.id)))  # only some comparisons need them
    rows: list[Difference] = []
    flipped: list[Flip] = []
    bare: list[str] = []
    for shared, changed in _shared(store, one, two, tasks, intersect=intersect, logprobs=flips):
        name = shared.second.name
        if not shared.ours or not shared.theirs:
            bare.append(name)
            continue
        pairs, lost = pairs_of(shared.ours, shared.theirs, same=changed)
        if lost and not intersect:
            raise UsageError(
                f"{name}: {lost} examples are in one run only; --intersect compares the {len(pairs)} others"
            )
        if not pairs:
            raise DataError(f"{name}: the runs share no example with the same prompt")
        own = _rows(shared, grouped(pairs, slices=slices), numbers, installed)
        rows += [replace(row, dropped=row.dropped + (lost if row.slice == "all" else 0)) for row in own]
        flipped += flips_of(name, pairs) if flips else []
    if bare and not rows:
        raise UsageError(f"{bare[0]}: a run without samples, only with reported numbers, cannot be compared")
    return corrected(rows), flipped


def _shared(
    store: Store, one: Run, two: Run, wanted: Sequence[str], *, intersect: bool, logprobs: bool
) -> Iterator[tuple[MatchedTask, bool]]:
    """The tasks of both runs with their answers, and whether only equal prompts may be compared."""
    if comes_from_elsewhere(one, two):
        matched = matched_tasks(store, one, two, wanted)
        if not matched:
            raise DataError(
                f"runs {one.id} and {two.id} share no task: none of one has most documents of one of the "
                "other, and a number that a file only reported has none"
            )
        yield from ((task, False) for task in matched)
        return
    for record, changed in common_tasks(one, two, wanted, intersect=intersect):
        ours, theirs = (tuple(answers(store, run.id, record.name, logprobs=logprobs)) for run in (one, two))
        yield MatchedTask(record, record, ours, theirs), changed


def _rows(
    shared: MatchedTask,
    groups: Mapping[str, Sequence[tuple[Answer, Answer]]],
    numbers: Callable[[], tuple[Mapping[Key, Estimate], Mapping[Key, Estimate]]],
    installed: Mapping[str, Mapping[str, Metric]],
) -> list[Difference]:
    """Every metric of one task over every group of pairs; where the runs share none, the share of right answers."""
    names = (shared.first.name, shared.second.name)
    known = {**installed.get(names[0], {}), **installed.get(names[1], {})}
    metrics = {metric.name: metric for metric in metrics_of(shared.second, known)}
    rows = []
    for name, part in groups.items():
        for kept in shared.second.metrics:
            metric = metrics.get(kept.name)
            row = difference(names[1], metric, name, part) if metric else None
            if (not row or not np.isfinite(row.paired.difference)) and kept.interval != "none":
                before, after = (own.get((task, kept.name, name)) for own, task in zip(numbers(), names, strict=True))
                row = of_numbers(kept, before, after, part)
            if row:
                rows.append(row)
    if rows:
        return rows
    right = {name: [(_by_right(a), _by_right(b)) for a, b in part] for name, part in groups.items()}
    plain = (difference(names[1], RIGHT, name, part) for name, part in right.items())
    return [row for row in plain if row]


def _by_right(answer: Answer) -> Answer:
    """An answer whose one value is whether it is right."""
    return replace(answer, values=None if answer.correct is None else {RIGHT.name: float(answer.correct)})


def _numbers(store: Store, run: str) -> dict[Key, Estimate]:
    """A run's numbers by task, metric and slice."""
    return {(e.task, e.metric, e.slice): e for e in store.results(run)}


def grouped(pairs: Sequence[tuple[Answer, Answer]], *, slices: bool) -> dict[str, list[tuple[Answer, Answer]]]:
    """Pairs under "all" and, if asked for, under each ``name=value`` of their slices."""
    groups = {"all": list(pairs)}
    for pair in pairs if slices else ():
        for key, value in pair[0].slices.items():
            groups.setdefault(f"{key}={value}", []).append(pair)
    return groups
