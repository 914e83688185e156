"""Charts in colours that colour-blind people can tell apart on light and dark; shape tells what colour tells."""

from typing import Any

import altair as alt
import pandas as pd

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C")
"""Okabe and Ito's colours, with grey for their black, which a dark page would hide."""

Layers = alt.LayerChart | alt.FacetChart
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "triangle-right")
LINE = "#8C8C8C"
ROW = 26
"""Height of a row in pixels."""

AROUND, LEGEND = 90, 60
"""Height of axis and of legend in pixels: Streamlit fits all of a chart into the height that is given."""


def _legend(shown: bool) -> alt.Legend | None:
    return alt.Legend(title=None, orient="top", symbolOpacity=1, symbolStrokeWidth=0) if shown else None


def _paint(column: str, *, legend: bool = True) -> alt.Color:
    return alt.Color(f"{column}:N", scale=alt.Scale(range=list(PALETTE)), legend=_legend(legend))


def _shape(column: str, *, legend: bool = True) -> alt.Shape:
    return alt.Shape(f"{column}:N", scale=alt.Scale(range=list(SHAPES)), legend=_legend(legend))


def forest(frame: pd.DataFrame, label: str, series: str, *, ideal: float | None = None) -> Layers:
    """Intervals as bars with the value as a point; ``frame`` has value, low, high, n and the two columns named.

    A legend is drawn where the series tells something: with several of them, or with an ideal.
    """
    known = frame.dropna(subset=["value"])
    together = max(1, int(known.groupby(label)[series].nunique().max()) if len(known) else 1)
    rows = max(1, known[label].nunique())
    legend = ideal is not None or known[series].nunique() > 1
    y = alt.Y(f"{label}:N", title=None, sort=None, axis=alt.Axis(labelLimit=340, labelOverlap=False))
    where: dict[str, Any] = {"y": y, "color": _paint(series, legend=legend)}
    where |= {"yOffset": alt.YOffset(f"{series}:N")} if together > 1 else {}
    scale = alt.Scale(zero=False, nice=True)
    base = alt.Chart(known).encode(**where)
    x = alt.X("low:Q", title="value with its 95 % interval", scale=scale, axis=alt.Axis(tickCount=8))
    bars = base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q")
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        x=alt.X("value:Q", scale=scale),
        shape=_shape(series, legend=legend),
        tooltip=[label, series, "value", "low", "high", "n"],
    )
    layers = [bars, points]
    if ideal is not None:
        line = alt.Chart(pd.DataFrame({"ideal": [ideal]})).mark_rule(color=LINE, strokeDash=[6, 4], strokeWidth=2)
        layers.insert(0, line.encode(x="ideal:Q"))
    return alt.layer(*layers).properties(height=AROUND + LEGEND * legend + rows * max(ROW, 14 * together))


def reliability(bins: pd.DataFrame) -> Layers:
    """Accuracy against confidence per bin, over the diagonal of a calibrated model; the size tells how many."""
    axis = alt.Scale(domain=[0, 1])
    diagonal = alt.Chart(pd.DataFrame({"x": [0, 1], "y": [0, 1]})).mark_line(color=LINE, strokeDash=[6, 4])
    base = alt.Chart(bins).encode(
        x=alt.X("confidence:Q", title="mean confidence of the bin", scale=axis, axis=alt.Axis(tickCount=10))
    )
    bars = base.mark_rule(color=PALETTE[0], strokeWidth=2).encode(
        y=alt.Y("low:Q", title="accuracy with its 95 % interval", scale=axis), y2="high:Q"
    )
    points = base.mark_point(filled=True, color=PALETTE[0], opacity=1).encode(
        y=alt.Y("accuracy:Q", scale=axis),
        size=alt.Size("n:Q", legend=alt.Legend(title="samples", orient="top")),
        tooltip=["bin", "n", "confidence", "accuracy", "low", "high"],
    )
    return alt.layer(diagonal.encode(x="x:Q", y="y:Q"), bars, points).properties(height=420)


def trend(frame: pd.DataFrame, marks: pd.DataFrame) -> Layers:
    """Values over time with bands of their intervals, one line per series; ``marks`` (started, value, mark) on top."""
    known = frame.dropna(subset=["value"])
    x = alt.X("started:T", title="started (UTC)", scale=alt.Scale(type="utc", padding=40), axis=alt.Axis(tickCount=8))
    scale = alt.Scale(zero=False)
    base = alt.Chart(known).encode(x=x, color=_paint("series"))
    band = base.mark_area(opacity=0.2).encode(y=alt.Y("low:Q", title="value", scale=scale), y2="high:Q")
    ends = base.mark_rule(strokeWidth=1).encode(y="low:Q", y2="high:Q")
    line = base.mark_line().encode(y=alt.Y("value:Q", scale=scale), strokeDash=alt.StrokeDash("series:N", legend=None))
    points = base.mark_point(filled=True, size=60, opacity=1).encode(
        y="value:Q", shape=_shape("series"), tooltip=["run", "series", "started", "value", "low", "high", "n"]
    )
    layers = [band, ends, line, points]
    if not marks.empty:
        words = alt.Chart(marks).mark_text(dy=-14, fontWeight="bold", color=LINE)
        layers.append(words.encode(x=x, y="value:Q", text="mark:N"))
    return alt.layer(*layers).properties(height=380)


def scatter(frame: pd.DataFrame, cost: str, title: str) -> Layers:
    """Quality against cost; an estimated cost is drawn hollow, a measured one filled."""
    known = frame.dropna(subset=["value", cost])
    x = alt.X(f"{cost}:Q", title=title, scale=alt.Scale(zero=False, padding=20), axis=alt.Axis(tickCount=8))
    base = alt.Chart(known).encode(x=x, color=_paint("model"))
    bars = base.mark_rule(strokeWidth=2, opacity=0.6).encode(
        y=alt.Y("low:Q", title="value with its 95 % interval", scale=alt.Scale(zero=False)), y2="high:Q"
    )
    seen = ["run", "model", "value", cost, "kind", "n"]
    filled = base.transform_filter("datum.kind == 'measured'").mark_point(filled=True, size=90, opacity=1)
    hollow = base.transform_filter("datum.kind != 'measured'").mark_point(filled=False, size=90, strokeWidth=2)
    points = [layer.encode(y="value:Q", shape=_shape("model"), tooltip=seen) for layer in (filled, hollow)]
    return alt.layer(bars, *points).properties(height=380)
