"""A name of lm-evaluation-harness opened: its tasks with their data, as tasks of ours."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.bridges.lm_eval_tasks.contexts import Contexts, reason
from harness.bridges.lm_eval_tasks.index import FAMILY, RELEASE, Entry, tasks_folder
from harness.bridges.lm_eval_tasks.judging import Judging
from harness.bridges.lm_eval_tasks.mirror import absent, mirrored, others, quiet, seeded
from harness.data import digest
from harness.errors import DataError, Unsupported
from harness.imports.lm_eval_samples import metric_name
from harness.types import (
    AVERAGE,
    Card,
    Dataset,
    Example,
    Failed,
    Generate,
    Group,
    Likelihood,
    Response,
    Row,
    Settings,
    Shots,
    Task,
)

Asked = tuple[Path | None, int | None, int]
"""Folder of data, few-shot examples, seed: what the package's tasks are read for."""


class NamedTasks:
    """What one name stands for: a task, or all tasks of a group or tag, read together when the first is opened."""

    def __init__(self, name: str, table: Mapping[str, Entry]) -> None:
        self.name = name
        self.table = table
        self._read: tuple[Asked, Mapping[str, Any]] | None = None

    def open(self, name: str, settings: Settings, folder: Path | None) -> Task:
        """One of its tasks for a run. Raises DataError, Unsupported."""
        if settings.perturb or settings.counterfactual:
            raise Unsupported(f"{FAMILY}:{name} has its own prompts: --perturb and --counterfactual do not apply to it")
        asked = (folder, settings.shots, settings.seed)
        with mirrored(folder), quiet(), seeded(settings.seed):
            if self._read is None or self._read[0] != asked:
                self._read = asked, self._load(settings)
            loaded = self._read[1]
            task = loaded["tasks"][name]
            require_possible(name, task)
            task.set_fewshot_seed(seed=others(settings.seed))
            groups = [pair for group in loaded["groups"].values() for pair in averages(group)]
            own = tuple(pair for pair in groups if f"{FAMILY}:{name}" in pair[1].tasks)
            return opened(name, task, settings.seed, own)

    def _load(self, settings: Settings) -> Mapping[str, Any]:
        """The package's own tasks and groups, with as many few-shot examples as the settings or their files say."""
        manager = manager_of(self.table)
        try:
            loaded: Mapping[str, Any] = manager.load([self.name])
        except DataError as error:
            raise DataError(f"{FAMILY}:{self.name}: {error}") from error
        except Exception as error:  # of the data, the Hub's clients or the package's Python
            raise DataError(f"{FAMILY}:{self.name} cannot be read: {reason(error)}{absent()}") from error
        for task in loaded["tasks"].values():
            default = task.get_config("num_fewshot")
            shots = default if settings.shots is None or default == 0 else settings.shots
            task.set_config(key="num_fewshot", value=shots or 0)
        return loaded


def manager_of(table: Mapping[str, Entry]) -> Any:
    """Their task manager, which finds names in our table instead of reading all files again."""
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_defaults=False)
    manager._index = Registry(table)
    return manager


class Registry(dict[str, Any]):
    """Their index of names; an entry is made when it is asked for."""

    def __init__(self, table: Mapping[str, Entry]) -> None:
        super().__init__()
        self.table = table
        self.root = tasks_folder()

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self.table

    def __missing__(self, name: str) -> Any:
        from lm_eval.tasks import _index as theirs

        entry = self.table[name]
        kind = {"task": theirs.Kind.TASK, "group": theirs.Kind.GROUP, "tag": theirs.Kind.TAG}[entry.kind]
        file = self.root / entry.path if entry.path else None
        self[name] = theirs.Entry(name, kind, file, tags=set(entry.members) if entry.kind == "tag" else set())
        return self[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401 - it may not have been made yet


def require_possible(name: str, task: Any) -> None:
    """Raises Unsupported for a task that runs what a model wrote, or shows it more than text."""
    if getattr(task, "UNSAFE_CODE", False):
        raise Unsupported(f"{FAMILY}:{name} runs code that the model wrote, which is not done here")
    if getattr(task, "MULTIMODAL", False):
        raise Unsupported(f"{FAMILY}:{name} shows pictures or plays sounds, and models here read text")


def opened(name: str, task: Any, seed: int, groups: tuple[tuple[str, Group], ...]) -> Task:
    """A task of the package as one of ours. Raises DataError for one without documents."""
    docs = list(task.eval_docs)
    if not docs:
        raise DataError(f"{FAMILY}:{name}: the split that it evaluates has no rows at hand{absent()}")
    judging = Judging(Contexts(task, docs), seed)
    settings = task.dump_config()
    config = str(settings.get("dataset_name") or "default")
    split = str(settings.get("test_split") or settings.get("validation_split") or "")
    rows = [doc if isinstance(doc, Mapping) else {"doc": doc} for doc in docs]
    asks = Generate if task.OUTPUT_TYPE == "generate_until" else Likelihood
    return Task(
        name=f"{FAMILY}:{name}",
        version=_version(task.VERSION),
        dataset=(Dataset(str(settings.get("dataset_path") or name), config, split, rows=rows),),
        read=partial(read, judging),
        ask=judging.ask,
        judge=judging.judge,
        best=partial(unknown, judging),
        worst=partial(unknown, judging),
        metrics=tuple(judging.metrics.values()),
        card=card(name, str(settings.get("dataset_path") or ""), str(settings.get("description") or "")),
        requests=frozenset({asks}),
        shots=Shots(count=judging.contexts.shots, pick="own"),
        variant=f"lm_eval {version('lm_eval')} {digest(settings)[:12]}",
        groups=groups,
        votes=True,
    )


def card(name: str, data: str, description: str = "") -> Card:
    """What can be said of a task without knowing it."""
    about = f": {' '.join(description.split())}" if description.strip() else ""
    return Card(
        measures=f"The task {name} of lm-evaluation-harness {RELEASE}{about}",
        limits="Prompts, few-shot examples, filters and judging are the package's; no perfect answer is known here.",
        source=f"https://huggingface.co/datasets/{data}" if data else "lm-evaluation-harness",
        licence="see its data set",
        citation="Gao et al., lm-evaluation-harness",
    )


def read(judging: Judging, rows: Sequence[Row], dataset: Dataset) -> list[Example]:
    """The documents as examples, numbered as the package numbers them."""
    examples = []
    for number, row in enumerate(rows):
        fields = json.loads(json.dumps(row, default=str))
        examples.append(Example(str(number), fields, _target(judging.task, judging.contexts.docs[number])))
    return examples


def _target(task: Any, doc: Any) -> Any:
    """What a document expects, for people to read."""
    try:
        return json.loads(json.dumps(task.doc_to_target(doc), default=str))
    except Exception:  # it is shown and nothing else
        return None


def unknown(judging: Judging, example: Example) -> tuple[Response, ...]:
    """The responses of a scripted model, which does not know what the package would call right."""
    reason = "no answer to a task of lm-evaluation-harness is known beforehand"
    return tuple(Failed("unsupported", reason) for _ in judging.ask(example, ()))


def averages(group: Any) -> list[tuple[str, Group]]:
    """The averages of a group of the package over its tasks: one for each metric and filter, the first the group's."""
    tasks = group.get_all_tasks()
    wanted = []
    own = [(task, [f.name for f in task._filters]) for task in tasks]
    for rule in group.aggregate_metric_list or ():
        for kind in rule.filter_list or sorted({name for _, names in own for name in names}):
            having = [task for task, names in own if kind in names and rule.metric in task.aggregation()]
            wanted.append((metric_name(rule.metric, kind), bool(rule.weight_by_size), having))
    pairs: list[tuple[str, Group]] = []
    for metric, by_size, having in wanted:
        members = [f"{FAMILY}:{task.task_name}" for task in having]
        label = f"{AVERAGE} {metric}" if pairs else AVERAGE
        if members:
            average = tuple({member: (metric,)} for member in members)
            pairs.append((f"{FAMILY}:{group.name}", Group(tuple(members), average, by_size, label)))
    return pairs


def _version(given: object) -> int:
    """Their version as a whole number: 1.0 is 1, 2.1 is 2; the digest of the file is kept beside it."""
    try:
        return int(float(str(given)))
    except ValueError:
        return 0
