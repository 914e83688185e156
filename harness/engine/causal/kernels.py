"""Attention on a GPU, in Triton: over a tree of tokens in one call a layer, and of one new token a row over pages.

Both are the online softmax of FlashAttention (Dao 2023, arXiv:2307.08691): blocks of keys go by, with a running maximum
and sum, so that no scores are kept. Only blocks that hold a visible key are visited; ``blocks.py`` lists them.
Products take the model's dtype and sum in float32. Scores are times log2(e), for the hardware's base-2 exponential.
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.engine.causal.blocks import KEYS, QUERIES
from harness.engine.causal.rule import Rule

LOG2E = 1.4426950408889634
_LOG2E: tl.constexpr = tl.constexpr(LOG2E)
_SIZES = ["rows", "prefix", "skip", "window", "chunk", "columns", "total"]
"""Arguments that change from pass to pass: a kernel is compiled once, not for multiples of 16 and others apart."""


@triton.jit
def _weigh(scores, seen, above, slope, cap, window, chunk, depth, CAPPED: tl.constexpr, RULED: tl.constexpr):
    """Scores after the layer's cap, bias and window; -inf where nothing is seen. above: depth of a row less a key's."""
    if CAPPED:
        scores = cap * (1 - 2 / (tl.exp2(scores / cap * 2 * _LOG2E) + 1))  # cap * tanh(scores / cap)
    if RULED:
        scores -= slope * above.to(tl.float32)
        seen = seen & (above < window) & ((depth // chunk) == ((depth - above) // chunk))
    return tl.where(seen, scores * _LOG2E, float("-inf"))


@triton.jit
def _within(known, d, WIDTH: tl.constexpr, D: tl.constexpr):
    """``known`` and, where a head's width is no power of two, the columns that exist."""
    return known & (d < WIDTH) if D > WIDTH else known & (d >= 0)


@triton.jit
def _more(v, scores, top, mass, out):
    """One more block of keys in the running maximum, sum and output."""
    new = tl.maximum(top, tl.max(scores, 1))
    safe = tl.where(new == float("-inf"), 0.0, new)
    weights = tl.exp2(scores - safe[:, None])
    fade = tl.exp2(top - safe)
    mass = mass * fade + tl.sum(weights, 1)
    out = tl.dot(weights.to(v.dtype), v, out * fade[:, None], input_precision="tf32x3")
    return new, mass, out


@triton.jit(do_not_specialize=_SIZES)
def _tree(
    Q, K, V, PK, PV, OUT, MASS, ENDS, DEPTHS, STARTS, LIST, SLOPES, SINKS,
    q_head, q_row, k_head, k_row, v_head, v_row, pk_head, pk_row, pv_head, pv_row, out_head, out_row,
    rows, prefix, scale, cap, window, chunk,
    GROUP: tl.constexpr, WIDTH: tl.constexpr, D: tl.constexpr, VALUES: tl.constexpr, DV: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, LISTED: tl.constexpr,
    OWN: tl.constexpr, RULED: tl.constexpr, CAPPED: tl.constexpr, BIASED: tl.constexpr,
    SUNK: tl.constexpr, MASSES: tl.constexpr,
):  # fmt: skip
    block, head = tl.program_id(0), tl.program_id(1)
    kept = head // GROUP
    r = block * BM + tl.arange(0, BM)
    d, e, n = tl.arange(0, D), tl.arange(0, DV), tl.arange(0, BN)
    inside = r < rows
    q = tl.load(
        Q + head * q_head + r[:, None] * q_row + d[None, :], _within(inside[:, None], d[None, :], WIDTH, D), 0.0
    )
    depth = tl.zeros([BM], tl.int32)
    slope = 0.0
    if RULED:
        depth = tl.load(DEPTHS + r, inside, 0)
    if BIASED:
        slope = tl.load(SLOPES + head)
    top = tl.full([BM], float("-inf"), tl.float32)
    mass = tl.zeros([BM], tl.float32)
    out = tl.zeros([BM, DV], tl.float32)
    for start in range(0, prefix, BN):
        c = start + n
        known = c < prefix
        k = tl.load(
            PK + kept * pk_head + c[None, :] * pk_row + d[:, None], _within(known[None, :], d[:, None], WIDTH, D), 0.0
        )
        v = tl.load(
            PV + kept * pv_head + c[:, None] * pv_row + e[None, :], _within(known[:, None], e[None, :], VALUES, DV), 0.0
        )
        scores = tl.dot(q, k, input_precision="tf32x3") * scale
        above = depth[:, None] - c[None, :]
        scores = _weigh(scores, known[None, :], above, slope, cap, window, chunk, depth[:, None], CAPPED, RULED)
        top, mass, out = _more(v, scores, top, mass, out)
    if OWN:
        listed = block * BM // LISTED
        for i in range(tl.load(STARTS + listed), tl.load(STARTS + listed + 1)):
            c = tl.load(LIST + i) * BN + n
            known = c < rows
            end = tl.load(ENDS + c, known, 0)
            k = tl.load(
                K + kept * k_head + c[None, :] * k_row + d[:, None], _within(known[None, :], d[:, None], WIDTH, D), 0.0
            )
            v = tl.load(
                V + kept * v_head + c[:, None] * v_row + e[None, :],
                _within(known[:, None], e[None, :], VALUES, DV),
                0.0,
            )
            scores = tl.dot(q, k, input_precision="tf32x3") * scale
            seen = (c[None, :] <= r[:, None]) & (r[:, None] < end[None, :])
            above = depth[:, None]
            if RULED:
                above = depth[:, None] - tl.load(DEPTHS + c, known, 0)[None, :]
            scores = _weigh(scores, seen, above, slope, cap, window, chunk, depth[:, None], CAPPED, RULED)
            top, mass, out = _more(v, scores, top, mass, out)
    if SUNK:  # a learned logit that takes mass and gives nothing
        mass += tl.exp2(tl.load(SINKS + head).to(tl.float32) * _LOG2E - top)
    out = out / tl.where(mass > 0, mass, 1.0)[:, None]
    where = OUT + head * out_head + r[:, None] * out_row + e[None, :]
    tl.store(where, out.to(OUT.dtype.element_ty), _within(inside[:, None], e[None, :], VALUES, DV))
    if MASSES:
        tl.store(MASS + head * rows + r, top + tl.log2(mass), inside)


@triton.jit(do_not_specialize=_SIZES)
def _paged(
    Q, K, V, OUT, PREFIX, MASS, TABLE, LENGTHS, SLOPES, SINKS,
    q_head, q_row, page, page_head, v_page, v_page_head, out_head, out_row, table_row,
    rows, skip, scale, cap, window, chunk,
    GROUP: tl.constexpr, G: tl.constexpr, WIDTH: tl.constexpr, D: tl.constexpr, VALUES: tl.constexpr,
    DV: tl.constexpr, PAGE: tl.constexpr, SHARED: tl.constexpr, RULED: tl.constexpr, CAPPED: tl.constexpr,
    BIASED: tl.constexpr, SUNK: tl.constexpr,
):  # fmt: skip
    row, kept = tl.program_id(0), tl.program_id(1)
    g, d, e, n = tl.arange(0, G), tl.arange(0, D), tl.arange(0, DV), tl.arange(0, PAGE)
    head = kept * GROUP + g
    inside = g < GROUP
    q = tl.load(
        Q + head[:, None] * q_head + row * q_row + d[None, :], _within(inside[:, None], d[None, :], WIDTH, D), 0.0
    )
    length = tl.load(LENGTHS + row) + 1
    depth = skip + length - 1
    slope = tl.zeros([G, 1], tl.float32)
    if BIASED:
        slope = tl.load(SLOPES + head, inside, 0.0)[:, None]
    if SHARED:  # what the row made of the shared prefix: output and log2 of its mass
        at = (head * rows + row)[:, None] * VALUES + e[None, :]
        out = tl.load(PREFIX + at, _within(inside[:, None], e[None, :], VALUES, DV), 0.0).to(tl.float32)
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
        where = K + base * page + kept * page_head
        k = tl.load(where + n[None, :] * WIDTH + d[:, None], _within(known[None, :], d[:, None], WIDTH, D), 0.0)
        where = V + base * v_page + kept * v_page_head
        v = tl.load(where + n[:, None] * VALUES + e[None, :], _within(known[:, None], e[None, :], VALUES, DV), 0.0)
        scores = tl.dot(q, k, input_precision="tf32x3") * scale
        above = (length - 1 - c)[None, :]
        scores = _weigh(scores, known[None, :], above, slope, cap, window, chunk, depth, CAPPED, RULED)
        top, mass, out = _more(v, scores, top, mass, out)
    if SUNK:
        mass += tl.exp2(tl.load(SINKS + head, inside, 0.0).to(tl.float32) * _LOG2E - top)
    out = out / tl.where(mass > 0, mass, 1.0)[:, None]
    where = OUT + head[:, None] * out_head + row * out_row + e[None, :]
    tl.store(where, out.to(OUT.dtype.element_ty), _within(inside[:, None], e[None, :], VALUES, DV))


@triton.jit(do_not_specialize=_SIZES)
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
        masses = masses * tl.exp2((tops - safe) * _LOG2E) + tl.exp2((x - safe) * _LOG2E)
        tops = new
    before = tl.load(TOP + row)
    top = tl.maximum(before, tl.max(tops, 0))
    mass = tl.load(MASS + row) * tl.exp2((before - top) * _LOG2E) + tl.sum(masses * tl.exp2((tops - top) * _LOG2E), 0)
    tl.store(TOP + row, top)
    tl.store(MASS + row, mass)


def more_mass(logits: Tensor, top: Tensor, mass: Tensor) -> tuple[Tensor, Tensor]:
    """The running maximum and sum of exp(logit - maximum) [rows] with a block of logits [rows, block]; in place."""
    _mass[(len(logits),)](logits, top, mass, logits.stride(0), logits.shape[1], BLOCK=1024, num_warps=4)
    return top, mass


@triton.jit(do_not_specialize=_SIZES)
def _gated(GATE, UP, total, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    gate = tl.load(GATE + at, at < total, 0.0).to(tl.float32)
    up = tl.load(UP + at, at < total, 0.0)
    silu = (gate / (1 + tl.exp2(-gate * _LOG2E))).to(up.dtype)
    tl.store(GATE + at, silu * up, at < total)


def gated(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) * up in one turn over memory, in the place of ``gate``; both contiguous and of one shape."""
    _gated[(triton.cdiv(gate.numel(), 4096),)](gate, up, gate.numel(), BLOCK=4096, num_warps=8)
    return gate


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
    rule: Rule,
) -> Tensor:
    """q [1, h, rows, d], k, v [1, h_kv, rows, d], prefix of the same [1, h_kv, kept, d] -> [1, h, rows, d]."""
    _, heads, rows, _ = q.shape
    out = torch.empty(1, rows, heads, v.shape[-1], dtype=q.dtype, device=q.device).transpose(1, 2)
    _run_tree(q, (k, v), prefix, layout, rule, out, None)
    return out


def over_prefix(q: Tensor, prefix: tuple[Tensor, Tensor], depths: Tensor, rule: Rule) -> tuple[Tensor, Tensor]:
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
    rule: Rule,
    out: Tensor,
    mass: Tensor | None,
) -> None:
    pk, pv = prefix or own or (q, q)
    k, v = own or (pk, pv)
    heads, rows, width = q.shape[1:]
    values = v.shape[-1]
    d, dv = _padded(width), _padded(values)
    bytes_ = (d + dv) * q.element_size()  # of one key and its value: what a block of keys takes of shared memory
    bm = QUERIES if bytes_ <= 512 else QUERIES // 2
    _tree[(triton.cdiv(rows, bm), heads)](
        q, k, v, pk, pv, out, out if mass is None else mass,
        layout.ends, layout.depths, layout.starts, layout.keys, *_learned(rule, q),
        *_strides(q), *_strides(k), *_strides(v), *_strides(pk), *_strides(pv), *_strides(out),
        rows, pk.shape[2] if prefix is not None else 0, rule.scale, rule.cap or 1.0, *_reach(rule),
        GROUP=heads // k.shape[1], WIDTH=width, D=d, VALUES=values, DV=dv, BM=bm, BN=KEYS, LISTED=QUERIES,
        OWN=own is not None, **_clauses(rule), MASSES=mass is not None,
        num_warps=8 if bytes_ > 256 else 4, num_stages=3 if bytes_ <= 512 else 2 if bytes_ <= 1024 else 1,
    )  # fmt: skip


def paged(
    q: Tensor,
    pages: tuple[Tensor, Tensor],
    prefix: tuple[Tensor, Tensor] | None,
    table: Tensor,
    lengths: Tensor,
    depths: Tensor,
    rule: Rule,
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
        q, k, v, out, *shared, table, lengths, *_learned(rule, q),
        *_strides(q), k.stride(0), k.stride(1), v.stride(0), v.stride(1), *_strides(out), table.stride(0),
        rows, prefix[0].shape[2] if prefix is not None else 0, rule.scale, rule.cap or 1.0, *_reach(rule),
        GROUP=group, G=max(16, triton.next_power_of_2(group)), WIDTH=width, D=_padded(width), VALUES=values,
        DV=_padded(values), PAGE=k.shape[2], SHARED=prefix is not None, **_clauses(rule),
        num_warps=4, num_stages=2,
    )  # fmt: skip
    return out


def _padded(width: int) -> int:
    return max(16, int(triton.next_power_of_2(width)))


def _strides(x: Tensor) -> tuple[int, int]:
    """Of heads and rows; a head's own numbers must be neighbours."""
    if x.stride(-1) != 1:
        raise ValueError("the numbers of a head are not neighbours in memory")
    return x.stride(1), x.stride(2)


def _learned(rule: Rule, q: Tensor) -> tuple[Tensor, Tensor]:
    return q if rule.slopes is None else rule.slopes, q if rule.sinks is None else rule.sinks


def _reach(rule: Rule) -> tuple[int, int]:
    """Window and chunk; where there is none, a number that no depth reaches."""
    most = 1 << 30
    return rule.window or most, rule.chunk or most


def _clauses(rule: Rule) -> dict[str, bool]:
    biased = rule.slopes is not None
    return {
        "RULED": rule.reach is not None or biased,
        "CAPPED": rule.cap is not None,
        "BIASED": biased,
        "SUNK": rule.sinks is not None,
    }
