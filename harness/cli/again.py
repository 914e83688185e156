"""A stored run's model asked more, exactly as that run's command line asked it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import mirror, names

if TYPE_CHECKING:
    from harness.engine.backend import Options
    from harness.types import Run


def ask_more(run: Run, tasks: Sequence[str], limit: int, *, store: str | None, data: Path | None) -> str:
    """Evaluate a run's model on these of its tasks with another limit; gives the id of the new run.

    The run's own settings are used, and the options of the command that made it; answers that are cached are not
    computed again. Raises UsageError where the model is not the one that the run asked.
    """
    from harness import plugins
    from harness.api import Place, evaluate
    from harness.errors import UsageError
    from harness.types import Settings

    options, wanted, given = _as_asked(run)
    backend = plugins.load_model(run.model, options)
    now, then = dict(backend.info.fingerprint), dict(run.fingerprint)
    changed = sorted(key for key in now.keys() | then.keys() if now.get(key) != then.get(key))
    if changed:
        raise UsageError(f"{run.model} is not the model that run {run.id} asked: {', '.join(changed)} differ")
    known = {f.name for f in fields(Settings)}
    settings = Settings(**{key: value for key, value in run.settings.items() if key in known})
    found, own = plugins.catalogue(), {record.name for record in run.tasks}
    groups = [name for name in tasks if name not in own]  # the average of a group needs all of its tasks
    asked = {*tasks, *(task.name for name in groups for task in plugins.select(found, [name]))}
    chosen = [task for task in plugins.select(found, wanted or sorted(own)) if task.name in asked & own]
    place = Place(
        store=store, data=mirror(data or given.get("data")), cache=not given.get("no_cache", False),
        command=shlex.join(["harness", *sys.argv[1:]]),
    )  # fmt: skip
    return evaluate(backend, chosen, replace(settings, limit=limit), place=place).run.id


def _as_asked(run: Run) -> tuple[Options, list[str], dict[str, Any]]:
    """Options, names of tasks and everything else of the command line that made a run; of another way in: defaults."""
    from harness.cli.run import command
    from harness.engine.backend import Options
    from harness.errors import UsageError
    from harness.suite import jobs_of

    words = [word for word in shlex.split(run.command) if word != "--debug"]
    if words[:2] != ["harness", "run"]:
        return Options(), [], {}
    try:
        given = command.make_context("run", words[2:]).params
    except click.UsageError as error:
        raise UsageError(f"the command of run {run.id} is not understood: {error.format_message()}") from error
    if given["protocol"]:
        raise UsageError(f"run {run.id} trained its model: it cannot be asked more")
    if given["models"][0].endswith(".toml"):
        jobs = [job for job in jobs_of(Path(given["models"][0])) if job.model == run.model]
        return (jobs[0].options if jobs else Options()), [], given
    options = Options(**{f.name: given[f.name] for f in fields(Options) if f.name in given})
    return options, names(given["tasks"]), given
