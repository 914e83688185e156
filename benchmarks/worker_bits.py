"""One process, two workers on a node, three nodes of one worker each: whether numbers, samples and answers are equal.

    python benchmarks/worker_bits.py smollm2 --tasks mmlu/anatomy,arc_easy,lambada_openai,xquad/en --limit 50

The nodes are Ray nodes of this machine; every worker, and the process alone, computes with one thread.
"""

import argparse
import os
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

import harness
from harness.engine.backend import Options
from harness.store import open_store

LOCAL = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # every port on 127.0.0.1
    "RAY_USAGE_STATS_ENABLED": "0",
}
SMALL = {"include_dashboard": False, "object_store_memory": 10**8}


@contextmanager
def nodes(*cores: int) -> Iterator[None]:
    """A cluster of nodes with so many cores, beside a head without any; this process is connected to it."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **SMALL})
    for number in cores:
        cluster.add_node(num_cpus=number, **SMALL)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()
    cluster.shutdown()


def bits(model: str, tasks: Sequence[str], limit: int, options: Options) -> tuple[list[str], list[str]]:
    """Numbers and samples of a run as exact text, its engine's counts printed."""
    with tempfile.TemporaryDirectory() as store:
        began = time.perf_counter()
        result = harness.evaluate(
            model, tasks, limit=limit, options=options, store=store, cache=False, data=os.environ.get("HARNESS_DATA")
        )
        engine = result.run.engine
        print(f"  {time.perf_counter() - began:.0f} s; {engine.get('nodes', 'one process')}", flush=True)
        frames = [open_store(store).samples(result.run.id, task.name) for task in result.run.tasks]
        samples = [
            repr(row) for frame in frames for row in frame.drop(columns="run", errors="ignore").to_dict("records")
        ]
        return [repr(estimate) for estimate in result.estimates], samples


def main() -> None:
    """Print, for both divisions, how many numbers and samples are equal to those of one process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--tasks", required=True)
    parser.add_argument("--limit", type=int, default=50)
    given = parser.parse_args()
    os.environ |= LOCAL
    torch.set_num_threads(1)
    tasks = given.tasks.split(",")
    numbers, samples = bits(given.model, tasks, given.limit, Options(device="cpu"))
    for name, cores in (("2 workers on one node", [2]), ("3 nodes of one worker", [1, 1, 1])):
        with nodes(*cores):
            own = bits(given.model, tasks, given.limit, Options(device="cpu", workers=sum(cores), threads=1))
        equal = [sum(a == b for a, b in zip(x, y, strict=True)) for x, y in zip((numbers, samples), own, strict=True)]
        print(
            f"{name}: {equal[0]} of {len(numbers)} numbers and {equal[1]} of {len(samples)} samples equal", flush=True
        )


if __name__ == "__main__":
    main()
