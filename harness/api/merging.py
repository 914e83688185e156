"""All shards of a run made one run, as if one process had answered everything."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from harness import run as running
from harness.answers.records import REQUESTS, settings_from_json
from harness.answers.shard import Shard, read_shard, require_same, require_whole, shards_in
from harness.api.evaluation import planned_tasks, tasks_of
from harness.api.ready import require_permission
from harness.api.recipe import Recipe, recipe_in
from harness.api.recording import record
from harness.api.records import Listener, Overrides, Result, Where, with_overrides
from harness.api.sharding import digest_of, folder_of
from harness.engine.backend import Options
from harness.engine.elsewhere.merged import Merged
from harness.errors import DataError, UsageError, quoted
from harness.reading.typed import taken
from harness.store import open_store
from harness.types import ModelInfo, Settings, Task
from harness.variants.swaps import BUILT_IN


def merge(
    shards: Sequence[str | Path] = (),
    tasks: str | Sequence[str | Task] = (),
    *,
    where: Where | None = None,
    listener: Listener | None = None,
    **overrides: Unpack[Overrides],
) -> Result:
    """Judge and store what the shards of a run have answered; no model is needed. Afterwards their files are removed.

    ``shards``: their files, or folders that hold them; by default all that the store keeps. ``tasks``: where the run
    had tasks that have no name, and for files from outside the store: they may be a stranger's, and then choose neither
    tasks, data nor scorer, and leave no recipe by which a model would be loaded. ``overrides`` are fields of Where or
    Listener.
    Raises UsageError naming a shard that is missing, not finished, there twice or of another run, DataError where the
    tasks or the data are no longer those that the shards were asked.
    """
    settings, options, where, listener = with_overrides(None, None, where, listener, overrides)
    if (settings, options) != (Settings(), Options()):
        raise UsageError("shards say themselves how they were asked: settings and options cannot be given again")
    read = [read_shard(path) for path in _files(shards, where)]
    require_same(read)
    require_whole(read)
    about = read[0].head["about"]
    settings = settings_from_json(about["settings"], f"settings of {read[0].path}")
    recipe = _recipe(read, settings, folder_of(open_store(where.store, samples=where.samples)))
    where = replace(where, data=where.data or (recipe.folder if recipe else None), cache=False, resume=True, shard=None)
    left_out = _left_out(read[0])
    planned = _planned(tasks, recipe, settings, where, read[0])
    kinds = {kind.__name__: kind for kind in REQUESTS.values()}
    answers = frozenset[type](kinds[name] for name in about["answers"] if name in kinds)
    info = ModelInfo(about["model"], about["fingerprint"], answers)
    result = record(
        Merged(info, read), planned, settings, where=where, listener=listener, recipe=recipe, left_out=left_out
    )
    for shard in read:
        shard.path.unlink(missing_ok=True)
    return result


def _recipe(shards: Sequence[Shard], settings: Settings, own: Path) -> Recipe | None:
    """The recipe of shards in the store's ``own`` folder; None for others.

    Raises UsageError for others whose settings name a scorer or a file of swaps: a file that is read or a model that is
    loaded, by the word of a file from outside.
    """
    foreign = next((shard for shard in shards if shard.path.resolve().parent != own.resolve()), None)
    if foreign is None:
        kept = shards[0].head["recipe"]
        return recipe_in(kept, str(shards[0].path)) if kept else None
    files = [name for name in (settings.scorer, *settings.counterfactual) if name and name not in BUILT_IN]
    if files:
        raise UsageError(
            f"{foreign.path}: its settings name {quoted(files[0])}, which a file from outside the store may not; "
            f"put the shards that are yours into {own}"
        )
    return None


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
        raise UsageError(f"{shard.path} names no tasks that may be read here: pass its tasks (--tasks)")
    options = recipe.options if recipe else None
    chosen = [task for task in tasks_of(names) if task.name not in _left_out(shard)]
    require_permission(chosen, where)
    planned = planned_tasks(chosen, settings, options, where)
    kept = shard.head["about"]["tasks"]
    for p in planned:
        if kept.get(p.record.name) != [p.record.fingerprint, p.record.data_sha256, p.record.n]:
            raise DataError(f"{p.record.name}: the task or its data differ here from those of {shard.path.name}")
    if digest_of(running.questions(planned)) != shard.head["questions"]:
        raise DataError(f"the tasks here ask other questions than those of {shard.path.name}")
    return planned


def _left_out(shard: Shard) -> Mapping[str, str]:
    """Tasks that the run named and did not ask, and why. Raises DataError for a damaged table."""
    kept: Mapping[str, str] = taken(shard.head.get("left_out", {}), Mapping[str, str], f"left_out of {shard.path}")
    return kept
