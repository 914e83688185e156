"""A task from a text alone: how well it is predicted."""

from pathlib import Path

from harness.errors import DataError, quoted
from harness.kinds.likelihood import likelihood
from harness.kinds.rows import Data
from harness.kinds.task import About
from harness.metrics import measures
from harness.reading.tables import ENDINGS
from harness.reading.text import is_file
from harness.reading.values import text_of
from harness.types import Card, Dataset, Row, Task


def corpus(source: str) -> Task:
    """``FILE`` (one text) or a file of rows, ``FILE.jsonl[:COLUMN]`` (one text a row, column ``text``): perplexities.

    Raises DataError for a missing file or column.
    """
    path, column = _path_and_column(source)
    if not is_file(path):
        raise DataError(f"{path}: no such corpus file")

    def text(row: Row) -> str:
        return text_of(row[column], f"column {quoted(column)}")

    card = Card(
        measures=f"How well {path.name} is predicted.", limits="Not described.", source=source, licence="not stated"
    )
    whole = path.suffix.lower() not in ENDINGS
    return likelihood(
        f"corpus/{path.stem}",
        data=Data(Dataset(path.stem, split=path.suffix.lstrip("."), path=str(path), whole=whole)),
        text=text,
        measures=(
            measures.WORD_PERPLEXITY,
            measures.BYTE_PERPLEXITY,
            measures.TOKEN_PERPLEXITY,
            measures.BITS_PER_BYTE,
        ),
        about=About(version=1, card=card),
    )


def _path_and_column(source: str) -> tuple[Path, str]:
    """The file of a corpus, and the column that is read where it holds rows."""
    for ending in ENDINGS:
        name, colon, column = source.partition(f"{ending}:")
        if colon:
            return Path(name + ending), column or "text"
    return Path(source), "text"
