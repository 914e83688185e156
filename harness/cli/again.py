"""A stored run's model asked more, as the run says that it was asked; its command line is never obeyed."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.options import mirror

if TYPE_CHECKING:
    from harness.engine.backend import Options
    from harness.types import Run

DANGEROUS = ("trust_remote_code", "allow_pickle")
"""Options that let a model run code: no stored run turns them on, whoever asks again does."""


@dataclass(frozen=True, slots=True)
class Again:
    """Where more is asked from and stored, and what the user allows the models (names of DANGEROUS options)."""

    store: str | None
    data: Path | None
    allowed: frozenset[str] = frozenset()


def ask_more(run: Run, tasks: Sequence[str], limit: int, *, place: Again) -> str:
    """Evaluate a run's model on these of its tasks with another limit; gives the id of the new run.

    The run's own settings and options are used; answers that are cached are not computed again.
    Raises UsageError for an imported run, for one that does not say how its model was asked, and where the model is not
    the one that the run asked.
    """
    from harness import plugins
    from harness.api import Place, evaluate, settings_of
    from harness.errors import UsageError
    from harness.hidden import hidden_in

    require_askable(run)
    settings, options = settings_of(run), _options(run, place.allowed)
    wanted = [name for name in run.asked.get("tasks", ()) if isinstance(name, str)]
    backend = plugins.load_model(run.model, options)
    now, then = hidden_in(dict(backend.info.fingerprint)), dict(run.fingerprint)
    changed = sorted(key for key in now.keys() | then.keys() if now.get(key) != then.get(key))
    if changed:
        raise UsageError(f"{run.model} is not the model that run {run.id} asked: {', '.join(changed)} differ")
    found, own = plugins.catalogue(), {record.name for record in run.tasks}
    groups = [name for name in tasks if name not in own]  # the average of a group needs all of its tasks
    asked = {*tasks, *(task.name for name in groups if name in found.groups for task in plugins.select(found, [name]))}
    chosen = [task for task in plugins.select(found, wanted) if task.name in asked & own]
    data = place.data or (Path(run.asked["data"]) if run.asked.get("data") else None)
    where = Place(
        store=place.store, data=mirror(data), cache=run.asked.get("cache") is not False,
        command=shlex.join(["harness", *sys.argv[1:]]),
    )  # fmt: skip
    return evaluate(backend, chosen, replace(settings, limit=limit), place=where).run.id


def require_askable(run: Run) -> None:
    """Raises UsageError for a run of whose asking we have nobody's word but a stranger's, or none."""
    from harness.errors import UsageError

    todo = "ask its model with `harness run` and a larger --limit, and check that run"
    if run.imported:
        raise UsageError(f"run {run.id} was imported: no model is asked by what its file says; {todo}")
    if not run.asked:
        raise UsageError(f"run {run.id} does not say how its model was asked; {todo}")


def _options(run: Run, allowed: frozenset[str]) -> Options:
    from harness.engine.backend import Options
    from harness.errors import UsageError
    from harness.reading.typed import built

    options = built(Options, run.asked.get("options", {}), f"options of run {run.id}")
    for name in DANGEROUS:
        if getattr(options, name) and name not in allowed:
            raise UsageError(f"run {run.id} was made with --{name.replace('_', '-')}: give that option here too")
    return options
