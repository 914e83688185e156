"""The kernels of the GPU against attention written out, by Triton's interpreter on the CPU."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: the kernels are not tested")
from harness.engine.causal.attention.blocks import KEYS, QUERIES, blocks
from harness.engine.causal.attention.kernels import Layout, tree
from harness.engine.causal.attention.paged_kernel import paged
from harness.engine.causal.attention.rule import LayerRule
from harness.engine.causal.small_kernels import gated, more_mass

RULES: dict[str, dict[str, Any]] = {
    "plain": {},
    "window": {"window": 20},
    "chunk": {"chunk": 32},
    "cap and sinks": {"cap": 2.0, "sinks": True},
}


def rule_of(name: str, heads: int, width: int) -> LayerRule:
    told = dict(RULES[name])
    if told.pop("sinks", False):
        told["sinks"] = torch.randn(heads)
    return LayerRule(width**-0.5, **told)


def forest(rows: int, base: int) -> tuple[Any, Any]:
    """Depths of a random walk depth first, and the first later row that is not below each."""
    draw = np.random.default_rng(rows)
    depths = [base]
    for _ in range(rows - 1):
        depths.append(int(draw.integers(base, depths[-1] + 2)) if draw.random() < 0.1 else depths[-1] + 1)
    ends = [next((j for j in range(i + 1, rows) if depths[j] <= depths[i]), rows) for i in range(rows)]
    return np.array(depths), np.array(ends)


def written_out(q: Any, keys: Any, values: Any, seen: Any, above: Any, depths: Any, rule: LayerRule) -> Any:
    """softmax(q k) v over what is ``seen`` [rows, keys]; ``above`` [rows, keys]: depth of a row less that of a key."""
    group = q.shape[1] // keys.shape[1]
    k, v = (x.repeat_interleave(group, 1).float() for x in (keys, values))
    scores = (q.float() @ k.transpose(-1, -2)) * rule.scale
    if rule.cap is not None:
        scores = rule.cap * torch.tanh(scores / rule.cap)
    if rule.window is not None:
        seen = seen & (above < rule.window)
    if rule.chunk is not None:
        seen = seen & (depths[:, None] // rule.chunk == (depths[:, None] - above) // rule.chunk)
    scores = scores.masked_fill(~torch.from_numpy(seen), -torch.inf)
    if rule.sinks is None:
        return scores.softmax(-1) @ v
    sinks = rule.sinks[None, :, None, None].expand(*scores.shape[:3], 1)
    return torch.cat((scores, sinks), -1).softmax(-1)[..., :-1] @ v


def layout(ends: Any, depths: Any, rule: LayerRule) -> Layout:
    seen = blocks(ends, depths, rule.reach)
    return Layout(*(torch.from_numpy(x.astype(np.int32)) for x in (ends, depths, seen.starts, seen.keys)))


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(("kept", "rows", "width"), [(0, QUERIES + 22, 16), (KEYS + 6, QUERIES, 24)])
def test_a_tree_equals_attention_written_out(name: str, kept: int, rows: int, width: int) -> None:
    """With and without a kept prefix, at the edges of blocks, and for a width that is no power of two."""
    torch.manual_seed(0)
    rule = rule_of(name, 4, width)
    depths, ends = forest(rows, kept)
    q, k, v = torch.randn(1, 4, rows, width), torch.randn(1, 2, rows, width), torch.randn(1, 2, rows, width)
    prefix = torch.randn(1, 2, kept, width), torch.randn(1, 2, kept, width)
    found = tree(q, k, v, prefix if kept else None, layout(ends, depths, rule), rule)
    row, column = np.arange(rows)[:, None], np.arange(rows)[None, :]
    seen = np.concatenate([np.ones((rows, kept), bool), (column <= row) & (row < ends[None, :])], 1)
    above = depths[:, None] - np.concatenate([np.arange(kept), depths])
    expected = written_out(q, torch.cat((prefix[0], k), 2), torch.cat((prefix[1], v), 2), seen, above, depths, rule)
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("kept", [0, 70])
def test_a_step_over_pages_equals_attention_written_out(name: str, kept: int) -> None:
    torch.manual_seed(1)
    heads, width, page = 4, 16, 16
    rule = rule_of(name, heads, width)
    lengths = torch.tensor([0, 15, 16, 50], dtype=torch.int32)
    table = torch.randperm(16).view(4, 4).int()
    pages = torch.randn(16, 2, page, width), torch.randn(16, 2, page, width)
    prefix = torch.randn(1, 2, kept, width), torch.randn(1, 2, kept, width)
    q = torch.randn(1, heads, 4, width)
    found = paged(q, pages, prefix if kept else None, table, lengths, lengths + kept, rule)
    for row, length in enumerate(lengths.tolist()):
        k, v = (x[table[row].long()].transpose(0, 1).flatten(1, 2)[None, :, : length + 1] for x in pages)
        keys, values = torch.cat((prefix[0], k), 2), torch.cat((prefix[1], v), 2)
        depths = np.array([kept + length])
        above = depths[:, None] - np.arange(kept + length + 1)
        expected = written_out(q[:, :, row : row + 1], keys, values, np.ones_like(above, bool), above, depths, rule)
        torch.testing.assert_close(found[:, :, row : row + 1], expected, atol=2e-5, rtol=0)


def test_sums_over_the_vocabulary_and_gated_products() -> None:
    logits = torch.randn(3, 2600) * 5
    top, mass = torch.full((3,), -torch.inf), torch.zeros(3)
    for low, high in ((0, 1000), (1000, 1001), (1001, 2600)):
        top, mass = more_mass(logits[:, low:high].contiguous(), top, mass)
    torch.testing.assert_close(top + mass.log(), logits.logsumexp(-1), atol=1e-5, rtol=0)
    gate, up = torch.randn(3, 700), torch.randn(3, 700)
    expected = torch.nn.functional.silu(gate) * up
    torch.testing.assert_close(gated(gate, up), expected, atol=1e-6, rtol=0)


def test_blocks_hold_every_visible_key_and_few_others() -> None:
    depths, ends = forest(700, 0)
    found = blocks(ends, depths)
    visited = 0
    for number, first in enumerate(range(0, 700, QUERIES)):
        mine = found.keys[found.starts[number] : found.starts[number + 1]]
        rows = np.arange(first, min(first + QUERIES, 700))
        needed = {c // KEYS for c in range(700) if ((c <= rows) & (rows < ends[c])).any()}
        assert set(mine.tolist()) == needed and len(mine) == len(needed)
        visited += len(mine)
    assert visited < len(found.starts) * 700 / KEYS / 2


def test_the_kernels_compile_for_a_gpu_without_one(tmp_path: Path) -> None:
    """The interpreter runs what the compiler may refuse."""
    script = Path(__file__).parents[2] / "helpers" / "compile_kernels.py"
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert all(int(size) > 1000 for size in done.stdout.split()) and len(done.stdout.split()) == 4
