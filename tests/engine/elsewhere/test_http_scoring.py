"""A server's own scores are used where the same text gets the same ones, alone, begun with, and as it was written."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from asking import ask
from serving import Body, Handler, connect, pieces, prompt_of, score, serving, true

from harness.types import Choose, Chosen, Likelihood, Scored

PROMPT, CHOICES = "Größe? 東京 naïve", (" sehr groß", " klein")
BLOCK = 64
"""Characters that the server keeps together of what texts begin with."""


class Cached:
    """A server of vLLM's kind. ``stale``: of what it has seen before it gives the numbers of the text before that.

    ``bos``: it puts a token before every text. ``wrong``: added to what it says of a token that it has written.
    """

    def __init__(self, *, echo: bool, stale: bool = False, bos: bool = False, wrong: float = 0.0) -> None:
        self.echo, self.stale, self.bos, self.wrong = echo, stale, bos, wrong
        self.seen: list[str] = []
        self.change: Callable[[list[Any]], object] = lambda places: None

    def __call__(self, handler: Handler, body: Body) -> Body:
        prompt = prompt_of(body)
        if body.get("echo") and self.echo:
            tokens, logs = self.scored(prompt)
            tops = [None, *({token: value, " xx": -50.0} for token, value in zip(tokens[1:], logs[1:], strict=True))]
            return {"choices": [{"text": "", "logprobs": {
                "tokens": tokens, "token_logprobs": logs, "top_logprobs": tops,
            }}]}  # fmt: skip
        if "prompt_logprobs" in body:
            tokens, logs = self.scored(prompt)
            places: list[Any] = [{"17": {"logprob": value, "rank": 1, "decoded_token": token},
                                  "9": {"logprob": -60.0, "rank": 2, "decoded_token": " xx"}}
                                 for token, value in zip(tokens, logs, strict=True)]  # fmt: skip
            places = [None, *places] if self.bos else [None, *places[1:]]
            self.change(places)
            return {"choices": [{"text": "", "prompt_logprobs": places}]}
        if body.get("logprobs"):
            return {"choices": [{"text": " on", "logprobs": {
                "tokens": [" on"], "token_logprobs": [score(" on") + self.wrong]}}]}  # fmt: skip
        return {"choices": [{"text": "B", "finish_reason": "stop"}]}

    def scored(self, prompt: str) -> tuple[list[str], list[float]]:
        tokens = pieces(prompt)
        logs = [score(token) for token in tokens]
        if self.stale and any(before[:BLOCK] == prompt[:BLOCK] for before in self.seen):
            logs[: BLOCK // 4] = [score(token) for token in pieces(self.seen[-1])][: BLOCK // 4]
        self.seen.append(prompt)
        return tokens, logs


@pytest.mark.parametrize("bos", [False, True])
@pytest.mark.parametrize("echo", [True, False])
def test_choices_and_texts_are_scored_either_way(echo: bool, bos: bool) -> None:
    with serving(Cached(echo=echo, bos=bos)) as server:
        model = connect(server.url, chat=False)
        assert model.way and model.way.name == ("echo" if echo else "prompt_logprobs")
        assert model.info.notices == () and model.info.fingerprint["choices"] == "log-probabilities"
        chosen, scored = ask(model, [Choose(PROMPT, CHOICES), Likelihood(" klein", "Wie groß?")])
    assert isinstance(chosen, Chosen) and chosen.tokens == (2, 1)
    assert chosen.logprobs == pytest.approx([true(c) for c in CHOICES])
    assert isinstance(scored, Scored) and scored.greedy and scored.logprob == true(" klein")


@pytest.mark.parametrize("echo", [True, False])
def test_a_server_that_returns_stale_numbers_is_refused_by_name(echo: bool) -> None:
    with serving(Cached(echo=echo, stale=True)) as server:
        model = connect(server.url, chat=False)
        assert model.way is None and Likelihood not in model.info.answers
        name = "echo" if echo else "prompt_logprobs"
        assert re.search(rf"{name}: .*the same text gets others the second time.*prefix-caching", model.info.notices[0])
        assert ask(model, [Choose(PROMPT, CHOICES)]) == [Chosen(1, text="B")]


@pytest.mark.parametrize(("wrong", "believed"), [(0.05, True), (-3.0, False)])
def test_a_token_has_the_same_number_written_and_given(wrong: float, believed: bool) -> None:
    with serving(Cached(echo=True, wrong=wrong)) as server:
        model = connect(server.url, chat=False)
        assert bool(model.way) == believed
        assert believed or "' on' had" in model.info.notices[0]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda places: places.__setitem__(2, None), "holds none"),
        (lambda places: places[3].__setitem__("17", "x"), "not texts"),
        (lambda places: places[3]["17"].update(decoded_token=None), "not texts"),
        (lambda places: places[3]["17"].update(decoded_token="?"), "joined are not the prompt"),
        (lambda places: places[3]["17"].update(logprob="-1"), "'-1' is none"),
        (lambda places: places[3]["17"].pop("logprob"), "None is none"),
        (lambda places: places[3]["9"].update(logprob=None), "None is none"),
        (lambda places: places.clear(), "holds none"),
        (lambda places: places.pop(), "joined are not the prompt"),
    ],
)
def test_prompt_logprobs_that_cannot_be_believed_are_not(change: Callable[[list[Any]], object], why: str) -> None:
    act = Cached(echo=False)
    act.change = change
    with serving(act) as server:
        model = connect(server.url, chat=False)
        assert model.way is None and why in model.info.notices[0].split("prompt_logprobs: ")[1]
