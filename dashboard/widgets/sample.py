"""One sample in full, and one question with the answers of two runs beside each other: all of it as text."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from harness.store.queries.questions import gold_of, outcome
from harness_dashboard.content import samples
from harness_dashboard.widgets import tables
from harness_dashboard.widgets.text import cut, json_text, word_difference

Row = Mapping[str, Any]


def detail(row: Row) -> None:
    """Everything about one sample."""
    cluster, asked = row["cluster"] or "its own", row["prompt_hash"][:16]
    st.text(f"Outcome: {outcome(row)}   cluster: {cluster}   prompt hash: {asked}")
    block("Prompt", row["prompt"])
    block("Answer", row["prediction"])
    gold = gold_of(row)
    block("Gold", gold)
    if row["prediction"] is not None and gold and str(row["prediction"]).split() != gold.split():
        st.subheader("Answer against gold, by words", anchor=False)
        st.caption("[-only in the gold-] and {+only in the answer+}", width="content")
        st.code(cut(word_difference(gold, str(row["prediction"]))), language=None, wrap_lines=True)
    reasons(row, "choices")
    values = {str(k).removeprefix("value."): v for k, v in row.items() if str(k).startswith("value.")}
    if values:
        st.subheader("Values", anchor=False)
        tables.facts(values, "values")
    for name in ("slices", "fields", "requests", "responses"):
        with st.expander(name.capitalize()):
            st.code(cut(json_text(row[name], indent=1)), language=None, wrap_lines=True)


def beside(first: Row, second: Row, titles: tuple[str, str]) -> None:
    """The question once (twice where it was worded otherwise), then what each run made of it, in two columns."""
    block("Prompt", first["prompt"])
    if second["prompt"] != first["prompt"]:
        block(f"Prompt of the {titles[1].lower()}", second["prompt"])
    block("Gold", gold_of(first))
    for column, title, row in zip(st.columns(2), titles, (first, second), strict=True):
        with column:
            st.subheader(title, anchor=False)
            st.text(f"Outcome: {outcome(row)}")
            block("Answer", row["prediction"])
            reasons(row, f"choices of the {title.lower()}")


def reasons(row: Row, name: str) -> None:
    """Where an answer comes from: the choices with their probabilities, or what failed."""
    options = samples.choices(row)
    if not options.empty:
        st.subheader("Choices", anchor=False)
        tables.table(options, name)
    block("Failure", row.get("failure_kind"))
    block("What failed", row.get("failure_message"))


def block(title: str, value: Any) -> None:
    """A titled text, if there is one."""
    if value is None or value == "" or pd.isna(value):
        return
    st.subheader(title, anchor=False)
    st.code(cut(str(value)), language=None, wrap_lines=True)
