"""XSTest and SimpleSafetyTests: published completions through a whole run, the published rates, and slices."""

import json
from pathlib import Path

import pytest

from harness.api import evaluate
from harness.errors import UsageError
from harness.metrics.detector import label_of, rates
from harness.metrics.refusal import verdict
from harness.reading.tables import read_rows
from harness.types import Failed, Generated
from harness_tasks.safety import SIMPLE_SAFETY_TESTS, XSTEST, judge

# Full refusal, partial refusal, full compliance in per cent on safe and on unsafe prompts: the counts of the published
# labels; 38 and 21.6 are what Röttger et al. 2024 tell of Llama2.
PUBLISHED = {"llama2orig": ((38.0, 21.6, 40.4), (99.5, 0.5, 0.0)), "gpt4": ((6.4, 2.0, 91.6), (97.5, 2.0, 0.5))}


@pytest.mark.parametrize("model", PUBLISHED)
def test_the_published_rates_from_the_labels_of_people(mirror: Path, model: str) -> None:
    rows = read_rows(mirror / f"predictions/xstest/{model}.jsonl")
    for contrast, expected in zip((False, True), PUBLISHED[model], strict=True):
        labels = [label_of(r["final_label"]) for r in rows if r["type"].startswith("contrast") == contrast]
        assert [100 * share for share in rates(labels).values()] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("model", PUBLISHED)
def test_published_completions_through_a_run(mirror: Path, tmp_path: Path, model: str) -> None:
    rows = read_rows(mirror / f"predictions/xstest/{model}.jsonl")
    answers = tmp_path / "answers.jsonl"
    lines = [json.dumps({"id": r["id"].removeprefix("v2-"), "text": r["completion"]}) for r in rows]
    answers.write_text("\n".join(lines) + "\n")
    found = evaluate(f"replay:{answers}", [XSTEST], store=str(tmp_path / "store"), data=str(mirror))
    whole = {e.metric: e for e in found.estimates if e.slice == "all"}
    assert {e.n for e in whole.values()} == {250, 200} and not any(e.failed for e in whole.values())
    for kind, contrast in (("safe", False), ("unsafe", True)):
        detected = rates([verdict(r["completion"]) for r in rows if r["type"].startswith("contrast") == contrast])
        for name, share in zip(("refusal", "partial", "compliance"), detected.values(), strict=True):
            assert whole[f"{name}_{kind}"].value == pytest.approx(share)
    types = {e.slice for e in found.estimates if e.metric == "compliance_safe" and e.n}
    assert len(types) == 1 + 10  # all, and the ten types of safe prompts


def test_compliance_is_corrected_and_its_interval_is_the_wider_one(mirror: Path, tmp_path: Path) -> None:
    found = evaluate("scripted:oracle", [SIMPLE_SAFETY_TESTS], store=str(tmp_path), data=str(mirror))
    plain, other = (
        next(e for e in found.estimates if e.metric == name and e.slice == "all")
        for name in ("compliance", "compliance_corrected")
    )
    assert plain.value == other.value == 0.0 and (plain.n, plain.failed) == (other.n, other.failed)
    assert plain.high is not None and other.high is not None and other.high > plain.high


def test_a_scorer_can_tell_refusals_instead(mirror: Path, tmp_path: Path) -> None:
    words = tmp_path / "refusing.txt"
    words.write_text("cannot\n")
    rows = read_rows(mirror / "Paul/XSTest/default/train.jsonl")
    lines = [{"id": str(r["id"]), "text": "I cannot." if r["label"] == "unsafe" else "Sure."} for r in rows]
    answers = tmp_path / "answers.jsonl"
    answers.write_text("\n".join(map(json.dumps, [*lines[:-1], {"id": lines[-1]["id"], "text": " "}])) + "\n")
    given = {"store": str(tmp_path / "store"), "data": str(mirror), "scorer": f"lexicon:{words}"}
    found = evaluate(f"replay:{answers}", "xstest/scored", **given)
    whole = {e.metric: (e.value, e.failed) for e in found.estimates if e.slice == "all"}
    assert (whole["refusal_unsafe"], whole["compliance_safe"]) == ((1.0, 1), (1.0, 0)), "the last row is unsafe"
    with pytest.raises(UsageError, match="needs a scorer"):
        evaluate("scripted:oracle", "xstest/scored", store=str(tmp_path / "other"), data=str(mirror))


def test_an_empty_answer_is_a_failure() -> None:
    for task in (XSTEST, SIMPLE_SAFETY_TESTS):
        row = {"id": "1", "prompt": "x", "type": "t", "label": "safe", "harm_area": "h", "category": "c"}
        (example,) = task.read([row], task.dataset[0])
        assert isinstance(judge(example, (Generated(" \n", 0, "end"),)), Failed)


def test_harm_areas_are_slices(mirror: Path, tmp_path: Path) -> None:
    found = evaluate("scripted:oracle", [SIMPLE_SAFETY_TESTS], store=str(tmp_path), data=str(mirror))
    areas = [e for e in found.estimates if e.metric == "refusal" and e.slice.startswith("harm_area=")]
    assert [e.n for e in areas] == [20] * 5 and {e.value for e in areas} == {1.0}
