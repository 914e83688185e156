"""Decides at load how a causal model can be run, by comparing with its own plain forward pass on a few tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from harness.engine.causal.encode import Span
from harness.engine.causal.fuse import fusable
from harness.engine.causal.reference import score
from harness.engine.causal.rotations import rescaled_above
from harness.engine.causal.scoring.plan import Plan
from harness.engine.causal.scoring.runner import Runner, Way
from harness.engine.causal.truth import HALF, Error, in_float32
from harness.engine.tally import Tally
from harness.errors import ModelError

BUDGET = 24
"""Rows of a pass over the probes: so few that blocks are kept and continued."""

TAILS = {True: 128, False: 48}
"""Rows of a batch over the probes of half precision, and of float32: two go on together, and others after them."""
TOKENS = 16
"""The same where a token of each goes on at a time."""
PADDED = 64
"""The same of whole sequences."""
TOLERANCE = 2e-4
"""Nats a token by which a way of running a float32 model may differ from its plain forward pass."""
WIDENED = 1e-3
"""The same of a half-precision model that is computed in float32: its constants stay as they were rounded."""
UNPROVEN = (0.1, 1.0)
"""Mean and worst difference from the plain pass in half precision where float32 is out of reach; right trees measured
at most .051 in the mean, wrong ones .39 to 6."""
ATTENDING = {"full_attention", "sliding_attention", "chunked_attention"}
"""Types of layers in which a token sees its ancestors, all or the nearest of them."""
_HEADS = ("final_logit_softcapping", "logit_scale", "logits_scaling")


@dataclass(frozen=True, slots=True)
class Proof:
    """What a way of running a model is held against: probes, what the plain pass says, and in half precision the truth.

    ``plain``: the plain pass's own error; None in float32, where it is the truth, and where float32 is out of reach.
    """

    spans: list[Span]
    expected: list[NDArray[Any]]
    truth: list[NDArray[Any]] | None = None
    plain: Error | None = None


def open_runner(model: Any) -> tuple[Runner, str]:
    """The fastest way to run ``model`` that gives its own numbers, and why it is not the tree (empty if it is).

    Raises ModelError when even padded batches do not.
    """
    proof = proof_of(model)
    heads = (True,) if unusual_head(model) else (False, True)
    beforehand = unsuited(model)
    reasons: dict[str, str] = {"tree": beforehand} if beforehand else {}
    ways = [way for way in get_args(Way) if way not in reasons]
    for way, whole in product(ways, heads):
        fast = fusable(model) if way == "tree" else {}
        runner = Runner(model, way=way, whole=whole, fast=fast, apart=rescaled_above(model))
        wrong, error = compare(runner, proof)
        if not wrong:
            runner.tally, runner.error, runner.plain_error = Tally(), error, proof.plain
            return runner, _why(runner, reasons)
        reasons.setdefault(way, wrong)
    why = "; ".join(dict.fromkeys(reasons.values()))
    raise ModelError(f"neither a tree of tokens nor padded batches give this model's own numbers: {why}")


def _why(runner: Runner, reasons: Mapping[str, str]) -> str:
    """Why the tree does not suit the model and, where it has to be padded, why no state can be carried."""
    if runner.way != "padded":
        return reasons.get("tree", "")
    return f"{reasons['tree']}; state not carried: {reasons['tokens']}"


def proof_of(model: Any) -> Proof:
    """Probes and what is true of them; half precision takes hundreds of tokens, so that luck does not decide."""
    if model.dtype not in HALF:
        spans = probes(model)
        return Proof(spans, plain(model, spans))
    spans = many_probes(model)
    expected = plain(model, spans)
    try:
        with in_float32(model):
            truth = plain(model, spans)
    except Exception:  # whatever a model's own code raises when its weights are of another dtype than it thinks
        return Proof(spans, expected)
    return Proof(spans, expected, truth, Error.of(expected, truth))


def probes(model: Any) -> list[Span]:
    """Spans that branch, are prefixes of each other, repeat and take several passes; tokens from a fixed sequence."""
    draw = _draw(model, 60)
    one = np.concatenate((draw[:14], draw[40:46]))
    two = draw[:36]
    return [Span(one, 13), Span(two, 16), Span(two[:28], 27), Span(two, 2), Span(draw[50:52], 1), Span(one, 13)]


def many_probes(model: Any) -> list[Span]:
    """The same with branches of 50 tokens and more, over 300 of which are predicted."""
    draw = _draw(model, 340)
    trunk = draw[:60]
    branches = [
        np.concatenate((trunk[:depth], draw[low : low + 56])) for depth, low in ((60, 60), (60, 116), (30, 172))
    ]
    other = draw[228:340]
    return [*(Span(one, 2) for one in branches), Span(other, 1), Span(branches[0][:80], 70), Span(branches[0], 2)]


def _draw(model: Any, count: int) -> NDArray[np.int32]:
    vocabulary = model.config.get_text_config().vocab_size
    return np.random.default_rng(7).integers(0, vocabulary, count).astype(np.int32)


def plain(model: Any, spans: list[Span]) -> list[NDArray[Any]]:
    """Token log-probabilities of every span by the reference; spans that open like a longer one are read off that.

    Not where positions change with the length of a text: then a beginning says something else than the whole.
    """
    if rescaled_above(model) is not None:
        return [np.array(score(model, span).logprobs) for span in spans]
    known: dict[bytes, NDArray[Any]] = {}
    for span in sorted(spans, key=lambda span: -len(span.tokens)):
        if not any(longer.startswith(span.tokens.tobytes()) for longer in known):
            known[span.tokens.tobytes()] = np.array(score(model, Span(span.tokens, 1)).logprobs)
    logprobs = []
    for span in spans:
        longer = next(tokens for tokens in known if tokens.startswith(span.tokens.tobytes()))
        logprobs.append(known[longer][span.start - 1 : len(span.tokens) - 1])
    return logprobs


def unsuited(model: Any) -> str:
    """What is known beforehand to make a token's state depend on more than its ancestors and its depth."""
    config = model.config.get_text_config()
    if rescaled_above(model) is not None:
        kind = config.rope_parameters["rope_type"]
        return f"positions of type {kind!r} change with the length of the batch"
    kinds = set(getattr(config, "layer_types", None) or ())
    odd = sorted(kinds - ATTENDING)
    return f"layers of type {', '.join(odd)}" if odd else ""


def unusual_head(model: Any) -> bool:
    """Is it known that the logits are more than the output embedding of the last hidden state?"""
    config = model.config.get_text_config()
    if any(getattr(config, name, None) not in (None, 1, 1.0) for name in _HEADS):
        return True
    head = model.get_output_embeddings()
    return head is None or model.base_model is model or head.weight.is_meta  # a head that is loaded when called


def compare(runner: Runner, proof: Proof) -> tuple[str, Error | None]:
    """Why the runner's numbers cannot be used, empty if they can; and their error where float32 was in reach."""
    try:
        wrong = _unproven(runner, proof)
        logprobs = [] if wrong else run_all(runner, _planned(runner, proof.spans))
    except Exception as raised:  # whatever a model's own code raises when its attention is replaced
        return f"{type(raised).__name__}: {' '.join(str(raised).split())[:160]}", None
    if wrong:
        return wrong, None
    off = Error.of(logprobs, proof.expected)
    if runner.model.dtype not in HALF:
        wrong = f"log-probabilities differ by {off.worst:.2g} from the plain forward pass"
        return ("" if off.worst <= TOLERANCE else wrong), off
    if proof.truth is None or proof.plain is None:
        mean, worst = UNPROVEN
        wrong = f"log-probabilities differ from the plain forward pass (mean {off.mean:.2g}, worst {off.worst:.2g})"
        return ("" if off.mean <= mean and off.worst <= worst else wrong), None
    error = Error.of(logprobs, proof.truth)
    if error.as_true_as(proof.plain, runner.model.dtype) or _only_unlucky(runner, proof, error):
        return "", error
    return (
        f"log-probabilities are off by more (nats: {error}) than those of the plain forward pass ({proof.plain})",
        error,
    )


def _only_unlucky(runner: Runner, proof: Proof, error: Error) -> bool:
    """Is it a tie of a router that tipped the other way? Then few tokens are far off, and in float32 none is.

    One such tie can outweigh the rounding errors of hundreds of tokens, in the plain pass as here.
    """
    plain = proof.plain
    return plain is not None and error.few_are_off(plain, runner.model) and _off_in_float32(runner, proof) <= WIDENED


def _off_in_float32(runner: Runner, proof: Proof) -> float:
    """Nats by which a half-precision model that is run in this way, but in float32, differs from the truth at most."""
    assert proof.truth is not None
    try:
        with in_float32(runner.model):
            one = Runner(runner.model, way=runner.way, whole=True, apart=runner.apart)
            return Error.of(run_all(one, _planned(one, proof.spans)), proof.truth).worst
    except Exception:  # whatever a model's own code raises when its weights are of another dtype than it thinks
        return float("inf")


def _planned(runner: Runner, spans: list[Span]) -> Plan:
    """A plan that branches and goes on from what is kept, more than once."""
    if runner.way == "tree":
        return runner.plan(spans, BUDGET)
    if runner.way == "padded":
        return runner.plan(spans, PADDED)
    budget = TOKENS if runner.way == "tokens" else TAILS[runner.model.dtype in HALF]
    return runner.plan(spans, budget, worth=1)


def _unproven(runner: Runner, proof: Proof) -> str:
    """Why a carried state is not to be trusted; empty where it is.

    A state that is lost is soon made up for by what follows, and the rest hides among half precision's own errors: so
    there the model goes on in float32 too, where the numbers have to be the same.
    """
    if not runner.carries:
        return ""
    if not any(step.parent >= 0 for step in _planned(runner, proof.spans).steps):
        return "no probe is short enough to go on from a state"
    if runner.model.dtype not in HALF:
        return ""
    if proof.truth is None:
        return "in half precision, without float32 in reach, it cannot be told from a lost one"
    off = _off_in_float32(runner, proof)
    return "" if off <= WIDENED else f"log-probabilities in float32 differ by {off:.2g} from the plain ones"


def run_all(runner: Runner, laid: Plan) -> list[NDArray[Any]]:
    """Token log-probabilities of every span of a plan."""
    kept: dict[int, Any] = {}
    logprobs = [np.zeros(len(span.tokens) - span.start, np.float32) for span in laid.spans]
    with runner.ready():
        for number in range(len(laid.steps)):
            for answer in runner.run(laid, number, kept)():
                logprobs[answer.span][answer.offset : answer.offset + len(answer.logprobs)] = answer.logprobs
    return logprobs
