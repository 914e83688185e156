"""Tables and charts: each chart with its data beside it, each table with its download."""

from collections.abc import Callable, Container
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from harness.types import Run
from harness_dashboard.widgets.text import harmless, spreadsheet

ROWS = 200
"""The most rows that travel to a browser at once; a download has all of them."""


def table(
    frame: pd.DataFrame,
    name: str,
    *,
    whole: Callable[[], pd.DataFrame] | None = None,
    select: bool = False,
    most: int | None = None,
) -> int | None:
    """A table and its download; missing is shown as "-". With ``select`` the number of the row that was picked.

    ``whole`` gives what a download holds if that is more than what is shown; ``most`` is how many rows the frame has
    at most, where there may be more than it holds.
    """
    shown = harmless(frame.head(ROWS))
    key = f"table {name}" + f" {pd.util.hash_pandas_object(shown).sum()}" * select  # picked is a row of this very table
    numbers: dict[str, Any] = {
        str(c): st.column_config.NumberColumn(format="%.4f") for c in frame.select_dtypes("float").columns
    }
    options: dict[str, Any] = {"on_select": "rerun", "selection_mode": "single-row"} if select else {}
    picked = st.dataframe(
        shown,
        hide_index=True,
        width="stretch",
        placeholder="-",
        column_config=numbers,
        alt=f"Table: {name}",
        key=key,
        **options,
    )
    st.download_button(
        "Download CSV",
        lambda: spreadsheet(whole() if whole else frame).to_csv(index=False),
        f"{_file(name)}.csv",
        "text/csv",
        key=f"download {name}",
        on_click="ignore",
    )
    if len(frame) > ROWS:
        st.caption(f"The first {ROWS} of {len(frame):,} rows; the download has all.")
    if most is not None and len(frame) >= most:
        st.caption(f"The first {most:,} rows; if there are more, neither the table nor the download has them.")
    rows = picked["selection"]["rows"] if select else []
    return int(rows[0]) if rows else None


def metrics_of(frame: pd.DataFrame, beside: Container[str] = ()) -> list[str]:
    """Names in the column "metric", the most frequent first; those ``beside`` what a task is about come last."""
    counts = frame["metric"].value_counts(sort=True)
    return sorted(map(str, counts.index), key=lambda name: (name in beside, -int(counts[name])))


def secondary(run: Run) -> frozenset[str]:
    """Metrics of a run that tell of calibration or of changed examples, beside what its tasks are about."""
    return frozenset(metric.name for task in run.tasks for metric in task.metrics if not metric.is_headline)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as mappings."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def chart(
    picture: alt.LayerChart | alt.FacetChart, frame: pd.DataFrame, name: str, alt_text: str, most: int | None = None
) -> None:
    """A chart, what it shows in words for those who do not see it, and its data as a table with a download."""
    st.altair_chart(picture, width="stretch", alt=alt_text, key=f"chart {name}")
    with st.expander("Data of this chart"):
        table(frame, name, most=most)


def facts(record: dict[str, Any], name: str) -> None:
    """Names and values as a table of two columns."""
    frame = pd.DataFrame({"name": list(record), "value": [_plain(v) for v in record.values()]})
    st.dataframe(harmless(frame), hide_index=True, width="stretch", alt=f"Table: {name}", key=f"facts {name}")


def _plain(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _file(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
