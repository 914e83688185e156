"""A folder of data sets with those that lm-evaluation-harness asks for by other names than the folder has them by."""

import argparse
import json
from pathlib import Path

from mirror import add_data
from parity import overlay

from harness.reading.tables import read_rows

GSM8K = Path("openai/gsm8k/main")
LAST = 300
"""Rows of GSM8K that few-shot examples are drawn from where no training split is at hand: the others are asked."""
PAGES = 100


def completed(data: Path, folder: Path) -> Path:
    """A new folder: what the peer's files expect under other names, all else of ``data`` by links, and as a training
    split of GSM8K the last rows of its test split."""
    overlay(folder, data, PAGES)
    for file in sorted(path for path in data.glob("*/*/*/*") if path.suffix in (".jsonl", ".parquet")):
        place = folder / file.relative_to(data)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.symlink_to(file.resolve())
    rows = list(read_rows(data / GSM8K / "test.jsonl"))[-LAST:]
    (folder / GSM8K / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def arguments(about: str | None, tasks: str, rounds: int, *, commands: bool = False) -> argparse.Namespace:
    """What a comparison on these data is told on its command line; by default these tasks and rounds."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data(parser)
    parser.add_argument("--tasks", default=tasks)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--batch-size", type=int, default=8)
    if commands:
        parser.add_argument("--max-gen-toks", type=int, help="tokens of an answer at most, on both sides")
    return parser.parse_args()
