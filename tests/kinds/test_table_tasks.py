"""Tasks from CSV, TSV, Parquet and folders in the Hub's layout: the same questions, the same rows, the same numbers."""

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from harness.api import evaluate
from harness.data import load
from harness.errors import DataError, HarnessError, UsageError
from harness.kinds.columns import ChoiceColumns, lettered
from harness.plugins import catalogue, select
from harness.reading.tables import read_rows

ROWS = [
    {"id": "007", "question": 'Who said "no", and\nwhy?', "answer": "B", "A": "Ann", "B": "Bob", "C": None},
    {"id": "1.10", "question": "Which colour is snow?", "answer": "white", "A": "null", "B": "green", "C": "white"},
    {"id": "x", "question": "é", "answer": "A", "A": "1", "B": "2", "C": "3"},
]


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
        return str(path)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        plain = {"quoting": csv.QUOTE_NONE, "quotechar": None} if path.suffix == ".tsv" else {}
        lines = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",", **plain)
        lines.writeheader()
        lines.writerows(rows)
    return str(path)


def numbers(tmp_path: Path, name: str, model: str = "scripted:oracle", **settings: Any) -> dict[str, float | None]:
    result = evaluate(model, name, store=str(tmp_path / "store"), **settings)
    return {e.metric: e.value for e in result.estimates if e.slice == "all"}


@pytest.mark.parametrize("ending", [".csv", ".CSV", ".tsv", ".parquet"])
def test_choices_in_columns(tmp_path: Path, ending: str) -> None:
    rows = ROWS[1:] if ending == ".tsv" else ROWS
    name = written(tmp_path / f"quiz{ending.lower()}", rows)
    if ending.isupper():
        name = str(Path(name).rename(tmp_path / "quiz.CSV"))
    (task,) = select(catalogue(), [name])
    examples = task.read(load(task.dataset[0]).rows, task.dataset[0])
    assert [e.fields["choices"][e.target] for e in examples][-2:] == ["white", "1"]
    assert [e.id for e in examples][-2:] == ["1.10", "x"]
    assert len(examples[0].fields["choices"]) == (3 if ending == ".tsv" else 2)
    assert numbers(tmp_path, name)["acc"] == 1.0
    assert numbers(tmp_path, name, "scripted:opposite")["acc"] == 0.0


def test_the_same_rows_have_the_same_hash_in_every_file(tmp_path: Path) -> None:
    rows = ROWS[1:]
    hashes = set()
    for ending in (".csv", ".tsv", ".parquet"):
        (task,) = select(catalogue(), [written(tmp_path / f"quiz{ending}", rows)])
        hashes.add(load(task.dataset[0]).sha256)
    assert len(hashes) == 1


def test_cells_are_texts_and_empty_ones_are_null(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b,c\n007,,"null"\n\n" x ",1e3,"line\nline"\n')
    assert read_rows(path) == [
        {"a": "007", "b": None, "c": "null"},
        {"a": " x ", "b": "1e3", "c": "line\nline"},
    ]


def test_an_empty_question_is_null_and_no_text(tmp_path: Path) -> None:
    name = written(tmp_path / "q.csv", [{"question": None, "answer": "x"}])
    with pytest.raises(DataError, match="row 1 of .*q.csv: column 'question' is null"):
        numbers(tmp_path, name)


def test_a_long_passage_is_no_error(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    name = written(tmp_path / "long.csv", [{"question": "w " * 100_000, "answer": "x"}])
    assert numbers(tmp_path, name)["exact_match"] == 1.0
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"question,answer\na\n", "t.csv:2: 1 cell, and the header has 2"),
        ("t.csv", b"question,answer\na,b,c\n", "t.csv:2: 3 cells, and the header has 2"),
        ("t.csv", b"question,question\na,b\n", "two columns are called 'question'"),
        ("t.csv", b",question,answer\n0,a,b\n", "column 1 of the header has no name"),
        ("t.csv", b"question;answer\na;b\n", "one column: separate columns by commas"),
        ("t.csv", b'question,answer\n"a,b\n', "a quote is not closed"),
        ("t.csv", b"question,answer\na,b\0\n", "t.csv:2: holds a NUL"),
        ("t.csv", b"question,answer\na,\xff\n", "t.csv:2: not UTF-8 text: byte 0xff"),
        ("t.csv", "question,answer\na,b\n".encode("utf-16"), "is UTF-16 text"),
        ("t.csv", b"", "is empty"),
        ("t.csv", b"question,answer\n", "is empty"),
        ("t.csv", b"frage,answer\na,b\n", "no column 'question'; there are frage, answer"),
        ("t.tsv", b'question\tanswer\na\t"b"\n', "t.tsv:2: a cell begins with a quotation mark"),
        ("t.parquet", b"PAR1", "not a readable Parquet file"),
        ("t.xlsx", b"", "those end in .jsonl, .csv, .tsv, .parquet, .toml"),
        ("README", b"question,answer\n", "those end in .jsonl, .csv"),
        ("t.toml", b'data = "q.txt"', "q.txt: files of rows end in .jsonl, .csv, .tsv, .parquet; not in .txt"),
        ("t.toml", b'data = "rows"', "this one has no ending"),
        ("t.toml", b'data = "q.csv"\nchoices = {column = ["A", "B"]}', "choices = {'column': ['A', 'B']} is not"),
        ("t.toml", b'data = "q.csv"\nchoices = {columns = ["A"]}', "two columns or more"),
        ("t.toml", b'data = "q.csv"\nnumbers = "label"', "numbers = 'label' is not a list"),
        ("t.toml", b'data = "q.csv"\nnumbers = ["labl"]', "row 1: no column 'labl'; there are question, answer, label"),
        ("t.toml", b'data = "q.csv"\nnumbers = ["label", "question"]', "'question' is 'w', which is no number"),
        ("t.toml", b'data = "q.csv"\nchoices = ["no", "yes"]\nanswer = "label"', "an index is a number and no text"),
    ],
)
def test_what_nobody_can_read_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "q.csv").write_text("question,answer,label\nw,x,1\n")
    with pytest.raises(HarnessError) as error:
        numbers(tmp_path, str(tmp_path / name))
    assert said in str(error.value)


def test_parquet_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["question", "question"])
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match="two columns are called 'question'"):
        read_rows(tmp_path / "t.parquet")


@pytest.mark.parametrize("kind", ["one text in all rows", "the same, kept once", "rows of nothing"])
def test_parquet_that_would_swell_is_refused(tmp_path: Path, kind: str) -> None:
    column = pa.nulls(4_000_000)
    if kind != "rows of nothing":
        column = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), ["x" * 300_000])
    as_such = kind == "the same, kept once"
    pyarrow.parquet.write_table(pa.table({"question": column}), tmp_path / "t.parquet", store_schema=as_such)
    assert (tmp_path / "t.parquet").stat().st_size < 1 << 20
    with pytest.raises(DataError, match="would become more than 200 times as long"):
        read_rows(tmp_path / "t.parquet")


def test_a_description_of_columns_that_hold_choices_and_numbers(tmp_path: Path) -> None:
    rows = [{"q": "w1", "yes": "w2", "no": "w3", "right": 1, "level": "3"}]
    written(tmp_path / "rows.csv", [*rows, {**rows[0], "right": 0}])
    (tmp_path / "pick.toml").write_text(
        'data = "rows.csv"\nprompt = "{q} {level:.1f}"\nchoices = {columns = ["yes", "no"]}\nanswer = "right"\n'
        'numbers = ["right", "level"]\n'
    )
    (task,) = select(catalogue(), [str(tmp_path / "pick.toml")])
    examples = task.read(load(task.dataset[0]).rows, task.dataset[0])
    assert [e.target for e in examples] == [1, 0]
    assert task.ask(examples[0], ())[0].prompt == "w1 3.0"
    assert numbers(tmp_path, str(tmp_path / "pick.toml"))["acc"] == 1.0


def test_a_folder_of_the_hubs_layout_without_python(tmp_path: Path) -> None:
    folder = tmp_path / "data/org/quiz/de"
    folder.mkdir(parents=True)
    written(folder / "test.csv", [{"frage": "w1", "antwort": "w2"}])
    (tmp_path / "quiz.toml").write_text(
        'data = {id = "org/quiz", config = "de"}\nprompt = "{frage}"\nanswer = "antwort"\n'
    )
    assert numbers(tmp_path, str(tmp_path / "quiz.toml"), data=tmp_path / "data")["exact_match"] == 1.0


def test_a_column_of_a_table_as_corpus(tmp_path: Path) -> None:
    name = written(tmp_path / "c.csv", [{"body": "one two"}])
    assert "word_perplexity" in numbers(tmp_path, f"corpus:{name}:body")
    with pytest.raises(DataError, match="no column 'text'"):
        numbers(tmp_path, f"corpus:{name}")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"answer": "B", "A": "B", "B": "x"}, "the answer 'B' is a column and the text of another choice"),
        ({"answer": "B", "A": "x", "B": None}, "the choice of column 'B', which is empty"),
    ],
)
def test_an_answer_that_could_be_two_choices_or_none(row: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as error:
        ChoiceColumns(("A", "B"), "answer").target(row)
    assert said in str(error.value)


def test_letters_are_columns_of_choices_from_a_on() -> None:
    assert lettered({"A": 1, "B": 2, "D": 3}) == ("A", "B")
    assert lettered({"A": 1, "question": 2}) == lettered({"B": 1, "C": 2}) == ()


def test_an_unknown_ending_is_an_error_of_usage(tmp_path: Path) -> None:
    (tmp_path / "q.xls").write_text("x")
    with pytest.raises(UsageError, match="is no file of a task"):
        select(catalogue(), [str(tmp_path / "q.xls")])
