"""Decides at load how a causal model can be run, by comparing with its own plain forward pass on a few tokens."""

from typing import Any

import numpy as np
import torch

from harness.engine.encode import Span
from harness.engine.fuse import fusable
from harness.engine.plan import Plan, plan, plan_padded
from harness.engine.reference import score
from harness.engine.score import Scorer, Work
from harness.errors import ModelError

TOLERANCE = {torch.float32: 2e-4}
"""Per token; the half precisions get what their mantissa allows."""
COARSE = 0.15
_RESCALED = ("dynamic", "longrope", "yarn_dynamic")
_HEADS = ("final_logit_softcapping", "logit_scale", "logits_scaling")


def open_scorer(model: Any) -> tuple[Scorer, str]:
    """The fastest way to run ``model`` that gives its own numbers, and why it is not the tree (empty if it is).

    Raises ModelError when even padded batches do not.
    """
    spans = probes(model)
    expected = plain(model, spans)
    whole = unusual_head(model)
    reason = unsuited(model)
    if not reason:
        scorer = Scorer(model, tree=True, whole=whole, fast=fusable(model))
        reason = compare(scorer, plan(spans, 40), expected)
        if not reason:
            scorer.work = Work()
            return scorer, ""
    scorer = Scorer(model, tree=False, whole=whole)
    wrong = compare(scorer, plan_padded(spans, 64), expected)
    if wrong:
        raise ModelError(
            f"neither a tree of tokens nor padded batches give this model's own numbers: {reason}; {wrong}"
        )
    scorer.work = Work()
    return scorer, reason


def probes(model: Any) -> list[Span]:
    """Spans that branch, are prefixes of each other, repeat and take several passes; tokens from a fixed sequence."""
    vocabulary = model.config.get_text_config().vocab_size
    draw = np.random.default_rng(7).integers(0, vocabulary, 110).astype(np.int32)
    one = np.concatenate((draw[:40], draw[40:46]))
    two = np.concatenate((draw[:40], draw[50:72]))
    three = np.concatenate((draw[:20], draw[80:100]))
    return [Span(one, 38), Span(two, 44), Span(two[:50], 45), Span(three, 18), Span(draw[102:104], 1), Span(two, 44)]


def plain(model: Any, spans: list[Span]) -> list[np.ndarray[Any, Any]]:
    """Token log-probabilities of every span by the reference; spans that open like a longer one are read off that."""
    known: dict[bytes, np.ndarray[Any, Any]] = {}
    for span in sorted(spans, key=lambda span: -len(span.tokens)):
        if not any(longer.startswith(span.tokens.tobytes()) for longer in known):
            known[span.tokens.tobytes()] = np.array(score(model, Span(span.tokens, 1)).logprobs)
    found = []
    for span in spans:
        longer = next(tokens for tokens in known if tokens.startswith(span.tokens.tobytes()))
        found.append(known[longer][span.start - 1 : len(span.tokens) - 1])
    return found


def unsuited(model: Any) -> str:
    """What is known beforehand to make a token's state depend on more than its ancestors and its depth."""
    config = model.config.get_text_config()
    rope = getattr(config, "rope_parameters", None) or {}
    kind = str(rope.get("rope_type", "")) if isinstance(rope, dict) else ""
    if kind in _RESCALED:
        return f"positions of type {kind!r} change with the length of the batch"
    kinds = set(getattr(config, "layer_types", None) or ())
    odd = sorted(kinds - {"full_attention"})
    if odd:
        return f"layers of type {', '.join(odd)}"
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        return f"a sliding window of {config.sliding_window} tokens"
    return ""


def unusual_head(model: Any) -> bool:
    """Are the logits anything but the output embedding of the last hidden state?"""
    config = model.config.get_text_config()
    if any(getattr(config, name, None) not in (None, 1, 1.0) for name in _HEADS):
        return True
    head = model.get_output_embeddings()
    if head is None or not hasattr(model, "base_model") or model.base_model is model:
        return True
    ids = torch.arange(1, 9, device=model.device)[None] % config.vocab_size
    with torch.inference_mode():
        try:
            ours = head(model.base_model(input_ids=ids, use_cache=False)[0]).float()
        except Exception:  # whatever a model's own code raises
            return True
        theirs = model(input_ids=ids, use_cache=False).logits.float()
    return ours.shape != theirs.shape or not torch.allclose(ours, theirs, atol=1e-4, rtol=1e-4)


def compare(scorer: Scorer, laid: Plan, expected: list[np.ndarray[Any, Any]]) -> str:
    """Why the scorer's numbers cannot be used; empty if they can."""
    try:
        found = run_all(scorer, laid)
    except Exception as error:  # whatever a model's own code raises when its attention is replaced
        return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
    worst = max(float(np.abs(ours - theirs).max()) for ours, theirs in zip(found, expected, strict=True))
    if not worst <= TOLERANCE.get(scorer.model.dtype, COARSE):
        return f"log-probabilities differ by {worst:.2g} from the plain forward pass"
    return ""


def run_all(scorer: Scorer, laid: Plan) -> list[np.ndarray[Any, Any]]:
    """Token log-probabilities of every span of a plan."""
    kept: dict[int, Any] = {}
    found = [np.zeros(len(span.tokens) - span.start, np.float32) for span in laid.spans]
    for number in range(len(laid.steps)):
        for answer in scorer.run(laid, number, kept):
            found[answer.span][answer.offset : answer.offset + len(answer.logprobs)] = answer.logprobs
    return found
