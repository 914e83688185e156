"""StereoSet against the scores its authors published."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from harness.types import Failed, Judged, Scored
from tasks.stereoset import INTRASENTENCE, METRICS, best, judge, read, worst


def test_the_published_scores_of_bert_on_race(mirror: Path) -> None:
    lines = (mirror / "McGill-NLP/stereoset/intrasentence/validation.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if row["bias_type"] == "race"]
    place = mirror / "predictions/stereoset/predictions_bert-base-cased_BertNextSentence_BertLM.json"
    score = {s["id"]: s["score"] for s in json.loads(place.read_text())["intrasentence"]}
    values = []
    for example in read(rows, INTRASENTENCE.dataset[0]):
        judged = judge(example, tuple(Scored(math.log(score[i]), 1, 1, False) for i in example.fields["ids"]))
        assert isinstance(judged, Judged)
        values.append(judged.values["lm"])
    found = [float(m.reduce(np.array(values), np.array(len(values)))) for m in METRICS]
    assert found == pytest.approx([83.82409779040428, 56.29627559199869, 73.26850537162359], abs=1e-9)


def test_no_likelihood_is_a_failure() -> None:
    row = {"id": "a", "target": "t", "bias_type": "race"}
    row |= {"sentences": {"sentence": ["x", "y", "z"], "id": ["1", "2", "3"], "gold_label": [1, 0, 2]}}
    (example,) = read([row], INTRASENTENCE.dataset[0])
    assert isinstance(judge(example, (Failed("x", "y"),) * 3), Failed)
    good, bad = judge(example, best(example)), judge(example, worst(example))
    assert isinstance(good, Judged) and isinstance(bad, Judged)
    assert good.values["lm"][2] == 1 and bad.values["lm"][1:] == (1.0, 0.0)
