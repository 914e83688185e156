"""A model that remembers: a GPT of two layers, trained in seconds on texts in which canaries are repeated."""

import random
from dataclasses import dataclass
from pathlib import Path

import torch
from tiny import saved, word_tokenizer

from harness.engine.backend import Backend, Options
from harness.engine.load import load

REPEATS = (0, 1, 4, 16, 64)
EACH = 6
"""Canaries of every number of repetitions."""
TEMPLATE = "w50 w51 w52 {}"


@dataclass(frozen=True)
class Trained:
    """``canaries`` by their number of repetitions; ``members`` were trained on eight times, ``others`` never."""

    folder: str
    backend: Backend
    canaries: dict[int, list[str]]
    references: list[str]
    members: list[str]
    others: list[str]


def secret(draw: random.Random) -> str:
    return " ".join(f"w{draw.randrange(40, 50)}" for _ in range(6))


def line(draw: random.Random) -> str:
    return " ".join(f"w{draw.randrange(40)}" for _ in range(16))


def trained_in(folder: Path) -> Trained:
    """The model saved in ``folder`` and loaded from there, with what it was trained on."""
    import transformers as t

    draw = random.Random(7)
    secrets = list(dict.fromkeys(secret(draw) for _ in range(1_200)))
    canaries = {count: [secrets.pop() for _ in range(EACH)] for count in REPEATS}
    members, others = [line(draw) for _ in range(60)], [line(draw) for _ in range(60)]
    texts = [TEMPLATE.format(one) for count, own in canaries.items() for one in own * count]
    # What has no context is asked after the token that begins a text.
    texts += [f"<s> {one}" for one in members * 8 + [line(draw) for _ in range(400)]]
    tokenizer = word_tokenizer()
    torch.manual_seed(0)
    config = t.GPT2Config(
        vocab_size=len(tokenizer), n_embd=64, n_layer=2, n_head=4, n_positions=512, bos_token_id=4, eos_token_id=1,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    model = t.GPT2LMHeadModel(config)
    train(model, [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts], epochs=14)
    backend = load(str(saved(model.eval(), folder)), Options(device="cpu"))
    return Trained(str(folder), backend, canaries, secrets[:1_000], members, others)


def train(model: torch.nn.Module, rows: list[list[int]], epochs: int) -> None:
    """Adam on next tokens, a batch of 64 rows at a time, padding left out."""
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    targets = ids.masked_fill(ids == 0, -100)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for batch in torch.randperm(len(ids), generator=generator).split(64):
            loss = model(input_ids=ids[batch], labels=targets[batch]).loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
