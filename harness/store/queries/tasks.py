"""Which tasks runs were given, and the averages of whole groups of tasks that they have."""

from collections.abc import Sequence

from sqlalchemy import CTE, Select, Subquery, exists, func, null, select, union_all

from harness.store.database import reading
from harness.store.lookup import metrics
from harness.store.schema import RESULTS, RUNS, TASK_SETS, TASKS
from harness.store.store import Store
from harness.types import AVERAGE, MetricRecord


def definitions() -> Subquery:
    """(task_set, task_id, name, version, data_sha256, shots) of every task in every set of tasks.

    The average of a group stands under the group's name. What was asked for it is the whole set, which its task_id
    names; it has no version, data or shots of its own.
    """
    tasks = select(
        TASK_SETS.c.id.label("task_set"),
        TASKS.c.id.label("task_id"),
        TASKS.c.name,
        TASKS.c.version,
        TASKS.c.data_sha256,
        TASK_SETS.c.shots,
    ).join(TASKS, TASKS.c.id == TASK_SETS.c.task_id)
    groups = averages().subquery()
    averaged = select(groups.c.task_set, groups.c.task_set + ":" + groups.c.task, groups.c.task, null(), null(), null())
    return union_all(tasks, averaged).subquery("definitions")


def averages(run_ids: Select[tuple[str]] | None = None) -> Select[tuple[str, str]]:
    """(task_set, task) of the averages of groups, of these runs only: results whose task is in no set of tasks."""
    r = RESULTS.c
    rows = select(RUNS.c.task_set, r.task).join(RUNS, RUNS.c.id == r.run_id).distinct()
    rows = rows.where(r.task.in_(select(_names().c.task)), r.metric == AVERAGE, r.slice == "all")
    averaged = (rows if run_ids is None else rows.where(r.run_id.in_(run_ids))).subquery()
    is_a_task = exists().where(
        TASK_SETS.c.id == averaged.c.task_set, TASKS.c.id == TASK_SETS.c.task_id, TASKS.c.name == averaged.c.task
    )
    return select(averaged.c.task_set, averaged.c.task).where(~is_a_task)


def _names() -> CTE:
    """Every task that has a result, each next one looked up in the index: there are few among very many results."""
    names = select(func.min(RESULTS.c.task).label("task")).cte("names", recursive=True)
    following = select(func.min(RESULTS.c.task)).where(RESULTS.c.task > names.c.task).correlate(names).scalar_subquery()
    return names.union_all(select(following).where(names.c.task.is_not(None)))


def records(store: Store) -> dict[tuple[str, str], MetricRecord]:
    """What the store keeps of every metric by task and name; tasks by name, what each is about first."""
    with reading(store.engine) as connection:
        rows = connection.execute(select(TASKS.c.name, TASKS.c.metrics)).all()
    known: dict[tuple[str, str], MetricRecord] = {}
    for row in rows:
        for metric in metrics(row.metrics):
            known.setdefault((row.name, metric.name), metric)
    return dict(sorted(known.items(), key=lambda pair: pair[0][0]))


def measured(store: Store, tasks: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Every (task, metric) that some run of the store was asked for, or only those of ``tasks``.

    Tasks by name, each one's metrics in its own order: what it is about comes first. Averages of groups are among them.
    """
    query = select(TASKS.c.name, TASKS.c.metrics)
    query = query.where(TASKS.c.name.in_(tasks)) if tasks else query
    with reading(store.engine) as connection:
        rows = connection.execute(query).all()
        groups = () if tasks else {row.task for row in connection.execute(averages())}
    pairs = dict.fromkeys((row.name, metric.name) for row in rows for metric in metrics(row.metrics))
    return sorted([*pairs, *((group, AVERAGE) for group in sorted(groups))], key=lambda pair: pair[0])
