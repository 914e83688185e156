"""Tasks from a file alone."""

import json
import tomllib
from pathlib import Path

import pytest

from harness.api import evaluate
from harness.differences import compare
from harness.errors import DataError, UsageError
from harness.plugins import catalogue, select
from harness.store import open_store


def lines(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def scores(tmp_path: Path, name: str, model: str = "scripted:oracle") -> dict[str, float | None]:
    found = evaluate(model, name, store=str(tmp_path / "store"))
    return {e.metric: e.value for e in found.estimates if e.slice == "all"}


def test_questions_with_choices(tmp_path: Path) -> None:
    rows = [{"question": f"q{i}", "choices": ["a", "bb"], "answer": answer} for i, answer in enumerate(["a", 1, "bb"])]
    name = lines(tmp_path / "my_questions.jsonl", rows)
    assert scores(tmp_path, name)["acc"] == 1.0
    assert scores(tmp_path, name, "scripted:opposite")["acc"] == 0.0
    assert [t.name for t in select(catalogue(), [name])] == ["my_questions"]


def test_questions_to_be_answered_in_writing(tmp_path: Path) -> None:
    name = lines(
        tmp_path / "open.jsonl", [{"question": "q", "answer": ["one", "1"]}, {"question": "r", "answer": "two"}]
    )
    assert scores(tmp_path, name) == {"exact_match": 1.0, "f1": 1.0}


@pytest.mark.parametrize(("content", "said"), [(None, "no such file"), ('question,answer\n"q', "t.csv:2: not valid")])
def test_few_shot_examples_of_a_file_that_cannot_be_read_come_from_nowhere_else(
    content: str | None, said: str, tmp_path: Path
) -> None:
    rows = [{"question": f"q{i}", "answer": "a"} for i in range(3)]
    lines(tmp_path / "rows.jsonl", rows)
    (tmp_path / "t.toml").write_text('data = "rows.jsonl"\nshots = 1\ntrain = "t.csv"\n', encoding="utf-8")
    if content:
        (tmp_path / "t.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        scores(tmp_path, str(tmp_path / "t.toml"))


def test_a_text_and_a_column_as_corpus(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("A short text of seven words in all.\n", encoding="utf-8")
    rows = lines(tmp_path / "rows.jsonl", [{"body": "one two"}, {"body": "three"}])
    plain = lines(tmp_path / "plain.jsonl", [{"text": "one two"}])
    for name in (f"corpus:{tmp_path / 'text.txt'}", f"corpus:{rows}:body", f"corpus:{plain}"):
        assert set(scores(tmp_path, name)) == {
            "word_perplexity",
            "byte_perplexity",
            "token_perplexity",
            "bits_per_byte",
        }


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    for name, said in (
        (lines(tmp_path / "no.jsonl", [{"question": "q"}]), "no column 'answer'; there are question"),
        (lines(tmp_path / "empty.jsonl", []), "is empty"),
        (str(tmp_path / "none.jsonl"), "no such task file"),
        (f"corpus:{tmp_path / 'none.txt'}", "no such corpus file"),
        (f"corpus:{lines(tmp_path / 'c.jsonl', [{'text': 'x'}])}:body", "no column 'body'; there are text"),
    ):
        with pytest.raises(DataError) as error:
            scores(tmp_path, name)
        assert said in str(error.value)


ROWS = [
    {"question": "Which colour has the sky?", "answer": ["blue", "sky blue"], "topic": "sky", "passage": "p1"},
    {"question": "Which colour has grass?", "answer": "green", "topic": "earth", "passage": "p1"},
    {"question": "Which colour has snow?", "answer": "white", "topic": "earth", "passage": "p2"},
]
TOML = """
data = "rows.jsonl"
prompt = "Q: {question}\\nA:"
metrics = [
  "exact_match", "rougeL", "python:own.py:length",
  {use = "python:own.py:length", name = "each", level = "example", range = [0, 99]},
]
max_tokens = 5
slices = ["topic"]
cluster = "passage"
measures = "Names of colours."
limits = "Three questions."
licence = "Apache-2.0"
"""
OWN = "def length(predictions, references):\n    return sum(map(len, predictions)) / len(predictions)\n"


@pytest.mark.parametrize("suffix", [".toml", ".yaml"])
def test_a_description_with_metrics_from_outside(tmp_path: Path, suffix: str) -> None:
    lines(tmp_path / "rows.jsonl", ROWS)
    (tmp_path / "own.py").write_text(OWN)
    told = TOML if suffix == ".toml" else json.dumps(tomllib.loads(TOML))  # JSON is YAML
    (tmp_path / f"colours{suffix}").write_text(told)
    name = str(tmp_path / f"colours{suffix}")
    found = evaluate("scripted:oracle", name, store=str(tmp_path / "store"))
    whole = {e.metric: e for e in found.estimates if e.slice == "all"}
    assert {k: e.value for k, e in whole.items()} == {
        "exact_match": 1.0,
        "rougeL": 1.0,
        "length": 14 / 3,
        "each": 14 / 3,
    }
    assert {e.clusters for e in whole.values()} == {2} and 0 < (whole["each"].low or 0) < (whole["each"].high or 0) < 99
    assert {e.slice: e.value for e in found.estimates if e.metric == "length"}["topic=earth"] == 5.0
    (task,) = select(catalogue(), [name])
    assert (task.name, task.card.limits, task.card.licence) == ("colours", "Three questions.", "Apache-2.0")
    assert task.ask(task.read(ROWS, task.dataset[0])[0], ())[0].prompt == "Q: Which colour has the sky?\nA:"


def test_a_metric_whose_file_was_rewritten_is_not_compared_with_itself(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", ROWS)
    (tmp_path / "colours.toml").write_text(
        'data = "rows.jsonl"\nmetrics = [{use = "python:own.py:length", level = "example"}]'
    )
    runs, place = [], str(tmp_path / "store")
    for content in (OWN, OWN, OWN.replace("sum", "2 * sum")):
        (tmp_path / "own.py").write_text(content)
        runs.append(evaluate("scripted:oracle", str(tmp_path / "colours.toml"), store=place).run.id)
    store = open_store(place)
    assert compare(store, runs[0], runs[1], {})[0][0].paired.difference == 0.0
    with pytest.raises(
        UsageError, match=r"colours changed between the runs \(metric length [0-9a-f]{12} -> [0-9a-f]{12}\)"
    ):
        compare(store, runs[1], runs[2], {})


def test_a_description_of_choices(tmp_path: Path) -> None:
    rows = [{"q": f"q{i}", "options": ["a", "bb"], "right": answer} for i, answer in enumerate(["a", 1, "bb"])]
    lines(tmp_path / "rows.jsonl", rows)
    (tmp_path / "own.py").write_text("def agree(p, r):\n    return sum(map(int.__eq__, p, r)) / len(p)\n")
    (tmp_path / "pick.toml").write_text(
        'data = "rows.jsonl"\nprompt = "{q}"\nchoices = "options"\nanswer = "right"\nshots = 1\n'
        'metrics = ["acc", "python:own.py:agree"]\n'
    )
    for model, value in (("scripted:oracle", 1.0), ("scripted:opposite", 0.0)):
        found = scores(tmp_path, str(tmp_path / "pick.toml"), model)
        assert (found["acc"], found["agree"]) == (value, value)
        assert "acc_norm" not in found


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ('prompt = "x"', "at least the key data"),
        ('data = "rows.jsonl"\nmetric = []', "unknown key in a task file 'metric'; did you mean metrics"),
        ('data = "rows.jsonl"\nmax_tokens = "5"', "max_tokens = '5' is not a whole number"),
        ('data = "rows.jsonl"\nmax_tokens = 0', "max_tokens = 0 is less than 1"),
        ('data = "rows.jsonl"\nshots = -1', "colours.toml: shots = -1 is less than 0"),
        ('data = "rows.jsonl"\nstop = [1]', "colours.toml: stop = [1] is not a list of texts"),
        ('data = "rows.jsonl"\nstop = [""]', "stop = [''] is not a list of texts"),
        ('data = "rows.jsonl"\nslices = [["topic"]]', "slices = [['topic']] is not a list of texts"),
        (
            'data = "rows.jsonl"\nprompt = "{question[0]} {0} {"',
            "colours.toml: prompt = '{question[0]} {0} {' is not a",
        ),
        ('data = "rows.jsonl"\nprompt = "{question} {0}"', "columns: {0} names none"),
        ('data = "rows.jsonl"\nprompt = "{}"', "columns: {} names none"),
        (
            'data = "rows.jsonl"\nprompt = "{question:d}"',
            "rows.jsonl: the template '{question:d}' does",
        ),
        ('data = "rows.jsonl"\nprompt = "{question.stem}"', "{question.stem} asks for more than a column"),
        ('data = "rows.jsonl"\nmetrics = ["rogue1"]', "unknown metric 'rogue1'; did you mean rouge1"),
        ('data = "rows.jsonl"\nmetrics = ["evaluate:none"]', "metric evaluate:none is not at hand"),
        ('data = {name = "x"}', "data is a file, or a table with id"),
        ('data = "rows.jsonl"\nchoices = [1.10, 2]', "put 1.1 in quotes"),
        ('data = "rows.jsonl"\nchoices = [true]', "put true in quotes"),
        ('data = "rows.jsonl"\nversion = 0', "version = 0 is less than 1"),
        ('data = "rows.jsonl"\nmetrics = []', "metrics = [] names none"),
        ('data = "rows.jsonl"\nmetrics = [{use = 5}]', "a table of texts with the key use, not {'use': 5}"),
        ("data = {id = 5}", "all of them texts"),
        ("data = ", "colours.toml: not valid TOML"),
        ('data = "rows.jsonl"\nmetrics = [{use = "bleu", lvl = 1}]', "a table of texts with the key use"),
        ('data = "rows.jsonl"\nmetrics = [{use = "bleu", lvl = "x"}]', "unknown key of the metric bleu 'lvl'"),
        (
            'data = "rows.jsonl"\nmetrics = [{use = "bleu", tokenize = "zhh"}]',
            "for bleu 'zhh'; did you mean zh",
        ),
        ('data = "rows.jsonl"\nmetrics = [{use = "chrf", tokenize = "zh"}]', "metric chrf takes no tokenize"),
        ('data = "rows.jsonl"\nmetrics = ["f1", {use = "f1", tokenize = "unicode"}]', "two metrics are called 'f1'"),
        (
            'data = "rows.jsonl"\nmetrics = [{use = "evaluate:x", tokenize = "zh"}]',
            "unknown key of the metric evaluate:x",
        ),
        (
            'data = "rows.jsonl"\nmetrics = [{use = "python:own.py:f", range = [0, "1"]}]',
            "range = [0, '1'] of the metric python:own.py:f is not two numbers",
        ),
    ],
)
def test_what_is_wrong_in_a_description_is_named(tmp_path: Path, told: str, said: str) -> None:
    lines(tmp_path / "rows.jsonl", ROWS)
    (tmp_path / "colours.toml").write_text(told, encoding="utf-8")
    with pytest.raises(UsageError) as error:
        scores(tmp_path, str(tmp_path / "colours.toml"))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"question": None, "answer": "x"}], "row 1 of .*q.jsonl: column 'question' is null"),
        ([{"question": "q", "answer": "x"}, {"question": "q", "answer": None}], "row 2 of .*: the answer is null"),
        ([{"question": "q", "answer": ["x", None]}], "row 1 of .*: a reference answer is null"),
        ([{"question": "q", "answer": "a"}, {"question": "q", "choices": ["a"], "answer": 0}], "row 1 .*'choices'"),
        ([{"question": "q", "choices": None, "answer": 0}], "row 1 of .*: the choices are null, not a list"),
        ([{"question": "q", "choices": "ab", "answer": "a"}], "the choices are 'ab', not a list"),
        ([{"question": "q", "choices": {"a": 1}, "answer": "a"}], "the choices are a table, not a list"),
        ([{"id": None, "question": "q", "answer": "a"}], "the id is null"),
    ],
)
def test_a_row_that_nobody_can_read_is_named(rows: list[dict[str, object]], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        scores(tmp_path, lines(tmp_path / "q.jsonl", rows))


def test_a_row_without_a_group_belongs_to_none(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{**ROWS[0], "topic": None, "passage": None}, *ROWS[1:]])
    (tmp_path / "t.toml").write_text('data = "rows.jsonl"\nslices = ["topic"]\ncluster = "passage"')
    found = evaluate("scripted:oracle", str(tmp_path / "t.toml"), store=str(tmp_path / "store"))
    assert {e.slice: (e.n, e.clusters) for e in found.estimates if e.metric == "f1"} == {
        "all": (3, 3), "topic=earth": (2, 2),
    }  # fmt: skip


def test_a_metric_that_leaves_the_program_is_told(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", ROWS)
    (tmp_path / "t.toml").write_text('data = "rows.jsonl"\nmetrics = ["python:own.py:f"]')
    for code in ("import sys\nsys.exit(0)\n", "def f(p, r):\n    raise SystemExit(0)\n"):
        (tmp_path / "own.py").write_text(code)
        with pytest.raises(UsageError, match="SystemExit"):
            scores(tmp_path, str(tmp_path / "t.toml"))
