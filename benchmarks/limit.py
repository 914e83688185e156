"""How near scoring comes to what the machine can do: (operations needed / best rate of a product) / scoring time.

    python benchmarks/limit.py [--data DIR] [--rows mmlu,arc,piqa,sst2] [--budget N] [--rounds 3]
    python benchmarks/limit.py --growth [...]   instead: the time of all questions over that of the first half

Operations needed: the multiply-adds of every distinct token (products by weights, and with its ancestors in
attention) and of every position whose logits are read. Best rate: the fastest single turn of a product of the model's
own shapes, measured before and after every row in the same process; sustained rate: the best shape's median turn.
Scoring time is everything that answering takes: tokenising, planning, computing.
"""

import argparse
import statistics
from dataclasses import replace
from time import perf_counter

from mirror import add_data
from peer import ROWS, requests_of

from harness.engine.backend import Options
from harness.engine.causal.backend import Causal
from harness.engine.causal.roofline import needed, rates
from harness.engine.checkpoint import read_checkpoint
from harness.engine.source import folder_of
from harness.types import Question


def measure(backend: Causal, questions: list[Question]) -> tuple[float, float, int]:
    """Seconds, operations needed and rows of one pass over the questions."""
    before = replace(backend.runner.tally)
    started = perf_counter()
    for _ in backend.answer(questions):
        pass
    seconds = perf_counter() - started
    now = backend.runner.tally
    rows = (now.computed - now.padding) - (before.computed - before.padding)
    logits, pairs = now.logits - before.logits, now.pairs - before.pairs
    return seconds, needed(backend.checkpoint.model, rows, logits, pairs), rows


def growth(name: str, backend: Causal, questions: list[Question], rounds: int) -> str:
    """The time of all questions over the time of the first half, alternating."""
    half, whole = [], []
    for _ in range(rounds):
        half.append(measure(backend, questions[: len(questions) // 2]))
        whole.append(measure(backend, questions))
    short, long = (statistics.median(r[0] for r in side) for side in (half, whole))
    rows = whole[0][2] / half[0][2]
    return f"{name:10} half {short:.2f} s, all {long:.2f} s: {long / short:.2f} times the time, {rows:.2f} of the rows"


def main() -> None:
    """Print one line for every row of the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data(parser)
    parser.add_argument("--rows", default="mmlu,arc,piqa,sst2")
    parser.add_argument("--budget", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--growth", action="store_true")
    asked = parser.parse_args()
    options = Options(token_budget=asked.budget)
    backend = Causal(read_checkpoint(asked.model, folder_of(asked.model, options), options))
    turns = [rates(backend.checkpoint.model)]
    for row in (row for row in ROWS if row.name in asked.rows.split(",")):
        requests = requests_of(row, asked.data)
        questions = [Question(row.task, str(n), 0, request) for n, request in enumerate(requests)]
        if asked.growth:
            print(growth(row.name, backend, questions, asked.rounds), flush=True)
            continue
        rounds = [measure(backend, questions) for _ in range(asked.rounds)]
        turns.append(rates(backend.checkpoint.model))
        best = max(rate for found in turns for case in found.values() for rate in case)
        sustained = max(statistics.median(case) for found in turns[-2:] for case in found.values())
        seconds = statistics.median(r[0] for r in rounds)
        _, operations, rows = rounds[0]
        reached = operations / seconds
        print(
            f"{row.name:10} {len(questions):5} questions {rows:7} rows {seconds:8.2f} s {reached / 1e9:7.1f} GFLOP/s = "
            f"{reached / best:.2f} of the best {best / 1e9:.0f} = {reached / sustained:.2f} of the sustained "
            f"{sustained / 1e9:.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
