"""A foreign run as one of ours: examples named by their content, every number computed again that samples give."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import run as running
from harness.answers.records import settings_to_json
from harness.errors import DataError
from harness.imports.metrics import without_samples
from harness.imports.records import ForeignExample, ForeignNumber, ForeignRun, ForeignTask
from harness.metrics.estimate import estimate
from harness.metrics.stored import recorded
from harness.types import Estimate, Example, Metric, MetricRecord, Outcome, Run, TaskRecord

NEAR = 1e-9
"""Relative difference of a mean that was added up in another order."""
NORMAL = 1.959963984540054
"""Standard errors on each side of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Converted:
    """What is stored: the run, the outcomes of each task, its numbers; ``notices`` say what is not."""

    run: Run
    outcomes: Mapping[str, tuple[Outcome, ...]]
    estimates: tuple[Estimate, ...]
    notices: tuple[str, ...]


def converted(foreign: ForeignRun, file: Path) -> Converted:
    """The run that is stored for what a file holds. Raises DataError where its samples contradict its numbers."""
    names = Counter(task.name for task in foreign.tasks)
    double = next((name for name, times in names.items() if times > 1), None)
    if double is not None:
        raise DataError(f"{file}: the task {double!r} is there twice")
    try:
        parts = [_task(task, foreign.format) for task in foreign.tasks]
    except DataError as error:
        raise DataError(f"{file}: {error}") from None
    digest = hashlib.sha256(
        json.dumps([foreign.format, foreign.model, foreign.started, [part.key for part in parts]]).encode()
    ).hexdigest()
    run = Run(
        id=f"{foreign.started[:19].replace('-', '').replace(':', '').replace('T', '-')}-{digest[:6]}",
        model=foreign.model,
        fingerprint={"imported from": foreign.format, **foreign.fingerprint},
        tasks=tuple(part.record for part in parts),
        settings=settings_to_json(foreign.settings),
        versions={foreign.format: foreign.release},
        command="",
        started=foreign.started,
        finished=foreign.finished,
        status=foreign.status,
        message=foreign.message,
        imported=True,
        source={"format": foreign.format, "file": file.name, "sha256": digest},
    )
    notices = [*foreign.notices, *(text for part in parts for text in part.notices)]
    estimates = tuple(e for part in parts for e in part.estimates)
    return Converted(run, {part.record.name: part.outcomes for part in parts}, estimates, tuple(notices))


@dataclass(frozen=True, slots=True)
class _Part:
    """One task of a run; ``key`` changes with everything that the file says of it."""

    record: TaskRecord
    outcomes: tuple[Outcome, ...]
    estimates: tuple[Estimate, ...]
    notices: tuple[str, ...]
    key: list[object]


def _task(task: ForeignTask, origin: str) -> _Part:
    outcomes = _outcomes(task)
    whole = bool(outcomes) and (task.n is None or task.n == len(outcomes))
    notices = []
    if outcomes and not whole:
        notices.append(
            f"{task.name}: the file holds {len(outcomes):,} of {task.n:,} samples; what it reports of all of them is "
            "kept, without samples"
        )
        outcomes = ()
    estimates, metrics, lost = _numbers(task, outcomes)
    if lost:
        notices.append(f"{task.name}: left out, for the file does not say of how many examples: {', '.join(lost)}")
    if task.unread:
        notices.append(f"{task.name}: left out, for the file has no finite number: {', '.join(task.unread)}")
    names = "\n".join(sorted(o.example.id for o in outcomes))
    data = hashlib.sha256(names.encode()).hexdigest() if outcomes else ""
    record = TaskRecord(
        name=task.name,
        version=task.version,
        fingerprint=hashlib.sha256(json.dumps([origin, task.name, task.version, task.shots]).encode()).hexdigest(),
        data_sha256=data,
        data_source=task.data,
        n=len(outcomes) or task.n or 0,
        shots=task.shots,
        shots_source="",
        card=task.card,
        metrics=metrics,
        available=task.available,
    )
    told = [(e.metric, e.slice, e.value, e.n) for e in estimates]
    answers = hashlib.sha256(repr([o.responses for o in outcomes]).encode()).hexdigest()
    return _Part(record, outcomes, estimates, tuple(notices), [record.name, data, answers, told])


# ------------------------------------------------------------------------------------------------------------- samples
def _outcomes(task: ForeignTask) -> tuple[Outcome, ...]:
    """The examples under names made of their content, so that the same document has the same name in every file."""
    keys = [content_key(example) for example in task.examples]
    several = {key for key, times in Counter(keys).items() if times > 1}
    seen: Counter[str] = Counter()
    outcomes = []
    for key, example in zip(keys, task.examples, strict=True):
        seen[key] += 1
        name = key if seen[key] == 1 else f"{key}-{seen[key]}"
        outcomes.append(_outcome(example, name, key if key in several else None))
    return tuple(outcomes)


def content_key(example: ForeignExample) -> str:
    """A hash of a document and its target."""
    content = [dict(example.content), example.target]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _outcome(example: ForeignExample, name: str, cluster: str | None) -> Outcome:
    failure = next(filter(None, map(running.failure_of, example.responses)), None)
    return Outcome(
        Example(name, example.content, example.target, example.slices, cluster),
        example.requests,
        example.responses,
        None if failure else example.judged,
        failure,
    )


# ------------------------------------------------------------------------------------------------------------- numbers
def _numbers(
    task: ForeignTask, outcomes: Sequence[Outcome]
) -> tuple[tuple[Estimate, ...], tuple[MetricRecord, ...], list[str]]:
    """The numbers, what is kept of their metrics, and the names of those that are left out."""
    told: dict[str, list[ForeignNumber]] = {metric.name: [] for metric in task.metrics}
    for number in task.numbers:
        told[number.metric].append(number)
    estimates: list[Estimate] = []
    metrics, lost = [], []
    for metric in task.metrics:
        rows = _computed(task.name, metric, outcomes)
        if not rows or not _agree(task.name, rows, told[metric.name]):
            bare = without_samples(metric, [number.value for number in told[metric.name]])
            rows = _reported(task, told[metric.name], bare)
            kept = replace(recorded(bare), reported=True)
        else:
            kept = recorded(metric)
        if rows:
            metrics.append(kept)
            estimates += rows
        else:
            lost.append(metric.name)
    return tuple(estimates), tuple(metrics), lost


def _computed(task: str, metric: Metric, outcomes: Sequence[Outcome]) -> list[Estimate]:
    """The metric over all samples and every slice of them; nothing where no sample has a value."""
    if not any(o.judged and metric.name in o.judged.values for o in outcomes):
        return []
    return [
        estimate(task, metric, name, [outcomes[place] for place in group])
        for name, group in running.sliced(outcomes).items()
    ]


def _agree(task: str, rows: Sequence[Estimate], told: Sequence[ForeignNumber]) -> bool:
    """Whether samples give what the file reports. Raises DataError where they have to and do not.

    A file may have counted as a score what is a failure here; then its number stands as a report.
    """
    values = {row.slice: row.value for row in rows}
    for number in told:
        own = values.get(number.slice)
        if own is not None and math.isclose(own, number.value, rel_tol=NEAR, abs_tol=NEAR):
            continue
        if number.mean and not any(row.failed for row in rows):
            raise DataError(
                f"{task} {number.metric} on {number.slice}: reported as {number.value}, the samples give {own}"
            )
        return False
    return True


def _reported(task: ForeignTask, told: Sequence[ForeignNumber], metric: Metric) -> list[Estimate]:
    """Numbers as the file has them, with the interval of their standard error; none without a count.

    Raises DataError for a standard error below 0.
    """
    rows = []
    for number in told:
        n = task.n if number.n is None else number.n
        if not n:
            return []
        if number.error is not None and number.error < 0:
            raise DataError(f"{task.name} {metric.name}: a standard error of {number.error}")
        low = high = None
        if number.error:  # an error of 0 says only that no example differs
            low = max(number.value - NORMAL * number.error, metric.bounds[0])
            high = min(number.value + NORMAL * number.error, metric.bounds[1])
        rows.append(Estimate(task.name, metric.name, number.slice, number.value, low, high, n, n, 0))
    return rows
