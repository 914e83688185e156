"""Encoder-decoder models: scores and answers equal to one request at a time without any cache."""

import random

import pytest
import torch
from asking import ask, asked
from tiny import WORDS, framed_tokenizer, saved, seq2seq

from harness.engine.backend import Options
from harness.engine.load import load
from harness.engine.sampling import pick, stream
from harness.engine.special import cut
from harness.errors import TooLong, Unsupported
from harness.types import Choose, Failed, Generate, Generated, Likelihood

FORCED = {"bart": 4}


@pytest.fixture(scope="module", params=["t5", "bart", "marian"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def folder(kind, tmp_path_factory):
    return saved(seq2seq(kind, 65), tmp_path_factory.mktemp(kind))


@pytest.fixture(scope="module")
def backend(folder):
    return load(str(folder), Options())


def words(count, seed):
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def logits(backend, source, decoder):
    ids = backend.checkpoint.tokenizer(source, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return backend.checkpoint.model(input_ids=ids, decoder_input_ids=torch.tensor([decoder])).logits[0].clone()


def score(backend, source, target):
    """The definition of a score: the decoder after its start token, one source and one target."""
    ids = backend.checkpoint.tokenizer(target, add_special_tokens=False)["input_ids"]
    start = backend.checkpoint.model.config.decoder_start_token_id
    logprobs = logits(backend, source, [start, *ids[:-1]]).log_softmax(-1)
    return [float(logprobs[i, token]) for i, token in enumerate(ids)]


def continued(backend, kind, request):
    """The definition of an answer: the whole decoder text again for every token."""
    tokenizer, model = backend.checkpoint.tokenizer, backend.checkpoint.model
    source = request.inputs[0] if request.inputs else request.prompt
    key = stream(request, tokenizer(source)["input_ids"])
    made = []
    while len(made) < request.max_tokens:
        after = logits(backend, source, [model.config.decoder_start_token_id, *made])[-1]
        if kind == "marian":
            after[0] = -torch.inf
        token = FORCED[kind] if kind in FORCED and not made else pick(after, request, key, len(made))
        if token == 1:
            return Generated(tokenizer.decode(made, skip_special_tokens=True), len(made), "end")
        made.append(token)
        text, found = cut(tokenizer.decode(made, skip_special_tokens=True), request.stop)
        if found:
            return Generated(text, len(made), "stop")
    return Generated(tokenizer.decode(made, skip_special_tokens=True), len(made), "length")


def requests_of(seed, count=24):
    draw = random.Random(seed)
    requests = []
    for i in range(count):
        prompt = words(draw.randint(1, 30), i % 17)
        how = {"temperature": draw.choice([0.0, 0.0, 1.5]), "top_p": 0.9, "seed": i}
        inputs = draw.choice([(), (words(4, i),)])
        choices = tuple(words(draw.randint(1, 6), i + k) for k in range(3))
        requests.append(
            draw.choice(
                [
                    Choose(prompt, choices),
                    Likelihood(words(5, i), prompt),
                    Generate(prompt, draw.randint(1, 12), draw.choice([(), ("w1",)]), inputs=inputs, **how),
                ]
            )
        )
    return requests


def test_together_equals_the_definition(backend, kind):
    requests = requests_of(1)
    for request, response in zip(requests, ask(backend, requests), strict=True):
        if isinstance(request, Generate):
            assert response == continued(backend, kind, request)
        elif isinstance(request, Choose):
            expected = [sum(score(backend, request.prompt, choice)) for choice in request.choices]
            assert response.logprobs == pytest.approx(expected, abs=1e-4)
            assert response.picked == expected.index(max(expected))
        else:
            expected = score(backend, request.context, request.text)
            assert response.token_logprobs == pytest.approx(expected, abs=1e-4)


def test_order_budget_and_neighbours_change_nothing(folder, backend):
    requests = requests_of(2)
    base = ask(backend, requests)
    for options in (Options(token_budget=20), Options(engine="reference")):
        other = ask(load(str(folder), options), requests[::-1])[::-1]
        for one, two in zip(base, other, strict=True):
            if isinstance(one, Generated):
                assert one == two
            else:
                ours, theirs = (getattr(r, "logprobs", None) or r.token_logprobs for r in (one, two))
                assert ours == pytest.approx(theirs, abs=1e-4, rel=1e-5)  # sums over tokens


def test_a_source_is_encoded_once_and_a_resumed_run_gives_the_same_bits(folder):
    backend = load(str(folder), Options(token_budget=64))
    requests = [Choose(words(20, i), ("w1", "w2 w3")) for i in range(6)] * 2 + [Generate(words(9, 1), 4)] * 3
    batches = list(backend.answer(asked(requests)))
    finished = {position for position, _ in batches[0]}
    assert list(backend.answer(asked(requests), finished)) == batches[1:]
    twice = load(str(folder), Options(token_budget=64))
    answered = max(response.tokens for response in ask(twice, requests) if isinstance(response, Generated))
    stats = twice.stats()
    assert stats["tokens_computed"] * (1 - stats["padding"]) <= 6 * (21 + 3) + 10 + answered + 1


def test_what_cannot_be_answered(backend, kind):
    [response] = ask(backend, [Choose("w1", ("w2", ""))])
    assert isinstance(response, Failed)
    with pytest.raises(Unsupported, match="stride"):
        backend.answer(asked([Likelihood("w1", stride=3)]))
    if kind != "t5":
        with pytest.raises(TooLong, match="64 tokens"):
            backend.answer(asked([Generate(words(80, 1), 3)]))


@pytest.mark.parametrize(
    ("head", "tail"),
    [((), ()), ((), ("</s>",)), (("<s>",), ("</s>",)), (("<s>",), ())],
    ids=["-", "eos", "both", "bos"],
)
def test_a_source_that_is_cut_keeps_its_special_tokens(head, tail, tmp_path):
    folder = saved(seq2seq("bart", 65), tmp_path)
    framed_tokenizer(head, tail).save_pretrained(folder)
    tokens = load(str(folder), Options(device="cpu", truncate="left"))._read(words(90, 1) + " w7")
    kept = framed_tokenizer().convert_ids_to_tokens(list(tokens))
    assert len(kept) == 64
    assert kept[: len(head)] == list(head) and kept[len(kept) - len(tail) :] == list(tail)
    assert kept[len(kept) - len(tail) - 1] == "w7" and "<s>" not in kept[len(head) :]
