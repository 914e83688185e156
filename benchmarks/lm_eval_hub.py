"""A folder of data sets with those that lm-evaluation-harness asks for by other names than the folder has them by."""

import json
from collections.abc import Iterator
from pathlib import Path

from harness.reading.tables import read_rows

PIQA = Path("ybisk/piqa/plain_text/validation.jsonl")
GSM8K = Path("openai/gsm8k/main/test.jsonl")
WIKITEXT = Path("Salesforce/wikitext/wikitext-2-v1/test.jsonl")
LAST = 300
"""Rows of GSM8K that few-shot examples are drawn from where no training split is at hand: the others are asked."""


def completed(data: Path, folder: Path) -> Path:
    """A new folder: all of ``data`` by links, and beside it

    `baber/piqa`, the rows of `ybisk/piqa`; `EleutherAI/wikitext_document_level`, the lines of `Salesforce/wikitext`
    joined to pages; a training split of `openai/gsm8k`, the last rows of its test split.
    """
    made = {
        Path("baber/piqa/default/validation.jsonl"): list(read_rows(data / PIQA)),
        Path("EleutherAI/wikitext_document_level/wikitext-2-raw-v1/test.jsonl"): list(pages(data / WIKITEXT)),
        Path("openai/gsm8k/main/train.jsonl"): list(read_rows(data / GSM8K))[-LAST:],
    }
    for file in sorted(path for path in data.glob("*/*/*/*") if path.suffix in (".jsonl", ".parquet")):
        place = folder / file.relative_to(data)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(file.resolve())
    for path, rows in made.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def pages(file: Path) -> Iterator[dict[str, str]]:
    """The texts between headings of the first level, each with its heading."""
    page = ""
    for row in read_rows(file):
        line = str(row["text"])
        if line.startswith(" = ") and not line.startswith(" = = ") and page.strip():
            yield {"page": page}
            page = ""
        page += line or "\n"
    yield {"page": page}
