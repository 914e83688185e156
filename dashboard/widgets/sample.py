"""One sample in full, with the baseline's answer beside it: all of it as text."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from harness.marks import signed
from harness.store.queries.questions import gold_of, outcome
from harness_dashboard.content import samples
from harness_dashboard.widgets import tables
from harness_dashboard.widgets.text import cut, json_text, word_difference

Row = Mapping[str, Any]
SHARE = {"probability": st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100)}
TAIL = 1_500
"""Characters of a prompt's end that are shown at once: what is asked stands there."""


def detail(row: Row, before: Row | None = None) -> None:
    """Everything about one sample; ``before`` is the same sample of the baseline."""
    cluster, asked = row["cluster"] or "its own", row["prompt_hash"][:16]
    kind, _, why = outcome(row).partition(":")
    st.text(cut(f"{signed(kind)}{f':{why}' if why else ''}   cluster: {cluster}   prompt hash: {asked}", 500))
    prompt = str(row["prompt"] or "")
    block("What was asked" if len(prompt) <= TAIL else "What was asked, the end of it", prompt[-TAIL:])
    if len(prompt) > TAIL:
        with st.expander("The whole prompt"):
            code(prompt)
    gold = gold_of(row)
    left, right = st.columns(2)
    with left:
        block("Answer", row["prediction"])
    with right:
        block("Gold", gold)
    if row["prediction"] is not None and gold and str(row["prediction"]).split() != gold.split():
        with st.expander("Answer (+) against gold (-), by words"):
            st.code(cut(word_difference(gold, str(row["prediction"]))), language=None, wrap_lines=True)
    reasons(row, "choices")
    if before is not None:
        baseline(row, before)
    values = {str(k).removeprefix("value."): v for k, v in row.items() if str(k).startswith("value.")}
    if values:
        with st.expander("Values"):
            tables.facts(values, "values")
    for name in ("slices", "fields", "requests", "responses"):
        with st.expander(name.capitalize()):
            st.code(cut(json_text(row[name], indent=1)), language=None, wrap_lines=True)


def baseline(row: Row, before: Row) -> None:
    """What the baseline made of the same question."""
    kind, _, why = outcome(before).partition(":")
    st.header("In the baseline", anchor=False)
    st.text(
        f"{signed(kind)}{f':{why}' if why else ''}" + "   asked in other words" * (row["prompt"] != before["prompt"])
    )
    code(str(before["prediction"] if before["prediction"] is not None else "-"))
    reasons(before, "choices of the baseline")


def reasons(row: Row, name: str) -> None:
    """Where an answer comes from: the choices with their probabilities, or what failed."""
    options = samples.choices(row)
    if not options.empty:
        tables.grid(options, name, columns=SHARE)
    block("Failure", row.get("failure_kind"))
    block("What failed", row.get("failure_message"))


def block(title: str, value: Any) -> None:
    """A titled text, if there is one."""
    if value is None or value == "" or pd.isna(value):
        return
    st.markdown(f"**{title}**")
    code(str(value))


def code(text: str) -> None:
    """A text from outside as it is, wrapped."""
    st.code(cut(text), language=None, wrap_lines=True)
