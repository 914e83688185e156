"""Ties, several right choices, metrics that fail: what is counted, what is told, and that it adds up."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from harness.api import Result, evaluate
from harness.kinds import About, Data, pair
from harness.metrics.measures import PAIR_ACC, Measure, PairMeasure
from harness.store import open_store
from harness.types import Card, Dataset, Example, Scored

CARD = Card(measures="m", limits="l", source="s", licence="x")


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def replayed(tmp_path: Path, task: Path, answers: list[dict[str, object]]) -> tuple[Result, list[str]]:
    told: list[str] = []
    write(tmp_path / "answers.jsonl", [{"id": str(i), **answer} for i, answer in enumerate(answers)])
    model = f"replay:{tmp_path / 'answers.jsonl'}"
    return evaluate(model, str(task), store=str(tmp_path / "store"), notice=told.append), told


def values(result: Result) -> dict[str, tuple[float | None, int, int]]:
    return {e.metric: (e.value, e.n, e.failed) for e in result.estimates if e.slice == "all"}


COLOURS = ["red", "green", "blue", "pink"]


def test_ties_are_counted_and_impossible_choices_failed(tmp_path: Path) -> None:
    rows = [{"question": f"q{i}", "choices": COLOURS, "answer": 0} for i in range(4)]
    task = write(tmp_path / "t.jsonl", rows)
    flat, none = {"logprobs": [-1.0] * 4}, {"logprobs": [-math.inf] * 4}
    result, told = replayed(tmp_path, task, [flat, flat, none, {"logprobs": [-1.0, -2.0, -3.0, -4.0]}])
    assert values(result)["acc"] == (1.0, 3, 1)
    assert told[0] == "t: acc: in 2 of 3 examples several choices tie for the most likely; the first one counts"
    assert not any("acc_norm" in line for line in told)  # the words have different lengths but for two


def test_ties_of_a_normalised_score(tmp_path: Path) -> None:
    task = write(tmp_path / "t.jsonl", [{"question": "q", "choices": ["ab", "abcd"], "answer": 0}])
    _, told = replayed(tmp_path, task, [{"logprobs": [-2.0, -4.0]}])
    assert [line.split(": ")[1] for line in told] == ["acc_norm", "acc_bytes"]


def test_choices_with_the_words_of_the_right_one_are_right(tmp_path: Path) -> None:
    rows = [{"question": "q", "choices": ["up", "same", "up"], "answer": 2}]
    task = write(tmp_path / "t.jsonl", rows)
    result, told = replayed(tmp_path, task, [{"logprobs": [-1.0, -5.0, -1.0]}])
    found = values(result)
    assert {found[name][0] for name in ("acc", "acc_norm", "acc_bytes")} == {1.0} and told == []
    assert found["nll_choice"][0] == pytest.approx(math.log(1 + math.exp(-4) / 2))
    assert values(replayed(tmp_path, task, [{"text": "Up"}])[0])["acc"] == (1.0, 1, 0)


def test_each_of_several_right_choices_is_right(tmp_path: Path) -> None:
    rows = [{"question": f"q{i}", "choices": COLOURS, "answer": ["green", "blue"]} for i in range(2)]
    task = write(tmp_path / "t.jsonl", rows)
    result, _ = replayed(tmp_path, task, [{"logprobs": [-9.0, -5.0, -1.0, -9.0]}, {"text": "pink"}])
    samples = open_store(str(tmp_path / "store")).samples(result.run.id, "t")
    assert list(samples["correct"]) == [True, False]
    found = values(result)
    assert found["acc"] == (0.5, 2, 0) and found["acc_at_80"][0] == 1.0
    weights = [math.exp(p) for p in (-9.0, -5.0, -1.0, -9.0)]
    right = (weights[1] + weights[2]) / sum(weights)
    assert found["nll_choice"][0] == pytest.approx(-math.log(right))
    assert found["brier_multi"][0] == pytest.approx((1 - right) ** 2 + 2 * (weights[0] / sum(weights)) ** 2)
    assert values(evaluate("scripted:opposite", str(task), store=str(tmp_path / "s")))["acc"][0] == 0.0


OWN = """
import math
def odd(predictions, references):
    return {"inf": math.inf, "nan": math.nan, "none": None}.get(predictions[0], 1.0)
def agree(picked, right):
    return float(picked == right)
def leave(predictions, references):
    raise SystemExit(0)
"""


def test_a_metric_without_a_number_fails_for_that_example_alone(tmp_path: Path) -> None:
    write(tmp_path / "q.jsonl", [{"question": f"q{i}", "answer": "x"} for i in range(5)])
    (tmp_path / "own.py").write_text(OWN)
    task = tmp_path / "t.toml"
    task.write_text('data = "q.jsonl"\nmetrics = ["exact_match", {use = "python:own.py:odd", level = "example"}]')
    said = ["x", "inf", "nan", "none", None]
    result, told = replayed(tmp_path, task, [{"text": text} for text in said])
    assert values(result) == {"exact_match": (0.25, 4, 1), "odd": (1.0, 1, 4)}
    assert told == [
        "t: odd failed on 3 of 5 examples; the first reason: its value is inf",
        "t: 1 of 5 failed: missing: the text of the answer is null",
    ]
    outcomes = list(open_store(str(tmp_path / "store")).outcomes(result.run.id, "t"))
    assert [dict(o.judged.failed) if o.judged else None for o in outcomes] == [
        {}, {"odd": "its value is inf"}, {"odd": "its value is nan"}, {"odd": "its value is nan"}, None,
    ]  # fmt: skip


def test_a_metric_that_ends_the_process_ends_no_run_as_finished(tmp_path: Path) -> None:
    from harness.errors import DataError

    write(tmp_path / "q.jsonl", [{"question": "q", "answer": "x"}])
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "t.toml").write_text('data = "q.jsonl"\nmetrics = ["python:own.py:leave"]')
    with pytest.raises(DataError, match="python:own.py:leave: SystemExit"):
        replayed(tmp_path, tmp_path / "t.toml", [{"text": "x"}])


def test_a_failed_example_counts_for_the_metrics_it_is_about(tmp_path: Path) -> None:
    from harness import run as running
    from harness.metrics.classify import proportion
    from harness.types import Failed

    rows = write(tmp_path / "q.jsonl", [{"id": i, "a": "x", "b": "y", "side": "lr"[i % 2]} for i in range(6)])

    def of(side: str) -> PairMeasure:
        def value(example: Example, one: Scored, two: Scored) -> float | None:
            return float(one.logprob > two.logprob) if example.fields["side"] == side else None

        return Measure(proportion(side), value)

    task = pair(
        "t",
        data=Data(Dataset("t", path=str(rows))),
        first="{a}",
        second="{b}",
        measures=(of("l"), of("r")),
        about=About(version=1, card=CARD),
    )
    (planned,) = running.plan([task], running.Settings(), None)
    better, equal = Scored(-1.0, 1, 1, False, (-1.0,)), Scored(-2.0, 1, 1, False, (-2.0,))
    answers = [better, equal] * 4 + [Failed("x", "y"), equal, better, Failed("x", "y")]
    found = {e.metric: (e.value, e.n, e.failed) for e in running.finish([planned], answers).estimates}
    assert found == {"l": (1.0, 2, 1), "r": (1.0, 2, 1)}
    every = running.finish([planned], [Failed("x", "y")] * 12).estimates
    assert {(e.n, e.failed) for e in every} == {(0, 3)}


def test_equal_texts_of_a_pair_are_told(tmp_path: Path) -> None:
    from harness import notices
    from harness import run as running

    rows = write(tmp_path / "q.jsonl", [{"id": 0, "a": "x", "b": "y"}])
    task = pair(
        "t",
        data=Data(Dataset("t", path=str(rows))),
        first="{a}",
        second="{b}",
        measures=(PAIR_ACC,),
        about=About(version=1, card=CARD),
    )
    (planned,) = running.plan([task], running.Settings(), None)
    same = Scored(-1.0, 1, 1, False, (-1.0,))
    outcomes = running.judge([planned], [same, same], {"t": {}})["t"]
    assert list(notices.of_outcomes(task, outcomes)) == [
        "t: in 1 of 1 examples the two texts tie: neither is preferred"
    ]


def test_correct_follows_the_first_share_of_right_answers(tmp_path: Path) -> None:
    write(tmp_path / "q.jsonl", [{"question": f"q{i}", "answer": "the cat sat"} for i in range(2)])
    for metrics, right in (('["bleu", "f1", "exact_match"]', [True, False]), ('["rouge1", "f1"]', [None, None])):
        (tmp_path / "t.toml").write_text(f'data = "q.jsonl"\nmetrics = {metrics}')
        result, _ = replayed(tmp_path, tmp_path / "t.toml", [{"text": "the cat sat"}, {"text": "no"}])
        samples = open_store(str(tmp_path / "store")).samples(result.run.id, "t")
        assert [None if pd.isna(one) else bool(one) for one in samples["correct"]] == right


def test_a_metric_from_outside_sees_the_right_choice_that_was_picked(tmp_path: Path) -> None:
    write(tmp_path / "q.jsonl", [{"question": "q", "choices": ["up", "same", "up"], "answer": 2}])
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "t.toml").write_text(
        'data = "q.jsonl"\nchoices = "choices"\nmetrics = ["acc", {use = "python:own.py:agree", level = "example"}]'
    )
    assert values(replayed(tmp_path, tmp_path / "t.toml", [{"logprobs": [-1.0, -5.0, -1.0]}])[0])["agree"] == (
        1.0,
        1,
        0,
    )


def test_a_metric_of_whole_texts_without_a_number_has_no_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.cli.main import main

    write(tmp_path / "q.jsonl", [{"question": f"q{i}", "answer": "x"} for i in range(2)])
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "t.toml").write_text('data = "q.jsonl"\nmetrics = ["python:own.py:odd"]')
    for said in ("inf", "none"):
        (tmp_path / "a.txt").write_text(f"{said}\n{said}\n")
        with pytest.raises(SystemExit) as stopped:
            main(["run", f"replay:{tmp_path / 'a.txt'}", "--tasks", str(tmp_path / "t.toml"), "--store", str(tmp_path)])
        assert stopped.value.code == 3
        told = "t: odd has no value: 0 examples failed, the 2 judged examples give no finite number"
        assert told in capsys.readouterr().err


@pytest.mark.parametrize("value", ["math.nan", "-math.inf", "None"])
def test_a_corpus_metric_without_a_number_is_told(value: str, tmp_path: Path) -> None:
    write(tmp_path / "t.jsonl", [{"question": f"q{i}", "answer": "green"} for i in range(2)])
    (tmp_path / "mine.py").write_text(f"import math\n\n\ndef odd(predictions, references):\n    return {value}\n")
    task = tmp_path / "t.toml"
    task.write_text('data = "t.jsonl"\nprompt = "{question}"\nmetrics = ["exact_match", "python:mine.py:odd"]\n')
    result, told = replayed(tmp_path, task, [{"text": "green"}] * 2)
    assert values(result)["odd"][0] is None and told == ["t: odd has no finite value over its 2 examples"]
