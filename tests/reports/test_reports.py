"""Reports of scripted runs: every number is there with what makes it traceable, hostile text is text."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from lxml import etree

from harness.api import evaluate
from harness.cli.table import results_table
from harness.errors import UnknownName
from harness.kinds import About, Data, multiple_choice
from harness.metrics.ideals import against
from harness.store import Store, open_store
from harness.types import Card, Dataset, Estimate, MetricRecord, TaskRecord
from harness_reports import REPORTS
from harness_reports.bias import BiasCard
from harness_reports.bias_card import document
from harness_reports.document import html
from harness_reports.facts import dataset_of
from harness_reports.page import plain

EVIL = "<script>alert(1)</script> [x](http://x.invalid) | `y` \x1b[31m \u202etfel _em_ ~~s~~ $x$ www.y.invalid a_b"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, str, str]:
    folder = tmp_path_factory.mktemp("reports")
    rows = [{"question": f"q{i}", "choices": ["a", "b"], "answer": i % 2} for i in range(12)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    task = multiple_choice(
        "letters",
        data=Data(Dataset("letters", path=str(folder / "rows.jsonl"))),
        prompt="{question}:",
        choices="choices",
        target="answer",
        about=About(version=3, card=Card(measures="m", limits=EVIL, source="s", licence="MIT")),
    )
    ids = [evaluate(f"scripted:{rule}", [task], store=str(folder / "s")).run.id for rule in ("oracle", "fail-every-3")]
    return open_store(str(folder / "s"), create=False), ids[0], ids[1]


def test_html(runs: tuple[Store, str, str]) -> None:
    store, first, second = runs
    text = REPORTS["html"](store, [second], first)
    assert isinstance(text, str)
    page = etree.HTML(text)
    assert not page.findall(".//script") and not page.findall(".//link") and "src=" not in text
    assert "&lt;script&gt;" in text and "\x1b" not in text and "\u202e" not in text and "\\u202etfel" in text
    assert page.find(".//svg").get("aria-label").startswith("Values with 95 % intervals: letters acc 100 % [")
    row = row_of(page, "letters", "acc")
    assert (row["Value"], row["n"], row["Failed"], row["n of baseline"]) == ("100 %", "8", "4", "12")
    assert row["Baseline"].startswith("100 % [")
    assert row["Difference"] == "+0 points [-32.44, 32.44] (n = 8 of both): ● same"
    assert store.run(second).tasks[0].data_sha256[:16] in text and second in text and first in text
    assert len(text) < 100_000 and "complies" not in text
    assert "Answers that failed and are in no number: letters 4 of 12." in text


def row_of(page: "etree._Element", task: str, metric: str) -> dict[str, str]:
    """The cells of a number's rows, by the heads of their tables; those of the first table go before."""
    told: dict[str, str] = {}
    for table in page.iterfind(".//table"):
        heads = ["".join(cell.itertext()) for cell in table.iterfind("./thead/tr/th")]
        for row in table.iterfind("./tbody/tr"):
            cells = ["".join(cell.itertext()) for cell in row]
            if cells[:2] == [task, metric]:
                told = dict(zip(heads, cells, strict=True)) | told
    assert told, f"no row of {task} {metric}"
    return told


def table_heads(table: "etree._Element") -> tuple[str, ...]:
    return tuple("".join(cell.itertext()) for cell in table.iterfind("./thead/tr/th"))


def test_markdown_escapes(runs: tuple[Store, str, str]) -> None:
    text = REPORTS["md"](runs[0], [runs[2]], None)
    assert isinstance(text, str) and "<script>" not in text and "\\[x\\](http\\://" in text and "\\| \\`y" in text
    assert "| letters | acc | 100 % |" in text


def test_markdown_renders_hostile_text_as_text(runs: tuple[Store, str, str]) -> None:
    from markdown_it import MarkdownIt

    page = (
        MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(str(REPORTS["md"](runs[0], [runs[1]], None)))
    )
    told = etree.HTML(page)
    assert not [tag for tag in ("a", "em", "strong", "s", "code", "script") if told.findall(f".//{tag}")]
    assert "_em_ ~~s~~ $x$ www.y.invalid a_b" in "".join(told.itertext())
    assert "\x1b" not in page and "\u202e" not in page and "\\u202etfel" in page


def test_long_text_is_cut(runs: tuple[Store, str, str]) -> None:
    store, name, _ = runs
    run = replace(store.run(name), model="z" * 1_000_000, message="y" * 1_000_000)
    card = BiasCard(run, (), (), (), {}, ())
    assert len(plain(run.model)) < 6_000
    assert len(html(document(card))) < 25_000


def test_card_is_read_back(runs: tuple[Store, str, str]) -> None:
    from huggingface_hub import ModelCard, parse_eval_result_entries

    files = REPORTS["card"](runs[0], [runs[2]], None)
    assert isinstance(files, dict)
    found = ModelCard(files["README.md"], ignore_metadata_errors=False).data.eval_results
    acc = next(result for result in found if result.metric_type == "acc")
    assert acc.metric_value == 1.0
    entries = parse_eval_result_entries(yaml.safe_load(files[".eval_results/harness.yaml"]))
    entry = next(e for e in entries if e.task_id == "letters:acc")
    assert (entry.dataset_id, entry.value) == ("letters", 1.0)
    assert "n 8, failed 4, task version 3" in str(entry.notes) and runs[2] in str(entry.notes)


def test_json(runs: tuple[Store, str, str]) -> None:
    found = json.loads(str(REPORTS["json"](runs[0], [runs[2]], runs[1])))
    assert found["schema"] == 2
    (report,) = found["reports"]
    acc = next(r for r in report["results"] if r["metric"] == "acc" and r["slice"] == "all")
    assert (acc["n"], acc["failed"], acc["task_version"], acc["run"]) == (8, 4, 3, runs[2])
    base = acc["baseline"]
    assert (base["value"], base["n"], base["failed"]) == (1.0, 12, 0) and base["low"] < 1.0 == base["high"]
    assert (acc["change"]["difference"], acc["change"]["n"]) == (0.0, 8)


def test_unknown_run(runs: tuple[Store, str, str]) -> None:
    with pytest.raises(UnknownName):
        REPORTS["html"](runs[0], ["nobody"], None)


def test_the_hub_id_of_an_installed_task_only_in_its_own_version() -> None:
    from harness import plugins

    task = plugins.catalogue().tasks["glue/sst2"]
    record = TaskRecord(
        name="glue/sst2", version=task.version, fingerprint="", data_sha256="", data_source="", n=1, shots=0,
        shots_source="", card=task.card, metrics=(),
    )  # fmt: skip
    assert dataset_of(record)[0] == task.dataset[0].id != "glue/sst2"
    assert dataset_of(replace(record, version=99))[0] == "glue/sst2"
    packaged = plugins.catalogue().tasks["demo/qa"]
    assert dataset_of(replace(record, name="demo/qa", version=packaged.version))[0] == "demo/qa"


# ------------------------------------------------------------------------------------------------------- form and size
def big(folder: Path, tasks: int, examples: int) -> str:
    """The HTML report of a run of so many tasks with four slices each."""
    made = []
    for t in range(tasks):
        rows = [
            {"question": f"q{i} {EVIL}", "choices": ["a", "b"], "answer": i % 2, "part": i % 4} for i in range(examples)
        ]
        (folder / f"{t}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        made.append(
            multiple_choice(
                f"letters{t}",
                data=Data(Dataset(f"l{t}", path=str(folder / f"{t}.jsonl")), slices=("part",)),
                prompt="{question}:",
                choices="choices",
                target="answer",
                about=About(version=1, card=Card(measures="m", limits=EVIL, source="s", licence="MIT")),
            )
        )
    run = evaluate("scripted:fail-every-3", made, store=str(folder / "s")).run.id
    return str(REPORTS["html"](open_store(str(folder / "s"), create=False), [run], run))


def test_ten_tasks_and_ten_thousand_samples_stay_small(tmp_path: Path) -> None:
    text = big(tmp_path, 10, 1000)
    assert len(text.encode()) < 2_000_000
    page = etree.HTML(text)
    of = {table_heads(table): len(table.findall("./tbody/tr")) for table in page.iterfind(".//table")}
    results = next(rows for heads, rows in of.items() if heads[:4] == ("Task", "Metric", "Value", "95 % interval"))
    slices = next(rows for heads, rows in of.items() if heads[:3] == ("Task", "Metric", "Slice"))
    assert (results, slices) == (10, 40)  # a row a task, then a row a slice of its main number
    others = [rows for heads, rows in of.items() if heads[:3] == ("Task", "n", "Failed")]
    assert others and set(others) == {10}


def test_html_is_valid(runs: tuple[Store, str, str], tmp_path: Path) -> None:
    tidy = shutil.which("tidy")
    if tidy is None:
        pytest.skip("no tidy: apt-get install tidy")
    for text in (str(REPORTS["html"](runs[0], [runs[2]], runs[1])), "<!DOCTYPE html><title>x</title><p><td>fault</p>"):
        (tmp_path / "report.html").write_text(text, encoding="utf-8")
        done = subprocess.run([tidy, "-e", "-q", tmp_path / "report.html"], capture_output=True, text=True, check=False)
        assert (done.returncode == 0 and not done.stderr) == ("fault" not in text), done.stderr


def test_html_parses_strictly(runs: tuple[Store, str, str]) -> None:
    html5lib = pytest.importorskip("html5lib")
    html5lib.HTMLParser(strict=True).parse(str(REPORTS["html"](runs[0], [runs[2]], runs[1])))


def test_the_report_prints_and_runs_nothing(runs: tuple[Store, str, str], tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    asked: list[str] = []
    (tmp_path / "report.html").write_text(str(REPORTS["html"](runs[0], [runs[2]], runs[1])), encoding="utf-8")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: asked.append(dialog.message))
        page.goto((tmp_path / "report.html").as_uri())
        assert page.get_by_role("img").first.get_attribute("aria-label")
        assert page.locator("a[href*='x.invalid']").count() == 0
        assert len(page.pdf()) > 10_000
        browser.close()
    assert len(asked) == 1


def test_an_interval_says_whether_it_covers_the_ideal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = Estimate("t", "m", "all", 55.0, 45.0, 65.0, 90, 90, 0)
    half, low = (MetricRecord(name="m", better="ideal", ideal=ideal) for ideal in (50.0, 44.0))
    assert against(number, half) == "not distinguishable from 50 %" and against(number, low) == "differs from 44"
    assert against(replace(number, value=None), half) == against(number, MetricRecord(name="m")) == ""
    assert against(replace(number, clusters=5), half) == "no verdict: 5 clusters are too few"
    result = evaluate("scripted:oracle", ["demo/pronouns"], store=str(tmp_path))
    records = result.run.metrics()
    words = {told for e in result.estimates if (told := against(e, records[e.task, e.metric]))}
    assert {"differs from 50 %", "not distinguishable from 50 %"} <= words
    for form in ("md", "html"):
        assert all(word in str(REPORTS[form](open_store(str(tmp_path)), [result.run.id], None)) for word in words)
    results_table(result.run, result.estimates)
    assert "against the ideal" in capsys.readouterr().out
