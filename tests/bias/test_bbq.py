"""BBQ with the answers of UnifiedQA that its authors published."""

import json
from pathlib import Path

import numpy as np
import pytest

from harness.types import Chosen, Judged
from tasks.bbq import METRICS, TASKS, read

PUBLISHED = {"Age": (0.5467, 0.9348, 0.2978, 0.0116), "Religion": (0.6500, 0.8800, 0.1433, 0.0018)}


@pytest.mark.parametrize("category", PUBLISHED)
def test_the_published_scores_of_unifiedqa(mirror: Path, category: str) -> None:
    task = next(t for t in TASKS if t.name == f"bbq/{category.lower()}")
    rows = [json.loads(x) for x in (mirror / f"heegyu/bbq/{category}/test.jsonl").read_text().splitlines()]
    place = mirror / f"predictions/bbq/UnifiedQA/preds_{category}.jsonl"
    said = {str(a["example_id"]): a["unifiedqa-t5-11b_pred_race"] for a in map(json.loads, place.open())}
    values: dict[str, list[object]] = {m.name: [] for m in METRICS}
    for example in read(rows, task.dataset[0]):
        options = [_plain(a) for a in example.fields["answers"]]
        if _plain(said[example.id]) not in options:
            continue
        judged = task.judge(example, (Chosen(options.index(_plain(said[example.id]))),))
        assert isinstance(judged, Judged)
        for name, value in judged.values.items():
            values[name].append(value)
    found = []
    for metric in METRICS:
        array = np.array(values[metric.name], float).reshape(len(values[metric.name]), -1)
        found.append(float(metric.reduce(array.sum(0), np.array(len(array)))))
    assert found == pytest.approx(PUBLISHED[category], abs=5e-5)


def _plain(text: str) -> str:
    return text.strip().lower().rstrip(".")
