"""One run as one file, for moving it between stores: a zip of run.json and the Parquet files of its samples."""

import hashlib
import json
import posixpath
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from sqlalchemy import select

from harness.errors import DataError, StoreError, UsageError
from harness.store import catalogue, pointers, samples
from harness.store.database import reading, writing
from harness.store.samples import Artifact
from harness.store.schema import RUNS
from harness.store.store import Store
from harness.types import Card, Estimate, Run, TaskRecord

FORMAT = 1
"""Version of the file; an import refuses a newer one."""


def export(store: Store, name: str, target: Path) -> Run:
    """Write a finished run to a zip file, beside its place first and then renamed. Raises UsageError, StoreError."""
    run = store.run(name)
    if run.status != "finished":
        raise UsageError(f"run {run.id} is {run.status}: only a finished run can be exported")
    artifacts = store.artifacts(run.id)
    page = {
        "format": FORMAT,
        "run": asdict(run),
        "results": [asdict(e) for e in store.results(run.id)],
        "artifacts": [asdict(a) for a in artifacts],
        "tags": store.tags().get(run.id, ()),
        "verdicts": [{"at": v.at, "verdict": v.verdict} for v in store.verdicts(run.id)],
    }
    part = target.with_name(target.name + ".part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("run.json", json.dumps(page, indent=1, sort_keys=True))
            for artifact in artifacts:
                _pack(store, artifact, archive)
        part.replace(target)
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    return run


def _pack(store: Store, artifact: Artifact, archive: zipfile.ZipFile) -> None:
    samples.check(store.folder, artifact)
    fs, root = store.folder.open()
    with (
        fs.open(posixpath.join(root, artifact.path), "rb") as source,
        archive.open(f"samples/{artifact.path}", "w", force_zip64=True) as target,
    ):
        shutil.copyfileobj(source, target, 1 << 20)


def import_run(store: Store, source: Path) -> Run:
    """Take a run out of an exported file into this store, with its tags unless another run has them.

    Raises UsageError if the store has the run already, DataError for a file that is none, is newer than the program
    or holds samples whose sha256 is another than it says; then nothing is imported.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            page = json.loads(archive.read("run.json"))
            if page["format"] != FORMAT:
                raise DataError(f"{source} has format {page['format']}; this program reads {FORMAT}")
            run = _run(page["run"])
            _refuse_known(store, run)
            artifacts = [_unpack(store, archive, run.id, Artifact(**record)) for record in page["artifacts"]]
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {source}") from error
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot read {source}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{source} is not an exported run: {error}") from error
    with writing(store.engine) as connection:
        catalogue.complete(connection, run, [Estimate(**e) for e in page["results"]], artifacts)
        taken = {name for names in pointers.tags(connection).values() for name in names}
        for name in set(page["tags"]) - taken:
            pointers.tag(connection, run.id, name)
        for verdict in reversed(page["verdicts"]):
            pointers.save_verdict(connection, run.id, verdict["verdict"], verdict["at"])
    return run


def _refuse_known(store: Store, run: Run) -> None:
    with reading(store.engine) as connection:
        if connection.execute(select(RUNS.c.id).where(RUNS.c.id == run.id)).first():
            raise UsageError(f"store {store} has run {run.id} already")


def _unpack(store: Store, archive: zipfile.ZipFile, run_id: str, artifact: Artifact) -> Artifact:
    """Check a file of the archive against its hash, then publish it under the path that this store gives it."""
    member = f"samples/{artifact.path}"
    with archive.open(member) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # reads, that is enough
    if found != artifact.sha256:
        raise DataError(f"{member} in {archive.filename} is corrupt: sha256 {found}, not {artifact.sha256}")
    path = samples.place_of(run_id, artifact.task)
    with archive.open(member) as file:
        samples.publish(store.folder, path, lambda target: _copy(file, target))
    return Artifact(artifact.task, path, artifact.sha256, artifact.rows, artifact.bytes)


def _copy(source: IO[bytes], target: Any) -> None:
    shutil.copyfileobj(source, target, 1 << 20)


def _run(record: Mapping[str, Any]) -> Run:
    return Run(**{**record, "tasks": _tasks(record["tasks"])})


def _tasks(records: Sequence[Mapping[str, Any]]) -> tuple[TaskRecord, ...]:
    return tuple(TaskRecord(**{**r, "card": Card(**r["card"]), "metrics": tuple(r["metrics"])}) for r in records)
