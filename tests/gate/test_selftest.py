"""The gate's self-test: its rates are those of the process that made the answers, and the command prints them."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from harness.api import evaluate
from harness.cli.main import main
from harness.data import load
from harness.errors import UsageError
from harness.gate import rules
from harness.gate.judge import judge
from harness.gate.selftest import Stored, _compared, _draw, measure, stored
from harness.metrics import stats
from harness.metrics.classify import mean, proportion, spearman
from harness.metrics.text import squad_f1
from harness.plugins import catalogue, select
from harness.store import open_store

GATE = rules.Gate((rules.Rule("t:acc", "max_drop", 0.02),))
ACC = proportion("acc")


def answers(n: int, size: int = 1, seed: int = 0, change: float = 0.1) -> Stored:
    """Two sides of 0/1 answers; clusters of ``size`` share an effect, and ``change`` of the answers differ."""
    rng, groups = np.random.default_rng(seed), np.arange(n) // size
    first = (rng.normal(size=groups[-1] + 1)[groups] + rng.normal(size=n) > -0.7).astype(float)
    second = np.where(rng.random(n) < change, rng.random(n) < first.mean(), first)
    return Stored("t", "all", ACC, first[:, None], second[:, None].astype(float), groups)


@pytest.mark.parametrize("size", [1, 3])
def test_few_false_alarms_and_a_known_power(size: int) -> None:
    [rate, whole] = measure(GATE, [answers(1500, size)], drop=0.05, resamples=400)
    assert rate.false_alarms <= 0.02 and rate.power > 0.9
    assert (whole.alarms, whole.detected) == (rate.alarms, rate.detected)
    assert (rate.n, rate.clusters) == (1500, 1500 // size)
    [rate, _] = measure(GATE, [answers(100)], drop=0.05, resamples=400)
    assert rate.power < 0.3  # so few examples cannot find it


@pytest.mark.parametrize("right", [0.8, 0.2])
def test_a_share_with_an_ideal_is_moved_away_from_it(right: float) -> None:
    shares = proportion("acc", better="ideal", ideal=0.5)
    values = (np.random.default_rng(0).random(1500) < right).astype(float)[:, None]
    one = Stored("t", "all", shares, values, values.copy(), np.arange(1500), alone=True)
    [rate, _] = measure(GATE, [one], drop=0.15, resamples=100)
    assert rate.power > 0.9


def test_without_a_margin_it_fails_as_often_as_alpha_says_with_clusters_and_too_often_without() -> None:
    strict = rules.Gate((rules.Rule("t:acc", "max_drop", 0.0),))
    one = answers(600, 6)
    itself = replace(one, second=one.first, alone=True)
    right = measure(strict, [itself], drop=0.05, resamples=400)
    assert 0.005 <= right[0].false_alarms <= 0.055
    ignored = 0
    for seed in range(400):
        drawn = replace(_draw(itself, np.random.default_rng(seed)), groups=np.arange(600))
        ignored += judge(strict, [_compared(drawn)], [], date.min)[0].state == "FAIL"
    assert ignored / 400 > 0.08


def test_sides_are_exchanged_even_if_the_second_is_worse() -> None:
    one = answers(1500)
    worse = Stored("t", "all", ACC, one.first, one.first * (np.arange(1500) % 5 > 0)[:, None], one.groups)
    assert measure(GATE, [worse], drop=0.05, resamples=200)[0].false_alarms <= 0.02


def test_means_are_shifted_and_rank_statistics_left_out() -> None:
    rng, groups = np.random.default_rng(0), np.arange(400)
    rows = rng.normal(size=(400, 1))
    gate = rules.Gate((rules.Rule("t:*", "max_drop", 0.02),))
    shifted = Stored("t", "all", mean("score"), rows, rows + rng.normal(0, 0.1, size=(400, 1)), groups)
    ranks = Stored("t", "all", spearman(), np.hstack([rows, rows]), np.hstack([rows, rows]), groups)
    rates = measure(gate, [shifted, ranks], drop=0.05, resamples=200)
    assert [r.rule for r in rates] == ["t:score max_drop 0.02", "*"] and rates[0].power > 0.9
    same = measure(gate, [shifted], drop=0.05, resamples=200)
    assert same == rates
    few = [measure(gate, [shifted], drop=0.03, resamples=200, seed=seed) for seed in (0, 0, 1)]
    assert few[0] == few[1] != few[2]


@pytest.mark.parametrize("n", [2, 8, 60])
def test_it_judges_as_the_gate_does(n: int) -> None:
    """The row that the self-test makes has the verdict of the one that a comparison makes, with its test."""
    one = answers(n, seed=n, change=0.3)
    for metric in (ACC, mean("acc"), squad_f1):
        number = replace(one, metric=metric)
        tested = stats.paired(metric, one.first, one.second, one.groups)
        found = _compared(number)
        for margin in (0.0, 0.02, 0.2):
            gate = rules.Gate((rules.Rule("t:*", "max_drop", margin),))
            mine, theirs = (
                judge(gate, [replace(found, paired=paired)], [], date.min)[0] for paired in (found.paired, tested)
            )
            assert (mine.state, mine.message, mine.p) == (theirs.state, theirs.message, theirs.p)


def test_what_cannot_be_tested() -> None:
    with pytest.raises(UsageError, match="needs a max_drop rule"):
        measure(rules.Gate((rules.Rule("t:acc", "min", 0.5),)), [answers(50)], drop=0.05)
    with pytest.raises(UsageError, match="drop 0"):
        measure(GATE, [answers(50)], drop=0)
    with pytest.raises(UsageError, match="unknown task"):
        measure(rules.Gate((rules.Rule("u:acc", "max_drop", 0.02),)), [answers(50)], drop=0.05)


def test_a_run_alone_is_compared_with_other_clusters_of_its_own(tmp_path: Path) -> None:
    """Not with its very answers, between which no draw could ever raise an alarm."""
    [task] = select(catalogue(), ["demo/sentiment"])
    rows = task.read(load(task.dataset[0], None).rows, task.dataset[0])
    lines = [{"id": e.id, "logprobs": [0.0, -1.0] if i % 3 else [-1.0, 0.0]} for i, e in enumerate(rows)]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = evaluate(f"replay:{tmp_path / 'answers.jsonl'}", [task], store=str(tmp_path / "store")).run
    strict = rules.Gate((rules.Rule("demo/sentiment:acc", "max_drop", 0.0),))
    numbers = stored(open_store(str(tmp_path / "store")), run.id, run.id, {task.name: {"acc": task.metrics[0]}})
    [rate, _] = measure(strict, numbers, drop=0.05, resamples=400)
    assert 0 < rate.false_alarms <= 0.06


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def call(*words: str) -> int:
        with pytest.raises(SystemExit) as stopped:
            main([*words, "--store", str(tmp_path / "store")])
        return int(stopped.value.code or 0)

    for model in ("oracle", "opposite"):
        assert call("run", f"scripted:{model}", "--tasks", "demo/sentiment,demo/pronouns", "--quiet") == 0
    runs = {r.model: r.id for r in open_store(str(tmp_path / "store")).runs()}
    gate = tmp_path / "gate.toml"
    gate.write_text(
        "[[rule]]\nmetric = 'demo/sentiment:acc'\nmax_drop = 0.02\n"
        "[[rule]]\nmetric = 'demo/pronouns:stereotyped'\nmax_drop = 2\nslices = 'worst'\n"
    )
    assert call("baseline", "set", "main", runs["scripted:opposite"]) == 0
    out = ("--resamples", "20", "--json", str(tmp_path / "out.json"))
    assert call("gate", "selftest", str(gate), runs["scripted:oracle"], "--drop", "0.5", *out) == 0
    assert "any of them" in capsys.readouterr().out
    rates = json.loads((tmp_path / "out.json").read_text())
    assert rates[0]["rule"] == "demo/sentiment:acc max_drop 0.02" and rates[0]["detected"] > 0 == rates[0]["alarms"]
    assert "[worst]" in rates[1]["rule"] and rates[-1]["rule"] == "*"
    assert call("gate", "selftest", str(gate), runs["scripted:oracle"], "--baseline", "main", *out) == 0
    assert call("gate", "selftest", str(gate), runs["scripted:oracle"], "--drop", "-1") == 2
