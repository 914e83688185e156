"""Which model is best, and where: models by tasks or groups of tasks; a cell opens the numbers behind it."""

from collections.abc import Iterable

import streamlit as st

from harness.metrics import words
from harness.store.queries.leaderboard import FAILURES, slices
from harness_dashboard import context, session
from harness_dashboard.content import leaderboard
from harness_dashboard.content.leaderboard import Board
from harness_dashboard.widgets import charts, tables
from harness_dashboard.widgets.text import cut, escaped, harmless

NOTE = (
    "Each task's main metric, best models on top by their mean place. A model is ahead only where its whole 95 % "
    "interval is better, among those asked the same (version, data, few-shot examples); bold: it may be the best. "
    f"Above {100 * FAILURES:.0f} % failures (✗) a number has no rank. Pick a cell to see all models on its task."
)


def shown(columns: dict[str, tuple[str, ...]], whole: Board) -> dict[str, object]:
    """The heads of the columns: where better, and what the metric counts."""
    heads: dict[str, object] = {
        "model": st.column_config.TextColumn(pinned=True, width=_width(row.name for row in whole.rows)),
        "place": st.column_config.TextColumn(help="Mean of the best and of the worst rank over all tasks with rivals."),
        "failed": st.column_config.TextColumn(help="Answers to these tasks that failed and are in no number."),
        "tasks": st.column_config.NumberColumn(help="How many of the tasks shown it was asked."),
    }
    for name, tasks in columns.items():
        record = whole.metrics[tasks[0]]
        arrows = {words.arrow(whole.metrics[task]) for task in tasks}
        title = f"{name} {arrows.pop()}" if len(arrows) == 1 else name
        told = f"{len(tasks)} tasks: {', '.join(tasks)}" if len(tasks) > 1 else words.help_line(record)
        heads[name] = st.column_config.TextColumn(cut(title, 40), help=escaped(told, 400))
    return heads


def _width(names: Iterable[str]) -> int:
    """Pixels of a column that shows these names uncut, as far as there is room for them."""
    return min(420, 24 + 8 * max(map(len, names)))


def detail(whole: Board, task: str, model: str) -> None:
    """All models on one task, and what leads on from one of them."""
    record = whole.metrics[task]
    session.heading(f"{task}: {words.plain_name(record.name)} {words.arrow(record)}")
    st.caption(escaped(words.help_line(record), 400))
    rows = leaderboard.on_task(whole, task)
    chosen = next((row for row in rows if row.name == model), rows[0])
    one = chosen.cells[task]
    shown = words.short(one.value, one.low, one.high, record)
    failed = f", {one.failed} failed" * bool(one.failed)
    st.text(f"{cut(chosen.name, 100)}: {shown}, n = {one.n:,}, rank {one.rank}{failed}")
    st.text(cut(leaderboard.best_of(whole, task), 500))
    with st.container(horizontal=True):
        session.link("run", "Open its run", run=one.run)
        session.link("samples", "Its wrong answers", run=one.run, task=task, show="wrong")
        if (first := rows[0].cells[task].run) != one.run:
            session.link("compare", "Compare with the best", run=one.run, baseline=first)
    frame = leaderboard.drawn_task(whole, task)
    best = leaderboard.foremost(frame, one.run)
    alt = f"{record.name} on {task} of {len(best)} models, each with its 95 % interval"
    title = f"{words.plain_name(record.name)}{words.factor(record)[1]}, with its 95 % interval"
    ideal = words.ideal_of(record)
    title += ", dashed: ideal" * (ideal is not None)
    if len(best) < len(frame):
        st.caption(f"The best {len(best)} of {len(frame)}; the data under the picture has all.")
    tables.chart(charts.forest(best, title, ideal=ideal), frame, f"leaderboard {task}", alt)


def matrix(whole: Board, against: str) -> None:
    """The matrix, and under it what the picked cell stands for."""
    grouped = session.ask(leaderboard.groups, list(whole.metrics))
    few = len(whole.metrics) <= leaderboard.WIDE
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with left:
        kinds = (["all tasks", "groups"] if few else ["groups", "all tasks"]) + list(grouped)
        wanted = str(session.select_or_first("columns", kinds, "Columns"))
    with right:
        view = session.part("view", leaderboard.VIEWS, "View")
    single: dict[str, tuple[str, ...]] = {task: (task,) for task in grouped.get(wanted, whole.metrics)}
    columns = grouped if wanted == "groups" else single
    part = leaderboard.asked_any(whole, columns)
    frame = leaderboard.matrix(part, columns, view, against)
    styles = leaderboard.tints(part, columns).reindex(columns=frame.columns, fill_value="")

    def pick(row: int, column: str) -> None:
        tasks = columns.get(column, next(iter(columns.values())))
        opened = {"columns": column} if len(tasks) > 1 else {}
        st.query_params.update(opened | {"cell": tasks[0], "of": part.rows[row].name})

    name, styled = f"matrix {wanted} {view}", harmless(frame).style.apply(lambda _: styles, axis=None)
    height = tables.height_of(len(frame))
    tables.grid(styled, name, pick, mode="single-cell", columns=shown(columns, part), height=height)
    tables.download(lambda: frame, "leaderboard")
    st.caption(NOTE)
    task = st.query_params.get("cell", next(iter(columns.values()))[0])
    if task not in whole.metrics:
        st.text(f"Not found and left out: cell={cut(task, 200)}")
        task = next(iter(columns.values()))[0]
    detail(whole, task, st.query_params.get("of", ""))


with session.page("Leaderboard"):
    here = context.bar(finished=False)
    with st.container(horizontal=True):
        kind = session.part("numbers", ["Main metrics", "All numbers"], "Numbers")
        with st.popover("Filters"):
            parts = session.available("slice", ["all", *session.ask(slices)])
            slice = st.selectbox("Slice", parts, key="slice", bind="query-params") or "all"
            model = (st.text_input("Model contains", key="model", bind="query-params") or "").strip()
    if kind == "All numbers":
        frame = session.ask_slow(leaderboard.everything, slice, model)
        tables.plain(frame, "all numbers", height=600)
        tables.download(lambda: frame, "all numbers")
        st.stop()
    whole = session.ask_slow(leaderboard.board, slice, model)
    if not whole.rows:
        st.info("No number fits these filters.")
        st.stop()
    matrix(whole, here.baseline.id if here.baseline else "")
