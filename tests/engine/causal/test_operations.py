"""Operations and parameters of a model against torch's own counter, and their division among questions."""

import numpy as np
import pytest
import torch
from tiny import causal
from torch.utils.flop_counter import FlopCounterMode

from harness.engine.causal.encode import Prompt, Span
from harness.engine.causal.operations import countable, operations
from harness.engine.causal.roofline import needed


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gpt2", "stablelm", "gemma2"])
def test_operations_are_those_that_torch_counts(kind: str) -> None:
    model = causal(kind, 65)
    model.set_attn_implementation("eager")  # torch does not count the fused attention of processors
    ids = torch.arange(24)[None] % 65
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(input_ids=ids, use_cache=False)
    # torch counts every pair of tokens, also those that no token sees
    assert needed(model, 24, 24, 24 * 24) == pytest.approx(counter.get_total_flops(), rel=0.01)
    assert countable(model)


@pytest.mark.parametrize("kind", ["mamba", "gpt-oss", "rwkv", "lfm2"])
def test_models_that_compute_otherwise_are_not_counted(kind: str) -> None:
    assert not countable(causal(kind, 65))


def tokens(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_shared_tokens_are_divided_and_the_whole_is_every_distinct_token_once() -> None:
    model = causal("llama", 65)
    row, pair, logit = needed(model, 1, 0, 0), needed(model, 0, 0, 1), needed(model, 0, 1, 0)
    one = (Span(tokens(5, 6, 7, 8), 3),)
    two = (Span(tokens(5, 6, 9, 8, 4), 3), Span(tokens(5, 6, 9, 1), 3))
    found = operations(model, [one, two], [0, 0])
    assert found.sum() == pytest.approx(5 * row + (1 + 2 + 3 + 3 + 4) * pair + 4 * logit)
    assert found[0] == pytest.approx((1 / 3 + 1 / 3 + 1) * row + (1 / 3 + 2 / 3 + 3) * pair + logit)
    written = operations(model, [Prompt(tokens(5, 6))], [3])
    assert written[0] == pytest.approx(4 * row + (1 + 2 + 3 + 4) * pair + 3 * logit)  # the last token is not read
    alone, twice = operations(model, [one], [0])[0], operations(model, [one, one], [0, 0])
    assert twice.tolist() == pytest.approx([alone / 2 + logit / 2] * 2)  # what is read is read for each
