"""The fine-tuning protocol: an encoder gets a head for one task, trained on its train split, and is then asked.

As GLUE is meant (Wang et al. 2019). A part of the train split is held out for early stopping; the evaluated split is
never trained on nor looked at. The checkpoint is kept under a hash of all that went into it, so that a run that was
killed, or is repeated, asks the same weights.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from harness import run as running
from harness.data import load
from harness.engine.backend import Backend, Batch, Options
from harness.errors import DataError, Unsupported
from harness.types import Choose, Chosen, Example, Question, Settings, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How a head is trained. ``head_only`` freezes the encoder; the learning rate follows from the model unless given.

    Training ends when the task's first metric on the held-out part has not risen for ``patience`` epochs.
    """

    head_only: bool = False
    train_limit: int | None = None
    held_out: float = 0.1
    epochs: int = 6
    patience: int = 3
    batch: int = 32
    learning_rate: float | None = None
    weight_decay: float = 0.01
    dropout: float = 0.1
    seed: int = 0

    def rate(self, width: int) -> float:
        """The learning rate: 1e-3 for a head alone; for a whole network 5e-5 at BERT's hidden size of 768.

        Devlin et al. 2019; a narrower network gets more, as Adam's step should fall with the width (Yang et al. 2022).
        """
        return self.learning_rate or (1e-3 if self.head_only else 5e-5 * 768 / width)


@dataclass(frozen=True, slots=True)
class Split:
    """What is trained on, what early stopping looks at, and the hash of the rows both come from."""

    train: tuple[Example, ...]
    held_out: tuple[Example, ...]
    sha256: str


class Tuned:
    """A fine-tuned classifier that also tells how well it does on what it was trained on."""

    def __init__(self, inner: Backend, protocol: Protocol, recipe: str, scores: Mapping[str, float]) -> None:
        told = {"protocol": "finetune " + json.dumps(asdict(protocol), sort_keys=True), "recipe": recipe}
        self.inner, self.scores = inner, scores
        self.info = replace(inner.info, fingerprint={**inner.info.fingerprint, **told})

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """See Backend."""
        return self.inner.answer(questions, done)

    def stats(self) -> Mapping[str, float | str]:
        """What the answers cost, the scores on train, held-out and evaluated examples, and their gap."""
        return {**self.inner.stats(), **self.scores}


def tune(
    spec: str, task: Task, protocol: Protocol, *, settings: Settings, options: Options, mirror: Path | None, kept: Path
) -> Tuned:
    """Fine-tune the encoder that ``spec`` names on ``task``, or take the checkpoint that ``kept`` already holds.

    Its statistics hold, for every metric, ``train_NAME``, ``held_out_NAME``, ``validation_NAME`` (the evaluated split
    under ``settings``) and ``gap_NAME``, train minus validation: how far the model over-fits.
    Raises Unsupported for a task without labels, DataError for one without a train split.
    """
    from harness.engine.encoders.classifier import Classifier
    from harness.engine.files import sha256_of, weight_files
    from harness.engine.load import folder_of, open_local

    split = split_of(task, protocol, mirror)
    source = folder_of(spec, options)
    weights = sha256_of(weight_files(source, options.allow_pickle), source)
    recipe = running.digest(
        [VERSION, weights, task.name, task.version, _labels(task, split), split.sha256, asdict(protocol)]
    )
    folder = kept / f"{task.name.replace('/', '-')}-{recipe[:16]}"
    if not folder.is_dir():
        _train(source, folder, task, split, protocol, options)
    backend = open_local(f"{spec} ({task.name})", folder, options)
    assert isinstance(backend, Classifier)
    evaluated = running.plan([task], settings, mirror)[0].examples
    parts = {"train": split.train, "held_out": split.held_out, "validation": evaluated}
    scores = {f"{part}_{name}": v for part, examples in parts.items() for name, v in score(backend, task, examples)}
    gaps = {
        f"gap_{name.removeprefix('train_')}": value - scores[f"validation_{name.removeprefix('train_')}"]
        for name, value in scores.items()
        if name.startswith("train_") and f"validation_{name.removeprefix('train_')}" in scores
    }
    history = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    counts = {f"{part}_examples": float(len(examples)) for part, examples in parts.items()}
    return Tuned(backend, protocol, recipe, {**scores, **gaps, **counts, **history})


VERSION = 2
"""Raised whenever the training below changes: older checkpoints are then not taken."""


def split_of(task: Task, protocol: Protocol, mirror: Path | None) -> Split:
    """The train split by hash of each example's cluster or id, cut to ``train_limit``; the first part is held out."""
    sets = [dataset for dataset in task.shots.dataset if dataset.split.startswith("train")]
    if not sets:
        raise DataError(f"{task.name} names no train split to fine-tune on")
    loaded = [(dataset, load(dataset, mirror)) for dataset in sets]
    examples = [example for dataset, part in loaded for example in task.read(part.rows, dataset)]

    def place(example: Example) -> bytes:
        return blake2b(f"{protocol.seed}\0{task.name}\0{example.cluster or example.id}".encode()).digest()

    ordered = sorted(examples, key=lambda example: (place(example), example.id))[: protocol.train_limit]
    if len(ordered) < 4:
        raise DataError(f"{task.name} has {len(ordered)} train examples; fine-tuning needs at least 4")
    edge = max(1, round(protocol.held_out * len(ordered)))
    while edge < len(ordered) - 1 and place(ordered[edge]) == place(ordered[edge - 1]):  # a cluster stays together
        edge += 1
    return Split(tuple(ordered[edge:]), tuple(ordered[:edge]), running.digest([part.sha256 for _, part in loaded]))


def score(backend: Backend, task: Task, examples: Sequence[Example]) -> list[tuple[str, float]]:
    """Every metric of the task over ``examples``, where it has a value; reference values are left out."""
    requests = [task.ask(example, ()) for example in examples]
    asked = [
        Question(task.name, example.id, part, request)
        for example, parts in zip(examples, requests, strict=True)
        for part, request in enumerate(parts)
    ]
    answers = {position: response for batch in backend.answer(asked) for position, response in batch}
    left = iter([answers[i] for i in range(len(asked))])
    outcomes = [
        running.judge_one(task, example, parts, tuple(next(left) for _ in parts))
        for example, parts in zip(examples, requests, strict=True)
    ]
    told = [metric for metric in task.metrics if metric.interval != "none"]  # no reference values
    found = [running.estimate(task.name, metric, "all", outcomes) for metric in told]
    return [(one.metric, one.value) for one in found if one.value is not None]


# --------------------------------------------------------------------------------------------------------------- train
def _request(task: Task, example: Example) -> Choose:
    """What the head is asked about an example."""
    requests = task.ask(example, ())
    if len(requests) != 1 or not isinstance(requests[0], Choose) or not requests[0].labels or not requests[0].inputs:
        raise Unsupported(f"{task.name} cannot be fine-tuned: it does not ask one choice among labels for its inputs")
    return requests[0]


def _labels(task: Task, split: Split) -> tuple[str, ...]:
    return _request(task, split.train[0]).labels


def _is_number(labels: Sequence[str]) -> bool:
    return all(label.lstrip("-").replace(".", "", 1).isdigit() for label in labels)


def _rows(task: Task, examples: Sequence[Example], tokenizer: Any, limit: int) -> list[dict[str, Any]]:
    """Token ids and target of every example; a label that is a number is trained on the row's own ``label``."""
    rows = []
    for example in examples:
        request = _request(task, example)
        number = _is_number(request.labels)
        target = float(example.fields.get("label", example.target)) if number else int(example.target)
        rows.append({**tokenizer(*request.inputs, truncation="longest_first", max_length=limit), "labels": target})
    return rows


def _train(source: Path, folder: Path, task: Task, split: Split, protocol: Protocol, options: Options) -> None:
    """Train and save into a folder that gets its name when it is complete."""
    from transformers import set_seed
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    set_seed(protocol.seed)
    model, tokenizer = _with_head(source, _labels(task, split), protocol, options)
    limit = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    parts = [_rows(task, examples, tokenizer, limit) for examples in (split.train, split.held_out)]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".training-") as scratch:
        judge = held_out_metric(task, split.held_out)
        history = _fit(model, tokenizer, parts, judge, protocol, Path(scratch) / "steps", options)
        made = Path(scratch) / "model"
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
        (made / "training.json").write_text(json.dumps(history), encoding="utf-8")
        if not folder.is_dir():
            shutil.move(made, folder)


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
        source, config=config, trust_remote_code=trust, use_safetensors=not options.allow_pickle or None,
        output_loading_info=True,
    )  # fmt: skip
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
    first = task.metrics[0]

    def judge(found: Any) -> dict[str, float]:
        outputs = np.asarray(found.predictions, dtype=float).reshape(len(examples), -1)
        responses = [_response(task, example, row) for example, row in zip(examples, outputs, strict=True)]
        loss = float(np.mean([_loss(example, r) for example, r in zip(examples, responses, strict=True)]))
        if responses[0].text:
            return {HELD_OUT.removeprefix("eval_"): -loss}
        outcomes = [running.judge_one(task, e, (), (r,)) for e, r in zip(examples, responses, strict=True)]
        value = running.estimate(task.name, first, "all", outcomes).value
        sign = 1.0 if first.better == "higher" else -1.0
        return {HELD_OUT.removeprefix("eval_"): (-1.0 if value is None else sign * value) - TIE * loss}

    return judge


def _loss(example: Example, response: Chosen) -> float:
    """Cross-entropy of a class, squared error of a number."""
    if response.logprobs:
        return -response.logprobs[int(example.target)]
    return (float(response.text) - float(example.fields.get("label", example.target))) ** 2


def _response(task: Task, example: Example, row: Any) -> Chosen:
    """A head's outputs for one example as the answer that the task judges; a single output is the number itself."""
    if len(row) == 1:
        labels = [float(label) for label in _request(task, example).labels]
        nearest = min(range(len(labels)), key=lambda i: abs(labels[i] - row[0]))
        return Chosen(nearest, text=repr(float(row[0])))
    logs = row - row.max() - np.log(np.exp(row - row.max()).sum())
    return Chosen(int(row.argmax()), tuple(map(float, logs)), (1,) * len(row))


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
    from torch.cuda import is_available
    from torch.utils.data import SequentialSampler
    from transformers import DataCollatorWithPadding, EarlyStoppingCallback, PrinterCallback, Trainer, TrainingArguments

    rate = protocol.rate(model.config.hidden_size)
    arguments = TrainingArguments(
        output_dir=str(scratch), num_train_epochs=protocol.epochs, per_device_train_batch_size=protocol.batch,
        per_device_eval_batch_size=protocol.batch, learning_rate=rate, weight_decay=protocol.weight_decay,
        warmup_steps=0.1, eval_strategy="epoch", save_strategy="epoch", save_total_limit=1, save_only_model=True,
        load_best_model_at_end=True, metric_for_best_model=HELD_OUT, greater_is_better=True,
        seed=protocol.seed, data_seed=protocol.seed, report_to=[], disable_tqdm=True, logging_strategy="no",
        use_cpu=options.device == "cpu", remove_unused_columns=False, dataloader_pin_memory=is_available(),
        train_sampling_strategy="group_by_length",
    )  # fmt: skip

    class InOrder(Trainer):
        """Evaluates examples in their order, not by length: the metric needs to know which outputs are whose."""

        def _get_eval_sampler(self, eval_dataset: Any) -> Any:
            return SequentialSampler(eval_dataset)

    trainer = InOrder(
        model=model, args=arguments, train_dataset=parts[0], eval_dataset=parts[1], compute_metrics=judge,
        data_collator=DataCollatorWithPadding(tokenizer),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=protocol.patience)],
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return {"epochs": float(trainer.state.epoch or 0), "learning_rate": rate}
