"""Tables and charts: each chart with its data beside it, each table with its download."""

from collections.abc import Callable
from typing import Any, Literal

import altair as alt
import pandas as pd
import streamlit as st

from harness.marks import INK, MARKS, NONE
from harness_dashboard.widgets.text import cut, harmless, spreadsheet

ROWS = 200
"""The most rows that travel to a browser at once, unless it asks for them as it scrolls; a download has all of them."""

AXIS = {"light": "#4A4F57", "dark": "#D5D9DF"}
"""The colour of the words of a chart, by theme."""

COURSE = st.column_config.LineChartColumn(help="The model's runs that were asked the same, from the oldest on.")
"""A column of small lines: a task's values over runs."""

Selection = Literal["single-row", "single-cell"]


def height_of(rows: int, most: int = 16) -> int:
    """Pixels of a table that shows so many rows, as far as ``most``, without scrolling in itself."""
    return 38 + 35 * min(rows, most)


def table(
    frame: pd.DataFrame,
    name: str,
    *,
    whole: Callable[[], pd.DataFrame] | None = None,
    select: Callable[[int], None] | None = None,
    most: int | None = None,
) -> None:
    """A table and its download; missing is shown as "-". ``select`` is called with the number of a row that is picked.

    ``whole`` gives what a download holds if that is more than what is shown; ``most`` is how many rows the frame has
    at most, where there may be more than it holds.
    """
    plain(frame.head(ROWS), name, select)
    download(whole or (lambda: frame), name)
    if len(frame) > ROWS:
        st.caption(f"The first {ROWS} of {len(frame):,} rows; the download has all.")
    if most is not None and len(frame) >= most:
        st.caption(f"The first {most:,} rows; if there are more, neither the table nor the download has them.")


def plain(frame: pd.DataFrame, name: str, select: Callable[[int], None] | None = None, **look: Any) -> None:
    """A table of texts from outside, alone; see ``grid``."""
    grid(harmless(frame), name, select, **look)


def grid(
    frame: Any,
    name: str,
    select: Callable[..., None] | None = None,
    *,
    mode: Selection = "single-row",
    columns: dict[str, Any] | None = None,
    height: int | Literal["auto"] = "auto",
) -> None:
    """A table alone; ``select`` is called when the user picks a row, or with ``mode`` a cell: its row and column."""
    shown: pd.DataFrame = frame if isinstance(frame, pd.DataFrame) else frame.data
    key = f"table {name}" + f" {pd.util.hash_pandas_object(shown.head(ROWS).astype(str)).sum()}" * bool(select)
    numbers: dict[str, Any] = {
        str(c): st.column_config.NumberColumn(format="%.4g") for c in shown.select_dtypes("float").columns
    }

    def picked() -> None:
        selection = st.session_state[key]["selection"]
        picks = selection["cells"] if mode == "single-cell" else [(row,) for row in selection["rows"]]
        if select and picks:
            select(*picks[0])

    options: dict[str, Any] = {"on_select": picked, "selection_mode": mode} if select else {}
    lazy = True if frame is shown and not select else None  # what is coloured or may be picked comes at once
    st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        height=height,
        placeholder="-",
        column_config=(numbers if frame is shown else {}) | (columns or {}),
        alt=cut(f"Table: {name}", 300),
        key=key,
        lazy=lazy,
        **options,
    )


def download(whole: Callable[[], pd.DataFrame], name: str) -> None:
    """All rows as a file."""
    st.download_button(
        "All rows as CSV",
        lambda: spreadsheet(whole()).to_csv(index=False),
        f"{_file(name)}.csv",
        "text/csv",
        key=f"download {name}",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
    )


def coloured(frame: pd.DataFrame, *columns: str) -> Any:
    """A frame whose columns of signed meanings (``▼ worse``) have their tints; what is hollow has none."""
    marks = {mark.sign: mark for mark in MARKS.values() if mark is not NONE}
    tints = {sign: f"background-color: {mark.tint}; color: {INK}" for sign, mark in marks.items()}
    return harmless(frame).style.map(lambda text: tints.get(str(text)[:1], ""), subset=list(columns))


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as mappings."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def chart(
    picture: alt.LayerChart | alt.FacetChart,
    frame: pd.DataFrame,
    name: str,
    alt_text: str,
    *,
    most: int | None = None,
    square: bool = False,
) -> None:
    """A chart, what it shows in words for those who do not see it, and its data as a table with a download."""
    words = AXIS[st.context.theme.type or "light"]
    picture = picture.configure_axis(labelColor=words, titleColor=words, gridOpacity=0.4)
    picture = (
        picture.configure_legend(labelColor=words, titleColor=words)
        .configure_header(labelColor=words)
        .configure_text(color=words)
        .configure_rule(color=words)
    )
    st.altair_chart(picture, width="content" if square else "stretch", alt=cut(alt_text, 500), key=f"chart {name}")
    with st.expander("Data of this chart"):
        table(frame, name, most=most)


def facts(record: dict[str, Any], name: str) -> None:
    """Names and values as a table of two columns."""
    frame = pd.DataFrame({"name": list(record), "value": [_plain(v) for v in record.values()]})
    st.dataframe(harmless(frame), hide_index=True, width="stretch", alt=cut(f"Table: {name}", 300), key=f"facts {name}")


def _plain(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _file(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
