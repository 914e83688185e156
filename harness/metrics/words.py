"""Numbers and metrics as people read them, the same on the command line, in reports and on pages.

A share is a percentage, an interval has the unit of its value, and a metric has a name, a direction and a line of help.
"""

import math

from harness.metrics.glossary import MEANINGS, NAMES
from harness.types import Estimate, MetricRecord
from harness.visible import interval, number


# ------------------------------------------------------------------------------------------------------------ metrics
def plain_name(metric: str) -> str:
    """What a metric is called in a sentence: "accuracy" for ``acc``; its own name where nothing plainer is known."""
    return NAMES.get(metric, metric.replace("_", " "))


def arrow(record: MetricRecord | None) -> str:
    """Where a metric is better: "↑" high, "↓" low, "→ 50 %" near an ideal."""
    if record is None or record.better == "higher":
        return "↑"
    return "↓" if record.better == "lower" else "" if record.ideal is None else f"→ {brief(record.ideal, record)}"


def ideal_of(record: MetricRecord | None) -> float | None:
    """The ideal of a metric that has one, in the unit in which its values are shown."""
    if record is None or record.better != "ideal" or record.ideal is None:
        return None
    return factor(record)[0] * record.ideal


def help_line(record: MetricRecord) -> str:
    """What a metric counts, and in which direction it is better, in a line."""
    meaning = MEANINGS.get(record.name) or record.limits or record.signature
    better = {"higher": "higher is better", "lower": "lower is better"}.get(record.better)
    better = better or ("" if record.ideal is None else f"the nearer to {value(record.ideal, record)}, the better")
    return "; ".join(part for part in (record.name, meaning, better) if part)


# ------------------------------------------------------------------------------------------------------------ numbers
def factor(record: MetricRecord | None) -> tuple[float, str]:
    """What a value is multiplied by to be shown, and its unit: " %" for shares and stereotype scores, else nothing."""
    if record is None or (record.variant and record.variant.tells in ("change", "test")):
        return 1.0, ""
    if record.interval == "wilson":
        return 100.0 / record.scale, " %"
    if record.bounds == (0.0, 1.0):
        return 100.0, " %"
    if record.better == "ideal" and record.ideal == 50:
        return 1.0, " %"
    return 1.0, ""


def value(x: float | None, record: MetricRecord | None) -> str:
    """``44.3 %`` for a share of .443; "-" where there is none."""
    times, unit = factor(record)
    return "-" if x is None else f"{number(times * x)}{unit}"


def brief(x: float | None, record: MetricRecord | None) -> str:
    """``44 %``: a value where there is little room, with two or three digits."""
    times, unit = factor(record)
    return "-" if x is None else f"{times * x:.0f}{unit}" if unit else f"{x:.3g}"


def ends(e: Estimate, record: MetricRecord | None) -> str:
    """``[33.4, 55.9] %``; "-" where there is none."""
    times, unit = factor(record)
    if e.low is None or e.high is None:
        return "-"
    return f"{interval(times * e.low, times * e.high)}{unit}"


def with_ends(e: Estimate, record: MetricRecord | None) -> str:
    """``44.3 [33.4, 55.9]``: value and interval in the metric's unit, which stands elsewhere."""
    times, _ = factor(record)
    low, high = (None if end is None else times * end for end in (e.low, e.high))
    bounds = interval(low, high)
    return "-" if e.value is None else number(times * e.value) + (f" {bounds}" if bounds != "-" else "")


def short(x: float | None, low: float | None, high: float | None, record: MetricRecord | None) -> str:
    """``65 % ±15``, with as many decimals as the interval deserves; ``100 % (91 to 100)`` where it is lopsided."""
    times, unit = factor(record)
    if x is None or low is None or high is None:
        return value(x, record)
    x, low, high = times * x, times * low, times * high
    half = (high - low) / 2
    places = _places(half)
    if not half:
        return f"{number(x)}{unit} ±0"
    if max(high - x, x - low) > 1.5 * min(high - x, x - low):
        return f"{x:.{places}f}{unit} ({low:.{places}f} to {high:.{places}f})"
    return f"{x:.{places}f}{unit} ±{half:.{places}f}"


def _places(half: float) -> int:
    """Decimals with which half an interval keeps one or two digits that tell something."""
    return min(6, max(0, math.ceil(math.log10(2 / half)))) if half > 0 else 0


def points(x: float | None, record: MetricRecord | None, *, signed: bool = False) -> str:
    """A difference: of percentages in points."""
    times, unit = factor(record)
    if x is None:
        return "-"
    told = f"{times * x:+.3g}" if signed else number(times * x)
    return in_points(told) if unit else told


def in_points(told: str) -> str:
    """``1 point``, ``+2 points``: a difference of percentages that is already in digits."""
    return f"{told} point" if told.lstrip("+-") == "1" else f"{told} points"


def span(low: float | None, high: float | None, record: MetricRecord | None, digits: int = 3) -> str:
    """The interval of a difference: ``-49 to -16``; "-" where there is none."""
    times, _ = factor(record)
    return "-" if low is None or high is None else f"{times * low:+.{digits}g} to {times * high:+.{digits}g}"


def p_value(p: float | None) -> str:
    """``< 0.001``, else three decimals; "-" where nothing was tested."""
    return "-" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


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
