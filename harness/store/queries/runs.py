"""Which runs and models there are, without what they contain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from harness.store.database import reading
from harness.store.lookup import mapping
from harness.store.schema import BASELINES, MODELS, RUNS, TAGS, TASK_SETS, TASKS, VERDICTS
from harness.store.store import Store


@dataclass(frozen=True, slots=True)
class RunLine:
    """What tells one run from others: ``asked`` how it asked, beyond the tasks' own way.

    ``status`` as it was entered: whether a running one is alive is not verified.
    """

    id: str
    model: str
    started: str
    status: str
    asked: str


def newest(store: Store, limit: int, *, status: str | None = None, tasks: Sequence[str] | None = None) -> list[RunLine]:
    """The newest runs, newest first: of this status, with any of these tasks."""
    query = select(RUNS.c.id, MODELS.c.name, RUNS.c.started, RUNS.c.status, RUNS.c.settings).join(MODELS)
    if status:
        query = query.where(RUNS.c.status == status)
    if tasks is not None:
        query = query.where(RUNS.c.task_set.in_(select(TASK_SETS.c.id).join(TASKS).where(TASKS.c.name.in_(tasks))))
    with reading(store.engine) as connection:
        rows = connection.execute(query.order_by(RUNS.c.started.desc(), RUNS.c.id.desc()).limit(limit))
        return [RunLine(*row[:4], asked(mapping(row.settings))) for row in rows]


def asked(settings: Mapping[str, Any], shots: int | None = None) -> str:
    """How a run asked, as far as it was chosen: few-shot examples, perturbations, groups swapped."""
    shots = shots if shots is not None else settings.get("shots")
    edits = [*(settings.get("perturb") or ()), *(settings.get("counterfactual") or ())]
    return ", ".join([f"{shots}-shot"] * (shots is not None) + [str(edit) for edit in edits])


def counts(store: Store) -> tuple[int, int]:
    """How many runs there are, and of how many models."""
    query = select(func.count(), func.count(RUNS.c.model_id.distinct())).select_from(RUNS)
    with reading(store.engine) as connection:
        found, models = connection.execute(query).one()
        return int(found), int(models)


def models(store: Store) -> list[str]:
    """Names of all models that have a finished run."""
    finished = select(RUNS.c.model_id).where(RUNS.c.status == "finished")
    with reading(store.engine) as connection:
        return sorted(set(connection.execute(select(MODELS.c.name).where(MODELS.c.id.in_(finished))).scalars()))


def stamp(store: Store) -> str:
    """What changes whenever a run, a verdict, a baseline or a tag is added, ended or removed: a key for caches."""
    columns = (
        select(func.count()).select_from(RUNS).scalar_subquery(),
        select(func.max(RUNS.c.started)).scalar_subquery(),
        select(func.max(RUNS.c.finished)).scalar_subquery(),
        select(func.max(VERDICTS.c.id)).scalar_subquery(),
        select(func.max(BASELINES.c.id)).scalar_subquery(),
        select(func.count()).select_from(TAGS).scalar_subquery(),
    )
    with reading(store.engine) as connection:
        return "|".join(map(str, connection.execute(select(*columns)).one()))
