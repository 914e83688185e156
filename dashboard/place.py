"""The store that the pages read, the address they live at, and a sentence instead of a stack trace."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import streamlit as st

from harness.errors import HarnessError
from harness.store import Store, open_store
from harness.types import Run

FIRST_RUN = "harness run scripted:oracle --tasks glue/sst2 --limit 20"


@st.cache_resource(show_spinner=False)
def _opened(url: str | None) -> Store:
    return open_store(url, create=False)


def store() -> Store:
    """The store named by HARNESS_STORE. Raises StoreError in one line when there is none or it is newer."""
    return _opened(os.environ.get("HARNESS_STORE"))


@contextmanager
def sentence() -> Iterator[None]:
    """Show an error that a user may act on as one sentence."""
    try:
        yield
    except HarnessError as error:
        st.error("This cannot be shown:")
        st.text(str(error))


def welcome() -> None:
    """What an empty store shows."""
    st.info("This store has no runs yet. Make the first one with:")
    st.code(FIRST_RUN, language="bash")


def asked(name: str, options: list[str], label: str) -> str | None:
    """A choice that lives in the address as ``name``; None, with a sentence, for one that is not there."""
    wanted = st.query_params.get(name)
    if wanted is not None and wanted not in options:
        st.error(f"There is no such {label.lower()} in this store:")
        st.text(wanted)
        return None
    if not options:
        return None
    chosen = st.selectbox(label, options, index=options.index(wanted) if wanted in options else 0)
    st.query_params[name] = chosen
    return chosen


def chosen_run(runs: list[Run], name: str = "run", label: str = "Run") -> Run | None:
    """The run that the address names, by id."""
    found = asked(name, [run.id for run in runs], label)
    return next((run for run in runs if run.id == found), None)


def table(frame: pd.DataFrame, name: str) -> None:
    """A table and its download; missing is shown as "-"."""
    numbers = {str(c): st.column_config.NumberColumn(format="%.4f") for c in frame.select_dtypes("float").columns}
    st.dataframe(frame, hide_index=True, width="stretch", placeholder="-", column_config=numbers)
    st.download_button("Download CSV", frame.to_csv(index=False), f"{name}.csv", "text/csv", key=f"download {name}")
