"""Runs imported from files, our own exports and those of others; what samples can show is computed from them."""

from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from pathlib import Path

from harness import plugins
from harness import run as running
from harness.api.rescoring import settings_of
from harness.errors import DataError, UnknownName, quoted
from harness.groups import figures
from harness.imports import read
from harness.imports.convert import converted
from harness.metrics import attacks, calibrate, likelihood, written
from harness.store import open_store, transfer
from harness.store.recount import NOTHING, Known, same_values
from harness.types import Estimate, Metric, Outcome, Run, Task, TaskRecord


def import_run(file: Path, *, store: str | None = None, notice: Callable[[str], None] = lambda text: None) -> Run:
    """Take a run out of an exported file into a store; every number is computed anew from its samples.

    A run that the store has already, with the same answers, stays as it is.
    Raises UsageError if the store has another run of this id, DataError for a file that is no exported run or
    contradicts its own samples; then nothing is imported.
    """
    return transfer.import_run(open_store(store), file, _known(), notice)


def import_results(
    path: str | Path, *, store: str | None = None, notice: Callable[[str], None] = lambda text: None
) -> list[Run]:
    """Take the results of other harnesses, in a file or below a folder, into a store as runs.

    lm-evaluation-harness, inspect, HELM, lighteval, garak and Every Eval Ever are read, and runs that
    ``harness runs export`` wrote. Examples are named by their content; numbers are computed again from the samples, and
    those that no sample gives are marked as reported. ``notice`` is told what is left out, and which runs the store has
    already: they stay as they are. Raises UsageError if there is no such file, DataError for a file that is damaged,
    newer than this program, of no known format, or contradicts its own samples; then nothing is imported.
    """
    path = Path(path)
    places = read.places_in(path)
    files = [place.path for place in places if read.is_exported(place.path)]
    pages = [(place.path, read.read_place(place)) for place in places if place.path not in files]
    known = [converted(foreign, file) for file, foreign in pages if foreign]
    if not known and not files:
        raise read.unknown(path)
    opened = open_store(store)
    own = _known() if files else NOTHING
    exported = [enter() for enter in [transfer.checked(opened, file, own, notice) for file in files]]
    have = {run.id: run.source.get("sha256") for run in opened.runs()}
    for one in known:
        if have.get(one.run.id) == one.run.source["sha256"]:
            notice(f"{one.run.source['file']} is in the store already, as run {one.run.id}")
            continue
        for text in one.notices:
            notice(text)
        transfer.keep(opened, one.run, one.estimates if one.run.status == "finished" else (), one.outcomes)
        have[one.run.id] = one.run.source["sha256"]  # another file may be a copy of this one
    return [*exported, *(one.run for one in known)]


def _known() -> Known:
    """What the installed tasks and metrics say of an exported run."""
    catalogue = plugins.catalogue()
    return Known(
        partial(_metrics, catalogue),
        partial(_figures, catalogue),
        partial(_rejudge, catalogue),
        partial(_about, catalogue),
    )


def _same(catalogue: plugins.Catalogue, record: TaskRecord) -> Task | None:
    """The installed task of a record, if it is that in name and version and judges without a scorer or its data."""
    try:
        [task] = plugins.installed(catalogue, [record.name])
    except UnknownName:
        return None
    closed = task.bind is not None or task.open is not None or task.confine is not None
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
