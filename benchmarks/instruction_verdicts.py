"""Published verdicts beside ours, strict and loose, with every difference: five models on IFEval, one on IFBench.

    python benchmarks/instruction_verdicts.py --data DIR

Exit code 1 where less than 99.5 % of IFEval's responses have the same verdicts in either way.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirror import add_data

from harness.reading.tables import read_rows
from harness.types import Task
from harness_tasks.ifbench import IFBENCH
from harness_tasks.ifbench.checks import IFBENCH_INSTRUCTIONS
from harness_tasks.ifeval import IFEVAL
from harness_tasks.ifeval.checks import IFEVAL_INSTRUCTIONS
from harness_tasks.instructions import Instructions, follows, follows_loosely, verdicts

BENCHMARKS = ((IFEVAL, IFEVAL_INSTRUCTIONS), (IFBENCH, IFBENCH_INSTRUCTIONS))
WAYS = {"strict": follows, "loose": follows_loosely}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One response's verdicts, ours and the published ones, an entry for each instruction."""

    model: str
    key: str
    way: str
    instructions: tuple[str, ...]
    ours: list[bool]
    published: list[bool]
    response: str


def judged(task: Task, known: Instructions, data: Path) -> Iterator[Verdicts]:
    """Every published response in both ways; one to a prompt that the data set no longer has is left out."""
    [dataset] = task.dataset
    rows = read_rows(data / dataset.id / "default" / "train.jsonl")
    prompts = {example.id: example for example in task.read(rows, dataset)}
    for file in sorted((data / "predictions" / task.name).glob("*.jsonl")):
        for row in read_rows(file):
            if row["key"] is None:
                continue
            prompt = prompts[str(row["key"])]
            for way, check in WAYS.items():
                ours = verdicts(known, prompt, row["response"], check)
                published = row[way]["follow_instruction_list"]
                names = prompt.fields["instructions"]
                yield Verdicts(file.stem, prompt.id, way, names, ours, published, row["response"])


def aggregates(rows: list[Verdicts]) -> str:
    """Prompt and instruction accuracy, ours and published, to four digits."""
    cells = []
    for lists in ([row.ours for row in rows], [row.published for row in rows]):
        cells.append(f"{sum(map(all, lists)) / len(lists):.4f}")
        cells.append(f"{sum(map(sum, lists)) / sum(map(len, lists)):.4f}")
    return " | ".join((cells[0], cells[2], cells[1], cells[3]))


def compare(rows: list[Verdicts]) -> list[float]:
    """Print a table of models, the share of equal responses, and every difference; the shares, strict and loose."""
    print("| model | way | prompts, ours | published | instructions, ours | published |\n|---|---|---|---|---|---|")
    for model in sorted({row.model for row in rows}):
        for way in WAYS:
            print(f"| {model} | {way} | {aggregates([r for r in rows if (r.model, r.way) == (model, way)])} |")
    shares = []
    for way in WAYS:
        own = [row for row in rows if row.way == way]
        equal = sum(row.ours == row.published for row in own)
        shares.append(equal / len(own))
        print(f"{way}: {equal:,} of {len(own):,} responses with equal verdicts ({shares[-1]:.2%})")
    for row in rows:
        for name, ours, published in zip(row.instructions, row.ours, row.published, strict=True):
            if ours != published:
                print(
                    f"{row.way} {row.model} {row.key} {name}: ours {ours}, published {published}: {row.response[:60]!r}"
                )
    return shares


def main() -> None:
    """Compare both benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data(parser)
    data = parser.parse_args().data
    shares = {task.name: compare([*judged(task, known, data)]) for task, known in BENCHMARKS}
    sys.exit(min(shares[IFEVAL.name]) < 0.995)


if __name__ == "__main__":
    main()
