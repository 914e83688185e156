"""What people said: the campaigns of the store, and the report of one."""

import pandas as pd
import streamlit as st

from harness.people.analysis import CampaignReport, report
from harness_dashboard import session
from harness_dashboard.widgets import tables

RATERS = ["rater", "rated", "skipped", "checks", "failed", "repeated", "same", "first", "preferred", "seconds"]


def sections(result: CampaignReport) -> None:
    """Every kind of number as a table, then the raters."""
    for section in result.sections:
        st.subheader(section.title, anchor=False)
        rows = [(row.name, row.value, row.low, row.high, row.n, row.note) for row in section.rows]
        frame = pd.DataFrame(rows, columns=["", "value", "low", "high", "n", "note"])
        tables.table(frame.astype({"value": "float64", "low": "float64", "high": "float64"}), section.title)
        if section.note:
            st.caption(section.note)
    st.subheader("Raters", anchor=False)
    raters = [{**{key: getattr(one, key) for key in RATERS}, "doubts": "; ".join(one.doubts)} for one in result.raters]
    tables.table(pd.DataFrame(raters, columns=[*RATERS, "doubts"]), "raters")
    st.caption(
        "Checks of attention that failed, repeated items answered the same, the first text on the screen preferred."
    )


with session.page("Ratings"):
    campaigns = [one.id for one in session.store().ratings.campaigns()]
    if not campaigns:
        if not session.store().runs(limit=1):
            session.welcome()
            st.stop()
        st.info("This store has no campaigns yet. Make one with:")
        st.code("harness rate new campaign.toml", language="bash")
        st.stop()
    name = session.select("campaign", campaigns, "Campaign")
    if name is not None:
        result = report(session.store(), name)
        st.text(f"{result.campaign.kind} on {result.campaign.task}: {result.rated} of {result.assigned} ratings given")
        sections(result)
