"""The questions of a run and what came back, a page at a time; one sample in full."""

from functools import partial

import streamlit as st

from harness.store.queries.samples import STATES, SampleFilter
from harness.types import Run
from harness_dashboard import session
from harness_dashboard.content import samples
from harness_dashboard.widgets import sample, tables
from harness_dashboard.widgets.text import cut, escaped

SIZE = 50


def filters(run: Run, task: str) -> SampleFilter:
    """What the user looks for; every part of it is in the address."""
    columns = session.ask(samples.columns_of, run.id, task)
    slices = session.ask(samples.slices_of, run.id, task)
    metrics = [c.removeprefix("value.") for c in columns if c.startswith("value.")]
    one, two, three = st.columns(3)
    state = one.selectbox("Show", session.available("show", list(STATES)), key="show", bind="query-params")
    text = two.text_input("Prompt, answer or gold contains", key="text", bind="query-params")
    part = three.selectbox("Slice", session.available("slice", ["any", *slices]), key="slice", bind="query-params")
    one, two, three = st.columns(3)
    metric = one.selectbox(
        "Value of", session.available("value", ["any metric", *metrics]), key="value", bind="query-params"
    )
    chosen = metric if metric in metrics else ""
    low = two.number_input("at least", value=None, key="low", bind="query-params", disabled=not chosen)
    high = three.number_input("at most", value=None, key="high", bind="query-params", disabled=not chosen)
    return SampleFilter(state or "all", text or "", part if part in slices else "", chosen, low, high)


def listing(run: Run, task: str) -> None:
    """A page of samples with filters, and a link to each."""
    wanted = filters(run, task)
    session.restart_pages("sheet", (run.id, task, wanted))
    page = int(st.number_input("Page", min_value=1, value=1, key="sheet", bind="query-params"))
    sheet = session.ask(samples.page, run.id, task, wanted, page - 1, SIZE)
    if sheet.frame.empty:
        st.info("No sample fits this filter." if page == 1 else f"No sample on page {page} of this filter.")
        return
    first = (page - 1) * SIZE + 1
    st.caption(
        f"Samples {first:,} to {first + len(sheet.frame) - 1:,} of this filter; "
        + ("more follow on the next page. " if sheet.more else "these are the last. ")
        + f"Select a row to open a sample. The download has all that fit, up to {samples.MOST:,}."
    )
    whole = partial(samples.everything, session.store(), run.id, task, wanted)
    picked = tables.table(sheet.frame, "samples", whole=whole, select=True)
    ids = [str(example) for example in sheet.frame["example"]]
    if picked is not None:
        st.switch_page("views/samples.py", query_params={"run": run.id, "task": task, "example": ids[picked]})
    with st.expander("Links to these samples"):
        for example in ids:
            query = {"run": run.id, "task": task, "example": example}
            st.page_link("views/samples.py", label=f"Sample {escaped(example, 80)}", query_params=query)


st.title("Samples")
with session.shown_errors():
    chosen = session.select_samples()
    if chosen is None:
        st.stop()
    run, task = chosen
    example = st.query_params.get("example")
    if example is None:
        listing(run, task)
    else:
        back = {"run": run.id, "task": task}
        st.page_link("views/samples.py", label="All samples of this task", query_params=back)
        if (record := session.ask(samples.one, run.id, task, example)) is None:
            st.error("This task has no example of this name:")
            st.text(cut(example, 200))
            st.stop()
        sample.detail(record)
        st.page_link("views/compare.py", label="Compare this run", query_params={"candidate": run.id})
