"""The figures of open-ended text equal their definitions, and are undefined rather than computed over too little."""

import gzip
import math
import random

import pytest
from sacrebleu.metrics import BLEU

from harness import run as running
from harness.metrics import text
from harness.types import Generated, Settings
from harness_tasks.openended import BUDGET, TASKS

(TASK,) = TASKS
WORDS = ["the", "a", "cat", "dog", "sat", "on", "mat", "and", "then", "it", "ran", "home"]


def written(seed: int, count: int = 40, length: int = 20) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=length)) for _ in range(count)]


def figures(answers: list[str]) -> dict[str, running.Estimate]:
    (planned,) = running.plan([TASK], Settings(limit=len(answers)), None)
    responses = [Generated(answer, len(answer.split()), "end") for answer in answers]
    return {e.metric: e for e in running.finish([planned], responses).estimates if e.slice == "all"}


def test_every_figure_is_its_definition_over_all_answers() -> None:
    answers = written(0)
    found = {name: e.value for name, e in figures(answers).items()}
    words, left = [], BUDGET
    for answer in answers:
        words.append(answer.split()[: max(0, left)])
        left -= len(words[-1])
    for order in (1, 2, 3):
        grams = [tuple(w[i : i + order]) for w in words for i in range(len(w) - order + 1)]
        assert found[f"distinct_{order}"] == len(set(grams)) / len(grams)
    sentence = BLEU(force=True)
    each = [
        sentence.corpus_score([a], [[b] for j, b in enumerate(answers) if j != i]).score for i, a in enumerate(answers)
    ]
    assert found["self_bleu"] == pytest.approx(sum(each) / len(each), rel=1e-12)
    grams = [[" ".join(a.split()[i : i + 4]) for i in range(17)] for a in answers]
    logs = [
        math.log(1 + sum(sum(g in other for j, other in enumerate(grams) if j != i) for g in own))
        for i, own in enumerate(grams)
    ]
    assert found["self_repetition"] == pytest.approx(sum(logs) / len(logs), rel=1e-12)
    plain = "\n".join(answers).encode()
    assert found["compression_ratio"] == len(plain) / len(gzip.compress(plain, mtime=0))
    assert found["repetition"] == pytest.approx(sum(1 - len(set(g)) / 17 for g in grams) / len(grams))


def test_only_the_mean_has_an_interval() -> None:
    found = figures(written(1))
    assert {name for name, e in found.items() if e.low is not None} == {"repetition"}


def test_too_few_words_are_undefined() -> None:
    found = figures(written(2, count=BUDGET // 20 - 1))
    assert found["distinct_2"].value is None
    assert figures(written(2, count=BUDGET // 20))["distinct_2"].value is not None
    assert figures(["one two three"])["self_bleu"].value is None


def test_a_formula_shared_by_answers_is_self_repetition_and_one_within_is_not() -> None:
    assert text.self_repetition(["a b c d e", "x b c d e"]) == pytest.approx(math.log(2))
    assert text.self_repetition(["a b c d a b c d", "q r s t"]) == 0.0
