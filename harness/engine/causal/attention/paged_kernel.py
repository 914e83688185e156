"""Attention on a GPU, in Triton, of one new token a row over its pages; see ``kernels``."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.engine.causal.attention.kernels import (
    LOG2E,
    SIZES,
    clauses,
    keys_of,
    more,
    over_prefix,
    padded,
    reach,
    strides,
    values_of,
    weigh,
    within,
)
from harness.engine.causal.attention.rule import LayerRule


@triton.jit(do_not_specialize=SIZES)
def _paged(
    Q, K, V, OUT, PREFIX, MASS, TABLE, LENGTHS, SINKS,
    q_head, q_row, page, page_head, v_page, v_page_head, out_head, out_row, table_row,
    rows, skip, scale, cap, window, chunk,
    GROUP: tl.constexpr, G: tl.constexpr, WIDTH: tl.constexpr, D: tl.constexpr, VALUES: tl.constexpr,
    DV: tl.constexpr, PAGE: tl.constexpr, SHARED: tl.constexpr, RULED: tl.constexpr, CAPPED: tl.constexpr,
    SUNK: tl.constexpr,
):  # fmt: skip
    row, kept = tl.program_id(0), tl.program_id(1)
    g, d, e, n = tl.arange(0, G), tl.arange(0, D), tl.arange(0, DV), tl.arange(0, PAGE)
    head = kept * GROUP + g
    inside = g < GROUP
    q = tl.load(
        Q + head[:, None] * q_head + row * q_row + d[None, :], within(inside[:, None], d[None, :], WIDTH, D), 0.0
    )
    length = tl.load(LENGTHS + row) + 1
    depth = skip + length - 1
    if SHARED:  # what the row made of the shared prefix: output and log2 of its mass
        at = (head * rows + row)[:, None] * VALUES + e[None, :]
        out = tl.load(PREFIX + at, within(inside[:, None], e[None, :], VALUES, DV), 0.0).to(tl.float32)
        top = tl.load(MASS + head * rows + row, inside, float("-inf"))
        mass = tl.where(top == float("-inf"), 0.0, 1.0)
    else:
        out = tl.zeros([G, DV], tl.float32)
        top = tl.full([G], float("-inf"), tl.float32)
        mass = tl.zeros([G], tl.float32)
    first = 0
    if RULED:
        first = tl.maximum(0, length - window) // PAGE
    for i in range(first, tl.cdiv(length, PAGE)):
        base = tl.load(TABLE + row * table_row + i).to(tl.int64)
        c = i * PAGE + n
        known = c < length
        k = keys_of(K + base * page + kept * page_head, WIDTH, n, d, known, WIDTH, D)
        v = values_of(V + base * v_page + kept * v_page_head, VALUES, n, e, known, VALUES, DV)
        scores = tl.dot(q, k, input_precision="tf32x3") * scale
        above = (length - 1 - c)[None, :]
        scores = weigh(scores, known[None, :], above, cap, window, chunk, depth, CAPPED, RULED)
        top, mass, out = more(v, scores, top, mass, out)
    if SUNK:
        mass += tl.exp2(tl.load(SINKS + head, inside, 0.0).to(tl.float32) * LOG2E - top)
    out = out / tl.where(mass > 0, mass, 1.0)[:, None]
    where = OUT + head[:, None] * out_head + row * out_row + e[None, :]
    tl.store(where, out.to(OUT.dtype.element_ty), within(inside[:, None], e[None, :], VALUES, DV))


def paged(
    q: Tensor,
    pages: tuple[Tensor, Tensor],
    prefix: tuple[Tensor, Tensor] | None,
    table: Tensor,
    lengths: Tensor,
    depths: Tensor,
    rule: LayerRule,
) -> Tensor:
    """One new token a row over its own pages and the shared prefix: q [1, h, rows, d] -> [1, h, rows, d].

    ``pages``: keys and values [pages, h_kv, page, d]; ``table`` [rows, pages a row]: each row's pages in order;
    ``lengths`` [rows]: tokens of the row's own before this one, whose keys are in their page already; ``depths``
    [rows]: the same and the prefix. All int32.
    """
    k, v = pages
    _, heads, rows, width = q.shape
    values, group = v.shape[-1], heads // k.shape[1]
    out = torch.empty(1, rows, heads, values, dtype=q.dtype, device=q.device).transpose(1, 2)
    shared = over_prefix(q, prefix, depths, rule) if prefix is not None else (out, out)
    _paged[(rows, k.shape[1])](
        q, k, v, out, *shared, table, lengths, q if rule.sinks is None else rule.sinks,
        *strides(q), k.stride(0), k.stride(1), v.stride(0), v.stride(1), *strides(out), table.stride(0),
        rows, prefix[0].shape[2] if prefix is not None else 0, rule.scale, rule.cap or 1.0, *reach(rule),
        GROUP=group, G=max(16, triton.next_power_of_2(group)), WIDTH=width, D=padded(width), VALUES=values,
        DV=padded(values), PAGE=k.shape[2], SHARED=prefix is not None, **clauses(rule),
        num_warps=4, num_stages=2,
    )  # fmt: skip
    return out
