"""Checkpoints of a training evaluated as they appear, whatever writes them."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Unpack

from harness.api.evaluation import evaluate, tasks_of
from harness.api.records import Listener, Overrides, Result, Where, heard, with_overrides
from harness.engine.backend import Options
from harness.engine.present import require_model
from harness.errors import HarnessError, TimeUp, UsageError
from harness.store import open_store
from harness.types import Run, Settings, Task

_NUMBER = re.compile(r"(\d{1,12})$")
_CONFIGS = ("config.json", "adapter_config.json")
State = tuple[tuple[str, int, int], ...]
"""Names, sizes and times of a checkpoint's files."""


@dataclass(frozen=True, slots=True)
class SavedStep:
    """A checkpoint and the steps that the training had made by then."""

    folder: Path
    step: int


def watch(
    folder: str | Path,
    tasks: str | Sequence[str | Task],
    *,
    every: int = 1,
    once: bool = False,
    wait: float = 30.0,
    pause: Callable[[float], None] = sleep,
    **overrides: Unpack[Overrides],
) -> Iterator[Result]:
    """Evaluate the checkpoints in a folder, the newest first, and go on with those that appear; one run each.

    ``every``: only steps that it divides. ``once``: end when none is left instead of looking again after ``wait``
    seconds. A checkpoint is taken once its files are whole and did not change between two looks; what the store has
    already of this family and step is not asked again, and an interrupted run is finished. ``overrides`` are those of
    ``evaluate``; ``family`` is by default the folder's name, and ``max_minutes`` counts for all of them together.
    Raises UsageError for a folder that is not there, UnknownName for tasks, TimeUp when the minutes are over.
    """
    settings, options, where, listener = with_overrides(None, None, None, None, overrides)
    if every < 1:
        raise UsageError(f"every = {every} is not a number of at least 1")
    for name in ("shard", "resume", "step"):
        if getattr(where, name):
            raise UsageError(f"{name} = {getattr(where, name)!r} means nothing to a watched folder")
    family = where.family or Path(folder).resolve().name
    where = replace(where, family=family, name=where.name or family)
    looking = _Looking(Path(folder), every, options, where, frozenset(task.name for task in tasks_of(tasks)))
    end = None if where.max_minutes is None else monotonic() + 60 * where.max_minutes
    listener = heard(listener, where.name)
    while True:
        saved = looking.next(settled=once)
        if saved is not None:
            result = _evaluated(saved, tasks, (settings, options, _within(where, end), listener), looking)
            if result is not None:
                yield result
        elif once:
            return
        else:
            _within(where, end)
            pause(wait)


def saved_steps(folder: Path) -> list[SavedStep]:
    """The checkpoints in a folder, the newest first: folders with a config, and a step in ``trainer_state.json`` or,
    as every framework names them, at the end of their name. Raises UsageError for no folder."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder")
    places = [place for place in folder.iterdir() if any((place / name).is_file() for name in _CONFIGS)]
    steps = [SavedStep(place, step) for place in places if (step := _step_of(place)) is not None]
    return sorted(steps, key=lambda saved: (-saved.step, saved.folder.name))


def _step_of(place: Path) -> int | None:
    try:
        step = json.loads((place / "trainer_state.json").read_text(encoding="utf-8"))["global_step"]
        if type(step) is int and 0 <= step < 2**53:
            return step
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass  # other trainers write no such file, or are about to: then the folder's name tells
    number = _NUMBER.search(place.name)
    return int(number[1]) if number else None


class _Looking:
    """Which checkpoint is next."""

    def __init__(self, folder: Path, every: int, options: Options, where: Where, tasks: frozenset[str]) -> None:
        self.folder, self._every, self._options, self._where, self._tasks = folder, every, options, where, tasks
        self._seen: dict[Path, State] = {}
        self._failed: dict[Path, State] = {}

    def next(self, *, settled: bool) -> SavedStep | None:
        """The newest checkpoint that is whole, unchanged since the last look (``settled``: or seen first) and open."""
        done = {run.step for run in self._runs("finished")}
        chosen = None
        for saved in saved_steps(self.folder):
            state = _state(saved.folder)
            unchanged = settled or self._seen.get(saved.folder) == state
            self._seen[saved.folder] = state
            if saved.step % self._every or saved.step in done or self._failed.get(saved.folder) == state:
                continue
            if chosen is None and unchanged and self._is_whole(saved.folder):
                chosen = saved
        return chosen

    def failed(self, saved: SavedStep) -> None:
        """Leave a checkpoint alone until its files change."""
        self._failed[saved.folder] = _state(saved.folder)

    def interrupted(self, step: int) -> bool:
        """Whether a run of this step was begun and not finished."""
        return any(run.step == step for run in self._runs("interrupted"))

    def _runs(self, status: str) -> list[Run]:
        store = open_store(self._where.store, samples=self._where.samples)
        runs = store.runs(model=self._where.name, status=status)
        return [
            run
            for run in runs
            if run.family == self._where.family and self._tasks <= {*run.left_out, *(task.name for task in run.tasks)}
        ]

    def _is_whole(self, folder: Path) -> bool:
        try:
            require_model(str(folder), self._options)
        except HarnessError:
            return False
        return True


def _evaluated(
    saved: SavedStep,
    tasks: str | Sequence[str | Task],
    records: tuple[Settings, Options, Where, Listener],
    looking: _Looking,
) -> Result | None:
    """The run of a checkpoint; None where that fails, which is told and stops nothing but an end of time."""
    settings, options, where, listener = records
    where = replace(where, step=saved.step, resume=looking.interrupted(saved.step))
    listener.notice(f"step {saved.step:,}: {saved.folder}")
    try:
        return evaluate(str(saved.folder), tasks, settings, options=options, where=where, listener=listener)
    except TimeUp:
        raise
    except HarnessError as error:
        looking.failed(saved)
        listener.notice(f"step {saved.step:,} failed: {error}")
        return None


def _within(where: Where, end: float | None) -> Where:
    """With the minutes that are left. Raises TimeUp."""
    if end is None:
        return where
    left = (end - monotonic()) / 60
    if left <= 0:
        raise TimeUp(f"the {where.max_minutes:g} minutes of --max-minutes are over")
    return replace(where, max_minutes=left)


def _state(folder: Path) -> State:
    try:
        stats = [(path.name, path.stat()) for path in folder.iterdir()]
    except OSError:  # deleted, as trainers do with old ones
        return ()
    return tuple(sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats))
