"""Numbers beside what the engine counted while it made them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, func, select

from harness.store.database import reading
from harness.store.lookup import energy, mapping
from harness.store.queries.runs import asked
from harness.store.schema import MODELS, RESULTS, RUNS, TASK_SETS
from harness.store.store import Store
from harness.types import EnergyUse


@dataclass(frozen=True, slots=True)
class Expense:
    """A run's number, the engine's statistics and energy of the whole run, and the examples of all its tasks.

    ``asked``: how the run asked, as far as it was chosen.
    """

    run: str
    model: str
    started: str
    finished: str | None
    engine: Mapping[str, Any]
    examples: int
    value: float | None
    low: float | None
    high: float | None
    n: int
    failed: int
    energy: EnergyUse | None
    asked: str


def expenses(store: Store, task: str, metric: str, limit: int) -> list[Expense]:
    """The newest finished runs that have this number over all examples, newest first."""
    query = _newest_with(task, metric, limit)
    sizes = select(TASK_SETS.c.id, func.sum(TASK_SETS.c.n)).group_by(TASK_SETS.c.id)
    with reading(store.engine) as connection:
        rows = connection.execute(query).all()
        counted = connection.execute(sizes.where(TASK_SETS.c.id.in_({row.task_set for row in rows}))).all()
        examples: dict[str, int] = {task_set: int(count) for task_set, count in counted}
        return [_expense(row, examples.get(row.task_set, 0)) for row in rows]


def _newest_with(task: str, metric: str, limit: int) -> Select[Any]:
    r = RESULTS.c
    return (
        select(
            RUNS.c.id,
            MODELS.c.name,
            RUNS.c.started,
            RUNS.c.finished,
            RUNS.c.engine,
            RUNS.c.energy,
            RUNS.c.settings,
            RUNS.c.task_set,
            r.value,
            r.low,
            r.high,
            r.n,
            r.failed,
        )
        .select_from(RESULTS)
        .join(RUNS, RUNS.c.id == r.run_id)
        .join(MODELS, MODELS.c.id == RUNS.c.model_id)
        .where(r.task == task, r.metric == metric, r.slice == "all", RUNS.c.status == "finished")
        .order_by(RUNS.c.started.desc(), RUNS.c.id.desc())
        .limit(limit)
    )


def _expense(row: Row[Any], examples: int) -> Expense:
    return Expense(
        run=row.id,
        model=row.name,
        started=row.started,
        finished=row.finished,
        engine=mapping(row.engine),
        examples=examples,
        value=row.value,
        low=row.low,
        high=row.high,
        n=row.n,
        failed=row.failed,
        energy=energy(row.energy),
        asked=asked(mapping(row.settings)),
    )
