"""Several runs in a row: all that they need is looked for before the first token, and one that fails stops no other."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, replace
from pathlib import Path
from time import monotonic
from typing import Any, Literal, Unpack

from harness import plugins
from harness.api.evaluation import tasks_of
from harness.api.jobs import run_job, shared
from harness.api.ready import ready
from harness.api.records import Listener, Overrides, Result, Where, with_overrides
from harness.engine.backend import Options
from harness.engine.present import require_model
from harness.errors import HarnessError, RunError, TimeUp, UsageError
from harness.suite import Job, jobs_of
from harness.types import Settings, Task

Listening = Callable[[Job], AbstractContextManager[Listener]]
"""Gives whoever listens to a job while it runs."""


TABLES = {"settings": {f.name for f in fields(Settings)}, "options": {f.name for f in fields(Options)}}
"""Tables of a suite file, and their keys."""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a job of several ended: with a result, or with the error that kept it from one.

    ``status``: "failed", "stopped" by the limit of time, or "not begun" because it was over before.
    """

    job: Job
    status: Literal["finished", "failed", "stopped", "not begun"]
    result: Result | None = None
    error: str = ""


def run_suite(
    suite: str | Path | Sequence[Job],
    *,
    where: Where | None = None,
    listener: Listener | None = None,
    **overrides: Unpack[Overrides],
) -> list[JobEnd]:
    """Run everything that a suite file (or a list of jobs) names, and say of each run how it ended.

    ``overrides`` are fields of Settings and Options, which win over the file, and of Where or Listener.
    Models, tasks and data are
    looked for first. A run that fails stops no other one; ``max_minutes`` counts for all of them together.
    Raises UsageError that names everything that is missing, before anything is asked.
    """
    flags: dict[str, dict[str, Any]] = {"settings": {}, "options": {}}
    rest: Any = {}
    for name, value in overrides.items():
        table = next((key for key, names in TABLES.items() if name in names), None)
        (flags[table] if table else rest)[name] = value
    _, _, where, listener = with_overrides(None, None, where, listener, rest)
    if isinstance(suite, str | Path):
        jobs = jobs_of(Path(suite), flags)
    else:
        jobs = [
            replace(
                job,
                settings=replace(job.settings, **flags["settings"]),
                options=replace(job.options, **flags["options"]),
            )
            for job in suite
        ]
    require_ready(jobs, where)
    return list(run_jobs(jobs, where=where, listening=lambda job: nullcontext(listener)))


def run_jobs(jobs: Sequence[Job], *, where: Where, listening: Listening) -> Iterator[JobEnd]:
    """The end of every job, as it comes; only an interrupt ends them all. A single job raises its own error."""
    end = None if where.max_minutes is None else monotonic() + 60 * where.max_minutes
    for job, own in zip(jobs, shared(jobs), strict=True):
        left = None if end is None else (end - monotonic()) / 60
        if left is not None and left <= 0:
            yield JobEnd(job, "not begun", error=f"the {where.max_minutes:g} minutes of --max-minutes were over")
            continue
        try:
            with listening(job) as listener:
                result = run_job(own, where=replace(where, max_minutes=left), listener=listener)
        except TimeUp as error:
            if len(jobs) == 1:
                raise
            yield JobEnd(job, "stopped", error=str(error))
        except Exception as error:  # whatever a model's own code raises: the next model may well run
            if len(jobs) == 1:
                raise
            shown = str(error) if isinstance(error, HarnessError | OSError) else f"{type(error).__name__}: {error}"
            yield JobEnd(job, "failed", error=" ".join(shown.split()))
        else:
            yield JobEnd(job, "finished", result)


def require_ready(jobs: Sequence[Job], where: Where, outputs: Sequence[Path] = ()) -> None:
    """Raises UsageError that names every model, task, data set, scorer and output that the jobs lack.

    A single flaw is raised as it is.
    """
    flaws: dict[str, HarnessError] = {}

    def look(function: Callable[[], object]) -> None:
        try:
            function()
        except HarnessError as error:
            flaws.setdefault(str(error), error)

    for job in jobs:
        look(lambda job=job: _require_model(job))  # type: ignore[misc]
    for tasks, settings in dict.fromkeys((job.tasks, job.settings) for job in jobs):
        known: list[Task] = []
        for name in tasks:
            look(lambda name=name, known=known: known.extend(tasks_of(name)))  # type: ignore[misc]
        if known:
            look(lambda known=known, settings=settings, tasks=tasks: ready(known, settings, where, tasks))  # type: ignore[misc]
    for path in outputs:
        look(lambda path=path: require_writable(path))  # type: ignore[misc]
    look(lambda: shared(jobs))
    if len(flaws) == 1:
        raise next(iter(flaws.values()))
    if flaws:
        raise UsageError(f"{len(flaws)} things are missing: " + "; ".join(f"({i}) {f}" for i, f in enumerate(flaws, 1)))


def _require_model(job: Job) -> None:
    if not plugins.offers_model(job.model):
        require_model(job.model, job.options)


def require_writable(path: Path) -> None:
    """Raises RunError for a file or folder that could not be written; "-" is standard output."""
    if str(path) == "-":
        return
    there = next((place for place in (path, *path.absolute().parents) if place.exists()), path)
    if not os.access(there, os.W_OK) or (there != path and not there.is_dir()):
        raise RunError(f"cannot write {path}: {there} is not writable")
