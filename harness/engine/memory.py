"""A transformers model and tokenizer that are in memory already, with a fingerprint of all their numbers."""

import hashlib
from typing import Any

import torch

from harness.engine.backend import Options
from harness.engine.checkpoint import Checkpoint, chat_template_of, context_of, family_of, reading_of
from harness.engine.loaded import refuse_quantised, require_token_numbers, rows_of
from harness.errors import ModelError, UsageError


def checkpoint_in_memory(model: Any, tokenizer: Any, options: Options) -> Checkpoint:
    """The model as it stands, put into eval mode; its weights, config and tokenizer are hashed.

    Raises ModelError for what is no such model, UsageError for options that only loading could honour.
    """
    _require_in_memory(model, tokenizer, options)
    name = str(model.config.name_or_path or type(model).__name__)
    known = type(model).__name__ in (model.config.architectures or ())
    config = model.config if known else _named(model)
    family = family_of(config)
    refuse_quantised(name, config)
    require_token_numbers(name, getattr(model, "generation_config", None))
    template = chat_template_of(name, family, tokenizer, options)
    fingerprint = {
        "weights": _sha256_of_weights(model),
        "config": _sha256(model.config.to_json_string()),
        "tokenizer": _sha256(_text_of(tokenizer)),
        **reading_of(options, model.dtype, template),
    }
    return Checkpoint(
        name=name,
        family=family,
        model=model.eval(),
        tokenizer=tokenizer,
        device=model.device,
        dtype=model.dtype,
        fingerprint=fingerprint,
        context=context_of(config, tokenizer),
        options=options,
        load_seconds=0.0,
        rows=rows_of(name, model, tokenizer),
    )


def _require_in_memory(model: Any, tokenizer: Any, options: Options) -> None:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    if not isinstance(model, PreTrainedModel) or not isinstance(tokenizer, PreTrainedTokenizerBase):
        kinds = f"({type(model).__name__}, {type(tokenizer).__name__})"
        raise ModelError(f"{kinds} is not a pair of a transformers model and its tokenizer")
    kept = Options(
        chat=options.chat,
        chat_template=options.chat_template,
        system=options.system,
        engine=options.engine,
        truncate=options.truncate,
        token_budget=options.token_budget,
    )
    if options != kept:
        valid = "chat, chat_template, system, engine, truncate, token_budget"
        raise UsageError(f"a model that is in memory stays where and as it is: of the options only {valid} apply")


def _named(model: Any) -> Any:
    """The config of a model whose class is not the one that its config was saved with, if it was saved at all."""
    config = type(model.config).from_dict(model.config.to_dict())
    config.architectures = [type(model).__name__]
    return config


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _text_of(tokenizer: Any) -> str:
    """All that a tokenizer is: the definition of a fast one, else its class, vocabulary and settings."""
    if tokenizer.is_fast:
        return str(tokenizer.backend_tokenizer.to_str())
    return f"{type(tokenizer).__qualname__} {sorted(tokenizer.get_vocab().items())} {tokenizer.init_kwargs}"


def _sha256_of_weights(model: Any) -> str:
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name}\0{tuple(weight.shape)}\0{weight.dtype}\0".encode())
        digest.update(weight.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())  # without a copy of it
    return digest.hexdigest()
