"""LoRA adapters: a fine-tune kept as low-rank updates of some linear layers, which are added to a base's weights.

W' = W + s B A, where s = alpha / r, or alpha / sqrt(r) where the adapter is rank-stabilised (Hu et al. 2021,
arXiv:2106.09685; Kalajdzievski 2023, arXiv:2312.03732).

An adapter may come from anybody. It names its base, and a path that it names would be a stranger's choice of what is
read here: without the user's word only the Hub name of a model counts. What is not plain LoRA is refused by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.engine.backend import Options
from harness.engine.files import require_weights, settings_of, sha256_of, tokenizer_files
from harness.errors import ModelError, UsageError, quoted

if TYPE_CHECKING:
    import torch  # which looking for a model must not wait for

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
INSTEAD = "merge it into its base with its own library, and give the merged folder"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
KEY = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")

PLAIN: Mapping[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "bias": ("none",),
    "init_lora_weights": (True, False, "gaussian"),  # others change the base's own weights
}
"""Keys that must say what they say in plain LoRA."""
HARMLESS = {
    *("r", "lora_alpha", "use_rslora", "rank_pattern", "base_model_name_or_path", "revision"),
    *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "fan_in_fan_out"),
    *("lora_dropout", "task_type", "inference_mode", "auto_mapping"),
    *("megatron_core", "peft_version", "qalora_group_size"),
}
"""Keys that are read here, change nothing when a model answers, or are told by the shapes of the weights."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A plain LoRA adapter: ``alpha`` and ``rank`` as its settings have them, ``base`` as they name it."""

    folder: Path
    alpha: float
    rank: int
    stabilised: bool
    various: bool
    """Does the rank differ between layers? Then the weights tell it."""
    base: str
    revision: str

    def scale(self, rank: int) -> float:
        """The factor of an update of this rank."""
        return self.alpha / (math.sqrt(rank) if self.stabilised else rank)

    @property
    def sha256(self) -> str:
        """Of settings and weights."""
        return sha256_of([self.folder / CONFIG, self.folder / WEIGHTS], self.folder)


def adapter_in(folder: Path) -> Adapter | None:
    """The adapter in a folder; None where it holds none. Raises ModelError for one that is not plain LoRA."""
    path = folder / CONFIG
    if not path.is_file():
        return None
    settings = settings_of(path)
    _require_plain(path, settings)
    rank, alpha = settings.get("r"), settings.get("lora_alpha")
    if type(rank) is not int or rank < 1:
        raise ModelError(f"{path}: r = {quoted(rank)} is not a whole number of at least 1")
    if not isinstance(alpha, int | float) or isinstance(alpha, bool) or not math.isfinite(alpha):
        raise ModelError(f"{path}: lora_alpha = {quoted(alpha)} is not a number")
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"{folder} holds an adapter without {WEIGHTS}; pickled weights are not read: {INSTEAD}")
    names = [settings.get(key) or "" for key in ("base_model_name_or_path", "revision")]
    base, revision = (name if isinstance(name, str) else "" for name in names)
    various = bool(settings.get("rank_pattern"))
    return Adapter(folder, float(alpha), rank, settings.get("use_rslora") is True, various, base, revision)


def _require_plain(path: Path, settings: Mapping[str, Any]) -> None:
    """Raise ModelError for the first setting that makes an adapter more than plain LoRA."""
    for key, valid in PLAIN.items():
        value = settings.get(key, valid[0])
        if value not in valid:
            raise ModelError(f"{path}: {key} = {quoted(value)} is not plain LoRA; {INSTEAD}")
    odd = next((key for key, value in settings.items() if value and key not in HARMLESS | PLAIN.keys()), None)
    if odd is not None:
        raise ModelError(f"{path}: {quoted(odd)} = {quoted(settings[odd])} is not plain LoRA; {INSTEAD}")


def base_of(adapter: Adapter, options: Options) -> str:
    """What the base is called: as the user says, else ``hf:ORG/NAME[@REVISION]``, as the adapter names one of the Hub.

    Raises UsageError where the user has to say it: for a path, and where code or pickles of the base may be run.
    """
    if options.base is not None:
        return options.base
    if not HUB_NAME.fullmatch(adapter.base):
        named = f"names {quoted(adapter.base)}, which is no ORG/NAME of the Hub" if adapter.base else "names no base"
        raise UsageError(f"{adapter.folder} holds an adapter that {named}: say what it belongs to with --base MODEL")
    if options.trust_remote_code or options.allow_pickle:
        raise UsageError(
            f"the adapter {adapter.folder} chooses its base {quoted(adapter.base)}, and so the code that would be run: "
            f"confirm it with --base {adapter.base}"
        )
    return f"hf:{adapter.base}" + (f"@{adapter.revision}" if adapter.revision else "")


def tokenizer_folder(adapter: Adapter, base: Path) -> Path:
    """Where the tokenizer is: the adapter's own where it was saved with one, since its chat template was trained."""
    names = {path.name for path in tokenizer_files(adapter.folder)}
    return adapter.folder if names & {"tokenizer.json", "tokenizer_config.json"} else base


def merge(model: Any, adapter: Adapter) -> None:
    """Add an adapter's updates to the weights of its base, in float32.

    Raises ModelError for updates of layers that the base lacks, has in another shape or uses twice.
    """
    from safetensors.torch import load_file

    path = adapter.folder / WEIGHTS
    require_weights([path])
    pairs = _pairs(path, load_file(path))
    layers = {name: module for name, module in model.named_modules() if name in pairs}
    weights = [id(weight) for _, weight in model.named_parameters(remove_duplicate=False)]
    for name, (down, up) in pairs.items():
        if not _is_linear(layers.get(name)):
            raise ModelError(f"{path}: the base has no linear layer {quoted(name)}; is it the right --base?")
        weight = layers[name].weight
        if weight.is_meta:
            raise ModelError(f"{path}: the base does not fit into memory, so no adapter can be added to it")
        if weights.count(id(weight)) > 1:
            raise ModelError(f"{path}: {quoted(name)} shares its weights with another layer; {INSTEAD}")
        _add(path, name, layers[name], adapter, (down, up))


def _add(path: Path, name: str, layer: Any, adapter: Adapter, pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    import torch

    weight = layer.weight
    down, up = (part.to(weight.device, torch.float32) for part in pair)
    rank = down.shape[0]
    if up.shape[1] != rank or (rank != adapter.rank and not adapter.various) or not rank:
        raise ModelError(f"{path}: {quoted(name)} has the rank {rank} and {up.shape[1]}, and r is {adapter.rank}")
    update = adapter.scale(rank) * (up @ down)
    if not isinstance(layer, torch.nn.Linear):
        update = update.T  # Conv1D of GPT-2 keeps [in, out]
    if update.shape != weight.shape:
        shapes = f"{tuple(update.shape)}, and the base has {tuple(weight.shape)}"
        raise ModelError(f"{path}: the update of {quoted(name)} has the shape {shapes}; is it the right --base?")
    if not update.isfinite().all():
        raise ModelError(f"{path}: the update of {quoted(name)} holds numbers that are not finite")
    with torch.no_grad():
        weight.copy_(weight.float() + update)


def _pairs(path: Path, tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """A and B of every layer that is updated. Raises ModelError for whatever else a file holds."""
    halves: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        match = KEY.fullmatch(key)
        if match is None or tensor.dim() != 2:
            raise ModelError(f"{path}: {quoted(key)} is no plain LoRA update of a linear layer; {INSTEAD}")
        halves.setdefault(match[1], {})[match[2]] = tensor
    lone = next((name for name, pair in halves.items() if len(pair) < 2), None)
    if lone is not None or not halves:
        what = f"only half of the update of {quoted(lone)}" if lone is not None else "no updates"
        raise ModelError(f"{path}: holds {what}")
    return {name: (pair["A"], pair["B"]) for name, pair in halves.items()}


def _is_linear(layer: Any) -> bool:
    import torch
    from transformers.pytorch_utils import Conv1D

    return isinstance(layer, torch.nn.Linear | Conv1D)
