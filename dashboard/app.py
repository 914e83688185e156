"""The dashboard's entry: the links between the pages, which carry the run and the baseline that were chosen."""

import streamlit as st

from harness_dashboard import session

PAGES = {
    "overview": "Overview",
    "leaderboard": "Leaderboard",
    "run": "Run",
    "samples": "Samples",
    "compare": "Compare",
    "safety": "Safety and bias",
    "history": "History",
    "ratings": "Ratings",
}

pages = [
    st.Page(f"views/{name}.py", title=title, url_path=name, default=name == "overview") for name, title in PAGES.items()
]
page = st.navigation(pages, position="hidden")
st.set_page_config(page_title=f"{page.title} - harness", layout="wide", initial_sidebar_state="collapsed")
session.follow()
with st.container(horizontal=True, gap="small", key="navigation"):
    for name, title in PAGES.items():
        session.link(name, title)
page.run()
