"""An encoder with a head for each task, behind the seam that any other model stands behind."""

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness import run as running
from harness.engine.backend import Backend, Batch, Options
from harness.engine.costs import Costs, summed
from harness.errors import UsageError
from harness.metrics.estimate import estimate
from harness.sheets import Sheet
from harness.training.head import recipe_of, train
from harness.training.protocol import Protocol, split_of
from harness.types import Choose, ModelInfo, PartScores, Question, Task, Training


@dataclass(frozen=True, slots=True)
class Head:
    """The kept checkpoint of an encoder with the head for one task, and how it was trained."""

    name: str
    folder: Path
    fingerprint: Mapping[str, str]
    training: Training

    def open(self, options: Options) -> Backend:
        """The model in memory."""
        from harness.engine.load import open_local

        return open_local(self.name, self.folder, options)


class FineTuned:
    """Asks the head of a question's task; one head at a time is in memory."""

    def __init__(self, spec: str, heads: Mapping[str, Head], protocol: Protocol, options: Options) -> None:
        self.heads, self.options = heads, options
        fingerprint = {"protocol": "finetune " + json.dumps(asdict(protocol), sort_keys=True)}
        for task, head in heads.items():
            fingerprint |= {f"{task}: {key}": value for key, value in head.fingerprint.items()}
        # Not pinned: two tasks may ask the same of different heads, which a cache could not tell apart.
        self.info = ModelInfo(spec, fingerprint, frozenset({Choose}))
        self._costs: list[Costs] = []

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """See Backend. Every head plans its questions before the first of them is asked."""
        own: dict[str, list[int]] = {}
        for position, question in enumerate(questions):
            own.setdefault(question.task, []).append(position)
        for task, positions in own.items():
            self.heads[task].open(self.options).answer([questions[i] for i in positions])
        return self._batches(questions, own, done)

    def _batches(
        self, questions: Sequence[Question], own: Mapping[str, Sequence[int]], done: Container[int]
    ) -> Iterator[Batch]:
        for task, positions in own.items():
            finished = {local for local, position in enumerate(positions) if position in done}
            if len(finished) == len(positions):
                continue
            head = self.heads[task].open(self.options)
            for batch in head.answer([questions[i] for i in positions], finished):
                yield [(positions[local], response) for local, response in batch]
            self._costs.append(head.stats())

    def stats(self) -> Costs:
        """What the answers of all heads cost together."""
        return {**summed(self._costs), "path": f"{len(self.heads)} fine-tuned heads"}


def tune(spec: str, task: Task, protocol: Protocol, *, options: Options, mirror: Path | None, kept: Path) -> Head:
    """Train the head for a task on the encoder that ``spec`` names, or take the checkpoint that ``kept`` holds.

    Raises Unsupported for a task without labels, DataError for one without a train split.
    """
    from harness.engine.load import open_local
    from harness.engine.source import folder_of

    if options.base is not None:
        raise UsageError("--base is the base of an adapter, and adapters are not fine-tuned: merge it first")
    split = split_of(task, protocol, mirror)
    source = folder_of(spec, options)
    recipe = recipe_of(source, task, split, protocol, options)
    folder = kept / f"{task.name.replace('/', '-')}-{recipe[:16]}"
    if not folder.is_dir():
        train(source, folder, task, split, protocol, options)
    name = f"{spec} ({task.name})"
    model = open_local(name, folder, options)
    history = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    training = Training(
        task=task.name,
        epochs=history["epochs"],
        learning_rate=history["learning_rate"],
        train=score(model, running.sheet(task, split.train)),
        held_out=score(model, running.sheet(task, split.held_out)),
    )
    return Head(name, folder, {**model.info.fingerprint, "recipe": recipe}, training)


def score(model: Backend, sheet: Sheet) -> PartScores:
    """Every metric of a task over the examples of a sheet, where it has a value, with its interval; no references."""
    task = sheet.task
    questions = running.questions([sheet])
    answers = dict(answer for batch in model.answer(questions) for answer in batch)
    responses = [answers[i] for i in range(len(questions))]
    outcomes = running.judge([sheet], responses, running.score([sheet], responses))[task.name]
    metrics = [metric for metric in task.metrics if metric.interval != "none"]
    numbers = [estimate(task.name, metric, "all", outcomes) for metric in metrics]
    return PartScores(
        len(sheet.examples),
        {one.metric: one.value for one in numbers if one.value is not None},
        {one.metric: (one.low, one.high) for one in numbers if one.low is not None and one.high is not None},
    )
