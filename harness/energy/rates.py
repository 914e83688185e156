"""What energy and time come to in carbon dioxide and money, from factors that a user gives; none is shipped."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from harness.errors import DataError, UsageError, quoted
from harness.reading.text import read_toml
from harness.reading.typed import built

JOULES_PER_KWH = 3.6e6
DIRTIEST = 3_000
"""Grams of CO2e a kWh that no grid reaches; less than one gram is a number of kilograms."""
FIRST_YEAR = 1990


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
    """What an hour of the device, or a million tokens computed, costs; at least one of them.

    ``million_written``: of tokens that are written, where these cost something else than those that are read.
    """

    currency: str
    date: str
    source: str
    device_hour: float | None = None
    million_tokens: float | None = None
    million_written: float | None = None

    def of(self, seconds: float | None, tokens: float | None, written: float | None = None) -> float | None:
        """Seconds of answering and tokens computed, ``written`` ones among them, in money; None where what is needed is
        not known.
        """
        read = tokens
        if self.million_written is not None and tokens is not None and written is not None:
            read = tokens - written
        parts = [
            (self.device_hour, seconds, 3600.0),
            (self.million_tokens, read, 1e6),
            (self.million_written, written, 1e6),
        ]
        if any(rate is not None and amount is None for rate, amount, _ in parts):
            return None
        return sum(rate * amount / unit for rate, amount, unit in parts if rate is not None and amount is not None)


@dataclass(frozen=True, slots=True)
class Rates:
    """A user's factors."""

    co2: Carbon | None = None
    price: Price | None = None


def read_rates(path: Path) -> Rates:
    """The tables ``[co2]`` and ``[price]`` of a TOML file, at least one of them.

    Raises UsageError for a file that cannot be read, for a field that is missing or unknown, and for a value that none
    can have: a number out of its range, a year or date that is none, an empty text.
    """
    table: Mapping[str, Any] = read_toml(path, "file of rates")
    for key in table:
        if key not in ("co2", "price"):
            raise UsageError(f"{path}: unknown table {quoted(key)}; valid: co2, price")
    if not table:
        raise UsageError(f"{path} holds no rates; valid: a table [co2], a table [price]")
    try:
        rates = Rates(
            built(Carbon, table["co2"], f"{path}: co2") if "co2" in table else None,
            built(Price, _with_plain_date(table["price"]), f"{path}: price") if "price" in table else None,
        )
    except DataError as error:
        raise UsageError(str(error)) from error
    for flaw in (*(_carbon_flaws(rates.co2) if rates.co2 else ()), *(_price_flaws(rates.price) if rates.price else ())):
        raise UsageError(f"{path}: {flaw}")
    return rates


def _with_plain_date(table: Any) -> Any:
    """A table of prices whose date may be one of TOML's own."""
    if isinstance(table, Mapping) and type(table.get("date")) is date:
        return {**table, "date": table["date"].isoformat()}
    return table


def _carbon_flaws(co2: Carbon) -> Iterator[str]:
    """What no factor can be."""
    if not 1 <= co2.grams_per_kwh <= DIRTIEST:
        yield f"grams_per_kwh = {co2.grams_per_kwh} is not a number of grams from 1 to {DIRTIEST:,}"
    if not FIRST_YEAR <= co2.year <= date.today().year:
        yield f"year = {co2.year} is not a year from {FIRST_YEAR} to {date.today().year}"
    if co2.pue is not None and not 1 <= co2.pue < float("inf"):
        yield f"pue = {co2.pue} is not a number of at least 1: a building takes no less than what stands in it"
    if not co2.source.strip():
        yield "[co2] source is empty: say who published the factor"


def _price_flaws(price: Price) -> Iterator[str]:
    """What no price can be."""
    if price.device_hour is None and price.million_tokens is None:
        yield "[price] needs device_hour or million_tokens"
    for name in ("device_hour", "million_tokens", "million_written"):
        value = getattr(price, name)
        if value is not None and not 0 < value < float("inf"):
            yield f"{name} = {value} is not a number above 0"
    for name, text in (("currency", price.currency), ("source", price.source)):
        if not text.strip():
            yield f"[price] {name} is empty"
    try:
        date.fromisoformat(price.date)
    except ValueError:
        yield f"[price] date = {quoted(price.date, 80)} is not a date such as 2026-01-31"
