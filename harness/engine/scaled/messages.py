"""What driver and workers tell each other: JSON in bytes, as the journal has it, so that no object crosses a node."""

import hashlib
import json
import os
import socket
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from harness import errors
from harness.answers.records import canonical, request_from_json, request_to_json, response_from_json, response_to_json
from harness.engine.backend import Batch, BatchPlan
from harness.errors import HarnessError, RunError
from harness.types import Question


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error that a worker met: the name of its class, its message, and where the worker is."""

    kind: str
    message: str
    where: str

    @classmethod
    def of(cls, error: BaseException) -> "Trouble":
        """An error as a message."""
        return cls(type(error).__name__, str(error), f"{socket.gethostname()} (process {os.getpid()})")

    def error(self) -> HarnessError:
        """The error that the worker met: one of ours as it is, any other as a RunError."""
        kind = getattr(errors, self.kind, None)
        if isinstance(kind, type) and issubclass(kind, HarnessError):
            error = kind.__new__(kind)
            error.args = (f"{self.message} (worker on {self.where})",)
            return error
        return RunError(f"a worker on {self.where} failed: {self.kind}: {self.message}")


def pack_questions(questions: Sequence[Question]) -> bytes:
    """All questions of a run. Prompts repeat each other's beginnings, so little of them is left."""
    rows = [[q.task, q.example, q.part, request_to_json(q.request)] for q in questions]
    return zlib.compress(canonical(rows).encode("ascii"), 1)


def unpack_questions(packed: bytes) -> list[Question]:
    """The questions that were packed."""
    rows = json.loads(zlib.decompress(packed))
    return [Question(task, example, part, request_from_json(request)) for task, example, part, request in rows]


def pack_plan(batches: Sequence[BatchPlan]) -> bytes:
    """All batches of a plan."""
    rows = [[list(b.positions), b.cost, b.group, b.shared] for b in batches]
    return zlib.compress(canonical(rows).encode("ascii"), 1)


def unpack_plan(packed: bytes) -> list[BatchPlan]:
    """The batches that were packed."""
    rows = json.loads(zlib.decompress(packed))
    return [BatchPlan(tuple(positions), cost, group, shared) for positions, cost, group, shared in rows]


def digest_of(batches: Sequence[BatchPlan]) -> str:
    """sha256 of which questions are computed together: two processes with equal ones may share the work."""
    return hashlib.sha256(canonical([list(batch.positions) for batch in batches]).encode("ascii")).hexdigest()


def pack_batch(batch: Batch) -> bytes:
    """One finished batch."""
    return canonical([[position, response_to_json(response)] for position, response in batch]).encode("ascii")


def unpack_batch(packed: bytes) -> Batch:
    """The batch that was packed, to the last bit."""
    return [(position, response_from_json(response)) for position, response in json.loads(packed)]
