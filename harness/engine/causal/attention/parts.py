"""Attention over a part of the keys, and how parts are joined by their log-sum-exp; plain torch, for every device."""

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.engine.causal.attention.rule import LayerRule

Part = tuple[Tensor, Tensor]
"""Output [b, h, n, d] over some of the keys, and the log-sum-exp of their scores [b, h, n] in float32."""


def partial_attention(
    q: Tensor, k: Tensor, v: Tensor, rule: LayerRule, *, causal: bool = False, mask: Tensor | None = None
) -> Part:
    """Attention over a part of the keys.

    q [b, h, n, d]; k, v [b, h_kv, m, d] with h a multiple of h_kv; mask [b, 1 or h, 1 or n, m], added to the scores;
    causal: n = m. Of ``rule`` only scale and cap are applied here: ``limited`` makes masks of the rest.
    """
    if q.device.type == "cpu" and q.shape[-1] == v.shape[-1] and rule.cap is None:
        op = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        out, mass = op(q, k, v, 0.0, causal, attn_mask=mask, scale=rule.scale)
    else:
        out, mass = _plain(q, k, v, rule, causal, mask)
    if mask is not None and rule.reach is not None:  # a row may see none of these keys
        blank = (mask == -torch.inf).all(-1).expand(mass.shape)
        return out.masked_fill(blank[..., None], 0.0), mass.masked_fill(blank, -torch.inf)
    return out, mass


def _plain(q: Tensor, k: Tensor, v: Tensor, rule: LayerRule, causal: bool, mask: Tensor | None) -> Part:
    group = q.shape[1] // k.shape[1]
    scores = (q @ k.repeat_interleave(group, 1).transpose(-1, -2)).float() * rule.scale  # [b, h, n, m]
    if rule.cap is not None:
        scores = rule.cap * torch.tanh(scores / rule.cap)
    if mask is not None:
        scores = scores + mask
    if causal:
        rows, columns = scores.shape[-2:]
        scores = scores.masked_fill(torch.ones(rows, columns, dtype=torch.bool, device=q.device).triu(1), -torch.inf)
    mass = scores.logsumexp(-1)
    return (scores - mass[..., None]).exp().to(v.dtype) @ v.repeat_interleave(group, 1), mass


def join(parts: Sequence[Part], rule: LayerRule) -> Tensor:
    """One attention from attentions over disjoint keys: outputs [..., d] weighted by exp(mass - total mass)."""
    masses = [mass for _, mass in parts]
    if rule.sinks is not None:
        masses.append(rule.sinks.to(masses[0]).view(1, -1, 1).expand_as(masses[0]))
    if len(masses) == 1:
        return parts[0][0]
    weights = torch.stack(masses).softmax(0)[..., None]  # [parts, b, h, n, 1]
    total = sum(out * weight for (out, _), weight in zip(parts, weights, strict=False))
    assert isinstance(total, Tensor)
    return total.to(parts[0][0].dtype)


def over_prefix(q: Tensor, k: Tensor, v: Tensor, rule: LayerRule, depths: Tensor | None = None) -> Part:
    """Attention of q [1, h, n, d] over keys that all of it may see; the heads of a group are more rows of one product.

    ``depths`` [n]: of the rows, where the rule asks for them; key j is at depth j.
    """
    _, heads, count, width = q.shape
    kept = k.shape[1]
    group = heads // kept
    rows = q.reshape(1, kept, group * count, width)
    mask = None
    if depths is not None and needs_depths(rule):
        mask = limited(rule, depths, torch.arange(k.shape[2], device=q.device), None, q.dtype)
        if mask is not None:
            mask = mask.expand(1, group, count, k.shape[2]).reshape(1, 1, group * count, k.shape[2])
    out, mass = partial_attention(rows, k, v, rule, mask=mask)
    return out.reshape(1, heads, count, v.shape[-1]), mass.reshape(1, heads, count)


def causal_mask(q: Tensor) -> Tensor:
    """Additive mask [1, 1, n, n] of rows q [1, h, n, d] over themselves: 0 up to a row's own place, -inf behind it."""
    count = q.shape[2]
    return torch.full((count, count), -torch.inf, dtype=q.dtype, device=q.device).triu(1)[None, None]


def needs_depths(rule: LayerRule) -> bool:
    """Does what a token sees depend on its distance?"""
    return rule.reach is not None


def limited(rule: LayerRule, rows: Tensor, keys: Tensor, mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """``mask`` [b, 1, n, m] with the rule's window and chunk; None where they hide nothing and there was none.

    rows [n] or [b, 1, n, 1] and keys [m]: depths.
    """
    if not needs_depths(rule):
        return mask
    rows = rows[None, None, :, None] if rows.dim() == 1 else rows
    distance = rows - keys
    hidden = torch.zeros_like(distance, dtype=torch.bool)
    if rule.window is not None:
        hidden |= distance >= rule.window
    if rule.chunk is not None:
        hidden |= rows // rule.chunk != keys // rule.chunk
    if not bool(hidden.any()):
        return mask
    far = torch.zeros(distance.shape, dtype=dtype, device=distance.device).masked_fill(hidden, -torch.inf)
    return far if mask is None else far + mask
