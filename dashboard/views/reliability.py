"""Is the model as sure as it is right, and does it stay right when the question is worded otherwise?"""

import streamlit as st

from harness.types import Run
from harness_dashboard import session
from harness_dashboard.content import reliability
from harness_dashboard.widgets import charts, tables
from harness_dashboard.widgets.text import escaped

KINDS = {"equal width": "width", "equal mass": "mass"}

st.title("Calibration and robustness")


def diagram(run: Run, task: str) -> None:
    """The reliability diagram of a task of choices."""
    st.subheader("Calibration", anchor=False)
    kind = st.segmented_control(
        "Bins",
        session.available("bins", list(KINDS)),
        default="equal width",
        required=True,
        key="bins",
        bind="query-params",
    )
    answers = session.ask(reliability.calibration, run.id, task, KINDS.get(str(kind), "width"))
    if not answers.n:
        st.info("No answer of this task has the probabilities of several choices: there is nothing to calibrate.")
        return
    st.caption(
        f"{answers.n:,} answers. Confidence: the softmax of the choices' log-probabilities at the choice picked; "
        "on the dashed line a model is right as often as it says."
        + f" Left out: {answers.without:,} without probabilities or verdict." * bool(answers.without)
        + f" {answers.unread:,} more were not read." * bool(answers.unread)
    )
    words = f"Reliability diagram: accuracy against confidence in {len(answers.bins)} bins of {answers.n} answers"
    tables.chart(charts.reliability(answers.bins), answers.bins, "reliability", words)
    tables.table(answers.metrics, "calibration")


def robustness(run: Run, task: str) -> None:
    """Scores per perturbation variant and how many answers flipped, where the run has variants."""
    st.subheader("Robustness", anchor=False)
    numbers = session.ask(reliability.variants, run.id, task)
    if numbers.empty:
        st.info("This run has no perturbed variants of the task. Make some with:")
        st.code(f"harness run {run.model} --tasks {task} --perturb typos,case,spaces", language=None)
        return
    metric = session.select_or_first("metric", tables.metrics_of(numbers), "Metric over variants")
    part = numbers[numbers["metric"] == metric]
    words = f"{metric} of the original and of {len(part) - 1} variants with 95 % intervals"
    tables.chart(charts.forest(part, "variant", "metric"), part, "variants", words)
    flips = session.ask(reliability.flips, run.id, task)
    if flips.empty:
        return
    st.caption("Answers that are others than to the original wording, among the examples that the variant changes.")
    tables.table(flips, "flips")
    for flipped, label in flips["variant"].items():
        query = {"run": run.id, "task": task, "value": str(flipped), "low": "1"}
        st.page_link("views/samples.py", label=escaped(f"Examples flipped by {label}"), query_params=query)


with session.shown_errors():
    chosen = session.select_samples()
    if chosen is None:
        st.stop()
    diagram(*chosen)
    robustness(*chosen)
