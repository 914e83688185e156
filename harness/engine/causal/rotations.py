"""Rotations of positions whose angles depend on the length of the batch (dynamic, longrope)."""

from typing import Any

import torch

_RESCALED = ("dynamic", "longrope", "yarn_dynamic")
"""Rotations whose angles follow from the length of the longest sequence of a batch."""


def forget_lengths(model: Any) -> None:
    """Rotations that remember the longest text so far begin anew: no number may depend on what was asked before."""
    if rescaled_above(model) is not None:
        model.base_model(input_ids=torch.zeros((1, 1), dtype=torch.long, device=model.device), use_cache=False)


def rescaled_above(model: Any) -> int | None:
    """Tokens from which on the model rotates positions by the length of its batch; None: it never does.

    Up to there it goes on from a state; longer sequences only keep company with those of their own length.
    """
    config = model.config.get_text_config()
    rope = getattr(config, "rope_parameters", None) or {}
    if not isinstance(rope, dict) or rope.get("rope_type") not in _RESCALED:
        return None
    return int(rope.get("original_max_position_embeddings") or config.max_position_embeddings)
