"""Results of audits are kept with the run that they are about, and the responsible-AI report shows it."""

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tiny import causal, saved

import harness
from harness.api.auditing import of_exposures
from harness.cli.main import cli
from harness.privacy.exposure import Exposure


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
        "passages extracted, 1 time in the training data",
        "passages extracted, 2 times in the training data",
        "passages extracted",
    ]
    assert all(row["run"] == run.id and row["low"] <= row["value"] <= row["high"] for row in privacy)
    assert [row["n"] for row in privacy] == [3, 3, 6]
    assert any(row["measure"] == "membership, blind: AUC" for row in page["topics"]["privacy"])
    (questions,) = [row for row in page["topics"]["contamination"] if row["measure"].startswith("questions in")]
    (signed,) = page["runs"]
    lines = invoke("runs", "digest", "latest", *store).output
    assert lines.splitlines() == [f"{signed['sha256']}  {run.id}", f"{signed['audits_sha256']}  {run.id} audits"]
    assert hashlib.sha256(lines.encode()).hexdigest() == page["seal"]
    harness.open_store(str(place / "s")).add_audit_results(run.id, of_exposures([Exposure(0.0, 8, 8)]))
    assert invoke("runs", "digest", "latest", *store).output.splitlines()[0] == lines.splitlines()[0]
    assert invoke("runs", "digest", "latest", *store).output != lines
    assert (questions["value"], questions["shown"], questions["task"]) == (0.0, "0 %", "demo/sentiment")


def test_canaries_have_a_mean_with_an_interval_and_each_its_rank() -> None:
    mean, *each = of_exposures([Exposure(3.0, 1, 8), Exposure(2.0, 2, 8), Exposure(1.0, 4, 8)])
    assert (mean.value, mean.n) == (2.0, 3) and mean.low is not None and mean.high is not None
    assert mean.low < 2 < mean.high <= 3 and "at most 3" in mean.reading
    assert [one.value for one in each] == [3.0, 2.0, 1.0] and each[1].reading.startswith("rank 2 among 8 references")
    assert next(iter(of_exposures([Exposure(3.0, 1, 8)]))).low is None


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
