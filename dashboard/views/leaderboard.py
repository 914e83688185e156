"""Models against tasks: value, interval, the ranks a model may have, failures."""

import streamlit as st

from dashboard import charts, place, queries

st.title("Leaderboard")
with place.sentence():
    board = queries.leaderboard(place.store())
    if board.empty:
        place.welcome()
        st.stop()
    tasks = st.multiselect("Tasks", sorted(board["task"].unique()))
    metrics = st.multiselect("Metrics", sorted(board["metric"].unique()))
    shown = board[board["task"].isin(tasks or board["task"]) & board["metric"].isin(metrics or board["metric"])]
    if shown.empty:
        st.info("No number fits these filters.")
        st.stop()
    st.caption("A rank range counts a model as ahead only where its whole 95 % interval is better. Missing is -.")
    place.table(shown, "leaderboard")
    chart = shown.assign(number=shown["task"] + " " + shown["metric"]).head(60)
    st.altair_chart(charts.forest(chart, "number", "model"), width="stretch")
    st.subheader("Runs")
    for row in shown.drop_duplicates("run").head(20).itertuples():
        st.page_link("views/run.py", label=f"Run {row.run}", query_params={"run": str(row.run)})
