"""Work on a GPU that takes one turn over memory instead of several, in Triton."""

import triton
import triton.language as tl
from torch import Tensor

from harness.engine.causal.attention.kernels import LOG2E, SIZES


@triton.jit(do_not_specialize=SIZES)
def _mass(LOGITS, TOP, MASS, stride, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    at = tl.arange(0, BLOCK)
    base = LOGITS + row.to(tl.int64) * stride
    tops = tl.full([BLOCK], float("-inf"), tl.float32)
    masses = tl.zeros([BLOCK], tl.float32)
    for low in range(0, columns, BLOCK):
        x = tl.load(base + low + at, low + at < columns, float("-inf"))
        new = tl.maximum(tops, x)
        safe = tl.where(new == float("-inf"), 0.0, new)
        masses = masses * tl.exp2((tops - safe) * LOG2E) + tl.exp2((x - safe) * LOG2E)
        tops = new
    before = tl.load(TOP + row)
    top = tl.maximum(before, tl.max(tops, 0))
    mass = tl.load(MASS + row) * tl.exp2((before - top) * LOG2E) + tl.sum(masses * tl.exp2((tops - top) * LOG2E), 0)
    tl.store(TOP + row, top)
    tl.store(MASS + row, mass)


def more_mass(logits: Tensor, top: Tensor, mass: Tensor) -> tuple[Tensor, Tensor]:
    """The running maximum and sum of exp(logit - maximum) [rows] with a block of logits [rows, block]; in place."""
    _mass[(len(logits),)](logits, top, mass, logits.stride(0), logits.shape[1], BLOCK=1024, num_warps=4)
    return top, mass


@triton.jit(do_not_specialize=SIZES)
def _gated(GATE, UP, total, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    gate = tl.load(GATE + at, at < total, 0.0).to(tl.float32)
    up = tl.load(UP + at, at < total, 0.0)
    silu = (gate / (1 + tl.exp2(-gate * LOG2E))).to(up.dtype)
    tl.store(GATE + at, silu * up, at < total)


def gated(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) * up in one turn over memory, in the place of ``gate``; both contiguous and of one shape."""
    _gated[(triton.cdiv(gate.numel(), 4096),)](gate, up, gate.numel(), BLOCK=4096, num_warps=8)
    return gate
