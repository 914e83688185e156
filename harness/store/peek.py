"""Names of stored runs in a hurry, for a shell that completes them: read-only, by Python's own module for SQLite."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

MOST = 200
"""The newest runs whose ids are named."""
QUERIES = (
    "SELECT name FROM tags ORDER BY name",
    "SELECT name FROM models ORDER BY name",
    f"SELECT id FROM runs ORDER BY started DESC LIMIT {MOST}",
)


def run_names(url: str | None) -> list[str]:
    """``latest``, tags, models and ids of the store's runs; none where it is not an SQLite file that can be read.

    ``url`` as in ``open_store``. Nothing is made, upgraded or written.
    """
    path = _catalogue(url or os.environ.get("HARNESS_STORE") or "harness-results")
    try:
        if path is None or not path.is_file():
            return []
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.1)) as connection:
            names = [str(name) for query in QUERIES for (name,) in connection.execute(query)]
    except (sqlite3.Error, OSError, ValueError):
        return []
    return ["latest", *dict.fromkeys(names)] if names else []


def _catalogue(url: str) -> Path | None:
    """The file of an SQLite store; None for other databases."""
    if "://" not in url:
        return Path(url) / "catalogue.sqlite"
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
