"""All shards of a run made one run, as if one process had answered everything."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from harness import run as running
from harness import types
from harness.answers.records import settings_from_json
from harness.answers.shard import Shard, read_shard, require_same, require_whole, shards_in
from harness.api.evaluation import planned_tasks, tasks_of
from harness.api.recipe import Recipe, recipe_in
from harness.api.recording import record
from harness.api.records import Listener, Overrides, Result, Where, with_overrides
from harness.api.sharding import digest_of, folder_of
from harness.engine.elsewhere.merged import Merged
from harness.errors import DataError, UsageError
from harness.store import open_store
from harness.types import ModelInfo, Settings, Task


def merge(
    shards: Sequence[str | Path] = (),
    tasks: str | Sequence[str | Task] = (),
    *,
    where: Where | None = None,
    listener: Listener | None = None,
    **overrides: Unpack[Overrides],
) -> Result:
    """Judge and store what the shards of a run have answered; no model is needed. Afterwards their files are removed.

    ``shards``: their files, or folders that hold them; by default all that the store keeps. ``tasks``: only where the
    run had tasks that have no name. ``overrides`` are fields of Where or Listener.
    Raises UsageError naming a shard that is missing, not finished, there twice or of another run, DataError where the
    tasks or the data are no longer those that the shards were asked.
    """
    _, where, listener = with_overrides(Settings(), where or Where(), listener or Listener(), overrides)
    read = [read_shard(path) for path in _files(shards, where)]
    require_same(read)
    require_whole(read)
    about = read[0].head["about"]
    recipe = recipe_in(read[0].head["recipe"], f"{read[0].path}") if read[0].head["recipe"] else None
    settings = settings_from_json(about["settings"], f"settings of {read[0].path}")
    where = replace(where, data=where.data or (recipe.folder if recipe else None), cache=False, resume=True, shard=None)
    planned = _planned(tasks, recipe, settings, where, read[0])
    kinds = frozenset[type](getattr(types, name) for name in about["answers"])
    info = ModelInfo(about["model"], about["fingerprint"], kinds)
    result = record(Merged(info, read), planned, settings, where=where, listener=listener, recipe=recipe)
    for shard in read:
        shard.path.unlink(missing_ok=True)
    return result


def _files(shards: Sequence[str | Path], where: Where) -> list[Path]:
    """The files of the shards that are named. Raises UsageError where there are none."""
    named = [Path(one) for one in shards] or [folder_of(open_store(where.store, samples=where.samples))]
    files = [file for path in named for file in (shards_in(path) if path.is_dir() else [path])]
    if not files:
        raise UsageError(f"no shard in {named[0]}; `harness run ... --shard 1/4` writes the first of four")
    return files


def _planned(
    tasks: str | Sequence[str | Task], recipe: Recipe | None, settings: Settings, where: Where, shard: Shard
) -> list[running.Planned]:
    """The questions of the shards, planned anew. Raises DataError where they are others."""
    names: Any = tasks or (recipe.tasks if recipe else ())
    if not names:
        raise UsageError(f"{shard.path}: a task of this run has no name that it could be found by: pass its tasks")
    options = recipe.options if recipe else None
    planned = planned_tasks(tasks_of(names), settings, options, where)
    kept = shard.head["about"]["tasks"]
    for p in planned:
        if kept.get(p.record.name) != [p.record.fingerprint, p.record.data_sha256, p.record.n]:
            raise DataError(f"{p.record.name}: the task or its data differ here from those of {shard.path.name}")
    if digest_of(planned) != shard.head["questions"]:
        raise DataError(f"the tasks here ask other questions than those of {shard.path.name}")
    return planned
