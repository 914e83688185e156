"""A run in a database of Trackio's, which `trackio show` opens; nothing is sent anywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from harness.exports.tracked import PROJECT, Tracked, missing


def track_trackio(run: Tracked, folder: Path) -> Path:
    """``harness.db``: one step with every number, and the settings as its config; a run that is there stays as it is.

    Written by Trackio's storage and not by its ``init``, which asks the Hub who is logged in and gives a run another
    id every time. Raises UsageError where Trackio is not installed.
    """
    try:
        from trackio.sqlite_storage import SQLiteStorage
    except ImportError as error:
        raise missing("Trackio", "trackio") from error
    with _kept_in(folder):
        place = Path(SQLiteStorage.get_project_db_path(PROJECT))
        if not place.exists() or all(one["id"] != run.run for one in SQLiteStorage.get_run_records(PROJECT)):
            ended = datetime.fromtimestamp(run.finished, UTC).isoformat()
            SQLiteStorage.bulk_log(
                PROJECT,
                f"{run.model} {run.run}",  # Trackio's charts tell runs apart by their names
                [dict(run.numbers)],
                steps=[0],
                timestamps=[ended],
                config=dict(run.settings),
                run_id=run.run,
            )
    return place


@contextmanager
def _kept_in(folder: Path) -> Iterator[None]:
    """Trackio's databases lie in a folder meanwhile, and no bucket is asked for others: its own TRACKIO_DIR is read
    once, when it is imported."""
    from trackio import sqlite_storage

    storage = sqlite_storage.SQLiteStorage
    before = sqlite_storage.TRACKIO_DIR, storage._dataset_import_attempted
    sqlite_storage.TRACKIO_DIR, storage._dataset_import_attempted = folder, True
    try:
        yield
    finally:
        sqlite_storage.TRACKIO_DIR, storage._dataset_import_attempted = before
