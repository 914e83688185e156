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
    heads = (True,) if unusual_head(model) else (False, True)
    reasons = [unsuited(model)]
    ways = [(False, whole) for whole in heads] if reasons[0] else [(tree, w) for tree in (True, False) for w in heads]
    for tree, whole in ways:
        scorer = Scorer(model, tree=tree, whole=whole, fast=fusable(model) if tree else {})
        wrong = compare(scorer, plan(spans, 24) if tree else plan_padded(spans, 64), expected)
        if not wrong:
            scorer.work = Work()
            return scorer, "" if tree else next(filter(None, reasons))
        reasons.append(wrong)
    found = "; ".join(filter(None, reasons))
    raise ModelError(f"neither a tree of tokens nor padded batches give this model's own numbers: {found}")


def probes(model: Any) -> list[Span]:
    """Spans that branch, are prefixes of each other, repeat and take several passes; tokens from a fixed sequence."""
    vocabulary = model.config.get_text_config().vocab_size
    draw = np.random.default_rng(7).integers(0, vocabulary, 60).astype(np.int32)
    one = np.concatenate((draw[:14], draw[40:46]))
    two = draw[:36]
    return [Span(one, 13), Span(two, 16), Span(two[:28], 27), Span(two, 2), Span(draw[50:52], 1), Span(one, 13)]


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
    """Is it known that the logits are more than the output embedding of the last hidden state?"""
    config = model.config.get_text_config()
    if any(getattr(config, name, None) not in (None, 1, 1.0) for name in _HEADS):
        return True
    head = model.get_output_embeddings()
    return head is None or model.base_model is model or head.weight.is_meta  # a head that is loaded when called


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
    with scorer.ready():
        for number in range(len(laid.steps)):
            for answer in scorer.run(laid, number, kept):
                found[answer.span][answer.offset : answer.offset + len(answer.logprobs)] = answer.logprobs
    return found
