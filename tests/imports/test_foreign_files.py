"""What becomes of a foreign file: samples, numbers, marks; what is refused, and what is never opened or kept."""

import json
import random
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from altering import altered
from foreign import STAMP, choice, write_eee, write_lighteval, write_lines, write_lm_eval

from harness.api import compare, import_results, report
from harness.cli.main import main
from harness.errors import DataError, HarnessError, UsageError
from harness.store import open_store
from harness.types import Choose, Chosen, Generate

FIXTURES = Path(__file__).parent / "fixtures"


def imported(path: Path, tmp_path: Path) -> tuple[Any, dict[tuple[str, str], Any]]:
    [run] = import_results(path, store=str(tmp_path / "s"))
    store = open_store(str(tmp_path / "s"))
    return store.run(run.id), {(e.task, e.metric): e for e in store.results(run.id) if e.slice == "all"}


def test_lm_eval_with_samples_and_without(tmp_path: Path) -> None:
    run, numbers = imported(write_lm_eval(tmp_path / "r"), tmp_path)
    assert {key: e.value for key, e in numbers.items()} == {
        ("birds", "acc"): 2 / 3, ("sums", "exact_match,strict"): 0.5, ("sums", "exact_match,flexible"): 1.0,
        ("bare", "acc"): 0.25,
    }  # fmt: skip
    birds, _, bare = run.tasks
    assert (birds.n, birds.available, birds.shots, birds.version) == (3, 9, 3, 2)
    assert (bare.n, bare.metrics[0].reported, birds.metrics[0].reported) == (80, True, False)
    low, high = numbers["bare", "acc"].low, numbers["bare", "acc"].high
    assert (low, high) == pytest.approx((0.25 - 1.96 * 0.05, 0.25 + 1.96 * 0.05), abs=1e-5)
    first = next(open_store(str(tmp_path / "s")).outcomes(run.id, "birds"))
    assert first.requests == (Choose("Which of the two can fly over 1 hills?", (" a wren", " a stone")),)
    assert first.responses == (Chosen(0, (-1.5, -2.5)),) and first.judged and first.judged.prediction == " a wren"
    second = next(open_store(str(tmp_path / "s")).outcomes(run.id, "sums"))
    assert isinstance(second.requests[0], Generate) and second.requests[0].stop == ("\n",)
    assert (run.model, run.versions) == ("own/model", {"lm-evaluation-harness": "0.4.13"})


def test_a_reported_number_lies_within_its_interval_whatever_its_scale(tmp_path: Path) -> None:
    samples = {"n-samples": {name: {"original": 80, "effective": n} for name, n in (("bare", 80), ("birds", 3))}}
    configs = {"bare": {"output_type": "generate_until"}, "birds": {"output_type": "multiple_choice"}}
    results = {
        "bare": {"bleu,none": 25.3, "bleu_stderr,none": 0.9},
        "birds": {"acc,none": 66.7, "acc_stderr,none": 1.0},  # in per cent, its samples are not
    }
    run, numbers = imported(write_lm_eval(tmp_path / "r", results=results, configs=configs, **samples), tmp_path)
    for key, width in ((("bare", "bleu"), 0.9), (("birds", "acc"), 1.0)):
        e = numbers[key]
        assert (e.value - e.low, e.high - e.value) == pytest.approx((1.96 * width, 1.96 * width), abs=1e-4)
    assert [task.metrics[0].bounds for task in run.tasks] == [(None, None)] * 2
    share = {"bare": {"acc,none": 0.99, "acc_stderr,none": 0.011}}
    _, numbers = imported(write_lm_eval(tmp_path / "p", results=share, configs=configs, **samples), tmp_path)
    assert numbers["bare", "acc"].high == 1.0
    results["bare"]["bleu_stderr,none"] = -0.9
    with pytest.raises(DataError, match=r"results_.*json: bare bleu: a standard error of -0\.9"):
        imported(write_lm_eval(tmp_path / "q", results=results, configs=configs, **samples), tmp_path)


def test_no_key_of_a_file_is_kept(tmp_path: Path) -> None:
    imported(write_lm_eval(tmp_path / "r"), tmp_path)
    kept = b"".join(file.read_bytes() for file in (tmp_path / "s").rglob("*") if file.is_file())
    assert b"own/model" in kept and b"sk-planted-4711" not in kept


def test_an_answer_without_a_log_probability_is_a_failure(tmp_path: Path) -> None:
    path = write_lm_eval(tmp_path / "r")
    broken = choice(1, False)
    broken["resps"][0] = [["nan", "False"]]
    write_lines(path.parent / f"samples_birds_{STAMP}.jsonl", [choice(0, True), broken, choice(2, True)])
    run, numbers = imported(path, tmp_path)
    assert run.tasks[0].metrics[0].reported and numbers["birds", "acc"].value == 2 / 3  # the file scored it
    outcomes = list(open_store(str(tmp_path / "s")).outcomes(run.id, "birds"))
    assert [o.failure.kind if o.failure else "" for o in outcomes] == ["", "nan", ""]


def test_records_of_every_eval_ever(tmp_path: Path) -> None:
    run, numbers = imported(write_eee(tmp_path / "r"), tmp_path)
    assert {key: (e.value, e.n) for key, e in numbers.items()} == {
        ("birds", "acc"): (0.5, 2),
        ("birds", "f1"): (0.75, 2),
    }
    assert [m.reported for m in run.tasks[0].metrics] == [False, True]


def test_details_of_lighteval(tmp_path: Path) -> None:
    run, numbers = imported(write_lighteval(tmp_path / "r"), tmp_path)
    assert (numbers["birds", "acc"].value, numbers["birds", "acc"].n, run.tasks[0].shots) == (0.5, 2, 2)
    assert not run.tasks[0].metrics[0].reported and run.started == "2026-03-04T05:06:07+00:00"


def test_log_probabilities_of_some_choices_are_no_choice(tmp_path: Path) -> None:
    """One of three numbers is missing, and nobody knows which choices the other two are of."""
    folder = write_lighteval(tmp_path / "r")
    [details] = folder.rglob("*.parquet")
    rows = pq.read_table(details).to_pylist()
    rows[0]["model_response"]["logprobs"] = [None, -1.0, -2.0]
    pq.write_table(pa.Table.from_pylist(rows), details)
    run, _ = imported(folder, tmp_path)
    first, second = open_store(str(tmp_path / "s")).outcomes(run.id, "birds")
    assert first.failure and first.failure.kind == "missing" and isinstance(second.responses[0], Chosen)


def test_a_log_that_ended_in_an_error_is_a_failed_run(tmp_path: Path) -> None:
    page = json.loads((FIXTURES / "pick.json").read_text(encoding="utf-8"))
    page |= {"status": "error", "error": {"message": "the server is gone", "traceback": ""}}
    (tmp_path / "log.json").write_text(json.dumps(page), encoding="utf-8")
    run, numbers = imported(tmp_path / "log.json", tmp_path)
    assert (run.status, numbers) == ("failed", {}) and "the server is gone" in run.message


def test_a_sample_that_ended_in_an_error_is_a_failure(tmp_path: Path) -> None:
    page = json.loads((FIXTURES / "pick.json").read_text(encoding="utf-8"))
    page["samples"][1] |= {"error": {"message": "out of time"}, "scores": {}}
    page["results"]["scores"][0]["metrics"]["accuracy"]["value"] = 1.0
    (tmp_path / "log.json").write_text(json.dumps(page), encoding="utf-8")
    _, numbers = imported(tmp_path / "log.json", tmp_path)
    assert (numbers["pick", "accuracy"].value, numbers["pick", "accuracy"].n, numbers["pick", "accuracy"].failed) == (
        1,
        1,
        1,
    )


def test_a_folder_is_read_as_a_whole_and_once(tmp_path: Path) -> None:
    write_lm_eval(tmp_path / "r" / "one")
    write_eee(tmp_path / "r" / "two")
    (tmp_path / "r" / "notes.json").write_text('{"mine": 1}', encoding="utf-8")
    assert len(import_results(tmp_path / "r", store=str(tmp_path / "s"))) == 2
    told: list[str] = []
    assert len(import_results(tmp_path / "r", store=str(tmp_path / "s"), notice=told.append)) == 2
    assert sum("is in the store already" in text for text in told) == 2
    assert len(open_store(str(tmp_path / "s")).runs()) == 2


def test_copies_of_a_file_are_one_run(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_eee(tmp_path / "r" / name)
    told: list[str] = []
    one, two = import_results(tmp_path / "r", store=str(tmp_path / "s"), notice=told.append)
    assert one.id == two.id and sum("is in the store already" in text for text in told) == 1
    assert len(open_store(str(tmp_path / "s")).runs()) == 1


def test_imported_runs_have_reports_and_are_compared(tmp_path: Path) -> None:
    one = write_lm_eval(tmp_path / "a")
    other = write_lm_eval(tmp_path / "b", date=1772700000.0)
    rows = [choice(0, True), choice(1, True), choice(2, True)]
    write_lines(other.parent / f"samples_birds_{STAMP}.jsonl", rows)
    page = json.loads(other.read_text(encoding="utf-8"))
    page["results"]["birds"]["acc,none"] = 1.0
    other.write_text(json.dumps(page), encoding="utf-8")
    store = str(tmp_path / "s")
    [first], [second] = (import_results(path, store=store) for path in (one, other))
    changes = compare(first.id, second.id, store=store)
    [acc] = [row for row in changes.differences if row.task == "birds"]
    assert (acc.metric, acc.fixed, acc.broken, acc.paired.n) == ("acc", 1, 0, 3)
    assert not [row for row in changes.differences if row.task == "bare"]  # never paired
    assert "own/model" in report(first.id, "html", store=store)


def test_a_number_that_is_none_is_named_and_left_out(tmp_path: Path) -> None:
    told: list[str] = []
    results = {"birds": {"acc,none": float("nan"), "f1,none": "0.5", "acc_stderr,none": "N/A"}}
    [run] = import_results(
        write_lm_eval(tmp_path / "r", results=results), store=str(tmp_path / "s"), notice=told.append
    )
    assert "birds: left out, for the file has no finite number: acc, f1" in told
    assert open_store(str(tmp_path / "s")).results(run.id) == []
    page = json.loads((FIXTURES / "pick.json").read_text(encoding="utf-8"))
    page["results"]["scores"][0]["metrics"]["accuracy"]["value"] = None
    (tmp_path / "log.json").write_text(json.dumps(page), encoding="utf-8")
    import_results(tmp_path / "log.json", store=str(tmp_path / "s"), notice=told.append)
    assert told[-1] == "pick: left out, for the file has no finite number: accuracy"


def test_whole_numbers_beyond_every_database_are_none(tmp_path: Path) -> None:
    path = write_lm_eval(tmp_path / "r", versions={"birds": 10**30, "sums": 3}, config={"model": "m", "limit": 10**30})
    run, _ = imported(path, tmp_path)
    assert [task.version for task in run.tasks] == [1, 3, 1] and run.settings["limit"] is None


# ------------------------------------------------------------------------------------------------------------- refusals
def test_truncated_foreign_and_newer_files_are_refused(tmp_path: Path) -> None:
    cases = {
        "half.eval": ((FIXTURES / "sums.eval").read_bytes()[:9000], "truncated"),
        "half.json": ((FIXTURES / "pick.json").read_bytes()[:9000], "truncated"),
        "other.json": (b'{"mine": 1}', "known format"),
        "list.json": (b"[1, 2]", "must be a JSON object"),
        "text.eval": (b"no zip", "log of inspect"),
        "new.json": ((FIXTURES / "pick.json").read_bytes().replace(b'"version": 2', b'"version": 9', 1), "version 9"),
        "deep.json": (b'{"a":' * 5000 + b"1" + b"}" * 5000, "levels"),
    }
    for name, (content, said) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=said) as error:
            import_results(tmp_path / name, store=str(tmp_path / "s"))
        assert name in str(error.value) and "\n" not in str(error.value)
    page = write_lighteval(tmp_path / "l") / "results" / "own" / "model" / f"results_{STAMP}.json"
    page.write_text(json.dumps(json.loads(page.read_text(encoding="utf-8")) | {"results": {}}), encoding="utf-8")
    with pytest.raises(DataError, match="name no task"):
        import_results(tmp_path / "l", store=str(tmp_path / "s"))
    newer = write_eee(tmp_path / "r", schema_version="0.4.0")
    with pytest.raises(DataError, match=r"0\.4\.0"):
        import_results(newer, store=str(tmp_path / "s"))


def test_samples_that_contradict_the_number_are_refused(tmp_path: Path) -> None:
    path = write_lm_eval(tmp_path / "r")
    page = json.loads(path.read_text(encoding="utf-8"))
    page["results"]["birds"]["acc,none"] = 1.0
    path.write_text(json.dumps(page), encoding="utf-8")
    with pytest.raises(DataError, match=r"birds acc on all: reported as 1\.0, the samples give 0\.66"):
        import_results(path, store=str(tmp_path / "s"))
    assert not (tmp_path / "s").exists()


def test_nothing_that_a_file_names_is_opened_or_written(tmp_path: Path) -> None:
    (tmp_path / "samples_x.jsonl").write_text("{}", encoding="utf-8")
    page = json.loads((write_lm_eval(tmp_path / "r")).read_text(encoding="utf-8"))
    was = "bare"
    for name in ("../../x", "x" * 235):  # the other is longer than a file's name can be
        for part in ("results", "configs", "n-samples"):
            page[part][name] = page[part].pop(was)
        was = name
        (tmp_path / "r" / f"results_{STAMP}.json").write_text(json.dumps(page), encoding="utf-8")
        with pytest.raises(UsageError, match="cannot be stored|too long for a file"):
            import_results(tmp_path / "r", store=str(tmp_path / "s"))
    assert open_store(str(tmp_path / "s")).runs() == [] and not list(tmp_path.rglob("x.parquet"))


def test_a_zip_that_would_swell_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", b" " * (200 << 20))
    with pytest.raises(DataError, match="more than 1000 times"):
        import_results(tmp_path / "bomb.eval", store=str(tmp_path / "s"))
    with zipfile.ZipFile(tmp_path / "other.eval", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("header.json", b"{}")
    with pytest.raises(DataError, match="neither stored, deflated nor zstd"):
        import_results(tmp_path / "other.eval", store=str(tmp_path / "s"))
    with zipfile.ZipFile(tmp_path / "far.eval", "w") as archive:
        archive.writestr("../../header.json", b"{}")
    with pytest.raises(DataError, match=r"header\.json"):
        import_results(tmp_path / "far.eval", store=str(tmp_path / "s"))


def test_an_entry_is_unpacked_up_to_the_size_that_it_tells(tmp_path: Path) -> None:
    path, size = tmp_path / "liar.eval", 64 << 20
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", b" " * size)
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", size), struct.pack("<I", 9)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="damaged"):
            import_results(path, store=str(tmp_path / "s"))
        assert tracemalloc.get_traced_memory()[1] < size // 4
    finally:
        tracemalloc.stop()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_lm_eval(tmp_path / "r")
    for wanted, code in ((path, 0), (tmp_path / "none.json", 2), (path, 0)):
        with pytest.raises(SystemExit) as end:
            main(["import", str(wanted), "--store", str(tmp_path / "s")])
        assert end.value.code == code
    out, err = capsys.readouterr()
    assert "own/model: birds, sums, bare" in out and "averages of groups are left out: all" in err
    assert "there is no file or folder" in err and "already" in err


def test_what_the_command_prints_moves_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_lm_eval(tmp_path / "r", model_name="own\x1b]0;title\x07", results={"birds\x1b[2J": {"acc,none": "x"}},
                         configs={"birds\x1b[2J": {}})  # fmt: skip
    with pytest.raises(SystemExit) as end:
        main(["import", str(path), "--store", str(tmp_path / "s")])
    out, err = capsys.readouterr()
    assert end.value.code == 0 and "\\u001b]0;title" in out and "birds\\u001b[2J" in err
    assert "\x1b" not in out + err and "\x07" not in out + err


@pytest.mark.parametrize("make", [write_lm_eval, write_eee])
def test_altered_pages_are_refused_in_words_or_read(tmp_path: Path, make: Any) -> None:
    path = make(tmp_path / "r")
    page, rng = json.loads(path.read_text(encoding="utf-8")), random.Random(0)
    outcomes = set()
    for number in range(60):
        path.write_text(json.dumps(altered(page, rng)), encoding="utf-8")
        try:
            import_results(path, store=str(tmp_path / f"s{number}"))
            outcomes.add("read")
        except HarnessError as error:
            assert "\n" not in str(error)
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


@pytest.mark.parametrize(
    ("seed", "kept", "told"),
    [
        (1234, 1234, False), (0, 0, False), (-1, -1, False), (7.0, 7, False), (None, 0, False), (10**20, 0, True),
        (2.5, 0, True), ("abc", 0, True), (True, 0, True),
    ],
)  # fmt: skip
def test_a_seed_is_kept_or_named(seed: object, kept: int, told: bool, tmp_path: Path) -> None:
    path = write_lm_eval(tmp_path / "r", config={"model": "hf", "model_args": "pretrained=m", "random_seed": seed})
    said: list[str] = []
    [run] = import_results(path, store=str(tmp_path / "s"), notice=said.append)
    assert open_store(str(tmp_path / "s")).run(run.id).settings["seed"] == kept
    assert any(f"its random_seed {seed!r} is no whole number" in text for text in said) == told
