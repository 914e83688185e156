"""Laying out many requests before anything is computed: seconds and memory, without a model.

    python benchmarks/planning.py [--requests 100000]

Every hundred requests share a block of 600 tokens, as few-shot questions of one subject do; each has a question of 40
tokens and four choices of 1 to 5 tokens, of which the spans are made beforehand.
"""

import argparse
import resource
from time import perf_counter

import numpy as np

from harness.engine.causal.encode import Span
from harness.engine.causal.scoring.planner import plan

VOCABULARY, SHARED, QUESTION, CHOICES, TOGETHER = 49_152, 600, 40, 4, 100
BUDGET = 2_000


def spans(requests: int) -> list[Span]:
    """All choices of all requests."""
    generator = np.random.default_rng(0)
    made = []
    for number in range(requests):
        if number % TOGETHER == 0:
            block = generator.integers(0, VOCABULARY, SHARED, dtype=np.int32)
        context = np.concatenate((block, generator.integers(0, VOCABULARY, QUESTION, dtype=np.int32)))
        for _ in range(CHOICES):
            choice = generator.integers(0, VOCABULARY, int(generator.integers(1, 6)), dtype=np.int32)
            made.append(Span(np.concatenate((context, choice)), len(context)))
    return made


def megabytes() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    asked = parser.parse_args().requests
    given = spans(asked)
    before, started = megabytes(), perf_counter()
    laid = plan(given, BUDGET)
    seconds = perf_counter() - started
    tokens = sum(len(span.tokens) for span in given)
    print(
        f"{asked:,} requests, {len(given):,} choices, {tokens:,} tokens asked: {len(laid.steps):,} passes planned in "
        f"{seconds:.1f} s, {megabytes() - before:.0f} MB beside the requests ({before:.0f} MB)"
    )


if __name__ == "__main__":
    main()
