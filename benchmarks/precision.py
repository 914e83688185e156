"""How far a float32 log-softmax is from the truth: the longest choices of PIQA, computed three ways.

    python benchmarks/precision.py --data DIR [--count 6]

truth: the model and the sum over the vocabulary in float64. Beside it the error of a log-softmax in float32 (what
lm-evaluation-harness takes) and of our inference core, both on the model in float32.
"""

import argparse

import torch
from mirror import add_data
from transformers import AutoModelForCausalLM

from harness import run as running
from harness.engine.backend import Options
from harness.engine.causal.encode import Encoder, encode
from harness.engine.load import load
from harness.engine.smollm2 import smollm2_folder
from harness.plugins import catalogue
from harness.types import Chosen, Settings


@torch.inference_mode()
def truth(model: torch.nn.Module, tokens: list[int], start: int, dtype: torch.dtype) -> float:
    """Sum of log P(tokens[start:] | tokens[:start]), with a log-softmax in ``dtype``."""
    after = model(torch.tensor([tokens[:-1]])).logits[0, start - 1 :].to(dtype)
    targets = torch.tensor(tokens[start:])[:, None]
    return float(torch.log_softmax(after, -1).gather(1, targets).sum())


def main() -> None:
    """Print one line for every choice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data(parser)
    parser.add_argument("--count", type=int, default=6)
    asked = parser.parse_args()
    backend = load("smollm2", Options())
    questions = running.questions(
        running.plan([catalogue().tasks["piqa"]], Settings(limit_order="first", limit=50), asked.data)
    )
    ours = dict(pair for batch in backend.answer(questions) for pair in batch)
    encoder: Encoder = backend.encoder  # type: ignore[attr-defined]
    spans = [
        (span, index, choice)
        for index, encoded in enumerate(encode(questions, encoder))
        for choice, span in enumerate(encoded)  # type: ignore[arg-type]
    ]
    spans.sort(key=lambda one: one[0].start - len(one[0].tokens))
    models = {
        d: AutoModelForCausalLM.from_pretrained(smollm2_folder(), dtype=d) for d in (torch.float32, torch.float64)
    }
    print("| tokens | truth | float32 log-softmax | inference core |\n|---|---|---|---|")
    for span, index, choice in spans[: asked.count]:
        tokens = span.tokens.tolist()
        right = truth(models[torch.float64], tokens, span.start, torch.float64)
        plain = truth(models[torch.float32], tokens, span.start, torch.float32)
        response = ours[index]
        assert isinstance(response, Chosen)
        own = response.logprobs[choice]
        print(f"| {len(tokens) - span.start} | {right:.4f} | {plain - right:+.1e} | {own - right:+.1e} |", flush=True)


if __name__ == "__main__":
    main()
