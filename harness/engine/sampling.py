"""How the next token is picked from logits: greedy, or a draw that depends on the request and the step alone."""

from collections.abc import Sequence
from hashlib import blake2b

import torch
from torch import Tensor

from harness.types import Generate


def stream(request: Generate, tokens: Sequence[int]) -> bytes:
    """The key of a request's own random stream: its seed and its prompt, so that questions do not share their luck."""
    digest = blake2b(str(request.seed).encode(), digest_size=8)
    digest.update(b"".join(int(token).to_bytes(8, "little", signed=True) for token in tokens))
    return digest.digest()


def pick(logits: Tensor, request: Generate, key: bytes, step: int) -> int:
    """The token after ``logits`` [vocab]: the most likely one at temperature 0, else a draw from the nucleus.

    The draw is a Gumbel-max in float64 (Gumbel 1954): argmax of logits / temperature + noise, where the noise of a
    token follows from ``key``, ``step`` and its number. Logits that differ in their last digit, as they do between
    batch sizes, therefore change a draw only where the two best sums differ by as little.
    """
    if request.temperature <= 0.0:
        return int(logits.argmax())
    scaled = logits.double() / request.temperature
    if request.top_p < 1.0:
        scaled = nucleus(scaled, request.top_p)
    return int((scaled + gumbel(len(logits), key, step).to(scaled.device)).argmax())


def nucleus(logits: Tensor, top_p: float) -> Tensor:
    """``logits`` [vocab] with -inf outside the smallest set of likeliest tokens whose probability reaches ``top_p``."""
    probabilities, order = logits.softmax(-1).sort(descending=True, stable=True)
    before = probabilities.cumsum(-1) - probabilities  # mass of the likelier ones; the first always stays
    surplus = before >= top_p
    surplus[0] = False
    return logits.index_fill(0, order[surplus], -torch.inf)


def gumbel(size: int, key: bytes, step: int) -> Tensor:
    """Standard Gumbel noise [size] in float64, made on the CPU so that every device draws the same."""
    seed = int.from_bytes(blake2b(key + step.to_bytes(8, "little"), digest_size=8).digest(), "little") >> 1
    source = torch.Generator().manual_seed(seed)
    uniform = torch.rand(size, generator=source, dtype=torch.float64).clamp_min(1e-300)
    return -(-uniform.log()).log()


def cut(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """``text`` before the first stop string in it, and whether there is one."""
    found = [at for at in (text.find(string) for string in stop if string) if at >= 0]
    return (text[: min(found)], True) if found else (text, False)
