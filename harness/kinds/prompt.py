"""What a model reads before it answers: a description, few-shot examples, the question."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import quoted
from harness.kinds.rows import Column, text_from, value_of
from harness.reading.values import text_of
from harness.types import Example, Message, Row

SEPARATOR = "\n\n"
"""Between few-shot examples, as lm-evaluation-harness has it."""


@dataclass(frozen=True, slots=True)
class Template:
    """How a row becomes a prompt. What is read is

        description + (text + delimiter + answer + blank line, for each few-shot example) + text

    ``inputs``: the bare texts, for models that take no instruction: what a fine-tuned classifier or a
    sequence-to-sequence model reads instead.
    ``delimiter`` stands before every answer, the choices included.
    ``answer``: what a few-shot example shows as its answer, where that is not the target itself.
    """

    text: Column
    inputs: Sequence[Column] = ()
    description: Column = ""
    delimiter: str = " "
    answer: Column | None = None


Prompt = Column | Template
"""A prompt may be its text alone."""


def template_of(prompt: Column | Template) -> Template:
    """A prompt as a template."""
    return prompt if isinstance(prompt, Template) else Template(prompt)


def prompt_fields(template: Template, row: Row) -> dict[str, Any]:
    """The fields ``prompt``, ``inputs`` and ``description`` of a row's example. Raises DataError."""
    return {
        "prompt": text_from(row, template.text),
        "inputs": tuple(text_of(value_of(row, column), f"column {quoted(column)}") for column in template.inputs),
        "description": text_from(row, template.description),
    }


def shown_answer(template: Template, row: Row) -> dict[str, Any]:
    """The field ``answer_shown`` of a row's example where the template names one. Raises DataError."""
    if template.answer is None:
        return {}
    return {"answer_shown": text_of(value_of(row, template.answer), "the answer of a few-shot example")}


def prompt_after(example: Example, shown: Sequence[Example], template: Template) -> str:
    """The prompt of an example after the few-shot examples that are shown."""
    shots = "".join(f"{shot.fields['prompt']}{template.delimiter}{_answer(shot)}{SEPARATOR}" for shot in shown)
    return f"{example.fields['description']}{shots}{example.fields['prompt']}"


def turns_after(example: Example, shown: Sequence[Example], template: Template) -> tuple[Message, ...]:
    """The same as turns: each few-shot example is a question of the user's and an answer of the model's.

    The description stands before the first question. An answer has no white space before it, as behind a chat template.
    """
    questions = [one.fields["prompt"] for one in (*shown, example)]
    questions[0] = f"{example.fields['description']}{questions[0]}"
    answers = [f"{template.delimiter}{_answer(shot)}".lstrip() for shot in shown]
    past = [
        message
        for question, answer in zip(questions, answers, strict=False)
        for message in (Message("user", question), Message("assistant", answer))
    ]
    return (*past, Message("user", questions[-1]))


def _answer(shot: Example) -> Any:
    """What is shown as an example's answer; of choices, unless the template says otherwise, the right one."""
    return shot.fields["answer_shown"] if "answer_shown" in shot.fields else shot.fields["choices"][shot.target]
