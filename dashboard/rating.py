"""The rating page, an entry of its own: a rater comes by a link with a code and sees nothing but the next item.

Nothing is kept in the page: what was rated is in the store at once, so a rater goes on where the link left off.
"""

import time

import streamlit as st

from harness.errors import HarnessError, UsageError
from harness.people.answers import Answer
from harness.people.desk import Desk, Shown, enter
from harness_dashboard.session import store
from harness_dashboard.widgets import questions
from harness_dashboard.widgets.text import cut

NO_CODE = "This page opens by the link that you were sent: it holds your code."
LATER = "Your ratings cannot be reached at the moment; what you rated so far is kept. Try again in a while."


def main() -> None:
    """One turn of the page."""
    st.set_page_config(page_title="Rating", layout="wide")
    st.title("Rating", anchor=False)
    campaign, token = st.query_params.get("campaign", ""), st.query_params.get("rater", "")
    if not campaign or not token:
        st.info(NO_CODE)
        return
    try:
        _turn(enter(store(), campaign, token))
    except UsageError as error:
        st.error("This cannot be shown:")
        st.text(cut(str(error), 500))
    except HarnessError:  # where the store lies is nothing for raters
        st.error(LATER)


def _turn(desk: Desk) -> None:
    shown = desk.next()
    with st.expander("Instructions", expanded=shown is not None and shown.done == 0):
        st.text(cut(desk.campaign.instructions))
    if problem := st.session_state.pop("problem", None):
        st.warning("Not kept:")
        st.text(cut(problem, 500))
    if shown is None:
        st.success("All done. Thank you!")
        _undo(desk)
        return
    st.progress(shown.done / shown.total, text=f"{shown.done} of {shown.total} rated")
    since = st.session_state.setdefault(f"since {shown.position}", time.monotonic())
    _texts(shown)
    answer = questions.ask(desk.campaign, shown)
    left, right = st.columns(2)
    with left:
        answer = _skip(shown) or answer
    with right:
        _undo(desk)
    if answer is not None:
        _keep(desk, shown, answer, time.monotonic() - since)


def _texts(shown: Shown) -> None:
    """The question and the answers: text and nothing but text, beside each other where there is room."""
    if shown.prompt:
        st.subheader("Question", anchor=False)
        st.code(cut(shown.prompt), language=None, wrap_lines=True)
    if shown.reference:
        st.subheader("Reference", anchor=False)
        st.code(cut(shown.reference), language=None, wrap_lines=True)
    titles = ("First", "Second") if len(shown.texts) > 1 else ("Answer",)
    for column, title, text in zip(st.columns(len(shown.texts)), titles, shown.texts, strict=True):
        with column:
            st.subheader(title, anchor=False)
            st.code(cut(text), language=None, wrap_lines=True)


def _skip(shown: Shown) -> Answer | None:
    with st.expander("Skip this one"):
        reason = st.text_input("Why", key=f"why {shown.position} {shown.done}", max_chars=200)
        if st.button("Skip", key=f"skip {shown.position} {shown.done}", disabled=not reason.strip()):
            return {"skipped": reason}
    return None


def _undo(desk: Desk) -> None:
    if st.button("Undo the last rating", shortcut="U", key="undo"):
        position = desk.undo()
        st.session_state.pop(f"since {position}", None)
        st.rerun()


def _keep(desk: Desk, shown: Shown, answer: Answer, seconds: float) -> None:
    try:
        desk.rate(shown.position, answer, seconds)
    except UsageError as error:  # rated in another window meanwhile
        st.session_state["problem"] = str(error)
    st.rerun()


main()
