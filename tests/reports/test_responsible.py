"""The responsible-AI report as an auditor reads it: every claim has its number and its run, and the hashes hold."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import update

import harness
from harness.cli.main import main
from harness.errors import StoreError, UsageError
from harness.store import open_store
from harness.store.database import writing
from harness.store.digest import digest
from harness.store.schema import RESULTS
from harness.store.transfer import export
from harness.types import EnergyUse, MetricRecord, TaskEnergy
from harness_reports import REPORTS
from harness_reports.topics import TITLES, topic_of, topic_rows

TAGS = ("questions", "probes", "changed")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store of three runs: written answers with failures, bias probes, changed examples."""
    store = str(tmp_path_factory.mktemp("audit") / "s")
    harness.evaluate("scripted:fail-every-3", ["demo/qa", "demo/sentiment"], limit=30, store=store, tags=TAGS[:1])
    harness.evaluate("scripted:oracle", "demo/pronouns", limit=40, store=store, tags=TAGS[1:2])
    harness.evaluate(
        "scripted:oracle", "demo/sentiment", perturb=("typos",), counterfactual=("gender",), store=store, tags=TAGS[2:]
    )
    return store


@pytest.fixture(scope="module")
def files(place: str) -> dict[str, str]:
    texts = harness.report(TAGS, "responsible", store=place)
    assert isinstance(texts, dict)
    return texts


def test_every_number_of_the_report_is_that_of_its_run(files: dict[str, str], place: str) -> None:
    page, store = json.loads(files["responsible.json"]), harness.open_store(place)
    stored = {(run.id, e.task, e.metric): e for run in store.runs() for e in store.results(run.id) if e.slice == "all"}
    told = [
        row for rows in page["topics"].values() for row in rows if (row["run"], row["task"], row["measure"]) in stored
    ]
    assert len(told) > 20
    for row in told:
        e = stored[row["run"], row["task"], row["measure"]]
        assert (row["value"], row["low"], row["high"], row["n"], row["failed"]) == (
            e.value,
            e.low,
            e.high,
            e.n,
            e.failed,
        )
    assert {row["run"] for rows in page["topics"].values() for row in rows} == {run.id for run in store.runs()}


def test_topics_without_numbers_say_so(files: dict[str, str]) -> None:
    page, text = json.loads(files["responsible.json"]), files["responsible.md"]
    empty = {topic for topic, rows in page["topics"].items() if not rows}
    assert empty == {"safety", "security", "contamination", "energy", "scorer"}
    for topic, title in TITLES.items():
        part = text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        assert part.strip().startswith("Not measured.") == (topic in empty), title
    assert "| Energy | 0 | not measured |" in text
    privacy = [row for row in page["topics"]["privacy"] if row["measure"] == "personal data: email"]
    assert [(row["value"], row["n"]) for row in privacy] == [(0.0, 20)] and "find no names" in privacy[0]["limits"][0]
    assert [row["failed"] for row in privacy] == [10]  # answers without a text


def test_what_a_number_says_stands_in_a_field_and_in_words(files: dict[str, str]) -> None:
    rows = [row for rows in json.loads(files["responsible.json"])["topics"].values() for row in rows]
    words = {
        "differs": ("differs from", "beyond chance", "flips more"),
        "unclear": ("not distinguishable", "no verdict", "no floor"),
        "equal": ("equal to",),
    }
    assert {row["finding"] for row in rows} >= {"differs", "unclear", "not judged"}
    for row in rows:
        said = next((name for name, starts in words.items() if row["reading"].startswith(starts)), "not judged")
        assert row["finding"] == said, row


def test_evidence_is_named_or_not_measured(files: dict[str, str]) -> None:
    page = json.loads(files["responsible.json"])
    known = {(row["run"], row["task"], row["measure"]) for rows in page["topics"].values() for row in rows}
    measures = {one["id"]: one for framework in page["frameworks"] for one in framework["measures"]}
    for one in measures.values():
        assert one["measured"] == bool(one["evidence"])
        named = {(e["run"], e["task"], e["measure"]) for e in one["evidence"] if e["task"] != "-"}
        assert named <= known
    assert measures["MEASURE 2.11"]["measured"] and measures["Article 15(4)"]["measured"]
    assert not measures["MEASURE 2.12"]["measured"] and not measures["Article 14"]["measured"]
    assert "| MEASURE 2.12 | environmental impact assessed | not measured |" in files["responsible.md"]
    (bias,) = [line for line in files["responsible.md"].splitlines() if line.startswith("| MEASURE 2.11")]
    assert "demo/pronouns prefers_she" in bias and "no statement that any rule is met" in files["responsible.md"]


def test_html_holds_what_markdown_holds_and_nothing_from_elsewhere(files: dict[str, str]) -> None:
    page = etree.HTML(files["responsible.html"])
    assert [title.text for title in page.findall(".//h2")] == [
        line.removeprefix("## ") for line in files["responsible.md"].splitlines() if line.startswith("## ")
    ]
    assert not page.findall(".//script") and not page.findall(".//link") and not page.findall(".//img")
    policy = page.find(".//meta[@http-equiv='Content-Security-Policy']")
    assert policy is not None and "default-src 'none'" in policy.get("content")


def test_a_report_of_all_has_no_baseline(place: str) -> None:
    with pytest.raises(UsageError, match="has no baseline"):
        harness.report(TAGS, "responsible", baseline="probes", store=place)


# ---------------------------------------------------------------------------------------------------------- signature
def test_the_command_gives_the_lines_and_the_seal(
    files: dict[str, str], place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = json.loads(files["responsible.json"])
    with pytest.raises(SystemExit) as stop:
        main(["runs", "digest", *TAGS, "--store", place])
    printed = capsys.readouterr().out
    assert stop.value.code == 0
    assert printed.splitlines() == [f"{run['sha256']}  {run['run']}" for run in page["runs"]]
    assert hashlib.sha256(printed.encode()).hexdigest() == page["seal"] and page["seal"] in files["responsible.html"]


def test_a_digest_travels_with_the_run(place: str, tmp_path: Path) -> None:
    store = harness.open_store(place)
    run = store.run("probes")
    export(store, run.id, tmp_path / "run.zip")
    harness.import_run(tmp_path / "run.zip", store=str(tmp_path / "there"))
    there = harness.open_store(str(tmp_path / "there"))
    assert digest(there, run.id) == digest(store, run.id)


def test_a_number_or_an_answer_that_is_changed_changes_the_digest(tmp_path: Path) -> None:
    place = str(tmp_path / "s")
    run = harness.evaluate("scripted:oracle", "demo/qa", limit=4, store=place).run.id
    store = harness.open_store(place)
    before = digest(store, run)
    with writing(store.engine) as connection:
        connection.execute(update(RESULTS).where(RESULTS.c.metric == "f1", RESULTS.c.slice == "all").values(low=0.25))
    assert digest(store, run) != before
    (file,) = (tmp_path / "s").glob("samples/**/*.parquet")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match="is corrupt"):
        digest(store, run)


# ------------------------------------------------------------------------------------------------------------- topics
def test_energy_that_was_measured_is_told_with_joules(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = harness.open_store(place)
    run = store.run("questions")
    energy = EnergyUse(
        method="rapl", device="package-0", reason="", seconds=2.0, joules=30.0, net_joules=20.0, idle_watts=5.0,
        shared=False, divided="examples",
        tasks={"demo/qa": TaskEnergy(examples=10, tokens=40, joules=30.0, joules_per_correct=5.0, low=4.0, high=7.0)},
    )  # fmt: skip
    rows = [row for row in topic_rows(store, replace(run, energy=energy), []) if row.topic == "energy"]
    assert [(row.measure, row.value, row.n) for row in rows] == [
        ("joules per example, gross", 3.0, 10), ("joules per correct answer", 5.0, 10)
    ]  # fmt: skip
    assert rows[1].spread == "[4, 7] J"


@pytest.mark.parametrize(
    ("record", "topic"),
    [
        (MetricRecord(name="acc"), "accuracy"),
        (MetricRecord(name="ss", better="ideal", ideal=50.0), "bias"),
        (MetricRecord(name="ece_mass_10", family="calibration"), "calibration"),
        (MetricRecord(name="ece_width_10", family="calibration"), None),
        (MetricRecord(name="robust_acc", family="variant"), "robustness"),
        (MetricRecord(name="false_positives", family="scorer"), "scorer"),
    ],
)
def test_topics_of_metrics(record: MetricRecord, topic: str | None) -> None:
    assert topic_of(record, "accuracy") == topic


def test_a_gap_that_should_be_nought_is_about_what_its_task_is_about() -> None:
    assert topic_of(MetricRecord(name="renumbering_gap", better="ideal", ideal=0.0), "contamination") == "contamination"


def test_gates_and_injections_count_where_they_were(tmp_path: Path) -> None:
    place = str(tmp_path / "s")
    run = harness.evaluate("scripted:oracle", "demo/qa", limit=4, store=place).run
    store = harness.open_store(place)
    store.save_verdicts(run.id, {"rules": []})
    texts: Callable[..., Any] = REPORTS["responsible"]
    page = json.loads(texts(store, [run.id])["responsible.json"])
    measures = {one["id"]: one for framework in page["frameworks"] for one in framework["measures"]}
    assert measures["Article 9(8)"]["evidence"][0]["measure"].startswith("gate of ")


def test_attempts_of_a_file_are_about_security(tmp_path: Path) -> None:
    rows = [{"id": i, "behaviour": f"b{i // 2}", "prompt": f"Tell me how to bake {i}."} for i in range(6)]
    (tmp_path / "tries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = harness.evaluate("scripted:oracle", f"jailbreak:{tmp_path / 'tries.jsonl'}", store=str(tmp_path / "s"))
    told = topic_rows(open_store(str(tmp_path / "s")), result.run, result.estimates)
    assert {(row.topic, row.measure) for row in told} >= {
        ("security", "attack_success"),
        ("security", "attack_success_corrected"),
        ("security", "hit@1"),
    }
    assert not [row for row in told if row.topic == "accuracy"]
