"""More examples where too few were asked: settled in the end, and no false alarms from looking often."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from harness.cli.main import main
from harness.differences import Difference
from harness.errors import UsageError
from harness.gate import rules
from harness.gate.extend import Extended, Source, extend, ladder
from harness.metrics import stats
from harness.metrics.classify import accuracy
from harness.store import open_store
from harness.types import Estimate, Run

TODAY = date(2026, 1, 1)
GATE = rules.Gate((rules.Rule("t:*", "max_drop", 0.02),))
RUN = Run(id="200", model="m", fingerprint={}, tasks=(), settings={"limit": 200}, versions={}, command="", started="")


def world(broken: float, fixed: float, seed: int) -> tuple[Source, list[int]]:
    """Two models whose answers on 10,000 examples are known; a run's id is its limit. Also: the limits asked for."""
    rng, asked = np.random.default_rng(seed), list[int]()
    ours = (rng.random(10_000) < 0.7).astype(float)
    flip = rng.random(10_000)
    theirs = np.where(ours == 1, flip >= broken, flip < fixed).astype(float)

    def differences(first: str, second: str) -> list[Difference]:
        n = int(second)
        found = stats.paired(accuracy, ours[:n], theirs[:n], np.arange(n), tested=False)
        return [Difference("t", "acc", "all", "higher", None, found, None, None, 0, 0, 0, 0)]

    def more(run: Run, tasks: Sequence[str], limit: int) -> str:
        assert list(tasks) == ["t"]
        asked.append(limit)
        return str(min(limit, 10_000))

    return Source(differences, lambda run: [Estimate("t", "acc", "all", 0.7, 0, 1, int(run), int(run), 0)], more), asked


def extended(source: Source, budget: int) -> Extended:
    return extend(GATE, source, RUN, replace(RUN), budget, TODAY)


def test_the_ladder_ends_at_the_budget() -> None:
    assert ladder(100, 300) == [200, 400] and ladder(100, 50) == [150] and ladder(100, 1500) == [252, 635, 1600]


def test_a_drop_that_was_too_small_to_see_is_found() -> None:
    source, asked = world(0.10, 0.05, seed=1)
    done = extended(source, 5000)
    assert [v.state for v in done.verdicts] == ["FAIL"] and done.verdicts[0].n > 200
    assert len(done.runs) == len(asked) and asked[0::2] == asked[1::2]  # baseline and run alike
    assert done.limit == asked[-1] <= 5200


def test_no_change_passes_and_a_spent_budget_stays_inconclusive() -> None:
    source, asked = world(0.03, 0.07, seed=2)
    assert [v.state for v in extended(source, 5000).verdicts] == ["PASS"]
    source, asked = world(0.10, 0.14, seed=3)
    assert [v.state for v in extended(source, 30).verdicts] == ["INCONCLUSIVE"] and asked == [230, 230]


def test_what_is_settled_already_is_not_extended() -> None:
    source, asked = world(0.3, 0.0, seed=4)
    done = extended(source, 5000)
    assert [v.state for v in done.verdicts] == ["FAIL"] and (asked, done.runs, done.limit) == ([], (), None)


def test_looking_often_raises_no_false_alarm() -> None:
    """A true drop at the margin, where the gate should fail in alpha / 2 of all cases at most."""
    fails = 0
    for seed in range(400):
        source, _ = world(0.10, (0.07 - 0.02) / 0.3, seed=seed)
        fails += extended(source, 4000).verdicts[0].state == "FAIL"
    assert fails <= 400 * 0.045  # 2.5 % and two and a half standard errors


def test_a_run_without_a_limit_has_nothing_more() -> None:
    with pytest.raises(UsageError, match="had no --limit"):
        extend(GATE, world(0.1, 0.1, 0)[0], replace(RUN, settings={"limit": None}), None, 10, TODAY)


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    return int(stopped.value.code or 0)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place, questions, gate = str(tmp_path / "store"), tmp_path / "quiz.jsonl", tmp_path / "gate.toml"
    rows = [{"question": f"q{i}", "choices": ["yes", "no"], "answer": i % 2} for i in range(400)]
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    gate.write_text(
        "[defaults]\non_inconclusive = 'fail'\n[[rule]]\nmetric = 'quiz:acc'\nmin = 0.88\n"
        "[[rule]]\nmetric = 'quiz:acc'\nmax_drop = 0.02\n"
    )
    asked = ("run", "scripted:oracle", "--tasks", str(questions), "--limit", "10", "--store", place, "--quiet")
    assert [call(*asked) for _ in range(2)] == [0, 0]
    run, base = (found.id for found in open_store(place).runs())
    assert call("baseline", "set", "main", base, "--store", place) == 0
    check = ("gate", str(gate), run, "--baseline", "main", "--store", place, "--json", str(tmp_path / "out.json"))
    assert call(*check) == 4
    assert call(*check, "--extend", "390") == 0
    assert "extended to --limit 400: " in capsys.readouterr().err
    page = json.loads((tmp_path / "out.json").read_text())
    assert {(v["metric"], v["state"]) for v in page["verdicts"]} == {("acc", "PASS")}
    assert (
        max(v["n"] for v in page["verdicts"]) == 400
    )  # equal answers hold a margin of .02 from n = 306 on, at four looks
    found = {r.id: r for r in open_store(place).runs()}
    assert len(found) == 2 + len(page["added"])
    assert max(found[name].settings["limit"] for name in page["added"]) == 400
    assert call(*check, "--extend", "1") == 4
    assert "would settle at n =" in (tmp_path / "out.json").read_text()
    gate.write_text("[[rule]]\nmetric = 'quiz:acc'\nmin = 0.1\n")
    capsys.readouterr()
    assert call(*check, "--extend", "390") == 0
    assert "extended" not in capsys.readouterr().err


def test_another_model_under_the_same_name_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place, answers, gate = str(tmp_path / "store"), tmp_path / "answers.txt", tmp_path / "gate.toml"
    questions = tmp_path / "quiz.jsonl"
    questions.write_text("".join(f'{{"question": "q{i}", "answer": "yes"}}\n' for i in range(4)))
    answers.write_text("yes\nyes\n")
    gate.write_text("[[rule]]\nmetric = 'quiz:exact_match'\nmin = 0.9\n")
    asked = ("run", f"replay:{answers}", "--tasks", str(questions), "--limit", "2", "--store", place, "--quiet")
    assert call(*asked) == 0
    answers.write_text("yes\nyes\nno\nno\n")
    [run] = open_store(place).runs()
    capsys.readouterr()
    assert call("gate", str(gate), run.id, "--store", place, "--extend", "2") == 2
    assert "is not the model that run" in capsys.readouterr().err
