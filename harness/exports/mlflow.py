"""A run in MLflow: at MLFLOW_TRACKING_URI, else in a database of its own."""

import os
from pathlib import Path
from typing import Any

from harness.errors import RunError
from harness.exports.tracked import PROJECT, Tracked, missing
from harness.hidden import hidden

RUN_TAG = "harness.run_id"
"""By it and by its status a second export knows that the run is there."""
SETTINGS, NUMBERS = 100, 1000
"""So many settings and numbers one call may log."""
LONGEST = 6000
"""Characters of a setting."""


def track_mlflow(run: Tracked, folder: Path) -> Path | str:
    """``mlflow.db``, or the address of MLFLOW_TRACKING_URI; a run that is there stays as it is.

    Raises UsageError where MLflow is not installed, RunError where it refuses the run.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise missing("MLflow", "mlflow") from error
    server = os.environ.get("MLFLOW_TRACKING_URI")
    database = folder / "mlflow.db"
    if not server:
        folder.mkdir(parents=True, exist_ok=True)
    place = hidden(server) if server else database
    try:
        _log(MlflowClient(tracking_uri=server or f"sqlite:///{database.resolve()}"), run)
    except MlflowException as error:
        raise RunError(f"MLflow refuses the run at {place}: {hidden(str(error).splitlines()[0])}") from error
    return place


def _log(client: Any, run: Tracked) -> None:
    """Log a run; one whose export was interrupted is completed."""
    from mlflow.entities import Metric, Param

    experiment = client.get_experiment_by_name(PROJECT)
    number = experiment.experiment_id if experiment else client.create_experiment(PROJECT)
    [*there] = client.search_runs([number], f"tags.`{RUN_TAG}` = '{run.run}'", max_results=1)
    began, ended = (round(1000 * seconds) for seconds in (run.started, run.finished))  # milliseconds
    mine = there[0] if there else client.create_run(number, began, {RUN_TAG: run.run}, run.model)
    if mine.info.status == "FINISHED":
        return
    params = [Param(name, value[:LONGEST]) for name, value in run.settings.items()]
    metrics = [Metric(name, value, ended, 0) for name, value in run.numbers.items()]
    for some in _batches(params, SETTINGS):
        client.log_batch(mine.info.run_id, params=some)
    for some in _batches(metrics, NUMBERS):
        client.log_batch(mine.info.run_id, metrics=some)
    client.set_terminated(mine.info.run_id, end_time=ended)


def _batches(all_of_them: list[Any], size: int) -> list[list[Any]]:
    return [all_of_them[start : start + size] for start in range(0, len(all_of_them), size)]
