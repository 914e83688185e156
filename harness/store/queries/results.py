"""Numbers across runs, as one table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, select

from harness.store.database import reading
from harness.store.schema import MODELS, RESULTS, RUNS, TASK_SETS, TASKS
from harness.store.store import Store

NUMBERS = ("task", "metric", "slice", "value", "low", "high", "n", "clusters", "failed")
ASKED = ("version", "shots", "limit", "seed")
"""How a number was asked for: two that differ in one of these are no repetitions of each other."""
COLUMNS = ("run", "model", "started", *NUMBERS, *ASKED)


@dataclass(frozen=True, slots=True)
class ResultFilter:
    """Which numbers; None: all of them. ``runs`` are ids; ``newest`` keeps of a model and task the newest run alone."""

    runs: Sequence[str] | None = None
    model: str | None = None
    task: str | None = None
    metric: str | None = None
    slice: str | None = None
    newest: bool = False


def table(store: Store, wanted: ResultFilter) -> list[tuple[Any, ...]]:
    """Rows of COLUMNS, newest run first, in the order in which a run made them; a group's average has no version."""
    asked = select(TASK_SETS.c.id, TASKS.c.name, TASKS.c.version, TASK_SETS.c.shots).join(TASKS).subquery()
    query = (
        select(RUNS.c.id, MODELS.c.name, RUNS.c.started, *(RESULTS.c[name] for name in NUMBERS))
        .add_columns(asked.c.version, asked.c.shots, RUNS.c.settings)
        .select_from(RESULTS)
        .join(RUNS, RESULTS.c.run_id == RUNS.c.id)
        .join(MODELS, RUNS.c.model_id == MODELS.c.id)
        .outerjoin(asked, and_(asked.c.id == RUNS.c.task_set, asked.c.name == RESULTS.c.task))
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
        rows = [_with_settings(row) for row in connection.execute(query)]
    return _newest(rows) if wanted.newest else rows


def _with_settings(row: Row[Any]) -> tuple[Any, ...]:
    """The settings of the run unfolded into those that count."""
    *cells, settings = tuple(row)
    kept = settings if isinstance(settings, dict) else {}
    return (*cells, kept.get("limit"), kept.get("seed"))


def _newest(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows, which begin with run and model, of the first run that has a model and a task."""
    task = COLUMNS.index("task")
    first: dict[tuple[str, str], str] = {}
    return [row for row in rows if first.setdefault((row[1], row[task]), row[0]) == row[0]]
