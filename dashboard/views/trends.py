"""One metric over the runs of a model family."""

import streamlit as st

from harness_dashboard import charts, place, show, trends
from harness_dashboard.runs import short

st.title("Trends")
with place.sentence():
    families = place.ask(trends.families)
    if not families:
        place.welcome()
        st.stop()
    one, two, three = st.columns(3)
    with one:
        name = place.asked("family", families, "Model family", short)
    if name is None:
        st.stop()
    asked = place.ask(trends.asked_of, name)
    with two:
        tasks = list(dict.fromkeys(task for task, _ in asked))
        task = place.asked("task", tasks, "Task", of="This model family")
    with three:
        metric = place.asked("metric", [m for t, m in asked if t == task], "Metric", of="This task")
    if task is None or metric is None:
        st.stop()
    frame = place.ask(trends.history, name, task, metric)
    if frame["value"].isna().all():
        st.info("No finished run of this family has a value of this metric.")
        st.stop()
    st.caption(
        "A line joins only runs that were asked the same (version, few-shot examples, data). Bands are 95 % intervals "
        "of each run alone; whether two runs differ is on the page Compare."
    )
    words = f"{metric} on {task} over {len(frame)} runs with intervals; baselines and gate verdicts are named"
    marks = trends.marks(frame)
    show.chart(charts.trend(frame, marks), frame, "trend", words, trends.RUNS_SHOWN)
    if not marks.empty:
        st.subheader("Marked runs", anchor=False)
        show.table(frame.loc[marks.index, ["started", "run", "value", "baseline", "gate"]], "marked runs")
