"""How the next token is picked from logits: greedy, or a draw that depends on the request and the step alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import torch
from torch import Tensor

from harness.types import Generate


def stream(request: Generate, tokens: Sequence[int]) -> int:
    """The key of a request's own random stream: its seed and its prompt, so that questions do not share their luck."""
    digest = blake2b(str(request.seed).encode(), digest_size=8)
    digest.update(b"".join(int(token).to_bytes(8, "little", signed=True) for token in tokens))
    return int.from_bytes(digest.digest(), "little", signed=True)


@dataclass(frozen=True, slots=True)
class Draws:
    """How the next token of every row is to be picked: tensors [rows] on the device of the logits.

    ``temperature`` and ``top_p`` in float64; ``key`` and ``step`` in int64. ``drawn`` and ``nucleus`` tell whether any
    row has a temperature above 0, and a top_p below 1.
    """

    temperature: Tensor
    top_p: Tensor
    key: Tensor
    step: Tensor
    drawn: bool
    nucleus: bool


def pick(logits: Tensor, request: Generate, key: int, step: int) -> int:
    """The token after ``logits`` [vocab]: ``pick_rows`` of one row."""
    temperature, top_p = torch.tensor([[request.temperature], [request.top_p]], dtype=torch.float64).to(logits.device)
    keys, steps = torch.tensor([[key], [step]], dtype=torch.int64).to(logits.device)
    draws = Draws(temperature, top_p, keys, steps, request.temperature > 0, request.top_p < 1)
    return int(pick_rows(logits[None], draws)[0])


def pick_rows(logits: Tensor, draws: Draws) -> Tensor:
    """The token after each row of ``logits`` [rows, vocab]: the likeliest at temperature 0, else a draw.

    The draw is a Gumbel-max in float64 (Gumbel 1954): argmax of logits / temperature + noise, where the noise of a
    token follows from ``key``, ``step`` and its number. Logits that differ in their last digit, as they do between
    batch sizes, therefore change a draw only where the two best sums differ by as little.
    """
    likeliest = logits.argmax(-1)
    if not draws.drawn:
        return likeliest
    warm = draws.temperature > 0
    scaled = logits.double() / torch.where(warm, draws.temperature, 1.0)[:, None]
    if draws.nucleus:
        scaled = nucleus(scaled, draws.top_p)
    drawn = (scaled + gumbel(logits.shape[-1], draws.key, draws.step)).argmax(-1)
    return torch.where(warm, drawn, likeliest)


def nucleus(logits: Tensor, top_p: Tensor) -> Tensor:
    """``logits`` [rows, vocab], -inf outside the smallest set of likeliest tokens that reaches ``top_p`` [rows]."""
    probabilities, order = logits.softmax(-1).sort(descending=True, stable=True)
    before = probabilities.cumsum(-1) - probabilities  # mass of the likelier ones; the first always stays
    surplus = (before >= top_p[:, None]) & (top_p < 1)[:, None]
    surplus[:, 0] = False
    return logits.masked_fill(torch.zeros_like(surplus).scatter(-1, order, surplus), -torch.inf)


def gumbel(size: int, key: Tensor, step: Tensor) -> Tensor:
    """Standard Gumbel noise [rows, size] in float64 for key and step [rows].

    Counter-based: a hash of (key, step, token) in integer arithmetic, so that every device and batch draws the same.
    """
    counter = mixed(key + mixed(step))[:, None] + torch.arange(size, device=key.device)
    uniform = (_shifted(mixed(counter), 11).double() + 0.5) * 2.0**-53
    return -(-uniform.log()).log()


def mixed(x: Tensor) -> Tensor:
    """The output function of SplitMix64 (Steele, Lea and Flood 2014): int64 in, int64 with its bits well mixed out."""
    x = (x + 1) * -7046029254386353131  # 0x9E3779B97F4A7C15, the golden ratio
    x = (x ^ _shifted(x, 30)) * -4658895280553007687  # 0xBF58476D1CE4E5B9
    x = (x ^ _shifted(x, 27)) * -7723592293110705685  # 0x94D049BB133111EB
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """x >> bits of the bits as they stand: no copies of the sign come in."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)
