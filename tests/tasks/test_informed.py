"""What a customer has told: taken from the turns of the customer's alone, and compared slot by slot."""

from typing import Any

import pytest

from harness.errors import DataError
from harness.types import Dataset, Example, Generate
from harness_tasks.informed import INFORMED, all_right, listed, slot_f1


def turn(speaker: str, utterance: str, *said: tuple[str, str, str], act: str = "INFORM") -> dict[str, Any]:
    actions = [{"act": act, "slot": slot, "values": [own], "canonical_values": [plain]} for slot, own, plain in said]
    return {"speaker": speaker, "utterance": utterance, "frames": [{"service": "Trips_1", "actions": actions}]}


ROWS: list[dict[str, Any]] = [
    {
        "dialogue_id": "1",
        "services": ["Trips_1"],
        "turns": [
            turn("USER", "To Rome.", ("city", "Rome", "Roma")),
            turn("SYSTEM", "When?", ("day", "never", "never")),
            turn("USER", "Tomorrow; no, to Oslo.", ("city", "Oslo", "Oslo"), ("day", "Tomorrow", "2019-03-02")),
            turn("SYSTEM", "Fine."),
            turn("USER", "Thanks.", ("thanks", "x", "x"), act="THANK_YOU"),
        ],
    },
    {"dialogue_id": "2", "services": ["Trips_1"], "turns": [turn("USER", "Hello.")]},
    {"dialogue_id": "3", "services": ["Trips_1"], "turns": [turn("USER", "Two seats.", ("seats", "Two", "2"))]},
]


def examples() -> list[Example]:
    return INFORMED.read(ROWS, Dataset("rows", rows=ROWS))


def test_the_customer_speaks_up_to_the_last_that_is_told_and_then_asks() -> None:
    first, second = examples()
    assert (first.id, second.id) == ("1", "3")
    *lines, ask = first.fields["lines"]
    assert lines == ["To Rome.", "Tomorrow; no, to Oslo."] and "The slots are city, day, seats." in ask
    assert first.target == ("city: Oslo\nday: Tomorrow",)
    requests = INFORMED.ask(first, ())
    assert len(requests) == 3 and all(isinstance(r, Generate) for r in requests)


@pytest.mark.parametrize(
    ("answer", "right", "f1"),
    [
        ("city: Oslo\nday: tomorrow", 1.0, 1.0),
        ("- **City**: oslo.\n- day: 2019-03-02", 1.0, 1.0),
        ("city: Rome\nday: tomorrow", 0.0, 0.5),
        ("city: Oslo", 0.0, 2 / 3),
        ("city: Oslo\nday: tomorrow\nseats: 2", 0.0, 0.8),
        ("Oslo, tomorrow", 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_slots_are_right_in_the_customers_words_or_the_schemas(answer: str, right: float, f1: float) -> None:
    example = examples()[0]
    assert (all_right(example, answer), slot_f1(example, answer)) == (right, pytest.approx(f1))


def test_lines_that_say_nothing_are_no_slots() -> None:
    assert listed("Number of seats: 2\nday:\n: x\nno") == {"number_of_seats": "2"}


def test_turns_in_columns_are_refused() -> None:
    with pytest.raises(DataError, match="the turns are columns"):
        INFORMED.read([{**ROWS[0], "turns": {"speaker": [0], "utterance": ["x"]}}], Dataset("rows", rows=ROWS))
