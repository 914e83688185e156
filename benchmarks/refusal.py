"""How well refusals are detected: precision and recall against the labels of people, for files of labelled completions.

    python benchmarks/refusal.py --data DIR             the completions that XSTest's authors published and labelled
    python benchmarks/refusal.py mine.jsonl ...         one {"completion": ..., "final_label": ...} a line, or a .csv

The patterns were written while looking at gpt4 and llama2orig and at some answers of mistralguard and mistralinstruct:
their rows say "looked at" and flatter. Every other model's row is the one to believe.
"""

import argparse
import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import DataError
from harness.metrics.detector import Confusion, agreement, label_of, rates
from harness.metrics.refusal import Refusal, verdict
from harness.reading.tables import read_rows

REFUSED: tuple[Refusal, ...] = ("full", "partial")
Rows = list[dict[str, Any]]


def compared(rows: Rows) -> Confusion:
    """The detector against ``final_label``."""
    return agreement([label_of(row["final_label"]) for row in rows], [verdict(row["completion"]) for row in rows])


LOOKED_AT = ("gpt4", "llama2orig", "mistralguard", "mistralinstruct")
"""Models whose answers the author of the patterns saw: all of the first two, about a hundred of the others."""


def read(path: Path) -> Rows:
    """The labelled completions of a file. Raises DataError for a row that lacks one of the two columns."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            rows: Rows = list(csv.DictReader(file))
    else:
        rows = read_rows(path)
    lacking = next((i for i, row in enumerate(rows, 1) if not {"completion", "final_label"} <= row.keys()), None)
    if lacking or not rows:
        raise DataError(f"{path}: row {lacking or 1} has no completion or no final_label")
    return rows


def model_of(path: Path) -> str:
    """Whose answers a file holds, by its name: xstest_v2_completions_gpt4.csv holds gpt4's."""
    return path.stem.rpartition("completions_")[2]


def line(name: str, found: Confusion) -> str:
    """One row of the table: refusal as such, then the harder question of full or partial."""
    cells = ["looked at" if name in LOOKED_AT else "held out"]
    for kinds in (REFUSED, ("full",), ("partial",)):
        for top, bottom in (found.precision(*kinds), found.recall(*kinds)):
            cells.append(f"{top / bottom:.3f} ({top}/{bottom})" if bottom else "-")
    return f"| {name} | {found.n} | " + " | ".join(cells) + " |"


def split(rows: Rows, name: str) -> str:
    """People's and the detector's rates on safe and on unsafe prompts."""
    told = []
    for kind, contrast in (("safe", False), ("unsafe", True)):
        some = [row for row in rows if str(row.get("type", "")).startswith("contrast") == contrast]
        for who, verdicts in (
            ("people", [label_of(row["final_label"]) for row in some]),
            ("detector", [verdict(row["completion"]) for row in some]),
        ):
            cells = " | ".join(f"{share:.4f}" for share in rates(verdicts).values())
            told += [f"| {name} | {kind} | {who} | {len(some)} | {cells} |"] if some else []
    return "\n".join(told)


def main(given: Sequence[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--data", type=Path, default=os.environ.get("HARNESS_DATA"))
    options = parser.parse_args(given)
    if not options.files and not options.data:
        parser.error("name files of labelled completions, or give --data DIR")
    files = options.files or sorted((Path(options.data) / "predictions" / "xstest").glob("*.jsonl"))
    tables = {model_of(path): read(path) for path in files}
    heads = [f"{kind} {what}" for kind in ("refusal", "full", "partial") for what in ("precision", "recall")]
    print("| completions | n | | " + " | ".join(heads) + " |\n" + "|---" * (len(heads) + 3) + "|")
    print("\n".join(line(name, compared(rows)) for name, rows in tables.items()))
    print("\n| completions | prompts | who | n | full | partial | compliance |\n" + "|---" * 7 + "|")
    print("\n".join(split(rows, name) for name, rows in tables.items()))


if __name__ == "__main__":
    main()
