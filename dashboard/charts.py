"""Charts in a palette that colour-blind people can read; shape tells what colour tells."""

import altair as alt
import pandas as pd

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours."""


def forest(frame: pd.DataFrame, label: str, colour: str) -> alt.LayerChart | alt.FacetChart:
    """Intervals as bars with their value as a point; frame has value, low, high and the two columns named."""
    y = alt.Y(f"{label}:N", title=None, sort=None, axis=alt.Axis(labelLimit=320))
    paint = alt.Color(f"{colour}:N", scale=alt.Scale(range=list(PALETTE)))
    base = alt.Chart(frame.dropna(subset=["value"])).encode(y=y, color=paint, yOffset=f"{colour}:N")
    bars = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="value, 95 % interval"), x2="high:Q")
    points = base.mark_point(filled=True, size=70).encode(
        x="value:Q", shape=f"{colour}:N", tooltip=[label, colour, "value", "low", "high", "n"]
    )
    return alt.layer(bars, points)
