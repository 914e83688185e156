"""One evaluation from names to stored numbers: the road that the command line, suites and Python callers share."""

import platform
import secrets
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness import failures, notices, plugins
from harness import run as running
from harness.answers.journal import Journal, header
from harness.engine.backend import Backend, Options
from harness.errors import DataError, HarnessError, RunError, UnknownName, UsageError, quoted
from harness.groups import figures
from harness.hidden import hidden, hidden_in
from harness.metrics import calibrate, likelihood, written
from harness.reading.typed import built
from harness.store import Store, open_store, samples, transfer
from harness.store.cache import AnswerCache
from harness.store.recount import Known, same_values
from harness.types import Estimate, Metric, Outcome, Run, Settings, Task, TaskRecord
from harness.variants import require_changes, varied

if TYPE_CHECKING:
    import pandas as pd

COUNTERFACTUALS = ("gender", "names", "religion")
"""Swaps that are built in; any other word of --counterfactual is a file."""

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
    plugins.require_names(chosen)
    if settings.scorer and not any(task.bind for task in chosen):
        place.notice(f"no task of this run needs a scorer of texts: {settings.scorer} is not used")
    chosen = plugins.bound(chosen, settings.scorer, options)
    plain, chosen = chosen, [varied(task, settings) for task in chosen]
    planned = running.plan(chosen, settings, place.data)
    for task, p in zip(plain, planned, strict=True):
        require_changes(task, settings, p.examples)
    for p in planned:
        _tell(place, notices.of_plan(p))
    backend = plugins.load_model(model, options or Options()) if isinstance(model, str) else model
    running.check(backend, chosen)
    for notice in backend.info.notices:
        place.notice(hidden(f"{backend.info.name}: {notice}"))
    by_name = isinstance(model, str) and len(named) == len(wanted)
    asked = _asked(options or Options(), named, place) if by_name else {}
    return _record(backend, planned, settings, place, asked)


def _asked(options: Options, tasks: Sequence[str], place: Place) -> dict[str, Any]:
    """What it takes to ask a model again, beside its name and the settings; no secret is in it."""
    data = None if place.data is None else str(place.data)
    return {"options": hidden_in(asdict(options)), "tasks": list(tasks), "data": data, "cache": place.cache}


def rescore(run: str, *, store: str | None = None, scorer: str | None = None, command: str = "") -> Result:
    """Judge a run's stored answers with the installed tasks and store the outcome as a new run; the old one stays.

    ``scorer`` judges texts instead of the run's own; of an imported run neither scorer nor file is obeyed.
    Raises UnknownName for a task that is not installed, UsageError for an imported run that names a file.
    """
    opened = open_store(store, create=False)
    old = opened.run(run)
    settings = settings_of(old)
    if old.imported:
        _require_own_words(old, settings)
        settings = replace(settings, scorer=None)
    settings = replace(settings, scorer=scorer or settings.scorer)
    installed = plugins.bound(
        plugins.installed(plugins.catalogue(), [record.name for record in old.tasks]), settings.scorer
    )
    tasks = [varied(task, settings) for task in installed]
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
        asked={} if old.imported else old.asked,
    )  # fmt: skip
    opened.start(replace(new, status="running", finished=None))
    opened.finish(new, outcomes, estimates)
    return Result(new, estimates)


def settings_of(run: Run) -> Settings:
    """The settings of a stored run. Raises DataError for values that are none."""
    ours = {f.name for f in fields(Settings)}
    return built(Settings, {k: v for k, v in run.settings.items() if k in ours}, f"settings of run {run.id}")


def _require_own_words(run: Run, settings: Settings) -> None:
    """Raises UsageError where the settings of an imported run name a file."""
    own = {"", *COUNTERFACTUALS}
    odd = [word.strip() for word in settings.counterfactual.split(",") if word.strip() not in own]
    if odd:
        raise UsageError(
            f"run {run.id} was imported and its --counterfactual names {quoted(odd[0])}, which is not read"
        )


# ------------------------------------------------------------------------------------------------------------- import
def import_run(file: Path, *, store: str | None = None, notice: Callable[[str], None] = lambda text: None) -> Run:
    """Take a run out of an exported file into a store; every number is computed anew from its samples.

    Raises UsageError if the store has the run already, DataError for a file that is no exported run or says what its
    samples do not; then nothing is imported.
    """
    found = plugins.catalogue()
    known = Known(partial(_metrics, found), partial(_figures, found), partial(_rejudge, found), partial(_about, found))
    return transfer.import_run(open_store(store), file, known, notice)


def _same(found: plugins.Catalogue, record: TaskRecord) -> Task | None:
    """The installed task of a record, if it is that in name and version and needs no scorer."""
    try:
        [task] = plugins.installed(found, [record.name])
    except UnknownName:
        return None
    return task if task.version == record.version and task.bind is None else None


def _metrics(found: plugins.Catalogue, record: TaskRecord) -> Mapping[str, Metric]:
    """The metrics of an installed task; of a task of a file those that files may name."""
    if record.name in found.tasks:
        task = _same(found, record)
        return {metric.name: metric for metric in task.metrics} if task else {}
    texts = {name: written.measure(name)[0] for name in written.OPTIONS}
    return texts | {metric.name: metric for metric in (*likelihood.METRICS, *calibrate.METRICS)}


def _about(found: plugins.Catalogue, record: TaskRecord, outcomes: Sequence[Outcome]) -> Mapping[int, Container[str]]:
    """Of failed examples the metrics that they count for, where the task is at hand to say so."""
    task = _same(found, record) if record.name in found.tasks else None
    return running.applicable(task, outcomes) if task else {}


def _figures(found: plugins.Catalogue, outcomes: Mapping[str, Sequence[Outcome]]) -> Sequence[Estimate]:
    tasks = [found.tasks[name] for name in outcomes if name in found.tasks]
    return figures(found.averages, tasks, outcomes).estimates


def _rejudge(found: plugins.Catalogue, run: Run, name: str, outcomes: Sequence[Outcome]) -> None:
    """The judge of an installed task finds in the answers what the run says it found. Raises DataError."""
    record = next(record for record in run.tasks if record.name == name)
    task, settings = _same(found, record), settings_of(run)
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
            raise DataError(f"{name}: example {quoted(o.example.id, 80)} is not judged so by the answer that it has")


def _agree(one: Outcome, two: Outcome) -> bool:
    if one.judged is None or two.judged is None:
        return one.judged is two.judged
    return one.judged.correct == two.judged.correct and same_values(one.judged.values, two.judged.values)


def _record(
    backend: Backend, planned: list[running.Planned], settings: Settings, place: Place, again: Mapping[str, Any]
) -> Result:
    """Ask, judge and store, so that whatever happens the journal and the catalogue tell the truth."""
    asked = running.questions(planned)
    store = open_store(place.store, samples=place.samples)
    run = replace(_describe(backend, planned, settings, place.command), asked=again)
    identity = _identity(run)
    run = _resumed(store, run, identity) if place.resume else run
    if place.resume and run.status != "interrupted":
        place.notice("nothing to resume: no unfinished run of this model, tasks and settings; starting anew")
    run = replace(run, status="running")
    with Journal.open(
        store.journals / f"{samples.folder_of(run.id)}.journal", {"identity": identity, "total": len(asked)}
    ) as journal:
        if journal.notice:
            place.notice(journal.notice)
        cache = AnswerCache(store.journals.parent / "cache.sqlite") if place.cache and backend.info.pinned else None
        try:
            answers = running.ask(
                backend, asked, journal, cache=cache, begun=lambda: store.start(run), progress=place.progress
            )
            finished = running.finish(planned, answers)
            for p in planned:
                _tell(place, notices.of_outcomes(p.task, finished.outcomes[p.task.name]))
            run = replace(run, status="finished", finished=_now(), engine=dict(backend.stats()))
            estimates = finished.estimates + _averages([p.task for p in planned], finished.outcomes, place.notice)
            _tell(place, notices.of_estimates(estimates))
            store.finish(run, finished.outcomes, estimates)
        except SystemExit as error:  # exit code 0 would say that all is well
            _give_up(store, run, journal, len(asked), RunError(f"something called sys.exit({quoted(error.code, 80)})"))
            raise RunError(f"a metric, scorer or plug-in ended the run: sys.exit({quoted(error.code, 80)})") from error
        except BaseException as error:
            _give_up(store, run, journal, len(asked), error)
            raise
    journal.path.unlink(missing_ok=True)
    for reason in failures.told(finished.outcomes):
        place.notice(hidden(reason))
    return Result(run, estimates)


def _tell(place: Place, told: Iterable[str]) -> None:
    for text in told:
        place.notice(text)


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


def _identity(run: Run) -> str:
    """What two runs share that ask the same of the same model."""
    return running.digest([run.model, run.fingerprint, [(t.fingerprint, t.data_sha256, t.n) for t in run.tasks]])


def _resumed(store: Store, run: Run, identity: str) -> Run:
    """The newest unfinished run that asked the same of the same model, or ``run`` itself."""
    for old in store.runs():
        path = store.journals / f"{samples.folder_of(old.id)}.journal"
        if old.status != "finished" and path.is_file() and _identity_in(path, old, run) == identity:
            return replace(run, id=old.id, started=old.started, status="interrupted")
    return run


def _identity_in(path: Path, old: Run, new: Run) -> object:
    """What a journal says that it asks; of one whose header is damaged, what the catalogue says of its run."""
    head = header(path)
    kept, wanted = (hidden_in([r.model, dict(r.fingerprint)]) for r in (old, new))
    return (
        head.get("identity")
        if head or kept != wanted
        else _identity(replace(old, model=new.model, fingerprint=new.fingerprint))
    )


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
