"""A kind of task for SuperGLUE: several questions that belong together are one example."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.errors import DataError
from harness.kinds import SEPARATOR, About, Data, Extremes, Items, Template, probe
from harness.kinds.choice import picking
from harness.kinds.prompt import prompt_fields
from harness.kinds.rows import text_from, value_of
from harness.kinds.values import values_of
from harness.metrics.measures import Measure
from harness.types import Choose, Chosen, Dataset, Example, Judged, Request, Response, Row, Task

PicksMeasure = Measure[[Sequence[int], Sequence[int]]]
"""Its value takes the gold and the picked labels of all the questions of one example."""
Wrong = Callable[[Sequence[int]], Sequence[int]]
"""The worst answers to a group with these gold labels."""


def opposite(gold: Sequence[int]) -> list[int]:
    """The other one of two labels, for each."""
    return [1 - label for label in gold]


def grouped(
    name: str,
    *,
    data: Data,
    prompt: Template,
    labels: Mapping[str, str],
    measures: Sequence[PicksMeasure],
    about: About,
    wrong: Wrong = opposite,
) -> Task:
    """Rows with one ``id`` of ``data`` become one example, with a question each.

    ``labels`` maps each of two labels to the template of the ending that a language model scores; the column ``label``
    holds the right one's index. Few-shot examples show the first row of a group.
    """
    grouping = _Grouping(data, prompt, labels, tuple(measures), wrong)
    return probe(
        name,
        items=Items(data.dataset, grouping.example, grouping.groups, data.shots),
        ask=grouping.ask,
        asks=Choose,
        judge=grouping.judge,
        metrics=[measure.metric for measure in measures],
        extremes=Extremes(grouping.best, grouping.worst),
        about=about,
    )


@dataclass(frozen=True, slots=True)
class _Grouping:
    data: Data
    template: Template
    labels: Mapping[str, str]
    measures: tuple[PicksMeasure, ...]
    wrong: Wrong

    def groups(self, rows: Sequence[Row]) -> Iterator[Row]:
        """The rows of one id together, in the order of their first. Raises DataError that names a bad row."""
        groups: dict[str, list[Row]] = {}
        for number, row in enumerate(rows, 1):
            try:
                group, label = value_of(row, self.data.id or "id"), value_of(row, "label")
            except DataError as error:
                raise DataError(f"row {number}: {error}") from None
            if label not in range(len(self.labels)):
                raise DataError(f"row {number}: label {label!r} is not an index of {', '.join(self.labels)}")
            groups.setdefault(group, []).append(row)
        return ({"id": key, "rows": group} for key, group in groups.items())

    def example(self, row: Row, dataset: Dataset) -> Example:
        """A group of rows as one example; its target is the tuple of their labels."""
        return Example(row["id"], {"rows": row["rows"]}, tuple(one["label"] for one in row["rows"]))

    def question(self, row: Row) -> Choose:
        """What is asked about one row."""
        fields = prompt_fields(self.template, row)
        endings = tuple(text_from(row, ending) for ending in self.labels.values())
        return Choose(fields["prompt"], endings, fields["inputs"], tuple(self.labels))

    def ask(self, example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        """One question for each row, all after the same few-shot examples."""
        shots = [(self.question(shot.fields["rows"][0]), shot.target[0]) for shot in shown]
        before = "".join(shot.prompt + shot.choices[gold] + SEPARATOR for shot, gold in shots)
        questions = [self.question(row) for row in example.fields["rows"]]
        return tuple(replace(question, prompt=before + question.prompt) for question in questions)

    def judge(self, example: Example, responses: tuple[Response, ...]) -> Judged:
        """The value of every measure for the picked labels; right if all of them are."""
        picks = [response.picked for response in responses if isinstance(response, Chosen)]
        values, failed = values_of(self.measures, example.target, picks)
        names = list(self.labels)
        return Judged(", ".join(names[i] for i in picks), values, tuple(picks) == example.target, failed)

    def best(self, example: Example) -> tuple[Response, ...]:
        """Every right label."""
        return self._picking(example.target)

    def worst(self, example: Example) -> tuple[Response, ...]:
        """The labels that the task calls worst."""
        return self._picking(self.wrong(example.target))

    def _picking(self, picks: Sequence[int]) -> tuple[Response, ...]:
        return tuple(picking(pick, len(self.labels)) for pick in picks)
