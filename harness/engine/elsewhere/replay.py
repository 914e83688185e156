"""Answers made elsewhere, judged like a model's: JSON lines with ids, or one plain line per example in order.

{"task": "gsm8k", "id": "0", "text": "..."}                       answers Generate, and Choose if it names one
{"task": "arc_easy", "id": "7", "logprobs": [-1.2, -3.4]}         answers Choose
{"task": "lambada", "id": "3", "logprob": -2.5, "tokens": 2}      answers Likelihood and PseudoLikelihood
``part`` (from 0) tells the requests of one example apart; ``task`` may be left out where a run has one task.
JSON lines are files named .jsonl or .json, and those whose first line that is not blank begins with a brace.
A text of null is an output that is missing: the example has failed. A text is cut at the first stop string of its
request, as a server's is; a choice is named by its words or its letter (``harness.engine.elsewhere.named``).
"""

import hashlib
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.engine.backend import Batch
from harness.engine.elsewhere.named import named
from harness.engine.special import cut
from harness.errors import DataError, listed, quoted
from harness.reading.text import decoded, json_object, read_bytes, split
from harness.reading.values import label_of
from harness.types import (
    Choose,
    Chosen,
    Constraint,
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
ROUNDING = 1e-3
"""A log-probability that far above 0 may come from sums in half precision."""
MOST = 2**31
"""Tokens of a text, and a log-probability that is a whole number, are fewer."""
Key = tuple[str | None, str, int]
"""(task or None, example id, part)."""


class Replay:
    """The answers of one file."""

    def __init__(self, path: Path, lines: list[str], sha256: str) -> None:
        self.path = path
        self.info = ModelInfo(
            f"replay:{path}", {"file": sha256}, frozenset({Choose, Generate, Constraint, Likelihood, PseudoLikelihood})
        )
        first = next((line for line in lines if line.strip()), "")
        self._plain = path.suffix not in (".jsonl", ".json") and not first.lstrip().startswith("{")
        if self._plain:
            _require_plain(path, lines)
        self._lines = lines
        self._answers = {} if self._plain else _keyed(path, lines)

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """Raises DataError that names the first missing or surplus answer."""
        answers = self._in_order(questions) if self._plain else self._by_id(questions)
        batches = (range(start, min(start + BATCH, len(answers))) for start in range(0, len(answers), BATCH))
        return (
            [(i, respond(questions[i].request, answers[i])) for i in batch]
            for batch in batches
            if not all(i in done for i in batch)
        )

    def stats(self) -> Mapping[str, float | str]:
        """Nothing is computed."""
        return {}

    def _in_order(self, questions: Sequence[Question]) -> list[dict[str, Any]]:
        tasks = sorted({q.task for q in questions})
        if len(tasks) > 1:
            raise DataError(f"{self.path}: plain lines fit one task, not {', '.join(tasks)}; use JSON lines with ids")
        if len(self._lines) < len(questions):
            lacking = questions[len(self._lines)].example
            raise DataError(
                f"{self.path}: {len(self._lines)} lines for {len(questions)} examples; the first without is "
                f"{quoted(lacking)}"
            )
        if len(self._lines) > len(questions):
            raise DataError(f"{self.path}:{len(questions) + 1}: surplus line, there are {len(questions)} examples")
        return [{"text": line} for line in self._lines]

    def _by_id(self, questions: Sequence[Question]) -> list[dict[str, Any]]:
        several = len({q.task for q in questions}) > 1
        answers, used = [], set()
        for q in questions:
            keys: list[Key] = [(q.task, q.example, q.part)] + [(None, q.example, q.part)] * (not several)
            key = next((k for k in keys if k in self._answers), None)
            if key is None:
                part = f" part {q.part}" if q.part else ""
                raise DataError(f"{self.path}: no answer for example {quoted(q.example)}{part} of {q.task}")
            used.add(key)
            answers.append(self._answers[key])
        asked = {q.task for q in questions}
        surplus = next((k for k in self._answers if k not in used and k[0] in {*asked, None}), None)
        if surplus:
            raise DataError(
                f"{self.path}: surplus answer for example {quoted(surplus[1])} of {surplus[0] or min(asked)}"
            )
        return answers


def open_replay(path: Path) -> Replay:
    """Read a file of answers. Raises DataError with file and line for what is not one."""
    content = read_bytes(path, "file of answers")
    return Replay(path, split(decoded(content, path)), hashlib.sha256(content).hexdigest())


def respond(request: Request, answer: Mapping[str, Any]) -> Response:
    """The response that an answer is to a request; Failed where it is none."""
    try:
        return _respond(request, answer)
    except ValueError as error:
        return Failed("replay", str(error))


def _respond(request: Request, answer: Mapping[str, Any]) -> Response:
    match request:
        case Choose() if "logprobs" in answer:
            logprobs = answer["logprobs"]
            scores = tuple(_logprob(each) for each in (logprobs if isinstance(logprobs, list) else [logprobs]))
            if len(scores) != len(request.choices):
                return Failed("replay", f"{len(scores)} log-probabilities for {len(request.choices)} choices")
            return Chosen(scores.index(max(scores)), scores, tuple(1 for _ in scores))
        case Choose() | Generate() if answer.get("text", "") is None:
            return Failed("missing", "the text of the answer is null")
        case Choose() if "text" in answer:
            return named(request, answer["text"])
        case Generate() if "text" in answer:
            text, stopped = cut(answer["text"], request.stop)
            return Generated(text, len(text.split()), "stop" if stopped else "end")
        case Likelihood() | PseudoLikelihood() if "logprob" in answer:
            size = len(request.text.encode())
            tokens = answer.get("tokens", 1)
            if type(tokens) is not int or not 0 < tokens <= MOST:
                raise ValueError(f"tokens is {quoted(tokens)}, not a count of tokens")
            return Scored(_logprob(answer["logprob"]), tokens, size, answer.get("greedy") is True)
    return Failed("replay", f"{type(request).__name__} is not answered by {listed(answer) or 'nothing'}")


def _require_plain(path: Path, lines: Sequence[str]) -> None:
    """Raises DataError where a line among plain ones is an answer with an id: such files are of two forms."""
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("{"):
            try:
                row = json_object(line, f"{path}:{number}", constants=True)
            except DataError:
                continue
            if "id" in row and row.keys() & {"text", "logprobs", "logprob"}:
                raise DataError(f"{path}:{number}: an answer with an id after plain lines: a file has one form")


def _logprob(value: Any) -> float:
    """A log-probability; -inf and what is no number (NaN) are judged as such. Raises ValueError for anything else."""
    if type(value) not in (int, float) or value > ROUNDING or (type(value) is int and value < -MOST):
        raise ValueError(f"{quoted(value)} is no log-probability")
    return float(value)


def _keyed(path: Path, lines: Sequence[str]) -> dict[Key, dict[str, Any]]:
    answers: dict[Key, dict[str, Any]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        row = json_object(f"{line}\n", where, constants=True)
        key = _key(row, where)
        if not isinstance(row.get("text"), str | None):
            raise DataError(f"{where}: text is {quoted(row['text'])}, not a string")
        if key in answers:
            raise DataError(f"{where}: a second answer for example {quoted(key[1])}")
        answers[key] = {k: v for k, v in row.items() if k not in ("task", "id", "part")}
    return answers


def _key(row: Mapping[str, Any], where: str) -> Key:
    """Which request an answer is for. Raises DataError."""
    task, part = row.get("task"), row.get("part", 0)
    if row.get("id") is None:
        raise DataError(f"{where}: not an answer with an id; there are {listed(row) or 'no keys'}")
    if not isinstance(task, str | None):
        raise DataError(f"{where}: task is {quoted(task)}, not a string")
    if type(part) is not int or part < 0:
        raise DataError(f"{where}: part is {quoted(part)}, not a whole number from 0")
    return task, label_of(row["id"], f"{where}: id"), part
