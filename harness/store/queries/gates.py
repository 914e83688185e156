"""What gates said about runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from harness.store.database import reading
from harness.store.lookup import mapping
from harness.store.schema import MODELS, RUNS, VERDICTS
from harness.store.store import Store


@dataclass(frozen=True, slots=True)
class GateLine:
    """One gate: its number in the store, when and about which run; ``record`` is the gate's own JSON."""

    number: int
    at: str
    run: str
    model: str
    record: Mapping[str, Any]


def history(store: Store, limit: int, run_id: str | None = None) -> list[GateLine]:
    """The newest gates, of one run or of all, newest first."""
    query = (
        select(VERDICTS.c.id, VERDICTS.c.at, VERDICTS.c.run_id, MODELS.c.name, VERDICTS.c.verdict)
        .join(RUNS, RUNS.c.id == VERDICTS.c.run_id)
        .join(MODELS, MODELS.c.id == RUNS.c.model_id)
        .order_by(VERDICTS.c.id.desc())
        .limit(limit)
    )
    query = query.where(VERDICTS.c.run_id == run_id) if run_id else query
    with reading(store.engine) as connection:
        return [GateLine(*row[:4], mapping(row.verdict)) for row in connection.execute(query)]


def record(store: Store, number: int) -> Mapping[str, Any] | None:
    """The stored JSON of one gate; None if there is none of that number."""
    with reading(store.engine) as connection:
        stored = connection.execute(select(VERDICTS.c.verdict).where(VERDICTS.c.id == number)).scalar()
    return None if stored is None else mapping(stored)


def newest(store: Store, run_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The stored JSON of the newest gate of each of these runs."""
    last = select(func.max(VERDICTS.c.id)).where(VERDICTS.c.run_id.in_(run_ids)).group_by(VERDICTS.c.run_id)
    query = select(VERDICTS.c.run_id, VERDICTS.c.verdict).where(VERDICTS.c.id.in_(last))
    with reading(store.engine) as connection:
        return {row.run_id: mapping(row.verdict) for row in connection.execute(query)}
