"""Speed side by side with lm-evaluation-harness: the same requests, the same weights, one machine, alternating.

    PEER_PYTHON=/path/to/peer/bin/python python benchmarks/peer.py [--data DIR] [--rows arc,piqa] [--dtype bfloat16]

The peer lives in an environment of its own (`pip install 'lm-eval[hf]==0.4.13' torch==2.13.0`). Each row plans our
task's requests once and gives the very same strings to both, each in a fresh process. Time is what answering takes,
tokenising included and loading not; the peer runs at the best of the batch sizes tried, and every figure is the median
over rounds that alternate the two.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mirror import add_data

from harness import run as running
from harness.plugins import catalogue
from harness.types import Choose, Generate, Likelihood, Request, Settings, Task

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a task, how much of it, and the ratio that was asked for."""

    name: str
    task: str
    settings: Settings
    target: float
    configs: tuple[str, ...] = ()
    words: int | None = None


ROWS = (
    Row(
        "mmlu",
        "mmlu",
        Settings(limit_order="first", limit=30, shots=5),
        8.0,
        ("abstract_algebra", "anatomy", "astronomy"),
    ),
    Row("arc", "arc_easy", Settings(limit_order="first", limit=100), 4.5),
    Row("piqa", "piqa", Settings(limit_order="first", limit=100), 2.1),
    Row("sst2", "glue/sst2", Settings(limit_order="first", limit=200), 1.8),
    Row("lambada", "lambada_openai", Settings(limit_order="first", limit=100), 1.6),
    Row("wikitext", "wikitext", Settings(), 1.25, words=14_000),
    Row("gsm8k", "gsm8k", Settings(limit_order="first", limit=16, shots=5), 5.0),
)


def requests_of(row: Row, data: Path) -> list[Request]:
    """The row's requests as our tasks write them; texts are cut to about 20,000 tokens, answers to 64 new tokens."""
    task: Task = catalogue().tasks[row.task]
    if row.configs:
        task = replace(task, dataset=tuple(d for d in task.dataset if d.config in row.configs))
    [planned] = running.plan([task], row.settings, data)
    return list(_cut(row, [request for requests in planned.requests for request in requests]))


def _cut(row: Row, requests: list[Request]) -> Iterator[Request]:
    left = row.words
    for request in requests:
        if isinstance(request, Generate):
            yield replace(request, max_tokens=64)
        elif isinstance(request, Likelihood) and left is not None:
            if left <= 0:
                return
            kept = " ".join(request.text.split(" ")[:left])
            left -= len(kept.split(" "))
            yield replace(request, text=kept)
        else:
            yield request


def for_peer(requests: list[Request]) -> dict[str, list[list[object]]]:
    """The same strings as arguments of the peer's model methods."""
    asked: dict[str, list[list[object]]] = {}
    for r in requests:
        if isinstance(r, Choose):
            asked.setdefault("loglikelihood", []).extend([r.prompt, choice] for choice in r.choices)
        elif isinstance(r, Likelihood) and not r.context:
            asked.setdefault("loglikelihood_rolling", []).append([r.text])
        elif isinstance(r, Likelihood):
            asked.setdefault("loglikelihood", []).append([r.context, r.text])
        else:
            until = {"until": list(r.stop), "max_gen_toks": r.max_tokens, "do_sample": False}
            asked.setdefault("generate_until", []).append([r.prompt, until])
    return asked


def process(python: str, script: str, job: dict[str, object]) -> dict[str, object]:
    """Run a worker on a job and read the last line that it prints."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(job, file)
    try:
        command = [python, str(HERE / script), "requests", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        Path(file.name).unlink()
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stderr[-3000:]}")
    found: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def compare(row: Row, data: Path, model: str, dtype: str, batch_sizes: list[int], rounds: int) -> dict[str, object]:
    """Ratio of scoring times and of peak memory, and the largest difference between the two's answers."""
    peer_python = os.environ["PEER_PYTHON"]
    requests = requests_of(row, data)
    job = {"model": model, "dtype": dtype, "task": row.task, "requests": for_peer(requests)}
    tried = {size: process(peer_python, "peer_worker.py", job | {"batch_size": size}) for size in batch_sizes}
    best = min(tried, key=lambda size: tried[size]["seconds"])
    theirs, ours = [tried[best]], []
    for _ in range(rounds):
        ours.append(process(sys.executable, "our_worker.py", job | {"kinds": [type(r).__name__ for r in requests]}))
        if len(theirs) < rounds:
            theirs.append(process(peer_python, "peer_worker.py", job | {"batch_size": best}))
    peer_seconds, our_seconds = (statistics.median(r["seconds"] for r in side) for side in (theirs, ours))
    return {
        "row": row.name, "peer s": peer_seconds, "batch": best, "ours s": our_seconds,
        "ratio": peer_seconds / our_seconds,
        "asked": row.target, "peer MB": max(r["peak_mb"] for r in theirs), "ours MB": max(r["peak_mb"] for r in ours),
        "differs": difference(theirs[0]["answers"], ours[0]["answers"]), **ours[-1]["stats"],
    }  # fmt: skip


def difference(theirs: list[object], ours: list[object]) -> str:
    """Largest difference of log-likelihoods, or how many generated texts differ."""
    if theirs and isinstance(theirs[0], str):
        return f"{sum(a != b for a, b in zip(theirs, ours, strict=True))} of {len(ours)} texts"
    numbers = [(a[0] if isinstance(a, list) else a, b) for a, b in zip(theirs, ours, strict=True)]
    return f"{max(abs(a - b) for a, b in numbers):.1e}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data(parser)
    parser.add_argument("--rows", default=",".join(row.name for row in ROWS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-sizes", default="1,4,8,16,32")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"], help="of both")
    given = parser.parse_args()
    if "PEER_PYTHON" not in os.environ:
        parser.error("needs PEER_PYTHON, the peer's own Python")
    from harness.engine.smollm2 import smollm2_folder

    sizes = [int(size) for size in given.batch_sizes.split(",")]
    for row in ROWS:
        if row.name in given.rows.split(","):
            found = compare(row, given.data, str(smollm2_folder()), given.dtype, sizes, given.rounds)
            print(
                " | ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in found.items()), flush=True
            )
