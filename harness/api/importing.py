"""Runs imported from exported files: whatever the samples can show is computed again from them."""

from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from pathlib import Path

from harness import plugins
from harness import run as running
from harness.api.rescoring import settings_of
from harness.errors import DataError, UnknownName, quoted
from harness.groups import figures
from harness.metrics import attacks, calibrate, likelihood, written
from harness.store import open_store, transfer
from harness.store.recount import Known, same_values
from harness.types import Estimate, Metric, Outcome, Run, Task, TaskRecord


def import_run(file: Path, *, store: str | None = None, notice: Callable[[str], None] = lambda text: None) -> Run:
    """Take a run out of an exported file into a store; every number is computed anew from its samples.

    A run that the store has already, with the same answers, stays as it is.
    Raises UsageError if the store has another run of this id, DataError for a file that is no exported run or
    contradicts its own samples; then nothing is imported.
    """
    catalogue = plugins.catalogue()
    known = Known(
        partial(_metrics, catalogue),
        partial(_figures, catalogue),
        partial(_rejudge, catalogue),
        partial(_about, catalogue),
    )
    return transfer.import_run(open_store(store), file, known, notice)


def _same(catalogue: plugins.Catalogue, record: TaskRecord) -> Task | None:
    """The installed task of a record, if it is that in name and version and judges without a scorer or its data."""
    try:
        [task] = plugins.installed(catalogue, [record.name])
    except UnknownName:
        return None
    closed = task.bind is not None or task.open is not None
    return None if closed or task.version != record.version else task


def _metrics(catalogue: plugins.Catalogue, record: TaskRecord) -> Mapping[str, Metric]:
    """The metrics of an installed task; of a task of a file those that files may name."""
    if record.name in catalogue.tasks:
        task = _same(catalogue, record)
        return {metric.name: metric for metric in task.metrics} if task else {}
    texts = {name: written.measure(name).metric for name in written.OPTIONS}
    others = (*likelihood.METRICS, *calibrate.METRICS, *attacks.METRICS)
    return texts | {metric.name: metric for metric in others}


def _about(
    catalogue: plugins.Catalogue, record: TaskRecord, outcomes: Sequence[Outcome]
) -> Mapping[int, Container[str]]:
    """Of failed examples the metrics that they count for, where the task is at hand to say so."""
    task = _same(catalogue, record) if record.name in catalogue.tasks else None
    return running.applicable(task, outcomes) if task else {}


def _figures(catalogue: plugins.Catalogue, outcomes: Mapping[str, Sequence[Outcome]]) -> Sequence[Estimate]:
    tasks = [catalogue.tasks[name] for name in outcomes if name in catalogue.tasks]
    return figures(catalogue.averages.items(), tasks, outcomes).estimates


def _rejudge(catalogue: plugins.Catalogue, run: Run, name: str, outcomes: Sequence[Outcome]) -> None:
    """Judge the answers again with the installed task. Raises DataError where the run's judgements differ."""
    record = next(record for record in run.tasks if record.name == name)
    task, settings = _same(catalogue, record), settings_of(run)
    if task is None or settings.perturb or settings.counterfactual:
        return
    for o in outcomes:
        try:
            again = running.judge_one(task, o.example, o.requests, o.responses)
        except Exception as error:  # a judge is given what its own task never asks
            raise DataError(
                f"{name}: example {quoted(o.example.id, 80)} cannot be judged: {quoted(error, 100)}"
            ) from error
        if not _agree(o, again):
            raise DataError(
                f"{name}: example {quoted(o.example.id, 80)} has a judgement that does not follow from its answer"
            )


def _agree(one: Outcome, two: Outcome) -> bool:
    if one.judged is None or two.judged is None:
        return one.judged is two.judged
    return one.judged.correct == two.judged.correct and same_values(one.judged.values, two.judged.values)
