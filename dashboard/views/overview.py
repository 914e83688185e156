"""What changed, what is unsafe, what needs attention: a run against its baseline, on one page."""

from collections import Counter

import pandas as pd
import streamlit as st

from harness.marks import WORDS, signed
from harness.metrics import words
from harness.store.queries import runs
from harness.visible import short_names
from harness_dashboard import context, session
from harness_dashboard.content import compare, gate, safety, trends
from harness_dashboard.content.compare import TaskChange
from harness_dashboard.context import RunContext
from harness_dashboard.widgets import tables
from harness_dashboard.widgets.text import clock, cut, escaped

TILES = 6


def counts(told: list[TaskChange]) -> None:
    """How many tasks are better, worse or cannot be told."""
    by_meaning: Counter[str] = Counter(one.meaning for one in told)
    kinds = [("worse", "worse"), ("better", "better"), ("unclear", "cannot tell"), ("same", "the same")]
    kinds += [(kind, WORDS[kind]) for kind in ("changed", "untested") if by_meaning[kind]]
    with st.container(horizontal=True):
        for kind, name in kinds:
            st.metric(f"{signed(kind)[0]} {name}", f"{by_meaning[kind]} of {len(told)} tasks", border=True)


def tiles(told: list[TaskChange]) -> None:
    """The tasks that changed most, as numbers with their change."""
    tested = [one for one in told if one.meaning != "untested"]
    if not tested:
        return
    for column, one in zip(st.columns(TILES), tested[:TILES], strict=False):
        label = WORDS.get(one.meaning, one.meaning)
        change = words.points(compare.difference_of(one), one.record, signed=True)
        column.metric(
            escaped(f"{one.task}, {words.plain_name(one.record.name)}", 80),
            words.brief(one.after.value, one.record),
            f"{change} {label}",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=escaped(words.short(one.after.value, one.after.low, one.after.high, one.record)),
        )


def changed(here: RunContext) -> None:
    """What became of every task since the baseline."""
    st.header("What changed", anchor=False)
    if here.baseline is None:
        st.info("There is no other finished run to hold this one against. Name a baseline with:")
        st.code("harness baseline set main RUN", language="bash")
        return
    told = session.ask_slow(compare.changes, here.baseline.id, here.run.id)
    if not told:
        st.info("The run and its baseline share no task.")
        return
    counts(told)
    tiles(told)
    table = compare.changes_table(told)
    if lines := session.ask(trends.courses, here.run.id, here.run.model):
        table.insert(6, "course", [lines.get(task, []) for task in table["task"]])

    def pick(row: int) -> None:
        session.go("compare", only=str(table["task"].iloc[row]))

    tables.grid(tables.coloured(table, "verdict"), "what changed", pick, columns={"course": tables.COURSE})
    tables.download(lambda: table, "what changed")
    st.caption("Worst first. Paired tests after Holm, else the two intervals alone. Pick a row to compare its answers.")


def unsafe(here: RunContext) -> None:
    """The verdicts of the run's probes of safety and bias."""
    st.header("Safety and bias", anchor=False)
    table = session.ask(safety.of_run, here.run.id, session.ask(safety.probes_of))
    if table.empty:
        st.text("This run has no probe of safety or bias.")
        return

    def pick(row: int) -> None:
        session.go("safety", probe=str(table["task"].iloc[row]))

    tables.grid(tables.coloured(table, "verdict"), "safety", pick)
    st.caption("Findings first. Pick a row for groups and answers.")


def attention() -> None:
    """Runs that did not finish, the last gates, the newest runs."""
    lines = session.ask(runs.newest, 12)
    names = short_names(line.model for line in lines)
    open_ones = [line for line in lines if line.status != "finished"]
    left, right = st.columns(2)
    with left:
        st.header("Unfinished and newest runs", anchor=False)
        ordered = [*open_ones, *(line for line in lines if line.status == "finished")]
        rows = [(one.status, names[one.model], one.asked, clock(one.started), one.id) for one in ordered]
        frame = pd.DataFrame(rows, columns=["status", "model", "asked", "started (UTC)", "run"])
        tables.plain(frame, "newest runs", lambda row: session.go("run", run=ordered[row].id))
    with right:
        st.header("Last gates", anchor=False)
        history = session.ask(gate.history)
        if history.empty:
            st.text("No gate has judged a run of this store yet.")
            return
        kept = history.head(12)[["outcome", "model", "at", "violated", "undecided", "hold", "gate", "run", "baseline"]]
        tables.grid(
            tables.coloured(kept, "outcome"),
            "last gates",
            lambda row: session.go("history", topic="Gates", gate=str(kept["gate"].iloc[row])),
        )


with session.page("Overview"):
    here = context.bar(finished=False)
    newest = clock(session.ask(runs.newest, context.NEWEST)[0].started)
    count, models = session.ask(runs.counts)
    store = cut(str(session.store()), 200)
    st.text(f"{store}: {count:,} runs of {models:,} models, the newest of {newest} UTC")
    if here.run.status == "finished":
        changed(here)
        unsafe(here)
    else:
        st.warning(f"The run in view is {here.run.status}.")
        session.link("run", "How far it is, and how to go on")
    attention()
