"""A sequence classifier as a scorer: safetensors only, no code from the repository, one label read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from harness.engine.backend import Options
from harness.engine.checkpoint import read_checkpoint
from harness.engine.encoders.batches import by_length, halving, truncating
from harness.engine.encoders.classifier import Classifier, plain
from harness.engine.source import folder_of
from harness.errors import UnknownName, UsageError
from harness.scorers.checked import checked
from harness.types import Scorer

OBVIOUS = ("toxic", "toxicity")
"""The labels that are read without being named."""


def classifier(spec: str, options: Options) -> Scorer:
    """The probability of one label of ``PATH[@REV][#LABEL]``; a text longer than the model reads is cut at its end.

    A head of one output, or one that says ``multi_label_classification``, goes through a sigmoid, any other through a
    softmax. Raises UsageError for a model without such a head and for a label that it does not have.
    """
    name, _, label = spec.partition("#")
    own = Options(device=options.device, dtype=options.dtype)
    try:
        folder = folder_of(name if Path(name).expanduser().is_dir() else f"hf:{name}", own)
    except UnknownName:
        raise UsageError(
            f"scorer hf:{name}: {name} is neither a folder here nor ORG/NAME[@REVISION] of the Hub"
        ) from None
    checkpoint = read_checkpoint(name, folder, own)
    if checkpoint.family != "classifier":
        raise UsageError(f"scorer {name!r} is a {checkpoint.family} model; it must be a sequence classifier")
    head = Classifier(checkpoint)
    place = place_of(label, head.head, name)
    separate = len(head.head) == 1 or checkpoint.model.config.problem_type == "multi_label_classification"

    def score(texts: Sequence[str]) -> list[float]:
        encoded = _encode(head, texts)
        scores = [0.0] * len(texts)
        budget = head.budget if checkpoint.tokenizer.pad_token_id is not None else 1
        for batch in by_length([len(one["input_ids"]) for one in encoded], budget):
            rows = torch.tensor(halving(lambda part: head.logits([encoded[i] for i in part]), batch)).double()
            shares = rows.sigmoid() if separate else rows.softmax(-1)
            for i, share in zip(batch, shares[:, place].tolist(), strict=True):
                scores[i] = share
        return scores

    kept = {key: checkpoint.fingerprint[key] for key in ("weights", "config", "tokenizer", "dtype")}
    read = {"label": head.head[place], "link": "sigmoid" if separate else "softmax", "longest": str(head.limit)}
    shown = Path(name).name if Path(name).expanduser().is_dir() else name
    return checked(f"hf:{shown}#{head.head[place]}", {**kept, **read}, score)


def place_of(label: str, head: Sequence[str], name: str) -> int:
    """Which output of the head is read. Raises UnknownName or UsageError with the head's labels."""
    names = [plain(each) for each in head]
    if label:
        if plain(label) not in names:
            raise UnknownName(f"label of {name}", label, head)
        return names.index(plain(label))
    hits = [i for i, each in enumerate(names) if each in OBVIOUS] if len(names) > 1 else [0]
    if len(hits) != 1:
        raise UsageError(f"which label of {name} is meant? write {name}#LABEL with one of {', '.join(head)}")
    return hits[0]


def _encode(head: Classifier, texts: Sequence[str]) -> list[dict[str, Any]]:
    cut = {"truncation": True, "max_length": head.limit} if head.limit is not None else {}
    tokenizer = head.checkpoint.tokenizer
    with truncating(tokenizer, "right"):
        batch = tokenizer(list(texts), return_attention_mask=False, **cut)
    return [{name: batch[name][i] for name in batch} for i in range(len(texts))]
