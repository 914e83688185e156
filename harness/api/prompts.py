"""A request as a model will see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.types import Choose, Generate, Likelihood, PseudoLikelihood, Question, Request

Seen = Literal["text", "tokens", "messages"]


@dataclass(frozen=True, slots=True)
class ShownPrompt:
    """One request as a model will see it.

    ``prompt``: all that it reads; ``continuations``: what is scored after it, empty where an answer is written.
    ``seen`` tells how exact that is: "tokens" decoded from the model's own ids, special ones by name; "messages" that a
    server is sent; the task's "text" where no model was named. ``tokens``: how many the prompt has, None if not known.
    ``decoding``: how an answer is written and where it ends. ``gold``: the prediction of a perfect answer.
    """

    task: str
    example: str
    part: int
    kind: str
    seen: Seen
    prompt: str
    continuations: tuple[str, ...] = ()
    tokens: int | None = None
    decoding: str = ""
    gold: str = ""


def shown_as(
    seen: Seen, question: Question, prompt: str, continuations: Sequence[str], tokens: int | None = None
) -> ShownPrompt:
    """A question with what a model reads of it."""
    request = question.request
    return ShownPrompt(
        question.task, question.example, question.part, type(request).__name__, seen, prompt, tuple(continuations),
        tokens, decoding_of(request),
    )  # fmt: skip


def parts_of(request: Request) -> tuple[str, tuple[str, ...]]:
    """A request's text, and what is scored after it."""
    match request:
        case Choose():
            return request.prompt, request.choices
        case Generate():
            return request.prompt, ()
        case Likelihood():
            return request.context, (request.text,)
        case PseudoLikelihood():
            return request.text, ()


def decoding_of(request: Request) -> str:
    """How an answer is written and where it ends; empty where nothing is written."""
    if isinstance(request, PseudoLikelihood):
        return f"each token that it shares with {request.other!r} is masked in turn"
    if not isinstance(request, Generate):
        return ""
    drawn = f"temperature {request.temperature:g}, top_p {request.top_p:g}" if request.temperature else "greedy"
    ends = f", until {', '.join(map(repr, request.stop))}" if request.stop else ""
    form = request.constraint
    within = f", within the {form.kind.replace('_', ' ').replace('json', 'JSON')} {form.text}" if form else ""
    return f"{drawn}, at most {request.max_tokens} tokens{ends}{within}"
