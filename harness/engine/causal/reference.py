"""The definition that every fast path is tested against: one request at a time, no cache, no packing, no sharing.

What is asked of the model (``encode``) and how a token is drawn are the same for both, as they say what an answer is.
How logits become log-probabilities, an answer and its end is written here once more.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from harness.engine.backend import Batch
from harness.engine.causal.encode import Encoded, Encoder, Prompt, Span, encode
from harness.engine.causal.rotations import forget_lengths
from harness.engine.checkpoint import ANSWERS, Checkpoint
from harness.engine.respond import Score
from harness.engine.sampling import pick, stream
from harness.engine.special import cut, end_tokens
from harness.engine.tally import Tally
from harness.engine.thinking import Thinking
from harness.types import Choose, Chosen, Failed, Generate, Generated, Likelihood, ModelInfo, Question, Response, Scored


@torch.inference_mode()
def logits(model: Any, tokens: Sequence[int]) -> Tensor:
    """Logits [tokens, vocab] in float32 after every one of ``tokens``, from one plain forward pass."""
    ids = torch.as_tensor([[int(token) for token in tokens]], device=model.device)
    forget_lengths(model)
    output: Tensor = model(input_ids=ids, use_cache=False).logits[0]
    return output.float()


def score(model: Any, span: Span) -> Score:
    """log P(tokens[start:] | tokens[:start]), token by token."""
    after = logits(model, span.tokens[:-1].tolist())[span.start - 1 :]  # [predicted, vocab]
    targets = torch.as_tensor(span.tokens[span.start :], device=after.device).long()
    # Row by row in float64: a float32 log-softmax over a large vocabulary is off by 1e-5, always to the same side.
    mass = torch.stack([row.double().logsumexp(-1) for row in after.cpu()])
    picked = after.gather(-1, targets[:, None])[:, 0].cpu().double() - mass
    return Score(tuple(picked.tolist()), bool((after.argmax(-1) == targets).all()))


def generate(
    model: Any, tokenizer: Any, prompt: Prompt, request: Generate, thinking: Thinking | None = None
) -> Generated | Failed:
    """Append token after token until a stop string, an end token or ``max_tokens``; nothing is kept between steps.

    Of a model that thinks first, stop strings are looked for in the answer alone.
    """
    ends = end_tokens(model, tokenizer)
    key = stream(request, prompt.tokens.tolist())
    tokens: list[int] = []
    text = ""
    finish: Literal["stop", "length", "end"] = "length"
    while len(tokens) < request.max_tokens and finish == "length":
        after = logits(model, [*prompt.tokens.tolist(), *tokens])[-1]
        token = pick(after, request, key, len(tokens))
        if token in ends:
            finish = "end"
            continue
        tokens.append(token)
        text = tokenizer.decode(tokens, skip_special_tokens=thinking is None)
        answer = (thinking.parts(text) or ("", ""))[1] if thinking else text
        finish = "stop" if cut(answer, request.stop)[1] else "length"
    if thinking:
        return thinking.read(Generated(text, len(tokens), finish), request.stop)
    return Generated(cut(text, request.stop)[0], len(tokens), finish)


def respond_by_definition(request: Choose | Likelihood, scores: Sequence[Score]) -> Response:
    """What the scores of a request's spans add up to; written apart from ``respond``, which is compared with it."""
    totals, sizes = [sum(one.logprobs) for one in scores], [len(one.logprobs) for one in scores]
    if isinstance(request, Choose):
        return Chosen(int(np.argmax(totals)), tuple(totals), tuple(sizes))
    each = tuple(chain.from_iterable(one.logprobs for one in scores))
    size = len(request.text.encode("utf-8"))
    return Scored(sum(each), sum(sizes), size, not any(not one.greedy for one in scores), each)


class Reference:
    """A causal model that answers by definition; every answer is a batch of its own."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.encoder = Encoder(checkpoint.tokenizer, checkpoint.options, checkpoint.context, checkpoint.rows)
        answers = ANSWERS["causal"]
        self.info = ModelInfo(checkpoint.name, dict(checkpoint.fingerprint), answers, checkpoint.context, pinned=True)
        self.tally = Tally()

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """See Backend. Raises TooLong before anything is computed."""
        with self.tally.timed("tokenise"):
            encoded = encode(questions, self.encoder)
        self.tally.cut = self.encoder.cut
        return self._answers(questions, encoded, done)

    def _answers(
        self, questions: Sequence[Question], encoded: Sequence[Encoded], done: Container[int]
    ) -> Iterator[Batch]:
        for index, (question, asked) in enumerate(zip(questions, encoded, strict=True)):
            if index in done:
                continue
            with self.tally.timed("compute"):
                response = self.one(question, asked)
            yield [(index, response)]

    def one(self, question: Question, asked: Encoded) -> Response:
        """The answer to one encoded question."""
        if isinstance(asked, Failed):
            return asked
        model = self.checkpoint.model
        if isinstance(asked, Prompt):
            assert isinstance(question.request, Generate)
            return generate(model, self.checkpoint.tokenizer, asked, question.request, self.encoder.thinking)
        assert isinstance(question.request, Choose | Likelihood)
        count = sum(len(span.tokens) - 1 for span in asked)
        self.tally.add(asked=count, computed=count)
        return respond_by_definition(question.request, [score(model, span) for span in asked])

    def stats(self) -> Mapping[str, float | str]:
        """Tokens computed (every one of every request but those of generated answers) and seconds."""
        return self.tally.stats("reference", self.checkpoint.device, self.checkpoint.load_seconds)
