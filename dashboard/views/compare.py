"""Two runs, example by example: differences with intervals, what was fixed and what broke."""

import streamlit as st

from harness_dashboard import session
from harness_dashboard.content import compare, samples
from harness_dashboard.widgets import charts, sample, tables
from harness_dashboard.widgets.text import CELL, cut, escaped

OLD = ("task", "example")
"""What the address says of two runs, and not of others."""

st.title("Compare")


def side_by_side(first: str, second: str, task: str, example: str) -> None:
    """One question, and what both runs made of it."""
    session.heading(f"{task}, example {cut(example, CELL)}")
    rows = [session.ask(samples.one, run, task, example) for run in (first, second)]
    if rows[0] is None or rows[1] is None:
        st.text("Not both runs have this example.")
        return
    sample.beside(rows[0], rows[1], ("Baseline", "Candidate"))
    for column, run in zip(st.columns(2), (first, second), strict=True):
        query = {"run": run, "task": task, "example": example}
        column.page_link("views/samples.py", label=f"This sample of run {escaped(run)}", query_params=query)


with session.shown_errors():
    left, right = st.columns(2)
    with right:
        second = session.select_run("candidate", "Candidate", status="finished", then=OLD)
    with left:  # by default no run is compared with itself
        last = second.id if second else None
        first = session.select_run("baseline", "Baseline", status="finished", last=last, then=OLD)
    if first is None or second is None:
        session.welcome()
        st.stop()
    if first.id == second.id:
        st.info("Two different finished runs are needed to compare; this is one and the same.")
        st.stop()
    st.text(f"{first.model}  ->  {second.model}")
    common = session.ask(compare.common, first.id, second.id)
    if not common:
        st.info("These runs share no task that can be compared.")
        st.stop()
    one, two, three = st.columns([3, 1, 1], vertical_alignment="bottom")
    cheap = session.ask(compare.affordable, first.id, second.id)
    tasks = one.multiselect("Tasks", session.available("only", common), key="only", bind="query-params") or cheap
    slices = two.toggle("Every slice", key="slices", bind="query-params")
    intersect = three.toggle("Only what is equal", key="intersect", bind="query-params", help="As --intersect does.")
    comparison = session.ask(compare.between, first.id, second.id, tuple(tasks), intersect, slices)
    if len(tasks) < len(common):
        st.caption(f"{len(tasks)} of {len(common)} common tasks are compared; name others above.")
    for task, why in comparison.refused.items():
        st.error(f"Not compared: {escaped(task)}")
        st.text(why)
    if comparison.numbers.empty:
        st.info("These runs share no task that can be compared.")
        st.stop()
    st.caption(
        "Candidate minus baseline on the same examples, paired 95 % intervals; p by Holm over all rows shown; "
        "detectable: the smallest true difference found with a power of 80 %; reworded: asked with another prompt."
    )
    tables.table(comparison.numbers, "differences")
    metric = session.select_or_first(
        "metric", tables.metrics_of(comparison.numbers, tables.secondary(second)), "Metric of the chart"
    )
    part = comparison.numbers[comparison.numbers["metric"] == metric].head(60)
    part = part.assign(label=part["task"] + part["slice"].map(lambda s: "" if s == "all" else f"  {s}"))
    drawn = part.drop(columns="value", errors="ignore").rename(columns={"difference": "value"})
    words = f"Difference of {metric} on {len(part)} tasks and slices with 95 % intervals; the dashed line is none"
    picture = charts.forest(drawn, "label", "verdict", ideal=0.0)
    tables.chart(picture, part.drop(columns="label"), "differences chart", words)
    if not (matrix := compare.matrix(comparison.numbers)).empty:
        st.subheader("Fixed and broken", anchor=False)
        for line in compare.in_words(matrix):
            st.text(line)
        tables.table(matrix, "fixed and broken")
    st.subheader("Examples that flipped", anchor=False)
    if comparison.flips.empty:
        st.text("no example flipped")
    else:
        st.caption(
            f"{comparison.flipped:,} in all; the largest change of log-probability first. "
            + f"The table and its file hold {len(comparison.flips)} of them, some of every task. "
            * (comparison.flipped > len(comparison.flips))
            + "Select a row to see both answers."
        )
        picked = tables.table(comparison.flips, "flips", select=True)
        if picked is not None:
            st.query_params["task"] = str(comparison.flips["task"].iloc[picked])
            st.query_params["example"] = str(comparison.flips["example"].iloc[picked])
    if "task" in st.query_params and "example" in st.query_params:
        side_by_side(first.id, second.id, st.query_params["task"], st.query_params["example"])
