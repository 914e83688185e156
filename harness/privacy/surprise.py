"""How surprising a token is beside what else might have stood there, in deviations: what Min-K %++ looks at."""

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.engine.causal.backend import Causal
from harness.engine.causal.encode import encode
from harness.engine.causal.reference import Reference
from harness.errors import DataError
from harness.types import Likelihood, Question

ROWS = 256
"""Positions whose logits exist at once as probabilities."""


def surprises(backend: Causal | Reference, texts: Sequence[str]) -> list[list[float]]:
    """(log P(token) - mean) / deviation for every token of each text, over the whole vocabulary at its place.

    Mean and deviation are those of log P under the model's own distribution (Zhang et al. 2024). Each text takes a
    forward pass of its own. Raises DataError for a text that cannot be asked.
    """
    questions = [Question("privacy", str(i), 0, Likelihood(text)) for i, text in enumerate(texts)]
    scores = []
    for number, spans in enumerate(encode(questions, backend.encoder), 1):
        if not isinstance(spans, tuple):
            raise DataError(f"text {number} has no likelihood: it cannot be encoded as a text")
        scores.append([z for span in spans for z in _of(backend.checkpoint.model, span.tokens.tolist(), span.start)])
    return scores


@torch.inference_mode()
def _of(model: torch.nn.Module, tokens: list[int], start: int) -> list[float]:
    ids = torch.tensor([tokens], device=next(model.parameters()).device)
    logits = model(input_ids=ids, use_cache=False).logits[0, start - 1 : -1]
    parts = [slice(low, low + ROWS) for low in range(0, len(logits), ROWS)]
    return [z for part in parts for z in standardised(logits[part], ids[0, start:][part]).tolist()]


def standardised(logits: Tensor, targets: Tensor) -> Tensor:
    """(log P(target) - mean) / deviation of log P, of logits [rows, vocab] and targets [rows]; 0 without deviation."""
    logs = torch.log_softmax(logits.float(), -1)
    chances = logs.exp()
    logs = logs.clamp_min(torch.finfo(torch.float32).min)  # what cannot come weighs nothing
    mean = (chances * logs).sum(-1)
    deviation = ((chances * logs**2).nan_to_num(posinf=0.0).sum(-1) - mean**2).clamp_min(0).sqrt()
    gap = logs.gather(-1, targets[:, None])[:, 0] - mean
    return torch.where(deviation > 0, gap / deviation, torch.zeros_like(gap))
