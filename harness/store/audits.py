"""Results of audits beyond a run's own answers, kept with the run."""

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import Connection, insert, select

from harness.store.schema import AUDITS
from harness.types import AuditResult


def add(connection: Connection, run_id: str, results: Iterable[AuditResult], at: str) -> None:
    """Keep the results of one audit."""
    rows = [{"run_id": run_id, "at": at, "result": asdict(result)} for result in results]
    if rows:
        connection.execute(insert(AUDITS), rows)


def newest(connection: Connection, run_id: str) -> list[AuditResult]:
    """The results of audits of a run; of the same measure of the same task the newest only, in the order of coming."""
    query = select(AUDITS.c.result).where(AUDITS.c.run_id == run_id).order_by(AUDITS.c.id)
    results = [AuditResult(**row) for row in connection.execute(query).scalars()]
    return list({(one.topic, one.task, one.measure): one for one in results}.values())
