"""What was run and what came out: an SQL catalogue and immutable Parquet files of samples."""

from harness.store.numbers import Standing, Which
from harness.store.pointers import Pointed, Verdict
from harness.store.store import Store, open_store

__all__ = ["Pointed", "Standing", "Store", "Verdict", "Which", "open_store"]
