"""Which runs there are, read in SQL without what they contain; no Streamlit in here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from harness.groups import AVERAGE
from harness.store import Store
from harness.store.database import reading
from harness.store.schema import BASELINES, MODELS, RUNS, TAGS, TASK_SETS, TASKS, VERDICTS
from harness.types import HEADLINE, Run
from harness_dashboard.queries.asked import averages

NEWEST = 500
"""The most runs that a list to choose from has; any other one can be named in the address."""


_VERSION = re.compile(r"[/_-](checkpoint|step|epoch)[-_]?\d+$")


@dataclass(frozen=True, slots=True)
class Choice:
    """One run to choose: ``text`` is what tells it from others."""

    id: str
    model: str
    text: str


def stamp(store: Store) -> str:
    """What changes whenever a run, a verdict, a baseline or a tag is added, ended or removed: a key for caches."""
    columns = (
        select(func.count()).select_from(RUNS).scalar_subquery(), select(func.max(RUNS.c.started)).scalar_subquery(),
        select(func.max(RUNS.c.finished)).scalar_subquery(), select(func.max(VERDICTS.c.id)).scalar_subquery(),
        select(func.max(BASELINES.c.id)).scalar_subquery(), select(func.count()).select_from(TAGS).scalar_subquery(),
    )  # fmt: skip
    with reading(store.engine) as connection:
        return "|".join(map(str, connection.execute(select(*columns)).one()))


def choices(store: Store, status: str | None = None, tasks: Sequence[str] | None = None) -> list[Choice]:
    """The newest runs, newest first: of this status, with any of these tasks. Running is believed, not looked after."""
    query = select(RUNS.c.id, MODELS.c.name, RUNS.c.started, RUNS.c.status).join(MODELS)
    if status:
        query = query.where(RUNS.c.status == status)
    if tasks is not None:
        query = query.where(RUNS.c.task_set.in_(select(TASK_SETS.c.id).join(TASKS).where(TASKS.c.name.in_(tasks))))
    with reading(store.engine) as connection:
        rows = connection.execute(query.order_by(RUNS.c.started.desc(), RUNS.c.id.desc()).limit(NEWEST)).all()
    return [Choice(r[0], r[1], f"{short(r[1])}  {r[2][:16].replace('T', ' ')}  {r[3]}  {r[0]}") for r in rows]


def short(model: str, length: int = 40) -> str:
    """A model's name without the folders before it, as far as a label has room."""
    scheme, _, rest = model.rpartition(":")
    name = rest.rstrip("/").rpartition("/")[2] if rest.count("/") > 1 else rest
    whole = f"{scheme}:{name}" if scheme else name
    return whole if len(whole) <= length else f"{whole[: length - 1]}…"


def family(model: str) -> str:
    """What versions of a model share: its name without revision (``@...``) and checkpoint (``/checkpoint-100``)."""
    return _VERSION.sub("", model.partition("@")[0].rstrip("/"))


def models(store: Store) -> list[str]:
    """Names of all models that have a finished run."""
    query = select(MODELS.c.name).where(MODELS.c.id.in_(select(RUNS.c.model_id).where(RUNS.c.status == "finished")))
    with reading(store.engine) as connection:
        return sorted(set(connection.execute(query).scalars()))


def measured(store: Store, tasks: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Every (task, metric) that some run of the store was asked for, or only those of ``tasks``.

    Tasks by name, each one's metrics in its own order: what it is about comes first. Averages of groups are among them.
    """
    query = select(TASKS.c.name, TASKS.c.metrics)
    query = query.where(TASKS.c.name.in_(tasks)) if tasks else query
    with reading(store.engine) as connection:
        rows = connection.execute(query).all()
        groups = () if tasks else connection.execute(averages()).scalars().all()
    found = dict.fromkeys((name, str(metric["name"])) for name, metrics in rows for metric in metrics)
    return sorted([*found, *((group, AVERAGE) for group in groups)], key=lambda pair: pair[0])


def beside(run: Run) -> frozenset[str]:
    """Metrics of a run that tell of calibration or of changed examples, beside what its tasks are about."""
    return frozenset(metric.name for task in run.tasks for metric in task.metrics if not metric.is_headline)


def beside_all(store: Store) -> frozenset[str]:
    """The same of all runs of a store."""
    with reading(store.engine) as connection:
        rows = connection.execute(select(TASKS.c.metrics)).scalars().all()
    return frozenset(metric["name"] for metrics in rows for metric in metrics if metric["family"] not in HEADLINE)
