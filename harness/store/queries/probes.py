"""Which tasks of a store are bias probes by their own numbers."""

from collections.abc import Sequence

from sqlalchemy import select

from harness.store.database import reading
from harness.store.lookup import metrics
from harness.store.schema import TASKS
from harness.store.store import Store
from harness.types import MetricRecord


def probes(store: Store) -> dict[str, bool]:
    """Every task of the store, and whether some version of it has a number with an ideal.

    What an edit of the prompts changed has an ideal of 0 too; it tells of bias only where the edit swapped groups.
    """
    with reading(store.engine) as connection:
        rows = connection.execute(select(TASKS.c.name, TASKS.c.metrics)).all()
    ideal: dict[str, bool] = {}
    for row in rows:
        ideal[row.name] = ideal.get(row.name, False) or _has_ideal(metrics(row.metrics))
    return ideal


def _has_ideal(kept: Sequence[MetricRecord]) -> bool:
    ideal = (metric for metric in kept if metric.better == "ideal")
    return any(metric.variant is None or metric.variant.kind == "swap" for metric in ideal)
