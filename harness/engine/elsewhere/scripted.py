"""The public fake: a model that follows a rule, chosen like any other, so that tests travel the production road.

oracle         answers as a perfect model
opposite       answers as a perfectly wrong one
fail-every-N   the oracle, but every N-th request fails
slow-MS        the oracle, but every batch takes MS milliseconds
"""

import re
import time
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.engine.backend import Batch, Exam
from harness.errors import DataError, UnknownName, Unsupported, quoted
from harness.types import (
    Choose,
    Constraint,
    Example,
    Failed,
    Generate,
    Likelihood,
    ModelInfo,
    PseudoLikelihood,
    Question,
    Response,
    Task,
)

BATCH = 8


@dataclass(frozen=True, slots=True)
class Scripted:
    """A rule behind the seam that real models stand behind.

    ``key``: task and example by (name of the task, id of the example); it knows the answers to no others.
    """

    info: ModelInfo
    key: Mapping[tuple[str, str], tuple[Task, Example]] = field(repr=False)
    right: bool = True
    fail_every: int = 0
    delay: float = 0.0

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """Batches of eight in the order of the questions. Raises Unsupported for one whose answer is not in the key."""
        asked = [(q.task, q.example) for i, q in enumerate(questions) if not self._fails(i)]
        strange = next((task for task, example in asked if (task, example) not in self.key), None)
        if strange is not None:
            raise Unsupported(
                f"{self.info.name} knows the answers to the tasks of a run, and none to {quoted(strange)}: it can "
                "neither judge nor be audited"
            )
        return self._batches(questions, done)

    def stats(self) -> Mapping[str, float | str]:
        """Nothing is computed."""
        return {}

    def _batches(self, questions: Sequence[Question], done: Container[int]) -> Iterator[Batch]:
        for start in range(0, len(questions), BATCH):
            batch = range(start, min(start + BATCH, len(questions)))
            if all(i in done for i in batch):
                continue
            time.sleep(self.delay)
            yield [(i, self._one(i, questions[i])) for i in batch]

    def _fails(self, position: int) -> bool:
        return self.fail_every > 0 and (position + 1) % self.fail_every == 0

    def _one(self, position: int, question: Question) -> Response:
        if self._fails(position):
            return Failed("scripted", f"request {position + 1} fails by rule")
        task, example = self.key[question.task, question.example]
        return (task.best if self.right else task.worst)(example)[question.part]


def open_scripted(rule: str, exams: Sequence[Exam] = ()) -> Scripted:
    """A scripted model by its rule, which can answer ``exams``. Raises UnknownName.

    Raises DataError for a task that uses an id twice: there is no telling which of the two is asked.
    """
    key = _answer_key(exams)
    answers: frozenset[type] = frozenset({Choose, Generate, Constraint, Likelihood, PseudoLikelihood})
    info = ModelInfo(f"scripted:{rule}", {"rule": rule}, answers)
    failing, slow = re.fullmatch(r"fail-every-([1-9]\d*)", rule), re.fullmatch(r"slow-(\d+)", rule)
    if failing:
        return Scripted(info, key, fail_every=int(failing[1]))
    if slow:
        return Scripted(info, key, delay=int(slow[1]) / 1000)
    if rule not in ("oracle", "opposite"):
        raise UnknownName("scripted rule", rule, ["oracle", "opposite", "fail-every-N", "slow-MS"])
    return Scripted(info, key, right=rule == "oracle")


def _answer_key(exams: Sequence[Exam]) -> dict[tuple[str, str], tuple[Task, Example]]:
    key = {(task.name, example.id): (task, example) for task, examples in exams for example in examples}
    if len(key) < sum(len(examples) for _, examples in exams):
        names = Counter((task.name, example.id) for task, examples in exams for example in examples)
        (name, id_), _ = names.most_common(1)[0]
        raise DataError(f"{name}: example id {quoted(id_)} is used twice, so that no answer can be looked up by it")
    return key
