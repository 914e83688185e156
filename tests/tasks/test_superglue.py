"""SuperGLUE's questions that belong together: figures per question, per answer and per pair."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from sklearn import metrics as sklearn_metrics

from harness import run as running
from harness.data import hub, load
from harness.errors import DataError
from harness.types import Choose, Chosen, Judged, Settings, Task
from harness_tasks.superglue import AXG, MULTIRC, TASKS

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
    with pytest.raises(DataError, match="row 2: label 7"):
        MULTIRC.read(answers(1, 7), MULTIRC.dataset[0])
    with pytest.raises(DataError, match="row 1: no column 'premise'; there are question, label"):
        AXG.read([{"question": "?", "label": 0}], AXG.dataset[0])


def test_record_takes_any_mention_and_fails_on_none(mirror: Path) -> None:
    task: Task = replace(BY_NAME["superglue/record"], dataset=(hub("aps/super_glue", "record", "train"),))
    (planned,) = running.plan([task], Settings(shots=0), mirror)
    for respond, value in ((task.best, 1.0), (task.worst, 0.0)):
        found = running.finish([planned], [a for e in planned.examples for a in respond(e)])
        assert {e.value for e in found.estimates if e.metric == "exact_match" and e.slice == "all"} == {value}
    example = task.read(load(task.dataset[0], mirror).rows, task.dataset[0])[0]
    assert all(example.fields["query"].split("@placeholder")[0] in choice for choice in example.fields["choices"])


@pytest.mark.parametrize("seed", range(5))
def test_multirc_and_cb_equal_scikit_learn_on_random_answers(seed: int) -> None:
    """F1a over all answers, exact match by question, and CB's F1 averaged over its three labels."""
    draw = random.Random(seed)
    rows = [
        {
            "paragraph": "p",
            "question": f"q{q}",
            "answer": f"a{a}",
            "label": draw.randint(0, 1),
            "idx": {"paragraph": 0, "question": q, "answer": a},
        }
        for q in range(12)
        for a in range(draw.randint(1, 5))
    ]
    examples = MULTIRC.read(rows, MULTIRC.dataset[0])
    picks = [[draw.randint(0, 1) for _ in e.target] for e in examples]
    outcomes = [
        running.judge_one(MULTIRC, e, (), tuple(chosen(p) for p in picked))
        for e, picked in zip(examples, picks, strict=True)
    ]
    found = {e.metric: e.value for e in running.summarise(MULTIRC, outcomes) if e.slice == "all"}
    gold = [label for e in examples for label in e.target]
    flat = [p for picked in picks for p in picked]
    assert found["f1a"] == pytest.approx(sklearn_metrics.f1_score(gold, flat), abs=1e-12)
    assert found["acc"] == pytest.approx(sklearn_metrics.accuracy_score(gold, flat), abs=1e-12)
    whole = [tuple(picked) == e.target for e, picked in zip(examples, picks, strict=True)]
    assert found["exact_match"] == pytest.approx(sum(whole) / 12, abs=1e-12)

    cb = BY_NAME["superglue/cb"]
    read = cb.read(
        [{"premise": "p", "hypothesis": "h", "idx": i, "label": draw.choice((0, 0, 1, 2))} for i in range(56)],
        cb.dataset[0],
    )
    said = [draw.randint(0, 2) for _ in read]
    judged = [running.judge_one(cb, e, (), (chosen(p, 3),)) for e, p in zip(read, said, strict=True)]
    score = {e.metric: e.value for e in running.summarise(cb, judged) if e.slice == "all"}["f1_macro"]
    assert score == pytest.approx(sklearn_metrics.f1_score([e.target for e in read], said, average="macro"), abs=1e-12)


def test_record_takes_the_best_of_several_answers() -> None:
    record = BY_NAME["superglue/record"]
    row = {
        "passage": "Ann met Bob Lee.\n@highlight\nThey met",
        "query": "@placeholder was there",
        "entities": ["Ann", "Bob Lee", "Bob", "Carl"],
        "answers": ["Bob Lee", "Bob"],
        "idx": {"passage": 0, "query": 0},
    }
    (example,) = record.read([row], record.dataset[0])
    values = [
        record.judge(example, (chosen(i, 4),)).values  # type: ignore[union-attr]
        for i in range(4)
    ]
    assert [(v["exact_match"], v["f1"]) for v in values] == [(0.0, 0.0), (1.0, 1.0), (1.0, 1.0), (0.0, 0.0)]
