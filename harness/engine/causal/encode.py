"""From questions to token ids: what a causal model is asked, with lm-evaluation-harness's token boundaries."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.engine.backend import Options
from harness.engine.causal.pieces import Pieces
from harness.engine.chat import messages_of, open_chat
from harness.engine.files import said
from harness.engine.seams import keeps_to_seams
from harness.engine.special import Tokens, after, bare, head_of, opens, pair
from harness.errors import TooLong, Unsupported
from harness.types import Choose, Failed, Generate, Likelihood, Message, Question

ROLLING = 2048
"""Window of a rolling likelihood on a model that does not say how much it can read."""
_CHUNK = 2048  # texts per call of the tokenizer: bounds the Python lists that it makes


@dataclass(frozen=True, slots=True)
class Span:
    """Ask for log P(tokens[start:] | tokens[:start]); 1 <= start < len(tokens)."""

    tokens: Tokens
    start: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """Ask for a continuation of ``tokens``."""

    tokens: Tokens


Encoded = tuple[Span, ...] | Prompt | Failed
"""What one question asks of the model: a span for every choice or window, a prompt, or why it cannot be asked."""


class Encoder:
    """A tokenizer with the conventions of one model: the tokens before every text, chat template and context.

    ``head``: what the tokenizer puts before a text (BOS, for most that put anything); what it would put behind a text
    is left out, as an end token ends a prompt. ``start``: what a text without context follows: the head, or else BOS
    or EOS; empty for a tokenizer that has none of them. ``context``: tokens that the model can read at once, None if
    unlimited. ``rows``: how many tokens it has embeddings for, None when no token lacks one. ``cut``: how many prompts
    lost their start. ``thinking``: how the model thinks in a chat, None where it does not.
    """

    def __init__(self, tokenizer: Any, options: Options, context: int | None, rows: int | None = None) -> None:
        self.tokenizer = tokenizer
        self.options = options
        self.context = context
        self.rows = rows
        self.cut = 0
        self.head = np.asarray(head_of(tokenizer), dtype=np.int32)
        marks = [mark for mark in (tokenizer.bos_token_id, tokenizer.eos_token_id) if mark is not None]
        self.start = self.head if len(self.head) else np.asarray(marks[:1], dtype=np.int32)
        self._chat = open_chat(tokenizer, options) if options.chat else None
        self.thinking = self._chat.thinking if self._chat is not None else None
        written = self._chat is not None and self._chat.opens_with(tokenizer.convert_ids_to_tokens(self.head.tolist()))
        self._before_prompt = self.head[:0] if written else self.head
        self._parts = keeps_to_seams(tokenizer)

    def texts(self, texts: Iterable[str], prompts: bool = True) -> dict[str, Tokens]:
        """Token ids of every distinct text: of prompts behind the head, written once whoever writes it; else bare.

        What texts begin with alike is tokenised once, where that provably changes no token.
        """
        distinct = list(dict.fromkeys(texts))
        head = self._before_prompt if prompts else self.head[:0]
        if not self._parts:
            return {text: after(head, tokens) for text, tokens in zip(distinct, self._bare(distinct), strict=True)}
        pieces = Pieces(distinct)
        known = list(self._bare(pieces.distinct))
        return {text: after(head, pieces.tokens(text, known)) for text in distinct}

    def _bare(self, texts: list[str]) -> Iterator[Tokens]:
        """Token ids of every text, in order, without anything around them."""
        chunks = [texts[at : at + _CHUNK] for at in range(0, len(texts), _CHUNK)]
        with ThreadPoolExecutor(1) as pool:  # the next chunk is encoded while this one becomes arrays
            ahead = [pool.submit(bare, self.tokenizer, chunk) for chunk in chunks[:1]]
            for number in range(len(chunks)):
                started = ahead.pop()
                try:
                    encoded = started.result()
                except Exception as error:  # the tokenizers library raises no narrower type
                    raise Unsupported(f"the model's tokenizer cannot encode a text: {said(error)}") from error
                ahead += [pool.submit(bare, self.tokenizer, one) for one in chunks[number + 1 : number + 2]]
                for ids in encoded:
                    yield np.asarray(ids, dtype=np.int32)

    def read_before(self, request: Choose | Generate) -> str:
        """What the model reads before it answers: in a chat the messages behind its template, else the prompt."""
        if self._chat is None:
            return request.prompt
        messages = messages_of(request)
        return self._chat.render(messages) if isinstance(request, Generate) else self._chat.before_choice(messages)

    def context_before(self, request: Likelihood) -> str:
        """What stands before a text that is scored, as a user's turn in a chat."""
        if self._chat is None or not request.context:
            return request.context
        return self._chat.before_choice([Message("user", request.context)])


def windows(tokens: Tokens, start: int | Tokens, length: int, stride: int | None) -> tuple[Span, ...]:
    """Spans that predict every one of ``tokens`` exactly once, none reading more than ``length``.

    The first predicts as many as fit after ``start``; each following one the next ``stride`` (default: ``length``,
    disjoint windows), with as much left context as fits: lm-evaluation-harness's loglikelihood_rolling.
    """
    head = np.atleast_1d(np.asarray(start, dtype=np.int32))
    full = np.concatenate((head, tokens)).astype(np.int32)
    count = len(full)
    end = min(length + 1, count)  # tokens that have been predicted, or need not be
    spans = [Span(full[:end], len(head))] if len(tokens) else []
    while end < count:
        step = min(stride or length, length, count - end)
        end += step
        spans.append(Span(full[end - length - 1 : end], length + 1 - step))
    return tuple(spans)


def encode(questions: Sequence[Question], encoder: Encoder) -> list[Encoded]:
    """What every question asks of a causal model, in order.

    Raises TooLong when prompts exceed the context and the options do not say to truncate.
    """
    asked = [_texts(question, encoder) for question in questions]
    prompts = encoder.texts(text for texts in asked for text in texts.prompts)
    plain = encoder.texts((text for texts in asked for text in texts.plain), prompts=False)
    encoded = [_spans(q, texts, prompts, plain, encoder) for q, texts in zip(questions, asked, strict=True)]
    if encoder.rows is not None:
        encoded = [_known(one, encoder.rows, encoder.tokenizer) for one in encoded]
    fitting = fit(questions, encoded, encoder.context, encoder.options.truncate)
    encoder.cut += sum(one is not whole for one, whole in zip(fitting, encoded, strict=True))
    return fitting


@dataclass(frozen=True, slots=True)
class _Texts:
    """The strings of one question that need token ids: prompts, alone and with what follows them, or bare texts."""

    prompts: tuple[str, ...]
    plain: tuple[str, ...] = ()


def _continuations(request: Choose | Likelihood, encoder: Encoder) -> tuple[str, tuple[str, ...]]:
    """The context and what may follow it; behind a chat template the answer's leading space goes."""
    if isinstance(request, Likelihood):
        return encoder.context_before(request), (request.text,)
    choices = tuple(c.lstrip(" ") or c for c in request.choices) if encoder.options.chat else request.choices
    return encoder.read_before(request), choices


def _texts(question: Question, encoder: Encoder) -> _Texts:
    request = question.request
    if isinstance(request, Generate):
        return _Texts((encoder.read_before(request),))
    assert isinstance(request, Choose | Likelihood)
    context, choices = _continuations(request, encoder)
    if not context:
        return _Texts((), choices)
    head = pair(context, "")[0]
    return _Texts((head, *(context + choice for choice in choices)))


def _spans(
    question: Question, texts: _Texts, prompts: dict[str, Tokens], plain: dict[str, Tokens], encoder: Encoder
) -> Encoded:
    request = question.request
    if isinstance(request, Generate):
        tokens = prompts[texts.prompts[0]]
        return Prompt(tokens) if len(tokens) else _without_start(encoder) or Prompt(encoder.start)
    if isinstance(request, Likelihood) and texts.plain:
        tokens = plain[request.text]
        tokens = tokens[len(encoder.start) :] if opens(tokens, encoder.start) else tokens
        spans = windows(tokens, encoder.start, encoder.context or ROLLING, request.stride) if len(encoder.start) else ()
        return spans or _without_start(encoder) or Failed("empty", "the text has no tokens")
    if texts.plain:
        wholes, length = [after(encoder.start, plain[choice]) for choice in texts.plain], len(encoder.start)
    else:
        head, *wholes = (prompts[text] for text in texts.prompts)
        length = len(head)
    if not length:
        wholes, length = [after(encoder.start, whole) for whole in wholes], len(encoder.start)
    if not length:
        return _without_start(encoder) or Failed("empty", "the prompt has no tokens")
    for number, whole in enumerate(wholes):
        if length >= len(whole):
            return Failed("empty", f"choice {number} of {question.task} {question.example} has no tokens")
    return tuple(Span(whole, length) for whole in wholes)


def _without_start(encoder: Encoder) -> Failed | None:
    """The failure of a text without context, where the tokenizer has no token that it could follow."""
    if len(encoder.start):
        return None
    return Failed(
        "no-start", "the tokenizer has neither a BOS nor an EOS token that a text without context could follow"
    )


def _known(encoded: Encoded, rows: int, tokenizer: Any) -> Encoded:
    """``encoded``, or the failure of a text with a token that the model has no embedding for."""
    if isinstance(encoded, Failed):
        return encoded
    parts = (encoded.tokens,) if isinstance(encoded, Prompt) else tuple(span.tokens for span in encoded)
    highest = max(int(tokens.max()) for tokens in parts)
    if highest < rows:
        return encoded
    name = str(tokenizer.convert_ids_to_tokens(highest))[:200]
    return Failed("no-embedding", f"the text holds the token {name!r}, which the model has no embedding for")


# ------------------------------------------------------------------------------------------------------------- length
def fit(
    questions: Sequence[Question], encoded: list[Encoded], context: int | None, truncate: str | None
) -> list[Encoded]:
    """Cut what exceeds ``context`` from the left, or raise TooLong with the number of examples per task."""
    if context is None:
        return encoded
    long = [i for i, (q, e) in enumerate(zip(questions, encoded, strict=True)) if _length(q, e) > context]
    if not long:
        return encoded
    if truncate is None:
        raise TooLong(_complaint([questions[i] for i in long], context))
    kept = list(encoded)
    for i in long:
        kept[i] = _cut(questions[i], encoded[i], context)
    return kept


def _length(question: Question, encoded: Encoded) -> int:
    """Tokens that the model would have to read: the last one of a span is predicted, never read."""
    if isinstance(encoded, Failed):
        return 0
    if isinstance(encoded, Prompt):
        assert isinstance(question.request, Generate)
        return len(encoded.tokens) + question.request.max_tokens
    return max(len(span.tokens) - 1 for span in encoded)


def _complaint(questions: Sequence[Question], context: int) -> str:
    examples: dict[str, set[str]] = {}
    for question in questions:
        examples.setdefault(question.task, set()).add(question.example)
    total = sum(map(len, examples.values()))
    each = ", ".join(f"{name}: {len(ids)}" for name, ids in sorted(examples.items()))
    return (
        f"{total} example{'s' * (total != 1)} longer than the model's context of {context} tokens ({each}); "
        "--truncate left cuts prompts from the left"
    )


def _cut(question: Question, encoded: Encoded, context: int) -> Encoded:
    assert not isinstance(encoded, Failed)
    if isinstance(encoded, Prompt):
        assert isinstance(question.request, Generate)
        room = context - question.request.max_tokens
        if room < 1:
            return Failed("too-long", f"{question.request.max_tokens} new tokens leave no room in {context}")
        return Prompt(encoded.tokens[-room:])
    spans = []
    for span in encoded:
        extra = max(0, len(span.tokens) - 1 - context)
        if span.start - extra < 1:
            return Failed("too-long", f"a choice alone is longer than the context of {context} tokens")
        spans.append(Span(span.tokens[extra:], span.start - extra))
    return tuple(spans)
