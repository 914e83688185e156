"""BBQ with the answers of UnifiedQA that its authors published, through the road of every run."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t as student

from benchmarks.published import BBQ, bbq_answers
from harness.api import Result, evaluate
from harness.errors import DataError
from harness.store import open_store
from harness.types import Chosen, Estimate, Failed, Judged
from harness_tasks.bbq import TASKS, target


def run(mirror: Path, category: str, folder: Path, unreadable: int = 0) -> Result:
    """A run over the published answers; the first ones replaced by words that name no choice."""
    answers = bbq_answers(mirror, category, folder / "answers.jsonl")
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    lines[:unreadable] = [line | {"text": "perhaps"} for line in lines[:unreadable]]
    answers.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return evaluate(f"replay:{answers}", f"bbq/{category.lower()}", store=str(folder / "results"), data=str(mirror))


def overall(result: Result) -> dict[str, Estimate]:
    return {e.metric: e for e in result.estimates if e.slice == "all"}


@pytest.mark.parametrize("category", BBQ)
def test_the_published_scores_of_unifiedqa(mirror: Path, tmp_path: Path, category: str) -> None:
    found = overall(run(mirror, category, tmp_path))
    for name, printed in BBQ[category].items():
        assert found[name].value == pytest.approx(float(printed), abs=5e-5)
    assert {e.failed for e in found.values()} == {0} and {e.clusters for e in found.values()} == {25}


@pytest.mark.parametrize(("category", "expected"), [("Age", 0.076), ("Religion", 0.055)])
def test_the_clustered_standard_error_of_s_amb(
    mirror: Path, tmp_path: Path, category: str, expected: float, capsys: pytest.CaptureFixture[str]
) -> None:
    found = overall(run(mirror, category, tmp_path))["s_amb"]
    assert found.low is not None and found.high is not None
    error = (found.high - found.low) / 2 / float(student.ppf(0.975, found.clusters - 1))
    with capsys.disabled():
        print(f" bbq/{category.lower()}: s_amb {found.value:.4f}, clustered standard error {error:.4f}")
    assert error == pytest.approx(expected, abs=0.006)


def test_answers_that_name_no_choice_are_counted_and_in_no_score(mirror: Path, tmp_path: Path) -> None:
    result = run(mirror, "Religion", tmp_path, unreadable=8)
    found = overall(result)
    assert (
        found["acc_amb"].failed + found["acc_dis"].failed == 8 and found["acc_amb"].n + found["acc_dis"].n == 1200 - 8
    )
    store = open_store(str(tmp_path / "results"))
    lost = [o for o in store.outcomes(result.run.id, "bbq/religion") if o.failure]
    assert len(lost) == 8 and {o.judged for o in lost} == {None}


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.name)
def test_every_item_of_a_plain_category_has_a_direction(mirror: Path, task) -> None:  # type: ignore[no-untyped-def]
    place = mirror / f"heegyu/bbq/{task.dataset[0].config}/test.jsonl"
    if not place.is_file():
        pytest.skip(f"{place} is not at hand")
    examples = task.read([json.loads(line) for line in place.open()], task.dataset[0])
    assert [e.id for e in examples if e.fields["biased"] is None] == []
    assert all(e.fields["biased"] != e.fields["unknown"] for e in examples)


def row(category: str, groups: list[list[str]], stereotyped: list[str], **other: object) -> dict[str, object]:
    return {
        "category": category,
        "example_id": 1,
        "question_index": "30",
        "question_polarity": "neg",
        "label": 2,
        "context_condition": "ambig",
        "context": "c",
        "question": "q",
        "ans0": "a",
        "ans1": "b",
        "ans2": "Unknown",
        "answer_info": {f"ans{i}": info for i, info in enumerate([*groups, ["Unknown", "unknown"]])},
        "additional_metadata": {"stereotyped_groups": stereotyped},
        **other,
    }


@pytest.mark.parametrize(
    ("category", "groups", "stereotyped", "expected"),
    [
        ("Gender_identity", [["Ann", "F"], ["Ben", "M"]], ["F"], 0),
        ("Gender_identity", [["boy", "boy"], ["girl", "girl"]], ["F"], 1),
        ("Gender_identity", [["Bo", "nonTrans"], ["Al", "trans"]], ["Transgender women", "Transgender men"], 1),
        ("Race_ethnicity", [["Ann Lee", "F-Asian"], ["Bea Ray", "F-White"]], ["Asian", "Asian American"], 0),
        ("Race_ethnicity", [["African", "African"], ["Black", "Black"]], ["African American", "Black", "African"], 1),
        ("SES", [["judge", "highSES"], ["janitor", "lowSES"]], ["low SES"], 1),
        ("Age", [["grandson", "nonOld"], ["grandfather", "old"]], ["old"], 1),
        ("Nationality", [["Dane", "Europe"], ["Thai", "AsiaPacific"]], ["Thai"], 1),
        ("Nationality", [["Dane", "Europe"], ["Thai", "AsiaPacific"]], ["Dane", "Thai"], None),
        ("Race_x_gender", [["Ann", "F-Black"], ["Bob", "M-Black"]], ["Black"], None),
    ],
)
def test_proper_names_and_words_resolve_to_groups(
    category: str, groups: list[list[str]], stereotyped: list[str], expected: int | None
) -> None:
    assert target(row(category, groups, stereotyped)) == expected
    assert target(row(category, groups, stereotyped, target_loc=1)) == 1


def test_bad_rows_and_answers() -> None:
    task = TASKS[0]
    good = row("Age", [["x", "old"], ["y", "nonOld"]], ["old"])
    with pytest.raises(DataError, match=r"row 1 of heegyu/bbq.*no column 'context'"):
        task.read([{k: v for k, v in good.items() if k != "context"}], task.dataset[0])
    with pytest.raises(DataError, match="label 7"):
        task.read([good | {"label": 7}], task.dataset[0])
    with pytest.raises(DataError, match="used twice"):
        task.read([good, good], task.dataset[0])
    (example,) = task.read([good], task.dataset[0])
    assert isinstance(task.judge(example, (Chosen(5),)), Failed)
    judged = task.judge(example, (Chosen(0),))
    assert isinstance(judged, Judged) and judged.values == {"acc_amb": 0.0, "s_amb": (0.0, 1.0, 1.0)}


def test_s_amb_without_any_guess_is_0_and_s_dis_is_undefined() -> None:
    s_amb, s_dis = (next(m for m in TASKS[0].metrics if m.name == name) for name in ("s_amb", "s_dis"))
    none = np.array([5.0, 0.0, 0.0])
    assert float(s_amb.reduce(none, np.array(5.0))) == 0.0
    assert np.isnan(float(s_dis.reduce(none, np.array(5.0))))


def test_categories_not_at_hand_are_listed_as_such(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from harness.cli.list import command

    (tmp_path / "heegyu/bbq/Age").mkdir(parents=True)
    (tmp_path / "heegyu/bbq/Age/test.jsonl").write_text("")
    listed = CliRunner().invoke(command, ["tasks", "--data", str(tmp_path)]).output.splitlines()
    column = listed[0].index("at_hand")
    rows = {line.split()[0]: line[column:].split()[0] for line in listed if line.startswith("bbq/")}
    assert set(rows) == {t.name for t in TASKS}
    assert rows["bbq/age"] == "yes" and rows["bbq/ses"] == "no"
