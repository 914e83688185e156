"""Masked models: pseudo-log-likelihood as its definition says, one mask and one forward pass at a time."""

import random

import pytest
import torch
from asking import ask, asked
from tiny import WORDS, encoder, saved

from harness.engine.backend import Options
from harness.engine.load import load
from harness.errors import TooLong, Unsupported
from harness.types import Choose, Failed, Likelihood


@pytest.fixture(scope="module", params=["masked", "roberta"])
def folder(request, tmp_path_factory):
    return saved(encoder(request.param, 65), tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def backend(folder):
    return load(str(folder), Options())


def words(count, seed):
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def pll(backend, context, text):
    """The definition; the tokenizer has one token a word and an end token behind."""
    tokenizer, model = backend.checkpoint.tokenizer, backend.checkpoint.model
    ids = tokenizer(f"{context} {text}".strip(), return_tensors="pt")["input_ids"]
    found = []
    for at in range(len(context.split()), ids.shape[1] - 1):
        masked = ids.clone()
        masked[0, at] = tokenizer.mask_token_id
        with torch.inference_mode():
            found.append(float(model(masked).logits[0, at].log_softmax(-1)[ids[0, at]]))
    return found


def test_likelihood_is_the_pseudo_log_likelihood(backend):
    cases = [("", words(n, n)) for n in (1, 2, 7, 12, 12, 30)] + [(words(5, 9), words(n, n)) for n in (1, 4, 9)]
    responses = ask(backend, [Likelihood(" " * bool(c) + t, c) for c, t in cases])
    for (context, text), response in zip(cases, responses, strict=True):
        expected = pll(backend, context, text)
        assert response.token_logprobs == pytest.approx(expected, abs=1e-4)
        assert (response.tokens, response.logprob) == (len(expected), pytest.approx(sum(expected), abs=1e-4))


def test_choices_are_scored_behind_the_prompt(backend):
    prompt, choices = words(6, 1), tuple(words(n, n + 20) for n in (1, 2, 3))
    spaced = Choose(prompt, tuple(" " + choice for choice in choices))
    ending = Choose(prompt + " ", choices)
    for response in ask(backend, [spaced, ending]):
        expected = [sum(pll(backend, prompt, choice)) for choice in choices]
        assert response.logprobs == pytest.approx(expected, abs=1e-4)
        assert response.picked == expected.index(max(expected))
        assert response.tokens == (1, 2, 3)


def test_order_budget_and_neighbours_change_nothing(folder, backend):
    requests = [Likelihood(words(1 + i % 9, i)) for i in range(20)]
    base = ask(backend, requests)
    for options in (Options(token_budget=20), Options(engine="reference")):
        other = ask(load(str(folder), options), requests[::-1])[::-1]
        for one, two in zip(base, other, strict=True):
            assert one.token_logprobs == pytest.approx(two.token_logprobs, abs=1e-4)
            assert one.greedy == two.greedy


def test_a_resumed_run_gives_the_same_bits(folder):
    backend = load(str(folder), Options(token_budget=8))
    requests = [Likelihood(words(1 + i % 9, i)) for i in range(20)] * 2
    batches = list(backend.answer(asked(requests)))
    assert len(batches) > 2
    assert list(backend.answer(asked(requests), {position for position, _ in batches[0]})) == batches[1:]
    stats = backend.stats()
    assert stats["padding"] < 0.2


def test_long_texts_are_cut_into_windows_that_score_every_token_once(backend):
    text = words(150, 5)
    [response] = ask(backend, [Likelihood(text)])
    parts = [" ".join(text.split()[i : i + 63]) for i in range(0, 150, 63)]
    expected = [logprob for part in parts for logprob in pll(backend, "", part)]
    assert response.token_logprobs == pytest.approx(expected, abs=1e-4)


def test_long_contexts_are_refused_or_cut_from_the_left(folder, backend):
    request = Likelihood(" w1 w2", words(100, 6))
    with pytest.raises(TooLong, match="64 tokens"):
        backend.answer(asked([request]))
    cut = load(str(folder), Options(truncate="left"))
    [response] = ask(cut, [request])
    assert cut.stats()["prompts_cut"] == 1
    assert response.token_logprobs == pytest.approx(pll(backend, words(100, 6).split(" ", 39)[-1], "w1 w2"), abs=1e-4)


def test_what_has_no_answer(backend):
    [response] = ask(backend, [Likelihood("")])
    assert isinstance(response, Failed)
    with pytest.raises(Unsupported, match="stride"):
        backend.answer(asked([Likelihood("w1", stride=3)]))
