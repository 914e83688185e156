"""The fast path for causal models against the definition: random trees of tokens on tiny models made on the spot."""

from collections.abc import Sequence
from functools import cache
from time import process_time
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import causal, word_tokenizer

from harness.engine.causal.attention.rule import LayerRule
from harness.engine.causal.attention.tree import TreePass, tiles
from harness.engine.causal.choose import open_runner, probes, run_all
from harness.engine.causal.encode import Span
from harness.engine.causal.generation.generate import Generator
from harness.engine.causal.reference import score
from harness.engine.causal.scoring.layout import lay_out
from harness.engine.causal.scoring.plan import Plan, plan_padded
from harness.engine.causal.scoring.planner import plan
from harness.engine.causal.scoring.runner import Runner
from harness.engine.causal.truth import Error, in_float32

VOCABULARY = 40
TREES = ("llama", "gpt2", "qwen2", "mistral-window", "gemma2", "gpt-oss", "llama4", "stablelm")
QUICK = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def model(kind: str) -> Any:
    return causal(kind, VOCABULARY)


@cache
def runner(kind: str) -> tuple[Runner, str]:
    return open_runner(model(kind))


def span(tokens: Sequence[int], start: int) -> Span:
    return Span(np.array(tokens, np.int32), start)


def reference(kind: str, spans: Sequence[Span]) -> list[Any]:
    return [np.array(score(model(kind), one).logprobs) for one in spans]


@st.composite
def forests(draw: Any) -> list[Span]:
    """Spans that share prefixes of every length, are prefixes of each other, repeat, or have one token of context."""
    token = st.integers(0, VOCABULARY - 1)
    stems = draw(st.lists(st.lists(token, min_size=1, max_size=90), min_size=1, max_size=3))
    spans = []
    for _ in range(draw(st.integers(1, 14))):
        stem = draw(st.sampled_from(stems))
        kept = stem[: draw(st.integers(1, len(stem)))]
        tail = draw(st.lists(token, min_size=1, max_size=12))
        start = draw(st.integers(1, len(kept) + len(tail) - 1))
        spans.append(span([*kept, *tail], start))
    return [*spans, *draw(st.lists(st.sampled_from(spans), max_size=3))]


def assert_close(found: list[Any], expected: list[Any], atol: float = 1e-4) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=atol, rtol=0)


@pytest.mark.parametrize("kind", TREES)
@QUICK
@given(spans=forests(), budget=st.sampled_from([7, 33, 64, 200, 1024]))
def test_equals_the_reference_at_every_budget(kind: str, spans: list[Span], budget: int) -> None:
    found, reason = runner(kind)
    assert reason == ""
    assert_close(run_all(found, plan(spans, budget)), reference(kind, spans))


@pytest.mark.parametrize("kind", TREES)
def test_padded_batches_equal_the_reference(kind: str) -> None:
    spans = shared_block(block=20, questions=3, tail=9)
    assert_close(
        run_all(Runner(model(kind), way="padded", whole=runner(kind)[0].whole), plan_padded(spans, 128)),
        reference(kind, spans),
    )


def test_a_recurrent_model_falls_back() -> None:
    found, reason = runner("mamba")
    assert reason and found.way != "tree"
    spans = [span([1, 2, 3, 4, 5], 2), span([1, 2, 3, 9], 1), span([7, 8], 1)]
    assert_close(run_all(found, plan_padded(spans, 16)), reference("mamba", spans))


def test_the_self_check_catches_a_model_that_the_tree_gets_wrong() -> None:
    """A layer that looks at its neighbour as a convolution does, which no config owns up to."""
    sly = causal("llama", VOCABULARY)

    def mix(layer: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        return output + 0.5 * torch.nn.functional.pad(output, (0, 0, 1, 0))[:, :-1]

    sly.model.layers[0].register_forward_hook(mix)
    found, reason = open_runner(sly)
    assert found.way != "tree"
    assert "differ" in reason


@QUICK
@given(spans=forests(), budget=st.sampled_from([7, 33, 64, 1024]))
def test_a_plan_covers_every_read_once_within_its_budget(spans: list[Span], budget: int) -> None:
    laid = plan(spans, budget)
    seen: dict[tuple[int, int], int] = {}
    rows = 0
    for step in laid.steps:
        made = lay_out(laid, step)
        assert 0 < len(made.tokens) <= budget
        rows += len(made.tokens)
        later = [np.flatnonzero(made.depths[row + 1 :] <= made.depths[row]) for row in range(len(made.depths))]
        firsts = [row + 1 + int(found[0]) if len(found) else len(made.depths) for row, found in enumerate(later)]
        assert made.ends.tolist() == firsts
        for read in made.reads:
            for number, row in enumerate(read.rows.tolist()):
                one = laid.spans[read.span]
                assert made.tokens[row] == one.tokens[one.start - 1 + read.offset + number]
                assert made.depths[row] == one.start - 1 + read.offset + number
                key = (read.span, read.offset + number)
                seen[key] = seen.get(key, 0) + 1
    assert seen == {(i, t): 1 for i, one in enumerate(spans) for t in range(len(one.tokens) - one.start)}
    if budget == 1024:
        prefixes = {tuple(one.tokens[:end].tolist()) for one in spans for end in range(1, len(one.tokens))}
        assert rows == len(prefixes) or len(laid.steps) > 1


def shared_block(block: int, questions: int, tail: int) -> list[Span]:
    draw = np.random.default_rng(0)
    head = draw.integers(0, VOCABULARY, block)
    ends = [draw.integers(0, VOCABULARY, tail) for _ in range(questions)]
    return [span([*head, *end, choice], block + tail) for end in ends for choice in (1, 2)]


def test_a_long_shared_block_is_computed_once() -> None:
    spans = shared_block(block=100, questions=12, tail=20)
    laid = plan(spans, 128)
    rows = [len(lay_out(laid, step).tokens) for step in laid.steps]
    assert [step.room for step in laid.steps] == [laid.steps[0].end, 0, 0]
    assert sum(rows) <= 100 + 12 * 20 + 8  # a few first tokens shared by chance are computed in both passes
    assert_close(run_all(runner("llama")[0], laid), reference("llama", spans))


def test_a_text_longer_than_the_budget_goes_in_pieces() -> None:
    spans = [span(np.random.default_rng(1).integers(0, VOCABULARY, 400).tolist(), 1)]
    laid: Plan = plan(spans, 96)
    assert [len(lay_out(laid, step).tokens) for step in laid.steps] == [79, 80, 80, 80, 80]
    assert_close(run_all(runner("llama")[0], laid), reference("llama", spans))


def test_a_row_sees_its_ancestors_and_nothing_else() -> None:
    depths = np.array([0, 1, 2, 2, 3, 1, 2, 0, 1])
    parents = [-1, 0, 1, 1, 3, 0, 5, -1, 7]
    ends = np.array([7, 5, 3, 5, 5, 7, 7, 9, 9])
    seen = np.zeros((9, 9), bool)
    for tile in tiles(depths, ends, runner("llama")[0].model.device, model("llama").dtype):
        keys = np.arange(9)[tile.keys] if isinstance(tile.keys, slice) else tile.keys.numpy()
        mask = tile.mask[0, 0].numpy() == 0 if tile.mask is not None else np.tri(len(keys), dtype=bool)
        seen[np.ix_(range(tile.low, tile.high), keys)] = mask
    for row in range(9):
        ancestors = {row}
        while parents[min(ancestors)] >= 0:
            ancestors.add(parents[min(ancestors)])
        assert set(np.flatnonzero(seen[row]).tolist()) == ancestors


def test_probes_use_kept_blocks_and_branches() -> None:
    laid = plan(probes(model("llama")), 24)
    assert any(step.room for step in laid.steps) and any(not step.room and step.parent >= 0 for step in laid.steps)


def test_a_plan_of_many_requests_takes_seconds() -> None:
    """10,000 spans behind a few shared blocks; the time of 100,000 is ten times that (sorting apart)."""
    draw = np.random.default_rng(3)
    blocks = [draw.integers(0, 30_000, 300) for _ in range(8)]
    heads = [np.concatenate((blocks[i % 8], draw.integers(0, 30_000, 40))) for i in range(2500)]
    spans = [span([*head, choice, 7], 340) for head in heads for choice in (1, 2, 3, 4)]
    started = process_time()
    laid = plan(spans, 1024)
    assert process_time() - started < 5
    rows = sum(len(lay_out(laid, step).tokens) for step in laid.steps)
    assert rows <= 8 * 300 + 2500 * (40 + 4) + 64 * len(laid.steps)


def test_kept_blocks_of_long_texts_do_not_pile_up() -> None:
    """Five texts of three passes each: the blocks of one are done with before those of the next are made."""
    spans = [span([first, *([1, 2, 3] * 100)], 1) for first in range(5)]
    steps = plan(spans, 128).steps
    last_use = {number: number for number in range(len(steps))}
    for number, step in enumerate(steps):
        if step.parent >= 0:
            last_use[step.parent] = number
    alive = [sum(made <= now < last_use[made] for made in last_use if steps[made].room) for now in range(len(steps))]
    assert sum(step.room > 0 for step in steps) == 10
    assert max(alive) == 1


HALVES = (torch.bfloat16, torch.float16)


@pytest.mark.parametrize("dtype", HALVES, ids=["bfloat16", "float16"])
@pytest.mark.parametrize("kind", TREES)
def test_half_precision_takes_the_tree_and_is_as_true_as_the_plain_pass(kind: str, dtype: torch.dtype) -> None:
    narrow = causal(kind, VOCABULARY).to(dtype)
    found, reason = open_runner(narrow)
    assert (found.way, reason) == ("tree", "")
    assert found.error is not None and found.plain_error is not None and found.error.tokens > 300
    spans = shared_block(block=60, questions=20, tail=20)
    ours, plain = run_all(found, plan(spans, 64)), [np.array(score(narrow, one).logprobs) for one in spans]
    with in_float32(narrow):
        truth = [np.array(score(narrow, one).logprobs) for one in spans]
    assert all(one.dtype == dtype for one in narrow.parameters()), "the weights are back as they were"
    assert Error.of(ours, truth).as_true_as(Error.of(plain, truth), dtype)


def test_a_tie_of_a_router_that_tips_does_not_cost_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """With these weights it outweighs all other errors: of scores twice, and of answers twice."""
    seeded = torch.manual_seed
    for seed, dtype in ((18, torch.float16), (2, torch.bfloat16), (25, torch.bfloat16), (33, torch.bfloat16)):
        monkeypatch.setattr(torch, "manual_seed", lambda _, seed=seed: seeded(seed))
        model = causal("gpt-oss", 65).to(dtype)
        found, reason = open_runner(model)
        assert (found.way, reason) == ("tree", "")
        assert Generator(model, word_tokenizer(), whole=found.whole).alone == ""


@pytest.mark.parametrize("kind", ["llama", "gpt-oss"])
def test_float32_of_one_module_at_a_time_is_float32(kind: str) -> None:
    narrow = causal(kind, VOCABULARY).to(torch.bfloat16)
    spans = shared_block(block=20, questions=2, tail=9)
    with in_float32(narrow):
        found = [np.array(score(narrow, one).logprobs) for one in spans]
    assert_close(found, [np.array(score(narrow.float(), one).logprobs) for one in spans])


@pytest.mark.parametrize("dtype", [torch.float32, *HALVES], ids=["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("fault", ["a neighbour", "a wrong place", "heads changed"])
@pytest.mark.parametrize("kind", ["llama", "gpt-oss"])
def test_the_self_check_catches_damage_in_every_precision(
    dtype: torch.dtype, fault: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faults that a tree could have: a row sees its neighbour, keys are of another place, heads change places."""

    def damaged(self: TreePass, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, rule: LayerRule) -> Any:
        if fault == "a wrong place":
            k = k.roll(1, 2)
        out = whole(self, layer, q, k, v, rule)
        if fault == "a neighbour":
            return out + 0.5 * out.roll(1, 2)
        return out if fault == "a wrong place" else torch.cat((out[:, 1:], out[:, :1]), 1)

    whole = TreePass.attend
    monkeypatch.setattr(TreePass, "attend", damaged)
    found, reason = open_runner(causal(kind, VOCABULARY).to(dtype))
    assert found.way != "tree" and ("differ" in reason or "off by more" in reason)


@pytest.mark.parametrize("kind", ["mistral-window", "gemma2", "gpt-oss", "llama4"])
@pytest.mark.parametrize("length", [6, 7, 8, 9, 16, 17, 40])
def test_windows_and_chunks_at_their_edges(kind: str, length: int) -> None:
    """Windows and chunks of 8 tokens: prompts shorter, as long, one longer, and several times as long."""
    draw = np.random.default_rng(length)
    head = draw.integers(0, VOCABULARY, length).tolist()
    spans = [span([*head, *draw.integers(0, VOCABULARY, 5).tolist()], length) for _ in range(6)]
    for budget in (5, 12, 1024):
        assert_close(run_all(runner(kind)[0], plan(spans, budget)), reference(kind, spans))


def test_passes_part_where_the_least_is_computed_twice() -> None:
    """The example that the planner gives, and a budget that leaves no choice."""
    sequences = [(1, 1, 1, 1, 1, 1), (1, 1, 1, 1, 2, 2), (1, 3, 3, 3, 3, 3), (1, 3, 3, 3, 4, 4)]
    spans = [Span(np.array((*tokens, 9), np.int32), 1) for tokens in sequences]
    laid = plan(spans, 10)
    assert [step.members for step in laid.steps] == [(0, 1), (2, 3)]
    assert [len(lay_out(laid, step).tokens) for step in laid.steps] == [8, 8]
    tight = plan(spans, 7)
    assert [step.members for step in tight.steps] == [(0,), (1,), (2,), (3,)]
