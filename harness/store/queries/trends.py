"""One metric over the runs of some models."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select

from harness.store.database import reading
from harness.store.lookup import metrics
from harness.store.queries.tasks import averages, definitions
from harness.store.schema import MODELS, RESULTS, RUNS, TASK_SETS, TASKS
from harness.store.store import Store
from harness.types import AVERAGE


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A run's number and the definition of the task; the average of a group has no version, data or shots."""

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


def measured(store: Store, models: Sequence[str]) -> list[tuple[str, str]]:
    """Every (task, metric) of the runs of these models, the most often defined task first, averages of groups last."""
    sets = select(RUNS.c.task_set).where(RUNS.c.model_id.in_(_ids(models)))
    asked = select(TASK_SETS.c.task_id, func.count().label("times")).where(TASK_SETS.c.id.in_(sets))
    per_task = asked.group_by(TASK_SETS.c.task_id).subquery()  # one row each, however many sets of tasks have it
    query = select(TASKS.c.name, TASKS.c.metrics, per_task.c.times)
    finished = select(RUNS.c.id).where(RUNS.c.model_id.in_(_ids(models)), RUNS.c.status == "finished")
    with reading(store.engine) as connection:
        rows = connection.execute(query.join(per_task, per_task.c.task_id == TASKS.c.id)).all()
        groups = {row.task for row in connection.execute(averages(finished))}
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for metric in metrics(row.metrics):
            counts[row.name, metric.name] += row.times
    most: dict[str, int] = {}
    for (task, _), count in counts.items():
        most[task] = max(count, most.get(task, 0))
    ordered = sorted(counts, key=lambda pair: (-most[pair[0]], pair[0]))
    return ordered + [(group, AVERAGE) for group in sorted(groups)]


def history(store: Store, models: Sequence[str], task: str, metric: str, limit: int) -> list[TrendPoint]:
    """The newest finished runs of these models that have the number over all examples, newest first."""
    r, tasks = RESULTS.c, definitions()
    query = (
        select(
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
        )
        .select_from(RESULTS)
        .join(RUNS, RUNS.c.id == r.run_id)
        .join(MODELS, MODELS.c.id == RUNS.c.model_id)
        .join(tasks, (tasks.c.task_set == RUNS.c.task_set) & (tasks.c.name == r.task))
        .where(RUNS.c.model_id.in_(_ids(models)), RUNS.c.status == "finished")
        .where(r.task == task, r.metric == metric, r.slice == "all")
        .order_by(RUNS.c.started.desc(), RUNS.c.id.desc())
        .limit(limit)
    )
    with reading(store.engine) as connection:
        return [TrendPoint(*row) for row in connection.execute(query)]


def _ids(models: Sequence[str]) -> Select[tuple[str]]:
    """Ids of the models of these names."""
    return select(MODELS.c.id).where(MODELS.c.name.in_(models))
