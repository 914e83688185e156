"""Published systems of WMT22 and E2E get their published scores to the last digit; what is asked is what was."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from published import E2E, MC2, PAIRS, published, run, with_references

from harness import run as running
from harness.data import load
from harness.metrics import text
from harness.metrics.stats import point
from harness.plugins import catalogue, select
from harness.types import Choose, Chosen, Dataset, Generated, Judged, Settings


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


def test_an_e2e_system_gets_the_bleu_of_the_challenge(mirror: Path) -> None:
    """The others: benchmarks/published.py."""
    system = "tgen"
    (task,) = select(catalogue(), ["e2e_nlg"])
    with (mirror / f"predictions/e2e_nlg/{system}.tsv").open(encoding="utf-8", newline="") as file:
        said = {row["MR"]: row["output"] for row in csv.DictReader(file, delimiter="\t")}
    examples = task.read(load(task.dataset[0], mirror).rows, task.dataset[0])
    found = [task.judge(e, (Generated(said[e.fields["meaning_representation"]], 1, "end"),)) for e in examples]
    rows = np.array([one.values["bleu"] for one in found if isinstance(one, Judged)])
    assert len(rows) == 630
    assert f"{point(task.metrics[0], rows):.2f}" == E2E[system]


def test_mc2_is_the_share_of_the_true_answers(tmp_path: Path) -> None:
    (task,) = select(catalogue(), ["truthfulqa/mc2"])
    for targets, shares, by_hand in MC2:
        row = {"question": "What now?", "mc2_targets": targets}
        (example,) = task.read([row], task.dataset[0])
        judged = task.judge(example, (Chosen(0, tuple(math.log(share) for share in shares), (1,) * len(shares)),))
        assert isinstance(judged, Judged) and judged.values["mc2"] == pytest.approx(by_hand)


def test_mmlu_shows_the_five_examples_of_dev(mirror: Path) -> None:
    (task,) = select(catalogue(), ["mmlu/anatomy"])
    [planned] = running.plan([task], Settings(limit=2), mirror)
    dev = load(Dataset("cais/mmlu", "anatomy", "dev"), mirror).rows
    assert planned.record.shots_source == "cais/mmlu/anatomy/dev" and len(dev) == planned.record.shots == 5
    for (request,) in planned.requests:
        assert isinstance(request, Choose)
        places = [request.prompt.index(row["question"].strip()) for row in dev]
        assert places == sorted(places)


def test_hellaswag_rows_with_one_ind_are_two_examples() -> None:
    (task,) = select(catalogue(), ["hellaswag"])
    row = {"ind": 7, "source_id": "a~1", "activity_label": "Tea", "ctx_a": "She pours", "ctx_b": "", "label": "0"}
    other = row | {"source_id": "b~1"}
    rows = [each | {"endings": ["tea.", "sand.", "rain.", "snow."]} for each in (row, other)]
    first, second = task.read(rows, task.dataset[0])
    assert first.id != second.id and first.cluster != second.cluster
