"""Several passes at once: the order they come in, their parents, errors, and the same answers."""

import random
import time
from pathlib import Path
from threading import Barrier, Lock

import pytest
import torch
from test_causal import answers, ask, words
from tiny import causal, saved

from harness.engine.backend import Options
from harness.engine.causal.backend import Causal
from harness.engine.causal.lanes import AHEAD, in_lanes, lanes_of
from harness.engine.checkpoint import read_checkpoint
from harness.types import Choose, Likelihood, Request


def test_steps_come_in_order_and_after_their_parents() -> None:
    draw = random.Random(5)
    parents = [draw.choice([-1, *range(i)]) for i in range(60)]
    steps = [i for i in range(60) if i % 7]
    parents = [parent if parent % 7 else -1 for parent in parents]  # every parent is a step
    over: set[int] = set()
    given: list[int] = []
    lock = Lock()

    def run(step: int) -> int:
        with lock:
            assert parents[step] in over | {-1}
            assert step <= steps[min(len(given) + 3 * (AHEAD + 2), len(steps) - 1)]  # not far ahead
        time.sleep(draw.random() / 500)
        with lock:
            over.add(step)
        return step * step

    for step, result in in_lanes(steps, parents, run, 3):
        given.append(step)
        assert result == step * step
    assert given == steps


def test_lanes_run_at_once() -> None:
    together = Barrier(3)
    found = list(in_lanes(range(6), [-1] * 6, lambda step: together.wait(20) >= 0, 3))
    assert found == [(step, True) for step in range(6)]


@pytest.mark.parametrize("lanes", [1, 3])
def test_an_error_comes_out_and_the_threads_come_back(lanes: int) -> None:
    def run(step: int) -> int:
        if step == 4:
            raise MemoryError("no room")
        return step

    before = torch.get_num_threads()
    given = []
    with pytest.raises(MemoryError, match="no room"):
        given.extend(step for step, _ in in_lanes(range(9), [-1] * 9, run, lanes))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("threads", "lanes"), [(1, 1), (2, 2), (8, 8), (12, 6), (64, 8), (96, 8)])
def test_lanes_use_all_threads_and_an_accelerator_has_one(
    threads: int, lanes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert lanes_of(torch.device("cpu")) == lanes
    assert lanes_of(torch.device("cuda")) == 1


def test_the_answers_are_the_same_bits(tmp_path: Path) -> None:
    """With branches, kept blocks, texts of several passes, and one thread for every lane."""
    draw = random.Random(3)
    shared = [words(draw, 50) for _ in range(3)]
    requests: list[Request] = [
        Choose(f"{shared[i % 3]} {words(draw, 5)}", tuple(f" {words(draw, 2)}" for _ in range(3))) for i in range(30)
    ]
    requests += [Likelihood(words(draw, 100)) for _ in range(4)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        folder = saved(causal("llama", 65), tmp_path)
        backend = Causal(read_checkpoint("tiny", folder, Options(device="cpu", token_budget=64)))
        found = []
        for backend.lanes in (1, 4):
            found.append(answers(backend, ask(requests)))
        assert found[0] == found[1]
        assert backend.runner.model.config._attn_implementation != "harness_slots"
    finally:
        torch.set_num_threads(threads)
