"""From a folder of weights to a model and its tokenizer on one device, with a fingerprint of all that was read."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import torch

from harness.engine.adapter import merge
from harness.engine.backend import Options
from harness.engine.chat import template_of
from harness.engine.files import (
    broken_vocabulary,
    require_weights,
    tokenizer_files,
    told,
    weight_files,
)
from harness.engine.loaded import refuse_quantised, refuse_random, require_token_numbers, rows_of
from harness.engine.source import ModelSource, source_of
from harness.engine.special import head_of
from harness.errors import ModelError, UsageError
from harness.types import Choose, Generate, Likelihood, PseudoLikelihood

ENGINE_VERSION = "8"
"""Raised whenever a change to the engine may change a digit of an answer."""

Family = Literal["causal", "seq2seq", "classifier", "masked"]
ANSWERS: Mapping[Family, frozenset[type]] = {
    "causal": frozenset({Choose, Generate, Likelihood}),
    "seq2seq": frozenset({Choose, Generate, Likelihood}),
    "masked": frozenset({Choose, Likelihood, PseudoLikelihood}),
    "classifier": frozenset({Choose}),
}
"""The kinds of request that a model of each family answers."""

_CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "max_seq_len", "seq_length")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model that is in memory, ready to compute: what every kind of backend for local models starts from.

    ``context``: tokens that it can read at once. ``rows``: how many tokens have embeddings where a special token has
    none, else None. ``notices``: what its user should be told.
    """

    name: str
    family: Family
    model: Any  # transformers.PreTrainedModel in eval mode
    tokenizer: Any  # transformers.PreTrainedTokenizerBase
    device: torch.device
    dtype: torch.dtype
    fingerprint: Mapping[str, str]
    context: int | None
    options: Options
    load_seconds: float
    rows: int | None = None
    notices: tuple[str, ...] = ()

    @property
    def devices(self) -> tuple[str, ...]:
        """Every device that holds weights."""
        return tuple(sorted({str(weight.device) for weight in self.model.parameters()}))

    @property
    def offloaded(self) -> bool:
        """Does accelerate fetch some of the weights from memory or disk whenever a module computes?"""
        return any(weight.is_meta for weight in self.model.parameters())

    @property
    def parameters(self) -> int:
        """Numbers that the model holds, tied ones once."""
        return sum(weight.numel() for weight in self.model.parameters())


def family_of(config: Any) -> Family:
    """Which kind of model a config describes.

    Raises ModelError for an architecture that answers no kind of request.
    """
    names = tuple(map(str, config.architectures)) if isinstance(config.architectures, list) else ()
    if any(name.endswith("ForSequenceClassification") for name in names):
        return "classifier"
    if config.is_encoder_decoder:
        return "seq2seq"
    if any(name.endswith(("ForMaskedLM", "ForPreTraining")) for name in names):
        return "masked"
    if any("CausalLM" in name or "LMHead" in name or name.endswith("ForConditionalGeneration") for name in names):
        return "causal"
    shown = ", ".join(names) or "none"
    raise ModelError(
        f"architecture {shown!r} is not supported; valid: *ForCausalLM, *LMHeadModel, *ForConditionalGeneration, "
        "*ForSequenceClassification, *ForMaskedLM"
    )


def device_of(name: str) -> torch.device:
    """The torch device that ``name`` stands for; "auto" takes CUDA, then MPS, then the CPU.

    Raises UsageError for a device that this machine does not have.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {name!r} is not available here; valid: auto, cpu, cuda, cuda:N, mps") from error
    return device


def dtype_of(options: Options, device: torch.device, config: Any) -> torch.dtype:
    """Float32 on a CPU and for the reference; elsewhere what the checkpoint was saved in, unless the options say."""
    if options.dtype != "auto":
        return torch.float32 if options.engine == "reference" else getattr(torch, options.dtype)
    if device.type == "cpu" or options.engine == "reference":
        return torch.float32
    return config.dtype if isinstance(config.dtype, torch.dtype) else torch.float32


def context_of(config: Any, tokenizer: Any) -> int | None:
    """How many tokens the model can read at once, from its config or else its tokenizer; None when neither says."""
    text = config.get_text_config()
    for name in _CONTEXT_NAMES:
        value = getattr(text, name, None)
        if isinstance(value, int) and value > 0:
            return value
    limit = tokenizer.model_max_length
    return int(limit) if limit < 10**9 else None


def _auto_class(family: Family) -> Any:
    import transformers

    return {
        "causal": transformers.AutoModelForCausalLM,
        "seq2seq": transformers.AutoModelForSeq2SeqLM,
        "classifier": transformers.AutoModelForSequenceClassification,
        "masked": transformers.AutoModelForMaskedLM,
    }[family]


def _placement(device: torch.device, weights: list[Path]) -> dict[str, Any]:
    """``device_map`` arguments: several GPUs share a model that does not fit on the one asked for."""
    size = sum(path.stat().st_size for path in weights)
    if device.type == "cuda" and torch.cuda.device_count() > 1 and size * 1.2 > torch.cuda.mem_get_info(device)[0]:
        return {"device_map": "auto"}
    return {}


def read_checkpoint(name: str, folder: Path, options: Options) -> Checkpoint:
    """Read config, tokenizer and weights of ``folder``; the weights are hashed while transformers is imported.

    Where ``folder`` holds an adapter its base is read, and the adapter added.

    Raises ModelError when something is missing or unreadable, UsageError for a device that is not there and for a chat
    that the model does not have.
    """
    source = source_of(folder, options)
    weights = weight_files(source.folder, options.allow_pickle)
    source.require_settings()
    with ThreadPoolExecutor(1) as pool:
        prints = pool.submit(source.fingerprint, weights, options.trust_remote_code)
        return _read(name, source, weights, options, prints)


def _read(
    name: str, source: ModelSource, weights: list[Path], options: Options, prints: Future[dict[str, str]]
) -> Checkpoint:
    from transformers import AutoConfig
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    started = perf_counter()
    trust, folder = options.trust_remote_code, source.folder
    with told(f"model {name!r} does not load: {folder / 'config.json'}"):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust)
        family = family_of(config)
        refuse_quantised(name, config)
        device = device_of(options.device)
        dtype = dtype_of(options, device, config)
    tokenizer = open_tokenizer(name, source.tokenizer, trust)
    with told(f"model {name!r} does not load: {folder / 'config.json'}"):
        context = context_of(config, tokenizer)
    template = chat_template_of(name, family, tokenizer, options)
    require_weights(weights)
    with told(f"model {name!r} does not load: {weights[0]}"):
        model, notices = _weights(name, source, options, _How(family, config, device, dtype), weights)
        rows = rows_of(name, model, tokenizer)
    return Checkpoint(
        name=name,
        family=family,
        model=model.eval(),
        tokenizer=tokenizer,
        device=model.device,
        dtype=dtype,
        fingerprint=prints.result() | reading_of(options, dtype, template),
        context=context,
        options=options,
        load_seconds=perf_counter() - started,
        rows=rows,
        notices=notices,
    )


def reading_of(options: Options, dtype: torch.dtype, template: str | None) -> dict[str, str]:
    """What a fingerprint has beside the files of a model: everything else that can change an answer."""
    return {
        "dtype": str(dtype).removeprefix("torch."),
        "chat_template": hashlib.sha256(template.encode()).hexdigest() if template else "none",
        "system": options.system or "none",
        "truncate": options.truncate or "none",
        "engine": f"{options.engine}-{ENGINE_VERSION}",
    }


@dataclass(frozen=True, slots=True)
class _How:
    """As what weights are read, and where to."""

    family: Family
    config: Any
    device: torch.device
    dtype: torch.dtype


def _weights(
    name: str, source: ModelSource, options: Options, how: _How, weights: list[Path]
) -> tuple[Any, tuple[str, ...]]:
    """The model with its weights, an adapter's updates among them, and what its user should be told."""
    settings = {"config": how.config, "dtype": how.dtype, "trust_remote_code": options.trust_remote_code}
    if not options.allow_pickle:
        settings["use_safetensors"] = True
    if getattr(how.config.get_text_config(), "attn_logit_softcapping", None) is not None:
        settings["attn_implementation"] = "eager"  # sdpa knows no cap: some releases of transformers leave it out
    placement = _placement(how.device, weights)
    model, loading = _model(_auto_class(how.family), source.folder, settings, how.device, placement)
    if model.device.type == "meta":
        raise ModelError(
            f"model {name!r} does not fit into memory: even its embeddings would stay on the disk; valid: --dtype "
            "bfloat16, a smaller model, or a machine with more memory"
        )
    notices = refuse_random(name, loading)
    require_token_numbers(name, getattr(model, "generation_config", None))
    if source.adapter:
        merge(model, source.adapter)
        notices = (*notices, f"a LoRA adapter, added to its base {source.base}")
    return model, notices


def _model(
    auto: Any, folder: Path, how: dict[str, Any], device: torch.device, placement: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """A model on ``device``, or where ``placement`` puts its parts, and what transformers tells of its weights.

    Weights of another shape than the config says come back in the report, to be refused by their names.
    """
    model, loading = auto.from_pretrained(
        folder, ignore_mismatched_sizes=True, output_loading_info=True, **how, **placement
    )
    return (model if placement else model.to(device)), loading


def open_tokenizer(name: str, folder: Path, trust: bool) -> Any:
    """The tokenizer in a folder. Raises ModelError for one that cannot encode."""
    from transformers import AutoTokenizer

    files = ", ".join(path.name for path in tokenizer_files(folder)) or "no file"
    with told(f"model {name!r} does not load: its tokenizer ({files})", lambda: broken_vocabulary(folder)):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust)
        longest = tokenizer.model_max_length
        if not isinstance(longest, int | float) or longest < 1:
            tokenizer.model_max_length = 10**30  # as transformers says that there is no limit
        head_of(tokenizer)  # it can encode at all
    return tokenizer


def chat_template_of(name: str, family: Family, tokenizer: Any, options: Options) -> str | None:
    """The template that a causal model is asked through, None without a chat. Raises UsageError where it has none."""
    if not options.chat:
        return None
    if family != "causal":
        raise UsageError(f"model {name!r} is a {family} model, which reads no chat; run without --chat")
    try:
        return template_of(tokenizer, options.chat_template)
    except UsageError as error:
        raise UsageError(f"model {name!r} {error}") from None
