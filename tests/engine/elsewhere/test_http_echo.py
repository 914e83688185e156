"""Log-probabilities of a prompt count only where they can be checked; a server's offsets change nothing."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from asking import ask
from serving import Body, Handler, connect, pieces, prompt_of, score, serving, true

from harness.engine.elsewhere.http_echo import PROBE
from harness.types import Choose, Chosen, Failed, Likelihood, Scored

PROMPT, CHOICES = "Größe? 東京 naïve", (" sehr groß 🙂", " klein")
Change = Callable[[Body], object]


def echo(prompt: str) -> Body:
    """As OpenAI gave them: offsets in characters, none for the first token, one generated token at the end."""
    tokens = [*pieces(prompt), " on"]
    scores = [None, *map(score, tokens[1:])]
    offsets = [len("".join(tokens[:i])) for i in range(len(tokens))]
    tops = [None, *({t: score(t), " xx": -50.0} for t in tokens[1:])]
    return {"tokens": tokens, "token_logprobs": scores, "text_offset": offsets, "top_logprobs": tops}


def bos(found: Body) -> None:
    """vLLM: the BOS string is the first token, and its characters are counted."""
    found["token_logprobs"][0] = -3.5
    found["text_offset"] = [0, *(3 + at for at in found["text_offset"])]
    for key, first in (("tokens", "<s>"), ("token_logprobs", None), ("top_logprobs", None)):
        found[key].insert(0, first)


def byte_offsets(found: Body) -> None:
    tokens = found["tokens"]
    found["text_offset"] = [len("".join(tokens[:i]).encode()) for i in range(len(tokens))]


def scores(value: Callable[[float], Any]) -> Change:
    def change(found: Body) -> None:
        found["token_logprobs"] = [x if x is None else value(x) for x in found["token_logprobs"]]

    return change


def tokens(value: Callable[[str], Any]) -> Change:
    def change(found: Body) -> None:
        found["tokens"] = [value(token) for token in found["tokens"]]

    return change


def answering(change: Change, *, only: Callable[[str], bool] = lambda prompt: True) -> Callable[[Handler, Body], Body]:
    def act(handler: Handler, body: Body) -> Body:
        if not body.get("echo"):
            return {"choices": [{"text": "B", "finish_reason": "stop"}]}
        found = echo(prompt_of(body))
        if only(prompt_of(body)):
            change(found)
        return {"choices": [{"text": "", "logprobs": found}]}

    return act


@pytest.mark.parametrize(
    "change",
    [
        lambda found: None,
        bos,
        lambda found: (bos(found), found["tokens"].__setitem__(0, "")),
        byte_offsets,
        lambda found: found.pop("text_offset"),
        lambda found: found.update(text_offset=[-1, True, "x"]),
        lambda found: found.pop("top_logprobs"),
        lambda found: [found[key].pop() for key in ("tokens", "token_logprobs", "top_logprobs")],
    ],
    ids=["right", "bos", "empty bos", "bytes", "none", "nonsense", "no tops", "nothing generated"],
)
def test_the_sums_are_those_of_the_choices_own_tokens(change: Change) -> None:
    with serving(answering(change)) as server:
        model = connect(server.url, chat=False)
        assert model.way and model.info.notices == ()
        [found] = ask(model, [Choose(PROMPT, CHOICES)])
    assert isinstance(found, Chosen) and found.tokens == (3, 1)
    assert found.logprobs == pytest.approx([true(c) for c in CHOICES])


LIES: dict[str, tuple[Change, str]] = {
    "ids": (tokens(lambda t: f"token_id:{len(t)}"), "joined are not the prompt"),
    "numbers": (tokens(len), "not texts"),
    "stripped": (tokens(str.strip), "joined are not the prompt"),
    "pieces": (tokens(lambda t: t.replace(" ", "▁")), "joined are not the prompt"),
    "zeros": (scores(lambda x: 0.0), "all of them are 0"),
    "positive": (scores(abs), "is none"),
    "booleans": (scores(lambda x: False), "False is none"),
    "texts": (scores(str), "is none"),
    "nan": (scores(lambda x: math.nan), "nan is none"),
    "infinite": (scores(lambda x: -math.inf), "-inf is none"),
    "huge": (scores(lambda x: -(10**400)), "is none"),
    "missing": (lambda found: found["token_logprobs"].__setitem__(2, None), "None is none"),
    "too few": (lambda found: found["token_logprobs"].pop(), "not one for every token"),
    "no tokens": (lambda found: found.pop("tokens"), "holds none"),
    "other top": (lambda found: found["top_logprobs"][2].update(x=0.5), "0.5 is none"),
}


@pytest.mark.parametrize(("change", "why"), LIES.values(), ids=LIES)
def test_what_cannot_be_believed_is_noticed_by_the_probe(change: Change, why: str) -> None:
    with serving(answering(change)) as server:
        model = connect(server.url, chat=False)
        assert not model.way and why in model.info.notices[0] and "by letter" in model.info.notices[0]
        assert model.info.fingerprint["choices"] == "text" and Likelihood not in model.info.answers
        assert ask(model, [Choose(PROMPT, CHOICES)]) == [Chosen(1, text="B")]


def test_equal_log_probabilities_are_noticed_by_the_probe() -> None:
    with serving(answering(scores(lambda x: -2.5))) as server:
        model = connect(server.url, chat=False)
        assert not model.way and "all alike" in model.info.notices[0]


@pytest.mark.parametrize(("change", "why"), LIES.values(), ids=LIES)
def test_a_lie_after_the_probe_costs_that_answer_at_the_first_request(change: Change, why: str) -> None:
    with serving(answering(change, only=lambda prompt: prompt.startswith(PROMPT))) as server:
        model = connect(server.url, chat=False)
        found, other = ask(model, [Choose(PROMPT, CHOICES), Choose("Wie groß ist", CHOICES)])
        assert isinstance(found, Failed) and found.kind == "logprobs" and why in found.message
        assert isinstance(other, Chosen) and other.logprobs == pytest.approx([true(c) for c in CHOICES])
        assert sum(prompt_of(b).startswith(PROMPT) for b in server.bodies) == 1


def test_a_text_is_greedy_only_where_no_token_was_likelier() -> None:
    def unlikely(found: Body) -> None:
        found["top_logprobs"][-2] = {" likelier": -0.5}

    with serving(answering(unlikely, only=lambda prompt: prompt.endswith("klein"))) as server:
        model = connect(server.url, chat=False)
        no, yes = ask(model, [Likelihood(" klein", "Wie groß?"), Likelihood(" groß", "Wie groß?")])
    assert isinstance(no, Scored) and isinstance(yes, Scored)
    assert (no.greedy, yes.greedy) == (False, True) and no.logprob == true(" klein")


def test_a_server_that_does_not_tell_the_likeliest_tokens_answers_no_likelihood() -> None:
    with serving(answering(lambda found: found.pop("top_logprobs"))) as server:
        assert Likelihood not in connect(server.url, chat=False).info.answers
    with serving(answering(lambda found: found.pop("top_logprobs"), only=lambda prompt: prompt != PROBE)) as server:
        [found] = ask(connect(server.url, chat=False), [Likelihood(" klein", "Wie groß?")])
        assert isinstance(found, Failed) and "top_logprobs" in found.message


def test_a_server_that_refuses_to_echo_is_asked_by_letter() -> None:
    def act(handler: Handler, body: Body) -> object:
        if body.get("echo"):
            handler.reply(400, b'{"error": {"message": "echo is not supported"}}')
            return None
        return {"choices": [{"text": "B"}]}

    with serving(act) as server:
        model = connect(server.url, chat=False)
        assert not model.way and "echo is not supported" in model.info.notices[0]
        assert ask(model, [Choose(PROMPT, CHOICES)]) == [Chosen(1, text="B")]
