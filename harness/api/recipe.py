"""How the model of a run can be asked again: what its name and the settings of the run leave open."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from harness import plugins
from harness.api.records import Where
from harness.engine.backend import Options
from harness.errors import UsageError
from harness.hidden import hidden_in
from harness.reading.typed import built
from harness.types import Run, Task


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to load, the options, the tasks by the names that they were asked for, the folder of data, the cache.

    ``model`` is empty where the run calls its model as it was asked for. Stored as ``Run.recipe``, without secrets.
    """

    options: Options
    tasks: tuple[str, ...]
    data: str | None = None
    cache: bool = True
    model: str = ""

    @classmethod
    def of(cls, model: str, options: Options, tasks: str | Sequence[str | Task], where: Where) -> "Recipe | None":
        """The recipe of a run; None where a task was made in Python: it has no name that anybody could ask for."""
        asked = [tasks] if isinstance(tasks, str) else tasks
        made = [task for task in asked if isinstance(task, Task)]
        installed = plugins.catalogue().tasks if made else {}
        if any(installed.get(task.name) is not task for task in made):
            return None
        data = None if where.data is None else str(where.data)
        names = tuple(task.name if isinstance(task, Task) else task for task in asked)
        return cls(options, names, data, where.cache, model if where.name else "")

    def record(self) -> dict[str, Any]:
        """As ``Run.recipe`` keeps it."""
        return hidden_in({**asdict(self), "tasks": list(self.tasks)})

    @property
    def folder(self) -> Path | None:
        """The folder of data."""
        return None if self.data is None else Path(self.data)


def recipe_of(run: Run) -> Recipe:
    """The recipe of a stored run.

    Raises UsageError for an imported run, whose file is a stranger's, and for one that does not say how it was asked;
    DataError for a damaged one.
    """
    instead = "ask its model with `harness run` and a larger --limit, and check that run"
    if run.imported:
        raise UsageError(f"run {run.id} was imported: an imported file may not say which model to load; {instead}")
    if not run.recipe:
        raise UsageError(f"run {run.id} does not say how its model was asked; {instead}")
    return recipe_in(run.recipe, f"options of run {run.id}")


def recipe_in(kept: Mapping[str, Any], where: str) -> Recipe:
    """A recipe as ``record`` keeps it. Raises DataError for a damaged one."""
    known = {f.name for f in fields(Recipe)}
    return built(Recipe, {k: v for k, v in kept.items() if k in known}, where)
