"""The energy of a run: parts that sum to the meter, costs of right answers, and factors that a user gives."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.energy.account import account, shares
from harness.energy.meter import Energy, unmeasured
from harness.energy.rates import Carbon, Price, read_rates
from harness.errors import UsageError
from harness.types import Chosen, Example, Failed, Generate, Generated, Judged, Outcome

PRICE = '[price]\ncurrency = "EUR"\nsource = "y"\ndate = "2026-01-01"\n'
MEASURED = Energy("rapl", "a processor", 10.0, 1_000.0, 40.0, True)


def outcome(name: str, correct: bool | None, tokens: int = 3, parts: int = 1) -> Outcome:
    example = Example(name, {})
    responses = (Generated("a", tokens, "stop"),) * parts
    judged = None if correct is None else Judged("a", {}, correct)
    failure = Failed("x", "y") if correct is None else None
    return Outcome(example, (Generate("a", 5),) * parts, responses, judged, failure)


@given(st.floats(0, 1e9), st.lists(st.floats(0, 1e12), min_size=1, max_size=50))
def test_parts_sum_to_the_meter(joules: float, weights: list[float]) -> None:
    assert shares(joules, weights).sum() == pytest.approx(joules)


def test_energy_goes_to_tasks_by_operations_and_to_those_computed_here_alone() -> None:
    outcomes = {"a": [outcome("1", True), outcome("2", False, parts=2)], "b": [outcome("3", None), outcome("4", True)]}
    found = account(MEASURED, outcomes, computed={0, 1, 2, 4}, operations=[1, 2, 3, 100, 4])
    assert {name: task.joules for name, task in found.tasks.items()} == {"a": 600.0, "b": 400.0}
    assert {name: (task.examples, task.tokens) for name, task in found.tasks.items()} == {"a": (2, 9), "b": (1, 3)}
    assert found.tasks["a"].joules_per_correct == 600.0
    assert (found.net_joules, found.per(4), found.per(3, net=True), found.per(0)) == (600.0, 250.0, 200.0, None)


def test_a_right_answer_costs_what_the_wrong_ones_took_too() -> None:
    generator = np.random.default_rng(0)
    right = generator.random(200) < 0.25
    found = account(MEASURED, {"a": [outcome(str(i), bool(r)) for i, r in enumerate(right)]}, range(200), None)
    cost = found.tasks["a"]
    assert cost.low is not None and cost.high is not None
    assert cost.joules_per_correct == pytest.approx(1_000 / right.sum())
    assert cost.low < 1_000 / 50 < cost.high
    assert found.divided == "examples"


def test_what_was_not_measured_is_null_and_never_nought() -> None:
    found = account(unmeasured("no RAPL counters on this machine"), {"a": [outcome("1", True)]}, {0}, [5.0])
    record = asdict(found)
    assert record["joules"] is record["net_joules"] is record["tasks"]["a"]["joules"] is None
    assert record["tasks"]["a"]["joules_per_correct"] is None and record["reason"] == "no RAPL counters on this machine"
    nothing = account(MEASURED, {"a": [outcome("1", True)]}, set(), [5.0])  # all answers came from the cache
    assert nothing.tasks["a"].joules is None and nothing.per(nothing.examples) is None


def test_tokens_of_choices_are_those_that_were_scored() -> None:
    chosen = Outcome(Example("1", {}), (Generate("a", 5),), (Chosen(0, (-1.0, -2.0), (3, 4)),), Judged("a", {}, False))
    found = account(MEASURED, {"a": [chosen]}, {0}, None)
    assert (found.tasks["a"].tokens, found.tasks["a"].joules_per_correct) == (7, None)


def test_rates_of_a_users_file(tmp_path: Path) -> None:
    file = tmp_path / "rates.toml"
    file.write_text(
        '[co2]\ngrams_per_kwh = 380\nyear = 2023\nsource = "grid"\npue = 1.5\n'
        '[price]\ncurrency = "EUR"\ndevice_hour = 2.0\nmillion_tokens = 0.5\ndate = "2026-01-01"\nsource = "offer"\n'
    )
    rates = read_rates(file)
    assert rates.co2 is not None and rates.co2.grams(3.6e6) == pytest.approx(570)
    assert rates.price is not None and rates.price.of(1800, 2_000_000) == pytest.approx(2.0)
    assert rates.price.of(1800, None) is None
    two = Price("EUR", "2026", "x", million_tokens=1.0, million_written=5.0)
    assert two.of(None, 3e6, 1e6) == pytest.approx(7.0) and two.of(None, 3e6) is None
    assert Carbon(380, 2023, "grid").grams(3.6e6) == 380
    assert Price("EUR", "2026", "x", device_hour=1.0).of(3600, None) == 1.0
    file.write_text(PRICE.replace('"2026-01-01"', "2026-01-01") + "device_hour = 1\n")  # a date of TOML's own
    assert (read_rates(file).price or Price("", "", "")).date == "2026-01-01"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[co2]\ngrams_per_kwh = 380\n", "lacks the field year"),
        (
            '[co2]\ngrams_per_kwh = -1\nyear = 2023\nsource = "x"\n',
            "grams_per_kwh = -1 is not a number of grams from 1",
        ),
        ('[co2]\ngrams_per_kwh = 0.38\nyear = 2023\nsource = "x"\n', "grams_per_kwh = 0.38 is not a number of grams"),
        ('[co2]\ngrams_per_kwh = 380\nyear = 20233\nsource = "x"\n', "year = 20233 is not a year from 1990"),
        ('[co2]\ngrams_per_kwh = 380\nyear = 2023\nsource = " "\n', "source is empty"),
        (
            '[co2]\ngrams_per_kwh = 380\nyear = 2023\nsource = "x"\npue = 0.5\n',
            "pue = 0.5 is not a number of at least 1",
        ),
        (PRICE, "needs device_hour or million_tokens"),
        (f"{PRICE}device_hour = 0\n", "device_hour = 0 is not a number above 0"),
        (PRICE.replace("2026-01-01", "lately") + "device_hour = 1\n", "date = 'lately' is not a date such as"),
        (PRICE.replace("EUR", "") + "device_hour = 1\n", "currency is empty"),
        ("[tdp]\nwatts = 100\n", "unknown table 'tdp'"),
        ("", "holds no rates"),
        (PRICE + "million_tokens = 1\nmillion_written = -1\n", "million_written = -1 is not a number above 0"),
    ],
)
def test_rates_that_say_too_little(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "rates.toml").write_text(text)
    with pytest.raises(UsageError, match=reason):
        read_rates(tmp_path / "rates.toml")
