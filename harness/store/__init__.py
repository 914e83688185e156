"""What was run and what came out: an SQL catalogue and immutable Parquet files of samples."""

from harness.store.numbers import Standing, Which
from harness.store.pointers import GateRecord, Pointed
from harness.store.store import Store, open_store

__all__ = ["GateRecord", "Pointed", "Standing", "Store", "Which", "open_store"]
