"""The callback of Lightning: the same evaluation, where EarlyStopping and ModelCheckpoint look for it."""

import pytest
import torch
from trained import mirror, trainee, watched

from harness import evaluate
from harness.errors import UsageError
from harness.store import open_store
from harness.train import Every, Plateau

pl = pytest.importorskip("pytorch_lightning", reason="the extra lightning is not installed")

from harness.train import LightningCallback  # noqa: E402

BEST = "eval_harness/made/next:acc"


class Trained(pl.LightningModule):
    """A language model that learns texts."""

    def __init__(self, kind, rate):
        super().__init__()
        self.save_hyperparameters()
        made = trainee(kind)
        self.model, self.rows = made.model.train(), made.texts

    def training_step(self, batch, number):
        return self.model(**batch).loss

    def validation_step(self, batch, number):
        self.log("val_loss", self.model(**batch).loss)

    def train_dataloader(self):
        return torch.utils.data.DataLoader(self.rows, 8)

    def val_dataloader(self):
        return torch.utils.data.DataLoader(self.rows[:16], 8)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), self.hparams.rate)


def fitted(folder, callbacks, kind="gpt2", rate=3e-3, epochs=6, steps=-1, checkpoint=None):
    """A module after training on twenty batches an epoch, and its trainer."""
    pl.seed_everything(3)
    module = Trained(kind, rate)
    trainer = pl.Trainer(
        max_epochs=epochs,
        max_steps=steps,
        val_check_interval=5,
        accelerator="cpu",
        logger=False,
        callbacks=callbacks,
        enable_checkpointing=any(isinstance(one, pl.callbacks.ModelCheckpoint) for one in callbacks),
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, ckpt_path=checkpoint)
    return module, trainer


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return mirror(tmp_path_factory.mktemp("data"))


def watching(data, folder, **own):
    return LightningCallback([watched()], trainee().tokenizer, data=data, store=str(folder / "runs"), **own)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_training_does_not_notice_that_it_is_watched(data, tmp_path, kind):
    watched_module, _ = fitted(tmp_path, [watching(data, tmp_path)], kind, epochs=2)
    alone, _ = fitted(tmp_path, [], kind, epochs=2)
    for one, two in zip(watched_module.parameters(), alone.parameters(), strict=True):
        assert torch.equal(one, two)
    assert [run.step for run in open_store(str(tmp_path / "runs")).runs()] == [40, 35, 30, 25, 20, 15, 10, 5]


def test_the_checkpoint_is_the_best_by_our_metric_and_equals_a_separate_run(data, tmp_path):
    keep = pl.callbacks.ModelCheckpoint(tmp_path / "kept", monitor=BEST, mode="max", filename="{step}")
    fitted(tmp_path, [watching(data, tmp_path), keep], epochs=2)
    store = open_store(str(tmp_path / "runs"))
    scores = {run.step: next(e.value for e in store.results(run.id) if e.metric == "acc") for run in store.runs()}
    assert keep.best_model_score == torch.tensor(max(scores.values()), dtype=torch.float32)
    best = Trained.load_from_checkpoint(keep.best_model_path)
    separate = evaluate((best.model, trainee().tokenizer), [watched()], data=data, store=str(tmp_path / "separate"))
    assert next(e.value for e in separate.estimates if e.metric == "acc") == max(scores.values())


def test_it_stops_where_nothing_improves(data, tmp_path):
    stop = pl.callbacks.EarlyStopping(BEST, patience=2, mode="max")
    _, trainer = fitted(tmp_path, [stop, watching(data, tmp_path)], rate=0.0)
    assert trainer.global_step == 15
    rule = Plateau(metric="made/next:acc", delta=0.1, evaluations=2)
    _, trainer = fitted(tmp_path, [watching(data, tmp_path, plateau=rule, every=Every(steps=4))], rate=0.0)
    assert trainer.global_step == 12


def test_a_plateau_goes_on_where_a_resumed_training_had_got_to(data, tmp_path):
    rule = Plateau(metric="made/next:acc", delta=0.1, evaluations=2)
    keep = pl.callbacks.ModelCheckpoint(
        tmp_path / "kept", filename="{step}", save_top_k=-1, save_on_train_epoch_end=False
    )
    fitted(tmp_path, [watching(data, tmp_path, plateau=rule), keep], rate=0.0, steps=10)
    resumed = watching(data, tmp_path, plateau=rule)
    _, trainer = fitted(tmp_path, [resumed], rate=0.0, checkpoint=tmp_path / "kept" / "step=10.ckpt")
    assert trainer.global_step == 15


def test_an_epoch_is_over_with_its_last_batch(data, tmp_path):
    fitted(tmp_path, [watching(data, tmp_path, every=Every(epochs=0.5))], epochs=2)
    assert [run.step for run in open_store(str(tmp_path / "runs")).runs()] == [40, 30, 20, 10]


def test_tokens_are_not_counted(data, tmp_path):
    with pytest.raises(UsageError, match="steps, epochs, seconds"):
        watching(data, tmp_path, every=Every(tokens=10))
