"""Answers made elsewhere: by id or in order; what is missing, surplus or broken is named."""

import json
from pathlib import Path

import pytest

from harness.api import evaluate
from harness.engine.elsewhere.replay import respond
from harness.errors import DataError
from harness.kinds import About, Data, multiple_choice
from harness.types import Card, Choose, Chosen, Dataset, Failed, Generate, Likelihood, Task

CARD = Card(measures="m", limits="l", source="s", licence="x")


@pytest.fixture
def task(tmp_path: Path) -> Task:
    rows = [{"id": str(i), "q": f"q{i}", "options": ["yes", "no"], "gold": i % 2} for i in range(4)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return multiple_choice(
        "t",
        data=Data(Dataset("t", path=str(path))),
        prompt="{q}",
        choices="options",
        target="gold",
        about=About(version=1, card=CARD),
    )


def replay(tmp_path: Path, task: Task, lines: list[str]) -> dict[str, tuple[float | None, int, int]]:
    path = tmp_path / "answers"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = evaluate(f"replay:{path}", [task], store=str(tmp_path / "store"))
    return {e.metric: (e.value, e.n, e.failed) for e in found.estimates if e.slice == "all"}


def test_logprobs_by_id_in_any_order(tmp_path: Path, task: Task) -> None:
    lines = [json.dumps({"task": "t", "id": str(i), "logprobs": [-1.0, -2.0]}) for i in (3, 1, 0, 2)]
    assert replay(tmp_path, task, lines)["acc"] == (0.5, 4, 0)


def test_plain_lines_name_choices_and_what_names_none_failed(tmp_path: Path, task: Task) -> None:
    found = replay(tmp_path, task, ["Yes", " no ", "perhaps", "no"])
    assert found["acc"] == (1.0, 3, 1)
    assert found["acc_norm"] == (None, 0, 1)  # nothing that needs probabilities is made up


def test_what_is_no_number_is_failed(tmp_path: Path, task: Task) -> None:
    lines = [json.dumps({"id": str(i), "logprobs": ["x", None] if i else [-1.0, -2.0]}) for i in range(4)]
    assert replay(tmp_path, task, lines)["acc"] == (1.0, 1, 3)


def test_a_missing_output_is_failed_and_no_text(tmp_path: Path, task: Task) -> None:
    spoken = [json.dumps({"id": str(i), "text": None if i == 2 else "yes"}) for i in range(4)]
    assert replay(tmp_path, task, spoken)["acc"] == (1 / 3, 3, 1)
    for request in (Generate("Which colour?", 5), Choose("Is there any?", ("None", "some"))):
        assert respond(request, {"text": None}) == Failed("missing", "the text of the answer is null")
    assert respond(Generate("q", 5), {"text": None, "logprobs": [-1.0]}).kind == "missing"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["yes"] * 3, "3 lines for 4 examples; the first without is '3'"),
        (["yes"] * 5, "answers:5: surplus line"),
        ([json.dumps({"id": str(i), "text": "yes"}) for i in (0, 1, 3)], "no answer for example '2' of t"),
        ([json.dumps({"id": str(i), "text": "yes"}) for i in range(5)], "surplus answer for example '4'"),
        ([json.dumps({"id": "0", "text": "yes"})] * 2, "answers:2: a second answer for example '0'"),
        (['{"id": "0", "text": "y'], "answers:1: not valid JSON: Unterminated string"),
        (['{"text": "y"}'], "answers:1: not an answer with an id"),
        (['{"id": "0", "text": "y"}', '{"id": "1", "text": ["y"]}'], "answers:2: text is ['y'], not a string"),
        (['{"id": "0", "text": 3}'], "answers:1: text is 3, not a string"),
        (["", '{"id": "0", "text": "y"}', '{"id": null}'], "answers:3: not an answer with an id"),
        (['{"id": "0", "part": -1}'], "answers:1: part is -1, not a whole number from 0"),
        (['{"id": "0", "task": ["t"]}'], "answers:1: task is ['t'], not a string"),
        (['{"id": [0]}'], "answers:1: id is a list"),
        (['{"id": 0, "text": "a", "text": "b"}'], "answers:1: not valid JSON: the key 'text' stands twice"),
    ],
)
def test_what_is_wrong_is_named(lines: list[str], said: str, tmp_path: Path, task: Task) -> None:
    with pytest.raises(DataError) as error:
        replay(tmp_path, task, lines)
    assert said in str(error.value)


@pytest.mark.parametrize("wrong", [0.5, True, "x", None, [-1.0], -(10**400), {"a": 1}])
def test_a_number_that_cannot_be_one_is_failed_and_not_believed(wrong: object) -> None:
    choice, text = Choose("q", ("a", "b")), Likelihood("some text")
    for request, answer in (
        (choice, {"logprobs": [-1.0, wrong]}),
        (text, {"logprob": wrong}),
        (text, {"logprob": -1, "tokens": wrong}),
        (text, {"logprob": -1, "tokens": -5}),
    ):
        found = respond(request, answer)
        assert isinstance(found, Failed) and found.kind == "replay"
    impossible = (-1.0, float("-inf"))
    assert respond(choice, {"logprobs": list(impossible)}) == Chosen(0, impossible, (1, 1))


def test_plain_lines_and_answers_with_ids_are_not_mixed(tmp_path: Path, task: Task) -> None:
    lines = ["yes", json.dumps({"id": "1", "text": "no"}), json.dumps({"id": "2", "text": "yes"}), "no"]
    with pytest.raises(DataError, match=r"answers:2: an answer with an id after plain lines"):
        replay(tmp_path, task, lines)
    told = replay(tmp_path, task, ["yes", '{"colour": "red"}', "{not JSON", "no"])  # answers may hold braces
    assert told["acc"] == (1.0, 2, 2)
