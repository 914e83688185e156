"""Parquet files from somebody else: how much they hold is looked at before it is unpacked, and again on the way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import DataError
from harness.reading.text import require_once

SWELLS = 200
"""How much longer than its file the columns may become: repeated prompts shrink 50 times, bombs 10,000."""
SMALL = 1 << 20
"""Bytes that a smaller file counts as once its rows are unpacked: one value may stand in all rows of an honest one."""
ROW = 64
"""Bytes of a row beside its cells."""


def require_bounded(path: Path, name: str, kind: str) -> None:
    """The rows of a file do not swell beyond what a ``kind`` may. Raises DataError, which calls it ``name``."""
    for _ in _batches(path, name, kind):
        pass


def read_rows(path: Path, kind: str) -> Iterator[dict[str, Any]]:
    """The rows of a file, some hundreds in memory at once. Raises DataError in one line."""
    try:
        for batch in _batches(path, str(path), kind):
            yield from batch.to_pylist()
    except (pa.ArrowException, ValueError, OverflowError) as error:  # a date, say, that Python has not
        raise DataError(f"{path}: not a {kind}: {str(error)[:200]}") from error


def _batches(path: Path, name: str, kind: str) -> Iterator[pa.RecordBatch]:
    """The rows of a file as Arrow has them, as long as they stay within bounds."""
    try:
        size = path.stat().st_size
        left = SWELLS * max(size, SMALL)
        with pq.ParquetFile(path) as file:  # read_table makes columns of folders called a=b on its way
            require_once(path, file.schema_arrow.names)
            parts = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
            _require(sum(part.total_byte_size for part in parts) <= SWELLS * size, name)
            for batch in file.iter_batches(batch_size=512):
                left -= _size(batch)
                _require(left >= 0, name)
                yield batch
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DataError(f"{name}: not a {kind}: {str(error)[:200]}") from error


def _require(is_bounded: bool, name: str) -> None:
    if not is_bounded:
        raise DataError(f"{name} would become more than {SWELLS} times as long as it is")


def _size(batch: pa.RecordBatch) -> int:
    """Bytes of a batch whose repeated values are written out: a file, and Arrow at times, keeps each of them once."""
    columns = (c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in batch.columns)
    return int(ROW * batch.num_rows + sum(column.nbytes for column in columns))
