"""What sharing saves for models that need more than plain attention: each way against padded batches, alternating.

    python benchmarks/carried.py [--questions 200] [--rounds 3] [--threads 2]

200 questions of 16 to 24 tokens and a choice of 3 stand behind a shared block of 600 tokens. Models of random float32
weights: a Mamba, whose state is carried, token by token; an LFM2 of convolutions and attention, whose tails go on at
once; a Gemma 3 with windows of 512, which takes the tree. Seconds are medians; the difference is the largest of any
token's log-probability.
"""

import argparse
import statistics
from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import torch

from harness.engine.budget import keep_freed_memory, rows_for
from harness.engine.causal.choose import open_runner, run_all
from harness.engine.causal.encode import Span
from harness.engine.causal.scoring.runner import Runner
from harness.engine.tally import Tally

VOCABULARY, BLOCK, CHOICE = 2_000, 600, 3


def configs() -> Mapping[str, Any]:
    """A config by its name."""
    import transformers as t

    words: dict[str, Any] = {"vocab_size": VOCABULARY, "bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
    heads: dict[str, Any] = {
        "hidden_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "intermediate_size": 512,
        "max_position_embeddings": 2048,
    }
    windows = ["sliding_attention", "sliding_attention", "full_attention"]
    return {
        "Mamba": t.MambaConfig(**words, hidden_size=128, num_hidden_layers=2),
        "LFM2": t.Lfm2Config(**words, **heads, layer_types=["conv", "full_attention", "conv"]),
        "Gemma 3": t.Gemma3TextConfig(**words, **heads, head_dim=32, sliding_window=512, layer_types=windows),
    }


def spans_of(questions: int) -> list[Span]:
    """Questions behind one block, and a choice after each."""
    draw = np.random.default_rng(0)
    shared = draw.integers(5, VOCABULARY, BLOCK, dtype=np.int32)
    made = []
    for _ in range(questions):
        tail = draw.integers(5, VOCABULARY, int(draw.integers(16, 25)) + CHOICE, dtype=np.int32)
        made.append(Span(np.concatenate((shared, tail)), BLOCK + len(tail) - CHOICE))
    return made


def timed(runner: Runner, spans: list[Span], budget: int) -> tuple[float, Tally, list[Any]]:
    """Seconds, work and answers of planning and scoring."""
    runner.tally = Tally()
    started = perf_counter()
    found = run_all(runner, runner.plan(spans, budget))
    return perf_counter() - started, runner.tally, found


def main() -> None:
    """Print one line for every model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--models", default="", help="only those whose names hold this")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    keep_freed_memory()
    from transformers import AutoModelForCausalLM

    print("| model | way | tokens padded / computed | padded | ours | ratio | largest difference |")
    print("|---|---|---|---|---|---|---|")
    for name, config in configs().items():
        if asked.models not in name:
            continue
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config).eval()
        ours, _ = open_runner(model)
        padded = replace(ours, way="padded", fast={})
        spans, budget = spans_of(asked.questions), rows_for(config, model.device, model.dtype)
        seconds: dict[str, list[float]] = {"padded": [], "ours": []}
        for _ in range(asked.rounds):
            before, whole, theirs = timed(padded, spans, budget)
            after, work, found = timed(ours, spans, budget)
            seconds["padded"].append(before)
            seconds["ours"].append(after)
        off = max(float(np.abs(a - b).max()) for a, b in zip(found, theirs, strict=True))
        slow, fast = (statistics.median(seconds[side]) for side in ("padded", "ours"))
        print(
            f"| {name} | {ours.way} | {whole.computed:,} / {work.computed:,} | {slow:.2f} s | {fast:.2f} s "
            f"| {slow / fast:.1f} | {off:.1e} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
