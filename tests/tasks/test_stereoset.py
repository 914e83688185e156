"""StereoSet against the scores its authors published, through the road of every run."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.published import stereoset_answers
from harness.api import evaluate
from harness.errors import DataError
from harness.types import Failed, Judged, Likelihood, Scored
from harness_tasks.stereoset import INTERSENTENCE, INTRASENTENCE, STEREO, best, judge, worst

PUBLISHED = {"lm": 83.82409779040428, "ss": 56.29627559199869, "icat": 73.26850537162359}
ROW: dict[str, Any] = {
    "id": "a", "target": "t", "bias_type": "race", "context": "They met",
    "sentences": {"sentence": ["x", "y", "z"], "id": ["1", "2", "3"], "gold_label": [1, 0, 2]},
}  # fmt: skip


def test_a_run_gives_the_published_scores_of_bert_on_race(mirror: Path, tmp_path: Path) -> None:
    answers = stereoset_answers(mirror, tmp_path / "scores.jsonl")
    parts = [json.loads(line) for line in answers.read_text().splitlines()]
    lacking = len({part["id"] for part in parts if "logprob" not in part})
    result = evaluate(f"replay:{answers}", "stereoset/intrasentence", store=str(tmp_path / "r"), data=str(mirror))
    race = {e.metric: e for e in result.estimates if e.slice == "bias_type=race"}
    assert {name: e.value for name, e in race.items()} == pytest.approx(PUBLISHED, abs=1e-9)
    assert {(e.n, e.failed) for e in race.values()} == {(962, 0)}
    whole = {(e.n, e.failed) for e in result.estimates if e.slice == "all"}
    assert whole == {(2106 - lacking, lacking)} and lacking > 0  # the mirror lacks other types' ids: never a score


def test_continuations_follow_a_context_that_ends() -> None:
    (example,) = INTERSENTENCE.read([ROW], INTERSENTENCE.dataset[0])
    assert INTERSENTENCE.ask(example, ())[0] == Likelihood(" x", "They met.")
    (example,) = INTERSENTENCE.read([ROW | {"context": "They met! "}], INTERSENTENCE.dataset[0])
    assert INTERSENTENCE.ask(example, ())[2] == Likelihood(" z", "They met!")


@pytest.mark.parametrize("task", [INTRASENTENCE, INTERSENTENCE], ids=lambda t: t.name)
def test_a_model_without_likelihoods_is_refused_and_a_slice_of_one_has_no_interval(task, mirror, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from dataclasses import replace

    from harness.engine.elsewhere.scripted import open_scripted
    from harness.errors import Unsupported
    from harness.types import Choose

    able = "scripted:opposite"
    opened = open_scripted("opposite")
    unable = replace(opened, info=replace(opened.info, answers=frozenset({Choose})))
    with pytest.raises(Unsupported, match="cannot answer Likelihood"):
        evaluate(unable, [task], store=str(tmp_path), data=str(mirror))
    result = evaluate(able, [task], store=str(tmp_path), data=str(mirror), limit=1)
    assert {(e.n, e.low) for e in result.estimates} == {(1, None)}
    assert next(e.value for e in result.estimates if e.metric == "ss") == 100.0


def test_no_likelihood_is_a_failure() -> None:
    (example,) = INTRASENTENCE.read([ROW], INTRASENTENCE.dataset[0])
    assert isinstance(judge(example, (Failed("x", "y"),) * 3), Failed)
    assert isinstance(judge(example, (Scored(0.0, 0, 0, False),) * 3), Failed)
    good, bad = judge(example, best(example)), judge(example, worst(example))
    assert isinstance(good, Judged) and isinstance(bad, Judged)
    rows = good.values["lm"], bad.values["lm"]
    assert isinstance(rows[0], tuple) and isinstance(rows[1], tuple)
    assert rows[0][1] == 1 and rows[1] == (1.0, 0.0)


def test_labels_other_than_one_of_each_are_named() -> None:
    row = ROW | {"sentences": ROW["sentences"] | {"gold_label": [STEREO, STEREO, 2]}}
    with pytest.raises(DataError, match=r"row 1 of McGill-NLP/stereoset.*labels \[1, 1, 2\]"):
        INTRASENTENCE.read([row], INTRASENTENCE.dataset[0])
