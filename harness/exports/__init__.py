"""Runs written in the forms of other tools: plain files, of which a second export writes the same bytes."""

from harness.exports.csv_table import write_csv
from harness.exports.eee import write_eee
from harness.exports.in_toto import write_in_toto
from harness.exports.records import Exporter, StoredRun

EXPORTS: dict[str, Exporter] = {"csv": write_csv, "eee": write_eee, "in-toto": write_in_toto}
"""What is built in; packages offer more by the entry-point group ``harness.exports``."""

__all__ = ["EXPORTS", "Exporter", "StoredRun"]
