"""The command, from a corpus to the scores of a run."""

import json
from pathlib import Path

from click.testing import CliRunner

from harness.api import evaluate
from harness.api.contamination import items_in
from harness.cli.main import cli


def test_a_corpus_that_holds_some_items_splits_the_scores(tmp_path: Path) -> None:
    items = items_in("demo/sentiment")
    long = [item for item in items if len(item.question.split()) >= 8]
    seen = [item.id for item in long[: len(long) // 2]]
    (tmp_path / "c.txt").write_text("\n".join(f"so {item.question} they said" for item in items if item.id in seen))
    store = str(tmp_path / "s")
    one = evaluate("scripted:oracle", "demo/sentiment", store=store).run.id
    two = evaluate("scripted:opposite", "demo/sentiment", store=store).run.id
    words = ["contamination", "demo/sentiment", "--corpus", str(tmp_path / "c.txt"), "--store", store, "--run", one]
    words += ["--reference", two, "--rule", "longest_match", "--json", str(tmp_path / "out.json")]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "out.json").read_text())
    dirty = [item["id"] for item in told["items"] if item["question"]["verdicts"]["longest_match"] == "dirty"]
    assert dirty == seen and f"{len(seen)} of {len(long)} seen" in done.output
    assert "minus the reference run's: +0" in done.output and "cheat" not in done.output
    assert not any(item.question in (tmp_path / "out.json").read_text() for item in long)
    assert CliRunner().invoke(cli, [*words[:4], "--reference", two]).exit_code == 2
    assert CliRunner().invoke(cli, [*words[:10], "--rule", "gut"]).exception is not None
