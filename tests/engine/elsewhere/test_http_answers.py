"""Whatever a server says costs at most that answer, at the first request, and the failure holds the server's words."""

import json
from pathlib import Path
from typing import Any

import pytest
from asking import ask
from serving import Body, Handler, chat_answer, connect, prompt_of, serving

import harness
from harness.engine.backend import Options
from harness.engine.elsewhere.http_body import parsed
from harness.engine.elsewhere.http_opening import FOLDED, OPENING
from harness.errors import ModelError
from harness.types import Choose, Chosen, Failed, Generate, Generated, Message

PARTS = [{"type": "thinking", "text": "hm"}, {"type": "text", "text": "a "}, {"type": "text", "text": "whole"}]
CALL = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


def generated(answer: Body, *, chat: bool = True) -> tuple[Any, int]:
    """(the response to one request, how many times it was sent)."""
    with serving(lambda handler, body: answer) as server:
        model = connect(server.url, chat=chat)
        server.bodies.clear()
        [found] = ask(model, [Generate("q", 8)])
        return found, len([b for b in server.bodies if prompt_of(b) == "q"])


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (chat_answer("", "content_filter"), "filtered", "content_filter"),
        (chat_answer("half of", "content_filter"), "filtered", "content_filter"),
        (chat_answer(None, refusal="I will\nnot"), "refusal", "I will not"),
        (chat_answer(None, "tool_calls", tool_calls=CALL), "tool-call", "tool"),
        (chat_answer("let me look", function_call={"name": "f"}), "tool-call", "tool"),
        (chat_answer(None, "length", reasoning_content="hm"), "thinking", "cut at the token limit"),
        (chat_answer("", "length", reasoning="hm"), "thinking", "finish_reason 'length'"),
        (chat_answer("\n", "stop", reasoning_content="hm"), "thinking", "only thoughts"),
        (
            chat_answer("", "length") | {"usage": {"completion_tokens_details": {"reasoning_tokens": 8}}},
            "thinking",
            "cut at the token limit",
        ),
        (chat_answer(None), "empty", "'stop'"),
        (chat_answer("", "length"), "empty", "'length'"),
        ({"error": {"message": "the model\x1b[31m fell over", "code": 422}}, "refused", r"\u001b[31m fell over"),
        ({"error": "no"}, "refused", "no"),
    ],
)
def test_what_is_no_answer_fails_at_the_first_request(answer: Body, kind: str, words: str) -> None:
    found, sent = generated(answer)
    assert isinstance(found, Failed) and found.kind == kind and words in found.message
    assert sent == 1


def test_an_empty_completion_fails_too() -> None:
    found, sent = generated({"choices": [{"text": "", "finish_reason": "stop"}]}, chat=False)
    assert isinstance(found, Failed) and found.kind == "empty" and sent == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": None}, {"choices": {}}, {"choices": ["x"]}, {"choices": [{"message": "x"}]}, {"choices": [{}]},
        chat_answer(7), chat_answer({"text": "x"}), chat_answer("cut off", "error"), [], "x", None, 10**400,
    ],
)  # fmt: skip
def test_what_is_malformed_is_tried_again_and_costs_one_answer(answer: Any) -> None:
    def act(handler: Handler, body: Body) -> object:
        fine = chat_answer("fine") if prompt_of(body) != "q" else None
        handler.reply(200, json.dumps(fine or answer).encode())
        return None

    with serving(act) as server:
        found, other = ask(connect(server.url), [Generate("q", 8), Generate("other", 8)])
        assert isinstance(found, Failed) and found.kind == "server" and "malformed" in found.message
        assert other == Generated("fine", 0, "end")
        assert sum(prompt_of(b) == "q" for b in server.bodies) == 6


def test_text_in_parts_is_read_and_thoughts_are_not() -> None:
    assert generated(chat_answer(PARTS))[0] == Generated("a whole", 0, "end")


def test_thoughts_stand_beside_the_answer_whether_they_have_a_field_or_tags() -> None:
    answers = [
        chat_answer("B", reasoning_content="hm"), chat_answer("<think>hm</think>\n\nB"),
    ]  # fmt: skip
    assert [generated(answer)[0] for answer in answers] == [Generated("B", 0, "end", "hm")] * 2
    found, _ = generated(chat_answer("<think>hm", "length"))
    assert isinstance(found, Failed) and found.kind == "thinking"


def test_an_answer_may_speak_of_tags_unless_the_template_has_opened_a_thought() -> None:
    text = "The tag </think> ends it."
    assert generated(chat_answer(text))[0] == Generated(text, 0, "end")
    answers = {"q": chat_answer(text), "r": chat_answer("hm, hm", "length"), "s": chat_answer("<think>hm</think>B")}
    with serving(lambda handler, body: answers[prompt_of(body)], opening="Wet?\n</think>\n\nYes.") as server:
        thought, unfinished, tagged = ask(connect(server.url), [Generate(q, 8) for q in answers])
    assert thought == Generated("ends it.", 0, "end", "The tag")
    assert isinstance(unfinished, Failed) and unfinished.kind == "thinking"
    assert tagged == Generated("B", 0, "end", "hm")


def test_a_stop_string_of_the_task_does_not_end_a_thought() -> None:
    """It is sent, since most models do not think; an answer that it has kept from coming is asked for again."""

    def act(handler: Handler, body: Body) -> object:
        begun = "Let me see."
        if prompt_of(body) == "r":
            return chat_answer("Let me see. Two", "length")
        return chat_answer(begun if "stop" in body else f"{begun}\nTwo.</think>\n\n2\nOr 3?")

    with serving(act, opening="Wet?\n</think>\n\nYes.") as server:
        model = connect(server.url, concurrency=1)
        done, endless = ask(model, [Generate(q, 8, ("\n",)) for q in "qr"])
        assert done == Generated("2", 0, "stop", "Let me see.\nTwo.")
        assert isinstance(endless, Failed) and endless.kind == "thinking"
        assert [(prompt_of(b), "stop" in b) for b in server.bodies] == [("q", True), ("q", False), ("r", True)]


def test_how_answers_begin_is_found_out_with_room_for_a_thought() -> None:
    def act(handler: Handler, body: Body) -> object:
        if prompt_of(body) == "q":
            return chat_answer("hm</think>B")
        return chat_answer("Is it?", "length") if body["max_tokens"] < 99 else chat_answer("Is it?</think>Yes.")

    with serving(act, opening=None) as server:
        model = connect(server.url)
        for _ in range(2):
            assert ask(model, [Generate("q", 8)]) == [Generated("B", 0, "end", "hm")]
        assert [b["max_tokens"] for b in server.bodies] == [16, 2048, 8, 8]


def test_a_model_that_thinks_has_room_for_it_before_a_letter_and_no_other_question_is_asked_otherwise() -> None:
    def act(handler: Handler, body: Body) -> object:
        if "deep" not in prompt_of(body):
            return chat_answer("A")
        return chat_answer("", "length", reasoning="h") if body["max_tokens"] < 99 else chat_answer("A", reasoning="hm")

    with serving(act) as server:
        found = ask(connect(server.url, concurrency=1), [Choose(q, (" x", " y")) for q in ("deep", "quick")])
        assert [isinstance(one, Chosen) and one.picked for one in found] == [0, 0]
        assert [b["max_tokens"] for b in server.bodies] == [16, 8192, 16]


def test_turns_reach_a_server_in_order_with_the_letters_in_the_last() -> None:
    turns = (Message("system", "s"), Message("user", "u"), Message("assistant", "a"), Message("user", "v"))
    with serving(lambda handler, body: chat_answer("A")) as server:
        requests = [Generate("q", 8, messages=turns), Choose("q", (" x", " y"), messages=turns)]
        ask(connect(server.url, concurrency=1), requests)
        first, second = (b["messages"] for b in server.bodies)
    assert first == [{"role": turn.role, "content": turn.content} for turn in turns]
    assert second[:-1] == first[:-1] and second[-1]["content"].startswith("v\n\nA. x\nB. y\n")


@pytest.mark.parametrize(("status", "tries"), [(400, 2), (422, 2), (500, 12)])
def test_a_server_that_refuses_a_system_message_is_told_it_by_the_user(status: int, tries: int) -> None:
    turns = (Message("system", "s"), Message("user", "u"), Message("assistant", "a"), Message("user", "v"))

    def act(handler: Handler, body: Body) -> object:
        if body["messages"][0]["role"] == "system":
            return handler.reply(status, b"System role not supported")
        return chat_answer("Yes.")

    with serving(act, opening=None) as server:
        model = connect(server.url, concurrency=1)
        for _ in range(2):
            assert ask(model, [Generate("q", 8, messages=turns)]) == [Generated("Yes.", 0, "end")]
        assert ask(model, [Choose("q", (" Yes.", " No."), messages=turns)]) == [Chosen(0, text="Yes.")]
        heard = [body["messages"] for body in server.bodies]
    assert sum(messages[0]["role"] == "system" for messages in heard) == tries
    assert [m["content"] for m in heard[-2]] == ["s\n\nu", "a", "v"] and heard[-1][0]["content"] == "s\n\nu"


@pytest.mark.parametrize(
    ("status", "words", "tries"),
    [
        (503, b"busy", 99),
        (429, b"slow down", 99),
        (504, b"late", 99),
        (500, b"", 99),
        (None, b"", 99),
        (400, b"no", 1),
    ],
)
def test_a_server_that_is_busy_or_refuses_once_is_not_taken_for_deaf(
    status: int | None, words: bytes, tries: int
) -> None:
    turns = (Message("system", "s"), Message("user", "u"))
    ruled = []

    def act(handler: Handler, body: Body) -> object:
        trying = body["messages"][0]["role"] == "system" and prompt_of(body) == OPENING.prompt
        ruled.extend([1] * trying)
        if len(ruled) > tries or not trying:
            return chat_answer("Yes.")
        if status is not None:
            return handler.reply(status, words)
        handler.close_connection = True  # and not a word
        return None

    with serving(act, opening=None) as server:
        model = connect(server.url)
        assert ask(model, [Generate("q", 8, messages=turns)]) == [Generated("Yes.", 0, "end")]
        assert [m["content"] for m in server.bodies[-1]["messages"]] == ["s", "u"]
    assert "system_messages" not in model.info.fingerprint and not model.info.notices


def test_a_run_whose_system_messages_are_folded_says_so_and_goes_on_with_no_run_that_sent_them(tmp_path: Path) -> None:
    state = {"deaf": False, "paid": 2}

    def act(handler: Handler, body: Body) -> object:
        if state["deaf"] and body["messages"][0]["role"] == "system":
            return handler.reply(400, b"System role not supported")
        if prompt_of(body) != OPENING.prompt:
            state["paid"] -= 1
        return chat_answer("Yes.") if state["paid"] >= 0 else handler.reply(402, b"{}")

    (tmp_path / "rows.jsonl").write_text("".join(f'{{"q": "Say {i}.", "a": "Yes."}}\n' for i in range(3)))
    (tmp_path / "t.toml").write_text('data = "rows.jsonl"\nscript = ["{q}"]\nsystem = "Be brief."\nanswer = "a"\n')
    told: list[str] = []
    with serving(act, opening=None) as server:

        def run(resume: bool) -> Any:
            options = Options(base_url=server.url, chat=True, concurrency=1)
            listener = harness.Listener(notice=told.append)
            kept: dict[str, Any] = {"store": str(tmp_path / "s"), "listener": listener, "resume": resume}
            return harness.evaluate("openai:m", str(tmp_path / "t.toml"), options=options, **kept).run

        with pytest.raises(ModelError, match="HTTP 402"):
            run(resume=False)
        assert not any(FOLDED in text for text in told)
        state |= {"deaf": True, "paid": 1}
        with pytest.raises(ModelError, match="HTTP 402"):
            run(resume=True)
        assert f"openai:m: {FOLDED}" in told and any("nothing to resume" in text for text in told)
        state["paid"] = 9
        server.bodies.clear()
        resumed = run(resume=True)
        asked = [body["messages"][0]["content"] for body in server.bodies if prompt_of(body) != OPENING.prompt]
    assert asked == [f"Be brief.\n\nSay {i}." for i in (1, 2)]
    assert resumed.fingerprint["system_messages"] == "told by the user"


def test_a_server_that_refuses_everything_is_not_taken_for_deaf() -> None:
    turns = (Message("system", "s"), Message("user", "u"))
    with serving(lambda handler, body: handler.reply(400, b"no"), opening=None) as server:
        [failed] = ask(connect(server.url), [Generate("q", 8, messages=turns)])
        assert isinstance(failed, Failed) and failed.kind == "refused"
        assert [m["role"] for m in server.bodies[-1]["messages"]] == ["system", "user"]


@pytest.mark.parametrize("usage", [None, 3, "x", [], {}, {"completion_tokens": None}])
@pytest.mark.parametrize("chat", [True, False])
def test_usage_of_any_shape_is_no_reason_to_lose_an_answer(usage: object, chat: bool) -> None:
    answer = chat_answer("fine") if chat else {"choices": [{"text": "fine", "finish_reason": "stop"}]}
    assert generated(answer | {"usage": usage}, chat=chat)[0] == Generated("fine", 0, "end")


@pytest.mark.parametrize(
    ("count", "believed"), [(5, 5), (0, 0), (-5, 0), (True, 0), (5.0, 0), ("5", 0), (10**400, 0), (2**40, 0)]
)
def test_only_counts_that_can_be_counts_are_believed(count: object, believed: int) -> None:
    found, _ = generated(chat_answer("fine") | {"usage": {"completion_tokens": count}})
    assert found == Generated("fine", believed, "end")


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("half \ud83d", "half \ufffd"),
        ("\ude00 other", "\ufffd other"),
        ("\ud83d\ude00", "😀"),
        ("\x00 kept", "\x00 kept"),
    ],
)
def test_half_a_character_is_replaced_where_the_answer_enters(text: str, whole: str) -> None:
    assert generated(chat_answer(text))[0] == Generated(whole, 0, "end")


def test_a_run_with_half_a_character_is_stored_and_resumed(tmp_path: Path) -> None:
    def act(handler: Handler, body: Body) -> object:
        if ends and len(server.bodies) > 3:
            handler.reply(402, b"{}")
            return None
        return chat_answer(f"{len(server.bodies)} \ud83d")

    ends = True
    with serving(act) as server:
        options = Options(base_url=server.url, chat=True, concurrency=1)
        with pytest.raises(ModelError, match="HTTP 402"):
            harness.evaluate("openai:m", "demo/qa", options=options, store=str(tmp_path), limit=5)
        ends = False
        result = harness.evaluate("openai:m", "demo/qa", options=options, store=str(tmp_path), limit=5, resume=True)
    assert {e.failed for e in result.estimates} == {0} and len(server.bodies) == 6
    samples = harness.load(str(tmp_path)).samples(result.run.id, "demo/qa")
    assert sorted(samples["prediction"]) == ["1 \ufffd", "2 \ufffd", "3 \ufffd", "5 \ufffd", "6 \ufffd"]


def test_the_newer_name_of_the_token_limit_is_used_where_the_old_one_is_refused() -> None:
    def act(handler: Handler, body: Body) -> object:
        if "max_tokens" in body:
            words = "max_tokens is not supported with this model, use max_completion_tokens"
            handler.reply(400, json.dumps({"error": {"message": words}}).encode())
            return None
        return chat_answer("fine")

    with serving(act) as server:
        assert set(ask(connect(server.url), [Generate(f"q{i}", 7) for i in range(20)])) == {Generated("fine", 0, "end")}
        assert sum("max_tokens" in body for body in server.bodies) <= 4  # those at once with the first
        assert [body.get("max_completion_tokens") for body in server.bodies][-1] == 7


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, {"code": "insufficient_quota", "message": "this month's quota is used up"}),
        (429, {"type": "exceeded_current_quota_error", "message": "this month's quota is used up"}),
        (403, {"code": "insufficient_balance", "message": "this month's quota is used up"}),
        (402, {"message": "this month's quota is used up"}),
        (401, {"message": "this month's quota is used up"}),
    ],
)
def test_what_no_other_request_would_pass_ends_the_run_with_the_words_of_the_server(status: int, error: Body) -> None:
    def act(handler: Handler, body: Body) -> object:
        if prompt_of(body) == "fine":
            return chat_answer("yes")
        handler.reply(status, json.dumps({"error": error}).encode())
        return None

    with serving(act) as server:
        model = connect(server.url, concurrency=1)
        with pytest.raises(ModelError, match="this month's quota is used up"):
            ask(model, [Generate("fine", 8), Generate("q", 8), Generate("q", 8)])
        assert len(server.bodies) == 2


@pytest.mark.parametrize("status", [300, 307, 400, 404, 413, 418, 422, 501])
def test_what_will_not_pass_is_sent_once(status: int) -> None:
    def act(handler: Handler, body: Body) -> object:
        if prompt_of(body) != "q":
            return chat_answer("fine")
        handler.reply(status, b"\xff" + b"long " * 100)
        return None

    with serving(act) as server:
        ok, found = ask(connect(server.url, concurrency=1), [Generate("first", 8), Generate("q", 8)])
        assert isinstance(ok, Generated) and isinstance(found, Failed)
        assert f"HTTP {status}" in found.message and len(found.message) <= 200
        assert sum(prompt_of(b) == "q" for b in server.bodies) == 1


@pytest.mark.parametrize(("status", "why"), [(403, "access is denied"), (404, "no such model")])
def test_a_refusal_of_the_first_request_ends_the_run(status: int, why: str) -> None:
    def act(handler: Handler, body: Body) -> object:
        handler.reply(status, b'{"error": {"message": "not for you"}}')
        return None

    with serving(act, opening=None) as server, pytest.raises(ModelError, match=f"{status}: not for you .{why}"):
        ask(connect(server.url), [Generate("q", 8)])


def test_reasons_of_failures_are_counted_in_what_a_run_says(tmp_path: Path) -> None:
    def act(handler: Handler, body: Body) -> object:
        n = len(server.bodies)
        return chat_answer("", "content_filter") if n % 2 else chat_answer(None)

    told: list[str] = []
    with serving(act) as server:
        model = connect(server.url, concurrency=1)
        harness.evaluate(model, "demo/qa", store=str(tmp_path), limit=5, notice=told.append)
    assert [line.split("(")[0] for line in told] == [
        "demo/qa: 3 of 5 failed: filtered: a filter of the server's stopped the answer ",
        "demo/qa: 2 of 5 failed: empty: an empty text ",
    ]


def test_letters_are_asked_of_a_chat_model() -> None:
    with serving(lambda handler, body: chat_answer("B")) as server:
        assert ask(connect(server.url), [Choose("q", ("x", "y"))]) == [Chosen(1, text="B")]


@pytest.mark.parametrize(
    ("content", "encoding", "words"),
    [
        (b"", "", "no bytes at all"),
        (b"<html>Please sign in</html>", "", "not JSON but '<html>Please sign in</html>'"),
        (b'data: {"choices": []}\n\ndata: [DONE]\n', "", "not JSON but 'data: "),
        (b'{"choices": [{"mess', "", 'not JSON but \'{"choices"'),
        ('{"x": "größe"}'.encode("latin-1"), "", "not JSON but"),
        (b"[" * 200_000, "", "not JSON but '[[[["),
        (b"plain", "gzip", "said to be gzip, and is not"),
    ],
)
def test_what_is_no_json_is_quoted(content: bytes, encoding: str, words: str) -> None:
    with pytest.raises(ValueError) as told:
        parsed(200, {"Content-Encoding": encoding}, content, 0.0)
    assert words in str(told.value) and len(str(told.value)) < 150
