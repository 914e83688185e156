"""From questions to token ids: what a causal model is asked, with lm-evaluation-harness's token boundaries."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.engine.backend import Options
from harness.errors import TooLong
from harness.types import Choose, Failed, Generate, Likelihood, Question

Tokens = NDArray[np.int32]
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
    """A tokenizer with the conventions of one model: its prefix token, chat template and context.

    ``context``: tokens that the model can read at once, None if unlimited. ``cut``: how many prompts lost their start.
    """

    def __init__(self, tokenizer: Any, options: Options, context: int | None) -> None:
        self.tokenizer = tokenizer
        self.options = options
        self.context = context
        self.cut = 0
        prefix = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        self.prefix = int(prefix or 0)
        self._bos = tokenizer.decode([self.prefix])
        self.eos = tokenizer.eos_token_id

    def texts(self, texts: Iterable[str], special: bool = True) -> dict[str, Tokens]:
        """Token ids of every distinct text; a text that already opens with the prefix token gets no second one."""
        distinct = list(dict.fromkeys(texts))
        bare = [text for text in distinct if not special or (self._bos and text.startswith(self._bos))]
        skip = set(bare)
        full = [text for text in distinct if text not in skip]
        return dict(self._run(bare, False)) | dict(self._run(full, True))

    def _run(self, texts: list[str], special: bool) -> Iterator[tuple[str, Tokens]]:
        for at in range(0, len(texts), _CHUNK):
            chunk = texts[at : at + _CHUNK]
            for text, ids in zip(chunk, self._ids(chunk, special), strict=True):
                yield text, np.asarray(ids, dtype=np.int32)

    def _ids(self, texts: list[str], special: bool) -> list[list[int]]:
        """A fast tokenizer's own batch call leaves out the offsets and masks that nobody reads here."""
        if not self.tokenizer.is_fast:
            return [self.tokenizer.encode(text, add_special_tokens=special) for text in texts]
        backend = self.tokenizer.backend_tokenizer
        backend.no_padding()
        backend.no_truncation()
        return [found.ids for found in backend.encode_batch_fast(texts, add_special_tokens=special)]

    def chat(self, prompt: str) -> str:
        """The prompt as a user's turn when the options ask for chat, else unchanged."""
        if not self.options.chat:
            return prompt
        turns = [{"role": "system", "content": self.options.system}] if self.options.system else []
        turns.append({"role": "user", "content": prompt})
        return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def pair(context: str, text: str) -> tuple[str, str]:
    """Move the trailing white space of ``context`` to ``text``, where tokenizers keep it."""
    stripped = context.rstrip()
    return stripped, context[len(stripped) :] + text


def windows(tokens: Tokens, prefix: int, length: int, stride: int | None) -> tuple[Span, ...]:
    """Spans that predict every one of ``tokens`` exactly once, none reading more than ``length``.

    The first predicts as many as fit after ``prefix``; each following one the next ``stride`` (default: ``length``,
    disjoint windows), with as much left context as fits: lm-evaluation-harness's loglikelihood_rolling.
    """
    full = np.concatenate(([np.int32(prefix)], tokens)).astype(np.int32)
    count = len(tokens)
    end = min(length, count)
    spans = [Span(full[: end + 1], 1)] if count else []
    while end < count:
        step = min(stride or length, length, count - end)
        end += step
        spans.append(Span(full[end - length : end + 1], length + 1 - step))
    return tuple(spans)


def encode(questions: Sequence[Question], encoder: Encoder) -> list[Encoded]:
    """What every question asks of a causal model, in order.

    Raises TooLong when prompts exceed the context and the options do not say to truncate.
    """
    asked = [_texts(question, encoder) for question in questions]
    special = encoder.texts(text for texts in asked for text in texts.special)
    plain = encoder.texts((text for texts in asked for text in texts.plain), special=False)
    made = [_spans(q, texts, special, plain, encoder) for q, texts in zip(questions, asked, strict=True)]
    fitting = fit(questions, made, encoder.context, encoder.options.truncate)
    encoder.cut += sum(one is not whole for one, whole in zip(fitting, made, strict=True))
    return fitting


@dataclass(frozen=True, slots=True)
class _Texts:
    """The strings of one question that need token ids, with and without the tokenizer's special tokens."""

    special: tuple[str, ...]
    plain: tuple[str, ...] = ()


def _continuations(request: Choose | Likelihood, encoder: Encoder) -> tuple[str, tuple[str, ...]]:
    """The context and what may follow it; behind a chat template the answer's leading space goes."""
    if isinstance(request, Likelihood):
        return (encoder.chat(request.context) if request.context else ""), (request.text,)
    choices = tuple(c.lstrip(" ") or c for c in request.choices) if encoder.options.chat else request.choices
    return encoder.chat(request.prompt), choices


def _texts(question: Question, encoder: Encoder) -> _Texts:
    request = question.request
    if isinstance(request, Generate):
        return _Texts((encoder.chat(request.prompt),))
    assert isinstance(request, Choose | Likelihood)
    context, choices = _continuations(request, encoder)
    if isinstance(request, Likelihood) and not context:
        return _Texts((request.text,))
    if not context:
        return _Texts((), choices)
    head = pair(context, "")[0]
    return _Texts((head, *(context + choice for choice in choices)))


def _spans(
    question: Question, texts: _Texts, special: dict[str, Tokens], plain: dict[str, Tokens], encoder: Encoder
) -> Encoded:
    request = question.request
    if isinstance(request, Generate):
        tokens = special[texts.special[0]]
        return Prompt(tokens if len(tokens) else np.array([encoder.prefix], np.int32))
    if isinstance(request, Likelihood) and not request.context:
        spans = windows(special[request.text], encoder.prefix, encoder.context or ROLLING, request.stride)
        return spans or Failed("empty", "the text has no tokens")
    if texts.plain:
        made = [_after_prefix(plain[choice], encoder.prefix) for choice in texts.plain]
    else:
        head, *wholes = (special[text] for text in texts.special)
        made = [_split(whole, len(head), encoder.prefix) for whole in wholes]
    for number, span in enumerate(made):
        if span.start >= len(span.tokens):
            return Failed("empty", f"choice {number} of {question.task.name} {question.example.id} has no tokens")
    return tuple(made)


def _after_prefix(tokens: Tokens, prefix: int) -> Span:
    """A text without context follows the prefix token, unless it opens with that itself."""
    if len(tokens) and tokens[0] == prefix:
        return Span(tokens, 1)
    return Span(np.concatenate(([np.int32(prefix)], tokens)).astype(np.int32), 1)


def _split(whole: Tokens, head: int, prefix: int) -> Span:
    return Span(whole, head) if head else _after_prefix(whole, prefix)


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
        examples.setdefault(question.task.name, set()).add(question.example.id)
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
