"""One evaluation from names to stored numbers: the road that the command line, suites and Python callers share."""

import platform
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness import plugins
from harness import run as running
from harness.cache import Cache
from harness.engine.backend import Backend, Options
from harness.errors import HarnessError, UnknownName
from harness.groups import figures
from harness.journal import Journal, header
from harness.store import Store, open_store
from harness.types import Estimate, Outcome, Run, Settings, Task
from harness.variants import require_changes, varied

if TYPE_CHECKING:
    import pandas as pd

VERSIONED = ("rai-harness", "torch", "transformers", "tokenizers", "datasets", "numpy", "sacrebleu", "rouge-score")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run reads and writes, and how it tells of itself."""

    store: str | None = None
    samples: str | None = None
    data: Path | None = None
    cache: bool = True
    resume: bool = False
    command: str = ""
    progress: Callable[[int, int], None] = lambda done, total: None
    notice: Callable[[str], None] = lambda text: None


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run and its numbers."""

    run: Run
    estimates: tuple[Estimate, ...]

    @property
    def frame(self) -> "pd.DataFrame":
        """The numbers as a data frame: task, metric, slice, value, low, high, n, clusters, failed."""
        import pandas as pd

        return pd.DataFrame([asdict(e) for e in self.estimates])


def evaluate(
    model: str | Backend, tasks: str | Sequence[str | Task], settings: Settings | None = None, *,
    options: Options | None = None, place: Place | None = None, **overrides: Any,
) -> Result:  # fmt: skip
    """Evaluate a model on tasks and store the run.

    ``overrides`` are fields of Settings or Place (``limit=50``, ``shots=5``, ``store="results"``, ``data="mirror"``).
    Raises the errors of ``harness.errors``; a run that was begun is marked failed or interrupted in the store.
    """
    settings, place = _with(settings or Settings(), place or Place(), overrides)
    wanted = [tasks] if isinstance(tasks, str) else list(tasks)
    chosen = [task for task in wanted if isinstance(task, Task)]
    named = [task for task in wanted if isinstance(task, str)]
    if named:
        chosen += plugins.select(plugins.catalogue(), named)
    if settings.scorer and not any(task.bind for task in chosen):
        place.notice(f"no task of this run needs a scorer of texts: {settings.scorer} is not used")
    chosen = plugins.bound(chosen, settings.scorer, options)
    plain, chosen = chosen, [varied(task, settings) for task in chosen]
    planned = running.plan(chosen, settings, place.data)
    for task, p in zip(plain, planned, strict=True):
        require_changes(task, settings, p.examples)
    for p in planned:
        if p.record.shots_source.startswith("evaluated split"):
            place.notice(f"{p.task.name}: few-shot examples come from the {p.record.shots_source}")
    backend = plugins.load_model(model, options or Options()) if isinstance(model, str) else model
    running.check(backend, chosen)
    return _record(backend, planned, settings, place)


def rescore(run: str, *, store: str | None = None, command: str = "") -> Result:
    """Judge a run's stored answers with the installed tasks and store the outcome as a new run; the old one stays.

    Raises UnknownName for a task that is no longer installed.
    """
    opened = open_store(store, create=False)
    old = opened.run(run)
    chosen = {f.name: old.settings[f.name] for f in fields(Settings) if f.name in old.settings}
    tasks = [varied(task, Settings(**chosen)) for task in _installed(old)]
    outcomes = {
        task.name: tuple(
            running.judge_one(task, o.example, o.requests, o.responses) for o in opened.outcomes(old.id, task.name)
        )
        for task in tasks
    }
    estimates = tuple(e for task in tasks for e in running.summarise(task, outcomes[task.name]))
    estimates += _averages(tasks, outcomes, lambda reason: None)
    versions = {task.name: task for task in tasks}
    records = tuple(
        replace(record, version=versions[record.name].version, card=versions[record.name].card,
                metrics=running.described(versions[record.name]))
        for record in old.tasks
    )  # fmt: skip
    started = _now()
    new = replace(
        old, id=_new_id(), tasks=records, settings={**old.settings, "rescored": old.id}, versions=_versions(),
        command=command, started=started, finished=_now(), status="finished", message="",
    )  # fmt: skip
    opened.start(replace(new, status="running", finished=None))
    opened.finish(new, outcomes, estimates)
    return Result(new, estimates)


def _installed(run: Run) -> list[Task]:
    """The installed tasks of a stored run, with its scorer where they need one."""
    tasks = plugins.select(plugins.catalogue(), [record.name for record in run.tasks])
    return plugins.bound(tasks, run.settings.get("scorer"))


def _record(backend: Backend, planned: list[running.Planned], settings: Settings, place: Place) -> Result:
    """Ask, judge and store, so that whatever happens the journal and the catalogue tell the truth."""
    asked = running.questions(planned)
    store = open_store(place.store, samples=place.samples)
    run = _describe(backend, planned, settings, place.command)
    identity = running.digest([run.model, run.fingerprint, [(t.fingerprint, t.data_sha256, t.n) for t in run.tasks]])
    run = _resumed(store, run, identity) if place.resume else run
    if place.resume and run.status != "interrupted":
        place.notice("nothing to resume: no unfinished run of this model, tasks and settings; starting anew")
    run = replace(run, status="running")
    with Journal.open(store.journals / f"{run.id}.journal", {"identity": identity, "total": len(asked)}) as journal:
        if journal.notice:
            place.notice(journal.notice)
        cache = Cache(store.journals.parent / "cache.sqlite") if place.cache and backend.info.pinned else None
        try:
            answers = running.ask(
                backend, asked, journal, cache=cache, begun=lambda: store.start(run), progress=place.progress
            )
            finished = running.finish(planned, answers)
            run = replace(run, status="finished", finished=_now(), engine=dict(backend.stats()))
            estimates = finished.estimates + _averages([p.task for p in planned], finished.outcomes, place.notice)
            store.finish(run, finished.outcomes, estimates)
        except BaseException as error:
            _give_up(store, run, journal, len(asked), error)
            raise
    journal.path.unlink(missing_ok=True)
    return Result(run, estimates)


def _averages(
    tasks: Sequence[Task], outcomes: Mapping[str, Sequence[Outcome]], notice: Callable[[str], None]
) -> tuple[Estimate, ...]:
    """The averages of the groups that a run completes; why others have none is told."""
    found = figures(plugins.catalogue().averages, tasks, outcomes)
    for reason in found.reasons:
        notice(reason)
    return found.estimates


def _give_up(store: Store, run: Run, journal: Journal, total: int, error: BaseException) -> None:
    """Leave the journal for --resume; without a single answer leave nothing at all."""
    status: Literal["failed", "interrupted"] = "failed" if isinstance(error, HarnessError) else "interrupted"
    if not journal.responses:
        journal.path.unlink(missing_ok=True)
    with suppress(HarnessError):  # the store itself may be what failed; the journal is enough to finish
        store.fail(
            run.id, status, f"{len(journal.responses)} of {total} answers are in the journal: {error or 'interrupted'}"
        )


def _resumed(store: Store, run: Run, identity: str) -> Run:
    """The newest unfinished run that asked the same of the same model, or ``run`` itself."""
    for old in store.runs():
        path = store.journals / f"{old.id}.journal"
        if old.status != "finished" and path.is_file() and header(path).get("identity") == identity:
            return replace(run, id=old.id, started=old.started, status="interrupted")
    return run


def _describe(backend: Backend, planned: list[running.Planned], settings: Settings, command: str) -> Run:
    """The run before anything was asked."""
    return Run(
        id=_new_id(),
        model=backend.info.name,
        fingerprint=dict(backend.info.fingerprint),
        tasks=tuple(p.record for p in planned),
        settings=asdict(settings),
        versions=_versions(),
        command=command,
        started=_now(),
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in VERSIONED:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _new_id() -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _with(settings: Settings, place: Place, overrides: dict[str, Any]) -> tuple[Settings, Place]:
    ours, places = {f.name for f in fields(Settings)}, {f.name for f in fields(Place)}
    for name in overrides:
        if name not in ours | places:
            raise UnknownName("setting", name, ours | places)
    data = overrides.get("data", place.data)
    place = replace(
        place, **{k: v for k, v in overrides.items() if k in places} | {"data": Path(data) if data else None}
    )
    return replace(settings, **{k: v for k, v in overrides.items() if k in ours}), place
