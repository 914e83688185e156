"""How near scoring comes to what the machine can do: (operations needed / best rate of a product) / scoring time.

    python benchmarks/limit.py [--data DIR] [--rows mmlu,arc,piqa,sst2] [--budget N] [--rounds 3]

Operations needed: the multiply-adds of the model's weights for every distinct token and every position whose logits
are read. Best rate: the fastest product of the model's own shapes, measured before and after in the same process.
Scoring time is everything that answering takes: tokenising, planning, computing.
"""

import argparse
import os
import statistics
from pathlib import Path
from time import perf_counter

from peer import ROWS, requests_of

from harness.engine.backend import Options
from harness.engine.causal import Causal
from harness.engine.checkpoint import read_checkpoint
from harness.engine.limit import best_rate, needed
from harness.engine.load import folder_of
from harness.plugins import catalogue
from harness.types import Example, Question


def measure(backend: Causal, questions: list[Question]) -> tuple[float, float, int]:
    """Seconds, operations needed and rows of one pass over the questions."""
    work = backend.scorer.work
    rows, logits, padding = work.rows, work.logits, work.padding
    started = perf_counter()
    for _ in backend.answer(questions):
        pass
    seconds = perf_counter() - started
    distinct = work.rows - rows - (work.padding - padding)
    return seconds, needed(backend.checkpoint.model, distinct, work.logits - logits), distinct


def main() -> None:
    """Print one line for every row of the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("HARNESS_DATA", ".")))
    parser.add_argument("--rows", default="mmlu,arc,piqa,sst2")
    parser.add_argument("--budget", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="smollm2")
    asked = parser.parse_args()
    options = Options(token_budget=asked.budget)
    backend = Causal(read_checkpoint(asked.model, folder_of(asked.model, options), options))
    rate = best_rate(backend.checkpoint.model)
    for row in (row for row in ROWS if row.name in asked.rows.split(",")):
        task = catalogue().tasks[row.task]
        requests = requests_of(row, asked.data)
        questions = [Question(task, Example(str(n), {}), 0, request) for n, request in enumerate(requests)]
        rounds = [measure(backend, questions) for _ in range(asked.rounds)]
        seconds = statistics.median(r[0] for r in rounds)
        rate = max(rate, best_rate(backend.checkpoint.model))
        _, operations, rows = rounds[0]
        print(
            f"{row.name:10} {len(questions):5} questions {rows:7} rows {seconds:8.2f} s "
            f"{operations / seconds / 1e9:7.1f} of {rate / 1e9:.1f} GFLOP/s = {operations / rate / seconds:.2f}"
        )


if __name__ == "__main__":
    main()
