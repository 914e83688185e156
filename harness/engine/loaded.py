"""Whether what was loaded is what the checkpoint means: no random weights, no token without an embedding."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.errors import ModelError


def refuse_quantised(name: str, config: Any) -> None:
    """Raise ModelError for quantised weights: no fast path has been compared with a reference for them."""
    settings = getattr(config, "quantization_config", None) or getattr(
        config.get_text_config(), "quantization_config", None
    )
    if settings:
        method = settings.get("quant_method") if isinstance(settings, dict) else getattr(settings, "quant_method", None)
        raise ModelError(
            f"model {name!r}: its weights are quantised ({str(method or 'quantization_config')[:40]}), which is not "
            "supported; valid: weights in float32, bfloat16 or float16"
        )


def refuse_random(
    name: str, loading: Mapping[str, Any], trained: Callable[[str], bool] = lambda weight: False
) -> tuple[str, ...]:
    """What to tell of weights that the model has no place for, from transformers' ``loading`` report.

    ``trained`` says of a weight that it will be trained and may start at random. Raises ModelError for every other
    weight that the checkpoint lacks or has in another shape: random numbers would stand in for it.
    """
    lacking = sorted(key for key in loading["missing_keys"] if not trained(key))
    spare = sorted(loading["unexpected_keys"])
    unread = f"not read, as the model has no place for them: {_some(spare)}" if spare else ""
    if lacking:
        raise ModelError(
            f"model {name!r}: the checkpoint lacks weights, which would be random: {_some(lacking)}"
            + (f"; {unread}" if unread else "")
        )
    shapes = [f"{key} has {tuple(ours)}, needs {tuple(needed)}" for key, ours, needed in loading["mismatched_keys"]]
    if shapes:
        raise ModelError(f"model {name!r}: weights of another shape than config.json says: {_some(sorted(shapes))}")
    return (f"weights of the checkpoint that are {unread}",) if unread else ()


def require_token_numbers(name: str, settings: Any) -> None:
    """Raise ModelError when a generation config names a token by anything but its number. ``settings`` may be None."""
    for kind in ("eos_token_id", "decoder_start_token_id", "forced_bos_token_id"):
        value = getattr(settings, kind, None)
        several = value if isinstance(value, list) else [] if value is None else [value]
        if not all(isinstance(token, int) and not isinstance(token, bool) for token in several):
            raise ModelError(
                f"model {name!r}: generation_config.json: {kind} {str(value)[:200]!r} is no token's number"
            )


def rows_of(name: str, model: Any, tokenizer: Any) -> int | None:
    """How many tokens have embeddings where a special token that texts seldom hold has none; None where all have one.

    Raises ModelError when an ordinary token, or one that frames or pads texts, has none.
    """
    rows = int(model.get_input_embeddings().weight.shape[0])
    beyond = {token: place for token, place in tokenizer.get_vocab().items() if place >= rows}
    if not beyond:
        return None
    named = {getattr(tokenizer, f"{kind}_token_id") for kind in ("bos", "eos", "unk", "pad", "cls", "sep", "mask")}
    added = tokenizer.added_tokens_decoder
    needed = sorted(
        t for t, place in beyond.items() if place in named or place not in added or not added[place].special
    )
    if needed:
        raise ModelError(
            f"model {name!r}: the tokenizer has tokens that the model has no embedding for ({rows} embeddings): "
            f"{_some([repr(token[:40]) for token in needed])}; do model and tokenizer belong together?"
        )
    return rows


def _some(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
