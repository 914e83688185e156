"""One run: its numbers, what was asked of whom, warnings, and the command that makes it again."""

from collections.abc import Set
from dataclasses import asdict

import pandas as pd
import streamlit as st

from harness.answers.journal import progress
from harness.errors import HarnessError
from harness.subset import shortfall
from harness.types import Run
from harness_dashboard import session
from harness_dashboard.content import samples
from harness_dashboard.widgets import charts, tables
from harness_dashboard.widgets.text import cut, escaped

EVERY = 2.0  # seconds between two looks at a run in progress


@st.fragment(run_every=EVERY)
def live(run_id: str) -> None:
    """How far a run in progress is, read from its journal; when it ends or is removed the page is drawn anew."""
    try:
        store = session.store()
        run = store.run(run_id)
        journal = store.journals / f"{run_id}.journal"
    except HarnessError:  # the page, drawn anew, says why
        st.rerun()
    if run.status != "running":
        st.rerun()
    try:
        done, total = progress(journal)
    except OSError:
        st.text("no journal here: the run is about to end, or is made on another machine")
        return
    st.progress(min(done / max(total, 1), 1.0), text=f"{done:,} of {total:,} answers")


def warnings(run: Run, numbers: pd.DataFrame) -> None:
    """What keeps a reader from trusting a number."""
    if run.status in ("failed", "interrupted"):
        st.warning(f"This run is {run.status}; its numbers are not there:")
        st.text(cut(run.message) or "no reason was stored")
    if lost := int(run.engine.get("prompts_cut") or 0):
        st.warning(f"Prompts that were cut from the left to fit the model's context: {lost:,}")
    if numbers.empty:
        return
    whole = numbers[numbers["slice"] == "all"].drop_duplicates("task")
    failed, few = whole[whole["failed"] > 0], whole[whole["n"] < 30]
    if not failed.empty:
        kinds = session.ask(samples.failures, run.id, tuple(failed["task"]))
        named = ", ".join(f"{row['task']} ({kinds.get(row['task'], row['failed'])})" for row in tables.records(failed))
        st.warning(f"Examples that failed and are in no number: {escaped(named, 1000)}")
    if not few.empty:
        named = ", ".join(f"{row.task} ({row.n})" for row in few.itertuples())
        st.warning(f"Fewer than 30 examples, wide intervals: {escaped(named, 1000)}")


def pictures(numbers: pd.DataFrame, beside: Set[str]) -> None:
    """One metric over the tasks, or over the slices of them."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        metric = session.select_or_first("metric", tables.metrics_of(numbers, beside), "Metric of the chart")
    sliced = right.toggle("With slices", key="sliced", bind="query-params")
    part = numbers[numbers["metric"] == metric]
    part = part if sliced else part[part["slice"] == "all"]
    part = part.assign(label=part["task"] + part["slice"].map(lambda s: "" if s == "all" else f"  {s}")).head(60)
    words = f"{metric} on {part['task'].nunique()} tasks with 95 % intervals"
    tables.chart(charts.forest(part, "label", "metric"), part.drop(columns="label"), "run chart", words)


def facts(run: Run) -> None:
    """Settings, fingerprint, versions, data."""
    tabs = st.tabs(["Tasks", "Settings", "Model", "What the core did", "Versions"])
    rows = [
        {"task": t.name, "version": t.version, "n": t.n, "available": t.available, "shots": t.shots,
         "data": t.data_source, "sha256": t.data_sha256, "licence": t.card.licence, "limits": t.card.limits}
        for t in run.tasks
    ]  # fmt: skip
    with tabs[0]:
        tables.table(pd.DataFrame(rows), "tasks")
    records = (run.settings, run.fingerprint, run.engine, run.versions)
    for tab, name, record in zip(tabs[1:], ("settings", "model", "engine", "versions"), records, strict=True):
        with tab:
            tables.facts(dict(record), name)
    st.subheader("Command", anchor=False)
    st.code(run.command or "made from Python, no command was stored", language=None, wrap_lines=True)


st.title("Run")
with session.shown_errors():
    run = session.select_run()
    if run is None:
        session.welcome()
        st.stop()
    ended = f"   ended {run.finished}" if run.finished else ""
    st.text(f"{cut(run.model, 1000)}   {run.status}   started {run.started}{ended}")
    if part := shortfall(run):
        st.text(f"asked {part}")
    if run.status == "running":
        live(run.id)
    numbers = pd.DataFrame([asdict(e) for e in session.store().results(run.id)])
    warnings(run, numbers)
    if not numbers.empty:
        pictures(numbers, tables.secondary(run))
        st.subheader("All numbers", anchor=False)
        tables.table(numbers, f"run {run.id}")
    if run.status == "finished":
        with st.expander("Samples of its tasks", expanded=len(run.tasks) < 20):
            for task in run.tasks:
                query = {"run": run.id, "task": task.name}
                st.page_link("views/samples.py", label=f"Samples of {escaped(task.name)}", query_params=query)
    facts(run)
