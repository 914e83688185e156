"""Tasks that choose: which continuation, or which label of a fine-tuned head, is the answer?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import DataError
from harness.kinds.prompt import Prompt, Template, prompt_after, prompt_fields, shown_answer, template_of, turns_after
from harness.kinds.rows import Column, Data, value_of
from harness.kinds.task import About, task_of
from harness.kinds.values import values_of
from harness.metrics.calibrate import RIGHTS, calibrated, rights
from harness.metrics.measures import ACC, ACC_BYTES, ACC_NORM, ChoiceMeasure
from harness.reading.values import choices_of, key_of
from harness.types import Choose, Chosen, Example, Failed, Judged, Message, Request, Response, Row, Task


def multiple_choice(
    name: str,
    *,
    data: Data,
    prompt: Prompt,
    choices: Column | Sequence[str],
    target: Column,
    about: About,
    measures: Sequence[ChoiceMeasure] = (ACC, ACC_NORM, ACC_BYTES),
) -> Task:
    """Which of ``choices`` follows ``prompt`` and its delimiter? ``target`` is the right one, or its index.

    ``choices`` are a column that holds a list, a function that gives one, or a list that is the same for every row.
    Where several choices are right ``target`` is a list of them, the first of which is shown as the answer; a choice
    with the same words as a right one is right too.
    """
    choosing = _Choosing(template_of(prompt), choices, target, tuple(measures))
    return calibrated(replace(task_of(name, choosing, Choose, data, about), turns=choosing.turns))


def classification(
    name: str,
    *,
    data: Data,
    prompt: Template,
    labels: Mapping[str, str],
    target: Column,
    about: About,
    measures: Sequence[ChoiceMeasure] = (ACC,),
) -> Task:
    """Which of fixed labels do the ``inputs`` of ``prompt`` have? ``target`` is the label's name or index.

    ``labels`` maps the name of each label to the continuation that a language model scores in its place, written
    with whatever precedes it (mostly a space): there is no delimiter. A fine-tuned classifier reads the inputs, and its
    head's labels are matched by name. Raises DataError for a prompt without inputs.
    """
    if not prompt.inputs:
        raise DataError(f"{name}: the prompt of a classification needs inputs, which a fine-tuned classifier reads")
    bare = Template(prompt.text, prompt.inputs, prompt.description, "", prompt.answer)
    choices = tuple(labels.values())
    choosing = _Choosing(bare, choices, target, tuple(measures), tuple(labels))
    return calibrated(replace(task_of(name, choosing, Choose, data, about), turns=choosing.turns))


@dataclass(frozen=True, slots=True)
class _Choosing:
    """One ``Choose`` for each example, judged by the choice that it picks."""

    template: Template
    choices: Column | Sequence[str]
    target: Column
    measures: tuple[ChoiceMeasure, ...]
    labels: tuple[str, ...] = ()

    def fields(self, row: Row) -> tuple[dict[str, Any], Any]:
        """What the example of a row holds, and the index of its (first) right choice."""
        raw = value_of(row, self.choices) if isinstance(self.choices, str) or callable(self.choices) else self.choices
        choices, gold = choices_of(raw), value_of(row, self.target)
        golds = gold if isinstance(gold, list | tuple) else [gold]
        keys = [key_of(each, raw, choices, self.labels) for each in golds]
        if not keys:
            raise DataError("no right choice")
        true = {choices[key].strip() for key in keys}
        right = [index for index, choice in enumerate(choices) if choice.strip() in true]
        shown = prompt_fields(self.template, row) | shown_answer(self.template, row)
        return dict(row) | shown | {"choices": choices, RIGHTS: right}, keys[0]

    def ask(self, example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        """The example's choices after its prompt."""
        choices = tuple(self.template.delimiter + choice for choice in example.fields["choices"])
        prompt = prompt_after(example, shown, self.template)
        return (Choose(prompt, choices, example.fields["inputs"], self.labels),)

    def turns(self, example: Example, shown: Sequence[Example]) -> tuple[Message, ...]:
        """The prompt as the turns of a chat."""
        return turns_after(example, shown, self.template)

    def judge(self, example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
        """The value of every measure for the choice that was picked."""
        (response,) = responses
        assert isinstance(response, Chosen)
        values, failed = values_of(self.measures, example, response.picked, response)
        prediction = example.fields["choices"][response.picked]
        return Judged(prediction, values, response.picked in rights(example), failed)

    def best(self, example: Example) -> tuple[Response, ...]:
        """The right choice."""
        return (_preferring(example, example.target),)

    def worst(self, example: Example) -> tuple[Response, ...]:
        """The wrong choice that lies farthest from the right one."""
        indices = range(len(example.fields["choices"]))
        farthest = max(indices, key=lambda i: (i not in rights(example), abs(i - example.target)))
        return (_preferring(example, farthest),)


def _preferring(example: Example, index: int) -> Chosen:
    """The answer of a model that is sure of one choice, however choices are normalised by their length."""
    sizes = [len(choice.encode()) for choice in example.fields["choices"]]
    scores = tuple((-0.001 if i == index else -10.0) * size for i, size in enumerate(sizes))
    return Chosen(index, scores, tuple(1 for _ in sizes))


def picking(index: int, count: int) -> Chosen:
    """The answer of a model that is sure of one of ``count`` choices of one token each."""
    return Chosen(index, tuple(-0.01 if i == index else -10.0 for i in range(count)), (1,) * count)
