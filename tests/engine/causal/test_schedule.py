"""Which passes the open questions need, in the example that ``Schedule`` gives."""

import numpy as np

from harness.engine.causal.encode import Span
from harness.engine.causal.generation.grouping import Pending, PromptShard
from harness.engine.causal.scoring.plan import Plan, Step
from harness.engine.causal.scoring.schedule import Schedule, distinct, generated_batches
from harness.types import Generate


def plan() -> Plan:
    """A block (step 0) that steps 1 and 2 continue; span 0 is read off steps 0 and 1, span 1 off step 2."""
    spans = [Span(np.arange(4, dtype=np.int32), 1), Span(np.arange(5, dtype=np.int32), 3)]
    steps = [Step((0, 1), room=2, end=2), Step((0,), 2, 0), Step((1,), 2, 0)]
    return Plan(spans, [], np.zeros(0, np.int64), [], steps, [(0, 1), (2,)])


def test_the_example() -> None:
    schedule = Schedule(plan(), {0: (0,), 1: (1,)}, [0, 1])
    assert schedule.steps == [0, 1, 2]
    assert schedule.finished == {1: [0], 2: [1]}
    assert schedule.read_last == {1: {0}, 2: {1}}
    assert schedule.last_use == [2, 1, 2]
    assert Schedule(plan(), {0: (0,), 1: (1,)}, [1]).steps == [0, 2]


def test_what_nobody_needs_any_more_is_dropped() -> None:
    schedule = Schedule(plan(), {0: (0,), 1: (1,)}, [0, 1])
    kept, scores = {0: "block"}, {0: "first", 1: "second"}
    schedule.release(1, kept, scores)
    assert (kept, scores) == ({0: "block"}, {1: "second"})
    schedule.release(2, kept, scores)
    assert (kept, scores) == ({}, {})


def test_a_batch_is_computed_whole() -> None:
    schedule = Schedule(plan(), {0: (0, 1), 1: (1,)}, [1])
    assert schedule.finished == {2: [0, 1]} and schedule.steps == [0, 1, 2]


def test_equal_spans_are_asked_once() -> None:
    one, two = Span(np.array([1, 2, 3], np.int32), 1), Span(np.array([1, 2, 3], np.int32), 2)
    spans, spans_of = distinct([(one, two), (two,), (one,)])
    assert len(spans) == 2 and spans_of == {0: (0, 1), 1: (1,), 2: (0,)}


def test_a_prompt_of_several_samples_costs_what_is_read_once() -> None:
    rows = [Pending((i,), (1, 2, 3, 4, 5), Generate("p", 10, temperature=1.0, seed=i)) for i in range(3)]
    shard = PromptShard((1, 2), (*rows, Pending((3,), (1, 2, 9), Generate("q", 7))))
    (batch,) = generated_batches([shard], 0)
    assert batch.cost == 3 + 1 + 3 * 10 + 7 and batch.shared == 2
