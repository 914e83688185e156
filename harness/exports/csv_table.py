"""All numbers of a run as one CSV file."""

import csv
import io
from dataclasses import astuple, fields

from harness.exports.records import StoredRun
from harness.types import Estimate
from harness.visible import cell


def write_csv(stored: StoredRun) -> dict[str, str]:
    """``RUN.csv``: a row for each number, with run, model, version and data of its task; what is undefined is empty."""
    tasks = {task.name: task for task in stored.run.tasks}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", "model", *(field.name for field in fields(Estimate)), "version", "data_sha256"])
    for e in stored.estimates:
        task = tasks.get(e.task)  # none for the average of a group
        about = [task.version, task.data_sha256] if task else ["", ""]
        numbers = ("" if value is None else value for value in astuple(e))
        row = (stored.run.id, stored.model, *numbers, *about)
        writer.writerow([cell(value) if isinstance(value, str) else value for value in row])
    return {f"{stored.run.id}.csv": text.getvalue()}
