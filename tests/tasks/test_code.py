"""HumanEval and MBPP: published solutions and samples, what is run of an answer, and who has to allow it."""

import json
from math import prod
from pathlib import Path

import pytest

import harness
from harness.cli.main import main
from harness.errors import Unsupported, UsageError
from harness.reading.tables import read_rows
from harness.sandbox import Confined, open_sandbox
from harness.types import Example, Failed, Generated, Judged, Task
from harness_tasks.code import HUMANEVAL, HUMANEVAL_CHAT, MBPP, asserted, completed, fenced


@pytest.fixture(scope="module")
def sandbox() -> Confined:
    try:
        own = open_sandbox()
    except Unsupported as error:
        pytest.skip(str(error))
    assert isinstance(own, Confined)
    return Confined(own.way, own.command, seconds=1, clock=5)


def verdict(task: Task, example: Example, answer: str, sandbox: Confined) -> Judged:
    assert task.confine
    judged = task.confine(task, sandbox).judge(example, (Generated(answer, 1, "end"),))
    assert isinstance(judged, Judged)
    return judged


def test_the_published_samples_have_the_published_rate(mirror: Path, sandbox: Confined) -> None:
    [problem] = HUMANEVAL.read(read_rows(mirror / "predictions/humaneval/example_problem.jsonl"), HUMANEVAL.dataset[0])
    samples = [row["completion"] for row in read_rows(mirror / "predictions/humaneval/example_samples.jsonl")]
    verdicts = [verdict(HUMANEVAL, problem, sample, sandbox) for sample in samples]
    assert [judged.prediction.partition(":")[0] for judged in verdicts] == [
        "failed", "time-out", "failed", "passed", "passed", "passed",
    ]  # fmt: skip
    n, right = len(verdicts), sum(bool(judged.correct) for judged in verdicts)
    assert 1 - prod(1 - 1 / i for i in range(n - right + 1, n + 1)) == pytest.approx(0.49999999999999994, abs=1e-15)


ROW = {
    "task_id": "T/1",
    "prompt": 'import math\n\n\ndef area(r):\n    """Of a circle."""\n',
    "canonical_solution": "    return math.pi * r * r\n",
    "test": "def check(f):\n    assert round(f(2), 2) == 12.57",
    "entry_point": "area",
}


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("    return math.pi * r ** 2", True),
        ("    return 12.57", True),
        ("    return r", False),
        ("", False),
        ("Here it is:\n```python\ndef area(r):\n    return math.pi * r * r\n```\nIt works.", True),
        ("```\nfrom math import pi\ndef area(r):\n    return pi * r * r", True),
        ("```py\n    return math.pi * r * r\n```", True),
        ("```python\ndef volume(r):\n    return math.pi * r * r\n```", False),
    ],
)
def test_a_completion_or_a_whole_function_will_do(answer: str, right: bool) -> None:
    [example] = HUMANEVAL_CHAT.read([ROW], HUMANEVAL_CHAT.dataset[0])
    scope: dict[str, object] = {}
    try:
        exec(completed(example, answer), scope)
    except (AssertionError, SyntaxError, TypeError):
        assert not right
    else:
        assert right


def test_mbpp_ends_where_it_is_done() -> None:
    assert fenced("x = 1\n") == "x = 1\n"
    row = {"task_id": 9, "text": "Double.", "code": "def f(x): return 2 * x", "test_setup_code": "y = f(1)"}
    [example] = MBPP.read([row | {"test_list": ["assert y == 2"]}], MBPP.dataset[0])
    assert asserted(example, "def f(x): return 2 * x\n[DONE]\nassert False") == (
        "def f(x): return 2 * x\n\ny = f(1)\nassert y == 2"
    )


def test_code_runs_only_where_it_was_allowed(mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = {"data": str(mirror), "store": str(tmp_path / "store"), "limit": 2}
    with pytest.raises(UsageError, match="humaneval runs code that the model writes.*--allow-code-execution allows it"):
        harness.evaluate("scripted:oracle", "humaneval", **where)
    with pytest.raises(SystemExit) as end:
        main(["run", "scripted:oracle", "-t", "mbpp", "--data", str(mirror), "--store", str(tmp_path / "store")])
    assert end.value.code == 2 and "--allow-code-execution" in capsys.readouterr().err
    left = harness.evaluate("scripted:oracle", ["humaneval", "demo/qa"], skip_missing=True, **where)
    assert [task.name for task in left.run.tasks] == ["demo/qa"] and "runs code" in left.run.left_out["humaneval"]
    [example] = HUMANEVAL.read([ROW], HUMANEVAL.dataset[0])
    unfit = HUMANEVAL.judge(example, HUMANEVAL.best(example))
    assert isinstance(unfit, Failed) and "was not allowed" in unfit.message


def test_the_run_names_its_sandbox_and_is_not_judged_again(mirror: Path, tmp_path: Path, sandbox: Confined) -> None:
    where = {"data": str(mirror), "store": str(tmp_path / "store")}
    answers = tmp_path / "answers.jsonl"
    rows = read_rows(mirror / "openai/openai_humaneval/openai_humaneval/test.jsonl")[:3]
    texts = [rows[0]["canonical_solution"], "    return None", rows[2]["canonical_solution"]]
    lines = [json.dumps({"id": row["task_id"], "text": text}) for row, text in zip(rows, texts, strict=True)]
    answers.write_text("\n".join(lines) + "\n")
    found = harness.evaluate(
        f"replay:{answers}", "humaneval", limit=3, limit_order="first", allow_code_execution=True, **where
    )
    [total] = [e for e in found.estimates if e.slice == "all"]
    assert (total.metric, total.n, total.failed) == ("pass@1", 3, 0) and total.value == pytest.approx(2 / 3)
    [record] = found.run.tasks
    assert record.scorer == open_sandbox().name and "3 s, 1 GB" in record.scorer
    with pytest.raises(UsageError, match="humaneval is judged by running code: ask the model again"):
        harness.rescore(found.run.id, store=str(tmp_path / "store"))
