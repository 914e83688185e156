"""A run asked, judged and stored, so that whatever happens the journal and the catalogue tell the truth."""

import platform
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from harness import failures, notices, plugins
from harness import run as running
from harness.answers.journal import Journal, header
from harness.answers.records import settings_to_json
from harness.api.metering import energy_of
from harness.api.recipe import Recipe
from harness.api.records import Listener, Result, Where
from harness.data import digest
from harness.energy.devices import watch
from harness.engine.backend import Backend, Crewed
from harness.engine.elsewhere.merged import Merged
from harness.errors import HarnessError, RunError, TimeUp, quoted
from harness.groups import Figures, figures
from harness.hidden import hidden, hidden_in
from harness.privacy.redacted import SETTING, is_redacted, redacted
from harness.store import Store, open_store, samples
from harness.store.cache import AnswerCache
from harness.store.ratings import now
from harness.types import Outcome, Question, Run, Settings, Task, Training

VERSIONED = ("rai-harness", "torch", "transformers", "tokenizers", "datasets", "numpy", "sacrebleu", "rouge-score")


def record(
    backend: Backend,
    planned: Sequence[running.Planned],
    settings: Settings,
    *,
    where: Where,
    listener: Listener,
    recipe: Recipe | None = None,
    training: tuple[Training, ...] = (),
    left_out: Mapping[str, str] = {},
) -> Result:
    """Ask, judge and store what is planned; without ``recipe`` the run cannot be asked for more."""
    store = open_store(where.store, samples=where.samples)
    run = described(backend, planned, settings, where.name)
    run = replace(run, settings={**run.settings, SETTING: True}) if where.redact else run
    recipe_kept = recipe.record() if recipe else {}
    run = replace(run, command=where.command, recipe=recipe_kept, training=training, left_out=left_out)
    run = replace(run, family=where.family, step=where.step, bundle=where.bundle)
    identity = identity_of(run)
    if where.resume:
        run = _resumed(store, run, identity)
        if run.status != "interrupted" and not isinstance(backend, Merged):
            listener.notice("nothing to resume: no unfinished run of this model, tasks and settings; starting one")
    questions = running.questions(planned)
    with Journal.open(_journal(store, run.id), {"identity": identity, "total": len(questions)}) as journal:
        if journal.notice:
            listener.notice(journal.notice)
        _note_machine(backend, journal, listener)
        asking = _Asking(backend, planned, questions, store, journal, listener, where.idle)
        try:
            result, reasons = _finished(asking, replace(run, status="running"), cached=where.cache)
        except SystemExit as error:  # exit code 0 would say that all is well
            ended = f"sys.exit({quoted(error.code, 80)})"
            _give_up(asking, run, RunError(f"something called {ended}"), resuming=where.resume)
            raise RunError(f"a metric, scorer or plug-in ended the run: {ended}") from error
        except BaseException as error:
            _give_up(asking, run, error, resuming=where.resume)
            raise
    journal.path.unlink(missing_ok=True)
    _judged(store, result.run.id).unlink(missing_ok=True)
    for tag in where.tags:
        store.tag(result.run.id, tag)
    _tell(listener, reasons)
    return result


def machine_of(backend: Backend) -> dict[str, str]:
    """What beside a model's weights its answers depend on in the last digit; empty where it computes elsewhere."""
    if not backend.info.pinned:
        return {}
    from harness.engine.device import surroundings  # brings torch, which no server and no file needs

    return surroundings()


def _note_machine(backend: Backend, journal: Journal, listener: Listener) -> None:
    """Keep which machine answers, and say so where answers that are kept come from another kind.

    A crew is left out: its workers, which are held to one kind of machine, need not be of the driver's.
    """
    here = {} if isinstance(backend, Crewed) else machine_of(backend)
    if not here:
        return
    known = [note["machine"] for note in journal.notes if isinstance(note.get("machine"), dict)]
    others = [machine for machine in known if machine != here]
    if others:
        apart = [name for name in here if others[-1].get(name) != here[name]]
        words = ", ".join(f"{name} {quoted(others[-1].get(name), 60)}, now {quoted(here[name], 60)}" for name in apart)
        listener.notice(
            f"answers that are kept come from another kind of machine ({words}): "
            "numbers may differ in the last digits from a run on one"
        )
    if known[-1:] != [here]:
        journal.note_with_answers({"machine": here})


@dataclass(frozen=True, slots=True)
class _Asking:
    """What a run works with from its first question to its last number."""

    backend: Backend
    planned: Sequence[running.Planned]
    questions: Sequence[Question]
    store: Store
    journal: Journal
    listener: Listener
    idle: float


def _finished(asking: _Asking, run: Run, *, cached: bool) -> tuple[Result, list[str]]:
    """The stored result, and why examples failed."""
    backend, listener, store = asking.backend, asking.listener, asking.store
    hides = is_redacted(run)
    cached = cached and not hides
    cache = _shared_cache(store) if cached and backend.info.pinned else None
    before = set(asking.journal.responses)
    with watch(backend.info.devices, asking.idle) as watched:
        answers = running.ask(
            backend,
            asking.questions,
            asking.journal,
            planned=asking.planned,
            cache=cache,
            begun=lambda: store.start(run),
            progress=partial(_moved, backend, listener),
        )
    done = running.finish(_keeping(asking, run, cached), answers)
    energy = energy_of(backend, watched.energy, asking.journal, before, done)
    kept = redacted(done.outcomes) if hides else done.outcomes
    tasks = [p.task for p in asking.planned]
    for task in tasks:
        _tell(listener, notices.of_outcomes(task, kept[task.name]))
    run = replace(run, status="finished", finished=now(), engine=_engine(backend), energy=energy)
    groups = averages(tasks, done.outcomes)
    estimates = done.estimates + groups.estimates
    _tell(listener, groups.reasons)
    _tell(listener, notices.of_estimates(estimates))
    store.finish(run, kept, estimates)
    return Result(run, estimates), [hidden(reason) for reason in failures.reasons(kept)]


def _shared_cache(store: Store) -> AnswerCache:
    return AnswerCache(store.journals.parent / "cache.sqlite")


def _keeping(asking: _Asking, run: Run, cached: bool) -> Sequence[running.Planned]:
    """What is planned, with judges whose answers are kept: no judge is asked twice, and none of its answers lost."""
    if not any(p.task.scorer and p.task.scorer.keeping for p in asking.planned):
        return asking.planned
    shared = _shared_cache(asking.store) if cached else None
    own = AnswerCache(_judged(asking.store, run.id))
    return [replace(p, task=_kept_scorer(p.task, shared, own)) for p in asking.planned]


def _kept_scorer(task: Task, shared: AnswerCache | None, own: AnswerCache) -> Task:
    keeping = task.scorer.keeping if task.scorer else None
    return replace(task, scorer=keeping(shared, own)) if keeping else task


def _moved(backend: Backend, listener: Listener, done: int, total: int) -> None:
    if isinstance(backend, Crewed):
        listener.state(backend.state())
    listener.progress(done, total)


def _engine(backend: Backend) -> dict[str, float | str]:
    """What the work has cost, and how large the model is where that is known."""
    size = backend.info.parameters
    return {**backend.stats(), **({} if size is None else {"parameters": float(size)})}


def _give_up(asking: _Asking, run: Run, error: BaseException, *, resuming: bool) -> None:
    """Leave the journal for ``resume``, and say so; without a single answer leave nothing at all."""
    failed = isinstance(error, HarnessError) and not isinstance(error, TimeUp)
    status: Literal["failed", "interrupted"] = "failed" if failed else "interrupted"
    answered, total = len(asking.journal.responses), len(asking.questions)
    if not answered:
        asking.journal.path.unlink(missing_ok=True)
    _tell(asking.listener, kept(answered, total, resuming=resuming))
    message = f"{answered:,} of {total:,} answers are in the journal: {str(error) or 'interrupted'}"
    with suppress(HarnessError):  # the store itself may be what failed; the journal is enough to finish
        asking.store.fail(run.id, status, message)


def kept(answered: int, total: int, *, resuming: bool) -> Iterator[str]:
    """What an unfinished run leaves, and how to go on; ``resuming``: the command that was given goes on by itself."""
    if answered:
        again = "repeat the command" if resuming else "repeat the command with --resume (in Python: resume=True)"
        yield f"{answered:,} of {total:,} answers kept; {again}"


def _tell(listener: Listener, texts: Iterable[str]) -> None:
    for text in texts:
        listener.notice(text)


def averages(tasks: Sequence[Task], outcomes: Mapping[str, Sequence[Outcome]]) -> Figures:
    """The averages of the groups that a run completes, and why others have none."""
    own = {(name, group.metric): (name, group) for task in tasks for name, group in task.groups}
    return figures([*plugins.catalogue().averages.items(), *own.values()], tasks, outcomes)


# --------------------------------------------------------------------------------------------------- which run this is
def identity_of(run: Run) -> str:
    """What two runs share that ask the same of the same model."""
    return digest([run.model, run.fingerprint, [(t.fingerprint, t.data_sha256, t.n) for t in run.tasks]])


def _resumed(store: Store, run: Run, identity: str) -> Run:
    """The newest unfinished run that asked the same of the same model, which goes on to redact, or ``run`` itself."""
    for old in store.runs():
        path = _journal(store, old.id)
        if old.status != "finished" and path.is_file() and _identity_in(path, old, run) == identity:
            redact = {SETTING: True} if is_redacted(old) else {}
            settings = {**run.settings, **redact}
            return replace(run, id=old.id, started=old.started, status="interrupted", settings=settings)
    return run


def _identity_in(path: Path, old: Run, new: Run) -> object:
    """What a journal says that it asks; of one whose header is damaged, what the catalogue says of its run."""
    head = header(path)
    kept, wanted = (hidden_in([r.model, dict(r.fingerprint)]) for r in (old, new))
    return (
        head.get("identity")
        if head or kept != wanted
        else identity_of(replace(old, model=new.model, fingerprint=new.fingerprint))
    )


def _journal(store: Store, run_id: str) -> Path:
    return store.journals / f"{samples.folder_of(run_id)}.journal"


def _judged(store: Store, run_id: str) -> Path:
    """The answers of a run's judges that no later run may use; they go when its numbers are stored."""
    return store.journals / f"{samples.folder_of(run_id)}.judged"


def described(backend: Backend, planned: Sequence[running.Planned], settings: Settings, name: str = "") -> Run:
    """The run before anything was asked; ``name``: of its model, instead of the one that it was asked for by."""
    return Run(
        id=new_id(),
        model=name or backend.info.name,
        fingerprint=dict(backend.info.fingerprint),
        tasks=tuple(p.record for p in planned),
        settings=settings_to_json(settings),
        versions=versions(),
        command="",
        started=now(),
    )


def versions() -> dict[str, str]:
    """Of Python and of the packages that numbers depend on."""
    packages = {"python": platform.python_version()}
    for name in VERSIONED:
        with suppress(PackageNotFoundError):
            packages[name] = version(name)
    return packages


def new_id() -> str:
    """An id that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
