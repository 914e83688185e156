"""Runs written in the forms of other tools, which a second export does not change: plain files and trackers."""

from harness.exports.csv_table import write_csv
from harness.exports.eee import write_eee
from harness.exports.in_toto import write_in_toto
from harness.exports.inspect import write_inspect
from harness.exports.mlflow import track_mlflow
from harness.exports.otel import write_otel
from harness.exports.records import Exporter, StoredRun
from harness.exports.tensorboard import track_tensorboard
from harness.exports.tracked import Tracked, Tracker, tracked
from harness.exports.trackio import track_trackio
from harness.exports.wandb import track_wandb

EXPORTS: dict[str, Exporter] = {
    "csv": write_csv,
    "eee": write_eee,
    "in-toto": write_in_toto,
    "inspect": write_inspect,
    "otel": write_otel,
}
"""What is built in; packages offer more by the entry-point group ``harness.exports``."""
TRACKERS: dict[str, Tracker] = {
    "mlflow": track_mlflow,
    "tensorboard": track_tensorboard,
    "trackio": track_trackio,
    "wandb": track_wandb,
}
"""Each needs the extra of its name."""

__all__ = ["EXPORTS", "TRACKERS", "Exporter", "StoredRun", "Tracked", "Tracker", "tracked"]
