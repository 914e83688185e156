"""The answer within what was written: by an expression, through JSON, or a letter; none of them hangs."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from documented import block, page

from harness import evaluate
from harness.errors import UnknownName, UsageError
from harness.kinds.extract import TooSlow, extractor
from harness.kinds.file import task_from_file


@pytest.mark.parametrize(
    ("how", "text", "found"),
    [
        ({"regex": r"[0-9]+"}, "3 and 4 are 7.", "7"),
        ({"regex": r"answer: (\w+)"}, "answer: yes; no, answer: no", "no"),
        ({"regex": r"answer: (\w+)"}, "yes", None),
        ({"regex": r"(a)|b"}, "ab", None),
        ({"regex": r"[0-9]{2,4}|(?=R)\\{9{0,2}"}, "3 and 14", "14"),
        ({"json": "total"}, '```json\n{"total": 7}\n```', "7"),
        ({"json": "total"}, '{"total": "seven"} and {"total": 8}', "seven"),
        ({"json": "a.b[1].c"}, 'So: {"a": {"b": [0, {"c": true}]}}', "true"),
        ({"json": "[0]"}, "[null, 2]", None),
        ({"json": "a"}, '{"a": {"é": 1}}', '{"é": 1}'),
        ({"json": "a.b"}, '{"a": 1}', None),
        ({"json": "a[3]"}, '{"a": [1]}', None),
        ({"json": "a"}, '{"a": 1', None),
        ({"json": "a"}, "[" * 100_000, None),
        ({"json": "a"}, "none", None),
        ({"letter": "ABCD"}, "A is wrong, so (C).", "C"),
        ({"letter": "ABCD"}, "BAD, D's and E", None),
    ],
)
def test_the_answer_is_found(how: dict[str, str], text: str, found: str | None) -> None:
    assert extractor(how)(text) == found


def test_an_expression_that_never_ends_is_given_up() -> None:
    start = time.monotonic()
    with pytest.raises(TooSlow, match="did not end within 2 seconds"):
        extractor({"regex": "(a|aa)+$"})("a" * 5000 + "!")
    assert time.monotonic() - start < 60  # it would take longer than the universe has


NONE: list[dict[str, Any]] = [
    {}, {"regex": ""}, {"regex": 1}, {"regex": "("}, {"json": "a..b"}, {"json": ".a"}, {"json": "a[x]"},
    {"letter": "A1"}, {"regex": "a", "json": "b"}, {"xpath": "a"},
    {"regex": "(?R)"}, {"regex": "(a?(?1)?)*"}, {"regex": "(?P<n>a(?&n)?)"}, {"regex": "a{100001}"},
    {"regex": "((a{99}){9,99}){99}"},
]  # fmt: skip


@pytest.mark.parametrize("how", NONE)
def test_what_is_no_way_to_extract_is_refused(how: dict[str, Any]) -> None:
    with pytest.raises((UsageError, UnknownName)):
        extractor(how)


def described(folder: Path, text: str) -> str:
    (folder / "sums.csv").write_text("question,answer\n1 + 2,3\n2 + 2,4\n")
    (folder / "sums.toml").write_text(f'data = "sums.csv"\n{text}\n')
    return str(folder / "sums.toml")


TOTAL = """
extract = {json = "total"}
shown = '{{"total": {answer}}}'
stop = []
metrics = ["exact_match"]
"""


def test_a_task_file_extracts_and_its_oracle_is_right(tmp_path: Path) -> None:
    path = described(tmp_path, TOTAL)
    said = {"scripted:oracle": 1.0, "scripted:opposite": 0.0}
    for model, value in said.items():
        [number] = evaluate(model, [path], store=str(tmp_path / "s")).estimates
        assert (number.value, number.n, number.failed) == (value, 2, 0)
    [number] = evaluate(lambda prompt: 'Sure!\n{"total": 3}', [path], store=str(tmp_path / "s")).estimates
    assert number.value == 0.5
    prompts: list[str] = []
    evaluate(lambda prompt: prompts.append(prompt) or "", [path], store=str(tmp_path / "s"), shots=1)
    assert 'Answer: {"total": 4}\n\nQuestion: 1 + 2' in prompts[0]


def test_an_answer_on_which_the_expression_hangs_has_failed_alone(tmp_path: Path) -> None:
    path = described(tmp_path, "extract = {regex = '(a|aa)+$'}\nmetrics = ['exact_match']")
    told = evaluate(lambda prompt: "a" * 5000 + "!" if "1 + 2" in prompt else "4", [path], store=str(tmp_path / "s"))
    [number] = told.estimates
    assert (number.value, number.n, number.failed) == (0.0, 1, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("extract = {regex = '('}", "is no regular expression"),
        ("extract = {xpath = 'a'}", "unknown way to extract 'xpath'"),
        ("extract = 'regex'", "is not a table"),
        ("shown = '{'", "is not a template"),
        ("choices = ['3', '4']\nshown = 'a'", "leave choices or shown out"),
        ("script = ['a']\nshown = 'a'", "leave shown out"),
    ],
)
def test_a_task_file_is_refused_with_its_name(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"sums.toml: .*{words}"):
        task_from_file(Path(described(tmp_path, text)))


def test_the_description_of_the_page_on_tasks_runs(tmp_path: Path) -> None:
    text = block(page("docs/tasks.md"), "toml", "extract = ").replace('"evaluate:meteor", ', "")  # a script of the Hub
    (tmp_path / "mine.py").write_text("def f(predictions, references):\n    return 0.5\n")
    row = {"topic": "t", "passage": "1", "id": "1", "question": "The capital of Italy?", "answer": "Rome"}
    shots = [{**row, "id": f"t{i}", "question": f"{i}?", "answer": a} for i, a in enumerate(("Oslo", "Bern"))]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(shot) + "\n" for shot in shots))
    (tmp_path / "questions.csv").write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    path = tmp_path / "page.toml"
    path.write_text(text)
    result = evaluate(lambda prompt: "It is not Paris but Rome", [str(path)], store=str(tmp_path / "s"))
    values = {e.metric: e.value for e in result.estimates if e.slice == "all"}
    assert values == {"exact_match": 1.0, "rougeL": 1.0, "f": 0.5}
