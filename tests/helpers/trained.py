"""A tiny model to train, rows to train it on, and a task that watches it, for the tests of training."""

import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from tiny import WORDS, causal, word_tokenizer

from harness.data import hub
from harness.kinds import About, Data, Decoding, Template, classification, generation
from harness.metrics import measures
from harness.types import Card, Shots, Task

CARD = Card(measures="whether w2 follows w1", limits="made up", source="here", licence="none")


def watched() -> Task:
    """Which of two words goes on: w2 after a text with w1, w3 after one without."""
    return classification(
        "made/next",
        data=Data(
            hub("made/next", split="validation"), id="id", shots=Shots(dataset=(hub("made/next", split="train"),))
        ),
        prompt=Template("{text}", inputs=("text",)),
        labels={"without": " w3", "with": " w2"},
        target="label",
        about=About(version=1, card=CARD),
    )


def lines(count: int, seed: int) -> list[dict[str, Any]]:
    """Rows of the task; every second text holds w1."""
    draw, rows = random.Random(seed), []
    for number in range(count):
        words = [word for word in draw.choices(WORDS, k=6) if word not in {"w1", "w2", "w3"}]
        rows.append(
            {"id": f"r{number}", "text": " ".join([*words, "w1"] if number % 2 else words), "label": number % 2}
        )
    return rows


def mirror(folder: Path, count: int = 40) -> Path:
    """A folder of data with the task's rows."""
    place = folder / "made" / "next" / "default"
    place.mkdir(parents=True)
    for split, seed in (("validation", 0), ("train", 1)):
        (place / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines(count, seed)))
    return folder


def texts(tokenizer: Any, count: int = 160) -> list[dict[str, torch.Tensor]]:
    """What is trained on: texts of the same kind, each with the word that goes on."""
    encoded = []
    for row in lines(count, 1):
        ids = tokenizer(f"{row['text']} {'w2' if row['label'] else 'w3'}", add_special_tokens=False)["input_ids"]
        ids = torch.tensor(([0] * 8 + ids)[-8:])
        encoded.append({"input_ids": ids, "labels": ids.clone()})
    return encoded


def trainee(kind: str = "gpt2") -> SimpleNamespace:
    """A model with dropout, its tokenizer and its texts."""
    tokenizer = word_tokenizer()
    model = causal(kind, len(tokenizer))
    return SimpleNamespace(model=model, tokenizer=tokenizer, texts=texts(tokenizer))


def written() -> Task:
    """The word that goes on, written by the model."""
    return generation(
        "made/written",
        data=Data(hub("made/next", split="validation"), id="id"),
        prompt="{text}",
        target="text",
        decoding=Decoding(max_tokens=3),
        measures=(measures.SQUAD_EM,),
        about=About(version=1, card=CARD),
    )
