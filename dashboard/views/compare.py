"""Two runs, example by example: differences with intervals, what was fixed and what broke."""

import streamlit as st

from dashboard import charts, differences, place, show
from dashboard.text import escaped

st.title("Compare")
with place.sentence():
    left, right = st.columns(2)
    with right:
        second = place.chosen_run("candidate", "Candidate", status="finished")
    with left:  # by default no run is compared with itself
        first = place.chosen_run("baseline", "Baseline", status="finished", last=second.id if second else None)
    if first is None or second is None:
        place.welcome()
        st.stop()
    if first.id == second.id:
        st.info("Two different finished runs are needed to compare; this is one and the same.")
        st.stop()
    st.text(f"{first.model}  ->  {second.model}")
    common = place.ask(differences.common, first.id, second.id)
    if not common:
        st.info("These runs share no task that can be compared.")
        st.stop()
    one, two, three = st.columns([3, 1, 1], vertical_alignment="bottom")
    cheap = place.ask(differences.affordable, first.id, second.id)
    tasks = one.multiselect("Tasks", common, key="only", bind="query-params") or cheap
    slices = two.toggle("Every slice", key="slices", bind="query-params")
    intersect = three.toggle("Only what is equal", key="intersect", bind="query-params", help="As --intersect does.")
    found = place.ask(differences.between, first.id, second.id, tuple(tasks), intersect, slices)
    if len(tasks) < len(common):
        st.caption(f"{len(tasks)} of {len(common)} common tasks are compared; name others above.")
    for task, why in found.refused.items():
        st.error(f"Not compared: {escaped(task)}")
        st.text(why)
    if found.numbers.empty:
        st.info("These runs share no task that can be compared.")
        st.stop()
    st.caption(
        "Candidate minus baseline on the same examples, paired 95 % intervals; p by Holm over all rows shown; "
        "detectable: the smallest true difference found with a power of 80 %; reworded: asked with another prompt."
    )
    show.table(found.numbers, "differences")
    metric = st.selectbox("Metric of the chart", show.metrics_of(found.numbers))
    part = found.numbers[found.numbers["metric"] == metric].head(60)
    part = part.assign(label=part["task"] + part["slice"].map(lambda s: "" if s == "all" else f"  {s}"))
    drawn = part.drop(columns="value", errors="ignore").rename(columns={"difference": "value"})
    words = f"Difference of {metric} on {len(part)} tasks and slices with 95 % intervals; the dashed line is none"
    picture = charts.forest(drawn, "label", "verdict", ideal=0.0)
    show.chart(picture, part.drop(columns="label"), "differences chart", words)
    st.subheader("Examples that flipped", anchor=False)
    if found.flips.empty:
        st.text("no example flipped")
    else:
        st.caption(f"{found.flipped:,} in all; the largest change of log-probability first in each task.")
        picked = show.table(found.flips, "flips", select=True)
        if picked is not None:
            row = found.flips.iloc[picked]
            query = {"run": second.id, "task": str(row["task"]), "example": str(row["example"])}
            st.switch_page("views/samples.py", query_params=query)
