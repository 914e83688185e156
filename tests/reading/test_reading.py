"""Text files as people and programs write them: marks, line ends, half characters, bombs, and the words of YAML."""

from pathlib import Path
from typing import Any

import pytest

from harness.engine.elsewhere.replay import open_replay
from harness.errors import LONGEST, DataError, HarnessError, UnknownName, UsageError, listed, quoted
from harness.plugins import catalogue, require_names, select
from harness.reading import text as reading
from harness.scorers.lexicon import read_terms
from harness.types import Settings

MARK = b"\xef\xbb\xbf"


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("joined", [b"one\ntwo\n", MARK + b"one\ntwo\n", MARK + b"one\r\n" + MARK + b"two\r\n"])
def test_marks_and_line_ends_are_no_text(joined: bytes, tmp_path: Path) -> None:
    path = put(tmp_path / "a", joined)
    assert reading.read_text(path, "x") == "one\ntwo\n"
    assert reading.read_lines(path, "x") == ["one", "two"]
    assert read_terms(path) == ["one", "two"]


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    assert reading.read_lines(put(tmp_path / "a", "a\u2028b\u0085c\x0bd\ne"), "x") == ["a\u2028b\u0085c\x0bd", "e"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\nb\0\n", "a:2: holds a NUL"),
        (b"a\n\xff\n", "a:2: not UTF-8 text: byte 0xff"),
        ("a".encode("utf-16"), "is UTF-16 text: save it as UTF-8"),
        (b"x" * 11, "11 bytes are too many for a list; at most 10"),
    ],
)
def test_what_is_no_text_is_refused_with_its_line(content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        reading.read_text(put(tmp_path / "a", content), "list", 10)
    assert said in str(error.value)


def test_a_folder_a_lack_and_a_name_that_is_too_long(tmp_path: Path) -> None:
    for path, said in (
        (tmp_path, "is a folder, not a list"),
        (tmp_path / "b", "no such list"),
        (tmp_path / ("x" * 300), "too long"),
    ):
        with pytest.raises(DataError, match=said):
            reading.read_text(path, "list")


def rows(path: Path, line: str) -> list[dict[str, Any]]:
    return [row for _, row in reading.read_json_lines(put(path / "a.jsonl", line), "list")]


def test_half_characters_are_read_as_the_mark_of_a_lost_one(tmp_path: Path) -> None:
    found = rows(tmp_path, '\n{"a": "x\\ud83d", "b": ["\\udc00", "\\ud83d\\ude00"], "\\ud800": 1}\n')
    assert found == [{"a": "x\ufffd", "b": ["\ufffd", "\U0001f600"], "\ufffd": 1}]
    assert reading.read_yaml(put(tmp_path / "a.yaml", 'a: "\\ud800"'), "x") == {"a": "\ufffd"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' stands twice"),
        ('{"a": NaN}', "NaN is no JSON; write null"),
        ('{"a": -Infinity}', "-Infinity is no JSON"),
        ('{"a": 1e999}', "'1e999' is beyond the largest number"),
        ('{"a": ' + "[" * 65 + "]" * 65 + "}", "more than 64 levels"),
        ('{"a": ' + "[" * 9999, "more than 64 levels"),
        ("[1]", "a row must be a JSON object, not a list"),
        ('{"a": "b', "not valid JSON: Unterminated string"),
    ],
)
def test_json_that_loses_something_is_refused_with_its_line(line: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.jsonl:2: ") as error:
        rows(tmp_path, "{}\n" + line)
    assert said in str(error.value)


def test_an_answer_may_hold_an_impossible_choice(tmp_path: Path) -> None:
    path = put(tmp_path / "a", MARK + b'\n{"id": 7, "logprobs": [-1, -Infinity]}\n')
    assert open_replay(path)._answers == {(None, "7", 0): {"logprobs": [-1, float("-inf")]}}


def test_plain_words_of_yaml_are_what_they_look_like(tmp_path: Path) -> None:
    told = "a: [yes, No, 1.10, 010, 12:30, 2024-01-31, 1e3, 0x1f, +1, 7, -3, true, null, ~, '5']"
    found = reading.read_yaml(put(tmp_path / "a.yaml", told), "x")["a"]
    assert found == [
        "yes",
        "No",
        "1.10",
        "010",
        "12:30",
        "2024-01-31",
        "1e3",
        "0x1f",
        "+1",
        7,
        -3,
        True,
        None,
        None,
        "5",
    ]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("a: &a [x, x]\nb: [*a, *a]", "a.yaml:2: not valid YAML: aliases such as [*]a are refused"),
        ("a: 1\nb: 2\na: 3", "a.yaml:3: .* the key 'a' stands twice"),
        ("a: !!python/object/apply:os.getcwd []", "the tag .* is refused"),
        ("a: !!float 1", "the tag .* is refused"),
        ("1: a", "the key 1 is no text"),
        ("a: " + "[" * 5000, "more than 64 levels"),
        ("a: b\n---\nc: d", "not valid YAML"),
    ],
)
def test_yaml_that_could_surprise_is_refused(told: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        reading.read_yaml(put(tmp_path / "a.yaml", told), "x")


@pytest.mark.parametrize("told", ["a = " + "[" * 9999, "a = 1\na = 2", "a." * 2000 + "a = 1"])
def test_toml_that_is_hostile_is_refused(told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a.toml"):
        reading.read_toml(put(tmp_path / "a.toml", told), "x")
    assert reading.read_toml(put(tmp_path / "a.toml", MARK + b"a = 1\r\n"), "x") == {"a": 1}


def test_a_message_quotes_the_beginning_of_a_value() -> None:
    assert quoted("x" * 200_000) == f"'{'x' * 199}…"
    assert quoted(16**9999) == "a int that is too long to show"
    assert listed(["a" * 50, *"bcd"], 2) == f"{'a' * 40}…, b, ..."
    assert len(str(HarnessError("x " * 9999))) < LONGEST + 30
    assert len(str(UnknownName("task", "x" * 3009, ["y" * 9999]))) < 400


def test_two_tasks_of_one_name_are_refused_and_one_asked_twice_is_asked_once(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    row = '{"question": "q", "answer": "a"}\n'
    one, two, own = (str(put(tmp_path / name, row)) for name in ("a.jsonl", "b/a.jsonl", "gsm8k.jsonl"))
    found = catalogue()
    for wanted in ([one, two], ["gsm8k", own], [own, "gsm8k"], [f"corpus:{one}:question", f"corpus:{two}:question"]):
        with pytest.raises(UsageError, match="two tasks are called"):
            select(found, wanted)
    assert [task.name for task in select(found, [one, str(tmp_path / "b/../a.jsonl"), "gsm8k", "gsm?k"])] == [
        "a",
        "gsm8k",
    ]
    with pytest.raises(UsageError, match="two tasks of one run are called 'a'"):
        require_names([*select(found, [one]), *select(found, [two])])


@pytest.mark.parametrize(
    "wrong", [{"limit": -1}, {"limit": 0}, {"limit": True}, {"limit": "3"}, {"limit": "0%"}, {"shots": -1}]
)
def test_a_limit_that_would_drop_the_last_examples_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="is not a whole number of at least"):
        Settings(**wrong)


@pytest.mark.parametrize("opening", ["[", "{", "- "])
def test_yaml_within_yaml_without_end_is_refused_before_it_costs_time(tmp_path: Path, opening: str) -> None:
    """The scanner of brackets takes the square of their number: 20,000 would take minutes."""
    path = tmp_path / "deep.yaml"
    path.write_text("a:\n  " + opening * 20_000)
    with pytest.raises(DataError, match="levels within each other"):
        reading.read_yaml(path, "a task")
    path.write_text("a: " + "[" * 60 + "]" * 60)
    assert reading.read_yaml(path, "a task")["a"]
