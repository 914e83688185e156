"""Data sets of the Hub as files in a folder, for runs on machines that do not reach the Hub."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.api.evaluation import tasks_of
from harness.data import find, find_sides, load
from harness.errors import DataError, RunError, quoted
from harness.files import write_text
from harness.types import Dataset, Task


def fetch(
    tasks: str | Sequence[str | Task],
    folder: str | Path,
    notice: Callable[[str], None] = lambda text: None,
    *,
    data: Path | None = None,
) -> list[Path]:
    """Write the data of tasks, and those that their few-shot examples come from, into ``folder``: the files written.

    The layout is that of ``data=FOLDER``: ``ID/CONFIG/SPLIT.jsonl``, with rows that hash the same as the Hub's. What is
    there already stays; what lies in the folder ``data`` is taken from there. Few-shot data that are not to be had are
    told (``notice``) and left.
    Raises DataError that names every data set that is not to be had, once the others are written.
    """
    chosen = tasks_of(tasks)
    own = dict.fromkeys(dataset for task in chosen for dataset in task.dataset)
    shots = dict.fromkeys(dataset for task in chosen for dataset in task.shots.dataset)
    written, missing = [], []
    for dataset in own | shots:
        if dataset.path or dataset.id.startswith("package:") or find(dataset, Path(folder)):
            continue
        if find_sides(dataset, Path(folder)):
            continue
        try:
            written.append(_write(dataset, Path(folder), data))
            notice(f"{dataset}: {written[-1]}")
        except DataError as error:
            if dataset in own:
                missing.append(str(error))
            else:
                notice(f"few-shot examples of {dataset} are not to be had")
    if missing:
        raise DataError("; ".join(missing))
    return written


def _write(dataset: Dataset, folder: Path, data: Path | None) -> Path:
    """The rows of a data set as JSON lines. Raises RunError for names that lead out of the folder."""
    place = folder / dataset.id / dataset.config / f"{dataset.split}.jsonl"
    if not place.resolve().is_relative_to(folder.resolve()):
        raise RunError(f"data set {quoted(str(dataset))} would be written outside of {folder}")
    rows = load(dataset, data or folder).rows
    write_text(place, "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows))
    return place
