"""Suites and several models: flags win, nothing begins before all is there, one failure stops no other."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import harness
from harness.cli.main import cli
from harness.errors import HarnessError, TimeUp, UsageError
from harness.store import open_store
from harness.suite import Job, jobs_of
from harness.types import Settings

SUITE = """
models = ["scripted:oracle", "scripted:fail-every-2"]
tasks = ["demo/sentiment", "demo/qa"]
settings = {limit = 8, shots = 1, perturb = ["case"]}
options = {concurrency = 2}
[[run]]
models = ["scripted:opposite"]
settings = {limit = 9}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_STORE", raising=False)
    (tmp_path / "suite.toml").write_text(SUITE, encoding="utf-8")
    return tmp_path


def run(*words: str) -> tuple[int, str, str]:
    """Exit code, what was printed, what was told on standard error or raised."""
    done = CliRunner().invoke(cli, ["run", *words], standalone_mode=False)
    if isinstance(done.exception, HarnessError):
        return done.exception.exit_code, done.stdout, f"{done.stderr}\n{done.exception}"
    if done.exception is not None:
        return 2, done.stdout, f"{done.stderr}\n{getattr(done.exception, 'message', done.exception)}"
    return int(done.return_value or 0), done.stdout, done.stderr


def test_flags_win_over_the_file_in_every_run() -> None:
    code, _, said = run("suite.toml", "--limit", "3", "--shots", "0", "--seed", "7", "--perturb", "typos,spaces")
    assert code == 3 and "the command line wins over suite.toml in every run: limit, shots, seed, perturb" in said
    settings = [run.settings for run in open_store().runs()]
    kept = {(s["limit"], s["shots"], s["seed"], tuple(s["perturb"])) for s in settings}
    assert len(settings) == 3 and kept == {(3, 0, 7, ("typos", "spaces"))}


def test_flags_of_the_model_and_of_training_win_too() -> None:
    flags = {"options": {"concurrency": 5, "chat": True}, "finetune": {"train_limit": 10}, "settings": {"seed": 4}}
    jobs = jobs_of(Path("suite.toml"), flags)
    assert {(job.options.concurrency, job.options.chat) for job in jobs} == {(5, True)}
    assert {(job.protocol.train_limit, job.protocol.seed) for job in jobs if job.protocol} == {(10, 4)}
    assert all(job.protocol for job in jobs)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--tasks", "demo/qa"), "give it alone, without --tasks"),
        (("--name", "a"), "--name and --tag need a single run, not 3"),
        (("--tag", "a"), "--name and --tag need a single run, not 3"),
        (("--head-only",), "need --protocol finetune"),
        (("scripted:oracle",), "give it alone"),
    ],
)
def test_what_cannot_win_is_refused_by_name(words: tuple[str, ...], said: str) -> None:
    code, _, told = run("suite.toml", *words)
    assert code == 2 and said in told
    assert not Path("harness-results").exists()


@pytest.mark.parametrize("words", [(), ("--protocol", "finetune")])
def test_what_training_takes_is_not_forecast(words: tuple[str, ...]) -> None:
    table = "" if words else "[finetune]\ntrain_limit = 10\n"
    Path("suite.toml").write_text(f'models = ["smollm2"]\ntasks = ["demo/qa"]\n{table}', encoding="utf-8")
    code, _, told = run("suite.toml", "--dry-run", *words)
    assert code == 2 and "--dry-run cannot tell what fine-tuning takes" in told


def test_a_flag_that_changes_no_run_is_refused() -> None:
    Path("suite.toml").write_text('models = ["scripted:oracle"]\ntasks = ["demo/qa"]\n', encoding="utf-8")
    for words in (("--strength", "0.3"), ("--limit-order", "first")):
        code, _, told = run("suite.toml", *words)
        assert code == 2 and f"{words[0]} changes nothing: no run of suite.toml has" in told


def test_everything_is_looked_for_before_the_first_token() -> None:
    Path("suite.toml").write_text(
        'models = ["scripted:oracle", "nowhere/x", "scripted:opposit", "replay:gone.jsonl", "openai:m"]\n'
        'tasks = ["demo/qa", "demo/sentimnt"]\n',
        encoding="utf-8",
    )
    code, _, said = run("suite.toml", "--json", "suite.toml/out.json")
    assert code == 2 and "6 things are missing: (1)" in said
    for flaw in (
        "nowhere/x", "did you mean opposite?", "there is no file gone.jsonl", "--base-url",
        "did you mean demo/sentiment", "cannot write suite.toml/out.json",
    ):  # fmt: skip
        assert flaw in said, flaw
    assert not Path("harness-results").exists()


def test_a_model_that_fails_stops_no_other_and_is_told_at_the_end(place: Path) -> None:
    broken = place / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}')
    (broken / "model.safetensors").write_bytes(b"no weights")
    models = ("scripted:oracle", str(broken), "scripted:opposite")
    code, printed, said = run(*models, "--tasks", "demo/qa", "--json", "o.json")
    assert code == 3
    assert f"{broken}: failed: " in said
    assert said.rstrip().endswith(f"2 of 3 runs finished; not: {broken} on demo/qa (failed)")
    pages = json.loads(Path("o.json").read_text(encoding="utf-8"))
    assert [page["status"] for page in pages] == ["finished", "failed", "finished"]
    assert pages[1].keys() == {"model", "tasks", "status", "error"} and pages[1]["model"] == str(broken)
    table = printed[printed.rindex("┏") :]
    assert "scripted:oracle" in table and "scripted:opposite" in table and "demo/qa" in table


def test_json_has_one_shape_for_one_run_and_one_for_several() -> None:
    assert run("scripted:oracle", "-t", "demo/qa", "-n", "4", "--json", "new/one.json")[0] == 0
    one = json.loads(Path("new/one.json").read_text(encoding="utf-8"))
    assert one["model"] == "scripted:oracle"
    Path("suite.toml").write_text('models = ["scripted:oracle"]\ntasks = ["demo/qa"]\n', encoding="utf-8")
    assert run("suite.toml", "-n", "4", "--json", "suite.json")[0] == 0
    [page] = json.loads(Path("suite.json").read_text(encoding="utf-8"))
    assert page.keys() == one.keys() and page["results"] == one["results"]


def test_standard_output_is_one_list_however_many_runs() -> None:
    words = ("scripted:oracle", "scripted:opposite", "-t", "demo/qa", "-n", "4", "--quiet", "--json", "-")
    code, printed, _ = run(*words)
    assert code == 0 and [page["model"] for page in json.loads(printed)] == ["scripted:oracle", "scripted:opposite"]


def test_json_in_a_folder_is_a_file_for_each_run() -> None:
    Path("pages").mkdir()
    assert run("scripted:oracle", "scripted:opposite", "-t", "demo/qa", "-n", "4", "--json", "pages")[0] == 0
    names = {path.stem: json.loads(path.read_text(encoding="utf-8"))["run"] for path in Path("pages").iterdir()}
    assert len(names) == 2 and all(name == run for name, run in names.items())


def test_a_path_that_ends_in_a_slash_is_a_folder() -> None:
    words = ("scripted:oracle", "-t", "demo/qa", "-n", "4", "--json", "there/yet/")
    assert run(*words, "--dry-run")[0] == 0 and run(*words)[0] == 0
    [dry, page] = sorted(Path("there/yet").iterdir(), key=lambda path: path.stem != "dry-run")
    assert dry.name == "dry-run.json" and json.loads(page.read_text(encoding="utf-8"))["run"] == page.stem


def test_a_limit_of_time_counts_for_all_runs_together() -> None:
    words = ("scripted:slow-200", "scripted:slow-201", "-t", "demo/qa", "--max-minutes", "0.002", "--json", "o.json")
    code, _, said = run(*words)
    assert code == TimeUp.exit_code == 5
    assert [p["status"] for p in json.loads(Path("o.json").read_text(encoding="utf-8"))] == ["stopped", "not begun"]
    assert "0 of 2 runs finished; not: scripted:slow-200 on demo/qa (stopped)" in said


# --------------------------------------------------------------------------------------------------------- from Python
def test_a_suite_from_python() -> None:
    ends = harness.run_suite("suite.toml", limit=4, store="s")
    assert [(end.job.model, end.status) for end in ends] == [
        ("scripted:oracle", "finished"),
        ("scripted:fail-every-2", "finished"),
        ("scripted:opposite", "finished"),
    ]
    assert {end.result.run.settings["limit"] for end in ends if end.result} == {4}
    jobs = [Job("scripted:oracle", ("demo/qa",), Settings(), harness.Options())]
    [end] = harness.run_suite(jobs, shots=2, store="s")
    assert end.result and end.result.run.settings["shots"] == 2
    with pytest.raises(UsageError, match="2 things are missing"):
        harness.run_suite([*jobs, Job("nowhere/x", ("demo/q",), Settings(), harness.Options())])


def test_an_address_is_for_those_of_several_models_that_ask_one() -> None:
    address = ("--tasks", "demo/qa", "-n", "2", "--base-url", "http://127.0.0.1:1/v1")
    code, _, told = run("scripted:oracle", "scripted:opposite", *address)
    assert code == 2 and "base_url means nothing to scripted:oracle" in told
    assert not Path("harness-results").exists()
    assert run("scripted:oracle", "openai:m", *address, "--dry-run")[0] == 0
    code, _, told = run("scripted:oracle", "openai:m", *address, "--timeout", "1")
    assert code == 3 and "means nothing" not in told
    assert [one.status for one in open_store().runs() if one.model == "scripted:oracle"] == ["finished"]


def test_a_judge_may_be_a_server_where_the_model_is_none() -> None:
    Path("q.jsonl").write_text('{"question": "q", "answer": "a"}\n', encoding="utf-8")
    Path("judged.toml").write_text('data = "q.jsonl"\njudge = {model = "openai:m", rubric = "{response}"}\n')
    with pytest.raises(UsageError, match="^base_url means nothing to scripted:oracle"):
        harness.evaluate("scripted:oracle", "judged.toml", concurrency=2, base_url="http://127.0.0.1:1/v1")
    with pytest.raises(UsageError, match="base-url"):  # the judge has none of its own: so far did it come
        harness.evaluate("scripted:oracle", "judged.toml", concurrency=2)
