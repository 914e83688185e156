"""A model without weights, for tests of workers: its answers are hashes, and a folder of notes makes it misbehave."""

import hashlib
import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from harness.engine.backend import Agenda, Backend, BatchPlan, Options
from harness.types import Choose, Chosen, ModelInfo, Question

SIZE = 4
"""Questions of one batch; five batches are a group."""


class Toy:
    """``spec`` is a folder; ``toy.json`` in it may hold: seconds (of a batch), fatal, frozen, exhausted (positions).

    ``deaths`` is then written: a line for each worker that met a fatal position.
    With the positions ``again``, the answer to question 0 comes once more; with ``wrongly``, it is another one then.
    """

    def __init__(self, spec: str) -> None:
        self.folder = Path(spec)
        self.faults = json.loads((self.folder / "toy.json").read_text()) if self.folder.is_dir() else {}
        if error := self.faults.get("broken"):
            raise ValueError(error)
        fingerprint = {"weights": str(self.faults.get("weights", "same"))}
        if self.faults.get("differs") and self._first("differs"):
            fingerprint = {"weights": "other"}
        self.info = ModelInfo("toy", fingerprint, frozenset({Choose}))
        self.computed = 0

    def plan(self, questions: Sequence[Question]) -> Agenda:
        size = SIZE + 1 if self.faults.get("plans") and self._first("plans") else SIZE
        parts = [tuple(range(i, min(i + size, len(questions)))) for i in range(0, len(questions), size)]
        batches = [BatchPlan(part, float(len(part)), number // 5, 2.0) for number, part in enumerate(parts)]

        def answer(done):
            for batch in batches:
                if any(position not in done for position in batch.positions):
                    yield self._batch(questions, batch.positions)

        return Agenda(lambda: batches, answer)

    def answer(self, questions, done=()):
        return self.plan(questions).answer(done)

    def stats(self):
        return {"path": "toy", "tokens_computed": float(self.computed)}

    def _batch(self, questions, positions):
        time.sleep(self.faults.get("seconds", 0.0))
        if set(positions) & set(self.faults.get("fatal", ())):
            with (self.folder / "deaths").open("a") as file:
                file.write(f"{os.getpid()}\n")
            os.kill(os.getpid(), signal.SIGKILL)
        if set(positions) & set(self.faults.get("frozen", ())) and self._first("frozen"):
            os.kill(os.getpid(), signal.SIGSTOP)
        if set(positions) & set(self.faults.get("exhausted", ())) and self._first("exhausted"):
            raise MemoryError
        if set(positions) & set(self.faults.get("wrong", ())):
            raise ZeroDivisionError("by a toy")
        self.computed += len(positions)
        answers = [(i, chosen(questions[i])) for i in positions]
        if set(positions) & set(self.faults.get("again", ())):
            answers.append((0, chosen(questions[int(bool(self.faults.get("wrongly")))])))
        return answers

    def _first(self, fault: str) -> bool:
        """Whether no other process has met this fault before."""
        try:
            (self.folder / f"met-{fault}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def chosen(question: Question) -> Chosen:
    assert isinstance(question.request, Choose)
    draw = hashlib.sha256(question.request.prompt.encode()).digest()
    logprobs = tuple(-1.0 - byte / 7 for byte in draw[: len(question.request.choices)])
    return Chosen(logprobs.index(max(logprobs)), logprobs, (1,) * len(logprobs))


def open_toy(spec: str, options: Options) -> Backend:
    return Toy(spec)
