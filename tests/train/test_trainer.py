"""The callback of transformers' Trainer: the numbers of a separate run, and a training that does not notice."""

import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tiny import causal
from trained import mirror, trainee, watched, written

from harness import evaluate
from harness.errors import UnknownName, Unsupported, UsageError
from harness.store import open_store
from harness.train import Every, Plateau, TrainerCallback
from harness.train.seen import Moment, SeenExamples
from harness.train.undisturbed import undisturbed, unwrapped
from harness.types import Chosen, Settings

BEST = "eval_harness/made/next:acc"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return mirror(tmp_path_factory.mktemp("data"))


def trainer_for(folder, kind="gpt2", **settings):
    """A Trainer of a new model; the same arguments give the same training."""
    transformers.set_seed(3)
    made = trainee(kind)
    given = {
        "output_dir": str(folder),
        "max_steps": 60,
        "eval_strategy": "steps",
        "eval_steps": 10,
        "save_strategy": "steps",
        "save_steps": 10,
        "logging_steps": 5,
        "learning_rate": 3e-3,
        "per_device_train_batch_size": 8,
        "report_to": [],
        "use_cpu": True,
        "disable_tqdm": True,
    }
    arguments = transformers.TrainingArguments(**given | settings)
    return transformers.Trainer(
        made.model,
        arguments,
        train_dataset=made.texts,
        eval_dataset=made.texts[:16],
        processing_class=made.tokenizer,
    )


def losses(trainer):
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


def logged(trainer, key=BEST):
    return {line["step"]: line[key] for line in trainer.state.log_history if key in line}


def same_weights(one, two):
    pairs = zip(one.state_dict().items(), two.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


@pytest.fixture(scope="module")
def best(data, tmp_path_factory):
    """A training of 60 steps that keeps the checkpoint which our metric calls the best, and where its runs are."""
    root = tmp_path_factory.mktemp("best")
    trainer = trainer_for(root / "ft-v1", load_best_model_at_end=True, metric_for_best_model=BEST)
    trainer.add_callback(TrainerCallback(trainer, [watched()], data=data, store=str(root / "runs")))
    trainer.train()
    return trainer, root


def test_training_does_not_notice_that_it_is_watched(data, tmp_path):
    watching = trainer_for(tmp_path / "watched", "llama", max_steps=20, activation_checkpointing=True)
    tasks = [watched(), written()]
    watching.add_callback(TrainerCallback(watching, tasks, data=data, store=str(tmp_path / "runs")))
    watching.train()
    alone = trainer_for(tmp_path / "alone", "llama", max_steps=20, activation_checkpointing=True)
    alone.train()
    assert losses(watching) == losses(alone)
    assert same_weights(watching.model, alone.model)
    assert len(logged(watching)) == 2 and not logged(alone)


def test_60_steps_with_and_without(best, data, tmp_path):
    alone = trainer_for(tmp_path / "alone")
    alone.train()
    assert losses(best[0]) == losses(alone)
    last = transformers.AutoModelForCausalLM.from_pretrained(best[1] / "ft-v1" / "checkpoint-60")
    assert same_weights(last, alone.model)


def test_every_evaluation_is_a_run_equal_to_one_of_the_saved_step(best, data, tmp_path):
    trainer, root = best
    runs = {run.step: run for run in open_store(str(root / "runs")).runs()}
    assert set(runs) == {10, 20, 30, 40, 50, 60}
    assert {(run.family, run.model, run.status) for run in runs.values()} == {("ft-v1", "ft-v1", "finished")}
    for step in (10, 40):
        saved = root / "ft-v1" / f"checkpoint-{step}"
        separate = evaluate(str(saved), [watched()], data=data, store=str(tmp_path / "separate"))
        assert tuple(open_store(str(root / "runs")).results(runs[step].id)) == separate.estimates
        [accuracy] = [e for e in separate.estimates if e.metric == "acc" and e.slice == "all"]
        for part, value in (("", accuracy.value), ("/low", accuracy.low), ("/high", accuracy.high)):
            assert logged(trainer, BEST + part)[step] == value


def test_the_best_checkpoint_is_the_one_of_our_metric(best):
    trainer, root = best
    scores = logged(trainer)
    first_best = max(scores, key=lambda step: (scores[step], -step))
    assert trainer.state.best_metric == scores[first_best]
    assert Path(trainer.state.best_model_checkpoint).name == f"checkpoint-{first_best}"
    assert first_best < 60  # or any choice would have taken the last
    saved = transformers.AutoModelForCausalLM.from_pretrained(root / "ft-v1" / f"checkpoint-{first_best}")
    assert same_weights(saved, trainer.model)


def test_early_stopping_stops_where_nothing_improves(data, tmp_path):
    trainer = trainer_for(tmp_path / "flat", learning_rate=0.0, load_best_model_at_end=True, metric_for_best_model=BEST)
    trainer.add_callback(TrainerCallback(trainer, [watched()], data=data, store=str(tmp_path / "runs")))
    trainer.add_callback(transformers.EarlyStoppingCallback(2))
    trainer.train()
    assert trainer.state.global_step == 30


@pytest.mark.parametrize(("delta", "stopped"), [(0.1, 30), (0.05, 40)], ids=["settled", "open"])
def test_a_plateau_is_one_as_soon_as_the_examples_settle_it(data, tmp_path, delta, stopped):
    """Without a change in 40 examples the improvement is at most 0.088."""
    trainer = trainer_for(tmp_path / "flat", learning_rate=0.0, max_steps=40, save_strategy="no")
    told = []
    rule = Plateau(metric="made/next:acc", delta=delta, evaluations=2)
    trainer.add_callback(
        TrainerCallback(trainer, [watched()], plateau=rule, data=data, store=str(tmp_path / "runs"), notice=told.append)
    )
    trainer.train()
    assert trainer.state.global_step == stopped
    assert "step 20: made/next:acc not distinguishable: 0 [-0.08762, 0.08762]" in told


@pytest.mark.parametrize(("kept", "stopped"), [(True, 30), (False, 40)], ids=["in the store", "not in the store"])
def test_a_plateau_goes_on_where_a_resumed_training_had_got_to(data, tmp_path, kept, stopped):
    """Killed at step 20 with one flat evaluation of the two that stop it; a training of the same name was before."""
    told, rule = [], Plateau(metric="made/next:acc", delta=0.1, evaluations=2)

    def train(store, folder="flat", more=None, rate=0.0, **resume):
        trainer = trainer_for(tmp_path / folder, learning_rate=rate, max_steps=40, run_name="flat")
        own = {"plateau": rule, "data": data, "store": str(tmp_path / store), "notice": told.append}
        trainer.add_callback(TrainerCallback(trainer, [watched()], **own))
        trainer.add_callback(more) if more else None
        trainer.train(**resume)
        return trainer.state.global_step

    class Killed(transformers.TrainerCallback):
        def on_save(self, args, state, control, **kwargs):
            control.should_training_stop = state.global_step == 20

    train("runs", "before", Killed(), rate=0.5)
    assert train("runs", more=Killed()) == 20
    told.clear()
    assert train("runs" if kept else "other", resume_from_checkpoint=True) == stopped
    assert any("judged without the evaluations of step 10, 20" in line for line in told) != kept


def test_a_schedule_of_its_own(data, tmp_path):
    trainer = trainer_for(tmp_path / "own", max_steps=20, eval_strategy="no", save_strategy="no")
    trainer.add_callback(
        TrainerCallback(
            trainer, [watched()], every=Every(steps=7), train_rows=20, data=data, store=str(tmp_path / "runs")
        )
    )
    trainer.train()
    assert sorted(logged(trainer)) == [7, 14]
    [newest, _] = open_store(str(tmp_path / "runs")).runs()
    [kept] = newest.training
    assert (kept.task, kept.train.examples, kept.held_out.examples) == ("made/next", 20, 0)
    assert 0 < kept.learning_rate < 3e-3 and kept.epochs == pytest.approx(14 / 20)
    train, gap = logged(trainer, f"{BEST}/train")[14], logged(trainer, f"{BEST}/gap")[14]
    assert train == kept.train.values["acc"] and gap == train - logged(trainer)[14]
    assert logged(trainer, f"{BEST}/gap/low")[14] < gap < logged(trainer, f"{BEST}/gap/high")[14]


def test_rows_that_are_trained_on_are_asked_as_the_tasks_own(data):
    """With the same few-shot examples: else the gap would be that of the shots."""
    asked = []

    class Backend:
        def answer(self, questions):
            asked.extend(question.request for question in questions)
            return [[(n, Chosen(0, (0.0, -1.0), (1, 1))) for n in range(len(questions))]]

    for shots in (0, 2):
        seen = SeenExamples([watched()], 4, Settings(shots=shots), data)
        [kept] = seen.scores(Backend(), Moment(1, 0.1, 0.1))
        assert kept.train.examples == 4
        assert [request.prompt.count("\n\n") for request in asked[-4:]] == [shots] * 4
    rows = [request.prompt.rpartition("\n\n")[2] for request in asked]
    assert rows[:4] == rows[4:] and all(
        request.prompt.count(row) == 1 for request, row in zip(asked, rows, strict=True)
    )


@pytest.mark.parametrize(
    ("settings", "own", "error", "words"),
    [
        ({"metric_for_best_model": "harness/made/next:f1"}, {}, UnknownName, "made/next:acc"),
        ({"metric_for_best_model": BEST, "greater_is_better": False}, {}, UsageError, "greater_is_better=True"),
        ({"metric_for_best_model": BEST}, {"every": Every(steps=5)}, UsageError, "every"),
        ({}, {"every": Every(tokens=5)}, UsageError, "include_num_input_tokens_seen"),
        ({}, {"plateau": Plateau(metric="made/next:bleu", delta=0.1)}, UnknownName, "made/next:acc"),
        ({}, {"max_minutes": 1.0}, UsageError, "max_minutes"),
        ({}, {"train_rows": 3}, UsageError, "train_rows = 3"),
        ({}, {"device": "cuda"}, UsageError, "in memory"),
    ],
)
def test_what_cannot_be_is_said_before_training_or_at_the_first_evaluation(data, tmp_path, settings, own, error, words):
    trainer = trainer_for(tmp_path / "x", **settings)
    trainer.add_callback(TrainerCallback(trainer, [watched()], data=data, store=str(tmp_path / "runs"), **own))
    with pytest.raises(error, match=words):
        trainer.train()


def test_early_stopping_may_not_stand_before(data, tmp_path):
    trainer = trainer_for(tmp_path / "x", metric_for_best_model=BEST)
    trainer.add_callback(transformers.EarlyStoppingCallback(2))
    trainer.add_callback(TrainerCallback(trainer, [watched()], data=data, store=str(tmp_path / "runs")))
    with pytest.raises(UsageError, match="add it to the Trainer after this one"):
        trainer.train()


def test_all_that_belongs_to_training_comes_back():
    model = trainee("llama").model.train()
    model.model.layers[0].eval()  # frozen by somebody
    model.config.use_cache = False
    own = model.forward
    model._original_forward, model.forward = own, lambda *args, **kwargs: "in mixed precision"
    modes = [part.training for part in model.modules()]
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    with undisturbed(model):
        assert model.forward == own and not torch.is_grad_enabled()
        model.eval()
        model.config.use_cache = True
        random.random(), np.random.rand(), torch.rand(3)
    assert [part.training for part in model.modules()] == modes
    assert model.forward() == "in mixed precision" and model.config.use_cache is False
    assert random.getstate() == before[0] and np.random.get_state()[1].tolist() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])


def test_rotations_remember_the_texts_of_training_alone():
    model = causal("llama-dynamic", 65)
    longest = model.config.max_position_embeddings

    def after(length):
        model(input_ids=torch.ones((1, length), dtype=torch.long), use_cache=False)
        return model(input_ids=torch.arange(longest + 8)[None] % 65, use_cache=False).logits

    with torch.no_grad():
        alone = after(longest + 8)
        with undisturbed(model):
            assert not torch.equal(after(2 * longest), alone)  # or nothing is remembered
        assert torch.equal(after(longest + 8), alone)


@pytest.mark.parametrize("turned_on", ["the Trainer", "torch.set_float32_matmul_precision", "one backend alone"])
def test_products_are_in_full_precision_whoever_turned_tf32_on(turned_on):
    general, products = torch.backends, torch.backends.cuda.matmul
    model = trainee().model
    try:
        if turned_on == "the Trainer":
            general.fp32_precision = "tf32"
        elif turned_on == "one backend alone":
            products.fp32_precision = "tf32"
        else:
            torch.set_float32_matmul_precision("high")
        before = general.fp32_precision, products.fp32_precision
        assert before[1] == "tf32"
        with undisturbed(model):
            assert products.fp32_precision == "ieee" and torch.get_float32_matmul_precision() == "highest"
        assert (general.fp32_precision, products.fp32_precision) == before
    finally:
        general.fp32_precision = products.fp32_precision = "none"
        torch.set_float32_matmul_precision("highest")


def test_wrappers_come_off_and_sharded_weights_are_refused():
    model = trainee().model
    assert unwrapped(torch.compile(model)) is model

    class FSDPModule(torch.nn.Module):
        """As fully_shard calls what it makes of a module."""

    with pytest.raises(Unsupported, match="sharded by FSDP.*harness watch"):
        unwrapped(torch.nn.Sequential(FSDPModule()))


def two_processes(data, folder, how):
    """What each of two processes has logged in a training, or the error that ended it."""
    script = Path(__file__).with_name("two_processes.py")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        where = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    ended = subprocess.run(
        [sys.executable, str(script), str(data), str(folder), how],
        check=False,
        env=os.environ | where,
        capture_output=True,
        timeout=250,
    )
    assert ended.returncode == 0, ended.stderr
    return [json.loads((folder / f"scores{rank}.json").read_text()) for rank in range(2)]


def test_two_processes(data, tmp_path):
    """The second waits for the first for longer than the group of the training allows, and learns its numbers."""
    first, second = two_processes(data, tmp_path, "whole")
    assert first == second and set(first) == {"4", "8"}
    assert [run.step for run in open_store(str(tmp_path / "runs")).runs()] == [8, 4]
    saved = evaluate(str(tmp_path / "ddp" / "checkpoint-8"), [watched()], data=data, store=str(tmp_path / "separate"))
    assert first["8"] == next(e.value for e in saved.estimates if e.metric == "acc" and e.slice == "all")


@pytest.mark.parametrize("version", ["1", "2"])
def test_weights_that_two_processes_share_are_refused_on_both(data, tmp_path, version):
    first, second = two_processes(data, tmp_path, version)
    assert first.startswith("the weights are sharded by FSDP, so no process has the whole model")
    assert second == f"the evaluation failed on the first process: {first}"
    assert not open_store(str(tmp_path / "runs")).runs()
