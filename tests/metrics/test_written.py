"""Metrics that a task file names, with their options; what a metric does not see of a reference is told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.api import evaluate
from harness.errors import UnknownName, UsageError
from harness.metrics import stats, text, written
from harness.types import Example


def score(measure: Any, said: list[str], right: list[str]) -> float:
    rows = [measure.value(Example(str(i), {}, (r,)), s) for i, (s, r) in enumerate(zip(said, right, strict=True))]
    return stats.point(measure.metric, np.array(rows, float))


SCRIPTS = ["我们明天早上坐火车去上海", "พรุ่งนี้เราจะไปทะเล", "Завтра мы едем к морю"]


@pytest.mark.parametrize(
    ("use", "blind", "seeing"),
    [("bleu", "13a", "zh"), ("ter", "tercom", "asian"), ("rouge2", "rouge", "unicode"), ("f1", "spaces", "unicode")],
)
def test_another_tokenizer_sees_other_scripts(use: str, blind: str, seeing: str) -> None:
    said, right = [SCRIPTS[0][:-1] + "京"], SCRIPTS[:1]
    one, two = (score(written.measure(use, tokenize=t), said, right) for t in (blind, seeing))
    worst, best = (100.0, 0.0) if use == "ter" else (0.0, 1.0 if use in ("rouge2", "f1") else 100.0)
    assert one == worst and abs(two - best) < abs(worst - best) / 3
    loses = written.measure(use, tokenize=blind).metric.loses
    told = loses(right[0]) if loses else ""
    assert f'tokenize = "{"zh" if use == "bleu" else seeing}"' in told
    assert (
        written.measure(use, tokenize=blind).metric.signature != written.measure(use, tokenize=seeing).metric.signature
    )


@pytest.mark.parametrize("tokenize", ["rouge", "unicode"])
def test_rouge_of_the_reference_itself(tokenize: str) -> None:
    found = score(written.measure("rougeL", tokenize=tokenize), SCRIPTS, SCRIPTS)
    assert found == (0.0 if tokenize == "rouge" else 1.0)
    assert text.unicode_words("Größe 12, हिन्दी ABC我") == ["grösse", "12", "हिन्दी", "abc", "我"]


WRONG = [("", "A"), ("271", "2.71"), ("8", "-8"), ("F", "F#"), ("50", "50%")]


def test_exact_match_as_it_is_written() -> None:
    said, right = ([pair[side] for pair in WRONG] for side in (0, 1))
    assert score(written.measure("exact_match"), said, right) == 1.0  # the official rule of SQuAD
    assert score(written.measure("exact_match", normalize="none"), said, right) == 0.0
    assert score(written.measure("exact_match", normalize="case"), ["new  york"], ["New York"]) == 1.0
    assert score(written.measure("exact_match", normalize="none"), ["new york"], ["New York"]) == 0.0


@pytest.mark.parametrize("reference", [right for _, right in WRONG] + ["the", "Plan A", "x = y", "1/2"])
def test_what_squads_rule_changes_is_told(reference: str) -> None:
    assert written.squad_loses(reference)


@pytest.mark.parametrize(
    "reference", ["Paris.", "a red door", "St. Louis, Missouri", "U.S.", "don't", '"The Iliad"', "42"]
)
def test_what_it_may_drop_is_not(reference: str) -> None:
    assert not written.squad_loses(reference)


def test_options_that_are_none() -> None:
    with pytest.raises(UnknownName, match="'zhh'; did you mean zh"):
        written.measure("bleu", tokenize="zhh")
    with pytest.raises(UsageError, match="chrf takes no tokenize"):
        written.measure("chrf", tokenize="zh")
    with pytest.raises(UsageError, match="f1 takes no normalize; its options: tokenize"):
        written.measure("f1", normalize="none")


def test_a_run_says_what_its_metrics_do_not_see_and_a_task_file_chooses(tmp_path: Path) -> None:
    rows = [{"question": "q", "answer": answer} for answer in (SCRIPTS[0], "C++")]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    blind = 'metrics = ["exact_match", "bleu", "rouge1", "rougeL"]'
    seeing = """metrics = [
        {use = "exact_match", normalize = "none"}, {use = "bleu", tokenize = "zh", name = "bleu_zh"},
        {use = "rouge1", tokenize = "unicode"}, {use = "rougeL", tokenize = "unicode"},
    ]"""
    told: dict[str, list[str]] = {}
    for name, metrics in (("blind", blind), ("seeing", seeing)):
        (tmp_path / f"{name}.toml").write_text(f'data = "rows.jsonl"\n{metrics}\n', encoding="utf-8")
        kept = told.setdefault(name, [])
        found = evaluate("scripted:oracle", str(tmp_path / f"{name}.toml"), store=str(tmp_path), notice=kept.append)
        last = [e.value for e in found.estimates if e.slice == "all"]
    assert [line.split(": ")[1] for line in told["blind"]] == ["exact_match", "bleu", "rouge1, rougeL"]
    assert all("1 of 2 examples have such a reference" in line for line in told["blind"])
    assert told["seeing"] == []
    assert last == [1.0, pytest.approx(100.0), 1.0, 1.0]
