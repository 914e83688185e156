"""Models x tasks: the best is marked only where it can be told, and no name breaks a format."""

import csv
import io
import json
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

import harness
from harness.api.table_formats import FORMATS, as_csv, as_html, as_json, as_latex, as_markdown, latex
from harness.api.tables import ResultTable, TableColumn, TableRow
from harness.cli import tables
from harness.cli.tables import command
from harness.errors import UnknownName
from harness.types import Estimate, MetricRecord

HOSTILE = r"=a_b & 50% {x} <b>|$\end"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two models that answer alike, one that does worse, and one that was asked fewer questions."""
    place = str(tmp_path_factory.mktemp("store"))
    for model, name, limit in (
        ("scripted:oracle", "x/good", None), ("scripted:oracle", "same", None),
        ("scripted:opposite", "bad", None), ("scripted:oracle", "short", 20),
    ):  # fmt: skip
        harness.evaluate(model, ["demo/sentiment", "demo/qa"], store=place, name=name, limit=limit)
    return place


def best_of(table: ResultTable) -> list[tuple[str, ...]]:
    return [tuple(row.name for row in table.rows if row.best[place]) for place in range(len(table.columns))]


def test_the_best_is_marked_where_it_is_better_than_every_other(store: str) -> None:
    table = harness.table(["good", "bad"], store=store)
    assert [(c.task, c.metric, c.n) for c in table.columns] == [
        ("demo/sentiment", "acc", 40), ("demo/qa", "exact_match", 32),
    ]  # fmt: skip
    assert [row.name for row in table.rows] == ["good", "bad"]
    assert best_of(table) == [("good",), ("good",)]
    assert best_of(harness.table(["good", "same", "bad"], store=store)) == [(), ()]
    assert best_of(harness.table(["good"], store=store)) == [(), ()]


def test_runs_that_were_not_asked_the_same_have_no_best(store: str) -> None:
    table = harness.table(["short", "bad"], tasks=["demo/sentiment"], store=store)
    assert best_of(table) == [()] and table.columns[0].n is None
    assert "examples are in one run only" in table.notes[0]
    assert "(n = 20)" in table.text() and "(n = 40)" in table.text()


def test_one_metric_and_unknown_names(store: str) -> None:
    table = harness.table(["bad", "good"], metric="f1", store=store)
    assert [(c.task, c.metric) for c in table.columns] == [("demo/qa", "f1")]
    with pytest.raises(UnknownName, match="unknown metric of these runs 'f2'; did you mean f1"):
        harness.table(["good"], metric="f2", store=store)
    with pytest.raises(UnknownName, match="unknown task of these runs 'demo/q'"):
        harness.table(["good"], tasks=["demo/q"], store=store)
    with pytest.raises(UnknownName, match="unknown format 'pdf'"):
        table.text("pdf")


def test_runs_of_one_model_are_called_by_their_ids(store: str) -> None:
    again = harness.evaluate("scripted:oracle", "demo/qa", store=store, name="same").run
    table = harness.table(["same", "same~1"], store=store)
    assert table.rows[0].name == f"same ({again.id})"


@pytest.fixture
def hostile() -> ResultTable:
    number = Estimate("t", "acc", "all", 0.5, 0.4, 0.6, 40, 40, 0)
    column = TableColumn(HOSTILE, MetricRecord(name="acc", interval="wilson"), 40)
    rows = (TableRow(HOSTILE, "r1", (number,), (True,)), TableRow("other", "r2", (None,), (False,)))
    return ResultTable((column,), rows, ())


def test_latex_is_escaped(hostile: ResultTable) -> None:
    assert latex(r"a_b & 50% {x} ~^#$\end") == (
        r"a\_b \& 50\% \{x\} \textasciitilde{}\textasciicircum{}\#\$\textbackslash{}end"
    )
    text = as_latex(hostile)
    assert HOSTILE not in text and r"\textbf{50 [40, 60]}" in text and "other & - " in text
    assert r"acc, \% (higher is better, n = 40)" in text
    assert [line for line in text.splitlines() if line.endswith("rule")] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert all(line.count("&") - line.count(r"\&") == 1 for line in text.splitlines() if line.endswith(r"\\"))


def test_csv_holds_numbers_and_no_formula(hostile: ResultTable) -> None:
    [row] = csv.DictReader(io.StringIO(as_csv(hostile)))
    assert (row["model"], row["value"], row["n"], row["best"]) == (f"'{HOSTILE}", "0.5", "40", "True")


def test_json_holds_what_csv_does_and_names_as_they_are(hostile: ResultTable) -> None:
    page = json.loads(as_json(hostile))
    [row] = page["numbers"]
    assert list(row) == next(csv.reader(io.StringIO(as_csv(hostile)))) and page["notes"] == []
    assert (row["model"], row["task"], row["value"], row["n"], row["best"]) == (HOSTILE, HOSTILE, 0.5, 40, True)


def test_html_and_markdown_hold_no_markup_of_a_name(hostile: ResultTable) -> None:
    tags: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
    parser.feed(as_html(hostile))
    assert "b" not in tags and tags.count("tr") == 3 and "strong" in tags
    lines = as_markdown(hostile).splitlines()
    assert all(line.replace(r"\|", "").count("|") == 3 for line in lines[:4])
    assert "**50 [40, 60]**" in lines[2] and "<b>" not in lines[2]


@pytest.mark.parametrize("format", FORMATS)
def test_the_command_prints_what_python_gives(store: str, format: str) -> None:
    done = CliRunner().invoke(command, ["good", "bad", "--format", format, "--store", store])
    assert done.output == harness.table(["good", "bad"], store=store).text(format)


def test_the_command_offers_every_format() -> None:
    assert tuple(FORMATS) == tables.FORMATS
