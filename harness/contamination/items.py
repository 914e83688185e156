"""The texts of a benchmark that a corpus may hold: each example's question and answer, without the task's own words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.run import Planned
from harness.types import Choose, Chosen, Example, Generated, Likelihood, Request, Response

OURS = frozenset({"prompt", "inputs", "description", "answer_shown"})
"""Fields that kinds of task add to a row's own: what its template makes of it."""


@dataclass(frozen=True, slots=True)
class BenchmarkText:
    """An example of a task: what it asks and what it wants to hear; either may be empty."""

    task: str
    id: str
    question: str
    answer: str


def items_of(planned: Planned) -> list[BenchmarkText]:
    """The examples of a task, asked without few-shot examples."""
    return [
        BenchmarkText(planned.task.name, example.id, question_of(example, requests), answer_of(requests, best))
        for example, requests in zip(planned.examples, planned.requests, strict=True)
        for best in [planned.task.best(example)]
    ]


def question_of(example: Example, requests: Sequence[Request]) -> str:
    """The texts of more than a word among an example's own fields that its prompt holds: no template is searched for.

    What its template made of them, or else the prompt itself, where it holds none of them.
    """
    prompt = next(map(_prompt, requests), "")
    own = {name: value for name, value in example.fields.items() if name not in OURS}
    for fields in (own, example.fields):
        texts = [text.strip() for text in _texts(fields)]
        held = [text for text in texts if len(text.split()) > 1 and text in prompt]
        outer = [text for text in held if not any(text != other and text in other for other in held)]
        if outer:
            return "\n".join(dict.fromkeys(outer))
    return prompt


def answer_of(requests: Sequence[Request], best: Sequence[Response]) -> str:
    """What a perfect model answers to the first request, as a text."""
    for request, response in zip(requests, best, strict=True):
        if isinstance(request, Choose) and isinstance(response, Chosen):
            return request.choices[response.picked].strip()
        if isinstance(response, Generated):
            return response.text.strip()
        if isinstance(request, Likelihood):
            return request.text.strip() if request.context else ""
    return ""


def _prompt(request: Request) -> str:
    if isinstance(request, Likelihood):
        return request.context or request.text
    return str(getattr(request, "prompt", "") or getattr(request, "text", ""))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
