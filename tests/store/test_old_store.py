"""A store that an older version made opens, is migrated, and tells every number and sample as it did then.

``fixtures/schema_0002.tar.xz`` holds a small store of catalogue 0002, the same catalogue as PostgreSQL's dump, and
``expected.json``: what ``everything`` gave with the version that made them. Its runs: scripted models on demonstration
tasks, with slices, failures and the average of a group; a run judged again; edits of texts, reordered options and
swapped genders; StereoSet, BOLD with a lexicon, and open-ended text; metrics of a user's file, one of which fails; a
fine-tuned encoder; an imported run; a tag, a baseline and a gate's verdict. ``exported.zip`` is the run with swapped
genders. All texts were written for this project.
"""

import json
import math
import tarfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from harness.api import evaluate, import_run
from harness.differences import Difference, compare
from harness.errors import HarnessError
from harness.metrics.overfit import gaps
from harness.plugins import installed_metrics
from harness.store import Store, open_store
from harness.store.database import reading
from harness.store.outcomes import JSON_COLUMNS
from harness.store.queries import leaderboard, results
from harness.store.queries.leaderboard import LeaderboardFilter, slices
from harness.store.queries.results import ResultFilter
from harness.store.schema import HEAD
from harness.types import Estimate, MetricRecord, PartScores, Run, Variant
from harness_reports.bias import gather
from harness_reports.bias_card import as_json

FIXTURE = Path(__file__).parent / "fixtures" / "schema_0002.tar.xz"
KEPT = ("name", "better", "ideal", "interval", "limits", "scale", "bounds")
"""Of a metric what every version keeps under the same name."""
PROBED = ("task", "metric", "slice", "value", "low", "high", "n", "clusters", "failed", "ideal", "detectable")
"""What a row of the bias card has in every version; its words and its other parts have changed."""
LISTED = 12
"""Columns that the table of results began with."""
LATER = {"messages", "reasoning", "constraint"}
"""Fields of requests and answers that came later, and are empty in what came before."""
MENDED = ("nll_choice", "stereotyped")
"""Of these equal values had the interval of a proportion, which they are not, or none within their range."""
RANKED = ("model", "run", "task", "metric", "slice", "value", "low", "high", "n", "failed")
"""What a row of the leaderboard has in every version."""


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
    board = [{"model": row["model"], "run": row["run_id"], **row["estimate"]} for row in told["leaderboard"]]
    for run in told["runs"].values():
        run["bias"] = probed(run["bias"])
    told["comparisons"] = {pair: as_then(rows) for pair, rows in told["comparisons"].items()}
    return told | {"leaderboard": sorted([row[name] for name in RANKED] for row in board)}


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def url(old: Path, request: pytest.FixtureRequest) -> str:
    """Where the older version's store is, on either database."""
    if request.param == "sqlite":
        return str(old / "store")
    import psycopg

    server = request.getfixturevalue("postgres_server")
    place: str = server.schema("old_store")
    dump = (old / "postgres.sql").read_text(encoding="utf-8").replace("public.", "old_store.")
    dump = dump.replace("/somewhere/samples", str(old / "store" / "samples"))
    with psycopg.connect(server.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(dump.encode())
    return place


@pytest.fixture(scope="module")
def store(url: str) -> Store:
    """It, opened by this version."""
    return open_store(url, create=False)


def everything(store: Store) -> dict[str, Any]:
    """Everything that a store tells of its runs, as plain JSON."""
    return {
        "runs": {run.id: told_of(store, run) for run in store.runs()},
        "tags": store.tags(),
        "baselines": [asdict(step) for step in store.baseline_history()],
        "verdicts": [asdict(verdict) for verdict in store.verdicts()],
        "table": [row[:LISTED] for row in results.table(store, ResultFilter())],
        "leaderboard": standings(store),
        "comparisons": comparisons(store),
    }


def told_of(store: Store, run: Run) -> dict[str, Any]:
    """A run in the form of the version that made it, with its numbers, samples, bias card and known ideals."""
    told = asdict(run)
    told["engine"] |= training_of(run, store.results(run.id))
    del told["training"]
    told["asked"] = told.pop("recipe")
    assert told.pop("energy") is None
    assert told.pop("left_out") == {}
    assert told.pop("source") == {}
    assert (told.pop("family"), told.pop("step"), told.pop("bundle")) == ("", None, "")
    for task in told["tasks"]:
        task.pop("scorer")
        assert task.pop("available") is None
        task["metrics"] = [{key: metric[key] for key in KEPT} for metric in task["metrics"]]
    tasks = [task.name for task in run.tasks] if run.status == "finished" else []
    return told | {
        "results": [asdict(e) for e in store.results(run.id)],
        "outcomes": {name: [as_made(asdict(o)) for o in store.outcomes(run.id, name)] for name in tasks},
        "samples": {name: page(store.samples(run.id, name)) for name in tasks},
        "bias": bias_card(store, run.id),
        "ideals": [[*key, value] for key, value in run.ideals().items()],
    }


def as_made(outcome: dict[str, Any]) -> dict[str, Any]:
    """An outcome without the fields that requests and answers have got since, which are empty in it."""
    for part in (*outcome["requests"], *outcome["responses"]):
        for name in LATER & part.keys():
            assert not part.pop(name)
    return outcome


def training_of(run: Run, results: list[Estimate]) -> dict[str, float]:
    """The scores of fine-tuning, which were statistics of the engine."""
    found: dict[str, float] = {}
    for training in run.training:
        found |= {"epochs": training.epochs, "learning_rate": training.learning_rate}
        own = {e.metric: float(e.value) for e in results if e.slice == "all" and e.value is not None}
        n = max(e.n + e.failed for e in results)
        parts = {"train": training.train, "held_out": training.held_out, "validation": PartScores(n, own)}
        for part, scores in parts.items():
            found |= {f"{part}_examples": float(scores.examples)}
            found |= {f"{part}_{name}": scores.values[name] for name in training.train.values}
        found |= {f"gap_{name}": gap.value for name, gap in gaps(training, results).items()}
    return found


def standings(store: Store) -> list[list[Any]]:
    """The leaderboard of every slice, without its ranks."""
    rows = [
        asdict(standing) | {"slice": part}
        for part in ("all", *slices(store))
        for standing in leaderboard.standings(store, LeaderboardFilter(slice=part))
    ]
    return sorted([row[name] for name in RANKED] for row in rows)


def page(frame: Any) -> dict[str, Any]:
    for name in JSON_COLUMNS:  # as the files have them
        texts = [json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in frame[name]]
        frame[name] = [None if name == "values" and text == "null" else text for text in texts]
    told: dict[str, Any] = frame.astype(object).where(frame.notna(), None).to_dict("split")
    return told


def bias_card(store: Store, run_id: str) -> Any:
    try:
        return probed(json.loads(as_json(gather(store, run_id))))
    except HarnessError as error:
        return str(error)


def probed(card: Any) -> Any:
    """The numbers of a bias card; of a run without one the words that say so."""
    return card if isinstance(card, str) else [[probe[name] for name in PROBED] for probe in card["probes"]]


def as_then(told: Any) -> Any:
    """A comparison without the rows whose intervals have been mended."""
    return told if isinstance(told, str) else [[row for row in told[0] if row["metric"] not in MENDED], told[1]]


def comparisons(store: Store) -> dict[str, Any]:
    """Every two runs of the same tasks, compared in every slice."""
    runs, found = store.runs(status="finished"), {}
    for one in runs:
        for two in (run for run in runs if {t.name for t in run.tasks} == {t.name for t in one.tasks}):
            known = installed_metrics([task.name for task in one.tasks])
            told: Any
            try:
                rows, flips = compare(store, one.id, two.id, known, slices=True)
                told = as_then([[without_family(row) for row in rows], [asdict(flip) for flip in flips]])
            except HarnessError as error:
                told = str(error)
            found[f"{one.id} {two.id}"] = told
    return found


def without_family(row: Difference) -> dict[str, Any]:
    told = asdict(row)
    del told["family"]
    return told


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
    # A model's newest run with each definition of a task counts now; only the newest of any definition counted then.
    newest = {(run, task) for _, run, task, *_ in expected["leaderboard"]}
    told["leaderboard"] = [row for row in told["leaderboard"] if (row[1], row[2]) in newest]
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
    assert [training.task for training in tuned.training] == ["glue/sst2"]
    assert "tokens_asked" in tuned.engine and not [name for name in tuned.engine if "train" in name or "acc" in name]


def test_metrics_of_variants_and_scorers_have_their_facts_in_fields(store: Store) -> None:
    metrics = {m.name: m for run in store.runs() for task in run.tasks for m in task.metrics}
    swap, floor = metrics["acc:gender"].variant, metrics["flip_rate:gender_floor"].variant
    assert swap == Variant(label="gender", kind="swap", tells="score", metric="acc", swap="gender")
    assert floor == Variant(label="gender_floor", kind="floor", tells="flips", swap="gender")
    edit, order = metrics["acc_change:typos@0.5"].variant, metrics["mcnemar_p:option-order"].variant
    assert edit == Variant(label="typos@0.5", kind="edit", tells="change", metric="acc")
    assert order == Variant(label="option-order", kind="order", tells="test")
    families = {name: metrics[name].family for name in ("acc", "nll_choice", "robust_acc", "scorer_fpr")}
    assert families == {"acc": "score", "nll_choice": "calibration", "robust_acc": "variant", "scorer_fpr": "scorer"}
    assert {m.family for m in metrics.values() if m.variant} == {"variant"}
    scorers = {task.scorer for run in store.runs() for task in run.tasks}
    assert len(scorers) == 2 and "" in scorers and max(scorers).startswith("lexicon:terms.txt (lexicon ")
    assert metrics["words"].contents and "contents" not in metrics["words"].signature


@pytest.mark.parametrize(
    "changes", [{"limit": 6}, {"limit": 6, "perturb": ("typos", "option-order"), "strength": (0.5,), "shots": 0},
                {"limit": 8, "counterfactual": ("gender",)}],
    ids=["plain", "perturbed", "swapped"],
)  # fmt: skip
def test_a_task_that_is_asked_again_is_the_same_task(
    store: Store, url: str, changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The migration gives fingerprints and metrics that this version writes too."""
    monkeypatch.chdir(tmp_path)
    before = {task.fingerprint: task for run in store.runs() for task in run.tasks}
    result = evaluate("scripted:oracle", "demo/sentiment", store=url, cache=False, limit_order="first", **changes)
    [task] = result.run.tasks
    known = {m.name: m for m in before[task.fingerprint].metrics}
    assert [facts(m) for m in task.metrics] == [facts(known[m.name]) for m in task.metrics] and len(known) == len(
        task.metrics
    )
    store.rm(result.run.id)


def facts(metric: MetricRecord) -> tuple[Any, ...]:
    """What tells one metric from another."""
    return (metric.name, metric.family, metric.variant, metric.better, metric.ideal, metric.signature, metric.contents)


def test_a_run_that_the_older_version_exported_is_imported(old: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    left_out: list[str] = []
    run = import_run(old / "exported.zip", store=str(tmp_path / "store"), notice=left_out.append)
    imported = open_store(str(tmp_path / "store"))
    told = json.loads(json.dumps([asdict(e) for e in imported.results(run.id)]))
    assert left_out and "mcnemar_p:gender" in left_out[0]  # only its own task knows how that is computed
    as_told = [e for e in told if e["metric"] not in MENDED]
    assert as_told and not [e for e in as_told if e not in expected["runs"][run.id]["results"]]
    [task] = imported.run(run.id).tasks
    variants = {m.name: m.variant for m in task.metrics}
    assert variants["flip_rate:gender_floor"] == Variant(
        label="gender_floor", kind="floor", tells="flips", swap="gender"
    )
