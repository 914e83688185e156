"""Every kind of causal model that the tests make, on one device in several precisions, against its own reference.

    python benchmarks/architectures.py [--device cuda] [--dtypes float32,bfloat16,float16] [--workers 8] [--seconds 120]

What `harness doctor` compares for a checkpoint is compared here for tiny models of random weights: the way that the
engine takes, and for each kind of request the largest difference per token beside what is allowed. Kinds that are not
reached within the seconds are named.
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, TimeoutError, as_completed
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

KINDS = (
    "llama", "qwen2", "gpt2", "mistral-window", "gemma2", "gpt-oss", "llama4", "stablelm", "llama-dynamic",
    "falcon", "bloom", "mpt", "gpt-neo", "xglm",
    "mamba2", "rwkv", "lfm2", "qwen3-next", "olmo-hybrid", "bamba", "falcon-h1",
    "mamba", "falcon-mamba", "jamba", "minimax", "recurrent-gemma",
)  # fmt: skip
VOCABULARY = 65


def main() -> None:
    """Print one line for every kind and precision."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtypes", default="float32,bfloat16,float16")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=120.0)
    asked = parser.parse_args()
    kinds, dtypes = asked.kinds.split(","), asked.dtypes.split(",")
    until = perf_counter() + asked.seconds
    print("| kind | precision | way | scoring and generation against the reference: difference / allowed | s |")
    print("|---|---|---|---|---|", flush=True)
    pool = ProcessPoolExecutor(asked.workers, mp_context=get_context("spawn"))
    jobs = {pool.submit(examined, kind, dtype, asked.device): (kind, dtype) for dtype in dtypes for kind in kinds}
    missing = dict.fromkeys(jobs.values())
    flawed = 0
    try:
        for job in as_completed(jobs, timeout=max(1.0, until - perf_counter())):
            ok, line = job.result()
            missing.pop(jobs[job])
            flawed += not ok
            print(line, flush=True)
    except TimeoutError:
        print(f"not reached in {asked.seconds:.0f} s: {', '.join(' '.join(one) for one in missing)}")
    print(f"{len(jobs) - len(missing)} of {len(jobs)} examined, {flawed} with a flaw", flush=True)
    pool.shutdown(wait=False, cancel_futures=True)
    for process in list((pool._processes or {}).values()):
        process.kill()


def examined(kind: str, dtype: str, device: str) -> tuple[bool, str]:
    """Whether a model of this kind agrees with its reference, and its line of the table."""
    started = perf_counter()
    try:
        way, comparisons = _examine(kind, dtype, device)
    except Exception as error:
        return False, f"| {kind} | {dtype} | FAILED | {type(error).__name__}: {error} | |"
    ok = all(one.ok() for one in comparisons)
    told = "; ".join(
        f"{one.kind} {one.difference:.1e} / {one.allowed:.1e}" for one in comparisons if one.budget != "64"
    )
    return ok, f"| {kind} | {dtype} | {way} | {'' if ok else 'FLAW: '}{told} | {perf_counter() - started:.1f} |"


def _examine(kind: str, dtype: str, device: str) -> tuple[str, list[Any]]:
    import torch
    from tiny import causal, saved
    from transformers.utils.logging import disable_progress_bar

    from harness.engine.backend import Options
    from harness.engine.checkpoint import read_checkpoint
    from harness.engine.doctor import examine
    from harness.engine.load import open_checkpoint

    torch.set_num_threads(1)
    disable_progress_bar()
    with TemporaryDirectory() as folder:
        checkpoint = read_checkpoint(
            kind, saved(causal(kind, VOCABULARY), Path(folder)), Options(device=device, dtype=dtype)
        )
        way = open_checkpoint(checkpoint).stats()
        return " ".join(_told(way)), list(examine(checkpoint, patience=20.0))


def _told(stats: Any) -> Iterator[str]:
    yield str(stats["path"])[:80]
    if stats.get("generation"):
        yield f"({stats['generation']})"[:80]


if __name__ == "__main__":
    main()
