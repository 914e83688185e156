"""Tokens that a server counts, and what they cost; one answer without a count makes the price unknown."""

from pathlib import Path
from typing import Any

import pytest

from harness.energy.account import account
from harness.energy.costs import costs
from harness.energy.meter import unmeasured
from harness.energy.rates import read_rates
from harness.engine.elsewhere.http_usage import Usage
from harness.types import Run

RATES = '[price]\ncurrency = "EUR"\nsource = "an offer"\ndate = "2026-01-01"\nmillion_tokens = 2.0\n'


def usage(read: Any, written: Any) -> dict[str, Any]:
    return {"usage": {"prompt_tokens": read, "completion_tokens": written}}


def money(file: Path, rates: str, *answers: dict[str, Any]) -> float | None:
    counts = Usage()
    for answer in answers:
        counts.add(answer)
    file.write_text(rates, encoding="utf-8")
    unmetered = account(unmeasured("a server", "elsewhere", 1.0), {}, [], None)
    run = Run(
        id="r",
        model="openai:m",
        fingerprint={},
        tasks=(),
        settings={},
        versions={},
        command="",
        started="now",
        engine=counts.stats(),
        energy=unmetered,
    )
    found = costs(run, read_rates(file))
    assert found is not None
    return found.money


def test_a_price_counts_what_was_read_and_what_was_written(tmp_path: Path) -> None:
    answers = usage(600_000, 100_000), usage(200_000, 100_000)
    assert money(tmp_path / "r.toml", RATES, *answers) == pytest.approx(2.0)
    dearer = RATES + "million_written = 10.0\n"
    assert money(tmp_path / "r.toml", dearer, *answers) == pytest.approx(1.6 + 2.0)


@pytest.mark.parametrize("odd", [{}, {"usage": None}, usage(None, 3), usage(3, -1), usage(True, 1), usage(2**40, 1)])
def test_one_answer_without_a_count_makes_the_price_unknown(odd: dict[str, Any], tmp_path: Path) -> None:
    assert money(tmp_path / "r.toml", RATES, usage(10, 10), odd) is None
