"""The store that the pages read, the address they live at, and a sentence instead of a stack trace."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import streamlit as st

from harness.errors import HarnessError, StoreError, UnknownName, UsageError
from harness.store import Store, open_store
from harness.store.places import places
from harness.store.queries import runs
from harness.types import Run
from harness_dashboard.widgets.text import cut, escaped, short

NEWEST = 500
"""The most runs that a list to choose from has; any other one can be named in the address."""

FIRST_RUN = "harness run scripted:oracle --tasks glue/sst2 --limit 20"

CHANGED = "a choice that others depend on was changed in this run of the page"

P = ParamSpec("P")
R = TypeVar("R")


@st.cache_resource(show_spinner=False, max_entries=4)
def _opened(url: str, inode: int) -> Store:
    return open_store(url, create=False)


def _key() -> tuple[str, int]:
    """The store's URL and, for a file, which file it is: one that was replaced is opened anew."""
    url = places(None).catalogue
    if url.get_backend_name() != "sqlite":
        return url.render_as_string(hide_password=False), 0
    path = Path(url.database or "")
    try:
        return url.render_as_string(hide_password=False), path.stat().st_ino
    except OSError as error:
        raise StoreError(f"there is no store at {path}") from error


def store() -> Store:
    """The store named by HARNESS_STORE. Raises StoreError in one line when it is not there, broken or newer."""
    return _opened(*_key())


@st.cache_data(show_spinner="Reading the store ...", max_entries=64, ttl=3600)
def _answered(key: tuple[str, int], stamp: str, name: str, _query: Callable[..., Any], arguments: Any) -> Any:
    return _query(_opened(*key), *arguments[0], **arguments[1])


def ask(query: Callable[Concatenate[Store, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The answer of a query over the store, remembered until a run, verdict, baseline or tag comes or goes."""
    key, name = _key(), f"{query.__module__}.{query.__qualname__}"
    answer: R = _answered(key, runs.stamp(_opened(*key)), name, query, (args, kwargs))
    return answer


@contextmanager
def shown_errors() -> Iterator[None]:
    """Show an error that a user may act on as one sentence."""
    st.session_state[CHANGED] = False
    try:
        yield
    except HarnessError as error:
        st.error("This cannot be shown:")
        st.text(cut(str(error), 1000))


def welcome() -> None:
    """What an empty store shows."""
    st.info("This store has no runs yet. Make the first one with:")
    st.code(FIRST_RUN, language="bash")


def heading(text: str) -> None:
    """A heading of a name that comes from outside: Streamlit's headings are Markdown, names are not."""
    st.subheader(escaped(text), anchor=False)


# A name that is bound to a widget somewhere (``bind="query-params"``) cannot be one of these: a session keeps bindings.
def select(
    name: str,
    options: Sequence[str],
    label: str,
    show: Callable[[str], str] = str,
    *,
    of: str = "This store",
    then: Sequence[str] = (),
) -> str | None:
    """A choice that lives in the address as ``name``; None where there is nothing to choose.

    When the user chooses another one, the address forgets the names ``then``, and later choices that the new one does
    not have. Where the address names something else that ``of`` does not have, the page says so and ends here: the
    user goes on by choosing.
    """
    if not options:
        return None
    wanted = st.query_params.get(name)
    if wanted not in options and st.session_state[CHANGED]:
        wanted = None
    index = 0 if wanted is None else options.index(wanted) if wanted in options else None
    chosen = st.selectbox(label, options, index=index, format_func=show)
    if chosen is None:
        st.error(f"{of} has no {label.lower()} of this name:")
        st.text(cut(str(wanted), 200))
        st.stop()
    if wanted is not None and chosen != wanted:
        st.session_state[CHANGED] = True
        for child in then:
            st.query_params.pop(child, None)
    st.query_params[name] = chosen
    return chosen


def select_or_first(name: str, options: Sequence[str], label: str, show: Callable[[str], str] = str) -> str | None:
    """Like ``select``, for filtered options: an unknown value is reported and dropped, the first option is taken."""
    if st.query_params.get(name) not in (None, *options):
        if not st.session_state[CHANGED]:
            available(name, options)
        del st.query_params[name]
    return select(name, options, label, show)


def available(name: str, options: Sequence[str]) -> Sequence[str]:
    """The options of a filter that is bound to the address as ``name``; whatever else the address names is reported."""
    lost = [value for value in st.query_params.get_all(name) if value not in options]
    if lost:
        st.text(f"Not found and left out: {name}={cut(', '.join(lost), 200)}")
        if name in st.session_state:  # chosen among other options: it goes from the widget and the address too
            chosen = st.session_state[name]
            if isinstance(chosen, list):
                st.session_state[name] = [value for value in chosen if value in options]
            elif chosen not in options:
                st.session_state[name] = options[0]
    return options


def restart_pages(page: str, about: object) -> None:
    """Turn the number that is bound to the address as ``page`` back to 1 when it counts pages of something else."""
    key = f"what {page} counts"
    if st.session_state.get(key, about) != about:
        st.session_state[page] = 1
    st.session_state[key] = about


def _text(line: runs.RunLine) -> str:
    return f"{short(line.model)}  {line.started[:16].replace('T', ' ')}  {line.status}  {line.id}"


def select_run(
    name: str = "run",
    label: str = "Run",
    *,
    status: str | None = None,
    tasks: Sequence[str] | None = None,
    last: str | None = None,
    then: Sequence[str] = (),
) -> Run | None:
    """The run that the address names (an id, a tag, ``latest``, a model); the newest where it names none.

    ``last`` is offered last, ``then`` are the names that depend on it. None where there is no run.
    """
    texts = {line.id: _text(line) for line in ask(runs.newest, NEWEST, status=status, tasks=tasks)}
    ids = sorted(texts, key=lambda run: run == last)
    wanted = st.query_params.get(name)
    if wanted is not None and wanted not in texts:
        try:
            run_id = store().run(wanted).id
            ids.append(run_id)
            st.query_params[name] = run_id
        except UsageError as error:  # that it is not there (any more) is told below, but not which ones begin so
            if not isinstance(error, UnknownName):
                st.text(cut(str(error), 1000))
    chosen = select(name, ids, label, lambda run: texts.get(run, run), then=then)
    return store().run(chosen) if chosen else None


def select_samples(tasks: Sequence[str] | None = None) -> tuple[Run, str] | None:
    """A finished run and one of its tasks (of ``tasks``), both in the address; None, having said why, for none."""
    left, right = st.columns(2)
    with left:
        run = select_run(status="finished", tasks=tasks, then=("example",))
    if run is None:
        welcome()
        return None
    with right:
        stored = [artifact.task for artifact in store().artifacts(run.id)]
        possible = [name for name in stored if tasks is None or name in tasks]
        task = select("task", possible, "Task", of="This run", then=("example",))
    if task is None:
        st.info("This run has no samples to show.")
        return None
    return run, task
