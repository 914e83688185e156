"""The whole process, from the command to the table: five questions of ARC-easy, beside lm-evaluation-harness.

    PEER_PYTHON=/path/to/peer/bin/python python benchmarks/process.py --data DIR [--rounds 3]

Wall-clock time of fresh processes that alternate: imports, loading the weights, data, scoring, results.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from mirror import add_data
from parity import overlay
from prompts import theirs

TASK = "arc_easy"


def ours(data: Path, limit: int) -> None:
    """`harness run` with an empty store and without the cache of answers."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [str(Path(sys.executable).with_name("harness")), "run", "smollm2", "--tasks", TASK]
        command += ["--limit", str(limit), "--data", str(data), "--store", f"{scratch}/store", "--no-cache", "--quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=5)
    asked = parser.parse_args()
    from harness.engine.smollm2 import smollm2_folder

    model, seconds = str(smollm2_folder()), dict[str, list[float]](peer=[], ours=[])
    with tempfile.TemporaryDirectory() as scratch:
        folders = [overlay(Path(scratch), asked.data, 1), asked.data]
        for _ in range(asked.rounds):
            started = perf_counter()
            theirs({"model": model, "tasks": [TASK], "limit": asked.limit, "data": [str(f) for f in folders]})
            seconds["peer"].append(perf_counter() - started)
            started = perf_counter()
            ours(asked.data, asked.limit)
            seconds["ours"].append(perf_counter() - started)
    peer, mine = (statistics.median(seconds[side]) for side in ("peer", "ours"))
    print(f"{TASK}, {asked.limit} questions: peer {peer:.1f} s, ours {mine:.1f} s, ratio {peer / mine:.2f}")


if __name__ == "__main__":
    os.environ.pop("HARNESS_DATA", None)
    main()
