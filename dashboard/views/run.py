"""One run: can it be trusted, and what stands out."""

import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from harness.answers.journal import progress
from harness.api import report
from harness.errors import HarnessError
from harness.gate.formats import outcome
from harness.metrics import words
from harness.store.queries import gates
from harness.subset import shortfall
from harness.types import Estimate, Run
from harness_dashboard import context, session
from harness_dashboard.content import compare, gate, reliability, samples, trends
from harness_dashboard.content import run as content
from harness_dashboard.content.compare import TaskChange
from harness_dashboard.widgets import charts, tables
from harness_dashboard.widgets.text import cut, escaped

EVERY = 2.0  # seconds between two looks at a run in progress
PARTS = ("Numbers", "Slices", "Calibration", "Robustness", "Facts")
SHARE = st.column_config.ProgressColumn("of 100", format=" ", min_value=0, max_value=100, width="small")


@st.fragment(run_every=EVERY)
def live(run_id: str) -> None:
    """How far a run in progress is, read from its journal; when it ends or is removed the page is drawn anew."""
    try:
        store = session.store()
        run = store.run(run_id)
        journal = store.journals / f"{run_id}.journal"
    except HarnessError:  # the page, drawn anew, says why
        st.rerun()
    if run.status != "running":
        st.rerun()
    try:
        done, total = progress(journal)
    except OSError:
        st.text("No journal here: the run is about to end, or is made on another machine.")
        return
    now = time.monotonic()
    seen = st.session_state.setdefault(f"first look at {run_id}", {"done": done, "at": now})
    st.progress(min(done / max(total, 1), 1.0), text=content.outlook(done, total, seen, now))


def unfinished(run: Run) -> None:
    """What an interrupted or failed run has kept, and how to go on."""
    st.warning(f"This run is {run.status}; its numbers are not there:")
    st.text(cut(run.message) or "no reason was stored")
    try:
        done, total = progress(session.store().journals / f"{run.id}.journal")
    except OSError:
        return
    st.text(f"{done:,} of {total:,} answers are kept. The same command with --resume goes on:")
    command = run.command or f"harness run {run.model} --tasks {','.join(task.name for task in run.tasks)}"
    st.code(cut(command) + " --resume" * ("--resume" not in command), language=None, wrap_lines=True)


def headline(run: Run, told: Sequence[TaskChange]) -> None:
    """Against the baseline, by the last gate, failures."""
    judged = gates.newest(session.store(), [run.id]).get(run.id)
    kinds: list[str] = [one.meaning for one in told]
    with st.container(horizontal=True):
        for kind, name in (("worse", "▼ worse"), ("better", "▲ better"), ("unclear", "● cannot tell")):
            if told:
                st.metric(name, f"{kinds.count(kind)} of {len(told)}", border=True)
        st.metric("Gate", gate.marked(outcome(judged)) if judged else "none", border=True)
        st.metric("Questions", f"{sum(task.n for task in run.tasks):,}", border=True)


def warnings(run: Run, numbers: Sequence[Estimate]) -> None:
    """What keeps a reader from trusting a number."""
    if lost := int(run.engine.get("prompts_cut") or 0):
        st.warning(f"Prompts that were cut from the left to fit the model's context: {lost:,}")
    failed, few = [e for e in numbers if e.failed], [e for e in numbers if e.n < content.FEW]
    if failed:
        kinds = session.ask(samples.failures, run.id, tuple(e.task for e in failed))
        named = ", ".join(f"{e.task} ({kinds.get(e.task, e.failed)})" for e in failed)
        st.warning(f"Examples that failed and are in no number: {escaped(named, 1000)}")
    if few:
        named = ", ".join(f"{e.task} ({e.n})" for e in few)
        st.warning(f"Fewer than {content.FEW} examples, wide intervals: {escaped(named, 1000)}")


def numbers(run: Run, results: Sequence[Estimate], told: Sequence[TaskChange]) -> None:
    """The table of tasks and a forest plot of each unit."""
    lines = session.ask(trends.courses, run.id, run.model)
    table, mains = content.tasks(run, results, told, lines), content.main_numbers(run, results)

    def pick(row: int) -> None:
        session.go("samples", run=run.id, task=str(table["task"].iloc[row]), show="wrong")

    empty = ["against the baseline"] * (not told) + ["course"] * (not lines)
    columns, height = {"share": SHARE, "course": tables.COURSE}, tables.height_of(len(table))
    tables.plain(table.drop(columns=empty), "tasks of the run", pick, columns=columns, height=height)
    tables.download(lambda: content.every_number(run, results), f"run {run.id}")
    st.caption("Each task's main metric, with half its 95 % interval. Pick a row to see its wrong answers.")
    for axis, frame in content.forest(run, mains).items():
        alt = f"{axis} of {len(frame)} tasks with 95 % intervals"
        tables.chart(charts.forest(frame.head(60), f"{axis}, with the 95 % interval"), frame, f"run {axis}", alt)
    with st.expander("All numbers"):
        tables.table(content.every_number(run, results), f"numbers of {run.id}")


def calibration(run: Run) -> None:
    """How sure the model is beside how often it is right: all tasks as a table, one as a diagram."""
    table = session.ask_slow(reliability.all_tasks, run.id)
    if not table.empty:
        tables.table(table, "calibration")
    others = [artifact.task for artifact in session.store().artifacts(run.id)]
    task = session.select("task", list(dict.fromkeys([*table["task"], *others])), "Task", of="This run")
    kind = session.part("bins", list(reliability.KINDS), "Bins")
    answers = session.ask_slow(reliability.calibration, run.id, task, reliability.KINDS[kind]) if task else None
    if answers is None or not answers.n:
        st.info("No answer of this task has the probabilities of several choices: there is nothing to calibrate.")
        return
    st.text(answers.sentence)
    alt = f"Reliability diagram: accuracy against confidence in {len(answers.bins)} bins of {answers.n} answers"
    tables.chart(charts.reliability(answers.bins), answers.bins, "reliability", alt, square=True)
    st.caption(
        "Sure: the probability of the picked choice among all choices. On the dashed line a model is right as often as "
        "it says."
        + f" Left out: {answers.without:,} answers without probabilities or verdict." * bool(answers.without)
        + f" {answers.unread:,} more were not read." * bool(answers.unread)
    )


def robustness(run: Run) -> None:
    """Scores of every variant of a task, and the answers that flipped."""
    changed = session.ask_slow(reliability.varied, run.id)
    if not changed:
        st.info("This run has no perturbed variants of a task. Make some with:")
        command = f"harness run {run.model} --tasks {run.tasks[0].name} --perturb typos,case,spaces"
        st.code(cut(command, 1000), language=None)
        return
    task = str(session.select("task", changed, "Task", of="This run"))
    for metric, part in session.ask(reliability.variants, run.id, task).groupby("metric", sort=False):
        alt = f"{metric} of the original and of {len(part) - 1} variants with 95 % intervals"
        title = f"{words.plain_name(str(metric))}{words.factor(run.metrics().get((task, str(metric))))[1]}"
        tables.chart(charts.forest(part, f"{title}, with its 95 % interval"), part, f"variants {metric}", alt)
    flips = session.ask(reliability.flips, run.id, task)
    if flips.empty:
        return
    st.caption("Answers that are others than to the original wording, among the examples that the variant changes.")
    tables.table(flips, "flips")
    for flipped, label in flips["variant"].items():
        session.link("samples", f"Examples flipped by {label}", run=run.id, task=task, value=str(flipped), low="1")


def facts(here: context.RunContext) -> None:
    """Command, what differs from the baseline, tasks and data, settings, versions, reports."""
    run = here.run
    st.header("Command", anchor=False)
    st.code(cut(run.command) or "made from Python, no command was stored", language=None, wrap_lines=True)
    if here.baseline is not None:
        st.header("What was told otherwise than in the baseline", anchor=False)
        tables.table(session.ask(compare.settings, here.baseline.id, run.id), "settings and baseline")
    st.header("Tasks", anchor=False)
    rows = [
        {"task": t.name, "version": t.version, "n": t.n, "available": t.available, "shots": t.shots,
         "data": t.data_source, "sha256": t.data_sha256, "licence": t.card.licence, "limits": t.card.limits}
        for t in run.tasks
    ]  # fmt: skip
    tables.table(pd.DataFrame(rows), "tasks")
    records = (run.settings, run.fingerprint, run.engine, run.versions)
    for name, record in zip(("Settings", "Model", "What the core did", "Versions"), records, strict=True):
        with st.expander(name):
            tables.facts(dict(record), name)
    if run.status == "finished" and st.toggle("Reports to download", key="reports", bind="query-params"):
        with st.container(horizontal=True):
            for form in ("html", "md", "json"):
                text, file = str(report(run.id, form, store=str(session.store()))), f"{run.id}.{form}"
                st.download_button(f"Report ({form})", text, file, on_click="ignore", key=f"report {form}")


with session.page("Run"):
    here = context.bar(finished=False)
    run = here.run
    tags = ", ".join(session.store().tags().get(run.id, ()))
    st.text(f"{cut(run.model, 1000)}   {run.status}   {content.duration(run)}" + f"   tags: {tags}" * bool(tags))
    if share := shortfall(run):
        st.text(f"asked {share}")
    if run.status == "running":
        live(run.id)
    elif run.status != "finished":
        unfinished(run)
    results = session.store().results(run.id)
    told = session.ask_slow(compare.changes, here.baseline.id, run.id) if here.baseline and results else []
    if results:
        headline(run, told)
        warnings(run, content.main_numbers(run, results))
    topic = session.part("part", PARTS, "Part") if results else "Facts"
    if topic == "Numbers":
        numbers(run, results, told)
    elif topic == "Slices":
        frame = content.slices(run, results)
        if frame.empty:
            st.text("This run has no slices.")
        else:
            tables.table(frame, f"slices of {run.id}")
            st.caption("The worst against its whole task first.")
    elif topic == "Calibration":
        calibration(run)
    elif topic == "Robustness":
        robustness(run)
    else:
        facts(here)
