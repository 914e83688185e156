"""A server's own scores are used where the same text gets the same ones, alone, begun with, and as it was written."""

import re

import pytest
from asking import ask
from serving import Body, Handler, connect, prompt_of, serving

from harness.types import Choose, Chosen, Likelihood, Scored

PROMPT, CHOICES = "Größe? 東京 naïve", (" sehr groß", " klein")
BLOCK = 64
"""Characters that the server keeps together of what texts begin with."""


def pieces(text: str) -> list[str]:
    return re.findall(r" ?[^ ]+", text)


def score(word: str) -> float:
    return -1.0 - sum(map(ord, word)) % 97 / 8


def true(choice: str) -> float:
    return sum(map(score, pieces(choice)))


class Cached:
    """A server of vLLM's kind. ``stale``: of what it has seen before it gives the numbers of the text before that.

    ``wrong``: added to what it says of a token that it has written.
    """

    def __init__(self, *, stale: bool = False, wrong: float = 0.0) -> None:
        self.stale, self.wrong = stale, wrong
        self.seen: list[str] = []

    def __call__(self, handler: Handler, body: Body) -> Body:
        prompt = prompt_of(body)
        if body.get("echo"):
            tokens, logs = self.scored(prompt)
            tops = [None, *({token: value, " xx": -50.0} for token, value in zip(tokens[1:], logs[1:], strict=True))]
            return {"choices": [{"text": "", "logprobs": {
                "tokens": tokens, "token_logprobs": logs, "top_logprobs": tops,
            }}]}  # fmt: skip
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


def test_choices_and_texts_are_scored_where_a_server_repeats_itself() -> None:
    with serving(Cached()) as server:
        model = connect(server.url, chat=False)
        assert model.echo and model.info.notices == ()
        chosen, scored = ask(model, [Choose(PROMPT, CHOICES), Likelihood(" klein", "Wie groß?")])
    assert isinstance(chosen, Chosen) and chosen.tokens == (2, 1)
    assert chosen.logprobs == pytest.approx([true(c) for c in CHOICES])
    assert isinstance(scored, Scored) and scored.greedy and scored.logprob == true(" klein")


def test_a_server_that_returns_stale_numbers_is_refused_by_name() -> None:
    with serving(Cached(stale=True)) as server:
        model = connect(server.url, chat=False)
        assert not model.echo and Likelihood not in model.info.answers
        assert re.search("the same text gets others the second time.*prefix-caching", model.info.notices[0])
        assert ask(model, [Choose(PROMPT, CHOICES)]) == [Chosen(1, text="B")]


@pytest.mark.parametrize(("wrong", "believed"), [(0.05, True), (-3.0, False)])
def test_a_token_has_the_same_number_written_and_given(wrong: float, believed: bool) -> None:
    with serving(Cached(wrong=wrong)) as server:
        model = connect(server.url, chat=False)
        assert model.echo == believed
        assert believed or "' on' had" in model.info.notices[0]
