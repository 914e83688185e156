"""The command line of lm-evaluation-harness with `--model hf` and with `--model harness`, each in a process of its own.

    python benchmarks/lm_eval_commands.py --data DIR [--tasks arc_easy:50,gsm8k:8] [--batch-size 8] [--max-gen-toks 64]

A task is named with the number of its first documents. Both read smollm2 in float32 on the CPU. Prints for each task
whether every metric is equal (a perplexity within 1e-4 of itself), the time of the whole process, and the time from
the first request to the end of the process, which has no loading in it but all else: answering, judging, what the
package finds out about the machine, writing, and what Python does when it ends. Medians of the rounds, which alternate.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lm_eval_hub import arguments, completed

from harness.engine.smollm2 import smollm2_folder

TASKS = "arc_easy:50,piqa:50,lambada_openai:50,wikitext:2,gsm8k:8"
FIRST = "Running "
"""How the package's log begins to tell of requests."""


def run(model: str, task: str, limit: str, data: Path, given: Namespace) -> tuple[dict[str, Any], float, float]:
    """The results of a task; seconds of the process, and since its first request."""
    folder = smollm2_folder()
    words = f"pretrained={folder}" if model == "hf" else f"model={folder}"
    with TemporaryDirectory() as place:
        command = [
            *(sys.executable, "-m", "harness", "lm-eval", "run", "--model", model, "--tasks", task, "--limit", limit),
            *("--model_args", f"{words},dtype=float32", "--device", "cpu", "--batch_size", str(given.batch_size)),
            *("--output_path", place),
            *(("--gen_kwargs", f"max_gen_toks={given.max_gen_toks}") if given.max_gen_toks else ()),
        ]
        start = asked = time.perf_counter()
        settings = {**os.environ, "HARNESS_DATA": str(data)}
        with subprocess.Popen(command, env=settings, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            assert process.stderr
            log = []
            for line in process.stderr:
                log.append(line.decode(errors="replace"))
                if asked == start and FIRST in log[-1] and "requests" in log[-1]:
                    asked = time.perf_counter()
        end = time.perf_counter()
        if process.returncode or asked == start:
            sys.exit(f"{model} on {task}: exit code {process.returncode}\n{''.join(log[-20:])}")
        [file] = Path(place).rglob("results_*.json")
        found: dict[str, Any] = json.loads(file.read_text())["results"][task]
        return found, end - start, end - asked


def equal(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """The metrics that differ, in words."""
    apart = [key for key in theirs.keys() | ours.keys() if not close(theirs.get(key), ours.get(key))]
    return [f"{key}: hf {theirs.get(key)}, harness {ours.get(key)}" for key in sorted(apart)]


def close(one: Any, other: Any) -> bool:
    """Equal, or a number that depends on the last digits of log-probabilities."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-4)
    return bool(one == other)


def main() -> None:
    """Print one line a task; exit with 1 if a metric differs."""
    given = arguments(__doc__, TASKS, rounds=1, commands=True)
    print(
        "| task | documents | metrics | equal | process: hf | harness | ratio | without loading: hf | harness | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    apart: list[str] = []
    with TemporaryDirectory() as place:
        data = completed(given.data, Path(place))
        for task, limit in (named.split(":") for named in given.tasks.split(",")):
            pairs = [[run(model, task, limit, data, given) for model in ("hf", "harness")] for _ in range(given.rounds)]
            [theirs, ours] = (one[0] for one in pairs[-1])
            differing = equal(theirs, ours)
            metrics = [key for key in theirs if "," in key and "stderr" not in key]
            row = [task, limit, ", ".join(metrics), "no" if differing else "yes"]
            for column in (1, 2):
                hf, own = (statistics.median(pair[side][column] for pair in pairs) for side in (0, 1))
                row += [f"{hf:.1f} s", f"{own:.1f} s", f"{hf / own:.2f}"]
            print(f"| {' | '.join(row)} |", flush=True)
            apart += [f"{task}: {words}" for words in differing]
    print("\n".join(apart), file=sys.stderr)
    sys.exit(1 if apart else 0)


if __name__ == "__main__":
    main()
