"""The same documents are recognised in the runs of two harnesses, and only those."""

import json
from pathlib import Path
from typing import Any

import pytest
from foreign import STAMP, write_lines, write_lm_eval

from harness import evaluate
from harness.api import compare, import_results
from harness.differences.content import document, matches
from harness.errors import DataError, UsageError
from harness.store import open_store

PASSAGE = "A wren sat on the wall of the old mill and sang until the rain came over the hills."


def same(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, str]:
    one, other = (
        {f"{side}{i}": document(row) for i, row in enumerate(rows)} for side, rows in (("a", ours), ("b", theirs))
    )
    return matches(one, other)


def test_documents_are_the_same_where_one_holds_all_texts_of_the_other() -> None:
    ours = [
        {"id": "x-1", "question": "Who sang on the wall?", "choices": ["a wren", "the old miller"], "prompt": "Q: Who"}
    ]
    theirs = [{"input": "Who  sang on\nthe wall?", "choices": ["a wren", "the old miller"], "idx": 7}]
    assert same(ours, theirs) == {"b0": "a0"}
    assert same(ours, [{"input": "Who sang on the wall?", "choices": ["a wren", "the old sailor"]}]) == {}


def test_a_shared_passage_makes_no_pair() -> None:
    ours = [{"context": PASSAGE, "question": "Who sang on the wall?"}]
    theirs = [
        {"context": PASSAGE, "question": "When did the rain come?"},
        {"context": PASSAGE, "question": "Where was it?"},
    ]
    assert same(ours, theirs) == {}
    assert same(ours, [*theirs, ours[0]]) == {"b2": "a0"}


def test_a_text_stands_in_another_only_as_words_of_its_own() -> None:
    ours = [{"question": "Compute the following sum: 1 + 1"}]
    assert same(ours, [{"question": "Compute the following sum: 1 + 12"}]) == {}
    assert same(ours, [{"text": "Compute the following sum: 1 + 1 ="}]) == {"b0": "a0"}


def test_what_fits_several_documents_fits_none() -> None:
    twice = [
        {"question": "Who sang on the wall?", "n": "first one"},
        {"question": "Who sang on the wall?", "n": "other one"},
    ]
    assert same([{"question": "Who sang on the wall?"}], twice) == {}


@pytest.fixture
def two_runs(tmp_path: Path) -> tuple[str, str, str]:
    """(store, our run, a foreign run of the same documents in another order, whose second answer alone is wrong)."""
    store = str(tmp_path / "s")
    ours = evaluate("scripted:oracle", "demo/sentiment", store=store).run
    fields = [o.example.fields for o in open_store(store).outcomes(ours.id, "demo/sentiment")][::-1]
    rows = [
        {
            "doc_id": i, "doc": {"sentence": row["text"], "idx": i}, "target": "0", "filter": "none",
            "arguments": {f"gen_args_{k}": {"arg_0": f"Review: {row['text']}", "arg_1": f" {k}"} for k in range(2)},
            "resps": [[["-1.0", "True"]], [["-2.0", "False"]]], "filtered_resps": [], "metrics": ["acc"],
            "acc": float(i != 1),
        }
        for i, row in enumerate(fields)
    ]  # fmt: skip
    n = len(rows)
    path = write_lm_eval(
        tmp_path / "r",
        results={"feelings": {"acc,none": (n - 1) / n}},
        configs={"feelings": {"output_type": "multiple_choice"}},
        **{"n-samples": {"feelings": {"original": n, "effective": n}}},
    )
    write_lines(path.parent / f"samples_feelings_{STAMP}.jsonl", rows)
    [theirs] = import_results(path, store=store)
    return store, ours.id, theirs.id


def test_an_imported_run_is_compared_with_ours(two_runs: tuple[str, str, str]) -> None:
    store, ours, theirs = two_runs
    changes = compare(ours, theirs, store=store)
    [acc] = changes.differences
    assert (acc.task, acc.metric, acc.paired.n, acc.broken, acc.fixed, acc.dropped) == ("feelings", "acc", 40, 1, 0, 0)
    outcomes = {o.example.id: o.example.fields for o in open_store(store).outcomes(ours, "demo/sentiment")}
    [flip] = changes.flips
    assert outcomes[flip.example]["text"] == list(outcomes.values())[-2]["text"]
    back = compare(theirs, ours, store=store)
    assert [(d.metric, d.fixed, d.paired.n) for d in back.differences] == [("acc", 1, 40)]


def test_runs_that_share_no_document_are_not_compared(two_runs: tuple[str, str, str]) -> None:
    store, _, theirs = two_runs
    other = evaluate("scripted:oracle", "demo/qa", store=store).run
    with pytest.raises(DataError, match="share no task"):
        compare(other.id, theirs, store=store)


def test_a_run_that_asked_nothing_shares_no_task(two_runs: tuple[str, str, str], tmp_path: Path) -> None:
    store, ours, _ = two_runs
    rows = [
        {"entry_type": "start_run setup", "plugins.target_type": "test", "plugins.target_name": "own/model"},
        {"entry_type": "init", "garak_version": "0.14.0", "start_time": "2026-01-02T03:04:06+00:00"},
        {"entry_type": "attempt", "status": 2, "probe_classname": "toy.Rhyme", "prompt": "A rhyme.", "outputs": ["x"]},
    ]
    write_lines(tmp_path / "begun.report.jsonl", rows)
    [begun] = import_results(tmp_path / "begun.report.jsonl", store=store)
    for pair in ((ours, begun.id), (begun.id, ours)):
        with pytest.raises(DataError, match="share no task"):
            compare(*pair, store=store)


def test_a_part_of_the_documents_needs_leave(two_runs: tuple[str, str, str]) -> None:
    store, _, theirs = two_runs
    few = evaluate("scripted:oracle", "demo/sentiment", store=store, limit=30).run
    with pytest.raises(UsageError, match="10 examples are in one run only"):
        compare(few.id, theirs, store=store)
    assert [d.paired.n for d in compare(few.id, theirs, store=store, intersect=True).differences] == [30]


@pytest.mark.mirror
def test_a_log_of_inspect_and_ours_on_the_same_questions(mirror: Path, tmp_path: Path) -> None:
    log = mirror / "predictions" / "interchange" / "inspect" / "data_arc_sonnet.json"
    if not log.is_file():
        pytest.skip(f"no log at {log}")
    store = str(tmp_path / "s")
    [theirs] = import_results(log, store=store)
    questions = {s["input"] for s in json.loads(log.read_text(encoding="utf-8"))["samples"]}
    ours = evaluate("scripted:oracle", "arc_easy", store=store, data=mirror, limit=200, limit_order="first").run
    held = {o.example.fields["question"] for o in open_store(store).outcomes(ours.id, "arc_easy")}
    [row] = compare(ours.id, theirs.id, store=store, intersect=True).differences
    assert (row.task, row.metric, row.paired.n) == ("inspect_evals/arc_easy", "correct", len(questions & held))
    assert row.paired.n and row.right == row.paired.n
