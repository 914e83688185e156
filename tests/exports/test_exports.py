"""Exports read back by their receivers' own readers equal the store's numbers; a second one writes the same bytes."""

import csv
import hashlib
import json
from pathlib import Path

import pytest

import harness
from harness.api import import_results
from harness.errors import UnknownName, UsageError
from harness.store import open_store
from harness.types import Run

SECRET = "planted-secret-of-the-environment-8831"
FORMS = ("csv", "eee", "hub", "in-toto", "inspect", "otel")


@pytest.mark.parametrize("form", FORMS)
def test_a_second_export_writes_the_same_bytes(run: tuple[Run, str], tmp_path: Path, form: str) -> None:
    one, two = (harness.export(run[0].id, form, tmp_path / name, store=run[1]) for name in ("a", "b"))
    assert one and [p.read_bytes() for p in one] == [p.read_bytes() for p in two]
    again = harness.export(run[0].id, form, tmp_path / "a", store=run[1])
    assert again == one and [p.read_bytes() for p in again] == [p.read_bytes() for p in two]


def test_csv_has_every_number(run: tuple[Run, str], tmp_path: Path) -> None:
    [path] = harness.export(run[0].id, "csv", tmp_path, store=run[1])
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    stored = open_store(run[1]).results(run[0].id)
    assert [(r["task"], r["metric"], r["slice"]) for r in rows] == [(e.task, e.metric, e.slice) for e in stored]
    for row, e in zip(rows, stored, strict=True):
        assert [row[name] and float(row[name]) for name in ("value", "low", "high")] == [
            "" if value is None else value for value in (e.value, e.low, e.high)
        ]
        assert (int(row["n"]), int(row["failed"])) == (e.n, e.failed)


def test_eee_is_a_valid_record_whose_parts_agree(run: tuple[Run, str], tmp_path: Path, mirror: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schemas = mirror / "predictions" / "interchange" / "schemas"
    if not schemas.is_dir():
        pytest.skip(f"no schemas at {schemas}")
    page_path, samples_path = harness.export(run[0].id, "eee", tmp_path, store=run[1])
    page = json.loads(page_path.read_text(encoding="utf-8"))
    rows = [json.loads(line) for line in samples_path.read_text(encoding="utf-8").splitlines()]
    jsonschema.validate(page, json.loads((schemas / "eval.schema.json").read_text(encoding="utf-8")))
    of_samples = json.loads((schemas / "instance_level_eval.schema.json").read_text(encoding="utf-8"))
    for row in rows:
        jsonschema.validate(row, of_samples)
    details = page["detailed_evaluation_results"]
    assert details["checksum"] == hashlib.sha256(samples_path.read_bytes()).hexdigest()
    assert details["total_rows"] == len(rows) and details["file_path"].endswith(samples_path.name)
    assert {r["evaluation_id"] for r in rows} == {page["evaluation_id"]}
    assert sum("error" in r for r in rows) == sum(
        o.failure is not None for t in run[0].tasks for o in open_store(run[1]).outcomes(run[0].id, t.name)
    )


def test_eee_comes_back_with_the_same_numbers(run: tuple[Run, str], tmp_path: Path) -> None:
    harness.export(run[0].id, "eee", tmp_path / "out", store=run[1])
    [back] = import_results(tmp_path / "out", store=str(tmp_path / "s"))
    ours = {(e.task, e.metric): e for e in open_store(run[1]).results(run[0].id) if e.slice == "all"}
    theirs = {(e.task, e.metric): e for e in open_store(str(tmp_path / "s")).results(back.id) if e.slice == "all"}
    assert {key: e.value for key, e in theirs.items()} == {
        key: e.value for key, e in ours.items() if e.value is not None
    }
    first = ours["demo/sentiment", "acc"]
    assert (theirs["demo/sentiment", "acc"].n, theirs["demo/sentiment", "acc"].failed) == (first.n, first.failed)
    assert first.failed


def test_in_toto_says_what_the_gate_said(run: tuple[Run, str], tmp_path: Path) -> None:
    [path] = harness.export(run[0].id, "in-toto", tmp_path, store=run[1])
    statement = json.loads(path.read_text(encoding="utf-8"))
    assert set(statement) == {"_type", "subject", "predicateType", "predicate"}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    artifacts = open_store(run[1]).artifacts(run[0].id)
    assert statement["subject"] == [{"name": a.path, "digest": {"sha256": a.sha256}} for a in artifacts]
    predicate = statement["predicate"]
    assert predicate["result"] == "FAILED"
    assert [len(predicate[name]) for name in ("passedTests", "failedTests", "warnedTests")] == [1, 1, 2]
    assert predicate["passedTests"] == ["demo/qa:exact_match on all min 0.5"]


@pytest.mark.parametrize(
    ("state", "code", "result"),
    [("PASS", 0, "PASSED"), ("FAIL", 1, "FAILED"), ("INCONCLUSIVE", 4, "WARNED"), ("INCONCLUSIVE", 0, "WARNED")],
)
def test_what_examples_do_not_settle_is_a_warning(tmp_path: Path, state: str, code: int, result: str) -> None:
    made = harness.evaluate("scripted:oracle", "demo/qa", limit=2, store=str(tmp_path))
    verdict = {"task": "demo/qa", "metric": "exact_match", "slice": "all", "state": state, "quarantined": False}
    open_store(str(tmp_path)).save_verdicts(made.run.id, {"exit_code": code, "verdicts": [verdict]})
    [path] = harness.export(made.run.id, "in-toto", tmp_path / "out", store=str(tmp_path))
    assert json.loads(path.read_text(encoding="utf-8"))["predicate"]["result"] == result


def test_a_run_without_a_verdict_has_no_test_result(tmp_path: Path) -> None:
    made = harness.evaluate("scripted:oracle", "demo/qa", limit=2, store=str(tmp_path))
    with pytest.raises(UsageError, match=f"run `harness gate RULES {made.run.id}` first"):
        harness.export(made.run.id, "in-toto", tmp_path / "out", store=str(tmp_path))
    with pytest.raises(UnknownName, match="csv"):
        harness.export(made.run.id, "cvs", tmp_path / "out", store=str(tmp_path))


def test_the_card_is_read_by_the_hub(run: tuple[Run, str], tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    paths = harness.export(run[0].id, "hub", tmp_path, store=run[1])
    card = ModelCard.load(next(p for p in paths if p.name == "README.md"))
    results = {(r.dataset_name, r.metric_type): r.metric_value for r in card.data.eval_results}
    [acc] = [
        e
        for e in open_store(run[1]).results(run[0].id)
        if (e.task, e.metric, e.slice) == ("demo/sentiment", "acc", "all")
    ]
    assert results["demo/sentiment", "acc"] == acc.value


@pytest.mark.parametrize("form", ["eee", "inspect"])
def test_quotes_and_addresses_in_texts_leave_json_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    secret = 'ab"cd\\efgh-4711'
    row = {
        "question": f'<a href="http://example.com/?id=3">x</a> {secret}',
        "answer": "see http://x.org?q=1\nAnswer: 5",
    }
    (tmp_path / "q.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "q.toml").write_text('data = "q.jsonl"\n')
    monkeypatch.setenv("MY_API_TOKEN", secret)
    store = str(tmp_path / "s")
    made = harness.evaluate("scripted:oracle", str(tmp_path / "q.toml"), store=store)
    files = {path: path.read_text() for path in harness.export(made.run.id, form, tmp_path / "out", store=store)}
    for path, text in files.items():
        pages = [json.loads(part) for part in (text.splitlines() if path.suffix == ".jsonl" else [text])]
        assert secret not in repr(pages) and "efgh-4711" not in text
    assert "Answer: 5" in "".join(files.values())


@pytest.mark.parametrize("form", FORMS)
def test_no_secret_stands_in_an_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    store = str(tmp_path / "s")
    made = harness.evaluate(
        "scripted:oracle", "demo/qa", limit=3, store=store, name=SECRET, command=f"harness --key {SECRET}"
    )
    open_store(store).save_verdicts(made.run.id, {"exit_code": 0, "verdicts": []})
    before = b"".join(p.read_bytes() for p in harness.export(made.run.id, form, tmp_path / "a", store=store))
    monkeypatch.setenv("MY_API_TOKEN", SECRET)
    after = b"".join(p.read_bytes() for p in harness.export(made.run.id, form, tmp_path / "b", store=store))
    assert SECRET.encode() not in after
    assert form == "in-toto" or SECRET.encode() in before  # it would stand there, were it no secret
