"""The store that the pages read, the address they live at, and a sentence instead of a stack trace."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import streamlit as st

from harness.errors import HarnessError, StoreError
from harness.store import Store, open_store
from harness.store.places import places
from harness.store.queries import runs
from harness_dashboard.widgets.text import cut, escaped

FIRST_RUN = "harness run scripted:oracle --tasks glue/sst2 --limit 20"

CONTEXT = ("run", "baseline")
"""What the address says on every page."""

CHANGED = "a choice that others depend on was changed in this run of the page"

GOING = "the page to go to"

TITLE = "the title of the page"

SKELETON = 240
"""Pixels of a place that is kept for what is being read."""

P = ParamSpec("P")
R = TypeVar("R")


# -------------------------------------------------------------------------------------------------------------- store
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


@st.cache_data(show_spinner=False, max_entries=64, ttl=3600)
def _answered(key: tuple[str, int], stamp: str, name: str, _query: Callable[..., Any], arguments: Any) -> Any:
    return _query(_opened(*key), *arguments[0], **arguments[1])


def ask(query: Callable[Concatenate[Store, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The answer of a query over the store, remembered until a run, verdict, baseline or tag comes or goes."""
    key, name = _key(), f"{query.__module__}.{query.__qualname__}"
    answer: R = _answered(key, runs.stamp(_opened(*key)), name, query, (args, kwargs))
    return answer


def ask_slow(query: Callable[Concatenate[Store, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """``ask`` for what takes long: its place on the page is drawn as empty blocks until the answer is there."""
    with st.skeleton(height=SKELETON):
        return ask(query, *args, **kwargs)


@contextmanager
def page(title: str) -> Iterator[None]:
    """A page under its title, on which an error that a user may act on is one sentence."""
    st.title(title, anchor=False)
    st.session_state[TITLE] = title
    st.session_state[CHANGED] = False
    try:
        yield
    except HarnessError as error:
        st.error("This cannot be shown:")
        st.text(cut(str(error), 1000))


def name_tab(about: str) -> None:
    """Say on the browser's tab what the page is about, before the page's own title."""
    st.set_page_config(page_title=f"{about} - {st.session_state[TITLE]} - harness")


def welcome() -> None:
    """What an empty store shows; the page ends."""
    st.info("This store has no runs yet. Make the first one with:")
    st.code(FIRST_RUN, language="bash")
    st.stop()


def heading(text: str) -> None:
    """A heading of a name that comes from outside: Streamlit's headings are Markdown, names are not."""
    st.header(escaped(text), anchor=False)


# ------------------------------------------------------------------------------------------------------------ address
def carried(query: dict[str, str]) -> dict[str, str]:
    """The address of another page: what is asked of it, and the run and the baseline that were chosen."""
    return {name: st.query_params[name] for name in CONTEXT if name in st.query_params} | query


def link(page: str, label: str, icon: str | None = None, **query: str) -> None:
    """A link to a page that keeps the run and the baseline."""
    st.page_link(f"views/{page}.py", label=escaped(label), query_params=carried(query), icon=icon)


def go(page: str, **query: str) -> None:
    """Go to another page with the run and the baseline, as soon as the callback that asked for it has ended."""
    st.session_state[GOING] = page, carried(query)


def follow() -> None:
    """Go where ``go`` said."""
    if going := st.session_state.pop(GOING, None):
        st.switch_page(f"views/{going[0]}.py", query_params=going[1])


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

    The first option stands for no name: only what a user chooses is written, so that Back leads to the page before.
    With another choice the address forgets the names ``then``, and later choices that the new one does not have. Where
    the address names something else that ``of`` does not have, the page says so and ends: the user goes on by choosing.
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
    if chosen != (options[0] if wanted is None else wanted):
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


def part(name: str, options: Sequence[str], label: str, show: Callable[[str], str] = str) -> str:
    """One of a few options that stand side by side; in the address as ``name``, the first one stands for no name."""
    wanted = st.query_params.get(name, options[0])
    if wanted not in options:
        available(name, options)
        del st.query_params[name]
        wanted = options[0]
    key = f"part {name} {wanted}"

    def picked() -> None:
        st.query_params[name] = st.session_state[key]

    st.segmented_control(
        label, options, default=wanted, required=True, format_func=show, key=key, on_change=picked,
        label_visibility="collapsed",
    )  # fmt: skip
    return wanted


def restart_pages(page: str, about: object) -> None:
    """Turn the number that is bound to the address as ``page`` back to 1 when it counts pages of something else."""
    key = f"what {page} counts"
    if st.session_state.get(key, about) != about:
        st.session_state[page] = 1
    st.session_state[key] = about
