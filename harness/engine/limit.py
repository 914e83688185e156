"""How close to the machine's limit the scoring of a causal model comes: its matrix products against the clock."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

ROWS = (256, 512, 768, 1024)
"""Rows of the products that the best rate is looked for with, beside those of the budget."""


def products(model: Any) -> dict[tuple[int, int], int]:
    """How many products of every shape (inputs, outputs) one token takes, the logits aside."""
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    found: dict[tuple[int, int], int] = {}
    for module in model.modules():
        if module is head or not isinstance(module, (torch.nn.Linear, Conv1D)):
            continue
        shape = tuple(module.weight.shape)
        pair = (shape[0], shape[1]) if isinstance(module, Conv1D) else (shape[1], shape[0])
        found[pair] = found.get(pair, 0) + 1
    return found


def needed(model: Any, rows: int, logits: int) -> float:
    """Floating-point operations of the products by weights that ``rows`` tokens and ``logits`` read positions take.

    Two for every multiply-add; the products within attention are not counted, though they too have to be done.
    """
    head: Tensor = model.get_output_embeddings().weight
    per_row = sum(inputs * outputs * count for (inputs, outputs), count in products(model).items())
    return 2.0 * (rows * per_row + logits * head.numel())


@torch.inference_mode()
def best_rate(model: Any, rows: Sequence[int] = ROWS, seconds: float = 3.0) -> float:
    """The most floating-point operations per second that one product of the model's own shapes reaches.

    Every shape is tried with every number of rows, turn by turn, for about ``seconds`` in all. The few weights of a
    turn stay in the processor's cache, which those of a whole model do not: the limit is meant to be out of reach.
    """
    cases = [(shape, count) for shape in products(model) for count in rows]
    best, until = 0.0, perf_counter() + seconds
    while not best or perf_counter() < until:
        for (inputs, outputs), count in cases:
            x = torch.randn(1, count, inputs, device=model.device, dtype=model.dtype)
            weights = [torch.randn(outputs, inputs, device=model.device, dtype=model.dtype) for _ in range(3)]
            best = max(best, _rate(x, weights))
    return best


def _rate(x: Tensor, weights: Sequence[Tensor]) -> float:
    torch.nn.functional.linear(x, weights[0])
    _wait(x.device)
    started = perf_counter()
    for weight in weights:
        torch.nn.functional.linear(x, weight)
    _wait(x.device)
    return sum(2.0 * x.shape[1] * weight.numel() for weight in weights) / (perf_counter() - started)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
