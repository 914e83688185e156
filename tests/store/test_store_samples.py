"""Samples: conditions and orderings, doors that stay shut, files that are lost or changed."""

import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from stored import choice, estimate, outcomes, run, task

from harness import plugins
from harness.answers.records import request_key
from harness.api import evaluate
from harness.errors import StoreError, UnknownName, UsageError
from harness.store import open_store
from harness.store.samples import place_of


@pytest.fixture
def filled(store):
    store.finish(run(), {"toy/choice": outcomes(30)}, [estimate()])
    return store


def ids(store, **asked):
    return list(store.samples("run-1", "toy/choice", **asked)["example_id"])


def test_columns_and_values(filled):
    frame = filled.samples("run-1", "toy/choice")
    assert list(frame["example_id"][:3]) == ["e0", "e1", "e2"] and len(frame) == 33
    row = frame.iloc[1]
    assert (row["task"], row["prediction"], row["target"], row["correct"]) == ("toy/choice", " no", 1, False)
    assert (row["value.acc"], row["value.logprob"], row["slice.gender"], row["cluster"]) == (0.0, -0.2, "female", "c0")
    assert row["prompt"] == "Q: question 1\nA:" and row["prompt_hash"] == request_key(choice(1).requests[0])
    assert row["slices"] == {"gender": "female"} and row["values"] == {"acc": 0.0, "logprob": -0.2}
    assert row["requests"][0]["kind"] == "choose" and row["responses"][0]["kind"] == "chosen"
    failed = frame.iloc[-1]
    assert failed["values"] is None and failed["responses"][0]["kind"] == "failed"
    assert (failed["failure_kind"], failed["failure_message"]) == ("timeout", "no answer\nat all")
    assert frame["value.acc"].isna().sum() == 3 and frame["correct"].isna().sum() == 3


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"where": "correct = false", "limit": 3}, ["e1", "e3", "e5"]),
        ({"where": "correct = false", "limit": 2, "offset": 1}, ["e3", "e5"]),
        ({"where": "value.logprob < -2.75"}, ["e27", "e28", "e29"]),
        ({"where": 'value.acc = 1 AND "value.logprob" < -2.75'}, ["e28"]),
        ({"where": "slice.gender = 'male' and slices like '%male%'", "limit": 2}, ["e0", "e3"]),
        ({"where": "prediction = 'value.acc'"}, []),
        ({"where": "failure_kind is not null -- the end"}, ["gone"]),
        ({"sort": "value.logprob desc", "limit": 2}, ["e0", "e1"]),
        ({"where": "value.acc is not null", "sort": "value.acc, example_id desc", "limit": 2}, ["e9", "e7"]),
        ({"sort": "value.acc", "offset": 30}, ["text", "page", "gone"]),
        ({"where": "correct", "sort": "value.logprob", "limit": 2, "columns": ("example_id",)}, ["e28", "e26"]),
        ({"limit": 0}, []),
        ({"offset": 99}, []),
    ],
)
def test_conditions_and_orderings(filled, asked, found):
    assert ids(filled, **asked) == found


@pytest.mark.parametrize(
    "where",
    [
        "nope = 1",
        "correct = ",
        "1 = 1) UNION SELECT 1 --",
        "true); COPY (SELECT 1) TO 'stolen.csv'; SELECT (1",
        "example_id IN (SELECT content FROM read_text('secret.txt'))",
        "example_id IN (SELECT content FROM read_blob('secret.txt')::text)",
        "EXISTS (SELECT * FROM 'secret.csv')",
        "EXISTS (SELECT * FROM glob('*'))",
        "EXISTS (SELECT * FROM connection)",
        "getenv('HOME') <> ''",
    ],
)
def test_a_bad_condition_is_refused_with_the_columns(filled, where, tmp_path):
    (tmp_path / "secret.txt").write_text("e1")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    for asked in ({"where": where}, {"where": where, "limit": 3}):
        with pytest.raises(UsageError) as error:
            filled.samples("run-1", "toy/choice", **asked)
        assert "\n" not in str(error.value)
        assert "columns: row, task, example_id" in str(error.value) or "more than one condition" in str(error.value)
    assert not (tmp_path / "stolen.csv").exists()


def test_unknown_columns_tasks_and_orderings(filled):
    with pytest.raises(UsageError, match="no column nope; columns: row"):
        ids(filled, columns=("nope",))
    with pytest.raises(UsageError, match="'nope desc'"):
        ids(filled, sort="nope desc")
    with pytest.raises(UnknownName, match="did you mean toy/choice"):
        filled.samples("run-1", "toy/choise")


def test_a_changed_file_is_named_with_both_hashes(filled):
    place = Path(filled.folder.url) / "run-1/toy/choice.parquet"
    kept = filled.artifact("run-1", "toy/choice").sha256
    assert len(ids(filled)) == 33
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    time.sleep(0.01)
    place.write_bytes(data)
    for read in (lambda: ids(filled), lambda: filled.outcomes("run-1", "toy/choice")):
        with pytest.raises(
            StoreError, match=rf"choice.parquet is corrupt: sha256 [0-9a-f]{{64}}, the catalogue has {kept}"
        ):
            read()
    place.write_bytes(data[:100])
    with pytest.raises(StoreError, match="is corrupt"):
        ids(filled)
    place.unlink()
    for read in (lambda: ids(filled), lambda: filled.outcomes("run-1", "toy/choice")):
        with pytest.raises(
            StoreError, match=r"choice.parquet is lost: the catalogue has 33 samples of toy/choice there"
        ):
            read()


def test_files_are_zstd_parquet_with_small_row_groups(filled):
    store = filled
    store.finish(run("big"), {"t": [choice(i) for i in range(5000)]}, [estimate()])
    found = pq.ParquetFile(Path(store.folder.url) / "big/t.parquet").metadata
    assert (found.num_rows, found.num_row_groups) == (5000, 5)
    assert found.row_group(0).column(0).compression == "ZSTD"
    assert list(store.samples("big", "t", "row in (1023, 1024, 4999)")["example_id"]) == ["e1023", "e1024", "e4999"]
    assert [p.name for p in Path(store.folder.url).rglob("*.part")] == []


def test_an_empty_task(store):
    store.finish(run(), {"toy/choice": []}, [])
    assert len(store.samples("run-1", "toy/choice", "correct", limit=5)) == 0
    assert list(store.outcomes("run-1", "toy/choice")) == []


def test_object_store(new_place, monkeypatch):
    """The samples of a run in a real S3 server."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        _in_a_bucket(new_place().url)
    finally:
        server.stop()


def _in_a_bucket(url: str) -> None:
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()  # it may know the server of another test
    fs = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    bucket = url.rpartition("store")[2] + "-bucket"
    fs.mkdir(bucket)
    store = open_store(url, samples=f"s3://{bucket}/samples")
    store.finish(run(), {"toy/choice": outcomes(30)}, [estimate()])
    assert fs.find(bucket) == [f"{bucket}/samples/run-1/toy/choice.parquet"]
    again = open_store(url)
    assert ids(again, where="correct = false and value.acc = 0", sort="value.logprob", limit=2) == ["e29", "e27"]
    assert list(again.outcomes("run-1", "toy/choice")) == outcomes(30)
    with pytest.raises(UsageError, match="columns: row"):
        ids(again, where="EXISTS (SELECT * FROM read_text('/etc/hostname'))")
    fs.pipe(f"{bucket}/samples/run-1/toy/choice.parquet", b"PAR1 short PAR1")
    with pytest.raises(StoreError, match="is corrupt: sha256"):
        ids(again)
    fs.rm(f"{bucket}/samples/run-1/toy/choice.parquet")
    with pytest.raises(StoreError, match="is lost"):
        ids(again)
    again.rm("run-1")
    assert again.runs() == []


@pytest.mark.parametrize("name", ["x" * 234, "文" * 26, f"{'d' * 255}/x"])
def test_a_task_may_have_the_longest_name_that_a_file_takes(store, name):
    store.start(run(tasks=(task(name),)))
    store.finish(run(tasks=(task(name),)), {name: outcomes(2)}, [estimate(task=name)])
    assert len(store.samples("run-1", name)) == 5 and list(store.outcomes("run-1", name)) == outcomes(2)


@pytest.mark.parametrize("name", ["x" * 235, "文" * 27, f"{'d' * 256}/x"])
def test_a_name_that_no_file_takes_is_refused_before_the_first_question(place, name):
    asked = []
    toy = replace(plugins.catalogue().tasks["demo/qa"], name=name)
    with pytest.raises(UsageError, match="its name is too long for a file"):
        evaluate(lambda prompt: asked.append(prompt) or "a", [toy], store=place.url, samples=place.samples)
    assert not asked


def test_a_longer_name_has_a_place():
    """Only who writes looks at the length: a store may lie where names may be longer."""
    assert place_of("r", "x" * 300) == f"r/{'x' * 300}.parquet"
