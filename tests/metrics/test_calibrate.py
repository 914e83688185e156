"""Calibration against slow definitions and scikit-learn, its floor and intervals in simulation, its place in a task."""

import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from harness.api import evaluate
from harness.kinds import About, Data, multiple_choice
from harness.metrics import calibrate, stats
from harness.store import open_store
from harness.types import Card, Chosen, Dataset, Metric, Task

BY_NAME = {metric.name: metric for metric in calibrate.METRICS}
ECES = [("ece_width_10", "uniform"), ("ece_mass_10", "quantile")]


def answers(n: int, seed: int, power: float = 1.0) -> np.ndarray:
    """Rows (confidence, correct) of a model that is right with probability confidence ** power."""
    rng = np.random.default_rng(seed)
    confidence = rng.beta(4, 2, n)
    return np.column_stack([confidence, rng.random(n) < confidence**power])


def slow_ece(rows: np.ndarray, edges: np.ndarray) -> float:
    total = 0.0
    for place in range(len(edges) - 1):
        last = place == len(edges) - 2
        held = [r for r in rows if (place == 0 or r[0] > edges[place]) and (last or r[0] <= edges[place + 1])]
        if held:
            gap = sum(c for _, c in held) / len(held) - sum(p for p, _ in held) / len(held)
            total += len(held) / len(rows) * abs(gap)
    return total


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("name", "strategy"), ECES)
def test_ece_equals_the_definition_and_scikit_learn(name: str, strategy: str, seed: int) -> None:
    rows = answers(173, seed)
    grid = np.linspace(0, 1, 11)
    edges = grid if strategy == "uniform" else np.quantile(rows[:, 0], grid)
    found = stats.point(BY_NAME[name], rows)
    assert found == pytest.approx(slow_ece(rows, edges), abs=1e-12)
    accuracy, confidence = calibration_curve(rows[:, 1], rows[:, 0], n_bins=10, strategy=strategy)
    bins = calibrate.reliability(rows, name.split("_")[1])
    assert [b.accuracy for b in bins] == pytest.approx(accuracy)
    assert [b.confidence for b in bins] == pytest.approx(confidence)
    assert found == pytest.approx(np.abs(accuracy - confidence) @ [b.n for b in bins] / len(rows), abs=1e-12)


def test_a_brier_score_is_the_rounded_sum_wherever_the_vector_lies() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        logs = rng.normal(0, 2, 4)
        shares = np.exp(logs - logs.max())
        gap = shares / shares.sum() - np.array([0, 0, 0, 1.0])
        value = calibrate.choice_values(Chosen(0, tuple(logs), (1,) * 4), [3])["brier_multi"]
        assert value == math.fsum(gap * gap)


def test_brier_and_likelihood_equal_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    logprobs, target = rng.normal(0, 30, (200, 4)), rng.integers(4, size=200)
    found = [
        calibrate.choice_values(Chosen(int(row.argmax()), tuple(row), (1,) * 4), [int(right)])
        for row, right in zip(logprobs, target, strict=True)
    ]
    shares = np.array([calibrate.probabilities(row) for row in logprobs])
    ours = [np.mean([float(v[name]) for v in found]) for name in ("brier_multi", "nll_choice")]  # type: ignore[arg-type]
    assert ours[0] == pytest.approx(brier_score_loss(target, shares, scale_by_half=False, labels=range(4)), rel=1e-12)
    direct = -np.mean([row[right] - np.logaddexp.reduce(row) for row, right in zip(logprobs, target, strict=True)])
    assert ours[1] == pytest.approx(direct, rel=1e-12)
    mild = np.array([calibrate.probabilities(row / 30) for row in logprobs])
    softer = [
        calibrate.choice_values(Chosen(0, tuple(r / 30)), [int(t)]) for r, t in zip(logprobs, target, strict=True)
    ]
    assert np.mean([float(v["nll_choice"]) for v in softer]) == pytest.approx(log_loss(target, mild), rel=1e-9)  # type: ignore[arg-type]


def test_extreme_probabilities() -> None:
    sure = calibrate.choice_values(Chosen(0, (-1.0, -math.inf)), [1])
    assert sure["brier_multi"] == 2.0 and sure["nll_choice"] == calibrate.WORST and sure["ece_mass_10"] == (1.0, 0.0)
    far = calibrate.choice_values(Chosen(0, (-1e5, -2e5)), [0])
    assert far["nll_choice"] == 0.0 and far["brier_multi"] == 0.0
    assert calibrate.choice_values(Chosen(0, (), (), "B"), [0]) == {}
    assert calibrate.choice_values(Chosen(0, (-math.inf, -math.inf)), [0]) == {}


def test_accuracy_at_coverage_equals_the_definition() -> None:
    rows = answers(101, 3)
    kept = rows[np.argsort(-rows[:, 0])][:51]
    assert stats.point(BY_NAME["acc_at_50"], rows) == pytest.approx(kept[:, 1].mean())
    tied = np.array([[0.9, 1.0], [0.5, 1.0], [0.5, 0.0], [0.1, 0.0]])
    assert stats.point(BY_NAME["acc_at_50"], tied) == pytest.approx((1 + 0.5) / 2)
    assert stats.point(BY_NAME["acc_at_50"], tied[::-1]) == stats.point(BY_NAME["acc_at_50"], tied)
    sure = stats.confidence(BY_NAME["acc_at_50"], np.ones((20, 2)), np.arange(20))
    assert sure == pytest.approx(stats.wilson(1.0, 10, 2.262157), abs=1e-6)  # t: of ten answers, not of twenty


@pytest.mark.parametrize("n", [50, 500])
@pytest.mark.parametrize(("name", "strategy"), ECES)
def test_a_calibrated_model_shows_the_floor_and_another_more(name: str, strategy: str, n: int) -> None:
    floor = BY_NAME[f"{name}_floor"]
    calm = [answers(n, seed) for seed in range(100)]
    shown = np.mean([stats.point(BY_NAME[name], rows) for rows in calm])
    assert shown == pytest.approx(np.mean([stats.point(floor, rows) for rows in calm[:20]]), rel=0.1)
    boastful = np.mean([stats.point(BY_NAME[name], answers(n, seed, power=2.0)) for seed in range(100)])
    assert boastful > shown + 0.05
    assert stats.confidence(floor, calm[0], np.arange(n)) is None


@pytest.mark.parametrize("name", ["ece_width_10", "ece_mass_10", "acc_at_50"])
def test_intervals_cover_what_is_shown_on_average(name: str) -> None:
    """95 % intervals of 200 data sets, two examples a cluster, against the mean over many data sets."""
    metric, covered = BY_NAME[name], []
    truth = np.mean([stats.point(metric, answers(150, 10_000 + seed, 2.5).repeat(2, axis=0)) for seed in range(600)])
    for seed in range(200):
        rows = answers(150, seed, 2.5).repeat(2, axis=0)
        low, high = stats.confidence(metric, rows, np.arange(150).repeat(2)) or (0, 0)
        covered.append(low <= truth <= high)
    assert 0.90 <= np.mean(covered) <= 0.99


def test_ten_thousand_answers_take_a_blink() -> None:
    rows = answers(10_000, 0)
    start = time.perf_counter()
    for metric in BY_NAME.values():
        stats.point(metric, rows[:, :1] if metric.name in ("brier_multi", "nll_choice") else rows)
        stats.confidence(
            metric, rows[:, :1] if metric.name in ("brier_multi", "nll_choice") else rows, np.arange(10_000)
        )
    assert time.perf_counter() - start < 5  # a bootstrap that sorts every resample takes a minute


# --------------------------------------------------------------------------------------------------------- in a task
def letters(folder: Path, n: int = 20) -> Task:
    rows = [{"question": f"q{i}", "choices": ["a", "b", "c"], "answer": i % 3} for i in range(n)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return multiple_choice(
        "letters",
        data=Data(Dataset("letters", path=str(folder / "rows.jsonl"))),
        prompt="{question}:",
        choices="choices",
        target="answer",
        about=About(version=1, card=Card(measures="m", limits="l", source="s", licence="MIT")),
    )


def test_every_choice_task_has_it_and_its_samples_hold_what_a_plot_needs(tmp_path: Path) -> None:
    result = evaluate("scripted:opposite", [letters(tmp_path)], store=str(tmp_path / "s"))
    found = {e.metric: e for e in result.estimates}
    assert set(BY_NAME) <= set(found)
    assert found["ece_width_10"].value == pytest.approx(1.0, abs=1e-3)
    assert (found["ece_width_10_floor"].low, found["ece_width_10"].n) == (None, 20)
    samples = open_store(str(tmp_path / "s")).samples(result.run.id, "letters", columns=["values"])
    rows = np.array([values["ece_width_10"] for values in samples["values"]])
    (top,) = calibrate.reliability(rows)
    assert (top.n, top.accuracy) == (20, 0.0) and top.confidence > 0.999


def test_a_comparison_leaves_reference_values_out_and_accuracy_its_power(tmp_path: Path) -> None:
    from harness.differences import compare

    task, place = letters(tmp_path), str(tmp_path / "s")
    one, two = (evaluate(f"scripted:{rule}", [task], store=place).run.id for rule in ("oracle", "opposite"))
    installed: dict[str, dict[str, Metric]] = {"letters": {m.name: m for m in task.metrics}}
    rows = {row.metric: row for row in compare(open_store(place), one, two, installed)[0]}
    assert "ece_width_10" in rows and "ece_width_10_floor" not in rows
    assert rows["acc"].paired.p == 2.0**-19 and rows["acc"].adjusted == 3 * 2.0**-19  # three accuracies, not nine rows
