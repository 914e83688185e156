"""How close to the machine's limit the scoring of a causal model comes: its matrix products against the clock."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from harness.engine.device import linear

ROWS = (256, 512, 768, 1024)
"""Rows of the products that the best rate is looked for with."""
Case = tuple[tuple[int, int], int]
"""A shape (inputs, outputs) and a number of rows."""


def products(model: Any) -> dict[tuple[int, int], int]:
    """How many products of every shape (inputs, outputs) one token takes, the logits aside."""
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    counts: dict[tuple[int, int], int] = {}
    for module in model.modules():
        if module is head or not isinstance(module, (torch.nn.Linear, Conv1D)):
            continue
        shape = tuple(module.weight.shape)
        pair = (shape[0], shape[1]) if isinstance(module, Conv1D) else (shape[1], shape[0])
        counts[pair] = counts.get(pair, 0) + 1
    return counts


def needed(model: Any, rows: int, logits: int, pairs: int) -> float:
    """Floating-point operations of the matrix products that scoring takes, two for every multiply-add.

    ``rows`` tokens through the weights, ``logits`` read positions through the output embedding, and ``pairs`` of a
    token with itself or an ancestor (one product for the attention score, one for the value).
    """
    config = model.config.get_text_config()
    heads = config.num_attention_heads
    width = heads * (getattr(config, "head_dim", None) or config.hidden_size // heads)
    per_row = sum(inputs * outputs * count for (inputs, outputs), count in products(model).items())
    head: Tensor = model.get_output_embeddings().weight
    attention = 2 * pairs * int(width) * int(config.num_hidden_layers)
    return 2.0 * (rows * per_row + logits * head.numel() + attention)


@torch.inference_mode()
def rates(
    model: Any, rows: Sequence[int] = ROWS, seconds: float = 3.0
) -> dict[tuple[tuple[int, int], int], list[float]]:
    """Floating-point operations per second of products of the model's own shapes, by (shape, rows).

    Every shape is tried with every number of rows, turn by turn, for about ``seconds`` in all. The few weights of a
    turn stay in the processor's cache, which those of a whole model do not.
    """
    speeds: dict[Case, list[float]] = {}
    until = perf_counter() + seconds
    while not speeds or perf_counter() < until:
        for (inputs, outputs), count in [(shape, count) for shape in products(model) for count in rows]:
            if speeds and perf_counter() >= until:
                break
            x = torch.randn(1, count, inputs, device=model.device, dtype=model.dtype)
            weights = [torch.randn(outputs, inputs, device=model.device, dtype=model.dtype) for _ in range(3)]
            speeds.setdefault(((inputs, outputs), count), []).append(_rate(x, weights))
    return speeds


def best_rate(model: Any, rows: Sequence[int] = ROWS, seconds: float = 3.0) -> float:
    """The most operations per second that one product reaches in one turn: a limit meant to be out of reach."""
    return max(rate for turns in rates(model, rows, seconds).values() for rate in turns)


def _rate(x: Tensor, weights: Sequence[Tensor]) -> float:
    linear(x, weights[0])
    _wait(x.device)
    started = perf_counter()
    for weight in weights:
        linear(x, weight)
    _wait(x.device)
    return sum(2.0 * x.shape[1] * weight.numel() for weight in weights) / (perf_counter() - started)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
