"""The dashboard's entry: navigation only."""

import streamlit as st

PAGES = {
    "Results": (("leaderboard", "Leaderboard"), ("run", "Run"), ("samples", "Samples"), ("compare", "Compare")),
    "Trust": (("bias", "Bias card"), ("reliability", "Calibration and robustness"), ("ratings", "Ratings")),
    "Over time": (("trends", "Trends"), ("efficiency", "Efficiency"), ("gate", "Gate")),
}

st.set_page_config(page_title="harness", layout="wide")
st.navigation(
    {
        section: [
            st.Page(f"views/{name}.py", title=title, url_path=name, default=name == "leaderboard")
            for name, title in pages
        ]
        for section, pages in PAGES.items()
    }
).run()
