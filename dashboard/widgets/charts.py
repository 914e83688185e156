"""Charts in colours that colour-blind people can tell apart on light and dark; shape tells what colour tells.

A series of meanings (``harness.marks``) always has their colours and shapes; models have colours by their order.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from harness.marks import MARKS, WORDS
from harness.visible import cut

PALETTE = ("#0072B2", "#C45500", "#008A65", "#B8588F", "#A07000", "#3A86B8", "#7F7F7F")
"""After Okabe and Ito, each with a contrast of at least 3:1 on both themes; grey for their black."""

Layers = alt.LayerChart | alt.FacetChart
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "triangle-right")
LINE = "#7F7F7F"
ROW = 26
"""Height of a row in pixels."""

NAMED = 20
"""The most points of a picture that all have their names beside them."""

STACKED = 3
"""Names of a legend that stand under each other; more of them stand in four columns."""

AROUND, LEGEND = 116, 60
"""Height of axis and of legend in pixels: Streamlit fits all of a chart into the height that is given."""


def _legend(count: int) -> alt.Legend:
    """Few names stand under each other, so that a phone shows them all."""
    columns = 1 if count <= STACKED else 4
    return alt.Legend(title=None, orient="top", symbolOpacity=1, symbolStrokeWidth=0, labelLimit=260, columns=columns)


def _series(values: Sequence[str], *, legend: bool) -> dict[str, Any]:
    """Colour and shape of a column "series": of meanings the fixed ones, of other names one after the other."""
    names = list(dict.fromkeys(values))
    meanings = {WORDS.get(name, name): mark for name, mark in MARKS.items()}
    fixed = all(name in meanings for name in names)
    colours = [meanings[name].colour for name in names] if fixed else list(PALETTE)
    shapes = [meanings[name].shape for name in names] if fixed else list(SHAPES)
    told = _legend(len(names)) if legend else None
    return {
        "color": alt.Color("series:N", scale=alt.Scale(domain=names, range=colours), legend=told),
        "shape": alt.Shape("series:N", scale=alt.Scale(domain=names, range=shapes), legend=told),
    }


def _title(text: str) -> list[str]:
    """A title that Vega takes as it is: it makes expressions of titles, in which these two signs mean something.

    What follows a comma has a line of its own, so that a phone shows it whole.
    """
    return cut(text, 200).replace("\\", "/").replace('"', "'").split(", ", 2)


def forest(frame: pd.DataFrame, title: str, *, ideal: float | None = None) -> Layers:
    """Intervals as bars with the value as a point: ``frame`` has label, series, value, low, high and shown.

    ``shown`` is the number in words. A legend is drawn where the series tells something.
    """
    known = frame.dropna(subset=["value"])
    together = max(1, int(known.groupby("label")["series"].nunique().max()) if len(known) else 1)
    rows = max(1, known["label"].nunique())
    legend = known["series"].nunique() > 1 or ideal is not None
    look = _series(list(known["series"]), legend=legend)
    y = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=340, labelOverlap=False))
    where: dict[str, Any] = {"y": y, "color": look["color"]}
    where |= {"yOffset": alt.YOffset("series:N")} if together > 1 else {}
    scale = alt.Scale(zero=False, nice=True)
    base = alt.Chart(known).encode(**where)
    x = alt.X("low:Q", title=_title(title), scale=scale, axis=alt.Axis(tickCount=8))
    bars = base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q")
    points = base.mark_point(filled=True, size=80, opacity=1).encode(
        x=alt.X("value:Q", scale=scale), shape=look["shape"], tooltip=["label", "series", "shown"]
    )
    layers = [bars, points]
    if ideal is not None:
        line = alt.Chart(pd.DataFrame({"ideal": [ideal]})).mark_rule(color=LINE, strokeDash=[6, 4], strokeWidth=2)
        layers.insert(0, line.encode(x="ideal:Q"))
    return alt.layer(*layers).properties(height=AROUND + LEGEND * legend + rows * max(ROW, 14 * together))


def reliability(bins: pd.DataFrame) -> Layers:
    """Accuracy against confidence per bin in a square, over the diagonal of a calibrated model; sizes tell how many."""
    axis = alt.Scale(domain=[0, 100])
    diagonal = alt.Chart(pd.DataFrame({"x": [0, 100], "y": [0, 100]})).mark_line(color=LINE, strokeDash=[6, 4])
    base = alt.Chart(bins).encode(x=alt.X("confidence:Q", title="how sure the model is, %", scale=axis))
    bars = base.mark_rule(color=PALETTE[0], strokeWidth=2).encode(
        y=alt.Y("low:Q", title="how often it is right, %", scale=axis), y2="high:Q"
    )
    points = base.mark_point(filled=True, color=PALETTE[0], opacity=1).encode(
        y=alt.Y("accuracy:Q", scale=axis),
        size=alt.Size("n:Q", legend=alt.Legend(title="answers", orient="top")),
        tooltip=["shown"],
    )
    return alt.layer(diagonal.encode(x="x:Q", y="y:Q"), bars, points).properties(height=480, width=420)


def trend(frame: pd.DataFrame, marks: pd.DataFrame, title: str) -> Layers:
    """Values over time, or over the steps of a training, with bands of their intervals, one line per series; ``marks``
    (started, step, value, mark) on top."""
    known = frame.dropna(subset=["value"])
    times = alt.Axis(tickCount=8, format="%Y-%m-%d" if _over_days(known) else "%Y-%m-%d %H:%M")
    x = alt.X("started:T", title="started (UTC)", scale=alt.Scale(type="utc", padding=40), axis=times)
    if _by_steps(known):
        x = alt.X("step:Q", title="step", scale=alt.Scale(padding=40), axis=alt.Axis(tickCount=8))
    scale = alt.Scale(zero=False)
    look = _series(list(known["series"]), legend=True)
    base = alt.Chart(known).encode(x=x, color=look["color"])
    band = base.mark_area(opacity=0.2).encode(y=alt.Y("low:Q", title=_title(title), scale=scale), y2="high:Q")
    ends = base.mark_rule(strokeWidth=1).encode(y="low:Q", y2="high:Q")
    line = base.mark_line().encode(y=alt.Y("value:Q", scale=scale))
    points = base.mark_point(filled=True, size=60, opacity=1).encode(
        y="value:Q", shape=look["shape"], tooltip=["run", "series", "started", "step", "shown"]
    )
    layers = [band, ends, line, points]
    if not marks.empty:
        words = alt.Chart(marks).mark_text(dy=-14, fontWeight="bold")
        layers.append(words.encode(x=x, y="value:Q", text="mark:N"))
    return alt.layer(*layers).properties(height=380)


def _over_days(frame: pd.DataFrame) -> bool:
    """Whether the runs were started on so many days that the hours do not matter."""
    days = pd.to_datetime(frame["started"], format="ISO8601", utc=True)
    return bool((days.max() - days.min()).days > 8) if len(days) else False


def _by_steps(frame: pd.DataFrame) -> bool:
    """Whether every number was measured while a model was trained."""
    return not frame.empty and bool(frame["step"].notna().all())


def scatter(frame: pd.DataFrame, cost: str, title: str) -> Layers:
    """Quality against cost with names; an estimated cost is hollow. A line joins what nothing beats in both."""
    known = frame.dropna(subset=["value", cost])
    look = _series(list(known["series"]), legend=False)
    x = alt.X(f"{cost}:Q", title=title, scale=alt.Scale(zero=False, padding=40), axis=alt.Axis(tickCount=8))
    base = alt.Chart(known).encode(x=x, color=look["color"])
    scale = alt.Scale(zero=False)
    bars = base.mark_rule(strokeWidth=2, opacity=0.6).encode(
        y=alt.Y("low:Q", title="value with its 95 % interval", scale=scale), y2="high:Q"
    )
    seen = ["series", "shown", "cost", "kind", "run"]
    layers: list[Any] = [bars]
    for kind, filled in (("measured", True), ("estimated", False)):
        part = known[known["kind"] == kind]
        if not part.empty:
            points = alt.Chart(part).encode(x=x, color=look["color"]).mark_point(filled=filled, size=90, opacity=1)
            layers.append(points.encode(y="value:Q", shape=look["shape"], tooltip=seen))
    edge = alt.Chart(known[known["edge"]]).mark_line(color=LINE, strokeDash=[4, 3]).encode(x=x, y="value:Q")
    few = len(known) <= NAMED  # among many only what nothing beats has its name: others would hide each other
    names = alt.Chart(known if few else known[known["edge"]]).mark_text(align="left", dx=9, dy=-7, limit=160)
    named = names.encode(x=x, y="value:Q", text="series:N")
    return alt.layer(edge, *layers, named).properties(height=420)


def bars(frame: pd.DataFrame) -> Layers:
    """Shares as bars with their intervals, one group of bars for each label: label, series, value, low, high, shown."""
    look = _series(list(frame["series"]), legend=True)
    y = alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=340))
    x = alt.X("value:Q", title="% of prompts, with the 95 % interval", scale=alt.Scale(domain=[0, 100]))
    base = alt.Chart(frame).encode(y=y, yOffset=alt.YOffset("series:N"))
    whole = base.mark_bar(height=14).encode(x=x, color=look["color"], tooltip=["label", "series", "shown"])
    halo = base.mark_rule(strokeWidth=5, color="white", opacity=0.75).encode(x="low:Q", x2="high:Q")
    ends = base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q")  # in the colour of words, seen on a bar too
    rows = frame["label"].nunique()
    return alt.layer(whole, halo, ends).properties(height=AROUND + LEGEND + 44 * rows)
