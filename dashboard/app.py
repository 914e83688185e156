"""The dashboard's entry: navigation only."""

import streamlit as st

st.set_page_config(page_title="harness", layout="wide")
st.navigation(
    [
        st.Page("views/leaderboard.py", title="Leaderboard", default=True),
        st.Page("views/run.py", title="Run", url_path="run"),
        st.Page("views/samples.py", title="Samples", url_path="samples"),
        st.Page("views/compare.py", title="Compare", url_path="compare"),
    ]
).run()
