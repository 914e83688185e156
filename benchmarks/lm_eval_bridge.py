"""The task files of lm-evaluation-harness on both sides of the bridge, with a model that is a hash of the strings.

    python benchmarks/lm_eval_bridge.py --data DIR [--tasks 'arc_*,mmlu'] [--limit 20]

``simple_evaluate`` and our tasks ``lm-eval:NAME`` ask the same fake. Every line of the table says for how many examples
the requests and the values of every metric are the same, and whether every number of the results is. Without --tasks
all tasks that can run here are compared. Needs the package lm-eval in this environment.
"""

import argparse
import fnmatch
import hashlib
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lm_eval
import numpy as np
from lm_eval.api.model import LM
from mirror import add_data

from harness import run as running
from harness.api.recording import averages
from harness.bridges.lm_eval_tasks import family, mirror
from harness.bridges.lm_eval_tasks.index import entries
from harness.bridges.lm_eval_tasks.opened import manager_of
from harness.bridges.lm_eval_tasks.requests import generate
from harness.engine.backend import Batch
from harness.types import Failed, Generate, Generated, Likelihood, ModelInfo, Question, Response, Scored, Settings, Task

WORDS = ("A", "B", " C", "(D)", "yes", "No", "The answer is 12.", "#### 7", "the answer is (B).", "18", "Paris", "True")


def draw(*parts: str) -> int:
    """A number that depends on some strings alone."""
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8])


def likelihood(context: str, text: str) -> tuple[float, bool]:
    """A log-probability, never twice the same, and whether every token is said to be the likeliest."""
    number = draw("likelihood", context, text)
    return -1.0 - number % 1_000_003 / 10_007, number % 5 == 0


def written(prompt: str, draws: int) -> str:
    """An answer of one to three words."""
    number = draw("text", prompt, str(draws))
    return " ".join(WORDS[number // 13**place % len(WORDS)] for place in range(1 + number % 3))


class Theirs(LM):  # type: ignore[misc]  # untyped
    """The fake behind the package's own seam."""

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        return [likelihood(*request.args) for request in requests]

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        return [likelihood("", request.args[0])[0] for request in requests]

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        seen: Counter[tuple[int, str]] = Counter()
        answers = []
        for request in requests:
            prompt, words = request.args
            drawn = generate(prompt, words).temperature > 0
            answers.append(written(prompt, seen[id(request), prompt] if drawn else 0))
            seen[id(request), prompt] += 1
        return answers


@dataclass(frozen=True, slots=True)
class Ours:
    """The fake behind our seam; every ``failing``-th request fails where it is not 0."""

    failing: int = 0

    @property
    def info(self) -> ModelInfo:
        """Who answers."""
        return ModelInfo("hashes", {"rule": "sha256"}, frozenset({Likelihood, Generate}))

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """All at once."""
        yield [(i, self._one(i, question)) for i, question in enumerate(questions) if i not in done]

    def stats(self) -> dict[str, float | str]:
        """Nothing is computed."""
        return {}

    def _one(self, position: int, question: Question) -> Response:
        request = question.request
        if self.failing and position % self.failing == self.failing - 1:
            return Failed("scripted", f"request {position} fails by rule")
        if isinstance(request, Likelihood):
            logprob, greedy = likelihood(request.context, request.text)
            return Scored(logprob, 1, len(request.text.encode()), greedy, (logprob,))
        assert isinstance(request, Generate)
        return Generated(written(request.prompt, request.seed), 1, "end")


@dataclass(frozen=True, slots=True)
class Compared:
    """One name on both sides: examples, those with equal requests and values, numbers, those that are equal, and the
    first difference."""

    name: str
    examples: int
    requests: int
    values: int
    numbers: int
    equal: int
    first: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return self.examples == self.requests == self.values and self.numbers == self.equal and not self.first


def compare(name: str, limit: int, data: Path, shots: int | None = None, ours: Ours = Ours()) -> Compared:
    """Every example and number of a task or group on both sides."""
    with mirror.mirrored(data), mirror.quiet():
        results = lm_eval.simple_evaluate(
            Theirs(),
            tasks=[name],
            limit=limit,
            num_fewshot=shots,
            bootstrap_iters=0,
            task_manager=manager_of(entries()),
        )
    settings = Settings(limit=limit, limit_order="first", shots=shots)
    planned = running.plan(family.FAMILIES(name), settings, data)
    asked = running.questions(planned)
    [batch] = ours.answer(asked)
    finished = running.finish(planned, [response for _, response in batch])
    tasks = [p.task for p in planned]
    figures = [*finished.estimates, *averages(tasks, finished.outcomes).estimates]
    return told(name, results, tasks, finished, {(e.task, e.metric): e.value for e in figures if e.slice == "all"})


def told(
    name: str,
    results: dict[str, Any],
    tasks: Sequence[Task],
    finished: running.Finished,
    ours: dict[tuple[str, str], float | None],
) -> Compared:
    """What is equal, and the first thing that is not."""
    notes: list[str] = []
    examples = requests = values = 0
    for task in tasks:
        samples: dict[int, list[dict[str, Any]]] = {}
        for sample in results["samples"][task.name.removeprefix("lm-eval:")]:
            samples.setdefault(sample["doc_id"], []).append(sample)
        for outcome in finished.outcomes[task.name]:
            theirs = samples.pop(int(outcome.example.id))
            examples += 1
            requests += _same_requests(outcome.requests, theirs[0]["arguments"])
            values += _same_values(task, outcome, theirs, notes)
        notes += [f"{task.name}: {len(samples)} documents more on their side"] * bool(samples)
    numbers = list(_numbers(results))
    apart = [(key, value, ours.get(key)) for key, value in numbers if not close(value, ours.get(key))]
    notes += [f"{key}: theirs {value!r}, ours {mine!r}" for key, value, mine in apart]
    return Compared(
        name, examples, requests, values, len(numbers), len(numbers) - len(apart), notes[0] if notes else ""
    )


def _numbers(results: dict[str, Any]) -> Iterator[tuple[tuple[str, str], float]]:
    """Their numbers under our names of tasks and metrics; the first of a group is its average."""
    for name, row in results["results"].items():
        keys = [key for key in row if "," in key and "_stderr," not in key]
        grouped = name in results.get("groups", {})
        for place, key in enumerate(keys):
            metric = key.removesuffix(",none")
            ours = metric if not grouped else f"average {metric}" if place else "average"
            if isinstance(row[key], (int, float, np.number)):
                yield (f"lm-eval:{name}", ours), float(row[key])


def _same_requests(ours: Sequence[Any], theirs: Sequence[tuple[Any, ...]]) -> bool:
    def texts(request: Any) -> tuple[str, ...]:
        if isinstance(request, Generate):
            return (request.prompt,)
        return (request.context, request.text)

    shown = [a[:1] if len(a) > 1 and isinstance(a[1], dict) else a if len(a) > 1 else ("", a[0]) for a in theirs]
    return list(dict.fromkeys(map(texts, ours))) == list(dict.fromkeys(shown))


def _same_values(task: Task, outcome: Any, theirs: Sequence[dict[str, Any]], notes: list[str]) -> bool:
    raw: Callable[[Any], Any] = task.judge.__self__.raw  # type: ignore[attr-defined]  # what the package gave
    expected = {
        metric if row["filter"] == "none" else f"{metric},{row['filter']}": row[metric]
        for row in theirs
        for metric in row["metrics"]
    }
    given = dict(raw(outcome)) if outcome.judged else {"failed": outcome.failure}
    equal = repr(given) == repr(expected)
    notes += [f"{task.name} {outcome.example.id}: theirs {expected}, ours {given}"[:600]] * (not equal)
    return equal


def close(one: float, other: float | None) -> bool:
    """Equal but for the order of a sum."""
    if other is None:
        return not math.isfinite(one)
    return one == other or math.isclose(one, other, rel_tol=1e-12)


def names_of(patterns: str, data: Path) -> list[str]:
    """Tasks and groups that can run here."""
    here = [m.task.removeprefix("lm-eval:") for m in family.FAMILIES.members("*", data) if m.runs and m.kind == "task"]
    if not patterns:
        return here
    return [n for p in patterns.split(",") for n in (fnmatch.filter(here, p) if set(p) & set("*?[") else [p])]


def main() -> None:
    """Print one line a name; exit with 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data(parser)
    parser.add_argument("--tasks", default="")
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--shots", type=int)
    given = parser.parse_args()
    print("| task | examples | equal requests | equal values | numbers | equal numbers | seconds |")
    print("|---|---|---|---|---|---|---|")
    unequal = 0
    for name in names_of(given.tasks, given.data):
        start = time.perf_counter()
        try:
            one = compare(name, given.limit, given.data, given.shots)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:400]}", file=sys.stderr, flush=True)
            unequal += 1
            continue
        spent = time.perf_counter() - start
        row = (one.examples, one.requests, one.values, one.numbers, one.equal, f"{spent:.1f}")
        print(f"| {name} | {' | '.join(map(str, row))} |", flush=True)
        if not one.is_equal:
            unequal += 1
            print(f"{name}: {one.first}", file=sys.stderr, flush=True)
    sys.exit(1 if unequal else 0)


if __name__ == "__main__":
    main()
