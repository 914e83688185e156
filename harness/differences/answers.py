"""The samples of a run as a comparison needs them, and pairs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.store.frames import cluster_keys
from harness.store.outcomes import split_values

if TYPE_CHECKING:
    from harness.store.store import Store
    from harness.types import Value


@dataclass(frozen=True, slots=True)
class Answer:
    """What is compared of one sample; ``values`` is None where it failed."""

    example: str
    cluster: str
    prompt: str
    correct: bool | None
    values: Mapping[str, Value] | None
    slices: Mapping[str, str]
    prediction: str
    logprob: float | None


def answers(store: Store, run: str, task: str, *, logprobs: bool = True) -> list[Answer]:
    """The samples of one task, as far as a comparison needs them; without ``logprobs`` nothing is read of responses."""
    columns = ["example_id", "cluster", "prompt_hash", "correct", "values", "slices", "prediction"]
    frame = store.samples(run, task, columns=[*columns, *(["responses"] if logprobs else [])]).astype(object)
    frame["cluster"] = cluster_keys(frame)
    return [_answer(*row) for row in frame.itertuples(index=False, name=None)]


def _answer(
    example: object,
    cluster: object,
    prompt: object,
    correct: object,
    values: Any,
    slices: Any,
    prediction: object,
    responses: Any = (),
) -> Answer:
    return Answer(
        example=str(example),
        cluster=str(cluster),
        prompt=str(prompt),
        correct=bool(correct) if isinstance(correct, bool | np.bool_) else None,
        values=values and split_values(values)[0],
        slices=slices,
        prediction=str(prediction),
        logprob=_logprob(responses),
    )


def _logprob(responses: Sequence[Mapping[str, object]]) -> float | None:
    logprobs = responses[0].get("logprobs") if len(responses) == 1 else None
    return max(map(float, logprobs)) if isinstance(logprobs, list) and logprobs else None


def pairs_of(
    ours: Sequence[Answer], theirs: Sequence[Answer], *, same: bool
) -> tuple[list[tuple[Answer, Answer]], int]:
    """Pairs by example id (with ``same`` by prompt too) in the first run's order, and how many fell out."""
    other = {answer.example: answer for answer in theirs}
    pairs = [(one, other[one.example]) for one in ours if one.example in other]
    pairs = [(one, two) for one, two in pairs if not same or one.prompt == two.prompt]
    return pairs, len({a.example for a in ours} | set(other)) - len(pairs)
