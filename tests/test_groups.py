"""The average of a group: the mean of its parts with the interval of independent tasks; refused when one is missing."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm, t
from statsmodels.stats.proportion import proportion_confint
from tiny import encoder, word_tokenizer

from harness import run as running
from harness.api import Listener, Where, evaluate, finetune, rescore
from harness.engine.backend import Options
from harness.groups import figures
from harness.kinds import About, Data, Template, classification
from harness.metrics import stats
from harness.metrics.classify import f1_row, proportion
from harness.metrics.measures import ACC, F1
from harness.plugins import catalogue
from harness.store import open_store
from harness.training.protocol import Protocol
from harness.types import Card, Dataset, Example, Group, Judged, Outcome, Settings, Task
from harness_reports import REPORTS

CARD = Card(measures="m", limits="l", source="s", licence="none")


def task(name: str) -> Task:
    return classification(
        name,
        data=Data(Dataset(name)),
        prompt=Template("{text}", inputs=("text",)),
        labels={"no": " no", "yes": " yes"},
        target="label",
        about=About(version=1, card=CARD),
        measures=(ACC, F1),
    )


def outcomes(gold: list[int], said: list[int]) -> list[Outcome]:
    values = [{"acc": float(g == s), "f1": f1_row(g == 1, s == 1)} for g, s in zip(gold, said, strict=True)]
    return [Outcome(Example(str(i), {}), (), (), Judged("", v)) for i, v in enumerate(values)]


GROUP = Group(("x/*",), ({"x/a": ("acc",)}, {"x/b": ("acc", "f1")}, {"x/c": ("acc",), "x/d": ("acc",)}))
TASKS = [task(f"x/{letter}") for letter in "abcd"]
FOUND = {
    "x/a": outcomes([1] * 10, [1] * 9 + [0]),
    "x/b": outcomes([1] * 6 + [0] * 4, [1] * 5 + [0] * 3 + [1] * 2),
    "x/c": outcomes([1] * 20, [1] * 10 + [0] * 10),
    "x/d": outcomes([1] * 5, [1, 1, 1, 1, 0]),
}


def test_the_value_is_the_mean_of_parts_of_means() -> None:
    (found,) = figures([("x", GROUP)], TASKS, FOUND).estimates
    b = (7 / 10 + 2 * 5 / (6 + 7)) / 2
    assert found.value == pytest.approx((0.9 + b + (0.5 + 0.8) / 2) / 3, abs=1e-15)
    assert (found.task, found.metric, found.n, found.clusters, found.failed) == ("x", "average", 45, 45, 0)


def test_the_interval_is_that_of_independent_proportions() -> None:
    group = Group(("x/*",), ({"x/a": ("acc",)}, {"x/c": ("acc",)}))
    (found,) = figures([("x", group)], TASKS, FOUND).estimates
    levels = [2 * norm.sf(t.ppf(0.975, n - 1)) for n in (10, 20)]  # Wilson's interval with Student's t
    parts = [proportion_confint(k, n, a, method="wilson") for k, n, a in zip((9, 10), (10, 20), levels, strict=True)]
    assert found.low == pytest.approx(0.7 - math.hypot(0.9 - parts[0][0], 0.5 - parts[1][0]) / 2, abs=1e-9)
    assert found.high == pytest.approx(0.7 + math.hypot(parts[0][1] - 0.9, parts[1][1] - 0.5) / 2, abs=1e-9)


def test_it_covers_what_it_should() -> None:
    draw = np.random.default_rng(0)
    hits = 0
    metric = proportion("acc")
    for _ in range(400):
        parts = []
        for p, n in ((0.9, 60), (0.6, 200), (0.5, 40)):
            rows = (draw.random(n) < p).astype(float)[:, None]
            parts.append(stats.mean_of_metrics([(metric, rows)], np.arange(n)))
        low, high = stats.mean_of_parts(parts)[1]
        hits += low <= 2 / 3 <= high
    assert 0.92 <= hits / 400 <= 0.98


def test_a_missing_task_refuses_the_average_with_its_reason() -> None:
    found = figures([("x", GROUP)], TASKS[:3], FOUND)
    assert found.estimates == ()
    assert found.reasons == ("x has no average: x/d is not in this run",)
    assert figures([("x", GROUP)], TASKS[:1], FOUND).reasons == ()


def test_an_undefined_task_makes_the_average_undefined() -> None:
    failed = [replace(o, judged=None, failure=running.Failed("x", "y")) for o in FOUND["x/d"]]
    found = figures([("x", GROUP)], TASKS, {**FOUND, "x/d": failed})
    assert [(e.value, e.low, e.failed) for e in found.estimates] == [(None, None, 5)]
    assert found.reasons == ("x has no average: x/d has no value",)


ROWS = {
    "cola": {"sentence": "s"}, "sst2": {"sentence": "s"}, "mrpc": {"sentence1": "a", "sentence2": "b"},
    "qqp": {"question1": "a", "question2": "b"}, "stsb": {"sentence1": "a", "sentence2": "b"},
    "mnli": {"premise": "a", "hypothesis": "b"}, "qnli": {"question": "a", "sentence": "b"},
    "rte": {"sentence1": "a", "sentence2": "b"}, "wnli": {"sentence1": "a", "sentence2": "b"},
    "ax": {"premise": "a", "hypothesis": "b"},
}  # fmt: skip


@pytest.fixture
def tiny_glue(tmp_path: Path) -> Path:
    """Made-up rows for every task of GLUE: six a split."""
    for config, columns in ROWS.items():
        folder = tmp_path / "nyu-mll" / "glue" / config
        folder.mkdir(parents=True)
        rows = [{**columns, "idx": i, "label": float(i % 3) if config == "stsb" else i % 2} for i in range(6)]
        splits = {"ax": ["test"], "mnli": ["validation_matched", "validation_mismatched"]}.get(config, ["validation"])
        for split in (*splits, "train"):
            (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_the_average_of_glue_through_a_run(tiny_glue: Path, tmp_path: Path) -> None:
    said: list[str] = []
    where = Where(store=str(tmp_path / "store"), data=tiny_glue)
    listener = Listener(notice=said.append)
    result = evaluate("scripted:oracle", "glue", Settings(shots=0), where=where, listener=listener)
    last = result.estimates[-1]
    assert (last.task, last.metric, last.value, last.n) == ("glue", "average", 1.0, 60)
    assert [e for e in open_store(where.store).results(result.run.id) if e.task == "glue"] == [last]
    assert said == []
    again = rescore(result.run.id, store=where.store)
    assert again.estimates[-1] == last
    partly = evaluate("scripted:oracle", ["glue/cola", "glue/sst2"], Settings(shots=0), where=where, listener=listener)
    assert {e.task for e in partly.estimates} == {"glue/cola", "glue/sst2"}
    assert len(said) == 1 and said[0].startswith("glue has no average: glue/mrpc, glue/stsb, ")


def test_the_average_over_fine_tuned_heads_is_stored(
    tiny_glue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    encoder("classifier", 65).bert.save_pretrained(tmp_path / "model")
    word_tokenizer().save_pretrained(tmp_path / "model")
    store, protocol = str(tmp_path / "store"), Protocol(epochs=1)
    run = finetune(
        str(tmp_path / "model"), "glue", protocol=protocol, options=Options(device="cpu"), data=tiny_glue, store=store
    ).run
    [average] = [e for e in open_store(store).results(run.id) if e.task == "glue"]
    assert (average.metric, average.n) == ("average", 60)
    assert {training.task for training in run.training} == {task.name for task in run.tasks}


@pytest.mark.parametrize("name", ["glue", "superglue"])
def test_the_averages_name_metrics_that_their_tasks_have(name: str) -> None:
    found = catalogue()
    for part in found.averages[name].average:
        for member, metrics in part.items():
            assert set(metrics) <= {metric.name for metric in found.tasks[member].metrics}
    assert len(found.averages[name].average) == {"glue": 9, "superglue": 8}[name]


def test_reports_hold_the_average(tiny_glue: Path, tmp_path: Path) -> None:
    where = Where(store=str(tmp_path / "store"), data=tiny_glue)
    run = evaluate("scripted:oracle", "glue", Settings(shots=0), where=where).run.id
    for name in ("html", "md", "card", "json"):
        assert "average" in str(REPORTS[name](open_store(where.store), [run])), name
