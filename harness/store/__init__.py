"""What was run and what came out: an SQL catalogue and immutable Parquet files of samples."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.store.pointers import BaselineStep, GateRecord
    from harness.store.store import Store, open_store

__all__ = ["BaselineStep", "GateRecord", "Store", "open_store"]

_HOMES = {
    "BaselineStep": "harness.store.pointers",
    "GateRecord": "harness.store.pointers",
    "Store": "harness.store.store",
    "open_store": "harness.store.store",
}

if not TYPE_CHECKING:  # a shell that completes names must not wait for SQLAlchemy

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used."""
        from importlib import import_module

        if name not in _HOMES:
            raise AttributeError(f"module 'harness.store' has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)
