"""Requests, and their tokens, are asked no faster than a server allows."""

import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from asking import ask
from serving import Body, Handler, chat_answer, serving

from harness.engine.backend import Options
from harness.engine.elsewhere.http import Server
from harness.engine.elsewhere.http_limit import RateLimit, tokens_of
from harness.errors import UsageError
from harness.kinds.file import task_from_file
from harness.plugins.loading import bound
from harness.types import Generate


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now, self.starts = 100.0, list[float]()

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.now += seconds


def starts(requests: float | None, tokens: float | None, bodies: list[dict[str, Any]]) -> list[float]:
    """When each of the bodies may be sent, in seconds after the first."""
    clock = Clock()
    pace = RateLimit(requests, tokens, clock.pause, clock)
    times = []
    for body in bodies:
        anyio.run(pace.turn, body)
        times.append(clock.now - 100)
    return times


SHORT: dict[str, Any] = {"prompt": "x" * 40, "max_tokens": 10}
LONG: dict[str, Any] = {"messages": [{"role": "user", "content": "x" * 400}], "max_completion_tokens": 100}


def test_requests_and_tokens_are_kept_apart_by_what_takes_longer() -> None:
    assert [tokens_of(SHORT), tokens_of(LONG)] == [20, 200]
    assert starts(None, None, [LONG] * 3) == [0, 0, 0]
    assert starts(30, None, [LONG, SHORT, SHORT]) == [0, 2, 4]
    assert starts(None, 1200, [LONG, SHORT, SHORT]) == pytest.approx([0, 10, 11])
    assert starts(30, 1200, [LONG, SHORT, SHORT]) == pytest.approx([0, 10, 12])


def test_time_that_has_passed_is_not_waited_for_again() -> None:
    clock = Clock()
    pace = RateLimit(60, None, clock.pause, clock)
    for wait in (0.0, 5.0, 0.2):
        clock.now += wait
        anyio.run(pace.turn, SHORT)
    assert clock.now == pytest.approx(106.0)


def test_a_server_is_asked_at_its_pace() -> None:
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    with serving(lambda handler, body: chat_answer("fine")) as server:
        options = Options(base_url=server.url, chat=True, concurrency=1, requests_per_minute=6)
        ask(Server("m", options, pause=pause), [Generate("q", 8)] * 3)
    assert waits == pytest.approx([10, 20, 30], abs=4)  # nobody waited really, so that each waits for all before it


def test_a_judge_behind_a_server_is_asked_at_the_pace_of_the_run(tmp_path: Path) -> None:
    times: list[float] = []

    def act(handler: Handler, body: Body) -> Body:
        times.append(time.monotonic())
        return chat_answer("A")

    (tmp_path / "q.jsonl").write_text('{"question": "q", "answer": "a"}\n')
    with serving(act) as server:
        judge = f'model = "openai:m"\nbase_url = "{server.url}"\nchat = true\nrubric = "Is {{response}} right?"\n'
        (tmp_path / "t.toml").write_text(f'data = "q.jsonl"\n[judge]\n{judge}')
        [task] = bound([task_from_file(tmp_path / "t.toml")], None, Options(requests_per_minute=40))
        assert task.scorer and task.scorer.score(["x", "y", "z"]) == [1.0, 1.0, 1.0]
    assert len(times) == 3 and max(times) - min(times) > 1  # three seconds, less what the first was late


@pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute"])
def test_a_pace_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} = 0 is not a number above 0"):
        Options(**{name: 0})  # type: ignore[arg-type]
