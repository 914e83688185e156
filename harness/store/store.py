"""The store: what runs were made, every number and every sample of them, in one SQL catalogue and Parquet files."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, delete, select

from harness.errors import StoreError, UnknownName, UsageError, quoted
from harness.store import audits, catalogue, lookup, naming, pointers, samples
from harness.store.database import connect, name_of, reading, writing
from harness.store.outcomes import JSON_COLUMNS, decoded
from harness.store.places import places, samples_of
from harness.store.pointers import BaselineStep, GateRecord
from harness.store.ratings import Ratings
from harness.store.samples import Artifact, Folder
from harness.store.schema import ARTIFACTS, RUNS
from harness.types import AuditResult, Estimate, Outcome, Run

if TYPE_CHECKING:
    import pandas as pd


def open_store(url: str | None = None, *, samples: str | None = None, create: bool = True) -> "Store":
    """Open a store, making or upgrading it first (``create`` False: only if there is one).

    url: a folder, or an SQLAlchemy URL (``postgresql+psycopg://...``); None: $HARNESS_STORE, else ./harness-results.
    samples: any fsspec URL for the Parquet files; None: the place the store was made with, else beside the catalogue.
    Raises StoreError for a store that is newer than the program or cannot be reached, UsageError for a bad URL.
    """
    where = places(url)
    engine = connect(where.catalogue, create=create)
    return Store(engine, samples_of(engine, where, samples, create=create), where.folder)


class Store:
    """An open store; any number of processes may hold one on the same place and write at once.

    Every method raises StoreError in one line when the database or a file cannot be read or written.
    ``folder``: where the sample files are; ``engine``: the connections to the catalogue.
    """

    def __init__(self, engine: Engine, folder: Folder, local: Path) -> None:
        self.engine = engine
        self.folder = folder
        self._local = local
        self._checked: set[tuple[str, int, float]] = set()

    def __str__(self) -> str:
        return name_of(self.engine.url)

    def close(self) -> None:
        """Give the connections back; the store opens them again when it is asked something."""
        self.engine.dispose()

    @property
    def journals(self) -> Path:
        """The local folder of journals, made if it is not there."""
        place = self._local / "journals"
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot write {place}: {error.strerror}") from error
        return place

    # -------------------------------------------------------------------------------------------------- writing a run
    def start(self, run: Run) -> None:
        """Enter a run as running, in the name of this process; also a run that was interrupted and is resumed.

        Raises UsageError if it is finished already or another living process is at it, or if a task's name is too long
        for a file: before a question is asked whose answer could not be stored.
        """
        for task in run.tasks:
            samples.place_for(self.folder, run.id, task.name)
        with writing(self.engine) as connection:
            catalogue.begin(connection, replace(run, status="running"))

    def finish(self, run: Run, outcomes: Mapping[str, Sequence[Outcome]], estimates: Sequence[Estimate]) -> None:
        """Publish the samples of every task, then enter the run as finished with all its numbers in one transaction.

        Whatever stops this on the way, the run is not finished and can be finished again.
        Raises UsageError as ``start`` does, StoreError for a number that is none.
        """
        with reading(self.engine) as connection:  # before a file of somebody else's is replaced
            catalogue.claim(connection, run.id)
        written = [samples.write(self.folder, run.id, task, rows) for task, rows in outcomes.items()]
        done = replace(run, status="finished", finished=run.finished or _now())
        with writing(self.engine) as connection:
            catalogue.complete(connection, done, estimates, written)

    def fail(self, run_id: str, status: str, message: str) -> None:
        """Mark a run that was begun as "failed" or "interrupted", and why. Raises UsageError if it is finished."""
        if status not in ("failed", "interrupted"):
            raise UsageError(f"status {status!r}; valid: failed, interrupted")
        with writing(self.engine) as connection:
            catalogue.end(connection, run_id, status, message, _now())

    def rm(self, name: str, *, force: bool = False) -> Run:
        """Remove a run with its numbers, tags, verdicts and samples.

        Raises UsageError if a baseline points to it (unless ``force``) or a living process is writing it.
        """
        run = self.run(name)
        with writing(self.engine) as connection:
            catalogue.hold(connection, run.id, alone=True)
            held = [base for base, run_id in pointers.current(connection).items() if run_id == run.id]
            if held and not force:
                raise UsageError(f"run {run.id} is the baseline {', '.join(held)}; set another first, or use --force")
            if run.status == "running" and not force:
                raise UsageError(f"run {run.id} is still running; stop it first, or use --force")
            connection.execute(delete(RUNS).where(RUNS.c.id == run.id))
        samples.remove(self.folder, run.id)
        return run

    # ------------------------------------------------------------------------------------------------------- reading
    def runs(
        self,
        *,
        model: str | None = None,
        task: str | None = None,
        status: str | None = None,
        tag: str | None = None,
        limit: int | None = None,
    ) -> list[Run]:
        """Runs that fit every filter, newest first. A run whose process died without a word is "interrupted"."""
        with reading(self.engine) as connection:
            return lookup.find(connection, model=model, task=task, status=status, tag=tag, limit=limit)

    def run(self, name: str) -> Run:
        """The run that a name means: see ``harness.store.naming.resolve``. Raises what that raises."""
        with reading(self.engine) as connection:
            return lookup.one(connection, naming.resolve(connection, name))

    def results(self, name: str) -> list[Estimate]:
        """The numbers of a run in the order in which they were made."""
        with reading(self.engine) as connection:
            return lookup.estimates(connection, naming.resolve(connection, name))

    def samples(
        self,
        name: str,
        task: str,
        where: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        offset: int = 0,
        columns: Sequence[str] | None = None,
    ) -> "pd.DataFrame":
        """Samples of one task of a run; ``where`` is an SQL condition (``correct = false and value.acc_norm > 0``),
        ``sort`` an SQL ordering (``"slice.gender", example_id desc``).

        Columns that a file keeps as JSON hold the values themselves; to a condition they are text.
        Raises UsageError for an invalid condition (with the valid columns), StoreError for a file that is lost
        or is not the one that was written (compared by sha256 when it is local, by size elsewhere).
        """
        from harness.store.conditions import Page, read_page  # DuckDB takes half a second to import

        artifact = self.artifact(name, task)
        fs, path = self._present(artifact)
        page = Page(where, sort, limit, offset, None if columns is None else tuple(dict.fromkeys(columns)))
        frame = read_page(path, fs, page, local=self.folder.is_local)
        for column in JSON_COLUMNS & set(frame.columns):
            frame[column] = decoded(frame[column].tolist(), path)
        return frame

    def outcomes(self, name: str, task: str) -> Iterator[Outcome]:
        """The outcomes of one task as they were stored, in their order; the file's sha256 is checked first."""
        artifact = self.artifact(name, task)
        samples.check(self.folder, artifact)
        return samples.read_outcomes(self.folder, artifact)

    def artifacts(self, name: str) -> list[Artifact]:
        """The sample files of a run, by task."""
        columns = ARTIFACTS.c
        query = select(columns.task, columns.path, columns.sha256, columns.rows, columns.bytes).order_by(columns.task)
        with reading(self.engine) as connection:
            run_id = naming.resolve(connection, name)
            return [_own(run_id, Artifact(*row)) for row in connection.execute(query.where(columns.run_id == run_id))]

    def artifact(self, name: str, task: str) -> Artifact:
        """The sample file of one task. Raises UnknownName, UsageError for a run that is not finished."""
        artifacts = {artifact.task: artifact for artifact in self.artifacts(name)}
        if task not in artifacts:
            run = self.run(name)
            if run.status != "finished":
                raise UsageError(f"run {run.id} is {run.status}: only a finished run has samples")
            raise UnknownName(f"task of run {name}", task, artifacts)
        return artifacts[task]

    def _present(self, artifact: Artifact) -> tuple[Any, str]:
        """The file system and path of a file that is there and is the one that was written."""
        fs, root = self.folder.open()
        path = posixpath.join(root, artifact.path)
        try:
            info = fs.info(path)
        except FileNotFoundError as error:
            raise samples.lost(path, artifact) from error
        except OSError as error:
            raise StoreError(f"cannot read {path}: {error}") from error
        key = (path, int(info["size"]), float(info.get("mtime") or 0))
        if key not in self._checked and (self.folder.is_local or info["size"] != artifact.bytes):
            samples.check(self.folder, artifact)
        self._checked.add(key)
        return fs, path

    @property
    def ratings(self) -> Ratings:
        """Campaigns of ratings by people."""
        return Ratings(self.engine)

    # ---------------------------------------------------------------------------------------- names that point to runs
    def tag(self, name: str, tag: str) -> None:
        """Point a tag to a run, away from the one that it may point to."""
        with writing(self.engine) as connection:
            pointers.tag(connection, catalogue.hold(connection, naming.resolve(connection, name)), tag)

    def untag(self, tag: str) -> None:
        """Remove a tag. Raises UnknownName."""
        with writing(self.engine) as connection:
            pointers.untag(connection, tag)

    def tags(self) -> dict[str, tuple[str, ...]]:
        """Tags by the id of the run that they point to."""
        with reading(self.engine) as connection:
            return pointers.tags(connection)

    def set_baseline(self, name: str, run: str, why: str = "") -> None:
        """Point a baseline to a finished run. Raises UsageError for one that is not finished."""
        with writing(self.engine) as connection:
            run_id = catalogue.hold(connection, naming.resolve(connection, run))
            record = lookup.one(connection, run_id)
            if record.status != "finished":
                raise UsageError(f"run {record.id} is {record.status}: only a finished run can be a baseline")
            pointers.point(connection, name, record.id, why, _now())

    def delete_baseline(self, name: str, why: str = "") -> None:
        """Let a baseline point to nothing; its history stays. Raises UnknownName."""
        with writing(self.engine) as connection:
            if name not in pointers.current(connection):
                raise UnknownName("baseline", name, pointers.current(connection))
            pointers.point(connection, name, None, why, _now())

    def baseline(self, name: str) -> str:
        """The id of the run that a baseline points to. Raises UnknownName, UsageError if it or its run was deleted."""
        with reading(self.engine) as connection:
            return pointers.baseline(connection, name)

    def baseline_run(self, name: str) -> Run:
        """The run of a baseline of this name, else the run that the name means. Raises as ``baseline`` and ``run``."""
        return self.run(self.baseline(name) if self.baseline_history(name) else name)

    def baselines(self) -> dict[str, str]:
        """Baselines that point to a run now: name -> run id."""
        with reading(self.engine) as connection:
            return pointers.current(connection)

    def baseline_history(self, name: str | None = None) -> list[BaselineStep]:
        """Every step of one baseline, or of all of them, newest first."""
        with reading(self.engine) as connection:
            return pointers.history(connection, name)

    def save_verdicts(self, run: str, verdict: Mapping[str, Any]) -> None:
        """Keep what a gate said about a run (plain JSON)."""
        with writing(self.engine) as connection:
            run_id = catalogue.hold(connection, naming.resolve(connection, run))
            pointers.save_verdict(connection, run_id, verdict, _now())

    def verdicts(self, run: str | None = None) -> list[GateRecord]:
        """What gates said about a run, or about any, newest first."""
        with reading(self.engine) as connection:
            return pointers.verdicts(connection, naming.resolve(connection, run) if run else None)

    def add_audit_results(self, run: str, results: Sequence[AuditResult]) -> None:
        """Keep with a run the results of an audit of its model or of the data of its tasks."""
        with writing(self.engine) as connection:
            run_id = catalogue.hold(connection, naming.resolve(connection, run))
            audits.add(connection, run_id, results, _now())

    def audit_results(self, run: str) -> list[AuditResult]:
        """The results of audits of a run; of the same measure of the same task the newest only."""
        with reading(self.engine) as connection:
            return audits.newest(connection, naming.resolve(connection, run))


def _own(run_id: str, artifact: Artifact) -> Artifact:
    """A sample file of a run. Raises StoreError for a path that leads to anything else."""
    if artifact.path != samples.place_of(run_id, artifact.task):
        raise StoreError(f"the catalogue is damaged: {quoted(artifact.path)} is no place for samples of run {run_id}")
    return artifact


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
