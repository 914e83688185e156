"""Colours that can be told from what lies behind them, and that mean the same in every chart."""

import pandas as pd
import pytest

from harness.marks import BETTER, INK, MARKS, WORSE
from harness_dashboard.content.leaderboard import LIGHT, STRONG
from harness_dashboard.serve import THEME
from harness_dashboard.widgets import charts
from harness_dashboard.widgets.tables import AXIS


def luminance(colour: str | tuple[int, int, int]) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)] if isinstance(colour, str) else colour
    red, green, blue = (c / 12.92 if (c := part / 255) <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str | tuple[int, int, int], other: str | tuple[int, int, int]) -> float:
    """From 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_and_words_stand_out(theme: str) -> None:
    behind = THEME[f"{theme}.backgroundColor"]
    marks = {*charts.PALETTE, charts.LINE, *(mark.colour for mark in MARKS.values())}
    assert {mark: round(contrast(mark, behind), 2) for mark in marks if contrast(mark, behind) < 3} == {}
    words = [THEME[f"{theme}.textColor"], THEME[f"{theme}.linkColor"], AXIS[theme]]
    assert all(contrast(word, behind) >= 4.5 for word in words)


def test_words_on_tints_can_be_read() -> None:
    assert all(contrast(INK, mark.tint) >= 4.5 for mark in MARKS.values())
    assert contrast(INK, LIGHT) >= 4.5 and contrast(INK, STRONG) >= 4.5


@pytest.mark.parametrize(
    "present", [["worse"], ["better"], ["cannot tell", "worse"], ["better", "cannot tell", "worse"]]
)
def test_a_colour_means_the_same_whatever_else_is_drawn(present: list[str]) -> None:
    rows = [{"label": f"t{i}", "series": name, "value": 1.0, "low": 0.0, "high": 2.0, "shown": ""}
            for i, name in enumerate(present)]  # fmt: skip
    scale = charts.forest(pd.DataFrame(rows), "change", ideal=0.0).to_dict()["layer"][1]["encoding"]["color"]["scale"]
    meaning = dict(zip(scale["domain"], scale["range"], strict=True))
    assert meaning.get("worse", WORSE.colour) == WORSE.colour and meaning.get("better", BETTER.colour) == BETTER.colour
