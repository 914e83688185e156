"""What is seen before a run: the prompts that the model then reads, and what the run then computes."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from forked import command
from serving import serving
from tiny import causal, encoder, saved

import harness
from harness.engine.backend import Options
from harness.engine.load import load
from harness.errors import UnknownName, Unsupported, UsageError

TASKS = ["demo/sentiment", "demo/qa", "demo/pronouns"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(saved(causal("llama", 65), tmp_path_factory.mktemp("model")))


def printed(*words: str, cwd: Path, code: int = 0) -> str:
    done = command(*words, cwd=cwd)
    assert done.returncode == code, done.stderr
    return done.stdout


# --------------------------------------------------------------------------------------------------------- show-prompt
def test_prompts_are_the_first_requests_of_the_run() -> None:
    shown = harness.show_prompt(["demo/sentiment", "demo/qa"], shots=2, seed=3, limit=2)
    result = harness.evaluate("scripted:oracle", ["demo/sentiment", "demo/qa"], shots=2, seed=3, limit=2)
    for task in ("demo/sentiment", "demo/qa"):
        outcomes = list(harness.open_store().outcomes(result.run.id, task))
        own = [one for one in shown if one.task == task]
        assert [one.example for one in own] == [outcome.example.id for outcome in outcomes]
        assert [one.prompt for one in own] == [outcome.requests[0].prompt for outcome in outcomes]  # type: ignore[union-attr]
        assert [one.gold for one in own] == [outcome.judged.prediction for outcome in outcomes if outcome.judged]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_STORE", raising=False)


def test_a_model_s_prompts_are_its_own_tokens(folder: str) -> None:
    backend = load(folder, Options())
    head = backend.encoder.head.tolist()  # type: ignore[attr-defined]
    [one] = harness.show_prompt("demo/sentiment", folder)
    [plain] = harness.show_prompt("demo/sentiment")
    assert one.seen == "tokens" and plain.seen == "text" and plain.tokens is None
    ids = backend.encoder.texts([plain.prompt])[plain.prompt].tolist()  # type: ignore[attr-defined]
    assert ids[: len(head)] == head and one.tokens == len(ids)
    assert one.prompt == backend.encoder.tokenizer.decode(ids)  # type: ignore[attr-defined]
    assert len(one.continuations) == 2


def test_a_chat_shows_template_system_and_special_tokens() -> None:
    [one] = harness.show_prompt("demo/qa", "smollm2", options=Options(chat=True, system="Be brief."))
    assert one.prompt.startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n")
    assert one.prompt.endswith("<|im_end|>\n<|im_start|>assistant\n")
    assert one.decoding == "greedy, at most 24 tokens, until '\\n'"


def test_a_server_is_shown_what_it_is_then_sent() -> None:
    options = {"chat": True, "system": "Be brief."}
    [one] = harness.show_prompt("demo/sentiment", "openai:m", options=Options(**options))  # type: ignore[arg-type]
    answer = {"choices": [{"message": {"content": "A"}, "finish_reason": "stop"}]}
    with serving(lambda handler, body: answer) as server:
        whole = Options(base_url=server.url, **options)  # type: ignore[arg-type]
        harness.evaluate("openai:m", "demo/sentiment", options=whole, limit=1)
        sent = "\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in server.bodies[-1]["messages"])
    assert one.seen == "messages" and one.prompt == sent


def test_encoders_show_what_they_read_and_what_they_cannot_be_asked(tmp_path: Path) -> None:
    model = str(saved(encoder("bert", 65), tmp_path / "bert"))
    [one] = harness.show_prompt("demo/sentiment", model)
    assert one.tokens and one.continuations == (" negative", " positive")
    with pytest.raises(Unsupported, match="answers no Generate"):
        harness.show_prompt("demo/qa", model)


def test_what_cannot_be_shown_is_refused() -> None:
    with pytest.raises(UsageError, match="name the model"):
        harness.show_prompt("demo/qa", options=Options(chat=True))
    with pytest.raises(UnknownName, match="unknown model"):
        harness.show_prompt("demo/qa", "nowhere")


def test_tasks_with_a_scorer_need_none_to_be_seen(mirror: Path) -> None:
    assert harness.show_prompt("simple_safety_tests/scored", data=mirror)[0].kind == "Generate"


def test_without_a_model_no_torch_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys, harness; [one] = harness.show_prompt('demo/qa', shots=1); "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=tmp_path, timeout=60).returncode == 0
    said = printed("show-prompt", "demo/qa", "--shots", "1", "--json", "p.json", cwd=tmp_path)
    [one] = harness.show_prompt("demo/qa", shots=1)
    assert all(f"  | {line}" in said.splitlines() for line in one.prompt.split("\n"))
    assert json.loads((tmp_path / "p.json").read_text(encoding="utf-8")) == [asdict(one) | {"continuations": []}]


# ------------------------------------------------------------------------------------------------------------- dry-run
def test_a_forecast_is_what_the_run_then_asks_and_computes(folder: str, tmp_path: Path) -> None:
    options = Options(token_budget=64)
    forecast = harness.dry_run(folder, ["demo/sentiment", "demo/pronouns"], options=options, shots=2)
    assert not (tmp_path / "harness-results").exists()
    result = harness.evaluate(folder, ["demo/sentiment", "demo/pronouns"], options=options, shots=2)
    engine = result.run.engine
    assert engine["path"] == "tree"
    assert (forecast.asked, forecast.computed) == (engine["tokens_asked"], engine["tokens_computed"])
    assert forecast.written == 0 and forecast.memory and forecast.seconds
    assert {task.task: task.examples for task in forecast.tasks} == {t.name: t.n for t in result.run.tasks}
    again = harness.dry_run(folder, "demo/sentiment", options=options)
    assert again.basis.endswith(f"run {result.run.id}")


def test_answers_count_with_the_most_that_they_may_have(folder: str) -> None:
    forecast = harness.dry_run(folder, "demo/qa", limit=5)
    assert forecast.written == 5 * 24 and forecast.asked and forecast.computed
    assert forecast.computed <= forecast.asked and forecast.requests == 5


def test_servers_are_priced_by_their_tokens(tmp_path: Path) -> None:
    rates = tmp_path / "rates.toml"
    rates.write_text(
        '[price]\ncurrency = "EUR"\ndate = "2026-01-01"\nsource = "a list"\nmillion_tokens = 2.0\n', encoding="utf-8"
    )
    forecast = harness.dry_run("openai:m", "demo/qa", rates=rates)
    assert forecast.asked and forecast.written and forecast.computed is None and forecast.seconds is None
    assert forecast.price == pytest.approx(2e-6 * (forecast.asked + forecast.written)) and forecast.currency == "EUR"
    with rates.open("a", encoding="utf-8") as file:
        file.write("million_written = 8.0\n")
    priced = harness.dry_run("openai:m", "demo/qa", rates=rates).price
    assert priced == pytest.approx(2e-6 * forecast.asked + 8e-6 * forecast.written)


def test_what_is_missing_is_told_and_ends_with_2(folder: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    words = ("run", folder, "-t", "bias,demo/qa,toxicity", "--dry-run", "--data", "data", "-n", "4")
    said = printed(*words, cwd=tmp_path, code=2)
    assert "data are missing: oskarvanderwal/winogender/all/test" in said and "a scorer is missing (--scorer)" in said
    assert not (tmp_path / "harness-results").exists()
    said = printed(*words, "--skip-missing", "--json", "f.json", cwd=tmp_path)
    page = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    kept = {task["task"]: task for task in page["tasks"]}
    assert kept["demo/qa"]["examples"] == 4 and kept["demo/qa"]["available"] == 32 and page["requests"] == 12
    assert "tokens    " in said and "time      at most about " in said and "memory    about " in said


def test_a_forecast_refuses_what_the_run_refuses(folder: str, tmp_path: Path) -> None:
    """A member of a group that a model cannot be asked is left out; one that is named by itself is refused."""
    place = tmp_path / "data" / "nyu-mll" / "crows_pairs" / "crows_pairs" / "test.jsonl"
    place.parent.mkdir(parents=True)
    row = {"id": 1, "sent_more": "old", "sent_less": "new", "stereo_antistereo": 0, "bias_type": 0}
    place.write_text(json.dumps(row) + "\n", encoding="utf-8")
    asked = ("run", folder, "--data", "data", "--skip-missing", "-t")
    for tasks, code in (("bias", 0), ("demo/qa,crows_pairs/masked", 2), ("winogender", 2)):
        said = printed(*asked, tasks, "--dry-run", cwd=tmp_path, code=code)
        done = command(*asked, tasks, "--quiet", cwd=tmp_path)
        assert done.returncode == code, (tasks, done.stderr)
        assert "could not be asked" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--rates", "r.toml"), "--rates needs --dry-run"), (("--dry-run", "--resume"), "--dry-run tells of a whole run")],
)
def test_options_without_effect_are_refused(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = command("run", "scripted:oracle", "-t", "demo/qa", *words, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr
