"""Two runs, example by example: differences with intervals, what was fixed and what broke."""

import pandas as pd
import streamlit as st

from dashboard import place, queries

st.title("Compare")
with place.sentence():
    store = place.store()
    runs = store.runs(status="finished", limit=200)
    if len(runs) < 2:
        st.info("Two finished runs are needed to compare; this store has fewer.")
        place.welcome()
        st.stop()
    left, right = st.columns(2)
    with left:
        given = st.query_params.get("candidate", runs[0].id)  # by default no run is compared with itself
        others = sorted(runs, key=lambda run: run.id == given)
        first = place.chosen_run(others, "baseline", "Baseline")
    with right:
        second = place.chosen_run(runs, "candidate", "Candidate")
    if first is None or second is None:
        st.stop()
    st.text(f"{first.model}  ->  {second.model}")
    for task, why in queries.obstacles(first, second).items():
        st.error("Not comparable:")
        st.text(f"{task}: {why}")
    pairs = queries.compare(store, first, second)
    if not pairs:
        st.info("These runs share no task that can be compared.")
    for pair in pairs:
        st.subheader(pair.task)
        if pair.numbers:
            place.table(pd.DataFrame(pair.numbers), f"differences {pair.task}")
        st.dataframe(pd.DataFrame([pair.matrix]), hide_index=True)
        if pair.flips.empty:
            st.text("no example flipped")
        else:
            place.table(
                pair.flips.map(lambda v: queries.cut(v, 300) if isinstance(v, str) else v), f"flips {pair.task}"
            )
