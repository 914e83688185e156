"""`python -m dashboard.serve run app.py ...`: Streamlit's command line, loading what the pages need beside it.

The pages' libraries take three seconds to import. Streamlit would begin with them when the first page is asked for.
"""

from contextlib import suppress
from importlib import import_module
from threading import Thread

from streamlit.web.cli import main

NEEDED = ("pandas", "altair", "dashboard.place", "duckdb", "scipy.special", "statsmodels.stats.multitest", "tasks")


def load() -> None:
    for name in NEEDED:
        with suppress(ImportError):  # the page that needs it says so
            import_module(name)


if __name__ == "__main__":
    Thread(target=load, daemon=True).start()
    main(prog_name="streamlit")
