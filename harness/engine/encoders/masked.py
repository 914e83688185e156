"""Masked language models answer by pseudo-log-likelihood: each scored token is masked once, predicted from the rest.

PLL(text) = sum over its tokens of log P(token | all other tokens), Salazar et al. 2020 (Masked Language Model Scoring).
With a context, or the prompt of a Choose, only the tokens behind it are scored; they see it whole. A choice of several
tokens is masked one token at a time, as any text is. The tokenizer's special tokens stand around and are not scored.
A PseudoLikelihood scores only the tokens that its text shares with another, as CrowS-Pairs does (Nangia et al. 2020).
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from typing import Any

import torch
from torch import Tensor

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
    refuse_strides,
    window,
)
from harness.engine.respond import Score, respond
from harness.engine.special import pair
from harness.engine.tally import Tally
from harness.errors import ModelError, TooLong
from harness.types import Choose, Likelihood, ModelInfo, PseudoLikelihood, Question

GROUP = 16
"""Forward passes whose answers are finished together, so that texts of equal length can meet in one."""


@dataclass(frozen=True, slots=True)
class Masking:
    """A text with its special tokens, and the positions that are masked, one at a time."""

    tokens: tuple[int, ...]
    scored: tuple[int, ...]


Text = tuple[str, str, str | None]
"""(context, text, the other text that it must share a token with for this to be scored, or None)"""
Prediction = tuple[float, bool]
"""log P of one token, and whether it was the likeliest."""


def open_masked(checkpoint: Checkpoint) -> "Masked":
    """The backend for a model that predicts masked tokens.

    Raises ModelError when its tokenizer has no mask token, or cannot say where in a text a token stands.
    """
    if checkpoint.tokenizer.mask_token_id is None or not checkpoint.tokenizer.is_fast:
        raise ModelError(f"model {checkpoint.name!r}: a masked model needs a fast tokenizer with a mask token")
    return Masked(checkpoint)


class Masked:
    """A masked model: all maskings of a text, and of texts of its length, in one forward pass."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.limit = window(checkpoint)
        fingerprint = {**checkpoint.fingerprint, "likelihood": "pseudo-log-likelihood, one mask at a time"}
        self.info = ModelInfo(checkpoint.name, fingerprint, ANSWERS["masked"], self.limit, pinned=True)
        self.tally = Tally()
        self.budget = budget_of(checkpoint.options)

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """See Backend. Raises TooLong and Unsupported before anything is computed."""
        return self.plan(questions).answer(done)

    def plan(self, questions: Sequence[Question]) -> Agenda:
        """See Planner."""
        refuse_kinds(questions, self.info.answers, self.info.name)
        refuse_strides(questions, "a masked model sees both sides of every token: a stride means nothing to it")
        with self.tally.timed("tokenise"):
            distinct = positions_of([texts_of(question) for question in questions])
            plans = [[self._maskings(text) for text in texts] for texts in distinct]
        lengths = dict.fromkeys(range(len(questions)), 0)
        for parts, positions in zip(plans, distinct.values(), strict=True):
            longest = max((len(one.tokens) for part in parts for one in part), default=0)
            lengths.update(dict.fromkeys(positions, longest))
        refuse_long(questions, list(lengths.values()), self.limit)
        places = list(distinct.values())
        costs = [_cost(parts) for parts in plans]
        groups = by_length(costs, GROUP * self.budget, padding=sum(costs) * len(costs))
        return agenda(
            [
                Bundle(
                    tuple(position for i in indices for position in places[i]),
                    sum(costs[i] for i in indices),
                    partial(self._batch, questions, [(places[i], plans[i]) for i in indices]),
                )
                for indices in groups
            ],
            self.tally,
        )

    def stats(self) -> Mapping[str, float | str]:
        """Tokens, padding, seconds and memory so far."""
        return self.tally.stats("masked", self.checkpoint.device, self.checkpoint.load_seconds)

    def _maskings(self, text: Text) -> list[Masking]:
        """One masking, or several disjoint windows of a text without context that is longer than the model reads."""
        tokenizer = self.checkpoint.tokenizer
        context, body, other = text
        if other is not None:
            return [_shared(tokenizer, body, other)]
        context, body = pair(context, body) if context else (context, body)
        encoding = tokenizer(context + body, return_offsets_mapping=True, return_special_tokens_mask=True)
        tokens: list[int] = encoding["input_ids"]
        inner = [i for i, special in enumerate(encoding["special_tokens_mask"]) if not special]
        scored = tuple(i for i in inner if encoding["offset_mapping"][i][1] > len(context))
        if self.limit is None or len(tokens) <= self.limit:
            return [Masking(tuple(tokens), scored)]
        room = self.limit - (len(tokens) - len(inner))
        head, tail = tokens[: inner[0]], tokens[inner[-1] + 1 :]
        if not context and room > 0:
            parts = [tokens[inner[i] : inner[i] + room] for i in range(0, len(inner), room)]
            parts = [part[: inner[-1] + 1 - inner[i * room]] for i, part in enumerate(parts)]
            return [_around(head, part, tail, 0) for part in parts]
        if self.checkpoint.options.truncate == "left":
            if len(scored) > room:
                raise TooLong(f"a text of {len(scored)} tokens leaves no room for its context in {self.limit}")
            self.tally.cut += 1
            return [_around(head, tokens[inner[-1] + 1 - room : inner[-1] + 1], tail, room - len(scored))]
        return [Masking(tuple(tokens), scored)]

    def _batch(self, questions: Sequence[Question], texts: Sequence[tuple[list[int], list[list[Masking]]]]) -> Batch:
        """Answers from the maskings of some texts, each with the positions of the questions that ask it."""
        predictions = self.predict([one for _, parts in texts for part in parts for one in part])
        batch: Batch = []
        for positions, maskings in texts:
            scores = [_score([one for _ in part for one in next(predictions)]) for part in maskings]
            self.tally.asked += _cost(maskings) * len(positions)
            batch += [(position, respond(questions[position], scores)) for position in positions]
        return batch

    def predict(self, maskings: Sequence[Masking]) -> Iterator[list[Prediction]]:
        """What the model says of every scored token of every masking, in order."""
        rows = [(one, position) for one in maskings for position in one.scored]
        predictions: dict[int, Prediction] = {}
        for indices in by_length([len(one.tokens) for one, _ in rows], self.budget):
            results = halving(lambda part: self._predict([rows[i] for i in part]), indices)
            predictions.update(zip(indices, results, strict=True))
        at = 0
        for one in maskings:
            yield [predictions[i] for i in range(at, at + len(one.scored))]
            at += len(one.scored)

    @torch.inference_mode()
    def _predict(self, rows: Sequence[tuple[Masking, int]]) -> list[Prediction]:
        """One forward pass over texts that each have one token masked."""
        tokenizer, model = self.checkpoint.tokenizer, self.checkpoint.model
        ids, mask = padded([one.tokens for one, _ in rows], tokenizer.pad_token_id or 0, model.device)
        at = torch.tensor([position for _, position in rows], device=model.device)
        every = torch.arange(len(rows), device=model.device)
        targets = ids[every, at]
        ids[every, at] = tokenizer.mask_token_id
        with reading(model, at):
            logits = model(input_ids=ids, attention_mask=mask).logits
        logits = (logits[:, 0] if logits.shape[1] == 1 else logits[every, at]).float()  # [rows, vocab]
        self.tally.add(computed=ids.numel(), padding=ids.numel() - int(mask.sum()), logits=len(rows))
        logprobs = logits[every, targets] - logits.logsumexp(-1)
        likeliest = logits.argmax(-1) == targets
        return list(zip(logprobs.tolist(), likeliest.tolist(), strict=True))


def _cost(parts: Sequence[Sequence[Masking]]) -> int:
    """Tokens that go through the model: a text once for every token that is masked in it."""
    return sum(len(one.tokens) * len(one.scored) for part in parts for one in part)


def _score(predictions: Sequence[Prediction]) -> Score:
    return Score(tuple(logprob for logprob, _ in predictions), all(likeliest for _, likeliest in predictions))


def texts_of(question: Question) -> tuple[Text, ...]:
    """What is scored: every choice after the prompt, or the text after its context."""
    request = question.request
    if isinstance(request, Choose):
        return tuple((request.prompt, choice, None) for choice in request.choices)
    if isinstance(request, PseudoLikelihood):
        return (("", request.text, request.other),)
    assert isinstance(request, Likelihood)
    return ((request.context, request.text, None),)


def _shared(tokenizer: Any, text: str, other: str) -> Masking:
    """``text`` with those of its tokens scored that difflib finds in the tokens of ``other``, in the same order."""
    encoding = tokenizer(text, return_special_tokens_mask=True)
    tokens: list[int] = encoding["input_ids"]
    blocks = SequenceMatcher(None, tokens, tokenizer(other)["input_ids"]).get_matching_blocks()
    equal = (i for block in blocks for i in range(block.a, block.a + block.size))
    return Masking(tuple(tokens), tuple(i for i in equal if not encoding["special_tokens_mask"][i]))


def _around(head: list[int], part: list[int], tail: list[int], skip: int) -> Masking:
    """``part`` between special tokens, scored but for its first ``skip`` tokens."""
    first = len(head) + skip
    return Masking((*head, *part, *tail), tuple(range(first, len(head) + len(part))))


@contextmanager
def reading(model: Any, at: Tensor) -> Iterator[None]:
    """While this lasts the output layer sees one position of each row, so that no other logits are computed."""
    output = model.get_output_embeddings()
    if not isinstance(output, torch.nn.Linear):
        yield
        return

    def select(_: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden = inputs[0]  # [rows, tokens, width]
        return (hidden[torch.arange(len(at), device=hidden.device), at][:, None], *inputs[1:])

    handle = output.register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()
