"""The gate: strict files, verdicts from intervals, few false alarms, real drops found, outputs that parse."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from harness.cli.main import main
from harness.differences import Difference
from harness.errors import UsageError
from harness.gate import judge as gating
from harness.gate import rules
from harness.gate.formats import as_junit
from harness.gate.result import GateResult
from harness.gate.verdicts import Verdict, exit_code
from harness.metrics import stats
from harness.metrics.classify import accuracy, mean
from harness.metrics.resample import jackknife_error
from harness.metrics.text import squad_f1
from harness.store import open_store
from harness.types import Estimate, Metric

TODAY = date(2026, 1, 1)


def compared(ours: np.ndarray, theirs: np.ndarray, clusters: np.ndarray, metric: Metric = accuracy) -> Difference:
    """A comparison without its permutation test, which the gate does not read and which takes long."""
    n, first, second = len(ours), float(ours.mean()), float(theirs.mean())
    gaps, sizes = np.bincount(clusters, weights=theirs - ours), np.bincount(clusters)
    left_out = (gaps.sum() - gaps) / (n - sizes)
    error, freedom = jackknife_error(left_out, second - first), len(sizes) - 1
    result = stats.Paired(first, second, second - first, None, None, error, freedom, None, "", n, len(sizes))
    return Difference("t", metric.name, "all", metric.better, None, result, None, None, 0, 0, 0, 0)


XSD = etree.XMLSchema(etree.parse(str(Path(__file__).with_name("junit.xsd"))))


def junit_counts(text: str) -> tuple[int, int, int]:
    """(tests, failures, skipped) of a report that the schema allows and whose counts are those of its elements."""
    root = etree.fromstring(text.encode())
    XSD.assertValid(root)
    [suite] = root.findall("testsuite")
    counted = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error"}
    for name, path in {**counted, "skipped": "testcase/skipped"}.items():
        assert suite.get(name) == str(len(suite.findall(path)))
        assert name == "skipped" or root.get(name) == suite.get(name)
    return int(suite.get("tests", -1)), int(suite.get("failures", -1)), int(suite.get("skipped", -1))


def state(margin: float, row: Difference) -> str:
    rule = rules.Rule("t:*", "max_drop", margin)
    return gating.judge(rules.Gate((rule,), correction="none"), [row], [], TODAY)[0].state


def test_false_alarms_are_rare() -> None:
    rng, fails, codes = np.random.default_rng(0), 0, np.arange(120) // 3
    for trial in range(1000):
        effect = np.repeat(rng.normal(size=40), 3)
        ours, theirs = (effect + rng.normal(size=120) for _ in range(2))
        if trial % 2:
            fails += state(0.02, compared(ours, theirs, codes, mean("x"))) == "FAIL"
        else:
            fails += state(0.02, compared((ours > 0).astype(float), (theirs > 0).astype(float), codes)) == "FAIL"
    assert fails <= 20


def test_a_drop_of_five_points_is_found() -> None:
    rng, fails, trials = np.random.default_rng(1), 0, 200
    for _ in range(trials):
        ours = (rng.random(1500) < 0.7).astype(float)
        broken, fixed = (ours == 1) & (rng.random(1500) < 0.10), (ours == 0) & (rng.random(1500) < 0.0667)
        theirs = np.where(broken, 0.0, np.where(fixed, 1.0, ours))
        fails += state(0.02, compared(ours, theirs, np.arange(1500))) == "FAIL"
    assert fails / trials > 0.90


def test_too_little_is_inconclusive_and_says_what_would_settle_it() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = (rng.random((2, 40)) < 0.7).astype(float)
    verdict = gating.judge(
        rules.Gate((rules.Rule("t:*", "max_drop", 0.02, on_inconclusive="fail"),)),
        [compared(ours, theirs, np.arange(40))], [], TODAY,
    )  # fmt: skip
    assert verdict[0].state == "INCONCLUSIVE" and "would settle at n = " in verdict[0].message
    assert exit_code(verdict) == 4


@pytest.mark.parametrize("n", [2, 3])
def test_what_would_settle_it_is_more_than_there_is(n: int) -> None:
    """All fixed, far from the margin: too few for the exact test, whatever their standard error says."""
    gate = rules.Gate((rules.Rule("t:*", "max_drop", 0.0),))
    [verdict] = gating.judge(gate, [pairs(np.zeros((n, 1)), np.ones((n, 1)))], [], TODAY)
    assert verdict.state == "INCONCLUSIVE" and verdict.needed is not None and verdict.needed == 6


def test_a_hopeless_distance_names_no_number() -> None:
    rule = rules.Rule("t:*", "max", 1.4)
    row = Estimate("t", "perplexity", "all", 1.5, 1.0, 1e150, 2, 2, 0)
    verdict = gating.check_bounds(rule, [row])
    assert verdict.needed is None and "no affordable n" in verdict.message and len(verdict.message) < 300


def pairs(ours: np.ndarray, theirs: np.ndarray, metric: Metric = accuracy, better: str = "higher") -> Difference:
    found = stats.paired(metric, ours, theirs, np.arange(len(ours)), tested=False)
    return Difference("t", metric.name, "all", better, metric.ideal, found, None, None, 0, 0, 0, 0)


@pytest.mark.parametrize("metric", [accuracy, squad_f1], ids=["acc", "f1"])
@pytest.mark.parametrize("n", [2, 5, 10, 30])
def test_few_equal_pairs_are_no_proof_that_nothing_is_lost(n: int, metric: Metric) -> None:
    rows = np.full(n, 0.5 if metric is squad_f1 else 1.0)
    rule = rules.Rule("t:*", "max_drop", 0.0)
    [verdict] = gating.judge(rules.Gate((rule,)), [pairs(rows, rows, metric)], [], TODAY)
    assert verdict.state == "INCONCLUSIVE" and exit_code([verdict]) == 4
    assert "no n proves that nothing would: allow a margin" in verdict.message
    [verdict] = gating.judge(rules.Gate((replace(rule, margin=0.02),)), [pairs(rows, rows, metric)], [], TODAY)
    assert verdict.state == "INCONCLUSIVE" and verdict.needed == (189 if metric is accuracy else 183)
    many = np.full(verdict.needed, rows[0])
    assert state(0.02, pairs(many, many, metric)) == "PASS"
    assert state(0.02, pairs(many[1:], many[1:], metric)) == "INCONCLUSIVE"


def test_few_pairs_that_all_broke_are_no_proof_of_a_loss() -> None:
    for metric in (accuracy, squad_f1):
        for n, expected in ((2, "INCONCLUSIVE"), (5, "INCONCLUSIVE"), (6, "FAIL")):
            assert state(0.0, pairs(np.ones(n), np.zeros(n), metric)) == expected


@pytest.mark.parametrize("seed", range(6))
def test_it_fails_exactly_where_the_interval_lies_beyond_the_margin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours = (rng.random(60) < 0.8).astype(float)
    scores = rng.beta(2, 1, 60)
    lost = replace(accuracy, better="ideal", ideal=0.9)
    for row in (
        pairs(ours, ours * (rng.random(60) < 0.7)), pairs(scores, scores * rng.beta(4, 1, 60), squad_f1),
        pairs(ours, ours * (rng.random(60) < 0.7), lost, "ideal"), pairs(1 - ours, ours, better="lower"),
    ):  # fmt: skip
        low, high = gating.drop_interval(row, 0.95) or (0.0, 0.0)
        assert low < gating.drop_of(row) < high
        edge = 1e-4
        assert low <= edge or (state(low - edge, row), state(low + edge, row)) == ("FAIL", "INCONCLUSIVE")
        assert (state(max(0.0, high + edge), row), high < edge or state(high - edge, row)) in (
            ("PASS", "INCONCLUSIVE"), ("PASS", True),
        )  # fmt: skip


def number(value: float | None, low: float | None, high: float | None, failed: int = 0) -> Estimate:
    return Estimate("t", "score", "all", value, low, high, 98, 98, failed)


@pytest.mark.parametrize(
    ("limit", "row", "expected"),
    [
        ("max", number(0.1, 0.05, 0.15), "PASS"),
        ("max", number(0.3, 0.25, 0.35), "FAIL"),
        ("max", number(0.2, 0.15, 0.25), "INCONCLUSIVE"),
        ("max", number(0.1, None, None), "INCONCLUSIVE"),
        ("min", number(0.1, 0.05, 0.15), "FAIL"),
        ("min", number(0.3, 0.25, 0.35), "PASS"),
        ("max_abs", number(-0.3, -0.4, -0.25), "FAIL"),
        ("max_abs", number(0.0, -0.1, 0.1), "PASS"),
    ],
)
def test_bounds(limit: str, row: Estimate, expected: str) -> None:
    assert gating.check_bound(rules.Rule("t:*", limit, 0.2), row).state == expected


def test_alpha_decides_on_a_bound_as_on_a_drop() -> None:
    rule = rules.Rule("t:*", "min", 0.87)
    row = replace(number(0.9, 0.88, 0.92), clusters=10_000)
    states = [gating.judge(rules.Gate((rule,), alpha=alpha), [], [row], TODAY)[0] for alpha in (0.05, 0.001)]
    assert [verdict.state for verdict in states] == ["PASS", "INCONCLUSIVE"]
    assert "95 % interval" in states[0].message and "99.9 % interval" in states[1].message


def test_a_drop_that_equals_its_margin_holds_it() -> None:
    ours, theirs = (np.repeat([1.0, 0.0], [right, 20 - right])[:, None] for right in (15, 14))
    rule = rules.Rule("t:*", "max_drop", 0.05, mode="strict")
    assert gating.check_drop(rule, pairs(ours, theirs), 0.05, None).state == "PASS"
    assert gating.check_drop(replace(rule, margin=0.0499), pairs(ours, theirs), 0.05, None).state == "FAIL"


def test_failures_count_and_nothing_is_not_a_pass() -> None:
    rule = rules.Rule("*:failed_rate", "max", 0.01)
    verdicts = gating.judge(rules.Gate((rule,)), [], [number(0.5, 0.4, 0.6, failed=2)], TODAY)
    assert [(v.state, v.value) for v in verdicts] == [("FAIL", 0.02)]
    with pytest.raises(UsageError, match="unknown .* of the run for the rule"):
        gating.judge(rules.Gate((rules.Rule("other:*", "max", 1),)), [], [number(0.5, 0.4, 0.6)], TODAY)
    with pytest.raises(UsageError, match="has no value"):
        gating.check_bound(rules.Rule("t:*", "max", 1), number(None, None, None))


def test_quarantine_ends() -> None:
    rule = rules.Rule("t:score", "max", 0.2)
    gate = rules.Gate((rule,), quarantine=(rules.Quarantined("t:*", TODAY, "known"),))
    rows = [number(0.5, 0.4, 0.6)]
    assert exit_code(gating.judge(gate, [], rows, TODAY)) == 0
    assert exit_code(gating.judge(gate, [], rows, date(2026, 1, 2))) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no"),
        ("[[rule]]\nmetric = 'a:b'\nmax = 1\nmin = 0", "exactly one of"),
        ("[[rule]]\nmetric = 'a:b'", "exactly one of"),
        ("[[rule]]\nmetric = 'a'\nmax = 1", "TASK:METRIC"),
        ("[[rule]]\nmetric = 'a:b'\nmax = '1'", "is not a float"),
        ("[[rule]]\nmetric = 'a:b'\nmax = nan", "is not a float"),
        ("[[rule]]\nmetric = 'a:b'\nmax = 1\nmox = 2", "unknown key 'mox'"),
        ("[[rule]]\nmetric = 'a:b'\nmax = 1\nslices = 'some'", "valid: all, each, worst, or a pattern"),
        ("[[rule]]\nmetric = 'a:b'\nmax = 1\nslices = ['each']", "is not a str"),
        ("[[rule]]\nmetric = 'a:b'\nmax = 1\nmode = 'loose'", "valid: interval, strict"),
        ("[[rule]]\nmetric = 3\nmax = 1", "metric = 3 is not a str"),
        ("rule = 1", r"write \[\[rule\]\]"),
        (
            "[[quarantine]]\nmetric = 'a:b'\nuntil = 'soon'\nwhy = ''\n[[rule]]\nmetric = 'a:b'\nmax = 1",
            "is not a date",
        ),
        (
            "[[quarantine]]\nmetric = 'a:b'\nuntil = 2026-01-31T10:00:00\nwhy = ''\n[[rule]]\nmetric = 'a:b'\nmax = 1",
            "is not a date",
        ),
        (f"[[rule]]\nmetric = 'a:b'\nmax = 1{'0' * 400}", "is not a float"),
        ("[rule]\nmetric = 'a:b'", r"write \[\[rule\]\]"),
        ("[other]", "unknown table"),
        ("[defaults]\nalpha = 2\n[[rule]]\nmetric = 'a:b'\nmax = 1", "alpha is 2"),
        ("x =", "gate.toml"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        rules.read_gate(path)


def grouped(sizes: dict[str, tuple[int, float]], seed: int = 0) -> list[Difference]:
    """All examples and each slice, given its size and the share of its right answers that became wrong."""
    rng, rows, parts = np.random.default_rng(seed), [], []
    for name, (n, broken) in sizes.items():
        ours = (rng.random(n) < 0.8).astype(float)
        theirs = ours * (rng.random(n) >= broken)
        parts.append((ours, theirs))
        rows.append(replace(compared(ours, theirs, np.arange(n)), slice=name))
    ours, theirs = (np.concatenate(side) for side in zip(*parts, strict=True))
    return [compared(ours, theirs, np.arange(len(ours))), *rows]


def judged(rows: list[Difference], **rule: str) -> list[Verdict]:
    return gating.judge(rules.Gate((rules.Rule("t:*", "max_drop", 0.02, **rule),)), rows, [], TODAY)


def test_slices_of_a_rule() -> None:
    rows = grouped({"g=a": (9000, 0.0), "g=b": (400, 0.25), "h=c": (50, 0.0)})
    assert [(v.slice, v.state) for v in judged(rows)] == [("all", "PASS")]
    assert [v.slice for v in judged(rows, slices="each")] == ["all", "g=a", "g=b", "h=c"]
    assert [v.slice for v in judged(rows, slices="g=*")] == ["g=a", "g=b"]
    assert [(v.slice, v.state) for v in judged(rows, slices="g=b")] == [("g=b", "FAIL")]
    [worst] = judged(rows, slices="worst")
    assert (worst.slice, worst.state) == ("g=b", "FAIL") and worst.message.startswith("worst of 3: drop 0.1")
    assert worst.p == pytest.approx(3 * (gating.violation_p(rows[2], 0.02) or 0))


def test_the_worst_of_many_equal_groups_fails_no_more_often_than_one() -> None:
    rng, fails, single = np.random.default_rng(0), 0, 0
    for _ in range(300):
        rows = []
        for k in range(20):
            ours, theirs = (rng.random((2, 150)) < 0.7).astype(float)
            rows.append(replace(compared(ours, theirs, np.arange(150)), slice=f"g={k}"))
        fails += any(v.state == "FAIL" for v in judged(rows, slices="worst"))
        plain = rules.Gate((rules.Rule("t:*", "max_drop", 0.02, slices="each"),), correction="none")
        single += any(v.state == "FAIL" for v in gating.judge(plain, rows, [], TODAY))
    assert fails <= 0.03 * 300 < 0.1 * 300 < single  # without a correction one of twenty groups often fails


def test_the_worst_group_of_a_bound_has_a_wider_interval() -> None:
    rows = [replace(number(0.3, 0.21, 0.39), slice=f"g={k}") for k in range(10)]
    rule = rules.Rule("t:score", "min", 0.2)
    assert {gating.check_bound(rule, row).state for row in rows} == {"PASS"}
    [worst] = gating.judge(rules.Gate((replace(rule, slices="worst"),)), [], rows, TODAY)
    assert worst.state == "INCONCLUSIVE" and "99.5 % interval" in worst.message and "would settle" in worst.message


@pytest.mark.parametrize(
    ("metric", "slices", "message"),
    [
        ("glue/*:accuracy", "all", "unknown metric .*glue/.:accuracy.*'accuracy'; did you mean acc"),
        ("glue/sts2:acc", "all", "unknown task .*'glue/sts2'; did you mean glue/sst2"),
        ("*:acc", "gender=femal", "unknown slice .*'gender=femal'; did you mean gender=female"),
    ],
)
def test_a_rule_that_matches_nothing_names_what_is_near(metric: str, slices: str, message: str) -> None:
    rows = [Estimate("glue/sst2", "acc", s, 0.5, 0.4, 0.6, 9, 9, 0) for s in ("all", "gender=female")]
    with pytest.raises(UsageError, match=message):
        gating.judge(rules.Gate((rules.Rule(metric, "min", 0, slices=slices),)), [], rows, TODAY)


def test_junit_is_valid_and_says_what_counts() -> None:
    hard = rules.Rule("t:*", "max", 0.2)
    rule = replace(hard, on_inconclusive="warn")
    made = (
        gating.check_bound(rule, number(0.1, 0.05, 0.15)),
        gating.check_bound(rule, number(0.3, 0.25, 0.35)),
        gating.check_bound(rule, number(0.2, 0.15, 0.25)),
        gating.check_bound(hard, number(0.2, 0.15, 0.25)),
        replace(gating.check_bound(rule, number(0.3, 0.25, 0.35)), quarantined=True),
    )
    odd = replace(made[1], message='\x00\x1b[2J <&> "q" \ud800 \uffff ü', task="a/b", slice="g=<x>")
    assert junit_counts(as_junit(GateResult("run-1", None, (*made, odd)))) == (6, 3, 2)
    assert junit_counts(as_junit(GateResult("run-1", "base", ()))) == (0, 0, 0)
    wrong = as_junit(GateResult("run-1", None, made)).replace("<skipped ", "<skiped ")
    with pytest.raises(etree.DocumentInvalid):
        junit_counts(wrong)


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    return int(stopped.value.code or 0)


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(tmp_path / "store")
    for model in ("scripted:oracle", "scripted:opposite"):
        assert run("run", model, "--tasks", "demo/sentiment", "--store", place, "--quiet") == 0
    runs = {r.model: r.id for r in open_store(place).runs()}
    good, bad = runs["scripted:oracle"], runs["scripted:opposite"]
    rules = tmp_path / "gate.toml"
    rules.write_text(
        "[[rule]]\nmetric = 'demo/*:acc'\nmax_drop = 0.1\n[[rule]]\nmetric = '*:failed_rate'\nmax = 0.01\n"
    )
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert run("baseline", "set", "main", good, "--store", place) == 0
    assert run("gate", str(rules), good, "--baseline", "main", "--store", place) == 0
    out = {name: tmp_path / f"out.{name}" for name in ("json", "junit", "markdown")}
    options = [word for name, path in out.items() for word in (f"--{name}", str(path))]
    capsys.readouterr()
    assert run("gate", str(rules), bad, "--baseline", "main", "--store", place, *options) == 1
    assert "::error" in capsys.readouterr().out
    written = json.loads(out["json"].read_text())
    assert written["schema"] == 1 and written["exit_code"] == 1
    assert junit_counts(out["junit"].read_text()) == (2, 1, 0)
    assert "FAIL" in out["markdown"].read_text() and "FAIL" in summary.read_text()
    assert open_store(place).verdicts(bad)[0].verdict["exit_code"] == 1
    assert run("gate", str(rules), bad, "--baseline", "nobody", "--store", place) == 2
    assert run("gate", str(rules), bad, "--baseline", "main", "--store", place, "--dry-run") == 0
    assert "must not be worse than the baseline" in capsys.readouterr().out


def test_a_baseline_that_is_gone_and_a_run_that_is_not_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, gate = str(tmp_path / "store"), tmp_path / "gate.toml"
    gate.write_text("[[rule]]\nmetric = 'demo/sentiment:acc'\nmax_drop = 0.1\n")
    for _ in range(2):
        assert run("run", "scripted:oracle", "--tasks", "demo/sentiment", "--store", place, "--quiet") == 0
    store = open_store(place)
    new, old = (found.id for found in store.runs())
    check = ("gate", str(gate), new, "--store", place)
    assert run(*check) == 2 and "needs --baseline NAME" in capsys.readouterr().err
    store.set_baseline("main", old)
    assert run(*check, "--baseline", "main") == 0 and run(*check, "--baseline", old) == 0
    capsys.readouterr()
    assert run(*check, "--baseline", "scripted:oracle") == 2  # the newest run of the model
    assert f"is run {new} itself" in capsys.readouterr().err
    store.delete_baseline("main", "was wrong")
    assert run(*check, "--baseline", "main") == 2
    assert "baseline 'main' was deleted at" in capsys.readouterr().err
    store.set_baseline("main", old)
    store.rm(old, force=True)
    assert run(*check, "--baseline", "main") == 2
    assert f"points to run {old}, which was removed" in capsys.readouterr().err
    [sample] = (tmp_path / "store" / "samples" / new).rglob("*.parquet")
    store.set_baseline("main", new)
    sample.write_bytes(sample.read_bytes()[:-1])
    assert run(*check, "--baseline", "main") == 3 and "is corrupt: sha256" in capsys.readouterr().err
    sample.unlink()
    assert run(*check, "--baseline", "main") == 3 and "is lost" in capsys.readouterr().err
    gate.write_text("[[rule]]\nmetric = 'demo/sentiment:acc'\nmax_drop = 'two'\n")
    assert run(*check, "--baseline", "main") == 2 and "max_drop = 'two' is not a float" in capsys.readouterr().err
