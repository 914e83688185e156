"""Classifiers: the head as transformers computes it one text at a time, and labels that fit or do not."""

import random

import pytest
import torch
from asking import ask, asked
from tiny import WORDS, encoder, saved

from harness.engine.backend import Options
from harness.engine.encoders.batches import by_length
from harness.engine.load import load
from harness.errors import TooLong, Unsupported
from harness.types import Choose, Chosen, Generate

LABELS = ("entailment", "neutral", "contradiction")


def texts(count, seed=0, longest=40):
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, longest))) for _ in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    model = encoder("classifier", 65)
    model.config.id2label = dict(enumerate(["Neutral", "CONTRADICTION", "entailment"]))
    model.config.label2id = {name: i for i, name in model.config.id2label.items()}
    return saved(model, tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="module")
def backend(folder):
    return load(str(folder), Options())


def choose(*inputs, labels=LABELS):
    return Choose("not read", labels, inputs, labels)


def alone(backend, request):
    """The definition: one text or pair through the model, its classes in the order of the labels."""
    model, tokenizer = backend.checkpoint.model, backend.checkpoint.tokenizer
    with torch.inference_mode():
        logprobs = model(**tokenizer(*request.inputs, return_tensors="pt")).logits[0].double().log_softmax(-1)
    return [float(logprobs[i]) for i in (2, 0, 1)]


def test_the_head_as_one_text_at_a_time(backend):
    singles, firsts, seconds = texts(30), texts(20, 1, 20), texts(20, 2, 20)
    requests = [choose(text) for text in singles] + [choose(a, b) for a, b in zip(firsts, seconds, strict=True)]
    for request, response in zip(requests, ask(backend, requests), strict=True):
        expected = alone(backend, request)
        assert response.logprobs == pytest.approx(expected, abs=1e-4)
        assert response.picked == expected.index(max(expected))


def test_order_budget_and_neighbours_change_nothing(folder, backend):
    requests = [choose(text) for text in texts(25, 3)]
    base = ask(backend, requests)
    for options in (Options(token_budget=16), Options(engine="reference")):
        other = ask(load(str(folder), options), requests[::-1])[::-1]
        for one, two in zip(base, other, strict=True):
            assert one.logprobs == pytest.approx(two.logprobs, abs=1e-4)
            assert one.picked == two.picked


def test_equal_inputs_are_read_once_and_a_resumed_run_gives_the_same_bits(folder):
    backend = load(str(folder), Options(token_budget=64))
    requests = [choose(text) for text in texts(20, 4)] * 3
    batches = list(backend.answer(asked(requests)))
    stats = backend.stats()
    assert stats["tokens_computed"] * (1 - stats["padding"]) == pytest.approx(stats["tokens_asked"] / 3)
    finished = {position for position, _ in batches[0]}
    assert list(backend.answer(asked(requests), finished)) == batches[1:]


@pytest.mark.parametrize("labels", [("yes", "no", "maybe"), ("entailment", "neutral", "other")])
def test_labels_that_do_not_fit_are_refused_with_both_lists(backend, labels):
    with pytest.raises(Unsupported, match=f"{', '.join(labels)}.*Neutral, CONTRADICTION, entailment"):
        backend.answer(asked([choose("w1", labels=labels)]))


def test_a_head_may_have_more_classes_than_the_task(backend):
    [response] = ask(backend, [choose("w1 w2", labels=("contradiction", "entailment"))])
    whole = alone(backend, choose("w1 w2"))
    assert response.logprobs == pytest.approx([whole[2], whole[0]], abs=1e-4)


def test_a_head_without_names_is_read_by_position_and_says_so(tmp_path):
    backend = load(str(saved(encoder("classifier", 65), tmp_path)), Options())
    assert "read by position" in backend.info.fingerprint["head"]
    [response] = ask(backend, [choose("w1 w2", labels=("a", "b", "c"))])
    assert len(response.logprobs) == 3
    with pytest.raises(Unsupported, match="LABEL_0, LABEL_1, LABEL_2"):
        backend.answer(asked([choose("w1", labels=("a", "b"))]))


def test_a_regression_gives_its_number(tmp_path):
    model = encoder("classifier", 65, labels=1)
    backend = load(str(saved(model, tmp_path)), Options())
    [response] = ask(backend, [choose("w1 w2", "w3", labels=("-9", "0", "9"))])
    inputs = backend.checkpoint.tokenizer("w1 w2", "w3", return_tensors="pt")
    assert float(response.text) == pytest.approx(float(model(**inputs).logits.detach()), abs=1e-4)
    assert response == Chosen(response.picked, text=response.text)
    assert response.picked == min(range(3), key=lambda i: abs(float(response.text) - (-9, 0, 9)[i]))
    with pytest.raises(Unsupported, match="not numeric"):
        backend.answer(asked([choose("w1")]))


def test_what_cannot_be_asked_is_refused_before_anything_runs(folder, backend):
    long = " ".join(["w1"] * 70)
    with pytest.raises(TooLong, match="64 tokens.*any: 1"):
        backend.answer(asked([choose(long), choose("w1")]))
    with pytest.raises(Unsupported, match="Generate"):
        backend.answer(asked([Generate("w1", 3)]))
    with pytest.raises(Unsupported, match="0 inputs"):
        backend.answer(asked([Choose("w1", LABELS)]))
    cut = load(str(folder), Options(truncate="left"))
    [response, _] = ask(cut, [choose("w5 w6 " + long), choose("w1")])
    assert cut.stats()["prompts_cut"] == 1
    assert cut.checkpoint.tokenizer.truncation_side == "right"  # as it was
    assert response.logprobs == pytest.approx(alone(cut, choose(" ".join(["w1"] * 63))), abs=1e-4)


def test_batches_hold_the_budget_and_little_padding():
    lengths = [random.Random(i).randint(1, 60) for i in range(500)]
    batches = by_length(lengths, 256, 32)
    assert sorted(i for batch in batches for i in batch) == list(range(500))
    for batch in batches:
        longest = max(lengths[i] for i in batch)
        assert len(batch) * longest <= 256
        assert len(batch) * longest - sum(lengths[i] for i in batch) <= 32
