"""How fast and how exact the engine is on a GPU, beside lm-evaluation-harness and transformers: one prepared script.

    python benchmarks/gpu.py [--out FILE] [--seconds 330] [--only NAME,...] [--quick | --tiny] [--list]

Models have random weights in the shapes of Llama-3.2-1B and Llama-3.1-8B, and requests are random words in the shape
of MMLU, ARC, HellaSwag, GSM8K and of long documents: nothing is read and nothing fetched. Every section has a time of
its own and fails alone; results are printed and the JSON file is written after each. ``--quick`` goes through all of
them in about a minute, ``--tiny`` in seconds on a CPU.

asked: tokens read if every choice were computed alone. needed: distinct ones. computed: those that the engine says went
through the model. share of square, of best: the operations of the needed tokens (whoever computes) over the time, held
against the product of two large squares and against the best product of the model's own shapes. busy: share of the
time in which the device computes. s for all: what the whole work takes at the rate of a sample. x ours: as many times
the time of the engine for a request (of generation: for a token made). peak: weights and all.
"""

import argparse
import faulthandler
import os
from pathlib import Path

import torch
from gpu_bench import FULL, QUICK, SMALL, Bench, Body
from gpu_sections import energy, environment, exactness, ours
from gpu_versus import continuous_generates, peer_generates, peer_scores

SCORING = ("mmlu", "arc", "hellaswag", "rolling")
REST = ("arc", "hellaswag", "rolling")
SECTIONS: dict[str, tuple[float, Body]] = {
    "rates": (30, environment),
    "exactness": (30, exactness),
    "scoring-1b": (35, ours("1B", SCORING)),
    "peer-scoring-1b": (28, peer_scores("1B", SCORING)),
    "generation-1b": (45, ours("1B", ("gsm8k", "sampled"))),
    "peer-generation-1b": (25, peer_generates("1B", "gsm8k")),
    "energy": (35, energy),
    "scoring-8b": (60, ours("8B", ("mmlu",))),
    "peer-scoring-8b": (25, peer_scores("8B", ("mmlu",))),
    "generation-8b": (40, ours("8B", ("gsm8k",))),
    "peer-generation-8b": (25, peer_generates("8B", "gsm8k")),
    "continuous-8b": (40, continuous_generates("8B", "gsm8k")),
    "continuous-1b": (40, continuous_generates("1B", "gsm8k")),
    "rest-8b": (30, ours("8B", REST)),
    "peer-rest-8b": (20, peer_scores("8B", REST)),
}
"""Seconds that each may take at most, and what it does. The first is always run: the others need its rates.

Continuous batching comes late: a fault of its kernels would leave a device that nothing else can compute on.
"""


def main() -> None:
    """Run the sections one after the other, within the time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="the JSON file; default: gpu.json in $OUT, where that is set")
    parser.add_argument("--seconds", type=float, default=330.0, help="no section begins after so many")
    parser.add_argument("--only", help=f"sections, by comma: {', '.join(SECTIONS)}")
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument("--quick", action="store_true", help="small counts: every section, in about a minute")
    scale.add_argument("--tiny", action="store_true", help="tiny models on the CPU, to try the script out")
    asked = parser.parse_args()
    names = asked.only.split(",") if asked.only else list(SECTIONS)
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        parser.error(f"no section {unknown[0]!r}; valid: {', '.join(SECTIONS)}")
    if not asked.tiny and not torch.cuda.is_available():
        parser.error("there is no GPU here; --tiny tries the script out on the CPU")
    out = asked.out or (Path(os.environ["OUT"]) / "gpu.json" if os.environ.get("OUT") else None)
    # Whatever hangs is not waited for: what was found so far is in the file already.
    faulthandler.dump_traceback_later(asked.seconds + 25, exit=True)
    bench = Bench(
        scale=SMALL if asked.tiny else QUICK if asked.quick else FULL,
        device=torch.device("cpu" if asked.tiny else "cuda"),
        seconds=asked.seconds,
        out=out,
    )
    for name in dict.fromkeys(("rates", *names)):
        bench.run(name, *SECTIONS[name])
    faulthandler.cancel_dump_traceback_later()
    summary = {name: section["status"] for name, section in bench.results["sections"].items()}
    print(f"\n{summary}\n{out or 'no JSON file: neither --out nor $OUT'}", flush=True)


if __name__ == "__main__":
    main()
