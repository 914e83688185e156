"""The exchangeability test on a small model trained here: false alarms, power, and a set for which it is not valid.

    python benchmarks/order.py [--shuffles 300]

A GPT of two layers is trained on documents of two topics, one after the other, and on 120 sentences in their published
order. Tested are those (power), 300 shuffled orders of sentences that it never saw (false alarms), and sentences that
it never saw either, but in groups by topic: any model that knows such documents finds them likelier in this order.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from harness.contamination.order import exchangeability, logs_of
from harness.engine.backend import Backend, Options
from harness.engine.load import load

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))  # the tiny tokenizer

TOPICS, WORDS, LENGTH, COUNT = 4, 60, 6, 120
SHARDS, SHUFFLES = 12, 12


def sentence(draw: random.Random, topic: int) -> str:
    """Six words of one topic's fifteen."""
    return " ".join(f"w{topic * (WORDS // TOPICS) + draw.randrange(WORDS // TOPICS)}" for _ in range(LENGTH))


def halves(draw: random.Random) -> list[str]:
    """Ten sentences, five of one topic and then five of another."""
    return [sentence(draw, topic) for topic in draw.sample(range(TOPICS), 2) for _ in range(COUNT // SHARDS // 2)]


def trained(folder: Path, texts: list[str], epochs: int) -> Backend:
    """A model trained on pieces of texts, saved as anybody would and loaded."""
    import transformers as t
    from tiny import saved, word_tokenizer

    tokenizer = word_tokenizer()
    torch.manual_seed(0)
    config = t.GPT2Config(
        vocab_size=len(tokenizer), n_embd=64, n_layer=2, n_head=4, n_positions=512, bos_token_id=4, eos_token_id=1,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    model = t.GPT2LMHeadModel(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    rows = [tokenizer("<s> " + text, add_special_tokens=False)["input_ids"] for text in texts]
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    targets = ids.masked_fill(ids == 0, -100)
    for _ in range(epochs):
        for batch in torch.randperm(len(ids)).split(32):
            loss = model(input_ids=ids[batch], labels=targets[batch]).loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return load(str(saved(model.eval(), folder)), Options(device="cpu"))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--shuffles", type=int, default=300)
    words = options.parse_args()
    draw = random.Random(0)
    published, unseen = ([sentence(draw, draw.randrange(TOPICS)) for _ in range(COUNT)] for _ in range(2))
    documents = [" ".join(halves(draw)) for _ in range(400)]
    # Ten times in the published order, in pieces that begin anywhere.
    starts = [draw.randrange(COUNT - 9) for _ in range(10 * COUNT // 10)]
    pieces = [" ".join(published[start : start + 10]) for start in starts]
    with tempfile.TemporaryDirectory() as folder:
        begun = perf_counter()
        backend = trained(Path(folder), documents + pieces, epochs=20)
        print(f"trained in {perf_counter() - begun:.0f} s")
        logs = logs_of(backend)

        def p(texts: list[str], seed: int) -> float:
            return exchangeability(texts, logs, shards=SHARDS, shuffles=SHUFFLES, seed=seed, between=" ").p

        found = np.array([p(published, seed) for seed in range(40)])
        print(f"published order: {np.mean(found < 0.05):.3f} of {len(found)} below 0.05, largest p {found.max():.2g}")
        found = np.array([p(random.Random(i).sample(unseen, COUNT), i) for i in range(words.shuffles)])
        print(f"shuffled, never seen: {np.mean(found < 0.05):.4f} of {len(found)} below 0.05")
        grouped = [text for _ in range(SHARDS) for text in halves(draw)]
        found = np.array([p(grouped, seed) for seed in range(40)])
        print(
            f"never seen, but grouped by topic: {np.mean(found < 0.05):.3f} of {len(found)} below 0.05: not valid here"
        )


if __name__ == "__main__":
    main()
