"""What a model's name stands for: a folder, the Hub, the embedded model, a server, a file or a script."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.engine.backend import Backend, Exam, Options
from harness.engine.source import folder_of, refuse_base

if TYPE_CHECKING:
    from harness.engine.causal.backend import Causal
    from harness.engine.causal.reference import Reference
    from harness.engine.checkpoint import Checkpoint
    from harness.engine.encoders.classifier import Classifier
    from harness.engine.encoders.masked import Masked
    from harness.engine.encoders.seq2seq import Seq2seq


def load(spec: str, options: Options, exams: Sequence[Exam] = ()) -> Backend:
    """Open the model that ``spec`` names; ``exams`` are what a scripted one will be asked.

    Raises UnknownName for a name that stands for nothing, ModelError for one that does not load.
    """
    scheme, _, rest = spec.partition(":")
    refuse_base(spec, options)
    if scheme == "openai" and rest:
        from harness.engine.elsewhere.http import open_http

        return open_http(rest, options)
    if scheme == "replay" and rest:
        from harness.engine.elsewhere.replay import open_replay

        return open_replay(Path(rest))
    if scheme == "scripted" and rest:
        from harness.engine.elsewhere.scripted import open_scripted

        return open_scripted(rest, exams)
    return open_local(spec, folder_of(spec, options), options)


def open_local(name: str, folder: Path, options: Options) -> Backend:
    """Read the weights in ``folder`` and hand them to the backend for their kind of model."""
    from harness.engine.checkpoint import read_checkpoint
    from harness.engine.files import told

    checkpoint = read_checkpoint(name, folder, options)
    with told(f"model {name!r} does not compute"):
        return open_checkpoint(checkpoint)


def open_in_memory(model: object, tokenizer: object, options: Options) -> Backend:
    """A backend for a transformers model that is loaded already. Raises ModelError, UsageError."""
    from harness.engine.files import told
    from harness.engine.memory import checkpoint_in_memory

    with told(f"a {type(model).__name__} does not compute"):
        return open_checkpoint(checkpoint_in_memory(model, tokenizer, options))


def open_checkpoint(checkpoint: "Checkpoint") -> Backend:
    """The backend for the kind of model that is in memory, with what is known of the checkpoint."""
    backend = _backend(checkpoint)
    backend.info = replace(
        backend.info, notices=checkpoint.notices, devices=checkpoint.devices, parameters=checkpoint.parameters
    )
    return backend


def _backend(checkpoint: "Checkpoint") -> "Causal | Classifier | Masked | Reference | Seq2seq":
    if checkpoint.family == "seq2seq":
        from harness.engine.encoders.seq2seq import Seq2seq

        return Seq2seq(checkpoint)
    if checkpoint.family == "classifier":
        from harness.engine.encoders.classifier import open_classifier

        return open_classifier(checkpoint)
    if checkpoint.family == "masked":
        from harness.engine.encoders.masked import open_masked

        return open_masked(checkpoint)
    if checkpoint.options.engine == "reference":
        from harness.engine.causal.reference import Reference

        return Reference(checkpoint)
    from harness.engine.causal.backend import Causal

    return Causal(checkpoint)
