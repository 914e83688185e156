"""What a local model reads, decoded from its own tokens."""

from collections.abc import Iterator, Sequence

from harness.api.prompts import ShownPrompt, parts_of, shown_as
from harness.engine.backend import Options
from harness.engine.causal.encode import Encoded, Prompt
from harness.engine.unloaded import Unloaded, open_unloaded
from harness.errors import Unsupported
from harness.types import Choose, Failed, Generate, Question, Request


def read_by(model: str, questions: Sequence[Question], options: Options) -> list[ShownPrompt]:
    """Each question as the model's tokenizer turns it into tokens. Raises Unsupported for what it cannot be asked."""
    unloaded = open_unloaded(model, options)
    kinds = {type(question.request) for question in questions} - unloaded.answers
    if kinds:
        raise Unsupported(f"{model} answers no {' and no '.join(sorted(kind.__name__ for kind in kinds))}")
    if unloaded.family != "causal":
        return [_encoded(unloaded, question) for question in questions]
    encoded = unloaded.encode(questions)
    return [one for pair in zip(questions, encoded, strict=True) for one in _spans(unloaded, *pair)]


def _spans(unloaded: Unloaded, question: Question, encoded: Encoded) -> Iterator[ShownPrompt]:
    """The prompt and what is scored after it, parted where the model's tokens part; a window of a long text each."""
    if isinstance(encoded, Failed):
        yield shown_as("tokens", question, f"(not asked: {encoded.kind}: {encoded.message})", ())
    elif isinstance(encoded, Prompt):
        tokens = encoded.tokens.tolist()
        yield shown_as("tokens", question, unloaded.text(tokens), (), len(tokens))
    else:
        starts = {tuple(span.tokens[: span.start].tolist()): None for span in encoded}
        for start in starts:
            own = [s for s in encoded if tuple(s.tokens[: s.start].tolist()) == start]
            scored = [unloaded.text(span.tokens[span.start :].tolist()) for span in own]
            yield shown_as("tokens", question, unloaded.text(start), scored, len(start))


def _encoded(unloaded: Unloaded, question: Question) -> ShownPrompt:
    """What an encoder reads, with the tokens that it puts around it."""
    texts = _read(unloaded, question.request)
    tokens = unloaded.tokenizer(*texts)["input_ids"]
    return shown_as("tokens", question, unloaded.text(tokens), _scored(unloaded, question.request), len(tokens))


def _read(unloaded: Unloaded, request: Request) -> tuple[str, ...]:
    if unloaded.family == "classifier" and isinstance(request, Choose):
        return request.inputs
    if unloaded.family == "seq2seq" and isinstance(request, Generate) and request.inputs:
        return ("\n".join(request.inputs),)
    prompt, continuations = parts_of(request)
    return (prompt,) if prompt or unloaded.family != "masked" else continuations


def _scored(unloaded: Unloaded, request: Request) -> tuple[str, ...]:
    """Labels of a head, texts that a decoder is scored on, or texts of which each token is masked in turn."""
    if unloaded.family == "classifier" and isinstance(request, Choose):
        return request.labels or request.choices
    return parts_of(request)[1]
