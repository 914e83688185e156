"""The entry point of the family ``lm-eval``: names become tasks, and a list says which of them can run here."""

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from harness.bridges.lm_eval_tasks.index import FAMILY, SUFFIXES, Entry, entries
from harness.data import hub_cache
from harness.errors import UnknownName, UsageError
from harness.plugins import FamilyMember
from harness.types import Dataset, Generate, Likelihood, Task

if TYPE_CHECKING:
    from harness.bridges.lm_eval_tasks.opened import NamedTasks


class Family:
    """Tasks, groups and tags of lm-evaluation-harness by name or pattern."""

    def __call__(self, name: str) -> list[Task]:
        """The tasks that a name stands for, not yet open. Raises UnknownName, UsageError without the package."""
        table = entries()
        names = [name] if name in table else [one for one in table if fnmatchcase(one, name)]
        if not names:
            raise UnknownName("task of lm-eval", name, table)
        return [task for one in names for task in _tasks(table, one)]

    def members(self, pattern: str, data: Path | None) -> list[FamilyMember]:
        """The tasks, groups and tags whose names fit, each with the reason why it cannot run here, if there is one."""
        table, obstacles = entries(), Obstacles(data)
        return [member(table, entry, obstacles) for name, entry in table.items() if fnmatchcase(name, pattern)]


FAMILIES = Family()


def _tasks(table: Mapping[str, Entry], name: str) -> list[Task]:
    from harness.bridges.lm_eval_tasks.opened import NamedTasks

    source = NamedTasks(name, table)
    return [closed(source, leaf, table.get(leaf)) for leaf in (table[name].members or (name,))]


def closed(source: "NamedTasks", name: str, entry: Entry | None) -> Task:
    """A task that knows its name and where its data is, and opens when a run reads it."""
    from harness.bridges.lm_eval_tasks.opened import card

    def refuse(*_: object) -> NoReturn:
        raise UsageError(f"{FAMILY}:{name} reads its data when a run is planned, and not before")

    id, config = entry.data if entry else ("", "")
    return Task(
        name=f"{FAMILY}:{name}",
        version=0,
        dataset=(Dataset(id, config, entry.split if entry else ""),),
        read=refuse,
        ask=refuse,
        judge=refuse,
        best=refuse,
        worst=refuse,
        metrics=(),
        card=card(name, id),
        requests=frozenset({Generate if entry and entry.asks == "generate_until" else Likelihood}),
        open=partial(source.open, name),
    )


# ---------------------------------------------------------------------------------------------------- what can run here
class Obstacles:
    """Why tasks cannot run here: what they do, a package or data that is not here. Looks at each thing once."""

    def __init__(self, data: Path | None) -> None:
        self.data = data
        self._of: dict[str, str] = {}
        self._has = cache(self._looked_for)
        self._is_cached = cache(lambda id: hub_cache(id).is_dir())

    def of(self, entry: Entry) -> str:
        """The reason in words; empty where the task can run."""
        if entry.name not in self._of:
            self._of[entry.name] = entry.obstacle or self._lacking(entry)
        return self._of[entry.name]

    def _lacking(self, entry: Entry) -> str:
        missing = next((module for module in entry.needs if not is_installed(module)), None)
        if missing is not None:
            return f"missing package: {missing}"
        for split in [entry.split, *([entry.shots_split] if entry.shots else [])]:
            if split and not self._has(*entry.data, split):
                return f"data: {'/'.join(entry.data)}/{split} is neither in the folder of data nor in the Hub's cache"
        return ""

    def _looked_for(self, id: str, config: str, split: str) -> bool:
        stem = f"{self.data}/{id}/{config}/{split}"
        near = self.data is not None and any(os.path.isfile(stem + suffix) for suffix in SUFFIXES)  # noqa: PTH113
        return near or self._is_cached(id)


def member(table: Mapping[str, Entry], entry: Entry, obstacles: Obstacles) -> FamilyMember:
    """An entry as it is listed; a group can run where all of its tasks can."""
    name = f"{FAMILY}:{entry.name}"
    if entry.kind == "task":
        why = obstacles.of(entry)
        return FamilyMember(name, "task", not why, why, entry.asks, "/".join(entry.data))
    inline = "data: a part of this group that has no file"
    each = (obstacles.of(table[one]) if one in table else inline for one in entry.members)
    reasons, count = [why for why in each if why], len(entry.members)
    why = f"{len(reasons)} of {count} tasks: {reasons[0]}" if reasons else ""
    return FamilyMember(name, f"{entry.kind} of {count}", not why, why, "", "")


@cache
def is_installed(module: str) -> bool:
    """Whether a module is there, found by its file: nothing is imported."""
    top, *inner = module.split(".")
    spec = find_spec(top)
    if spec is None or not inner:
        return spec is not None
    places = [Path(place).joinpath(*inner) for place in spec.submodule_search_locations or ()]
    return any(place.is_dir() or any(place.parent.glob(f"{place.name}.*")) for place in places)
