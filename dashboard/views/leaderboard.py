"""Models against tasks: value, interval, the ranks a model may have, failures."""

import math

import streamlit as st

from harness.store.queries.leaderboard import LeaderboardFilter, slices
from harness.store.queries.tasks import measured, secondary
from harness_dashboard import session
from harness_dashboard.content import leaderboard
from harness_dashboard.widgets import charts, tables

st.title("Leaderboard")
with session.shown_errors():
    pairs = session.ask(measured)
    if not pairs:
        session.welcome()
        st.stop()
    members = session.ask(leaderboard.groups)
    left, middle, right = st.columns(3)
    chosen = left.multiselect("Groups", session.available("groups", list(members)), key="groups", bind="query-params")
    names = session.available("tasks", sorted({task for task, _ in pairs}))
    tasks = middle.multiselect("Tasks", names, key="tasks", bind="query-params")
    names = session.available("metrics", sorted({metric for _, metric in pairs}))
    metrics = right.multiselect("Metrics", names, key="metrics", bind="query-params")
    left, middle, _ = st.columns(3)
    parts = session.available("part", ["all", *session.ask(slices)])
    part = left.selectbox("Slice", parts, key="part", bind="query-params")
    model = middle.text_input("Model contains", key="model", bind="query-params")
    named = dict.fromkeys([*tasks, *(task for group in chosen for task in members[group])])
    wanted = LeaderboardFilter(tuple(named), tuple(metrics), (model or "").strip(), part)
    session.restart_pages("page", wanted)
    here = session.ask(leaderboard.page, wanted, 0)
    pages = max(1, math.ceil(here[1] / leaderboard.PAGE))
    number = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    board, total = session.ask(leaderboard.page, wanted, number - 1) if number > 1 else here
    if board.empty:
        st.info("No number fits these filters.")
        st.stop()
    st.caption(
        f"{total:,} numbers. A rank range counts a model as ahead only where its whole 95 % interval is better, among "
        "those asked the same (version, data, few-shot examples). Missing is -. Select a row to open its run."
    )
    marked = board.assign(failed=[f"✗ {count:,} failed" if count else "none" for count in board["failed"]])
    picked = tables.table(
        marked, "leaderboard", whole=lambda: leaderboard.everything(session.store(), wanted), select=True
    )
    if picked is not None:
        st.switch_page("views/run.py", query_params={"run": str(board["run"].iloc[picked])})
    st.subheader("One metric over tasks", anchor=False)
    metric = session.select_or_first("metric", tables.metrics_of(board, session.ask(secondary)), "Metric of the chart")
    rows = board[board["metric"] == metric].head(60)
    shots = [f", {count}-shot" if count >= 0 else "" for count in rows["shots"].fillna(-1)]  # none for a whole group
    rows = rows.assign(label=rows["task"] + shots)
    models = list(dict.fromkeys(rows["model"]))[: len(charts.PALETTE)]
    drawn = rows[rows["model"].isin(models)]
    if len(drawn) < (board["metric"] == metric).sum():
        st.caption(f"Drawn: {len(drawn)} numbers of {len(models)} models of this page; filter to see others.")
    words = f"{metric} of {len(models)} models on {drawn['task'].nunique()} tasks, each with its 95 % interval"
    tables.chart(charts.forest(drawn, "label", "model"), drawn, "leaderboard chart", words)
    with st.expander("Links to these runs"):
        for row in board.drop_duplicates("run").head(50).itertuples():
            st.page_link("views/run.py", label=f"Run {row.run}", query_params={"run": str(row.run)})
