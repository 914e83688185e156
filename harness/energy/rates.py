"""What energy and time come to in carbon dioxide and money, from factors that a user gives; none is shipped."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import DataError, UsageError, quoted
from harness.reading.text import read_toml
from harness.reading.typed import built

JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Carbon:
    """Grams of CO2 equivalents for every kWh drawn at a place, of which year and by whom. ``pue``: of the building."""

    grams_per_kwh: float
    year: int
    source: str
    pue: float | None = None

    def grams(self, joules: float) -> float:
        """Location-based emissions of ``joules``; with the building's overhead only where it was given."""
        return joules / JOULES_PER_KWH * self.grams_per_kwh * (1.0 if self.pue is None else self.pue)


@dataclass(frozen=True, slots=True)
class Price:
    """What an hour of the device, or a million tokens computed, costs; at least one of them."""

    currency: str
    date: str
    source: str
    device_hour: float | None = None
    million_tokens: float | None = None

    def of(self, seconds: float | None, tokens: float | None) -> float | None:
        """Seconds of answering and tokens computed in money; None where what is needed is not known."""
        parts = [(self.device_hour, seconds, 3600.0), (self.million_tokens, tokens, 1e6)]
        if any(rate is not None and amount is None for rate, amount, _ in parts):
            return None
        return sum(rate * amount / unit for rate, amount, unit in parts if rate is not None and amount is not None)


@dataclass(frozen=True, slots=True)
class Rates:
    """A user's factors."""

    co2: Carbon | None = None
    price: Price | None = None


def read_rates(path: Path) -> Rates:
    """The tables ``[co2]`` and ``[price]`` of a TOML file.

    Raises UsageError for a file that cannot be read and for a field that is missing, unknown, or no number above 0.
    """
    table: Mapping[str, Any] = read_toml(path, "file of rates")
    for key in table:
        if key not in ("co2", "price"):
            raise UsageError(f"{path}: unknown table {quoted(key)}; valid: co2, price")
    try:
        rates = Rates(
            built(Carbon, table["co2"], f"{path}: co2") if "co2" in table else None,
            built(Price, table["price"], f"{path}: price") if "price" in table else None,
        )
    except DataError as error:
        raise UsageError(str(error)) from error
    if rates.price and rates.price.device_hour is None and rates.price.million_tokens is None:
        raise UsageError(f"{path}: [price] needs device_hour or million_tokens")
    for name, value in _numbers(rates):
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"{path}: {name} = {value} is not a number above 0")
    return rates


def _numbers(rates: Rates) -> list[tuple[str, float | None]]:
    co2, price = rates.co2, rates.price
    return [
        *([("grams_per_kwh", co2.grams_per_kwh), ("pue", co2.pue)] if co2 else []),
        *([("device_hour", price.device_hour), ("million_tokens", price.million_tokens)] if price else []),
    ]
