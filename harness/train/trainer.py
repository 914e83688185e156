"""The callback for the Trainer of transformers."""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Unpack

import transformers

from harness.api.records import Overrides
from harness.errors import UsageError
from harness.train.due import Clock, Every, Progress
from harness.train.evaluating import PREFIX, Evaluating, Watching
from harness.train.plateau import Plateau, metric_named
from harness.train.ranks import Ranks
from harness.train.seen import Moment
from harness.types import Task


class TrainerCallback(transformers.TrainerCallback):
    """Evaluates the model that a ``transformers.Trainer`` trains, with the numbers that its checkpoint would have.

    ``trainer``: the one that this callback is then added to, before callbacks that read its metrics (EarlyStopping).
    ``tasks``: names, groups, patterns, files, or Tasks. ``tokenizer``: by default the trainer's ``processing_class``.
    ``every``: when to evaluate; by default whenever the Trainer does, and then ``metric_for_best_model`` may be one of
    our metrics. ``plateau``: when to stop. ``train_rows``: so many examples of the tasks' train splits are
    asked too, which tells how far the model over-fits. ``overrides``: fields of Settings, Options, Where and Listener
    (``limit=200``, ``store="runs"``, ``family="ft-v1"``); the family is by default the name of the Trainer's run.
    """

    def __init__(
        self,
        trainer: Any,
        tasks: str | Sequence[str | Task],
        *,
        tokenizer: Any = None,
        every: Every | None = None,
        plateau: Plateau | None = None,
        train_rows: int | None = None,
        **overrides: Unpack[Overrides],
    ) -> None:
        self._trainer, self._overrides = trainer, overrides
        self._watching = Watching(tasks, plateau, train_rows)
        self._tokenizer = tokenizer if tokenizer is not None else trainer.processing_class
        self._every = every
        self._ranks: Ranks | None = None
        self._evaluating: Evaluating | None = None
        self._clock: Clock | None = None
        self._last: tuple[int, dict[str, float]] | None = None

    # ------------------------------------------------------------------------------------------- what the Trainer calls
    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Plan, so that whatever is missing is told before hours of training."""
        ranks, key = self._prepare(), self._watching.key
        scores = {line["step"]: line[key] for line in state.log_history if key in line}

        def begin() -> None:
            assert self._evaluating
            self._evaluating.begin(scores)

        ranks.shared(begin)
        if self._every:
            self._clock = Clock(self._every, self._progress(state))

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Add our metrics to those of the Trainer's evaluation, for whatever reads them after us."""
        if self._every is None:
            kwargs["metrics"].update(self._evaluate(state, control))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Evaluate where the callback has a schedule of its own."""
        if self._every and self._ranks and self._due(state):
            self._evaluate(state, control)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The weights may now be those of the best checkpoint: what was measured is no longer theirs."""
        self._last = None

    # ----------------------------------------------------------------------------------------------------- what is done
    def _prepare(self) -> Ranks:
        if self._ranks is not None:
            return self._ranks
        args = self._trainer.args
        ranks = Ranks()
        family = args.run_name or Path(args.output_dir).resolve().name

        def plan() -> None:
            self._evaluating = Evaluating(self._watching, family, self._overrides)
            self._require_order()
            self._require_best(self._evaluating.tasks)

        ranks.shared(plan)
        self._ranks = ranks
        return ranks

    def _due(self, state: Any) -> bool:
        assert self._clock and self._every and self._ranks
        clock, now = self._clock, self._progress(state)
        if self._every.by_clock:
            return bool(self._ranks.shared(lambda: clock.due(now)))
        return clock.due(now)

    def _evaluate(self, state: Any, control: Any) -> dict[str, float]:
        """Our metrics, logged wherever the Trainer logs; of several data sets of one evaluation only the first asks."""
        ranks = self._prepare()
        if self._last and self._last[0] == state.global_step and isinstance(self._trainer.eval_dataset, dict):
            return self._last[1]
        metrics, seconds, stop = ranks.shared(lambda: self._asked(state))
        if self._clock:
            self._clock.took(seconds, self._progress(state))
        self._trainer.log(dict(metrics))
        self._last = (state.global_step, metrics)
        control.should_training_stop = control.should_training_stop or stop
        return dict(metrics)

    def _asked(self, state: Any) -> tuple[dict[str, float], float, bool]:
        assert self._evaluating
        scheduler = self._trainer.lr_scheduler
        rate = float(scheduler.get_last_lr()[0]) if scheduler else self._trainer.args.learning_rate
        at = Moment(state.global_step, state.epoch or 0.0, rate)
        return self._evaluating.asked(self._trainer.model_wrapped, self._tokenizer, at)

    def _progress(self, state: Any) -> Progress:
        if self._every and self._every.tokens and self._trainer.args.include_num_input_tokens_seen == "no":
            raise UsageError("Every(tokens=...) needs TrainingArguments(include_num_input_tokens_seen='all')")
        return Progress(state.global_step, state.epoch or 0.0, state.num_input_tokens_seen, monotonic())

    # ------------------------------------------------------------------------------------------------- what is required
    def _require_order(self) -> None:
        """Whoever reads our metrics comes after us. Raises UsageError."""
        callbacks = self._trainer.callback_handler.callbacks
        before = callbacks[: callbacks.index(self)]
        early = any(isinstance(one, transformers.EarlyStoppingCallback) for one in before)
        if early and self._every is None:
            raise UsageError(
                "EarlyStoppingCallback stands before harness.train.TrainerCallback and would never see its metrics: "
                "add it to the Trainer after this one"
            )

    def _require_best(self, tasks: Sequence[Task]) -> None:
        """Where the best checkpoint is chosen by one of our metrics, that there is one. Raises UsageError."""
        args = self._trainer.args
        name = f"eval_{(args.metric_for_best_model or '').removeprefix('eval_')}"
        if not name.startswith(PREFIX):
            return
        if self._every is not None:
            raise UsageError(
                f"metric_for_best_model = {name!r} is needed whenever the Trainer evaluates: leave out ``every``"
            )
        _, metric = metric_named(name.removeprefix(PREFIX), tasks)
        if bool(args.greater_is_better) != (metric.better == "higher"):
            raise UsageError(
                f"of {name} {metric.better} is better: give TrainingArguments "
                f"greater_is_better={metric.better == 'higher'}"
            )
