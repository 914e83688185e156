"""Results of audits are kept with the run that they are about, and the responsible-AI report shows it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tiny import causal, saved

import harness
from harness.cli.main import cli


def invoke(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run of a tiny model, the model beside it, and passages and texts to ask it."""
    place = tmp_path_factory.mktemp("audits")
    saved(causal("llama", 65), place / "model")
    saved(causal("qwen2", 65), place / "other")
    harness.evaluate(place / "model", "demo/sentiment", store=str(place / "s"), device="cpu", limit=4)
    passages = [{"prefix": f"w{i} w{i + 1}", "suffix": "w3 w4", "count": 1 + i % 2} for i in range(6)]
    (place / "passages.jsonl").write_text("\n".join(map(json.dumps, passages)))
    for name, first in (("in", 0), ("out", 30)):
        texts = [{"text": " ".join(f"w{first + (i * j) % 29}" for j in range(2, 9))} for i in range(1, 13)]
        (place / f"{name}.jsonl").write_text("\n".join(map(json.dumps, texts)))
    (place / "corpus.txt").write_text("nothing of the benchmark is in here\n" * 20)
    return place


def test_the_report_shows_what_was_kept_with_its_run(place: Path) -> None:
    store = ("--store", place / "s")
    asked = ("--device", "cpu", "--keep", "latest", *store)
    for words in (
        ("privacy", "extraction", place / "model", place / "passages.jsonl", *asked),
        ("privacy", "membership", place / "model", place / "in.jsonl", place / "out.jsonl", *asked),
        ("contamination", "demo/sentiment", "--corpus", place / "corpus.txt", "--keep", "latest", "--quiet", *store),
    ):
        for _ in range(2):  # the newest of a measure counts
            done = invoke(*words)
            assert done.exit_code == 0, done.output
    run = harness.open_store(str(place / "s")).run("latest")
    page = json.loads(harness.report("latest", "responsible", store=str(place / "s"))["responsible.json"])
    privacy = [row for row in page["topics"]["privacy"] if "extracted" in row["measure"]]
    assert [row["measure"] for row in privacy] == [
        "passages extracted of those that the training data hold 1-fold",
        "passages extracted of those that the training data hold 2-fold",
        "passages extracted",
    ]
    assert all(row["run"] == run.id and row["low"] <= row["value"] <= row["high"] for row in privacy)
    assert [row["n"] for row in privacy] == [3, 3, 6]
    assert any(row["measure"] == "membership, blind: AUC" for row in page["topics"]["privacy"])
    (questions,) = [row for row in page["topics"]["contamination"] if row["measure"].startswith("questions in")]
    assert (questions["value"], questions["shown"], questions["task"]) == (0.0, "0 %", "demo/sentiment")


def test_a_result_about_another_model_or_task_is_not_kept(place: Path) -> None:
    store = harness.open_store(str(place / "s"))
    before = store.audit_results("latest")
    done = invoke(
        "privacy", "extraction", place / "other", place / "passages.jsonl", "--keep", "latest", "--store", place / "s"
    )
    assert "whose weights are others than those of" in str(done.exception)
    done = invoke(
        "contamination", "demo/qa", "--corpus", place / "corpus.txt", "--keep", "latest", "--store", place / "s"
    )
    assert "did not ask demo/qa" in str(done.exception)
    assert store.audit_results("latest") == before
