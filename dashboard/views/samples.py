"""What was asked and what came back: a list on the left, the picked sample on the right."""

from functools import partial

import streamlit as st

from harness.store.queries.samples import SampleFilter
from harness.types import Run
from harness_dashboard import context, session
from harness_dashboard.content import samples
from harness_dashboard.context import RunContext
from harness_dashboard.widgets import sample, tables
from harness_dashboard.widgets.text import cut

SIZE = 50

WIDTHS = {
    name: st.column_config.TextColumn(width=width)
    for name, width in (("question", 250), ("answer", 110), ("gold", 110))
}
"""Pixels of the list's columns: a long question leaves room for what was said of it."""


def outcomes(here: RunContext, task: str) -> tuple[str, dict[str, str]]:
    """Which outcome the user looks at, with counts; and the examples that flipped against the baseline."""
    counts = dict(session.ask(samples.counts, here.run.id, task))
    flips = session.ask(samples.flipped, here.run.id, here.baseline.id, task) if here.baseline else {}
    counts |= {"flipped": len(flips)} if flips else {}

    def show(kind: str) -> str:
        return f"{kind.capitalize()} {counts[kind]:,}" + " against the baseline" * (kind == "flipped")

    return session.part("show", list(counts), "Outcome", show), flips


def wanted_of(run: Run, task: str, state: str, flips: dict[str, str]) -> SampleFilter:
    """What the user looks for; every part of it is in the address."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    text = left.text_input("Prompt, answer or gold contains", key="text", bind="query-params")
    with right.popover("More filters"):
        columns = session.ask(samples.columns_of, run.id, task)
        slices = session.ask(samples.slices_of, run.id, task)
        metrics = [c.removeprefix("value.") for c in columns if c.startswith("value.")]
        part = st.selectbox("Slice", session.available("slice", ["any", *slices]), key="slice", bind="query-params")
        options = session.available("value", ["any metric", *metrics])
        metric = st.selectbox("Value of", options, key="value", bind="query-params")
        chosen = metric if metric in metrics else ""
        low = st.number_input("at least", value=None, key="low", bind="query-params", disabled=not chosen)
        high = st.number_input("at most", value=None, key="high", bind="query-params", disabled=not chosen)
    ids = tuple(list(flips)[: samples.FLIPPED]) if state == "flipped" else None
    state = "all" if state == "flipped" else state
    return SampleFilter(state, text or "", part if part in slices else "", chosen, low, high, ids)


def listing(run: Run, task: str, wanted: SampleFilter) -> list[str]:
    """A page of the samples that fit; a picked row is in the address. Gives the ids of the page."""
    session.restart_pages("sheet", (run.id, task, wanted))
    total = session.ask(samples.matching, run.id, task, wanted)
    if not total:
        st.info("No sample fits this filter.")
        return []
    pages = -(-total // SIZE)
    number = st.pagination(pages, key="sheet", bind="query-params", max_visible_pages=5) if pages > 1 else 1
    sheet = session.ask_slow(samples.page, run.id, task, wanted, number - 1, SIZE)
    first = (number - 1) * SIZE + 1
    st.caption(f"Samples {first:,} to {first + len(sheet.frame) - 1:,} of {total:,}. Pick a row to see all of it.")
    ids = list(sheet.examples)

    def pick(row: int) -> None:
        st.query_params["example"] = ids[row]

    shown = sheet.frame[["outcome", "question", "answer", "gold", "example"]]
    tables.grid(tables.coloured(shown, "outcome"), "samples", pick, columns=WIDTHS, height=560)
    tables.download(partial(samples.everything, session.store(), run.id, task, wanted), "samples")
    return ids


def steps(ids: list[str], example: str) -> None:
    """Buttons to the samples before and after, with the arrow keys."""
    if example not in ids:
        return
    place = ids.index(example)

    def step(by: int) -> None:
        st.query_params["example"] = ids[place + by]

    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Previous", on_click=step, args=(-1,), disabled=place == 0, shortcut="Left")
        st.button("Next", on_click=step, args=(1,), disabled=place == len(ids) - 1, shortcut="Right")
        st.text(f"#{place + 1} of {len(ids)} on this page")


def one(here: RunContext, task: str, ids: list[str], flips: dict[str, str]) -> None:
    """The picked sample, else the first of the list, with the baseline's answer."""
    example = st.query_params.get("example") or next(iter(ids), None)
    if example is None:
        return
    steps(ids, example)
    if (record := session.ask(samples.one, here.run.id, task, example)) is None:
        st.error("This task has no example of this name:")
        st.text(cut(example, 200))
        return
    if example in flips:
        st.text(f"{flips[example].capitalize()} against the baseline.")
    before = session.ask(samples.before, here.baseline.id, task, example) if here.baseline else None
    sample.detail(record, before)
    session.link("samples", "Link to this sample", run=here.run.id, task=task, example=example)


with session.page("Samples"):
    here = context.bar()
    stored = [artifact.task for artifact in session.store().artifacts(here.run.id)]
    task = session.select("task", stored, "Task", of="This run", then=("example",))
    if task is None:
        st.info("This run has no samples to show.")
        st.stop()
    state, flips = outcomes(here, task)
    wanted = wanted_of(here.run, task, state, flips)
    left, right = st.columns([1, 1], gap="medium")
    with left:
        ids = listing(here.run, task, wanted)
    with right:
        one(here, task, ids, flips)
