"""What was run and what came out: an SQL catalogue and immutable Parquet files of samples."""

from harness.store.pointers import BaselineStep, GateRecord
from harness.store.store import Store, open_store

__all__ = ["BaselineStep", "GateRecord", "Store", "open_store"]
