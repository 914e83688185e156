"""Which of the tasks that were named can be asked: their data and scorer are here, and the model can answer them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from harness import able, plugins
from harness import run as running
from harness.api.records import Where
from harness.data import at_hand, load
from harness.engine.backend import Backend
from harness.errors import DataError, Unsupported, UsageError, listed
from harness.scorers import VALID
from harness.subset import by_reason
from harness.types import Dataset, Settings, Task
from harness.variants.task import varied

LeftOut = dict[str, str]
"""Tasks that are not asked, and why."""


def ready(
    tasks: Sequence[Task], settings: Settings, where: Where, wanted: str | Sequence[str | Task]
) -> tuple[list[Task], LeftOut]:
    """The tasks for which data, scorer and permission are here, and those that ``where.skip_missing`` leaves out.

    Members of groups, patterns and tags among ``wanted`` without such variants as the settings name are left out too.
    Data that lie in no file here are fetched now. Raises DataError or UsageError that names everything that is missing,
    Unsupported for a task that was named by itself and has no such variants.
    """
    tasks, unvaried = variable(tasks, settings, wanted)
    here, reasons = _here(tasks, settings, where)
    return here, unvaried | reasons


def variable(
    tasks: Sequence[Task], settings: Settings, wanted: str | Sequence[str | Task]
) -> tuple[list[Task], LeftOut]:
    """The tasks that have the variants which the settings name, and members of groups, patterns and tags without them.

    Raises Unsupported for a task that was named by itself, and where nothing is left.
    """
    flaws: dict[str, Unsupported] = {}
    for task in tasks:
        try:
            varied(task, settings)
        except Unsupported as error:
            flaws[task.name] = error
    named = singly(wanted) if flaws else set()
    if refused := [error for name, error in flaws.items() if name in named or len(flaws) == len(tasks)]:
        raise refused[0]
    kept = [task for task in tasks if task.name not in flaws]
    return kept, {name: str(error).removeprefix(f"{name} ") for name, error in flaws.items()}


def _here(tasks: Sequence[Task], settings: Settings, where: Where) -> tuple[list[Task], LeftOut]:
    absent = missing_data(tasks, where.data)
    unscored = [] if settings.scorer else [task.name for task in tasks if task.bind and not task.judging]
    unsafe = _running_code(tasks, where)
    if not absent and not unscored and not unsafe:
        return list(tasks), {}
    reasons = dict.fromkeys(unscored, "a scorer of texts is missing (--scorer)")
    reasons |= dict.fromkeys(unsafe, "it runs code that the model writes (--allow-code-execution)")
    reasons |= {name: f"no data ({dataset.id})" for name, (dataset, _) in absent.items()}
    if not where.skip_missing:
        require_permission(tasks, where)
        raise _everything(tasks, absent, unscored)
    kept = [task for task in tasks if task.name not in reasons]
    if not kept:
        raise DataError(f"no task is left: {_first(reasons)}")
    return kept, reasons


def require_permission(tasks: Sequence[Task], where: Where) -> None:
    """Raises UsageError where a task runs code that a model writes and the user has not allowed it."""
    if unsafe := _running_code(tasks, where):
        runs = "runs" if len(unsafe) == 1 else "run"
        raise UsageError(
            f"{listed(unsafe)} {runs} code that the model writes, in a sandbox without network or files: "
            "--allow-code-execution allows it"
        )


def _running_code(tasks: Sequence[Task], where: Where) -> list[str]:
    return [] if where.allow_code_execution else [task.name for task in tasks if task.confine]


def missing_data(tasks: Iterable[Task], mirror: Path | None) -> dict[str, tuple[Dataset, DataError]]:
    """By task its first dataset that is neither here nor to be had, and what was said."""
    known: dict[Dataset, DataError | None] = {}
    first: dict[str, tuple[Dataset, DataError]] = {}
    for task in tasks:
        for dataset in task.dataset:
            if dataset not in known:
                known[dataset] = _flaw_of(dataset, mirror)
            if error := known[dataset]:
                first.setdefault(task.name, (dataset, error))
    return first


def _flaw_of(dataset: Dataset, mirror: Path | None) -> DataError | None:
    if at_hand(dataset, mirror):
        return None
    try:
        load(dataset, mirror)
    except DataError as error:
        return error
    return None


def _everything(
    tasks: Sequence[Task], absent: dict[str, tuple[Dataset, DataError]], unscored: Sequence[str]
) -> UsageError:
    """One error that names all datasets that are missing, and the tasks that lack a scorer."""
    if len(absent) == 1 and not unscored:
        return next(iter(absent.values()))[1]
    if not absent and len(unscored) == 1:
        return UsageError(_scorer_for(unscored))
    parts = []
    if absent:
        ids = dict.fromkeys(dataset.id for dataset, _ in absent.values())
        each = [f"{one} ({_tasks_of(one, absent)})" for one in ids]
        parts.append(f"data of {len(absent)} of {len(tasks)} tasks are missing: {', '.join(each)}")
    if unscored:
        parts.append(_scorer_for(unscored))
    help_ = "`harness data fetch TASKS --data FOLDER` fetches data; " if absent else ""
    return DataError(f"{'; '.join(parts)}; {help_}--skip-missing leaves these tasks out")


def _scorer_for(tasks: Sequence[str]) -> str:
    need = "needs" if len(tasks) == 1 else "need"
    return f"{listed(tasks)} {need} a scorer of texts: --scorer {' | '.join(VALID)}"


def _tasks_of(id: str, absent: dict[str, tuple[Dataset, DataError]]) -> str:
    names = [name for name, (dataset, _) in absent.items() if dataset.id == id]
    return names[0] if len(names) == 1 else f"{len(names)} tasks"


def answerable(
    backend: Backend, planned: Sequence[running.Planned], wanted: str | Sequence[str | Task]
) -> tuple[list[running.Planned], LeftOut]:
    """What a model can be asked, and the members of groups, patterns and tags among ``wanted`` that it cannot.

    Raises Unsupported for a task that was named by itself, and where nothing is left.
    """
    reasons = able.unable(backend.info.name, backend.info.answers, planned)
    if not reasons:
        return list(planned), {}
    left_out = {name: why for name, why in reasons.items() if name not in singly(wanted)}
    kept = [p for p in planned if p.task.name not in left_out] or list(planned)
    able.check(backend, kept)
    return kept, left_out


def told(left_out: LeftOut) -> Iterator[str]:
    """What is told before a run of the tasks that it leaves out."""
    for line in by_reason(left_out):
        yield f"left out: {line}"


def _first(reasons: LeftOut) -> str:
    name, why = next(iter(reasons.items()))
    others = f" (and {len(reasons) - 1} others)" if len(reasons) > 1 else ""
    return f"{name}: {why}{others}"


def singly(wanted: str | Sequence[str | Task]) -> set[str]:
    """Names of the tasks that were asked for one by one: a model that cannot answer them is refused."""
    tasks = [wanted] if isinstance(wanted, str) else wanted
    records = {task.name for task in tasks if isinstance(task, Task)}
    known = plugins.catalogue()
    words = [task for task in tasks if isinstance(task, str) and not plugins.names_many(known, task)]
    return records | ({task.name for task in plugins.select(known, words)} if words else set())
