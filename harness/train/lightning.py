"""The callback for PyTorch Lightning, under either of its names."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from operator import attrgetter
from time import monotonic
from typing import Any, Unpack

from harness.api.records import Overrides
from harness.errors import UsageError
from harness.train.due import Clock, Every, Progress
from harness.train.evaluating import Evaluating, Watching
from harness.train.plateau import Plateau
from harness.train.ranks import Ranks
from harness.train.seen import Moment
from harness.types import Task


def _callback() -> type[Any]:
    """Lightning's base class. Raises UsageError where Lightning is not installed."""
    names = ("lightning.pytorch", "pytorch_lightning")
    there = [one for one in names if find_spec(one.partition(".")[0])]
    name = next((one for one in there if one in sys.modules), there[0] if there else None)
    if name is None:
        raise UsageError(
            "harness.train.LightningCallback needs pytorch-lightning: pip install 'rai-harness[lightning]'"
        )
    base: type[Any] = import_module(name).Callback
    return base


class LightningCallback(_callback()):  # type: ignore[misc]
    """Evaluates the model that a Lightning ``Trainer`` trains, with the numbers that its checkpoint would have.

    ``tokenizer``: of the transformers model, which is the attribute ``model`` of the LightningModule. ``every``: when
    to evaluate; by default at the end of every validation, where EarlyStopping and ModelCheckpoint find our metrics, as
    32-bit numbers like all of Lightning's. ``plateau`` and ``train_rows``: see ``TrainerCallback``. ``overrides``:
    fields of Settings, Options, Where and Listener (``limit=200``, ``store="runs"``); ``family`` is by default the
    class of the LightningModule.
    """

    def __init__(
        self,
        tasks: str | Sequence[str | Task],
        tokenizer: Any,
        *,
        model: str = "model",
        every: Every | None = None,
        plateau: Plateau | None = None,
        train_rows: int | None = None,
        **overrides: Unpack[Overrides],
    ) -> None:
        if every and every.tokens is not None:
            raise UsageError("Every(tokens=...): Lightning counts no tokens; valid: steps, epochs, seconds")
        self._tokenizer, self._overrides = tokenizer, overrides
        self._watching = Watching(tasks, plateau, train_rows)
        self._model = attrgetter(model)
        self._every = every
        self._ranks: Ranks | None = None
        self._evaluating: Evaluating | None = None
        self._clock: Clock | None = None
        self._scores: dict[int, float] = {}
        self._restored = False

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint: the scores of the plateau by step."""
        return {"scores": dict(self._scores)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Of the checkpoint after which a training goes on."""
        self._scores = {int(step): float(score) for step, score in state_dict["scores"].items()}
        self._restored = True

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Plan, so that whatever is missing is told before hours of training."""
        self._ranks = Ranks()
        if not self._restored:  # a restored step is counted only after this
            self._scores = {step: score for step, score in self._scores.items() if step <= trainer.global_step}
        self._restored = False

        def plan() -> None:
            self._evaluating = Evaluating(self._watching, type(pl_module).__name__, self._overrides)
            self._evaluating.begin(self._scores)

        self._ranks.shared(plan)
        if self._every:
            self._clock = Clock(self._every, _progress(trainer))

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Log our metrics with those of the validation."""
        if self._every is None and not trainer.sanity_checking and self._ranks:
            self._evaluate(trainer, pl_module)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *args: Any) -> None:
        """Evaluate where the callback has a schedule of its own."""
        clock, ranks = self._clock, self._ranks
        if clock is None or ranks is None:
            return
        now = _progress(trainer)
        if ranks.shared(lambda: clock.due(now)) if clock.every.by_clock else clock.due(now):
            self._evaluate(trainer, pl_module)

    def _evaluate(self, trainer: Any, pl_module: Any) -> None:
        assert self._ranks

        def asked() -> tuple[dict[str, float], float, bool]:
            assert self._evaluating
            rate = float(trainer.optimizers[0].param_groups[0]["lr"])
            at = Moment(trainer.global_step, _progress(trainer).epochs, rate)
            return self._evaluating.asked(self._model(pl_module), self._tokenizer, at)

        metrics, seconds, stop = self._ranks.shared(asked)
        if self._clock:
            self._clock.took(seconds, _progress(trainer))
        if self._watching.key in metrics:
            self._scores[trainer.global_step] = metrics[self._watching.key]
        for name, value in metrics.items():
            pl_module.log(name, value)
        trainer.should_stop = trainer.should_stop or stop


def _progress(trainer: Any) -> Progress:
    batches = trainer.num_training_batches
    done = trainer.fit_loop.epoch_loop.batch_progress.current.processed  # completed counts it after its hooks
    return Progress(trainer.global_step, trainer.current_epoch + done / batches, 0, monotonic())
