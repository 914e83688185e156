"""How it came about: trends over all tasks of a model family, what gates said, and what quality costs."""

from typing import Any

import pandas as pd
import streamlit as st

from harness.errors import HarnessError
from harness.metrics.words import factor, help_line, plain_name
from harness_dashboard import context, session
from harness_dashboard.content import efficiency, gate, leaderboard, trends
from harness_dashboard.widgets import charts, tables
from harness_dashboard.widgets.text import clock, cut, escaped, family

PARTS = ("Trends", "Gates", "Cost")


def courses(model: str) -> None:
    """All tasks of a family with a small line each, worst last step first; the picked one large."""
    families = session.ask(trends.families)
    own = family(model)
    ordered = sorted(families, key=lambda name: name != own)
    name = session.select("family", ordered, "Model family", lambda name: cut(name, 80), then=("of",))
    frame = session.ask_slow(trends.history, str(name))
    if frame.empty:
        st.info("No finished run of this family has a number.")
        return
    records = session.ask(leaderboard.main_metrics)
    steps = trends.steps(frame, records)
    if steps.empty:
        st.info("No finished run of this family has a number.")
        return

    def pick(row: int) -> None:
        st.query_params["of"] = str(steps["task"].iloc[row])

    height = tables.height_of(len(steps), 10)
    tables.grid(
        tables.coloured(steps, "last step"), "last steps", pick, columns={"course": tables.COURSE}, height=height
    )
    tables.download(lambda: frame, "history")
    st.caption(
        "Each task's main metric, the worst last step first. Better or worse: the intervals of the last two runs that "
        "were asked the same do not meet. A line joins only such runs. Pick a row to see it large."
    )
    task = st.query_params.get("of", "")
    if task not in set(steps["task"]):
        task = str(steps["task"].iloc[0])
    large(frame[frame["task"] == task], task, records)


def large(frame: pd.DataFrame, task: str, records: dict[str, Any]) -> None:
    """One task with baselines and gates named, and its runs."""
    record = records[task]
    session.heading(f"{task}: {plain_name(record.name)}")
    st.caption(escaped(help_line(record), 400))
    alt = f"{record.name} on {task} over {len(frame)} runs with intervals; baselines and gate verdicts are named"
    title = f"{plain_name(record.name)}{factor(record)[1]}"
    tables.chart(charts.trend(frame, trends.marks(frame), title), frame, f"trend {task}", alt)
    runs = frame.iloc[::-1][["started", "shown", "series", "baseline", "gate", "run"]]
    told = runs.assign(started=runs["started"].map(clock)).rename(columns={"started": "started (UTC)"})

    def pick(row: int) -> None:
        session.go("run", run=str(runs["run"].iloc[row]))

    tables.plain(told, f"runs {task}", pick)


def gates() -> None:
    """The history of verdicts, and one of them: its rules in words and the answers behind a violation."""
    history = session.ask(gate.history)
    if history.empty:
        st.info("No gate has judged a run of this store yet. Judge one with:")
        st.code("harness gate gate.toml RUN --baseline NAME", language="bash")
        return

    def pick(row: int) -> None:
        st.query_params["gate"] = str(history["gate"].iloc[row])
        st.query_params.pop("rule", None)

    tables.grid(tables.coloured(history, "outcome"), "gate history", pick)
    tables.download(lambda: history, "gate history")
    if len(history) >= gate.NEWEST:
        st.caption(f"The newest {gate.NEWEST} gates.")
    past = {row["gate"]: row for row in tables.records(history)}
    number = st.query_params.get("gate", next(iter(past)))
    record = session.ask(gate.record, number)
    if record is None or number not in past:
        st.error("This store has no gate of this name:")
        st.text(cut(number, 200))
        return
    verdict(past[number], record)


def verdict(line: dict[str, Any], record: Any) -> None:
    """One gate in a sentence, its rules, and what is behind a violation."""
    rules = gate.rules(record, session.store().run(line["run"]).metrics())
    st.header(f"Gate {line['gate']}: {line['outcome']}", anchor=False)
    st.text(cut(f"run {line['run']}" + (f"   baseline {line['baseline']}" if line["baseline"] else ""), 500))
    with st.container(horizontal=True):
        session.link("run", "Open the run", run=line["run"])
        if line["baseline"]:
            session.link("compare", "Compare with the baseline", run=line["run"], baseline=line["baseline"])
    shown, quiet = gate.grouped(rules)
    for row in tables.records(rules[rules["state"] == "FAIL"].head(5)):
        st.text(cut(f"{row['verdict']}: {row['task']} {row['metric']}: {row['why']}", 500))
    told = shown.drop(columns="rule")
    tables.grid(tables.coloured(told.head(tables.ROWS), "verdict"), "verdicts")
    tables.download(lambda: told, "verdicts")
    for rule in dict.fromkeys(shown["rule"]):
        st.text(cut(f"•  {rule}", 500))
    if quiet:
        st.text(quiet)
    failed = tables.records(rules[rules["state"] == "FAIL"])
    if failed:
        st.subheader("Answers behind a violation", anchor=False)
        about = {  # by number, since several rules may be about one metric
            str(number): f"{number}. {row['task']} {row['metric']}" + f" on {row['slice']}" * (row["slice"] != "all")
            for number, row in enumerate(failed, 1)
        }
        rule = session.select_or_first("rule", list(about), "Violated rule", about.__getitem__)
        examples(line["run"], line["baseline"] or None, failed[int(rule or 1) - 1])


def examples(run: str, baseline: str | None, row: dict[str, Any]) -> None:
    """What a violated rule looks like, answer by answer."""
    try:
        used = baseline if row["baseline"] != "-" else None
        frame = session.ask_slow(gate.failing, run, used, {k: row[k] for k in ("task", "metric", "slice")})
    except HarnessError as error:  # the baseline, or the samples, may be gone
        st.text(cut(str(error), 1000))
        return
    if frame.empty:
        st.text("No single answer is behind this number.")
        return
    st.caption("Right in the baseline and wrong in this run." if used else "Wrong or failed in this run.")

    def pick(picked: int) -> None:
        session.go("samples", run=run, task=str(row["task"]), example=str(frame["example"].iloc[picked]))

    name = f"examples {row['task']} {row['metric']} {row['slice']}"
    tables.table(frame, name, select=pick, most=gate.EXAMPLES)


def cost() -> None:
    """Quality against time, tokens, memory or energy, with the runs that nothing beats in both."""
    records = session.ask(leaderboard.main_metrics)
    left, right = st.columns(2)
    with left:
        task = session.select("on", list(records), "Task")
    with right:
        unit = session.select("cost", list(efficiency.COSTS), "Cost", efficiency.COSTS.__getitem__, of="This page")
    if task is None or unit is None:
        return
    record = records[task]
    frame = session.ask_slow(efficiency.points, task, record, unit)
    known = frame.dropna(subset=["value", unit])
    if known.empty:
        st.info("No finished run has both a value of this metric and this cost.")
    else:
        best = ", ".join(dict.fromkeys(known[known["edge"]]["series"]))
        st.text(cut(f"Nothing beats in both quality and cost: {best}.", 500))
        alt = f"{record.name} on {task} against {efficiency.COSTS[unit]} of {len(known)} runs"
        picture = charts.scatter(known, unit, efficiency.COSTS[unit])
        tables.chart(picture, frame, "cost", alt, most=efficiency.RUNS_SHOWN)
        st.caption(
            "Filled: measured by the core. Hollow: estimated (time from the clock between start and end, tokens from "
            "those asked). Costs are those of the whole run divided by its examples, so compare runs of like tasks. "
            "Energy is that of this task's examples, and only comparable on one device."
        )
    if unknown := list(dict.fromkeys(frame[frame[unit].isna()]["series"])):
        st.text(cut(f"Without this cost: {', '.join(unknown)}: made elsewhere, or scripted, or without a meter.", 1000))


with session.page("History"):
    here = context.bar(finished=False)
    topic = session.part("topic", PARTS, "Part")
    if topic == "Gates":
        gates()
    elif not session.ask(trends.families):
        st.info("No run of this store is finished.")
    elif topic == "Cost":
        cost()
    else:
        courses(here.run.model)
