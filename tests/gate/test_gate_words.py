"""What a gate says to people: one closing line, and beforehand how far its rules can see."""

import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from harness.api import evaluate
from harness.cli.main import main
from harness.differences import Difference
from harness.gate.closing import closing
from harness.gate.judge import judge
from harness.gate.reach import reaches
from harness.gate.rules import FAILED_RATE, Gate, Rule
from harness.gate.verdicts import State, Verdict, cells_of
from harness.gate.wording import explain, record_for
from harness.metrics import stats, words
from harness.metrics.classify import proportion
from harness.metrics.intervals import quantile
from harness.types import Estimate, MetricRecord


def verdict(state: State, rule: Rule, needed: int | None = None, *, quarantined: bool = False) -> Verdict:
    return Verdict(rule, "t", "acc", "all", state, 0.5, None, None, None, 40, "", None, needed, quarantined)


def rule_of(margin: float = 0.02, on_inconclusive: str = "fail") -> Rule:
    return Rule("t:acc", "max_drop", margin, on_inconclusive=on_inconclusive)


ONE = rule_of()
LINES = [
    (
        [
            verdict("PASS", rule_of()),
            verdict("PASS", rule_of()),
            verdict("INCONCLUSIVE", rule_of(on_inconclusive="warn"), 7134),
        ],
        "GATE PASSED: 2 rules hold, 1 could not be decided: needs 7,134 questions, has 40",
    ),
    ([verdict("PASS", ONE), verdict("FAIL", ONE)], "GATE FAILED: 1 check failed (t:acc), 1 check holds"),
    (
        [verdict("INCONCLUSIVE", ONE, 90), verdict("INCONCLUSIVE", ONE, 700)],
        "GATE INCONCLUSIVE: 2 checks could not be decided: needs up to 700 questions, has 40",
    ),
    (
        [verdict("INCONCLUSIVE", rule_of())],
        "GATE INCONCLUSIVE: 1 rule could not be decided: no known number of questions would settle it",
    ),
    (
        [verdict("FAIL", rule_of(), quarantined=True), verdict("PASS", rule_of())],
        "GATE PASSED: 1 rule holds, 1 quarantined",
    ),
]


@pytest.mark.parametrize(("verdicts", "line"), LINES)
def test_a_gate_ends_with_one_line(verdicts: list[Verdict], line: str) -> None:
    assert closing(verdicts) == line


def number(values: np.ndarray) -> Estimate:
    n = len(values)
    half = quantile(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n)
    mean = float(values.mean())
    return Estimate("t", "acc", "all", mean, mean - half, mean + half, n, n, 0)


def test_the_drop_that_is_foretold_fails_four_times_of_five() -> None:
    rng, n, trials = np.random.default_rng(0), 80, 2000
    base = rng.normal(0, 1, (trials, n))
    [reach] = reaches(Gate((rule_of(0.1),)), [number((base[0] - base[0].mean()) / base[0].std(ddof=1))], {})
    assert reach.fails is not None
    other = 0.5 * base + np.sqrt(0.75) * rng.normal(0, 1, (trials, n)) - reach.fails
    drops = (base - other).mean(axis=1)
    errors = (base - other).std(axis=1, ddof=1) / np.sqrt(n)
    fails = (drops - 0.1) / errors > quantile(0.975, n - 1)
    assert 0.77 < fails.mean() < 0.83


def test_so_many_questions_hold_four_times_of_five_where_nothing_is_lost() -> None:
    rng = np.random.default_rng(1)
    [reach] = reaches(Gate((rule_of(0.1),)), [number(np.repeat([0.0, 1.0], 100))], {})
    assert reach.holds is not None and reach.holds > 40
    drops = 0.5 * rng.normal(0, 1, (4000, reach.holds))  # as uncertain as the number itself
    upper = drops.mean(axis=1) + quantile(0.975, reach.holds - 1) * drops.std(axis=1, ddof=1) / np.sqrt(reach.holds)
    assert 0.77 < (upper <= 0.1).mean() < 0.83
    [none] = reaches(Gate((rule_of(0.0),)), [number(np.repeat([0.0, 1.0], 20))], {})
    assert none.holds is None and "no number of questions shows that nothing is lost at all" in str(none)


def test_more_rules_see_less_and_a_share_of_failures_is_counted() -> None:
    estimate = number(np.repeat([0.0, 1.0], 20))
    [alone] = reaches(Gate((rule_of(),)), [estimate], {})
    pair = reaches(Gate((rule_of(), rule_of(0.02))), [estimate], {})
    assert (pair[0].fails or 0) > (alone.fails or 9)
    [counted] = reaches(Gate((Rule(f"t:{FAILED_RATE}", "max", 0.01),)), [estimate], {})
    assert str(counted) == f"t:{FAILED_RATE} max 1 % with 40 questions: the number itself decides"


def test_shares_are_told_in_percent_and_their_differences_in_points() -> None:
    metrics = {("t", "acc"): MetricRecord(name="acc", interval="wilson"), ("t", "nll"): MetricRecord(name="nll")}
    rules = [Rule("t:acc", "min", 0.625), Rule("t:nll", "max", 1.23456), Rule(f"t:{FAILED_RATE}", "max", 0.05)]
    numbers = [
        Estimate("t", "acc", "all", 0.65, 0.5, 0.8, 40, 40, 2),
        Estimate("t", "nll", "all", 1.5, 1, 2, 40, 40, 0),
    ]
    bounds = judge(Gate(tuple(rules)), [], numbers, date.min, metrics=metrics)
    said = [(cells_of(one, metrics)[2], one.message.partition(";")[0]) for one in bounds]
    assert said == [
        ("65 %", "65 % (allowed: at least 62.5 %), 95 % interval [50, 80] %"),
        ("1.5", "1.5 (allowed: at most 1.23456), 95 % interval [1, 2]"),
        ("4.762 %", "4.762 % (allowed: at most 5 %)"),
    ]
    assert "smallest detectable 21" in bounds[0].message and "points" in bounds[0].message
    ours, theirs = np.repeat([1.0, 0.0], [30, 10])[:, None], np.repeat([1.0, 0.0], [20, 20])[:, None]
    found = stats.paired(proportion("acc"), ours, theirs, np.arange(40), tested=False)
    row = Difference("t", "acc", "all", "higher", None, found, None, None, 0, 10, 0, 0)
    [drop] = judge(Gate((rule_of(),)), [row], [], date.min, metrics=metrics)
    assert drop.message.startswith("drop 25 points (margin 2 points, 95 % interval +")
    assert cells_of(drop, metrics)[2:4] == ["50 %", "75 %"]
    assert explain(rule_of(0.02), 0.05, record_for(rule_of(), metrics)).startswith(
        "t:acc must not be worse than the baseline by more than 2 points over all examples"
    )
    assert record_for(Rule("t:*", "min", 0.5), metrics) is None  # metrics of several units


def test_an_end_beyond_the_margin_is_not_rounded_to_it_and_one_point_is_one() -> None:
    shares, plain = (MetricRecord(name="acc", interval=kind) for kind in ("wilson", "t"))
    assert words.span(-0.003, 0.02004, shares, digits=4) == "-0.3 to +2.004"
    assert words.span(1234.4, 2345.6, plain, digits=4) == "+1234 to +2346"
    ours, theirs = np.repeat([1.0, 0.0], [9_999, 1])[:, None], np.repeat([1.0, 0.0], [9_000, 1_000])[:, None]
    found = stats.paired(proportion("acc"), ours, theirs, np.arange(10_000), tested=False)
    row = Difference("t", "acc", "all", "higher", None, found, None, None, 0, 999, 0, 0)
    [drop] = judge(Gate((rule_of(0.01),)), [row], [], date.min, metrics={("t", "acc"): shares})
    assert "(margin 1 point, " in drop.message and re.search(r"\+\d\.\d{3} to \+\d+\.\d\d\)", drop.message)
    told = [words.points(x, shares, signed=signed) for x, signed in [(0.01, False), (-0.01, True), (0.011, True)]]
    assert told == ["1 point", "-1 point", "+1.1 points"]


def test_the_command_tells_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, gate = str(tmp_path / "store"), tmp_path / "gate.toml"
    gate.write_text("[[rule]]\nmetric = 'demo/sentiment:acc'\nmin = 0.5\n")
    evaluate("scripted:oracle", "demo/sentiment", limit=20, store=store)

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["gate", str(gate), *words, "--store", store])
        return int(stopped.value.code or 0), *capsys.readouterr()

    code, out, _ = run("latest")
    assert code == 0 and out.splitlines()[-1] == "GATE PASSED: 1 rule holds"
    code, out, _ = run("latest", "--dry-run")
    assert code == 0 and "demo/sentiment:acc must be at least 50 % over all" in out
    assert re.search(
        r"demo/sentiment:acc min 50 % with 20 questions: fails where the value is about \d+ points beyond it", out
    )
    code, out, err = run("later", "--dry-run")
    assert code == 0 and "must be at least 0.5" in out and "name a stored run" in err
    for option in ("--json", "--junit", "--markdown"):
        code, out, err = run("latest", "--dry-run", option, str(tmp_path / "page"))
        assert code == 2 and not out and f"--dry-run only tells of the rules: drop {option}" in err
    code, _, err = run("latest", "--dry-run", "--extend", "5", "--markdown", "m.md")
    assert code == 2 and "drop --extend, --markdown" in err
    for option in ("--trust-remote-code", "--allow-pickle"):
        code, _, err = run("latest", option)
        assert code == 2 and f"{option} needs --extend" in err
    assert {path.name for path in tmp_path.iterdir()} == {"store", "gate.toml"}
