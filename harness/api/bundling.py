"""A suite with all that it needs in one file, and runs from such a file without a network."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Unpack

from harness.api.evaluation import tasks_of
from harness.api.fetching import fetch
from harness.api.packing import Packing, require_no_code
from harness.api.records import Overrides, Where
from harness.api.suites import JobEnd, run_suite
from harness.data import find, find_sides
from harness.errors import DataError, UsageError, listed, quoted
from harness.files import write_text
from harness.kinds.file import code_of
from harness.offline.manifest import FORMAT, Manifest, Origin
from harness.offline.network import hub_cache_at, no_network
from harness.offline.signature import sign
from harness.offline.tar import write_tar
from harness.offline.unpack import OpenBundle, open_bundle
from harness.suite import Job, jobs_of
from harness.types import Task


def bundle(
    suite: str | Path,
    file: str | Path,
    *,
    models: bool = False,
    wheels: str | Path | None = None,
    key: str | Path | None = None,
    data: str | Path | None = None,
    notice: Callable[[str], None] = lambda text: None,
) -> Manifest:
    """Pack a suite file with the data of its tasks, its own files and, with ``models``, its models into one tar file.

    ``wheels``: a folder of wheels to take along; ``key``: a private Ed25519 key (PEM) that signs; ``data``: a folder of
    data sets to look into first. The same contents give the same bytes on every machine.
    Raises DataError that names all data that are not to be had, UsageError for what no bundle can hold, and the errors
    of loading a model.
    """
    jobs = jobs_of(Path(suite))
    packing = Packing()
    tasks: dict[str, Task] = {}
    for job in jobs:
        require_no_code(job)  # before the tasks are made, which loads their metrics
        own = tasks_of(job.tasks)
        packing.add_files_of(job, own)
        tasks |= {task.name: task for task in own}
    packing.add(f"suite/{Path(suite).name}", Path(suite), Origin(kind="file", id=Path(suite).name))
    with tempfile.TemporaryDirectory(prefix="harness-bundle-") as work:
        folder = Path(work) / "data"
        folder.mkdir()
        fetch(list(tasks.values()), folder, notice, data=Path(data) if data else None)
        packing.add_data(folder, tasks.values())
        for job in jobs if models else ():
            packing.add_models_of(job)
        if wheels is not None:
            _add_wheels(packing, Path(wheels), Path(work))
        manifest = Manifest(
            format=FORMAT,
            harness=version("rai-harness"),
            tasks={name: task.version for name, task in sorted(tasks.items())},
            models=packing.models,
            files=packing.files,
            entries=tuple(packing.entries[path] for path in sorted(packing.entries)),
        )
        if reason := manifest.flaw():
            raise UsageError(f"no bundle can be made of {suite}: {reason}")
        write_tar(Path(file), manifest, packing.sources, sign(manifest, Path(key)) if key else None)
    return manifest


def _add_wheels(packing: Packing, folder: Path, work: Path) -> None:
    """Every wheel of a folder, and the list that ``pip install --require-hashes`` reads."""
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise UsageError(f"{folder} holds no wheels; `pip download -d {folder} rai-harness` fetches them")
    lines = []
    for wheel in wheels:
        name, release = wheel.name.split("-")[:2]
        packing.add(f"wheels/{wheel.name}", wheel, Origin(kind="wheel", id=name, revision=release))
        lines.append(f"{name}=={release} --hash=sha256:{packing.entries[f'wheels/{wheel.name}'].sha256}\n")
    write_text(work / "requirements.txt", "".join(lines))
    packing.add("wheels/requirements.txt", work / "requirements.txt", Origin(kind="file", id="requirements.txt"))


def run_bundle(
    suite: str | Path | Sequence[Job],
    file: str | Path,
    *,
    key: str | Path | None = None,
    offline: bool = True,
    **overrides: Unpack[Overrides],
) -> list[JobEnd]:
    """Run a suite with the data and models of a bundle, by default without a network; see ``run_suite``.

    Every byte of the bundle is verified before it is used, and with a public ``key`` its signature too.
    Raises DataError and UsageError for a bundle that is damaged, not signed so, or lacks a task.
    """
    opened = open_bundle(Path(file), Path(key) if key else None)
    jobs = jobs_of(Path(suite)) if isinstance(suite, str | Path) else list(suite)
    overrides["data"] = opened.data
    overrides["bundle"] = opened.manifest.id
    with hub_cache_at(opened.hub), no_network() if offline else nullcontext():
        return run_suite(jobs_in(opened, jobs, str(file)), **overrides)


def jobs_in(opened: OpenBundle, jobs: Iterable[Job], name: str) -> list[Job]:
    """The jobs with the models and files of a bundle in place of those that they name.

    Raises UsageError that names every task that the bundle does not hold as this release asks it, and for a task file
    in it that names code, a server or data from elsewhere; DataError for a task without its data.
    """
    manifest = opened.manifest
    placed = [_placed(opened, job) for job in jobs]
    for word in dict.fromkeys(word for job in placed for word in job.tasks if Path(word).is_relative_to(opened.folder)):
        _require_confined(opened, word, name)
    asked = {task.name: task for job in placed for task in tasks_of(job.tasks)}
    lacking = [name for name, task in asked.items() if manifest.tasks.get(name) != task.version]
    if lacking:
        raise UsageError(
            f"{name} does not hold {listed(lacking)} in the version that this release asks; it holds "
            f"{listed(manifest.tasks)}. Add them to the suite and pack it again: `harness fetch SUITE -o FILE`"
        )
    for task in asked.values():
        _require_data(opened, task, name)
    return placed


def _require_data(opened: OpenBundle, task: Task, name: str) -> None:
    """Raises DataError for a task whose data are not in the bundle, wherever else they may lie."""
    for dataset in task.dataset:
        if dataset.rows is None and not find(dataset, opened.data) and not find_sides(dataset, opened.data):
            raise DataError(
                f"{name} claims {task.name} and lacks its data {dataset}: pack it again, `harness fetch SUITE -o FILE`"
            )


def _require_confined(opened: OpenBundle, word: str, name: str) -> None:
    """Raises UsageError where a stranger's task file would run code, ask a server, or read what the bundle lacks."""
    if coded := code_of(Path(word)):  # before the task is made, which loads its metrics
        raise UsageError(f"{name}: {Path(word).name} names the metric {quoted(coded[0])}, and a bundle brings no code")
    for task in tasks_of(word):
        if task.judging and task.judging.base_url:  # it would be told the answers, and the user's key
            raise UsageError(f"{name}: the judge of {task.name} is a server, and a bundle names none")
        for dataset in (*task.dataset, *task.shots.dataset):
            if dataset.path and not Path(dataset.path).resolve().is_relative_to(opened.folder.resolve()):
                raise UsageError(
                    f"{name}: {task.name} reads {quoted(dataset.path, 200)}, which lies outside of the bundle"
                )


def where_in(opened: OpenBundle, where: Where) -> Where:
    """Where the runs of a bundle read their data."""
    return replace(where, data=opened.data, bundle=opened.manifest.id)


def _placed(opened: OpenBundle, job: Job) -> Job:
    models = {name: str(opened.folder / place) for name, place in opened.manifest.models.items()}
    files = {word: str(opened.folder / place) for word, place in opened.manifest.files.items()}
    settings = job.settings
    scheme, _, rest = (settings.scorer or "").partition(":")
    scorer = f"lexicon:{files.get(rest, rest)}" if scheme == "lexicon" else settings.scorer
    pairs = tuple(files.get(word, word) for word in settings.counterfactual)
    base = job.options.base
    return replace(
        job,
        model=models.get(job.model, job.model),
        name=job.name or (job.model if job.model in models else ""),
        tasks=tuple(files.get(word, word) for word in job.tasks),
        settings=replace(settings, scorer=scorer, counterfactual=pairs),
        options=replace(job.options, base=models.get(base, base)) if base else job.options,
    )
