"""Fine-tuned classifiers: a Choose is answered through the head, whose labels are matched to the task's by name."""

from collections.abc import Container, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from harness.engine.backend import Agenda, Batch
from harness.engine.checkpoint import ANSWERS, Checkpoint
from harness.engine.encoders.batches import (
    Bundle,
    agenda,
    budget_of,
    by_length,
    halving,
    padded,
    positions_of,
    refuse_kinds,
    refuse_long,
    truncating,
    window,
)
from harness.engine.respond import Score, choose
from harness.engine.tally import Tally
from harness.errors import Unsupported
from harness.types import Choose, Chosen, ModelInfo, Question

Tokenised = Mapping[str, list[int]]
"""What the tokenizer makes of one text or pair: input_ids and, for some models, token_type_ids."""


def open_classifier(checkpoint: Checkpoint) -> "Classifier":
    """The backend for a model with a head for classes or for one number."""
    return Classifier(checkpoint)


def plain(label: str) -> str:
    """A label as it is compared: without case, surrounding space, and the difference between space, - and _."""
    return " ".join(label.replace("_", " ").replace("-", " ").casefold().split())


def match(labels: Sequence[str], head: Sequence[str]) -> tuple[int, ...]:
    """Which output of the head stands for each of the task's labels.

    A head that was never given names (LABEL_0, LABEL_1, ...) is read by position if it has as many outputs.
    Raises Unsupported with both lists when they do not fit.
    """
    names = [plain(name) for name in head]
    wanted = [plain(label) for label in labels]
    if len(set(names)) == len(names) and set(wanted) <= set(names) and len(set(wanted)) == len(wanted):
        return tuple(names.index(label) for label in wanted)
    unnamed = names == [f"label {i}" for i in range(len(names))]
    if unnamed and len(names) == len(labels):
        return tuple(range(len(names)))
    raise Unsupported(f"labels of the task ({', '.join(labels)}) do not fit the model's ({', '.join(head)})")


def numbers(labels: Sequence[str]) -> tuple[float, ...]:
    """Labels as numbers, for a head that gives one.

    Raises Unsupported when they are not.
    """
    try:
        return tuple(float(label) for label in labels)
    except ValueError:
        raise Unsupported(
            f"the model's head gives one number; labels of the task ({', '.join(labels)}) are not numeric"
        ) from None


class Classifier:
    """An encoder with a head. Equal inputs are read once, in batches of nearly equal lengths.

    With one output the head is a regression: the answer's ``text`` is the number, ``picked`` the nearest label.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        config = checkpoint.model.config
        self.head = tuple(str(config.id2label[i]) for i in range(config.num_labels))
        self.limit = window(checkpoint)
        kind = "regression" if len(self.head) == 1 else "classes: " + ", ".join(self.head)
        unnamed = [plain(name) for name in self.head] == [f"label {i}" for i in range(len(self.head))]
        read = {"head": kind + ("; unnamed, read by position" if unnamed and len(self.head) > 1 else "")}
        fingerprint = {**checkpoint.fingerprint, **read}
        self.info = ModelInfo(checkpoint.name, fingerprint, ANSWERS["classifier"], self.limit, pinned=True)
        self.tally = Tally()
        self.budget = budget_of(checkpoint.options)

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """See Backend. Raises Unsupported for labels that do not fit the head, TooLong before anything is computed."""
        return self.plan(questions).answer(done)

    def plan(self, questions: Sequence[Question]) -> Agenda:
        """See Planner."""
        refuse_kinds(questions, self.info.answers, self.info.name)
        maps = self._maps(questions)
        places = positions_of([_inputs(question) for question in questions])
        with self.tally.timed("tokenise"):
            encoded = self._encode(places)
        lengths = [len(one["input_ids"]) for one in encoded]
        each = {position: n for n, positions in zip(lengths, places.values(), strict=True) for position in positions}
        refuse_long(questions, [each[i] for i in range(len(questions))], self.limit)
        answered = [[(i, _labels(questions[i])) for i in positions] for positions in places.values()]
        budget = self.budget if self.checkpoint.tokenizer.pad_token_id is not None else 1
        return agenda(
            [
                Bundle(
                    tuple(position for i in indices for position, _ in answered[i]),
                    sum(lengths[i] for i in indices),
                    partial(self._batch, maps, [(answered[i], encoded[i]) for i in indices]),
                )
                for indices in by_length(lengths, budget)
            ],
            self.tally,
        )

    def stats(self) -> Mapping[str, float | str]:
        """Tokens, padding, seconds and memory so far."""
        return self.tally.stats("classifier", self.checkpoint.device, self.checkpoint.load_seconds)

    def logits(self, encoded: Sequence[Tokenised]) -> list[list[float]]:
        """The head's outputs for each text, in one forward pass."""
        tokenizer, model = self.checkpoint.tokenizer, self.checkpoint.model
        ids, mask = padded([one["input_ids"] for one in encoded], tokenizer.pad_token_id or 0, model.device)
        more = {}
        if "token_type_ids" in encoded[0]:
            more["token_type_ids"] = padded([one["token_type_ids"] for one in encoded], 0, model.device)[0]
        with torch.inference_mode():
            outputs = model(input_ids=ids, attention_mask=mask, **more).logits.float()
        self.tally.add(computed=ids.numel(), padding=ids.numel() - int(mask.sum()))
        rows: list[list[float]] = outputs.tolist()
        return rows

    def _maps(self, questions: Sequence[Question]) -> dict[tuple[str, ...], tuple[int, ...]]:
        """For every list of labels in use: the outputs of the head that stand for them."""
        lists = dict.fromkeys(_labels(question) for question in questions)
        if len(self.head) == 1:
            return {labels: (0,) * len(numbers(labels)) for labels in lists}
        return {labels: match(labels, self.head) for labels in lists}

    def _encode(self, places: Mapping[tuple[str, ...], list[int]]) -> list[Tokenised]:
        tokenizer = self.checkpoint.tokenizer
        cut = self.checkpoint.options.truncate == "left" and self.limit is not None
        how: dict[str, Any] = {"truncation": "longest_first", "max_length": self.limit} if cut else {}
        encoded: dict[tuple[str, ...], Tokenised] = {}
        for count in (1, 2):  # single texts, then pairs
            same = [texts for texts in places if len(texts) == count]
            if same:
                columns = [list(column) for column in zip(*same, strict=True)]
                with truncating(tokenizer, "left"):
                    batch = tokenizer(*columns, return_attention_mask=False, **how)
                encoded |= {texts: {name: batch[name][i] for name in batch} for i, texts in enumerate(same)}
                self.tally.cut += sum(bool(one.overflowing) for one in batch.encodings or ())
        return [encoded[texts] for texts in places]

    def _batch(
        self,
        maps: Mapping[tuple[str, ...], tuple[int, ...]],
        texts: Sequence[tuple[list[tuple[int, tuple[str, ...]]], Tokenised]],
    ) -> Batch:
        """Answers to some texts, each with the (position, labels) of the questions that ask it."""
        rows = halving(lambda part: self.logits([texts[i][1] for i in part]), range(len(texts)))
        self.tally.asked += sum(len(one["input_ids"]) * len(positions) for positions, one in texts)
        return [
            (position, answer_of(row, labels, maps[labels]))
            for (answered, _), row in zip(texts, rows, strict=True)
            for position, labels in answered
        ]


def answer_of(outputs: Sequence[float], labels: Sequence[str], head: Sequence[int]) -> Chosen:
    """What a head's outputs say: log-softmax over all its classes, of which ``head`` are the labels; or one number.

    A number's answer is the label nearest to it.
    """
    if len(outputs) == 1:
        value = outputs[0]
        far = [abs(value - number) for number in numbers(labels)]
        return Chosen(far.index(min(far)), text=repr(value))
    logprobs = torch.tensor(outputs, dtype=torch.float64).log_softmax(-1).tolist()
    return choose([Score((logprobs[number],), True) for number in head])


def _labels(question: Question) -> tuple[str, ...]:
    assert isinstance(question.request, Choose)
    return question.request.labels or question.request.choices


def _inputs(question: Question) -> tuple[str, ...]:
    """The one text or the pair that the head reads; Unsupported when the task gives none."""
    assert isinstance(question.request, Choose)
    inputs = question.request.inputs
    if len(inputs) not in (1, 2):
        raise Unsupported(f"task {question.task!r} gives {len(inputs)} inputs; a classifier reads one text or a pair")
    return inputs
