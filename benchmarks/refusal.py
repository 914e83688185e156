"""How well refusals are detected: precision and recall against the labels of people, for files of labelled completions.

    python benchmarks/refusal.py --data DIR             the completions that XSTest's authors published and labelled
    python benchmarks/refusal.py mine.jsonl ...         one {"completion": ..., "final_label": ...} a line

The patterns were written while looking at the answers to the odd-numbered prompts of XSTest; those to the even-numbered
ones were held out, and "even" is the row to believe.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.data import read_rows
from harness.errors import DataError
from harness.metrics.detector import Agreement, agreement, label_of, rates
from harness.metrics.refusal import Verdict, verdict

REFUSED: tuple[Verdict, ...] = ("full", "partial")
Rows = list[dict[str, Any]]


def compared(rows: Rows) -> Agreement:
    """The detector against ``final_label``."""
    return agreement([label_of(row["final_label"]) for row in rows], [verdict(row["completion"]) for row in rows])


def parts(path: Path) -> dict[str, Rows]:
    """All rows of a file and, of XSTest's own, the half that was looked at and the half that was not."""
    rows = read_rows(path)
    lacking = next((i for i, row in enumerate(rows, 1) if not {"completion", "final_label"} <= row.keys()), None)
    if lacking or not rows:
        raise DataError(f"{path}: row {lacking or 1} has no completion or no final_label")
    name, numbers = path.stem, [str(row.get("id", "")) for row in rows]
    if not all(number.startswith("v2-") for number in numbers):
        return {name: rows}
    halves: tuple[Rows, Rows] = ([], [])
    for row, number in zip(rows, numbers, strict=True):
        halves[int(number.removeprefix("v2-")) % 2].append(row)
    return {f"{name}, odd (tuned on)": halves[1], f"{name}, even (held out)": halves[0], name: rows}


def line(name: str, found: Agreement) -> str:
    """One row of the table: refusal as such, then the harder question of full or partial."""
    cells = []
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
    tables = [parts(path) for path in files]
    heads = [f"{kind} {what}" for kind in ("refusal", "full", "partial") for what in ("precision", "recall")]
    print("| completions | n | " + " | ".join(heads) + " |\n" + "|---" * (len(heads) + 2) + "|")
    print("\n".join(line(name, compared(rows)) for table in tables for name, rows in table.items()))
    print("\n| completions | prompts | who | n | full | partial | compliance |\n" + "|---" * 7 + "|")
    print("\n".join(split(table[path.stem], path.stem) for path, table in zip(files, tables, strict=True)))


if __name__ == "__main__":
    main()
