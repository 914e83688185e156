"""What each page makes of the store's answers, under the page's name; no Streamlit and no SQL in here."""
