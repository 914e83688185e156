"""Parquet files from somebody else: their size is looked at before anything of them is unpacked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import DataError

SWELLS = 200
"""How much longer than its file the columns may become: repeated prompts shrink 50 times, bombs 10,000."""


def require_bounded(path: Path, name: str, kind: str) -> None:
    """The columns of a file do not swell beyond what a ``kind`` may. Raises DataError, which calls it ``name``."""
    try:
        with pq.ParquetFile(path) as file:
            parts = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{name} is no {kind}: {error}") from error
    if sum(part.total_byte_size for part in parts) > SWELLS * path.stat().st_size:
        raise DataError(f"{name} would become more than {SWELLS} times as long as it is")


def read_rows(path: Path, kind: str) -> Iterator[dict[str, Any]]:
    """The rows of a file, some hundreds in memory at once. Raises DataError in one line."""
    require_bounded(path, str(path), kind)
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=512):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {str(error)[:200]}") from error
