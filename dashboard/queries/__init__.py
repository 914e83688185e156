"""What each page asks of the store; no Streamlit in here."""
