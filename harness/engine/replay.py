"""Answers made elsewhere, judged like a model's: JSON lines with ids, or one plain line per example in order.

{"task": "gsm8k", "id": "0", "text": "..."}                       answers Generate, and Choose if it names one
{"task": "arc_easy", "id": "7", "logprobs": [-1.2, -3.4]}         answers Choose
{"task": "lambada", "id": "3", "logprob": -2.5, "tokens": 2}      answers Likelihood and PseudoLikelihood
``part`` (from 0) tells the requests of one example apart; ``task`` may be left out where a run has one task.
A text of null is an output that is missing: the example has failed. A text is cut at the first stop string of its
request, as a server's is; a choice is named by its words or its letter (``harness.engine.named``).
"""

import hashlib
import json
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.engine.backend import Batch, until
from harness.engine.named import named
from harness.errors import DataError
from harness.types import (
    Choose,
    Chosen,
    Failed,
    Generate,
    Generated,
    Likelihood,
    ModelInfo,
    PseudoLikelihood,
    Question,
    Request,
    Response,
    Scored,
)

BATCH = 1000
Key = tuple[str | None, str, int]
"""(task or None, example id, part)."""


class Replay:
    """The answers of one file."""

    def __init__(self, path: Path, lines: list[str], sha256: str) -> None:
        self.path = path
        self.info = ModelInfo(
            f"replay:{path}", {"file": sha256}, frozenset({Choose, Generate, Likelihood, PseudoLikelihood})
        )
        self._plain = not (lines and lines[0].lstrip().startswith("{"))
        self._lines = lines
        self._answers = {} if self._plain else _keyed(path, lines)

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """Raises DataError that names the first missing or surplus answer."""
        found = self._in_order(questions) if self._plain else self._by_id(questions)
        batches = (range(start, min(start + BATCH, len(found))) for start in range(0, len(found), BATCH))
        return (
            [(i, respond(questions[i].request, found[i])) for i in batch]
            for batch in batches
            if not all(i in done for i in batch)
        )

    def stats(self) -> Mapping[str, float | str]:
        """Nothing is computed."""
        return {}

    def _in_order(self, questions: Sequence[Question]) -> list[dict[str, Any]]:
        tasks = sorted({q.task.name for q in questions})
        if len(tasks) > 1:
            raise DataError(f"{self.path}: plain lines fit one task, not {', '.join(tasks)}; use JSON lines with ids")
        if len(self._lines) < len(questions):
            lacking = questions[len(self._lines)].example.id
            raise DataError(
                f"{self.path}: {len(self._lines)} lines for {len(questions)} examples; the first without is {lacking!r}"
            )
        if len(self._lines) > len(questions):
            raise DataError(f"{self.path}:{len(questions) + 1}: surplus line, there are {len(questions)} examples")
        return [{"text": line} for line in self._lines]

    def _by_id(self, questions: Sequence[Question]) -> list[dict[str, Any]]:
        several = len({q.task.name for q in questions}) > 1
        found, used = [], set()
        for q in questions:
            keys: list[Key] = [(q.task.name, q.example.id, q.part)] + [(None, q.example.id, q.part)] * (not several)
            key = next((k for k in keys if k in self._answers), None)
            if key is None:
                part = f" part {q.part}" if q.part else ""
                raise DataError(f"{self.path}: no answer for example {q.example.id!r}{part} of {q.task.name}")
            used.add(key)
            found.append(self._answers[key])
        asked = {q.task.name for q in questions}
        surplus = next((k for k in self._answers if k not in used and k[0] in {*asked, None}), None)
        if surplus:
            raise DataError(f"{self.path}: surplus answer for example {surplus[1]!r} of {surplus[0] or min(asked)}")
        return found


def open_replay(path: Path) -> Replay:
    """Read a file of answers. Raises DataError with file and line for what is not one."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file of answers") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    # Only line feeds end a line: an answer may hold other characters that Unicode counts as line breaks.
    lines = text.split("\n")
    return Replay(path, lines[:-1] if lines[-1] == "" else lines, hashlib.sha256(content).hexdigest())


def respond(request: Request, answer: Mapping[str, Any]) -> Response:
    """The response that an answer is to a request; Failed where it is none."""
    try:
        return _respond(request, answer)
    except (TypeError, ValueError) as error:
        return Failed("replay", f"not a number where one is needed: {error}")


def _respond(request: Request, answer: Mapping[str, Any]) -> Response:
    match request:
        case Choose() if "logprobs" in answer:
            scores = tuple(float(x) for x in answer["logprobs"])
            if len(scores) != len(request.choices):
                return Failed("replay", f"{len(scores)} log-probabilities for {len(request.choices)} choices")
            return Chosen(scores.index(max(scores)), scores, tuple(1 for _ in scores))
        case Choose() | Generate() if answer.get("text", "") is None:
            return Failed("missing", "the text of the answer is null")
        case Choose() if "text" in answer:
            return named(request, answer["text"])
        case Generate() if "text" in answer:
            cut = until(answer["text"], request.stop)
            return Generated(cut, len(cut.split()), "end" if cut == answer["text"] else "stop")
        case Likelihood() | PseudoLikelihood() if "logprob" in answer:
            size = len(request.text.encode())
            return Scored(float(answer["logprob"]), int(answer.get("tokens", 1)), size, bool(answer.get("greedy")))
    return Failed("replay", f"{type(request).__name__} is not answered by {', '.join(map(str, answer)) or 'nothing'}")


def _keyed(path: Path, lines: Sequence[str]) -> dict[Key, dict[str, Any]]:
    answers: dict[Key, dict[str, Any]] = {}
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            key = (row.get("task"), str(row["id"]), int(row.get("part", 0)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path}:{number}: not an answer with an id: {error!r}") from None
        if not isinstance(row.get("text"), str | None):
            raise DataError(f"{path}:{number}: text is {row['text']!r:.80}, not a string")
        if key in answers:
            raise DataError(f"{path}:{number}: a second answer for example {key[1]!r}")
        answers[key] = {k: v for k, v in row.items() if k not in ("task", "id", "part")}
    return answers
