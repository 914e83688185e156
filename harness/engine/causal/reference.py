"""The definition that every fast path is tested against: one request at a time, no cache, no packing, no sharing."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from harness.engine.backend import Batch
from harness.engine.causal.carry import forget_lengths
from harness.engine.causal.encode import Encoded, Encoder, Prompt, Span, encode
from harness.engine.checkpoint import Checkpoint
from harness.engine.sampling import cut, pick, stream
from harness.types import Choose, Chosen, Failed, Generate, Generated, Likelihood, ModelInfo, Question, Response, Scored


@dataclass(frozen=True, slots=True)
class Score:
    """log P of every predicted token of one span (natural log), and whether each was the likeliest."""

    logprobs: tuple[float, ...]
    greedy: bool


@torch.inference_mode()
def logits(model: Any, tokens: Sequence[int]) -> Tensor:
    """Logits [tokens, vocab] in float32 after every one of ``tokens``, from one plain forward pass."""
    ids = torch.as_tensor([[int(token) for token in tokens]], device=model.device)
    forget_lengths(model)
    found: Tensor = model(input_ids=ids, use_cache=False).logits[0]
    return found.float()


def score(model: Any, span: Span) -> Score:
    """log P(tokens[start:] | tokens[:start]), token by token."""
    after = logits(model, span.tokens[:-1].tolist())[span.start - 1 :]  # [predicted, vocab]
    targets = torch.as_tensor(span.tokens[span.start :], device=after.device).long()
    # Row by row in float64: a float32 log-softmax over a large vocabulary is off by 1e-5, always to the same side.
    mass = torch.stack([row.double().logsumexp(-1) for row in after.cpu()])
    picked = after.gather(-1, targets[:, None])[:, 0].cpu().double() - mass
    return Score(tuple(picked.tolist()), bool((after.argmax(-1) == targets).all()))


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer, by the tokenizer and by the model's generation config."""
    config = model.generation_config.eos_token_id if model.generation_config is not None else None
    found = config if isinstance(config, list) else [config]
    return frozenset(int(token) for token in (*found, tokenizer.eos_token_id) if token is not None)


def generate(model: Any, tokenizer: Any, prompt: Prompt, request: Generate) -> Generated:
    """Append token after token until a stop string, an end token or ``max_tokens``; nothing is kept between steps."""
    ends = end_tokens(model, tokenizer)
    key = stream(request, prompt.tokens.tolist())
    made: list[int] = []
    text = ""
    while len(made) < request.max_tokens:
        after = logits(model, [*prompt.tokens.tolist(), *made])[-1]
        token = pick(after, request, key, len(made))
        if token in ends:
            return Generated(text, len(made), "end")
        made.append(token)
        text, stopped = cut(tokenizer.decode(made, skip_special_tokens=True), request.stop)
        if stopped:
            return Generated(text, len(made), "stop")
    return Generated(text, len(made), "length")


def respond(question: Question, scores: Sequence[Score]) -> Response:
    """The response that the scores of a question's spans add up to."""
    request = question.request
    if isinstance(request, Choose):
        sums = tuple(sum(found.logprobs) for found in scores)
        picked = max(range(len(sums)), key=sums.__getitem__)
        return Chosen(picked, sums, tuple(len(found.logprobs) for found in scores))
    assert isinstance(request, Likelihood)
    tokens = tuple(logprob for found in scores for logprob in found.logprobs)
    greedy = all(found.greedy for found in scores)
    return Scored(sum(tokens), len(tokens), len(request.text.encode()), greedy, tokens)


class Reference:
    """A causal model that answers by definition; every answer is a batch of its own."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.encoder = Encoder(checkpoint.tokenizer, checkpoint.options, checkpoint.context, checkpoint.rows)
        answers: frozenset[type] = frozenset({Choose, Generate, Likelihood})
        self.info = ModelInfo(checkpoint.name, dict(checkpoint.fingerprint), answers, checkpoint.context, pinned=True)
        self._seconds = 0.0
        self._tokens = 0

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """See Backend. Raises TooLong before anything is computed."""
        encoded = encode(questions, self.encoder)
        return self._answers(questions, encoded, done)

    def _answers(
        self, questions: Sequence[Question], encoded: Sequence[Encoded], done: Container[int]
    ) -> Iterator[Batch]:
        for index, (question, asked) in enumerate(zip(questions, encoded, strict=True)):
            if index in done:
                continue
            started = perf_counter()
            response = self.one(question, asked)
            self._seconds += perf_counter() - started
            yield [(index, response)]

    def one(self, question: Question, asked: Encoded) -> Response:
        """The answer to one encoded question."""
        if isinstance(asked, Failed):
            return asked
        model = self.checkpoint.model
        if isinstance(asked, Prompt):
            assert isinstance(question.request, Generate)
            return generate(model, self.checkpoint.tokenizer, asked, question.request)
        self._tokens += sum(len(span.tokens) - 1 for span in asked)
        return respond(question, [score(model, span) for span in asked])

    def stats(self) -> Mapping[str, float | str]:
        """Tokens computed (every one of every request) and seconds."""
        return {
            "path": "reference",
            "tokens_asked": float(self._tokens),
            "tokens_computed": float(self._tokens),
            "prompts_cut": float(self.encoder.cut),
            "seconds_compute": self._seconds,
            "seconds_load": self.checkpoint.load_seconds,
        }
