"""What the values of a row mean as texts, choices, answers and labels; what nobody can tell is refused."""

from datetime import date
from typing import Any

import pytest

from harness.errors import DataError
from harness.reading.text import json_object
from harness.reading.values import choices_of, filled, key_of, label_of, references_of


def told(value: str) -> Any:
    """A value as a file of JSON lines writes it."""
    return json_object(f'{{"v": {value}}}', "x")["v"]


@pytest.mark.parametrize(
    "value", ["null", "true", "1.10", "1e3", '{"a": 1}', "[]", "[null]", "[false]", '[["a"]]', "[1.50]"]
)
def test_what_is_no_answer(value: str) -> None:
    with pytest.raises(DataError):
        references_of(told(value))


def test_answers_are_texts_and_numbers_as_written() -> None:
    assert references_of(told('["a", 42, 0.5, ""]')) == ("a", "42", "0.5", "")
    assert references_of(told("-7")) == ("-7",)


@pytest.mark.parametrize(
    "value", ["null", '"ab"', '{"a": "x", "b": "y"}', "3", "[]", '["a", " "]', '["a", null]', "[1.10]"]
)
def test_what_is_no_list_of_choices(value: str) -> None:
    with pytest.raises(DataError):
        choices_of(told(value))


@pytest.mark.parametrize(
    ("choices", "target", "key"),
    [
        ('["a", "b"]', "1", 1), ('["a", "b"]', '"b"', 1), ('["1", "2", "3"]', "2", 2), ('["1", "2", "3"]', '"2"', 1),
        ("[10, 20, 30]", "20", 1), ("[0, 1]", "1", 1), ("[0.5, 7]", "0.5", 0), ("[5, 6]", '"6"', 1),
        ("[4, 8]", "8.0", 1),
    ],
)  # fmt: skip
def test_the_right_choice(choices: str, target: str, key: int) -> None:
    given = told(choices)
    assert key_of(told(target), given, choices_of(given), ()) == key


@pytest.mark.parametrize(
    ("choices", "target", "said"),
    [
        ("[1, 2, 3]", "2", "the index of another"),
        ("[10, 20]", "1", "not among the choices"),
        ('["a", "b"]', "2", "outside the 2 choices"),
        ('["a", "b"]', "-1", "outside"),
        ('["a", "b"]', "true", "label true is neither"),
        ('["a", "b"]', "null", "label null is neither"),
        ('["a", "b"]', '["a"]', "label a list is neither"),
        ('["a", "b"]', "1.0", "not among"),
    ],
)
def test_a_label_that_nobody_can_read(choices: str, target: str, said: str) -> None:
    given = told(choices)
    with pytest.raises(DataError, match=said):
        key_of(told(target), given, choices_of(given), ())


@pytest.mark.parametrize(
    ("value", "shown"), [("null", ""), ("true", ""), ("[1]", ""), ('"a{b}"', "a{b}"), ("7", "7"), ("1.10", "")]
)
def test_a_template_takes_texts_and_numbers(value: str, shown: str) -> None:
    row = {"q": told(value)}
    if shown:
        assert filled("{q}", row) == shown
    else:
        with pytest.raises(DataError, match="column 'q' is"):
            filled("{q}", row)


@pytest.mark.parametrize("template", ["{q.stem}", "{q.__class__}", "{q:>99999}", "{q:{q}}", "{}", "{0}", "{q"])
def test_a_template_asks_for_columns_only(template: str) -> None:
    with pytest.raises(DataError, match="does not fit"):
        filled(template, {"q": "x"})
    assert filled("{q:>3}{n:.2f}{l[1]}", {"q": "x", "n": told("1.50"), "l": ["a", "b"]}) == "  x1.50b"


def test_labels_are_what_a_file_says() -> None:
    given = ["a", 1, True, told("1.10"), date(2024, 1, 31)]
    assert [label_of(value, "x") for value in given] == ["a", "1", "true", "1.10", "2024-01-31"]
    for odd in (None, [1], {"a": 1}, float("nan")):
        with pytest.raises(DataError, match="x is"):
            label_of(odd, "x")
