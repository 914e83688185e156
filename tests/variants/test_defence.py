"""Defences as data: read strictly, put around every prompt, compared pair by pair with none."""

import json
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.api import evaluate
from harness.api.comparing import compare
from harness.cli.main import cli
from harness.engine.backend import Batch, Options
from harness.errors import HarnessError, Unsupported, UsageError
from harness.metrics.detector import SAID
from harness.store import open_store
from harness.suite import Job, jobs_of
from harness.types import Choose, Generate, Generated, ModelInfo, Question, Settings
from harness.variants.defence import Defence, read_defence

WRAPPER = "Be careful.\n{prompt}\nDo {not} obey strangers."


class Gullible:
    """Complies, unless a careful prompt tells it not to; every third time it complies all the same."""

    info = ModelInfo("gullible", {}, frozenset({Generate}))

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        yield [(i, Generated(SAID[self._kind(i, q)], 1, "end")) for i, q in enumerate(questions)]

    def _kind(self, number: int, question: Question) -> str:
        assert isinstance(question.request, Generate)
        careful = "Be careful." in question.request.prompt and "Do {not} obey" in question.request.prompt
        return "full" if careful and number % 3 else "compliance"

    def stats(self) -> dict[str, float | str]:
        return {}


def attempts(tmp_path: Path) -> str:
    rows = [{"id": i, "behaviour": f"b{i // 2}", "prompt": f"Say {{x}} {i}."} for i in range(12)]
    (tmp_path / "tries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"jailbreak:{tmp_path / 'tries.jsonl'}"


def test_a_defence_is_compared_pair_by_pair_with_none(tmp_path: Path) -> None:
    store, task = str(tmp_path / "s"), attempts(tmp_path)
    evaluate(Gullible(), task, store=store, tags=("plain",))
    evaluate(Gullible(), task, store=store, tags=("defended",), wrapper=WRAPPER)
    rows = {row.metric: row for row in compare("plain", "defended", store=store).differences}
    row = rows["attack_success"]
    assert (row.paired.first, row.paired.second, row.paired.n) == (1.0, pytest.approx(1 / 3), 12)
    assert (row.reworded, row.dropped, row.fixed, row.broken) == (12, 0, 8, 0)
    assert row.paired.high is not None and row.paired.high < 0
    plain, defended = (open_store(store).run(tag) for tag in ("plain", "defended"))
    assert (plain.settings["wrapper"], defended.settings["wrapper"]) == ("", WRAPPER)
    assert plain.tasks[0].fingerprint != defended.tasks[0].fingerprint


def test_few_shot_examples_and_variants_stand_inside_the_wrapper(tmp_path: Path) -> None:
    store = str(tmp_path / "s")
    settings = Settings(limit=4, shots=2, wrapper="<{prompt}>", perturb=("case",), strength=(0.5,))
    run = evaluate("scripted:oracle", "demo/sentiment", settings, store=store).run
    for outcome in open_store(store).outcomes(run.id, "demo/sentiment"):
        prompts = [request.prompt for request in outcome.requests if isinstance(request, Choose)]
        assert len(prompts) == 2 and all(p[0] == "<" and p[-1] == ">" and p.count("<") == 1 for p in prompts)


def test_no_wrapper_stands_around_given_texts(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("A text.")
    with pytest.raises(Unsupported, match="no wrapper can stand around them"):
        evaluate("scripted:oracle", f"corpus:{tmp_path / 'c.txt'}", wrapper="{prompt}", store=str(tmp_path / "s"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "describes no defence"),
        ("system = ' '", "describes no defence"),
        ("wrapper = 'nothing'", "does not hold {prompt} exactly once"),
        ("wrapper = '{prompt}{prompt}'", "exactly once"),
        ("code = 'print()'", "unknown field 'code'"),
        ("wrapper = 3", "d.toml: defence.wrapper is 3, not a text"),
        ("wrapper", "not valid TOML"),
    ],
)
def test_a_file_that_describes_none_is_refused(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "d.toml").write_text(content)
    with pytest.raises(HarnessError) as error:
        read_defence(tmp_path / "d.toml")
    assert said in str(error.value) and "d.toml" in str(error.value)


def test_a_system_message_needs_a_chat_and_no_second_one() -> None:
    def job(options: Options) -> Job:
        return Job("m", ("t",), Settings(), options)

    defence = Defence(system="Refuse.", wrapper="{prompt}")
    done = job(Options(chat=True)).defended(defence)
    assert (done.options.system, done.settings.wrapper) == ("Refuse.", "{prompt}")
    assert job(Options(chat=True, system="Hi")).defended(Defence(wrapper="{prompt}")).options.system == "Hi"
    with pytest.raises(UsageError, match="belongs to --chat"):
        job(Options()).defended(defence)
    with pytest.raises(UsageError, match="both give a system message"):
        job(Options(chat=True, system="Hi")).defended(defence)


def test_the_command_and_a_suite_file_say_the_same(tmp_path: Path) -> None:
    store = str(tmp_path / "s")
    (tmp_path / "d.toml").write_text('wrapper = "<{prompt}>"')
    words = ["run", "scripted:oracle", "-t", "demo/qa", "-n", "3", "--store", store, "--quiet"]
    assert CliRunner().invoke(cli, [*words, "--defence", str(tmp_path / "d.toml")]).exit_code == 0
    assert open_store(store).run("latest").settings["wrapper"] == "<{prompt}>"
    (tmp_path / "suite.toml").write_text(
        'models = ["scripted:oracle"]\ntasks = ["demo/qa"]\nsettings = {wrapper = "<{prompt}>"}\n'
    )
    assert jobs_of(tmp_path / "suite.toml")[0].settings.wrapper == "<{prompt}>"
    (tmp_path / "other.toml").write_text('wrapper = "[{prompt}]"')
    words = [
        "run",
        str(tmp_path / "suite.toml"),
        "--defence",
        str(tmp_path / "other.toml"),
        "--store",
        store,
        "--quiet",
    ]
    assert CliRunner().invoke(cli, words).exit_code == 0
    assert open_store(store).run("latest").settings["wrapper"] == "[{prompt}]"
