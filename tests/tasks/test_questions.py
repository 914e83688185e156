"""Questions answered by writing, and the same ones in several languages: what is asked, and what counts as right."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness import run as running
from harness.metrics.drop import drop_values
from harness.types import Generate, Generated, Judged, Settings, Task
from harness_tasks.languages import CONNECTORS, QUESTION, TASKS, XCOPA
from harness_tasks.questions import COQA, DROP

BY_NAME = {task.name: task for task in TASKS}


def values(task: Task, row: dict[str, object], answer: str) -> dict[str, object]:
    example = task.read([row], task.dataset[0])[-1]
    judged = task.judge(example, (Generated(answer, 1, "end"),))
    assert isinstance(judged, Judged)
    return dict(judged.values)


# Each as the official script has it (allenai/allennlp-reading-comprehension, drop_eval.py).
@pytest.mark.parametrize(
    ("answer", "accepted", "exact", "f1"),
    [
        ("The Bears", [["bears"]], 1.0, 1.0),
        ("3", [["3.0"]], 1.0, 1.0),
        ("3 yards", [["4 yards"]], 0.0, 0.0),
        ("4 long yards", [["4 yards"]], 0.0, 0.8),
        ("Smith", [["Smith", "Jones"]], 0.0, 0.5),
        ("Jones, Smith", [["Smith", "Jones"]], 1.0, 1.0),
        ("July 4, 1776", [["July 4, 1776"]], 1.0, 1.0),
        ("no", [["yes"], ["no"]], 1.0, 1.0),
        ("", [["yes"]], 0.0, 0.0),
    ],
)
def test_drop(answer: str, accepted: list[list[str]], exact: float, f1: float) -> None:
    assert drop_values(answer, accepted) == (exact, f1)


@pytest.mark.parametrize(
    ("spans", "kind", "answer", "exact"),
    [
        (["Ann", "Bob", "Ann", "Bob"], "span", "Bob, Ann", 1.0),
        (["Ann", "Bob", "Ann", "Bob"], "span", "Ann", 0.0),
        (["Ann", "Bob"], "span", "Ann", 1.0),  # two annotators, or one with two spans: the row does not say
        (["5", "6", "5", "6"], "number", "5", 1.0),
        (["Ann", "Ann", "Ann"], "span", "Ann", 1.0),
    ],
)
def test_spans_that_all_annotators_of_drop_gave_belong_together(
    spans: list[str], kind: str, answer: str, exact: float
) -> None:
    row = {
        "query_id": "q",
        "passage": "p",
        "question": "q?",
        "answers_spans": {"spans": spans, "types": [kind] * len(spans)},
    }
    assert values(DROP, row, answer)["exact_match"] == exact


def test_drop_of_the_hub_has_an_answer_of_each_annotator() -> None:
    spans = {"spans": ["5", "five"], "types": ["number", "span"]}
    row = {"query_id": "1", "passage": "p", "question": "q", "answers_spans": spans}
    assert values(DROP, row, "five")["exact_match"] == 1.0 and values(DROP, row, "6")["exact_match"] == 0.0


def test_coqa_asks_every_turn_after_people_s_answers_and_leaves_each_person_out() -> None:
    row = {
        "id": "s", "source": "mctest", "story": "A cat sat.",
        "questions": {"input_text": ["Who sat?", "Where?"]}, "answers": {"input_text": ["a cat", "unknown"]},
        "additional_answers": {"0": {"input_text": ["the cat", "nowhere"]}},
    }  # fmt: skip
    first, second = COQA.read([row], COQA.dataset[0])
    [asked] = COQA.ask(second, ())
    assert isinstance(asked, Generate)
    assert asked.prompt == "A cat sat.\n\nQ: Who sat?\n\nA: a cat\n\nQ: Where?\n\nA:"
    assert (first.cluster, first.id, first.target) == ("s", "s/1", ("a cat", "the cat"))
    assert values(COQA, row, "unknown")["em"] == 0.5  # right against the first person, wrong against the other


@pytest.mark.parametrize(("name", "languages", "shots"), [("mgsm", QUESTION, 2), ("xcopa", CONNECTORS, 0)])
def test_all_languages_are_one_task_whose_clusters_are_the_items(
    mirror: Path, name: str, languages: dict[str, tuple[str, str]], shots: int
) -> None:
    settings = Settings(limit=3, limit_order="first", shots=shots)
    [planned] = running.plan([BY_NAME[name]], settings, mirror)
    assert [e.slices["language"] for e in planned.examples] == [one for one in languages for _ in range(3)]
    assert {e.cluster for e in planned.examples} == {"0", "1", "2"}
    together = iter(planned.requests)
    for language in languages:
        [alone] = running.plan([BY_NAME[f"{name}/{language}"]], settings, mirror)
        for requests in alone.requests:
            [one], [other] = next(together), requests
            assert replace(one, seed=0) == replace(other, seed=0) if isinstance(other, Generate) else one == other


def test_the_whole_answer_or_its_last_number() -> None:
    row = {"question": "?", "answer": None, "answer_number": 18, "equation_solution": None}
    task = BY_NAME["mgsm/bn"]
    said = {
        answer: tuple(values(task, row, answer).values()) for answer in ("১৮", " 18.", "5 + 13 = 18", "18 or 19", "")
    }
    assert said == {"১৮": (1, 1), " 18.": (1, 1), "5 + 13 = 18": (1, 0), "18 or 19": (0, 0), "": (0, 0)}
    assert values(task, row | {"answer_number": None}, "") == {"flexible-extract": 0, "exact_match": 0}


def test_a_cause_and_an_effect_have_their_own_word() -> None:
    row = {"premise": "Sai palju.", "choice1": "Ta sõi.", "choice2": "Ta jõi.", "label": 1, "idx": 4}
    [cause, effect] = XCOPA["et"].read(
        [row | {"question": "cause"}, row | {"question": "effect", "idx": 5}], XCOPA["et"].dataset[0]
    )
    assert (cause.fields["prompt"], effect.fields["prompt"]) == ("Sai palju sest", "Sai palju seetõttu")
    assert cause.fields["choices"] == ["ta sõi.", "ta jõi."]
