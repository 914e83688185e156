"""A stored run's model asked for more examples, the way that the run asked it."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from harness import plugins
from harness.api.evaluation import evaluate
from harness.api.models import Opener
from harness.api.recipe import Recipe, recipe_of
from harness.api.records import Listener, Result, Where
from harness.api.rescoring import settings_of
from harness.engine.backend import Backend, Exam, Options
from harness.errors import UsageError
from harness.hidden import hidden_in
from harness.privacy.redacted import is_redacted
from harness.types import Run, Task

DANGEROUS = ("trust_remote_code", "allow_pickle")
"""Options that let a model run code: no stored run turns them on, only whoever asks again does."""


def ask_more(
    run: Run,
    tasks: Sequence[str],
    limit: int,
    *,
    where: Where | None = None,
    listener: Listener | None = None,
    allowed: Collection[str] = (),
) -> Result:
    """Evaluate the model of a stored run on these of its tasks with another limit, and store that as a new run.

    The run's own settings and options are used, and its folder of data unless ``where`` names one; cached answers are
    not computed again. ``tasks`` may name groups, ``allowed`` the DANGEROUS options that the caller allows.
    Raises UsageError for an imported run, for one that does not say how its model was asked, and where the model is no
    longer the one that the run asked.
    """
    where, recipe = where or Where(), recipe_of(run)
    options = _options(run, recipe, allowed)

    def opened(exams: Sequence[Exam]) -> Backend:
        backend = plugins.load_model(recipe.model or run.model, options, exams)
        _require_same(run, backend)
        return backend

    where = replace(
        where,
        data=where.data or recipe.folder,
        cache=where.cache and recipe.cache,
        redact=where.redact or is_redacted(run),
        name=where.name or (run.model if recipe.model else ""),
    )
    settings = replace(settings_of(run), limit=limit)
    return evaluate(
        Opener(opened), _tasks(run, recipe, tasks), settings, options=options, where=where, listener=listener
    )


def require_askable(run: Run) -> None:
    """Raises UsageError for a run whose model cannot be asked for more."""
    recipe_of(run)


def _options(run: Run, recipe: Recipe, allowed: Collection[str]) -> Options:
    for name in DANGEROUS:
        if getattr(recipe.options, name) and name not in allowed:
            raise UsageError(f"run {run.id} was made with --{name.replace('_', '-')}: pass that option here too")
    return recipe.options


def _tasks(run: Run, recipe: Recipe, names: Sequence[str]) -> list[Task]:
    """Tasks of the run by their names; of a group, whose average needs them all, every one that the run has."""
    catalogue, own = plugins.catalogue(), {record.name for record in run.tasks}
    groups = [name for name in names if name not in own and name in catalogue.groups]
    wanted = {*names, *(task.name for group in groups for task in plugins.select(catalogue, [group]))}
    return [task for task in plugins.select(catalogue, recipe.tasks) if task.name in wanted & own]


def _require_same(run: Run, backend: Backend) -> None:
    now, then = hidden_in(dict(backend.info.fingerprint)), dict(run.fingerprint)
    changed = sorted(key for key in now.keys() | then.keys() if now.get(key) != then.get(key))
    if changed:
        raise UsageError(f"{run.model} is not the model that run {run.id} asked: {', '.join(changed)} differ")
