"""Numbers across runs, as one table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from harness.store.database import reading
from harness.store.schema import MODELS, RESULTS, RUNS
from harness.store.store import Store

NUMBERS = ("task", "metric", "slice", "value", "low", "high", "n", "clusters", "failed")
COLUMNS = ("run", "model", "started", *NUMBERS)


@dataclass(frozen=True, slots=True)
class ResultFilter:
    """Which numbers; None: all of them. ``runs`` are ids."""

    runs: Sequence[str] | None = None
    model: str | None = None
    task: str | None = None
    metric: str | None = None
    slice: str | None = None


def table(store: Store, wanted: ResultFilter) -> list[tuple[Any, ...]]:
    """Rows of COLUMNS, newest run first, in the order in which a run made them."""
    query = (
        select(RUNS.c.id, MODELS.c.name, RUNS.c.started, *(RESULTS.c[name] for name in NUMBERS))
        .select_from(RESULTS)
        .join(RUNS, RESULTS.c.run_id == RUNS.c.id)
        .join(MODELS, RUNS.c.model_id == MODELS.c.id)
        .order_by(RUNS.c.started.desc(), RUNS.c.id.desc(), RESULTS.c.position)
    )
    if wanted.runs is not None:
        query = query.where(RESULTS.c.run_id.in_(wanted.runs))
    if wanted.model is not None:
        query = query.where(MODELS.c.name == wanted.model)
    for name, value in (("task", wanted.task), ("metric", wanted.metric), ("slice", wanted.slice)):
        if value is not None:
            query = query.where(RESULTS.c[name] == value)
    with reading(store.engine) as connection:
        return [tuple(row) for row in connection.execute(query)]
