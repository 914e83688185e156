"""Stored answers judged anew, without a model."""

from collections.abc import Sequence
from dataclasses import replace

from harness import plugins
from harness import run as running
from harness.answers.records import settings_from_json
from harness.api.recording import averages, new_id, versions
from harness.api.records import Result
from harness.errors import UsageError, quoted
from harness.privacy.redacted import is_redacted
from harness.scorers.bound import audited, score_texts, scored_texts
from harness.scorers.identities import sentences
from harness.store import open_store
from harness.store.ratings import now
from harness.types import Outcome, Run, Settings, Task, TaskRecord
from harness.variants import varied
from harness.variants.swaps import BUILT_IN


def rescore(run: str, *, store: str | None = None, scorer: str | None = None, command: str = "") -> Result:
    """Judge a run's stored answers with the installed tasks and store the outcome as a new run; the old one stays.

    ``scorer`` judges texts instead of the run's own; of an imported run neither scorer nor file is obeyed.
    Raises UnknownName for a task that is not installed, UsageError for an imported run that names a file
    and for one whose answers were redacted.
    """
    opened = open_store(store, create=False)
    old = opened.run(run)
    if is_redacted(old):
        raise UsageError(f"run {old.id} keeps no personal data in its answers, which may be judged otherwise without")
    tasks = _tasks(old, scorer)
    stored = {task.name: list(opened.outcomes(old.id, task.name)) for task in tasks}
    scores = score_texts([(task, _texts(task, stored[task.name])) for task in tasks])
    outcomes = {
        task.name: tuple(
            running.judge_one(task, o.example, o.requests, o.responses, scores[task.name]) for o in stored[task.name]
        )
        for task in tasks
    }
    estimates = tuple(e for t in tasks for e in running.summarise(t, outcomes[t.name], scores[t.name]))
    estimates += averages(tasks, outcomes).estimates
    new = replace(
        old,
        id=new_id(),
        tasks=_records(old, tasks),
        settings={**old.settings, "rescored": old.id},
        versions=versions(),
        command=command,
        started=now(),
        finished=now(),
        status="finished",
        message="",
        recipe={} if old.imported else old.recipe,
    )
    opened.start(replace(new, status="running", finished=None))
    opened.finish(new, outcomes, estimates)
    return Result(new, estimates)


def _texts(task: Task, outcomes: Sequence[Outcome]) -> list[str]:
    """What the scorer of a task has to score, if it has one."""
    own = [text for o in outcomes for text in scored_texts(task, o.example, o.responses)] if task.scorer else []
    return [*own, *(sentences() if audited(task) else ())]


def _tasks(run: Run, scorer: str | None) -> list[Task]:
    """The installed tasks of a run, with a scorer and in the variants that it was asked in."""
    settings = settings_of(run)
    if run.imported:
        _require_own_words(run, settings)
        settings = replace(settings, scorer=None)
    installed = plugins.installed(plugins.catalogue(), [record.name for record in run.tasks])
    for task in installed:
        if task.open or task.confine:
            how = "by another package, with its data" if task.open else "by running code"
            raise UsageError(f"{task.name} is judged {how}: ask the model again, from the cache")
    return [varied(task, settings) for task in plugins.bound(installed, scorer or settings.scorer)]


def _records(run: Run, tasks: Sequence[Task]) -> tuple[TaskRecord, ...]:
    """What the run asked, with version, card and metrics of the tasks that judge it now."""
    by_name = {task.name: task for task in tasks}
    return tuple(
        replace(
            record,
            version=task.version,
            card=task.card,
            metrics=running.described(task),
            scorer=running.scored_by(task),
        )
        for record in run.tasks
        for task in (by_name[record.name],)
    )


def settings_of(run: Run) -> Settings:
    """The settings of a stored run. Raises DataError for invalid values."""
    return settings_from_json(run.settings, f"settings of run {run.id}")


def _require_own_words(run: Run, settings: Settings) -> None:
    """Raises UsageError where the settings of an imported run name a file."""
    odd = [word for word in settings.counterfactual if word not in BUILT_IN]
    if odd:
        raise UsageError(
            f"run {run.id} was imported, and its --counterfactual names the file {quoted(odd[0])}: no file that an "
            "imported run names is read"
        )
