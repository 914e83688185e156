"""One metric over the runs of a model family."""

import streamlit as st

from harness_dashboard import session
from harness_dashboard.content import trends
from harness_dashboard.widgets import charts, tables
from harness_dashboard.widgets.text import short

st.title("Trends")
with session.shown_errors():
    families = session.ask(trends.families)
    if not families:
        session.welcome()
        st.stop()
    one, two, three = st.columns(3)
    with one:
        name = session.select("family", families, "Model family", short)
    if name is None:
        st.stop()
    pairs = session.ask(trends.measured, name)
    with two:
        tasks = list(dict.fromkeys(task for task, _ in pairs))
        task = session.select("task", tasks, "Task", of="This model family")
    with three:
        metric = session.select("metric", [m for t, m in pairs if t == task], "Metric", of="This task")
    if task is None or metric is None:
        st.stop()
    frame = session.ask(trends.history, name, task, metric)
    if frame["value"].isna().all():
        st.info("No finished run of this family has a value of this metric.")
        st.stop()
    st.caption(
        "A line joins only runs that were asked the same (version, few-shot examples, data). Bands are 95 % intervals "
        "of each run alone; whether two runs differ is on the page Compare."
    )
    words = f"{metric} on {task} over {len(frame)} runs with intervals; baselines and gate verdicts are named"
    marks = trends.marks(frame)
    tables.chart(charts.trend(frame, marks), frame, "trend", words, trends.RUNS_SHOWN)
    if not marks.empty:
        st.subheader("Marked runs", anchor=False)
        tables.table(
            frame.loc[marks.index, ["started", "run", "value", "low", "high", "n", "baseline", "gate"]], "marked runs"
        )
