"""Numbers as a reader of a report takes them: a share is a percentage, an interval has the unit of its value."""

from harness.types import Estimate, MetricRecord
from harness.visible import interval, number


def factor(record: MetricRecord | None) -> tuple[float, str]:
    """What a value is multiplied by to be shown, and its unit: " %" for shares and stereotype scores, else nothing."""
    if record is None or (record.variant and record.variant.tells in ("change", "test")):
        return 1.0, ""
    if record.interval == "wilson":
        return 100.0 / record.scale, " %"
    if record.better == "ideal" and record.ideal == 50:
        return 1.0, " %"
    return 1.0, ""


def value(x: float | None, record: MetricRecord | None) -> str:
    """``44.3 %`` for a share of .443; "-" where there is none."""
    times, unit = factor(record)
    return "-" if x is None else f"{number(times * x)}{unit}"


def ends(e: Estimate, record: MetricRecord | None) -> str:
    """``[33.4, 55.9] %``; "-" where there is none."""
    times, unit = factor(record)
    if e.low is None or e.high is None:
        return "-"
    return f"{interval(times * e.low, times * e.high)}{unit}"


def points(x: float | None, record: MetricRecord | None, *, signed: bool = False) -> str:
    """A difference: of percentages in points."""
    times, unit = factor(record)
    if x is None:
        return "-"
    return (f"{times * x:+.3g}" if signed else number(times * x)) + (" points" if unit else "")


def percent(share: float | None) -> str:
    """A share in percent."""
    return "-" if share is None else f"{number(100 * share)} %"


def percents(low: float | None, high: float | None) -> str:
    """An interval of shares in percent."""
    return "-" if low is None or high is None else f"{interval(100 * low, 100 * high)} %"


def place(x: float, record: MetricRecord | None) -> float | None:
    """Where a value lies between the least and the largest that its metric can be, from 0 to 1; None without both."""
    low, high = record.bounds if record else (None, None)
    if record and (low is None or high is None) and record.interval == "wilson":
        low, high = 0.0, record.scale
    if low is None or high is None or not low <= x <= high or low != 0:
        return None
    return (x - low) / (high - low)
