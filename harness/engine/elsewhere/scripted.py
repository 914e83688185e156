"""The public fake: a model that follows a rule, chosen like any other, so that tests travel the production road.

oracle         answers as a perfect model
opposite       answers as a perfectly wrong one
fail-every-N   the oracle, but every N-th request fails
slow-MS        the oracle, but every batch takes MS milliseconds
"""

import re
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.engine.backend import Batch
from harness.errors import UnknownName
from harness.types import Choose, Failed, Generate, Likelihood, ModelInfo, PseudoLikelihood, Question, Response

BATCH = 8


@dataclass(frozen=True, slots=True)
class Scripted:
    """A rule behind the seam that real models stand behind."""

    info: ModelInfo
    right: bool = True
    fail_every: int = 0
    delay: float = 0.0

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """Batches of eight in the order of the questions."""
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

    def _one(self, position: int, question: Question) -> Response:
        if self.fail_every and (position + 1) % self.fail_every == 0:
            return Failed("scripted", f"request {position + 1} fails by rule")
        respond = question.task.best if self.right else question.task.worst
        return respond(question.example)[question.part]


def open_scripted(rule: str) -> Scripted:
    """A scripted model by its rule. Raises UnknownName."""
    answers: frozenset[type] = frozenset({Choose, Generate, Likelihood, PseudoLikelihood})
    info = ModelInfo(f"scripted:{rule}", {"rule": rule}, answers)
    failing, slow = re.fullmatch(r"fail-every-([1-9]\d*)", rule), re.fullmatch(r"slow-(\d+)", rule)
    if failing:
        return Scripted(info, fail_every=int(failing[1]))
    if slow:
        return Scripted(info, delay=int(slow[1]) / 1000)
    if rule not in ("oracle", "opposite"):
        raise UnknownName("scripted rule", rule, ["oracle", "opposite", "fail-every-N", "slow-MS"])
    return Scripted(info, right=rule == "oracle")
