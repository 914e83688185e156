"""The questions of a run and what came back, a page at a time; one sample in full."""

import json
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import place, queries
from harness.store import Store
from harness.types import Run


def listing(store: Store, run: Run, task: str) -> None:
    """A page of samples with filters, and a link to each."""
    left, middle, right = st.columns(3)
    state = left.selectbox("Show", ["all", "right", "wrong", "failed"])
    text = middle.text_input("Prompt contains")
    page = right.number_input("Page", min_value=1, value=1)
    frame = queries.samples(store, run.id, task, queries.Filter(state, text), int(page) - 1)
    if frame.empty:
        st.info("No sample fits this filter.")
        return
    place.table(frame, "samples")
    for example in frame["example_id"].head(50):
        query = {"run": run.id, "task": task, "example": str(example)}
        st.page_link("views/samples.py", label=f"Sample {plain(str(example))}", query_params=query)


def plain(text: str) -> str:
    """Letters, digits and dashes of a text: a label is Markdown, and ids come from a dataset."""
    return "".join(c if c.isalnum() or c in "-_. " else " " for c in text[:80])


def detail(row: dict[str, Any]) -> None:
    """Everything about one sample, as text."""
    for name in ("prompt", "prediction", "target", "correct", "failure_kind", "failure_message"):
        value = row.get(name)
        if value is None or pd.isna(value):
            continue
        st.subheader(name.replace("_", " "))
        st.code(queries.cut(str(value)), language=None, wrap_lines=True)
    for name in ("requests", "responses", "fields", "slices"):
        st.subheader(name)
        unfolded = json.dumps(json.loads(row[name] or "null"), indent=1, ensure_ascii=False)
        st.code(queries.cut(unfolded), language=None, wrap_lines=True)


st.title("Samples")
with place.sentence():
    store = place.store()
    wanted = st.query_params.get("run")
    runs = [store.run(wanted)] if wanted else store.runs(status="finished", limit=200)
    if not runs:
        place.welcome()
        st.stop()
    run = place.chosen_run(runs)
    task = place.asked("task", [a.task for a in store.artifacts(run.id)], "Task") if run else None
    if run is None or task is None:
        st.info("This run has no samples to show.")
        st.stop()
    example = st.query_params.get("example")
    if example is None:
        listing(store, run, task)
    elif (found := queries.sample(store, run.id, task, example)) is None:
        st.error("There is no such example in this task:")
        st.text(queries.cut(example, 200))
    else:
        detail(found)
        st.page_link("views/compare.py", label="Compare this run", query_params={"candidate": run.id})
