"""Which passes of a plan the open questions need, when each question is answered, and what that costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from harness.engine.backend import BatchPlan
from harness.engine.causal.batching import Shard
from harness.engine.causal.encode import Encoded, Prompt, Span
from harness.engine.causal.plan import Plan
from harness.types import Failed, Generate, Question


@dataclass(slots=True)
class Inputs:
    """The questions of a run as a causal model reads them, and the last plan that was laid out for them.

    ``failed``: those that cannot be encoded. ``spans``: every different span once; ``spans_of``: for each question that
    is scored the numbers of its spans. ``prompts``: (position, tokens, request) of those that are generated.
    ``laid``: (budget, plan).
    """

    questions: Sequence[Question]
    encoded: Sequence[Encoded]
    failed: list[tuple[int, Failed]] = field(init=False)
    spans: list[Span] = field(init=False)
    spans_of: dict[int, tuple[int, ...]] = field(init=False)
    prompts: list[tuple[int, tuple[int, ...], Generate]] = field(init=False)
    laid: tuple[int, Plan] | None = None

    def __post_init__(self) -> None:
        """Sort the questions by how they are answered."""
        self.failed = [(i, one) for i, one in enumerate(self.encoded) if isinstance(one, Failed)]
        self.spans, self.spans_of = distinct(self.encoded)
        self.prompts = [
            (i, tuple(one.tokens.tolist()), question.request)
            for i, (question, one) in enumerate(zip(self.questions, self.encoded, strict=True))
            if isinstance(one, Prompt) and isinstance(question.request, Generate)
        ]


def distinct(encoded: Sequence[Encoded]) -> tuple[list[Span], dict[int, tuple[int, ...]]]:
    """Every different span once, and for each question that has any the numbers of its spans."""
    numbers: dict[tuple[bytes, int], int] = {}
    spans: list[Span] = []
    asked: dict[int, tuple[int, ...]] = {}
    for index, found in enumerate(encoded):
        if not isinstance(found, tuple):
            continue
        mine = []
        for span in found:
            number = numbers.setdefault((span.tokens.tobytes(), span.start), len(spans))
            if number == len(spans):
                spans.append(span)
            mine.append(number)
        asked[index] = tuple(mine)
    return spans, asked


class Schedule:
    """Which steps of a plan the ``open_`` questions need, and when each question has all its answers."""

    def __init__(self, plan: Plan, asked: Mapping[int, tuple[int, ...]], open_: Sequence[int]) -> None:
        self.plan, self.asked = plan, asked
        last = [max(steps) for steps in plan.steps_of]
        self.finished: dict[int, list[int]] = {}
        for index, spans in asked.items():
            self.finished.setdefault(max(last[span] for span in spans), []).append(index)
        wanted = set(open_)
        # A batch is computed whole or not at all, so that a resumed run gives the same batches.
        self.finished = {step: group for step, group in self.finished.items() if wanted.intersection(group)}
        need = np.zeros(len(plan.steps), bool)
        self.read_last: dict[int, set[int]] = {}
        end: dict[int, int] = {}
        for step, group in self.finished.items():
            for span in {span for index in group for span in asked[index]}:
                need[list(plan.steps_of[span])] = True
                end[span] = max(end.get(span, -1), step)
        for span, step in end.items():
            self.read_last.setdefault(step, set()).add(span)
        self.last_use = list(range(len(plan.steps)))
        for number in range(len(plan.steps) - 1, -1, -1):
            parent = plan.steps[number].parent
            if need[number] and parent >= 0:
                need[parent] = True
                self.last_use[parent] = max(self.last_use[parent], number)
        self.steps: list[int] = np.flatnonzero(need).tolist()


def scored_batches(work: Schedule) -> list[BatchPlan]:
    """The batches of a schedule, with the tokens of their own steps and of the blocks that these go on from."""
    steps = work.plan.steps
    rows = [_rows(work.plan, number) for number in range(len(steps))]
    above = [0.0] * len(steps)  # tokens of all steps that a step goes on from
    for number, step in enumerate(steps):
        if step.parent >= 0:
            above[number] = above[step.parent] + rows[step.parent]
    groups = _groups(work)
    return [
        BatchPlan(tuple(sorted(positions)), float(rows[number]), groups[number], above[number])
        for number, positions in sorted(work.finished.items())
    ]


def generated_batches(shards: Sequence[Shard], first_group: int) -> list[BatchPlan]:
    """Shards as batches: prompts behind their prefix, and as many new tokens as they may have."""
    groups: dict[tuple[int, ...], int] = {}
    return [
        BatchPlan(
            tuple(sorted(shard.positions)),
            float(sum(len(row.tokens) - len(shard.prefix) + row.request.max_tokens for row in shard.rows)),
            groups.setdefault(shard.prefix, first_group + len(groups)),
            float(len(shard.prefix)),
        )
        for shard in shards
    ]


def _rows(plan: Plan, number: int) -> int:
    """Tokens that go through the model in one step."""
    step = plan.steps[number]
    if step.end is not None:
        return step.end - step.base
    first, *others = step.members
    shared = [
        max(step.base, int(plan.lcp[a + 1 : b + 1].min())) if a < b else step.base for a, b in pairwise(step.members)
    ]
    return (
        len(plan.sequences[first])
        - step.base
        + sum(len(plan.sequences[member]) - common for member, common in zip(others, shared, strict=True))
    )


def _groups(work: Schedule) -> list[int]:
    """For every step the first of those that it shares a block or a question with."""
    group = list(range(len(work.plan.steps)))

    def first(step: int) -> int:
        while group[step] != step:
            group[step] = group[group[step]]
            step = group[step]
        return step

    def join(one: int, other: int) -> None:
        low, high = sorted((first(one), first(other)))
        group[high] = low

    for number, step in enumerate(work.plan.steps):
        if step.parent >= 0:
            join(number, step.parent)
    for spans in work.asked.values():
        parts = {step for span in spans for step in work.plan.steps_of[span]}
        for part in parts:
            join(part, min(parts))
    return [first(step) for step in range(len(group))]
