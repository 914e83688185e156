"""An outside package that offers a task, a metric and a model."""

from collections.abc import Container, Iterator, Mapping, Sequence

from harness.data import packaged
from harness.engine.backend import Batch, Options
from harness.kinds import About, Data, multiple_choice
from harness.metrics.classify import mean
from harness.metrics.measures import Measure, TextMeasure
from harness.types import Card, Choose, Chosen, Example, Metric, ModelInfo, Question

TASKS = (
    multiple_choice(
        "weather/clouds",
        data=Data(packaged("harness_weather", "clouds.jsonl", "test")),
        prompt="Question: {question}\nAnswer:",
        choices="choices",
        target="answer",
        about=About(
            version=1,
            card=Card(
                measures="Names of clouds.", limits="Four questions.", source="written here", licence="Apache-2.0"
            ),
        ),
    ),
)


def half_right() -> Metric:
    """Half of the share of right answers."""
    return Metric(name="half_right", reduce=lambda sums, n: sums[..., 0] / n / 2)


def letters() -> TextMeasure:
    """Letters of an answer: a metric with the value that one example gives to it."""

    def value(example: Example, answer: str) -> float:
        return float(len(answer))

    return Measure(mean("letters"), value)


class Parrot:
    """Always takes the choice that its name gives."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.info = ModelInfo(f"parrot:{index}", {"index": str(index)}, frozenset({Choose}))

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """One batch per question."""
        return iter([[(i, Chosen(self.index))] for i in range(len(questions)) if i not in done])

    def stats(self) -> Mapping[str, float | str]:
        """Nothing is known."""
        return {}


def parrot(name: str, options: Options) -> Parrot:
    """``parrot:2`` takes the third choice."""
    return Parrot(int(name))
