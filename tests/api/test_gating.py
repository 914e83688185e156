"""A gate from Python gives what the command gives: verdicts, an exit code, a record in the store."""

from dataclasses import replace
from pathlib import Path

import pytest

import harness
from harness.errors import TimeUp, UsageError
from harness.gate.formats import as_json, as_junit, as_markdown
from harness.gate.rules import Gate, Rule
from harness.store import open_store
from harness.types import Failed, Run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Run, Run]:
    """A store with the runs of a right and of a wrong model, the right one being the baseline "main"."""
    store = str(tmp_path_factory.mktemp("gate") / "store")
    right, wrong = (
        harness.evaluate(model, "demo/sentiment", store=store).run for model in ("scripted:oracle", "scripted:opposite")
    )
    open_store(store).set_baseline("main", right.id)
    return store, right, wrong


def test_a_file_and_a_gate_give_the_same(runs: tuple[str, Run, Run], tmp_path: Path) -> None:
    store, right, wrong = runs
    file = tmp_path / "gate.toml"
    file.write_text("[[rule]]\nmetric = 'demo/*:acc'\nmax_drop = 0.1\n[[rule]]\nmetric = '*:failed_rate'\nmax = 0.01\n")
    gate = Gate((Rule("demo/*:acc", "max_drop", 0.1), Rule("*:failed_rate", "max", 0.01)))
    where = harness.Where(store=store)
    result = harness.check_gate(file, wrong.id, "main", where=where)
    assert result == harness.check_gate(gate, wrong.id, "main", where=where)
    assert (result.run, result.baseline, result.added, result.limit) == (wrong.id, right.id, (), None)
    assert [v.state for v in result.verdicts] == ["FAIL", "PASS"] and result.exit_code == 1 and not result.passed
    kept = open_store(store).verdicts(wrong.id)[0].verdict
    assert kept["exit_code"] == 1 and [v["state"] for v in kept["verdicts"]] == ["FAIL", "PASS"]
    good = harness.check_gate(gate, right.id, "main", where=where)
    assert isinstance(good, harness.GateResult) and good.passed and good.exit_code == 0


def test_what_cannot_be_checked_is_an_error_and_leaves_no_verdict(runs: tuple[str, Run, Run]) -> None:
    store, right, _ = runs
    before = len(open_store(store).verdicts(right.id))
    drop, where = Gate((Rule("demo/*:acc", "max_drop", 0.1),)), harness.Where(store=store)
    with pytest.raises(UsageError, match="a max_drop rule needs --baseline NAME"):
        harness.check_gate(drop, right.id, where=where)
    with pytest.raises(UsageError, match="had no --limit"):
        harness.check_gate(drop, right.id, "main", extend=10, where=where)
    with pytest.raises(UsageError, match="no run 'nobody'|unknown run 'nobody'"):
        harness.check_gate(drop, "nobody", "main", where=where)
    assert len(open_store(store).verdicts(right.id)) == before


def test_a_run_that_is_not_finished_is_no_baseline_and_has_no_samples(runs: tuple[str, Run, Run]) -> None:
    store, right, _ = runs
    with pytest.raises(TimeUp):
        harness.evaluate("scripted:oracle", "demo/qa", store=store, name="stopped", max_minutes=1e-9)
    opened = open_store(store)
    cut = opened.run("latest")
    drop, where = Gate((Rule("demo/*:acc", "max_drop", 0.1),)), harness.Where(store=store)
    told = f"run {cut.id} is interrupted: only a finished run can be a baseline"
    with pytest.raises(UsageError, match=told):
        harness.check_gate(drop, right.id, cut.id, where=where)
    with pytest.raises(UsageError, match=told):
        harness.selftest_gate(drop, right.id, cut.id, store=store)
    with pytest.raises(UsageError, match=f"run {cut.id} is interrupted: only a finished run has samples"):
        opened.samples(cut.id, "demo/qa")
    with pytest.raises(UsageError, match=f"has 0 finished runs of stopped; unfinished, by their ids: {cut.id}"):
        opened.run("stopped")


def test_runs_of_different_bundles_are_told_in_every_form(runs: tuple[str, Run, Run]) -> None:
    store, right, _ = runs
    apart = harness.evaluate("scripted:oracle", "demo/sentiment", store=store, bundle="0123456789abcdef").run
    gate, where = Gate((Rule("demo/*:acc", "max_drop", 0.1),)), harness.Where(store=store)
    result = harness.check_gate(gate, apart.id, right.id, where=where)
    told = f"run {right.id} comes from no bundle, run {apart.id} from bundle 0123456789ab"
    assert as_json(result)["bundles"] == result.bundles == told
    assert told in as_markdown(result) and told in as_junit(result)
    changes = harness.compare(right.id, apart.id, store=store)
    assert all(told in text for text in (repr(result), result._repr_html_(), repr(changes), changes._repr_html_()))


def test_a_task_that_the_run_left_out_does_not_pass_in_silence(runs: tuple[str, Run, Run]) -> None:
    store, right, _ = runs
    both = harness.evaluate("scripted:oracle", ["demo/sentiment", "demo/qa"], store=store).run
    where = harness.Where(store=store)
    everything, one = Gate((Rule("*", "max_drop", 0.1),)), Gate((Rule("demo/sentiment:acc", "max_drop", 0.1),))
    with pytest.raises(UsageError, match=r"did not ask demo/qa, which the baseline has and the rule '\*' max_drop"):
        harness.check_gate(everything, right.id, both.id, where=where)
    assert {
        v.task for v in harness.check_gate(everything, right.id, both.id, intersect=True, where=where).verdicts
    } == {"demo/sentiment"}
    assert harness.check_gate(one, right.id, both.id, where=where).passed


def test_the_self_test_of_a_gate(runs: tuple[str, Run, Run]) -> None:
    store, right, _ = runs
    gate = Gate((Rule("demo/*:acc", "max_drop", 0.02),))
    rule, whole = harness.selftest_gate(gate, right.id, drop=0.5, resamples=20, store=store)
    assert (rule.rule, whole.rule) == ("demo/sentiment:acc max_drop 0.02", "*")
    assert rule.n == right.tasks[0].n and rule.resamples == 20 and rule.power > rule.false_alarms


def test_a_task_whose_every_answer_failed_does_not_pass(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    tasks, task = ["demo/sentiment", "demo/qa"], "demo/qa"
    base, broken = (harness.evaluate("scripted:oracle", tasks, limit=8, store=store).run for _ in range(2))
    opened = open_store(store)
    outcomes = {t.name: list(opened.outcomes(broken.id, t.name)) for t in broken.tasks}
    failed = Failed("timeout", "no answer")
    outcomes[task] = [replace(one, responses=(failed,), judged=None, failure=failed) for one in outcomes[task]]
    numbers = [e if e.task != task else replace(e, value=None, low=None, high=None, n=0, failed=8)
               for e in opened.results(broken.id)]  # fmt: skip
    opened.start(replace(broken, id="broken", status="running", finished=None))
    opened.finish(opened.run("broken"), outcomes, numbers)
    where = harness.Where(store=store)
    gate = Gate((Rule("*", "max_drop", 0.5, mode="strict"),))
    opened.set_baseline("main", base.id)
    assert harness.check_gate(gate, base.id, "main", where=where).passed
    with pytest.raises(UsageError, match=f"about {task}:.*which cannot be compared with the baseline"):
        harness.check_gate(gate, "broken", "main", where=where)
