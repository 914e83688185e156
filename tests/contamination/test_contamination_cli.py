"""The command, from a corpus to the scores of a run."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.api import evaluate
from harness.api.auditing import of_corpus
from harness.api.contamination import effects, items_in, split_by
from harness.cli.main import cli
from harness.contamination.check import contamination
from harness.contamination.rules import RULES
from harness.errors import UnknownName
from harness.store import open_store


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
    verdicts = {item["id"]: item["question"]["verdicts"]["longest_match"] for item in told["items"]}
    n = sum(verdict != "too short" for verdict in verdicts.values())
    dirty = [name for name, verdict in verdicts.items() if verdict == "dirty"]
    assert dirty == seen and f"{len(seen)} of {n} seen" in done.output
    assert "minus the reference run's: +0" in done.output and "cheat" not in done.output
    assert not any(item.question in (tmp_path / "out.json").read_text() for item in long)
    assert CliRunner().invoke(cli, [*words[:4], "--reference", two]).exit_code == 2
    assert f"n {len(seen)} seen, {n - len(seen)} not" in done.output
    assert CliRunner().invoke(cli, [*words[:10], "--rule", "gut"]).exception is not None


@pytest.mark.parametrize(
    ("run", "rule", "said"), [("nobody", "longest_match", "run 'nobody'"), ("latest", "gut", "rule 'gut'")]
)
def test_wrong_names_are_refused_before_the_corpus_is_read(run: str, rule: str, said: str, tmp_path: Path) -> None:
    store = str(tmp_path / "s")
    evaluate("scripted:oracle", "demo/sentiment", store=store)
    (tmp_path / "broken.jsonl").write_text("no JSON")
    words = ["contamination", "demo/sentiment", "--corpus", str(tmp_path / "broken.jsonl"), "--store", store]
    with pytest.raises(UnknownName, match=said):
        CliRunner().invoke(cli, [*words, "--run", run, "--rule", rule], catch_exceptions=False)
    if rule not in RULES:
        for more in ([], ["--keep", run]):
            with pytest.raises(UnknownName, match=said):
                CliRunner().invoke(cli, [*words, *more, "--rule", rule], catch_exceptions=False)


def test_a_report_knows_its_rules(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("nothing of it")
    report = contamination(items_in("demo/sentiment", limit=1), str(tmp_path / "c.txt"))
    with pytest.raises(UnknownName, match="rule 'gut'.*gpt3_ngram"):
        list(of_corpus(report, "gut"))
    with pytest.raises(UnknownName, match="rule 'gut'"):
        report.verdicts("gut", "demo/sentiment")


@pytest.mark.mirror
def test_no_gap_is_told_of_a_share_that_is_corrected_for_a_detectors_errors(mirror: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "s")
    run = evaluate("scripted:oracle", "simple_safety_tests", store=store, data=mirror).run.id
    items = items_in("simple_safety_tests", data=mirror)
    (tmp_path / "c.txt").write_text("\n".join(item.question for item in items[::2]))
    report, opened = contamination(items, str(tmp_path / "c.txt")), open_store(store)
    told = effects(report, split_by(items, opened, "longest_match", run), opened)
    assert [effect.metric for effect in told] == ["refusal", "partial", "compliance"]
    assert told[0].gap.dirty > 0 and told[0].gap.clean > 0
