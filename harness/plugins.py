"""Finds tasks, models and metrics that packages offer through entry points, and names the culprit when one is broken.

Entry-point groups: ``harness.tasks`` (a Task, a sequence of them, or a function that returns them),
``harness.groups`` (a mapping of group name to task patterns or to a ``Group``, which has an average too),
``harness.families`` (a function from a member's name to the task ``ENTRYPOINT/member`` or ``ENTRYPOINT:member``, for
tasks too many to list; it may be ``Listed``),
``harness.models`` (a function (name, options) -> Backend, asked for as ``ENTRYPOINT:name``), ``harness.scorers`` (what
follows ``ENTRYPOINT:`` -> a function from texts to numbers from 0 to 1) and ``harness.metrics`` (a function that
returns a Measure, which a task file can then name, or a Metric alone).
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.engine.backend import Backend, Exam, Options
from harness.errors import UnknownName, UsageError, quoted
from harness.kinds.corpus import corpus
from harness.kinds.file import SUFFIXES, is_task_file, task_from_file
from harness.kinds.jailbreak import jailbreak
from harness.metrics.measures import Measure
from harness.reading.text import is_file
from harness.types import Group, Metric, Scorer, Task

FROM_FILE: Mapping[str, Callable[[str], Task]] = {"corpus": corpus, "jailbreak": lambda name: jailbreak(Path(name))}
"""What stands before the colon of ``corpus:FILE`` -> the task of that file."""
FAMILY = re.compile(r"([^/:]+)[/:](.+)")
"""A family and its member, as they are asked for."""
MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:()-]*")
"""The name of a family's member as a stored run may have it."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A plug-in that could not be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class FamilyMember:
    """A task, group or tag of a family as it is listed: whether it can run here, and why not."""

    task: str
    kind: str
    runs: bool
    why: str
    asks: str
    data: str


@runtime_checkable
class Listed(Protocol):
    """A family that can list its members, and takes patterns of their names."""

    def members(self, pattern: str, data: Path | None) -> Sequence[FamilyMember]:
        """The members whose names fit a pattern; ``data`` is a folder of datasets."""
        ...


@dataclass(slots=True)
class Catalogue:
    """All tasks that can be asked for by name."""

    tasks: dict[str, Task] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    averages: dict[str, Group] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)


def catalogue() -> Catalogue:
    """Load every task plug-in; a broken one is listed with its reason and stops only its own tasks."""
    entries = Catalogue()
    for point in entry_points(group="harness.tasks"):
        try:
            tasks = _as_tasks(_load(point))
            doubled = [task.name for task in tasks if task.name in entries.tasks]
            if doubled:
                raise UsageError(f"task {doubled[0]!r} is already provided by {entries.origin[doubled[0]]}")
        except Exception as error:
            entries.broken.append(_broken(point, error))
            continue
        entries.tasks.update({task.name: task for task in tasks})
        entries.origin.update(dict.fromkeys((task.name for task in tasks), _label(point)))
    for point in entry_points(group="harness.groups"):
        try:
            groups = _load(point)
            if not isinstance(groups, Mapping):
                raise TypeError(f"a group plug-in is a mapping of name to task patterns, not {type(groups).__name__}")
            entries.averages.update({name: group for name, group in groups.items() if isinstance(group, Group)})
            entries.groups.update({n: tuple(g.tasks if isinstance(g, Group) else g) for n, g in groups.items()})
        except Exception as error:
            entries.broken.append(_broken(point, error))
    return entries


def installed_metrics(names: Iterable[str]) -> dict[str, dict[str, Metric]]:
    """Metrics of the installed tasks among these, by task and name."""
    known = catalogue().tasks
    return {name: {metric.name: metric for metric in known[name].metrics} for name in names if name in known}


def about_bias() -> set[str]:
    """Names of the installed tasks on bias or toxicity: all of their numbers belong on a bias card."""
    return {name for name, task in catalogue().tasks.items() if task.tags & {"bias", "toxicity"}}


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
    return [_of_that_name(known, name) for name in names]


def _of_that_name(entries: Catalogue, name: str) -> Task:
    if name in entries.tasks:
        return entries.tasks[name]
    parts = FAMILY.fullmatch(name)
    for point in _families(parts[1]) if parts and MEMBER.fullmatch(parts[2]) else ():
        members = {task.name: task for task in _as_tasks(partial(_load(point), parts[2] if parts else ""))}
        if name in members:
            return members[name]
    raise UnknownName("installed task", name, entries.tasks)


def members(pattern: str, data: Path | None) -> list[FamilyMember] | None:
    """The members of a family that lists them, by a pattern such as ``lm-eval:*``; None where no such family is meant.

    ``data`` is a folder of datasets. Raises UnknownName where none fits.
    """
    parts = FAMILY.fullmatch(pattern)
    for point in _families(parts[1]) if parts else ():
        family = _load(point)
        if parts and isinstance(family, Listed):
            fitting = list(family.members(parts[2], data))
            if not fitting:
                raise UnknownName("task", pattern, [one.task for one in family.members("*", data)])
            return fitting
    return None


def _families(name: str) -> EntryPoints:
    return entry_points(group="harness.families", name=name)


def load_model(spec: str, options: Options, exams: Sequence[Exam] = ()) -> Backend:
    """A backend for ``spec``: a plug-in's scheme first, then what the engine knows. Raises UnknownName, ModelError.

    ``exams``: what a scripted model will be asked. Workers that the options ask for open the model for themselves.
    """
    if options.workers is not None or options.ray is not None:
        from harness.engine.scaled.driver import open_scaled

        return open_scaled(spec, options, load_model)
    scheme, _, name = spec.partition(":")
    for point in entry_points(group="harness.models"):
        if point.name == scheme:
            try:
                backend: Backend = _load(point)(name, options)
            except Exception as error:
                raise UsageError(f"model plug-in {_label(point)} failed: {_reason(error)}") from error
            return backend
    from harness.engine.load import load

    return load(spec, options, exams)


def models() -> dict[str, str]:
    """What can be written as a model: name or scheme -> what it is."""
    own = {
        "smollm2": "SmolLM2-135M-Instruct, the embedded default (Apache-2.0)",
        "PATH": "a folder with config.json, tokenizer and safetensors weights, or a LoRA adapter (--base)",
        "hf:ORG/NAME[@REVISION]": "a model of the Hugging Face Hub",
        "openai:NAME": "a model behind an OpenAI-compatible server, with --base-url",
        "replay:FILE": "answers made elsewhere, one JSON object or one line each",
        "scripted:RULE": "the public fake: oracle, opposite, fail-every-N, slow-MS",
    }
    return own | {f"{point.name}:NAME": f"from {_label(point)}" for point in entry_points(group="harness.models")}


def bound(tasks: Sequence[Task], spec: str | None, options: Options | None = None) -> list[Task]:
    """The tasks, those that judge by scores with the scorer ``spec`` names. Raises UsageError where none is named."""
    needing = [task.name for task in tasks if task.bind]
    if not needing:
        return list(tasks)
    if not spec:
        from harness.scorers import VALID

        raise UsageError(f"{needing[0]} needs a scorer of texts: --scorer {' | '.join(VALID)}")
    scorer = load_scorer(spec, options)
    return [task.bind(task, scorer) if task.bind else task for task in tasks]


def load_scorer(spec: str, options: Options | None = None) -> Scorer:
    """A scorer of a plug-in, else a built-in one. Raises UsageError for a name that stands for none."""
    from harness.scorers import open_scorer
    from harness.scorers.checked import checked

    scheme, _, rest = spec.partition(":")
    points = {point.name: point for point in entry_points(group="harness.scorers")}
    if scheme not in points:
        return open_scorer(spec, options, list(points))
    point = points[scheme]
    try:
        function = _load(point)(rest)
        if not callable(function):
            raise TypeError(f"a scorer plug-in returns a function of texts, not {type(function).__name__}")
    except Exception as error:
        raise UsageError(f"scorer plug-in {_label(point)} failed: {_reason(error)}") from error
    release = point.dist.version if point.dist else "?"
    return checked(spec, {"plugin": _label(point), "version": release, "argument": rest}, function)


def metrics() -> tuple[dict[str, Metric], list[Broken]]:
    """Metrics that plug-ins offer, by name, and the broken ones."""
    offered: dict[str, Metric] = {}
    broken = []
    for point in entry_points(group="harness.metrics"):
        try:
            metric = _load(point)()
            metric = metric.metric if isinstance(metric, Measure) else metric
            if not isinstance(metric, Metric):
                raise TypeError(f"a metric plug-in returns a Measure or a Metric, not {type(metric).__name__}")
            offered[point.name] = metric
        except Exception as error:
            broken.append(_broken(point, error))
    return offered, broken


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
    pattern = bool(set(name) & set("*?["))
    hits = [task for key, task in entries.tasks.items() if pattern and fnmatchcase(key, name)]
    if hits:
        return hits
    members = _members_called(name, pattern)
    if members is not None:
        return members
    raise _unknown(entries, name)


def _unknown(entries: Catalogue, name: str) -> UsageError:
    """That a name stands for no task, with the nearest ones and the plug-ins that may have held it."""
    if is_file(Path(name)):
        return UsageError(f"{quoted(name)} is no file of a task: those end in {', '.join(SUFFIXES)}")
    hint = "; ".join(f"plug-in {b.name} is broken: {b.reason}" for b in entries.broken)
    error = UnknownName("task", name, [*entries.tasks, *entries.groups])
    return UsageError(f"{error} ({hint})") if hint else error


def _members_called(name: str, pattern: bool) -> list[Task] | None:
    """The tasks of a family by name, or by pattern where it lists its members; None where no family is meant."""
    parts = FAMILY.fullmatch(name)
    for point in _families(parts[1]) if parts else ():
        family = _load(point)
        if parts and (not pattern or isinstance(family, Listed)):
            return _as_tasks(partial(family, parts[2]))
    return None


def _as_tasks(loaded: object) -> list[Task]:
    result = loaded() if callable(loaded) else loaded
    if not isinstance(result, Task | Iterable):
        raise TypeError(f"a task plug-in gives Task records, not {type(result).__name__}")
    tasks: Sequence[object] = [result] if isinstance(result, Task) else list(result)
    wrong = next((task for task in tasks if not isinstance(task, Task)), None)
    if wrong is not None:
        raise TypeError(f"a task plug-in gives Task records, not {type(wrong).__name__}")
    return [task for task in tasks if isinstance(task, Task)]


def _load(point: EntryPoint):  # type: ignore[no-untyped-def]
    loaded = point.load()
    _refuse_shadow(point)
    return loaded


def _refuse_shadow(point: EntryPoint) -> None:
    """A file of the user's named like an installed module (``tasks.py``) must not be taken for it."""
    module = sys.modules.get(point.value.partition(":")[0])
    top = point.value.partition(":")[0].partition(".")[0]
    file = Path(module.__file__ or "") if module and module.__file__ else None
    here = Path.cwd()
    if file and point.dist and point.dist.name == "rai-harness" and file.stem == top and file.parent == here:
        raise UsageError(f"{file} shadows the installed package {top!r}: rename it or start the `harness` script")


def _label(point: EntryPoint) -> str:
    return f"{point.dist.name if point.dist else '?'} ({point.name} = {point.value})"


def _broken(point: EntryPoint, error: Exception) -> Broken:
    return Broken(_label(point), _reason(error))


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
