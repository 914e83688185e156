"""Published systems of WMT22 get their published BLEU and chrF to the last digit."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from published import PAIRS, published, run, with_references

from harness.data import load
from harness.metrics import text
from harness.metrics.stats import point
from harness.plugins import catalogue, select


def systems(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.txt") if not file.name.startswith("ref."))


@pytest.mark.parametrize("pair", PAIRS)
def test_every_system_with_reference_a(mirror: Path, pair: str) -> None:
    folder = mirror / "predictions" / "wmt22" / pair
    (task,) = select(catalogue(), [f"wmt22/{pair}"])
    examples = task.read(load(task.dataset[0], mirror).rows, task.dataset[0])
    scores = {(row.system, row.metric): row.published for row in published(folder, pair) if row.references == "A"}
    assert len(scores) == 2 * len(systems(folder))
    for system in systems(folder):
        lines = (folder / f"{system}.txt").read_text(encoding="utf-8").split("\n")[:-1]
        for metric, row in ((text.bleu(), text.bleu_row), (text.chrf(), text.chrf_row)):
            rows = np.array([row(line, e.target) for line, e in zip(lines, examples, strict=True)])
            assert point(metric, rows) == float(scores[system, metric.name]), (system, metric.name)


@pytest.mark.parametrize(("pair", "references"), [("de-fr", "A"), ("en-de", "B"), ("en-de", "all")])
def test_one_system_through_the_command_line(mirror: Path, tmp_path: Path, pair: str, references: str) -> None:
    folder = mirror / "predictions" / "wmt22" / pair
    made = with_references(mirror, pair, references, tmp_path / "data")
    ours = run(folder / "Online-W.txt", f"wmt22/{pair}", made, tmp_path)
    rows = [r for r in published(folder, pair) if (r.system, r.references) == ("Online-W", references)]
    assert {row.metric: ours[row.metric] for row in rows} == {row.metric: float(row.published) for row in rows}
    assert len(rows) == 2
