"""One checkpoint behind lm-evaluation-harness's own model `hf` and through our tasks `lm-eval:NAME`: answers and time.

    python benchmarks/lm_eval_hf.py --data DIR [--tasks arc_easy:20,gsm8k:4] [--rounds 3] [--batch-size 8]

A task is named with the number of its first documents. Every request of the package's is looked up among ours. A
prediction is the likeliest of the choices with which of them are greedy, or the text. Time is what answering takes,
tokenising included and loading not; the median of the rounds, which alternate. Both compute in float32 on the CPU.
Needs the package lm-eval in this environment.
"""

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lm_eval
from lm_eval.models.huggingface import HFLM
from lm_eval_hub import arguments, completed

from harness import run as running
from harness.bridges.lm_eval_tasks import family, mirror
from harness.bridges.lm_eval_tasks.index import entries
from harness.bridges.lm_eval_tasks.opened import manager_of
from harness.bridges.lm_eval_tasks.requests import answer_of, requests_of
from harness.engine.backend import Backend, Options
from harness.engine.load import load
from harness.engine.smollm2 import smollm2_folder
from harness.types import Request, Response, Settings

TASKS = (
    "arc_easy:20,arc_challenge:20,hellaswag:20,winogrande:20,openbookqa:20,copa:20,sst2:20,piqa:20,lambada_openai:20,"
    "boolq:5,wikitext:1,triviaqa:8,gsm8k_cot_zeroshot:4"
)
KINDS = ("loglikelihood", "loglikelihood_rolling", "generate_until")


class Timed:
    """Their model, and what it was asked, what it said and how long that took."""

    def __init__(self, model: Any) -> None:
        self.model, self.said, self.seconds = model, list[tuple[str, Any, Any]](), 0.0
        for kind in KINDS:
            setattr(model, kind, self._timed(kind, getattr(model, kind)))

    def _timed(self, kind: str, method: Any) -> Any:
        def asked(requests: Sequence[Any], **words: Any) -> list[Any]:
            start = time.perf_counter()
            answers: list[Any] = method(requests, disable_tqdm=True)
            self.seconds += time.perf_counter() - start
            self.said += [(kind, *pair) for pair in zip(requests, answers, strict=True)]
            return answers

        return asked

    def evaluate(self, task: str, limit: int, data: Path) -> float:
        """Seconds of answering; ``said`` is of this evaluation alone."""
        self.said, self.seconds = [], 0.0
        with mirror.mirrored(data), mirror.quiet():
            lm_eval.simple_evaluate(
                self.model, tasks=[task], limit=limit, bootstrap_iters=0, task_manager=manager_of(entries())
            )
        return self.seconds


def ask(backend: Backend, task: str, limit: int, data: Path) -> tuple[dict[Request, Response], float]:
    """Our answers by their requests, and seconds of answering."""
    planned = running.plan(family.FAMILIES(task), Settings(limit=limit, limit_order="first"), data)
    questions = running.questions(planned)
    start = time.perf_counter()
    answers = dict(pair for batch in backend.answer(questions) for pair in batch)
    return {question.request: answers[i] for i, question in enumerate(questions)}, time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class Compared:
    """Documents and those whose predictions are equal; requests, the largest difference of a log-likelihood, and of
    one relative to its size."""

    documents: int
    equal: int
    requests: int
    difference: float
    relative: float


def compare(said: Sequence[tuple[str, Any, Any]], ours: dict[Request, Response]) -> Compared:
    """Their answers beside ours. Raises KeyError for a request that we did not make."""
    theirs: dict[int, list[Any]] = {}
    mine: dict[int, list[Any]] = {}
    apart, relative = [0.0], [0.0]
    for kind, request, answer in said:
        [asked] = requests_of(kind, request.args)
        here = answer_of(ours[asked], kind)
        theirs.setdefault(request.doc_id, []).append(answer)
        mine.setdefault(request.doc_id, []).append(here)
        if kind != "generate_until":
            one, other = (value if isinstance(value, float) else value[0] for value in (answer, here))
            apart.append(abs(one - other))
            relative.append(abs(one - other) / max(1.0, abs(one)))
    equal = sum(prediction(answers) == prediction(mine[doc]) for doc, answers in theirs.items())
    return Compared(len(theirs), equal, len(said), max(apart), max(relative))


def prediction(answers: Sequence[Any]) -> Any:
    """What a document's answers say: the likeliest text and which are greedy; texts; of whole texts nothing."""
    if isinstance(answers[0], tuple):
        sums = [logprob for logprob, _ in answers]
        return sums.index(max(sums)), [bool(greedy) for _, greedy in answers]
    return [answer for answer in answers if isinstance(answer, str)]


def main() -> None:
    """Print one line a task; exit with 1 if a prediction differs or a log-likelihood is off by more than 2e-3."""
    given = arguments(__doc__, TASKS, rounds=3)
    folder = str(smollm2_folder())
    theirs = Timed(HFLM(pretrained=folder, dtype="float32", batch_size=given.batch_size, device="cpu"))
    backend = load(folder, Options(dtype="float32", device="cpu"))
    print("| task | documents | equal predictions | requests | largest difference | hf | ours | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    wrong = 0
    with TemporaryDirectory() as place:
        data = completed(given.data, Path(place))
        for task, number in (named.split(":") for named in given.tasks.split(",")):
            limit = int(number)
            seconds: list[tuple[float, float]] = []
            for _ in range(given.rounds):
                spent = theirs.evaluate(task, limit, data)
                ours, mine = ask(backend, task, limit, data)
                seconds.append((spent, mine))
            one = compare(theirs.said, ours)
            hf, own = (statistics.median(column) for column in zip(*seconds, strict=True))
            ratio = statistics.median(first / second for first, second in seconds)
            off = f"{one.difference:.1e}" + f" (relative {one.relative:.0e})" * (one.difference > 2e-3)
            row = (task, one.documents, one.equal, one.requests, off, f"{hf:.2f} s", f"{own:.2f} s", f"{ratio:.2f}")
            print(f"| {' | '.join(map(str, row))} |", flush=True)
            wrong += one.documents != one.equal or min(one.difference, 100 * one.relative) > 2e-3
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
