"""Comparing runs: pairs by example, refusing what changed, counting what flipped; core and command line."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import harness.differences as comparing
from harness.api import compare, evaluate
from harness.api.sentence import direction
from harness.cli.main import main
from harness.errors import UsageError
from harness.metrics.classify import accuracy
from harness.plugins import installed_metrics
from harness.store import open_store
from harness.types import Better, Metric


def made(correct: list[int], clusters: list[str] | None = None, prompt: str = "p") -> list[comparing.Answer]:
    return [
        comparing.Answer(
            str(place), clusters[place] if clusters else str(place), prompt, bool(value),
            {"accuracy": float(value)}, {}, "x", float(value),
        )
        for place, value in enumerate(correct)
    ]  # fmt: skip


def test_difference_counts_and_tests() -> None:
    ours, theirs = made([1] * 15 + [0] * 5 + [1] * 80), made([0] * 15 + [1] * 5 + [1] * 80)
    pairs, lost = comparing.pairs_of(ours, theirs, same=True)
    row = comparing.difference("t", accuracy, "all", pairs)
    assert row is not None and lost == 0
    assert (row.fixed, row.broken, row.dropped) == (5, 15, 0)
    assert row.paired.difference == pytest.approx(-0.10)
    assert round(row.paired.p or 0, 4) == 0.0414 and row.paired.test == "exact McNemar"
    assert row.paired.low is not None and row.paired.low < -0.10 < (row.paired.high or 0)


def test_clusters_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    ours = [1] * 200
    theirs = [int(x) for x in np.repeat(rng.random(20) < 0.7, 10)]
    groups = [str(place // 10) for place in range(200)]
    alone = comparing.difference("t", accuracy, "all", list(zip(made(ours), made(theirs), strict=True)))
    together = comparing.difference(
        "t", accuracy, "all", list(zip(made(ours, groups), made(theirs, groups), strict=True))
    )
    assert alone is not None and together is not None
    assert (together.paired.error or 0) > 2 * (alone.paired.error or 0)


def test_other_prompts_are_counted_or_left_out() -> None:
    ours, theirs = made([1, 0, 1]), made([1, 1, 1], prompt="other")
    assert comparing.pairs_of(ours, theirs, same=True) == ([], 3)
    row = comparing.difference("t", accuracy, "all", comparing.pairs_of(ours, theirs, same=False)[0])
    assert row is not None and row.reworded == 3


def test_a_failure_is_not_compared() -> None:
    ours, theirs = made([1, 0, 1]), made([1, 1, 1])
    theirs[0] = comparing.Answer("0", "0", "p", None, None, {}, "", None)
    row = comparing.difference("t", accuracy, "all", list(zip(ours, theirs, strict=True)))
    assert row is not None and (row.paired.n, row.dropped) == (2, 1)


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """A store with a run that has everything right and one that has everything wrong."""
    place = str(tmp_path_factory.mktemp("store"))
    for model in ("scripted:oracle", "scripted:opposite"):
        assert run("run", model, "--tasks", "demo/sentiment", "--store", place, "--quiet") == 0
    runs = {r.model: r.id for r in open_store(place).runs()}
    return place, runs["scripted:oracle"], runs["scripted:opposite"]


def test_command_line(store: tuple[str, str, str], capsys: pytest.CaptureFixture[str]) -> None:
    place, best, worst = store
    assert run("compare", best, worst, "--examples", "--slices", "--store", place) == 0
    out = capsys.readouterr().out
    assert "demo/sentiment" in out and "broken demo/sentiment" in out and "-1" in out
    assert run("compare", best, best, "--store", place) == 0
    assert "the same on demo/sentiment" in capsys.readouterr().out
    assert run("compare", best, worst, "--task", "demo/sentimen", "--store", place) == 2


def test_a_comparison_begins_with_a_sentence(
    store: tuple[str, str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place, best, worst = store
    out = tmp_path / "out.json"
    assert run("compare", "scripted:oracle", "scripted:opposite", "--store", place, "--json", str(out)) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(
        "scripted:opposite is worse than scripted:oracle on demo/sentiment: acc -100 points (-100 to -"
    )
    assert " ece_" not in shown and "brier" not in shown
    [page] = json.loads(out.read_text())
    changes = compare(best, worst, store=place)
    assert page["sentence"] == changes.sentence and shown.startswith(changes.sentence)
    assert {row["metric"]: row["direction"] for row in page["differences"]}["brier_multi"] == "worse"
    assert (page["first"], page["second"]) == (best, worst)
    assert run("compare", best, worst, "--store", place, "--all") == 0
    assert "brier" in capsys.readouterr().out


def test_the_sentence_tells_of_failures_and_has_one_unit(tmp_path: Path) -> None:
    place = str(tmp_path / "s")
    for model in ("oracle", "opposite", "fail-every-3"):
        evaluate(f"scripted:{model}", ["demo/sentiment", "demo/pronouns"], store=place, name=model)
    failing = compare("oracle", "fail-every-3", store=place, tasks=["demo/sentiment"])
    assert failing.sentence == "fail-every-3 against oracle: the same on demo/sentiment (27 questions, 13 dropped)"
    leaning = compare("oracle", "opposite", store=place, tasks=["demo/pronouns"])
    assert "points" in leaning.sentence and leaning.sentence.endswith("from 100 % to 0 % where 50 % is ideal")


def row_of(ours: list[int], theirs: list[int], metric: Metric = accuracy) -> comparing.Difference:
    pairs = comparing.pairs_of(made(ours), made(theirs), same=True)[0]
    row = comparing.difference("t", metric, "all", pairs)
    assert row is not None
    return comparing.corrected([row])[0]


@pytest.mark.parametrize(
    ("ours", "theirs", "better", "expected"),
    [
        ([1] * 40, [0] * 20 + [1] * 20, "higher", "worse"),
        ([1] * 40, [0] * 20 + [1] * 20, "lower", "better"),
        ([1] * 40, [0] * 2 + [1] * 38, "higher", "unclear"),
        ([1] * 20 + [0] * 20, [1] * 20 + [0] * 20, "higher", "same"),
    ],
)
def test_direction_needs_a_difference_that_can_be_told(
    ours: list[int], theirs: list[int], better: Better, expected: str
) -> None:
    assert direction(row_of(ours, theirs, replace(accuracy, better=better))) == expected


def test_without_flips_a_comparison_is_the_same_and_reads_no_response(store: tuple[str, str, str]) -> None:
    place, best, worst = store
    opened, known = open_store(place), installed_metrics([task.name for task in open_store(place).run(best).tasks])
    rows, flips = comparing.compare(opened, best, worst, known)
    assert flips and all(flip.change is not None for flip in flips)
    assert comparing.compare(opened, best, worst, known, flips=False) == (rows, [])
    assert {a.logprob for a in comparing.answers(opened, best, flips[0].task, logprobs=False)} == {None}


def test_a_number_that_crosses_its_ideal_is_neither_better_nor_worse() -> None:
    neutral = replace(accuracy, better="ideal", ideal=0.5)
    assert direction(row_of([1] * 40, [0] * 40, neutral)) == "changed"
    assert direction(row_of([1] * 40, [1] * 20 + [0] * 20, neutral)) == "better"


def test_baselines(store: tuple[str, str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    place, best, worst = store
    assert run("baseline", "set", "main", worst, "--store", place) == 0
    assert run("baseline", "set", "main", best, "--why", "better", "--store", place) == 0
    capsys.readouterr()
    assert run("baseline", "list", "--store", place) == 0
    assert capsys.readouterr().out == f"main -> {best}\n"
    assert run("baseline", "list", "--history", "--store", place) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert run("baseline", "set", "main", "nothing", "--store", place) == 2
    assert run("compare", "main", worst, "--store", place) == 0
    assert "is worse than" in capsys.readouterr().out


ANSWERS = {
    "bleu": ("the old dog slept on a rug", "the old dog slept on the rug all day"),
    "share": ("dog", "the old dog slept on the rug all day"),
}
OWN = "def share(said, right):\n    return sum(p in r for p, r in zip(said, right)) / len(said)\n"


def written(folder: Path, metrics: str, said: tuple[str, str], name: str = "t") -> list[str]:
    """The ids of two runs of a task file with these metrics, whose answers are ``said`` in four examples of six."""
    right = ANSWERS["bleu"][1]
    rows = [json.dumps({"question": f"q{i}", "answer": right}) for i in range(6)]
    (folder / "rows.jsonl").write_text("\n".join(rows) + "\n")
    (folder / "own.py").write_text(OWN)
    (folder / f"{name}.toml").write_text(f'data = "rows.jsonl"\nmax_tokens = 9\nmetrics = {metrics}\n')
    runs = []
    for side, text in enumerate(said):
        (folder / f"{side}.txt").write_text("".join(f"{text if i < 4 else right}\n" for i in range(6)))
        found = evaluate(f"replay:{folder / f'{side}.txt'}", str(folder / f"{name}.toml"), store=str(folder / "s"))
        runs.append(found.run.id)
    return runs


def test_corpus_metrics_of_a_task_file_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = written(tmp_path, '["bleu", "chrf", "ter", "exact_match"]', ANSWERS["bleu"])
    store = open_store(str(tmp_path / "s"))
    values = {(run, e.metric): e.value or 0.0 for run in (one, two) for e in store.results(run)}
    rows, _ = comparing.compare(store, one, two, {})
    assert [row.metric for row in rows] == ["bleu", "chrf", "ter", "exact_match"]
    for row in rows:
        assert row.paired.difference == pytest.approx(values[two, row.metric] - values[one, row.metric])
        assert row.paired.error and row.paired.p is not None and (row.fixed, row.broken) == (4, 0)
    gate = tmp_path / "gate.toml"
    gate.write_text('[[rule]]\nmetric = "t:bleu"\nmax_drop = 1.0\n')
    assert run("baseline", "set", "main", two, "--store", str(tmp_path / "s")) == 0
    assert run("gate", str(gate), two, "--baseline", "main", "--store", str(tmp_path / "s")) == 4, "six are too few"
    gate.write_text('[[rule]]\nmetric = "t:bleu"\nmax_drop = 1.0\nmode = "strict"\n')
    assert run("gate", str(gate), two, "--baseline", "main", "--store", str(tmp_path / "s")) == 0
    assert run("gate", str(gate), one, "--baseline", "main", "--store", str(tmp_path / "s")) == 1
    assert "FAIL" in capsys.readouterr().out


def test_a_metric_over_whole_texts_is_compared_by_its_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = written(tmp_path, '["python:own.py:share"]', ANSWERS["share"])
    (row,), _ = comparing.compare(open_store(str(tmp_path / "s")), one, two, {})
    assert (row.paired.first, row.paired.second, row.paired.low, row.paired.p) == (1 / 3, 1.0, None, None)
    place = str(tmp_path / "s")
    assert run("compare", one, two, "--store", place) == 0
    assert "share" in capsys.readouterr().out
    gate = tmp_path / "gate.toml"
    gate.write_text('[[rule]]\nmetric = "t:share"\nmax_drop = 0.1\n')
    assert run("baseline", "set", "main", one, "--store", place) == 0
    assert run("gate", str(gate), two, "--baseline", "main", "--store", place) == 4
    assert "INCONCLUSIVE" in capsys.readouterr().out


def test_what_cannot_be_compared_is_named_and_no_rule_passes_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = written(tmp_path, '["python:own.py:share", "exact_match"]', ANSWERS["share"])
    lines = [json.dumps({"id": str(i), "text": None if i == 0 else "dog"}) for i in range(6)]
    (tmp_path / "fewer.jsonl").write_text("\n".join(lines) + "\n")
    place = str(tmp_path / "s")
    other = evaluate(f"replay:{tmp_path / 'fewer.jsonl'}", str(tmp_path / "t.toml"), store=place).run.id
    assert run("compare", runs[0], other, "--store", place) == 0
    assert "not compared: t: share" in capsys.readouterr().out
    gate = tmp_path / "gate.toml"
    gate.write_text('[[rule]]\nmetric = "t:share"\nmax_drop = 0.1\n')
    assert run("baseline", "set", "main", runs[0], "--store", place) == 0
    assert run("gate", str(gate), other, "--baseline", "main", "--store", place) == 2
    assert "t:share, which cannot be compared with the baseline" in capsys.readouterr().err


def test_another_tokenizer_is_another_metric(tmp_path: Path) -> None:
    said = ANSWERS["bleu"]
    one, _ = written(tmp_path, '["bleu"]', said)
    two, _ = written(tmp_path, '[{use = "bleu", tokenize = "intl"}]', said)
    with pytest.raises(UsageError, match="t changed between the runs .metric bleu tok:13a -> tok:intl"):
        comparing.compare(open_store(str(tmp_path / "s")), one, two, {})
    (row,), _ = comparing.compare(open_store(str(tmp_path / "s")), one, two, {}, intersect=True)
    assert row.metric == "bleu"


def test_calibration_of_a_task_file_is_compared_by_its_own_rule(tmp_path: Path) -> None:
    rows = [json.dumps({"question": f"q{i}", "choices": ["a", "b"], "answer": i % 2}) for i in range(20)]
    (tmp_path / "c.jsonl").write_text("\n".join(rows) + "\n")
    runs = [
        evaluate(f"scripted:{rule}", str(tmp_path / "c.jsonl"), store=str(tmp_path / "s")).run.id
        for rule in ("oracle", "opposite")
    ]
    found = {row.metric: row.paired for row in comparing.compare(open_store(str(tmp_path / "s")), *runs, {})[0]}
    assert (found["acc_at_50"].first, found["acc_at_50"].second) == (1.0, 0.0)
    assert all(row.error is not None for row in found.values())
    assert {"ece_mass_10", "ece_width_10", "brier_multi"} <= found.keys()


@pytest.mark.parametrize("metric", ["f1", "rougeL", "chrf"])
def test_metrics_of_task_files_keep_their_range_in_intervals(metric: str, tmp_path: Path) -> None:
    """Values far apart of few examples: an interval of 0 to 1 (or 100), and of a difference -1 to 1."""
    texts = ["a long red boat", "two grey cats", "some fresh bread"]
    rows = [{"id": str(i), "question": f"q{i}", "answer": text} for i, text in enumerate(texts)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "t.toml").write_text(f'data = "t.jsonl"\nprompt = "{{question}}"\nid = "id"\nmetrics = ["{metric}"]\n')
    runs = []
    for name, said in (("bad", ["a long car", "q", "x"]), ("good", texts)):
        answers = [{"id": str(i), "text": text} for i, text in enumerate(said)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
        made = evaluate(f"replay:{tmp_path / name}.jsonl", str(tmp_path / "t.toml"), store=str(tmp_path / "s"))
        runs.append(made.run.id)
    top = 100.0 if metric == "chrf" else 1.0
    for first, second in (runs, runs[::-1]):
        [row], _ = comparing.compare(open_store(str(tmp_path / "s")), first, second, {})
        low, high = row.paired.low, row.paired.high
        assert low is not None and high is not None and -top <= low <= 0 <= high <= top and str(low) != "-0.0"
