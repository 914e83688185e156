"""One metric over the runs of some models."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select, tuple_

from harness.store.database import reading
from harness.store.queries.tasks import definitions
from harness.store.schema import MODELS, RESULTS, RUNS
from harness.store.store import Store


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A run's number and the definition of the task; the average of a group has no version, data or shots.

    ``step``: of a model that was evaluated while it was trained.
    """

    task: str
    metric: str
    run: str
    model: str
    started: str
    version: int | None
    data_sha256: str | None
    shots: int | None
    value: float | None
    low: float | None
    high: float | None
    n: int
    failed: int
    step: int | None


def history(store: Store, models: Sequence[str], pairs: Sequence[tuple[str, str]], limit: int) -> list[TrendPoint]:
    """The newest such numbers (task, metric) over all examples of finished runs of these models, newest first."""
    r, tasks = RESULTS.c, definitions()
    query = (
        select(
            r.task,
            r.metric,
            RUNS.c.id,
            MODELS.c.name,
            RUNS.c.started,
            tasks.c.version,
            tasks.c.data_sha256,
            tasks.c.shots,
            r.value,
            r.low,
            r.high,
            r.n,
            r.failed,
            RUNS.c.step,
        )
        .select_from(RESULTS)
        .join(RUNS, RUNS.c.id == r.run_id)
        .join(MODELS, MODELS.c.id == RUNS.c.model_id)
        .join(tasks, (tasks.c.task_set == RUNS.c.task_set) & (tasks.c.name == r.task))
        .where(RUNS.c.model_id.in_(_ids(models)), RUNS.c.status == "finished")
        .where(tuple_(r.task, r.metric).in_(pairs), r.slice == "all")
        .order_by(RUNS.c.started.desc(), RUNS.c.id.desc())
        .limit(limit)
    )
    with reading(store.engine) as connection:
        return [TrendPoint(*row) for row in map(tuple, connection.execute(query))]


def _ids(models: Sequence[str]) -> Select[tuple[str]]:
    """Ids of the models of these names."""
    return select(MODELS.c.id).where(MODELS.c.name.in_(models))
