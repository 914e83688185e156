"""All numbers of a run as one CSV file."""

import csv
import io

from harness.exports.records import StoredRun

COLUMNS = ("task", "metric", "slice", "value", "low", "high", "n", "clusters", "failed")


def write_csv(stored: StoredRun) -> dict[str, str]:
    """``RUN.csv``: a row for each number, with run, model, version and data of its task; what is undefined is empty."""
    tasks = {task.name: task for task in stored.run.tasks}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", "model", *COLUMNS, "version", "data_sha256"])
    for e in stored.estimates:
        task = tasks.get(e.task)  # none for the average of a group
        about = [task.version, task.data_sha256] if task else ["", ""]
        numbers = ["" if (value := getattr(e, name)) is None else value for name in COLUMNS]
        writer.writerow([_plain(cell) for cell in (stored.run.id, stored.model, *numbers, *about)])
    return {f"{stored.run.id}.csv": text.getvalue()}


def _plain(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
