"""What is unsafe, and for whom: probes by models, then one probe by groups, with what it does not show."""

from io import BytesIO
from zipfile import ZipFile

import streamlit as st

from harness.metrics import words
from harness.types import Run
from harness_dashboard import context, session
from harness_dashboard.content import safety
from harness_dashboard.widgets import charts, tables
from harness_dashboard.widgets.text import cut, escaped


def overall(names: list[str], first: list[str]) -> None:
    """Probes by models."""
    table, count = session.ask_slow(safety.matrix, names, first)
    models = [column for column in table.columns if column not in ("probe", "number", "better")]
    heads = {"probe": st.column_config.TextColumn(pinned=True)}
    heads |= {name: st.column_config.TextColumn(cut(name, 40)) for name in models}

    def pick(row: int) -> None:
        st.query_params["probe"] = str(table["probe"].iloc[row])

    tables.grid(tables.coloured(table, *models), "probes by models", pick, columns=heads)
    tables.download(lambda: table, "probes by models")
    st.caption(
        "◆ differs from its ideal, ● the interval holds the ideal, ○ no verdict (under six clusters, or no ideal). "
        "An interval that holds the ideal does not show that there is no bias: look at its width. Pick a row."
        + f" {len(models)} of {count} models, those of the run and its baseline first."
        * (count > len(models))
    )


def harm(first: list[str]) -> None:
    """Harm done beside help denied, on one task that has both."""
    both = session.ask_slow(safety.harm_and_help, first)
    task = session.select("both", list(both), "Harm done and help denied on") if both else None
    if task is None:
        return
    frame, most = both[task], 2 * safety.COLUMNS
    words_of = f"Harmful prompts answered and harmless prompts refused on {task}, by model"
    tables.chart(charts.bars(frame.head(most)), frame, f"harm {task}", words_of)
    if len(frame) > most:
        st.caption(f"{safety.COLUMNS} of {len(frame) // 2} models, those of the run and its baseline first.")


def one(run: Run, name: str) -> None:
    """A probe of the run: for whom it came out worst, by groups, and what it does not show."""
    task, numbers = session.ask(safety.probe, run.id, name)
    session.heading(f"{task.name}, version {task.version}")
    st.text(cut(task.card.measures))
    left, right = st.columns([3, 2])
    with right, st.container(border=True):
        st.markdown("**What this does not show**")
        st.text(cut(task.card.limits))
        st.text(f"Source: {cut(task.card.source, 300)}\nLicence: {cut(task.card.licence, 200)}")
    with left:
        for record in safety.main_numbers(task.metrics):
            own = numbers.get(record.name, [])
            frame = safety.by_group(own, record)
            if frame.empty or frame["value"].isna().all():
                st.text(cut(f"{record.name}: no value", 300))
                continue
            st.subheader(escaped(f"{words.plain_name(record.name)} {words.arrow(record)}"), anchor=False)
            st.caption(escaped(words.help_line(record), 500))
            if sentence := safety.worst(own, record):
                st.text(cut(sentence, 500))
            unit, ideal = words.factor(record)[1], words.ideal_of(record)
            alt = f"{task.name} {record.name}: value and 95 % cluster interval of {len(frame)} groups"
            title = f"{words.plain_name(record.name)}{unit}, with its 95 % interval" + ", dashed: ideal" * (
                ideal is not None
            )
            tables.chart(charts.forest(frame.head(60), title, ideal=ideal), frame, f"{task.name} {record.name}", alt)
    with st.container(horizontal=True):
        session.link("samples", "Its answers", run=run.id, task=name)
        session.link("samples", "Its wrong answers", run=run.id, task=name, show="wrong")
    more(run, name)


def more(run: Run, name: str) -> None:
    """What the bias card says of the probe; it reads every sample, so it waits to be asked for."""
    if not st.toggle("Gaps between groups, swaps, and the bias card as files", key="report", bind="query-params"):
        return
    card = session.ask_slow(safety.report, run.id)
    parts = safety.parts(card, name) if card else {}
    for title, frame in parts.items():
        st.subheader(title, anchor=False)
        tables.table(frame, f"{title} of {name}")
    if not parts:
        st.text("The bias card has no gaps between groups and no swaps of this probe.")
    if files := session.ask(safety.card_files, run.id):
        packed = BytesIO()
        with ZipFile(packed, "w") as folder:
            for file, text in files.items():
                folder.writestr(file, text)
        st.download_button("Bias card (ZIP)", packed.getvalue(), f"bias-{run.id}.zip", "application/zip")


with session.page("Safety and bias"):
    here = context.bar()
    names = session.ask(safety.probes_of)
    if not names:
        st.info("No run of this store has a probe of safety or bias. List them with:")
        st.code("harness list tasks", language="bash")
        st.stop()
    first = [here.run.id, *([here.baseline.id] if here.baseline else [])]
    overall(names, first)
    own = [task.name for task in here.run.tasks if task.name in names]
    worst_first = list(dict.fromkeys(session.ask(safety.of_run, here.run.id, names).get("task", [])))
    wanted = session.select("probe", worst_first or own, "Probe of this run", of="This run")
    if wanted is None:
        st.info("The run in view has no probe; those above are of other runs.")
    else:
        one(here.run, wanted)
    harm(first)
