"""The command line as a user meets it: a process, its output and its exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from forked import caller, command


def test_run_show_samples_and_list(tmp_path: Path) -> None:
    done = command(
        "run",
        "scripted:oracle",
        "--tasks",
        "demo/sentiment,demo/qa",
        "--limit",
        "5",
        "--json",
        "out.json",
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "demo/sentiment" in done.stdout and "acc" in done.stdout
    out = json.loads((tmp_path / "out.json").read_text())
    assert (
        set(out) == {"run", "model", "status", "energy", "asked", "left_out", "results"} and out["status"] == "finished"
    )
    assert set(out["results"][0]) == {"task", "metric", "slice", "value", "low", "high", "n", "clusters", "failed"}
    shown = command("show", out["run"], cwd=tmp_path)
    assert shown.returncode == 0 and "demo/qa v1: n 5 of 32, sampled" in shown.stdout
    assert "asked 10 of 72 examples, sampled" in " ".join(done.stdout.split())
    assert out["asked"] == {"demo/sentiment": {"n": 5, "available": 40}, "demo/qa": {"n": 5, "available": 32}}
    samples = command("samples", out["run"], "demo/sentiment", "--where", "correct = true", cwd=tmp_path)
    assert samples.returncode == 0 and samples.stdout.strip()
    assert out["run"] in command("list", "runs", cwd=tmp_path).stdout
    unknown = command("show", out["run"][:-1] + "z", cwd=tmp_path)
    assert unknown.returncode == 2 and out["run"] in unknown.stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("run", "scripted:oracle"), 2, "--tasks is missing"),
        (("run", "scripted:oracle", "--tasks", "demo/sentimant"), 2, "demo/sentiment"),
        (("run", "scripted:orakel", "--tasks", "demo/qa"), 2, "oracle"),
        (("run", "smollm3x", "--tasks", "demo/qa"), 2, "smollm2"),
        (("run", "replay:none.jsonl", "--tasks", "demo/qa"), 2, "none.jsonl"),
        (("run", "scripted:oracle", "--tasks", "demo/qa", "--data", "nowhere"), 2, "nowhere"),
        (("run", "scripted:oracle", "--tasks", "demo/qa", "--limit", "0"), 2, "limit"),
        (("run", "scripted:oracle", "--tasks", "demo/qa", "--limit", "200%"), 2, "a share such as 10%"),
        (("run", "scripted:oracle", "--tasks", "demo/qa", "--limit", "few"), 2, "--limit"),
        (("run", "scripted:oracle", "--tasks", "demo/qa", "--limit-order", "first"), 2, "--limit-order needs --limit"),
        (("run", "nosuch.toml",), 2, "nosuch.toml"),
        (("run", "scripted:oracle", "--tasks", "demo/qa", "--strength", "0.1"), 2, "--strength needs --perturb"),
        (("run", "scripted:oracle", "--tasks", "demo/qa", "--system", "Be brief."), 2, "(--system) belongs to --chat"),
        (("run", "scripted:oracle", "--tasks", "demo/qa", "--base-url", "http://127.0.0.1:1/v1"), 2,
         "base_url means nothing to scripted:oracle, which is no server"),
        (("run", "scripted:oracle", "--tasks", "demo/qa", "--concurrency", "2", "--timeout", "9", "--dry-run"), 2,
         "concurrency, timeout means nothing to scripted:oracle"),
        (("run", "scripted:oracle", "--tasks", "demo/qa", "--top-p", "0.5", "--quiet"), 0, "top_p = 0.5 changes"),
        (("run", "scripted:oracle", "--tasks", "demo/qa", "--head-only"), 2, "need --protocol finetune"),
        (("run", "scripted:oracle", "--tasks", "demo/qa", "--scorer", "hf:x/y", "--quiet"), 0, "hf:x/y is not used"),
        (("run", "scripted:fail-every-1", "--tasks", "demo/qa", "--quiet"), 3, "has no value"),
        (("show", "nosuchrun"), 3, "there is no store"),
        (("lst",), 2, "unknown command 'lst'; did you mean list"),
        (("runs", "lst"), 2, "unknown command 'lst'; did you mean list? (see `harness runs --help`)"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_an_exit_code(args: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    done = command(*args, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert said in done.stderr and all(line.startswith("harness: ") for line in lines), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [(), ("runs",), ("baseline",)])
def test_a_group_without_a_command_shows_its_help(words: tuple[str, ...], tmp_path: Path) -> None:
    done = command(*words, cwd=tmp_path)
    told = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "") and told[0].startswith(" ".join(("Usage: harness", *words)))
    assert len(told) > 8 and "Commands:" in told


@pytest.mark.parametrize("group", ["baseline", "data", "gate", "privacy", "rate", "runs"])
def test_what_commands_of_a_group_do_is_not_cut(group: str, tmp_path: Path) -> None:
    done = command(group, "--help", cwd=tmp_path)
    assert done.returncode == 0 and not [line for line in done.stdout.splitlines() if line.endswith("...")][1:]


def test_looking_makes_no_store(tmp_path: Path) -> None:
    for words in (("list", "runs"), ("runs", "list"), ("baseline", "list"), ("show", "latest")):
        done = command(*words, cwd=tmp_path)
        assert (done.returncode, list(tmp_path.iterdir())) == (3, []) and "there is no store at" in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    for words in (("run", "scripted:oracle", "--tasks", "demo/sentiment"), ("show", "latest"), ("list", "tasks")):
        call = subprocess.Popen([*caller(), *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert call.stdout and call.stderr
        call.stdout.close()
        assert (call.stderr.read(), call.wait(60)) == (b"", 0), words
        call.stderr.close()


def test_only_settings_that_are_not_the_usual_ones_are_shown(tmp_path: Path) -> None:
    for limit in ((), ("--limit", "4")):
        command("run", "scripted:oracle", "--tasks", "demo/sentiment", "--quiet", *limit, cwd=tmp_path)
        told = command("show", "latest", cwd=tmp_path).stdout
        [settings] = [line for line in told.splitlines() if line.startswith("settings")]
        assert settings == ("settings  limit=4" if limit else "settings  the defaults")


def test_debug_shows_the_trace(tmp_path: Path) -> None:
    assert "Traceback" in command("run", "scripted:orakel", "--tasks", "demo/qa", "--debug", cwd=tmp_path).stderr


def test_a_tasks_file_in_the_working_directory_shadows_nothing(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("raise SystemExit('wrong tasks')")
    assert "demo/sentiment" in command("list", "tasks", cwd=tmp_path).stdout


def test_a_missing_dataset_names_the_places_and_what_to_do(tmp_path: Path) -> None:
    done = command(
        "run",
        "scripted:oracle",
        "--tasks",
        "glue/sst2",
        cwd=tmp_path,
        HF_HUB_OFFLINE="1",
        HF_HOME=str(tmp_path),
    )
    assert done.returncode in (2, 3) and "nyu-mll/glue" in done.stderr and "--data" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_read_only_store_is_one_line(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("not a folder")
    done = command("run", "scripted:oracle", "--tasks", "demo/qa", "--store", str(place / "store"), cwd=tmp_path)
    assert done.returncode == 3 and len(done.stderr.strip().splitlines()) == 1


def test_completion_script(tmp_path: Path) -> None:
    assert "_HARNESS_COMPLETE" in command("completion", "bash", cwd=tmp_path).stdout


def test_nothing_heavy_is_imported_to_list_tasks(tmp_path: Path) -> None:
    code = (
        "import sys; from harness.plugins import catalogue; catalogue();"
        "print([m for m in 'torch transformers pandas datasets scipy pyarrow sqlalchemy'.split() if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"


def test_the_list_of_tasks_tells_size_licence_and_whether_data_is_at_hand(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "nyu-mll" / "glue" / "cola"
    folder.mkdir(parents=True)
    (folder / "validation.jsonl").write_text('{"sentence": "a"}\n\n{"sentence": "b"}')
    done = command("list", "tasks", "--data", str(tmp_path / "data"), "--json", "tasks.json", cwd=tmp_path)
    assert done.returncode == 0
    rows = {row["task"]: row for row in json.loads((tmp_path / "tasks.json").read_text())}
    assert {key: rows["glue/cola"][key] for key in ("rows", "at_hand")} == {"rows": 2, "at_hand": True}
    assert {key: rows["xsum"][key] for key in ("rows", "at_hand")} == {"rows": None, "at_hand": False}
    assert rows["demo/qa"]["rows"] == 32 and rows["demo/qa"]["licence"] == "Apache-2.0"


def test_few_shot_examples_from_the_evaluated_split_are_told(tmp_path: Path) -> None:
    rows = [{"question": f"q{i}", "choices": ["a", "b"], "answer": "a"} for i in range(4)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ("run", "scripted:oracle", "--tasks", "q.jsonl", "--shots")
    assert "q: few-shot examples come from the evaluated split" in command(*asked, "2", cwd=tmp_path).stderr
    assert command(*asked, "0", cwd=tmp_path).stderr == ""
