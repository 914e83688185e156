"""One head trained: an encoder gets a fresh head for a task's labels and learns on the task's train split.

As GLUE is meant (Wang et al. 2019). A part of the train split is held out for early stopping. The checkpoint is kept
under a hash of all that went into it, so that a run that was killed, or is repeated, asks the same weights.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from harness import run as running
from harness.data import digest
from harness.engine.backend import Options
from harness.metrics.estimate import estimate
from harness.training.protocol import Protocol, Split, labels_of, request_of
from harness.types import Chosen, Example, Task

VERSION = 2
"""Raised whenever the training below changes: older checkpoints are then not taken."""


def recipe_of(source: Path, task: Task, split: Split, protocol: Protocol, options: Options) -> str:
    """A hash of all that goes into the weights of a head."""
    from harness.engine.files import sha256_of, weight_files

    weights = sha256_of(weight_files(source, options.allow_pickle), source)
    return digest([VERSION, weights, task.name, task.version, labels_of(task, split), split.sha256, asdict(protocol)])


def _is_number(labels: Sequence[str]) -> bool:
    return all(label.lstrip("-").replace(".", "", 1).isdigit() for label in labels)


def _rows(task: Task, examples: Sequence[Example], tokenizer: Any, limit: int) -> list[dict[str, Any]]:
    """Token ids and target of every example; a label that is a number is trained on the row's own ``label``."""
    rows = []
    for example in examples:
        request = request_of(task, example)
        number = _is_number(request.labels)
        target = float(example.fields.get("label", example.target)) if number else int(example.target)
        rows.append({**tokenizer(*request.inputs, truncation="longest_first", max_length=limit), "labels": target})
    return rows


def train(source: Path, folder: Path, task: Task, split: Split, protocol: Protocol, options: Options) -> None:
    """Train and save into a folder that gets its name when it is complete."""
    from transformers import set_seed
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    set_seed(protocol.seed)
    model, tokenizer = _with_head(source, labels_of(task, split), protocol, options)
    limit = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    parts = [_rows(task, examples, tokenizer, limit) for examples in (split.train, split.held_out)]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".training-") as scratch:
        judge = held_out_metric(task, split.held_out)
        history = _fit(model, tokenizer, parts, judge, protocol, Path(scratch) / "steps", options)
        trained = Path(scratch) / "model"
        model.save_pretrained(trained)
        tokenizer.save_pretrained(trained)
        (trained / "training.json").write_text(json.dumps(history), encoding="utf-8")
        if not folder.is_dir():
            shutil.move(trained, folder)


def _with_head(source: Path, labels: Sequence[str], protocol: Protocol, options: Options) -> tuple[Any, Any]:
    """The encoder with a fresh head for ``labels`` (one output when they are numbers), and its tokenizer."""
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    from harness.engine.files import require_settings, require_weights, weight_files
    from harness.engine.loaded import refuse_quantised, refuse_random

    require_settings(source)
    require_weights(weight_files(source, options.allow_pickle))
    trust = options.trust_remote_code
    names = {0: "value"} if _is_number(labels) else dict(enumerate(labels))
    config = AutoConfig.from_pretrained(source, trust_remote_code=trust)
    refuse_quantised(source.name, config)
    config.num_labels = len(names)
    config.id2label, config.label2id = names, {name: i for i, name in names.items()}
    config.problem_type = "regression" if len(names) == 1 else "single_label_classification"
    for name in ("classifier_dropout", "hidden_dropout_prob", "attention_probs_dropout_prob"):
        if hasattr(config, name):
            setattr(config, name, protocol.dropout)
    model, loading = AutoModelForSequenceClassification.from_pretrained(
        source,
        config=config,
        trust_remote_code=trust,
        use_safetensors=not options.allow_pickle or None,
        output_loading_info=True,
    )
    body = f"{model.base_model_prefix}."
    refuse_random(source.name, loading, lambda weight: not weight.startswith(body) or ".pooler." in weight)
    if protocol.head_only:
        for name, parameter in model.base_model.named_parameters():
            parameter.requires_grad = name.startswith("pooler")
    return model, AutoTokenizer.from_pretrained(source, trust_remote_code=trust)


HELD_OUT = "eval_held_out"
TIE = 1e-4
"""Weight of the loss beside the metric: it only decides between epochs that the metric cannot tell apart."""


def held_out_metric(task: Task, examples: Sequence[Example]) -> Callable[[Any], dict[str, float]]:
    """What early stopping looks at: the task's first metric of the head's outputs [n, labels] for ``examples``.

    Ties by the mean loss; -1 where it is undefined. Of numbers the squared error alone, since a correlation does not
    see their size.
    """
    from harness.engine.encoders.classifier import answer_of

    first, labels = task.metrics[0], request_of(task, examples[0]).labels

    def judge(evaluation: Any) -> dict[str, float]:
        outputs = np.asarray(evaluation.predictions, dtype=float).reshape(len(examples), -1)
        responses = [answer_of(row.tolist(), labels, range(len(labels))) for row in outputs]
        loss = float(np.mean([_loss(example, r) for example, r in zip(examples, responses, strict=True)]))
        if responses[0].text:
            return {HELD_OUT.removeprefix("eval_"): -loss}
        outcomes = [running.judge_one(task, e, (), (r,)) for e, r in zip(examples, responses, strict=True)]
        value = estimate(task.name, first, "all", outcomes).value
        sign = 1.0 if first.better == "higher" else -1.0
        return {HELD_OUT.removeprefix("eval_"): (-1.0 if value is None else sign * value) - TIE * loss}

    return judge


def _loss(example: Example, response: Chosen) -> float:
    """Cross-entropy of a class, squared error of a number."""
    if response.logprobs:
        return -response.logprobs[int(example.target)]
    return (float(response.text) - float(example.fields.get("label", example.target))) ** 2


def _arguments(protocol: Protocol, rate: float, scratch: Path, options: Options) -> Any:
    """The protocol in the words of transformers: an evaluation each epoch, the best one kept, nothing reported."""
    from torch.cuda import is_available
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=str(scratch),
        num_train_epochs=protocol.epochs,
        per_device_train_batch_size=protocol.batch,
        per_device_eval_batch_size=protocol.batch,
        learning_rate=rate,
        weight_decay=protocol.weight_decay,
        warmup_steps=0.1,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        save_only_model=True,
        load_best_model_at_end=True,
        metric_for_best_model=HELD_OUT,
        greater_is_better=True,
        seed=protocol.seed,
        data_seed=protocol.seed,
        report_to=[],
        disable_tqdm=True,
        logging_strategy="no",
        use_cpu=options.device == "cpu",
        remove_unused_columns=False,
        dataloader_pin_memory=is_available(),
        train_sampling_strategy="group_by_length",
    )


def _fit(
    model: Any,
    tokenizer: Any,
    parts: Sequence[list[dict[str, Any]]],
    judge: Callable[[Any], dict[str, float]],
    protocol: Protocol,
    scratch: Path,
    options: Options,
) -> dict[str, float]:
    """Train on the first part until ``judge`` of the second has not risen for ``patience`` epochs; the best stays.

    Returns how many epochs ran and the learning rate.
    """
    from torch.utils.data import SequentialSampler
    from transformers import DataCollatorWithPadding, EarlyStoppingCallback, PrinterCallback, Trainer

    rate = protocol.rate(model.config.hidden_size)

    class InOrder(Trainer):
        """Evaluates examples in their order, not by length: the metric needs to know which outputs are whose."""

        def _get_eval_sampler(self, eval_dataset: Any) -> Any:
            return SequentialSampler(eval_dataset)

    trainer = InOrder(
        model=model,
        args=_arguments(protocol, rate, scratch, options),
        train_dataset=parts[0],
        eval_dataset=parts[1],
        compute_metrics=judge,
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=protocol.patience)],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return {"epochs": float(trainer.state.epoch or 0), "learning_rate": rate}
