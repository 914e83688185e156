"""Which format a file or folder has, and the runs in it.

Only files of the folder that is named are opened, each found by listing it; nothing that a file names is.
"""

import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import DataError, UsageError
from harness.imports import eee, garak, helm, inspect, lighteval, lm_eval
from harness.imports.fields import read_json
from harness.imports.records import ForeignRun
from harness.reading.archive import BROKEN
from harness.reading.values import kind_of

MOST = 100_000
"""Files of a folder that are looked at."""
FORMATS = (lm_eval.FORMAT, inspect.FORMAT, helm.FORMAT, lighteval.FORMAT, eee.FORMAT, garak.FORMAT)


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder that may hold a run.

    ``details``: Parquet files that lie with it; ``found``: it was not named itself but found in a folder, where files
    may lie that are no results.
    """

    path: Path
    details: tuple[Path, ...] = ()
    found: bool = False


def is_exported(path: Path) -> bool:
    """Whether a file is a run that this project exported."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "run.json" in archive.namelist()
    except BROKEN:
        return False


def places_in(path: Path) -> list[Place]:
    """What of a file or folder to read. Raises UsageError where there is nothing."""
    if not path.is_dir():
        if not path.exists():
            raise UsageError(f"there is no file or folder {path}")
        return [Place(path, _details(path.parent.iterdir()))]
    if helm.recognises(path):
        return [Place(path)]
    files, runs = _listed(path)
    details = _details(files)
    wanted = [
        file
        for file in files
        if (file.suffix in (".json", ".eval", ".zip") or file.name.endswith(garak.SUFFIX)) and file.parent not in runs
    ]
    return [Place(place, details, found=True) for place in sorted([*runs, *wanted])]


def read_place(place: Place) -> ForeignRun | None:
    """The run of a file or folder; None for JSON that is of no known format. Raises DataError for what is damaged.

    JSON that is no object is of no known format where it was found, and damaged where it was named.
    """
    path = place.path
    try:
        if path.is_dir():
            return helm.read(path)
        if path.suffix == ".eval" or zipfile.is_zipfile(path):
            return inspect.read_archive(path)
        if garak.recognises(path):
            return garak.read(path)
        page = read_json(path, "file of results")
        if not isinstance(page, dict):
            if place.found:
                return None
            raise DataError(f"{path}: must be a JSON object, not {kind_of(page)}")
        return _of_page(place, page)
    except DataError as error:
        raise error if str(path) in str(error) else DataError(f"{path}: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not what its format says: {type(error).__name__} {str(error)[:200]}") from error


def _of_page(place: Place, page: Mapping[str, Any]) -> ForeignRun | None:
    if lm_eval.recognises(page):
        return lm_eval.read(place.path, page)
    if lighteval.recognises(page):
        return lighteval.read(place.path, page, place.details)
    if inspect.recognises(page):
        return inspect.read(place.path, page)
    return eee.read(place.path, page) if eee.recognises(page) else None


def unknown(path: Path) -> DataError:
    """That a file or folder has none of the formats that are read."""
    return DataError(f"{path}: holds no results of a known format; known: {', '.join(FORMATS)}, an exported run")


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """All files below a folder, sorted, no link followed, and the run folders of HELM among its folders."""
    files: list[Path] = []
    runs: list[Path] = []
    for where, folders, names in os.walk(folder):
        folders.sort()
        here = Path(where)
        if helm.recognises(here):
            runs.append(here)
        files += [here / name for name in sorted(names) if not (here / name).is_symlink()]
        if len(files) > MOST:
            raise UsageError(f"{folder} holds more than {MOST:,} files: name a smaller folder")
    return files, runs


def _details(files: Iterator[Path] | Sequence[Path]) -> tuple[Path, ...]:
    return tuple(file for file in files if file.suffix == ".parquet" and file.name.startswith("details_"))
