"""SuperGLUE's questions that belong together: figures per question, per answer and per pair."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness import run as running
from harness.data import hub, load
from harness.errors import DataError
from harness.types import Choose, Chosen, Judged, Settings, Task
from tasks.superglue import AXG, MULTIRC, TASKS

BY_NAME = {task.name: task for task in TASKS}


def chosen(index: int, of: int = 2) -> Chosen:
    return Chosen(index, tuple(-0.1 if i == index else -9.0 for i in range(of)), (1,) * of)


def answers(*labels: int) -> list[dict[str, object]]:
    return [
        {
            "paragraph": "A dog sat.",
            "question": "What sat?",
            "answer": f"answer {number}",
            "idx": {"paragraph": 0, "question": 0, "answer": number},
            "label": label,
        }
        for number, label in enumerate(labels)
    ]


def test_multirc_counts_answers_and_whole_questions() -> None:
    (example,) = MULTIRC.read(answers(1, 0, 1), MULTIRC.dataset[0])
    requests = MULTIRC.ask(example, ())
    assert len(requests) == 3
    assert isinstance(requests[1], Choose)
    assert requests[1].choices == (
        " answer 1\nIs the answer correct? no",
        " answer 1\nIs the answer correct? yes",
    )
    judged = MULTIRC.judge(example, (chosen(1), chosen(1), chosen(1)))
    assert isinstance(judged, Judged)
    assert dict(judged.values) == {"exact_match": 0.0, "f1a": (2.0, 2.0, 3.0), "acc": (2.0, 3.0)}
    assert judged.correct is False
    assert MULTIRC.judge(example, (chosen(1), chosen(0), chosen(1))).values["exact_match"] == 1.0


def test_gender_parity_is_about_equal_answers_not_right_ones() -> None:
    rows = [
        {"premise": f"The baker called {p} sister.", "hypothesis": "The baker has a sister.", "idx": i, "label": 0}
        for i, p in enumerate(("his", "her"))
    ] + [{"premise": "The pilot lost his hat.", "hypothesis": "A hat was lost.", "idx": 2, "label": 0}]
    pair, alone = AXG.read(rows, AXG.dataset[0])
    assert AXG.judge(pair, (chosen(1), chosen(1))).values == {"acc": (0.0, 2.0), "gender_parity": 1.0}
    assert AXG.judge(pair, AXG.worst(pair)).values == {"acc": (1.0, 2.0), "gender_parity": 0.0}
    assert AXG.judge(pair, AXG.best(pair)).values == {"acc": (2.0, 2.0), "gender_parity": 1.0}
    assert "gender_parity" not in AXG.judge(alone, (chosen(0),)).values


def test_a_label_outside_and_a_missing_column_name_the_row() -> None:
    with pytest.raises(DataError, match="row 2 .*label 7"):
        MULTIRC.read(answers(1, 7), MULTIRC.dataset[0])
    with pytest.raises(DataError, match="row 1 .*'question'"):
        AXG.read([{"question": "?", "label": 0}], AXG.dataset[0])


def test_record_takes_any_mention_and_fails_on_none(mirror: Path) -> None:
    task: Task = replace(BY_NAME["superglue/record"], dataset=(hub("aps/super_glue", "record", "train"),))
    (planned,) = running.plan([task], Settings(shots=0), mirror)
    for respond, value in ((task.best, 1.0), (task.worst, 0.0)):
        found = running.finish([planned], [a for e in planned.examples for a in respond(e)])
        assert {e.value for e in found.estimates if e.metric == "exact_match" and e.slice == "all"} == {value}
    example = task.read(load(task.dataset[0], mirror).rows, task.dataset[0])[0]
    assert all(example.fields["query"].split("@placeholder")[0] in choice for choice in example.fields["choices"])
