"""Chats: several turns, templates that demand an order or know no system, and thoughts that are no answers."""

from pathlib import Path
from typing import Any

import pytest
from asking import asked
from tiny import causal, framed_tokenizer, word_tokenizer

from harness.engine.backend import Options
from harness.engine.causal.backend import Causal
from harness.engine.causal.encode import Encoder
from harness.engine.causal.reference import Reference
from harness.engine.chat import open_chat, turns_of
from harness.engine.memory import checkpoint_in_memory
from harness.engine.thinking import Thinking, thinking_of
from harness.errors import UsageError
from harness.types import Choose, Failed, Generate, Generated, Likelihood, Message

PLAIN = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }} {% endfor %}w9"
STRICT = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must take turns') }}{% endif %}{{ m['content'] }} {% endfor %}w9"
)
DEAF = "{% for m in messages if m['role'] != 'system' %}{{ m['content'] }} {% endfor %}w9"
THINKING = PLAIN + " <think>"
TURNS = (
    Message("system", "w1"),
    Message("user", "w2"),
    Message("assistant", "w3"),
    Message("user", "w4"),
    Message("user", "w5"),
)


def reading(template: str, **options: Any) -> Any:
    tokenizer = framed_tokenizer()
    tokenizer.chat_template = template
    return open_chat(tokenizer, Options(chat=True, **options))


def test_several_turns_reach_the_model_in_order_and_neighbours_are_joined() -> None:
    assert reading(PLAIN).render(TURNS) == "system: w1 user: w2 assistant: w3 user: w4\n\nw5 w9"
    assert reading(PLAIN, system="w0").render(TURNS).startswith("system: w0\n\nw1 user: w2 ")


@pytest.mark.parametrize(
    ("template", "words"), [(STRICT, "roles must take turns"), (DEAF, "template shows no system message")]
)
def test_a_tasks_system_message_moves_into_the_users_turn_and_the_users_own_is_refused(
    template: str, words: str
) -> None:
    """Where the template refuses or drops it."""
    assert reading(template).render(TURNS) == "w1\n\nw2 w3 w4\n\nw5 w9"
    with pytest.raises(UsageError, match=f"{words}; leave --system out"):
        reading(template, system="w0")


def test_a_chat_that_ends_with_the_models_own_words_asks_nothing() -> None:
    with pytest.raises(UsageError, match="is not the user's"):
        turns_of(TURNS[:3], None)
    with pytest.raises(UsageError, match="is not the user's"):
        turns_of(TURNS[:1], "w0")


def test_a_template_comes_from_the_model_a_file_or_a_name(tmp_path: Path) -> None:
    tokenizer: Any = word_tokenizer()
    tokenizer.chat_template = {"default": PLAIN, "short": "{{ messages[-1]['content'] }} w8"}
    file = tmp_path / "own.jinja"
    file.write_text("{{ messages[-1]['content'] }} w7")
    question = [Message("user", "w1")]
    shown = [
        open_chat(tokenizer, Options(chat=True, chat_template=name)).render(question)
        for name in (None, "short", str(file))
    ]
    assert shown == ["user: w1 w9", "w1 w8", "w1 w7"]
    with pytest.raises(UsageError, match=r"'other': it is no file, and those of the model are: default, short"):
        open_chat(tokenizer, Options(chat=True, chat_template="other"))
    with pytest.raises(UsageError, match="belongs to --chat"):
        Options(chat_template="short")


def test_requests_are_read_through_their_messages_in_a_chat_alone() -> None:
    tokenizer: Any = word_tokenizer()
    tokenizer.chat_template = PLAIN
    request = Generate("w50", 4, messages=TURNS[1:4])
    assert Encoder(tokenizer, Options(chat=True), None).read_before(request) == "user: w2 assistant: w3 user: w4 w9"
    assert Encoder(tokenizer, Options(), None).read_before(request) == "w50"


# ------------------------------------------------------------------------------------------------------------ thoughts
def test_a_choice_is_scored_after_a_thought_that_has_ended() -> None:
    tokenizer: Any = word_tokenizer()
    tokenizer.chat_template = THINKING
    encoder = Encoder(tokenizer, Options(chat=True), None)
    assert encoder.read_before(Choose("w1", ("w2",))) == "user: w1 w9 <think>\n\n</think>\n\n"
    assert encoder.context_before(Likelihood("w2", "w1")) == "user: w1 w9 <think>\n\n</think>\n\n"
    assert encoder.read_before(Generate("w1", 4)) == "user: w1 w9 <think>"


@pytest.mark.parametrize(
    ("begun", "text", "thought", "answer"),
    [
        (False, "w1", "", "w1"),
        (False, "<think>w1</think>\n\nw2", "w1", "w2"),
        (False, "w1 </think> w2", "w1", "w2"),  # opened by a template that does not show it
        (True, "w1</think>\nw2<|e|>", "w1", "w2"),
        (True, "w1", None, None),
        (False, " <think>w1", None, None),
    ],
)
def test_a_thought_is_parted_from_the_answer(begun: bool, text: str, thought: str | None, answer: str | None) -> None:
    parts = Thinking("<think>", "</think>", begun, ("<|e|>",)).parts(text)
    assert parts == (None if thought is None else (thought, answer))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<|channel|>final<|message|>w2", ("", "w2")),
        ("<|channel|>analysis<|message|>w1<|end|><|start|>assistant<|channel|>final<|message|>w2", ("w1", "w2")),
        ("<|channel|>analysis<|message|>w1<|end|>", None),
        ("w2", ("", "w2")),
    ],
)
def test_a_prompt_may_end_with_a_part_of_what_ends_a_thought(text: str, parts: tuple[str, str] | None) -> None:
    start = "<|start|>assistant"
    marks = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>")
    thinking = thinking_of(f"{start}<|channel|>analysis<|message|>", f"<|start|>user<|message|>w0<|end|>{start}", marks)
    assert thinking is not None and not thinking.begun and thinking.parts(text) == parts


@pytest.mark.parametrize(
    ("text", "finish", "read"),
    [
        ("w1", "length", "was still thinking after 9"),
        ("w1</think>\n\n", "length", "had not begun to answer after 9"),
        ("w1</think>\n\n", "end", ""),
        ("w1</think>\n\nw2 w3", "length", ""),  # it begins with the stop string
        ("w1</think>w4", "length", "w4"),
    ],
)
def test_tokens_for_a_thought_alone_give_no_answer(text: str, finish: Any, read: str) -> None:
    found = Thinking("<think>", "</think>", begun=True).read(Generated(text, 9, finish), ("w2",))
    if "after" in read:
        assert isinstance(found, Failed) and found.kind == "thinking" and read in found.message
    else:
        assert found == Generated(read, 9, finish, "w1")


@pytest.mark.parametrize("special", [False, True])
def test_a_thought_is_no_answer_and_no_stop_string_ends_it(special: bool) -> None:
    tokenizer: Any = word_tokenizer()
    tokenizer.add_tokens(["<think>", "</think>"], special_tokens=special)
    tokenizer.chat_template = THINKING
    checkpoint = checkpoint_in_memory(causal("llama", len(tokenizer)), tokenizer, Options(chat=True))
    stop = tuple(f"w{i}" for i in range(10))
    questions = asked([Generate(f"w{i} w2", 60, stop, temperature=1.0, seed=i) for i in range(24)])
    by_engine = dict(pair for batch in Causal(checkpoint).answer(questions) for pair in batch)
    by_definition = dict(pair for batch in Reference(checkpoint).answer(questions) for pair in batch)
    assert by_engine == by_definition
    answered = [one for one in by_engine.values() if isinstance(one, Generated)]
    failed = [one for one in by_engine.values() if isinstance(one, Failed)]
    assert len(answered) + len(failed) == 24 and {one.kind for one in failed} == {"thinking"}
    assert any(word in one.reasoning.split() for one in answered for word in stop), "stop strings within thoughts"
    assert any(one.finish == "stop" for one in answered)
    assert not any("</think>" in one.reasoning or set(stop) & set(one.text.split()) for one in answered)
