"""The run that all pages are about and the baseline it is held against: chosen once, carried in the address."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from harness.errors import UnknownName, UsageError
from harness.store.queries import runs
from harness.types import Run
from harness.visible import short_names
from harness_dashboard import session
from harness_dashboard.widgets.text import cut, escaped

NEWEST = 500
"""The most runs that a list to choose from has; any other one can be named in the address."""

OF_A_RUN = ("task", "example", "sheet", "probe", "rule")
"""What the address says of one run, and not of others."""

NONE = "none"


@dataclass(frozen=True, slots=True)
class RunContext:
    """The run in view and what it is held against, None where there is nothing to compare with."""

    run: Run
    baseline: Run | None


def bar(*, finished: bool = True) -> RunContext:
    """Let the user choose both. Without a run, or with one that is not finished where it has to be, the page ends."""
    lines = session.ask(runs.newest, NEWEST)
    if not lines:
        session.welcome()
    texts = _texts(lines)
    done = [line.id for line in lines if line.status == "finished"]
    ids = [*done, *(line.id for line in lines if line.status != "finished")]
    left, right = st.columns(2)
    with left:
        chosen = session.select("run", _with_named("run", ids), "Run", lambda run: texts.get(run, run), then=OF_A_RUN)
    run = session.store().run(str(chosen))
    session.name_tab(cut(label(run), 60))
    with right:
        baseline = _baseline(run, done, texts)
    if finished and run.status != "finished":
        st.info(f"This run is {run.status}; what it answered is told on the page Run.")
        session.link("run", "Open the run")
        st.stop()
    return RunContext(run, baseline)


def label(run: Run) -> str:
    """What to call a run among those of the store."""
    return short_names([*session.ask(runs.models), run.model])[run.model]


def _texts(lines: list[runs.RunLine]) -> dict[str, str]:
    """Runs in a line each: model, how it was asked, when, its tags."""
    names = short_names(line.model for line in lines)
    tags = session.store().tags()
    texts = {}
    for line in lines:
        words = [cut(names[line.model], 60), line.asked, line.started[:16].replace("T", " "), *tags.get(line.id, ())]
        texts[line.id] = "  ".join(filter(None, words)) + f"  ({line.status})" * (line.status != "finished")
    counts = Counter(texts.values())  # a browser tells options apart by their texts
    return {run: f"{text}  {run}" if counts[text] > 1 else text for run, text in texts.items()}


def _with_named(name: str, ids: list[str]) -> list[str]:
    """The runs, and the one that the address names in another way: by a tag, a model, the beginning of an id."""
    wanted = st.query_params.get(name)
    if wanted is None or wanted in ids:
        return ids
    try:
        run_id = session.store().run(wanted).id
    except UsageError as error:  # that it is not there is told by the choice, but not which ones begin so
        if not isinstance(error, UnknownName):
            st.text(cut(str(error), 1000))
        return ids
    st.query_params[name] = run_id
    return ids if run_id in ids else [*ids, run_id]


def _standing() -> dict[str, str]:
    """The baselines whose runs are there: one that was removed by force leaves its name behind."""
    store, named = session.store(), {}
    for name in store.baselines():
        with suppress(UsageError):
            named[name] = store.baseline(name)
    return named


def _baseline(run: Run, done: list[str], texts: dict[str, str]) -> Run | None:
    """The baseline: by default the one named main, else another that has a name, else the newest run of its tasks."""
    named = _standing()
    names = sorted((name for name in named if named[name] != run.id), key=lambda name: (name != "main", name))
    alike = session.ask(runs.newest, NEWEST, status="finished", tasks=[task.name for task in run.tasks])
    ids = [*names, *dict.fromkeys(line.id for line in alike if line.id != run.id), NONE]
    ids += [run_id for run_id in done if run_id not in ids and run_id != run.id]
    if st.query_params.get("baseline") == run.id:
        del st.query_params["baseline"]
    ids = _with_named("baseline", ids)
    if (wanted := st.query_params.get("baseline")) is not None and wanted not in ids:
        st.warning(f"There is no baseline of this name any more; another one is taken: {escaped(wanted)}")
        del st.query_params["baseline"]

    def show(name: str) -> str:
        return f"{name}: {texts.get(named[name], named[name])}" if name in named else texts.get(name, name)

    chosen = session.select("baseline", ids, "Against", show, then=("example",))
    return None if chosen in (None, NONE) else session.store().run(named.get(str(chosen), str(chosen)))
