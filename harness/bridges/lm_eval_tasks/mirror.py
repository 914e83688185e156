"""Where task files look for their data: a folder in the Hub's layout first, then the Hub's cache, then the Hub."""

import logging
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from harness.bridges.lm_eval_tasks.index import SUFFIXES
from harness.data import hub_cache, offline_without_a_network
from harness.errors import DataError
from harness.reading.tables import read_rows

_FOLDER: ContextVar[Path | None] = ContextVar("folder of datasets", default=None)
_ABSENT: ContextVar[list[str]] = ContextVar("splits that were asked for and are not there")
_HUB = datasets.load_dataset


class Splits(datasets.DatasetDict):  # type: ignore[misc]  # untyped
    """The splits that a folder has; any other is empty, so that nothing but its own rows can take its place.

    A task file's training split is read whether or not examples are shown.
    """

    label = ""

    def __missing__(self, name: str) -> Any:
        _ABSENT.get([]).append(f"{self.label}/{name}")
        return next(iter(self.values())).select([])


def load_dataset(path: str, name: str | None = None, *args: Any, **options: Any) -> Any:
    """``datasets.load_dataset``, which looks into the folder of ``mirrored`` first."""
    folder = _FOLDER.get()
    split = options.get("split")
    if folder is not None and not args and not {"data_files", "data_dir"} & {k for k, v in options.items() if v}:
        files = split_files(folder, path, name or "default")
        if files and (split is None or split in files):
            return _read(files[split]) if split else _splits(f"{path}/{name or 'default'}", files)
    try:
        with offline_without_a_network():
            return _HUB(path, name, *args, **options)
    except Exception as error:  # whatever datasets raises: offline, unknown name, no such split
        looked = f"the folder {folder or '(none: no --data or HARNESS_DATA)'}, {hub_cache(path)} and the Hub"
        raise DataError(
            f"dataset {path}/{name or 'default'} was not found in {looked} ({type(error).__name__})"
        ) from error


def split_files(folder: Path, id: str, config: str) -> dict[str, Path]:
    """The file of each split of a data set in a folder; nothing for a name that leads out of it."""
    place = folder / id / config
    if ".." in place.parts or Path(id).is_absolute() or not place.is_dir():
        return {}
    return {file.stem: file for suffix in SUFFIXES for file in sorted(place.glob(f"*{suffix}"))}


def _splits(label: str, files: Mapping[str, Path]) -> Splits:
    splits = Splits({key: _read(file) for key, file in files.items()})
    splits.label = label
    return splits


def absent() -> str:
    """What was asked of the folder and is not there, in words; empty where everything is."""
    names = dict.fromkeys(_ABSENT.get())
    return f"; the folder {_FOLDER.get()} lacks {', '.join(names)}" if names else ""


def _read(file: Path) -> Any:
    return datasets.Dataset.from_list(read_rows(file))


@contextmanager
def mirrored(folder: Path | None) -> Iterator[None]:
    """``datasets.load_dataset`` looks into a folder first, for whoever calls it by that name."""
    token, other = _FOLDER.set(folder), _ABSENT.set([])
    before = datasets.load_dataset
    datasets.load_dataset = load_dataset
    try:
        yield
    finally:
        datasets.load_dataset = before
        _FOLDER.reset(token)
        _ABSENT.reset(other)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random numbers as ``simple_evaluate`` starts them for seed 0; what was drawn before goes on afterwards."""
    states = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(others(seed))
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def others(seed: int) -> int:
    """The seed of few-shot examples and of numpy: the package's own, 1234, where ours is 0."""
    return seed or 1234


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no warnings of the package: what matters is in the numbers and failures."""
    log = logging.getLogger("lm_eval")
    level, bars = log.level, datasets.utils.logging.is_progress_bar_enabled()
    log.setLevel(logging.CRITICAL)
    datasets.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        log.setLevel(level)
        if bars:
            datasets.utils.logging.enable_progress_bar()
