"""What one layer's attention does besides the softmax of scaled products: windows, chunks, caps and sinks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

UNKNOWN = ("position_bias", "head_mask")
"""Arguments of an attention that is not known here."""


@dataclass(frozen=True, slots=True)
class LayerRule:
    """The attention of one layer; a token's depth is how many tokens stand before it in its own sequence.

    ``window``: a token sees ancestors fewer than so many tokens above it. ``chunk``: it sees those of its own chunk of
    so many. ``cap``: scores become cap * tanh(score / cap). ``sinks`` [h]: a learned logit that takes mass and gives
    nothing.
    """

    scale: float
    window: int | None = None
    chunk: int | None = None
    cap: float | None = None
    sinks: Tensor | None = None

    @property
    def reach(self) -> int | None:
        """Tokens that can be seen at most, itself included; None: all."""
        return min((one for one in (self.window, self.chunk) if one is not None), default=None)

    def without_sinks(self) -> "LayerRule":
        """For a part of the keys: the sink belongs to the whole."""
        return replace(self, sinks=None)


def rule_of(module: Any, width: int, scaling: float | None, others: Mapping[str, Any]) -> LayerRule:
    """The rule by which ``module`` attends, from what transformers passes to an attention function.

    Raises ValueError for what is not known here.
    """
    strange = [name for name in UNKNOWN if others.get(name) is not None]
    if strange:
        raise ValueError(f"attention with {', '.join(strange)} is not known here")
    config = getattr(module, "config", None)
    types = getattr(config, "layer_types", None) or ()
    chunked = module.layer_idx < len(types) and types[module.layer_idx] == "chunked_attention"
    return LayerRule(
        scale=scaling if scaling is not None else width**-0.5,
        window=others.get("sliding_window"),
        chunk=config.attention_chunk_size if chunked and config is not None else None,
        cap=others.get("softcap"),
        sinks=others.get("s_aux"),
    )
