"""One run as one file, for moving it between stores: a zip of run.json and the Parquet files of its samples.

A file comes from somebody else, and everything in it that can be checked is checked: ids and names lead nowhere, every
field has its type, samples are read by our own rules and written anew, and every number is computed again from them.
"""

import hashlib
import json
import posixpath
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select

from harness.answers.records import settings_from_json
from harness.errors import DataError, StoreError, UsageError, quoted
from harness.reading.parquet import require_bounded
from harness.reading.typed import built, taken
from harness.store import catalogue, pointers, samples
from harness.store.database import reading, writing
from harness.store.migrations.metric_names import fields_of, scorer_of
from harness.store.recount import NOTHING, Known, recount
from harness.store.samples import Artifact
from harness.store.schema import RUNS
from harness.store.store import Store
from harness.types import Estimate, Outcome, Run, Settings
from harness.visible import cut

FORMAT = 2
"""Version of the file; an import reads older ones too, and refuses newer ones."""

PAGE = 64 * 2**20
"""Bytes of the longest run.json that is read."""

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""An id that may come from somebody else: it becomes the name of files."""

OWN = ("recipe", "imported")
"""Fields of a run that stay at home: how to ask a model again is nobody else's business."""


def export(store: Store, name: str, target: Path) -> Run:
    """Write a finished run to a zip file, beside its place first and then renamed. Raises UsageError, StoreError."""
    run = store.run(name)
    if run.status != "finished":
        raise UsageError(f"run {run.id} is {run.status}: only a finished run can be exported")
    if target.is_dir():
        raise UsageError(f"{target} is a folder; name a file in it, such as {target / 'run.zip'}")
    artifacts = store.artifacts(run.id)
    _require_samples(run, artifacts)
    page = {
        "format": FORMAT,
        "run": {key: value for key, value in asdict(run).items() if key not in OWN},
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


def _require_samples(run: Run, artifacts: Sequence[Artifact]) -> None:
    """Every task has its samples: without them nobody could check the file's numbers. Raises UsageError."""
    rows = {artifact.task: artifact.rows for artifact in artifacts}
    bare = next((task.name for task in run.tasks if not rows.get(task.name)), None)
    if bare is not None:
        raise UsageError(
            f"run {run.id} has no samples of {bare}, only what another harness reported: import {run.source['file']} "
            "into the other store"
            if "file" in run.source
            else f"run {run.id} has no samples of {bare}"
        )


def _pack(store: Store, artifact: Artifact, archive: zipfile.ZipFile) -> None:
    samples.check(store.folder, artifact)
    fs, root = store.folder.open()
    with (
        fs.open(posixpath.join(root, artifact.path), "rb") as source,
        archive.open(f"samples/{artifact.path}", "w", force_zip64=True) as target,
    ):
        shutil.copyfileobj(source, target, 1 << 20)


# ------------------------------------------------------------------------------------------------------------- import
def import_run(
    store: Store, source: Path, known: Known = NOTHING, notice: Callable[[str], None] = lambda text: None
) -> Run:
    """Take a run out of an exported file into this store, with its tags unless another run has them.

    Its numbers are computed from its samples; those that nothing at hand computes are left out and told (``notice``),
    and so is what gates of other stores said. The run is marked as imported.
    A run that the store has already, with the same answers, stays as it is.
    Raises UsageError if the store has another run of this id, DataError for a file that is none, is newer than the
    program, holds samples whose sha256 is another than it says, or says what its samples do not; then nothing is
    imported.
    """
    return checked(store, source, known, notice)()


def checked(
    store: Store, source: Path, known: Known = NOTHING, notice: Callable[[str], None] = lambda text: None
) -> Callable[[], Run]:
    """What takes the run of a file into the store, as ``import_run`` does; nothing is written before it is called.

    Raises UsageError and DataError as ``import_run`` does.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="harness-import-") as folder, zipfile.ZipFile(source) as archive:
            _require_small(archive, source)
            run, estimates, listed, tags = _page(json.loads(archive.read("run.json")))
            outcomes = {a.task: _read(archive, run, a, Path(folder)) for a in listed}
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {source}") from error
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot read {source}: {error}") from error
    except (DataError, KeyError, TypeError, ValueError, EOFError, RuntimeError) as error:
        raise DataError(f"{source} is not an exported run: {cut(str(error), 300)}") from error
    if _has(store, run.id):
        _require_same(store, run, outcomes)
        return partial(_kept, store, run, (), outcomes, (), notice)
    try:
        for task, rows in outcomes.items():
            known.judge(run, task, rows)
        numbers = recount(run, estimates, outcomes, known)
    except DataError as error:
        raise DataError(f"{source} is not what run {run.id} found: {cut(str(error), 300)}") from error
    if numbers.left_out:
        notice(f"{run.id}: nothing here computes {', '.join(numbers.left_out)}: left out")
    return partial(_kept, store, run, numbers.estimates, outcomes, tags, notice)


def _kept(
    store: Store,
    run: Run,
    estimates: Sequence[Estimate],
    outcomes: Mapping[str, Sequence[Outcome]],
    tags: Sequence[str],
    notice: Callable[[str], None],
) -> Run:
    """The run as the store has it; another file that was checked may have been a copy of this one."""
    if _has(store, run.id):
        _require_same(store, run, outcomes)
        notice(f"{run.id} is in the store already")
        return store.run(run.id)
    keep(store, run, estimates, outcomes, tags)
    return run


def _require_small(archive: zipfile.ZipFile, source: Path) -> None:
    """An archive becomes no larger than its file. Raises DataError."""
    entries = archive.infolist()
    if any(e.compress_type != zipfile.ZIP_STORED for e in entries):
        raise DataError("its files are compressed, an export's are not")
    if sum(e.file_size for e in entries) > source.stat().st_size:
        raise DataError("its files are longer than it is itself")
    if any(e.file_size > PAGE for e in entries if e.filename == "run.json"):
        raise DataError(f"its run.json has more than {PAGE:,} bytes")


def _page(page: Any) -> tuple[Run, list[Estimate], list[Artifact], list[str]]:
    """What run.json says, every field of its type. Raises DataError."""
    if not isinstance(page, Mapping) or "format" not in page:
        raise DataError("run.json has no format")
    if type(page["format"]) is not int or not 1 <= page["format"] <= FORMAT:
        raise DataError(f"it has format {quoted(page['format'], 80)}; this program reads 1 to {FORMAT}")
    if not isinstance(page["run"], Mapping):
        raise DataError(f"run is {quoted(page['run'], 80)}, not a table")
    record = page["run"] if page["format"] == FORMAT else _newer(page["run"])
    run = built(Run, {k: v for k, v in record.items() if k not in OWN}, "run")
    _require_run(run)
    tasks = [record.name for record in run.tasks]
    estimates = list(taken(page["results"], tuple[Estimate, ...], "results"))
    listed = list(taken(page["artifacts"], tuple[Artifact, ...], "artifacts"))
    if sorted(a.task for a in listed) != sorted(set(tasks)) or len(set(tasks)) != len(tasks):
        raise DataError("run.tasks and artifacts do not name the same tasks, each once")
    for artifact in listed:
        if artifact.path != samples.place_of(run.id, artifact.task):
            raise DataError(f"{quoted(artifact.path)} is no place for samples of {quoted(artifact.task, 80)}")
    tags = [name for name in taken(page.get("tags", ()), tuple[str, ...], "tags") if not pointers.flaw_of(name)]
    return replace(run, imported=True), estimates, listed, tags


def _newer(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run of format 1 with the facts in fields that its metrics' names told."""
    tasks = [
        {**task, "metrics": fields_of(task.get("metrics")), "scorer": scorer_of(task.get("metrics"))}
        if isinstance(task, Mapping)
        else task
        for task in run["tasks"]
    ]
    return {**run, "tasks": tasks}


def _require_run(run: Run) -> None:
    """A finished run whose id can name files and whose values are those that a run keeps. Raises DataError."""
    if not ID.fullmatch(run.id):
        raise DataError(f"run.id is {quoted(run.id)}; valid: letters, digits, '.', '_' and '-', at most 128 of them")
    if run.status != "finished":
        raise DataError(f"run {run.id} is {run.status}: only a finished run can be imported")
    _require_settings(run.settings)
    fewer = next((task for task in run.tasks if task.available is not None and task.available < task.n), None)
    if fewer:
        raise DataError(f"{quoted(fewer.name, 80)} asked {fewer.n} of {fewer.available} examples")
    flaw = next(filter(None, (training.flaw() for training in run.training)), "")
    if flaw:
        raise DataError(f"run.training: {flaw}"[:200])
    if run.energy and run.energy.flaw():
        raise DataError(f"run.energy: {run.energy.flaw()}")


def _require_settings(settings: Mapping[str, Any]) -> None:
    """The settings are those of a run and of their types. Raises DataError."""
    ours = {f.name for f in fields(Settings)}
    try:
        settings_from_json(settings, "run.settings")
    except DataError:
        raise
    except UsageError as error:
        raise DataError(f"run.settings: {error}") from None
    odd = [key for key in settings if key not in ours | {"rescored"}]
    if odd or not isinstance(settings.get("rescored", ""), str):
        raise DataError(f"run.settings has the unknown field {quoted(next(iter(odd), 'rescored'), 80)}")


def _read(archive: zipfile.ZipFile, run: Run, artifact: Artifact, folder: Path) -> list[Outcome]:
    """The outcomes of one task, whose file has the hash that was told. Raises DataError."""
    member = f"samples/{artifact.path}"
    place = folder / "samples.parquet"
    with archive.open(member) as file, place.open("wb") as target:
        shutil.copyfileobj(file, target, 1 << 20)
    with place.open("rb") as copy:
        digest = hashlib.file_digest(copy, "sha256").hexdigest()
    if digest != artifact.sha256:
        raise DataError(f"{member} in {archive.filename} is corrupt: sha256 {digest}, not {artifact.sha256:.64}")
    require_bounded(place, member, "file of samples")
    try:
        outcomes = list(samples.read_outcomes(samples.Folder(str(folder)), replace(artifact, path=place.name)))
    except StoreError as error:
        raise DataError(f"{member}: {error}") from error
    record = next(record for record in run.tasks if record.name == artifact.task)
    if not len(outcomes) == artifact.rows == record.n:
        raise DataError(f"{artifact.task} has {len(outcomes)} samples, not {artifact.rows} of {record.n}")
    for outcome in outcomes:
        if (outcome.judged is None) == (outcome.failure is None):
            raise DataError(f"example {quoted(outcome.example.id, 80)} is not either judged or failed")
    return outcomes


def _has(store: Store, run: str) -> bool:
    with reading(store.engine) as connection:
        return connection.execute(select(RUNS.c.id).where(RUNS.c.id == run)).first() is not None


def _require_same(store: Store, run: Run, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
    """The store's run of this id has the same model and the same answers. Raises UsageError."""
    here = store.run(run.id)
    alike = (here.status, here.model) == ("finished", run.model)
    if not (
        alike
        and {task.name for task in here.tasks} == outcomes.keys()
        and all(_answers(store.outcomes(run.id, name)) == _answers(rows) for name, rows in outcomes.items())
    ):
        raise UsageError(f"store {store} has another run {run.id} already")


def _answers(outcomes: Iterable[Outcome]) -> list[tuple[str, object, object]]:
    return [(outcome.example.id, outcome.requests, outcome.responses) for outcome in outcomes]


def keep(
    store: Store,
    run: Run,
    estimates: Sequence[Estimate],
    outcomes: Mapping[str, Sequence[Outcome]],
    tags: Sequence[str] = (),
) -> None:
    """Enter a run and publish its samples: both or neither. The row is ours before a file is written.

    Raises UsageError if the store has the run already.
    """
    ours = False
    try:
        with writing(store.engine) as connection:
            if connection.execute(select(RUNS.c.id).where(RUNS.c.id == run.id)).first():
                raise UsageError(f"store {store} has run {run.id} already")
            catalogue.complete(connection, run, estimates, [])
            ours = True
            written = [samples.write(store.folder, run.id, task, rows) for task, rows in outcomes.items()]
            catalogue.add_artifacts(connection, run.id, written)
            free = set(tags) - {name for names in pointers.tags(connection).values() for name in names}
            ids = set(connection.execute(select(RUNS.c.id).where(RUNS.c.id.in_(free))).scalars())
            for name in sorted(free - ids):
                pointers.tag(connection, run.id, name)
    except BaseException:
        if ours:
            samples.remove(store.folder, run.id)
        raise
