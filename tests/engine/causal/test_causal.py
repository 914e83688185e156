"""The backend for causal models through its one door: answers, resume, order, length, budgets."""

import json
import random
from pathlib import Path

import pytest
import torch
from tiny import causal, saved

from harness.engine.backend import Backend, Options
from harness.engine.load import load
from harness.errors import ModelError, TooLong, UnknownName
from harness.types import Choose, Chosen, Failed, Generate, Generated, Likelihood, Question, Request, Response, Scored


def ask(requests: list[Request]) -> list[Question]:
    return [Question("words", str(number), 0, request) for number, request in enumerate(requests)]


def answers(backend: Backend, questions: list[Question], done: set[int] | None = None) -> dict[int, Response]:
    return dict(pair for batch in backend.answer(questions, done or set()) for pair in batch)


def words(draw: random.Random, count: int) -> str:
    return " ".join(f"w{draw.randrange(60)}" for _ in range(count))


def mixed(seed: int, count: int = 40) -> list[Request]:
    """Requests of every kind over a few shared blocks."""
    draw = random.Random(seed)
    blocks = [words(draw, 45), words(draw, 12), ""]
    made: list[Request] = []
    for _ in range(count):
        prompt = f"{draw.choice(blocks)} {words(draw, draw.randint(0, 9))}".strip()
        kind = draw.random()
        if kind < 0.6:
            one = " " + words(draw, 2)
            made.append(Choose(prompt, (one, one + " w3", " " + words(draw, 1), " w5")))
        elif kind < 0.8:
            made.append(Likelihood(" " + words(draw, 3), prompt))
        elif kind < 0.9:
            made.append(Likelihood(words(draw, draw.choice([1, 5, 1200])), "", draw.choice([None, 100])))
        else:
            made.append(Generate(prompt or "w1", 4, ("w7",)))
    return [*made, made[0], made[1]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(causal("llama", 65), tmp_path_factory.mktemp("llama"))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def backend(folder: Path) -> Backend:
    return load(str(folder), Options(device="cpu", token_budget=96))


def close(ours: Response, theirs: Response) -> None:
    """Equal within 1e-4 a token, the same choice, the same text."""
    if isinstance(theirs, Chosen):
        assert isinstance(ours, Chosen) and (ours.tokens, ours.picked) == (theirs.tokens, theirs.picked)
        for a, b, n in zip(ours.logprobs, theirs.logprobs, theirs.tokens, strict=True):
            assert a == pytest.approx(b, abs=1e-4 * n)
    elif isinstance(theirs, Scored):
        assert isinstance(ours, Scored) and (ours.tokens, ours.bytes, ours.greedy) == (
            theirs.tokens,
            theirs.bytes,
            theirs.greedy,
        )
        assert ours.token_logprobs == pytest.approx(theirs.token_logprobs, abs=1e-4)
    else:
        assert ours == theirs


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma2"])
@pytest.mark.parametrize("budget", [64, 1024])
def test_every_kind_of_request_equals_the_reference(kind: str, budget: int, tmp_path: Path) -> None:
    place = saved(causal(kind, 65), tmp_path)
    questions = ask(mixed(3))
    fast = answers(load(str(place), Options(device="cpu", token_budget=budget)), questions)
    slow = answers(load(str(place), Options(device="cpu", engine="reference")), questions)
    assert fast.keys() == slow.keys() == set(range(len(questions)))
    for index in slow:
        close(fast[index], slow[index])


def test_order_limit_and_neighbours_change_nothing(backend: Backend) -> None:
    questions = ask(mixed(4))
    whole = answers(backend, questions)
    order = list(range(len(questions)))
    random.Random(0).shuffle(order)
    shuffled = answers(backend, [questions[i] for i in order])
    alone = answers(backend, questions[:5])
    for place, index in enumerate(order):
        close(shuffled[place], whole[index])
    for index, response in alone.items():
        close(response, whole[index])


def test_resuming_gives_the_same_bits_and_only_what_is_missing(folder: Path) -> None:
    questions = ask(mixed(5, 60))
    batches = list(load(str(folder), Options(device="cpu", token_budget=96)).answer(questions))
    assert len(batches) > 4
    for kept in (1, len(batches) // 2, len(batches) - 1):
        done = {index for batch in batches[:kept] for index, _ in batch}
        again = load(str(folder), Options(device="cpu", token_budget=96))
        assert list(again.answer(questions, done)) == batches[kept:]
    done = {index for batch in batches[1:] for index, _ in batch}
    assert list(load(str(folder), Options(device="cpu", token_budget=96)).answer(questions, done)) == batches[:1]
    some = {batches[0][0][0]}  # a batch that is half done is computed whole
    assert list(load(str(folder), Options(device="cpu", token_budget=96)).answer(questions, some)) == batches


def test_equal_requests_are_computed_once(folder: Path) -> None:
    one, many = (load(str(folder), Options(device="cpu")) for _ in range(2))
    request = Choose("w1 w2 w3", (" w4", " w5 w6"))
    answers(one, ask([request]))
    answers(many, ask([request] * 10))
    assert one.stats()["tokens_computed"] == many.stats()["tokens_computed"]
    assert many.stats()["tokens_asked"] == 10 * float(one.stats()["tokens_asked"])


@pytest.mark.parametrize(("kind", "told"), [("llama", True), ("mamba", False), ("gemma2", False)])
def test_the_share_of_the_limit_is_told_where_it_is_known(
    kind: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.engine.causal.backend.LONG", 0.0)
    one = load(str(saved(causal(kind, 65), tmp_path)), Options(device="cpu"))
    answers(one, ask([Choose("w1 w2 w3", (" w4", " w5 w6"))]))
    found = one.stats()
    assert ("limit_fraction" in found) is told and (not told or 0 < float(found["limit_fraction"]) < 1)
    assert (one.limit_fraction(1.0, 0.01) is not None) is told  # type: ignore[attr-defined]


def test_too_long_says_how_many_and_truncation_goes_on(folder: Path) -> None:
    questions = ask([Choose("w1 " * 600, ("w2", "w3")), Choose("w1", (" w2", " w3")), Generate("w1 " * 510, 10)])
    with pytest.raises(TooLong, match=r"2 examples .* 512 tokens \(words: 2\)"):
        load(str(folder), Options(device="cpu")).answer(questions)
    left = Options(device="cpu", truncate="left")
    model = load(str(folder), left)
    cut = answers(model, questions)
    assert model.stats()["prompts_cut"] == 2
    slow = answers(load(str(folder), Options(device="cpu", truncate="left", engine="reference")), questions)
    for index in slow:
        close(cut[index], slow[index])
    assert all(not isinstance(response, Failed) for response in cut.values())


def test_a_context_at_the_limit_fits(folder: Path) -> None:
    questions = ask([Likelihood(" w2", " ".join(["w1"] * 511))])  # and the end token that this tokenizer adds
    found = answers(load(str(folder), Options(device="cpu")), questions)[0]
    assert isinstance(found, Scored)
    assert found.tokens >= 1


def test_rolling_predicts_every_token_once(backend: Backend) -> None:
    text = words(random.Random(1), 1300)
    plain, strided = answers(backend, ask([Likelihood(text), Likelihood(text, "", 64)])).values()
    assert isinstance(plain, Scored) and isinstance(strided, Scored)
    assert plain.tokens == strided.tokens == 1300  # the end token that the tokenizer would add is no part of the text
    assert plain.token_logprobs[:512] == pytest.approx(strided.token_logprobs[:512], abs=1e-4)
    assert plain.logprob != pytest.approx(strided.logprob, abs=1e-3)


def test_an_empty_choice_fails_and_nothing_else_does(backend: Backend) -> None:
    found = answers(backend, ask([Likelihood(""), Choose("w1", (" w2", " w3"))]))
    assert isinstance(found[1], Chosen)
    generated = answers(backend, ask([Generate("w1 w2", 3)]))[0]
    assert isinstance(generated, Generated)


def test_memory_that_runs_out_halves_the_budget(folder: Path) -> None:
    questions = ask(mixed(6))
    strained = load(str(folder), Options(device="cpu", token_budget=256))
    expected = answers(strained, questions)
    tight = load(str(folder), Options(device="cpu", token_budget=256))

    def refuse(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if inputs[0].shape[1] > 100:
            raise torch.OutOfMemoryError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes")

    tight.checkpoint.model.get_input_embeddings().register_forward_pre_hook(refuse)  # type: ignore[attr-defined]
    found = answers(tight, [q for q in questions if not isinstance(q.request, Generate)])
    wanted = [expected[i] for i, q in enumerate(questions) if not isinstance(q.request, Generate)]
    assert float(tight.stats()["token_budget"]) < 256
    for ours, theirs in zip([found[i] for i in sorted(found)], wanted, strict=True):
        close(ours, theirs)


def test_a_changed_file_is_a_different_model(folder: Path, tmp_path: Path) -> None:
    other = saved(causal("llama", 65), tmp_path)
    first = load(str(other), Options(device="cpu")).info.fingerprint
    assert first["weights"] == load(str(folder), Options(device="cpu")).info.fingerprint["weights"]
    changed = causal("llama", 65)
    changed.lm_head.weight.data[0, 0] += 1
    second = load(str(saved(changed, tmp_path)), Options(device="cpu")).info.fingerprint
    assert first["weights"] != second["weights"]
    assert {k: v for k, v in first.items() if k != "weights"} == {k: v for k, v in second.items() if k != "weights"}


def test_what_does_not_load_says_so_in_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown model 'smolm2'; did you mean smollm2"):
        load("smolm2", Options())
    with pytest.raises(ModelError, match="no folder 'nobody/nothing' here"):
        load("nobody/nothing", Options())
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelError, match=r"model.gguf' is a file; a model is a folder with config"):
        load(str(tmp_path / "model.gguf"), Options())
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / "config.json").write_text(json.dumps({"architectures": ["ResNetModel"], "model_type": "resnet"}))
    (odd / "model.safetensors").write_bytes(b"never read")
    with pytest.raises(ModelError, match="architecture 'ResNetModel' is not supported"):
        load(str(odd), Options(device="cpu"))
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    (tmp_path / "pytorch_model.bin").write_bytes(b"not a pickle")
    with pytest.raises(ModelError, match="only pickled weights"):
        load(str(tmp_path), Options(device="cpu"))
    (tmp_path / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelError) as caught:
        load(str(tmp_path), Options(device="cpu"))
    assert "\n" not in str(caught.value)
