"""Is it really better: a sentence, what was told otherwise, differences worst first, and the answers that flipped."""

from collections import Counter

import streamlit as st

from harness.api.sentence import sentence
from harness.metrics.words import factor, plain_name
from harness_dashboard import context, session
from harness_dashboard.content import compare
from harness_dashboard.content.compare import Comparison, Records
from harness_dashboard.widgets import charts, tables
from harness_dashboard.widgets.text import cut, escaped


def differences(comparison: Comparison, records: Records) -> None:
    """The chart of one metric and the table of all."""
    headline = [row.metric for row in comparison.rows if row.family in ("score", "scorer")]
    order = sorted(dict.fromkeys(headline), key=lambda name: -headline.count(name))
    rest = [row.metric for row in comparison.rows if row.metric not in order]
    names = [*order, *dict.fromkeys(rest)]
    plain = Counter(map(plain_name, names))

    def label(name: str) -> str:
        return f"{plain_name(name)} ({name})" if plain[plain_name(name)] > 1 else plain_name(name)

    metric = session.select_or_first("metric", names, "Metric of the chart", label)
    drawn = compare.drawn(comparison.rows, records, str(metric)).head(60)
    alt = f"Difference of {metric} on {len(drawn)} tasks and slices with 95 % intervals; the dashed line is none"
    units = {factor(records.get((row.task, row.metric)))[1] for row in comparison.rows if row.metric == metric}
    title = f"candidate minus baseline{' in points' * any(units)}, with the 95 % interval, dashed: none"
    tables.chart(charts.forest(drawn, title, ideal=0.0), drawn, "differences chart", alt)
    every = st.toggle("Calibration and variants too", key="every", bind="query-params")
    table = compare.numbers(comparison.rows, records, every=every)
    tables.grid(tables.coloured(table.head(tables.ROWS), "verdict"), "differences")
    tables.download(lambda: table, "differences")
    st.caption(
        "Worst first. Paired on the same examples; p by Holm over all rows; detectable: the smallest true difference "
        "found with a power of 80 %; reworded: asked with another prompt."
    )


def by_intervals(told: list[compare.TaskChange]) -> None:
    """What the intervals say of the main metrics, where nothing can be compared example by example."""
    st.header("By the intervals alone", anchor=False)
    table = compare.changes_table(told).drop(columns=["95 % interval", "broken", "fixed"])
    tables.grid(tables.coloured(table, "verdict"), "by intervals")
    tables.download(lambda: table, "by intervals")


def flips(comparison: Comparison) -> None:
    """Fixed and broken answers by task, then the examples."""
    st.header("Answers that flipped", anchor=False)
    strip = compare.strip(comparison.rows)
    if not strip.empty:
        tables.table(strip, "fixed and broken")
    if comparison.flips.empty:
        st.text("No answer flipped.")
        return
    st.caption(
        f"{comparison.flipped:,} in all, the largest change of log-probability first. Pick a row to see both answers."
    )
    flips = comparison.flips

    def pick(row: int) -> None:
        task, example = str(flips["task"].iloc[row]), str(flips["example"].iloc[row])
        session.go("samples", task=task, example=example, show="flipped")

    tables.table(flips, "flips", select=pick)


with session.page("Compare"):
    here = context.bar()
    if here.baseline is None:
        st.info("Two different finished runs are needed to compare.")
        st.stop()
    first, second = here.baseline, here.run
    common = session.ask(compare.common, first.id, second.id)
    if not common:
        st.info("These runs share no task that can be compared.")
        st.stop()
    told = st.container()
    one, two, three = st.columns([3, 1, 1], vertical_alignment="bottom")
    cheap = session.ask(compare.affordable, first.id, second.id)
    tasks = one.multiselect("Tasks", session.available("only", common), key="only", bind="query-params") or cheap
    slices = two.toggle("Every slice", key="slices", bind="query-params")
    intersect = three.toggle("Only what is equal", key="intersect", bind="query-params", help="As --intersect does.")
    comparison = session.ask_slow(compare.between, first.id, second.id, tuple(tasks), intersect, slices)
    with told:
        st.text(cut(sentence((first, second), comparison.rows) or "Nothing here could be tested.", 2000))
        if not (settings := session.ask(compare.settings, first.id, second.id)).empty:
            with st.expander(f"What was told otherwise: {escaped(', '.join(settings['what'][:6]))}"):
                tables.table(settings, "settings")
    if len(tasks) < len(common):
        st.caption(f"{len(tasks)} of {len(common)} common tasks are compared; name others above.")
    if comparison.refused:
        st.warning(f"Not compared: {len(comparison.refused)} of {len(tasks)} tasks.")
        st.text("\n".join(cut(line, 1000) for line in compare.by_reason(comparison.refused)))
    if not comparison.rows:
        by_intervals(session.ask_slow(compare.changes, first.id, second.id))
        st.stop()
    differences(comparison, here.run.metrics())
    flips(comparison)
