"""What scores add up to, and what work has cost."""

import time
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import causal, saved

from harness.engine.backend import Options
from harness.engine.causal import backend as fast
from harness.engine.checkpoint import read_checkpoint
from harness.engine.doctor import examine
from harness.engine.respond import Score, respond
from harness.engine.tally import Tally
from harness.types import Choose, Chosen, Failed, Likelihood, Question, Scored

logprobs = st.lists(st.floats(-50, 0), min_size=1, max_size=5).map(tuple)


@given(st.lists(logprobs, min_size=1, max_size=5))
def test_the_choice_with_the_largest_sum_is_picked(parts: list[tuple[float, ...]]) -> None:
    question = Question("t", "e", 0, Choose("", tuple(map(str, range(len(parts))))))
    chosen = respond(question, [Score(part, True) for part in parts])
    assert isinstance(chosen, Chosen)
    assert chosen.logprobs == tuple(map(sum, parts)) and chosen.tokens == tuple(map(len, parts))
    assert chosen.logprobs[chosen.picked] == max(chosen.logprobs)
    assert all(one < max(chosen.logprobs) for one in chosen.logprobs[: chosen.picked])  # the first of equals


def test_windows_of_a_text_are_one_score() -> None:
    question = Question("t", "e", 0, Likelihood("\u00e9a"))
    assert respond(question, [Score((-1.0, -2.0), True), Score((-4.0,), False)]) == Scored(
        -7.0, 3, 3, False, (-1.0, -2.0, -4.0)
    )


def test_a_text_without_tokens_is_no_score() -> None:
    failed = respond(Question("t", "7", 0, Choose("", ("a", ""))), [Score((-9.0,), True), Score((), False)])
    assert failed == Failed("empty", "text 1 of t 7 has no tokens to score")


def test_the_reference_adds_up_on_its_own(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(question: Question, scores: Any) -> Any:
        return respond(question, [Score(one.logprobs[::-1], one.greedy) for one in scores[::-1]])

    checkpoint = read_checkpoint("tiny", saved(causal("llama", 65), tmp_path), Options(device="cpu"))
    assert all(finding.ok() for finding in examine(checkpoint))
    monkeypatch.setattr(fast, "respond", wrong)
    assert {finding.kind for finding in examine(checkpoint) if not finding.ok()} == {"Choose", "Likelihood"}


def test_a_meter_times_the_work_and_not_the_reader() -> None:
    def work() -> Any:
        for number in range(2):
            time.sleep(0.02)
            yield number

    tally = Tally()
    for _ in tally.timing(work()):
        time.sleep(0.5)
    assert 0.04 <= tally.compute < 1
    tally.add(asked=10, computed=6, padding=2)
    both = tally + tally
    stats = both.stats("tree", torch.device("cpu"), 1.0)
    assert (stats["tokens_asked"], stats["tokens_computed"], stats["padding"]) == (20.0, 12.0, 1 / 3)
    assert stats["share_saved"] == pytest.approx(1 - 8 / 20)
