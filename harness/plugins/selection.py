"""Names turned into tasks: their own, of groups, patterns, tags, families or files."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from harness.errors import UnknownName, UsageError, quoted
from harness.kinds.corpus import corpus
from harness.kinds.file import SUFFIXES, is_task_file, task_from_file
from harness.kinds.jailbreak import jailbreak
from harness.plugins.entries import unknown
from harness.plugins.families import task_of_run, tasks_called
from harness.plugins.offers import Catalogue
from harness.reading.text import is_file
from harness.types import Task

FROM_FILE: Mapping[str, Callable[[str], Task]] = {"corpus": corpus, "jailbreak": lambda name: jailbreak(Path(name))}
"""What stands before the colon of ``corpus:FILE`` -> the task of that file."""


def select(known: Catalogue, wanted: Iterable[str]) -> list[Task]:
    """Tasks by name, group, pattern (``mmlu/*``), tag (``tag:safety``) or file (``questions.jsonl``), each once.

    Raises UnknownName with the nearest names, and names the broken plug-ins that may have held the task.
    """
    chosen: dict[str, Task] = {}
    places: dict[str, str] = {}
    for name in wanted:
        place = _place(name)
        for task in _matching(known, name):
            if places.setdefault(task.name, place) != place:
                raise UsageError(
                    f"two tasks are called {quoted(task.name)}: {places[task.name]} and {place}; rename a file, or ask "
                    "for each in a run of its own"
                )
            chosen[task.name] = task
    if not chosen:
        raise UsageError("no task was named; `harness list tasks` shows them")
    return list(chosen.values())


def require_names(tasks: Sequence[Task]) -> None:
    """Raises UsageError where two tasks of a run share a name: the numbers of one of them would be lost."""
    names = [task.name for task in tasks]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"two tasks of one run are called {quoted(twice)}: rename one")


def installed(known: Catalogue, names: Iterable[str]) -> list[Task]:
    """Tasks by their own names only, such as a stored run has them: no file, pattern, group or tag is meant.

    Raises UnknownName for one that no plug-in offers.
    """
    tasks = []
    for name in names:
        task = known.tasks.get(name) or task_of_run(name)
        if task is None:
            raise UnknownName("installed task", name, known.tasks)
        tasks.append(task)
    return tasks


def names_many(known: Catalogue, name: str) -> bool:
    """Whether a name is that of a group, a tag or a pattern, and of no task."""
    return name not in known.tasks and (name in known.groups or name.startswith("tag:") or _is_pattern(name))


def _is_pattern(name: str) -> bool:
    return bool(set(name) & set("*?["))


def _place(name: str) -> str:
    """Where the tasks of a name come from: the file it names, else what is installed."""
    scheme, _, path = name.partition(":")
    if scheme in FROM_FILE:
        return f"{scheme}:{os.path.realpath(path)}"
    return os.path.realpath(name) if is_task_file(name) else "the installed one"


def _matching(entries: Catalogue, name: str) -> list[Task]:
    if any(c < " " or "\ud800" <= c <= "\udfff" for c in name):
        raise UsageError(f"{quoted(name)} names no task: it holds what no text can show")
    scheme, _, path = name.partition(":")
    if scheme in FROM_FILE:
        return [FROM_FILE[scheme](path)]
    if is_task_file(name):
        return [task_from_file(Path(name))]
    if name in entries.tasks:
        return [entries.tasks[name]]
    if name in entries.groups:
        return [task for pattern in entries.groups[name] for task in _matching(entries, pattern)]
    if name.startswith("tag:"):
        tags = sorted({tag for task in entries.tasks.values() for tag in task.tags})
        hits = [task for task in entries.tasks.values() if name[4:] in task.tags]
        if not hits:
            raise UnknownName("tag", name[4:], tags)
        return hits
    pattern = _is_pattern(name)
    hits = [task for key, task in entries.tasks.items() if pattern and fnmatchcase(key, name)]
    if hits:
        return hits
    members = tasks_called(name, pattern=pattern)
    if members is not None:
        return members
    raise _unknown(entries, name)


def _unknown(entries: Catalogue, name: str) -> UsageError:
    """That a name stands for no task, with the nearest ones and the plug-ins that may have held it."""
    if is_file(Path(name)):
        return UsageError(f"{quoted(name)} is no file of a task: those end in {', '.join(SUFFIXES)}")
    return unknown("task", name, [*entries.tasks, *entries.groups], entries.broken)
