"""Logits of half precision are those of float32: what the product itself sums is not rounded again."""

import pytest
import torch

from harness.engine.causal.scoring.logits import Reader, product


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize(("rows", "width", "words"), [(1, 64, 65), (3, 16, 7), (40, 576, 1500), (300, 96, 2049)])
def test_products_keep_what_half_precision_would_round_off(
    dtype: torch.dtype, rows: int, width: int, words: int
) -> None:
    draw = torch.Generator().manual_seed(rows)
    x = torch.randn(rows, width, generator=draw).to(dtype)
    weight = torch.randn(words, width, generator=draw).to(dtype)
    exact = x.double() @ weight.double().T
    found = product(x, weight)
    assert found.dtype == torch.float32
    assert float((found - exact).abs().max() / exact.abs().max()) < 2**-16
    rounded = (x @ weight.T).double()
    assert dtype == torch.float32 or float((rounded - exact).abs().max() / exact.abs().max()) > 2**-13


def test_log_probabilities_in_half_precision_are_those_of_the_same_weights() -> None:
    draw = torch.Generator().manual_seed(0)
    hidden, head = torch.randn(64, 96, generator=draw).bfloat16(), torch.nn.Linear(96, 5000, bias=False).bfloat16()

    class Model:
        get_output_embeddings = staticmethod(lambda: head)

    reader, place, target = Reader(Model(), False), torch.arange(64), torch.arange(64) * 70
    found, likeliest = reader.logprobs(hidden, place, target)
    truth = (hidden.double() @ head.weight.double().T).log_softmax(-1)
    assert torch.allclose(found.double(), truth[place, target], atol=2e-5, rtol=0)
    assert (likeliest == (truth.argmax(-1) == target)).all()
    again, _ = reader.logprobs(hidden[:7], place[:7], target[:7])
    assert torch.allclose(again, found[:7], atol=2e-5, rtol=0)
