"""Which run a name means: an id, a tag, ``latest``, a model's name, or how an id begins."""

import re
from typing import Any

from sqlalchemy import Connection, Select, select

from harness.errors import UnknownName, UsageError, quoted
from harness.store.schema import MODELS, RUNS, TAGS

LATEST = "latest"
"""The newest run, whatever became of it; ``latest~1`` is the one before."""

SHOWN = 5
"""Ids that a message about an unknown name lists."""

_BACK = re.compile(r"(.+)~(\d{1,6})", re.DOTALL)


def resolve(connection: Connection, name: str) -> str:
    """The id of the run that a name means; the first of these that fits:

    an id; a tag; ``latest`` (the newest run); a model's name or the last part of its path (its newest finished run);
    the beginning of one id. ``~N`` behind ``latest`` or a model means the N-th run before that.
    Raises UnknownName where nothing fits, UsageError where several models or runs do, or there are not so many runs.
    """
    if connection.execute(select(RUNS.c.id).where(RUNS.c.id == name)).first():
        return name
    tagged = connection.execute(select(TAGS.c.run_id).where(TAGS.c.name == name)).scalar()
    if tagged is not None:
        return str(tagged)
    models = list(connection.execute(select(MODELS.c.name).distinct().order_by(MODELS.c.name)).scalars())
    parts = None if name in models else _BACK.fullmatch(name)
    base, back = (parts[1], int(parts[2])) if parts else (name, 0)
    if base == LATEST:
        return _newest(connection, _by_time(), name, back)
    model = _model(models, base)
    if model is not None:
        own, finished = _by_time().where(MODELS.c.name == model), RUNS.c.status == "finished"
        others = connection.execute(own.where(~finished).limit(SHOWN)).scalars().all()
        unfinished = f"; unfinished, by their ids: {', '.join(others)}" if others else ""
        return _newest(connection, own.where(finished), name, back, "finished run", f" of {model}{unfinished}")
    return _beginning(connection, name, models)


def _by_time() -> Select[Any]:
    """The ids of runs, newest first."""
    return select(RUNS.c.id).join(MODELS).order_by(RUNS.c.started.desc(), RUNS.c.id.desc())


def _newest(connection: Connection, runs: Select[Any], name: str, back: int, kind: str = "run", more: str = "") -> str:
    """The newest of some runs but ``back``. Raises UsageError where there are too few."""
    ids = list(connection.execute(runs.limit(back + 1)).scalars())
    if len(ids) <= back:
        many = "s" * (len(ids) != 1)
        raise UsageError(f"there is no run {quoted(name)}: the store has {len(ids)} {kind}{many}{more}")
    return str(ids[back])


def _model(models: list[str], name: str) -> str | None:
    """The model that is called so, or whose path ends so. Raises UsageError where several do."""
    if name in models:
        return name
    fitting = [model for model in models if name and model.rstrip("/").endswith(f"/{name}")]
    if len(fitting) > 1:
        raise UsageError(f"{quoted(name)} is the end of several models: {', '.join(fitting[:6])}")
    return fitting[0] if fitting else None


def _beginning(connection: Connection, name: str, models: list[str]) -> str:
    """The one id that begins with ``name``."""
    starts = RUNS.c.id.startswith(name, autoescape=True)
    fitting = connection.execute(select(RUNS.c.id).where(starts).order_by(RUNS.c.id).limit(6)).scalars().all()
    if name and len(fitting) == 1:
        return str(fitting[0])
    if name and fitting:
        raise UsageError(f"{quoted(name)} is the beginning of several runs: {', '.join(fitting)}")
    newest = connection.execute(_by_time().limit(SHOWN)).scalars().all()
    tags = connection.execute(select(TAGS.c.name)).scalars().all()
    raise UnknownName("run", name, {*newest, *tags, *models, *([LATEST] if newest else [])})
