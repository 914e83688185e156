"""Tasks from a file alone."""

import json
from pathlib import Path

import pytest

from harness.api import evaluate
from harness.errors import DataError
from harness.plugins import catalogue, select


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


def test_a_text_and_a_column_as_corpus(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("A short text of seven words in all.\n", encoding="utf-8")
    rows = lines(tmp_path / "rows.jsonl", [{"body": "one two"}, {"body": "three"}])
    for name in (f"corpus:{tmp_path / 'text.txt'}", f"corpus:{rows}:body"):
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
