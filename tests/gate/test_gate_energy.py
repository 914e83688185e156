"""Rules on energy: a rise beyond the margin fails, and what was not measured alike is not compared."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.api import evaluate
from harness.cli.main import cli
from harness.errors import UnknownName, UsageError
from harness.gate.energy import rises
from harness.gate.rules import Gate, Quarantined, Rule, read_gate
from harness.store import open_store
from harness.types import EnergyUse, Run, TaskEnergy

TODAY = date(2026, 1, 1)
GATE = '[[rule]]\nmetric = "demo/*:joules_per_example"\nmax_rise = 0.10\n'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return evaluate("scripted:oracle", "demo/qa", limit=2, store=str(tmp_path_factory.mktemp("s"))).run


def taken(joules: float | None, device: str = "a GPU", examples: int = 4) -> EnergyUse:
    return EnergyUse(
        method="none" if joules is None else "nvml_counter", device=device, reason="no counter", seconds=9.0,
        joules=joules, net_joules=None, idle_watts=None, shared=False, divided="operations",
        tasks={"demo/qa": TaskEnergy(examples=examples, tokens=9, joules=joules)},
    )  # fmt: skip


def gate(margin: float, metric: str = "demo/*:joules_per_example") -> Gate:
    return Gate((Rule(metric, "max_rise", margin),))


def test_a_rise_beyond_the_margin_fails_and_counts_by_example(run: Run) -> None:
    now, before = replace(run, energy=taken(112.0, examples=4)), replace(run, energy=taken(50.0, examples=2))
    [verdict] = rises(gate(0.1), now, before, TODAY)
    assert (verdict.state, verdict.value, verdict.baseline, verdict.n) == ("FAIL", 28.0, 25.0, 4)
    [verdict] = rises(gate(0.13), now, before, TODAY)
    assert verdict.state == "PASS" and "+12.0% joules per example" in verdict.message
    known = replace(gate(0.1), quarantine=(Quarantined("demo/qa:*", TODAY, "a new driver"),))
    assert [v.quarantined for v in rises(known, now, before, TODAY)] == [True]
    assert rises(Gate((Rule("demo/*:acc", "min", 0.5),)), run, None, TODAY) == []


def test_what_was_not_measured_alike_is_not_compared(run: Run) -> None:
    measured = replace(run, energy=taken(50.0))
    for energy, words in (
        (taken(None), r"was not measured \(no counter\)"), (None, r"was not measured \(no meter was read\)"),
        (taken(50.0, "another"), "energy cannot be compared"), (taken(50.0, examples=0), "no example was computed"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=words):
            rises(gate(0.1), replace(run, energy=energy), measured, TODAY)
    with pytest.raises(UnknownName, match="task in the rule 'other:joules_per_example' max_rise"):
        rises(gate(0.1, "other:joules_per_example"), measured, measured, TODAY)
    with pytest.raises(UsageError, match="needs --baseline"):
        rises(gate(0.1), measured, None, TODAY)


@pytest.mark.parametrize(
    "text",
    [
        'metric = "t:acc"\nmax_rise = 0.1',
        'metric = "t:joules_per_example"\nmax = 3.0',
        'metric = "t:joules_per_example"\nmax_rise = 0.1\nslices = "each"',
        'metric = "t:joules_per_example"\nmax_rise = -1.0',
    ],
)
def test_rules_that_mean_nothing_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text(f"[[rule]]\n{text}\n")
    with pytest.raises(UsageError, match="max_rise"):
        read_gate(tmp_path / "gate.toml")


def test_the_command_fails_a_build(tmp_path: Path) -> None:
    result = evaluate("scripted:oracle", "demo/qa", limit=2, store=str(tmp_path / "s"))
    store = open_store(str(tmp_path / "s"))
    outcomes = {"demo/qa": tuple(store.outcomes(result.run.id, "demo/qa"))}
    for name, joules in (("before", 50.0), ("now", 80.0), ("unmeasured", None)):
        own = replace(result.run, id=name, energy=taken(joules))
        store.start(replace(own, status="running", finished=None))
        store.finish(own, outcomes, result.estimates)
    (tmp_path / "gate.toml").write_text(GATE)
    CliRunner().invoke(cli, ["baseline", "set", "main", "before", "--store", str(tmp_path / "s"), "--why", "first"])

    def check(name: str) -> tuple[int, str, BaseException | None]:
        words = ["gate", "check", str(tmp_path / "gate.toml"), name, "--baseline", "main"]
        words += ["--store", str(tmp_path / "s")]
        done = CliRunner().invoke(cli, words, standalone_mode=False)
        return done.return_value, done.output, done.exception

    code, text, error = check("now")
    assert code == 1, (text, error)
    assert "FAIL" in text and "+60.0%" in text
    assert isinstance(check("unmeasured")[2], UsageError)
