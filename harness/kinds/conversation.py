"""Tasks that talk: a scripted user answers what the model says, turn by turn, and its last words are judged."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.kinds.rows import Column, Data, text_from, value_of
from harness.kinds.script import said, script_of
from harness.kinds.task import About, task_of
from harness.kinds.text import Decoding, seed_of, written
from harness.kinds.values import values_of
from harness.metrics.measures import TextMeasure
from harness.reading.values import references_of
from harness.types import Example, Generate, Generated, Judged, Message, Request, Response, Row, Task

SPEAKERS = {"system": "", "user": "User: ", "assistant": "Assistant: "}
"""How a model that is not asked in a chat is shown who speaks."""


def conversation(
    name: str,
    *,
    data: Data,
    script: Column,
    target: Column,
    decoding: Decoding,
    measures: Sequence[TextMeasure],
    about: About,
    system: Column = "",
) -> Task:
    """A conversation with as many turns as ``script`` has lines; the model's last answer is compared with ``target``.

    A line of the script is what the user says, or a table ``{when, then, otherwise}``: ``then`` where the model's
    answer to the line before holds ``when`` (a text or one of several) as whole words, whatever its case. The first
    line is a text.
    """
    talking = _Talking(name, script, target, system, decoding, tuple(measures))
    return replace(task_of(name, talking, Generate, data, about), next_turn=talking.next_turn)


@dataclass(frozen=True, slots=True)
class _Talking:
    """A ``Generate`` for each line of the user's."""

    name: str
    script: Column
    target: Column
    system: Column
    decoding: Decoding
    measures: tuple[TextMeasure, ...]

    def fields(self, row: Row) -> tuple[dict[str, Any], Any]:
        """What the example of a row holds, and its references."""
        lines = script_of(value_of(row, self.script))
        references = references_of(value_of(row, self.target))
        own = {"lines": lines, "system": text_from(row, self.system)}
        return dict(row) | own | {"answer_shown": references[0]}, references

    def ask(self, example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        """A request for every line; what the model will have said is left open in those after the first."""
        count = len(example.fields["lines"])
        return tuple(self._request(example, [f"[answer {i + 1}]" for i in range(turn)]) for turn in range(count))

    def next_turn(self, example: Example, request: Request, answers: Sequence[str]) -> Request:
        """The request as it is asked after these answers."""
        assert isinstance(request, Generate)
        messages = _messages(example, answers)
        return replace(request, prompt=_transcript(messages), messages=messages)

    def _request(self, example: Example, answers: Sequence[str]) -> Generate:
        messages = _messages(example, answers)
        request = self.decoding.request(_transcript(messages), seed_of(self.name, f"{example.id}\0{len(answers)}"))
        return replace(request, messages=messages)

    def judge(self, example: Example, responses: tuple[Response, ...]) -> Judged:
        """The value of every measure for the last answer."""
        last = responses[-1]
        assert isinstance(last, Generated)
        values, failed = values_of(self.measures, example, last.text.strip())
        first = values.get(self.measures[0].name)
        return Judged(last.text.strip(), values, first == 1.0 if first in (0.0, 1.0) else None, failed)

    def best(self, example: Example) -> tuple[Response, ...]:
        """The reference, at the end."""
        return (*self.worst(example)[1:], written(example.fields["answer_shown"]))

    def worst(self, example: Example) -> tuple[Response, ...]:
        """Nothing, at every turn."""
        return tuple(written("") for _ in example.fields["lines"])


def _messages(example: Example, answers: Sequence[str]) -> tuple[Message, ...]:
    """The conversation up to what the user says after these answers."""
    system = example.fields["system"]
    messages = [Message("system", system)] if system else []
    for turn, line in enumerate(example.fields["lines"][: len(answers) + 1]):
        if turn:
            messages.append(Message("assistant", answers[turn - 1]))
        messages.append(Message("user", said(line, answers[turn - 1] if turn else "")))
    return tuple(messages)


def _transcript(messages: Sequence[Message]) -> str:
    """The conversation as a text that the model's next words go on."""
    return "\n".join(f"{SPEAKERS[m.role]}{m.content}" for m in messages) + "\n" + SPEAKERS["assistant"].rstrip()
