"""One run: its numbers, what was asked of whom, warnings, and the command that makes it again."""

from dataclasses import asdict

import pandas as pd
import streamlit as st

from dashboard import charts, place
from harness.journal import progress
from harness.store import Store
from harness.types import Run


@st.fragment(run_every=2.0)
def live(store: Store, run: Run) -> None:
    """How far a run in progress is, read from its journal every two seconds."""
    journal = store.journals / f"{run.id}.journal"
    if not journal.exists():
        st.text("no journal here: the run ended, or is made on another machine")
        return
    done, total = progress(journal)
    st.progress(min(done / max(total, 1), 1.0), text=f"{done:,} of {total:,} answers")


def warnings(run: Run, numbers: pd.DataFrame) -> None:
    """What keeps a reader from trusting a number."""
    if run.status in ("failed", "interrupted"):
        st.warning(f"This run is {run.status}; its numbers are not there:")
        st.text(run.message or "no reason was stored")
    if numbers.empty:
        return
    whole = numbers[numbers["slice"] == "all"]
    for row in whole[whole["failed"] > 0].drop_duplicates("task").itertuples():
        st.warning(f"`{row.task}`: {row.failed} examples failed and are in no number.")
    for row in whole[whole["n"] < 30].drop_duplicates("task").itertuples():
        st.warning(f"`{row.task}`: only {row.n} examples; the interval is wide.")


def facts(run: Run) -> None:
    """Settings, fingerprint, versions, data."""
    for title, record in (("Settings", run.settings), ("Model", run.fingerprint), ("Versions", run.versions),
                          ("What the core did", run.engine)):  # fmt: skip
        st.subheader(title)
        st.dataframe(pd.DataFrame({"name": list(record), "value": [str(v) for v in record.values()]}), hide_index=True)
    st.subheader("Tasks")
    rows = [
        {"task": t.name, "version": t.version, "n": t.n, "shots": t.shots, "data": t.data_source,
         "sha256": t.data_sha256, "licence": t.card.licence, "limits": t.card.limits}
        for t in run.tasks
    ]  # fmt: skip
    st.dataframe(pd.DataFrame(rows), hide_index=True, placeholder="-")
    st.subheader("Command")
    st.code(run.command or "made from Python, no command was stored", language=None)


st.title("Run")
with place.sentence():
    store = place.store()
    runs = store.runs(limit=200)
    wanted = st.query_params.get("run")
    if wanted and wanted not in [run.id for run in runs]:
        runs = [*runs, store.run(wanted)]
    if not runs:
        place.welcome()
        st.stop()
    run = place.chosen_run(runs)
    if run is None:
        st.stop()
    st.text(f"{run.model}   {run.status}   started {run.started}")
    if run.status == "running":
        live(store, run)
    numbers = pd.DataFrame([asdict(e) for e in store.results(run.id)])
    warnings(run, numbers)
    if not numbers.empty:
        chart = numbers[numbers["slice"] == "all"]
        st.altair_chart(charts.forest(chart.rename(columns={"slice": "part"}), "task", "metric"), width="stretch")
        place.table(numbers, f"run-{run.id}")
    for task in run.tasks if run.status == "finished" else ():
        st.page_link(
            "views/samples.py", label=f"Samples of {task.name}", query_params={"run": run.id, "task": task.name}
        )
    facts(run)
