"""Bias probes of one run: forest plots against the ideal, and what the probes do not show."""

import pandas as pd
import streamlit as st

from harness.store.queries.tasks import measured
from harness.types import Run
from harness_dashboard import session
from harness_dashboard.content import bias
from harness_dashboard.widgets import charts, tables
from harness_dashboard.widgets.text import cut, escaped

st.title("Bias card")


def metric_chart(probe: bias.ProbeNumbers, metric: str) -> None:
    """One metric over all examples and every category, with its ideal."""
    frame, ideal = probe.numbers[metric], probe.ideals[metric]
    if frame["value"].isna().all():
        st.text(f"{metric}: no value")
        return
    st.markdown(f"**{escaped(metric)}**" + (f", ideal {ideal:g} (dashed)" if ideal is not None else ""))
    if probe.limits[metric]:
        st.caption(escaped(probe.limits[metric], 500))
    words = f"{probe.task} {metric}: value and 95 % cluster interval of {len(frame)} groups"
    tables.chart(charts.forest(frame.head(60), "slice", "lies", ideal=ideal), frame, f"{probe.task} {metric}", words)


def plain(probe: bias.ProbeNumbers, metric: str) -> pd.DataFrame:
    """The numbers of a metric without an ideal."""
    return probe.numbers[metric].drop(columns="lies").assign(metric=metric)


def scorer(probe: bias.ProbeNumbers) -> None:
    """How often the scorer itself is wrong, where that was stored."""
    rows = [plain(probe, name) for name in probe.numbers if name in probe.of_scorer]
    if rows:
        st.markdown("**The scorer's own errors**")
        tables.table(pd.concat(rows), f"scorer of {probe.task}")


def report(run: Run, task: str) -> None:
    """What the bias report says of the probe; it reads every sample, so it waits to be asked for."""
    card = session.ask(bias.report, run.id)
    parts = bias.parts(card, task) if card else {}
    if not parts:
        st.text("the bias report has nothing on this probe")
    for title, frame in parts.items():
        st.subheader(title, anchor=False)
        tables.table(frame, f"{title} of {task}")
    for note in card["notes"] if card else ():
        st.caption(escaped(note, 1000))


with session.shown_errors():
    names = session.ask(bias.probes_of)
    run = session.select_run(status="finished", tasks=names) if names else None
    if run is None:
        if not session.ask(measured):
            session.welcome()
        else:
            st.info("No run of this store has a bias probe (a task tagged bias). List them with:")
            st.code("harness list tasks", language="bash")
        st.stop()
    probes = session.ask(bias.card, run.id)
    if not probes:
        st.info("This run has no bias probe; the runs to choose from do.")
        st.stop()
    st.text(f"{run.model}   run {run.id}")
    wanted = session.select("probe", [probe.task for probe in probes], "Probe", of="This run")
    for probe in (one for one in probes if one.task == wanted):
        session.heading(f"{probe.task}, version {probe.version}")
        st.text(cut(probe.card.measures))
        with st.container(border=True):
            st.markdown("**What this does not show:**")
            st.text(cut(probe.card.limits))
        scorer(probe)
        own = [name for name in probe.numbers if name not in probe.of_scorer]
        ideal = [name for name in own if probe.ideals[name] is not None] or own
        for metric in ideal:
            metric_chart(probe, metric)
        if others := [plain(probe, name) for name in own if name not in ideal]:
            st.subheader("Its other numbers", anchor=False)
            tables.table(pd.concat(others), f"others of {probe.task}")
        if st.toggle("Verdicts, gaps between groups and swaps", key="report", bind="query-params"):
            report(run, probe.task)
        st.caption(
            "Intervals count clusters (templates, pairs, passages), not single sentences. An interval that holds the "
            "ideal does not show that there is no bias: look at its width."
        )
        st.text(f"Source: {cut(probe.card.source, 300)}   Licence: {cut(probe.card.licence, 200)}")
