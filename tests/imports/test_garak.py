"""Reports of garak as runs: pass rates as in its digest, several answers a prompt, and what is refused.

The rows have garak's documented layout (``garak.attempt.Attempt.as_dict`` and its evaluator); their words are our own.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.api import import_results
from harness.cli.main import cli
from harness.errors import DataError
from harness.store import open_store
from harness.types import Estimate, Generate, Run

SETUP = {
    "entry_type": "start_run setup", "plugins.target_type": "test", "plugins.target_name": "own/model",
    "run.eval_threshold": 0.5, "run.generations": 2, "transient.starttime_iso": "2026-01-02T03:04:05.678901+00:00",
}  # fmt: skip
INIT = {"entry_type": "init", "garak_version": "0.14.0", "start_time": "2026-01-02T03:04:06+00:00", "run": "u-1"}
END = {"entry_type": "completion", "end_time": "2026-01-02T03:09:00+00:00", "run": "u-1"}


def message(text: str | None) -> dict[str, Any]:
    return {"text": text, "lang": "en", "data_path": None, "data_type": None, "data_checksum": None, "notes": {}}


def attempt(seq: int, scores: dict[str, list[Any]], probe: str = "toy.Rhyme", status: int = 2) -> dict[str, Any]:
    turns = [{"role": "user", "content": message(f"Say a rhyme on {seq}.")}]
    outputs = [message(f"answer {seq}/{i}") for i in range(2)]
    return {
        "entry_type": "attempt", "uuid": f"u-{seq}", "seq": seq, "status": status, "probe_classname": probe,
        "probe_params": {}, "targets": [], "prompt": {"turns": turns, "notes": {}}, "outputs": outputs,
        "detector_results": scores, "notes": {}, "goal": "make it rhyme", "conversations": [],
    }  # fmt: skip


def evaluation(detector: str, passed: int, total: int, probe: str = "toy.Rhyme") -> dict[str, Any]:
    return {
        "entry_type": "eval", "probe": probe, "detector": detector, "passed": passed, "fails": total - passed,
        "nones": 0, "total_evaluated": total, "total_processed": total,
    }  # fmt: skip


ROWS: list[dict[str, Any]] = [
    SETUP, INIT, attempt(0, {}, status=1), attempt(1, {}, status=1),
    attempt(0, {"toy.Rhymes": [0.9, 0.5], "toy.Long": [0.0, None]}),
    attempt(1, {"toy.Rhymes": [0.49, 0.0], "toy.Long": [1.0, 0.0]}),
    evaluation("toy.Rhymes", 2, 4), evaluation("toy.Long", 2, 3),
    attempt(0, {"toy.Rhymes": [0.0, 0.0]}, probe="toy.Verse"), evaluation("toy.Rhymes", 2, 2, probe="toy.Verse"),
    {"entry_type": "probe_summary", "probe": "toy.Verse"}, END, {"entry_type": "digest", "meta": {}, "eval": {}},
]  # fmt: skip


def written(folder: Path, rows: list[dict[str, Any]], name: str = "garak.u-1.report.jsonl") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder / name


def imported(path: Path, tmp_path: Path) -> tuple[Run, dict[tuple[str, str], Estimate]]:
    [run] = import_results(path, store=str(tmp_path / "s"))
    kept = open_store(str(tmp_path / "s"))
    return kept.run(run.id), {(e.task, e.metric): e for e in kept.results(run.id) if e.slice == "all"}


def test_attempts_become_outcomes_and_evaluations_are_computed_again(tmp_path: Path) -> None:
    run, numbers = imported(written(tmp_path / "r", ROWS), tmp_path)
    assert (run.model, run.versions, run.status, run.imported) == ("own/model", {"garak": "0.14.0"}, "finished", True)
    assert run.started == "2026-01-02T03:04:06+00:00" and run.finished == "2026-01-02T03:09:00+00:00"
    told = {key: (e.value, e.n, e.clusters) for key, e in numbers.items()}
    assert told == {
        ("garak/toy.Rhyme", "toy.Rhymes"): (0.5, 4, 2),
        ("garak/toy.Rhyme", "toy.Long"): (pytest.approx(1 / 3), 3, 2),
        ("garak/toy.Verse", "toy.Rhymes"): (0.0, 2, 1),
    }
    first, second, third, _ = open_store(str(tmp_path / "s")).outcomes(run.id, "garak/toy.Rhyme")
    assert first.requests == (Generate("Say a rhyme on 0.", 0),) and first.example.cluster == second.example.cluster
    assert first.judged and first.judged.prediction == "answer 0/0" and first.judged.correct is False
    assert second.judged and set(second.judged.values) == {"toy.Rhymes"}  # the other detector gave no score
    assert third.judged and third.judged.values == {"toy.Rhymes": 0.0, "toy.Long": 1.0}
    assert all(m.better == "lower" and not m.reported for task in run.tasks for m in task.metrics)


def test_older_reports_have_texts_instead_of_messages(tmp_path: Path) -> None:
    old = attempt(0, {"toy.Rhymes": [1.0, 0.0]}) | {"prompt": "Say a rhyme.", "outputs": ["a", None]}
    old["detector_results"] = {"toy.Rhymes": [1.0, None]}
    ending = {"entry_type": "eval", "probe": "toy.Rhyme", "detector": "detector.toy.Rhymes", "passed": 0, "total": 1}
    setup = {"entry_type": "start_run setup", "plugins.model_type": "test", "plugins.model_name": "old/model"}
    run, numbers = imported(written(tmp_path / "r", [setup, INIT, old, ending]), tmp_path)
    found = numbers["garak/toy.Rhyme", "toy.Rhymes"]
    assert (run.model, found.value, found.n, found.failed) == ("old/model", 1.0, 1, 1)


def test_evaluations_alone_are_reported_and_an_interrupted_report_is_a_failed_run(tmp_path: Path) -> None:
    run, numbers = imported(written(tmp_path / "r", [SETUP, INIT, evaluation("toy.Rhymes", 3, 4)]), tmp_path)
    assert run.tasks[0].metrics[0].reported and numbers["garak/toy.Rhyme", "toy.Rhymes"].value == 0.25
    begun, none = imported(
        written(tmp_path / "q", [SETUP, INIT | {"start_time": "2026-02-02T00:00:00+00:00"}, ROWS[4]]), tmp_path
    )
    assert (begun.status, none) == ("failed", {}) and "before anything was evaluated" in begun.message


def test_the_command_reads_a_folder(tmp_path: Path) -> None:
    written(tmp_path / "r", ROWS)
    (tmp_path / "r" / "garak.u-1.hitlog.jsonl").write_text('{"goal": "x"}\n')
    done = CliRunner().invoke(cli, ["import", str(tmp_path / "r"), "--store", str(tmp_path / "s")])
    assert done.exit_code == 0 and "own/model: garak/toy.Rhyme, garak/toy.Verse" in done.output


LAST = evaluation("d", 1, 2)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([SETUP, INIT, ROWS[4], evaluation("toy.Rhymes", 1, 2)], "reported as 0.5, the samples give 1.0"),
        ([SETUP, INIT, attempt(0, {"d": [1.0]}), LAST], "d has 1 scores of 2 answers"),
        ([SETUP, INIT, attempt(0, {"d": [1.0, 7]}), LAST], "score 7, not a number from 0 to 1"),
        ([SETUP, INIT, attempt(0, {"d": [1.0, "high"]}), LAST], "score 'high'"),
        ([SETUP, INIT, evaluation("d", 5, 4)], "d passed 5 of 4 answers"),
        ([SETUP, INIT, evaluation("d", 1, 4) | {"probe": 3}], ":3: probe is 3, not a text"),
        ([SETUP, INIT], "holds no attempt that was evaluated"),
        ([SETUP, {"entry_type": "init", "start_time": "noon"}, evaluation("d", 1, 4)], "not a time in ISO 8601"),
        ([INIT, evaluation("d", 1, 4)], "the target's name is missing"),
    ],
)
def test_a_report_that_contradicts_itself_is_refused(rows: list[dict[str, Any]], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        import_results(written(tmp_path / "r", rows), store=str(tmp_path / "s"))
    assert said in str(error.value) and "report.jsonl" in str(error.value)
    assert not (tmp_path / "s").exists()


def test_a_truncated_report_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path / "r", ROWS)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"report\.jsonl:\d+: .*truncated"):
        import_results(path, store=str(tmp_path / "s"))
