"""What gates said about runs: the history, every rule in words, and the examples behind a failure."""

from typing import Any

import pandas as pd
import streamlit as st

from harness.errors import HarnessError
from harness.store.queries.runs import newest
from harness_dashboard import session
from harness_dashboard.content import gate
from harness_dashboard.widgets import tables

st.title("Gate")


def examples(run: str, baseline: str | None, row: dict[str, Any]) -> None:
    """What a failed rule looks like, example by example."""
    try:
        used = baseline if pd.notna(row["baseline"]) else None
        frame = session.ask(gate.failing, run, used, {k: row[k] for k in ("task", "metric", "slice")})
    except HarnessError as error:  # the baseline, or the samples, may be gone
        st.text(str(error))
        return
    if frame.empty:
        st.text("no single example is behind this number")
        return
    st.caption("Right in the baseline and wrong in this run." if used else "Wrong or failed in this run.")
    picked = tables.table(
        frame, f"examples {row['task']} {row['metric']} {row['slice']}", select=True, most=gate.EXAMPLES
    )
    if picked is not None:
        query = {"run": run, "task": str(row["task"]), "example": str(frame["example"].iloc[picked])}
        st.switch_page("views/samples.py", query_params=query)


with session.shown_errors():
    history = session.ask(gate.history)
    if history.empty:
        if not session.ask(newest, 1):
            session.welcome()
        else:
            st.info("No gate has judged a run of this store yet. Judge one with:")
            st.code("harness gate gate.toml RUN --baseline NAME", language="bash")
        st.stop()
    st.subheader("History", anchor=False)
    tables.table(history, "gate history", most=gate.NEWEST)
    past = tables.records(history)
    texts = {row["gate"]: f"{row['at']}  {row['outcome']}  {row['model']}  run {row['run']}" for row in past}
    number = session.select("gate", list(texts), "Gate", texts.__getitem__, then=("rule",))
    record = session.ask(gate.record, number) if number else None
    if record is None:
        st.stop()
    rules = gate.rules(record)
    chosen = next(row for row in past if row["gate"] == number)
    st.subheader(f"Outcome: {chosen['outcome']}", anchor=False)
    st.text(f"run {chosen['run']}" + (f"   baseline {chosen['baseline']}" if chosen["baseline"] else ""))
    for rule in dict.fromkeys(rules["rule"]):
        st.text(f"•  {rule}")
    tables.table(rules, "verdicts")
    failed = [row for row in tables.records(rules) if row["verdict"].startswith(gate.MARKS["FAIL"])]
    if failed:
        st.subheader("Examples behind a failure", anchor=False)
        about = [f"{row['task']} {row['metric']}" + f" on {row['slice']}" * (row["slice"] != "all") for row in failed]
        numbers = [str(number) for number in range(1, len(failed) + 1)]
        rule = session.select_or_first("rule", numbers, "Failed rule", lambda number: about[int(number) - 1])
        examples(chosen["run"], chosen["baseline"] or None, failed[int(rule or 1) - 1])
