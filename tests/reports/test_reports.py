"""Reports of scripted runs: every number is there with what makes it traceable, hostile text is text."""

import json

import pytest
import yaml
from lxml import etree

from harness.api import evaluate
from harness.errors import UnknownName
from harness.kinds import multiple_choice
from harness.store import Store, open_store
from harness.types import Card, Dataset
from reports import REPORTS

EVIL = "<script>alert(1)</script> [x](http://x.invalid) | `y`"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, str, str]:
    folder = tmp_path_factory.mktemp("reports")
    rows = [{"question": f"q{i}", "choices": ["a", "b"], "answer": i % 2} for i in range(12)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    task = multiple_choice(
        "letters", version=3, dataset=Dataset("letters", path=str(folder / "rows.jsonl")), prompt="{question}:",
        choices="choices", target="answer", card=Card(measures="m", limits=EVIL, source="s", licence="MIT"),
    )  # fmt: skip
    ids = [evaluate(f"scripted:{rule}", [task], store=str(folder / "s")).run.id for rule in ("oracle", "fail-every-3")]
    return open_store(str(folder / "s"), create=False), ids[0], ids[1]


def test_html(runs: tuple[Store, str, str]) -> None:
    store, first, second = runs
    text = REPORTS["html"](store, second, first)
    assert isinstance(text, str)
    page = etree.HTML(text)
    assert not page.findall(".//script") and not page.findall(".//link") and "src=" not in text
    assert "&lt;script&gt;" in text
    assert page.find(".//svg").get("aria-label").startswith("Scores with 95 % intervals: letters acc 1 [")
    row = next(r for r in page.iterfind(".//table/tbody/tr") if r[2].text == "acc")
    assert [*[cell.text for cell in row][:2], row[6].text, row[8].text, row[9].text] == ["letters", "3", "8", "4", "1"]
    assert row[11].text == second and row[10].get("title") == store.run(second).tasks[0].data_sha256
    assert len(text) < 100_000 and "complies" not in text


def test_markdown_escapes(runs: tuple[Store, str, str]) -> None:
    text = REPORTS["md"](runs[0], runs[2], None)
    assert isinstance(text, str) and "<script>" not in text and "\\[x\\](http" in text and "\\| \\`y" in text
    assert "| letters | 3 | acc | all | 1 |" in text


def test_card_is_read_back(runs: tuple[Store, str, str]) -> None:
    from huggingface_hub import ModelCard

    files = REPORTS["card"](runs[0], runs[2], None)
    assert isinstance(files, dict)
    found = ModelCard(files["README.md"], ignore_metadata_errors=False).data.eval_results
    acc = next(result for result in found if result.metric_type == "acc")
    assert acc.metric_value == 1.0
    notes = {e["dataset"]["task_id"]: e["notes"] for e in yaml.safe_load(files[".eval_results/harness.yaml"])}
    assert "n 8, failed 4, task version 3" in notes["acc"] and runs[2] in notes["acc"]


def test_json(runs: tuple[Store, str, str]) -> None:
    found = json.loads(str(REPORTS["json"](runs[0], runs[2], runs[1])))
    assert found["schema"] == 1
    acc = next(r for r in found["results"] if r["metric"] == "acc" and r["slice"] == "all")
    assert (acc["n"], acc["failed"], acc["task_version"], acc["run"], acc["baseline"]) == (8, 4, 3, runs[2], 1.0)


def test_unknown_run(runs: tuple[Store, str, str]) -> None:
    with pytest.raises(UnknownName):
        REPORTS["html"](runs[0], "nobody", None)
