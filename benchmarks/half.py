"""Half precision beside float32 on this machine's CPU: smollm2 on the same requests, alternating, medians.

    python benchmarks/half.py --data DIR [--rows mmlu,arc,piqa] [--rounds 3]

Prints the path that the engine took, seconds, tokens a second, and how far each precision is from the same weights in
float32: the engine's error on the probes of its load-time check, and the plain forward pass's own.
"""

import argparse
import statistics
from time import perf_counter

from mirror import add_data
from peer import ROWS, requests_of

from harness.engine.backend import Options
from harness.engine.causal.backend import Causal
from harness.engine.checkpoint import read_checkpoint
from harness.engine.smollm2 import smollm2_folder
from harness.types import Question

DTYPES = ("float32", "bfloat16", "float16")


def main() -> None:
    """Print one line for every work and precision."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data(parser)
    parser.add_argument("--rows", default="mmlu,arc,piqa")
    parser.add_argument("--dtypes", default=",".join(DTYPES))
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    models = {}
    for dtype in asked.dtypes.split(","):
        options = Options(device="cpu", dtype=dtype)
        models[dtype] = Causal(read_checkpoint("smollm2", smollm2_folder(), options))
        runner = models[dtype].runner
        print(f"{dtype}: {models[dtype].stats()['path']}; error {runner.error}; plain pass "
              f"{runner.plain_error or 'is the truth'}", flush=True)  # fmt: skip
    print("| work | precision | s | computed tokens/s | of float32's time |\n|---|---|---|---|---|")
    for row in ROWS:
        if row.name not in asked.rows.split(","):
            continue
        questions = [Question(row.task, str(i), 0, r) for i, r in enumerate(requests_of(row, asked.data))]
        seconds: dict[str, list[float]] = {dtype: [] for dtype in models}
        computed = {}
        for _ in range(asked.rounds):
            for dtype, model in models.items():
                before, started = float(model.stats()["tokens_computed"]), perf_counter()
                for _ in model.answer(questions):
                    pass
                seconds[dtype].append(perf_counter() - started)
                computed[dtype] = float(model.stats()["tokens_computed"]) - before
        first = statistics.median(seconds[next(iter(models))])
        for dtype, times in seconds.items():
            took = statistics.median(times)
            print(
                f"| {row.name} | {dtype} | {took:.2f} | {computed[dtype] / took:.0f} | {took / first:.2f} |", flush=True
            )


if __name__ == "__main__":
    main()
