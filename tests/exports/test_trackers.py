"""What a tracker's own reader reads back is what the store has; a second export adds nothing, no secret goes along."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.api import import_results
from harness.engine.backend import Batch
from harness.errors import UsageError
from harness.exports.tracked import names_of
from harness.store import open_store
from harness.types import Estimate, Generate, Generated, ModelInfo, Question, Run

SECRET = "planted-secret-of-the-environment-8831"
Numbers = dict[str, float]


def tensorboard(folder: Path) -> list[Numbers]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="no TensorBoard")
    from tensorboard.util.tensor_util import make_ndarray

    found = []
    for run in sorted(path for path in folder.iterdir() if path.is_dir()):
        events = accumulator.EventAccumulator(str(run), size_guidance={accumulator.TENSORS: 0}).Reload()
        tensors = {tag: events.Tensors(tag) for tag in events.Tags()["tensors"]}
        assert all(len(values) == 1 for values in tensors.values())
        found.append({tag: make_ndarray(values[0].tensor_proto).item() for tag, values in tensors.items()})
    return found


def mlflow(folder: Path) -> list[Numbers]:
    pytest.importorskip("mlflow", reason="MLflow is not installed: its export is not read back")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("harness")
    assert experiment
    return [run.data.metrics for run in client.search_runs([experiment.experiment_id])]


def wandb(folder: Path) -> list[Numbers]:
    pytest.importorskip("wandb", reason="wandb is not installed: its export is not read back")
    from wandb.proto.wandb_internal_pb2 import Record

    found = []
    for place in sorted(folder.glob("offline-run-*")):
        records = [Record.FromString(content) for content in transactions(next(place.glob("run-*.wandb")))]
        updates = [one for record in records for one in record.summary.update]
        found.append({one.key: json.loads(one.value_json) for one in updates if one.key and one.key[0] != "_"})
    return found


def trackio(folder: Path) -> list[Numbers]:
    """Read in a process of its own, which is told of the folder in Trackio's way; no place to send to is asked."""
    pytest.importorskip("trackio", reason="Trackio is not installed: its export is not read back")
    code = """if True:
        import json
        from trackio import Api
        from trackio.sqlite_storage import SQLiteStorage as storage
        kept = [storage.get_logs("harness", one.name, run_id=one.id) for one in Api().runs("harness")]
        print(json.dumps([{k: v for k, v in row.items() if k not in ("step", "timestamp")} for [row] in kept]))
    """
    settings = {**os.environ, "TRACKIO_DIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def transactions(path: Path) -> Iterator[bytes]:
    """The records of a log as LevelDB writes them, in blocks of 32 KiB, the first of which begins with a head."""
    content, position, record = path.read_bytes(), 7, b""
    assert content.startswith(b":W&B")
    while position < len(content):
        if 32768 - position % 32768 < 7:
            position += 32768 - position % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", content, position)
        record += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield record
            record = b""


READERS: dict[str, Callable[[Path], list[Numbers]]] = {
    "tensorboard": tensorboard,
    "mlflow": mlflow,
    "trackio": trackio,
    "wandb": wandb,
}
PACKAGES = {"tensorboard": "TensorBoard", "mlflow": "MLflow", "trackio": "Trackio", "wandb": "wandb"}


def expected(run: tuple[Run, str]) -> Numbers:
    numbers: Numbers = {}
    for name, e in names_of(of_store(run)).items():
        ends = {name: e.value, f"{name}:low": e.low, f"{name}:high": e.high}
        numbers |= {key: value for key, value in ends.items() if value is not None}
        numbers |= {f"{name}:n": e.n, f"{name}:clusters": e.clusters, f"{name}:failed": e.failed}
    return numbers


def of_store(run: tuple[Run, str]) -> list[Estimate]:
    return open_store(run[1]).results(run[0].id)


@pytest.mark.parametrize("form", READERS)
def test_a_tracker_has_every_number_once(run: tuple[Run, str], tmp_path: Path, form: str) -> None:
    pytest.importorskip(form, reason=f"{PACKAGES[form]} is not installed: its export is not read back")
    first = harness.export(run[0].id, form, tmp_path, store=run[1])
    assert harness.export(run[0].id, form, tmp_path, store=run[1]) == first
    assert READERS[form](tmp_path) == [expected(run)]


@pytest.mark.parametrize("form", READERS)
def test_no_secret_and_no_folder_goes_to_a_tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    pytest.importorskip(form, reason=f"{PACKAGES[form]} is not installed: its export is not looked through")
    store = str(tmp_path / "s")
    model = "scripted:oracle"
    made = harness.evaluate(model, "demo/qa", limit=3, store=store, name=SECRET, command=f"harness --key {SECRET}")

    def written(name: str) -> bytes:
        harness.export(made.run.id, form, tmp_path / name, store=store)
        return b"".join(path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file())

    assert form == "tensorboard" or SECRET.encode() in written("before")
    monkeypatch.setenv("MY_API_TOKEN", SECRET)
    assert SECRET.encode() not in written("after")


@pytest.mark.parametrize("form", READERS)
def test_a_missing_package_is_one_sentence(
    run: tuple[Run, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    mlflow = ("mlflow.tracking", "mlflow.exceptions")
    for name in ("wandb", "trackio.sqlite_storage", *mlflow, "tensorboard.compat.proto.event_pb2"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(UsageError, match=rf"--to {form} needs {PACKAGES[form]}: pip install '.\[{form}\]'"):
        harness.export(run[0].id, form, tmp_path, store=run[1])


def estimate(metric: str, slice_: str = "all") -> Estimate:
    return Estimate(task="t", metric=metric, slice=slice_, value=1.0, low=None, high=None, n=1, clusters=1, failed=0)


def test_names_are_allowed_everywhere_and_never_shared() -> None:
    rows = [estimate("pass@1"), estimate("acc", "a=b"), estimate("acc", "a b"), estimate("acc", "a\u200b//../b"),
            estimate("acc", "a,b"), estimate("x" * 300), estimate("x" * 299)]  # fmt: skip
    names = list(names_of(rows))
    assert names[:5] == ["t/pass_at_1", "t/acc/a_b", "t/acc/a b", "t/acc/a_/b", "t/acc/a_b_"]
    assert len(set(names)) == len(rows) and max(map(len, names)) <= 250 - len(":clusters")


# ---------------------------------------------------------------------------------------------------- plain files
def test_events_of_opentelemetry_are_read_by_its_own_messages(run: tuple[Run, str], tmp_path: Path) -> None:
    logs = pytest.importorskip("opentelemetry.proto.logs.v1.logs_pb2", reason="opentelemetry-proto is not installed")
    from google.protobuf import json_format

    [path] = harness.export(run[0].id, "otel", tmp_path, store=run[1])
    [line] = Path(path).read_text(encoding="utf-8").splitlines()
    [resource] = json_format.Parse(line, logs.LogsData()).resource_logs
    records = resource.scope_logs[0].log_records
    assert {record.event_name for record in records} == {"gen_ai.evaluation.result"}
    assert [seen(record) for record in records] == [
        {
            "gen_ai.request.model": run[0].model, "gen_ai.evaluation.name": f"{e.task}/{e.metric}",
            "harness.task": e.task, "harness.metric": e.metric, "harness.slice": e.slice,
            "harness.examples": e.n, "harness.clusters": e.clusters, "harness.failed": e.failed,
            **({"error.type": "undefined"} if e.value is None else {"gen_ai.evaluation.score.value": e.value}),
            **({} if e.low is None else {"harness.score.low": e.low, "harness.score.high": e.high}),
        }
        for e in of_store(run)
    ]  # fmt: skip


def seen(record: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in record.attributes}


def test_logs_of_inspect_come_back_with_the_same_numbers(run: tuple[Run, str], tmp_path: Path) -> None:
    harness.export(run[0].id, "inspect", tmp_path / "logs", store=run[1])
    back = import_results(tmp_path / "logs", store=str(tmp_path / "s"))
    theirs = [e for one in back for e in open_store(str(tmp_path / "s")).results(one.id) if e.slice == "all"]
    ours = {(e.task, e.metric): (e.value, e.n) for e in of_store(run) if e.slice == "all"}
    assert ours and {(e.task, e.metric.partition(":")[0]): (e.value, e.n) for e in theirs} == ours
    assert {e.failed for e in theirs if e.metric == "acc:mean"} == {2}


def test_a_log_tells_a_cut_answer_and_no_mean_where_there_is_none(tmp_path: Path) -> None:
    file, store = tmp_path / "a.jsonl", str(tmp_path / "s")
    file.write_text("".join(json.dumps({"id": n, "behaviour": "b", "prompt": "p"}) + "\n" for n in range(2)))
    made = harness.evaluate(Cut(), f"jailbreak:{file}", store=store)
    [path] = harness.export(made.run.id, "inspect", tmp_path / "logs", store=store)
    log = json.loads(Path(path).read_text())
    assert {one["output"]["choices"][0]["stop_reason"] for one in log["samples"]} == {"max_tokens"}
    kinds = {score["name"]: list(score["metrics"]) for score in log["results"]["scores"]}
    assert kinds["attack_success"] == ["mean"] and kinds["hit@1"] == ["value"]


class Cut:
    """Complies until the token limit."""

    info = ModelInfo("cut", {}, frozenset({Generate}))

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        yield [(i, Generated("Sure, here is how", 5, "length")) for i in range(len(questions))]

    def stats(self) -> dict[str, float | str]:
        return {}


def test_inspect_reads_the_logs(run: tuple[Run, str], tmp_path: Path) -> None:
    log = pytest.importorskip("inspect_ai.log", reason="inspect is not installed: our logs are not read by it")
    paths = harness.export(run[0].id, "inspect", tmp_path, store=run[1])
    read = [log.read_eval_log(str(path)) for path in paths]
    found = {
        (one.eval.task, score.name): next(iter(score.metrics.values())).value
        for one in read
        for score in one.results.scores
    }
    assert found == {(e.task, e.metric): e.value for e in of_store(run) if e.slice == "all" and e.value is not None}
    for one in read:
        kept = list(open_store(run[1]).outcomes(run[0].id, one.eval.task))
        assert [s.id for s in one.samples] == [o.example.id for o in kept]
        assert [s.error is not None for s in one.samples] == [o.failure is not None for o in kept]
