"""How long the command line takes to start: medians of ten, beside an empty Python process."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HARNESS = str(Path(sys.executable).with_name("harness"))
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "harness --help": [HARNESS, "--help"],
    "harness list tasks": [HARNESS, "list", "tasks"],
    "harness run --help": [HARNESS, "run", "--help"],
    "harness show-prompt demo/qa": [HARNESS, "show-prompt", "demo/qa"],
}


def seconds(command: list[str]) -> float:
    """Wall time of one process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ)
    return time.perf_counter() - start


if __name__ == "__main__":
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(10):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    for name, found in times.items():
        print(f"{name:28} {statistics.median(found):.3f} s")
