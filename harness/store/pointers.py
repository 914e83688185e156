"""Names that point to runs (tags, baselines with their history) and the gate's verdicts on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from harness.errors import UnknownName, UsageError, quoted
from harness.store.naming import LATEST
from harness.store.schema import BASELINES, RUNS, TAGS, VERDICTS
from harness.visible import whole

LONGEST = 128
"""Characters of the name of a tag or baseline."""


@dataclass(frozen=True, slots=True)
class BaselineStep:
    """One step in the history of a baseline; ``run_id`` None: it was deleted. ``at`` is ISO 8601 in UTC."""

    name: str
    run_id: str | None
    why: str
    at: str


@dataclass(frozen=True, slots=True)
class GateRecord:
    """What a gate said about a run; ``verdict`` is the gate's own JSON."""

    run_id: str
    at: str
    verdict: Mapping[str, Any]


def tag(connection: Connection, run_id: str, name: str) -> None:
    """Point a tag to a run, away from the one that it may point to. Raises UsageError for a run's id as a name."""
    require_tag(name)
    if connection.execute(select(RUNS.c.id).where(RUNS.c.id == name)).first():
        raise UsageError(f"a tag cannot be called {quoted(name)}: that is the id of a run")
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = make(TAGS).values(name=name, run_id=run_id)
    connection.execute(row.on_conflict_do_update(index_elements=[TAGS.c.name], set_={"run_id": run_id}))


def require_tag(name: str) -> None:
    """Raises UsageError for what cannot be the name of a tag."""
    flaw = "it stands for the newest run" if name.partition("~")[0] == LATEST else flaw_of(name)
    if flaw:
        raise UsageError(f"a tag cannot be called {quoted(name)}: {flaw}")


def flaw_of(name: str) -> str:
    """Why a name cannot be that of a tag, a baseline or a model; empty where it can."""
    if not name.strip():
        return "it is empty"
    if len(name) > LONGEST:
        return f"it has {len(name)} characters; {LONGEST} are possible"
    return "" if name.isprintable() else "it holds characters that do not print"


def untag(connection: Connection, name: str) -> None:
    """Remove a tag. Raises UnknownName."""
    if not connection.execute(delete(TAGS).where(TAGS.c.name == name)).rowcount:
        raise UnknownName("tag", name, connection.execute(select(TAGS.c.name)).scalars())


def tags(connection: Connection) -> dict[str, tuple[str, ...]]:
    """Tags by the id of the run that they point to."""
    names: dict[str, tuple[str, ...]] = {}
    for run_id, name in connection.execute(select(TAGS.c.run_id, TAGS.c.name).order_by(TAGS.c.name)):
        names[run_id] = (*names.get(run_id, ()), name)
    return names


def point(connection: Connection, name: str, run_id: str | None, why: str, at: str) -> None:
    """Add a step to the history of a baseline."""
    if flaw := flaw_of(name):
        raise UsageError(f"a baseline cannot be called {quoted(name)}: {flaw}")
    connection.execute(insert(BASELINES), {"name": name, "run_id": run_id, "why": whole(why), "at": at})


def history(connection: Connection, name: str | None = None) -> list[BaselineStep]:
    """Every step of one baseline, or of all of them, newest first."""
    columns = BASELINES.c
    query = select(columns.name, columns.run_id, columns.why, columns.at).order_by(columns.id.desc())
    return [BaselineStep(*row) for row in connection.execute(query.where(columns.name == name) if name else query)]


def baseline(connection: Connection, name: str) -> str:
    """The id of the run that a baseline points to.

    Raises UnknownName if there never was such a baseline, UsageError if it was deleted or its run was.
    """
    steps = history(connection, name)
    if not steps:
        raise UnknownName("baseline", name, {step.name for step in history(connection)})
    now = steps[0]
    if now.run_id is None:
        raise UsageError(f"baseline {name!r} was deleted at {now.at}" + (f": {now.why}" if now.why else ""))
    if not connection.execute(select(RUNS.c.id).where(RUNS.c.id == now.run_id)).first():
        raise UsageError(f"baseline {name!r} points to run {now.run_id}, which was removed; set it anew")
    return now.run_id


def current(connection: Connection) -> dict[str, str]:
    """Baselines that point to a run now: name -> run id."""
    newest: dict[str, str | None] = {}
    for step in history(connection):
        newest.setdefault(step.name, step.run_id)
    return {name: run_id for name, run_id in newest.items() if run_id is not None}


def save_verdict(connection: Connection, run_id: str, verdict: Mapping[str, Any], at: str) -> None:
    """Keep what a gate said."""
    connection.execute(insert(VERDICTS), {"run_id": run_id, "at": at, "verdict": dict(verdict)})


def verdicts(connection: Connection, run_id: str | None) -> list[GateRecord]:
    """What gates said about a run, or about any, newest first."""
    query = select(VERDICTS.c.run_id, VERDICTS.c.at, VERDICTS.c.verdict).order_by(VERDICTS.c.id.desc())
    return [
        GateRecord(*row) for row in connection.execute(query.where(VERDICTS.c.run_id == run_id) if run_id else query)
    ]
