"""Our models behind inspect's seam: asked together, refused in words, and each failure is that sample's alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from tiny import byte_tokenizer, causal, saved

from harness.bridges.together import Asking
from harness.engine.backend import Backend, Options
from harness.engine.load import load
from harness.errors import RunError, TooLong
from harness.types import Generate, Generated, Likelihood, Question


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = byte_tokenizer()
    return Path(saved(causal("llama", len(tokenizer)), tmp_path_factory.mktemp("tiny"), tokenizer))


@pytest.fixture(scope="module")
def backend(folder: Path) -> Backend:
    return load(str(folder), Options(device="cpu"))


def together(asking: Asking, requests: list[Generate]) -> list[Any]:
    """The answers to requests of as many tasks; an error in place of an answer that is none."""
    found: list[Any] = [None] * len(requests)

    async def one(n: int) -> None:
        try:
            [found[n]] = await asking.answers(asking.drawn(requests[n]))
        except (RunError, TooLong) as error:
            found[n] = error

    async def all_of_them() -> None:
        async with anyio.create_task_group() as group:
            for n in range(len(requests)):
                group.start_soon(one, n)

    anyio.run(all_of_them)
    return found


def alone(backend: Backend, request: Generate) -> Any:
    [[(_, answer)]] = backend.answer([Question("t", "e", 0, request)])
    return answer


def test_what_comes_together_is_one_plan_with_the_answers_of_each_alone(backend: Backend) -> None:
    asking = Asking(backend)
    requests = [Generate(f"question {n % 5}", 6) for n in range(9)]
    assert together(asking, requests) == [alone(backend, request) for request in requests]
    assert asking.batches == 1


def test_what_is_drawn_again_has_the_next_seed(backend: Backend) -> None:
    request = Generate("once upon", 8, temperature=1.0, seed=3)
    found = together(Asking(backend), [request] * 3)
    expected = [alone(backend, Generate("once upon", 8, temperature=1.0, seed=3 + n)) for n in range(3)]
    assert found == expected and len({answer.text for answer in found}) == 3


def test_every_asker_counts_for_himself(backend: Backend) -> None:
    class Sample: ...

    asking, request = Asking(backend), Generate("once upon", 8, temperature=1.0, seed=3)
    first, second = Sample(), Sample()
    seeds = [[one.seed for one in asking.drawn(request, 2, asker)] for asker in (first, second, first)]
    assert seeds == [[3, 4], [3, 4], [5, 6]]
    assert asking.drawn(replace(request, temperature=0.0), 2, first) == [replace(request, temperature=0.0)] * 2


def test_what_is_too_long_fails_for_itself(backend: Backend) -> None:
    short = Generate("short", 4)
    first, long, last = together(Asking(backend), [short, Generate("x" * 600, 4), Generate("other", 4)])
    assert isinstance(long, TooLong) and first == alone(backend, short) and isinstance(last, Generated)


def test_a_failure_is_raised_to_everybody_who_waits() -> None:
    found = together(Asking(load("scripted:fail-every-1", Options())), [Generate("a", 4), Generate("b", 4)])
    assert all(isinstance(one, RunError) for one in found)


# ---------------------------------------------------------------------------------------------------- inside inspect
@pytest.fixture
def evaluated(folder: Path, tmp_path: Path) -> Callable[..., Any]:
    """The log of a task of inspect's, answered by the tiny model."""
    inspect_ai = pytest.importorskip("inspect_ai", reason="inspect is not installed: our models are not tried in it")
    import harness.bridges.inspect  # noqa: F401 - what inspect itself does, where harness is installed

    def run(inputs: list[str], *solvers: Any, ids: list[str] | None = None, **options: Any) -> Any:
        from inspect_ai.dataset import Sample
        from inspect_ai.scorer import includes
        from inspect_ai.solver import generate

        names = ids or range(1, 1 + len(inputs))
        data = [Sample(text, target="e", id=name) for text, name in zip(inputs, names, strict=True)]
        task = inspect_ai.Task(dataset=data, solver=[*solvers, generate()], scorer=includes())
        model = f"harness/{folder}"
        [log] = inspect_ai.eval(task, model=model, max_tokens=6, display="none", log_dir=str(tmp_path), **options)
        return log

    return run


def test_an_evaluation_of_inspect_has_our_answers(evaluated: Callable[..., Any], backend: Backend) -> None:
    inputs = [f"question {n}" for n in range(12)]
    log = evaluated(inputs)
    assert log.status == "success"
    assert [s.output.completion for s in log.samples] == [alone(backend, Generate(text, 6)).text for text in inputs]


def test_tools_and_settings_that_no_model_sees_are_refused(evaluated: Callable[..., Any]) -> None:
    from inspect_ai.solver import use_tools
    from inspect_ai.tool import bash

    assert "calls no tools, and this task has bash" in evaluated(["a"], use_tools(bash())).error.message
    assert "cannot be told top_k = 3" in evaluated(["a"], top_k=3).error.message


def test_a_drawn_answer_follows_from_its_sample_and_epoch_alone(evaluated: Callable[..., Any]) -> None:
    def drawn(ids: list[str], **options: Any) -> dict[tuple[str, int], str]:
        log = evaluated(["the same prompt"] * len(ids), ids=ids, temperature=1.0, epochs=3, **options)
        assert log.status == "success"
        return {(sample.id, sample.epoch): sample.output.completion for sample in log.samples}

    ids = ["a", "b", "c", "d"]
    one = drawn(ids, seed=5)
    assert len(set(one.values())) == 12
    assert drawn(ids[::-1], seed=5, max_samples=1) == one
    assert drawn(["c"], seed=5) == {key: text for key, text in one.items() if key[0] == "c"}
    assert not set(drawn(ids, seed=6).values()) & set(one.values())


def test_the_log_probabilities_of_a_prompt_are_those_of_its_text(
    evaluated: Callable[..., Any], backend: Backend
) -> None:
    inputs = ["question 1", "a longer question 2"]
    for sample, text in zip(evaluated(inputs, prompt_logprobs=1).samples, inputs, strict=True):
        scored = alone(backend, Likelihood(text))
        content = sample.output.choices[0].prompt_logprobs.content
        assert "".join(one.token for one in content) == text
        assert [one.logprob for one in content] == pytest.approx(scored.token_logprobs, abs=1e-5)
        assert sample.output.completion == alone(backend, Generate(text, 6)).text


def test_log_probabilities_of_prompts_that_cannot_be_had_are_refused(evaluated: Callable[..., Any]) -> None:
    log = evaluated(["a"], prompt_logprobs=2)
    assert "tells no other tokens beside those of the prompt: prompt_logprobs = 2; valid: 1" in log.error.message
    log = evaluated(["a"], prompt_logprobs=1, model_args={"truncate": "left"})
    assert "may cut prompts (truncate)" in log.error.message
