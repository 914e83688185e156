"""Finds the rows of a dataset: a folder in the Hub's layout first, then the local Hub cache, then the Hub itself."""

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import DataError, NotAtHand, quoted
from harness.reading.tables import ENDINGS, Rows, read_rows, require_ending
from harness.reading.text import is_file, read_lines, read_text
from harness.reading.values import label_of, no_column
from harness.types import Dataset, Row


@dataclass(frozen=True, slots=True)
class Loaded:
    """The rows of a dataset, the sha256 of their canonical JSON, and where they come from."""

    rows: Rows
    sha256: str
    source: str


def hub(id: str, config: str = "default", split: str = "test", revision: str | None = None) -> Dataset:
    """A split of a dataset of the Hugging Face Hub."""
    return Dataset(id, config, split, revision)


def packaged(module: str, filename: str, split: str = "test") -> Dataset:
    """A JSONL file that the Python package ``module`` ships."""
    return Dataset(f"package:{module}", filename, split)


def file(path: Path) -> Dataset:
    """A file of rows of the user's: JSON lines, CSV, TSV or Parquet. Raises DataError for another ending."""
    require_ending(path)
    return Dataset(path.stem, split=path.suffix.lstrip("."), path=str(path))


def load(dataset: Dataset, mirror: Path | None = None) -> Loaded:
    """Read all rows. Raises DataError that names the dataset, the places looked in and what to do.

    It is NotAtHand where the dataset is in none of these places.
    """
    if dataset.rows is not None:
        return Loaded([dict(row) for row in dataset.rows], sha256(dataset.rows), str(dataset))
    path = find(dataset, mirror)
    sides = () if path else find_sides(dataset, mirror)
    if path or sides:
        rows = _rows(dataset, path) if path else _side_by_side(dataset, sides)
        source = str(path) if path else " and ".join(map(str, sides))
    else:
        rows, source = _from_hub(dataset, mirror), f"hub:{dataset.id}@{dataset.revision or 'main'}"
    if path and dataset.beside:
        rows = _beside(rows, path.with_name(dataset.beside))
    return Loaded(rows, sha256(rows), source)


def find(dataset: Dataset, mirror: Path | None = None) -> Path | None:
    """The local file of a dataset, if there is one. Raises DataError if a named file is missing."""
    if dataset.path:
        path = Path(dataset.path)
        if not is_file(path):
            raise DataError(f"{path}: no such file")
        return path
    if dataset.id.startswith("package:"):
        return _package_file(dataset)
    stems = [mirror / dataset.id / dataset.config / dataset.split] if mirror else []
    return next((p for s in stems for p in (s.with_name(s.name + e) for e in ENDINGS) if p.is_file()), None)


def find_sides(dataset: Dataset, mirror: Path | None = None) -> tuple[Path, ...]:
    """The files of two languages that together are the configuration ``a-b`` of a parallel corpus, or nothing."""
    parts = dataset.config.split("-")
    if mirror is None or len(parts) != 2 or dataset.path:
        return ()
    paths = [find(replace(dataset, config=part), mirror) for part in parts]
    return tuple(path for path in paths if path) if all(paths) else ()


def at_hand(dataset: Dataset, mirror: Path | None = None) -> bool:
    """Whether the rows can be read without a network; looks at paths only."""
    try:
        return bool(find(dataset, mirror) or find_sides(dataset, mirror)) or hub_cache(dataset.id).is_dir()
    except DataError:
        return False


def sha256(rows: Iterable[Row]) -> str:
    """Hash of the rows' canonical JSON, one line a row: the same rows hash the same whatever file they came from."""
    total = hashlib.sha256()
    for row in rows:
        total.update(json.dumps(row, sort_keys=True, ensure_ascii=False, default=str, separators=(",", ":")).encode())
        total.update(b"\n")
    return total.hexdigest()


def digest(value: object) -> str:
    """sha256 of a value's canonical JSON: what two runs must share to have asked the same."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()


def _rows(dataset: Dataset, path: Path) -> Rows:
    return [{"text": read_text(path, "file")}] if dataset.whole else read_rows(path)


def _side_by_side(dataset: Dataset, sides: Sequence[Path]) -> Rows:
    """Rows of two languages joined by ``id``, with a column ``sentence_LANGUAGE`` each, as FLORES has them."""
    tables = [_by_id(path) for path in sides]
    apart = tables[0].keys() ^ tables[1].keys()
    if apart:
        raise DataError(f"{dataset}: {sides[0]} and {sides[1]} differ in their ids, such as {quoted(min(apart))}")
    languages = dataset.config.split("-")
    joined = []
    for key, row in tables[0].items():
        both = zip(languages, (row, tables[1][key]), strict=True)
        kept = {name: value for name, value in row.items() if name != "sentence"}
        joined.append(kept | {f"sentence_{language}": side["sentence"] for language, side in both})
    return joined


def _by_id(path: Path) -> dict[str, dict[str, Any]]:
    """The sentences of one language by id."""
    table: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(read_rows(path), 1):
        key = label_of(row.get("id"), f"{path}: row {number}: the id")
        if key in table or "sentence" not in row:
            flaw = f"the id {quoted(key)} is used twice" if key in table else no_column("sentence", row)
            raise DataError(f"{path}: row {number}: {flaw}")
        table[key] = row
    return table


def _beside(rows: Rows, path: Path) -> Rows:
    """Rows with the columns of a table joined by its first column, or as they are where the table is not at hand."""
    if not is_file(path):
        return rows
    lines = list(csv.DictReader(read_lines(path, "table"), delimiter="\t"))
    key = next(iter(lines[0]), "") if lines else ""
    table = {line[key]: {name: value for name, value in line.items() if name != key} for line in lines}
    return [row | table.get(row.get(key, ""), {}) for row in rows]


def _package_file(dataset: Dataset) -> Path:
    spec = find_spec(dataset.id.removeprefix("package:"))
    if spec is None or not spec.origin:
        raise DataError(f"{dataset}: the package {dataset.id.removeprefix('package:')!r} is not installed")
    path = Path(spec.origin).parent / dataset.config
    if not is_file(path):
        raise DataError(f"{path}: missing from the package")
    return path


def hub_cache(id: str) -> Path:
    """The folder in which huggingface_hub keeps a dataset's files."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    return cache / f"datasets--{id.replace('/', '--')}"


def _from_hub(dataset: Dataset, mirror: Path | None) -> Rows:
    """Rows through `datasets`, which looks in its own cache before it asks the Hub."""
    import datasets

    config = None if dataset.config == "default" else dataset.config
    try:
        with offline_without_a_network():
            table = datasets.load_dataset(dataset.id, config, split=dataset.split, revision=dataset.revision)
    except Exception as error:  # whatever datasets raises: offline, unknown name, no such split
        if _is_damage(error):
            raise DataError(
                f"dataset {dataset} is there and cannot be read: {type(error).__name__}: {error}"
            ) from error
        looked = f"the folder {mirror or '(none: no --data or HARNESS_DATA)'}, {hub_cache(dataset.id)} and the Hub"
        raise NotAtHand(
            f"dataset {dataset} was not found in {looked} ({type(error).__name__}); pass --data a folder with "
            f"{dataset.id}/{dataset.config}/{dataset.split}.jsonl, or connect to the Hub once"
        ) from error
    return [dict(row) for row in table]


def _is_damage(error: Exception) -> bool:
    """Whether `datasets` found something here that it cannot read, as opposed to nothing under the name."""
    from datasets.exceptions import DatasetGenerationError
    from pyarrow import ArrowException

    # A plain ValueError tells of an unknown configuration or split; what readers raise are its subclasses.
    unreadable = isinstance(error, ValueError) and type(error) is not ValueError
    local = isinstance(error, FileNotFoundError | PermissionError) and error.errno is not None
    return unreadable or local or isinstance(error, ArrowException | DatasetGenerationError)


@contextmanager
def offline_without_a_network() -> Iterator[None]:
    """Where a short look finds no Hub, its clients keep to their caches: they would retry aloud for half a minute.

    They read HF_HUB_OFFLINE when they are imported, so what they made of it is changed, and changed back.
    """
    import datasets
    import huggingface_hub

    holders: list[Any] = [datasets.config, huggingface_hub.constants]
    before = [holder.HF_HUB_OFFLINE for holder in holders]
    try:
        for holder in holders if any(before) or not _hub_answers() else ():
            holder.HF_HUB_OFFLINE = True
        yield
    finally:
        for holder, value in zip(holders, before, strict=True):
            holder.HF_HUB_OFFLINE = value


def _hub_answers() -> bool:
    import httpx

    try:
        httpx.head(os.environ.get("HF_ENDPOINT", "https://huggingface.co"), timeout=5)
    except httpx.TransportError:
        return False
    return True
