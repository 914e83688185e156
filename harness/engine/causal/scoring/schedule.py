"""Which passes of a plan the open questions need, when each question is answered, and what that costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from harness.engine.backend import BatchPlan
from harness.engine.causal.encode import Encoded, Prompt, Span
from harness.engine.causal.generation.grouping import PromptShard
from harness.engine.causal.scoring.plan import Plan
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
    spans_of: dict[int, tuple[int, ...]] = {}
    for question, own in enumerate(encoded):
        if not isinstance(own, tuple):
            continue
        for span in own:
            if numbers.setdefault((span.tokens.tobytes(), span.start), len(spans)) == len(spans):
                spans.append(span)
        spans_of[question] = tuple(numbers[span.tokens.tobytes(), span.start] for span in own)
    return spans, spans_of


class Schedule:
    """The steps that have to run, what each completes, and until when its results are kept.

    A batch is the questions that one step completes. Say two questions are asked: question 0 reads span 0, which steps
    0 and 1 answer; question 1 reads span 1, which step 2 answers, and step 0 is a kept block that both others continue.
    Then ``steps`` is [0, 1, 2], ``finished`` {1: [0], 2: [1]}, ``read_last`` {1: {0}, 2: {1}}: after step 1 the answers
    to span 0 are dropped. ``last_use[0]`` is 2: so long the keys and values of step 0 stay. If question 0 is done
    already, ``steps`` is [0, 2].

    ``finished``: for a step the questions whose last answer it gives. ``read_last``: the spans that nobody reads after
    it. ``last_use``: for every step the last one that continues it, itself where none does. ``steps``: in order.
    """

    plan: Plan
    spans_of: Mapping[int, tuple[int, ...]]
    finished: dict[int, list[int]]
    read_last: dict[int, set[int]]
    last_use: list[int]
    steps: list[int]

    def __init__(self, plan: Plan, spans_of: Mapping[int, tuple[int, ...]], open_: Sequence[int]) -> None:
        """``spans_of``: the spans of every question of the run; ``open_``: those still to be answered."""
        self.plan, self.spans_of = plan, spans_of
        self.finished = self._finished(set(open_))
        self.read_last = self._read_last()
        need = np.zeros(len(plan.steps), bool)
        for group in self.finished.values():
            for span in {span for question in group for span in spans_of[question]}:
                need[list(plan.steps_of[span])] = True
        self.last_use = list(range(len(plan.steps)))
        for number in range(len(plan.steps) - 1, -1, -1):  # a step stands behind those that it continues
            parent = plan.steps[number].parent
            if need[number] and parent >= 0:
                need[parent] = True
                self.last_use[parent] = max(self.last_use[parent], number)
        self.steps = np.flatnonzero(need).tolist()

    def release(self, step: int, kept: dict[int, Any], scores: dict[int, Any]) -> None:
        """Drop what nobody needs after ``step``: keys and values by their steps, scores by their spans."""
        for over in [one for one in list(kept) if self.last_use[one] <= step]:
            del kept[over]
        for span in self.read_last.get(step, ()):
            scores.pop(span, None)

    def _finished(self, wanted: set[int]) -> dict[int, list[int]]:
        last = [max(steps) for steps in self.plan.steps_of]
        groups: dict[int, list[int]] = {}
        for question, spans in self.spans_of.items():
            groups.setdefault(max(last[span] for span in spans), []).append(question)
        # A batch is computed whole or not at all, so that a resumed run gives the same batches.
        return {step: group for step, group in groups.items() if wanted.intersection(group)}

    def _read_last(self) -> dict[int, set[int]]:
        end: dict[int, int] = {}
        for step, group in self.finished.items():
            for span in {span for question in group for span in self.spans_of[question]}:
                end[span] = max(end.get(span, -1), step)
        spans: dict[int, set[int]] = {}
        for span, step in end.items():
            spans.setdefault(step, set()).add(span)
        return spans


def scored_batches(schedule: Schedule) -> list[BatchPlan]:
    """The batches of a schedule, with the tokens of their own steps and of the blocks that these go on from."""
    steps = schedule.plan.steps
    rows = [step_rows(schedule.plan, number) for number in range(len(steps))]
    above = [0.0] * len(steps)  # tokens of all steps that a step goes on from
    for number, step in enumerate(steps):
        if step.parent >= 0:
            above[number] = above[step.parent] + rows[step.parent]
    groups = _groups(schedule)
    return [
        BatchPlan(tuple(sorted(positions)), float(rows[number]), groups[number], above[number])
        for number, positions in sorted(schedule.finished.items())
    ]


def generated_batches(shards: Sequence[PromptShard], first_group: int) -> list[BatchPlan]:
    """Shards as batches: every different prompt behind their prefix, and as many new tokens as all may have."""
    groups: dict[tuple[int, ...], int] = {}
    return [
        BatchPlan(
            tuple(sorted(shard.positions)),
            float(
                sum(len(prompt) - len(shard.prefix) for prompt in {row.tokens for row in shard.rows})
                + sum(row.request.max_tokens for row in shard.rows)
            ),
            groups.setdefault(shard.prefix, first_group + len(groups)),
            float(len(shard.prefix)),
        )
        for shard in shards
    ]


def step_rows(plan: Plan, number: int) -> int:
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


def _groups(schedule: Schedule) -> list[int]:
    """For every step the first of those that it shares a block or a question with."""
    group = list(range(len(schedule.plan.steps)))

    def first(step: int) -> int:
        while group[step] != step:
            group[step] = group[group[step]]
            step = group[step]
        return step

    def join(one: int, other: int) -> None:
        low, high = sorted((first(one), first(other)))
        group[high] = low

    for number, step in enumerate(schedule.plan.steps):
        if step.parent >= 0:
            join(number, step.parent)
    for spans in schedule.spans_of.values():
        parts = {step for span in spans for step in schedule.plan.steps_of[span]}
        for part in parts:
            join(part, min(parts))
    return [first(step) for step in range(len(group))]
