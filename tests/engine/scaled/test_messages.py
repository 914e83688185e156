"""What driver and workers tell each other, and the cut of a plan into units."""

import math

from harness.engine.backend import BatchPlan
from harness.engine.costs import summed
from harness.engine.division import Outside, units
from harness.engine.scaled.messages import (
    Trouble,
    digest_of,
    pack_batch,
    pack_plan,
    pack_questions,
    unpack_batch,
    unpack_plan,
    unpack_questions,
)
from harness.errors import ModelError, RunError, UnknownName
from harness.types import Choose, Chosen, Failed, Generate, Generated, Likelihood, Question, Scored

PLAN = [BatchPlan((4 * i, 4 * i + 1), 10.0 + i, i // 3, 100.0) for i in range(12)]


def test_questions_plans_and_answers_arrive_as_they_were_sent():
    questions = [
        Question("t", "1", 0, Choose("p é\u2028", ("a", "b"), ("x",), ("l", "m"))),
        Question("t", "2", 1, Generate("p", 5, ("\n",), 0.1 + 0.2, 0.9, 3)),
        Question("u", "3", 0, Likelihood("text", "context", 7)),
    ]
    assert unpack_questions(pack_questions(questions)) == questions
    assert unpack_plan(pack_plan(PLAN)) == PLAN
    batch = [(3, Chosen(1, (-0.1, -math.inf), (1, 2))), (9, Generated("é", 2, "stop")), (1, Failed("nan", "x"))]
    assert unpack_batch(pack_batch(batch)) == batch
    scored = Scored(-1 / 3, 2, 4, True, (-0.1, -1 / 3))
    assert unpack_batch(pack_batch([(0, scored)])) == [(0, scored)]


def test_an_error_keeps_its_class_and_gains_its_worker():
    kept = Trouble.of(UnknownName("model", "x", ["y"])).error()
    assert type(kept) is UnknownName and kept.exit_code == 2 and "unknown model 'x'" in str(kept)
    assert "(worker on " in str(kept) and type(Trouble.of(ModelError("no weights")).error()) is ModelError
    other = Trouble.of(ZeroDivisionError("division")).error()
    assert type(other) is RunError and "failed: ZeroDivisionError: division" in str(other)


def test_plans_that_put_other_questions_together_have_another_digest():
    moved = [BatchPlan((*PLAN[0].positions, 4), 20.0, 0), BatchPlan((5,), 1.0, 1), *PLAN[2:]]
    assert digest_of(PLAN) != digest_of(moved)


def test_units_keep_groups_together_unless_they_are_too_large():
    whole = units(PLAN, 1)
    assert sorted(i for unit in whole for i in unit.positions) == sorted(i for b in PLAN for i in b.positions)
    assert all(len({batch.group for batch in unit.batches}) == 1 for unit in whole)
    many = units(PLAN, 8)
    assert len(many) == 12 and [unit.cost for unit in many] == sorted((unit.cost for unit in many), reverse=True)
    assert units([], 3) == []
    outside = Outside([3, 5])
    assert 3 not in outside and 4 in outside


def test_costs_add_up():
    one = {"path": "tree", "tokens_asked": 10.0, "tokens_computed": 4.0, "padding": 0.5, "seconds_load": 1.0,
           "share_saved": 0.6, "seconds_compute": 2.0, "tokens_per_second": 2.0, "peak_memory": 5.0}  # fmt: skip
    two = {
        **one,
        "tokens_asked": 30.0,
        "tokens_computed": 12.0,
        "padding": 0.25,
        "share_saved": 0.2,
        "peak_memory": 7.0,
    }
    both = summed([one, two])
    assert both["tokens_asked"] == 40 and both["tokens_computed"] == 16 and both["peak_memory"] == 7
    assert both["padding"] == (0.5 * 4 + 0.25 * 12) / 16 and both["share_saved"] == (0.6 * 10 + 0.2 * 30) / 40
    assert both["tokens_per_second"] == 16 / 4 and both["path"] == "tree" and both["seconds_load"] == 2


def test_what_a_server_counted_for_several_processes_adds_up():
    each = [
        {"requests": 3.0, "prompt_tokens": 10.0, "completion_tokens": 2.0, "uncounted_answers": n} for n in (0.0, 1.0)
    ]
    whole = {"requests": 6.0, "prompt_tokens": 20.0, "completion_tokens": 4.0, "uncounted_answers": 1.0}
    assert summed(each) == whole
