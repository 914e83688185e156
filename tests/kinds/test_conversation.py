"""Conversations: the user's next words depend on the model's, turn by turn, and nothing of that is lost."""

import json
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from documented import block, page
from tiny import byte_tokenizer, causal

from harness import evaluate
from harness.api import show_prompt
from harness.engine.backend import Batch, Options
from harness.engine.elsewhere.scripted import open_scripted
from harness.errors import DataError, Unsupported, UsageError
from harness.kinds import About, Data, Decoding, conversation
from harness.kinds.file import task_from_file
from harness.kinds.script import heard
from harness.metrics.measures import SQUAD_EM
from harness.run import exams, plan
from harness.store import open_store
from harness.types import (
    Card,
    Dataset,
    Failed,
    Generate,
    Generated,
    Message,
    ModelInfo,
    Question,
    Response,
    Settings,
)  # fmt: skip
from harness.variants import varied

SCRIPT = [
    "A table for two.",
    {"when": "time", "then": "At seven.", "otherwise": "You forgot the time."},
    "Thanks!",
]
ROWS = [{"id": i, "script": SCRIPT[: 2 + i % 2], "goal": "booked"} for i in range(4)]


def talk(rows: Any = ROWS) -> Any:
    return conversation(
        "talk",
        data=Data(Dataset("rows", rows=rows)),
        script="script",
        system="You take bookings.",
        target="goal",
        decoding=Decoding(8, ("\nUser:",)),
        measures=(SQUAD_EM,),
        about=About(version=1, card=Card(measures="m", limits="l", source="s", licence="x")),
    )


class Waiter:
    """Asks for the time of even examples, then books; breaks off at the turn of the example that is named."""

    info = ModelInfo("waiter", {}, frozenset({Generate}))

    def __init__(self, broken: tuple[str, int] = ("", 0), killed: int = 99) -> None:
        self.broken, self.killed = broken, killed
        self.asked: list[list[tuple[str, int]]] = []

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        self.asked.append([(q.example, q.part) for i, q in enumerate(questions) if i not in done])
        if len(self.asked) == self.killed:
            raise KeyboardInterrupt
        for i, question in enumerate(questions):
            if i not in done:
                yield [(i, self._one(question))]

    def _one(self, question: Question) -> Response:
        if (question.example, question.part) == self.broken:
            return Failed("scripted", "gone")
        assert isinstance(question.request, Generate)
        heard = question.request.messages[-1].content
        if heard == "A table for two.":
            return Generated("What time?" if int(question.example) % 2 == 0 else "Well.", 2, "end")
        return Generated("booked" if heard in ("At seven.", "Thanks!") else "Oh.", 1, "end")

    def stats(self) -> dict[str, float | str]:
        return {}


def test_what_the_user_says_depends_on_what_the_model_said(tmp_path: Path) -> None:
    waiter = Waiter()
    result = evaluate(waiter, [talk()], store=str(tmp_path / "s"))
    assert [sorted(asked) for asked in waiter.asked] == [
        [(str(i), 0) for i in range(4)], [(str(i), 1) for i in range(4)], [("1", 2), ("3", 2)],
    ]  # fmt: skip
    assert result.frame.query("slice == 'all'").value.tolist() == [1.0]
    outcomes = list(open_store(str(tmp_path / "s")).outcomes(result.run.id, "talk"))
    even, odd = outcomes[0].requests[-1], outcomes[1].requests[-1]
    assert isinstance(even, Generate) and isinstance(odd, Generate)
    start = (Message("system", "You take bookings."), Message("user", "A table for two."))
    assert even.messages == (*start, Message("assistant", "What time?"), Message("user", "At seven."))
    assert [m.content for m in odd.messages[2:]] == ["Well.", "You forgot the time.", "Oh.", "Thanks!"]
    assert even.prompt.endswith("User: A table for two.\nAssistant: What time?\nUser: At seven.\nAssistant:")


def test_a_conversation_that_breaks_off_is_asked_no_more_and_fails_alone(tmp_path: Path) -> None:
    waiter = Waiter(("1", 0))
    result = evaluate(waiter, [talk()], store=str(tmp_path / "s"))
    (number,) = [e for e in result.estimates if e.slice == "all"]
    assert (number.value, number.n, number.failed) == (1.0, 3, 1)
    assert ("1", 1) not in waiter.asked[1] and ("1", 2) not in waiter.asked[2]
    broken = list(open_store(str(tmp_path / "s")).outcomes(result.run.id, "talk"))[1]
    assert broken.failure == Failed("scripted", "gone")
    assert broken.responses[2] == Failed("scripted", "an earlier turn failed: gone")


@pytest.mark.parametrize("turn", [2, 3])
def test_a_run_that_was_killed_between_turns_goes_on_to_the_same_end(turn: int, tmp_path: Path) -> None:
    whole = evaluate(Waiter(), [talk()], store=str(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        evaluate(Waiter(killed=turn), [talk()], store=str(tmp_path / "s"))
    waiter = Waiter()
    resumed = evaluate(waiter, [talk()], store=str(tmp_path / "s"), resume=True)
    assert waiter.asked[0] == [(str(i), turn - 1) for i in (range(4) if turn == 2 else (1, 3))]
    assert resumed.estimates == whole.estimates
    both = [
        list(open_store(str(tmp_path / place)).outcomes(run.run.id, "talk"))
        for place, run in (("whole", whole), ("s", resumed))
    ]
    assert both[0] == both[1]


def test_a_model_in_memory_hears_its_own_words_in_a_chat_and_without(tmp_path: Path) -> None:
    tokenizer: Any = byte_tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"
    model = causal("llama", len(tokenizer))
    for chat in (True, False):
        result = evaluate((model, tokenizer), [talk()], options=Options(chat=chat), store=str(tmp_path / str(chat)))
        for outcome in open_store(str(tmp_path / str(chat))).outcomes(result.run.id, "talk"):
            first, last = outcome.responses[0], outcome.requests[1]
            assert isinstance(first, Generated) and isinstance(last, Generate)
            assert last.messages[2] == Message("assistant", first.text) and first.text in last.prompt


def test_what_comes_later_is_shown_as_far_as_it_is_known() -> None:
    shown = show_prompt([talk()], "openai:x", options=Options(chat=True))
    assert "[assistant]\n[answer 1]" in shown[1].prompt


def test_conversations_are_neither_divided_nor_varied(tmp_path: Path) -> None:
    for how in ({"shard": "1/2"}, {"workers": 2}):
        with pytest.raises(Unsupported, match="leave shards and workers out"):
            evaluate(Waiter(), [talk()], store=str(tmp_path / "s"), **how)  # type: ignore[arg-type]
    with pytest.raises(Unsupported, match="is a conversation"):
        varied(talk(), Settings(repeats=2))


def test_oracle_and_opposite(tmp_path: Path) -> None:
    planned = plan([talk()], Settings(), None)
    for rule, value in (("oracle", 1.0), ("opposite", 0.0)):
        model = open_scripted(rule, exams(planned))
        result = evaluate(model, [talk()], store=str(tmp_path / rule))
        assert [e.value for e in result.estimates if e.slice == "all"] == [value]


@pytest.mark.parametrize(
    "script", [[], "Hello", [{"when": "a", "then": "b", "otherwise": "c"}], ["a", {"when": "("}], ["a", ""],
               ["a", {"when": 1, "then": "b", "otherwise": "c"}], ["a", {"when": "b", "then": "", "otherwise": "c"}],
               ["a", {"when": [], "then": "b", "otherwise": "c"}], ["a", {"when": " ", "then": "b", "otherwise": "c"}],
               ["a", {"when": "x" * 201, "then": "b", "otherwise": "c"}]]
)  # fmt: skip
def test_a_script_that_nobody_can_say_is_refused_with_its_row(script: Any) -> None:
    rows = json.loads(json.dumps([{"id": 1, "script": script, "goal": "x"}]))
    with pytest.raises(DataError, match="talk: row 1 of"):
        plan([talk(rows)], Settings(), None)


@pytest.mark.parametrize(
    ("when", "answer", "there"),
    [
        ("time", "What TIME?", True),
        ("time", "sometimes", False),
        ("time", "timely or sometimes; time", True),
        ("what  time", "What\ntime is it", True),
        ("(a+)+$", "a" * 40 + "!", False),
        ("(a+)+$", "so (a+)+$ it is", True),
        ("$5", "It is $5.", True),
        ("$5", "It is $50.", False),
        ("時間", "何時間ですか", True),
        ("straße", "STRASSE 5", True),
        ("été", "L'été.", True),
    ],
)
def test_what_is_listened_for_are_words_and_no_pattern(when: str, answer: str, there: bool) -> None:
    assert heard(["nothing of this", when], answer) == there


TALK = """
data = "bookings.jsonl"
script = ["A table for {guests}.", {when = ["time", "when"], then = "At {at}.", otherwise = "You forgot the time."}]
system = "You take bookings for {house}."
answer = "goal"
max_tokens = 8
"""
BOOKINGS = [{"id": i, "guests": 2 + i, "at": "seven", "house": "us", "goal": "booked"} for i in range(2)]


def described(folder: Path, text: str = TALK, rows: Any = BOOKINGS) -> Path:
    (folder / "bookings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / "booking.toml"
    path.write_text(text)
    return path


def test_a_task_file_has_a_script_of_templates(tmp_path: Path) -> None:
    def model(prompt: str) -> str:
        turn = prompt.count("User:")
        return "When?" if "for 2." in prompt and turn == 1 else "booked" if "seven" in prompt else "Hm\nUser: I say"

    result = evaluate(model, [str(described(tmp_path))], store=str(tmp_path / "s"))
    values = {e.metric: (e.value, e.n) for e in result.estimates if e.slice == "all"}
    assert values == {"exact_match": (0.5, 2), "f1": (0.5, 2)}
    first, second = open_store(str(tmp_path / "s")).outcomes(result.run.id, "booking")
    heard_, unheard = first.requests[1], second.requests[1]
    assert isinstance(heard_, Generate) and isinstance(unheard, Generate)
    assert [m.content for m in heard_.messages] == [
        "You take bookings for us.", "A table for 2.", "When?", "At seven.",
    ]  # fmt: skip
    assert [m.content for m in unheard.messages[2:]] == ["Hm", "You forgot the time."]


def test_a_script_in_a_column_is_said_as_it_is(tmp_path: Path) -> None:
    rows = [{"script": ["Say {x}.", {"when": "(a+)+$", "then": "y", "otherwise": "n"}], "goal": "a"}]
    path = described(tmp_path, 'data = "bookings.jsonl"\nscript = "script"\nanswer = "goal"', rows)
    result = evaluate(lambda prompt: "a" * 10_000 + "!", [str(path)], store=str(tmp_path / "s"))
    [outcome] = open_store(str(tmp_path / "s")).outcomes(result.run.id, "booking")
    last = outcome.requests[-1]
    assert isinstance(last, Generate) and last.messages[0].content == "Say {x}." and last.messages[-1].content == "n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('prompt = "{q}"', "leave prompt out"),
        ("shots = 1", "leave shots out"),
        ('choices = ["a", "b"]', "script is for written answers: leave choices or script out"),
        ('judge = {model = "m", rubric = "{response}"}', "leave judge out"),
        ('script = "script"', "Cannot overwrite"),
    ],
)
def test_what_means_nothing_beside_a_script_is_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        task_from_file(described(tmp_path, f"{TALK}{text}\n"))


@pytest.mark.parametrize(
    "script", ["[]", '[{when = "a", then = "b", otherwise = "c"}]', '["a", {when = "b"}]', '["{"]', "3", '["a", 1]',
               '["a", {when = "{", then = "b", otherwise = "c"}]']
)  # fmt: skip
def test_a_script_in_a_task_file_that_is_none_is_refused_at_once(script: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="script = .* is no"):
        task_from_file(described(tmp_path, f'data = "bookings.jsonl"\nscript = {script}\n'))


def test_the_conversation_of_the_page_on_tasks_is_one(tmp_path: Path) -> None:
    text = block(page("docs/tasks.md"), "toml", "script = [")
    row = {"guests": 2, "at": "seven", "house": "us", "confirmation": "booked"}
    path = described(tmp_path, text, [row])
    for rule, value in (("oracle", 1.0), ("opposite", 0.0)):
        result = evaluate(f"scripted:{rule}", [str(path)], store=str(tmp_path / rule))
        assert {e.value for e in result.estimates} == {value}
