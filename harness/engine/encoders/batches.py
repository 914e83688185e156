"""Texts of many lengths through an encoder with hardly any padding: sorted, and cut by a token budget."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from harness.engine.backend import Agenda, Batch, BatchPlan, Options
from harness.engine.budget import out_of_memory
from harness.engine.checkpoint import Checkpoint
from harness.engine.tally import Tally
from harness.errors import TooLong, Unsupported
from harness.types import Likelihood, Question

Result = TypeVar("Result")

BUDGET = 2048
"""Tokens of one forward pass unless the options say otherwise."""
PADDING = 64
"""Padding tokens that one batch may hold: below the cost of reading the weights once more."""


def budget_of(options: Options) -> int:
    """Tokens of one forward pass; the reference reads one text at a time."""
    return 1 if options.engine == "reference" else options.token_budget or BUDGET


@dataclass(frozen=True, slots=True)
class Bundle:
    """Questions that are answered together: their positions, the tokens that it takes, and what computes them."""

    positions: tuple[int, ...]
    tokens: int
    compute: Callable[[], Batch]


def agenda(bundles: Sequence[Bundle], tally: Tally) -> Agenda:
    """Bundles share nothing; each is computed whole or not at all. ``tally`` takes their seconds."""
    plans = [BatchPlan(one.positions, float(one.tokens), number) for number, one in enumerate(bundles)]

    def answer(done: Container[int]) -> Iterator[Batch]:
        yield from tally.timing(one.compute() for one in bundles if missing(one.positions, done))

    return Agenda(lambda: plans, answer)


def by_length(lengths: Sequence[int], budget: int, padding: int = PADDING) -> list[list[int]]:
    """Indices in batches, longest first: at most ``budget`` tokens (or one text) and ``padding`` padded ones each."""
    batches: list[list[int]] = []
    longest = padded = 0
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        length = lengths[index]
        padded += longest - length
        if not batches or (len(batches[-1]) + 1) * longest > budget or padded > padding:
            batches.append([])
            longest, padded = length, 0
        batches[-1].append(index)
    return batches


def padded(rows: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows of token ids, padded on the right [rows, longest], and the mask of what is real."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    return ids, (torch.arange(longest, device=device)[None] < lengths[:, None]).long()


@contextmanager
def truncating(tokenizer: Any, side: Literal["left", "right"]) -> Iterator[None]:
    """While this lasts ``tokenizer`` cuts too long texts on that side; afterwards on the side that it did before."""
    before = tokenizer.truncation_side
    tokenizer.truncation_side = side
    try:
        yield
    finally:
        tokenizer.truncation_side = before


def halving(work: Callable[[Sequence[int]], list[Result]], indices: Sequence[int]) -> list[Result]:
    """``work(indices)``, one result each; out of memory does it in two halves."""
    try:
        return work(indices)
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error) or len(indices) < 2:
            raise
        middle = len(indices) // 2
    return halving(work, indices[:middle]) + halving(work, indices[middle:])


def window(checkpoint: Checkpoint) -> int | None:
    """Tokens that an encoder can read: the config's number without the positions that RoBERTa keeps for padding."""
    limit = checkpoint.context
    embeddings = getattr(checkpoint.model.base_model, "embeddings", None)
    offset = getattr(getattr(embeddings, "position_embeddings", None), "padding_idx", None)
    if limit is not None and offset is not None:
        limit -= int(offset) + 1
    said = checkpoint.tokenizer.model_max_length
    return min(limit or said, said) if said < 10**9 else limit


def refuse_kinds(questions: Iterable[Question], valid: frozenset[type], name: str) -> None:
    """Raise Unsupported when a request is of a kind that the model does not answer."""
    wrong = sorted({type(q.request).__name__ for q in questions if type(q.request) not in valid})
    if wrong:
        kinds = ", ".join(sorted(kind.__name__ for kind in valid))
        raise Unsupported(f"model {name!r} cannot answer {', '.join(wrong)}; it answers: {kinds}")


def refuse_strides(questions: Iterable[Question], reason: str) -> None:
    """Raise Unsupported with this reason when a likelihood is asked for in windows of a stride."""
    if any(isinstance(q.request, Likelihood) and q.request.stride for q in questions):
        raise Unsupported(reason)


def refuse_long(questions: Sequence[Question], lengths: Sequence[int], limit: int | None) -> None:
    """Raise TooLong, with the number of questions of each task, when texts exceed ``limit`` tokens."""
    if limit is None:
        return
    long: dict[str, int] = {}
    for question, length in zip(questions, lengths, strict=True):
        if length > limit:
            long[question.task] = long.get(question.task, 0) + 1
    if long:
        each = ", ".join(f"{name}: {count}" for name, count in sorted(long.items()))
        raise TooLong(
            f"{sum(long.values())} texts longer than the model's context of {limit} tokens ({each}; longest: "
            f"{max(lengths)}); --truncate left cuts them from the left"
        )


def positions_of(keys: Sequence[Any]) -> dict[Any, list[int]]:
    """Where each distinct key stands."""
    positions: dict[Any, list[int]] = {}
    for position, key in enumerate(keys):
        positions.setdefault(key, []).append(position)
    return positions


def missing(positions: Iterable[int], done: Container[int]) -> bool:
    """Whether any of them is still to be answered."""
    return any(position not in done for position in positions)
