"""What several samples of one prompt cost beside decoding alone: the prompt is read once, whoever asks for it.

    python benchmarks/samples.py [--prompts 64] [--samples 8] [--length 400] [--tokens 256] [--model smollm2]

Prints the seconds of all samples, those of reading every prompt once (one answer of one token each), and the first
divided by what is left without the second: what the samples cost, in units of decoding them alone.
"""

import argparse
import random
from dataclasses import replace
from time import perf_counter

from harness.engine.backend import Backend, Options
from harness.engine.load import load
from harness.types import Generate, Generated, Question

WORDS = ("house river stone light garden winter letter window teacher engine early quiet green open morning paper "
         "water between under before after small new old")  # fmt: skip


def prompts(count: int, words: int) -> list[Generate]:
    """Requests that share nothing; every word is one token or two."""
    draw = random.Random(0)
    texts = [" ".join(draw.choices(WORDS.split(), k=words)) for _ in range(count)]
    return [Generate(text, 1, temperature=1.0) for text in texts]


def seconds(backend: Backend, requests: list[Generate]) -> tuple[float, int, float]:
    """Seconds, tokens that were written, and tokens that went through the model."""
    before = float(backend.stats()["tokens_computed"])
    questions = [Question("samples", str(i), 0, request) for i, request in enumerate(requests)]
    started = perf_counter()
    answers = [answer for batch in backend.answer(questions) for _, answer in batch]
    took = perf_counter() - started
    written = sum(answer.tokens for answer in answers if isinstance(answer, Generated))
    return took, written, float(backend.stats()["tokens_computed"]) - before


def main() -> None:
    """Print the two times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--length", type=int, default=400, help="words of a prompt")
    parser.add_argument("--tokens", type=int, default=256, help="tokens of an answer at most")
    parser.add_argument("--model", default="smollm2")
    asked = parser.parse_args()
    backend = load(asked.model, Options())
    once = prompts(asked.prompts, asked.length)
    seconds(backend, once[:2])  # tries out the model's attention
    reading, _, _ = seconds(backend, once)
    samples = [replace(one, max_tokens=asked.tokens, seed=seed) for one in once for seed in range(asked.samples)]
    both, written, computed = seconds(backend, samples)
    print(
        f"{asked.prompts} prompts of {asked.length} words, {asked.samples} samples each: {both:.1f} s for {written} "
        f"tokens written and {computed:.0f} computed; reading every prompt once {reading:.1f} s: "
        f"{both / (both - reading):.2f} times the cost of decoding alone"
    )


if __name__ == "__main__":
    main()
