"""What runs were asked, in SQL: their tasks, and the averages of whole groups over them; no Streamlit in here."""

from functools import cache

from sqlalchemy import Select, Subquery, null, select, union_all

from harness.groups import AVERAGE
from harness.plugins import catalogue
from harness.store.schema import RESULTS, RUNS, TASK_SETS, TASKS


def asked() -> Subquery:
    """(task_set, task_id, name, version, data_sha256, shots) of every task in every set of tasks.

    The average of a group stands under the group's name and the metric ``average``; what was asked for it is the whole
    set, which its task_id names, and it has no version, data or shots of its own.
    """
    tasks = select(
        TASK_SETS.c.id.label("task_set"), TASKS.c.id.label("task_id"), TASKS.c.name, TASKS.c.version,
        TASKS.c.data_sha256, TASK_SETS.c.shots,
    ).join(TASKS, TASKS.c.id == TASK_SETS.c.task_id)  # fmt: skip
    own = averages().add_columns(RUNS.c.task_set).join(RUNS, RUNS.c.id == RESULTS.c.run_id).subquery()
    groups = select(own.c.task_set, own.c.task_set + ":" + own.c.task, own.c.task, null(), null(), null())
    return union_all(tasks, groups).subquery("asked")


def averages() -> Select[tuple[str]]:
    """Names of the groups of which some run has the average."""
    r = RESULTS.c
    return select(r.task).distinct().where(r.task.in_(_groups()), r.metric == AVERAGE, r.slice == "all")


@cache
def _groups() -> list[str]:
    return sorted(catalogue().averages)
