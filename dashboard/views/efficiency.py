"""Quality against time, tokens, memory and energy."""

import streamlit as st

from harness.store.queries.tasks import measured
from harness_dashboard import session
from harness_dashboard.content import efficiency
from harness_dashboard.widgets import charts, tables

st.title("Efficiency")
with session.shown_errors():
    pairs = session.ask(measured)
    if not pairs:
        session.welcome()
        st.stop()
    one, two, three = st.columns(3)
    with one:
        task = session.select("task", list(dict.fromkeys(task for task, _ in pairs)), "Task")
    with two:
        metric = session.select("metric", [m for t, m in pairs if t == task], "Metric", of="This task")
    with three:
        cost = session.select("cost", list(efficiency.COSTS), "Cost", efficiency.COSTS.__getitem__, of="This page")
    if task is None or metric is None or cost is None:
        st.stop()
    frame = session.ask(efficiency.points, task, metric, cost)
    known = frame.dropna(subset=["value", cost])
    if known.empty:
        st.info("No finished run has both a value of this metric and this cost.")
    else:
        st.caption(
            "Filled: measured by the core. Hollow: estimated (time from the clock between start and end, tokens from "
            "those asked). Costs are those of the whole run divided by its examples, so compare runs of like tasks. "
            "Energy is that of this task's examples, and only comparable on one device."
        )
        models = list(dict.fromkeys(known["model"]))[: len(charts.PALETTE)]
        drawn = known[known["model"].isin(models)]
        if len(drawn) < len(known):
            st.caption(f"Drawn: {len(models)} models with the newest runs; the table has all.")
        words = f"{metric} on {task} against {efficiency.COSTS[cost]} of {len(drawn)} runs"
        tables.chart(
            charts.scatter(drawn, cost, efficiency.COSTS[cost]), frame, "efficiency", words, efficiency.RUNS_SHOWN
        )
    unknown = int(frame[cost].isna().sum())
    if unknown:
        st.text(
            f"{unknown} runs have no such cost: nothing was counted (answers made elsewhere, or scripted; no meter)."
        )
