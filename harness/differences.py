"""Two runs compared example by example: differences with paired intervals, corrected tests, fixed and broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import DataError, UnknownName, UsageError
from harness.metrics import stats
from harness.metrics.classify import first_over_n
from harness.metrics.stored import restored
from harness.store.frames import cluster_keys
from harness.store.outcomes import split_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.store.store import Store
    from harness.types import Array, Better, Estimate, Family, Metric, MetricRecord, Run, TaskRecord, Value


RELEASES = ("version:", "rouge-score:", "evaluate:")
"""Parts of a signature that name the release of a package."""
UNPAIRED = "not tested: the run keeps no values of single examples for it"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is compared of one sample; ``values`` is None where it failed."""

    example: str
    cluster: str
    prompt: str
    correct: bool | None
    values: Mapping[str, Value] | None
    slices: Mapping[str, str]
    prediction: str
    logprob: float | None


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


def answers(store: Store, run: str, task: str) -> list[Answer]:
    """The samples of one task, as far as a comparison needs them."""
    columns = ["example_id", "cluster", "prompt_hash", "correct", "values", "slices", "prediction", "responses"]
    frame = store.samples(run, task, columns=columns).astype(object)
    frame["cluster"] = cluster_keys(frame)
    return [_answer(*row) for row in frame.itertuples(index=False, name=None)]


def _answer(
    example: object,
    cluster: object,
    prompt: object,
    correct: object,
    values: Any,
    slices: Any,
    prediction: object,
    responses: Any,
) -> Answer:
    return Answer(
        example=str(example),
        cluster=str(cluster),
        prompt=str(prompt),
        correct=bool(correct) if isinstance(correct, bool | np.bool_) else None,
        values=values and split_values(values)[0],
        slices=slices,
        prediction=str(prediction),
        logprob=_logprob(responses),
    )


def _logprob(responses: Sequence[Mapping[str, object]]) -> float | None:
    logprobs = responses[0].get("logprobs") if len(responses) == 1 else None
    return max(map(float, logprobs)) if isinstance(logprobs, list) and logprobs else None


def pairs_of(
    ours: Sequence[Answer], theirs: Sequence[Answer], *, same: bool
) -> tuple[list[tuple[Answer, Answer]], int]:
    """Pairs by example id (with ``same`` by prompt too) in the first run's order, and how many fell out."""
    other = {answer.example: answer for answer in theirs}
    pairs = [(one, other[one.example]) for one in ours if one.example in other]
    pairs = [(one, two) for one, two in pairs if not same or one.prompt == two.prompt]
    return pairs, len({a.example for a in ours} | set(other)) - len(pairs)


def common_tasks(first: Run, second: Run, wanted: Sequence[str], *, intersect: bool) -> list[tuple[TaskRecord, bool]]:
    """Tasks of both runs, and whether data or version changed. Raises UsageError where that is not allowed."""
    one, two = ({task.name: task for task in run.tasks} for run in (first, second))
    for name in wanted:
        if name not in one or name not in two:
            raise UnknownName("task of both runs", name, set(one) & set(two))
    names = [name for name in one if name in two and (not wanted or name in wanted)]
    if not names:
        raise UsageError(f"runs {first.id} and {second.id} have no task in common: {', '.join(one)} / {', '.join(two)}")
    common = []
    for name in names:
        a, b = one[name], two[name]
        changed = [
            f"{what} {before} -> {after}"
            for what, before, after in (
                ("version", a.version, b.version),
                ("data", a.data_sha256[:12], b.data_sha256[:12]),
                ("scorer", a.scorer or "none", b.scorer or "none"),
            )
            if before != after
        ]
        changed += _rewritten(a, b)
        if changed and not intersect:
            raise UsageError(
                f"{name} changed between the runs ({', '.join(changed)}); --intersect compares what is equal"
            )
        common.append((b, bool(changed)))
    return common


def _rewritten(first: TaskRecord, second: TaskRecord) -> list[str]:
    """The metrics of both records that are computed otherwise: another tokenizer, or a file whose contents changed."""
    one, two = ({metric.name: metric for metric in record.metrics} for record in (first, second))
    return [
        f"metric {name} {change}"
        for name, old in one.items()
        if name in two and (change := _changed_parts(old, two[name]))
    ]


def _changed_parts(old: MetricRecord, new: MetricRecord) -> str:
    """What changed of the way that a metric is computed; empty where nothing did or one record does not say."""
    before, after = _way_of(old), _way_of(new)
    if not old.signature or not new.signature or before == after:
        return ""
    gone, come = [part for part in before if part not in after], [part for part in after if part not in before]
    return f"{' '.join(gone)} -> {' '.join(come)}"


def _way_of(record: MetricRecord) -> list[str]:
    """The parts of a signature, releases of packages left out, and the hash of the user's files."""
    parts = [part for part in record.signature.split("|") if not part.startswith(RELEASES)]
    return [*parts, record.contents] if record.contents else parts


def metrics_of(record: TaskRecord, installed: Mapping[str, Metric]) -> list[Metric]:
    """The task's metrics: those installed, else those that the run remembers well enough; no reference values."""
    metrics = (installed.get(kept.name) or restored(kept) for kept in record.metrics)
    return [metric for metric in metrics if metric and metric.interval != "none"]


def incomparable(record: TaskRecord, rows: Sequence[Difference]) -> list[str]:
    """The task's metrics, reference values left out, that a comparison has no row of."""
    compared = {row.metric for row in rows if row.task == record.name}
    return [m.name for m in record.metrics if m.interval != "none" and m.name not in compared]


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
    seed: int = 0,
) -> tuple[list[Difference], list[Flip]]:
    """Every metric of the runs' common tasks, ``second - first``; ``installed``: metrics by task and name.

    Raises UsageError where data or version of a task changed (unless ``intersect``) and DataError for no pairs.
    """
    one, two = store.run(first), store.run(second)
    numbers = [_numbers(store, run.id) for run in (one, two)]
    rows: list[Difference] = []
    flips: list[Flip] = []
    for record, changed in common_tasks(one, two, tasks, intersect=intersect):
        pairs, lost = pairs_of(answers(store, one.id, record.name), answers(store, two.id, record.name), same=changed)
        if lost and not intersect:
            raise UsageError(
                f"{record.name}: {lost} examples are in one run only; --intersect compares the {len(pairs)} others"
            )
        if not pairs:
            raise DataError(f"{record.name}: the runs share no example with the same prompt")
        metrics = {metric.name: metric for metric in metrics_of(record, installed.get(record.name, {}))}
        for name, part in grouped(pairs, slices=slices).items():
            for kept in record.metrics:
                metric = metrics.get(kept.name)
                row = difference(record.name, metric, name, part, seed) if metric else None
                if (not row or not np.isfinite(row.paired.difference)) and kept.interval != "none":
                    before, after = (estimates.get((record.name, kept.name, name)) for estimates in numbers)
                    row = of_numbers(kept, before, after, part)
                if row:
                    rows.append(replace(row, dropped=row.dropped + (lost if name == "all" else 0)))
        flips += flips_of(record.name, pairs)
    return corrected(rows), flips


def _numbers(store: Store, run: str) -> dict[tuple[str, str, str], Estimate]:
    """A run's numbers by task, metric and slice."""
    return {(e.task, e.metric, e.slice): e for e in store.results(run)}


def grouped(pairs: Sequence[tuple[Answer, Answer]], *, slices: bool) -> dict[str, list[tuple[Answer, Answer]]]:
    """Pairs under "all" and, if asked for, under each ``name=value`` of their slices."""
    groups = {"all": list(pairs)}
    for pair in pairs if slices else ():
        for key, value in pair[0].slices.items():
            groups.setdefault(f"{key}={value}", []).append(pair)
    return groups
