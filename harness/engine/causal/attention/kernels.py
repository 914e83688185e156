"""Attention on a GPU, in Triton, over a tree of tokens in one call a layer.

It is the online softmax of FlashAttention (Dao 2023, arXiv:2307.08691): blocks of keys go by, with a running maximum
and sum, so that no scores are kept. Only blocks that hold a visible key are visited; ``blocks.py`` lists them.
Products take the model's dtype and sum in float32. Scores are times log2(e), for the hardware's base-2 exponential.
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.engine.causal.attention.blocks import KEYS, QUERIES
from harness.engine.causal.attention.rule import LayerRule

LOG2E: tl.constexpr = tl.constexpr(1.4426950408889634)
SIZES = ["rows", "prefix", "skip", "window", "chunk", "columns", "total"]
"""Arguments that change from pass to pass: a kernel is compiled once, not for multiples of 16 and others apart."""


@triton.jit
def weigh(scores, seen, above, cap, window, chunk, depth, CAPPED: tl.constexpr, RULED: tl.constexpr):
    """Scores after the layer's cap and window; -inf where nothing is seen. above: depth of a row less a key's."""
    if CAPPED:
        scores = cap * (1 - 2 / (tl.exp2(scores / cap * 2 * LOG2E) + 1))  # cap * tanh(scores / cap)
    if RULED:
        seen = seen & (above < window) & ((depth // chunk) == ((depth - above) // chunk))
    return tl.where(seen, scores * LOG2E, float("-inf"))


@triton.jit
def within(known, d, WIDTH: tl.constexpr, D: tl.constexpr):
    """``known`` and, where a head's width is no power of two, the columns that exist."""
    return known & (d < WIDTH) if D > WIDTH else known & (d >= 0)


@triton.jit
def keys_of(first, stride, c, d, known, WIDTH: tl.constexpr, D: tl.constexpr):
    """Keys number ``c`` of a head that begins at ``first``, as columns: [D, c]."""
    return tl.load(first + c[None, :] * stride + d[:, None], within(known[None, :], d[:, None], WIDTH, D), 0.0)


@triton.jit
def values_of(first, stride, c, e, known, VALUES: tl.constexpr, DV: tl.constexpr):
    """Values number ``c`` of a head that begins at ``first``: [c, DV]."""
    return tl.load(first + c[:, None] * stride + e[None, :], within(known[:, None], e[None, :], VALUES, DV), 0.0)


@triton.jit
def more(v, scores, top, mass, out):
    """One more block of keys in the running maximum, sum and output."""
    new = tl.maximum(top, tl.max(scores, 1))
    safe = tl.where(new == float("-inf"), 0.0, new)
    weights = tl.exp2(scores - safe[:, None])
    fade = tl.exp2(top - safe)
    mass = mass * fade + tl.sum(weights, 1)
    out = tl.dot(weights.to(v.dtype), v, out * fade[:, None], input_precision="tf32x3")
    return new, mass, out


@triton.jit(do_not_specialize=SIZES)
def _tree(
    Q, K, V, PK, PV, OUT, MASS, ENDS, DEPTHS, STARTS, LIST, SINKS,
    q_head, q_row, k_head, k_row, v_head, v_row, pk_head, pk_row, pv_head, pv_row, out_head, out_row,
    rows, prefix, scale, cap, window, chunk,
    GROUP: tl.constexpr, WIDTH: tl.constexpr, D: tl.constexpr, VALUES: tl.constexpr, DV: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, LISTED: tl.constexpr,
    OWN: tl.constexpr, RULED: tl.constexpr, CAPPED: tl.constexpr,
    SUNK: tl.constexpr, MASSES: tl.constexpr,
):  # fmt: skip
    block, head = tl.program_id(0), tl.program_id(1)
    kept = head // GROUP
    r = block * BM + tl.arange(0, BM)
    d, e, n = tl.arange(0, D), tl.arange(0, DV), tl.arange(0, BN)
    inside = r < rows
    q = tl.load(Q + head * q_head + r[:, None] * q_row + d[None, :], within(inside[:, None], d[None, :], WIDTH, D), 0.0)
    depth = tl.zeros([BM], tl.int32)
    if RULED:
        depth = tl.load(DEPTHS + r, inside, 0)
    top = tl.full([BM], float("-inf"), tl.float32)
    mass = tl.zeros([BM], tl.float32)
    out = tl.zeros([BM, DV], tl.float32)
    for start in range(0, prefix, BN):
        c = start + n
        known = c < prefix
        k = keys_of(PK + kept * pk_head, pk_row, c, d, known, WIDTH, D)
        v = values_of(PV + kept * pv_head, pv_row, c, e, known, VALUES, DV)
        scores = tl.dot(q, k, input_precision="tf32x3") * scale
        above = depth[:, None] - c[None, :]
        scores = weigh(scores, known[None, :], above, cap, window, chunk, depth[:, None], CAPPED, RULED)
        top, mass, out = more(v, scores, top, mass, out)
    if OWN:
        listed = block * BM // LISTED
        for i in range(tl.load(STARTS + listed), tl.load(STARTS + listed + 1)):
            c = tl.load(LIST + i) * BN + n
            known = c < rows
            end = tl.load(ENDS + c, known, 0)
            k = keys_of(K + kept * k_head, k_row, c, d, known, WIDTH, D)
            v = values_of(V + kept * v_head, v_row, c, e, known, VALUES, DV)
            scores = tl.dot(q, k, input_precision="tf32x3") * scale
            seen = (c[None, :] <= r[:, None]) & (r[:, None] < end[None, :])
            above = depth[:, None]
            if RULED:
                above = depth[:, None] - tl.load(DEPTHS + c, known, 0)[None, :]
            scores = weigh(scores, seen, above, cap, window, chunk, depth[:, None], CAPPED, RULED)
            top, mass, out = more(v, scores, top, mass, out)
    if SUNK:  # a learned logit that takes mass and gives nothing
        mass += tl.exp2(tl.load(SINKS + head).to(tl.float32) * LOG2E - top)
    out = out / tl.where(mass > 0, mass, 1.0)[:, None]
    where = OUT + head * out_head + r[:, None] * out_row + e[None, :]
    tl.store(where, out.to(OUT.dtype.element_ty), within(inside[:, None], e[None, :], VALUES, DV))
    if MASSES:
        tl.store(MASS + head * rows + r, top + tl.log2(mass), inside)


@dataclass(frozen=True, slots=True)
class Layout:
    """A pass on the device: int32 ``ends`` and ``depths`` [rows], and the blocks to visit."""

    ends: Tensor
    depths: Tensor
    starts: Tensor
    keys: Tensor


def tree(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    prefix: tuple[Tensor, Tensor] | None,
    layout: Layout,
    rule: LayerRule,
) -> Tensor:
    """q [1, h, rows, d], k, v [1, h_kv, rows, d], prefix of the same [1, h_kv, kept, d] -> [1, h, rows, d]."""
    _, heads, rows, _ = q.shape
    out = torch.empty(1, rows, heads, v.shape[-1], dtype=q.dtype, device=q.device).transpose(1, 2)
    _run_tree(q, (k, v), prefix, layout, rule, out, None)
    return out


def over_prefix(q: Tensor, prefix: tuple[Tensor, Tensor], depths: Tensor, rule: LayerRule) -> tuple[Tensor, Tensor]:
    """Output [h, rows, d] and log2 of the mass [h, rows] of every row over a prefix that all of them may see.

    depths [rows] int32.
    """
    _, heads, rows, _ = q.shape
    out = torch.empty(1, heads, rows, prefix[1].shape[-1], dtype=torch.float32, device=q.device)
    mass = torch.empty(heads, rows, dtype=torch.float32, device=q.device)
    _run_tree(q, None, prefix, Layout(depths, depths, depths, depths), rule.without_sinks(), out, mass)
    return out[0], mass


def _run_tree(
    q: Tensor,
    own: tuple[Tensor, Tensor] | None,
    prefix: tuple[Tensor, Tensor] | None,
    layout: Layout,
    rule: LayerRule,
    out: Tensor,
    mass: Tensor | None,
) -> None:
    pk, pv = prefix or own or (q, q)
    k, v = own or (pk, pv)
    heads, rows, width = q.shape[1:]
    values = v.shape[-1]
    d, dv = padded(width), padded(values)
    bytes_ = (d + dv) * q.element_size()  # of one key and its value: what a block of keys takes of shared memory
    bm = QUERIES if bytes_ <= 512 else QUERIES // 2
    _tree[(triton.cdiv(rows, bm), heads)](
        q, k, v, pk, pv, out, out if mass is None else mass,
        layout.ends, layout.depths, layout.starts, layout.keys, q if rule.sinks is None else rule.sinks,
        *strides(q), *strides(k), *strides(v), *strides(pk), *strides(pv), *strides(out),
        rows, pk.shape[2] if prefix is not None else 0, rule.scale, rule.cap or 1.0, *reach(rule),
        GROUP=heads // k.shape[1], WIDTH=width, D=d, VALUES=values, DV=dv, BM=bm, BN=KEYS, LISTED=QUERIES,
        OWN=own is not None, **clauses(rule), MASSES=mass is not None,
        num_warps=8 if bytes_ > 256 else 4, num_stages=3 if bytes_ <= 512 else 2 if bytes_ <= 1024 else 1,
    )  # fmt: skip


def padded(width: int) -> int:
    """The power of two that a head's width is computed as; tensor cores take 16 at least."""
    return max(16, int(triton.next_power_of_2(width)))


def strides(x: Tensor) -> tuple[int, int]:
    """Of heads and rows; a head's own numbers must be neighbours."""
    if x.stride(-1) != 1:
        raise ValueError("the numbers of a head are not neighbours in memory")
    return x.stride(1), x.stride(2)


def reach(rule: LayerRule) -> tuple[int, int]:
    """Window and chunk; where there is none, a number that no depth reaches."""
    most = 1 << 30
    return rule.window or most, rule.chunk or most


def clauses(rule: LayerRule) -> dict[str, bool]:
    """Which clauses of a rule a kernel is compiled with."""
    return {
        "RULED": rule.reach is not None,
        "CAPPED": rule.cap is not None,
        "SUNK": rule.sinks is not None,
    }
