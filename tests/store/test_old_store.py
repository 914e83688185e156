"""A store that an older version made opens, is migrated, and tells every number and sample as it did then.

``fixtures/schema_0002.tar.xz`` holds a small store of catalogue 0002, the same catalogue as PostgreSQL's dump, and
``expected.json``: what ``everything`` gave with the version that made them. Its runs: scripted models on demonstration
tasks, with slices, failures and the average of a group; a run judged again; edits of texts, reordered options and
swapped genders; StereoSet, BOLD with a lexicon, and open-ended text; metrics of a user's file, one of which fails; a
fine-tuned encoder; an imported run; a tag, a baseline and a gate's verdict. All texts were written for this project.
"""

import json
import math
import tarfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from harness.cli.compare import installed
from harness.compare import compare
from harness.errors import HarnessError
from harness.store import Store, open_store
from harness.store.database import reading
from harness.store.schema import HEAD
from harness.types import Run
from harness_reports.bias import as_json, gather

FIXTURE = Path(__file__).parent / "fixtures" / "schema_0002.tar.xz"
KEPT = ("name", "better", "ideal", "interval", "limits", "scale", "bounds")
"""Of a metric what every version keeps under the same name."""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what the older version left."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def expected(old: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((old / "expected.json").read_text(encoding="utf-8"))
    return told


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def store(old: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The older version's store, opened by this one."""
    if request.param == "sqlite":
        return open_store(str(old / "store"), create=False)
    import psycopg

    server = request.getfixturevalue("postgres_server")
    url = server.schema("old_store")
    dump = (old / "postgres.sql").read_text(encoding="utf-8").replace("public.", "old_store.")
    dump = dump.replace("/somewhere/samples", str(old / "store" / "samples"))
    with psycopg.connect(server.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(dump.encode())
    return open_store(url, create=False)


def everything(store: Store) -> dict[str, Any]:
    """Everything that a store tells of its runs, as plain JSON."""
    return {
        "runs": {run.id: told_of(store, run) for run in store.runs()},
        "tags": store.tags(),
        "baselines": [asdict(step) for step in store.baseline_history()],
        "verdicts": [asdict(verdict) for verdict in store.verdicts()],
        "table": store.table(),
        "leaderboard": [asdict(standing) for standing in store.leaderboard(slice=None)],
        "comparisons": comparisons(store),
    }


def told_of(store: Store, run: Run) -> dict[str, Any]:
    """A run in the form of the version that made it, with its numbers, samples, bias card and known ideals."""
    told = asdict(run)
    told["engine"] = {**told["engine"], **told.pop("training")}
    assert told.pop("energy") is None
    for task in told["tasks"]:
        task["metrics"] = [{key: metric[key] for key in KEPT} for metric in task["metrics"]]
    tasks = [task.name for task in run.tasks] if run.status == "finished" else []
    return told | {
        "results": [asdict(e) for e in store.results(run.id)],
        "outcomes": {name: [asdict(o) for o in store.outcomes(run.id, name)] for name in tasks},
        "samples": {name: page(store.samples(run.id, name)) for name in tasks},
        "bias": bias_card(store, run.id),
        "ideals": [[*key, value] for key, value in run.ideals().items()],
    }


def page(frame: Any) -> dict[str, Any]:
    told: dict[str, Any] = frame.astype(object).where(frame.notna(), None).to_dict("split")
    return told


def bias_card(store: Store, run_id: str) -> Any:
    try:
        return json.loads(as_json(gather(store, run_id)))
    except HarnessError as error:
        return str(error)


def comparisons(store: Store) -> dict[str, Any]:
    """Every two runs of the same tasks, compared in every slice."""
    runs, found = store.runs(status="finished"), {}
    for one in runs:
        for two in (run for run in runs if {t.name for t in run.tasks} == {t.name for t in one.tasks}):
            try:
                rows, flips = compare(store, one.id, two.id, installed([t.name for t in one.tasks]), slices=True)
                told: Any = [[asdict(row) for row in rows], [asdict(flip) for flip in flips]]
            except HarnessError as error:
                told = str(error)
            found[f"{one.id} {two.id}"] = told
    return found


def differences(one: Any, two: Any, place: str = "") -> list[str]:
    """Where two pieces of plain JSON differ; numbers may differ in their last digit, as of another processor."""
    if isinstance(one, dict) and isinstance(two, dict):
        odd = [f"{place}.{key} is in one only" for key in one.keys() ^ two.keys()]
        return odd + [d for key in one.keys() & two.keys() for d in differences(one[key], two[key], f"{place}.{key}")]
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        return [d for i, pair in enumerate(zip(one, two, strict=True)) for d in differences(*pair, f"{place}[{i}]")]
    if isinstance(one, float) and isinstance(two, float):
        same = math.isclose(one, two, rel_tol=1e-12, abs_tol=1e-12) or (math.isnan(one) and math.isnan(two))
        return [] if same else [f"{place}: {one!r} is {two!r}"]
    return [] if one == two else [f"{place}: {one!r} is {two!r}"]


def test_it_tells_everything_as_before(store: Store, expected: dict[str, Any]) -> None:
    told = json.loads(json.dumps(everything(store)))
    assert differences(told, expected) == []
    with reading(store.engine) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD


def test_a_difference_is_seen(expected: dict[str, Any]) -> None:
    other = json.loads(json.dumps(expected))
    run = next(run for run in other["runs"].values() if run["results"])
    run["results"][0]["value"] += 1e-9
    [seen] = differences(other, expected)
    assert seen.startswith(f".runs.{run['id']}.results[0].value: ")


def test_training_scores_are_no_statistics_of_the_engine(store: Store) -> None:
    [tuned] = [run for run in store.runs() if run.training]
    assert {"train_acc", "held_out_acc", "validation_acc", "gap_acc", "train_examples", "epochs"} <= set(tuned.training)
    assert "tokens_asked" in tuned.engine and not tuned.engine.keys() & tuned.training.keys()
