"""Fine-tuning: what is trained on and what is not, kept checkpoints, a frozen encoder, numbers instead of classes."""

import json
import random
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import WORDS, encoder, word_tokenizer

from harness import run as running
from harness.api import finetune
from harness.data import hub
from harness.engine.backend import Options
from harness.errors import DataError, ModelError, Unsupported
from harness.kinds import About, Data, Decoding, Template, classification, generation
from harness.metrics.overfit import Overfit, gaps
from harness.store import open_store
from harness.training.head import TIE, _with_head, held_out_metric
from harness.training.protocol import Protocol, split_of
from harness.training.tuned import score, tune
from harness.types import Card, Estimate, PartScores, Settings, Shots, Training

CARD = Card(measures="whether w1 is in it", limits="made up", source="here", licence="none")
TRAIN = Shots(dataset=(hub("made/up", split="train"),))
QUICK = Protocol(epochs=12, learning_rate=3e-3, batch=16)


def task(labels=("without", "with"), target="label"):
    return classification(
        "made/up",
        data=Data(hub("made/up", split="validation"), id="id", shots=TRAIN),
        prompt=Template("{text}", inputs=("text",)),
        labels={label: f" {label}" for label in labels},
        target=target,
        about=About(version=1, card=CARD),
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A mirror with a task that an encoder can learn, and an encoder without a head."""
    root = tmp_path_factory.mktemp("finetune")
    folder = root / "made" / "up" / "default"
    folder.mkdir(parents=True)
    draw = random.Random(0)
    for split, count in (("train", 160), ("validation", 60)):
        rows = []
        for i in range(count):
            words = [w for w in draw.choices(WORDS, k=6) if w != "w1"]
            rows.append({"id": f"{split}{i}", "text": " ".join([*words, "w1"] if i % 2 else words), "label": i % 2})
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    encoder("classifier", 65).bert.save_pretrained(root / "model")
    word_tokenizer().save_pretrained(root / "model")
    return root


def tuned(place, made, protocol=QUICK, kept=None):
    options = Options(device="cpu")
    return tune(str(place / "model"), made, protocol, options=options, mirror=place, kept=kept or place / "kept")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A folder of the user's in which trained heads are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_it_learns_and_every_score_is_stored(place, tmp_path, cache):
    store = str(tmp_path / "store")
    options = Options(device="cpu")
    result = finetune(str(place / "model"), [task()], protocol=QUICK, options=options, data=place, store=store)
    [training] = open_store(store).run(result.run.id).training
    assert (training.train.examples, training.held_out.examples) == (144, 16)
    assert training.epochs >= 1 and training.learning_rate == QUICK.learning_rate
    assert training.held_out.values["acc"] > 0.9
    [accuracy] = [e for e in result.estimates if e.metric == "acc" and e.slice == "all"]
    assert accuracy.value > 0.9 and accuracy.n == 60
    gap = gaps(training, result.estimates)["acc"]
    assert gap.value == training.train.values["acc"] - accuracy.value and gap.low < gap.value < gap.high
    assert not any("acc" in name for name in result.run.engine)


def test_a_gap_has_the_interval_of_two_independent_numbers():
    """Newcombe (1998), method 10: 56 of 70 less 48 of 80."""
    part = PartScores(70, {"acc": 56 / 70, "f1": 0.5}, {"acc": (0.6918, 0.8769)})
    made = Training(task="t", epochs=1.0, learning_rate=0.1, train=part, held_out=PartScores(0, {}))
    own = [Estimate("t", name, "all", 48 / 80, 0.4905, 0.7004, 80, 80, 0) for name in ("acc", "f1")]
    gap = gaps(made, own)["acc"]
    assert (gap.value, gap.low, gap.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-3)
    assert gaps(made, own)["f1"] == Overfit(0.5 - 48 / 80)  # kept by an older run


def test_each_task_is_asked_of_its_own_head(place, tmp_path, cache):
    """Two tasks of equal questions and opposite labels: both are right only if neither gets the other's answers."""
    one, turned = task(), task(("with", "without"))

    def read(rows, dataset):
        return turned.read([row | {"label": 1 - row["label"]} for row in rows], dataset)

    other = replace(turned, name="made/down", read=read)
    said = []
    result = finetune(
        str(place / "model"), [one, other], protocol=QUICK, options=Options(device="cpu"), data=place, limit=20,
        store=str(tmp_path / "store"), notice=said.append,
    )  # fmt: skip
    values = {e.task: e.value for e in result.estimates if e.metric == "acc" and e.slice == "all"}
    assert min(values.values()) > 0.8 and set(values) == {"made/up", "made/down"}
    assert [training.task for training in result.run.training] == ["made/up", "made/down"]
    assert said[:2] == [f"fine-tuning {place / 'model'} on {name}" for name in ("made/up", "made/down")]
    assert result.run.engine["tokens_computed"] > 0


def test_variants_are_asked_too_of_a_head_that_is_trained_without_them(place, tmp_path, cache):
    asked = {"protocol": QUICK, "options": Options(device="cpu"), "data": place, "limit": 20}
    plain = finetune(str(place / "model"), [task()], store=str(tmp_path / "plain"), **asked)
    varied = finetune(str(place / "model"), [task()], store=str(tmp_path / "varied"), perturb=("case",), **asked)
    assert varied.run.training == plain.run.training
    own = {e.metric: e for e in varied.estimates if e.slice == "all"}
    assert all(own[e.metric] == e for e in plain.estimates if e.slice == "all")
    changed = [own[m.name] for record in varied.run.tasks for m in record.metrics if m.variant]
    assert changed and all(e.n > 0 for e in changed)  # those examples that the change touches


def test_the_same_protocol_is_trained_once_and_another_anew(place):
    first = tuned(place, task())
    before = {path: path.stat().st_mtime_ns for path in (place / "kept").rglob("*.safetensors")}
    again = tuned(place, task())
    assert {path: path.stat().st_mtime_ns for path in (place / "kept").rglob("*.safetensors")} == before
    assert again == first
    other = tuned(place, task(), Protocol(epochs=1, seed=1))
    assert other.fingerprint["weights"] != first.fingerprint["weights"]
    assert other.fingerprint["recipe"] != first.fingerprint["recipe"]


def test_training_is_repeatable(place, tmp_path):
    protocol = Protocol(epochs=1, train_limit=40)
    first = tuned(place, task(), protocol)
    second = tuned(place, task(), protocol, kept=tmp_path)
    assert first.fingerprint["weights"] == second.fingerprint["weights"]


def test_a_head_alone_leaves_the_encoder_as_it_was(place):
    protocol = Protocol(epochs=1, head_only=True)
    model = tuned(place, task(), protocol).open(Options(device="cpu")).checkpoint.model
    source = encoder("classifier", 65)
    for name, value in source.bert.encoder.state_dict().items():
        assert torch.equal(value, model.bert.encoder.state_dict()[name])
    assert model.config.id2label == {0: "without", 1: "with"}


def test_numbers_become_a_regression(place):
    made = task(("0", "1"))
    head = tuned(place, made, Protocol(epochs=30, patience=30, learning_rate=3e-3, batch=16))
    assert head.fingerprint["head"] == "regression"
    [planned] = running.plan([made], Settings(), place)
    assert score(head.open(Options(device="cpu")), planned).values["acc"] > 0.9


def test_parts_are_disjoint_and_a_limit_takes_the_first_of_them(place):
    whole, part = (split_of(task(), Protocol(train_limit=limit), place) for limit in (None, 50))
    train, held_out = ({example.id for example in examples} for examples in (whole.train, whole.held_out))
    assert not train & held_out
    assert (len(train), len(held_out)) == (144, 16)
    assert all(name.startswith("train") for name in train | held_out)
    assert {e.id for e in part.train + part.held_out} < train | held_out
    assert (len(part.train), len(part.held_out)) == (45, 5)
    assert {e.id for e in split_of(task(), Protocol(seed=5), place).held_out} != held_out


def test_stopping_looks_at_the_metric_and_at_the_loss_between_equals(place):
    made = task()
    examples = split_of(made, Protocol(train_limit=20), place).train[:4]

    def looked(*margins):
        """Logits of each example, by how much they favour its target."""
        rows = [[0.0, m] if e.target else [m, 0.0] for e, m in zip(examples, margins, strict=True)]
        return held_out_metric(made, examples)(SimpleNamespace(predictions=np.array(rows)))["held_out"]

    loss = np.mean([np.log1p(np.exp(-m)) for m in (3, 2, 1, -1)])
    assert looked(3, 2, 1, -1) == pytest.approx(0.75 - TIE * loss, abs=1e-12)
    assert looked(1, 1, 1, 1) > looked(9, 9, 9, -1) > looked(3, 2, 1, -1) > looked(1, 1, -0.1, -0.1)


def test_a_narrow_network_learns_at_a_higher_rate():
    assert [Protocol().rate(width) for width in (768, 384)] == [5e-5, 1e-4]
    assert (Protocol(head_only=True).rate(384), Protocol(learning_rate=2e-5).rate(384)) == (1e-3, 2e-5)


def test_an_encoder_that_lacks_weights_is_refused_but_for_its_head_and_pooler(place, tmp_path):
    shutil.copytree(place / "model", tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    tensors = load_file(path)
    save_file({name: t for name, t in tensors.items() if "pooler" not in name}, path, {"format": "pt"})
    model, _ = _with_head(tmp_path / "model", ("without", "with"), QUICK, Options(device="cpu"))
    assert model.config.num_labels == 2
    save_file({name: t for name, t in tensors.items() if "layer.1.output" not in name}, path, {"format": "pt"})
    with pytest.raises(ModelError, match=r"would be random: bert\.encoder\.layer\.1\.output"):
        _with_head(tmp_path / "model", ("without", "with"), QUICK, Options(device="cpu"))


def test_what_cannot_be_tuned_is_refused(place):
    plain = classification(
        "made/plain",
        data=Data(hub("made/up", split="validation")),
        prompt=Template("{text}", inputs=("text",)),
        labels={"a": " a", "b": " b"},
        target="label",
        about=About(version=1, card=CARD),
    )
    with pytest.raises(DataError, match="made/plain names no train split"):
        tuned(place, plain)
    written = generation(
        "made/written",
        data=Data(hub("made/up", split="validation"), shots=TRAIN),
        prompt="{text}",
        target="text",
        decoding=Decoding(max_tokens=3),
        measures=(),
        about=About(version=1, card=CARD),
    )
    with pytest.raises(Unsupported, match="made/written cannot be fine-tuned"):
        tuned(place, written)
